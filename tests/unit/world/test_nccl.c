/* What the NCCL transport alone promises: its place between the device's streams, what the host is
 * told while it waits, and how errors end it. */
#include "runtime/world/nccl/parts.h"
#include "runtime/world/world_internal.h"
#include "tests/unit/world/group_checks.h"
#include "tests/unit/world/rig_nccl.h"

#include <sched.h>

enum { COUNT = 1000, BYTES = COUNT * sizeof(float) };

static struct mimo_backend *be;

/* COUNT numbers on the device. */
static float *numbers(float value)
{
    float host[COUNT], *memory = rig_alloc(BYTES);

    CU_ASSERT_FATAL(memory != NULL);
    for (int i = 0; i < COUNT; i++)
        host[i] = value;
    rig_write(memory, host, BYTES);
    return memory;
}

static void check_numbers(const float *memory, float expected)
{
    struct mimo_error err = {.status = MIMO_OK};
    float host[COUNT];
    int wrong = 0;

    rig_read(host, memory, BYTES);
    CHECK_INT(be->ops->check(be, &err), MIMO_OK);
    CHECK_TEXT(err.message, "");
    for (int i = 0; i < COUNT; i++)
        wrong += host[i] != expected;
    if (wrong > 0)
        (void)printf("\n  %d of %d numbers are not %g, one is %g\n", wrong, COUNT, (double)expected,
                     (double)host[COUNT - 1]);
    CHECK_INT(wrong, 0);
}

static void sum(struct mimo_group *group, float *memory)
{
    struct mimo_error err = {.status = MIMO_OK};

    CHECK_INT(
        transport->ops->all_reduce(group, memory, COUNT, MIMO_DTYPE_F32, MIMO_REDUCE_SUM, &err),
        MIMO_OK);
    CHECK_TEXT(err.message, "");
}

static void join(void)
{
    struct mimo_error err = {.status = MIMO_OK};

    CHECK_INT(transport->ops->join(transport, &err), MIMO_OK);
}

/* All ranks have come here. */
static void meet(void)
{
    struct mimo_error err = {.status = MIMO_OK};
    bool is_speaker;

    CHECK_INT(mimo_world_agree(suite_world, &err, &is_speaker), MIMO_OK);
}

static void begin(void)
{
    suite_open_transport(rig_ways[0]);
    be = rig_backend();
}

/* -- communicators ---------------------------------------------------------------------------- */

static const struct mimo_nccl_channel *channel_of(const struct mimo_group *group)
{
    return ((const struct mimo_nccl_group *)group)->channel;
}

static void test_equal_lists_share_a_communicator(void)
{
    const uint32_t own = suite_place().rank;
    struct mimo_group *first, *second, *alone;

    begin();
    first = make_group_of_all("llm dp");
    second = make_group_of_all("vision dp");
    alone = make_group(&own, 1, "llm pp");
    CHECK(first != second);
    CHECK(channel_of(first) == channel_of(transport->everyone));
    CHECK(channel_of(second) == channel_of(transport->everyone));
    CHECK((channel_of(first)->comm != NULL) == (suite_place().size > 1));
    CHECK(suite_place().size == 1 || channel_of(alone)->comm == NULL);
    rig_close(transport);
}

/* -- the streams ------------------------------------------------------------------------------ */

/* Operations of backend and transport by turns, each of which needs the one before. */
static void test_order_without_waiting(void)
{
    const float size = (float)suite_place().size;
    float *a, *b, expected = 1.0f;

    begin();
    a = numbers(1.0f);
    b = numbers(0.0f);
    for (int i = 0; i < 10; i++) {
        sum(transport->everyone, a);
        be->ops->copy_bytes(be, b, a, BYTES);
        be->ops->zero(be, a, BYTES);
        sum(transport->everyone, b);
        be->ops->copy_bytes(be, a, b, BYTES);
        be->ops->zero(be, b, BYTES);
        expected *= size * size;
        if (i % 2 == 1) { /* back to where float32 is exact */
            check_numbers(a, expected);
            rig_free(a);
            a = numbers(1.0f);
            expected = 1.0f;
        }
    }
    rig_free(a);
    rig_free(b);
    rig_close(transport);
}

/* A replayed sequence holds its collectives: three times the same operations, then compared. */
static void test_sequences_hold_collectives(void)
{
    const float size = (float)suite_place().size;
    float *a, *b, expected = 1.0f;

    begin();
    a = numbers(1.0f);
    b = numbers(0.0f);
    for (int i = 0; i < 4; i++) {
        if (!be->ops->sequence_begin(be, "sums", 4)) {
            be->ops->copy_bytes(be, b, a, BYTES);
            sum(transport->everyone, b);
            be->ops->copy_bytes(be, a, b, BYTES);
            be->ops->sequence_end(be);
        }
        sum(transport->everyone, a);
        expected *= size * size;
    }
    check_numbers(a, expected);
    rig_free(a);
    rig_free(b);
    rig_close(transport);
}

/* Rank 0 comes to the detached sum only when the others have seen the end of what they issued
 * behind theirs: had that waited for the sum, this would never end. */
static void test_detached_goes_on_beside(void)
{
    const float size = (float)suite_place().size;
    struct mimo_group *detached;
    float *gradients, *others;

    begin();
    detached = make_group_of_all("llm dp");
    mimo_group_detach(detached);
    gradients = numbers(2.0f);
    others = numbers(3.0f);
    if (suite_place().rank > 0) {
        sum(detached, gradients);
        be->ops->zero(be, others, BYTES);
        check_numbers(others, 0.0f);
    }
    meet();
    if (suite_place().rank == 0)
        sum(detached, gradients);
    join();
    be->ops->copy_bytes(be, others, gradients, BYTES);
    check_numbers(others, 2.0f * size);
    rig_free(gradients);
    rig_free(others);
    rig_close(transport);
}

static void hop(const float *send, float *receive)
{
    struct mimo_error err = {.status = MIMO_OK};

    CHECK_INT(transport->ops->ring_begin(transport->everyone, send, COUNT, receive, COUNT,
                                         MIMO_DTYPE_F32, &err),
              MIMO_OK);
    CHECK_TEXT(err.message, "");
}

static void end_hops(void)
{
    struct mimo_error err = {.status = MIMO_OK};

    CHECK_INT(transport->ops->ring_end(transport->everyone, &err), MIMO_OK);
}

/* The same of a hop that waits for rank 0; behind its end what came is seen, and what was sent may
 * be written to. */
static void test_a_hop_goes_on_beside(void)
{
    const struct mimo_world_place place = suite_place();
    float *sent, *received, *others;

    begin();
    sent = numbers(1.0f + (float)place.rank);
    received = numbers(-1.0f);
    others = numbers(3.0f);
    if (place.rank > 0) {
        hop(sent, received);
        be->ops->zero(be, others, BYTES);
        be->ops->copy_bytes(be, others, sent, BYTES);
        check_numbers(others, 1.0f + (float)place.rank);
    }
    meet();
    if (place.rank == 0)
        hop(sent, received);
    end_hops();
    be->ops->copy_bytes(be, others, received, BYTES);
    be->ops->zero(be, sent, BYTES);
    check_numbers(others, 1.0f + (float)((place.rank + place.size - 1) % place.size));
    check_numbers(sent, 0.0f);
    rig_free(sent);
    rig_free(received);
    rig_free(others);
    rig_close(transport);
}

/* In a replayed sequence blocks go once round, each hop under way beside an operation that reads
 * the block at hand; three times the same. */
static void test_sequences_hold_rings(void)
{
    const struct mimo_world_place place = suite_place();
    float *blocks[2], *seen[8];

    begin();
    blocks[0] = numbers(1.0f + (float)place.rank);
    blocks[1] = numbers(-1.0f);
    for (uint32_t i = 0; i < place.size; i++)
        seen[i] = numbers(-1.0f);
    for (int round = 0; round < 3; round++) {
        if (!be->ops->sequence_begin(be, "ring", 4)) {
            for (uint32_t i = 0; i < place.size; i++) {
                hop(blocks[i % 2], blocks[(i + 1) % 2]);
                be->ops->copy_bytes(be, seen[i], blocks[i % 2], BYTES);
                end_hops();
            }
            be->ops->copy_bytes(be, blocks[0], blocks[place.size % 2], BYTES);
            be->ops->sequence_end(be);
        }
        for (uint32_t i = 0; i < place.size; i++) {
            check_numbers(seen[i], 1.0f + (float)((place.rank + place.size - i) % place.size));
            be->ops->zero(be, seen[i], BYTES);
        }
    }
    for (uint32_t i = 0; i < place.size; i++)
        rig_free(seen[i]);
    rig_free(blocks[0]);
    rig_free(blocks[1]);
    rig_close(transport);
}

/* The same of a transfer on a rank that only sends; what it sent stays what it was until `join`. */
static void test_a_sender_goes_on(void)
{
    const struct mimo_world_place place = suite_place();
    const uint32_t next = place.rank ^ 1;
    struct mimo_error err = {.status = MIMO_OK};
    struct mimo_message message = {next, 4, NULL, BYTES};
    float *data, *others;

    begin();
    others = numbers(1.0f);
    for (int i = 0; i < 3 && next < place.size; i++) {
        data = numbers(5.0f + (float)i);
        message.data = data;
        if (place.rank % 2 == 0) {
            CHECK_INT(transport->ops->exchange(transport, &message, 1, NULL, 0, &err), MIMO_OK);
            be->ops->zero(be, others, BYTES);
            check_numbers(others, 0.0f);
        }
        meet();
        if (place.rank % 2 == 1)
            CHECK_INT(transport->ops->exchange(transport, NULL, 0, &message, 1, &err), MIMO_OK);
        join();
        if (place.rank % 2 == 0)
            be->ops->zero(be, data, BYTES);
        check_numbers(data, place.rank % 2 == 0 ? 0.0f : 5.0f + (float)i);
        rig_free(data);
    }
    for (int i = 0; i < 3 && next >= place.size; i++)
        meet();
    rig_free(others);
    rig_close(transport);
}

/* -- waits and errors ------------------------------------------------------------------------- */

/* Waits until the board says of the rank that it waits for `operation`. */
static void await_board(uint32_t rank, const char *operation)
{
    struct mimo_board_entry entry;

    do {
        (void)sched_yield();
        mimo_board_read(&suite_world->board, rank, &entry);
    } while (entry.wait_since_ns == 0 || strstr(entry.operation, operation) == NULL);
}

static void test_waits_are_on_the_board(void)
{
    const struct mimo_world_place place = suite_place();
    struct mimo_board_entry own;
    float *data;

    begin();
    data = numbers(1.0f);
    if (place.rank == 0)
        for (uint32_t rank = 1; rank < place.size; rank++)
            await_board(rank, "all-reduce of all ranks [0, 1");
    sum(transport->everyone, data);
    check_numbers(data, (float)place.size);
    mimo_board_read(&suite_world->board, suite_world->board.own, &own);
    CHECK_INT(own.wait_since_ns, 0);
    rig_free(data);
    rig_close(transport);
}

/* The last rank brings another number of elements to the same sum. It is noticed when the sum is
 * issued, or later, when the host waits. */
static void test_errors_name_what_failed(void)
{
    const struct mimo_world_place place = suite_place();
    const size_t count = place.rank + 1 == place.size ? COUNT - 1 : COUNT;
    struct mimo_error err = {.status = MIMO_OK}, later = {.status = MIMO_OK};
    enum mimo_status status;
    char rank[64];
    float *data;

    begin();
    data = numbers(1.0f);
    mimo_world_note(suite_world, "step 3: forward llm");
    if (place.size > 1) {
        status = transport->ops->all_reduce(transport->everyone, data, count, MIMO_DTYPE_F32,
                                            MIMO_REDUCE_SUM, &err);
        if (status == MIMO_OK) {
            be->ops->synchronize(be);
            status = be->ops->check(be, &err);
        }
        CHECK_INT(status, MIMO_E_FAILED);
        (void)snprintf(rank, sizeof rank, "rank %u, step 3: forward llm: ", place.rank);
        CHECK_CONTAINS(err.message, rank);
        CHECK_CONTAINS(err.message, "all-reduce of all ranks [0, 1");
        CHECK_CONTAINS(err.message, "NCCL: invalid usage");
        CHECK_INT(transport->ops->all_reduce(transport->everyone, data, COUNT, MIMO_DTYPE_F32,
                                             MIMO_REDUCE_SUM, &later),
                  MIMO_E_FAILED);
        CHECK_CONTAINS(later.message, "communicators were aborted");
    }
    rig_close(transport);
}

static const struct mimo_test tests[] = {
    {"equal lists share a communicator", test_equal_lists_share_a_communicator},
    {"order without waiting", test_order_without_waiting},
    {"sequences hold collectives", test_sequences_hold_collectives},
    {"detached goes on beside", test_detached_goes_on_beside},
    {"a hop goes on beside", test_a_hop_goes_on_beside},
    {"sequences hold rings", test_sequences_hold_rings},
    {"a sender goes on", test_a_sender_goes_on},
    {"waits are on the board", test_waits_are_on_the_board},
    {"errors name what failed", test_errors_name_what_failed},
};

MIMO_MPI_TEST_MAIN("nccl", tests)
