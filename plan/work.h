/*
 * work.h - floating-point operations of a step, by stage of a module: what `mimoc show --cost`
 * states and what the utilisation in a run's metrics is measured against.
 *
 * Counted is what the model needs, whatever is computed beside it: 2 operations for each element of
 * a matrix and row that it multiplies (Kaplan et al. 2020), the attention products (half of them
 * where attention looks backwards only), once more in backward for the gradients of inputs where
 * anything in front learns, and once more for those of weights that learn. Norms, activations,
 * embeddings and the recomputation of activations are not counted (Chowdhery et al. 2022). The head
 * is counted for all rows, experts for those that visit them.
 */
#ifndef MIMO_PLAN_WORK_H
#define MIMO_PLAN_WORK_H

#include "plan/plan.h"

struct mimo_work {
    double forward, backward;
};

/* What goes through the model in a step, over all replicas. */
struct mimo_load {
    double tokens; /* rows of the language model; a sequence has tokens / global_batch of them */
    double images; /* that each encoder sees */
};

/* Full sequences; of synthetic data the most images, else one for each sample. */
struct mimo_load mimo_load_full(const struct mimo_plan *plan);

/* Of one stage (counted within the module), of a module with its projector, and of all; over all
 * ranks that share it. */
struct mimo_work mimo_work_of_stage(const struct mimo_plan *plan, uint32_t module, uint32_t stage,
                                    const struct mimo_load *load);
struct mimo_work mimo_work_of_module(const struct mimo_plan *plan, uint32_t module,
                                     const struct mimo_load *load);
double mimo_work_of_step(const struct mimo_plan *plan, const struct mimo_load *load);

/* Of one rank of role `role`: its share of each of its places. */
struct mimo_work mimo_work_of_rank(const struct mimo_plan *plan, uint32_t role,
                                   const struct mimo_load *load);

#endif
