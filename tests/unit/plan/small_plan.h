/*
 * small_plan.h - a small but complete plan, filled by hand: the tests' stand-in for mimoc.
 *
 * Seven ranks: an encoder with a projector on ranks 0 and 1 (dp 2), a llama of two layers on ranks
 * 2 to 5 (tp 2, pp 2), and rank 6 idle. Two micro-steps of two samples.
 */
#ifndef MIMO_TESTS_UNIT_PLAN_SMALL_PLAN_H
#define MIMO_TESTS_UNIT_PLAN_SMALL_PLAN_H

#include "plan/writer.h"

enum { SMALL_PARAMETERS_MAX = 64, SMALL_INSTRUCTIONS_MAX = 64, SMALL_WORLD = 7 };

/* The records; `plan` points at them. Tests may change them before they write them. */
struct small_plan {
    struct mimo_plan plan;
    struct mimo_plan_meta meta;
    struct mimo_plan_training training;
    struct mimo_plan_data data;
    struct mimo_plan_checkpoint checkpoint;
    struct mimo_plan_cluster cluster;
    struct mimo_plan_modality modality;
    struct mimo_plan_module modules[2];
    struct mimo_plan_projector projector;
    struct mimo_plan_stage stages[3];
    struct mimo_plan_parameter parameters[SMALL_PARAMETERS_MAX];
    struct mimo_plan_groups groups[2 * MIMO_GROUP_KIND_COUNT];
    struct mimo_plan_edge edges[2];
    struct mimo_plan_role roles[4];
    struct mimo_plan_place places[4];
    struct mimo_plan_range ranges[4];
    struct mimo_plan_instruction instructions[SMALL_INSTRUCTIONS_MAX];
    struct mimo_plan_communication communications[5];
};

/* Fills the records, with the strings in `writer`. */
void small_plan_fill(struct small_plan *small, struct mimo_plan_writer *writer);

/* The whole plan as bytes, which live in `arena`. */
void small_plan_write(struct mimo_arena *arena, const unsigned char **out_bytes, size_t *out_size);

/* Makes table, digest and header match the contents again, after a change within the sections. */
void small_plan_reseal(unsigned char *bytes, size_t size);

#endif
