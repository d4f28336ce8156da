/*
 * mpi_suite.h - a CUnit suite that runs on every rank of an MPI job.
 *
 * All ranks run the same tests in the same order. Rank 0 prints the list of tests, every rank its
 * failures; the job fails if one rank does. A watchdog ends a suite that hangs.
 */
#ifndef MIMO_TESTS_UNIT_WORLD_MPI_SUITE_H
#define MIMO_TESTS_UNIT_WORLD_MPI_SUITE_H

#include "runtime/world/world.h"
#include "tests/unit/check.h"

#include <stdlib.h>

static struct mimo_world *suite_world;

static inline struct mimo_world_place suite_place(void)
{
    return mimo_world_place(suite_world);
}

static inline bool suite_open(const char *name, int argc, char **argv)
{
    struct mimo_error err = {.status = MIMO_OK};

    if (CU_initialize_registry() == CUE_SUCCESS &&
        mimo_world_open(&suite_world, &argc, &argv, &err) == MIMO_OK &&
        mimo_world_watch(suite_world, 120000, &err) == MIMO_OK)
        return true;
    (void)fprintf(stderr, "%s: %s\n", name, err.message);
    return false;
}

static inline void suite_add(const char *name, CU_InitializeFunc open, CU_CleanupFunc close,
                             const struct mimo_test *tests, size_t count)
{
    CU_pSuite suite = CU_add_suite(name, open, close);

    for (size_t i = 0; i < count; i++)
        (void)CU_add_test(suite, tests[i].name, tests[i].function);
}

/* Runs what was added; the program's exit status. */
static inline int suite_end(void)
{
    unsigned failed;

    CU_basic_set_mode(suite_place().rank == 0 ? CU_BRM_VERBOSE : CU_BRM_SILENT);
    (void)CU_basic_run_tests();
    failed = CU_get_number_of_failures() + CU_get_number_of_tests_failed();
    CU_cleanup_registry();
    mimo_world_close(suite_world);
    return failed == 0 ? 0 : 1;
}

static inline int suite_run(const char *name, const struct mimo_test *tests, size_t count, int argc,
                            char **argv)
{
    if (!suite_open(name, argc, argv))
        return 2;
    suite_add(name, NULL, NULL, tests, count);
    return suite_end();
}

#define MIMO_MPI_TEST_MAIN(suite_name, table)                                                      \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        return suite_run((suite_name), (table), sizeof(table) / sizeof *(table), argc, argv);      \
    }

#endif
