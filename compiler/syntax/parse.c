#include "compiler/syntax/parse.h"

#include "compiler/schema/schema.h"
#include "compiler/syntax/scan.h"
#include "compiler/text/source.h"
#include "plan/error.h"

#include <string.h>

enum { LANGUAGE_VERSION = 1 };

/* ---- tokens ---- */

static bool is_keyword(int kind)
{
    return kind == MIMO_TOKEN_MIMO || kind == MIMO_TOKEN_IMPORT || kind == MIMO_TOKEN_PARAM ||
           kind == MIMO_TOKEN_ASSERT;
}

static bool is_word(int kind)
{
    return kind == MIMO_TOKEN_NAME || kind == MIMO_TOKEN_DEFINED || kind == MIMO_TOKEN_KIND ||
           is_keyword(kind);
}

static struct mimo_name token_name(const MIMO_YYSTYPE *value, int kind)
{
    switch (kind) {
    case MIMO_TOKEN_NAME:
        return value->MIMO_TOKEN_NAME;
    case MIMO_TOKEN_MIMO:
        return value->MIMO_TOKEN_MIMO;
    case MIMO_TOKEN_IMPORT:
        return value->MIMO_TOKEN_IMPORT;
    case MIMO_TOKEN_PARAM:
        return value->MIMO_TOKEN_PARAM;
    case MIMO_TOKEN_ASSERT:
        return value->MIMO_TOKEN_ASSERT;
    case MIMO_TOKEN_NUMBER:
        return value->MIMO_TOKEN_NUMBER;
    case MIMO_TOKEN_STRING:
        return value->MIMO_TOKEN_STRING;
    default:
        return (struct mimo_name){0};
    }
}

/* All words and literals have the same type, so one member of the union serves them. */
static void set_value(MIMO_YYSTYPE *value, const struct mimo_token *token)
{
    if (token->name.text != NULL)
        value->MIMO_TOKEN_NAME = token->name;
}

static struct mimo_token scan_token(struct mimo_parser *parser)
{
    struct mimo_token token = {0};
    MIMO_YYSTYPE value;

    if (parser->is_stopped) {
        const uint32_t end = mimo_source(parser->diagnostics->sources, parser->scan.file)->size;
        token.kind = MIMO_TOKEN_END;
        token.span = (struct mimo_span){parser->scan.file, end, end};
        return token;
    }
    token.kind = mimo_scan_token(&value, &token.span, parser->scanner);
    token.name = token_name(&value, token.kind);
    token.is_first_on_line = parser->scan.is_line_start;
    parser->scan.is_line_start = false;
    return token;
}

static const struct mimo_token *peek(struct mimo_parser *parser, unsigned index)
{
    while (parser->peeked_count <= index)
        parser->peeked[parser->peeked_count++] = scan_token(parser);
    return &parser->peeked[index];
}

static void drop_peeked(struct mimo_parser *parser)
{
    parser->peeked_count--;
    memmove(parser->peeked, parser->peeked + 1, parser->peeked_count * sizeof *parser->peeked);
}

static void push_back(struct mimo_parser *parser, struct mimo_token token)
{
    MIMO_ASSERT(parser->peeked_count + 1 < MIMO_PEEK_MAX);
    memmove(parser->peeked + 1, parser->peeked, parser->peeked_count * sizeof *parser->peeked);
    parser->peeked[0] = token;
    parser->peeked_count++;
}

/* ---- limits ---- */

static void stop(struct mimo_parser *parser)
{
    parser->is_stopped = true;
    parser->is_end_reported = true;
    parser->scan.is_quiet = true;
    parser->peeked_count = 0;
    parser->tree->is_damaged = true;
    parser->tree->is_unclosed = true;
}

static void exceed(struct mimo_parser *parser, struct mimo_span span, const char *what)
{
    if (!parser->is_stopped)
        (void)mimo_diagnose(parser->diagnostics, MIMO_E0105, span, "%s", what);
    stop(parser);
}

void mimo_parser_exhausted(struct mimo_parser *parser)
{
    exceed(parser, parser->last.span, "this is nested too deeply");
}

/* ---- what the handed out tokens mean for recovery ---- */

static void open_brace(struct mimo_parser *parser, struct mimo_span span)
{
    if (parser->brace_depth < MIMO_BRACE_DEPTH_MAX)
        parser->braces[parser->brace_depth] = span;
    else
        exceed(parser, span, "blocks are nested too deeply");
    parser->brace_depth++; /* also when the rest is not read: the grammar has seen this brace */
}

static void open_bracket(struct mimo_parser *parser, struct mimo_span span)
{
    if (parser->bracket_depth == MIMO_EXPRESSION_DEPTH_MAX)
        exceed(parser, span, "this expression is nested too deeply");
    else
        parser->brackets[parser->bracket_depth++] = span;
}

static void begin_entry(struct mimo_parser *parser)
{
    parser->bracket_depth = 0;
    parser->recent_count = 0;
}

static void remember_word(struct mimo_parser *parser, struct mimo_name name)
{
    MIMO_APPEND(parser->arena, parser->recent, parser->recent_count, parser->recent_capacity, name);
}

/* A token that the parser has accepted. */
static void account(struct mimo_parser *parser, const struct mimo_token *token)
{
    switch (token->kind) {
    case MIMO_TOKEN_LEFT_BRACE:
    case MIMO_TOKEN_SYNC_OPEN:
        begin_entry(parser);
        open_brace(parser, token->span);
        break;
    case MIMO_TOKEN_RIGHT_BRACE:
        begin_entry(parser);
        if (parser->brace_depth > 0)
            parser->brace_depth--;
        break;
    case MIMO_TOKEN_SEMICOLON:
    case MIMO_TOKEN_SYNC:
        begin_entry(parser);
        break;
    case MIMO_TOKEN_LEFT_PAREN:
    case MIMO_TOKEN_LEFT_BRACKET:
        open_bracket(parser, token->span);
        break;
    case MIMO_TOKEN_RIGHT_PAREN:
    case MIMO_TOKEN_RIGHT_BRACKET:
        if (parser->bracket_depth > 0)
            parser->bracket_depth--;
        break;
    default:
        break;
    }
    if (token->kind == MIMO_TOKEN_DEFINED)
        begin_entry(parser);
    if (is_word(token->kind))
        remember_word(parser, token->name);
}

/* Whether the first peeked token begins an attribute, a block or, between blocks, a statement. */
static bool begins_entry(struct mimo_parser *parser)
{
    const int kind = peek(parser, 0)->kind;
    int next;

    if (kind == MIMO_TOKEN_DEFINED || kind == MIMO_TOKEN_KIND ||
        (is_keyword(kind) && parser->brace_depth == 0))
        return true;
    if (!is_word(kind))
        return false;
    next = peek(parser, 1)->kind;
    if (next == MIMO_TOKEN_EQUAL) /* perhaps a comparison that goes on, perhaps a slip for "=" */
        return parser->bracket_depth == 0;
    return next == MIMO_TOKEN_ASSIGN || next == MIMO_TOKEN_LEFT_BRACE || next == MIMO_TOKEN_COLON ||
           next == MIMO_TOKEN_NUMBER || next == MIMO_TOKEN_STRING || is_word(next);
}

static struct mimo_token virtual_token(const struct mimo_parser *parser, int kind)
{
    return (struct mimo_token){.kind = kind, .span = parser->last.span};
}

/* Skips to where parsing goes on (parse.h) and returns SYNC or SYNC_OPEN. */
static struct mimo_token recover(struct mimo_parser *parser)
{
    push_back(parser, parser->last);
    parser->is_recovering = false;
    if (parser->is_brace_missing)
        return virtual_token(parser, MIMO_TOKEN_SYNC_OPEN);
    for (;; drop_peeked(parser)) {
        const struct mimo_token *token = peek(parser, 0);
        if (token->kind == MIMO_TOKEN_LEFT_BRACE) {
            struct mimo_token open = *token;
            open.kind = MIMO_TOKEN_SYNC_OPEN;
            drop_peeked(parser);
            return open;
        }
        if (token->kind == MIMO_TOKEN_SEMICOLON ||
            (token->kind == MIMO_TOKEN_RIGHT_BRACE && parser->brace_depth == 0)) {
            drop_peeked(parser);
            return virtual_token(parser, MIMO_TOKEN_SYNC);
        }
        if (token->kind == MIMO_TOKEN_RIGHT_BRACE || token->kind == MIMO_TOKEN_END ||
            (token->is_first_on_line && begins_entry(parser)))
            return virtual_token(parser, MIMO_TOKEN_SYNC);
        if (is_word(token->kind))
            MIMO_APPEND(parser->arena, parser->tree->lost, parser->tree->lost_count,
                        parser->tree->lost_capacity, token->name);
    }
}

/* At the end of the file: the brace that closes the innermost open block. */
static struct mimo_token close_brace(struct mimo_parser *parser, struct mimo_span end)
{
    if (!parser->is_end_reported) {
        struct mimo_diagnostic *diagnostic =
            mimo_diagnose(parser->diagnostics, MIMO_E0104, parser->last.span,
                          "the file ends before the '}' of an open block");
        mimo_diagnose_note(parser->diagnostics, diagnostic, parser->braces[parser->brace_depth - 1],
                           "the block begins here");
    }
    parser->is_end_reported = true;
    parser->tree->is_unclosed = true;
    return (struct mimo_token){.kind = MIMO_TOKEN_RIGHT_BRACE, .span = end};
}

/* True behind a token that cannot end a statement. */
static bool is_amid_statement(int last)
{
    switch (last) {
    case 0:
    case MIMO_TOKEN_BEGIN_FILE:
    case MIMO_TOKEN_SYNC:
    case MIMO_TOKEN_SEMICOLON:
    case MIMO_TOKEN_RIGHT_BRACE:
    case MIMO_TOKEN_RIGHT_PAREN:
    case MIMO_TOKEN_RIGHT_BRACKET:
    case MIMO_TOKEN_NUMBER:
    case MIMO_TOKEN_STRING:
    case MIMO_TOKEN_NAME:
        return false;
    default:
        return true;
    }
}

/* What can only follow a keyword that begins a statement. */
static bool fits_statement(int keyword, int next)
{
    switch (keyword) {
    case MIMO_TOKEN_MIMO:
        return next == MIMO_TOKEN_NUMBER;
    case MIMO_TOKEN_IMPORT:
        return next == MIMO_TOKEN_STRING;
    case MIMO_TOKEN_PARAM:
        return is_word(next);
    default: /* an expression begins with almost anything */
        return next != MIMO_TOKEN_LEFT_BRACE && next != MIMO_TOKEN_COLON;
    }
}

/* mimo, import, param and assert are words of the language only where a statement begins. */
static bool begins_statement(struct mimo_parser *parser, const struct mimo_token *keyword)
{
    const bool fits = fits_statement(keyword->kind, peek(parser, 1)->kind);

    if (parser->brace_depth > 0)
        return false;
    if (is_amid_statement(parser->last.kind))
        return keyword->is_first_on_line && fits && keyword->kind != MIMO_TOKEN_ASSERT;
    return fits || keyword->is_first_on_line || parser->last.kind == MIMO_TOKEN_SEMICOLON ||
           parser->last.kind == MIMO_TOKEN_RIGHT_BRACE;
}

/* `world_size =` and, on the next line, `parallelism llm {`: a value is missing. */
static bool begins_block(struct mimo_parser *parser, const struct mimo_token *word)
{
    enum mimo_block_kind kind;
    int next;

    if (!word->is_first_on_line || !is_amid_statement(parser->last.kind) ||
        !mimo_schema_find_block(word->name.text, &kind))
        return false;
    next = peek(parser, 1)->kind;
    return next == MIMO_TOKEN_LEFT_BRACE || is_word(next);
}

/* A word before "=". In `assert llm.num_layers = 32` it is none: "==" was meant. */
static bool is_defined(struct mimo_parser *parser, const struct mimo_token *word)
{
    const int last = parser->last.kind;

    if (!is_word(word->kind) || peek(parser, 1)->kind != MIMO_TOKEN_ASSIGN ||
        (!word->is_first_on_line && (last == MIMO_TOKEN_DOT || last == MIMO_TOKEN_ASSERT)))
        return false;
    return word->kind == MIMO_TOKEN_NAME || parser->brace_depth > 0 || last == MIMO_TOKEN_PARAM;
}

static struct mimo_token next_token(struct mimo_parser *parser)
{
    struct mimo_token token = *peek(parser, 0);

    if (token.kind == MIMO_TOKEN_END && parser->brace_depth > 0)
        return close_brace(parser, token.span);
    if (is_defined(parser, &token))
        token.kind = MIMO_TOKEN_DEFINED;
    else if (is_keyword(token.kind) && !begins_statement(parser, &token))
        token.kind = MIMO_TOKEN_NAME;
    else if (token.kind == MIMO_TOKEN_NAME && begins_block(parser, &token))
        token.kind = MIMO_TOKEN_KIND;
    drop_peeked(parser);
    return token;
}

int mimo_yylex(MIMO_YYSTYPE *value, struct mimo_span *span, struct mimo_parser *parser)
{
    struct mimo_token token;

    if (parser->last.kind == MIMO_TOKEN_END && !parser->is_recovering)
        return 0;
    if (parser->is_recovering) {
        token = recover(parser);
    } else {
        account(parser, &parser->last);
        token = parser->first.kind != 0 ? parser->first : next_token(parser);
        parser->first.kind = 0;
    }
    parser->before_last = parser->last;
    parser->last = token;
    set_value(value, &token);
    *span = token.span;
    return token.kind;
}

/* ---- building the tree ---- */

static void check_version(struct mimo_parser *parser, const struct mimo_statement *statement)
{
    const char *version = statement->name.text;

    if (parser->tree->statement_count > 0) {
        (void)mimo_diagnose(parser->diagnostics, MIMO_E0106, statement->span,
                            "the language version must be the first statement");
    } else if (strcmp(version, "1") != 0) {
        struct mimo_diagnostic *diagnostic =
            mimo_diagnose(parser->diagnostics, MIMO_E0106, statement->name.span,
                          "this mimoc does not know language version %s", version);
        mimo_diagnose_help(parser->diagnostics, diagnostic, "it knows version %d",
                           LANGUAGE_VERSION);
        stop(parser);
    }
}

void mimo_parser_statement(struct mimo_parser *parser, struct mimo_statement statement)
{
    struct mimo_tree *tree = parser->tree;

    if (statement.kind == MIMO_STATEMENT_VERSION)
        check_version(parser, &statement);
    if (statement.kind == MIMO_STATEMENT_PARAM && ++parser->block_count > MIMO_BLOCKS_MAX)
        exceed(parser, statement.span, "this file has too many blocks and params");
    MIMO_APPEND(parser->arena, tree->statements, tree->statement_count, tree->statement_capacity,
                statement);
}

void mimo_parser_lost_statement(struct mimo_parser *parser)
{
    parser->tree->is_damaged = true;
}

struct mimo_tree_block *mimo_parser_entries(struct mimo_parser *parser)
{
    return MIMO_NEW(parser->arena, struct mimo_tree_block);
}

void mimo_parser_attribute(struct mimo_parser *parser, struct mimo_tree_block *block,
                           struct mimo_name name, struct mimo_expression *value)
{
    const struct mimo_tree_attribute attribute = {name, value,
                                                  mimo_span_join(name.span, value->span)};

    MIMO_APPEND(parser->arena, block->attributes, block->attribute_count, block->attribute_capacity,
                attribute);
}

struct mimo_tree_block *mimo_parser_close(struct mimo_parser *parser,
                                          const struct mimo_tree_block *head,
                                          struct mimo_tree_block *entries)
{
    entries->kind = head->kind;
    entries->name = head->name;
    entries->base = head->base;
    if (parser->is_end_reported) {
        entries->is_unclosed = true;
        entries->is_damaged = true;
    }
    if (++parser->block_count > MIMO_BLOCKS_MAX)
        exceed(parser, head->kind.span, "this file has too many blocks and params");
    return entries;
}

/* Deeper expressions are cut, so that no later pass needs a deep stack. */
static void check_depth(struct mimo_parser *parser, struct mimo_expression *node)
{
    if (node->depth <= MIMO_EXPRESSION_DEPTH_MAX)
        return;
    if (!parser->is_stopped && !parser->is_depth_reported)
        (void)mimo_diagnose(parser->diagnostics, MIMO_E0105, node->span,
                            "this expression is nested too deeply");
    parser->is_depth_reported = true;
    node->kind = MIMO_EXPRESSION_INVALID;
    node->item_count = 0;
    node->depth = 1;
}

struct mimo_expression *mimo_parser_node(struct mimo_parser *parser, enum mimo_operator operation,
                                         struct mimo_span span, struct mimo_expression *first,
                                         struct mimo_expression *second,
                                         struct mimo_expression *third)
{
    const enum mimo_expression_kind kind = third != NULL    ? MIMO_EXPRESSION_CONDITIONAL
                                           : second != NULL ? MIMO_EXPRESSION_BINARY
                                                            : MIMO_EXPRESSION_UNARY;
    struct mimo_expression *node = mimo_expression_node(parser->arena, kind, operation, span);

    mimo_expression_add(parser->arena, node, first);
    if (second != NULL)
        mimo_expression_add(parser->arena, node, second);
    if (third != NULL)
        mimo_expression_add(parser->arena, node, third);
    check_depth(parser, node);
    return node;
}

void mimo_parser_add(struct mimo_parser *parser, struct mimo_expression *node,
                     struct mimo_expression *item)
{
    mimo_expression_add(parser->arena, node, item);
    check_depth(parser, node);
}

/* ---- messages ---- */

static bool is_expected(const int *expected, int count, int kind)
{
    for (int i = 0; i < count; i++) {
        if (expected[i] == kind)
            return true;
    }
    return false;
}

/* A token as the user wrote it; tokens without a text are the end of the file. */
static const char *quote(const struct mimo_parser *parser, const struct mimo_token *token)
{
    const struct mimo_source *source = mimo_source(parser->diagnostics->sources, parser->scan.file);
    const size_t length = token->span.end - token->span.begin;

    if (length == 0)
        return "the end of the file";
    if (token->kind == MIMO_TOKEN_STRING)
        return "a string";
    if (length > 40)
        return "a long word";
    return mimo_arena_printf(parser->arena, "'%.*s'", (int)length,
                             source->text + token->span.begin);
}

static bool begins_value(int kind)
{
    return kind == MIMO_TOKEN_NUMBER || kind == MIMO_TOKEN_STRING || kind == MIMO_TOKEN_MINUS ||
           kind == MIMO_TOKEN_BANG || kind == MIMO_TOKEN_LEFT_BRACKET ||
           kind == MIMO_TOKEN_LEFT_PAREN;
}

/* Where an entry might begin, what was found is wrong; elsewhere, something is missing. */
static const char *expected_entry(const struct mimo_parser *parser)
{
    return parser->brace_depth > 0 ? "an attribute, a block or '}'" : "a statement";
}

/* What may follow a complete value; NULL for a new entry. */
static const char *expected_after_value(const int *expected, int count)
{
    if (is_expected(expected, count, MIMO_TOKEN_RIGHT_BRACKET))
        return "',' or ']'";
    if (is_expected(expected, count, MIMO_TOKEN_RIGHT_PAREN))
        return is_expected(expected, count, MIMO_TOKEN_COMMA) ? "',' or ')'" : "')'";
    if (is_expected(expected, count, MIMO_TOKEN_COMMA))
        return "',' and a message in quotes";
    return is_expected(expected, count, MIMO_TOKEN_COLON) ? "':'" : NULL;
}

/* What is missing, in the user's words; NULL where a new entry might begin. */
static const char *missing_phrase(const struct mimo_parser *parser, const int *expected, int count)
{
    const bool takes_string = is_expected(expected, count, MIMO_TOKEN_STRING);
    const bool takes_number = is_expected(expected, count, MIMO_TOKEN_NUMBER);

    if (takes_string && takes_number)
        return "a value";
    if (takes_string)
        return "a string in double quotes";
    if (takes_number)
        return "the number of the language version";
    if (is_expected(expected, count, MIMO_TOKEN_OR))
        return expected_after_value(expected, count);
    if (is_expected(expected, count, MIMO_TOKEN_LEFT_BRACE)) {
        if (!is_expected(expected, count, MIMO_TOKEN_NAME))
            return "'{'";
        return begins_value(parser->last.kind) ? "'='" : "'=' or '{'";
    }
    if (is_expected(expected, count, MIMO_TOKEN_RIGHT_BRACE) ||
        is_expected(expected, count, MIMO_TOKEN_END))
        return NULL;
    return is_expected(expected, count, MIMO_TOKEN_ASSIGN) ? "'='" : "a name";
}

static bool is_real_token(const struct mimo_token *token)
{
    return token->kind != 0 && token->kind != MIMO_TOKEN_SYNC &&
           token->kind != MIMO_TOKEN_BEGIN_FILE && token->kind != MIMO_TOKEN_BEGIN_EXPRESSION;
}

static bool is_on_later_line(const struct mimo_parser *parser, const struct mimo_token *token,
                             const struct mimo_token *before)
{
    const struct mimo_source *source = mimo_source(parser->diagnostics->sources, parser->scan.file);

    return mimo_source_place(source, token->span.begin).line >
           mimo_source_place(source, before->span.begin).line;
}

static struct mimo_diagnostic *report_unexpected(struct mimo_parser *parser, const int *expected,
                                                 int count)
{
    const struct mimo_token *found = &parser->last, *before = &parser->before_last;
    const char *phrase = missing_phrase(parser, expected, count);
    struct mimo_span place = found->span;

    /* `param gpus 40`: the stream saw no "=" behind the word, so the grammar never got a DEFINED */
    if (is_word(found->kind) && count == 1 && is_expected(expected, count, MIMO_TOKEN_DEFINED))
        return mimo_diagnose(parser->diagnostics, MIMO_E0103, place, "expected '=' after %s",
                             quote(parser, found));
    if (phrase == NULL || !is_real_token(before))
        return mimo_diagnose(parser->diagnostics, MIMO_E0103, place, "expected %s, found %s",
                             phrase != NULL ? phrase : expected_entry(parser),
                             quote(parser, found));
    /* what is missing at the end of a line is missing there, not on the next line */
    if (is_on_later_line(parser, found, before))
        place = before->span;
    if (strcmp(phrase, "a value") == 0)
        return mimo_diagnose(parser->diagnostics, MIMO_E0103, place, "expected a value, found %s",
                             quote(parser, found));
    return mimo_diagnose(parser->diagnostics, MIMO_E0103, place, "expected %s after %s, found %s",
                         phrase, quote(parser, before), quote(parser, found));
}

/* Whether the token that was found may stand within a block of that kind. */
static bool may_stand_in(const struct mimo_token *found, enum mimo_block_kind kind)
{
    enum mimo_block_kind inner;

    return found->kind == MIMO_TOKEN_DEFINED ||
           (is_word(found->kind) && mimo_schema_find_block(found->name.text, &inner) &&
            mimo_schema_nests(inner, &kind));
}

/* Whether the last `count` words are the head of a block. Fewer than an architecture's three are an
 * attribute without its "="; variants such as `schedule cosine` are often written without braces.
 */
static bool is_head(const struct mimo_parser *parser, enum mimo_block_kind kind, size_t count)
{
    const struct mimo_schema_block *block = mimo_schema_block(kind);

    return block->naming != MIMO_NAMING_VARIANT && (block->bases[0] == '\0' || count == 3) &&
           mimo_schema_nests(kind, NULL) == (parser->brace_depth == 0);
}

/* `training` and, in place of "{", an entry. */
static bool lacks_brace(const struct mimo_parser *parser, const int *expected, int count)
{
    enum mimo_block_kind kind;
    size_t words = parser->recent_count < 3 ? parser->recent_count : 3;

    for (; words > 0; words--) {
        const struct mimo_name *word = &parser->recent[parser->recent_count - words];
        if (mimo_schema_find_block(word->text, &kind))
            return is_expected(expected, count, MIMO_TOKEN_LEFT_BRACE) &&
                   is_head(parser, kind, words) && may_stand_in(&parser->last, kind);
    }
    return false;
}

void mimo_parser_report(struct mimo_parser *parser, const int *expected, int expected_count)
{
    struct mimo_tree *tree = parser->tree;
    struct mimo_diagnostic *diagnostic;

    parser->is_recovering = true;
    parser->is_brace_missing = lacks_brace(parser, expected, expected_count);
    for (size_t i = 0; i < parser->recent_count; i++)
        MIMO_APPEND(parser->arena, tree->lost, tree->lost_count, tree->lost_capacity,
                    parser->recent[i]);
    parser->recent_count = 0;
    if (parser->is_stopped)
        return;
    diagnostic = report_unexpected(parser, expected, expected_count);
    if (parser->last.kind == MIMO_TOKEN_ASSIGN &&
        is_expected(expected, expected_count, MIMO_TOKEN_OR))
        mimo_diagnose_help(parser->diagnostics, diagnostic, "'==' compares");
    if (parser->bracket_depth > 0)
        mimo_diagnose_note(parser->diagnostics, diagnostic,
                           parser->brackets[parser->bracket_depth - 1], "this is still open");
}

/* ---- entry ---- */

static void parse(struct mimo_parser *parser, int first)
{
    const struct mimo_source *source = mimo_source(parser->diagnostics->sources, parser->scan.file);

    parser->first = (struct mimo_token){.kind = first, .span = {.file = parser->scan.file}};
    if (!mimo_scan_check_bytes(&parser->scan))
        stop(parser);
    parser->scanner = mimo_scanner_new(&parser->scan, source->text, source->size);
    MIMO_ASSERT(parser->scanner != NULL);
    (void)mimo_yyparse(parser);
    mimo_scanner_free(parser->scanner);
}

static struct mimo_parser *parser_new(struct mimo_diagnostics *diagnostics, uint32_t file)
{
    struct mimo_parser *parser = MIMO_NEW(diagnostics->arena, struct mimo_parser);

    parser->diagnostics = diagnostics;
    parser->arena = diagnostics->arena;
    parser->tree = MIMO_NEW(diagnostics->arena, struct mimo_tree);
    parser->tree->file = file;
    parser->scan = (struct mimo_scan){
        .diagnostics = diagnostics, .tree = parser->tree, .file = file, .is_line_start = true};
    return parser;
}

/* It is there, its misplacement is reported, or a syntax error may have swallowed it. */
static bool is_version_accounted_for(const struct mimo_tree *tree)
{
    for (size_t i = 0; i < tree->statement_count; i++) {
        if (tree->statements[i].kind == MIMO_STATEMENT_VERSION)
            return true;
    }
    for (size_t i = 0; i < tree->lost_count; i++) {
        if (strcmp(tree->lost[i].text, "mimo") == 0)
            return true;
    }
    return tree->is_unclosed;
}

static void report_missing_version(struct mimo_diagnostics *diagnostics,
                                   const struct mimo_tree *tree, bool is_readable)
{
    const struct mimo_source *source = mimo_source(diagnostics->sources, tree->file);
    const char *line_end = strchr(source->text, '\n');
    const bool has_returns = line_end != NULL && line_end > source->text && line_end[-1] == '\r';
    const struct mimo_span begin = {tree->file, source->lines[0], source->lines[0]};
    struct mimo_diagnostic *diagnostic = mimo_diagnose(
        diagnostics, MIMO_E0106, begin, "the first statement must be the language version, mimo %d",
        LANGUAGE_VERSION);

    if (is_readable) /* else it may be a file of another kind */
        mimo_diagnose_fix(diagnostics, diagnostic, begin,
                          mimo_arena_printf(diagnostics->arena, "mimo %d%s\n", LANGUAGE_VERSION,
                                            has_returns ? "\r" : ""),
                          "insert 'mimo %d'", LANGUAGE_VERSION);
}

struct mimo_tree *mimo_parse_file(struct mimo_diagnostics *diagnostics, uint32_t file)
{
    struct mimo_parser *parser = parser_new(diagnostics, file);
    const size_t errors = diagnostics->error_count;

    parse(parser, MIMO_TOKEN_BEGIN_FILE);
    if (!is_version_accounted_for(parser->tree))
        report_missing_version(diagnostics, parser->tree, diagnostics->error_count == errors);
    return parser->tree;
}

struct mimo_expression *mimo_parse_expression(struct mimo_diagnostics *diagnostics, uint32_t file)
{
    struct mimo_parser *parser = parser_new(diagnostics, file);
    const size_t errors = diagnostics->error_count;

    parse(parser, MIMO_TOKEN_BEGIN_EXPRESSION);
    return diagnostics->error_count == errors ? parser->expression : NULL;
}
