/*
 * layer.h - transformer layers of any architecture, one behind another: what one has and keeps, and
 * how a stage's run of them goes forward and backward.
 *
 * A layer adds two halves to the residual stream, attention and feed-forward, each behind a norm.
 * Between layers the stream is in two parts, the last half's output and what it will be added to:
 * the next norm adds them up on the way.
 *
 * Shapes: R rows of a micro-step, L rows held by this rank (L = R unless they are cut), H hidden
 * size; widths are this rank's shares. plan/tensors.h has the tables.
 */
#ifndef MIMO_RUNTIME_MODEL_LAYER_H
#define MIMO_RUNTIME_MODEL_LAYER_H

#include "runtime/model/experts.h"
#include "runtime/tensor/arena.h"

/* The weights of a layer; {NULL, NULL} where the architecture has none. */
struct mimo_layer {
    uint32_t index; /* in the module */
    struct mimo_weight norm1, norm1_bias, qkv, qkv_bias, o, o_bias;
    struct mimo_weight norm2, norm2_bias;
    struct mimo_weight up, up_bias; /* llama: gate and up side by side */
    struct mimo_weight down, down_bias;
    bool has_experts; /* in place of up and down */
    struct mimo_expert_layer experts;
};

/* What a layer keeps from forward to backward; NULL what the architecture's table does not list. */
struct mimo_saved_layer {
    void *x, *mean1, *rstd1, *n1; /* [L, H]: the stream in front; [L], [L]; [R, H] */
    void *qkv, *attention, *lse;  /* rotated; [R, q_width]; [batch, heads, length] */
    void *x_middle, *mean2, *rstd2, *n2;
    void *up, *act; /* [R, ffn] (llama: [R, 2 ffn]), [R, ffn] */
    struct mimo_saved_experts experts;
};

struct mimo_keys;

/* The rows of a pass through the layers: `batch` sequences of `length` rows each that are here, of
 * `sequence` rows on all context-parallel ranks together. */
struct mimo_layer_pass {
    struct mimo_rows rows;
    int64_t batch, length, sequence;
    const int32_t *positions; /* [rows.count], each row's in its sequence, in the backend's memory;
                                 NULL where layers do not ask for them */
    /* [rows.count], the sample of each row, -1: padding; in the backend's memory and in the host's.
     * NULL where layers do not ask for them: there is no padding then. */
    const int32_t *samples, *host_samples;
    /* Generation (attention.h): where keys and values are kept. With `lengths`, in host memory, the
     * pass has one row of each sequence b, which comes behind lengths[b] rows that are kept. */
    struct mimo_keys *keys;
    const int32_t *lengths;
};

/* What is taken for a layer: tensors of these sizes from `arena`, tables of the host from `table`.
 */
struct mimo_layer_room {
    const struct mimo_plan_module *module;
    struct mimo_layer_kinds kinds; /* room for a layer of any of these */
    const struct mimo_sizes *sizes;
    struct mimo_arena *table;
    struct mimo_tensor_arena *arena;
};

/* What an architecture does in a layer. `model` is the architecture's own. */
struct mimo_layer_ops {
    /* Takes the tensors that a layer keeps. Those of a dense layer and those of one with experts
     * may lie at the same place. */
    void (*take)(struct mimo_saved_layer *saved, const struct mimo_layer_room *room);
    /* From saved->x to `x_next`, which lacks the residual saved->x_middle. `residual` is added to
     * saved->x first (NULL: nothing). */
    enum mimo_status (*forward)(void *model, const struct mimo_layer *layer,
                                struct mimo_saved_layer *saved, const struct mimo_layer_pass *pass,
                                const void *residual, void *x_next, struct mimo_error *err);
    /* The gradient of the stream, which the model has in its scratch, from behind the layer to in
     * front of it; adds to the gradients of trained weights. */
    enum mimo_status (*backward)(void *model, const struct mimo_layer *layer,
                                 struct mimo_saved_layer *saved, const struct mimo_layer_pass *pass,
                                 struct mimo_error *err);
};

/* What a stage keeps of its layers from forward to backward. */
enum mimo_keeping {
    MIMO_KEEP_NOTHING, /* nothing goes back: layers take turns in two sets of tensors */
    MIMO_KEEP_INPUTS,  /* each layer's x; all else is computed again, in `recomputed` */
    MIMO_KEEP_ALL,
};

/* The layers of a stage. */
struct mimo_layers {
    const struct mimo_layer_ops *ops;
    void *model;
    const struct mimo_plan_module *plan;
    struct mimo_backend *be;
    enum mimo_keeping keeping;
    const struct mimo_saved_layer *recomputed; /* scratch of the model, for MIMO_KEEP_INPUTS */
    struct mimo_layer *items;
    uint32_t count;
    struct mimo_layer_kinds kinds;
};

/* Finds the weights of the layers of stage `stage` of `module`; the other members are set. */
void mimo_layers_find(struct mimo_layers *layers, const struct mimo_plan *plan, uint32_t module,
                      uint32_t stage, const struct mimo_parameters *parameters,
                      struct mimo_arena *table);

/* The layers' part of a saved set: [count]. */
struct mimo_saved_layer *mimo_layers_take(const struct mimo_layers *layers,
                                          const struct mimo_sizes *sizes, struct mimo_arena *table,
                                          struct mimo_tensor_arena *arena);

/* Where the stream enters a stage: its first layer, or `x_out` where it has none. */
void *mimo_layers_input(const struct mimo_layers *layers, const struct mimo_saved_layer *saved,
                        void *x_out);

/* The residual stream [rows, hidden] that leaves a stage, or its gradient: x plus the residual
 * (NULL: nothing). */
struct mimo_stream {
    const void *x, *residual;
    int64_t rows, hidden;
};

/* What a rank sends of it. */
struct mimo_columns {
    int64_t first, count;
};

/* Puts those columns into `out` [rows, count]. */
void mimo_stream_leave(const struct mimo_compute *compute, void *out,
                       const struct mimo_columns *columns, const struct mimo_stream *stream);

/* All layers. The stream is left in `x_out` [L, H] but for the residual *out_residual, which is
 * still to be added (NULL: nothing). */
enum mimo_status mimo_layers_forward(const struct mimo_layers *layers,
                                     struct mimo_saved_layer *saved,
                                     const struct mimo_layer_pass *pass, void *x_out,
                                     const void **out_residual, struct mimo_error *err);

/* A part of a stage's backward pass: layers end - 1 ... first, counted within the stage. The first
 * part begins with what is behind the layers, the last one ends with what is in front of them. */
struct mimo_backward_part {
    uint32_t first, end;
    bool is_first, is_last;
};

/* The gradient of the stream from behind the part's last layer to in front of its first one. */
enum mimo_status mimo_layers_backward(const struct mimo_layers *layers,
                                      struct mimo_saved_layer *saved,
                                      const struct mimo_layer_pass *pass,
                                      const struct mimo_backward_part *part,
                                      struct mimo_error *err);

#endif
