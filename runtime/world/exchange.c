#include "runtime/world/own_messages.h"
#include "runtime/world/transport_mpi.h"

#include <string.h>

static enum mimo_status copy_own(uint32_t own, const struct mimo_message *sends, size_t send_count,
                                 const struct mimo_message *receives, size_t receive_count,
                                 struct mimo_error *err)
{
    for (size_t i = 0; i < send_count; i++) {
        const struct mimo_message *to;
        if (sends[i].peer != own)
            continue;
        MIMO_TRY(mimo_own_receive(own, sends, i, receives, receive_count, &to, err));
        if (to->bytes != 0)
            memcpy(to->data, sends[i].data, to->bytes);
    }
    return MIMO_OK;
}

enum mimo_status mimo_mpi_exchange(struct mimo_transport *transport,
                                   const struct mimo_message *sends, size_t send_count,
                                   const struct mimo_message *receives, size_t receive_count,
                                   struct mimo_error *err)
{
    struct mimo_transport_mpi *t = (struct mimo_transport_mpi *)transport;
    const uint32_t own = mimo_world_place(transport->world).rank;

    for (size_t i = 0; i < receive_count; i++)
        if (receives[i].peer != own)
            MIMO_TRY(mimo_posts_receive(&t->receives, receives[i].peer, receives[i].tag,
                                        receives[i].data, receives[i].bytes, err));
    for (size_t i = 0; i < send_count; i++)
        if (sends[i].peer != own)
            MIMO_TRY(mimo_posts_send(&t->sends, sends[i].peer, sends[i].tag, sends[i].data,
                                     sends[i].bytes, err));
    MIMO_TRY(copy_own(own, sends, send_count, receives, receive_count, err));
    return mimo_posts_wait(&t->receives, "exchange", err);
}

enum mimo_status mimo_mpi_join(struct mimo_transport *transport, struct mimo_error *err)
{
    return mimo_posts_wait(&((struct mimo_transport_mpi *)transport)->sends, "exchange", err);
}
