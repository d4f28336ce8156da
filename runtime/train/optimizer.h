/*
 * optimizer.h - the end of a step: global gradient norm, clipping, learning rate, AdamW.
 */
#ifndef MIMO_RUNTIME_TRAIN_OPTIMIZER_H
#define MIMO_RUNTIME_TRAIN_OPTIMIZER_H

#include "runtime/model/parameters.h"

/* What a step came to, equal on all ranks. */
struct mimo_step_report {
    double loss;          /* mean over the target tokens of the global batch */
    double aux_loss;      /* the balance loss of experts; 0 where there are none */
    double gradient_norm; /* over all modules, before clipping */
    double lr;
    bool was_signalled; /* some rank has been asked to stop */
};

/* Neighbours in the arenas that this rank updates alike. */
struct mimo_update {
    void *weight, *master, *gradient, *moment1, *moment2;
    int64_t count;
    const struct mimo_trained *trained; /* what it is part of */
    uint32_t module;
    double lr_scale, weight_decay;
    bool is_counted; /* in the global norm */
};

struct mimo_optimizer {
    const struct mimo_plan *plan;
    struct mimo_parameters *parameters;
    const struct mimo_transport *control;
    uint64_t steps; /* of the whole run: what the schedule is stretched over */
    struct mimo_update *updates;
    uint32_t update_count;
    double *sums;   /* [mimo_step_sums()], of the world */
    double balance; /* what this rank adds to the balance loss, set by the caller before a step */
    struct mimo_step_report report;
};

/* The learning rate of step `step` (from 0) of `steps`: a linear warm-up to lr, then constant,
 * linear or cosine decay to min_lr. */
double mimo_learning_rate(const struct mimo_plan_training *training, uint64_t step, uint64_t steps);

void mimo_optimizer_open(struct mimo_optimizer *optimizer, const struct mimo_plan *plan,
                         struct mimo_parameters *parameters, const struct mimo_transport *control,
                         struct mimo_arena *arena);

/*
 * Clips and applies the reduced gradients to the weights that this rank updates. This rank's part
 * of the loss over `targets` target tokens is in parameters->sums[MIMO_SUM_LOSS]. MIMO_E_NUMERIC,
 * before any weight has changed and on all ranks, where the loss or a module's gradient is no
 * longer a number. Waits once for the backend. Collective over the world.
 */
enum mimo_status mimo_optimizer_step(struct mimo_optimizer *optimizer, uint64_t step,
                                     uint64_t targets, struct mimo_error *err);

#endif
