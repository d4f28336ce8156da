/*
 * Every collective, through shared memory and through MPI, bit for bit against sums in ascending
 * order that each rank computes for itself.
 */
#include "runtime/world/reduce.h"
#include "tests/unit/world/mpi_suite.h"

#include <time.h>

enum { COUNT_MAX = 40001, MEMBERS_MAX = 8 };

static struct mimo_transport *transport;
static double storage[COUNT_MAX + 8], expected_storage[COUNT_MAX + 8];

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
    double one[MEMBERS_MAX];
    const void *parts[MEMBERS_MAX];

    for (uint32_t m = 0; m < size; m++) {
        set(&one[m], 0, dtype, values[m]);
        parts[m] = &one[m];
    }
    mimo_reduce((char *)out + i * mimo_dtype_bytes(dtype), parts, size, 1, dtype, reduction);
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

static void check_all_reduce(size_t count, enum mimo_dtype dtype, enum mimo_reduction reduction)
{
    struct mimo_error err = {.status = MIMO_OK};
    const size_t bytes = count * mimo_dtype_bytes(dtype);

    memset(storage, 0x5a, sizeof storage);
    memset(expected_storage, 0x5a, sizeof expected_storage);
    fill(storage, count, dtype, suite_place().rank);
    expect(expected_storage, count, dtype, reduction);
    CHECK_INT(
        transport->ops->all_reduce(transport->everyone, storage, count, dtype, reduction, &err),
        MIMO_OK);
    CHECK_TEXT(err.message, "");
    check_bytes(storage, expected_storage, bytes + 8, "all_reduce");
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
    CHECK_INT(transport->ops->all_gather(transport->everyone, storage, begins, dtype, &err),
              MIMO_OK);
    check_bytes(storage, expected_storage, count * size + 8, "all_gather");
}

static void check_reduce_scatter(size_t count, enum mimo_dtype dtype, const size_t *begins)
{
    const uint32_t rank = suite_place().rank;
    const size_t size = mimo_dtype_bytes(dtype);
    struct mimo_error err = {.status = MIMO_OK};

    fill(storage, count, dtype, rank);
    expect(expected_storage, count, dtype, MIMO_REDUCE_SUM);
    CHECK_INT(transport->ops->reduce_scatter(transport->everyone, storage, begins, dtype, &err),
              MIMO_OK);
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
    CHECK_INT(transport->ops->broadcast(transport->everyone, storage, bytes, root, &err), MIMO_OK);
    check_bytes(storage, expected_storage, bytes + 8, "broadcast");
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
    float *data = (float *)(void *)storage + 1;
    struct mimo_error err = {.status = MIMO_OK};

    fill(data, 5000, MIMO_DTYPE_F32, suite_place().rank);
    expect(expected_storage, 5000, MIMO_DTYPE_F32, MIMO_REDUCE_SUM);
    CHECK_INT(transport->ops->all_reduce(transport->everyone, data, 5000, MIMO_DTYPE_F32,
                                         MIMO_REDUCE_SUM, &err),
              MIMO_OK);
    check_bytes(data, expected_storage, 5000 * sizeof *data, "all_reduce, unaligned");
}

static double cpu_seconds(void)
{
    struct timespec used;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec + (double)used.tv_nsec * 1e-9;
}

/* Rank 0 comes 300 ms late; the others sleep meanwhile, with their cores free for those who
 * compute. */
static void test_waiting_takes_no_core(void)
{
    const struct timespec late = {.tv_nsec = 300000000};
    const double before = cpu_seconds();

    if (suite_place().rank == 0)
        (void)nanosleep(&late, NULL);
    check_all_reduce(1, MIMO_DTYPE_F32, MIMO_REDUCE_SUM);
    CHECK(cpu_seconds() - before < 0.15);
}

/* In shared memory a mismatch is noticed and named by all; MPI would hang or deliver garbage. */
static void test_mismatch_is_noticed(void)
{
    const struct mimo_world_place place = suite_place();
    struct mimo_transport *other = suite_transport(true);
    struct mimo_error err = {.status = MIMO_OK};
    const size_t count = place.rank + 1 == place.size ? 2000 : 2001;
    const enum mimo_status status = other->ops->all_reduce(other->everyone, storage, count,
                                                           MIMO_DTYPE_F32, MIMO_REDUCE_SUM, &err);

    if (place.size > 1) {
        CHECK_INT(status, MIMO_E_FAILED);
        CHECK_CONTAINS(err.message, "disagree in all-reduce of all ranks [0, 1");
        CHECK_CONTAINS(err.message, "2000");
        CHECK_CONTAINS(err.message, "2001");
    }
    other->ops->close(other);
}

static void open_shared(void)
{
    transport = suite_transport(true);
}

static void reopen_remote(void)
{
    transport->ops->close(transport);
    transport = suite_transport(false);
}

static void close_transport(void)
{
    transport->ops->close(transport);
}

#define ALL_TESTS(way)                                                                             \
    {way ": all_reduce", test_all_reduce}, {way ": sizes in turn", test_sizes_in_turn},            \
        {way ": all_gather", test_all_gather}, {way ": reduce_scatter", test_reduce_scatter},      \
        {way ": broadcast", test_broadcast}, {way ": unaligned data", test_unaligned_data},        \
    {                                                                                              \
        way ": waiting takes no core", test_waiting_takes_no_core                                  \
    }

static const struct mimo_test tests[] = {
    {"open with windows", open_shared},
    ALL_TESTS("shared"),
    {"a mismatch is noticed", test_mismatch_is_noticed},
    {"open without windows", reopen_remote},
    ALL_TESTS("remote"),
    {"close", close_transport},
};

MIMO_MPI_TEST_MAIN("collectives", tests)
