/*
 * plan.h - reading a plan: verified once, then plain pointers.
 *
 *     struct mimo_plan plan;
 *     MIMO_TRY(mimo_plan_verify(bytes, size, &plan, err));
 *     for (uint32_t i = 0; i < plan.module_count; i++)
 *         puts(mimo_plan_text(&plan, plan.modules[i].name));
 *
 * mimo_plan_verify() keeps pointers into the caller's bytes, which must stay unchanged while the
 * plan is in use, and no memory of its own. After it has succeeded every index, offset, enumeration
 * value and count in the records is in range, so the accessors below do not fail.
 */
#ifndef MIMO_PLAN_PLAN_H
#define MIMO_PLAN_PLAN_H

#include "plan/error.h"
#include "plan/format.h"

#include <stdbool.h>
#include <stddef.h>

struct mimo_plan {
    const struct mimo_plan_header *header;
    const char *strings;
    uint32_t string_bytes;
    const struct mimo_plan_meta *meta;
    const struct mimo_plan_training *training;
    const struct mimo_plan_data *data;
    const struct mimo_plan_checkpoint *checkpoint;
    const struct mimo_plan_cluster *cluster;
    const struct mimo_plan_modality *modalities;
    const struct mimo_plan_module *modules;
    const struct mimo_plan_projector *projectors;
    const struct mimo_plan_stage *stages;
    const struct mimo_plan_parameter *parameters;
    const struct mimo_plan_groups *groups;
    const struct mimo_plan_edge *edges;
    const struct mimo_plan_role *roles;
    const struct mimo_plan_place *places;
    const struct mimo_plan_range *ranges;
    const struct mimo_plan_instruction *instructions;
    const struct mimo_plan_communication *communications;
    const struct mimo_plan_memory *memories; /* of each role */
    uint32_t modality_count, module_count, projector_count, stage_count, parameter_count;
    uint32_t groups_count, edge_count, role_count, place_count, range_count, instruction_count;
    uint32_t communication_count, memory_count;
};

/*
 * Verifies `size` bytes at `bytes` (8-byte aligned, as malloc and mmap give) and fills `*out_plan`.
 * Fails with MIMO_E_PLAN, saying what is wrong and where: "not a plan", "truncated", "altered
 * (section MODL)", "of format version 2; this program reads version 1", ...
 */
enum mimo_status mimo_plan_verify(const void *bytes, size_t size, struct mimo_plan *out_plan,
                                  struct mimo_error *err);

/* The NUL-terminated text of a string of a verified plan. */
const char *mimo_plan_text(const struct mimo_plan *plan, struct mimo_plan_string string);

/* The role of a rank below meta->world_size; every rank has one. */
const struct mimo_plan_role *mimo_plan_role_of(const struct mimo_plan *plan, uint32_t rank);

/* True where stage `stage` of the module runs backward: something at it or before it is trained. */
bool mimo_plan_has_backward(const struct mimo_plan *plan, uint32_t module, uint32_t stage);

/* True where the module or its projector is trained. */
bool mimo_plan_is_trained(const struct mimo_plan *plan, uint32_t module);

/* True where the parameter (an index into the plan's) has a twin on another stage: the word table
 * on the first one, the head on the last one. */
bool mimo_plan_is_tied(const struct mimo_plan *plan, uint32_t parameter);

/* The words of the closed sets of format.h ("colocated", "tp", ...); `value` is in range. */
const char *mimo_mode_word(uint32_t value);
const char *mimo_precision_word(uint32_t value);
const char *mimo_architecture_word(uint32_t value);
const char *mimo_activation_word(uint32_t value);
const char *mimo_module_kind_word(uint32_t value);
const char *mimo_group_kind_word(uint32_t value);
const char *mimo_opcode_word(uint32_t value);
const char *mimo_operation_word(uint32_t value);
const char *mimo_element_word(uint32_t value);
const char *mimo_loop_word(uint32_t value);
const char *mimo_row_unit_word(uint32_t value);
const char *mimo_content_word(uint32_t value);

#endif
