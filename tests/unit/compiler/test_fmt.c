/*
 * The formatter: what it does to small texts, and what it never does to any text. Over all
 * declarations of the repository, and over thousands of random layouts of one: formatting twice is
 * formatting once, comments stay, diagnostics and plans are the same.
 */
#include "compiler/fmt/fmt.h"
#include "compiler/fmt/parts.h"
#include "compiler/planner/compile.h"
#include "compiler/syntax/scan.h"
#include "compiler/text/source.h"
#include "plan/file.h"
#include "tests/unit/check.h"
#include "tests/unit/compiler/front.h"

#include <fts.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- formatting and compiling texts ---- */

struct text {
    const char *bytes; /* NULL: it was refused */
    size_t size;
};

static struct text format(struct mimo_arena *arena, struct text text)
{
    struct mimo_sources sources;
    struct mimo_diagnostics diagnostics;
    struct text result;

    mimo_sources_init(&sources, arena);
    mimo_diagnostics_init(&diagnostics, arena, &sources);
    (void)mimo_sources_add(&sources, "test.mimo", text.bytes, text.size);
    result.bytes = mimo_fmt(&diagnostics, 0, &result.size);
    CHECK_INT(result.bytes == NULL, diagnostics.error_count > 0);
    return result;
}

enum { COMBINATIONS_MAX = 8 };

/* What lint has to say, without places, and the first plans: all that formatting must not change.
 */
struct meaning {
    const char *words;
    const unsigned char *plans[COMBINATIONS_MAX];
    size_t sizes[COMBINATIONS_MAX];
    size_t count;
};

static const char *list_diagnostics(struct mimo_arena *arena,
                                    const struct mimo_diagnostics *diagnostics)
{
    const char *words = "";

    for (size_t i = 0; i < diagnostics->count; i++) {
        const struct mimo_diagnostic *item = diagnostics->items[i];
        words = mimo_arena_printf(arena, "%s%s: %s\n", words, mimo_code_name(item->code),
                                  item->message);
    }
    return words;
}

static void understand(struct mimo_arena *arena, struct text text, struct meaning *out_meaning)
{
    struct mimo_sources sources;
    struct mimo_diagnostics diagnostics;
    struct mimo_request request = {0};
    struct mimo_compilation compilation;
    struct mimo_declaration declaration;
    struct mimo_error err = {0};
    struct mimo_choice *choices;
    size_t count;

    *out_meaning = (struct meaning){0};
    mimo_sources_init(&sources, arena);
    mimo_diagnostics_init(&diagnostics, arena, &sources);
    mimo_compilation_init(&compilation, &sources, &diagnostics, &request);
    MIMO_ASSERT(mimo_compilation_load_text(&compilation, "test.mimo", text.bytes, text.size,
                                           &err) == MIMO_OK);
    mimo_compilation_resolve(&compilation);
    MIMO_ASSERT(mimo_compilation_choices(&compilation, &choices, &count, &err) == MIMO_OK);
    for (size_t i = 0; i < count && out_meaning->count < COMBINATIONS_MAX; i++) {
        const unsigned char *bytes = NULL;
        size_t size = 0;
        mimo_compilation_complete(&compilation, &choices[i], &declaration);
        if (declaration.model != NULL)
            mimo_compile(&declaration, arena, &diagnostics, &bytes, &size);
        out_meaning->plans[out_meaning->count] = bytes;
        out_meaning->sizes[out_meaning->count++] = size;
    }
    mimo_compilation_allow(&compilation, true);
    mimo_diagnostics_sort(&diagnostics);
    out_meaning->words = list_diagnostics(arena, &diagnostics);
}

static void check_meaning(struct mimo_arena *arena, struct text before, struct text after)
{
    struct meaning a, b;

    understand(arena, before, &a);
    understand(arena, after, &b);
    CHECK_TEXT(b.words, a.words);
    CHECK_INT(b.count, a.count);
    for (size_t i = 0; i < a.count && i < b.count; i++) {
        CHECK_INT(b.sizes[i], a.sizes[i]);
        if (a.sizes[i] > 0 && a.sizes[i] == b.sizes[i])
            CHECK(memcmp(a.plans[i], b.plans[i], a.sizes[i]) == 0);
    }
}

/* ---- small texts ---- */

static void check_format(const char *before, const char *after)
{
    struct mimo_arena arena = {0};
    const struct text once = format(&arena, (struct text){before, strlen(before)});

    CHECK_TEXT(once.bytes != NULL ? once.bytes : "(refused)", after);
    if (once.bytes != NULL)
        CHECK_TEXT(format(&arena, once).bytes, after);
    mimo_arena_release(&arena);
}

static void test_spaces(void)
{
    check_format("mimo 1;param a=1+2*3;param b=-a", "mimo 1\nparam a = 1 + 2 * 3\nparam b = -a\n");
    check_format("mimo 1 assert(a.b%2==0&&!c||-d<1),\"x\"",
                 "mimo 1\nassert (a.b % 2 == 0 && !c || -d < 1), \"x\"\n");
    check_format("mimo 1\nparam l=[1,2 , [ ] ]", "mimo 1\nparam l = [1, 2, []]\n");
    check_format("mimo 1\nparam c=a?b:-1", "mimo 1\nparam c = a ? b : -1\n");
    check_format("mimo 1\nparam c=min ( a,- 1 )", "mimo 1\nparam c = min(a, -1)\n");
    check_format("mimo 1\nimport   \"a  b\"", "mimo 1\nimport \"a  b\"\n");
    check_format("mimo 1\nparam n = 4_096 param m = 0x1F",
                 "mimo 1\nparam n = 4_096\nparam m = 0x1F\n");
    check_format("\xEF\xBB\xBFmimo 1\r\nparam a = 1 # x \t\r\n",
                 "mimo 1\nparam a = 1                              # x\n");
}

static void test_blocks(void)
{
    check_format("mimo 1 x y:z{a=1 b=2;c{}}", "mimo 1\nx y : z { a = 1  b = 2  c { } }\n");
    check_format("mimo 1\nx {\na=1\nlong=2\n}", "mimo 1\nx {\n  a    = 1\n  long = 2\n}\n");
    check_format("mimo 1\nx {\na=1 b=2\nc=3 }", "mimo 1\nx {\n  a = 1  b = 2\n  c = 3\n}\n");
    check_format("mimo 1\nx { a=1 y {\n} b=2\n}", "mimo 1\nx {\n  a = 1\n  y { }\n  b = 2\n}\n");
    check_format("mimo 1\nx {\n}", "mimo 1\nx { }\n");
    check_format("mimo 1\n\n\n\nx {\n\n\na=1\n\n\nbb=2\n\n}\n\n",
                 "mimo 1\n\nx {\n  a = 1\n\n  bb = 2\n}\n");
}

static void test_comments(void)
{
    check_format("#a\nmimo 1\n#b\n\n\n #c\nx{#d\n#e\n}#f\n#g",
                 "#a\nmimo 1\n#b\n\n#c\n"
                 "x {                                      #d\n  #e\n"
                 "}                                        #f\n#g\n");
    check_format("mimo 1\nparam a = [ # one\n1, # two\n# three\n2 ]",
                 "mimo 1\n"
                 "param a = [                              # one\n"
                 "           1,                            # two\n"
                 "           # three\n"
                 "           2]\n");
    check_format("mimo 1\nx {\na = 1 # one\n      # goes on\n  # not\nb = 2\n}",
                 "mimo 1\nx {\n  a = 1                                  # one\n"
                 "                                         # goes on\n  # not\n  b = 2\n}\n");
    check_format("mimo 1\nx {\na = \"\xE4\xB8\xAD\" # wide\nb = 1 # narrow\n}",
                 "mimo 1\nx {\n  a = \"\xE4\xB8\xAD\"                               # wide\n"
                 "  b = 1                                  # narrow\n}\n");
}

static void test_long_lines(void)
{
    check_format("mimo 1\nx { aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa = 1 "
                 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb = 2 c = 3 }",
                 "mimo 1\nx {\n  aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa         = 1\n"
                 "  bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb = 2\n"
                 "  c                                                    = 3\n}\n");
    check_format("mimo 1\nparam l = [1111111111, 2222222222, 3333333333, 4444444444, 5555555555, "
                 "6666666666, 7777777777, 8888888888]",
                 "mimo 1\nparam l = [1111111111, 2222222222, 3333333333, 4444444444, 5555555555, "
                 "6666666666, 7777777777,\n           8888888888]\n");
    check_format(
        "mimo 1\nparam l = 1111111111 + 2222222222 + 3333333333 + 4444444444 + 5555555555 + "
        "6666666666 + 7777777777 + 8888888888",
        "mimo 1\nparam l = 1111111111 + 2222222222 + 3333333333 + 4444444444 + 5555555555 + "
        "6666666666 + 7777777777\n          + 8888888888\n");
}

/* A line on which an allow comment acts stays a line. */
static void test_allowed_lines(void)
{
    check_format("mimo 1\nx { a = 1 y { b = 2 # mimoc: allow W0601\nc = 3 } }",
                 "mimo 1\nx { a = 1  y { b = 2                     # mimoc: allow W0601\n"
                 "    c = 3 } }\n");
    check_format("mimo 1\nx { # mimoc: allow W0601\n\na = 1 }",
                 "mimo 1\nx {                                      # mimoc: allow W0601\n\n"
                 "  a = 1\n}\n");
    check_format("mimo 1\n# mimoc: allow W0601\nx { a = 1 b = 2\nc = 3 }",
                 "mimo 1\n# mimoc: allow W0601\nx { a = 1  b = 2\n  c = 3\n}\n");
}

static void test_refusals(void)
{
    check_format("", "(refused)");
    check_format("mimo 2", "(refused)");
    check_format("mimo 1 x {", "(refused)");
    check_format("mimo 1 x { a = }", "(refused)");
    check_format("mimo 1 x { a = 'b' }", "(refused)");
    /* on a line of its own, this word would begin a statement */
    check_format("mimo 1 param a = b param { }", "(refused)");
    check_format("mimo 1 param a = b model param { }", "mimo 1\nparam a = b\nmodel param { }\n");
}

/* ---- all declarations of the repository ---- */

static void check_file(const char *path)
{
    struct mimo_arena arena = {0};
    struct mimo_error err = {0};
    struct text before, once;
    char *bytes;

    MIMO_ASSERT(mimo_file_read(path, MIMO_SOURCE_BYTES_MAX, &bytes, &before.size, &err) == MIMO_OK);
    before.bytes = bytes;
    once = format(&arena, before);
    if (once.bytes != NULL) {
        CHECK_TEXT(format(&arena, once).bytes, once.bytes);
        check_meaning(&arena, before, once);
    }
    mimo_arena_release(&arena);
    free(bytes);
}

/* From the folder of each file, where its imports are found. */
static void test_files(void)
{
    static char bench[] = MIMO_ROOT "/bench", docs[] = MIMO_ROOT "/docs";
    static char examples[] = MIMO_ROOT "/examples", tests[] = MIMO_ROOT "/tests";
    char *const folders[] = {bench, docs, examples, tests, NULL};
    FTS *files = fts_open(folders, FTS_PHYSICAL, NULL);
    unsigned count = 0;

    MIMO_ASSERT(files != NULL);
    for (const FTSENT *entry = fts_read(files); entry != NULL; entry = fts_read(files)) {
        const char *dot = strrchr(entry->fts_name, '.');
        if (entry->fts_info != FTS_F || dot == NULL || strcmp(dot, ".mimo") != 0)
            continue;
        check_file(entry->fts_accpath);
        count++;
    }
    (void)fts_close(files);
    CHECK(count > 100);
}

/* ---- random layouts of one declaration ---- */

enum { LAYOUTS = 1000, TEXT_BYTES_MAX = 64 * 1024 };

static uint64_t seed = 1;

static unsigned draw(unsigned count)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)((seed >> 33) % count);
}

struct writer {
    char *bytes;
    size_t size;
    unsigned comments;
};

static void write_text(struct writer *writer, const char *text, size_t length)
{
    MIMO_ASSERT(writer->size + length < TEXT_BYTES_MAX);
    memcpy(writer->bytes + writer->size, text, length);
    writer->size += length;
}

static void write_comment(struct writer *writer, bool may_allow)
{
    static const char *const openings[] = {"# ", "#", "# mimoc: allow W0601 -- ",
                                           "# mimoc: allow W0502 -- "};
    static const char *const endings[] = {"\n", " \t\r\n"};
    char text[64];
    const int length = snprintf(text, sizeof text, "%sc%u%s", openings[draw(may_allow ? 4 : 2)],
                                writer->comments++, endings[draw(2)]);

    write_text(writer, text, (size_t)length);
}

/* Something between two tokens; `is_calm` layouts are rather like what people write. */
static void write_space(struct writer *writer, bool is_calm)
{
    switch (draw(is_calm ? 40 : 12)) {
    case 0:
        write_text(writer, " ", 1);
        write_comment(writer, is_calm);
        break;
    case 1:
        write_text(writer, "\n\t", 2);
        write_comment(writer, is_calm);
        break;
    case 2:
        write_text(writer, "\n\n\n\n", 4);
        break;
    case 3:
    case 4:
        write_text(writer, "\n", 1);
        break;
    default:
        write_text(writer, "   ", 1 + draw(3));
    }
}

static bool ends_entry(const struct mimo_fmt_token *token)
{
    return token->kind != MIMO_TOKEN_LEFT_BRACE && token->kind != MIMO_TOKEN_RIGHT_BRACE;
}

static struct text lay_out_at_random(const struct mimo_fmt_file *file, struct writer *writer)
{
    const bool is_calm = draw(2) == 0, is_dense = draw(3) == 0;

    writer->size = 0;
    writer->comments = 0;
    for (size_t i = 0; i + 1 < file->count; i++) {
        const struct mimo_fmt_token *token = &file->tokens[i];
        if (i > 0 && token->begins_line && ends_entry(token - 1) && draw(3) == 0)
            write_text(writer, ";", 1);
        if (i > 0 && token->begins_line && !is_dense && draw(4) > 0)
            write_text(writer, "\n", 1);
        if (i > 0)
            write_space(writer, is_calm);
        write_text(writer, token->text, token->length);
    }
    return (struct text){writer->bytes, writer->size};
}

/* The comments c0, c1, ... are there, in order. */
static void check_comments(struct text text, unsigned count)
{
    const char *at = text.bytes;

    for (unsigned i = 0; i < count; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "c%u\n", i);
        at = strstr(at, name);
        CHECK(at != NULL);
        if (at == NULL)
            return;
    }
}

static void check_random_layout(const struct mimo_fmt_file *file, struct writer *writer,
                                unsigned *formatted)
{
    struct mimo_arena arena = {0};
    const struct text before = lay_out_at_random(file, writer);
    const struct text once = format(&arena, before);

    if (once.bytes != NULL) { /* else a line break made a word the beginning of a block */
        (*formatted)++;
        CHECK_TEXT(format(&arena, once).bytes, once.bytes);
        check_comments(once, writer->comments);
        if (*formatted % 32 == 0) /* compiling takes much longer than formatting */
            check_meaning(&arena, before, once);
    }
    mimo_arena_release(&arena);
}

static const char RANDOM_TEXT[] =
    "mimo 1\n"
    "param ranks = 8\n"
    "model m { language llm : llama { num_layers = 4 hidden_size = 8 * 4 num_attention_heads = 4\n"
    "vocab_size = 512 moe { num_experts = min(4, 8, ranks) } }\n"
    "modality images { special_token = 511 encoder vit : clip_vit { num_layers = 2 hidden_size = "
    "16\n"
    "num_attention_heads = 2 image_size = 8 patch_size = ranks == 8 ? 4 : 8\n"
    "image_mean = [0.1, 0.2, 0.3] } projector p : mlp { } } }\n"
    "deployment d { mode = heterogeneous world_size = ranks\n"
    "parallelism vit { data_parallel = 1 } parallelism llm { pipeline_parallel = 2\n"
    "data_parallel = (ranks - 4) / 2 rank_offset = 2 } }\n"
    "training { steps = 10 global_batch = 8 micro_batch = 4 sequence_length = 64\n"
    "optimizer adamw { lr = 1e-3 betas = [0.9, 0.99] } }\n"
    "data { format = synthetic }\n"
    "assert ranks % 2 == 0 && !(llm.hidden_size < -1), \"even\"\n";

static void test_random_layouts(void)
{
    struct mimo_arena arena = {0};
    struct mimo_sources sources;
    struct mimo_diagnostics diagnostics;
    struct mimo_fmt_file file;
    struct writer writer = {.bytes = mimo_arena_alloc(&arena, TEXT_BYTES_MAX, 1)};
    unsigned formatted = 0;

    mimo_sources_init(&sources, &arena);
    mimo_diagnostics_init(&diagnostics, &arena, &sources);
    (void)mimo_sources_add(&sources, "test.mimo", RANDOM_TEXT, sizeof RANDOM_TEXT - 1);
    mimo_fmt_read(&diagnostics, 0, &file);
    mimo_fmt_structure(&file);
    mimo_fmt_break(&file);
    for (unsigned i = 0; i < LAYOUTS; i++)
        check_random_layout(&file, &writer, &formatted);
    CHECK(formatted > LAYOUTS / 2);
    mimo_arena_release(&arena);
}

static const struct mimo_test TESTS[] = {
    {"spaces", test_spaces},
    {"blocks", test_blocks},
    {"comments", test_comments},
    {"long lines", test_long_lines},
    {"lines with allow comments", test_allowed_lines},
    {"refusals", test_refusals},
    {"all declarations of the repository", test_files},
    {"random layouts", test_random_layouts},
};

MIMO_TEST_MAIN("fmt", TESTS)
