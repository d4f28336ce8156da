/*
 * prove.h - the proof that the programs of a plan fit each other.
 */
#ifndef MIMO_COMPILER_PROOF_PROVE_H
#define MIMO_COMPILER_PROOF_PROVE_H

#include "plan/arena.h"
#include "plan/plan.h"

#include <stdbool.h>

/*
 * Four things, which share nothing with what made the programs.
 *
 * 1. Every instruction has the operands of its opcode, of its own role (operands.c).
 *
 * 2. Executes the programs of all roles at once, each instruction blocking as much as it ever can:
 * a send until all roles at both ends of its edge have come to the same parcel, a computation until
 * all roles of its stage have come to it, REDUCE until all of its module have, LOAD and STEP until
 * all have. The programs have to run to their ends, and
 *   - every micro-step of every stage goes forward once, and backward once where it has to, after
 *     its inputs have arrived;
 *   - every edge carries every micro-step once in each of its directions, after it was computed;
 *   - a module's gradients are reduced once, after the last backward, and STEP is last.
 * Groups of ranks inside a role run the same program and meet at the same instructions. What this
 * shows holds whatever the rules below are.
 *
 * 3. Goes through each program alone (order.c):
 *   - the micro-steps of a stage ascend, forward and backward: gradients are added in one order on
 *     all ranks, and two runs give the same bits. So does what travels along an edge: messages
 *     meet in the order in which they are posted;
 *   - the most micro-steps that a stage keeps is STAG's live_max, by which memory is planned;
 *   - in each round it goes forward, then backward and forward in turn, then backward with what is
 *     left: two backwards in between starve the stages behind it, two forwards keep too much.
 *     Nothing is alive between two rounds;
 *   - an interleaved pipeline rank takes its chunks group by group of micro-steps, a group being
 *     at least as long as the pipeline;
 *   - what is merged goes forward at once: merged rows need one place;
 *   - modules are reduced last and in ascending order: their ranks meet in one order;
 *   - a send and a receive in a row are one exchange, unless ranks of other roles take part in what
 *     a group does for one of them: they would come to one of the two first. So an exchange is of
 *     two parcels whose ends here have one role each, or of one parcel, from its rank to itself.
 *
 * 4. Takes the instructions of all programs off once more, by a clock (replay.c). At every tick
 *   - a parcel travels when it is computed, the next computation of its target needs it, and the
 *     roles at both ends are between two computations, and not within a pair: each end of an edge
 *     needs one place. Rows of encoders that run apart, and what goes in and out of interleaved
 *     pipelines, travel at once and wait to be used. Parcels go by edge, rows before gradients;
 *   - a role computes on when it has sent what it can, and has what the computation needs. The
 *     forward and the backward of an interleaved pair follow each other without a transfer: all
 *     ranks of the ring communicate at the same time;
 *   - of the computations that are possible, that one is next which frees memory sooner: of an
 *     earlier phase, backward before forward, of an older micro-step, nearer to the loss;
 *   - where all would wait for each other, pairs are broken up first, then one role computes on
 *     before it sends.
 * Every program must have that next. So there is one order of a plan's computations and transfers,
 * and one that makes others wait, or keeps more than it must, is refused.
 *
 * Returns false where something of this does not hold; *out_reason, in `arena`, says which role
 * stands at what.
 */
bool mimo_prove(const struct mimo_plan *plan, struct mimo_arena *arena, const char **out_reason);

#endif
