/*
 * communication.h - what instructions communicate inside: the generator of section COMM.
 *
 * Between the layers of a stage rows are either equal on all ranks of a tensor-parallel group or,
 * with sequence parallelism, cut over it. Matrices come in pairs, the first cut along its output,
 * the second along its input (Shoeybi et al. 2019): in front of a pair all rows are needed, behind
 * it lies a sum over the group; backward the other way round. What follows from that, for both ways
 * of keeping rows:
 *
 *                   in front of a pair     behind a pair
 *     equal rows    nothing                all_reduce
 *     cut rows      all_gather             reduce_scatter         (Korthikanti et al. 2022)
 *
 * Context parallelism hands keys and values around a ring: the blocks of the other cp - 1 ranks
 * pass by in forward; in backward they do so again, with their gradients, which need one more hop
 * to come home (Liu et al. 2023). Experts get rows that no two ranks share: where tensor ranks hold
 * equal rows, each takes its piece of them, and the pieces are gathered behind the experts. Rows
 * travel over the expert-parallel group to the experts' owners and are gathered over the expert
 * tensor group there; how many each sends to each is told first.
 *
 * With `recompute` the backward of a layer begins with its forward, communications included.
 *
 * A module's gradients are summed in this order: partial ones over the tensor group, parameter by
 * parameter; tied tables between the first and the last stage; all of them over the data replicas,
 * experts apart. With a distributed optimizer the last are reduce-scattered, each replica updates
 * its piece, and STEP gathers the parameters.
 */
#ifndef MIMO_COMPILER_PLANNER_COMMUNICATION_H
#define MIMO_COMPILER_PLANNER_COMMUNICATION_H

#include "compiler/planner/draft.h"

/* Builds section COMM from all sections before it. */
void mimo_communication_build(struct mimo_draft *draft);

#endif
