/*
 * attention_parts.h - what the files of attention share: attention.c, kept_keys.c,
 * ring_attention.c.
 */
#ifndef MIMO_RUNTIME_MODEL_ATTENTION_PARTS_H
#define MIMO_RUNTIME_MODEL_ATTENTION_PARTS_H

#include "runtime/model/attention.h"

/* q, k and v of the first row, or their gradients. */
struct mimo_qkv {
    char *q, *k, *v;
};

struct mimo_qkv mimo_qkv_of(const struct mimo_compute *compute, const struct mimo_heads *heads,
                            void *qkv);

/* Values lie behind the keys of their row. */
static inline char *mimo_values_of(const struct mimo_compute *compute,
                                   const struct mimo_heads *heads, void *keys)
{
    return (char *)keys + (size_t)(heads->groups * heads->head_dim) * compute->be->element_size;
}

/* Attention of the rows that are here to each other. */
struct mimo_attention mimo_attention_shape(const struct mimo_heads *heads,
                                           const struct mimo_layer_pass *pass);

/* -- keys and values that are kept (kept_keys.c) ---------------------------------------------- */

/* Puts those of a pass over prompts at their positions: `keys` [batch * length, `stride` elements
 * apart] are the keys and values of context rank `rank`. */
void mimo_keys_put(const struct mimo_compute *compute, const struct mimo_heads *heads,
                   const struct mimo_layer_pass *pass, uint32_t layer, uint32_t rank,
                   const void *keys, int64_t stride);

/* A pass with one row of each sequence: puts its keys and values behind those that are kept, and
 * attends to all of them. */
void mimo_keys_attend(const struct mimo_compute *compute, const struct mimo_heads *heads,
                      const struct mimo_layer_pass *pass, uint32_t layer,
                      struct mimo_saved_layer *saved, void *workspace);

/* -- context parallelism (ring_attention.c) --------------------------------------------------- */

/*
 * Each rank of the group has some rows of every sequence. Keys and values go round the group, and
 * each rank attends with its own queries to the block at hand while the next one is on its way (Liu
 * et al., "Ring Attention with Blockwise Transformers for Near-Infinite Context", 2023). Causal
 * sequences are dealt out by mimo_context_position, others cut in nearly equal pieces
 * (mimo_piece_begin), of which some may be empty.
 */
enum mimo_status
mimo_ring_attend(const struct mimo_compute *compute, const struct mimo_heads *heads,
                 const struct mimo_layer_pass *pass, uint32_t layer, struct mimo_saved_layer *saved,
                 const struct mimo_attention_scratch *scratch, struct mimo_error *err);

/* Keys and values go round again, and their gradients behind them, one hop later, until they come
 * home. */
enum mimo_status
mimo_ring_attend_backward(const struct mimo_compute *compute, const struct mimo_heads *heads,
                          const struct mimo_layer_pass *pass, const struct mimo_saved_layer *saved,
                          void *d_qkv, const void *d_attention,
                          const struct mimo_attention_scratch *scratch, struct mimo_error *err);

#endif
