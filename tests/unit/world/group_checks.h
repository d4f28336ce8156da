/*
 * group_checks.h - making groups, and proving who their members are.
 */
#ifndef MIMO_TESTS_UNIT_WORLD_GROUP_CHECKS_H
#define MIMO_TESTS_UNIT_WORLD_GROUP_CHECKS_H

#include "tests/unit/world/transport_suite.h"

static inline struct mimo_group *make_group(const uint32_t *ranks, uint32_t count, const char *name)
{
    struct mimo_error err = {.status = MIMO_OK};
    struct mimo_group *group = NULL;

    CHECK_INT(transport->ops->group_make(transport, ranks, count, name, &group, &err), MIMO_OK);
    CHECK_TEXT(err.message, "");
    return group;
}

/* The sum of the members' ranks through the group: proves that its members are those meant. */
static inline void check_sum(struct mimo_group *group)
{
    int64_t sum = suite_place().rank, expected = 0, *memory = rig_alloc(sizeof sum);
    struct mimo_error err = {.status = MIMO_OK};

    for (uint32_t i = 0; i < mimo_group_size(group); i++)
        expected += mimo_group_member(group, i);
    CHECK_INT(mimo_group_member(group, mimo_group_rank(group)), suite_place().rank);
    rig_write(memory, &sum, sizeof sum);
    CHECK_INT(
        group->transport->ops->all_reduce(group, memory, 1, MIMO_DTYPE_I64, MIMO_REDUCE_SUM, &err),
        MIMO_OK);
    rig_read(&sum, memory, sizeof sum);
    CHECK_INT(sum, expected);
    rig_free(memory);
}

/* All ranks of the world. */
static inline struct mimo_group *make_group_of_all(const char *name)
{
    uint32_t ranks[8];

    for (uint32_t i = 0; i < suite_place().size; i++)
        ranks[i] = i;
    return make_group(ranks, suite_place().size, name);
}

#endif
