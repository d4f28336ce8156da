/* Families of groups, shared channels, lists that contradict each other. */
#include "tests/unit/world/mpi_suite.h"

#include "runtime/world/world_internal.h"

static struct mimo_group *make(struct mimo_transport *transport, const uint32_t *ranks,
                               uint32_t count, const char *name)
{
    struct mimo_error err = {.status = MIMO_OK};
    struct mimo_group *group = NULL;

    CHECK_INT(transport->ops->group_make(transport, ranks, count, name, &group, &err), MIMO_OK);
    CHECK_TEXT(err.message, "");
    return group;
}

/* The sum of the members' ranks through the group: proves that its members are those meant. */
static void check_sum(struct mimo_group *group)
{
    int64_t sum = suite_place().rank, expected = 0;
    struct mimo_error err = {.status = MIMO_OK};

    for (uint32_t i = 0; i < mimo_group_size(group); i++)
        expected += mimo_group_member(group, i);
    CHECK_INT(mimo_group_member(group, mimo_group_rank(group)), suite_place().rank);
    CHECK_INT(
        group->transport->ops->all_reduce(group, &sum, 1, MIMO_DTYPE_I64, MIMO_REDUCE_SUM, &err),
        MIMO_OK);
    CHECK_INT(sum, expected);
}

static void check_families(bool has_windows)
{
    struct mimo_transport *transport = suite_transport(has_windows);
    const struct mimo_world_place place = suite_place();
    const uint32_t pair[] = {place.rank / 2 * 2, place.rank / 2 * 2 + 1};
    uint32_t stride[8], count = 0;
    const bool has_pair = pair[1] < place.size;
    struct mimo_group *group;

    CHECK_INT(mimo_group_size(transport->everyone), place.size);
    check_sum(transport->everyone);
    group = make(transport, has_pair ? pair : NULL, has_pair ? 2 : 0, "llm tp");
    CHECK_INT(group != NULL, has_pair);
    if (group != NULL)
        check_sum(group);
    for (uint32_t rank = place.rank % 2; rank < place.size && count < 8; rank += 2)
        stride[count++] = rank;
    check_sum(make(transport, stride, count, "llm dp"));
    check_sum(make(transport, &place.rank, 1, "llm pp"));
    group = make(transport, has_pair ? pair : NULL, has_pair ? 2 : 0, "vision tp");
    if (group != NULL)
        check_sum(group);
    transport->ops->close(transport);
}

static void test_families_with_windows(void)
{
    check_families(true);
}

static void test_families_without_windows(void)
{
    check_families(false);
}

static const struct mimo_channel *channel_of(const struct mimo_group *group)
{
    return ((const struct mimo_mpi_group *)group)->channel;
}

static void test_equal_lists_share_a_channel(void)
{
    struct mimo_transport *transport = suite_transport(true);
    const uint32_t size = suite_place().size;
    uint32_t ranks[8];
    struct mimo_group *first, *second;

    for (uint32_t i = 0; i < size; i++)
        ranks[i] = i;
    first = make(transport, ranks, size, "llm dp");
    second = make(transport, ranks, size, "vision dp");
    CHECK(channel_of(first) == channel_of(second));
    CHECK(channel_of(first) == channel_of(transport->everyone));
    CHECK(first != second);
    if (size > 1) {
        CHECK(channel_of(first)->window != NULL);
        CHECK_CONTAINS(((struct mimo_mpi_group *)second)->doing[MIMO_ALL_REDUCE],
                       "all-reduce of vision dp [0, 1");
    }
    transport->ops->close(transport);
}

/* Opens a transport that wants a megabyte for each member while the machine allows `allowed` bytes
 * in all; returns the bytes of a buffer that it got, 0 without a window. */
static size_t buffer_bytes_with(uint64_t allowed)
{
    _Atomic uint64_t *left = &suite_world->board.shared->window_bytes_left;
    struct mimo_transport *transport = NULL;
    struct mimo_error err = {.status = MIMO_OK};
    const uint64_t before = atomic_load(left);
    const struct mimo_window *window;
    size_t bytes;

    CHECK(!mimo_world_agree(suite_world, &err, &(bool){false}));
    if (suite_place().rank == 0)
        atomic_store(left, allowed);
    CHECK_INT(mimo_transport_mpi_open(&transport, suite_world, 1u << 20, &err), MIMO_OK);
    CHECK_TEXT(err.message, "");
    check_sum(transport->everyone);
    window = channel_of(transport->everyone)->window;
    bytes = window == NULL ? 0 : mimo_window_buffer_bytes(window);
    transport->ops->close(transport);
    if (suite_place().rank == 0) {
        CHECK_INT(atomic_load(left), allowed); /* closing gives back what opening took */
        atomic_store(left, before);
    }
    return bytes;
}

static void test_little_room_for_windows(void)
{
    const uint32_t size = suite_place().size;

    CHECK_INT(buffer_bytes_with(1), 0);
    if (size == 1)
        return;
    CHECK(buffer_bytes_with((uint64_t)size * 2000000) > 340000);
    CHECK(buffer_bytes_with((uint64_t)size * 600000) > 170000);
    CHECK(buffer_bytes_with((uint64_t)size * 600000) < 180000);
    CHECK(buffer_bytes_with((uint64_t)size * 70000) > 8000);
    CHECK_INT(buffer_bytes_with((uint64_t)size * 20000), 0);
}

/* Rank 0 believes in a group of 0 and 1, rank 1 in one of 0, 1 and 2: all ranks get the error. */
static void test_contradicting_lists(void)
{
    struct mimo_transport *transport = suite_transport(true);
    const struct mimo_world_place place = suite_place();
    const uint32_t ranks[] = {0, 1, 2};
    struct mimo_error err = {.status = MIMO_OK};
    struct mimo_group *group = NULL;

    if (place.size >= 4) {
        const uint32_t count = place.rank == 0 ? 2 : place.rank < 3 ? 3 : 0;
        CHECK_INT(transport->ops->group_make(transport, count == 0 ? NULL : ranks, count, "llm tp",
                                             &group, &err),
                  MIMO_E_FAILED);
        CHECK_CONTAINS(err.message, "different lists of the members");
        CHECK_CONTAINS(err.message, "llm tp");
        CHECK(group == NULL);
    }
    transport->ops->close(transport);
}

static const struct mimo_test tests[] = {
    {"families with windows", test_families_with_windows},
    {"families without windows", test_families_without_windows},
    {"equal lists share a channel", test_equal_lists_share_a_channel},
    {"little room for windows", test_little_room_for_windows},
    {"contradicting lists", test_contradicting_lists},
};

MIMO_MPI_TEST_MAIN("groups", tests)
