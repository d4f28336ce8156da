/*
 * pipeline.h - the stages of all modules as one graph, and the order in which each one computes.
 *
 * Encoder stages lead over their bridge to the language model's stages; every stage but the last
 * one of all has one edge that leaves it. Rows flow along the edges, gradients against them.
 */
#ifndef MIMO_COMPILER_PIPELINE_H
#define MIMO_COMPILER_PIPELINE_H

#include "plan/arena.h"
#include "plan/plan.h"

#include <stdbool.h>

enum mimo_task { MIMO_TASK_NONE, MIMO_TASK_FORWARD, MIMO_TASK_BACKWARD };

/* When a task runs relative to others of its role: all of one phase come before the next one's. */
enum mimo_phase { MIMO_PHASE_BEFORE, MIMO_PHASE_MAIN, MIMO_PHASE_BEHIND, MIMO_PHASE_OVER };

/* A stage. Its ranks are the roles role_first ... role_end - 1, which all run its tasks together.
 * It goes through the micro-steps in order, so counts say which ones it has started and done. */
struct mimo_node {
    uint32_t module, stage;
    uint32_t role_first, role_end;
    uint32_t distance; /* stages between it and the end of the language model */
    uint32_t warm_up;  /* forwards before its first backward */
    bool has_backward;
    enum mimo_phase forward_phase, backward_phase;
    uint32_t forwards_started, forwards_done;
    uint32_t backwards_started, backwards_done;
};

/* What travels along one edge in one direction, in the order of the micro-steps. */
struct mimo_flow {
    uint32_t edge, direction;
    struct mimo_node *source, *target;
    uint32_t sent; /* micro-steps */
};

struct mimo_pipeline {
    uint32_t micro_steps;
    struct mimo_node *nodes; /* as in section STAG */
    uint32_t node_count;
    struct mimo_node **order; /* the nodes, those nearest to the loss first */
    struct mimo_flow *flows;
    uint32_t flow_count;
};

/* Reads modules, stages, edges, roles, ranges and the schedule of `plan`; allocates in `arena`. */
void mimo_pipeline_init(struct mimo_pipeline *pipeline, const struct mimo_plan *plan,
                        struct mimo_arena *arena);

/* What the node computes next; NONE behind its last task. */
enum mimo_task mimo_node_next(const struct mimo_pipeline *pipeline, const struct mimo_node *node);

/* The phase of that task. */
enum mimo_phase mimo_node_phase(const struct mimo_pipeline *pipeline, const struct mimo_node *node);

#endif
