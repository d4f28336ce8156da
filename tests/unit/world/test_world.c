/* Places, agreement, comparison, signals. */
#include "tests/unit/world/mpi_suite.h"

#include <mpi.h>
#include <signal.h>

static void test_place(void)
{
    const struct mimo_world_place place = suite_place();
    int rank, size;

    (void)MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    (void)MPI_Comm_size(MPI_COMM_WORLD, &size);
    CHECK_INT(place.rank, rank);
    CHECK_INT(place.size, size);
    CHECK_INT(place.node_size, size); /* the tests run on one machine */
    CHECK(place.node_rank < place.node_size);
}

static void test_agree_when_all_is_well(void)
{
    struct mimo_error err = {.status = MIMO_OK};
    bool is_speaker = true;

    CHECK_INT(mimo_world_agree(suite_world, &err, &is_speaker), MIMO_OK);
    CHECK(!is_speaker);
    CHECK_TEXT(err.message, "");
}

/* Ranks from `first` on fail, each with another status: that of the lowest counts on all. */
static void check_agreement(uint32_t first)
{
    static const enum mimo_status statuses[] = {MIMO_E_DATA, MIMO_E_NUMERIC, MIMO_E_CHECKPOINT};
    struct mimo_error err = {.status = MIMO_OK};
    const uint32_t rank = suite_place().rank;
    char expected[64];
    bool is_speaker;

    if (rank >= first)
        (void)mimo_error_set(&err, statuses[rank % 3], "rank %u has no shard", rank);
    (void)snprintf(expected, sizeof expected, "rank %u has no shard", first);
    CHECK_INT(mimo_world_agree(suite_world, &err, &is_speaker), statuses[first % 3]);
    CHECK_INT(err.status, statuses[first % 3]);
    CHECK_TEXT(err.message, expected);
    CHECK_INT(is_speaker, rank == first);
    CHECK(err.is_agreed);
}

static void test_lowest_failed_rank_speaks(void)
{
    for (uint32_t first = 0; first < suite_place().size; first++)
        check_agreement(first);
}

static void test_same_bytes(void)
{
    static uint8_t bytes[10000];
    struct mimo_error err = {.status = MIMO_OK};

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7);
    CHECK_INT(mimo_world_same(suite_world, bytes, 0, "nothing", &err), MIMO_OK);
    CHECK_INT(mimo_world_same(suite_world, bytes, 16, "the digest", &err), MIMO_OK);
    CHECK_INT(mimo_world_same(suite_world, bytes, sizeof bytes, "the plan", &err), MIMO_OK);
    CHECK_TEXT(err.message, "");
}

/* Whichever rank differs and wherever, all learn which. Rank 0 itself cannot differ from itself. */
static void test_first_that_differs_is_named(void)
{
    static uint8_t bytes[10000];
    const struct mimo_world_place place = suite_place();
    char expected[96];

    for (uint32_t bad = 1; bad < place.size; bad++) {
        struct mimo_error err = {.status = MIMO_OK};
        memset(bytes, 1, sizeof bytes);
        if (place.rank >= bad)
            bytes[bad % 2 == 0 ? 0 : sizeof bytes - 1] = 2;
        (void)snprintf(expected, sizeof expected, "the plan of rank %u differs from that of rank 0",
                       bad);
        CHECK_INT(mimo_world_same(suite_world, bytes, sizeof bytes, "the plan", &err),
                  MIMO_E_WORLD);
        CHECK_TEXT(err.message, expected);
        CHECK(err.is_agreed);
    }
}

static void test_sizes_that_differ(void)
{
    const struct mimo_world_place place = suite_place();
    static const uint8_t bytes[8192];
    struct mimo_error err = {.status = MIMO_OK};
    const uint32_t size = place.rank == place.size - 1 ? 8192 : 5000;
    const enum mimo_status status = mimo_world_same(suite_world, bytes, size, "the plan", &err);

    CHECK_INT(status, place.size > 1 ? MIMO_E_WORLD : MIMO_OK);
}

static void test_signals_set_a_flag(void)
{
    mimo_world_catch_signals();
    CHECK(!mimo_world_was_signalled());
    (void)raise(SIGUSR1);
    CHECK(mimo_world_was_signalled());
    (void)raise(SIGTERM);
    CHECK(mimo_world_was_signalled());
}

static const struct mimo_test tests[] = {
    {"place", test_place},
    {"agreement when all is well", test_agree_when_all_is_well},
    {"the lowest failed rank speaks", test_lowest_failed_rank_speaks},
    {"same bytes", test_same_bytes},
    {"the first that differs is named", test_first_that_differs_is_named},
    {"sizes that differ", test_sizes_that_differ},
    {"signals set a flag", test_signals_set_a_flag},
};

MIMO_MPI_TEST_MAIN("world", tests)
