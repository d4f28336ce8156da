#include "compiler/output/json.h"
#include "compiler/show/parts.h"
#include "plan/bridge.h"
#include "plan/grid.h"

static void write_interval(struct mimo_json *json, const char *key, uint32_t begin, uint32_t end)
{
    mimo_json_open_list(json, key);
    mimo_json_integer(json, NULL, begin);
    mimo_json_integer(json, NULL, end);
    mimo_json_close(json);
}

static void write_stages(const struct mimo_view *view, struct mimo_json *json,
                         const struct mimo_plan_module *module)
{
    mimo_json_open_list(json, "stages");
    for (uint32_t i = 0; i < module->stage_count; i++) {
        const struct mimo_plan_stage *stage = &view->plan->stages[module->stage_first + i];

        write_interval(json, NULL, stage->layer_first, stage->layer_first + stage->layer_count);
    }
    mimo_json_close(json);
}

static void write_module(const struct mimo_view *view, struct mimo_json *json,
                         const struct mimo_plan_module *module)
{
    const struct mimo_plan *plan = view->plan;
    const bool is_encoder = module->kind == MIMO_MODULE_KIND_ENCODER;

    mimo_json_open_object(json, NULL);
    mimo_json_text(json, "name", mimo_plan_text(plan, module->name));
    mimo_json_text(json, "kind", mimo_module_kind_word(module->kind));
    if (is_encoder)
        mimo_json_text(json, "modality",
                       mimo_plan_text(plan, plan->modalities[module->modality].name));
    mimo_json_text(json, "architecture", mimo_architecture_word(module->architecture));
    mimo_json_integer(json, "rank_offset", module->rank_offset);
    mimo_json_integer(json, "ranks", module->ranks);
    mimo_json_integer(json, "tp", module->tp);
    mimo_json_integer(json, "cp", module->cp);
    mimo_json_integer(json, "dp", module->dp);
    mimo_json_integer(json, "pp", module->pp);
    mimo_json_integer(json, "etp", module->etp);
    mimo_json_integer(json, "ep", module->ep);
    mimo_json_integer(json, "edp", module->edp);
    mimo_json_integer(json, "virtual_pipeline", module->virtual_pipeline);
    mimo_json_boolean(json, "sequence_parallel", module->sequence_parallel != 0);
    mimo_json_integer(json, "parameters", module->elements);
    mimo_json_boolean(json, "frozen", module->is_frozen != 0);
    write_stages(view, json, module);
    mimo_json_close(json);
}

static void write_summary(const struct mimo_view *view, struct mimo_json *json)
{
    const struct mimo_plan *plan = view->plan;

    mimo_json_integer(json, "format", 1);
    mimo_json_text(json, "model", mimo_plan_text(plan, plan->meta->model));
    mimo_json_text(
        json, "deployment",
        plan->meta->deployment.length == 0 ? NULL : mimo_plan_text(plan, plan->meta->deployment));
    mimo_json_text(json, "mode", mimo_mode_word(plan->meta->mode));
    mimo_json_integer(json, "world_size", plan->meta->world_size);
    mimo_json_integer(json, "global_batch", plan->training->global_batch);
    mimo_json_integer(json, "micro_batch", plan->training->micro_batch);
    mimo_json_integer(json, "micro_steps", plan->training->micro_steps);
    mimo_json_integer(json, "sequence_length", plan->training->sequence_length);
    mimo_json_open_list(json, "modules");
    for (uint32_t i = 0; i < plan->module_count; i++)
        write_module(view, json, &plan->modules[i]);
    mimo_json_close(json);
}

static void write_rank(const struct mimo_view *view, struct mimo_json *json, uint32_t rank)
{
    mimo_json_open_object(json, NULL);
    mimo_json_integer(json, "rank", rank);
    mimo_json_open_list(json, "places");
    for (uint32_t i = 0; i < view->plan->module_count; i++) {
        const struct mimo_plan_module *module = &view->plan->modules[i];
        struct mimo_coordinate at;

        if (!mimo_grid_coordinate(module, rank, &at))
            continue;
        mimo_json_open_object(json, NULL);
        mimo_json_text(json, "module", mimo_plan_text(view->plan, module->name));
        mimo_json_integer(json, "tp", at.tp);
        mimo_json_integer(json, "cp", at.cp);
        mimo_json_integer(json, "dp", at.dp);
        mimo_json_integer(json, "pp", at.pp);
        mimo_json_integer(json, "etp", at.etp);
        mimo_json_integer(json, "ep", at.ep);
        mimo_json_integer(json, "edp", at.edp);
        mimo_json_close(json);
    }
    mimo_json_close(json);
    mimo_json_close(json);
}

static void write_ranks(const struct mimo_view *view, struct mimo_json *json)
{
    mimo_json_open_list(json, "ranks");
    for (uint32_t rank = 0; rank < view->plan->meta->world_size; rank++) {
        if (mimo_view_has_rank(view, rank))
            write_rank(view, json, rank);
    }
    mimo_json_close(json);
}

static void write_group(const struct mimo_view *view, struct mimo_json *json,
                        const struct mimo_plan_groups *groups, uint32_t group)
{
    mimo_json_open_object(json, NULL);
    mimo_json_text(json, "module",
                   mimo_plan_text(view->plan, view->plan->modules[groups->module].name));
    mimo_json_text(json, "kind", mimo_group_kind_word(groups->kind));
    mimo_json_open_list(json, "ranks");
    for (uint32_t member = 0; member < groups->size; member++)
        mimo_json_integer(json, NULL, mimo_groups_member(groups, group, member));
    mimo_json_close(json);
    mimo_json_close(json);
}

static void write_groups(const struct mimo_view *view, struct mimo_json *json)
{
    mimo_json_open_list(json, "groups");
    for (uint32_t i = 0; i < view->plan->groups_count; i++) {
        const struct mimo_plan_groups *groups = &view->plan->groups[i];
        uint32_t own = 0, member;

        if (view->options->rank != MIMO_NONE &&
            !mimo_groups_find(groups, view->options->rank, &own, &member))
            continue;
        for (uint32_t group = 0; group < groups->group_count; group++) {
            if (view->options->rank == MIMO_NONE || group == own)
                write_group(view, json, groups, group);
        }
    }
    mimo_json_close(json);
}

static void write_transfers(const struct mimo_view *view, struct mimo_json *json, uint32_t edge)
{
    struct mimo_transfers transfers;
    struct mimo_transfer transfer;

    mimo_json_open_list(json, "transfers");
    mimo_transfers_init(&transfers, view->plan, edge, MIMO_NONE, MIMO_NONE);
    while (mimo_transfers_next(&transfers, &transfer)) {
        if (!mimo_view_has_rank(view, transfer.source) &&
            !mimo_view_has_rank(view, transfer.destination))
            continue;
        mimo_json_open_object(json, NULL);
        mimo_json_integer(json, "source", transfer.source);
        mimo_json_integer(json, "destination", transfer.destination);
        write_interval(json, "samples", transfer.sample_begin, transfer.sample_end);
        write_interval(json, "columns", transfer.column_begin, transfer.column_end);
        mimo_json_close(json);
    }
    mimo_json_close(json);
}

static void write_bridges(const struct mimo_view *view, struct mimo_json *json)
{
    const struct mimo_plan *plan = view->plan;

    mimo_json_open_list(json, "bridges");
    for (uint32_t i = 0; i < plan->edge_count; i++) {
        const struct mimo_plan_edge *edge = &plan->edges[i];

        if (edge->is_bridge == 0)
            continue;
        mimo_json_open_object(json, NULL);
        mimo_json_text(json, "from", mimo_plan_text(plan, plan->modules[edge->from_module].name));
        mimo_json_text(json, "to", mimo_plan_text(plan, plan->modules[edge->to_module].name));
        mimo_json_boolean(json, "backward", edge->has_backward != 0);
        write_transfers(view, json, i);
        mimo_json_close(json);
    }
    mimo_json_close(json);
}

static void write_parcel(struct mimo_json *json, const char *key, uint32_t edge,
                         uint32_t micro_step, uint32_t direction)
{
    if (edge == MIMO_NONE)
        return;
    mimo_json_open_object(json, key);
    mimo_json_integer(json, "edge", edge);
    mimo_json_integer(json, "micro_step", micro_step);
    mimo_json_text(json, "direction", direction == MIMO_EDGE_FORWARD ? "forward" : "backward");
    mimo_json_close(json);
}

static void write_instruction(const struct mimo_view *view, struct mimo_json *json,
                              const struct mimo_plan_instruction *instruction)
{
    const struct mimo_plan *plan = view->plan;

    mimo_json_open_object(json, NULL);
    mimo_json_text(json, "op", mimo_opcode_word(instruction->opcode));
    if (instruction->place != MIMO_NONE) {
        const struct mimo_plan_place *place = &plan->places[instruction->place];

        mimo_json_text(json, "module", mimo_plan_text(plan, plan->modules[place->module].name));
        mimo_json_integer(json, "stage", place->stage);
    }
    if (instruction->micro_step != MIMO_NONE)
        mimo_json_integer(json, "micro_step", instruction->micro_step);
    write_parcel(json, "send", instruction->send_edge, instruction->send_micro_step,
                 instruction->send_direction);
    write_parcel(json, "receive", instruction->receive_edge, instruction->receive_micro_step,
                 instruction->receive_direction);
    mimo_json_close(json);
}

static void write_edges(const struct mimo_view *view, struct mimo_json *json)
{
    const struct mimo_plan *plan = view->plan;

    mimo_json_open_list(json, "edges");
    for (uint32_t i = 0; i < plan->edge_count; i++) {
        const struct mimo_plan_edge *edge = &plan->edges[i];

        mimo_json_open_object(json, NULL);
        mimo_json_text(json, "from", mimo_plan_text(plan, plan->modules[edge->from_module].name));
        mimo_json_integer(json, "from_stage", edge->from_stage);
        mimo_json_text(json, "to", mimo_plan_text(plan, plan->modules[edge->to_module].name));
        mimo_json_integer(json, "to_stage", edge->to_stage);
        mimo_json_integer(json, "columns", edge->columns);
        mimo_json_boolean(json, "backward", edge->has_backward != 0);
        mimo_json_close(json);
    }
    mimo_json_close(json);
}

static void write_programs(const struct mimo_view *view, struct mimo_json *json)
{
    const struct mimo_plan *plan = view->plan;

    mimo_json_open_list(json, "programs");
    for (uint32_t i = 0; i < plan->range_count; i++) {
        const struct mimo_plan_range *range = &plan->ranges[i];
        const struct mimo_plan_role *role = &plan->roles[range->role];

        if (view->options->rank != MIMO_NONE &&
            (view->options->rank < range->first ||
             view->options->rank - range->first >= range->count))
            continue;
        mimo_json_open_object(json, NULL);
        write_interval(json, "ranks", range->first, range->first + range->count);
        mimo_json_open_list(json, "instructions");
        for (uint32_t k = 0; k < role->instruction_count; k++)
            write_instruction(view, json, &plan->instructions[role->instruction_first + k]);
        mimo_json_close(json);
        mimo_json_close(json);
    }
    mimo_json_close(json);
}

static void write_parameter(const struct mimo_view *view, struct mimo_json *json,
                            const struct mimo_plan_parameter *parameter)
{
    static const char *const cuts[] = {"none", "even", "replicated"};
    const struct mimo_plan *plan = view->plan;

    mimo_json_open_object(json, NULL);
    mimo_json_text(json, "name", mimo_plan_text(plan, parameter->name));
    mimo_json_text(json, "module", mimo_plan_text(plan, plan->modules[parameter->module].name));
    mimo_json_integer(json, "stage", parameter->stage);
    mimo_json_open_list(json, "shape");
    for (uint32_t i = 0; i < parameter->dimensions; i++)
        mimo_json_integer(json, NULL, parameter->shape[i]);
    mimo_json_close(json);
    mimo_json_text(json, "cut", cuts[parameter->cut]);
    mimo_json_integer(json, "cut_dimension", parameter->cut_dimension);
    mimo_json_integer(json, "cut_units", parameter->cut_units);
    mimo_json_boolean(json, "trainable", parameter->is_trainable != 0);
    mimo_json_boolean(json, "decays", parameter->decays != 0);
    mimo_json_boolean(json, "partial_gradient", parameter->gradient_is_partial != 0);
    mimo_json_real(json, "lr_scale", parameter->lr_scale);
    mimo_json_text(json, "tied_to",
                   parameter->tied_to == MIMO_NONE
                       ? NULL
                       : mimo_plan_text(plan, plan->parameters[parameter->tied_to].name));
    mimo_json_close(json);
}

static void write_parameters(const struct mimo_view *view, struct mimo_json *json)
{
    mimo_json_open_list(json, "parameter_table");
    for (uint32_t i = 0; i < view->plan->parameter_count; i++)
        write_parameter(view, json, &view->plan->parameters[i]);
    mimo_json_close(json);
}

static void write_parts(const struct mimo_view *view, struct mimo_json *json)
{
    if (mimo_view_has(view, MIMO_SHOW_RANKS))
        write_ranks(view, json);
    if (mimo_view_has(view, MIMO_SHOW_GROUPS))
        write_groups(view, json);
    if (mimo_view_has(view, MIMO_SHOW_BRIDGES))
        write_bridges(view, json);
    if (mimo_view_has(view, MIMO_SHOW_SCHEDULE)) {
        write_edges(view, json);
        write_programs(view, json);
        mimo_show_communications_json(view, json);
    }
    if (mimo_view_has(view, MIMO_SHOW_PARAMETERS))
        write_parameters(view, json);
    if (mimo_view_has(view, MIMO_SHOW_COST))
        mimo_show_cost_json(view, json);
}

void mimo_show_json(const struct mimo_view *view)
{
    const unsigned rank_parts =
        MIMO_SHOW_RANKS | MIMO_SHOW_GROUPS | MIMO_SHOW_BRIDGES | MIMO_SHOW_SCHEDULE;
    struct mimo_show_options options = *view->options;
    const struct mimo_view whole = {view->plan, &options, view->arena, view->file};
    struct mimo_json json;

    if (options.rank != MIMO_NONE)
        options.parts |= rank_parts;
    mimo_json_init(&json, view->file);
    mimo_json_open_object(&json, NULL);
    write_summary(&whole, &json);
    write_parts(&whole, &json);
    mimo_json_close(&json);
}
