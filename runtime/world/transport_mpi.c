#include "runtime/world/transport_mpi.h"

#include "runtime/world/mpi_wait.h"
#include "runtime/world/pieces.h"
#include "runtime/world/reduce.h"
#include "runtime/world/world_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

enum {
    WINDOW_BYTES_MAX = 1 << 30,
    SCRATCH_BYTES_MIN = 1 << 16,
    SCRATCH_MEMBER_BYTES_MIN = 512,
};

static struct mimo_transport_mpi *mpi_of(struct mimo_transport *transport)
{
    return (struct mimo_transport_mpi *)transport;
}

/* -- making groups ---------------------------------------------------------------------------- */

static struct mimo_channel *find_channel(const struct mimo_transport_mpi *t, const uint32_t *ranks,
                                         uint32_t count)
{
    for (struct mimo_channel *channel = t->channels; channel != NULL; channel = channel->next)
        if (channel->size == count && memcmp(channel->members, ranks, count * sizeof *ranks) == 0)
            return channel;
    return NULL;
}

static bool is_on_one_machine(const struct mimo_transport_mpi *t, const uint32_t *ranks,
                              uint32_t count)
{
    for (uint32_t i = 1; i < count; i++)
        if (t->machines[ranks[i]] != t->machines[ranks[0]])
            return false;
    return true;
}

static struct mimo_channel *new_channel(struct mimo_transport_mpi *t, const uint32_t *ranks,
                                        uint32_t count, uint32_t position)
{
    struct mimo_channel *channel = MIMO_NEW(&t->arena, struct mimo_channel);

    channel->size = count;
    channel->rank = position;
    channel->comm = MPI_COMM_NULL;
    channel->members = MIMO_NEW_ARRAY(&t->arena, uint32_t, count);
    memcpy(channel->members, ranks, count * sizeof *ranks);
    channel->parts = MIMO_NEW_ARRAY(&t->arena, const void *, count);
    channel->begins = MIMO_NEW_ARRAY(&t->arena, size_t, (size_t)count + 1);
    channel->counts = MIMO_NEW_ARRAY(&t->arena, int, 3 * (size_t)count);
    channel->scratch = t->scratch;
    channel->scratch_bytes = t->scratch_bytes;
    channel->next = t->channels;
    t->channels = channel;
    return channel;
}

/* Whether the communicator that came out of the split is that of the channel's list: it is not
 * where ranks passed lists that contradict each other. */
static enum mimo_status check_members(const struct mimo_channel *channel, const char *name,
                                      struct mimo_error *err)
{
    const uint64_t own = XXH3_64bits(channel->members, channel->size * sizeof *channel->members);
    uint64_t first = own;
    int size = 0, rank = 0;

    (void)MPI_Comm_size(channel->comm, &size);
    (void)MPI_Comm_rank(channel->comm, &rank);
    (void)MPI_Bcast(&first, 1, MPI_UINT64_T, 0, channel->comm);
    if ((uint32_t)size == channel->size && (uint32_t)rank == channel->rank && first == own)
        return MIMO_OK;
    return mimo_error_set(err, MIMO_E_FAILED, "the ranks hold different lists of the members of %s",
                          name);
}

/* Splits the world into the groups of one call; those that need no communicator stay out of it. */
static enum mimo_status connect(struct mimo_transport_mpi *t, struct mimo_channel *channel,
                                const char *name, struct mimo_error *err)
{
    const int color = channel == NULL ? MPI_UNDEFINED : (int)channel->members[0];
    const int key = channel == NULL ? 0 : (int)channel->rank;
    MPI_Comm comm = MPI_COMM_NULL;

    MIMO_TRY(mimo_mpi_check(t->base.world, MPI_Comm_split(t->comm, color, key, &comm), name, err));
    if (channel == NULL)
        return MIMO_OK;
    channel->comm = comm;
    mimo_posts_init(&channel->posts, t->base.world, comm, channel->members);
    return check_members(channel, name, err);
}

static enum mimo_status open_window(struct mimo_transport_mpi *t, struct mimo_channel *channel,
                                    struct mimo_error *err)
{
    if (channel == NULL || !t->has_windows ||
        !is_on_one_machine(t, channel->members, channel->size))
        return MIMO_OK;
    return mimo_window_open(&channel->window, t->base.world, channel->comm, channel->members,
                            t->window_bytes, err);
}

static struct mimo_group *new_group(struct mimo_transport_mpi *t, struct mimo_channel *channel,
                                    const char *name)
{
    struct mimo_mpi_group *group = MIMO_NEW(&t->arena, struct mimo_mpi_group);

    group->channel = channel;
    group->base = (struct mimo_group){.transport = &t->base,
                                      .name = name,
                                      .size = channel->size,
                                      .rank = channel->rank,
                                      .members = channel->members};
    mimo_group_describe(&group->base, &t->arena);
    return &group->base;
}

/* All ranks agree, so that none goes on with a group that another has not. */
static enum mimo_status agree(struct mimo_transport_mpi *t, struct mimo_error *local,
                              struct mimo_error *err)
{
    bool is_speaker;
    const enum mimo_status status = mimo_world_agree(t->base.world, local, &is_speaker);

    return status == MIMO_OK ? MIMO_OK : mimo_error_set(err, status, "%s", local->message);
}

/* `fresh` is NULL on a rank that needs no new communicator. */
static enum mimo_status connect_all(struct mimo_transport_mpi *t, struct mimo_channel *fresh,
                                    const char *name, struct mimo_error *err)
{
    struct mimo_error local = {.status = MIMO_OK};
    struct mimo_world *world = t->base.world;
    enum mimo_status status;

    mimo_world_waits(world, name, NULL, 0);
    (void)connect(t, fresh, name, &local);
    status = agree(t, &local, err);
    if (status == MIMO_OK) {
        mimo_world_waits(world, name, NULL, 0);
        (void)open_window(t, fresh, &local);
        status = agree(t, &local, err);
    }
    mimo_world_waits(world, NULL, NULL, 0);
    return status;
}

static enum mimo_status group_make(struct mimo_transport *transport, const uint32_t *ranks,
                                   uint32_t count, const char *name, struct mimo_group **out_group,
                                   struct mimo_error *err)
{
    struct mimo_transport_mpi *t = mpi_of(transport);
    const struct mimo_world_place place = mimo_world_place(transport->world);
    struct mimo_channel *channel = NULL;
    const char *what = mimo_arena_printf(&t->arena, "making of the group %s", name);
    bool is_fresh = false;

    if (count > 0) {
        uint32_t position = 0;
        const bool is_valid = mimo_group_find(&place, ranks, count, &position);
        MIMO_ASSERT(is_valid);
        channel = find_channel(t, ranks, count);
        is_fresh = channel == NULL && count > 1;
        if (channel == NULL)
            channel = new_channel(t, ranks, count, position);
    }
    MIMO_TRY(connect_all(t, is_fresh ? channel : NULL, what, err));
    *out_group = channel == NULL ? NULL : new_group(t, channel, name);
    return MIMO_OK;
}

/* -- calls ------------------------------------------------------------------------------------ */

static enum mimo_status run(struct mimo_group *group, struct mimo_call *call,
                            enum mimo_collective collective, struct mimo_error *err)
{
    const struct mimo_mpi_group *g = (const struct mimo_mpi_group *)group;

    call->world = group->transport->world;
    call->channel = g->channel;
    call->collective = collective;
    call->doing = group->doing[collective];
    MIMO_TRY(g->channel->window != NULL ? mimo_shared_run(call, err) : mimo_remote_run(call, err));
    mimo_board_progress(&call->world->board);
    return MIMO_OK;
}

static enum mimo_status all_reduce(struct mimo_group *group, void *data, size_t count,
                                   enum mimo_dtype dtype, enum mimo_reduction reduction,
                                   struct mimo_error *err)
{
    const struct mimo_mpi_group *g = (const struct mimo_mpi_group *)group;
    struct mimo_call call = {.data = data,
                             .begins = g->channel->begins,
                             .count = count,
                             .dtype = dtype,
                             .reduction = reduction};

    if (group->size == 1 || count == 0)
        return MIMO_OK;
    mimo_piece_divide(g->channel->begins, group->size, count);
    return run(group, &call, MIMO_ALL_REDUCE, err);
}

static enum mimo_status all_gather(struct mimo_group *group, void *data, const size_t *begins,
                                   enum mimo_dtype dtype, struct mimo_error *err)
{
    struct mimo_call call = {.data = data, .begins = begins, .dtype = dtype};

    if (group->size == 1 || begins[group->size] == begins[0])
        return MIMO_OK;
    return run(group, &call, MIMO_ALL_GATHER, err);
}

static enum mimo_status reduce_scatter(struct mimo_group *group, void *data, const size_t *begins,
                                       enum mimo_dtype dtype, struct mimo_error *err)
{
    struct mimo_call call = {
        .data = data, .begins = begins, .dtype = dtype, .reduction = MIMO_REDUCE_SUM};

    if (group->size == 1 || begins[group->size] == begins[0])
        return MIMO_OK;
    return run(group, &call, MIMO_REDUCE_SCATTER, err);
}

static enum mimo_status broadcast(struct mimo_group *group, void *data, size_t bytes, uint32_t root,
                                  struct mimo_error *err)
{
    struct mimo_call call = {.data = data, .count = bytes, .dtype = MIMO_DTYPE_U8, .root = root};

    MIMO_ASSERT(root < group->size);
    if (group->size == 1 || bytes == 0)
        return MIMO_OK;
    return run(group, &call, MIMO_BROADCAST, err);
}

/* -- start and end ---------------------------------------------------------------------------- */

static void free_transport(struct mimo_transport_mpi *t)
{
    mimo_posts_release(&t->receives);
    mimo_posts_release(&t->sends);
    mimo_arena_release(&t->arena);
    free(t->scratch);
    free(t);
}

/* Channels are a list from the newest to the oldest: one order on all ranks that share one. */
static void close_transport(struct mimo_transport *transport)
{
    struct mimo_transport_mpi *t = mpi_of(transport);

    for (struct mimo_channel *channel = t->channels; channel != NULL; channel = channel->next) {
        mimo_window_close(channel->window);
        mimo_posts_release(&channel->posts);
        if (channel->comm != MPI_COMM_NULL)
            (void)MPI_Comm_free(&channel->comm);
    }
    (void)MPI_Comm_free(&t->comm);
    free_transport(t);
}

/* Which ranks share a machine: each learns from its machine's first who that is, and tells all. */
static int find_machines(struct mimo_transport_mpi *t)
{
    struct mimo_world *world = t->base.world;
    uint32_t first = world->place.rank;
    uint32_t *machines = MIMO_NEW_ARRAY(&t->arena, uint32_t, world->place.size);
    int result = MPI_Bcast(&first, 1, MPI_UINT32_T, 0, world->node_comm);

    if (result == MPI_SUCCESS)
        result = MPI_Allgather(&first, 1, MPI_UINT32_T, machines, 1, MPI_UINT32_T, t->comm);
    t->machines = machines;
    return result;
}

/* Windows may take three quarters of what is free where MPI keeps its shared memory: writing to
 * pages for which there is no room ends a process with SIGBUS. */
static void set_allowance(struct mimo_world *world)
{
    struct statvfs status;
    uint64_t bytes;

    if (world->place.node_rank != 0 || atomic_load(&world->board.shared->window_bytes_left) != 0)
        return;
    if (statvfs("/dev/shm", &status) != 0)
        return;
    bytes = (uint64_t)status.f_bavail * status.f_frsize;
    atomic_store(&world->board.shared->window_bytes_left, bytes / 4 * 3);
}

static enum mimo_status make_everyone(struct mimo_transport_mpi *t, struct mimo_error *err)
{
    const uint32_t size = mimo_world_place(t->base.world).size;
    const uint32_t *ranks = mimo_group_all_ranks(size, &t->arena);

    mimo_posts_init(&t->receives, t->base.world, t->comm, ranks);
    mimo_posts_init(&t->sends, t->base.world, t->comm, ranks);
    return group_make(&t->base, ranks, size, "all ranks", &t->base.everyone, err);
}

static enum mimo_status connect_world(struct mimo_transport_mpi *t, struct mimo_error *err)
{
    struct mimo_world *world = t->base.world;

    MIMO_TRY(mimo_mpi_check(world, MPI_Comm_dup(world->comm, &t->comm), "the transport", err));
    set_allowance(world);
    MIMO_TRY(mimo_mpi_check(world, find_machines(t), "finding the machines", err));
    return make_everyone(t, err);
}

static size_t at_least(size_t value, size_t least)
{
    return value < least ? least : value;
}

enum mimo_status mimo_transport_mpi_open_with(struct mimo_transport **out_transport,
                                              struct mimo_world *world, size_t window_bytes,
                                              bool has_windows, struct mimo_error *err)
{
    static const struct mimo_transport_ops ops = {
        .name = "mpi",
        .group_make = group_make,
        .all_reduce = all_reduce,
        .all_gather = all_gather,
        .reduce_scatter = reduce_scatter,
        .all_to_all = mimo_mpi_all_to_all,
        .ring_begin = mimo_mpi_ring_begin,
        .ring_end = mimo_mpi_ring_end,
        .broadcast = broadcast,
        .exchange = mimo_mpi_exchange,
        .join = mimo_mpi_join,
        .close = close_transport,
    };
    struct mimo_transport_mpi *t = calloc(1, sizeof *t);
    enum mimo_status status;

    if (t == NULL)
        return mimo_error_set(err, MIMO_E_FAILED, "no memory for the transport");
    t->base = (struct mimo_transport){.ops = &ops, .world = world};
    t->window_bytes = window_bytes < WINDOW_BYTES_MAX ? window_bytes : WINDOW_BYTES_MAX;
    t->has_windows = has_windows;
    t->scratch_bytes = at_least(t->window_bytes, SCRATCH_BYTES_MIN);
    t->scratch_bytes =
        at_least(t->scratch_bytes, (size_t)SCRATCH_MEMBER_BYTES_MIN * mimo_world_place(world).size);
    t->scratch = malloc(t->scratch_bytes);
    if (t->scratch == NULL) {
        free_transport(t);
        return mimo_error_set(err, MIMO_E_FAILED, "no memory for %zu bytes of transport",
                              window_bytes);
    }
    status = connect_world(t, err);
    if (status != MIMO_OK) {
        free_transport(t);
        return status;
    }
    *out_transport = &t->base;
    return MIMO_OK;
}

enum mimo_status mimo_transport_mpi_open(struct mimo_transport **out_transport,
                                         struct mimo_world *world, size_t window_bytes,
                                         struct mimo_error *err)
{
    return mimo_transport_mpi_open_with(out_transport, world, window_bytes, true, err);
}
