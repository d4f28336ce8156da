/* mimo-exec: carries out a plan on the ranks of an MPI job. */
#include "plan/file.h"
#include "runtime/equipment.h"
#include "runtime/model/required.h"
#include "runtime/options.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLAN_BYTES_MAX = 256 * 1024 * 1024 };

/* One process, from the first agreement to the last. */
struct process {
    struct mimo_world *world;
    struct mimo_options options;
    struct mimo_arena arena;
    char *plan_bytes;
    struct mimo_plan plan;
    struct mimo_equipment equipment;
};

/* The file is read by every rank, so that a launcher need not ship it. */
static enum mimo_status read_plan(struct process *process, struct mimo_error *err)
{
    size_t size;

    if (mimo_file_read(process->options.plan, PLAN_BYTES_MAX, &process->plan_bytes, &size, err) !=
        MIMO_OK)
        return err->status;
    if (mimo_plan_verify(process->plan_bytes, size, &process->plan, err) == MIMO_OK)
        return MIMO_OK;
    process->plan = (struct mimo_plan){0};
    return err->status;
}

static enum mimo_status check_world(const struct process *process, struct mimo_error *err)
{
    const uint32_t size = mimo_world_place(process->world).size;
    uint32_t wanted;

    MIMO_ASSERT(process->plan.meta != NULL); /* all ranks agreed that it verifies */
    wanted = process->plan.meta->world_size;
    if (size != wanted)
        return mimo_error_set(err, MIMO_E_WORLD,
                              "the plan is for %" PRIu32 " rank%s, but %" PRIu32
                              " %s started: mpirun -n %" PRIu32 " mimo-exec %s",
                              wanted, wanted == 1 ? "" : "s", size, size == 1 ? "was" : "were",
                              wanted, process->options.plan);
    return mimo_required_check(&process->plan, err);
}

static enum mimo_status agree(struct process *process, struct mimo_error *err)
{
    bool is_speaker;
    const enum mimo_status status = mimo_world_agree(process->world, err, &is_speaker);

    err->is_agreed = status != MIMO_OK;
    return status;
}

static enum mimo_status open_backend(struct process *process, struct mimo_error *err)
{
    (void)mimo_equipment_open_backend(&process->equipment, process->world, process->options.backend,
                                      (enum mimo_precision)process->plan.training->precision, err);
    return agree(process, err);
}

static enum mimo_status prepare(struct process *process, struct mimo_error *err)
{
    (void)read_plan(process, err);
    MIMO_TRY(agree(process, err));
    MIMO_TRY(mimo_world_same(process->world, process->plan.header->digest,
                             sizeof process->plan.header->digest, "the plan", err));
    (void)check_world(process, err);
    MIMO_TRY(agree(process, err));
    MIMO_TRY(open_backend(process, err));
    MIMO_TRY(mimo_world_watch(process->world, process->options.timeout_ms, err));
    return mimo_equipment_open_transports(&process->equipment, process->world, err);
}

static enum mimo_status act(struct process *process, struct mimo_error *err)
{
    struct mimo_run run = {
        .plan = &process->plan,
        .machine = {.world = process->world, .be = &process->equipment.backend},
        .options = &process->options.run,
    };

    MIMO_TRY(prepare(process, err));
    run.machine.control = process->equipment.control;
    run.machine.transport = process->equipment.transport;
    switch (process->options.action) {
    case MIMO_ACTION_EVALUATE:
        return mimo_run_evaluate(&run, err);
    case MIMO_ACTION_GENERATE:
        return mimo_run_generate(&run, err);
    case MIMO_ACTION_PREFLIGHT:
        return mimo_run_preflight(&run, err);
    case MIMO_ACTION_TRAIN:
    case MIMO_ACTION_HELP:
    case MIMO_ACTION_VERSION:
        break;
    }
    return mimo_run_train(&run, err);
}

static void release(struct process *process)
{
    mimo_equipment_close(&process->equipment);
    free(process->plan_bytes);
    mimo_arena_release(&process->arena);
}

static enum mimo_status run_process(struct process *process, struct mimo_error *err)
{
    const enum mimo_status status = act(process, err);

    if (status != MIMO_OK && !err->is_agreed)
        mimo_world_abort(process->world, status, err->message);
    if (status != MIMO_OK && mimo_world_place(process->world).rank == 0)
        (void)fprintf(stderr, "mimo-exec: %s\n", err->message);
    release(process);
    return status;
}

/* What needs no world: help, version, and mistakes on the command line (told by one rank). */
static bool is_first_process(void)
{
    const char *rank = getenv("OMPI_COMM_WORLD_RANK");

    return rank == NULL || strcmp(rank, "0") == 0;
}

int main(int argc, char **argv)
{
    struct process process = {0};
    struct mimo_error err = {0};
    enum mimo_status status =
        mimo_options_parse(&process.options, argc, argv, &process.arena, &err);

    if (status != MIMO_OK || process.options.action >= MIMO_ACTION_HELP) {
        if (is_first_process() && status != MIMO_OK)
            (void)fprintf(stderr, "mimo-exec: %s\n", err.message);
        else if (is_first_process() && process.options.action == MIMO_ACTION_HELP)
            mimo_options_print_help(stdout);
        else if (is_first_process())
            (void)printf("mimo-exec %s\n", MIMO_VERSION);
        mimo_arena_release(&process.arena);
        return (int)status;
    }
    status = mimo_world_open(&process.world, &argc, &argv, &err);
    if (status != MIMO_OK) {
        (void)fprintf(stderr, "mimo-exec: %s\n", err.message);
        mimo_arena_release(&process.arena);
        return (int)status;
    }
    status = run_process(&process, &err);
    mimo_world_close(process.world);
    return (int)status;
}
