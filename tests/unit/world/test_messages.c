/* All-to-all and rings, byte for byte: what came must be what its sender had for this rank, in its
 * place, and nothing beside it may change. */
#include "runtime/world/reduce.h"
#include "tests/unit/world/transport_suite.h"

enum { MEMBERS_MAX = 8, BYTES_MAX = 1 << 20, UNTOUCHED = 0xa5 };

static uint8_t host[BYTES_MAX], expected[BYTES_MAX];
static char *memories[4]; /* of the transport, BYTES_MAX each */

/* Byte i of what `from` has for `to` in call `call`. */
static uint8_t pattern(uint32_t from, uint32_t to, uint32_t call, size_t i)
{
    return (uint8_t)(from * 71 + to * 31 + call * 17 + i * 13 + i / 251);
}

static void put(uint8_t *bytes, uint32_t from, uint32_t to, uint32_t call, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = pattern(from, to, call, i);
}

static void check_memory(const char *memory, const char *what)
{
    size_t i = 0;

    rig_read(host, memory, BYTES_MAX);
    while (i < BYTES_MAX && host[i] == expected[i])
        i++;
    if (i < BYTES_MAX)
        (void)printf("\n  %s: byte %zu is %u, expected %u (rank %u)\n", what, i, host[i],
                     expected[i], suite_place().rank);
    CHECK(i == BYTES_MAX);
}

static void clear(char *memory)
{
    memset(host, UNTOUCHED, BYTES_MAX);
    rig_write(memory, host, BYTES_MAX);
}

static void check_ok(enum mimo_status status, const struct mimo_error *err)
{
    CHECK_INT(status, MIMO_OK);
    CHECK_TEXT(err->message, "");
}

/* ---- all-to-all ---- */

/* Elements that `from` has for `to`. */
typedef size_t (*traffic)(uint32_t from, uint32_t to);

static size_t even(uint32_t from, uint32_t to)
{
    (void)from;
    (void)to;
    return 1000;
}

static size_t uneven(uint32_t from, uint32_t to)
{
    return (from * 3 + to * 5) % 4 * 2711 + to;
}

static size_t to_the_last(uint32_t from, uint32_t to)
{
    return to + 1 == suite_place().size ? 10007 + from : 0;
}

static size_t nothing(uint32_t from, uint32_t to)
{
    (void)from;
    (void)to;
    return 0;
}

/* Ranges need not begin at 0, nor at the same place on all ranks. */
static void begins_of(traffic count, bool sends, size_t *begins)
{
    const uint32_t own = suite_place().rank;

    begins[0] = own + 3;
    for (uint32_t i = 0; i < suite_place().size; i++)
        begins[i + 1] = begins[i] + (sends ? count(own, i) : count(i, own));
}

static void fill_ranges(uint8_t *bytes, const size_t *begins, size_t element, bool sends)
{
    const uint32_t own = suite_place().rank;

    memset(bytes, UNTOUCHED, BYTES_MAX);
    for (uint32_t i = 0; i < suite_place().size; i++)
        put(bytes + begins[i] * element, sends ? own : i, sends ? i : own, 0,
            (begins[i + 1] - begins[i]) * element);
}

static void check_all_to_all(traffic count, enum mimo_dtype dtype)
{
    const size_t element = mimo_dtype_bytes(dtype);
    size_t send_begins[MEMBERS_MAX + 1], receive_begins[MEMBERS_MAX + 1];
    struct mimo_error err = {.status = MIMO_OK};

    begins_of(count, true, send_begins);
    begins_of(count, false, receive_begins);
    fill_ranges(host, send_begins, element, true);
    rig_write(memories[0], host, BYTES_MAX);
    clear(memories[1]);
    check_ok(transport->ops->all_to_all(transport->everyone, memories[0], send_begins, memories[1],
                                        receive_begins, dtype, &err),
             &err);
    fill_ranges(expected, receive_begins, element, false);
    check_memory(memories[1], "what came");
    fill_ranges(expected, send_begins, element, true);
    check_memory(memories[0], "what was sent");
}

static void test_all_to_all(void)
{
    static const traffic traffics[] = {even, uneven, to_the_last, nothing};

    for (int dtype = MIMO_DTYPE_F32; dtype <= MIMO_DTYPE_U8; dtype++)
        for (size_t k = 0; k < sizeof traffics / sizeof *traffics; k++)
            check_all_to_all(traffics[k], (enum mimo_dtype)dtype);
}

/* ---- rings ---- */

static uint32_t wrapped(uint32_t rank, uint32_t back)
{
    return (rank + suite_place().size - back) % suite_place().size;
}

/* Elements of the block that rank `owner` begins with; one is empty. */
static size_t block(uint32_t owner)
{
    return owner == 2 ? 0 : 5000 + (size_t)owner * 7001;
}

static void begin_hop(const char *send, uint32_t sent, char *receive, uint32_t received,
                      enum mimo_dtype dtype)
{
    struct mimo_error err = {.status = MIMO_OK};

    check_ok(transport->ops->ring_begin(transport->everyone, send, block(sent), receive,
                                        block(received), dtype, &err),
             &err);
}

static void end_hops(void)
{
    struct mimo_error err = {.status = MIMO_OK};

    check_ok(transport->ops->ring_end(transport->everyone, &err), &err);
}

static void put_block(char *memory, uint32_t owner, uint32_t call, enum mimo_dtype dtype)
{
    memset(host, UNTOUCHED, BYTES_MAX);
    put(host, owner, 0, call, block(owner) * mimo_dtype_bytes(dtype));
    rig_write(memory, host, BYTES_MAX);
}

static void check_block(const char *memory, uint32_t owner, uint32_t call, enum mimo_dtype dtype)
{
    memset(expected, UNTOUCHED, BYTES_MAX);
    put(expected, owner, 0, call, block(owner) * mimo_dtype_bytes(dtype));
    check_memory(memory, "a block");
}

/* Blocks of different sizes go once round and come home, by two buffers in turn. */
static void check_once_round(enum mimo_dtype dtype)
{
    const uint32_t own = suite_place().rank, size = suite_place().size;

    put_block(memories[0], own, 0, dtype);
    for (uint32_t hop = 0; hop < size; hop++) {
        char *held = memories[hop % 2], *next = memories[(hop + 1) % 2];
        clear(next);
        begin_hop(held, wrapped(own, hop), next, wrapped(own, hop + 1), dtype);
        end_hops();
        check_block(next, wrapped(own, hop + 1), 0, dtype);
        check_block(held, wrapped(own, hop), 0, dtype);
    }
}

static void test_once_round(void)
{
    for (int dtype = MIMO_DTYPE_F32; dtype <= MIMO_DTYPE_U8; dtype++)
        check_once_round((enum mimo_dtype)dtype);
}

static void sum_of_everyone(int64_t *memory)
{
    const int64_t size = suite_place().size;
    int64_t value = suite_place().rank;
    struct mimo_error err = {.status = MIMO_OK};

    rig_write(memory, &value, sizeof value);
    check_ok(transport->ops->all_reduce(transport->everyone, memory, 1, MIMO_DTYPE_I64,
                                        MIMO_REDUCE_SUM, &err),
             &err);
    rig_read(&value, memory, sizeof value);
    CHECK_INT(value, size * (size - 1) / 2);
}

/* Two blocks of different types hop at once, with a sum of the same group between begin and end;
 * nothing is looked at before they are home. */
static void test_two_hops_at_once(void)
{
    const uint32_t own = suite_place().rank, size = suite_place().size;
    int64_t *sum = rig_alloc(sizeof *sum);

    CU_ASSERT_FATAL(sum != NULL);
    put_block(memories[0], own, 1, MIMO_DTYPE_BF16);
    put_block(memories[1], own, 2, MIMO_DTYPE_F64);
    for (uint32_t hop = 0; hop < size; hop++) {
        char **held = &memories[hop % 2 * 2], **next = &memories[(hop + 1) % 2 * 2];
        clear(next[0]);
        clear(next[1]);
        begin_hop(held[0], wrapped(own, hop), next[0], wrapped(own, hop + 1), MIMO_DTYPE_BF16);
        begin_hop(held[1], wrapped(own, hop), next[1], wrapped(own, hop + 1), MIMO_DTYPE_F64);
        sum_of_everyone(sum);
        end_hops();
    }
    check_block(memories[size % 2 * 2], own, 1, MIMO_DTYPE_BF16);
    check_block(memories[size % 2 * 2 + 1], own, 2, MIMO_DTYPE_F64);
    rig_free(sum);
}

/* ---- memory ---- */

static void take_memory(void)
{
    for (int i = 0; i < 4; i++) {
        memories[i] = rig_alloc(BYTES_MAX);
        CU_ASSERT_FATAL(memories[i] != NULL);
    }
}

static void give_memory_back(void)
{
    for (int i = 0; i < 4; i++)
        rig_free(memories[i]);
}

static const struct mimo_test tests[] = {
    {"memory", take_memory},
    {"all-to-all", test_all_to_all},
    {"once round", test_once_round},
    {"two hops at once", test_two_hops_at_once},
    {"memory, given back", give_memory_back},
};

MIMO_TRANSPORT_TEST_MAIN("messages", tests)
