/*
 * projector.h - from an encoder's rows to the language model's width: a chain of linear layers with
 * an activation between them. Even layers are column-parallel and odd ones row-parallel over the
 * encoder's tensor-parallel group; the last of an odd number is held whole by every rank.
 */
#ifndef MIMO_RUNTIME_MODEL_PROJECTOR_H
#define MIMO_RUNTIME_MODEL_PROJECTOR_H

#include "runtime/model/tensor_parallel.h"

struct mimo_projector_layer {
    struct mimo_weight weight, bias;
    int64_t in, out;                          /* this rank's shares */
    bool is_column_parallel, is_row_parallel; /* neither: whole */
};

struct mimo_projector {
    const struct mimo_plan_projector *plan;
    struct mimo_compute compute;
    struct mimo_projector_layer *layers;
    uint32_t layer_count;
    int64_t rows_max;
    void *gradients[2]; /* scratch: [rows, widest share], used in turn */
    bool trains;
};

/* What backward needs: each layer's input, and its output before the activation. */
struct mimo_projector_saved {
    const void **inputs; /* of each layer; inputs[0] is the caller's */
    void **outputs;      /* before the activation; the last one is the caller's */
    void **activated;    /* behind it: the next layer's input */
    int64_t rows;
};

void mimo_projector_open(struct mimo_projector *projector, const struct mimo_plan *plan,
                         uint32_t index, const struct mimo_parameters *parameters,
                         const struct mimo_compute *compute, int64_t rows_max,
                         struct mimo_arena *table, struct mimo_tensor_arena *scratch);
void mimo_projector_saved_open(const struct mimo_projector *projector,
                               struct mimo_projector_saved *saved, struct mimo_arena *table,
                               struct mimo_tensor_arena *arena);

/* Scratch [rows_max, output_size] for y or dy where the caller has other places for its rows: it is
 * left alone until mimo_projector_backward has read it. */
void *mimo_projector_room(const struct mimo_projector *projector);

/* y[rows, output_size] from x[rows, input_size], on every rank of the group. `x` must live until
 * backward. */
enum mimo_status mimo_projector_forward(struct mimo_projector *projector,
                                        struct mimo_projector_saved *saved, void *y, const void *x,
                                        int64_t rows, struct mimo_error *err);

/* Adds to the weights' gradients. dx[rows, input_size] is complete; NULL where nothing in front
 * learns. dy is not kept. */
enum mimo_status mimo_projector_backward(struct mimo_projector *projector,
                                         struct mimo_projector_saved *saved, void *dx,
                                         const void *dy, struct mimo_error *err);

#endif
