/*
 * communication_parts.h - the parts of mimo_communication_build(); nobody else includes it.
 */
#ifndef MIMO_COMPILER_PLANNER_COMMUNICATION_PARTS_H
#define MIMO_COMPILER_PLANNER_COMMUNICATION_PARTS_H

#include "compiler/planner/communication.h"

/* The list under construction: its key, and what the next records have in common. */
struct mimo_communication_list {
    const struct mimo_plan *plan;
    struct mimo_arena *arena;
    struct mimo_plan_communication *items;
    size_t count, capacity;
    const struct mimo_plan_module *module; /* of lists that are not those of all ranks */
    struct mimo_plan_communication next;   /* what mimo_communication_add fills in the rest of */
};

/* Starts the list of that opcode and stage. */
void mimo_communication_begin(struct mimo_communication_list *list, enum mimo_opcode opcode,
                              uint32_t module, uint32_t stage);

/* Appends a copy of list->next with these fields; nothing where the group has one rank. */
void mimo_communication_add(struct mimo_communication_list *list, enum mimo_operation operation,
                            uint32_t group, enum mimo_content content, enum mimo_row_unit rows,
                            uint64_t columns);

/* The type that activations are computed in, and the one of gradients, norms and losses. */
enum mimo_element mimo_compute_element(const struct mimo_plan *plan);
enum mimo_element mimo_master_element(const struct mimo_plan *plan);

/* The lists of ENCODE, MERGE and FORWARD, and of BACKWARD, of one stage (communication_stages.c);
 * `opcode` is one of these. */
void mimo_communication_add_stage(struct mimo_communication_list *list, enum mimo_opcode opcode,
                                  uint32_t module, uint32_t stage);

#endif
