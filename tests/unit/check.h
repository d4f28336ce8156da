/*
 * check.h - the tests' assertions: on failure both values are printed beside the place.
 *
 * One program is one CUnit suite (the framework dies with the first crash, so suites do not share a
 * program): a table of {name, function} rows and MIMO_TEST_MAIN.
 */
#ifndef MIMO_TESTS_UNIT_CHECK_H
#define MIMO_TESTS_UNIT_CHECK_H

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define CHECK(condition) CU_ASSERT(condition)

#define CHECK_INT(actual, expected)                                                                \
    do {                                                                                           \
        const int64_t actual_ = (int64_t)(actual), expected_ = (int64_t)(expected);                \
        if (actual_ != expected_)                                                                  \
            (void)printf("\n  %s:%d: %s is %" PRId64 ", expected %" PRId64 "\n", __FILE__,         \
                         __LINE__, #actual, actual_, expected_);                                   \
        CU_ASSERT(actual_ == expected_);                                                           \
    } while (0)

#define CHECK_TEXT(actual, expected)                                                               \
    do {                                                                                           \
        const char *actual_ = (actual), *expected_ = (expected);                                   \
        const int equal_ = strcmp(actual_, expected_) == 0;                                        \
        if (!equal_)                                                                               \
            (void)printf("\n  %s:%d: %s is \"%s\", expected \"%s\"\n", __FILE__, __LINE__,         \
                         #actual, actual_, expected_);                                             \
        CU_ASSERT(equal_);                                                                         \
    } while (0)

#define CHECK_CONTAINS(actual, part)                                                               \
    do {                                                                                           \
        const char *actual_ = (actual), *part_ = (part);                                           \
        const int found_ = strstr(actual_, part_) != NULL;                                         \
        if (!found_)                                                                               \
            (void)printf("\n  %s:%d: %s is \"%s\", expected it to contain \"%s\"\n", __FILE__,     \
                         __LINE__, #actual, actual_, part_);                                       \
        CU_ASSERT(found_);                                                                         \
    } while (0)

/* |actual - expected| <= bound * max(1, |expected|) */
#define CHECK_NEAR(actual, expected, bound)                                                        \
    do {                                                                                           \
        const double actual_ = (double)(actual), expected_ = (double)(expected);                   \
        const int near_ = fabs(actual_ - expected_) <= (bound)*fmax(1.0, fabs(expected_));         \
        if (!near_)                                                                                \
            (void)printf("\n  %s:%d: %s is %.17g, expected %.17g within %g\n", __FILE__, __LINE__, \
                         #actual, actual_, expected_, (double)(bound));                            \
        CU_ASSERT(near_);                                                                          \
    } while (0)

#define MIMO_TEST_MAIN(suite_name, table)                                                          \
    int main(void)                                                                                 \
    {                                                                                              \
        unsigned failed;                                                                           \
        CU_pSuite suite;                                                                           \
        if (CU_initialize_registry() != CUE_SUCCESS)                                               \
            return 2;                                                                              \
        suite = CU_add_suite((suite_name), NULL, NULL);                                            \
        for (size_t i = 0; i < sizeof(table) / sizeof *(table); i++)                               \
            (void)CU_add_test(suite, (table)[i].name, (table)[i].function);                        \
        CU_basic_set_mode(CU_BRM_VERBOSE);                                                         \
        (void)CU_basic_run_tests();                                                                \
        failed = CU_get_number_of_failures() + CU_get_number_of_tests_failed();                    \
        CU_cleanup_registry();                                                                     \
        return failed == 0 ? 0 : 1;                                                                \
    }

struct mimo_test {
    const char *name;
    CU_TestFunc function;
};

#endif
