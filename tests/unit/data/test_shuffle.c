#include "runtime/data/shuffle.h"
#include "tests/unit/check.h"

#include <stdbool.h>

static void test_is_a_permutation(void)
{
    for (uint64_t count = 1; count <= 300; count++) {
        bool seen[300] = {false};
        uint64_t distinct = 0;

        for (uint64_t i = 0; i < count; i++) {
            const uint64_t element = mimo_shuffle_at(5, 2, i, count);
            CHECK(element < count);
            if (element < count && !seen[element]) {
                seen[element] = true;
                distinct++;
            }
        }
        CHECK_INT(distinct, count);
    }
}

/* A random permutation of 1000 elements has one fixed point on average; two random ones agree in
 * one place. */
static void test_differs_by_epoch_and_seed(void)
{
    int same_epoch = 0, same_seed = 0, in_place = 0;

    for (uint64_t i = 0; i < 1000; i++) {
        const uint64_t element = mimo_shuffle_at(1, 0, i, 1000);
        same_epoch += element == mimo_shuffle_at(1, 1, i, 1000);
        same_seed += element == mimo_shuffle_at(2, 0, i, 1000);
        in_place += element == i;
    }
    CHECK(same_epoch < 10);
    CHECK(same_seed < 10);
    CHECK(in_place < 10);
}

/* Over many epochs each element comes to each place equally often: 2000 / 8 = 250, deviation 15. */
static void test_is_uniform(void)
{
    int hits[8][8] = {{0}};

    for (uint64_t epoch = 0; epoch < 2000; epoch++)
        for (uint64_t i = 0; i < 8; i++)
            hits[i][mimo_shuffle_at(3, epoch, i, 8)]++;
    for (int i = 0; i < 8; i++)
        for (int j = 0; j < 8; j++)
            CHECK_NEAR(hits[i][j], 250, 0.3);
}

static void test_reaches_large_sets(void)
{
    const uint64_t count = (uint64_t)1 << 61;
    uint64_t bits = 0;

    for (uint64_t i = 0; i < 100; i++) {
        const uint64_t element = mimo_shuffle_at(9, 0, i, count);
        CHECK(element < count);
        bits |= element;
    }
    CHECK_INT(bits, count - 1);
}

static const struct mimo_test TESTS[] = {
    {"a permutation of 1 to 300 elements", test_is_a_permutation},
    {"epoch and seed matter", test_differs_by_epoch_and_seed},
    {"every place is as likely", test_is_uniform},
    {"large sets", test_reaches_large_sets},
};

MIMO_TEST_MAIN("data: shuffle", TESTS)
