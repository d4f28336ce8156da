#include "runtime/train/report.h"
#include "tests/unit/check.h"

#include <stdlib.h>
#include <unistd.h>

static void shortest_numbers(void)
{
    char text[32];

    CHECK_TEXT(mimo_shortest_number(0.1, text), "0.1");
    CHECK_TEXT(mimo_shortest_number(1e-4, text), "0.0001");
    CHECK_TEXT(mimo_shortest_number(812.0, text), "812");
    CHECK_TEXT(mimo_shortest_number(1.0 / 3.0, text), "0.3333333333333333");
    CHECK_TEXT(mimo_shortest_number(-2.5e-300, text), "-2.5e-300");
    CHECK_TEXT(mimo_shortest_number((double)NAN, text), "null");
    CHECK_TEXT(mimo_shortest_number((double)INFINITY, text), "null");
}

static void metrics_line(void)
{
    char path[] = "/tmp/mimo-metrics-XXXXXX", line[512] = "";
    const struct mimo_step_figures figures = {
        .step = 3,
        .steps = 10,
        .loss = 4.1,
        .gradient_norm = 2.3,
        .lr = 1e-4,
        .tokens = 8192,
        .samples = 32,
        .step_ms = 812.0,
        .mfu = 0.41,
    };
    struct mimo_reporter reporter;
    struct mimo_error err = {0};
    FILE *file;

    CHECK(close(mkstemp(path)) == 0);
    CHECK_INT(mimo_reporter_open(&reporter, path, true, 1, false, &err), MIMO_OK);
    CHECK_INT(mimo_reporter_step(&reporter, &figures, &err), MIMO_OK);
    mimo_reporter_close(&reporter);
    file = fopen(path, "re");
    CHECK(file != NULL && fgets(line, sizeof line, file) != NULL);
    if (file != NULL)
        (void)fclose(file);
    (void)unlink(path);
    CHECK_TEXT(line, "{\"step\":3,\"loss\":4.1,\"grad_norm\":2.3,\"lr\":0.0001,\"tokens\":8192,"
                     "\"samples\":32,\"step_ms\":812,\"tokens_per_s\":10089,\"mfu\":0.41}\n");
}

static void unwritable_metrics(void)
{
    struct mimo_reporter reporter;
    struct mimo_error err = {0};

    CHECK_INT(mimo_reporter_open(&reporter, "/nowhere/metrics", true, 1, false, &err),
              MIMO_E_USAGE);
    CHECK_CONTAINS(err.message, "/nowhere/metrics");
}

static const struct mimo_test TESTS[] = {
    {"shortest numbers", shortest_numbers},
    {"a line of metrics", metrics_line},
    {"metrics that cannot be written", unwritable_metrics},
};

MIMO_TEST_MAIN("report", TESTS)
