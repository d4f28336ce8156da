/*
 * fixture.h - plans for the planner's tests, built from a few numbers a module.
 */
#ifndef MIMO_TESTS_UNIT_COMPILER_FIXTURE_H
#define MIMO_TESTS_UNIT_COMPILER_FIXTURE_H

#include "compiler/planner/draft.h"

#include <stdbool.h>

/* A module; sizes of 0 count as 1. */
struct fixture_module {
    const char *name;
    uint32_t tp, cp, dp, pp, virtual_pipeline, rank_offset;
    bool is_frozen;
    bool has_projector; /* encoders: a linear one of its own */
    bool projector_is_frozen;
    uint32_t layers; /* 0: two a stage */
};

/* The last module is the language model. */
struct fixture {
    enum mimo_mode mode;
    enum mimo_pipeline_schedule schedule;
    uint32_t world_size, micro_steps;
    uint32_t encoder_group; /* 0: micro_steps */
    struct fixture_module modules[4];
};

struct fixture_plan {
    struct mimo_arena arena;
    struct mimo_plan_writer writer;
    struct mimo_draft draft;
    struct mimo_plan_modality *modalities;
    struct mimo_plan_projector *projectors;
    struct mimo_draft_owner *projector_owners;
};

/* Builds all sections, with small shapes. */
void fixture_build(struct fixture_plan *plan, const struct fixture *fixture);

/* Proves the programs and has the writer verify all records; returns the reason why not, or NULL.
 */
const char *fixture_refusal(struct fixture_plan *plan);

void fixture_release(struct fixture_plan *plan);

#endif
