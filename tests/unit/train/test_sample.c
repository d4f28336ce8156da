#include "runtime/train/sample.h"
#include "tests/unit/check.h"

enum { VOCAB = 4, DRAWS = 20000 };

/* Row 1 has the probabilities 0.5, 0.3, 0.15, 0.05. */
static const double LOGITS[2 * VOCAB] = {
    0.0,
    2.0,
    2.0,
    -1.0,
    -0.6931471805599453,
    -1.2039728043259361,
    -1.8971199848858813,
    -2.995732273553991,
};

static void count_draws(double temperature, double top_p, double counts[VOCAB])
{
    struct mimo_arena arena = {0};
    struct mimo_sampler sampler;

    mimo_sampler_open(&sampler, 11, temperature, top_p, VOCAB, sizeof(double), &arena);
    for (int i = 0; i < VOCAB; i++)
        counts[i] = 0.0;
    for (uint64_t draw = 0; draw < DRAWS; draw++)
        counts[mimo_sampler_take(&sampler, LOGITS, 1, draw)] += 1.0 / DRAWS;
    mimo_arena_release(&arena);
}

static void takes_the_likeliest(void)
{
    struct mimo_arena arena = {0};
    struct mimo_sampler sampler;

    mimo_sampler_open(&sampler, 1, 0.0, 1.0, VOCAB, sizeof(double), &arena);
    CHECK_INT(mimo_sampler_take(&sampler, LOGITS, 0, 0), 1); /* the lower of two equals */
    CHECK_INT(mimo_sampler_take(&sampler, LOGITS, 1, 0), 0);
    mimo_arena_release(&arena);
}

static void reads_bfloat16(void)
{
    static const uint16_t logits[VOCAB] = {0x3f80, 0xc040, 0x4000, 0x3fff}; /* 1, -3, 2, 1.99 */
    struct mimo_arena arena = {0};
    struct mimo_sampler sampler;

    mimo_sampler_open(&sampler, 1, 0.0, 1.0, VOCAB, sizeof *logits, &arena);
    CHECK_INT(mimo_sampler_take(&sampler, logits, 0, 0), 2);
    mimo_arena_release(&arena);
}

static void draws_by_probability(void)
{
    double counts[VOCAB];

    count_draws(1.0, 1.0, counts);
    CHECK_NEAR(counts[0], 0.5, 0.02);
    CHECK_NEAR(counts[1], 0.3, 0.02);
    CHECK_NEAR(counts[2], 0.15, 0.02);
    CHECK_NEAR(counts[3], 0.05, 0.02);
}

/* At temperature 1/2 probabilities are squared: 0.25, 0.09, 0.0225, 0.0025 over 0.365. */
static void temperature_sharpens(void)
{
    double counts[VOCAB];

    count_draws(0.5, 1.0, counts);
    CHECK_NEAR(counts[0], 0.25 / 0.365, 0.02);
    CHECK_NEAR(counts[1], 0.09 / 0.365, 0.02);
}

/* The nucleus of 0.75 is the first two. */
static void nucleus_cuts_the_tail(void)
{
    double counts[VOCAB];

    count_draws(1.0, 0.75, counts);
    CHECK_NEAR(counts[0], 0.5 / 0.8, 0.02);
    CHECK_NEAR(counts[1], 0.3 / 0.8, 0.02);
    CHECK(counts[2] == 0.0);
    CHECK(counts[3] == 0.0);
}

static const struct mimo_test TESTS[] = {
    {"greedy", takes_the_likeliest},     {"bfloat16", reads_bfloat16},
    {"by chance", draws_by_probability}, {"temperature", temperature_sharpens},
    {"nucleus", nucleus_cuts_the_tail},
};

MIMO_TEST_MAIN("sample", TESTS)
