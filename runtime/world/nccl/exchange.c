#include "runtime/world/nccl/parts.h"
#include "runtime/world/own_messages.h"

enum mimo_status mimo_nccl_copy(struct mimo_transport_nccl *t, void *to, const void *from,
                                size_t bytes, struct mimo_error *err)
{
    struct mimo_cuda *cuda = t->cuda;

    if (bytes == 0 ||
        mimo_cuda_check(cuda,
                        cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, cuda->compute),
                        "the copy of a message"))
        return MIMO_OK;
    return mimo_error_set(err, cuda->error.status, "%s", cuda->error.message);
}

static enum mimo_status copy_own(struct mimo_transport_nccl *t, const struct mimo_message *sends,
                                 size_t send_count, const struct mimo_message *receives,
                                 size_t receive_count, struct mimo_error *err)
{
    const uint32_t own = t->everyone->rank;

    for (size_t i = 0; i < send_count; i++) {
        const struct mimo_message *to;
        if (sends[i].peer != own)
            continue;
        MIMO_TRY(mimo_own_receive(own, sends, i, receives, receive_count, &to, err));
        MIMO_TRY(mimo_nccl_copy(t, to->data, sends[i].data, to->bytes, err));
    }
    return MIMO_OK;
}

/* Whether NCCL carries it: both ends know the size, and leave out what is empty. */
static bool is_carried(const struct mimo_transport_nccl *t, const struct mimo_message *message)
{
    return message->peer != t->everyone->rank && message->bytes != 0;
}

/* Adds the peers of `messages` to those that the status board names; how many messages are carried.
 */
static size_t list_peers(struct mimo_nccl_issue *issue, const struct mimo_message *messages,
                         size_t count)
{
    struct mimo_nccl_label *label = &issue->label;
    size_t carried = 0;

    for (size_t i = 0; i < count; i++) {
        bool is_listed = false;
        if (!is_carried(issue->transport, &messages[i]))
            continue;
        carried++;
        for (uint32_t k = 0; k < label->peer_count; k++)
            is_listed |= label->peers[k] == messages[i].peer;
        if (!is_listed && label->peer_count < MIMO_NCCL_PEERS_MAX)
            label->peers[label->peer_count++] = messages[i].peer;
    }
    return carried;
}

static void post(struct mimo_nccl_issue *issue, const struct mimo_message *messages, size_t count,
                 bool is_receive)
{
    const cudaStream_t stream = issue->transport->cuda->communication;
    const ncclComm_t comm = issue->channel->comm;

    for (size_t i = 0; i < count; i++) {
        const struct mimo_message *message = &messages[i];
        const int peer = (int)message->peer;
        if (!is_carried(issue->transport, message))
            continue;
        mimo_nccl_take(
            issue, is_receive
                       ? ncclRecv(message->data, message->bytes, ncclUint8, peer, comm, stream)
                       : ncclSend(message->data, message->bytes, ncclUint8, peer, comm, stream));
    }
}

enum mimo_status mimo_nccl_exchange(struct mimo_transport *transport,
                                    const struct mimo_message *sends, size_t send_count,
                                    const struct mimo_message *receives, size_t receive_count,
                                    struct mimo_error *err)
{
    struct mimo_transport_nccl *t = (struct mimo_transport_nccl *)transport;
    struct mimo_nccl_issue issue = {
        .transport = t, .channel = t->everyone, .label = {.doing = "exchange"}};
    const size_t received = list_peers(&issue, receives, receive_count);
    const size_t sent = list_peers(&issue, sends, send_count);

    MIMO_TRY(copy_own(t, sends, send_count, receives, receive_count, err));
    if (received + sent == 0)
        return MIMO_OK;
    issue.is_awaited = received > 0;
    MIMO_TRY(mimo_nccl_begin(&issue, err));
    post(&issue, receives, receive_count, true);
    post(&issue, sends, send_count, false);
    return mimo_nccl_end(&issue, err);
}
