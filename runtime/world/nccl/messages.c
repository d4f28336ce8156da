/* Collectives that are messages between members: all-to-all, and the hops of a ring. */
#include "runtime/world/nccl/parts.h"
#include "runtime/world/pieces.h"
#include "runtime/world/reduce.h"

/* Both ends know a size, and leave out what is empty. */
static void post_send(struct mimo_nccl_issue *issue, const void *data, size_t bytes,
                      uint32_t member)
{
    if (bytes > 0)
        mimo_nccl_take(issue, ncclSend(data, bytes, ncclUint8, (int)member, issue->channel->comm,
                                       issue->transport->cuda->communication));
}

static void post_receive(struct mimo_nccl_issue *issue, void *data, size_t bytes, uint32_t member)
{
    if (bytes > 0)
        mimo_nccl_take(issue, ncclRecv(data, bytes, ncclUint8, (int)member, issue->channel->comm,
                                       issue->transport->cuda->communication));
}

/* -- all-to-all ------------------------------------------------------------------------------- */

/* What passes between this rank and the others, to or from each a part of its own. */
static void post_parts(struct mimo_nccl_issue *issue, const char *send, const size_t *send_begins,
                       char *receive, const size_t *receive_begins, size_t element)
{
    for (uint32_t i = 0; i < issue->channel->size; i++) {
        const struct mimo_span out = mimo_part_bytes(send_begins, i, element);
        const struct mimo_span in = mimo_part_bytes(receive_begins, i, element);
        if (i == issue->channel->rank)
            continue;
        post_send(issue, send + out.first, out.count, i);
        post_receive(issue, receive + in.first, in.count, i);
    }
}

enum mimo_status mimo_nccl_all_to_all(struct mimo_group *group, const void *send,
                                      const size_t *send_begins, void *receive,
                                      const size_t *receive_begins, enum mimo_dtype dtype,
                                      struct mimo_error *err)
{
    const size_t element = mimo_dtype_bytes(dtype);
    const struct mimo_span out = mimo_part_bytes(send_begins, group->rank, element);
    const struct mimo_span in = mimo_part_bytes(receive_begins, group->rank, element);
    struct mimo_nccl_issue issue = mimo_nccl_issue_of(group, MIMO_ALL_TO_ALL);

    MIMO_ASSERT(in.count == out.count);
    MIMO_TRY(mimo_nccl_copy(issue.transport, (char *)receive + in.first,
                            (const char *)send + out.first, in.count, err));
    if (group->size == 1)
        return MIMO_OK;
    MIMO_TRY(mimo_nccl_begin(&issue, err));
    post_parts(&issue, send, send_begins, receive, receive_begins, element);
    return mimo_nccl_end(&issue, err);
}

/* -- rings ------------------------------------------------------------------------------------ */

enum mimo_status mimo_nccl_ring_begin(struct mimo_group *group, const void *send, size_t send_count,
                                      void *receive, size_t receive_count, enum mimo_dtype dtype,
                                      struct mimo_error *err)
{
    const size_t element = mimo_dtype_bytes(dtype);
    struct mimo_nccl_issue issue = mimo_nccl_issue_of(group, MIMO_RING);

    if (group->size == 1) {
        MIMO_ASSERT(send_count == receive_count);
        return mimo_nccl_copy(issue.transport, receive, send, receive_count * element, err);
    }
    issue.is_awaited = false;
    MIMO_TRY(mimo_nccl_begin(&issue, err));
    post_send(&issue, send, send_count * element, (group->rank + 1) % group->size);
    post_receive(&issue, receive, receive_count * element,
                 (group->rank + group->size - 1) % group->size);
    MIMO_TRY(mimo_nccl_end(&issue, err));
    return mimo_nccl_mark_hop(issue.transport, err);
}

enum mimo_status mimo_nccl_ring_end(struct mimo_group *group, struct mimo_error *err)
{
    return group->size == 1
               ? MIMO_OK
               : mimo_nccl_await_hop((struct mimo_transport_nccl *)group->transport, err);
}
