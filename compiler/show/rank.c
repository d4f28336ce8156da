#include "compiler/output/table.h"
#include "compiler/show/parts.h"
#include "plan/bridge.h"
#include "plan/grid.h"

static void show_places(const struct mimo_view *view)
{
    const struct mimo_plan *plan = view->plan;
    struct mimo_table table;

    mimo_table_init(&table, view->arena, "module\t>tp\t>cp\t>dp\t>pp\t>etp\t>ep\t>edp\tlayers");
    for (uint32_t i = 0; i < plan->module_count; i++) {
        const struct mimo_plan_module *module = &plan->modules[i];
        struct mimo_coordinate at;

        if (!mimo_grid_coordinate(module, view->options->rank, &at))
            continue;
        for (uint32_t s = at.pp; s < module->stage_count; s += module->pp) {
            const struct mimo_plan_stage *stage = &plan->stages[module->stage_first + s];

            mimo_table_add(&table, "%s\t%u\t%u\t%u\t%u\t%u\t%u\t%u\t%u from %u",
                           mimo_view_stage(view, i, s), at.tp, at.cp, at.dp, at.pp, at.etp, at.ep,
                           at.edp, stage->layer_count, stage->layer_first);
        }
    }
    if (table.count == 1)
        (void)fputs("  no module runs here\n", view->file);
    else
        mimo_table_print(&table, view->file);
}

static const char *members(const struct mimo_view *view, const struct mimo_plan_groups *groups,
                           uint32_t group)
{
    const char *text = "";

    for (uint32_t i = 0; i < groups->size; i++)
        text = mimo_arena_printf(view->arena, "%s%s%u", text, i == 0 ? "" : " ",
                                 mimo_groups_member(groups, group, i));
    return text;
}

static void show_groups(const struct mimo_view *view)
{
    struct mimo_table table;

    mimo_table_init(&table, view->arena, "module\tgroup\t>position\tranks");
    for (uint32_t i = 0; i < view->plan->groups_count; i++) {
        const struct mimo_plan_groups *groups = &view->plan->groups[i];
        uint32_t group, member;

        if (mimo_groups_find(groups, view->options->rank, &group, &member) && groups->size > 1)
            mimo_table_add(&table, "%s\t%s\t%u\t%s",
                           mimo_plan_text(view->plan, view->plan->modules[groups->module].name),
                           mimo_group_kind_word(groups->kind), member,
                           members(view, groups, group));
    }
    (void)fputs("\ngroups of more than one rank\n", view->file);
    mimo_table_print(&table, view->file);
}

static void add_transfers(const struct mimo_view *view, struct mimo_table *table, uint32_t edge,
                          bool sends)
{
    const uint32_t rank = view->options->rank;
    struct mimo_transfers transfers;
    struct mimo_transfer transfer;

    mimo_transfers_init(&transfers, view->plan, edge, sends ? rank : MIMO_NONE,
                        sends ? MIMO_NONE : rank);
    while (mimo_transfers_next(&transfers, &transfer))
        mimo_table_add(table, "%s\t%s\t%u\t%u to %u\t%u to %u",
                       mimo_view_edge(view, edge, MIMO_EDGE_FORWARD), sends ? "to" : "from",
                       sends ? transfer.destination : transfer.source, transfer.sample_begin,
                       transfer.sample_end, transfer.column_begin, transfer.column_end);
}

static void show_transfers(const struct mimo_view *view)
{
    struct mimo_table table;

    mimo_table_init(&table, view->arena, "edge\t\t>rank\tsamples\tcolumns");
    for (uint32_t i = 0; i < view->plan->edge_count; i++) {
        add_transfers(view, &table, i, true);
        add_transfers(view, &table, i, false);
    }
    if (table.count == 1)
        return;
    (void)fputs("\ntransfers of a micro-step (rows; gradients go the other way)\n", view->file);
    mimo_table_print(&table, view->file);
}

void mimo_show_rank(const struct mimo_view *view)
{
    (void)fprintf(view->file, "\nrank %u\n", view->options->rank);
    show_places(view);
    show_groups(view);
    show_transfers(view);
    mimo_show_program(view);
}
