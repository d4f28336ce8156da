/* bfloat16: every number there and back, and which float32 become which. */
#include "runtime/bf16.h"
#include "tests/unit/check.h"

static void test_every_number_comes_back(void)
{
    uint32_t wrong = 0;

    for (uint32_t bits = 0; bits <= UINT16_MAX; bits++) {
        const float value = mimo_bf16_widen((uint16_t)bits);
        const uint16_t back = mimo_bf16_round(value);
        if (isnan(value) ? !isnan(mimo_bf16_widen(back)) : back != bits)
            wrong++;
    }
    CHECK_INT(wrong, 0);
}

/* Between any two neighbours: the middle goes to the even one, what is beside it to the nearer. */
static void test_rounds_to_the_nearest(void)
{
    const uint16_t largest = 0x7F7F;
    uint32_t wrong = 0;

    for (uint16_t bits = 0; bits < largest; bits++) {
        const float low = mimo_bf16_widen(bits), high = mimo_bf16_widen(bits + 1);
        const float middle = (float)(0.5 * (double)low + 0.5 * (double)high);
        const uint16_t even = bits % 2 == 0 ? bits : bits + 1;
        wrong += mimo_bf16_round(middle) != even;
        wrong += mimo_bf16_round(nextafterf(middle, low)) != bits;
        wrong += mimo_bf16_round(nextafterf(middle, high)) != bits + 1;
        wrong += mimo_bf16_round(-middle) != (even | 0x8000);
    }
    CHECK_INT(wrong, 0);
}

static void test_ends_of_the_range(void)
{
    CHECK_INT(mimo_bf16_round(INFINITY), 0x7F80);
    CHECK_INT(mimo_bf16_round(-3.4028235e38F), 0xFF80); /* nearer to infinity than to the largest */
    CHECK_INT(mimo_bf16_round(3.39e38F), 0x7F7F);
    CHECK_INT(mimo_bf16_round(-0.0F), 0x8000);
    CHECK_INT(mimo_bf16_round(NAN) & 0x7FC0, 0x7FC0);
}

static const struct mimo_test tests[] = {
    {"every number comes back", test_every_number_comes_back},
    {"rounds to the nearest", test_rounds_to_the_nearest},
    {"ends of the range", test_ends_of_the_range},
};

MIMO_TEST_MAIN("bf16", tests)
