#include "runtime/train/optimizer.h"
#include "tests/unit/check.h"

static struct mimo_plan_training training(enum mimo_lr_schedule schedule)
{
    return (struct mimo_plan_training){
        .lr = 1.0, .min_lr = 0.1, .warmup_steps = 10, .lr_schedule = schedule};
}

static void warms_up(void)
{
    const struct mimo_plan_training cosine = training(MIMO_LR_SCHEDULE_COSINE);

    CHECK_NEAR(mimo_learning_rate(&cosine, 0, 110), 0.1, 1e-15);
    CHECK_NEAR(mimo_learning_rate(&cosine, 4, 110), 0.5, 1e-15);
    CHECK_NEAR(mimo_learning_rate(&cosine, 9, 110), 1.0, 1e-15);
}

static void decays(void)
{
    const struct mimo_plan_training cosine = training(MIMO_LR_SCHEDULE_COSINE);
    const struct mimo_plan_training linear = training(MIMO_LR_SCHEDULE_LINEAR);
    const struct mimo_plan_training constant = training(MIMO_LR_SCHEDULE_CONSTANT);

    CHECK_NEAR(mimo_learning_rate(&cosine, 59, 110), 0.55, 1e-12);
    CHECK_NEAR(mimo_learning_rate(&cosine, 34, 110), 0.1 + 0.45 * (1.0 + sqrt(0.5)), 1e-12);
    CHECK_NEAR(mimo_learning_rate(&linear, 59, 110), 0.55, 1e-12);
    CHECK_NEAR(mimo_learning_rate(&linear, 34, 110), 0.775, 1e-12);
    CHECK_NEAR(mimo_learning_rate(&constant, 59, 110), 1.0, 0.0);
}

/* The last step has min_lr, and so has whatever comes behind it. */
static void ends(void)
{
    const struct mimo_plan_training cosine = training(MIMO_LR_SCHEDULE_COSINE);
    const struct mimo_plan_training linear = training(MIMO_LR_SCHEDULE_LINEAR);

    CHECK_NEAR(mimo_learning_rate(&cosine, 109, 110), 0.1, 1e-15);
    CHECK_NEAR(mimo_learning_rate(&linear, 109, 110), 0.1, 1e-15);
    CHECK_NEAR(mimo_learning_rate(&linear, 500, 110), 0.1, 1e-15);
}

static const struct mimo_test TESTS[] = {
    {"warm-up", warms_up},
    {"decay", decays},
    {"end", ends},
};

MIMO_TEST_MAIN("learning rate", TESTS)
