/*
 * llama.h - a Llama-shaped language model on one rank: RMSNorm, rotary positions, grouped-query
 * attention, SwiGLU, tensor-parallel, with or without sequence parallelism. Forward and backward
 * are explicit; what backward needs is kept in a `saved` set, one for each micro-step in flight.
 *
 * Shapes: R rows = batch * length tokens of the micro-step, L rows held by this rank (L = R unless
 * sequence parallel), H hidden size; heads, groups, ffn and vocabulary are this rank's shares.
 */
#ifndef MIMO_RUNTIME_MODEL_LLAMA_H
#define MIMO_RUNTIME_MODEL_LLAMA_H

#include "plan/sizes.h"
#include "runtime/model/tensor_parallel.h"

/* The text of one micro-step of one replica, in host memory. Row b * length + t is token t of
 * sample b. Shorter samples are padded on the right; rows that take no part in the loss do not
 * matter, for attention looks backwards only. */
struct mimo_text {
    uint32_t batch, length;
    const int32_t *ids;           /* [R]; -1 where an image row goes, or padding */
    const int32_t *target_rows;   /* [targets], ascending: rows whose next token is learnt */
    const int32_t *target_labels; /* [targets] */
    uint32_t targets;
};

struct mimo_llama_layer {
    struct mimo_weight input_norm, qkv, qkv_bias, o, post_norm, gate_up, down;
};

struct mimo_llama {
    const struct mimo_plan_module *plan;
    struct mimo_compute compute;
    struct mimo_sizes sizes; /* the shapes of all tensors below (plan/tensors.h) */
    int64_t hidden, heads, groups, head_dim, ffn; /* of this rank, hidden apart */
    int64_t qkv_width;                            /* (heads + 2 * groups) * head_dim */
    int64_t vocab_first, vocab_count;
    uint32_t layer_count;
    struct mimo_llama_layer *layers;
    struct mimo_weight embedding, final_norm, head;
    int64_t rows_max, batch_max, length_max;
    bool keeps_activations; /* for backward; otherwise all layers share one set */
    bool trains_embedding;
    void *rotary_table; /* [positions, head_dim] */
    /* scratch, good within one call */
    void *dx;              /* [L, H]: gradient of the residual stream, the result of backward */
    void *rows_a, *rows_b; /* [R, H] */
    void *d_qkv, *d_attention, *d_gate_up, *d_act;
    void *workspace;               /* of attention */
    void *logits;                  /* [chunk, vocab_count] */
    void *maximum, *sums, *losses; /* [chunk], [chunk, 2], [R] */
    int64_t chunk;
    int32_t *host_index; /* [R], host memory */
    /* Where keys and values of a forward pass are kept (generation): called for each layer with its
     * rotated q, k, v of `batch` sequences of `length` rows. NULL: nowhere. */
    void (*keep)(struct mimo_llama *llama, uint32_t layer, const void *qkv, int64_t batch,
                 int64_t length);
    void *kept; /* what `keep` belongs to */
};

struct mimo_llama_saved_layer {
    void *x, *rstd_input, *n_input; /* [L, H], [L], [R, H] */
    void *qkv, *attention, *lse;    /* rotated; [R, heads * head_dim]; [batch, heads, length] */
    void *x_middle, *rstd_post, *n_post;
    void *gate_up, *act; /* [R, 2 ffn], [R, ffn] */
};

struct mimo_llama_saved {
    struct mimo_llama_saved_layer *layers;
    void *x_out, *rstd_final;  /* [L, H], [L]: the stream behind the last layer */
    void *normed;              /* [L, H] */
    void *targets, *d_targets; /* [targets, H] */
    int32_t *ids, *positions, *target_rows,
        *labels; /* in the backend's memory; target_rows from `rows.begin` */
    struct mimo_rows rows;
    uint32_t batch, length;
    int64_t target_count;
    int64_t *target_begins; /* [tp_size + 1]: targets whose rows tensor rank r holds, if cut */
};

/* Finds weights and takes scratch; `table` holds small host tables. Sequences may grow up to
 * mimo_positions_max(). */
void mimo_llama_open(struct mimo_llama *llama, const struct mimo_plan *plan, uint32_t module,
                     const struct mimo_parameters *parameters, const struct mimo_compute *compute,
                     bool keeps_activations, struct mimo_arena *table,
                     struct mimo_tensor_arena *scratch);

/* Fills the rotary table; once, when the scratch has memory. */
enum mimo_status mimo_llama_prepare(struct mimo_llama *llama, struct mimo_error *err);

/* Takes the memory of one layer's part of a saved set, and of a whole set. */
void mimo_llama_saved_layer_open(const struct mimo_sizes *sizes,
                                 struct mimo_llama_saved_layer *layer,
                                 struct mimo_tensor_arena *arena);
void mimo_llama_saved_open(const struct mimo_llama *llama, struct mimo_llama_saved *saved,
                           struct mimo_arena *table, struct mimo_tensor_arena *arena);

/* Token embeddings of `text` into the first layer's input; starts a micro-step in `saved`. */
enum mimo_status mimo_llama_embed(struct mimo_llama *llama, struct mimo_llama_saved *saved,
                                  const struct mimo_text *text, struct mimo_error *err);

/* Puts rows[count, H] at rows `positions` (ascending, among this rank's own, relative to the first
 * of them) of the first layer's input; and the reverse for gradients after backward. `positions`
 * lies in the backend's memory. */
void mimo_llama_put_rows(struct mimo_llama *llama, struct mimo_llama_saved *saved, const void *rows,
                         const int32_t *positions, int64_t count);
void mimo_llama_get_row_gradients(struct mimo_llama *llama, void *rows, const int32_t *positions,
                                  int64_t count);

/* All layers and the final norm; then gathers the target rows. */
enum mimo_status mimo_llama_forward(struct mimo_llama *llama, struct mimo_llama_saved *saved,
                                    struct mimo_error *err);

/* From saved->d_targets back through all layers; adds to the gradients of trainable weights and
 * leaves the gradient of the first layer's input in llama->dx. */
enum mimo_status mimo_llama_backward(struct mimo_llama *llama, struct mimo_llama_saved *saved,
                                     struct mimo_error *err);

/* -- the head (llama_head.c) ------------------------------------------------------------------ */

/*
 * Cross entropy of the target rows over the cut vocabulary, which is never gathered. The losses of
 * the targets are left in llama->losses[targets], equal on all tensor ranks. With `trains`, the
 * head's gradient for an objective of scale * Σ losses is taken at once, chunk by chunk, and the
 * rest waits in saved->d_targets for backward.
 */
enum mimo_status mimo_llama_loss(struct mimo_llama *llama, struct mimo_llama_saved *saved,
                                 double scale, bool trains, struct mimo_error *err);

/* Parts of forward and backward: which tensor rank holds which target rows; those rows of the
 * normed stream, on all ranks; and back from saved->d_targets to llama->dx, through the final norm.
 */
void mimo_llama_split_targets(const struct mimo_llama *llama, struct mimo_llama_saved *saved,
                              const struct mimo_text *text);
enum mimo_status mimo_llama_gather_targets(struct mimo_llama *llama, struct mimo_llama_saved *saved,
                                           struct mimo_error *err);
enum mimo_status mimo_llama_backward_targets(struct mimo_llama *llama,
                                             struct mimo_llama_saved *saved,
                                             struct mimo_error *err);

/* -- parts of a layer, shared with decoding --------------------------------------------------- */

/* Everything behind attention: from saved->attention to `x_next`, the next layer's x without the
 * residual saved->x_middle, which the next norm adds. */
enum mimo_status mimo_llama_layer_tail(struct mimo_llama *llama,
                                       const struct mimo_llama_layer *layer,
                                       struct mimo_llama_saved_layer *saved,
                                       const struct mimo_rows *rows, void *x_next,
                                       struct mimo_error *err);
/* Everything in front of attention: norm, gather, q, k, v and their rotation. `residual` is added
 * to saved->x first (NULL: nothing). */
enum mimo_status mimo_llama_layer_head(struct mimo_llama *llama,
                                       const struct mimo_llama_layer *layer,
                                       struct mimo_llama_saved_layer *saved,
                                       const struct mimo_rows *rows, const void *residual,
                                       const int32_t *positions, struct mimo_error *err);

#endif
