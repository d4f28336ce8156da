/*
 * traffic.h - how many bytes a rank communicates in a training step, by section COMM and its
 * transfers. Pure functions.
 *
 * Counted are buffers: what a rank hands to a collective, or has there when it ends, whichever is
 * more; how often that crosses a link is the transport's affair. Sequences are full and samples
 * have the most images that the declaration allows. What is done only after bad samples is left
 * out. Sums saturate at UINT64_MAX.
 */
#ifndef MIMO_PLAN_TRAFFIC_H
#define MIMO_PLAN_TRAFFIC_H

#include "plan/arena.h"
#include "plan/plan.h"

struct mimo_traffic_sum {
    uint64_t calls, bytes; /* of a step */
};

struct mimo_traffic {
    struct mimo_traffic_sum world;                            /* over all ranks */
    struct mimo_traffic_sum (*groups)[MIMO_GROUP_KIND_COUNT]; /* [module_count] */
    struct mimo_traffic_sum sent, received; /* to and from other ranks, along edges */
};

/* The tables lie in `arena`. */
void mimo_traffic_of_rank(const struct mimo_plan *plan, uint32_t rank, struct mimo_arena *arena,
                          struct mimo_traffic *out_traffic);

#endif
