/*
 * order.h - what proof/order.c and proof/flow.c share; nobody else includes it.
 *
 * Both go through the program of one role, instruction by instruction, after the programs of all
 * roles have been executed. prove.h states the rules.
 */
#ifndef MIMO_COMPILER_PROOF_ORDER_H
#define MIMO_COMPILER_PROOF_ORDER_H

#include "compiler/proof/timeline.h"

/* What travels along an edge in one direction, as the role sees it. */
struct mimo_order_flow {
    uint32_t edge, direction;
    uint32_t source, target;         /* into STAG */
    bool holds_source, holds_target; /* the role does */
    bool is_eager;                   /* travels as soon as it can, and may wait to be used */
    bool is_late;                    /* travels when it is needed, and may wait to be sent */
    uint32_t produced, sent;         /* micro-steps, where the role holds the source */
    uint32_t received, used;         /* where it holds the target */
};

/* When the roles at both ends of a parcel come to it. */
struct mimo_order_arrival {
    uint64_t last, before; /* the last role, and the last of the others */
    uint32_t role;         /* which one is last, or MIMO_NONE */
};

/* Forwards and backwards of a stage, or of all chunks of an interleaved pipeline rank. */
struct mimo_order_turns {
    uint32_t forwards, backwards;
    bool is_backward; /* the last one was */
};

struct mimo_order {
    const struct mimo_plan *plan;
    struct mimo_arena *arena;
    struct mimo_timeline timeline;
    struct mimo_order_arrival *arrivals; /* [edge][micro-step][direction] */
    uint32_t *distances;                 /* of each stage: from the end of the language model */
    bool is_prompt;                      /* nobody is to wait for nothing: see prove.h */
    const char *reason;                  /* of the first refusal, or NULL */
    /* the role, and what it has done so far */
    const struct mimo_plan_role *role;
    const struct mimo_plan_instruction *program;
    uint32_t at;                    /* instruction, counted within the role */
    uint32_t gap;                   /* the first one behind the last computation */
    uint32_t *forwards, *backwards; /* of each stage: micro-steps */
    struct mimo_order_turns *turns; /* of each stage; of an interleaved module, at its first */
    struct mimo_order_flow *flows;  /* that it has a part in */
    uint32_t flow_count;
    bool is_behind_pair;                      /* the last computation was the second of a pair */
    const struct mimo_plan_instruction *last; /* computation, or NULL */
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

/* True where the role holds stages of several modules. */
bool mimo_order_mixes_modules(const struct mimo_order *order);

/* ---- flows (proof/flow.c) ---- */

/* Of all roles. */
void mimo_order_find_arrivals(struct mimo_order *order);

/* Of the present role. */
void mimo_order_find_flows(struct mimo_order *order);

/* At the present instruction, a computation; before and after the other rules. */
void mimo_order_check_inputs(struct mimo_order *order);
void mimo_order_count_flows(struct mimo_order *order);

/* At the present instruction, a transfer. */
void mimo_order_check_transfer(struct mimo_order *order);

/* True where nothing that the present computation needs has come since the last one. */
bool mimo_order_was_possible(const struct mimo_order *order);

/* ---- all programs at once (proof/replay.c) ---- */

/* Takes the instructions off the programs of all roles in the one order that prove.h states, and
 * refuses those that have something else next. Of programs that have passed the other rules. */
void mimo_order_replay(struct mimo_order *order);

#endif
