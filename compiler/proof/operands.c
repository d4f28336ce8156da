#include "compiler/proof/parts.h"

#include <stdbool.h>

/* What an instruction of each opcode has. */
static const struct operands {
    bool place, micro_step, sends, receives;
} operands_of[MIMO_OPCODE_COUNT] = {
    [MIMO_OPCODE_ENCODE] = {.place = true, .micro_step = true},
    [MIMO_OPCODE_MERGE] = {.place = true, .micro_step = true},
    [MIMO_OPCODE_FORWARD] = {.place = true, .micro_step = true},
    [MIMO_OPCODE_BACKWARD] = {.place = true, .micro_step = true},
    [MIMO_OPCODE_SEND] = {.sends = true},
    [MIMO_OPCODE_RECEIVE] = {.receives = true},
    [MIMO_OPCODE_EXCHANGE] = {.sends = true, .receives = true},
    [MIMO_OPCODE_REDUCE] = {.place = true},
};

static bool is_place_right(const struct mimo_plan *plan, const struct mimo_plan_role *role,
                           const struct mimo_plan_instruction *instruction)
{
    const struct mimo_plan_place *place;
    bool is_language;

    if (instruction->place < role->place_first ||
        instruction->place - role->place_first >= role->place_count)
        return false;
    place = &plan->places[instruction->place];
    is_language = plan->modules[place->module].kind == MIMO_MODULE_KIND_LANGUAGE;
    switch ((enum mimo_opcode)instruction->opcode) {
    case MIMO_OPCODE_ENCODE:
        return !is_language;
    case MIMO_OPCODE_MERGE:
        return is_language && place->stage == 0;
    case MIMO_OPCODE_FORWARD:
        return is_language;
    case MIMO_OPCODE_REDUCE: /* at the first of the module's places */
        return instruction->place == role->place_first || place[-1].module != place->module;
    case MIMO_OPCODE_BACKWARD:
    case MIMO_OPCODE_LOAD:
    case MIMO_OPCODE_SEND:
    case MIMO_OPCODE_RECEIVE:
    case MIMO_OPCODE_EXCHANGE:
    case MIMO_OPCODE_STEP:
    case MIMO_OPCODE_COUNT:
        break;
    }
    return true;
}

static bool is_parcel_right(const struct mimo_plan *plan, bool is_present, uint32_t edge,
                            uint32_t micro_step, uint32_t direction)
{
    if (!is_present)
        return edge == MIMO_NONE;
    return edge < plan->edge_count && micro_step < plan->training->micro_steps &&
           direction <= MIMO_EDGE_BACKWARD;
}

static bool is_right(const struct mimo_plan *plan, const struct mimo_plan_role *role,
                     const struct mimo_plan_instruction *instruction)
{
    const struct operands *operands;

    if (instruction->opcode >= MIMO_OPCODE_COUNT)
        return false;
    operands = &operands_of[instruction->opcode];
    return (operands->place ? is_place_right(plan, role, instruction)
                            : instruction->place == MIMO_NONE) &&
           (operands->micro_step ? instruction->micro_step < plan->training->micro_steps
                                 : instruction->micro_step == MIMO_NONE) &&
           is_parcel_right(plan, operands->sends, instruction->send_edge,
                           instruction->send_micro_step, instruction->send_direction) &&
           is_parcel_right(plan, operands->receives, instruction->receive_edge,
                           instruction->receive_micro_step, instruction->receive_direction);
}

const char *mimo_prove_operands(const struct mimo_plan *plan, struct mimo_arena *arena)
{
    for (uint32_t i = 0; i < plan->role_count; i++) {
        const struct mimo_plan_role *role = &plan->roles[i];

        for (uint32_t k = 0; k < role->instruction_count; k++) {
            if (!is_right(plan, role, &plan->instructions[role->instruction_first + k]))
                return mimo_arena_printf(arena, "role %u, instruction %u: its operands are wrong",
                                         i, k);
        }
    }
    return NULL;
}
