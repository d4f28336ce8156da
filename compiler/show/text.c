#include "compiler/output/table.h"
#include "compiler/show/parts.h"
#include "plan/bridge.h"
#include "plan/grid.h"

static void show_heading(const struct mimo_view *view)
{
    const struct mimo_plan *plan = view->plan;
    const char *deployment = mimo_plan_text(plan, plan->meta->deployment);

    (void)fprintf(view->file, "model %s", mimo_plan_text(plan, plan->meta->model));
    if (plan->meta->deployment.length > 0)
        (void)fprintf(view->file, ", deployment %s, %s", deployment,
                      mimo_mode_word(plan->meta->mode));
    (void)fprintf(view->file, ", %u rank%s (mimoc %s)\n", plan->meta->world_size,
                  plan->meta->world_size == 1 ? "" : "s",
                  mimo_plan_text(plan, plan->meta->compiler_version));
    (void)fputs("digest ", view->file);
    for (size_t i = 0; i < sizeof plan->header->digest; i++)
        (void)fprintf(view->file, "%02x", plan->header->digest[i]);
    (void)fputs("\n\n", view->file);
}

static const char *layers_of(const struct mimo_view *view, const struct mimo_plan_module *module)
{
    const char *text = "";

    for (uint32_t i = 0; i < module->stage_count; i++)
        text = mimo_arena_printf(view->arena, "%s%s%u", text, i == 0 ? "" : "+",
                                 view->plan->stages[module->stage_first + i].layer_count);
    return text;
}

static void show_models(const struct mimo_view *view)
{
    struct mimo_table table;

    mimo_table_init(&table, view->arena,
                    "module\tkind\tarchitecture\tlayers\t>width\t>heads\t>parameters\tstate");
    for (uint32_t i = 0; i < view->plan->module_count; i++) {
        const struct mimo_plan_module *module = &view->plan->modules[i];

        mimo_table_add(
            &table, "%s\t%s\t%s\t%s\t%u\t%u\t%s\t%s", mimo_plan_text(view->plan, module->name),
            mimo_module_kind_word(module->kind), mimo_architecture_word(module->architecture),
            layers_of(view, module), module->hidden_size, module->num_attention_heads,
            mimo_view_number(view, (double)module->elements, ""),
            module->is_frozen != 0 ? "frozen" : "trained");
    }
    mimo_table_print(&table, view->file);
}

static void show_layouts(const struct mimo_view *view)
{
    struct mimo_table table;

    mimo_table_init(&table, view->arena,
                    "module\tranks\t>tp\t>cp\t>dp\t>pp\t>etp\t>ep\t>edp\t>chunks");
    for (uint32_t i = 0; i < view->plan->module_count; i++) {
        const struct mimo_plan_module *module = &view->plan->modules[i];

        mimo_table_add(&table, "%s\t%u to %u\t%u\t%u\t%u\t%u\t%u\t%u\t%u\t%u",
                       mimo_plan_text(view->plan, module->name), module->rank_offset,
                       module->rank_offset + module->ranks - 1, module->tp, module->cp, module->dp,
                       module->pp, module->etp, module->ep, module->edp, module->virtual_pipeline);
    }
    (void)fputc('\n', view->file);
    mimo_table_print(&table, view->file);
}

static void show_step(const struct mimo_view *view)
{
    const struct mimo_plan_training *training = view->plan->training;

    (void)fprintf(
        view->file, "\na step is %u samples in %u micro-step%s of %u, sequences of %u tokens, %s\n",
        training->global_batch, training->micro_steps, training->micro_steps == 1 ? "" : "s",
        training->global_batch / training->micro_steps, training->sequence_length,
        mimo_precision_word(training->precision));
}

static void show_ranks(const struct mimo_view *view)
{
    struct mimo_table table;

    mimo_table_init(&table, view->arena, ">rank\tmodule\t>tp\t>cp\t>dp\t>pp\t>etp\t>ep\t>edp");
    for (uint32_t rank = 0; rank < view->plan->meta->world_size; rank++) {
        bool is_idle = true;

        for (uint32_t i = 0; i < view->plan->module_count; i++) {
            struct mimo_coordinate at;

            if (!mimo_grid_coordinate(&view->plan->modules[i], rank, &at))
                continue;
            mimo_table_add(&table, "%u\t%s\t%u\t%u\t%u\t%u\t%u\t%u\t%u", rank,
                           mimo_plan_text(view->plan, view->plan->modules[i].name), at.tp, at.cp,
                           at.dp, at.pp, at.etp, at.ep, at.edp);
            is_idle = false;
        }
        if (is_idle)
            mimo_table_add(&table, "%u\tidle", rank);
    }
    (void)fputs("\nranks\n", view->file);
    mimo_table_print(&table, view->file);
}

static void show_groups(const struct mimo_view *view)
{
    (void)fputs("\ngroups\n", view->file);
    for (uint32_t i = 0; i < view->plan->groups_count; i++) {
        const struct mimo_plan_groups *groups = &view->plan->groups[i];

        (void)fprintf(view->file, "  %s %s:",
                      mimo_plan_text(view->plan, view->plan->modules[groups->module].name),
                      mimo_group_kind_word(groups->kind));
        for (uint32_t group = 0; group < groups->group_count; group++) {
            for (uint32_t member = 0; member < groups->size; member++)
                (void)fprintf(view->file, "%s%u", member == 0 ? " [" : " ",
                              mimo_groups_member(groups, group, member));
            (void)fputc(']', view->file);
        }
        (void)fputc('\n', view->file);
    }
}

static void show_bridge(const struct mimo_view *view, uint32_t edge)
{
    struct mimo_table table;
    struct mimo_transfers transfers;
    struct mimo_transfer transfer;

    mimo_table_init(&table, view->arena, ">source\t>destination\tsamples\tcolumns");
    mimo_transfers_init(&transfers, view->plan, edge, MIMO_NONE, MIMO_NONE);
    while (mimo_transfers_next(&transfers, &transfer))
        mimo_table_add(&table, "%u\t%u\t%u to %u\t%u to %u", transfer.source, transfer.destination,
                       transfer.sample_begin, transfer.sample_end, transfer.column_begin,
                       transfer.column_end);
    (void)fprintf(view->file, "\nbridge %s, transfers of a micro-step, ends exclusive\n",
                  mimo_view_edge(view, edge, MIMO_EDGE_FORWARD));
    mimo_table_print(&table, view->file);
}

static void show_bridges(const struct mimo_view *view)
{
    for (uint32_t i = 0; i < view->plan->edge_count; i++) {
        if (view->plan->edges[i].is_bridge != 0)
            show_bridge(view, i);
    }
}

static const char *shape_of(const struct mimo_view *view,
                            const struct mimo_plan_parameter *parameter)
{
    const char *text = "";

    for (uint32_t i = 0; i < parameter->dimensions; i++)
        text = mimo_arena_printf(view->arena, "%s%s%llu", text, i == 0 ? "" : " x ",
                                 (unsigned long long)parameter->shape[i]);
    return text;
}

/* How it lies on the tensor-parallel ranks. */
static const char *cut_of(const struct mimo_view *view, const struct mimo_plan_parameter *parameter)
{
    const struct mimo_plan_module *module = &view->plan->modules[parameter->module];
    const uint32_t ranks = parameter->expert == MIMO_NONE ? module->tp : module->etp;

    if (parameter->cut == MIMO_CUT_NONE || ranks == 1)
        return "whole";
    if (parameter->cut == MIMO_CUT_REPLICATED)
        return mimo_arena_printf(view->arena, "dimension %u in %llu, each on %llu ranks",
                                 parameter->cut_dimension, (unsigned long long)parameter->cut_units,
                                 (unsigned long long)(ranks / parameter->cut_units));
    return mimo_arena_printf(view->arena, "dimension %u in %u", parameter->cut_dimension, ranks);
}

static void show_parameters(const struct mimo_view *view)
{
    struct mimo_table table;

    mimo_table_init(&table, view->arena, "parameter\t>stage\tshape\tcut\tstate");
    for (uint32_t i = 0; i < view->plan->parameter_count; i++) {
        const struct mimo_plan_parameter *parameter = &view->plan->parameters[i];

        mimo_table_add(&table, "%s\t%u\t%s\t%s\t%s%s", mimo_plan_text(view->plan, parameter->name),
                       parameter->stage, shape_of(view, parameter), cut_of(view, parameter),
                       parameter->is_trainable != 0 ? "trained" : "frozen",
                       parameter->tied_to != MIMO_NONE ? ", tied" : "");
    }
    (void)fputs("\nparameters\n", view->file);
    mimo_table_print(&table, view->file);
}

void mimo_show_text(const struct mimo_view *view)
{
    show_heading(view);
    show_models(view);
    show_layouts(view);
    show_step(view);
    if (view->options->rank != MIMO_NONE) {
        mimo_show_rank(view);
        if (mimo_view_has(view, MIMO_SHOW_COST))
            mimo_show_cost(view);
        return;
    }
    if (mimo_view_has(view, MIMO_SHOW_RANKS))
        show_ranks(view);
    if (mimo_view_has(view, MIMO_SHOW_GROUPS))
        show_groups(view);
    if (mimo_view_has(view, MIMO_SHOW_BRIDGES))
        show_bridges(view);
    if (mimo_view_has(view, MIMO_SHOW_SCHEDULE))
        mimo_show_schedule(view);
    if (mimo_view_has(view, MIMO_SHOW_PARAMETERS))
        show_parameters(view);
    if (mimo_view_has(view, MIMO_SHOW_COST))
        mimo_show_cost(view);
}
