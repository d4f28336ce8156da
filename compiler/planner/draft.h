/*
 * draft.h - a plan under construction.
 *
 * The planner's passes share it and run in this order, each reading what the earlier ones built:
 *     emit.c        modules (shapes and layouts), projectors, modalities, the settings
 *     layout.c      stages, groups, edges, roles, places, ranges
 *     parameters.c  parameters
 *     rounds.c      encoder_group, instructions (schedule.c), the stages' live_max
 * Each builds arrays in `arena` and sets their place in `plan`, whose records are const for
 * readers; the mutable pointers here lead to the same records, for the passes that complete them.
 */
#ifndef MIMO_COMPILER_PLANNER_DRAFT_H
#define MIMO_COMPILER_PLANNER_DRAFT_H

#include "plan/writer.h"

/* What the parameter table needs to know of a module or projector beyond its record. */
struct mimo_draft_owner {
    const char *name;
    double lr_scale;
    const uint32_t *stage_layers; /* modules: the layers of each stage, or NULL: equal shares */
};

struct mimo_draft {
    struct mimo_arena *arena;
    struct mimo_plan_writer *writer;
    struct mimo_plan plan;
    struct mimo_plan_training *training;   /* plan.training */
    struct mimo_plan_module *modules;      /* plan.modules */
    struct mimo_plan_stage *stages;        /* plan.stages */
    struct mimo_plan_role *roles;          /* plan.roles */
    const struct mimo_draft_owner *owners; /* of each module */
    const struct mimo_draft_owner *projector_owners;
};

#endif
