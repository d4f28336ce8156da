#include "runtime/world/group.h"

#include <stdio.h>

enum { LABEL_MEMBERS_MAX = 4 };

uint32_t mimo_group_size(const struct mimo_group *group)
{
    return group->size;
}

uint32_t mimo_group_rank(const struct mimo_group *group)
{
    return group->rank;
}

uint32_t mimo_group_member(const struct mimo_group *group, uint32_t position)
{
    MIMO_ASSERT(position < group->size);
    return group->members[position];
}

void mimo_group_detach(struct mimo_group *group)
{
    if (group != NULL)
        group->is_detached = true;
}

bool mimo_group_find(const struct mimo_world_place *place, const uint32_t *ranks, uint32_t count,
                     uint32_t *out_position)
{
    bool is_member = false;

    for (uint32_t i = 0; i < count; i++) {
        if (ranks[i] >= place->size || (i > 0 && ranks[i] <= ranks[i - 1]))
            return false;
        if (ranks[i] == place->rank) {
            *out_position = i;
            is_member = true;
        }
    }
    return is_member;
}

/* "llm tp [0, 4, 8, 12, ... 60]" */
static const char *label(const struct mimo_group *group, struct mimo_arena *arena)
{
    char text[128];
    size_t length = 0;

    for (uint32_t i = 0; i < group->size && i < LABEL_MEMBERS_MAX; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "%s%u", i == 0 ? "" : ", ",
                                   group->members[i]);
    if (group->size > LABEL_MEMBERS_MAX)
        (void)snprintf(text + length, sizeof text - length, ", ... %u",
                       group->members[group->size - 1]);
    return mimo_arena_printf(arena, "%s [%s]", group->name, text);
}

void mimo_group_describe(struct mimo_group *group, struct mimo_arena *arena)
{
    static const char *const operations[MIMO_COLLECTIVE_COUNT] = {
        [MIMO_ALL_REDUCE] = "all-reduce",         [MIMO_ALL_GATHER] = "all-gather",
        [MIMO_REDUCE_SCATTER] = "reduce-scatter", [MIMO_BROADCAST] = "broadcast",
        [MIMO_ALL_TO_ALL] = "all-to-all",         [MIMO_RING] = "ring",
    };
    const char *who = label(group, arena);

    for (int i = 0; i < MIMO_COLLECTIVE_COUNT; i++)
        group->doing[i] = mimo_arena_printf(arena, "%s of %s", operations[i], who);
}

uint32_t *mimo_group_all_ranks(uint32_t world_size, struct mimo_arena *arena)
{
    uint32_t *ranks = MIMO_NEW_ARRAY(arena, uint32_t, world_size);

    for (uint32_t i = 0; i < world_size; i++)
        ranks[i] = i;
    return ranks;
}
