/*
 * parameters_parts.h - what the files behind parameters.h share: parameters.c (which there are),
 * parameters_layout.c (where they lie), parameters_initial.c (what they start with),
 * parameters_reduce.c (sums of their gradients).
 */
#ifndef MIMO_RUNTIME_MODEL_PARAMETERS_PARTS_H
#define MIMO_RUNTIME_MODEL_PARAMETERS_PARTS_H

#include "runtime/model/parameters.h"

static inline bool mimo_parameter_is_expert(const struct mimo_parameter *item)
{
    return item->plan->expert != MIMO_NONE;
}

/* Elements of the parameter on all ranks together. */
static inline uint64_t mimo_parameter_whole(const struct mimo_plan_parameter *plan)
{
    return plan->shape[0] * plan->shape[1] * plan->shape[2] * plan->shape[3];
}

static inline uint64_t mimo_clamp(uint64_t value, uint64_t least, uint64_t most)
{
    if (value < least)
        return least;
    return value < most ? value : most;
}

/* Gives every item its places in the arenas, which are open, and asserts that these are used up. */
void mimo_parameters_lay_out(struct mimo_parameters *parameters, uint32_t rank, bool trains,
                             struct mimo_arena *arena);

#endif
