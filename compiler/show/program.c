/* The program of one rank: with each instruction its peers, and what is communicated inside. */
#include "compiler/show/parts.h"
#include "plan/bridge.h"
#include "plan/communication.h"
#include "plan/grid.h"

#include <inttypes.h>
#include <string.h>

enum { MEMBERS_SHOWN = 8 };

/* ---- one communication ---- */

/* "[0 1 2 3]", "[0 8 16 ... 1016]" */
static const char *members(const struct mimo_view *view,
                           const struct mimo_plan_communication *record)
{
    const struct mimo_plan_groups *groups;
    const char *text = "[";
    uint32_t group, member;

    if (record->group == MIMO_NONE)
        return mimo_arena_printf(view->arena, "over all %u ranks", view->plan->meta->world_size);
    groups = &view->plan->groups[record->module * MIMO_GROUP_KIND_COUNT + record->group];
    if (!mimo_groups_find(groups, view->options->rank, &group, &member))
        return "";
    for (uint32_t i = 0; i < groups->size; i++) {
        if (groups->size > MEMBERS_SHOWN && i == MEMBERS_SHOWN - 1) {
            text = mimo_arena_printf(view->arena, "%s ...", text);
            i = groups->size - 1;
        }
        text = mimo_arena_printf(view->arena, "%s%s%u", text, i == 0 ? "" : " ",
                                 mimo_groups_member(groups, group, i));
    }
    return mimo_arena_printf(view->arena, "over %s %s]", mimo_group_kind_word(record->group), text);
}

static uint64_t rows_max(const struct mimo_view *view, const struct mimo_communications *cursor,
                         const struct mimo_plan_communication *record)
{
    struct mimo_micro_step most = {0};

    if (record->module != MIMO_NONE)
        most = mimo_micro_step_max(view->plan, record->module, record->edge);
    return mimo_communications_rows(cursor, record, view->options->rank, &most);
}

/* Gradients and weights of one bucket of several. */
static bool is_of_bucket(const struct mimo_plan_communication *record)
{
    return record->rows == MIMO_ROW_UNIT_GRADIENTS ||
           record->rows == MIMO_ROW_UNIT_EXPERT_GRADIENTS;
}

/* "tokens x 4096 fp32, at most 67.1 MB" */
static const char *size_of(const struct mimo_view *view, const struct mimo_communications *cursor,
                           const struct mimo_plan_communication *record)
{
    const uint64_t rows = rows_max(view, cursor, record);
    const double bytes =
        (double)rows * (double)record->columns * mimo_element_bytes(record->element);
    const bool is_fixed = record->rows == MIMO_ROW_UNIT_ONE ||
                          record->rows == MIMO_ROW_UNIT_PARAMETER || is_of_bucket(record);

    if (is_fixed)
        return mimo_arena_printf(view->arena, "%" PRIu64 " %s, %s", rows * record->columns,
                                 mimo_element_word(record->element),
                                 mimo_view_number(view, bytes, "B"));
    return mimo_arena_printf(view->arena, "%s x %" PRIu64 " %s, %s %s",
                             mimo_row_unit_word(record->rows), record->columns,
                             mimo_element_word(record->element),
                             record->rows == MIMO_ROW_UNIT_ROUTED ? "about" : "at most",
                             mimo_view_number(view, bytes, "B"));
}

/* The first weight of the module with that slot: one of those that the record is about. */
static const char *weight_name(const struct mimo_view *view,
                               const struct mimo_plan_communication *record)
{
    const struct mimo_plan_module *module = &view->plan->modules[record->module];

    for (uint32_t i = 0; i < module->parameter_count; i++) {
        const struct mimo_plan_parameter *parameter =
            &view->plan->parameters[module->parameter_first + i];

        if (parameter->slot == record->slot)
            return mimo_plan_text(view->plan, parameter->name);
    }
    return "";
}

/* What is said besides: hops, pieces, weights, conditions. */
static const char *remarks(const struct mimo_view *view,
                           const struct mimo_plan_communication *record)
{
    const char *text = "";

    if (record->slot != MIMO_NONE)
        text = mimo_arena_printf(view->arena, ", %s%s", weight_name(view, record),
                                 record->loop == MIMO_LOOP_ONCE ? "" : " and its like");
    if (record->operation == MIMO_OPERATION_RING)
        text = mimo_arena_printf(view->arena, "%s, %u hops", text, record->repeat);
    if (record->rows_max > 0)
        text = mimo_arena_printf(view->arena, "%s, %u rows at a time", text, record->rows_max);
    if (record->on_bad_samples != 0)
        text = mimo_arena_printf(view->arena, "%s, only after bad samples", text);
    return text;
}

static void show_communication(const struct mimo_view *view,
                               const struct mimo_communications *cursor,
                               const struct mimo_plan_communication *record)
{
    static const char *const loops[MIMO_LOOP_COUNT] = {
        [MIMO_LOOP_ONCE] = "",
        [MIMO_LOOP_LAYER] = "each layer: ",
        [MIMO_LOOP_EXPERT_LAYER] = "each layer with experts: ",
    };

    (void)fprintf(view->file, "          %s%s of %s%s %s: %s%s\n", loops[record->loop],
                  mimo_operation_word(record->operation),
                  record->is_gradient != 0 && record->content != MIMO_CONTENT_PARTIAL
                      ? "the gradient of "
                      : "",
                  mimo_content_word(record->content), members(view, record),
                  size_of(view, cursor, record), remarks(view, record));
}

/* ---- one instruction ---- */

static void show_peers(const struct mimo_view *view, uint32_t edge, uint32_t direction, bool sends)
{
    const bool is_source = sends == (direction == MIMO_EDGE_FORWARD);
    struct mimo_transfers transfers;
    struct mimo_transfer transfer;

    mimo_transfers_init(&transfers, view->plan, edge, is_source ? view->options->rank : MIMO_NONE,
                        is_source ? MIMO_NONE : view->options->rank);
    while (mimo_transfers_next(&transfers, &transfer))
        (void)fprintf(view->file, "          %s rank %u: samples %u to %u, columns %u to %u\n",
                      sends ? "to" : "from", is_source ? transfer.destination : transfer.source,
                      transfer.sample_begin, transfer.sample_end, transfer.column_begin,
                      transfer.column_end);
}

static void show_all_peers(const struct mimo_view *view,
                           const struct mimo_plan_instruction *instruction)
{
    if (instruction->send_edge != MIMO_NONE)
        show_peers(view, instruction->send_edge, instruction->send_direction, true);
    if (instruction->receive_edge != MIMO_NONE)
        show_peers(view, instruction->receive_edge, instruction->receive_direction, false);
}

/* Each record once, whatever the number of layers, but every bucket; `is_shown` is scratch. */
static void show_inside(const struct mimo_view *view, const struct mimo_plan_role *role,
                        const struct mimo_plan_instruction *instruction, bool *is_shown)
{
    const struct mimo_plan_communication *record;
    struct mimo_communications cursor;
    bool has_peers = false;

    memset(is_shown, 0, view->plan->communication_count * sizeof *is_shown);
    mimo_communications_init(&cursor, view->plan, role, instruction);
    while (mimo_communications_next(&cursor, &record)) {
        bool *const was_shown = &is_shown[record - view->plan->communications];

        if (record->opcode == MIMO_OPCODE_RECEIVE && !has_peers) {
            show_all_peers(view, instruction);
            has_peers = true;
        }
        if (!*was_shown || is_of_bucket(record))
            show_communication(view, &cursor, record);
        *was_shown = true;
    }
    if (!has_peers)
        show_all_peers(view, instruction);
}

/* The last micro-step's backward does more than the others: it sums gradients. */
static bool completes_buckets(const struct mimo_plan *plan,
                              const struct mimo_plan_instruction *instruction)
{
    struct mimo_bucket bucket;

    return instruction->opcode == MIMO_OPCODE_BACKWARD &&
           instruction->micro_step + 1 == plan->training->micro_steps &&
           mimo_bucket_first_of_stage(plan, plan->places[instruction->place].module,
                                      plan->places[instruction->place].stage, &bucket);
}

/* True where an instruction of the program before it does the same inside: another micro-step. */
static bool is_repeated(const struct mimo_plan *plan, const struct mimo_plan_role *role,
                        uint32_t index, uint32_t *out_first)
{
    const struct mimo_plan_instruction *program = &plan->instructions[role->instruction_first];
    const struct mimo_plan_instruction *own = &program[index];

    for (uint32_t i = 0; i < index && !completes_buckets(plan, own); i++) {
        if (program[i].opcode != own->opcode || program[i].place != own->place ||
            program[i].send_edge != own->send_edge ||
            program[i].receive_edge != own->receive_edge ||
            (own->send_edge != MIMO_NONE && program[i].send_direction != own->send_direction) ||
            (own->receive_edge != MIMO_NONE &&
             program[i].receive_direction != own->receive_direction))
            continue;
        *out_first = i;
        return true;
    }
    return false;
}

/* ---- the program ---- */

static void show_places(const struct mimo_view *view, const struct mimo_plan_role *role)
{
    for (uint32_t i = 0; i < role->place_count; i++) {
        const struct mimo_plan_place *place = &view->plan->places[role->place_first + i];

        (void)fprintf(view->file, "%s%s", i == 0 ? "" : ", ",
                      mimo_view_stage(view, place->module, place->stage));
    }
    (void)fprintf(view->file, "%s\n", role->place_count == 0 ? "idle" : "");
}

void mimo_show_program(const struct mimo_view *view)
{
    const struct mimo_plan *plan = view->plan;
    const struct mimo_plan_role *role = mimo_plan_role_of(plan, view->options->rank);
    bool *is_shown = MIMO_NEW_ARRAY(view->arena, bool, plan->communication_count);

    (void)fprintf(view->file, "\nprogram of rank %u: ", view->options->rank);
    show_places(view, role);
    for (uint32_t i = 0; i < role->instruction_count; i++) {
        const struct mimo_plan_instruction *instruction =
            &plan->instructions[role->instruction_first + i];
        uint32_t first;

        (void)fprintf(view->file, "  %4u  %s", i, mimo_view_instruction(view, instruction));
        if (is_repeated(plan, role, i, &first)) {
            (void)fprintf(view->file, "  (as %u)\n", first);
            continue;
        }
        (void)fputc('\n', view->file);
        show_inside(view, role, instruction, is_shown);
    }
}

/* ---- JSON ---- */

static void write_record(const struct mimo_view *view, struct mimo_json *json,
                         const struct mimo_plan_communication *record)
{
    const struct mimo_plan *plan = view->plan;

    mimo_json_open_object(json, NULL);
    mimo_json_text(json, "in", mimo_opcode_word(record->opcode));
    if (record->module != MIMO_NONE) {
        mimo_json_text(json, "module", mimo_plan_text(plan, plan->modules[record->module].name));
        mimo_json_integer(json, "stage", record->stage);
    }
    if (record->edge != MIMO_NONE) {
        mimo_json_integer(json, "edge", record->edge);
        mimo_json_text(json, "direction",
                       record->direction == MIMO_EDGE_FORWARD ? "forward" : "backward");
    }
    mimo_json_text(json, "each", mimo_loop_word(record->loop));
    mimo_json_text(json, "operation", mimo_operation_word(record->operation));
    mimo_json_text(json, "group",
                   record->group == MIMO_NONE ? "all" : mimo_group_kind_word(record->group));
    mimo_json_text(json, "content", mimo_content_word(record->content));
    mimo_json_boolean(json, "gradient", record->is_gradient != 0);
    mimo_json_text(json, "element", mimo_element_word(record->element));
    mimo_json_text(json, "rows", mimo_row_unit_word(record->rows));
    mimo_json_integer(json, "columns", record->columns);
    mimo_json_integer(json, "repeat", record->repeat);
    mimo_json_integer(json, "rows_max", record->rows_max);
    mimo_json_boolean(json, "on_bad_samples", record->on_bad_samples != 0);
    mimo_json_close(json);
}

void mimo_show_communications_json(const struct mimo_view *view, struct mimo_json *json)
{
    mimo_json_open_list(json, "communications");
    for (uint32_t i = 0; i < view->plan->communication_count; i++) {
        const struct mimo_plan_communication *record = &view->plan->communications[i];
        struct mimo_coordinate at;

        if (view->options->rank == MIMO_NONE || record->module == MIMO_NONE ||
            (mimo_grid_coordinate(&view->plan->modules[record->module], view->options->rank, &at) &&
             record->stage % view->plan->modules[record->module].pp == at.pp))
            write_record(view, json, record);
    }
    mimo_json_close(json);
}
