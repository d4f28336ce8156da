/*
 * own_messages.h - messages of a rank to itself, which every transport copies.
 */
#ifndef MIMO_RUNTIME_WORLD_OWN_MESSAGES_H
#define MIMO_RUNTIME_WORLD_OWN_MESSAGES_H

#include "runtime/world/transport.h"

/* The receive among `receives` that takes sends[index], a message of rank `own` to itself: the n-th
 * send of a tag goes to the n-th receive of it. MIMO_E_FAILED where there is none of its size. */
enum mimo_status mimo_own_receive(uint32_t own, const struct mimo_message *sends, size_t index,
                                  const struct mimo_message *receives, size_t receive_count,
                                  const struct mimo_message **out_receive, struct mimo_error *err);

#endif
