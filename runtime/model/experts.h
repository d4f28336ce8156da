/*
 * experts.h - a mixture of experts in place of a layer's feed-forward part (Shazeer et al.,
 * "Outrageously Large Neural Networks", 2017): a router sends each row to the top_k experts that it
 * finds likeliest, and adds up what they make of it, weighted. Each expert is a SwiGLU. No row is
 * dropped: what goes beyond the room of a rank's experts goes in further rounds (dispatch.h).
 *
 * Tensor ranks with equal rows send out a piece of them each. N are the rows that this rank sends
 * out, M those that its experts take at a time.
 */
#ifndef MIMO_RUNTIME_MODEL_EXPERTS_H
#define MIMO_RUNTIME_MODEL_EXPERTS_H

#include "plan/sizes.h"
#include "runtime/model/balance.h"
#include "runtime/model/dispatch.h"

/* This rank's part of one expert. */
struct mimo_expert {
    struct mimo_weight gate_up, down; /* [2 ffn, H], gate and up side by side; [H, ffn] */
};

/* The weights of a layer. */
struct mimo_expert_layer {
    struct mimo_weight router;   /* [experts, H] */
    struct mimo_expert *experts; /* [experts of this rank] */
};

/* What it keeps from forward to backward (plan/tensors.h), in the backend's memory but for: */
struct mimo_saved_experts {
    void *probabilities, *weights;
    int32_t *choices, *places, *senders;
    void *balance;
    void *in, *gate_up, *act; /* of the last round */
    void *returned;
    int64_t *counts; /* host: [etp * ep, experts]: rows of each rank for each expert */
    int64_t room;    /* M */
    double loss;     /* the balance losses of the replica's samples, added up */
};

/* The rows that this rank sends out. Those without a sample are padding: they go nowhere. */
struct mimo_expert_rows {
    int64_t count;
    const int32_t *samples;      /* [count]: of each row, -1: padding; in the backend's memory */
    const int32_t *host_samples; /* the same; both NULL: no padding, and no balance loss */
};

/* What the layers of a module work with. The scratch is that of plan/tensors.h. */
struct mimo_experts {
    struct mimo_compute compute;
    struct mimo_dispatch dispatch;
    struct mimo_balance_shape shape; /* of the micro-step's balance loss */
    int64_t hidden, ffn;             /* ffn: this rank's share */
    uint32_t local;                  /* experts here */
    double balance_scale;            /* what the objective takes of a balance loss */
    void *logits, *d_weights, *balance_sums;
    void *sent, *arrived, *out, *d_act;
    int32_t *order;
    /* in host memory */
    int32_t *host_choices, *host_places, *host_senders, *sorted; /* [N, top_k] */
    double *sums, *slopes; /* [samples, 2, experts], [samples, experts] */
    float *narrow;         /* as sums, where the wide type is float32 */
};

/* `sizes` are those of training: passes have no more rows. */
void mimo_experts_open(struct mimo_experts *experts, const struct mimo_plan_module *module,
                       const struct mimo_sizes *sizes, const struct mimo_compute *compute,
                       const struct mimo_expert_groups *groups, struct mimo_arena *table,
                       struct mimo_tensor_arena *scratch);

/* Finds the weights of a layer. */
void mimo_expert_layer_find(struct mimo_expert_layer *layer,
                            const struct mimo_parameters *parameters, uint32_t module,
                            uint32_t index, struct mimo_arena *table);

/* Takes what a layer keeps; tables of the host lie in `table`. */
void mimo_saved_experts_take(struct mimo_saved_experts *saved,
                             const struct mimo_plan_module *module, const struct mimo_sizes *sizes,
                             struct mimo_arena *table, struct mimo_tensor_arena *arena);

/* y[N, H], complete, from x[N, H]. Sets saved->loss. Collective over the groups, as are gradients.
 */
enum mimo_status mimo_experts_forward(struct mimo_experts *experts,
                                      const struct mimo_expert_layer *layer,
                                      struct mimo_saved_experts *saved,
                                      const struct mimo_expert_rows *rows, const void *x, void *y,
                                      struct mimo_error *err);

/* dx[N, H], complete, from dy[N, H] and the balance loss; adds to the gradients of trained weights,
 * the router's being that of these rows. Uses up `saved`. */
enum mimo_status mimo_experts_backward(struct mimo_experts *experts,
                                       const struct mimo_expert_layer *layer,
                                       struct mimo_saved_experts *saved,
                                       const struct mimo_expert_rows *rows, const void *x,
                                       const void *dy, void *dx, struct mimo_error *err);

#endif
