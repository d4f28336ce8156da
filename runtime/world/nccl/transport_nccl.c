#include "runtime/world/nccl/parts.h"

#include <stdlib.h>
#include <string.h>

static struct mimo_transport_nccl *nccl_of(struct mimo_transport *transport)
{
    return (struct mimo_transport_nccl *)transport;
}

/* -- making groups ---------------------------------------------------------------------------- */

static struct mimo_nccl_channel *find_channel(const struct mimo_transport_nccl *t,
                                              const uint32_t *ranks, uint32_t count)
{
    for (struct mimo_nccl_channel *channel = t->channels; channel; channel = channel->next)
        if (channel->size == count && memcmp(channel->members, ranks, count * sizeof *ranks) == 0)
            return channel;
    return NULL;
}

static struct mimo_nccl_channel *new_channel(struct mimo_transport_nccl *t, const uint32_t *ranks,
                                             uint32_t count)
{
    const struct mimo_world_place place = mimo_world_place(t->base.world);
    struct mimo_nccl_channel *channel = MIMO_NEW(&t->arena, struct mimo_nccl_channel);
    uint32_t *members = MIMO_NEW_ARRAY(&t->arena, uint32_t, count);
    const bool is_valid = mimo_group_find(&place, ranks, count, &channel->rank);

    MIMO_ASSERT(is_valid);
    memcpy(members, ranks, count * sizeof *ranks);
    channel->members = members;
    channel->size = count;
    channel->next = t->channels;
    t->channels = channel;
    return channel;
}

static struct mimo_group *new_group(struct mimo_transport_nccl *t,
                                    struct mimo_nccl_channel *channel, const char *name)
{
    struct mimo_nccl_group *group = MIMO_NEW(&t->arena, struct mimo_nccl_group);

    group->channel = channel;
    group->base = (struct mimo_group){.transport = &t->base,
                                      .name = name,
                                      .size = channel->size,
                                      .rank = channel->rank,
                                      .members = channel->members};
    mimo_group_describe(&group->base, &t->arena);
    return &group->base;
}

/* The world is split only where some rank needs a new communicator, and when nothing is under way
 * on it. `fresh` is NULL on a rank that needs none. All ranks agree, so that none goes on with a
 * group that another has not. */
static enum mimo_status connect_all(struct mimo_transport_nccl *t, struct mimo_nccl_channel *fresh,
                                    const char *what, struct mimo_error *err)
{
    struct mimo_error local = {.status = MIMO_OK};
    uint64_t fresh_count = fresh != NULL;
    bool is_speaker;

    MIMO_TRY(mimo_world_sum_u64(t->base.world, &fresh_count, 1, err));
    if (fresh_count == 0)
        return MIMO_OK;
    if (mimo_cuda_await(t->cuda, t->cuda->communication, what))
        (void)mimo_nccl_split(t, fresh, what, &local);
    else
        (void)mimo_error_set(&local, t->cuda->error.status, "%s", t->cuda->error.message);
    if (mimo_world_agree(t->base.world, &local, &is_speaker) == MIMO_OK)
        return MIMO_OK;
    return mimo_error_set(err, local.status, "%s", local.message);
}

static enum mimo_status group_make(struct mimo_transport *transport, const uint32_t *ranks,
                                   uint32_t count, const char *name, struct mimo_group **out_group,
                                   struct mimo_error *err)
{
    struct mimo_transport_nccl *t = nccl_of(transport);
    struct mimo_nccl_channel *channel = count > 0 ? find_channel(t, ranks, count) : NULL;
    const char *what = mimo_arena_printf(&t->arena, "making of the group %s", name);
    bool is_fresh = false;

    if (channel == NULL && count > 0) {
        channel = new_channel(t, ranks, count);
        is_fresh = count > 1;
    }
    MIMO_TRY(connect_all(t, is_fresh ? channel : NULL, what, err));
    *out_group = channel == NULL ? NULL : new_group(t, channel, name);
    return MIMO_OK;
}

/* -- start and end ---------------------------------------------------------------------------- */

static void free_transport(struct mimo_transport_nccl *t)
{
    mimo_nccl_unwatch(t);
    mimo_arena_release(&t->arena);
    free(t);
}

/* What was issued comes to its end first; where it cannot, the communicators are of no more use. */
static void close_transport(struct mimo_transport *transport)
{
    struct mimo_transport_nccl *t = nccl_of(transport);
    const bool is_at_rest =
        mimo_cuda_await(t->cuda, t->cuda->compute, "the end of the transport") &&
        mimo_cuda_await(t->cuda, t->cuda->communication, "the end of the transport");

    mimo_cuda_forget_sequences(t->cuda);
    if (is_at_rest)
        mimo_nccl_disconnect(t);
    else
        mimo_nccl_abort(t);
    free_transport(t);
}

static enum mimo_status connect_world(struct mimo_transport_nccl *t, struct mimo_transport *control,
                                      struct mimo_error *err)
{
    const uint32_t size = mimo_world_place(t->base.world).size;

    t->everyone = new_channel(t, mimo_group_all_ranks(size, &t->arena), size);
    t->base.everyone = new_group(t, t->everyone, "all ranks");
    MIMO_TRY(mimo_nccl_watch(t, err));
    return size > 1 ? mimo_nccl_connect(t, control, err) : MIMO_OK;
}

enum mimo_status mimo_transport_nccl_open(struct mimo_transport **out_transport,
                                          struct mimo_transport *control, struct mimo_cuda *cuda,
                                          struct mimo_error *err)
{
    static const struct mimo_transport_ops ops = {
        .name = "nccl",
        .group_make = group_make,
        .all_reduce = mimo_nccl_all_reduce,
        .all_gather = mimo_nccl_all_gather,
        .reduce_scatter = mimo_nccl_reduce_scatter,
        .all_to_all = mimo_nccl_all_to_all,
        .ring_begin = mimo_nccl_ring_begin,
        .ring_end = mimo_nccl_ring_end,
        .broadcast = mimo_nccl_broadcast,
        .exchange = mimo_nccl_exchange,
        .join = mimo_nccl_join,
        .close = close_transport,
    };
    struct mimo_transport_nccl *t = calloc(1, sizeof *t);
    enum mimo_status status;

    if (t == NULL)
        return mimo_error_set(err, MIMO_E_FAILED, "no memory for the transport");
    t->base = (struct mimo_transport){.ops = &ops, .world = control->world};
    t->cuda = cuda;
    status = connect_world(t, control, err);
    if (status != MIMO_OK) {
        free_transport(t);
        return status;
    }
    *out_transport = &t->base;
    return MIMO_OK;
}
