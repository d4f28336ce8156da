/*
 * order.h - what order.c and replay.c share; nobody else includes it.
 *
 * order.c goes through the program of one role after the other, replay.c through all at once, after
 * they have been executed. prove.h states the rules.
 */
#ifndef MIMO_COMPILER_PROOF_ORDER_H
#define MIMO_COMPILER_PROOF_ORDER_H

#include "compiler/proof/timeline.h"

/* Micro-steps of a stage so far. */
struct mimo_order_count {
    uint32_t forwards, backwards;
    uint32_t live_max; /* forward and not yet backward, at most */
};

/* Forwards and backwards of a stage, or of all chunks of an interleaved pipeline rank. */
struct mimo_order_turns {
    uint32_t forwards, backwards;
    bool is_backward;        /* the last one was */
    uint64_t chunk_order[2]; /* of the last one in each direction */
};

struct mimo_order {
    const struct mimo_plan *plan;
    struct mimo_arena *arena;
    const char *reason;  /* of the first refusal, or NULL */
    uint32_t *distances; /* of each stage: from the end of the language model */
    uint32_t *roles;     /* of each stage: how many have it */
    /* the role, and what it has done so far */
    const struct mimo_plan_role *role;
    const struct mimo_plan_instruction *program;
    uint32_t at;                     /* instruction, counted within the role */
    struct mimo_order_count *counts; /* of each stage */
    struct mimo_order_turns *turns;  /* of each stage; of an interleaved module, at its first */
};

void mimo_order_refuse(struct mimo_order *order, const char *what);

/* True of ENCODE, FORWARD and BACKWARD. */
bool mimo_order_computes(const struct mimo_plan_instruction *instruction);

/* The stage of a computation, into STAG, and the way it goes. */
uint32_t mimo_order_stage(const struct mimo_order *order,
                          const struct mimo_plan_instruction *instruction);
uint32_t mimo_order_direction(const struct mimo_plan_instruction *instruction);

const struct mimo_plan_module *mimo_order_module(const struct mimo_order *order, uint32_t stage);

/* True of a stage whose pipeline ranks take several chunks in pairs of a forward and a backward. */
bool mimo_order_is_interleaved(const struct mimo_order *order, uint32_t stage);

/* True of the stages of an encoder that runs apart: it has the ranks of the language model, and one
 * of the two is a pipeline there. */
bool mimo_order_is_apart(const struct mimo_order *order, uint32_t stage);

/* Phases through all rounds: forwards of what runs apart, all else, backwards of what runs apart.
 */
uint64_t mimo_order_phase(const struct mimo_order *order, uint32_t stage, uint32_t direction,
                          uint32_t micro_step);

/* Takes the instructions off the programs of all roles in the one order that prove.h states, and
 * refuses those that have something else next. Of programs that have passed the other rules
 * (replay.c). */
void mimo_order_replay(struct mimo_order *order);

#endif
