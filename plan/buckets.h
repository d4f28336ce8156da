/*
 * buckets.h - gradients that are summed over their replicas together, and when. Pure functions of
 * the plan.
 *
 * What a pipeline rank trains of a module is cut into buckets, each a run of the parameter table:
 * so its gradients lie side by side, those of experts, which have replicas of their own, in a
 * second place. The last micro-step's backward completes gradients from the last layer to the
 * first. A bucket that takes in layer after layer is closed in front of the layer with which it has
 * training->gradient_bucket elements, and is summed as soon as that layer has gone backward, while
 * the layers in front of it go on (Li et al., "PyTorch Distributed", 2020). What is left at the
 * front, or has a part of its gradient elsewhere, waits for REDUCE.
 *
 *     for (has = mimo_bucket_first(plan, module, pp, &bucket); has; has = mimo_bucket_next(...))
 */
#ifndef MIMO_PLAN_BUCKETS_H
#define MIMO_PLAN_BUCKETS_H

#include "plan/plan.h"

#include <stdbool.h>

struct mimo_bucket {
    uint32_t module, pp; /* of the module's pipeline rank */
    /* Of the plan's parameters first ... end - 1 those that the pipeline rank trains. */
    uint32_t first, end;
    /* It is complete when the last micro-step has gone back through this layer (counted within the
     * module) of this stage; MIMO_NONE: when REDUCE comes. */
    uint32_t stage, layer;
};

/* The buckets in the order in which backward goes through them: the first one, and the one after
 * *bucket; false, and *bucket undefined, where there is none. Linear in the parameters of the
 * module for all of them together. */
bool mimo_bucket_first(const struct mimo_plan *plan, uint32_t module, uint32_t pp,
                       struct mimo_bucket *bucket);
bool mimo_bucket_next(const struct mimo_plan *plan, struct mimo_bucket *bucket);

/* The first bucket that the last micro-step's backward of that stage completes; false where it
 * completes none. */
bool mimo_bucket_first_of_stage(const struct mimo_plan *plan, uint32_t module, uint32_t stage,
                                struct mimo_bucket *bucket);

/* True where the pipeline rank trains the parameter (an index into the plan's). */
bool mimo_bucket_trains(const struct mimo_plan *plan, const struct mimo_bucket *bucket,
                        uint32_t parameter);

/*
 * Elements that the bucket's gradients take on `rank`, those of experts or the others: in the order
 * of the parameters, with the gaps that their weights have. These begin, each fused matrix, at
 * multiples of 64 bytes of their own type, and so does what is behind them: a weight and its
 * gradient lie at one distance in elements.
 */
uint64_t mimo_bucket_elements(const struct mimo_plan *plan, const struct mimo_bucket *bucket,
                              uint32_t rank, bool is_expert);

/* The same of all buckets of the module on `rank`. */
uint64_t mimo_gradient_elements(const struct mimo_plan *plan, uint32_t module, uint32_t rank,
                                bool is_expert);

/* Of so many elements of a bucket, what one replica updates at most: all, or with
 * distributed_optimizer the longest of the pieces that the sum scatters and STEP gathers. */
uint64_t mimo_updated_elements(const struct mimo_plan *plan, uint32_t module, uint64_t elements,
                               bool is_expert);

#endif
