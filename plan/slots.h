/*
 * slots.h - how many micro-steps' worth of a buffer are alive at once, and which micro-step uses
 * which. Read off a role's program.
 *
 * A buffer of a micro-step is alive from the first instruction of the program that touches it to
 * the last. Micro-steps whose lives do not overlap share a slot: the program is walked through,
 * each buffer takes the lowest free slot when it is born and gives it back when it dies (linear
 * scan, Poletto and Sarkar 1999), so there are as many slots as buffers are ever alive at once.
 */
#ifndef MIMO_PLAN_SLOTS_H
#define MIMO_PLAN_SLOTS_H

#include "plan/arena.h"
#include "plan/plan.h"

#include <stdbool.h>

struct mimo_slots {
    uint32_t count;
    uint32_t *of; /* [micro_steps]; MIMO_NONE where the program never touches the buffer */
};

/* What a place keeps of a micro-step from its forward pass to its backward pass. `place` is an
 * index into the plan's places, one of the role's. The table lies in `arena`. */
void mimo_slots_of_place(struct mimo_slots *slots, const struct mimo_plan *plan,
                         const struct mimo_plan_role *role, uint32_t place,
                         struct mimo_arena *arena);

/* The rows of an edge at one of its ends, or their gradients. */
struct mimo_edge_buffer {
    uint32_t edge;
    uint32_t direction; /* MIMO_EDGE_FORWARD: rows */
    bool is_sending;    /* the end where they are computed, not the one where they are needed */
};

/* Alive from where it is computed or received to where it is sent or last needed. The role's ranks
 * hold this end of the edge. */
void mimo_slots_of_buffer(struct mimo_slots *slots, const struct mimo_plan *plan,
                          const struct mimo_plan_role *role, const struct mimo_edge_buffer *buffer,
                          struct mimo_arena *arena);

/* How many slots each buffer of a role has, from one walk through its program. */
struct mimo_slot_counts {
    uint32_t *places;       /* [role->place_count] */
    bool *goes_backward;    /* [role->place_count] */
    uint32_t (*buffers)[4]; /* [edge_count][MIMO_SLOT_BUFFER]; 0 at ends that the role lacks */
};

#define MIMO_SLOT_BUFFER(direction, is_sending) (2 * (direction) + ((is_sending) ? 1u : 0u))

/* The tables lie in `arena`. */
void mimo_slot_counts_init(struct mimo_slot_counts *counts, const struct mimo_plan *plan,
                           const struct mimo_plan_role *role, struct mimo_arena *arena);

#endif
