/* The sinks: columns, clipping, escaping, order, limits; fixes; allow comments. */
#include "compiler/diagnostic/fix.h"
#include "compiler/diagnostic/sink.h"
#include "tests/unit/check.h"
#include "tests/unit/compiler/front.h"

#include <unistd.h>

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
        "{\n"
        "  \"format\": 1,\n"
        "  \"errors\": 1,\n"
        "  \"warnings\": 0,\n"
        "  \"diagnostics\": [\n"
        "    {\"code\": \"E0202\", \"severity\": \"error\", \"message\": \"param 'b' is given "
        "twice\", \"file\": \"test.mimo\", \"line\": 2, \"column\": 37, \"end_line\": 2, "
        "\"end_column\": 42, \"notes\": [{\"message\": \"it is given here first\", \"file\": "
        "\"test.mimo\", \"line\": 2, \"column\": 21}]}\n"
        "  ]\n"
        "}\n");
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
    CHECK_TEXT(
        front_json(&front),
        "{\n  \"format\": 1,\n  \"errors\": 0,\n  \"warnings\": 0,\n  \"diagnostics\": []\n}\n");
    CHECK_TEXT(front_github(&front), "");
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

static void test_github(void)
{
    struct front front;

    front_run(&front, "mimo 1\nassert 1 == 2, \"50%, a:b\\nc\"\n");
    CHECK_TEXT(front_github(&front),
               "::error file=test.mimo,line=2,endLine=2,col=8,endColumn=14,title=E0801::assert is "
               "false: 50%25, a:b%0Ac (1 == 2)\n");
    front_release(&front);
    front_run(&front, "mimo 1\nparam a = 1 +\n\"x\"\n");
    CHECK_CONTAINS(front_github(&front), "file=test.mimo,line=2,endLine=3,title=E0301::");
    front_release(&front);
}

/* Eleven errors: one more than GitHub shows. */
static void test_github_limit(void)
{
    struct front front;

    front_run(&front, "mimo 1\n"
                      "param a = 1 / 0 param b = 1 / 0 param c = 1 / 0 param d = 1 / 0\n"
                      "param e = 1 / 0 param f = 1 / 0 param g = 1 / 0 param h = 1 / 0\n"
                      "param i = 1 / 0 param j = 1 / 0\n");
    CHECK(strstr(front_github(&front), "::notice") == NULL);
    front_release(&front);
    front_run(&front, "mimo 1\n"
                      "param a = 1 / 0 param b = 1 / 0 param c = 1 / 0 param d = 1 / 0\n"
                      "param e = 1 / 0 param f = 1 / 0 param g = 1 / 0 param h = 1 / 0\n"
                      "param i = 1 / 0 param j = 1 / 0 param k = 1 / 0\n");
    CHECK_CONTAINS(front_github(&front), "\n::notice title=mimoc::11 errors and 0 warnings; ");
    front_release(&front);
}

static void test_sarif_addresses(void)
{
    struct front front;

    front_run(&front, "mimo 1\n");
    CHECK(strstr(front_sarif(&front, ""), "helpUri") == NULL);
    CHECK_CONTAINS(front_sarif(&front, "https://example.org/mimo"),
                   "\"helpUri\": \"https://example.org/mimo/docs/diagnostics/E0101.md\"");
    CHECK_CONTAINS(front_sarif(&front, "https://example.org/mimo"),
                   "\"informationUri\": \"https://example.org/mimo\"");
    CHECK_CONTAINS(front_sarif(&front, ""), "\"name\": \"AModuleHasNoLayout\"");
    front_release(&front);
}

static void check_relative(const char *name, const char *expected)
{
    struct mimo_arena arena = {0};

    CHECK_TEXT(mimo_relative_path(&arena, name), expected);
    mimo_arena_release(&arena);
}

static void test_relative_paths(void)
{
    struct mimo_arena arena = {0};
    char folder[4096];

    CHECK(getcwd(folder, sizeof folder) != NULL);
    check_relative("a.mimo", "a.mimo");
    check_relative("./a//b/./c.mimo", "a/b/c.mimo");
    check_relative("a/../b.mimo", "b.mimo");
    check_relative("../a.mimo", "../a.mimo");
    check_relative("a/../../../b.mimo", "../../b.mimo");
    check_relative("/elsewhere/a/../b.mimo", "/elsewhere/b.mimo");
    check_relative("<stdin>", "<stdin>");
    check_relative(mimo_arena_printf(&arena, "%s/a/b.mimo", folder), "a/b.mimo");
    check_relative(mimo_arena_printf(&arena, "%s-other/b.mimo", folder),
                   mimo_arena_printf(&arena, "%s-other/b.mimo", folder));
    mimo_arena_release(&arena);
}

static void check_fixed(const char *text, size_t count, const char *expected)
{
    struct front front;
    struct mimo_fixed fixed;

    front_run(&front, text);
    mimo_compilation_allow(&front.compilation, true);
    fixed = mimo_fixes_apply(&front.diagnostics, 0);
    CHECK_INT(fixed.count, count);
    CHECK_INT(fixed.size, strlen(expected));
    CHECK_TEXT(fixed.text, expected);
    front_release(&front);
}

static void test_fixes(void)
{
    check_fixed("mimo 1\n", 0, "mimo 1\n");
    check_fixed("param a = 1\n", 1, "mimo 1\nparam a = 1\n");
    check_fixed("\xEF\xBB\xBF# x\r\nparam a = 1\r\n", 1,
                "\xEF\xBB\xBFmimo 1\r\n# x\r\nparam a = 1\r\n");
    check_fixed("mimo 1\nclutser c { Memory = 1GB }\n", 1, "mimo 1\ncluster c { Memory = 1GB }\n");
    check_fixed("mimo 1\nassert 1 < 2 & 2 < 3, \"x\"\n", 1,
                "mimo 1\nassert 1 < 2 && 2 < 3, \"x\"\n");
    check_fixed("mimo 1\nassert 1 < 2 &&& 2 < 3, \"x\"\n", 0,
                "mimo 1\nassert 1 < 2 &&& 2 < 3, \"x\"\n");
    check_fixed("num_layers = 4 {", 0, "num_layers = 4 {"); /* perhaps not a declaration at all */
}

/* What goes takes its line with it, or the blanks before it, and its semicolon. */
static void test_removals(void)
{
    check_fixed("mimo 1\nparam a = 1\nparam a = 1\n", 1, "mimo 1\nparam a = 1\n");
    check_fixed("mimo 1\nparam a = 1\n  param a = 1;\r\nparam b = 2\n", 1,
                "mimo 1\nparam a = 1\nparam b = 2\n");
    check_fixed("mimo 1\nparam a = 1  param a = 1", 1, "mimo 1\nparam a = 1");
    check_fixed("mimo 1\nparam a = 1\n  param a = 1 param b = 2\n", 1,
                "mimo 1\nparam a = 1\n  param b = 2\n");
    check_fixed("mimo 1\nparam a = 1\nparam a = 2\n", 0, "mimo 1\nparam a = 1\nparam a = 2\n");
    check_fixed("mimo 1\n# mimoc: allow W0601 -- x\nparam a = 1\n", 1, "mimo 1\nparam a = 1\n");
    check_fixed("mimo 1\nparam a = 1  # mimoc: allow W0601\n", 1, "mimo 1\nparam a = 1\n");
    /* the second one touches the first and waits */
    check_fixed("mimo 1\n# mimoc: allow W0601, W0501 -- x\n", 1,
                "mimo 1\n# mimoc: allow W0501 -- x\n");
}

static void test_fatal_count(void)
{
    const struct mimo_span place = {0, 0, 4};
    struct front front;

    front_run(&front, "mimo 1\n");
    (void)mimo_diagnose(&front.diagnostics, MIMO_W0601, place, "x");
    (void)mimo_diagnose(&front.diagnostics, MIMO_W0501, place, "x");
    CHECK_INT(mimo_diagnostics_fatal_count(&front.diagnostics), 0);
    front.diagnostics.is_fatal[MIMO_W0501] = true;
    CHECK_INT(mimo_diagnostics_fatal_count(&front.diagnostics), 1);
    CHECK_CONTAINS(front_text(&front), "\n2 warnings (1 fatal by -Werror)\n");
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
    {"GitHub", test_github},
    {"GitHub's limit", test_github_limit},
    {"addresses in SARIF", test_sarif_addresses},
    {"relative paths", test_relative_paths},
    {"fixes", test_fixes},
    {"removals", test_removals},
    {"fatal warnings", test_fatal_count},
};

MIMO_TEST_MAIN("diagnostic", TESTS)
