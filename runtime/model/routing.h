/*
 * routing.h - which row goes where in a layer of experts: pure arithmetic on how many rows each
 * rank has for each expert.
 *
 * The ranks that exchange rows are those of an etp_ep group: `ep` expert ranks, which hold
 * consecutive experts, times `etp` parts, each with a part of every such expert. Source s = etp
 * part
 * + etp * expert rank. All of them know all counts, and so all that is here without another word.
 *
 * What an expert rank is sent is a list, ordered by expert and then by source. It takes `room` rows
 * at a time: entries m * room ... of every list travel in round m. A source sends its rows round by
 * round, to one expert rank behind the other, by expert, in ascending order: the place of a row
 * among them is where it is sent from and where it comes back to.
 */
#ifndef MIMO_RUNTIME_MODEL_ROUTING_H
#define MIMO_RUNTIME_MODEL_ROUTING_H

#include "plan/arena.h"

#include <stddef.h>
#include <stdint.h>

struct mimo_routing {
    uint32_t experts, etp, ep;
    uint32_t source;       /* this rank */
    int64_t room;          /* rows that an expert rank takes at a time */
    int64_t rounds;        /* enough for the longest list */
    const int64_t *counts; /* [etp * ep, experts]: rows of each source for each expert */
    int64_t *starts; /* [etp * ep, experts]: where they begin in the list of the expert's rank */
    int64_t *next;   /* scratch: [experts] */
};

/* What this rank sends and gets in a round. Begins are counted in rows; each array ends with the
 * end of the last. */
struct mimo_round {
    size_t *sends; /* [ep + 1]: of the rows sent, those that go to each expert rank */
    size_t
        *arrivals; /* [ep + 1]: of the rows that arrive, those from each expert rank to this part */
    size_t *parts; /* [etp + 1]: of the rows that arrive, those that come to each part; all of
                      them come together there */
    size_t *experts; /* [experts / ep + 1]: in the order of experts, those of each one here */
    int32_t *order; /* [room]: row i in the order of experts is row order[i] of those that arrive */
};

/* Room for the tables of a routing, in host memory. */
void mimo_routing_open(struct mimo_routing *routing, uint32_t experts, uint32_t etp, uint32_t ep,
                       uint32_t source, struct mimo_arena *table);
void mimo_round_open(struct mimo_round *round, const struct mimo_routing *routing, int64_t room_max,
                     struct mimo_arena *table);

/* How many of `choices` (of which -1 counts for none) fall on each expert: counts[experts]. */
void mimo_routing_count(uint32_t experts, const int32_t *choices, int64_t count,
                        int64_t *out_counts);

/* Sets starts and rounds by the counts of all sources. */
void mimo_routing_set(struct mimo_routing *routing, const int64_t *counts, int64_t room);

/*
 * The places of this source's rows: choice c goes to places[c] (-1 where it is none), and what lies
 * at place p is of row senders[p], which made choices senders[p] * top_k ... . `scratch` has
 * `count` elements. Returns how many places there are.
 */
int64_t mimo_routing_places(const struct mimo_routing *routing, const int32_t *choices,
                            int64_t count, uint32_t top_k, int32_t *out_places,
                            int32_t *out_senders, int32_t *scratch);

/* All rows of a source. */
int64_t mimo_routing_sum(const struct mimo_routing *routing, uint32_t source);

/* What this rank does in round `m`. */
void mimo_routing_round(const struct mimo_routing *routing, int64_t m, struct mimo_round *round);

#endif
