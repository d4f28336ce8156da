#include "runtime/world/own_messages.h"

/* The n-th receive from this rank with `tag`, or NULL. */
static const struct mimo_message *find_receive(const struct mimo_message *receives,
                                               size_t receive_count, uint32_t own, uint32_t tag,
                                               size_t n)
{
    for (size_t i = 0; i < receive_count; i++)
        if (receives[i].peer == own && receives[i].tag == tag && n-- == 0)
            return &receives[i];
    return NULL;
}

/* How many messages before sends[index] go the same way as it. */
static size_t count_before(const struct mimo_message *messages, size_t index)
{
    size_t count = 0;

    for (size_t i = 0; i < index; i++)
        count += messages[i].peer == messages[index].peer && messages[i].tag == messages[index].tag;
    return count;
}

enum mimo_status mimo_own_receive(uint32_t own, const struct mimo_message *sends, size_t index,
                                  const struct mimo_message *receives, size_t receive_count,
                                  const struct mimo_message **out_receive, struct mimo_error *err)
{
    const struct mimo_message *send = &sends[index];
    const struct mimo_message *receive =
        find_receive(receives, receive_count, own, send->tag, count_before(sends, index));

    if (receive == NULL || receive->bytes != send->bytes)
        return mimo_error_set(err, MIMO_E_FAILED,
                              "rank %u: the message of tag %u to itself is sent with %zu bytes "
                              "and received with %zu",
                              own, send->tag, send->bytes, receive == NULL ? 0 : receive->bytes);
    *out_receive = receive;
    return MIMO_OK;
}
