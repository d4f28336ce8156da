/* test_cpu_open.c - opening the CPU backend. */
#include "runtime/backend/backend.h"
#include "tests/unit/check.h"

#include <stdlib.h>

static void opening(void)
{
    struct mimo_backend be = {0};
    struct mimo_error err = {0};
    (void)setenv("MIMO_CPU", "sse9", 1);
    CHECK_INT(mimo_backend_cpu_open(&be, MIMO_PRECISION_FP32, &err), MIMO_E_USAGE);
    CHECK_CONTAINS(err.message, "sse9");
    (void)unsetenv("MIMO_CPU");
    err = (struct mimo_error){0};
    CHECK_INT(mimo_backend_cpu_open(&be, MIMO_PRECISION_BF16, &err), MIMO_OK);
    CHECK_INT(be.element_size, 2);
    CHECK_INT(be.wide_size, 4);
    mimo_backend_close(&be);
    CHECK_INT(mimo_backend_cpu_open(&be, MIMO_PRECISION_FP64, NULL), MIMO_OK);
    CHECK_TEXT(be.ops->name, "cpu");
    CHECK_INT(be.element_size, 8);
    CHECK_INT(be.wide_size, 8);
    mimo_backend_close(&be);
}

static const struct mimo_test tests[] = {
    {"opening", opening},
};

MIMO_TEST_MAIN("backend: opening the CPU's", tests)
