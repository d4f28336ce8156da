/* What may stand at a place: a walk over the tokens in front of it. */
#include "compiler/lsp/parts.h"
#include "compiler/syntax/scan.h"

#include <string.h>

struct token {
    int kind;
    const char *text; /* of words and numbers */
    struct mimo_span span;
};

struct tokens {
    struct mimo_arena *arena;
    struct token *items; /* the last one is END */
    size_t count, capacity;
};

/* Where the walk stands within an entry. */
enum step { STEP_ENTRY, STEP_KIND, STEP_NAME, STEP_COLON, STEP_BASE, STEP_VALUE, STEP_OTHER };

struct walk {
    struct mimo_lsp_context *context;
    struct mimo_arena *arena;
    enum step step;
    unsigned brackets;  /* open within the value */
    size_t value_first; /* token of the value, of which there is none yet where it is the next */
};

/* ---- tokens ---- */

static bool is_word(int kind)
{
    return kind == MIMO_TOKEN_NAME || kind == MIMO_TOKEN_MIMO || kind == MIMO_TOKEN_IMPORT ||
           kind == MIMO_TOKEN_PARAM || kind == MIMO_TOKEN_ASSERT;
}

static bool ends_operand(int kind)
{
    return is_word(kind) || kind == MIMO_TOKEN_NUMBER || kind == MIMO_TOKEN_STRING ||
           kind == MIMO_TOKEN_RIGHT_PAREN || kind == MIMO_TOKEN_RIGHT_BRACKET;
}

static bool is_within(struct mimo_span span, size_t offset)
{
    return span.begin < offset && offset <= span.end;
}

/* Reads the document. True where the place is in a comment. */
static bool read_tokens(struct mimo_lsp_document *document, size_t offset,
                        struct tokens *out_tokens)
{
    const struct mimo_source *source = mimo_source(&document->analysis.sources, 0);
    struct mimo_arena *arena = &document->analysis.arena;
    struct mimo_diagnostics ignored;
    struct mimo_tree tree = {0};
    struct mimo_scan scan = {&ignored, &tree, 0, .is_line_start = true, .is_quiet = true};
    void *scanner = mimo_scanner_new(&scan, source->text, source->size);
    struct token token;
    MIMO_YYSTYPE value;

    MIMO_ASSERT(scanner != NULL);
    mimo_diagnostics_init(&ignored, arena, &document->analysis.sources);
    *out_tokens = (struct tokens){.arena = arena};
    do {
        token = (struct token){.text = ""};
        token.kind = mimo_scan_token(&value, &token.span, scanner);
        if (is_word(token.kind) || token.kind == MIMO_TOKEN_NUMBER)
            token.text = mimo_arena_copy(arena, source->text + token.span.begin,
                                         token.span.end - token.span.begin);
        MIMO_APPEND(arena, out_tokens->items, out_tokens->count, out_tokens->capacity, token);
    } while (token.kind != MIMO_TOKEN_END);
    mimo_scanner_free(scanner);
    for (size_t i = 0; i < tree.comment_count; i++) {
        if (is_within(tree.comments[i], offset))
            return true;
    }
    return false;
}

/* ---- the walk ---- */

static void begin_entry(struct walk *walk)
{
    walk->step = STEP_ENTRY;
    walk->brackets = 0;
    walk->context->head = (struct mimo_lsp_head){"", "", ""};
    walk->context->attribute = NULL;
}

static void open_block(struct walk *walk)
{
    struct mimo_lsp_context *context = walk->context;

    if (context->depth < MIMO_LSP_DEPTH_MAX)
        context->heads[context->depth] = context->head;
    context->depth++;
    begin_entry(walk);
}

static void close_block(struct walk *walk)
{
    if (walk->context->depth > 0)
        walk->context->depth--;
    begin_entry(walk);
}

static void begin_value(struct walk *walk, const char *attribute, size_t at)
{
    walk->step = STEP_VALUE;
    walk->context->attribute = attribute;
    walk->brackets = 0;
    walk->value_first = at;
}

/* The first word of an entry. */
static void take_first(struct walk *walk, const struct token *token, size_t at)
{
    const bool is_outside = walk->context->depth == 0;

    if (token[1].kind == MIMO_TOKEN_ASSIGN) {
        walk->context->attribute = token->text;
        walk->step = STEP_OTHER; /* up to the `=` */
    } else if (is_outside && token->kind == MIMO_TOKEN_ASSERT) {
        begin_value(walk, NULL, at + 1);
    } else if (is_outside && token->kind != MIMO_TOKEN_NAME) {
        walk->step = STEP_OTHER;
    } else {
        walk->context->head.kind = token->text;
        walk->step = STEP_KIND;
    }
}

static void take_in_head(struct walk *walk, const struct token *token)
{
    struct mimo_lsp_head *head = &walk->context->head;

    if (token->kind == MIMO_TOKEN_COLON) {
        walk->step = STEP_COLON;
    } else if (walk->step == STEP_KIND && is_word(token->kind)) {
        head->name = token->text;
        walk->step = STEP_NAME;
    } else if (walk->step == STEP_COLON && is_word(token->kind)) {
        head->base = token->text;
        walk->step = STEP_BASE;
    } else {
        walk->step = STEP_OTHER;
    }
}

/* False where the token begins the next entry. */
static bool take_in_value(struct walk *walk, const struct token *token, size_t at)
{
    const bool is_first = at == walk->value_first;

    if (is_word(token->kind) && walk->brackets == 0 && !is_first && ends_operand(token[-1].kind))
        return false;
    if (is_word(token->kind) && token[1].kind == MIMO_TOKEN_ASSIGN)
        return false;
    if (token->kind == MIMO_TOKEN_LEFT_PAREN || token->kind == MIMO_TOKEN_LEFT_BRACKET)
        walk->brackets++;
    else if ((token->kind == MIMO_TOKEN_RIGHT_PAREN || token->kind == MIMO_TOKEN_RIGHT_BRACKET) &&
             walk->brackets > 0)
        walk->brackets--;
    return true;
}

static void take(struct walk *walk, const struct token *token, size_t at)
{
    if (token->kind == MIMO_TOKEN_LEFT_BRACE) {
        open_block(walk);
    } else if (token->kind == MIMO_TOKEN_RIGHT_BRACE) {
        close_block(walk);
    } else if (token->kind == MIMO_TOKEN_SEMICOLON) {
        begin_entry(walk);
    } else if (token->kind == MIMO_TOKEN_ASSIGN) {
        begin_value(walk, walk->context->attribute, at + 1);
    } else if (walk->step == STEP_VALUE) {
        if (!take_in_value(walk, token, at)) {
            begin_entry(walk);
            take_first(walk, token, at);
        }
    } else if (walk->step == STEP_KIND || walk->step == STEP_NAME || walk->step == STEP_COLON) {
        take_in_head(walk, token);
    } else if (is_word(token->kind) && (walk->step == STEP_ENTRY || ends_operand(token[-1].kind))) {
        begin_entry(walk);
        take_first(walk, token, at);
    }
}

/* ---- what the walk came to ---- */

/* The words in front of a final dot. */
static void collect_path(struct walk *walk, const struct tokens *tokens, size_t end)
{
    struct mimo_lsp_context *context = walk->context;
    size_t first = end;

    while (first >= 2 && tokens->items[first - 1].kind == MIMO_TOKEN_DOT &&
           is_word(tokens->items[first - 2].kind))
        first -= 2;
    for (size_t i = first; i + 1 < end; i += 2)
        MIMO_APPEND(walk->arena, context->path, context->path_length, context->path_capacity,
                    tokens->items[i].text);
}

static enum mimo_lsp_place place_of(const struct walk *walk, const struct tokens *tokens,
                                    size_t end)
{
    const int last = end > 0 ? tokens->items[end - 1].kind : 0;

    switch (walk->step) {
    case STEP_ENTRY:
        return MIMO_LSP_AT_ENTRY;
    case STEP_KIND:
        return MIMO_LSP_AT_NAME;
    case STEP_COLON:
        return MIMO_LSP_AT_BASE;
    case STEP_VALUE:
        if (last == MIMO_TOKEN_DOT)
            return MIMO_LSP_AT_MEMBER;
        if (walk->value_first < end && walk->brackets == 0 && ends_operand(last))
            return MIMO_LSP_AT_ENTRY;
        return MIMO_LSP_AT_VALUE;
    case STEP_OTHER: /* behind `mimo 1`, `import "..."`: a statement may follow */
        return last == MIMO_TOKEN_NUMBER || last == MIMO_TOKEN_STRING ? MIMO_LSP_AT_ENTRY
                                                                      : MIMO_LSP_AT_NOTHING;
    case STEP_NAME:
    case STEP_BASE:
        break;
    }
    return MIMO_LSP_AT_NOTHING;
}

/* The attributes between the braces around token `end`, those of nested blocks left out. */
static void collect_given(struct walk *walk, const struct tokens *tokens, size_t end)
{
    struct mimo_lsp_context *context = walk->context;
    size_t first = end, depth = 0;

    for (; first > 0 && (depth > 0 || tokens->items[first - 1].kind != MIMO_TOKEN_LEFT_BRACE);
         first--) {
        depth += tokens->items[first - 1].kind == MIMO_TOKEN_RIGHT_BRACE;
        depth -= depth > 0 && tokens->items[first - 1].kind == MIMO_TOKEN_LEFT_BRACE;
    }
    depth = 0;
    for (size_t i = first; tokens->items[i].kind != MIMO_TOKEN_END; i++) {
        const struct token *token = &tokens->items[i];
        if (token->kind == MIMO_TOKEN_RIGHT_BRACE && depth-- == 0)
            return;
        depth += token->kind == MIMO_TOKEN_LEFT_BRACE;
        if (depth == 0 && is_word(token->kind) && token[1].kind == MIMO_TOKEN_ASSIGN)
            MIMO_APPEND(walk->arena, context->given, context->given_count, context->given_capacity,
                        token->text);
    }
}

void mimo_lsp_context_find(struct mimo_lsp_document *document, size_t offset,
                           struct mimo_lsp_context *out_context)
{
    struct walk walk = {.context = out_context, .arena = &document->analysis.arena};
    const struct token *token;
    struct tokens tokens;
    size_t end = 0;

    *out_context = (struct mimo_lsp_context){0};
    begin_entry(&walk);
    if (read_tokens(document, offset, &tokens))
        return;
    for (; tokens.items[end].span.end < offset && tokens.items[end].kind != MIMO_TOKEN_END; end++)
        take(&walk, &tokens.items[end], end);
    /* the word that is being written is not there yet; any other token that ends here is */
    token = &tokens.items[end];
    if (token->kind == MIMO_TOKEN_STRING && token->span.begin < offset)
        return;
    if (token->kind != MIMO_TOKEN_END && token->span.end == offset && !is_word(token->kind) &&
        token->kind != MIMO_TOKEN_NUMBER) {
        take(&walk, token, end);
        end++;
    } else if (token->kind == MIMO_TOKEN_NUMBER && token->span.begin < offset) {
        out_context->number = token->text;
        out_context->number_begin = token->span.begin;
    }
    out_context->place = place_of(&walk, &tokens, end);
    if (out_context->place == MIMO_LSP_AT_MEMBER)
        collect_path(&walk, &tokens, end);
    if (out_context->depth > MIMO_LSP_DEPTH_MAX)
        out_context->place = MIMO_LSP_AT_NOTHING;
    else if (out_context->depth > 0)
        collect_given(&walk, &tokens, end);
}
