/* Transfers: rings, all to all, to oneself, empty, large. */
#include "tests/unit/world/transport_suite.h"

enum { RANKS_MAX = 8 };

static uint8_t pattern(uint32_t from, uint32_t to, uint32_t tag, size_t i)
{
    return (uint8_t)(from * 71 + to * 31 + tag * 7 + i * 13 + i / 256);
}

/* Bytes for the pattern, in the transport's memory, and one behind them that stays 0. */
static void *filled(uint32_t from, uint32_t to, uint32_t tag, size_t bytes)
{
    uint8_t *data = calloc(1, bytes + 1);
    void *memory = rig_alloc(bytes + 1);

    CU_ASSERT_FATAL(data != NULL && memory != NULL);
    for (size_t i = 0; data != NULL && i < bytes; i++)
        data[i] = pattern(from, to, tag, i);
    rig_write(memory, data, bytes + 1);
    free(data);
    return memory;
}

static void *empty(size_t bytes)
{
    uint8_t *data = calloc(1, bytes + 1);
    void *memory = rig_alloc(bytes + 1);

    CU_ASSERT_FATAL(data != NULL && memory != NULL);
    rig_write(memory, data, bytes + 1);
    free(data);
    return memory;
}

static void check_filled(const void *memory, uint32_t from, uint32_t to, uint32_t tag, size_t bytes)
{
    uint8_t *data = malloc(bytes + 1);
    size_t wrong = 0;

    CU_ASSERT_FATAL(data != NULL);
    rig_read(data, memory, bytes + 1);
    for (size_t i = 0; i < bytes; i++)
        wrong += data[i] != pattern(from, to, tag, i);
    CHECK_INT(wrong, 0);
    CHECK_INT(data[bytes], 0);
    free(data);
}

static void exchange(const struct mimo_message *sends, const struct mimo_message *receives,
                     size_t count)
{
    struct mimo_error err = {.status = MIMO_OK};

    CHECK_INT(transport->ops->exchange(transport, sends, count, receives, count, &err), MIMO_OK);
    CHECK_INT(transport->ops->join(transport, &err), MIMO_OK);
    CHECK_TEXT(err.message, "");
}

/* Every rank sends to every rank, itself included, `bytes` with each of two tags. */
static void check_all_to_all(size_t bytes)
{
    const struct mimo_world_place place = suite_place();
    struct mimo_message sends[2 * RANKS_MAX], receives[2 * RANKS_MAX];
    size_t count = 0;

    for (uint32_t tag = 0; tag < 2; tag++)
        for (uint32_t peer = 0; peer < place.size; peer++, count++) {
            sends[count] = (struct mimo_message){peer, tag * 32767,
                                                 filled(place.rank, peer, tag, bytes), bytes};
            receives[count] = (struct mimo_message){peer, tag * 32767, empty(bytes), bytes};
        }
    exchange(sends, receives, count);
    for (size_t i = 0; i < count; i++) {
        check_filled(receives[i].data, receives[i].peer, place.rank, receives[i].tag / 32767,
                     bytes);
        rig_free(sends[i].data);
        rig_free(receives[i].data);
    }
}

static void test_all_to_all(void)
{
    static const size_t sizes[] = {0, 1, 3, 1000, 4096, 70001, 1000003};

    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
        check_all_to_all(sizes[k]);
}

/* Messages of one tag arrive in the order in which they were posted, to oneself too. */
static void check_order(uint32_t to, uint32_t from)
{
    uint32_t values[5], *sent = rig_alloc(sizeof values), *received = rig_alloc(sizeof values);
    struct mimo_message sends[5], receives[5];

    CU_ASSERT_FATAL(sent != NULL && received != NULL);
    for (uint32_t i = 0; i < 5; i++) {
        values[i] = 1000 + i;
        sends[i] = (struct mimo_message){to, 9, &sent[i], sizeof *sent};
        receives[i] = (struct mimo_message){from, 9, &received[i], sizeof *received};
    }
    rig_write(sent, values, sizeof values);
    exchange(sends, receives, 5);
    rig_read(values, received, sizeof values);
    for (uint32_t i = 0; i < 5; i++)
        CHECK_INT(values[i], 1000 + i);
    rig_free(sent);
    rig_free(received);
}

static void test_order_of_one_tag(void)
{
    const struct mimo_world_place place = suite_place();

    check_order((place.rank + 1) % place.size, (place.rank + place.size - 1) % place.size);
    check_order(place.rank, place.rank);
}

/* A pipeline's step: the first only sends, the last only receives, between them both at once. */
static void test_one_sided_ends(void)
{
    const struct mimo_world_place place = suite_place();
    int64_t values[2] = {100 + (int64_t)place.rank, -1}, *memory = rig_alloc(sizeof values);
    const struct mimo_message send = {place.rank + 1, 1, &memory[0], sizeof *memory};
    const struct mimo_message receive = {place.rank - 1, 1, &memory[1], sizeof *memory};
    struct mimo_error err = {.status = MIMO_OK};

    rig_write(memory, values, sizeof values);
    CHECK_INT(transport->ops->exchange(transport, &send, place.rank + 1 < place.size, &receive,
                                       place.rank > 0, &err),
              MIMO_OK);
    CHECK_INT(transport->ops->join(transport, &err), MIMO_OK);
    rig_read(values, memory, sizeof values);
    CHECK_INT(values[1], place.rank > 0 ? 99 + (int64_t)place.rank : -1);
    CHECK_INT(transport->ops->exchange(transport, NULL, 0, NULL, 0, &err), MIMO_OK);
    rig_free(memory);
}

static void test_own_sizes_that_contradict(void)
{
    char data[8];
    const struct mimo_message send = {suite_place().rank, 3, data, 8};
    const struct mimo_message receive = {suite_place().rank, 3, data, 4};
    struct mimo_error err = {.status = MIMO_OK};

    CHECK_INT(transport->ops->exchange(transport, &send, 1, &receive, 1, &err), MIMO_E_FAILED);
    CHECK_CONTAINS(err.message, "sent with 8 bytes and received with 4");
}

static const struct mimo_test tests[] = {
    {"all to all", test_all_to_all},
    {"order of one tag", test_order_of_one_tag},
    {"one-sided ends", test_one_sided_ends},
    {"own sizes that contradict each other", test_own_sizes_that_contradict},
};

MIMO_TRANSPORT_TEST_MAIN("exchange", tests)
