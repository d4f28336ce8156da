/*
 * slots.h - how many micro-steps' worth of a buffer are alive at once, and which micro-step uses
 * which.
 *
 * A buffer of a micro-step is alive from the first instruction of the program that touches it to
 * the last. Micro-steps whose lives do not overlap share a slot (linear scan, Poletto and Sarkar
 * 1999).
 */
#ifndef MIMO_RUNTIME_TRAIN_SLOTS_H
#define MIMO_RUNTIME_TRAIN_SLOTS_H

#include "plan/arena.h"
#include "plan/plan.h"

#include <stdbool.h>

struct mimo_slots {
    uint32_t count;
    uint32_t *of; /* [micro_steps]; MIMO_NONE where the program never touches the buffer */
};

/* True where `instruction` touches the buffer of `micro_step` that `context` describes. */
typedef bool mimo_slots_touches(const struct mimo_plan_instruction *instruction,
                                uint32_t micro_step, const void *context);

void mimo_slots_assign(struct mimo_slots *slots, const struct mimo_plan *plan,
                       const struct mimo_plan_role *role, uint32_t micro_steps,
                       mimo_slots_touches *touches, const void *context, struct mimo_arena *arena);

#endif
