/* Characters, places and suggestions: what needs no compilation. */
#include "compiler/declaration/suggest.h"
#include "compiler/text/source.h"
#include "compiler/text/text.h"
#include "tests/unit/check.h"

static void check_decoded(const char *bytes, size_t size, uint32_t character, size_t length)
{
    size_t actual;

    CHECK_INT(mimo_utf8_decode(bytes, size, &actual), character);
    CHECK_INT(actual, length);
}

static void test_well_formed(void)
{
    check_decoded("a", 1, 'a', 1);
    check_decoded("\xC3\xA9", 2, 0xE9, 2);
    check_decoded("\xE4\xB8\xAD", 3, 0x4E2D, 3);
    check_decoded("\xF0\x9F\x99\x82", 4, 0x1F642, 4);
    check_decoded("\xF4\x8F\xBF\xBF", 4, 0x10FFFF, 4);
}

static void test_ill_formed(void)
{
    static const char *const cases[] = {
        "\x80",
        "\xC0\x80",
        "\xC1\xBF",
        "\xE0\x80\x80",
        "\xED\xA0\x80",
        "\xF4\x90\x80\x80",
        "\xF8\x88\x80\x80\x80",
        "\xC3",
        "\xE4\xB8",
        "\xF0\x9F\x99",
        "\xC3(",
        "\xFF",
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_decoded(cases[i], strlen(cases[i]), MIMO_INVALID_CHARACTER, 1);
}

static void test_widths(void)
{
    CHECK_INT(mimo_character_width('a'), 1);
    CHECK_INT(mimo_character_width(0xE9), 1);
    CHECK_INT(mimo_character_width(0x301), 0);
    CHECK_INT(mimo_character_width(0x4E2D), 2);
    CHECK_INT(mimo_character_width(0x1F642), 2);
    CHECK_INT(mimo_character_width(0x2705), 2); /* an emoji among narrow dingbats */
    CHECK_INT(mimo_character_width(0x2706), 1);
    CHECK_INT(mimo_character_width(0x93E), 1); /* a vowel sign that takes its own column */
    CHECK_INT(mimo_character_width(0x941), 0); /* and one that does not */
    CHECK_INT(mimo_character_width(0x200D), 0);
    CHECK_INT(mimo_character_width(0xE01EF), 0); /* the last mark */
    CHECK_INT(mimo_character_width(0x3FFFD), 2); /* the last wide one */
    CHECK_INT(mimo_character_width(0x10FFFF), 1);
}

static void check_place(const struct mimo_source *source, uint32_t offset, uint32_t line,
                        uint32_t column)
{
    const struct mimo_place place = mimo_source_place(source, offset);

    CHECK_INT(place.line, line);
    CHECK_INT(place.column, column);
}

static void test_places(void)
{
    /* a byte order mark, CRLF, a two-byte character, no final newline */
    static const char text[] = "\xEF\xBB\xBF"
                               "ab\r\n\xC3\xA9x\n\nz";
    struct mimo_arena arena = {0};
    struct mimo_sources sources;
    const struct mimo_source *source;
    uint32_t begin, end;

    mimo_sources_init(&sources, &arena);
    source = mimo_source(&sources, mimo_sources_add(&sources, "f", text, sizeof text - 1));
    CHECK_INT(source->line_count, 4);
    check_place(source, 0, 1, 1);
    check_place(source, 3, 1, 1);
    check_place(source, 4, 1, 2);
    check_place(source, 7, 2, 1);
    check_place(source, 9, 2, 2);
    check_place(source, 11, 3, 1);
    check_place(source, 12, 4, 1);
    check_place(source, 13, 4, 2);
    check_place(source, 99, 4, 2);
    mimo_source_line(source, 1, &begin, &end);
    CHECK_INT(begin, 3);
    CHECK_INT(end, 5);
    mimo_source_line(source, 4, &begin, &end);
    CHECK_INT(end - begin, 1);
    mimo_arena_release(&arena);
}

static void test_distance(void)
{
    CHECK_INT(mimo_word_distance("", ""), 0);
    CHECK_INT(mimo_word_distance("abc", "abc"), 0);
    CHECK_INT(mimo_word_distance("abc", ""), 3);
    CHECK_INT(mimo_word_distance("abc", "acb"), 1); /* a swap */
    CHECK_INT(mimo_word_distance("abc", "ab"), 1);  /* a deletion */
    CHECK_INT(mimo_word_distance("abc", "axc"), 1); /* a replacement */
    CHECK_INT(mimo_word_distance("ca", "abc"), 3);  /* no place is edited twice */
    CHECK_INT(mimo_word_distance("kitten", "sitting"), 3);
}

static void check_help(const char *word, const char *words, const char *help)
{
    struct mimo_arena arena = {0};
    struct mimo_sources sources;
    struct mimo_diagnostics diagnostics;
    struct mimo_candidates candidates = {.arena = &arena};
    struct mimo_diagnostic *diagnostic;

    mimo_sources_init(&sources, &arena);
    mimo_diagnostics_init(&diagnostics, &arena, &sources);
    (void)mimo_sources_add(&sources, "f", "", 0);
    diagnostic = mimo_diagnose(&diagnostics, MIMO_E0201, (struct mimo_span){0}, "x");
    mimo_candidates_add_list(&candidates, words);
    mimo_suggest(&diagnostics, diagnostic, word, &candidates);
    CHECK_TEXT(diagnostic->help != NULL ? diagnostic->help : "(none)", help);
    mimo_arena_release(&arena);
}

static void test_suggestions(void)
{
    check_help("Mode", "mode moe", "did you mean 'mode'?"); /* equal but for case wins alone */
    check_help("tensor_paralel", "tensor_parallel data_parallel",
               "did you mean 'tensor_parallel'?");
    check_help("ax", "ab ac ad ae", "did you mean 'ab', 'ac' or 'ad'?");
    check_help("zigzag", "1f1b gpipe", "valid here: 1f1b, gpipe");
    check_help("zigzag", "a b c d e f g h i", "(none)");
    check_help("zigzag", "", "(none)");
}

/* `words` are the language's own up to a "|"; those behind it, the user's. */
static void check_certain(const char *word, const char *words, const char *meant)
{
    struct mimo_arena arena = {0};
    struct mimo_candidates candidates = {.arena = &arena};
    const char *bar = strchr(words, '|');
    const char *certain;

    mimo_candidates_add_list(&candidates, mimo_arena_copy(&arena, words, (size_t)(bar - words)));
    candidates.closed_count = candidates.count;
    mimo_candidates_add_list(&candidates, bar + 1);
    certain = mimo_certain(word, &candidates);
    CHECK_TEXT(certain != NULL ? certain : "(none)", meant);
    mimo_arena_release(&arena);
}

static void test_certainty(void)
{
    check_certain("num_layer", "num_layers num_experts|", "num_layers");
    check_certain("Mode", "mode|", "mode");
    check_certain("num_lyaers", "num_layers|", "num_layers");
    check_certain("numlayer", "num_layers|", "(none)"); /* two letters off */
    check_certain("lx", "lr|", "(none)");               /* too short to tell */
    check_certain("data", "date dato|", "(none)");      /* two are as near */
    check_certain("pod_a", "|pod_b", "(none)");         /* a name of its own, perhaps */
    check_certain("pdo_b", "|pod_b", "pod_b");
    check_certain("POD_B", "|pod_b", "pod_b");
    check_certain("zigzag", "1f1b gpipe|", "(none)");
}

static const struct mimo_test TESTS[] = {
    {"well-formed UTF-8", test_well_formed},
    {"ill-formed UTF-8", test_ill_formed},
    {"widths", test_widths},
    {"places", test_places},
    {"distance", test_distance},
    {"suggestions", test_suggestions},
    {"certainty", test_certainty},
};

MIMO_TEST_MAIN("text", TESTS)
