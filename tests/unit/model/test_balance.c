/* The balance loss of experts, and its slopes by differences. */
#include "runtime/model/balance.h"

#include "tests/unit/check.h"

/* Two samples of three experts, two of which a row chooses: 2 rows and none. */
static const struct mimo_balance_shape shape = {2, 3, 2};
static const double sums[12] = {2, 1, 1, 0.9, 0.7, 0.4};

/* Shares 1/2, 1/4, 1/4 of 4 choices, mean probabilities 0.45, 0.35, 0.2. */
static void test_by_hand(void)
{
    double slopes[6];

    CHECK_NEAR(mimo_balance_loss(&shape, sums, slopes), 3 * (0.5 * 0.45 + 0.25 * 0.35 + 0.25 * 0.2),
               1e-15);
    for (int e = 0; e < 3; e++)
        CHECK_NEAR(slopes[3 + e], 0.0, 0.0);
}

static void test_slopes(void)
{
    double slopes[6], ignored[6];

    (void)mimo_balance_loss(&shape, sums, slopes);
    for (int e = 0; e < 3; e++) {
        double there[12], back[12];

        memcpy(there, sums, sizeof sums);
        memcpy(back, sums, sizeof sums);
        there[3 + e] += 0.25;
        back[3 + e] -= 0.25;
        CHECK_NEAR(2.0 * (mimo_balance_loss(&shape, there, ignored) -
                          mimo_balance_loss(&shape, back, ignored)),
                   slopes[e], 1e-14);
    }
}

/* Experts that are chosen alike, with equal probabilities, cost 1, however many there are. */
static void test_balanced(void)
{
    const struct mimo_balance_shape four = {1, 4, 1};
    const double even[8] = {3, 3, 3, 3, 3, 3, 3, 3};
    double slopes[4];

    CHECK_NEAR(mimo_balance_loss(&four, even, slopes), 1.0, 1e-15);
}

static const struct mimo_test tests[] = {
    {"by hand", test_by_hand}, {"slopes", test_slopes}, {"balanced", test_balanced}};

MIMO_TEST_MAIN("balance", tests)
