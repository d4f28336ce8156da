/*
 * prove.h - the proof that the programs of a plan fit each other.
 */
#ifndef MIMO_COMPILER_PROVE_H
#define MIMO_COMPILER_PROVE_H

#include "plan/arena.h"
#include "plan/plan.h"

#include <stdbool.h>

/*
 * Executes the programs of all roles at once, each instruction blocking as much as it ever can: a
 * send until all roles at both ends of its edge have come to the same parcel, a computation until
 * all roles of its stage have come to it, REDUCE until all of its module have, LOAD and STEP until
 * all have. Returns true where the programs then run to their ends and
 *   - every micro-step of every stage goes forward once, and backward once where it has to, after
 * its inputs have arrived;
 *   - every edge carries every micro-step once in each of its directions, after it was computed;
 *   - a module's gradients are reduced once, after the last backward, and STEP is last.
 * Else *out_reason, in `arena`, says which role stands at what. Groups of ranks inside a role run
 * the same program and meet at the same instructions.
 */
bool mimo_prove(const struct mimo_plan *plan, struct mimo_arena *arena, const char **out_reason);

#endif
