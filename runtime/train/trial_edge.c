/* Patterns along the transfers of an edge. */
#include "runtime/train/trial.h"

#include "plan/bridge.h"

#include <stdio.h>

enum { ELEMENTS = 1024, MORE_ELEMENTS = 3, TEXT_BYTES = 160 };

/* The transfers of an edge that this rank is at one end of, in one direction. */
struct side {
    const struct mimo_plan *plan;
    uint32_t edge, direction;
    bool sends;
    uint32_t rank;
};

static struct mimo_transfers transfers_of(const struct side *side)
{
    const bool is_source = side->sends == (side->direction == MIMO_EDGE_FORWARD);
    struct mimo_transfers cursor;

    mimo_transfers_init(&cursor, side->plan, side->edge, is_source ? side->rank : MIMO_NONE,
                        is_source ? MIMO_NONE : side->rank);
    return cursor;
}

static size_t count(const struct side *side)
{
    struct mimo_transfers cursor = transfers_of(side);
    struct mimo_transfer transfer;
    size_t transfers = 0;

    while (mimo_transfers_next(&cursor, &transfer))
        transfers++;
    return transfers;
}

size_t mimo_trial_edge_elements(const struct mimo_machine *machine, const struct mimo_plan *plan,
                                uint32_t edge)
{
    struct side side = {
        .plan = plan, .edge = edge, .rank = mimo_world_place(machine->world).rank, .sends = true};
    const size_t sent = count(&side);
    size_t received;

    side.sends = false;
    received = count(&side);
    return (sent > received ? sent : received) * (ELEMENTS + MORE_ELEMENTS);
}

/* -- messages --------------------------------------------------------------------------------- */

/* Both ends know what goes along a transfer. */
static uint32_t salt(const struct mimo_trial *trial, const struct side *side,
                     const struct mimo_transfer *transfer)
{
    const uint32_t values[] = {trial->round,           side->direction,
                               transfer->source,       transfer->destination,
                               transfer->sample_begin, transfer->column_begin};
    uint32_t salt = 0;

    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        salt = mimo_trial_salt(salt, values[i]);
    return salt;
}

static size_t elements_of(const struct mimo_transfer *transfer)
{
    return ELEMENTS + (transfer->sample_begin + transfer->column_begin) % MORE_ELEMENTS;
}

/* Fills `elements` with the patterns of the transfers, one behind the other, and lists the messages
 * in `memory`; how many elements there are. */
static size_t list(const struct mimo_trial *trial, const struct side *side, float *elements,
                   float *memory, struct mimo_message *messages)
{
    const bool is_source = side->sends == (side->direction == MIMO_EDGE_FORWARD);
    struct mimo_transfers cursor = transfers_of(side);
    struct mimo_transfer transfer;
    size_t first = 0;

    while (mimo_transfers_next(&cursor, &transfer)) {
        const size_t size = elements_of(&transfer);
        for (size_t i = 0; i < size; i++)
            elements[first + i] = mimo_trial_pattern(salt(trial, side, &transfer), i);
        *messages++ = (struct mimo_message){
            .peer = is_source ? transfer.destination : transfer.source,
            .tag = side->direction,
            .data = &memory[first],
            .bytes = size * sizeof *memory,
        };
        first += size;
    }
    return first;
}

/* Compares message by message, so that a fault names its sender. */
static enum mimo_status check(struct mimo_trial *trial, const struct mimo_message *messages,
                              size_t message_count, const char *name, struct mimo_error *err)
{
    size_t first = 0;
    char what[TEXT_BYTES];

    for (size_t i = 0; i < message_count; i++) {
        const size_t elements = messages[i].bytes / sizeof(float);
        (void)snprintf(what, sizeof what, "message %zu of %zu along %s, from rank %u", i + 1,
                       message_count, name, messages[i].peer);
        MIMO_TRY(mimo_trial_check(trial, trial->received, first, elements, what, err));
        first += elements;
    }
    return MIMO_OK;
}

static enum mimo_status cross(struct mimo_trial *trial, const struct side *out,
                              const struct side *in, struct mimo_arena *arena, const char *name,
                              struct mimo_error *err)
{
    const struct mimo_transport_ops *ops = trial->machine->transport->ops;
    const size_t sent = count(out), received = count(in);
    struct mimo_message *sends = MIMO_NEW_ARRAY(arena, struct mimo_message, sent);
    struct mimo_message *receives = MIMO_NEW_ARRAY(arena, struct mimo_message, received);

    mimo_trial_put(trial, trial->data, list(trial, out, trial->actual, trial->data, sends));
    (void)list(trial, in, trial->expected, trial->received, receives);
    MIMO_TRY(ops->exchange(trial->machine->transport, sends, sent, receives, received, err));
    MIMO_TRY(ops->join(trial->machine->transport, err));
    return check(trial, receives, received, name, err);
}

enum mimo_status mimo_trial_edge(struct mimo_trial *trial, const struct mimo_plan *plan,
                                 uint32_t edge, uint32_t direction, const char *name,
                                 struct mimo_error *err)
{
    const uint32_t rank = mimo_world_place(trial->machine->world).rank;
    const struct side out = {plan, edge, direction, true, rank};
    const struct side in = {plan, edge, direction, false, rank};
    struct mimo_arena arena = {0};
    enum mimo_status status;

    status = cross(trial, &out, &in, &arena, name, err);
    mimo_arena_release(&arena);
    return status;
}
