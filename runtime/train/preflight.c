/* mimo-exec --preflight: proves each communicator and each edge of a plan by known patterns. */
#include "plan/bridge.h"
#include "runtime/train/engine_parts.h"
#include "runtime/train/groups.h"
#include "runtime/train/run.h"
#include "runtime/train/trial.h"

#include <inttypes.h>
#include <stdarg.h>

enum { NAME_BYTES = 96 };

struct preflight {
    struct mimo_run *run;
    struct mimo_trial trial;
    struct mimo_arena arena;
    struct mimo_group **groups; /* as the plan lists them; NULL where this rank is in none */
    bool prints;
};

/* All ranks hear of what one found wrong. */
static enum mimo_status agree(struct preflight *preflight, struct mimo_error *err)
{
    *err = preflight->trial.fault;
    return mimo_run_agree(preflight->run, err);
}

/* A line of the report comes at once: what a hang leaves behind shows where it stands. */
__attribute__((format(printf, 2, 3))) static void say(const struct preflight *preflight,
                                                      const char *format, ...)
{
    va_list arguments;

    if (!preflight->prints)
        return;
    va_start(arguments, format);
    (void)vprintf(format, arguments);
    va_end(arguments);
    (void)fflush(stdout);
}

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

/* -- groups ----------------------------------------------------------------------------------- */

/* All are made before the first is used, as training does. */
static enum mimo_status make_groups(struct preflight *preflight, struct mimo_error *err)
{
    const struct mimo_plan *plan = preflight->run->plan;

    preflight->groups = MIMO_NEW_ARRAY(&preflight->arena, struct mimo_group *, plan->groups_count);
    for (uint32_t i = 0; i < plan->groups_count; i++)
        MIMO_TRY(mimo_groups_make(preflight->run->machine.transport, plan, &plan->groups[i],
                                  &preflight->arena, &preflight->groups[i], err));
    return MIMO_OK;
}

static void report_groups(const struct preflight *preflight, const char *name, uint32_t count,
                          uint32_t size, double seconds)
{
    char groups[64];

    (void)snprintf(groups, sizeof groups, "%" PRIu32 " group%s of %" PRIu32, count, plural(count),
                   size);
    say(preflight, "%-24s %-18s · all-reduce of %d MiB in %.3g ms, %.3g GB/s\n", name, groups,
        MIMO_TRIAL_LARGE_BYTES >> 20, seconds * 1e3, MIMO_TRIAL_LARGE_BYTES / seconds * 1e-9);
}

/* The groups of one kind, all at once; `group` is this rank's, or NULL. */
static enum mimo_status try_groups(struct preflight *preflight, const char *name,
                                   struct mimo_group *group, uint32_t count, uint32_t size,
                                   struct mimo_error *err)
{
    const struct mimo_machine *machine = &preflight->run->machine;
    double seconds = 0.0;

    preflight->trial.round++;
    mimo_world_note(machine->world, mimo_arena_printf(&preflight->arena, "preflight: %s", name));
    if (group != NULL)
        MIMO_TRY(mimo_trial_group(&preflight->trial, group, &seconds, err));
    MIMO_TRY(agree(preflight, err));
    MIMO_TRY(machine->control->ops->all_reduce(machine->control->everyone, &seconds, 1,
                                               MIMO_DTYPE_F64, MIMO_REDUCE_MAX, err));
    report_groups(preflight, name, count, size, seconds);
    return MIMO_OK;
}

static enum mimo_status try_all_groups(struct preflight *preflight, struct mimo_error *err)
{
    const struct mimo_plan *plan = preflight->run->plan;
    struct mimo_transport *transport = preflight->run->machine.transport;

    if (plan->meta->world_size > 1)
        MIMO_TRY(try_groups(preflight, "all ranks", transport->everyone, 1, plan->meta->world_size,
                            err));
    for (uint32_t i = 0; i < plan->groups_count; i++) {
        const struct mimo_plan_groups *groups = &plan->groups[i];
        if (groups->size > 1)
            MIMO_TRY(try_groups(preflight, mimo_groups_name(plan, groups, &preflight->arena),
                                preflight->groups[i], groups->group_count, groups->size, err));
    }
    return MIMO_OK;
}

/* -- edges ------------------------------------------------------------------------------------ */

static uint32_t count_transfers(const struct mimo_plan *plan, uint32_t edge)
{
    struct mimo_transfers cursor;
    struct mimo_transfer transfer;
    uint32_t count = 0;

    mimo_transfers_init(&cursor, plan, edge, MIMO_NONE, MIMO_NONE);
    while (mimo_transfers_next(&cursor, &transfer))
        count++;
    return count;
}

static const char *name_edge(struct preflight *preflight, const struct mimo_plan_edge *edge)
{
    const struct mimo_plan *plan = preflight->run->plan;
    char from[NAME_BYTES], to[NAME_BYTES];

    mimo_name_stage(plan, from, sizeof from, edge->from_module, edge->from_stage);
    mimo_name_stage(plan, to, sizeof to, edge->to_module, edge->to_stage);
    return mimo_arena_printf(&preflight->arena, "%s-%s", from, to);
}

static enum mimo_status try_edge(struct preflight *preflight, uint32_t index,
                                 struct mimo_error *err)
{
    const struct mimo_plan *plan = preflight->run->plan;
    const struct mimo_plan_edge *edge = &plan->edges[index];
    const uint32_t count = count_transfers(plan, index);
    const char *name = name_edge(preflight, edge);

    preflight->trial.round++;
    mimo_world_note(preflight->run->machine.world,
                    mimo_arena_printf(&preflight->arena, "preflight: %s", name));
    MIMO_TRY(mimo_trial_edge(&preflight->trial, plan, index, MIMO_EDGE_FORWARD, name, err));
    if (edge->has_backward != 0)
        MIMO_TRY(mimo_trial_edge(&preflight->trial, plan, index, MIMO_EDGE_BACKWARD, name, err));
    MIMO_TRY(agree(preflight, err));
    say(preflight, "%-24s %" PRIu32 " transfer%s%s\n", name, count, plural(count),
        edge->has_backward != 0 ? ", there and back" : "");
    return MIMO_OK;
}

/* -- the whole -------------------------------------------------------------------------------- */

static enum mimo_status try_all(struct preflight *preflight, struct mimo_error *err)
{
    struct mimo_run *run = preflight->run;

    MIMO_TRY(make_groups(preflight, err));
    (void)mimo_trial_open(&preflight->trial, &run->machine, run->plan, &preflight->trial.fault);
    MIMO_TRY(agree(preflight, err));
    say(preflight, "preflight of %" PRIu32 " rank%s over %s; each group: %s\n",
        run->plan->meta->world_size, plural(run->plan->meta->world_size),
        run->machine.transport->ops->name, mimo_trial_operations);
    MIMO_TRY(try_all_groups(preflight, err));
    for (uint32_t edge = 0; edge < run->plan->edge_count; edge++)
        MIMO_TRY(try_edge(preflight, edge, err));
    say(preflight, "preflight passed\n");
    return MIMO_OK;
}

enum mimo_status mimo_run_preflight(struct mimo_run *run, struct mimo_error *err)
{
    struct preflight preflight = {
        .run = run,
        .trial = {.machine = &run->machine},
        .prints = mimo_world_place(run->machine.world).rank == 0 && !run->options->is_quiet,
    };
    const enum mimo_status status = try_all(&preflight, err);

    mimo_trial_close(&preflight.trial);
    mimo_arena_release(&preflight.arena);
    return status;
}
