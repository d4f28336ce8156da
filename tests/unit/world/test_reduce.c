/* Reductions in order, and the division of data into pieces, without MPI. */
#include "runtime/bf16.h"
#include "runtime/world/pieces.h"
#include "runtime/world/reduce.h"
#include "tests/unit/check.h"

enum { COUNT_MAX = 5000, PARTS = 3 };

static void test_sum_adds_in_ascending_order(void)
{
    const float a = 1e8f, b = -1e8f, c = 1.0f;
    const void *parts[PARTS] = {&a, &b, &c}, *other[PARTS] = {&a, &c, &b};
    float sum;

    mimo_reduce(&sum, parts, PARTS, 1, MIMO_DTYPE_F32, MIMO_REDUCE_SUM);
    CHECK_NEAR(sum, 1.0, 0.0);
    mimo_reduce(&sum, other, PARTS, 1, MIMO_DTYPE_F32, MIMO_REDUCE_SUM);
    CHECK_NEAR(sum, 0.0, 0.0); /* 1e8 + 1 is 1e8 in float */
}

static void test_counts_around_the_block(void)
{
    static double a[COUNT_MAX], b[COUNT_MAX], sum[COUNT_MAX + 1];
    static const size_t counts[] = {0, 1, 7, 1023, 1024, 1025, 2048, 4999, 5000};
    const void *parts[] = {a, b};

    for (size_t i = 0; i < COUNT_MAX; i++) {
        a[i] = (double)i;
        b[i] = 0.5 * (double)i;
    }
    for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
        size_t wrong = 0;
        memset(sum, 0xff, sizeof sum);
        mimo_reduce(sum, parts, 2, counts[k], MIMO_DTYPE_F64, MIMO_REDUCE_SUM);
        for (size_t i = 0; i < counts[k]; i++)
            wrong += sum[i] != 1.5 * (double)i;
        CHECK_INT(wrong, 0);
        CHECK(isnan(sum[counts[k]])); /* nothing was written behind the end */
    }
}

static void test_one_part_is_copied(void)
{
    const int64_t value = -5;
    const void *parts[] = {&value};
    int64_t out = 0;

    mimo_reduce(&out, parts, 1, 1, MIMO_DTYPE_I64, MIMO_REDUCE_MAX);
    CHECK_INT(out, -5);
}

static void test_integers(void)
{
    const int64_t a[] = {INT64_MAX, -3}, b[] = {1, 2};
    const uint8_t c[] = {250, 3}, d[] = {10, 200};
    const void *longs[] = {a, b}, *bytes[] = {c, d};
    int64_t out[2];
    uint8_t small[2];

    mimo_reduce(out, longs, 2, 2, MIMO_DTYPE_I64, MIMO_REDUCE_SUM);
    CHECK_INT(out[0], INT64_MIN);
    CHECK_INT(out[1], -1);
    mimo_reduce(out, longs, 2, 2, MIMO_DTYPE_I64, MIMO_REDUCE_MAX);
    CHECK_INT(out[0], INT64_MAX);
    CHECK_INT(out[1], 2);
    mimo_reduce(small, bytes, 2, 2, MIMO_DTYPE_U8, MIMO_REDUCE_SUM);
    CHECK_INT(small[0], 4);
    CHECK_INT(small[1], 203);
    mimo_reduce(small, bytes, 2, 2, MIMO_DTYPE_U8, MIMO_REDUCE_MAX);
    CHECK_INT(small[0], 250);
    CHECK_INT(small[1], 200);
}

/* 256 + 1 is 256 again in bf16; the largest of all is taken as it is. */
static void test_bf16_is_rounded_once(void)
{
    static uint16_t a[COUNT_MAX], b[COUNT_MAX], out[COUNT_MAX + 1];
    const uint16_t one = mimo_bf16_round(1.0F);
    const void *parts[PARTS] = {a, b, b};
    size_t wrong = 0;

    for (size_t i = 0; i < COUNT_MAX; i++) {
        a[i] = mimo_bf16_round(i % 2 == 0 ? 256.0F : -256.0F);
        b[i] = one;
    }
    mimo_reduce(out, parts, PARTS, COUNT_MAX, MIMO_DTYPE_BF16, MIMO_REDUCE_SUM);
    for (size_t i = 0; i < COUNT_MAX; i++)
        wrong += out[i] != mimo_bf16_round(i % 2 == 0 ? 258.0F : -254.0F);
    mimo_reduce(out, parts, PARTS, COUNT_MAX, MIMO_DTYPE_BF16, MIMO_REDUCE_MAX);
    for (size_t i = 0; i < COUNT_MAX; i++)
        wrong += out[i] != (i % 2 == 0 ? a[i] : one);
    CHECK_INT(wrong, 0);
    CHECK_INT(out[COUNT_MAX], 0); /* nothing was written behind the end */
}

static void test_nan_is_the_largest(void)
{
    const float a[] = {NAN, 1.0f, 2.0f}, b[] = {3.0f, NAN, -INFINITY};
    const void *parts[] = {a, b};
    float out[3];

    mimo_reduce(out, parts, 2, 3, MIMO_DTYPE_F32, MIMO_REDUCE_MAX);
    CHECK(isnan(out[0]));
    CHECK(isnan(out[1]));
    CHECK_NEAR(out[2], 2.0, 0.0);
}

/* Every element lies in just one chunk of one piece, whatever the parts and the chunk. */
static void check_cover(const size_t *begins, uint32_t size, size_t chunk)
{
    unsigned char seen[256] = {0};
    const size_t pieces = mimo_piece_count(begins, size, chunk);
    size_t missed = 0;

    for (size_t piece = 0; piece < pieces; piece++)
        for (uint32_t member = 0; member < size; member++) {
            const struct mimo_span s = mimo_piece_span(begins, chunk, member, piece);
            CHECK(s.count <= chunk);
            CHECK(s.first >= begins[member] && s.first + s.count <= begins[member + 1]);
            for (size_t i = 0; i < s.count; i++)
                seen[s.first + i]++;
        }
    for (size_t i = 0; i < begins[size]; i++)
        missed += seen[i] != 1;
    CHECK_INT(missed, 0);
}

static void test_pieces_cover_the_data_once(void)
{
    const size_t uneven[] = {0, 0, 100, 101, 101, 140};
    size_t even[8];

    for (size_t chunk = 1; chunk < 110; chunk++) {
        check_cover(uneven, 5, chunk);
        for (uint32_t size = 1; size < 8; size++)
            for (size_t count = 0; count < 30; count++) {
                mimo_piece_divide(even, size, count);
                CHECK_INT(even[size], count);
                check_cover(even, size, chunk);
            }
    }
    CHECK_INT(mimo_piece_count(uneven, 5, 50), 2);
    CHECK_INT(mimo_piece_count(uneven, 5, 99), 2);
    CHECK_INT(mimo_piece_count(uneven, 5, 100), 1);
}

static const struct mimo_test tests[] = {
    {"a sum adds in ascending order", test_sum_adds_in_ascending_order},
    {"counts around the block", test_counts_around_the_block},
    {"one part is copied", test_one_part_is_copied},
    {"integers", test_integers},
    {"bf16 is rounded once", test_bf16_is_rounded_once},
    {"NaN is the largest", test_nan_is_the_largest},
    {"pieces cover the data once", test_pieces_cover_the_data_once},
};

MIMO_TEST_MAIN("reduce", tests)
