/*
 * faulty_preflight PLAN OPERATION: --preflight over a transport with a fault. Run under mpirun.
 *
 * "each": on the group of "clip tp" that rank 3 is in, and on the first edge, each operation in
 * turn leaves one wrong element on rank 3; all ranks must hear of it in one message that names
 * rank, operation, group and place. "none": rank 3 does not come to the all-gather.
 */
#include "plan/file.h"
#include "runtime/train/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PLAN_BYTES_MAX = 1 << 20, WINDOW_BYTES = 65536, PLACE = 5, BAD_RANK = 3 };

enum fault {
    SUMS,
    MAXIMA,
    ALL_GATHER,
    REDUCE_SCATTER,
    ALL_TO_ALL,
    RING,
    BROADCAST,
    EXCHANGE,
    NONE
};

static struct mimo_transport *inner;
static struct mimo_group *bad_group; /* NULL on ranks that do nothing wrong */
static enum fault fault;
static bool stays_away;
static float *hopping; /* what is received by the hop on its way */

/* ---- the transport with a fault ---- */

static void spoil(enum fault operation, const struct mimo_group *group, void *data)
{
    if (operation == fault && bad_group != NULL && group == bad_group)
        ((float *)data)[PLACE] += 1.0F;
}

static enum mimo_status group_make(struct mimo_transport *transport, const uint32_t *ranks,
                                   uint32_t count, const char *name, struct mimo_group **out_group,
                                   struct mimo_error *err)
{
    (void)transport;
    MIMO_TRY(inner->ops->group_make(inner, ranks, count, name, out_group, err));
    if (mimo_world_place(inner->world).rank == BAD_RANK && strcmp(name, "clip tp") == 0)
        bad_group = *out_group;
    return MIMO_OK;
}

static enum mimo_status all_reduce(struct mimo_group *group, void *data, size_t count,
                                   enum mimo_dtype dtype, enum mimo_reduction reduction,
                                   struct mimo_error *err)
{
    MIMO_TRY(inner->ops->all_reduce(group, data, count, dtype, reduction, err));
    spoil(reduction == MIMO_REDUCE_SUM ? SUMS : MAXIMA, group, data);
    return MIMO_OK;
}

static enum mimo_status all_gather(struct mimo_group *group, void *data, const size_t *begins,
                                   enum mimo_dtype dtype, struct mimo_error *err)
{
    while (stays_away && group == bad_group)
        (void)pause();
    MIMO_TRY(inner->ops->all_gather(group, data, begins, dtype, err));
    spoil(ALL_GATHER, group, data);
    return MIMO_OK;
}

static enum mimo_status reduce_scatter(struct mimo_group *group, void *data, const size_t *begins,
                                       enum mimo_dtype dtype, struct mimo_error *err)
{
    MIMO_TRY(inner->ops->reduce_scatter(group, data, begins, dtype, err));
    spoil(REDUCE_SCATTER, group, (float *)data + begins[mimo_group_rank(group)]);
    return MIMO_OK;
}

static enum mimo_status all_to_all(struct mimo_group *group, const void *send,
                                   const size_t *send_begins, void *receive,
                                   const size_t *receive_begins, enum mimo_dtype dtype,
                                   struct mimo_error *err)
{
    MIMO_TRY(inner->ops->all_to_all(group, send, send_begins, receive, receive_begins, dtype, err));
    spoil(ALL_TO_ALL, group, receive);
    return MIMO_OK;
}

static enum mimo_status ring_begin(struct mimo_group *group, const void *send, size_t send_count,
                                   void *receive, size_t receive_count, enum mimo_dtype dtype,
                                   struct mimo_error *err)
{
    hopping = receive;
    return inner->ops->ring_begin(group, send, send_count, receive, receive_count, dtype, err);
}

static enum mimo_status ring_end(struct mimo_group *group, struct mimo_error *err)
{
    MIMO_TRY(inner->ops->ring_end(group, err));
    spoil(RING, group, hopping);
    return MIMO_OK;
}

static enum mimo_status broadcast(struct mimo_group *group, void *data, size_t bytes, uint32_t root,
                                  struct mimo_error *err)
{
    MIMO_TRY(inner->ops->broadcast(group, data, bytes, root, err));
    spoil(BROADCAST, group, data);
    return MIMO_OK;
}

static enum mimo_status exchange(struct mimo_transport *transport, const struct mimo_message *sends,
                                 size_t send_count, const struct mimo_message *receives,
                                 size_t receive_count, struct mimo_error *err)
{
    (void)transport;
    MIMO_TRY(inner->ops->exchange(inner, sends, send_count, receives, receive_count, err));
    if (receive_count > 0)
        spoil(EXCHANGE, bad_group, receives[0].data);
    return MIMO_OK;
}

static enum mimo_status join(struct mimo_transport *transport, struct mimo_error *err)
{
    (void)transport;
    return inner->ops->join(inner, err);
}

static const struct mimo_transport_ops faulty_ops = {
    .name = "faulty",
    .group_make = group_make,
    .all_reduce = all_reduce,
    .all_gather = all_gather,
    .reduce_scatter = reduce_scatter,
    .all_to_all = all_to_all,
    .ring_begin = ring_begin,
    .ring_end = ring_end,
    .broadcast = broadcast,
    .exchange = exchange,
    .join = join,
};

/* ---- the runs ---- */

static bool is_told(const struct mimo_error *err, const char *message)
{
    if (err->status == MIMO_E_FAILED && err->is_agreed &&
        strncmp(err->message, message, strlen(message)) == 0)
        return true;
    (void)printf("status %d, \"%s\" instead of \"%s\"\n", (int)err->status, err->message, message);
    return false;
}

/* Each fault is told by all ranks. */
static bool try_faults(struct mimo_run *run)
{
    static const char *const messages[] = {
        [SUMS] = "rank 3, all-reduce of clip tp [2, 3] (sums, even): element 5 of 4096 is ",
        [MAXIMA] = "rank 3, all-reduce of clip tp [2, 3] (maxima, even): element 5 of 4096 is ",
        [ALL_GATHER] = "rank 3, all-gather of clip tp [2, 3] (even): element 5 of 4096 is ",
        [REDUCE_SCATTER] = "rank 3, reduce-scatter of clip tp [2, 3] (even): element 5 of 2048 is ",
        [ALL_TO_ALL] = "rank 3, all-to-all of clip tp [2, 3] (even): element 5 of 4096 is ",
        [RING] = "rank 3, ring of clip tp [2, 3] (even): element 5 of 2048 is ",
        [BROADCAST] = "rank 3, broadcast of clip tp [2, 3] (even): element 5 of 2048 is ",
        [EXCHANGE] = "rank 3, message 1 of 1 along clip.0-clip.1, from rank 1: element 5 of ",
    };
    bool is_well = true;

    for (fault = SUMS; fault < NONE; fault++) {
        struct mimo_error err = {.status = MIMO_OK};
        (void)mimo_run_preflight(run, &err);
        is_well = is_told(&err, messages[fault]) && is_well;
    }
    return is_well;
}

struct job {
    struct mimo_world *world;
    char *bytes;
    struct mimo_plan plan;
    struct mimo_backend backend;
    struct mimo_transport faulty;
    struct mimo_error err;
};

/* Of a job that is to hang, and of one that a loaded machine may hold up. */
static uint64_t timeout_ms(void)
{
    return stays_away ? 5000 : 60000;
}

static enum mimo_status open_job(struct job *job, const char *path)
{
    size_t size;

    MIMO_TRY(mimo_file_read(path, PLAN_BYTES_MAX, &job->bytes, &size, &job->err));
    MIMO_TRY(mimo_plan_verify(job->bytes, size, &job->plan, &job->err));
    MIMO_TRY(mimo_world_watch(job->world, timeout_ms(), &job->err));
    MIMO_TRY(mimo_transport_mpi_open(&inner, job->world, WINDOW_BYTES, &job->err));
    job->faulty = *inner;
    job->faulty.ops = &faulty_ops;
    return mimo_backend_cpu_open(&job->backend, MIMO_PRECISION_FP32, &job->err);
}

static bool run(struct job *job)
{
    const struct mimo_run_options options = {.is_quiet = true};
    struct mimo_run run = {.plan = &job->plan,
                           .machine = {job->world, &job->backend, &job->faulty, inner},
                           .options = &options};

    return try_faults(&run);
}

int main(int argc, char **argv)
{
    struct job job = {0};
    bool is_well;

    if (argc != 3 || mimo_world_open(&job.world, &argc, &argv, &job.err) != MIMO_OK)
        return 2;
    stays_away = strcmp(argv[2], "none") == 0;
    if (open_job(&job, argv[1]) != MIMO_OK)
        mimo_world_abort(job.world, job.err.status, job.err.message);
    is_well = run(&job);
    inner->ops->close(inner);
    mimo_backend_close(&job.backend);
    mimo_world_close(job.world);
    free(job.bytes);
    return is_well ? 0 : 1;
}
