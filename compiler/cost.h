/*
 * cost.h - what a plan costs: bytes of state on a rank, floating-point operations of a step.
 */
#ifndef MIMO_COMPILER_COST_H
#define MIMO_COMPILER_COST_H

#include "plan/plan.h"

struct mimo_state_cost {
    uint64_t parameters; /* bytes in the precision of compute */
    uint64_t gradients;  /* of what is trained */
    uint64_t optimizer;  /* moments, and master weights where compute is bf16 */
};

/* The model state that `rank` holds. With a distributed optimizer its share of the optimizer's. */
struct mimo_state_cost mimo_cost_state(const struct mimo_plan *plan, uint32_t rank);

struct mimo_work_cost {
    double forward;  /* floating-point operations of one step over all ranks; 2 a multiply-add */
    double backward; /* gradients of inputs where they are needed, of weights where trained */
};

/* Every sequence at its full length, and with the most images for synthetic data, else with one. */
struct mimo_work_cost mimo_cost_work(const struct mimo_plan *plan, uint32_t module);

#endif
