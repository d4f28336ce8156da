/*
 * sections.h - what the writer and the reader of a plan share; nobody else includes it.
 */
#ifndef MIMO_PLAN_SECTIONS_H
#define MIMO_PLAN_SECTIONS_H

#include "plan/plan.h"

#include <assert.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "plans are little-endian and are used in place"
#endif

/* Sections that hold any number of records: identifier, the member of struct mimo_plan that counts
 * them. The others hold exactly one. */
#define MIMO_PLAN_COUNTS(X)                                                                        \
    X(STRS, string_bytes)                                                                          \
    X(MDLT, modality_count)                                                                        \
    X(MODL, module_count)                                                                          \
    X(PROJ, projector_count)                                                                       \
    X(STAG, stage_count)                                                                           \
    X(PARM, parameter_count)                                                                       \
    X(GRPS, groups_count)                                                                          \
    X(EDGE, edge_count)                                                                            \
    X(ROLE, role_count)                                                                            \
    X(PLAC, place_count)                                                                           \
    X(RANG, range_count)                                                                           \
    X(PROG, instruction_count)                                                                     \
    X(COMM, communication_count)                                                                   \
    X(MEMO, memory_count)

#define MIMO_PLAN_SECTION_ENUM(id, type, member, exact) MIMO_SECTION_##id,
enum mimo_section { MIMO_PLAN_SECTIONS(MIMO_PLAN_SECTION_ENUM) MIMO_SECTION_COUNT };

enum {
    MIMO_SECTION_REQUIRED = 1, /* the flag of a section that a reader must know */
    MIMO_SECTION_FLAGS = MIMO_SECTION_REQUIRED
};

struct mimo_section_rule {
    char id[5]; /* with a NUL */
    uint32_t element_size;
    uint32_t count; /* 0: any */
};

#define MIMO_PLAN_SECTION_RULE(id, type, member, exact)                                            \
    [MIMO_SECTION_##id] = {#id, (uint32_t)sizeof(type), (exact)},
static const struct mimo_section_rule mimo_section_rules[MIMO_SECTION_COUNT] = {
    MIMO_PLAN_SECTIONS(MIMO_PLAN_SECTION_RULE)};

/* The sizes are the format's: docs/plan-format.md lists every field. */
static_assert(sizeof(struct mimo_plan_header) == 64, "header");
static_assert(sizeof(struct mimo_plan_section) == 40, "section");
static_assert(sizeof(struct mimo_plan_meta) == 48, "META");
static_assert(sizeof(struct mimo_plan_training) == 144, "TRNG");
static_assert(sizeof(struct mimo_plan_data) == 64, "DATA");
static_assert(sizeof(struct mimo_plan_checkpoint) == 24, "CKPT");
static_assert(sizeof(struct mimo_plan_cluster) == 48, "CLUS");
static_assert(sizeof(struct mimo_plan_modality) == 32, "MDLT");
static_assert(sizeof(struct mimo_plan_module) == 288, "MODL");
static_assert(sizeof(struct mimo_plan_projector) == 48, "PROJ");
static_assert(sizeof(struct mimo_plan_stage) == 16, "STAG");
static_assert(sizeof(struct mimo_plan_parameter) == 128, "PARM");
static_assert(sizeof(struct mimo_plan_groups) == 88, "GRPS");
static_assert(sizeof(struct mimo_plan_edge) == 32, "EDGE");
static_assert(sizeof(struct mimo_plan_role) == 24, "ROLE");
static_assert(sizeof(struct mimo_plan_place) == 8, "PLAC");
static_assert(sizeof(struct mimo_plan_range) == 16, "RANG");
static_assert(sizeof(struct mimo_plan_instruction) == 40, "PROG");
static_assert(sizeof(struct mimo_plan_communication) == 72, "COMM");
static_assert(sizeof(struct mimo_plan_memory) == 64, "MEMO");

/* The end of a section, rounded up to where the next one begins. */
static inline uint64_t mimo_section_align(uint64_t offset)
{
    return (offset + MIMO_PLAN_ALIGNMENT - 1) / MIMO_PLAN_ALIGNMENT * MIMO_PLAN_ALIGNMENT;
}

#endif
