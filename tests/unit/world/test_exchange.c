/* Transfers: rings, all to all, to oneself, empty, large, and sizes that contradict each other. */
#include "tests/unit/world/mpi_suite.h"

enum { RANKS_MAX = 8 };

static uint8_t pattern(uint32_t from, uint32_t to, uint32_t tag, size_t i)
{
    return (uint8_t)(from * 71 + to * 31 + tag * 7 + i * 13 + i / 256);
}

static uint8_t *filled(uint32_t from, uint32_t to, uint32_t tag, size_t bytes)
{
    uint8_t *data = malloc(bytes + 1);

    CU_ASSERT_FATAL(data != NULL);
    for (size_t i = 0; data != NULL && i < bytes; i++)
        data[i] = pattern(from, to, tag, i);
    return data;
}

static void check_filled(const uint8_t *data, uint32_t from, uint32_t to, uint32_t tag,
                         size_t bytes)
{
    size_t wrong = 0;

    for (size_t i = 0; i < bytes; i++)
        wrong += data[i] != pattern(from, to, tag, i);
    CHECK_INT(wrong, 0);
}

static enum mimo_status exchange(struct mimo_transport *t, const struct mimo_message *sends,
                                 const struct mimo_message *receives, size_t count)
{
    struct mimo_error err = {.status = MIMO_OK};
    const enum mimo_status status = t->ops->exchange(t, sends, count, receives, count, &err);

    CHECK_TEXT(err.message, "");
    return status;
}

/* Every rank sends to every rank, itself included, `bytes` with each of two tags. */
static void check_all_to_all(struct mimo_transport *t, size_t bytes)
{
    const struct mimo_world_place place = suite_place();
    struct mimo_message sends[2 * RANKS_MAX], receives[2 * RANKS_MAX];
    size_t count = 0;

    for (uint32_t tag = 0; tag < 2; tag++)
        for (uint32_t peer = 0; peer < place.size; peer++, count++) {
            uint8_t *room = calloc(1, bytes + 1);
            CU_ASSERT_FATAL(room != NULL);
            sends[count] = (struct mimo_message){peer, tag * 32767,
                                                 filled(place.rank, peer, tag, bytes), bytes};
            receives[count] = (struct mimo_message){peer, tag * 32767, room, bytes};
        }
    CHECK_INT(exchange(t, sends, receives, count), MIMO_OK);
    for (size_t i = 0; i < count; i++) {
        check_filled(receives[i].data, receives[i].peer, place.rank, receives[i].tag / 32767,
                     bytes);
        CHECK_INT(((uint8_t *)receives[i].data)[bytes], 0);
        free(sends[i].data);
        free(receives[i].data);
    }
}

static void test_all_to_all(void)
{
    static const size_t sizes[] = {0, 1, 3, 1000, 4096, 70001, 1000003};
    struct mimo_transport *t = suite_transport(true);

    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
        check_all_to_all(t, sizes[k]);
    t->ops->close(t);
}

/* Messages of one tag arrive in the order in which they were posted, to oneself too. */
static void check_order(struct mimo_transport *t, uint32_t to, uint32_t from)
{
    uint32_t sent[5], received[5] = {0};
    struct mimo_message sends[5], receives[5];

    for (uint32_t i = 0; i < 5; i++) {
        sent[i] = 1000 + i;
        sends[i] = (struct mimo_message){to, 9, &sent[i], sizeof sent[i]};
        receives[i] = (struct mimo_message){from, 9, &received[i], sizeof received[i]};
    }
    CHECK_INT(exchange(t, sends, receives, 5), MIMO_OK);
    for (uint32_t i = 0; i < 5; i++)
        CHECK_INT(received[i], 1000 + i);
}

static void test_order_of_one_tag(void)
{
    const struct mimo_world_place place = suite_place();
    struct mimo_transport *t = suite_transport(true);

    check_order(t, (place.rank + 1) % place.size, (place.rank + place.size - 1) % place.size);
    check_order(t, place.rank, place.rank);
    t->ops->close(t);
}

/* A pipeline's step: the first only sends, the last only receives, between them both at once. */
static void test_one_sided_ends(void)
{
    const struct mimo_world_place place = suite_place();
    struct mimo_transport *t = suite_transport(true);
    int64_t sent = 100 + place.rank, received = -1;
    const struct mimo_message send = {place.rank + 1, 1, &sent, sizeof sent};
    const struct mimo_message receive = {place.rank - 1, 1, &received, sizeof received};
    struct mimo_error err = {.status = MIMO_OK};

    CHECK_INT(
        t->ops->exchange(t, &send, place.rank + 1 < place.size, &receive, place.rank > 0, &err),
        MIMO_OK);
    CHECK_INT(received, place.rank > 0 ? 99 + (int64_t)place.rank : -1);
    CHECK_INT(t->ops->exchange(t, NULL, 0, NULL, 0, &err), MIMO_OK);
    t->ops->close(t);
}

/* Rank 0 sends `sent` bytes of which rank 1 expects `expected`. */
static void check_contradiction(size_t sent, size_t expected)
{
    struct mimo_transport *t = suite_transport(true);
    static char data[256];
    const uint32_t rank = suite_place().rank;
    const struct mimo_message message = {1 - rank, 5, data, rank == 0 ? sent : expected};
    struct mimo_error err = {.status = MIMO_OK};

    if (rank < 2)
        (void)t->ops->exchange(t, &message, rank == 0, &message, rank == 1, &err);
    if (rank == 1) {
        CHECK_INT(err.status, MIMO_E_FAILED);
        CHECK_CONTAINS(err.message, "rank 1");
        CHECK_CONTAINS(err.message, "tag 5 from rank 0");
    } else {
        CHECK_TEXT(err.message, "");
    }
    t->ops->close(t);
}

static void test_sizes_that_contradict(void)
{
    if (suite_place().size < 2)
        return;
    check_contradiction(100, 200);
    check_contradiction(200, 100);
}

static void test_own_sizes_that_contradict(void)
{
    struct mimo_transport *t = suite_transport(true);
    char data[8];
    const struct mimo_message send = {suite_place().rank, 3, data, 8};
    const struct mimo_message receive = {suite_place().rank, 3, data, 4};
    struct mimo_error err = {.status = MIMO_OK};

    CHECK_INT(t->ops->exchange(t, &send, 1, &receive, 1, &err), MIMO_E_FAILED);
    CHECK_CONTAINS(err.message, "sent with 8 bytes and received with 4");
    t->ops->close(t);
}

static const struct mimo_test tests[] = {
    {"all to all", test_all_to_all},
    {"order of one tag", test_order_of_one_tag},
    {"one-sided ends", test_one_sided_ends},
    {"sizes that contradict each other", test_sizes_that_contradict},
    {"own sizes that contradict each other", test_own_sizes_that_contradict},
};

MIMO_MPI_TEST_MAIN("exchange", tests)
