/*
 * attention.h - attention of a layer over the rows of a pass: those that are here, under context
 * parallelism those of all ranks of the group, and over keys and values that are kept where
 * sequences are continued token by token.
 *
 * q, k and v of a row lie side by side: this rank's heads of q, then its groups of k and of v.
 */
#ifndef MIMO_RUNTIME_MODEL_ATTENTION_H
#define MIMO_RUNTIME_MODEL_ATTENTION_H

#include "runtime/model/layer.h"

/* The heads of this rank. */
struct mimo_heads {
    int64_t heads, groups, head_dim;
    bool is_causal;
};

/* Elements of a row of q, k and v; and of k and v alone. */
static inline int64_t mimo_heads_width(const struct mimo_heads *heads)
{
    return (heads->heads + 2 * heads->groups) * heads->head_dim;
}

static inline int64_t mimo_heads_kv_width(const struct mimo_heads *heads)
{
    return 2 * heads->groups * heads->head_dim;
}

/* Keys and values of sequences that are continued. */
struct mimo_keys {
    int64_t capacity; /* tokens of each sequence */
    void **layers; /* [layers of the module]: [batch, capacity, 2 * groups * head_dim] each, keys,
                      then values; NULL on other stages */
};

/* Scratch of a module's attention, good within one call (plan/tensors.h). */
struct mimo_attention_scratch {
    void *workspace; /* of the backend's attention */
    /* under context parallelism (ring_attention.c); NULL elsewhere */
    void *keys_a, *keys_b;     /* [R, kv width]: a block's keys and values, and those that come */
    void *d_keys_a, *d_keys_b; /* the same of their gradients, of the wide type */
    void *part, *part_lse;     /* [R, width], [R, heads]: what a block alone gives; its dq */
    void *d_block;             /* [R, kv width]: dk and dv of a block */
};

/* Takes it; what is under context parallelism alone where `is_cut`. */
void mimo_attention_scratch_take(struct mimo_attention_scratch *scratch,
                                 const struct mimo_sizes *sizes, bool is_cut,
                                 struct mimo_tensor_arena *arena);

/* From layer->qkv to layer->attention, with layer->lse for backward. A pass with keys puts its own
 * there. */
enum mimo_status mimo_attend(const struct mimo_compute *compute, const struct mimo_heads *heads,
                             const struct mimo_layer_pass *pass, uint32_t layer,
                             struct mimo_saved_layer *saved,
                             const struct mimo_attention_scratch *scratch, struct mimo_error *err);

/* d_qkv[R, width], complete, from d_attention[R, heads * head_dim]. */
enum mimo_status
mimo_attend_backward(const struct mimo_compute *compute, const struct mimo_heads *heads,
                     const struct mimo_layer_pass *pass, const struct mimo_saved_layer *saved,
                     void *d_qkv, const void *d_attention,
                     const struct mimo_attention_scratch *scratch, struct mimo_error *err);

#endif
