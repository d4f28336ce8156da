/* test_experts.c - the router's choice and sums of rows by index, against plain loops in double
 * precision. */
#include "tests/unit/backend/rig.h"

enum { SIZE = 20000, IDS = 4000 };

static double logits[SIZE], expected[SIZE], weights[SIZE], other[SIZE];
static int32_t chosen[IDS], found[IDS];

/* -- the router -------------------------------------------------------------------------------- */

/* Whether expert e of a row has a larger probability than expert f, or comes first among equals. */
static bool goes_before(const double *row, int64_t e, int64_t f)
{
    return row[e] > row[f] || (row[e] == row[f] && e < f);
}

/* An expert is choice k where k others go before it. */
static void expect_choices(int64_t rows, int64_t experts, int64_t top_k)
{
    for (int64_t i = 0; i < rows * experts; i++) {
        const double *row = logits + i / experts * experts;
        int64_t before = 0;
        for (int64_t f = 0; f < experts; f++)
            before += goes_before(row, f, i % experts);
        if (before < top_k)
            chosen[i / experts * top_k + before] = (int32_t)(i % experts);
    }
}

/* Probabilities go to `expected`, weights to `weights`. */
static void expect_routes(int64_t rows, int64_t experts, int64_t top_k)
{
    expect_choices(rows, experts, top_k);
    for (int64_t i = 0; i < rows; i++) {
        const double *row = logits + i * experts;
        double total = 0, of_chosen = 0;
        for (int64_t e = 0; e < experts; e++)
            total += exp(row[e]);
        for (int64_t e = 0; e < experts; e++)
            expected[i * experts + e] = exp(row[e]) / total;
        for (int64_t k = 0; k < top_k; k++)
            of_chosen += exp(row[chosen[i * top_k + k]]);
        for (int64_t k = 0; k < top_k; k++)
            weights[i * top_k + k] = exp(row[chosen[i * top_k + k]]) / of_chosen;
    }
}

static void expect_chosen(struct rig *rig, const int32_t *choices, int64_t count)
{
    int64_t different = 0;
    rig->be.ops->download(&rig->be, found, choices, (size_t)count * sizeof *found);
    for (int64_t i = 0; i < count; i++)
        different += found[i] != chosen[i];
    CHECK_INT(different, 0);
}

static int32_t *new_choices(struct rig *rig, int64_t count)
{
    memset(found, 0xff, sizeof found);
    return rig_put_ids(rig, found, count);
}

/* For the logits at hand. */
static void check_route(struct rig *rig, int64_t rows, int64_t experts, int64_t top_k)
{
    int32_t *const choices = new_choices(rig, rows * top_k);
    void *probabilities = rig_new_wide(rig, rows * experts), *w = rig_new_wide(rig, rows * top_k);
    expect_routes(rows, experts, top_k);
    rig->be.ops->route_forward(&rig->be, probabilities, choices, w,
                               rig_put(rig, logits, rows * experts), rows, experts, top_k);
    rig_expect_wide(rig, "probabilities", probabilities, expected, rows * experts);
    rig_expect_wide(rig, "weights", w, weights, rows * top_k);
    expect_chosen(rig, choices, rows * top_k);
}

static void route(struct rig *rig)
{
    const int64_t shapes[][3] = {{5, 4, 2}, {3, 1, 1},   {7, 8, 8},   {9, 64, 6},   {2, 300, 3},
                                 {0, 4, 2}, {33, 16, 1}, {65, 31, 4}, {10, 128, 8}, {3, 33, 33}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const int64_t count = shapes[i][0] * shapes[i][1];
        rig_fill(rig, logits, count, (uint32_t)i + 1);
        for (int64_t j = 0; j < count; j++)
            logits[j] *= 4;
        check_route(rig, shapes[i][0], shapes[i][1], shapes[i][2]);
    }
}

/* Few different logits: the first of equals comes first, also beyond a warp's experts. */
static void ties(struct rig *rig)
{
    enum { ROWS = 6, EXPERTS = 70 };
    for (int64_t i = 0; i < ROWS * EXPERTS; i++)
        logits[i] = (double)(i * i % (i / EXPERTS + 1));
    for (int64_t top_k = 1; top_k <= EXPERTS; top_k += 23)
        check_route(rig, ROWS, EXPERTS, top_k);
}

/* Logits whose exponentials are too large for float32. */
static void large(struct rig *rig)
{
    enum { ROWS = 3, EXPERTS = 7 };
    for (int64_t i = 0; i < ROWS * EXPERTS; i++)
        logits[i] = 256 + (double)(2 * (i * 5 % EXPERTS));
    check_route(rig, ROWS, EXPERTS, 2);
}

/* Whatever the logits are, choices are different experts. */
static void not_a_number(struct rig *rig)
{
    enum { ROWS = 3, EXPERTS = 40, TOP_K = 3, COUNT = ROWS * TOP_K };
    int32_t *const choices = new_choices(rig, COUNT);
    void *probabilities = rig_new_wide(rig, ROWS * EXPERTS), *w = rig_new_wide(rig, COUNT);
    double got[1];
    rig_fill(rig, logits, ROWS * EXPERTS, 1);
    logits[7] = logits[EXPERTS] = NAN;
    logits[2 * EXPERTS + 3] = INFINITY;
    rig->be.ops->route_forward(&rig->be, probabilities, choices, w,
                               rig_put(rig, logits, ROWS * EXPERTS), ROWS, EXPERTS, TOP_K);
    rig->be.ops->download(&rig->be, found, choices, COUNT * sizeof *found);
    for (int64_t i = 0; i < COUNT; i++) {
        CHECK(found[i] >= 0 && found[i] < EXPERTS);
        for (int64_t j = i / TOP_K * TOP_K; j < i; j++)
            CHECK(found[i] != found[j]);
    }
    rig_get_wide(rig, w, got, 1);
    CHECK(isnan(got[0]));
}

enum { SAMPLES = 5 };

/* Adds what a row chose to the sums of its sample in `expected`, and its probabilities. */
static void expect_sums(const double *probabilities, int64_t row, int32_t sample, int64_t experts,
                        int64_t top_k)
{
    double *const sum = expected + 2 * experts * sample;
    for (int64_t k = 0; k < top_k; k++)
        sum[chosen[row * top_k + k]] += 1;
    for (int64_t e = 0; e < experts; e++)
        sum[experts + e] += probabilities[row * experts + e];
}

/* Sums start from 0.25. Samples have `run` rows at a time, and come again; some rows have none. */
static void check_sums(struct rig *rig, int64_t rows, int64_t experts, int64_t top_k, int64_t run)
{
    const int64_t count = SAMPLES * 2 * experts;
    int32_t samples[IDS];
    void *sums, *probabilities;
    rig_fill(rig, logits, rows * experts, 3);
    expect_routes(rows, experts, top_k);
    memcpy(other, expected, sizeof other);
    probabilities = rig_put_wide(rig, other, rows * experts);
    for (int64_t i = 0; i < count; i++)
        expected[i] = 0.25;
    sums = rig_put_wide(rig, expected, count);
    for (int64_t i = 0; i < rows; i++) {
        samples[i] = (int32_t)((i / run + 2) % (SAMPLES + 1)) - 1;
        if (samples[i] >= 0)
            expect_sums(other, i, samples[i], experts, top_k);
    }
    rig->be.ops->route_sums(&rig->be, sums, probabilities, rig_put_ids(rig, chosen, rows * top_k),
                            rig_put_ids(rig, samples, rows), rows, experts, top_k);
    rig_expect_wide(rig, "sums of routes", sums, expected, count);
}

static void route_sums(struct rig *rig)
{
    check_sums(rig, 300, 8, 2, 7);
    check_sums(rig, 50, 130, 5, 1);
    check_sums(rig, 1300, 9, 2, 600);
    check_sums(rig, 1, 1, 1, 1);
    check_sums(rig, 0, 4, 2, 1);
}

/* -- sums of rows by index --------------------------------------------------------------------- */

/* Some rows of x belong to none of y's, some of y's places are empty. */
static void check_combine(struct rig *rig, int64_t rows, int64_t top_k, int64_t cols,
                          bool has_weights)
{
    const int64_t places = rows * top_k, all = 2 * places * cols;
    void *y, *x;
    rig_fill(rig, logits, all, 1);
    rig_fill(rig, expected, rows * cols, 2);
    rig_fill(rig, weights, places, 3);
    x = rig_put(rig, logits, all);
    y = rig_put(rig, expected, rows * cols);
    for (int64_t n = 0; n < places; n++) {
        chosen[n] = n % 5 == 3 ? -1 : (int32_t)(2 * places - 1 - 2 * n);
        for (int64_t j = 0; j < cols && chosen[n] >= 0; j++)
            expected[n / top_k * cols + j] +=
                (has_weights ? weights[n] : 1) * logits[chosen[n] * cols + j];
    }
    rig->be.ops->combine_rows(&rig->be, y, x, rig_put_ids(rig, chosen, places),
                              has_weights ? rig_put_wide(rig, weights, places) : NULL, rows, top_k,
                              cols);
    rig_expect(rig, "combined rows", y, expected, rows * cols);
}

static void combine(struct rig *rig)
{
    for (int has_weights = 0; has_weights < 2; has_weights++) {
        check_combine(rig, 7, 2, 16, has_weights != 0);
        check_combine(rig, 3, 4, 5, has_weights != 0);
        check_combine(rig, 2, 1, 1031, has_weights != 0);
        check_combine(rig, 1, 3, 2048, has_weights != 0);
        check_combine(rig, 0, 2, 8, has_weights != 0);
    }
}

#define EACH(name)                                                                                 \
    static void test_##name(void)                                                                  \
    {                                                                                              \
        rig_for_each(name);                                                                        \
    }
EACH(route)
EACH(ties)
EACH(large)
EACH(not_a_number)
EACH(route_sums)
EACH(combine)

static const struct mimo_test tests[] = {
    {"the router's choice", test_route},
    {"the first of equals", test_ties},
    {"large logits", test_large},
    {"not a number", test_not_a_number},
    {"how often and how likely", test_route_sums},
    {"sums of rows by index", test_combine},
};

MIMO_TEST_MAIN("backend: experts", tests)
