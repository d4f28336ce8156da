#include "runtime/tensor/random.h"
#include "tests/unit/check.h"

/* The first vector of the authors' known-answer tests (Random123, philox4x32-10, all zero). */
static void known_answer(void)
{
    const struct mimo_random zero = {{0, 0}, {0, 0}};
    const uint64_t expected = UINT64_C(0x6627e8d5e169c58d);

    CHECK_NEAR(mimo_random_uniform(&zero, 0), (double)(expected >> 11) * 0x1p-53, 0.0);
}

static void streams_differ(void)
{
    const struct mimo_random a = mimo_random_stream(1, "llm.model.norm.weight");
    const struct mimo_random b = mimo_random_stream(1, "llm.lm_head.weight");
    const struct mimo_random c = mimo_random_stream(2, "llm.model.norm.weight");

    CHECK(mimo_random_uniform(&a, 5) != mimo_random_uniform(&b, 5));
    CHECK(mimo_random_uniform(&a, 5) != mimo_random_uniform(&c, 5));
    CHECK(mimo_random_uniform(&a, 5) != mimo_random_uniform(&a, 6));
    CHECK(mimo_random_uniform(&a, 5) == mimo_random_uniform(&a, 5));
}

static void normal_moments(void)
{
    const struct mimo_random random = mimo_random_stream(3, "moments");
    const int count = 100000;
    double sum = 0.0, squares = 0.0, fourth = 0.0;

    for (int i = 0; i < count; i++) {
        const double value = mimo_random_normal(&random, (uint64_t)i);
        sum += value;
        squares += value * value;
        fourth += value * value * value * value;
    }
    /* Five standard errors: 1/√n, √2/√n, √96/√n. */
    CHECK_NEAR(sum / count, 0.0, 5.0 / sqrt(count));
    CHECK_NEAR(squares / count, 1.0, 5.0 * sqrt(2.0 / count));
    CHECK_NEAR(fourth / count, 3.0, 5.0 * sqrt(96.0 / count));
}

static const struct mimo_test TESTS[] = {
    {"known answer", known_answer},
    {"streams differ", streams_differ},
    {"moments of the normal distribution", normal_moments},
};

MIMO_TEST_MAIN("random", TESTS)
