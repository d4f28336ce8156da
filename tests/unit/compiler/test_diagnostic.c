/* The two sinks: columns, clipping, escaping, order, limits. */
#include "tests/unit/check.h"
#include "tests/unit/compiler/front.h"

static void test_text(void)
{
    struct front front;

    front_run(&front, "mimo 1\nparam a = 1\n  param a = 7 / 2\n");
    CHECK_TEXT(front_text(&front), "test.mimo:3:9: error: param 'a' is given twice [E0202]\n"
                                   "    3 |   param a = 7 / 2\n"
                                   "      |         ^~~~~~~~~\n"
                                   "test.mimo:2:7: note: it is given here first\n"
                                   "1 error\n");
    front_release(&front);
}

/* A tab reaches to its stop, wide characters take two columns, combining ones none; the column that
 * is printed counts code points. */
static void test_alignment(void)
{
    struct front front;

    front_run(&front, "mimo 1\n\tparam a = \"\xE4\xB8\xAD\xF0\x9F\x99\x82"
                      "e\xCC\x81\" param b = 1 / 0\r\n");
    CHECK_TEXT(front_text(&front), "test.mimo:2:29: error: division by zero [E0302]\n"
                                   "    2 |         param a = \"\xE4\xB8\xAD\xF0\x9F\x99\x82"
                                   "e\xCC\x81\" param b = 1 / 0\n"
                                   "      |                                     ^~~~~\n"
                                   "1 error\n");
    front_release(&front);
}

static void test_control_characters(void)
{
    struct front front;

    front_run(&front, "mimo 1\nparam a = 1 / 0 # \x1B[31m\n");
    CHECK(strchr(front_text(&front), '\x1B') == NULL);
    CHECK_CONTAINS(front_text(&front), "# \xEF\xBF\xBD[31m");
    front_release(&front);
}

static void test_clipping(void)
{
    struct mimo_arena arena = {0};
    struct front front;
    const char *text, *line;

    text = mimo_arena_printf(&arena, "mimo 1\nparam a = [%0500d, 1 / 0, %0500d]\n", 1, 1);
    front_run(&front, text);
    line = strstr(front_text(&front), "    2 | ...");
    CHECK(line != NULL);
    if (line != NULL) {
        const char *caret = strchr(line, '^');
        CHECK_INT(strcspn(line, "\n"), 8 + 3 + 120 + 3);
        CHECK_INT(caret - strchr(line, '\n') - 1, strstr(line, "1 / 0") - line);
    }
    front_release(&front);
    mimo_arena_release(&arena);
}

static void test_json(void)
{
    struct front front;

    front_run(&front, "mimo 1\nparam a = \"\xC3\xA9\" param b = a - 1 param b = 2\n");
    CHECK_TEXT(
        front_json(&front),
        "{ \"format\": 1, \"errors\": 1, \"warnings\": 0, \"diagnostics\": [\n"
        "  { \"code\": \"E0202\", \"severity\": \"error\", \"message\": \"param 'b' is given "
        "twice\", \"file\": \"test.mimo\", \"line\": 2, \"column\": 37, \"end_line\": 2, "
        "\"end_column\": 42, \"notes\": [ { \"message\": \"it is given here first\", \"file\": "
        "\"test.mimo\", \"line\": 2, \"column\": 21 } ] } ] }\n");
    front_release(&front);
}

static void test_json_escapes(void)
{
    struct front front;

    front_run(&front, "mimo 1\nassert 1 == 2, \"quote \\\" backslash \\\\ newline \\n tab \\t\"\n");
    CHECK_CONTAINS(front_json(&front), "quote \\\" backslash \\\\ newline \\u000a tab \\u0009");
    front_release(&front);
}

static void test_empty(void)
{
    struct front front;

    front_run(&front, "mimo 1\n");
    CHECK_TEXT(front_text(&front), "");
    CHECK_TEXT(front_json(&front),
               "{ \"format\": 1, \"errors\": 0, \"warnings\": 0, \"diagnostics\": [] }\n");
    front_release(&front);
}

/* Equal diagnostics are recorded once; others of the same place each. */
static void test_duplicates(void)
{
    struct front front;
    const struct mimo_span place = {0, 0, 4};
    struct mimo_diagnostic *first;

    front_run(&front, "mimo 1\n");
    first = mimo_diagnose(&front.diagnostics, MIMO_E0201, place, "a %d", 1);
    mimo_diagnose_note(&front.diagnostics, first, place, "n");
    mimo_diagnose_note(&front.diagnostics, first, place, "n");
    CHECK_INT(first->note_count, 1);
    CHECK(mimo_diagnose(&front.diagnostics, MIMO_E0201, place, "a %d", 1) == first);
    CHECK(mimo_diagnose(&front.diagnostics, MIMO_E0201, place, "a %d", 2) != first);
    CHECK(mimo_diagnose(&front.diagnostics, MIMO_E0202, place, "a %d", 1) != first);
    CHECK_INT(front.diagnostics.error_count, 3);
    front.diagnostics.is_off[MIMO_W0601] = true;
    (void)mimo_diagnose(&front.diagnostics, MIMO_W0601, place, "off");
    (void)mimo_diagnose(&front.diagnostics, MIMO_W0501, place, "on");
    CHECK_INT(front.diagnostics.warning_count, 1);
    front_release(&front);
}

/* The comment covers its own line and the next one. */
static void test_allow(void)
{
    static const char text[] = "mimo 1\n# mimoc: allow W0601 -- spares\nparam a = 1\nparam b = 2\n";
    struct front front;
    const uint32_t covered = (uint32_t)(strstr(text, "param a") - text);
    const uint32_t open = (uint32_t)(strstr(text, "param b") - text);

    front_run(&front, text);
    (void)mimo_diagnose(&front.diagnostics, MIMO_W0601, (struct mimo_span){0, covered, covered + 5},
                        "x");
    (void)mimo_diagnose(&front.diagnostics, MIMO_W0501, (struct mimo_span){0, covered, covered + 5},
                        "x");
    (void)mimo_diagnose(&front.diagnostics, MIMO_W0601, (struct mimo_span){0, open, open + 5}, "x");
    mimo_compilation_allow(&front.compilation, true);
    CHECK_INT(front.diagnostics.warning_count, 2);
    CHECK_INT(front_count(&front, MIMO_W0601), 1);
    CHECK_INT(front_count(&front, MIMO_W0101), 0);
    front_release(&front);
}

static const struct mimo_test TESTS[] = {
    {"text", test_text},
    {"alignment", test_alignment},
    {"control characters", test_control_characters},
    {"clipping", test_clipping},
    {"JSON", test_json},
    {"JSON escapes", test_json_escapes},
    {"nothing to say", test_empty},
    {"duplicates", test_duplicates},
    {"allow comments", test_allow},
};

MIMO_TEST_MAIN("diagnostic", TESTS)
