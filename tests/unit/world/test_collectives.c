/*
 * Every collective, bit for bit against sums in ascending order that each rank computes for itself.
 */
#include "runtime/bf16.h"
#include "runtime/world/reduce.h"
#include "tests/unit/world/transport_suite.h"

enum { COUNT_MAX = 40001, MEMBERS_MAX = 8, BEHIND = 8 /* bytes that must stay what they were */ };

static double storage[COUNT_MAX + 8], expected_storage[COUNT_MAX + 8];
static char *memory; /* of the transport, as large as `storage` */

static const size_t counts[] = {0, 1, 3, 64, 511, 512, 513, 1000, 1025, 2689, 5000, 16384, 40001};

/* Element i of member m: not exact in sums, so that another order gives other bits. */
static double element(uint32_t member, size_t i)
{
    const double sign = (i + member) % 3 == 0 ? -1.0 : 1.0;

    return sign * (1.0 + (double)i / 7.0) * pow(10.0, (double)((i + (size_t)2 * member) % 9));
}

static void set(void *data, size_t i, enum mimo_dtype dtype, double value)
{
    switch (dtype) {
    case MIMO_DTYPE_F32:
        ((float *)data)[i] = (float)value;
        return;
    case MIMO_DTYPE_BF16:
        ((uint16_t *)data)[i] = mimo_bf16_round((float)value);
        return;
    case MIMO_DTYPE_F64:
        ((double *)data)[i] = value;
        return;
    case MIMO_DTYPE_I64:
        ((int64_t *)data)[i] = (int64_t)value;
        return;
    case MIMO_DTYPE_U8:
        ((uint8_t *)data)[i] = (uint8_t)((int64_t)value & 0xff);
        return;
    }
}

static void fill(void *data, size_t count, enum mimo_dtype dtype, uint32_t member)
{
    for (size_t i = 0; i < count; i++)
        set(data, i, dtype, element(member, i));
}

static void combine(void *out, size_t i, const double *values, uint32_t size, enum mimo_dtype dtype,
                    enum mimo_reduction reduction)
{
    const uint32_t at_once = rig_rounds_each_sum ? 2 : size;
    char *const result = (char *)out + i * mimo_dtype_bytes(dtype);
    double one[MEMBERS_MAX], sum;
    const void *parts[MEMBERS_MAX] = {&one[0]};

    set(&one[0], 0, dtype, values[0]);
    set(result, 0, dtype, values[0]);
    for (uint32_t done = 1; done < size; done += at_once - 1) {
        for (uint32_t m = 1; m < at_once; m++) {
            set(&one[m], 0, dtype, values[done + m - 1]);
            parts[m] = &one[m];
        }
        mimo_reduce(result, parts, at_once, 1, dtype, reduction);
        memcpy(&sum, result, mimo_dtype_bytes(dtype));
        parts[0] = &sum;
    }
}

/* expected[i] = element of member 0 + of member 1 + ..., in that order. */
static void expect(void *out, size_t count, enum mimo_dtype dtype, enum mimo_reduction reduction)
{
    const uint32_t size = suite_place().size;
    double values[MEMBERS_MAX];

    for (size_t i = 0; i < count; i++) {
        for (uint32_t m = 0; m < size; m++)
            values[m] = element(m, i);
        combine(out, i, values, size, dtype, reduction);
    }
}

/* Bytes first ... first+count-1 equal, and the byte behind them is untouched by either. */
static void check_bytes(const void *actual, const void *expected, size_t bytes, const char *what)
{
    const unsigned char *a = actual, *b = expected;
    size_t i = 0;

    while (i < bytes && a[i] == b[i])
        i++;
    if (i < bytes)
        (void)printf("\n  %s: byte %zu of %zu is %u, expected %u (rank %u)\n", what, i, bytes, a[i],
                     b[i], suite_place().rank);
    CHECK(i == bytes);
}

/* `storage` goes to the transport's memory and, after the operation, comes back. */
static void put(size_t bytes)
{
    rig_write(memory, storage, bytes + BEHIND);
}

static void get(size_t bytes)
{
    memset(storage, 0, bytes + BEHIND);
    rig_read(storage, memory, bytes + BEHIND);
}

static void check_all_reduce(size_t count, enum mimo_dtype dtype, enum mimo_reduction reduction)
{
    struct mimo_error err = {.status = MIMO_OK};
    const size_t bytes = count * mimo_dtype_bytes(dtype);

    memset(storage, 0x5a, sizeof storage);
    memset(expected_storage, 0x5a, sizeof expected_storage);
    fill(storage, count, dtype, suite_place().rank);
    expect(expected_storage, count, dtype, reduction);
    put(bytes);
    CHECK_INT(
        transport->ops->all_reduce(transport->everyone, memory, count, dtype, reduction, &err),
        MIMO_OK);
    CHECK_TEXT(err.message, "");
    get(bytes);
    check_bytes(storage, expected_storage, bytes + BEHIND, "all_reduce");
}

static void test_all_reduce(void)
{
    for (int dtype = MIMO_DTYPE_F32; dtype <= MIMO_DTYPE_U8; dtype++)
        for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
            check_all_reduce(counts[k], (enum mimo_dtype)dtype, MIMO_REDUCE_SUM);
            check_all_reduce(counts[k], (enum mimo_dtype)dtype, MIMO_REDUCE_MAX);
        }
}

/* Small and large calls in turn use each buffer of the window in every role. */
static void test_sizes_in_turn(void)
{
    static const size_t sizes[] = {1, 6000, 2, 700, 3000, 1, 1, 20000, 5};

    for (size_t round = 0; round < 40; round++)
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
            check_all_reduce(sizes[(k * (round + 1)) % 9], MIMO_DTYPE_F32, MIMO_REDUCE_SUM);
}

/* Three ways to divide `count`: evenly, all to the last member, with empty parts between. */
static void divide(size_t *begins, uint32_t size, size_t count, int way)
{
    begins[0] = 0;
    for (uint32_t i = 1; i <= size; i++) {
        if (way == 0)
            begins[i] = count * i / size;
        else if (way == 1)
            begins[i] = i == size ? count : 0;
        else
            begins[i] = i % 2 == 0 || i == size ? count * i / size : begins[i - 1];
    }
}

static void check_all_gather(size_t count, enum mimo_dtype dtype, const size_t *begins)
{
    const uint32_t rank = suite_place().rank;
    const size_t size = mimo_dtype_bytes(dtype);
    struct mimo_error err = {.status = MIMO_OK};

    memset(storage, 0, sizeof storage);
    memset(expected_storage, 0, sizeof expected_storage);
    fill(expected_storage, count, dtype, 0);
    if (begins[rank + 1] > begins[rank])
        memcpy((char *)storage + begins[rank] * size,
               (char *)expected_storage + begins[rank] * size,
               (begins[rank + 1] - begins[rank]) * size);
    put(count * size);
    CHECK_INT(transport->ops->all_gather(transport->everyone, memory, begins, dtype, &err),
              MIMO_OK);
    get(count * size);
    check_bytes(storage, expected_storage, count * size + BEHIND, "all_gather");
}

static void check_reduce_scatter(size_t count, enum mimo_dtype dtype, const size_t *begins)
{
    const uint32_t rank = suite_place().rank;
    const size_t size = mimo_dtype_bytes(dtype);
    struct mimo_error err = {.status = MIMO_OK};

    fill(storage, count, dtype, rank);
    expect(expected_storage, count, dtype, MIMO_REDUCE_SUM);
    put(count * size);
    CHECK_INT(transport->ops->reduce_scatter(transport->everyone, memory, begins, dtype, &err),
              MIMO_OK);
    get(count * size);
    check_bytes((char *)storage + begins[rank] * size,
                (char *)expected_storage + begins[rank] * size,
                (begins[rank + 1] - begins[rank]) * size, "reduce_scatter");
}

static void check_divided(void (*check)(size_t, enum mimo_dtype, const size_t *))
{
    size_t begins[MEMBERS_MAX + 1];

    for (int dtype = MIMO_DTYPE_F32; dtype <= MIMO_DTYPE_U8; dtype++)
        for (int way = 0; way < 3; way++)
            for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
                divide(begins, suite_place().size, counts[k], way);
                check(counts[k], (enum mimo_dtype)dtype, begins);
            }
}

static void test_all_gather(void)
{
    check_divided(check_all_gather);
}

static void test_reduce_scatter(void)
{
    check_divided(check_reduce_scatter);
}

static void check_broadcast(size_t bytes, uint32_t root)
{
    struct mimo_error err = {.status = MIMO_OK};

    memset(storage, 0x11, sizeof storage);
    memset(expected_storage, 0x11, sizeof expected_storage);
    fill(expected_storage, bytes, MIMO_DTYPE_U8, root);
    if (suite_place().rank == root)
        fill(storage, bytes, MIMO_DTYPE_U8, root);
    put(bytes);
    CHECK_INT(transport->ops->broadcast(transport->everyone, memory, bytes, root, &err), MIMO_OK);
    get(bytes);
    check_bytes(storage, expected_storage, bytes + BEHIND, "broadcast");
}

static void test_broadcast(void)
{
    for (uint32_t root = 0; root < suite_place().size; root++) {
        for (size_t k = 0; k < sizeof counts / sizeof *counts; k++)
            check_broadcast(counts[k], root);
        check_broadcast(COUNT_MAX * sizeof(double), root);
    }
}

/* Data on odd addresses: only the dtype's own alignment may be assumed. */
static void test_unaligned_data(void)
{
    const size_t bytes = 5000 * sizeof(float);
    struct mimo_error err = {.status = MIMO_OK};

    fill(storage, 5000, MIMO_DTYPE_F32, suite_place().rank);
    expect(expected_storage, 5000, MIMO_DTYPE_F32, MIMO_REDUCE_SUM);
    rig_write(memory + sizeof(float), storage, bytes);
    CHECK_INT(transport->ops->all_reduce(transport->everyone, memory + sizeof(float), 5000,
                                         MIMO_DTYPE_F32, MIMO_REDUCE_SUM, &err),
              MIMO_OK);
    rig_read(storage, memory + sizeof(float), bytes);
    check_bytes(storage, expected_storage, bytes, "all_reduce, unaligned");
}

static void take_memory(void)
{
    memory = rig_alloc(sizeof storage);
    CU_ASSERT_FATAL(memory != NULL);
}

static void give_memory_back(void)
{
    rig_free(memory);
}

static const struct mimo_test tests[] = {
    {"memory", take_memory},
    {"all_reduce", test_all_reduce},
    {"sizes in turn", test_sizes_in_turn},
    {"all_gather", test_all_gather},
    {"reduce_scatter", test_reduce_scatter},
    {"broadcast", test_broadcast},
    {"unaligned data", test_unaligned_data},
    {"memory, given back", give_memory_back},
};

MIMO_TRANSPORT_TEST_MAIN("collectives", tests)
