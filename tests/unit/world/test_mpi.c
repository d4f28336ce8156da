/* What the MPI transport alone promises: shared channels and windows, contradictions that it
 * notices, and waits that leave the cores to others. */
#include "runtime/world/transport_mpi.h"
#include "runtime/world/world_internal.h"
#include "tests/unit/world/group_checks.h"

#include <time.h>

static const struct mimo_channel *channel_of(const struct mimo_group *group)
{
    return ((const struct mimo_mpi_group *)group)->channel;
}

static void test_equal_lists_share_a_channel(void)
{
    struct mimo_group *first, *second;

    suite_open_transport(rig_ways[0]);
    first = make_group_of_all("llm dp");
    second = make_group_of_all("vision dp");
    CHECK(channel_of(first) == channel_of(second));
    CHECK(channel_of(first) == channel_of(transport->everyone));
    CHECK(first != second);
    if (suite_place().size > 1) {
        CHECK(channel_of(first)->window != NULL);
        CHECK_CONTAINS(second->doing[MIMO_ALL_REDUCE], "all-reduce of vision dp [0, 1");
    }
    rig_close(transport);
}

/* -- room for windows ------------------------------------------------------------------------- */

/* Opens a transport that wants a megabyte for each member while the machine allows `allowed` bytes
 * in all; returns the bytes of a buffer that it got, 0 without a window. */
static size_t buffer_bytes_with(uint64_t allowed)
{
    _Atomic uint64_t *left = &suite_world->board.shared->window_bytes_left;
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

/* -- contradictions --------------------------------------------------------------------------- */

/* In shared memory a mismatch is noticed and named by all; MPI would hang or deliver garbage. */
static void test_mismatch_is_noticed(void)
{
    const struct mimo_world_place place = suite_place();
    const size_t count = place.rank + 1 == place.size ? 2000 : 2001;
    float storage[2001] = {0};
    struct mimo_error err = {.status = MIMO_OK};
    enum mimo_status status;

    suite_open_transport(rig_ways[0]);
    status = transport->ops->all_reduce(transport->everyone, storage, count, MIMO_DTYPE_F32,
                                        MIMO_REDUCE_SUM, &err);
    if (place.size > 1) {
        CHECK_INT(status, MIMO_E_FAILED);
        CHECK_CONTAINS(err.message, "disagree in all-reduce of all ranks [0, 1");
        CHECK_CONTAINS(err.message, "2000");
        CHECK_CONTAINS(err.message, "2001");
    }
    rig_close(transport);
}

/* Rank 0 sends `sent` bytes of which rank 1 expects `expected`. */
static void check_contradiction(size_t sent, size_t expected)
{
    static char data[256];
    const uint32_t rank = suite_place().rank;
    const struct mimo_message message = {1 - rank, 5, data, rank == 0 ? sent : expected};
    struct mimo_error err = {.status = MIMO_OK};

    suite_open_transport(rig_ways[0]);
    if (rank < 2)
        (void)transport->ops->exchange(transport, &message, rank == 0, &message, rank == 1, &err);
    if (rank == 1) {
        CHECK_INT(err.status, MIMO_E_FAILED);
        CHECK_CONTAINS(err.message, "rank 1");
        CHECK_CONTAINS(err.message, "tag 5 from rank 0");
    } else {
        CHECK_TEXT(err.message, "");
    }
    rig_close(transport);
}

static void test_sizes_that_contradict(void)
{
    if (suite_place().size < 2)
        return;
    check_contradiction(100, 200);
    check_contradiction(200, 100);
}

/* The last rank hands on less than the first expects. */
static void test_a_hop_that_contradicts(void)
{
    static char sent[256], received[256];
    const struct mimo_world_place place = suite_place();
    const size_t count = place.rank + 1 == place.size ? 100 : 200;
    struct mimo_error err = {.status = MIMO_OK};

    if (place.size < 2)
        return;
    suite_open_transport(rig_ways[0]);
    CHECK_INT(transport->ops->ring_begin(transport->everyone, sent, count, received, 200,
                                         MIMO_DTYPE_U8, &err),
              MIMO_OK);
    CHECK_INT(transport->ops->ring_end(transport->everyone, &err),
              place.rank == 0 ? MIMO_E_FAILED : MIMO_OK);
    if (place.rank == 0) {
        CHECK_CONTAINS(err.message, "ring of all ranks [0, 1");
        CHECK_CONTAINS(err.message, "100 bytes came, 200 were expected");
    }
    rig_close(transport);
}

/* -- waiting ---------------------------------------------------------------------------------- */

static double cpu_seconds(void)
{
    struct timespec used;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec + (double)used.tv_nsec * 1e-9;
}

/* Rank 0 comes 300 ms late; the others sleep meanwhile, with their cores free for those who
 * compute. */
static void check_late(const char *way)
{
    const struct timespec late = {.tv_nsec = 300000000};
    double before;

    suite_open_transport(way);
    check_sum(transport->everyone);
    before = cpu_seconds();
    if (suite_place().rank == 0)
        (void)nanosleep(&late, NULL);
    check_sum(transport->everyone);
    CHECK(cpu_seconds() - before < 0.15);
    rig_close(transport);
}

static void test_waiting_takes_no_core(void)
{
    check_late(rig_ways[0]);
    check_late(rig_ways[1]);
}

static const struct mimo_test tests[] = {
    {"equal lists share a channel", test_equal_lists_share_a_channel},
    {"little room for windows", test_little_room_for_windows},
    {"a mismatch is noticed", test_mismatch_is_noticed},
    {"sizes that contradict each other", test_sizes_that_contradict},
    {"a hop that contradicts", test_a_hop_that_contradicts},
    {"waiting takes no core", test_waiting_takes_no_core},
};

MIMO_MPI_TEST_MAIN("mpi", tests)
