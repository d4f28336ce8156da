#include "compiler/show/parts.h"

static const char *parcel(const struct mimo_view *view, uint32_t edge, uint32_t micro_step,
                          uint32_t direction)
{
    return mimo_arena_printf(view->arena, "%s of micro-step %u, %s",
                             direction == MIMO_EDGE_FORWARD ? "rows" : "gradients", micro_step,
                             mimo_view_edge(view, edge, direction));
}

static const char *sent(const struct mimo_view *view,
                        const struct mimo_plan_instruction *instruction)
{
    return parcel(view, instruction->send_edge, instruction->send_micro_step,
                  instruction->send_direction);
}

static const char *received(const struct mimo_view *view,
                            const struct mimo_plan_instruction *instruction)
{
    return parcel(view, instruction->receive_edge, instruction->receive_micro_step,
                  instruction->receive_direction);
}

static const char *exchanged(const struct mimo_view *view,
                             const struct mimo_plan_instruction *instruction)
{
    if (instruction->send_edge == instruction->receive_edge &&
        instruction->send_micro_step == instruction->receive_micro_step &&
        instruction->send_direction == instruction->receive_direction)
        return sent(view, instruction);
    return mimo_arena_printf(view->arena, "send %s; receive %s", sent(view, instruction),
                             received(view, instruction));
}

static const char *operand(const struct mimo_view *view,
                           const struct mimo_plan_instruction *instruction)
{
    const struct mimo_plan_place *place = &view->plan->places[instruction->place];

    switch ((enum mimo_opcode)instruction->opcode) {
    case MIMO_OPCODE_LOAD:
    case MIMO_OPCODE_STEP:
    case MIMO_OPCODE_COUNT:
        break;
    case MIMO_OPCODE_ENCODE:
    case MIMO_OPCODE_MERGE:
    case MIMO_OPCODE_FORWARD:
    case MIMO_OPCODE_BACKWARD:
        return mimo_arena_printf(view->arena, "%s, micro-step %u",
                                 mimo_view_stage(view, place->module, place->stage),
                                 instruction->micro_step);
    case MIMO_OPCODE_REDUCE:
        return mimo_plan_text(view->plan, view->plan->modules[place->module].name);
    case MIMO_OPCODE_SEND:
        return sent(view, instruction);
    case MIMO_OPCODE_RECEIVE:
        return received(view, instruction);
    case MIMO_OPCODE_EXCHANGE:
        return exchanged(view, instruction);
    }
    return NULL;
}

const char *mimo_view_instruction(const struct mimo_view *view,
                                  const struct mimo_plan_instruction *instruction)
{
    const char *word = mimo_opcode_word(instruction->opcode);
    const char *text = operand(view, instruction);

    return text == NULL ? word : mimo_arena_printf(view->arena, "%-8s  %s", word, text);
}
