/*
 * program.h - appending instructions to the program of one role.
 */
#ifndef MIMO_COMPILER_PLANNER_PROGRAM_H
#define MIMO_COMPILER_PLANNER_PROGRAM_H

#include "plan/arena.h"
#include "plan/format.h"

#include <stdbool.h>

struct mimo_program {
    struct mimo_arena *arena;
    struct mimo_plan_instruction *items;
    size_t count, capacity;
    bool may_join; /* the last instruction with its neighbour */
};

/* What travels: the rows (MIMO_EDGE_FORWARD) or gradients of one micro-step. */
struct mimo_parcel {
    uint32_t edge, micro_step, direction;
};

/* LOAD and STEP have neither place nor micro-step, REDUCE no micro-step: MIMO_NONE. */
void mimo_program_compute(struct mimo_program *program, enum mimo_opcode opcode, uint32_t place,
                          uint32_t micro_step);

/* A send and a receive with no computing between them become one exchange, where both may join:
 * neither depends on the other, and done at once they cannot wait for each other. What a group does
 * together on the way may be with ranks of other roles, which come to one of the two first: such a
 * transfer must not join another. */
void mimo_program_send(struct mimo_program *program, const struct mimo_parcel *parcel,
                       bool may_join);
void mimo_program_receive(struct mimo_program *program, const struct mimo_parcel *parcel,
                          bool may_join);

/* Of a role whose ranks hold both ends of the edge. */
void mimo_program_exchange(struct mimo_program *program, const struct mimo_parcel *parcel);

#endif
