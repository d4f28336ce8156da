#include "runtime/data/utf8.h"
#include "tests/unit/check.h"

#include <stdlib.h>

static void check_repair(const char *text, const char *expected)
{
    char *repaired = mimo_utf8_repair(text);

    CHECK(repaired != NULL);
    CHECK_TEXT(repaired, expected);
    free(repaired);
}

static void keeps_what_is_valid(void)
{
    check_repair("", "");
    check_repair("grinning face", "grinning face");
    check_repair("C\xC3\xB4te d\xE2\x80\x99Ivoire \xF0\x9F\x98\x80",
                 "C\xC3\xB4te d\xE2\x80\x99Ivoire \xF0\x9F\x98\x80");
}

static void replaces_what_is_not(void)
{
    check_repair("\x80", "\xEF\xBF\xBD");                                 /* a continuation alone */
    check_repair("a\xC3", "a\xEF\xBF\xBD");                               /* cut short */
    check_repair("\xC3(", "\xEF\xBF\xBD(");                               /* no continuation */
    check_repair("\xC0\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD");                 /* overlong */
    check_repair("\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"); /* a surrogate */
    check_repair("\xF4\x90\x80\x80",
                 "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"); /* beyond U+10FFFF */
    check_repair("\xF0\x9F\x98", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
}

static const struct mimo_test TESTS[] = {
    {"valid text stays", keeps_what_is_valid},
    {"other bytes are replaced", replaces_what_is_not},
};

MIMO_TEST_MAIN("utf8", TESTS)
