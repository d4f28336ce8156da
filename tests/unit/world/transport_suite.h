/*
 * transport_suite.h - a CUnit suite that runs on every rank, once for each way of the rig.
 */
#ifndef MIMO_TESTS_UNIT_WORLD_TRANSPORT_SUITE_H
#define MIMO_TESTS_UNIT_WORLD_TRANSPORT_SUITE_H

#include "tests/unit/world/mpi_suite.h"
#include "tests/unit/world/transport_rig.h"

/* Of the way that is being tested. */
static struct mimo_transport *transport;

static inline void suite_open_transport(const char *way)
{
    transport = rig_open(suite_world, way);
    if (transport == NULL)
        mimo_world_abort(suite_world, MIMO_E_FAILED, "the test has no transport");
}

/* CUnit tells a suite's opening nothing: the suites open in the order of the ways. */
static inline int suite_open_next(void)
{
    static size_t next = 0;

    suite_open_transport(rig_ways[next++]);
    return 0;
}

static inline int suite_close_transport(void)
{
    rig_close(transport);
    return 0;
}

static inline int suite_run_ways(const char *name, const struct mimo_test *tests, size_t count,
                                 int argc, char **argv)
{
    if (!suite_open(name, argc, argv))
        return 2;
    for (size_t i = 0; rig_ways[i] != NULL; i++)
        suite_add(rig_ways[i], suite_open_next, suite_close_transport, tests, count);
    return suite_end();
}

#define MIMO_TRANSPORT_TEST_MAIN(suite_name, table)                                                \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        return suite_run_ways((suite_name), (table), sizeof(table) / sizeof *(table), argc, argv); \
    }

#endif
