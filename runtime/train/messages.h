/*
 * messages.h - the messages of one exchange, which its links list before it takes place.
 */
#ifndef MIMO_RUNTIME_TRAIN_MESSAGES_H
#define MIMO_RUNTIME_TRAIN_MESSAGES_H

#include "runtime/world/transport.h"

struct mimo_messages {
    struct mimo_message *sends, *receives;
    size_t send_count, receive_count;
};

/* The tag of an edge's messages in a direction (MIMO_EDGE_FORWARD or _BACKWARD). */
static inline uint32_t mimo_message_tag(uint32_t edge, uint32_t direction)
{
    return 2 * edge + direction;
}

#endif
