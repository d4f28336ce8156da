#include "plan/traffic.h"

#include "compiler/output/table.h"
#include "compiler/show/parts.h"

/* The rank that stands for range `index`: its first, or the one asked for; false where the range is
 * not asked for. */
static bool find_rank(const struct mimo_view *view, uint32_t index, uint32_t *out_rank,
                      uint32_t *out_count)
{
    const struct mimo_plan_range *range = &view->plan->ranges[index];
    const uint32_t rank = view->options->rank;

    *out_rank = rank == MIMO_NONE ? range->first : rank;
    *out_count = rank == MIMO_NONE ? range->count : 1;
    return rank == MIMO_NONE || (rank >= range->first && rank - range->first < range->count);
}

/* ---- text ---- */

static void add_row(const struct mimo_view *view, struct mimo_table *table, const char **ranks,
                    const char *what, const struct mimo_traffic_sum *sum)
{
    if (sum->calls == 0)
        return;
    mimo_table_add(table, "%s\t%s\t%llu\t%s", *ranks, what, (unsigned long long)sum->calls,
                   mimo_view_number(view, (double)sum->bytes, "B"));
    *ranks = "";
}

static void add_rows(const struct mimo_view *view, struct mimo_table *table, const char *ranks,
                     const struct mimo_traffic *traffic)
{
    const struct mimo_plan *plan = view->plan;

    for (uint32_t module = 0; module < plan->module_count; module++) {
        for (uint32_t kind = 0; kind < MIMO_GROUP_KIND_COUNT; kind++)
            add_row(view, table, &ranks,
                    mimo_arena_printf(view->arena, "%s of %s", mimo_group_kind_word(kind),
                                      mimo_plan_text(plan, plan->modules[module].name)),
                    &traffic->groups[module][kind]);
    }
    add_row(view, table, &ranks, "all ranks", &traffic->world);
    add_row(view, table, &ranks, "sent", &traffic->sent);
    add_row(view, table, &ranks, "received", &traffic->received);
}

void mimo_show_traffic(const struct mimo_view *view)
{
    struct mimo_table table;

    mimo_table_init(&table, view->arena, "ranks\tover\t>calls\t>bytes");
    for (uint32_t i = 0; i < view->plan->range_count; i++) {
        struct mimo_traffic traffic;
        uint32_t rank, count;

        if (!find_rank(view, i, &rank, &count))
            continue;
        mimo_traffic_of_rank(view->plan, rank, view->arena, &traffic);
        add_rows(view, &table, mimo_view_ranks(view, rank, count), &traffic);
    }
    (void)fputs("\ntraffic of the first rank of each row in such a step\n", view->file);
    mimo_table_print(&table, view->file);
}

/* ---- JSON ---- */

static void write_group(const struct mimo_view *view, struct mimo_json *json, uint32_t module,
                        uint32_t kind, const struct mimo_traffic_sum *sum)
{
    const struct mimo_plan *plan = view->plan;

    if (sum->calls == 0)
        return;
    mimo_json_open_object(json, NULL);
    mimo_json_text(json, "module",
                   module == MIMO_NONE ? NULL : mimo_plan_text(plan, plan->modules[module].name));
    mimo_json_text(json, "kind", module == MIMO_NONE ? "all" : mimo_group_kind_word(kind));
    mimo_json_integer(json, "calls", sum->calls);
    mimo_json_integer(json, "bytes", sum->bytes);
    mimo_json_close(json);
}

static void write_traffic(const struct mimo_view *view, struct mimo_json *json,
                          const struct mimo_traffic *traffic)
{
    mimo_json_open_list(json, "groups");
    for (uint32_t module = 0; module < view->plan->module_count; module++) {
        for (uint32_t kind = 0; kind < MIMO_GROUP_KIND_COUNT; kind++)
            write_group(view, json, module, kind, &traffic->groups[module][kind]);
    }
    write_group(view, json, MIMO_NONE, MIMO_NONE, &traffic->world);
    mimo_json_close(json);
    mimo_json_integer(json, "sent_bytes", traffic->sent.bytes);
    mimo_json_integer(json, "received_bytes", traffic->received.bytes);
}

void mimo_show_traffic_json(const struct mimo_view *view, struct mimo_json *json)
{
    mimo_json_open_list(json, "traffic");
    for (uint32_t i = 0; i < view->plan->range_count; i++) {
        struct mimo_traffic traffic;
        uint32_t rank, count;

        if (!find_rank(view, i, &rank, &count))
            continue;
        mimo_traffic_of_rank(view->plan, rank, view->arena, &traffic);
        mimo_json_open_object(json, NULL);
        mimo_json_open_list(json, "ranks");
        mimo_json_integer(json, NULL, rank);
        mimo_json_integer(json, NULL, (uint64_t)rank + count);
        mimo_json_close(json);
        write_traffic(view, json, &traffic);
        mimo_json_close(json);
    }
    mimo_json_close(json);
}
