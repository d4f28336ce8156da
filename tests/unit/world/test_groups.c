/* Families of groups, and lists that contradict each other. */
#include "runtime/world/group.h"
#include "tests/unit/world/group_checks.h"

static void test_families(void)
{
    const struct mimo_world_place place = suite_place();
    const uint32_t pair[] = {place.rank / 2 * 2, place.rank / 2 * 2 + 1};
    uint32_t stride[8], count = 0;
    const bool has_pair = pair[1] < place.size;
    struct mimo_group *group;

    CHECK_INT(mimo_group_size(transport->everyone), place.size);
    check_sum(transport->everyone);
    group = make_group(has_pair ? pair : NULL, has_pair ? 2 : 0, "llm tp");
    CHECK_INT(group != NULL, has_pair);
    if (group != NULL)
        check_sum(group);
    for (uint32_t rank = place.rank % 2; rank < place.size && count < 8; rank += 2)
        stride[count++] = rank;
    check_sum(make_group(stride, count, "llm dp"));
    check_sum(make_group(&place.rank, 1, "llm pp"));
    check_sum(make_group_of_all("llm cp"));
    group = make_group(has_pair ? pair : NULL, has_pair ? 2 : 0, "vision tp");
    if (group != NULL)
        check_sum(group);
}

/* Rank 0 believes in a group of 0 and 1, rank 1 in one of 0, 1 and 2: all ranks get the error. */
static void test_contradicting_lists(void)
{
    const struct mimo_world_place place = suite_place();
    const uint32_t ranks[] = {0, 1, 2};
    const uint32_t count = place.rank == 0 ? 2 : place.rank < 3 ? 3 : 0;
    struct mimo_error err = {.status = MIMO_OK};
    struct mimo_group *group = NULL;

    if (place.size < 4)
        return;
    CHECK_INT(transport->ops->group_make(transport, count == 0 ? NULL : ranks, count, "mlp tp",
                                         &group, &err),
              MIMO_E_FAILED);
    CHECK_CONTAINS(err.message, "different lists of the members");
    CHECK_CONTAINS(err.message, "mlp tp");
    CHECK(group == NULL);
}

static const struct mimo_test tests[] = {
    {"families", test_families},
    {"contradicting lists", test_contradicting_lists},
};

MIMO_TRANSPORT_TEST_MAIN("groups", tests)
