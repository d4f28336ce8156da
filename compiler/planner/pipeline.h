/*
 * pipeline.h - the stages of all modules as one graph, and the order in which each one computes.
 *
 * Encoder stages lead over their bridge to the language model's stages; every stage but the last
 * one of all has one edge that leaves it. Rows flow along the edges, gradients against them.
 *
 * The micro-steps of a step are taken in rounds of training->encoder_group; nothing is alive
 * between two rounds.
 */
#ifndef MIMO_COMPILER_PLANNER_PIPELINE_H
#define MIMO_COMPILER_PLANNER_PIPELINE_H

#include "compiler/planner/interleave.h"
#include "plan/arena.h"
#include "plan/plan.h"

#include <stdbool.h>

enum mimo_task { MIMO_TASK_NONE, MIMO_TASK_FORWARD, MIMO_TASK_BACKWARD };

/* When a task runs relative to others of its role: all of one phase come before the next one's. A
 * round has three of them; phases are counted through all rounds: round * 3 + part. */
enum mimo_phase {
    MIMO_PHASE_BEFORE,
    MIMO_PHASE_MAIN,
    MIMO_PHASE_BEHIND,
    MIMO_PHASES_OF_ROUND,
    MIMO_PHASE_OVER = INT32_MAX
};

/* A stage. Its ranks are the roles role_first ... role_end - 1, which all run its tasks together.
 * It goes through the micro-steps in order, so counts say which ones it has started and done. */
struct mimo_node {
    uint32_t module, stage;
    uint32_t role_first, role_end;
    uint32_t distance; /* stages between it and the end of the language model */
    bool has_backward;
    bool is_apart; /* forwards before the language model's, backwards behind them */
    struct mimo_track *track;
    uint32_t forwards_started, forwards_done;
    uint32_t backwards_started, backwards_done;
};

/*
 * What a pipeline rank of a module computes, in one fixed order: `warm_up` forwards in each round,
 * then a forward and a backward in turn, then the backwards that are left. An interleaved track
 * goes through all chunks of its rank; else every stage is a track of its own.
 *
 * An interleaved track communicates around the pair of a forward and its backward, not within it:
 * all pipeline ranks are then at the ends of their pairs at the same time.
 */
struct mimo_track {
    struct mimo_node *nodes; /* of chunk 0; the others are `stride` apart */
    uint32_t stride;
    uint32_t chunks;              /* 1: a track of one stage */
    uint32_t warm_up[2];          /* in a whole round; in a last one that is shorter */
    uint32_t forwards, backwards; /* started, over all chunks */
    /* what comes next */
    enum mimo_task task;
    struct mimo_node *next;
    struct mimo_node *partner; /* goes backward in a pair after the forward of `next`, or NULL */
    bool is_within_pair;       /* the task is that backward */
};

/* What travels along one edge in one direction, in the order of the micro-steps. */
struct mimo_flow {
    uint32_t edge, direction;
    struct mimo_node *source, *target;
    uint32_t sent; /* micro-steps */
};

struct mimo_pipeline {
    uint32_t micro_steps;
    uint32_t round;          /* micro-steps of a round; the last one may have fewer */
    struct mimo_node *nodes; /* as in section STAG */
    struct mimo_track *tracks;
    uint32_t node_count, track_count;
    struct mimo_node **order; /* see mimo_pipeline_order() */
    struct mimo_flow *flows;
    uint32_t flow_count;
};

/* Reads modules, stages, edges, roles, ranges and the schedule of `plan`; allocates in `arena`. */
void mimo_pipeline_init(struct mimo_pipeline *pipeline, const struct mimo_plan *plan,
                        struct mimo_arena *arena);

/* What the node computes next; NONE where its track has something else to do first, or no more. */
enum mimo_task mimo_node_next(const struct mimo_node *node);

/* Its micro-step. */
uint32_t mimo_node_micro_step(const struct mimo_node *node);

/* Lists in pipeline->order the nodes whose next task that is, and returns how many: earlier
 * micro-steps first, then what is nearer to the loss, then by module. */
uint32_t mimo_pipeline_order(const struct mimo_pipeline *pipeline, enum mimo_task task);

/* Counts that task as started and finds what the track does behind it. */
void mimo_node_start(const struct mimo_pipeline *pipeline, struct mimo_node *node);

/* The phase of what the node does with a micro-step; of what its track does next. */
uint32_t mimo_node_phase(const struct mimo_pipeline *pipeline, const struct mimo_node *node,
                         enum mimo_task task, uint32_t micro_step);
uint32_t mimo_track_phase(const struct mimo_pipeline *pipeline, const struct mimo_track *track);

/* True where an encoder of the plan runs apart: it shares the ranks of a language model, and one of
 * the two is a pipeline there. Only then do rounds shorter than a step save memory. */
bool mimo_pipeline_has_rounds(const struct mimo_plan *plan);

#endif
