/*
 * timeline.h - when each instruction of a plan's programs runs, by an abstract clock.
 *
 * Forwards (and encoders) take one tick, backwards two, everything else none. A transfer waits
 * until all roles at both ends of its edge have come to it, as it does at run time. Layers are not
 * counted: a stage takes as long as any other. Reads nothing of how the programs were made.
 */
#ifndef MIMO_COMPILER_PROOF_TIMELINE_H
#define MIMO_COMPILER_PROOF_TIMELINE_H

#include "plan/arena.h"
#include "plan/plan.h"

#include <stdbool.h>

enum { MIMO_FORWARD_TICKS = 1, MIMO_BACKWARD_TICKS = 2 };

struct mimo_timeline {
    uint64_t *begin; /* [plan->instruction_count]: the role comes to it */
    uint64_t *end;   /* it goes on */
    uint64_t length; /* until the last role is done */
};

/* Allocates in `arena`. Returns false where the programs of a (verified) plan wait for each other
 * for ever. */
bool mimo_timeline_init(struct mimo_timeline *timeline, const struct mimo_plan *plan,
                        struct mimo_arena *arena);

/* Ticks of computing in the instructions of a role. */
uint64_t mimo_timeline_busy(const struct mimo_plan *plan, const struct mimo_plan_role *role);

/* Ticks of an instruction itself, without waiting. */
uint64_t mimo_timeline_ticks(const struct mimo_plan_instruction *instruction);

#endif
