/*
 * group.h - groups as the transports see them: what those of every transport begin with.
 */
#ifndef MIMO_RUNTIME_WORLD_GROUP_H
#define MIMO_RUNTIME_WORLD_GROUP_H

#include "plan/arena.h"
#include "runtime/world/transport.h"

enum mimo_collective {
    MIMO_ALL_REDUCE,
    MIMO_ALL_GATHER,
    MIMO_REDUCE_SCATTER,
    MIMO_BROADCAST,
    MIMO_ALL_TO_ALL,
    MIMO_RING,
    MIMO_COLLECTIVE_COUNT,
};

/* The functions of transport.h on groups read it. */
struct mimo_group {
    struct mimo_transport *transport;
    const char *name;
    uint32_t size, rank; /* rank: this rank's position */
    const uint32_t *members;
    bool is_detached;
    /* What the status board and messages say of each collective: "all-reduce of llm tp [2, 3]". */
    const char *doing[MIMO_COLLECTIVE_COUNT];
};

/* Whether `ranks` ascends, lies in the world and holds this rank: at *out_position. */
bool mimo_group_find(const struct mimo_world_place *place, const uint32_t *ranks, uint32_t count,
                     uint32_t *out_position);

/* Fills `doing` from the name and the members, as in "all-reduce of llm tp [0, 4, 8, 12, ... 60]".
 * The texts lie in the arena. */
void mimo_group_describe(struct mimo_group *group, struct mimo_arena *arena);

/* All ranks in ascending order, in the arena. */
uint32_t *mimo_group_all_ranks(uint32_t world_size, struct mimo_arena *arena);

#endif
