/*
 * language.h - a language model on one rank, whatever its architecture: token embeddings with image
 * rows among them, the stages' layers, the final norm, the head with its loss. What the
 * architecture brings with it is a table of functions (llama.h).
 *
 * The model's stages on a rank share its weights and scratch and take turns; what backward needs of
 * a stage is kept in a `saved` set, one for each micro-step in flight. The first stage embeds, the
 * last one has the head; between them goes the residual stream.
 *
 * Shapes: R rows = batch * length tokens of the micro-step, L rows held by this rank (L = R unless
 * sequence parallel), H hidden size; heads, groups, ffn and vocabulary are this rank's shares.
 */
#ifndef MIMO_RUNTIME_MODEL_LANGUAGE_H
#define MIMO_RUNTIME_MODEL_LANGUAGE_H

#include "runtime/model/attention.h"

/* The text of one micro-step of one replica, in host memory. Row b * length + t is token t of
 * sample b; under context parallelism, row t of those that are here (mimo_context_position).
 * Shorter samples are padded on the right; rows that take no part in the loss do not matter, for
 * attention looks backwards only. */
struct mimo_text {
    uint32_t batch, length;
    const int32_t *ids;           /* [R]; -1 where an image row goes, or padding */
    const int32_t *target_rows;   /* [targets], ascending: rows whose next token is learnt */
    const int32_t *target_labels; /* [targets] */
    uint32_t targets;
    const uint32_t *lengths; /* [batch]: tokens of each sample, padding apart */
};

struct mimo_language;
struct mimo_language_parts;

/* What an architecture adds. Its functions get a structure of its own, which begins with a struct
 * mimo_language. */
struct mimo_language_ops {
    size_t size; /* of that structure */
    const struct mimo_layer_ops *layer;
    size_t layer_model; /* where in that structure the model of `layer` lies */
    /* Takes the scratch that the architecture has besides. */
    void (*open)(struct mimo_language *language, const struct mimo_language_parts *parts,
                 struct mimo_arena *table, struct mimo_tensor_arena *scratch);
    /* Fills what does not change; once, when the scratch has memory. NULL: nothing. */
    enum mimo_status (*prepare)(struct mimo_language *language, struct mimo_error *err);
    /* The norm behind the last layer: `normed` and what is kept of it, sizes.statistics for each
     * row, from x += residual; and back to language->dx, which accumulates. */
    void (*norm_forward)(struct mimo_language *language, void *normed, void *statistics, void *x,
                         const void *residual, int64_t rows);
    void (*norm_backward)(struct mimo_language *language, const void *d_normed, const void *x,
                          const void *statistics, int64_t rows);
};

struct mimo_language {
    const struct mimo_language_ops *ops;
    const struct mimo_plan_module *plan;
    struct mimo_compute compute;
    struct mimo_sizes sizes; /* the shapes of all tensors below (plan/tensors.h) */
    struct mimo_heads heads;
    int64_t hidden, qkv_width, ffn;
    int64_t vocab_first, vocab_count;
    /* of the stages that are here; {NULL, NULL} what the architecture has not */
    struct mimo_weight embedding, positions, final_norm, final_norm_bias, head;
    int64_t rows_max, batch_max;
    struct mimo_keys *keys; /* where forward passes keep keys and values; NULL: nowhere */
    /* The balance losses of all samples and layers, added up since the caller set it to 0; and what
     * the objective takes of each. */
    double balance, balance_scale;
    /* scratch, good within one call */
    void *dx;              /* [L, H]: gradient of the residual stream */
    void *rows_a, *rows_b; /* [R, H] */
    void *d_qkv, *d_attention;
    struct mimo_attention_scratch attention;
    void *logits;                  /* [chunk, vocab_count] */
    void *maximum, *sums, *losses; /* [chunk], [chunk, 2], [R] */
    int64_t chunk;
    struct mimo_saved_layer recomputed; /* a layer while it is computed again */
    int32_t *host_index;                /* [R], host memory */
};

/* What of a language model a rank holds. */
struct mimo_language_parts {
    uint32_t module;
    bool has_head;                      /* its last stage */
    struct mimo_layer_kinds recomputed; /* layers that are computed again in backward */
    struct mimo_expert_groups experts;
};

/*
 * Finds weights and takes scratch; `table` holds the structure and small host tables. Sequences may
 * grow up to mimo_positions_max().
 */
struct mimo_language *
mimo_language_open(const struct mimo_plan *plan, const struct mimo_language_parts *parts,
                   const struct mimo_parameters *parameters, const struct mimo_compute *compute,
                   struct mimo_arena *table, struct mimo_tensor_arena *scratch);

/* Fills the tables of the scratch; once, when it has memory. */
enum mimo_status mimo_language_prepare(struct mimo_language *language, struct mimo_error *err);

/* -- stages ----------------------------------------------------------------------------------- */

struct mimo_language_stage {
    struct mimo_language *language;
    struct mimo_layers layers;
    bool is_first, is_last;
};

/* What a stage keeps of a micro-step. */
struct mimo_language_saved {
    struct mimo_saved_layer *layers;
    void *x_out;          /* [L, H]: the stream behind the last layer, */
    const void *residual; /* still to be added */
    struct mimo_layer_pass pass;
    int32_t *positions;    /* [R], in the backend's memory, like those below */
    int32_t *samples;      /* [R]; NULL without experts */
    int32_t *host_samples; /* the same, in host memory */
    /* the first stage */
    int32_t *ids;
    /* the last stage */
    void *statistics, *normed;     /* of the final norm: [L, 1 or 2], [L, H] */
    void *targets, *d_targets;     /* [targets, H] */
    int32_t *target_rows, *labels; /* target_rows from pass.rows.begin */
    int64_t target_count;
    int64_t *target_begins; /* [tp_size + 1]: targets whose rows tensor rank r holds, if cut */
};

void mimo_language_stage_open(struct mimo_language_stage *stage, struct mimo_language *language,
                              const struct mimo_plan *plan, const struct mimo_plan_place *place,
                              enum mimo_keeping keeping, const struct mimo_parameters *parameters,
                              struct mimo_arena *table);
void mimo_language_saved_open(const struct mimo_language_stage *stage,
                              struct mimo_language_saved *saved, struct mimo_arena *table,
                              struct mimo_tensor_arena *arena);

/* The rows of a micro-step with that text, and this rank's share of them. */
struct mimo_rows mimo_language_rows(const struct mimo_language *language,
                                    const struct mimo_text *text);

/* Token embeddings of `text` into the first stage's input; starts a micro-step in `saved`. */
enum mimo_status mimo_language_embed(struct mimo_language_stage *stage,
                                     struct mimo_language_saved *saved,
                                     const struct mimo_text *text, struct mimo_error *err);
/* Starts a micro-step in a later stage, with the stream [L, H] of the stage before. */
void mimo_language_enter(struct mimo_language_stage *stage, struct mimo_language_saved *saved,
                         const struct mimo_text *text, const void *stream);

/* Adds to the rows [L, H] of the stream in front of the first layer their learned positions, where
 * the architecture has some: to those of images too. */
void mimo_language_add_positions(struct mimo_language *language, void *x,
                                 const struct mimo_layer_pass *pass);

/* Puts rows[count, H] at rows `positions` (ascending, among this rank's own, relative to the first
 * of them) of the first stage's input; and the reverse for gradients after backward. `positions`
 * lies in the backend's memory. */
void mimo_language_put_rows(struct mimo_language_stage *stage, struct mimo_language_saved *saved,
                            const void *rows, const int32_t *positions, int64_t count);
void mimo_language_get_row_gradients(struct mimo_language *language, void *rows,
                                     const int32_t *positions, int64_t count);

/* All layers of the stage, on the first one behind the learned positions. The last one has the
 * final norm behind them and gathers the target rows; from the others the stream leaves, [L,
 * columns] into `out`. */
enum mimo_status mimo_language_forward(struct mimo_language_stage *stage,
                                       struct mimo_language_saved *saved, struct mimo_error *err);
void mimo_language_leave(const struct mimo_language *language,
                         const struct mimo_language_saved *saved,
                         const struct mimo_columns *columns, void *out);

/*
 * Back through a part of the stage, from the gradient `d_out` [L, H] of its stream, or on the last
 * stage (`d_out` NULL) from saved->d_targets; adds to the gradients of trained weights. Behind the
 * last part the gradient of the stage's input is in language->dx, and leaves for the stage before
 * as the stream does.
 */
enum mimo_status mimo_language_backward(struct mimo_language_stage *stage,
                                        struct mimo_language_saved *saved, const void *d_out,
                                        const struct mimo_backward_part *part,
                                        struct mimo_error *err);
void mimo_language_leave_backward(const struct mimo_language *language,
                                  const struct mimo_language_saved *saved,
                                  const struct mimo_columns *columns, void *d_in);

/* -- the head (language_head.c) --------------------------------------------------------------- */

/*
 * Cross entropy of the target rows over the cut vocabulary, which is never gathered. The losses of
 * the targets are left in language->losses[targets], equal on all tensor ranks. With `trains`, the
 * head's gradient for an objective of scale * Σ losses is taken at once, chunk by chunk, and the
 * rest waits in saved->d_targets for backward.
 */
enum mimo_status mimo_language_loss(struct mimo_language *language,
                                    struct mimo_language_saved *saved, double scale, bool trains,
                                    struct mimo_error *err);

/* Parts of forward and backward: places and labels of the targets; those rows of the normed stream,
 * on all ranks; and back from saved->d_targets to language->dx, through the final norm. */
void mimo_language_upload_targets(struct mimo_language *language, struct mimo_language_saved *saved,
                                  const struct mimo_text *text);
enum mimo_status mimo_language_gather_targets(struct mimo_language *language,
                                              struct mimo_language_saved *saved,
                                              struct mimo_error *err);
enum mimo_status mimo_language_backward_targets(struct mimo_language *language,
                                                struct mimo_language_saved *saved,
                                                struct mimo_error *err);

/* Uploads rows[count], each less `first`. */
void mimo_language_upload_rows(struct mimo_language *language, int32_t *dst, const int32_t *rows,
                               int64_t count, int64_t first);

#endif
