/*
 * prove.h - the proof that the programs of a plan fit each other.
 */
#ifndef MIMO_COMPILER_PROOF_PROVE_H
#define MIMO_COMPILER_PROOF_PROVE_H

#include "plan/arena.h"
#include "plan/plan.h"

#include <stdbool.h>

/*
 * Three things, which share nothing with what made the programs.
 *
 * 1. Every instruction has the operands of its opcode, of its own role (proof/operands.c).
 *
 * 2. Executes the programs of all roles at once, each instruction blocking as much as it ever can:
 * a send until all roles at both ends of its edge have come to the same parcel, a computation until
 * all roles of its stage have come to it, REDUCE until all of its module have, LOAD and STEP until
 * all have. The programs have to run to their ends, and
 *   - every micro-step of every stage goes forward once, and backward once where it has to, after
 *     its inputs have arrived;
 *   - every edge carries every micro-step once in each of its directions, after it was computed;
 *   - a module's gradients are reduced once, after the last backward, and STEP is last.
 * Groups of ranks inside a role run the same program and meet at the same instructions.
 *
 * 3. Goes through each program alone (proof/order.c, proof/flow.c), with the times of timeline.h:
 *   - the micro-steps of a stage ascend, forward and backward: gradients are added in one order on
 *     all ranks, and two runs give the same bits. So does what travels along an edge: messages
 *     meet in the order in which they are posted;
 *   - a stage never keeps more micro-steps than STAG's live_max, by which memory is planned;
 *   - in each round it goes forward, then backward and forward in turn, then backward with what is
 *     left: two backwards in between starve the stages behind it, two forwards keep too much;
 *   - what is merged goes forward at once: merged rows need one place;
 *   - modules are reduced last and in ascending order: their ranks meet in one order.
 * And four rules about time and buffers:
 *   - what a role has computed is sent before it computes on, and what it has received is used by
 *     the next computation of its stage: each end of an edge needs one place. Rows of encoders
 *     that run apart, and what goes in and out of interleaved pipelines, may wait to be used
 *     instead, and gradients to encoders that run apart may wait to be sent;
 *   - the forward and the backward of an interleaved pair follow each other without a transfer:
 *     all ranks of the ring communicate at the same time;
 *   - of two computations that are both possible, that comes first which frees memory sooner;
 *   - of transfers in a row, those come first to which the others come first, then by edge; nobody
 *     computes while the others already wait for a transfer that it could make, or waits for one
 *     that its next computation does not need.
 * These four are not asked of plans whose pipelines cross: where an encoder goes through chunks,
 * two encoders share ranks and one of them is a pipeline, or an encoder's pipeline has the ranks of
 * an interleaved one. There roles wait for each other one way or another. Nor of several rounds in
 * which nothing is trained: no backward holds back those that are ahead.
 *
 * Returns false where something of this does not hold; *out_reason, in `arena`, says which role
 * stands at what.
 */
bool mimo_prove(const struct mimo_plan *plan, struct mimo_arena *arena, const char **out_reason);

#endif
