#include "runtime/model/routing.h"

#include <stdbool.h>

static uint32_t sources_of(const struct mimo_routing *routing)
{
    return routing->etp * routing->ep;
}

static uint32_t local_experts(const struct mimo_routing *routing)
{
    return routing->experts / routing->ep;
}

static uint32_t expert_rank_of(const struct mimo_routing *routing, uint32_t source)
{
    return source / routing->etp;
}

void mimo_routing_open(struct mimo_routing *routing, uint32_t experts, uint32_t etp, uint32_t ep,
                       uint32_t source, struct mimo_arena *table)
{
    *routing = (struct mimo_routing){
        .experts = experts,
        .etp = etp,
        .ep = ep,
        .source = source,
        .starts = MIMO_NEW_ARRAY(table, int64_t, (size_t)etp * ep * experts),
        .next = MIMO_NEW_ARRAY(table, int64_t, experts),
    };
}

void mimo_round_open(struct mimo_round *round, const struct mimo_routing *routing, int64_t room_max,
                     struct mimo_arena *table)
{
    *round = (struct mimo_round){
        .sends = MIMO_NEW_ARRAY(table, size_t, (size_t)routing->ep + 1),
        .arrivals = MIMO_NEW_ARRAY(table, size_t, (size_t)routing->ep + 1),
        .parts = MIMO_NEW_ARRAY(table, size_t, (size_t)routing->etp + 1),
        .experts = MIMO_NEW_ARRAY(table, size_t, (size_t)local_experts(routing) + 1),
        .order = MIMO_NEW_ARRAY(table, int32_t, (size_t)room_max),
    };
}

/* ---- the lists ---- */

void mimo_routing_count(uint32_t experts, const int32_t *choices, int64_t count,
                        int64_t *out_counts)
{
    for (uint32_t e = 0; e < experts; e++)
        out_counts[e] = 0;
    for (int64_t c = 0; c < count; c++)
        if (choices[c] >= 0)
            out_counts[choices[c]]++;
}

/* Sets where the rows begin in the list of expert rank `q`; returns its length. */
static int64_t set_list(struct mimo_routing *routing, uint32_t q)
{
    const uint32_t first = q * local_experts(routing);
    int64_t at = 0;

    for (uint32_t e = first; e < first + local_experts(routing); e++)
        for (uint32_t s = 0; s < sources_of(routing); s++) {
            const size_t entry = (size_t)s * routing->experts + e;
            routing->starts[entry] = at;
            at += routing->counts[entry];
        }
    return at;
}

void mimo_routing_set(struct mimo_routing *routing, const int64_t *counts, int64_t room)
{
    int64_t longest = 0;

    routing->counts = counts;
    routing->room = room;
    for (uint32_t q = 0; q < routing->ep; q++) {
        const int64_t length = set_list(routing, q);
        longest = length > longest ? length : longest;
    }
    routing->rounds = (longest + room - 1) / room;
}

/* How many of the source's rows for the expert lie before entry `end` of the list. */
static int64_t rows_before(const struct mimo_routing *routing, uint32_t source, uint32_t expert,
                           int64_t end)
{
    const size_t entry = (size_t)source * routing->experts + expert;
    const int64_t rows = end - routing->starts[entry];

    if (rows <= 0)
        return 0;
    return rows < routing->counts[entry] ? rows : routing->counts[entry];
}

/* How many of them travel in round `m`. */
static int64_t rows_in_round(const struct mimo_routing *routing, uint32_t source, uint32_t expert,
                             int64_t m)
{
    return rows_before(routing, source, expert, (m + 1) * routing->room) -
           rows_before(routing, source, expert, m * routing->room);
}

/* The same for all experts of expert rank `q`. */
static int64_t rows_to(const struct mimo_routing *routing, uint32_t source, uint32_t q, int64_t m)
{
    const uint32_t first = q * local_experts(routing);
    int64_t rows = 0;

    for (uint32_t e = first; e < first + local_experts(routing); e++)
        rows += rows_in_round(routing, source, e, m);
    return rows;
}

int64_t mimo_routing_sum(const struct mimo_routing *routing, uint32_t source)
{
    int64_t rows = 0;

    for (uint32_t e = 0; e < routing->experts; e++)
        rows += routing->counts[(size_t)source * routing->experts + e];
    return rows;
}

/* ---- places ---- */

/* The choices by expert, those of one in ascending order. */
static int64_t sort_choices(const struct mimo_routing *routing, const int32_t *choices,
                            int64_t count, int32_t *out_sorted)
{
    const int64_t *own = routing->counts + (size_t)routing->source * routing->experts;
    int64_t sorted = 0;

    for (uint32_t e = 0; e < routing->experts; e++) {
        routing->next[e] = sorted;
        sorted += own[e];
    }
    for (int64_t c = 0; c < count; c++)
        if (choices[c] >= 0)
            out_sorted[routing->next[choices[c]]++] = (int32_t)c;
    return sorted;
}

int64_t mimo_routing_places(const struct mimo_routing *routing, const int32_t *choices,
                            int64_t count, uint32_t top_k, int32_t *out_places,
                            int32_t *out_senders, int32_t *scratch)
{
    const int64_t *own = routing->counts + (size_t)routing->source * routing->experts;
    const int64_t places = sort_choices(routing, choices, count, scratch);
    int32_t place = 0;

    for (int64_t c = 0; c < count; c++)
        out_places[c] = -1;
    for (uint32_t e = 0; e < routing->experts; e++)
        routing->next[e] -= own[e];
    for (int64_t m = 0; place < places; m++)
        for (uint32_t e = 0; e < routing->experts; e++) {
            const int64_t rows = rows_in_round(routing, routing->source, e, m);
            for (int64_t i = 0; i < rows; i++, place++) {
                const int32_t choice = scratch[routing->next[e]++];
                out_places[choice] = place;
                out_senders[place] = choice / (int32_t)top_k;
            }
        }
    return places;
}

/* ---- a round ---- */

/* The first place of the round: all rows of those before. */
static size_t first_place(const struct mimo_routing *routing, int64_t m)
{
    int64_t rows = 0;

    for (uint32_t e = 0; e < routing->experts; e++)
        rows += rows_before(routing, routing->source, e, m * routing->room);
    return (size_t)rows;
}

static void set_sends(const struct mimo_routing *routing, int64_t m, struct mimo_round *round)
{
    round->sends[0] = first_place(routing, m);
    for (uint32_t q = 0; q < routing->ep; q++)
        round->sends[q + 1] = round->sends[q] + (size_t)rows_to(routing, routing->source, q, m);
}

/* Sources come by part, then by expert rank. */
static void set_arrivals(const struct mimo_routing *routing, int64_t m, struct mimo_round *round)
{
    const uint32_t q = expert_rank_of(routing, routing->source);
    size_t at = 0;

    for (uint32_t part = 0; part < routing->etp; part++) {
        const bool is_own = part == routing->source % routing->etp;

        round->parts[part] = at;
        for (uint32_t rank = 0; rank < routing->ep; rank++) {
            if (is_own)
                round->arrivals[rank] = at;
            at += (size_t)rows_to(routing, part + routing->etp * rank, q, m);
        }
        if (is_own)
            round->arrivals[routing->ep] = at;
    }
    round->parts[routing->etp] = at;
}

/* Where rows of the source and the expert go in the order of experts, from where they arrive. */
static size_t set_rows(const struct mimo_routing *routing, int64_t m, uint32_t source,
                       uint32_t expert, size_t arrival, int32_t *order)
{
    const size_t entry = (size_t)source * routing->experts + expert;
    const int64_t first = rows_before(routing, source, expert, m * routing->room);
    const int64_t at = routing->starts[entry] + first - m * routing->room;
    const int64_t rows = rows_in_round(routing, source, expert, m);

    for (int64_t i = 0; i < rows; i++)
        order[at + i] = (int32_t)(arrival++);
    return arrival;
}

static void set_order(const struct mimo_routing *routing, int64_t m, struct mimo_round *round)
{
    const uint32_t first = expert_rank_of(routing, routing->source) * local_experts(routing);
    size_t arrival = 0;

    for (uint32_t part = 0; part < routing->etp; part++)
        for (uint32_t rank = 0; rank < routing->ep; rank++)
            for (uint32_t e = first; e < first + local_experts(routing); e++)
                arrival =
                    set_rows(routing, m, part + routing->etp * rank, e, arrival, round->order);
}

static void set_experts(const struct mimo_routing *routing, int64_t m, struct mimo_round *round)
{
    const uint32_t first = expert_rank_of(routing, routing->source) * local_experts(routing);

    round->experts[0] = 0;
    for (uint32_t e = 0; e < local_experts(routing); e++) {
        round->experts[e + 1] = round->experts[e];
        for (uint32_t s = 0; s < sources_of(routing); s++)
            round->experts[e + 1] += (size_t)rows_in_round(routing, s, first + e, m);
    }
}

void mimo_routing_round(const struct mimo_routing *routing, int64_t m, struct mimo_round *round)
{
    set_sends(routing, m, round);
    set_arrivals(routing, m, round);
    set_order(routing, m, round);
    set_experts(routing, m, round);
}
