/* The scanner, the token stream and the grammar: trees, limits, recovery. */
#include "compiler/syntax/parse.h"
#include "compiler/text/source.h"
#include "tests/unit/check.h"

struct parsed {
    struct mimo_arena arena;
    struct mimo_sources sources;
    struct mimo_diagnostics diagnostics;
    struct mimo_tree *tree;
};

static void parse_bytes(struct parsed *parsed, const char *text, size_t size)
{
    *parsed = (struct parsed){0};
    mimo_sources_init(&parsed->sources, &parsed->arena);
    mimo_diagnostics_init(&parsed->diagnostics, &parsed->arena, &parsed->sources);
    parsed->tree =
        mimo_parse_file(&parsed->diagnostics, mimo_sources_add(&parsed->sources, "t", text, size));
}

static void parse(struct parsed *parsed, const char *text)
{
    parse_bytes(parsed, text, strlen(text));
}

static void release(struct parsed *parsed)
{
    mimo_arena_release(&parsed->arena);
}

/* The expression of `param x = TEXT` in a notation with all parentheses. */
static const char *notation(struct mimo_arena *arena, const struct mimo_expression *node)
{
    const char *text = "";

    if (node->kind == MIMO_EXPRESSION_NUMBER || node->kind == MIMO_EXPRESSION_STRING)
        return node->name.text;
    for (size_t i = 0; i < node->path_length; i++)
        text = mimo_arena_printf(arena, "%s%s%s", text, i > 0 ? "." : "", node->path[i].text);
    if (node->kind == MIMO_EXPRESSION_PATH)
        return text;
    for (size_t i = 0; i < node->item_count; i++)
        text = mimo_arena_printf(arena, "%s %s", text, notation(arena, node->items[i]));
    if (node->kind == MIMO_EXPRESSION_CALL)
        return mimo_arena_printf(arena, "(%s%s)", node->name.text, text);
    if (node->kind == MIMO_EXPRESSION_UNARY || node->kind == MIMO_EXPRESSION_BINARY)
        return mimo_arena_printf(arena, "(%s%s)", mimo_operator_word(node->operation), text);
    return mimo_arena_printf(arena, "(%s%s)", node->kind == MIMO_EXPRESSION_LIST ? "list" : "?",
                             text);
}

static void check_expression(const char *text, const char *expected)
{
    struct parsed parsed;
    struct mimo_arena arena = {0};

    parse(&parsed, mimo_arena_printf(&arena, "mimo 1 param x = %s", text));
    CHECK_INT(parsed.diagnostics.count, 0);
    CHECK_INT(parsed.tree->statement_count, 2);
    if (parsed.tree->statement_count == 2)
        CHECK_TEXT(notation(&arena, parsed.tree->statements[1].value), expected);
    release(&parsed);
    mimo_arena_release(&arena);
}

static void test_precedence(void)
{
    check_expression("1 + 2 * 3 - 4", "(- (+ 1 (* 2 3)) 4)");
    check_expression("-a.b % 2 == 0 && !c || d", "(|| (&& (== (% (- a.b) 2) 0) (! c)) d)");
    check_expression("a ? b : c ? d : e", "(? a b (? c d e))");
    check_expression("(1 + 2) * 3", "(* (+ 1 2) 3)");
    check_expression("max(1, [2, x], \"s\")", "(max 1 (list 2 x) s)");
    check_expression("[]", "(list)");
    check_expression("1 <= 2 != true", "(!= (<= 1 2) true)");
    check_expression("141GB / 1e-3 + 0x1F - 4_096 * 1.5e+2s",
                     "(- (+ (/ 141GB 1e-3) 0x1F) (* 4_096 1.5e+2s))");
    check_expression("1f1b", "1f1b");
    check_expression("\"a \\\"b\\\" \\\\ \\n\\t\"", "a \"b\" \\ \n\t");
}

static void test_blocks(void)
{
    struct parsed parsed;
    const struct mimo_tree_block *block;

    parse(&parsed,
          "mimo 1\nmodel m : base { a = 1; b = 2 inner n : x { } optimizer adamw { lr = 1 } }");
    CHECK_INT(parsed.diagnostics.count, 0);
    block = parsed.tree->statements[1].block;
    CHECK_TEXT(block->kind.text, "model");
    CHECK_TEXT(block->name.text, "m");
    CHECK_TEXT(block->base.text, "base");
    CHECK_INT(block->attribute_count, 2);
    CHECK_INT(block->attributes[0].span.begin, 24);
    CHECK_INT(block->attributes[0].span.end, 29);
    CHECK_INT(block->block_count, 2);
    CHECK_TEXT(block->blocks[1]->attributes[0].name.text, "lr");
    CHECK(block->blocks[1]->base.text == NULL);
    CHECK(!block->is_damaged);
    release(&parsed);
}

/* mimo, import, param and assert are names wherever no statement begins. */
static void test_contextual_keywords(void)
{
    struct parsed parsed;

    parse(&parsed, "mimo 1\nparam import = 3\nparam x = import + param.assert\n"
                   "deployment assert : param { import = mimo  param = 2  assert mimo { } }\n"
                   "param y = x\nparam z = y assert z == y, \"m\" import \"f\"");
    CHECK_INT(parsed.diagnostics.count, 0);
    CHECK_INT(parsed.tree->statement_count, 8);
    CHECK_TEXT(parsed.tree->statements[1].name.text, "import");
    CHECK_TEXT(parsed.tree->statements[3].block->name.text, "assert");
    CHECK_INT(parsed.tree->statements[3].block->attribute_count, 2);
    CHECK_INT(parsed.tree->statements[6].kind, MIMO_STATEMENT_ASSERT);
    CHECK_INT(parsed.tree->statements[7].kind, MIMO_STATEMENT_IMPORT);
    release(&parsed);
}

/* Seven faults, each reported, every other entry kept. */
static void test_recovery(void)
{
    struct parsed parsed;
    const struct mimo_tree_block *block;

    parse(&parsed, "mimo 1\n"
                   "deployment d {\n"
                   "  a 1\n"
                   "  b =\n"
                   "  c = 3 3 skipped = 1\n"
                   "  d = 4 $\n"
                   "  e = (5; f = 6\n"
                   "  g : : { h = 7 }\n"
                   "  i { j = }\n"
                   "  k = 8\n"
                   "}\n"
                   "param x = 1\n");
    CHECK_INT(parsed.diagnostics.error_count, 7);
    CHECK_INT(parsed.tree->statement_count, 3);
    block = parsed.tree->statements[1].block;
    CHECK(block->is_damaged);
    CHECK(!parsed.tree->is_damaged);
    CHECK_INT(block->attribute_count, 3);
    if (block->attribute_count == 3) {
        CHECK_TEXT(block->attributes[0].name.text, "d");
        CHECK_TEXT(block->attributes[1].name.text, "f");
        CHECK_TEXT(block->attributes[2].name.text, "k");
    }
    CHECK_INT(block->block_count, 1);
    CHECK(block->blocks[0]->is_damaged);
    release(&parsed);
}

static bool is_lost(const struct mimo_tree *tree, const char *word)
{
    for (size_t i = 0; i < tree->lost_count; i++) {
        if (strcmp(tree->lost[i].text, word) == 0)
            return true;
    }
    return false;
}

static void test_lost_words(void)
{
    struct parsed parsed;

    parse(&parsed, "mimo 1\ndeployment d {\n  a = 1 1 b = 2\n  c =\n  e = 3\n}\n");
    CHECK(is_lost(parsed.tree, "b"));
    CHECK(is_lost(parsed.tree, "c"));
    CHECK(!is_lost(parsed.tree, "e"));
    release(&parsed);
}

/* What is missing at the end of a line is reported there. */
static void test_place_of_missing(void)
{
    struct parsed parsed;

    parse(&parsed, "mimo 1\ncluster c {\n  a =\n  b = 1\n}\nparam x = [1,\n");
    CHECK_INT(parsed.diagnostics.error_count, 2);
    CHECK_INT(parsed.diagnostics.items[0]->span.begin, 23);
    CHECK_TEXT(parsed.diagnostics.items[0]->message, "expected a value, found 'b'");
    CHECK_TEXT(parsed.diagnostics.items[1]->message, "expected a value, found the end of the file");
    CHECK_INT(parsed.diagnostics.items[1]->note_count, 1);
    release(&parsed);
}

static void test_unclosed(void)
{
    struct parsed parsed;

    parse(&parsed, "mimo 1\nmodel m {\n  modality i {\n    a = 1\n");
    CHECK_INT(parsed.diagnostics.error_count, 1);
    CHECK_INT(parsed.diagnostics.items[0]->code, MIMO_E0104);
    CHECK_INT(parsed.diagnostics.items[0]->notes[0].span.begin, 30);
    CHECK_INT(parsed.tree->statement_count, 2);
    CHECK_INT(parsed.tree->statements[1].block->blocks[0]->attribute_count, 1);
    release(&parsed);
}

static void test_bytes(void)
{
    static const char text[] = "mimo 1\nparam a = \"\0\xFF\" # \xC0\nparam \x01 b = 2\n";
    struct parsed parsed;

    parse_bytes(&parsed, text, sizeof text - 1);
    CHECK_INT(parsed.diagnostics.error_count, 3); /* one for each run of bad bytes */
    for (size_t i = 0; i < parsed.diagnostics.count; i++)
        CHECK_INT(parsed.diagnostics.items[i]->code, MIMO_E0101);
    CHECK_INT(parsed.tree->statement_count, 3);
    release(&parsed);
}

/* `count` times `part`, between `before` and `after`. */
static void parse_repeated(struct parsed *parsed, const char *before, const char *part,
                           size_t count, const char *after)
{
    struct mimo_arena arena = {0};
    const size_t length = strlen(part), head = strlen(before);
    char *text = MIMO_NEW_ARRAY(&arena, char, head + count * length + strlen(after) + 1);

    memcpy(text, before, head);
    for (size_t i = 0; i < count; i++)
        memcpy(text + head + i * length, part, length);
    memcpy(text + head + count * length, after, strlen(after));
    parse(parsed, text);
    mimo_arena_release(&arena);
}

static void check_limit(const char *before, const char *part, size_t count, const char *after)
{
    struct parsed parsed;

    parse_repeated(&parsed, before, part, count, after);
    CHECK_INT(parsed.diagnostics.error_count, 1);
    CHECK_INT(parsed.diagnostics.items[0]->code, MIMO_E0105);
    release(&parsed);
}

static void test_limits(void)
{
    check_limit("mimo 1\nparam x = ", "(", 100000, "");
    check_limit("mimo 1\nparam x = ", "[", 100000, "");
    check_limit("mimo 1\nparam x = ", "-", 100000, "1");
    check_limit("mimo 1\nparam x = ", "1 + ", 100000, "1");
    check_limit("mimo 1\nparam x = ", "a ? b : ", 100000, "1");
    check_limit("mimo 1\n", "a { ", 100000, "");
    check_limit("mimo 1\n", "a { } ", 100000, "");
}

static void test_error_cap(void)
{
    struct parsed parsed;

    parse_repeated(&parsed, "mimo 1\n", "a 1\n", 1000, "");
    CHECK_INT(parsed.diagnostics.error_count, MIMO_DIAGNOSTICS_MAX);
    CHECK_INT(parsed.diagnostics.dropped, 1000 - MIMO_DIAGNOSTICS_MAX);
    release(&parsed);
}

static void test_version(void)
{
    static const char *const wrong[] = {"", "param a = 1", "param a = 1 mimo 1",
                                        "mimo 2 } ] nonsense", "mimo 1 mimo 1"};

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct parsed parsed;
        parse(&parsed, wrong[i]);
        CHECK_INT(parsed.diagnostics.error_count, 1);
        if (parsed.diagnostics.count > 0)
            CHECK_INT(parsed.diagnostics.items[0]->code, MIMO_E0106);
        release(&parsed);
    }
}

static const struct mimo_test TESTS[] = {
    {"precedence", test_precedence},
    {"blocks", test_blocks},
    {"contextual keywords", test_contextual_keywords},
    {"recovery", test_recovery},
    {"lost words", test_lost_words},
    {"place of what is missing", test_place_of_missing},
    {"unclosed blocks", test_unclosed},
    {"bytes", test_bytes},
    {"limits", test_limits},
    {"error cap", test_error_cap},
    {"version", test_version},
};

MIMO_TEST_MAIN("parse", TESTS)
