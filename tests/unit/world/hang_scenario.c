/*
 * hang_scenario.c - a job of three ranks that goes wrong on rank 1, as its argument says; its ends
 * are checked by test_watchdog.c.
 *
 *   hang_scenario SCENARIO TIMEOUT_MS
 */
#include "runtime/world/transport_mpi.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct job {
    struct mimo_world *world;
    struct mimo_transport *transport;
    struct mimo_error err;
};

static enum mimo_status reduce(struct job *job)
{
    int64_t one = 1;

    return job->transport->ops->all_reduce(job->transport->everyone, &one, 1, MIMO_DTYPE_I64,
                                           MIMO_REDUCE_SUM, &job->err);
}

static enum mimo_status receive(struct job *job)
{
    int64_t value = 0;
    const struct mimo_message message = {1, 4, &value, sizeof value};

    return job->transport->ops->exchange(job->transport, NULL, 0, &message, 1, &job->err);
}

/* What rank 1 does instead of its part. */
static void go_wrong(struct job *job, const char *scenario)
{
    mimo_world_note(job->world, "step 3: load");
    if (strcmp(scenario, "stop") == 0)
        (void)raise(SIGSTOP);
    else if (strcmp(scenario, "kill") == 0)
        (void)raise(SIGKILL);
    else if (strcmp(scenario, "abort") == 0)
        mimo_world_abort(job->world, MIMO_E_CHECKPOINT, "rank 1 cannot write");
    else
        for (;;)
            (void)pause();
}

/* Three times the timeout in all, but with a sign of life in each third of it. */
static enum mimo_status be_slow(struct job *job, unsigned timeout_ms)
{
    for (int i = 0; i < 10; i++) {
        mimo_world_note(job->world, "step 3: forward");
        if (mimo_world_place(job->world).rank == 1)
            (void)usleep(timeout_ms * 300);
        MIMO_TRY(reduce(job));
    }
    return MIMO_OK;
}

static enum mimo_status run(struct job *job, const char *scenario, unsigned timeout_ms)
{
    MIMO_TRY(reduce(job));
    if (strcmp(scenario, "slow") == 0)
        return be_slow(job, timeout_ms);
    if (mimo_world_place(job->world).rank == 1)
        go_wrong(job, scenario);
    mimo_world_note(job->world, "step 3: reduce");
    return strcmp(scenario, "message") == 0 ? receive(job) : reduce(job);
}

int main(int argc, char **argv)
{
    struct job job = {.err = {.status = MIMO_OK}};
    unsigned timeout_ms;
    enum mimo_status status;

    if (argc != 3)
        return MIMO_E_USAGE;
    timeout_ms = (unsigned)strtoul(argv[2], NULL, 10);
    if (mimo_world_open(&job.world, &argc, &argv, &job.err) != MIMO_OK ||
        mimo_transport_mpi_open_with(&job.transport, job.world, 65536,
                                     strcmp(argv[1], "remote") != 0, &job.err) != MIMO_OK ||
        mimo_world_watch(job.world, timeout_ms, &job.err) != MIMO_OK)
        return MIMO_E_FAILED;
    status = run(&job, argv[1], timeout_ms);
    job.transport->ops->close(job.transport);
    mimo_world_close(job.world);
    return (int)status;
}
