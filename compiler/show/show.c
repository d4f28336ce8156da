#include "compiler/show/show.h"

#include "compiler/show/parts.h"

void mimo_show(const struct mimo_plan *plan, const struct mimo_show_options *options, FILE *file)
{
    struct mimo_arena arena;
    const struct mimo_view view = {plan, options, &arena, file};

    mimo_arena_init(&arena);
    if (options->is_json)
        mimo_show_json(&view);
    else
        mimo_show_text(&view);
    mimo_arena_release(&arena);
}

bool mimo_view_has(const struct mimo_view *view, enum mimo_show_part part)
{
    return (view->options->parts & part) != 0;
}

bool mimo_view_has_rank(const struct mimo_view *view, uint32_t rank)
{
    return view->options->rank == MIMO_NONE || view->options->rank == rank;
}

const char *mimo_view_stage(const struct mimo_view *view, uint32_t module, uint32_t stage)
{
    const char *name = mimo_plan_text(view->plan, view->plan->modules[module].name);

    if (view->plan->modules[module].stage_count == 1)
        return name;
    return mimo_arena_printf(view->arena, "%s stage %u", name, stage);
}

const char *mimo_view_edge(const struct mimo_view *view, uint32_t index, uint32_t direction)
{
    const struct mimo_plan_edge *edge = &view->plan->edges[index];
    const char *from = mimo_view_stage(view, edge->from_module, edge->from_stage);
    const char *to = mimo_view_stage(view, edge->to_module, edge->to_stage);

    return direction == MIMO_EDGE_FORWARD ? mimo_arena_printf(view->arena, "%s to %s", from, to)
                                          : mimo_arena_printf(view->arena, "%s to %s", to, from);
}

const char *mimo_view_ranks(const struct mimo_view *view, uint32_t first, uint32_t count)
{
    return count == 1 ? mimo_arena_printf(view->arena, "rank %u", first)
                      : mimo_arena_printf(view->arena, "ranks %u to %u", first, first + count - 1);
}

const char *mimo_view_number(const struct mimo_view *view, double number, const char *unit)
{
    static const char *const prefixes[] = {"", "k", "M", "G", "T", "P", "E"};
    size_t prefix = 0;

    while (number >= 1000.0 && prefix + 1 < sizeof prefixes / sizeof *prefixes) {
        number /= 1000.0;
        prefix++;
    }
    return mimo_arena_printf(view->arena, "%.*f %s%s", prefix == 0 ? 0 : 1, number,
                             prefixes[prefix], unit);
}
