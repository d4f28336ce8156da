/*
 * parts.h - the parts of mimo_prove(); nobody else includes it.
 */
#ifndef MIMO_COMPILER_PROOF_PARTS_H
#define MIMO_COMPILER_PROOF_PARTS_H

#include "plan/arena.h"
#include "plan/plan.h"

/* Each returns why the programs are refused, in `arena`, or NULL. */

/* Every instruction has the operands that its opcode needs and no others, of its own role. */
const char *mimo_prove_operands(const struct mimo_plan *plan, struct mimo_arena *arena);

/* The programs of all roles run to their ends, blocking as much as they ever can. */
const char *mimo_prove_execution(const struct mimo_plan *plan, struct mimo_arena *arena);

/* Each program takes its work in the right order, keeps no more than the plan states and makes
 * nobody wait for nothing. Of programs that have passed the two above. */
const char *mimo_prove_order(const struct mimo_plan *plan, struct mimo_arena *arena);

#endif
