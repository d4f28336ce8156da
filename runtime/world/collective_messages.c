/*
 * Collectives that are messages between members: all-to-all, and the hops of a ring. They go
 * through the channel's communicator, which carries no others.
 */
#include "runtime/world/pieces.h"
#include "runtime/world/reduce.h"
#include "runtime/world/transport_mpi.h"

#include <string.h>

enum { TAG_ALL_TO_ALL, TAG_RING };

static struct mimo_posts *posts_of(const struct mimo_group *group)
{
    return &((const struct mimo_mpi_group *)group)->channel->posts;
}

static void copy(void *to, const void *from, size_t bytes)
{
    if (bytes > 0)
        memcpy(to, from, bytes);
}

/* -- all-to-all ------------------------------------------------------------------------------- */

/* In step k everyone sends to the k-th member behind itself: none is sent to by all at once. */
enum mimo_status mimo_mpi_all_to_all(struct mimo_group *group, const void *send,
                                     const size_t *send_begins, void *receive,
                                     const size_t *receive_begins, enum mimo_dtype dtype,
                                     struct mimo_error *err)
{
    const size_t element = mimo_dtype_bytes(dtype);
    const uint32_t size = group->size, own = group->rank;
    const char *from = send;
    char *to = receive;

    for (uint32_t k = 0; k < size; k++) {
        const uint32_t source = (own + size - k) % size, destination = (own + k) % size;
        const struct mimo_span in = mimo_part_bytes(receive_begins, source, element);
        const struct mimo_span out = mimo_part_bytes(send_begins, destination, element);
        if (k == 0) {
            MIMO_ASSERT(in.count == out.count);
            copy(to + in.first, from + out.first, in.count);
            continue;
        }
        MIMO_TRY(mimo_posts_receive(posts_of(group), source, TAG_ALL_TO_ALL, to + in.first,
                                    in.count, err));
        MIMO_TRY(mimo_posts_send(posts_of(group), destination, TAG_ALL_TO_ALL, from + out.first,
                                 out.count, err));
    }
    return mimo_posts_wait(posts_of(group), group->doing[MIMO_ALL_TO_ALL], err);
}

/* -- rings ------------------------------------------------------------------------------------ */

enum mimo_status mimo_mpi_ring_begin(struct mimo_group *group, const void *send, size_t send_count,
                                     void *receive, size_t receive_count, enum mimo_dtype dtype,
                                     struct mimo_error *err)
{
    const size_t element = mimo_dtype_bytes(dtype);
    const uint32_t size = group->size, own = group->rank;

    if (size == 1) {
        MIMO_ASSERT(send_count == receive_count);
        copy(receive, send, send_count * element);
        return MIMO_OK;
    }
    MIMO_TRY(mimo_posts_receive(posts_of(group), (own + size - 1) % size, TAG_RING, receive,
                                receive_count * element, err));
    return mimo_posts_send(posts_of(group), (own + 1) % size, TAG_RING, send, send_count * element,
                           err);
}

enum mimo_status mimo_mpi_ring_end(struct mimo_group *group, struct mimo_error *err)
{
    return mimo_posts_wait(posts_of(group), group->doing[MIMO_RING], err);
}
