/* test_bits.c - the same inputs and shapes give the same bits. */
#include "tests/unit/backend/bits.h"

enum { COLS_ODD = 75, COLS_EVEN = 72, SHIFT = 3 };

static double first[BITS_MAX], second[BITS_MAX];

static void check_again(struct rig *rig, int64_t cols, int64_t shift)
{
    const int64_t count = bits_of(rig, cols, 0, first);
    rig_release(rig);
    CHECK_INT(bits_of(rig, cols, shift, second), count);
    rig_release(rig);
    rig_check(rig, "second run", second, first, count, 0);
}

static void twice(struct rig *rig)
{
    check_again(rig, COLS_ODD, 0);
    check_again(rig, COLS_EVEN, 0);
}

/* Wherever the tensors lie. Rows of an odd width: the others may be gone over by vectors. */
static void shifted(struct rig *rig)
{
    check_again(rig, COLS_ODD, SHIFT);
}

static void test_twice(void)
{
    rig_for_each(twice);
}

static void test_shifted(void)
{
    rig_for_each(shifted);
}

static const struct mimo_test tests[] = {
    {"a second run", test_twice},
    {"wherever tensors lie", test_shifted},
};

MIMO_TEST_MAIN("backend: the same bits", tests)
