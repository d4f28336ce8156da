#include "compiler/output/table.h"
#include "compiler/show/parts.h"
#include "plan/memory.h"
#include "plan/work.h"

/* Some neighbouring ranks and what is shown of them: the role's maximum, or the one rank asked for.
 */
struct entry {
    uint32_t role, first, count;
    struct mimo_plan_memory memory;
};

/* The entry of range `index`, or false where it is not asked for. */
static bool find_entry(const struct mimo_view *view, uint32_t index, struct entry *out_entry)
{
    const struct mimo_plan *plan = view->plan;
    const struct mimo_plan_range *range = &plan->ranges[index];
    const uint32_t rank = view->options->rank;

    *out_entry = (struct entry){range->role, range->first, range->count, {{0}, 0, 0}};
    if (rank == MIMO_NONE) {
        out_entry->memory = plan->memories[range->role];
        return true;
    }
    if (rank < range->first || rank - range->first >= range->count)
        return false;
    out_entry->first = rank;
    out_entry->count = 1;
    out_entry->memory = mimo_memory_of_rank(plan, rank, true, view->arena);
    return true;
}

/* ---- text ---- */

static const char *bytes(const struct mimo_view *view, uint64_t number)
{
    return mimo_view_number(view, (double)number, "B");
}

/* "41 %" of the cluster's memory; nothing where there is none. */
static const char *share_of(const struct mimo_view *view, uint64_t total)
{
    const uint64_t memory = view->plan->cluster->memory;

    return memory == 0
               ? ""
               : mimo_arena_printf(view->arena, "%.0f %%", 100.0 * (double)total / (double)memory);
}

static void show_memory(const struct mimo_view *view)
{
    const struct mimo_plan_cluster *cluster = view->plan->cluster;
    struct mimo_table table;
    struct entry entry;

    mimo_table_init(&table, view->arena,
                    "ranks\t>parameters\t>gradients\t>optimizer\t>activations\t>alive\t>scratch"
                    "\t>buffers\t>total\t>share");
    for (uint32_t i = 0; i < view->plan->range_count; i++) {
        const uint64_t *held = entry.memory.bytes;
        uint64_t total;

        if (!find_entry(view, i, &entry))
            continue;
        total = mimo_memory_total(&entry.memory);
        mimo_table_add(
            &table, "%s\t%s\t%s\t%s\t%s\t%u\t%s\t%s\t%s\t%s",
            mimo_view_ranks(view, entry.first, entry.count),
            bytes(view, held[MIMO_MEMORY_PARAMETERS]), bytes(view, held[MIMO_MEMORY_GRADIENTS]),
            bytes(view, held[MIMO_MEMORY_OPTIMIZER]), bytes(view, held[MIMO_MEMORY_ACTIVATIONS]),
            entry.memory.micro_steps_alive,
            bytes(view, held[MIMO_MEMORY_SCRATCH] + held[MIMO_MEMORY_REDUCTION]),
            bytes(view, held[MIMO_MEMORY_BUFFERS]), bytes(view, total), share_of(view, total));
    }
    (void)fputs("\nmemory of a rank, the most of each row", view->file);
    if (cluster->memory > 0)
        (void)fprintf(view->file, "; share of the %s of %s", bytes(view, cluster->memory),
                      mimo_plan_text(view->plan, cluster->name));
    (void)fputc('\n', view->file);
    mimo_table_print(&table, view->file);
}

static void show_module_work(const struct mimo_view *view, const struct mimo_load *load)
{
    struct mimo_table table;

    mimo_table_init(&table, view->arena, "module\t>forward\t>backward\t>per rank");
    for (uint32_t i = 0; i < view->plan->module_count; i++) {
        const struct mimo_work work = mimo_work_of_module(view->plan, i, load);

        mimo_table_add(
            &table, "%s\t%s\t%s\t%s", mimo_plan_text(view->plan, view->plan->modules[i].name),
            mimo_view_number(view, work.forward, "FLOP"),
            mimo_view_number(view, work.backward, "FLOP"),
            mimo_view_number(view, (work.forward + work.backward) / view->plan->modules[i].ranks,
                             "FLOP"));
    }
    (void)fputs("\nwork of a step of full sequences\n", view->file);
    mimo_table_print(&table, view->file);
}

static void show_rank_work(const struct mimo_view *view, const struct mimo_load *load)
{
    struct mimo_table table;
    struct entry entry;

    mimo_table_init(&table, view->arena, "ranks\t>forward\t>backward\t>both");
    for (uint32_t i = 0; i < view->plan->range_count; i++) {
        struct mimo_work work;

        if (!find_entry(view, i, &entry))
            continue;
        work = mimo_work_of_rank(view->plan, entry.role, load);
        mimo_table_add(&table, "%s\t%s\t%s\t%s", mimo_view_ranks(view, entry.first, entry.count),
                       mimo_view_number(view, work.forward, "FLOP"),
                       mimo_view_number(view, work.backward, "FLOP"),
                       mimo_view_number(view, work.forward + work.backward, "FLOP"));
    }
    (void)fputs("\nwork of each rank in such a step\n", view->file);
    mimo_table_print(&table, view->file);
}

void mimo_show_cost(const struct mimo_view *view)
{
    const struct mimo_load load = mimo_load_full(view->plan);

    show_memory(view);
    show_module_work(view, &load);
    show_rank_work(view, &load);
    mimo_show_traffic(view);
}

/* ---- JSON ---- */

static void write_ranks(struct mimo_json *json, const struct entry *entry)
{
    mimo_json_open_list(json, "ranks");
    mimo_json_integer(json, NULL, entry->first);
    mimo_json_integer(json, NULL, (uint64_t)entry->first + entry->count);
    mimo_json_close(json);
}

static void write_state(const struct mimo_view *view, struct mimo_json *json)
{
    static const char *const keys[MIMO_MEMORY_COUNT] = {
        [MIMO_MEMORY_PARAMETERS] = "parameter_bytes",   [MIMO_MEMORY_GRADIENTS] = "gradient_bytes",
        [MIMO_MEMORY_OPTIMIZER] = "optimizer_bytes",    [MIMO_MEMORY_REDUCTION] = "reduction_bytes",
        [MIMO_MEMORY_ACTIVATIONS] = "activation_bytes", [MIMO_MEMORY_SCRATCH] = "scratch_bytes",
        [MIMO_MEMORY_BUFFERS] = "buffer_bytes",
    };
    struct entry entry;

    mimo_json_open_list(json, "state");
    for (uint32_t i = 0; i < view->plan->range_count; i++) {
        if (!find_entry(view, i, &entry))
            continue;
        mimo_json_open_object(json, NULL);
        write_ranks(json, &entry);
        for (int kind = 0; kind < MIMO_MEMORY_COUNT; kind++)
            mimo_json_integer(json, keys[kind], entry.memory.bytes[kind]);
        mimo_json_integer(json, "total_bytes", mimo_memory_total(&entry.memory));
        mimo_json_integer(json, "micro_steps_alive", entry.memory.micro_steps_alive);
        mimo_json_close(json);
    }
    mimo_json_close(json);
    if (view->plan->cluster->memory > 0)
        mimo_json_integer(json, "cluster_bytes", view->plan->cluster->memory);
}

static void write_flop(struct mimo_json *json, const struct mimo_work *work)
{
    mimo_json_real(json, "forward_flop", work->forward);
    mimo_json_real(json, "backward_flop", work->backward);
}

static void write_work(const struct mimo_view *view, struct mimo_json *json)
{
    const struct mimo_load load = mimo_load_full(view->plan);
    struct entry entry;

    mimo_json_open_list(json, "work");
    for (uint32_t i = 0; i < view->plan->module_count; i++) {
        const struct mimo_work work = mimo_work_of_module(view->plan, i, &load);

        mimo_json_open_object(json, NULL);
        mimo_json_text(json, "module", mimo_plan_text(view->plan, view->plan->modules[i].name));
        write_flop(json, &work);
        mimo_json_close(json);
    }
    mimo_json_close(json);
    mimo_json_open_list(json, "rank_work");
    for (uint32_t i = 0; i < view->plan->range_count; i++) {
        struct mimo_work work;

        if (!find_entry(view, i, &entry))
            continue;
        work = mimo_work_of_rank(view->plan, entry.role, &load);
        mimo_json_open_object(json, NULL);
        write_ranks(json, &entry);
        write_flop(json, &work);
        mimo_json_close(json);
    }
    mimo_json_close(json);
}

void mimo_show_cost_json(const struct mimo_view *view, struct mimo_json *json)
{
    write_state(view, json);
    write_work(view, json);
    mimo_show_traffic_json(view, json);
}
