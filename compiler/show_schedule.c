#include "compiler/show_parts.h"

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

static void show_places(const struct mimo_view *view, const struct mimo_plan_role *role)
{
    for (uint32_t i = 0; i < role->place_count; i++) {
        const struct mimo_plan_place *place = &view->plan->places[role->place_first + i];

        (void)fprintf(view->file, "%s%s", i == 0 ? ": " : ", ",
                      mimo_view_stage(view, place->module, place->stage));
    }
    if (role->place_count == 0)
        (void)fputs(": idle", view->file);
}

static void show_role(const struct mimo_view *view, uint32_t index)
{
    const struct mimo_plan_role *role = &view->plan->roles[index];

    for (uint32_t i = 0; i < role->range_count; i++) {
        const struct mimo_plan_range *range = &view->plan->ranges[role->range_first + i];

        (void)fprintf(view->file, "%s%s", i == 0 ? "\nprogram of " : ", ",
                      mimo_view_ranks(view, range->first, range->count));
    }
    show_places(view, role);
    (void)fputc('\n', view->file);
    for (uint32_t i = 0; i < role->instruction_count; i++)
        (void)fprintf(
            view->file, "  %4u  %s\n", i,
            mimo_view_instruction(view, &view->plan->instructions[role->instruction_first + i]));
}

void mimo_show_schedule(const struct mimo_view *view)
{
    const struct mimo_plan_role *only = NULL;

    if (view->options->rank != MIMO_NONE)
        only = mimo_plan_role_of(view->plan, view->options->rank);
    for (uint32_t i = 0; i < view->plan->role_count; i++) {
        if (only == NULL || only == &view->plan->roles[i])
            show_role(view, i);
    }
}
