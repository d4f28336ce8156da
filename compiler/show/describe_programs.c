/* What the ranks do and need: programs, communication, memory and work. */
#include "compiler/show/describe.h"
#include "compiler/show/parts.h"
#include "plan/memory.h"
#include "plan/work.h"

#include <inttypes.h>
#include <string.h>

/* ---- roles ---- */

/* "clip, llm stage 0": what a role's ranks run; "idle". */
static const char *role_name(const struct mimo_view *view, uint32_t index)
{
    const struct mimo_plan_role *role = &view->plan->roles[index];
    const char *name = "";

    for (uint32_t i = 0; i < role->place_count; i++) {
        const struct mimo_plan_place *place = &view->plan->places[role->place_first + i];
        name = mimo_arena_printf(view->arena, "%s%s%s", name, i == 0 ? "" : ", ",
                                 mimo_view_stage(view, place->module, place->stage));
    }
    return *name == '\0' ? mimo_arena_printf(view->arena, "idle from rank %u",
                                             view->plan->ranges[role->range_first].first)
                         : name;
}

static uint64_t count_ranks(const struct mimo_plan *plan, const struct mimo_plan_role *role)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < role->range_count; i++)
        count += plan->ranges[role->range_first + i].count;
    return count;
}

/* Tells programs of equal length apart: FNV-1a of the instructions in words, which name no index.
 */
static uint32_t hash_program(const struct mimo_view *view, const struct mimo_plan_role *role)
{
    uint32_t hash = 2166136261u;

    for (uint32_t i = 0; i < role->instruction_count; i++) {
        const char *text =
            mimo_view_instruction(view, &view->plan->instructions[role->instruction_first + i]);
        for (const char *byte = text; *byte != '\0'; byte++)
            hash = (hash ^ (unsigned char)*byte) * 16777619u;
        hash = (hash ^ '\n') * 16777619u;
    }
    return hash;
}

static void describe_roles(struct mimo_description *description, const struct mimo_plan *plan)
{
    struct mimo_arena scratch = {0};
    const struct mimo_view names = {.plan = plan, .arena = description->arena};
    const struct mimo_view instructions = {.plan = plan, .arena = &scratch};

    for (uint32_t i = 0; i < plan->role_count; i++) {
        const struct mimo_plan_role *role = &plan->roles[i];
        mimo_describe_subject(description, MIMO_TOPIC_SCHEDULE, role_name(&names, i));
        mimo_describe_integer(description, "ranks", count_ranks(plan, role));
        mimo_describe_integer(description, "instructions", role->instruction_count);
        mimo_describe_text(
            description, "program",
            mimo_arena_printf(description->arena, "%08" PRIx32, hash_program(&instructions, role)));
        mimo_arena_release(&scratch);
    }
}

/* ---- communication ---- */

/* "forward of llm stage 0", "send from clip to llm", "step of all ranks" */
static const char *communication_subject(const struct mimo_view *view,
                                         const struct mimo_plan_communication *record)
{
    const char *word = mimo_opcode_word(record->opcode);

    if (record->edge != MIMO_NONE)
        return mimo_arena_printf(view->arena, "%s from %s", word,
                                 mimo_view_edge(view, record->edge, record->direction));
    if (record->module == MIMO_NONE)
        return mimo_arena_printf(view->arena, "%s of all ranks", word);
    return mimo_arena_printf(
        view->arena, "%s of %s", word,
        mimo_view_stage(view, record->module, record->stage == MIMO_NONE ? 0 : record->stage));
}

static const char *communication_text(const struct mimo_view *view,
                                      const struct mimo_plan_communication *record)
{
    return mimo_arena_printf(
        view->arena, "%s over %s, %s of %" PRIu64 " columns in %s, %s%s%s",
        mimo_operation_word(record->operation),
        record->group == MIMO_NONE ? "all" : mimo_group_kind_word(record->group),
        mimo_row_unit_word(record->rows), record->columns, mimo_element_word(record->element),
        mimo_loop_word(record->loop),
        record->rows_max == 0
            ? ""
            : mimo_arena_printf(view->arena, ", %u rows at once", record->rows_max),
        record->repeat == 1 ? "" : mimo_arena_printf(view->arena, ", %u times", record->repeat));
}

static void describe_communications(struct mimo_description *description,
                                    const struct mimo_plan *plan)
{
    const struct mimo_view view = {.plan = plan, .arena = description->arena};
    const char *subject = "";
    uint32_t place = 0;

    for (uint32_t i = 0; i < plan->communication_count; i++) {
        const struct mimo_plan_communication *record = &plan->communications[i];
        const char *own = communication_subject(&view, record);
        if (strcmp(own, subject) != 0) {
            subject = own;
            place = 0;
            mimo_describe_subject(description, MIMO_TOPIC_COMMUNICATION, subject);
        }
        mimo_describe_text(description,
                           mimo_arena_printf(description->arena, "%u. %s%s", ++place,
                                             mimo_content_word(record->content),
                                             record->is_gradient != 0 ? " (gradient)" : ""),
                           communication_text(&view, record));
    }
}

/* ---- costs ---- */

static void describe_memory(struct mimo_description *description, const struct mimo_plan *plan)
{
    const struct mimo_view view = {.plan = plan, .arena = description->arena};

    for (uint32_t i = 0; i < plan->role_count; i++) {
        const struct mimo_plan_memory *memory = &plan->memories[i];
        mimo_describe_subject(description, MIMO_TOPIC_MEMORY, role_name(&view, i));
        mimo_describe_bytes(description, "all", mimo_memory_total(memory));
        for (int kind = 0; kind < MIMO_MEMORY_COUNT; kind++)
            mimo_describe_bytes(description, mimo_memory_word((enum mimo_memory_kind)kind),
                                memory->bytes[kind]);
        mimo_describe_integer(description, "micro_steps_alive", memory->micro_steps_alive);
    }
}

static void describe_work(struct mimo_description *description, const struct mimo_plan *plan)
{
    const struct mimo_load load = mimo_load_full(plan);

    for (uint32_t i = 0; i < plan->module_count; i++) {
        const struct mimo_work work = mimo_work_of_module(plan, i, &load);
        mimo_describe_subject(description, MIMO_TOPIC_WORK,
                              mimo_plan_text(plan, plan->modules[i].name));
        mimo_describe_real(description, "forward_flop", work.forward);
        mimo_describe_real(description, "backward_flop", work.backward);
    }
}

void mimo_describe_programs(struct mimo_description *description, const struct mimo_plan *plan)
{
    describe_roles(description, plan);
    describe_communications(description, plan);
    describe_memory(description, plan);
    describe_work(description, plan);
}
