/* What each token is, found by walking over a file that is known to be well formed. */
#include "compiler/fmt/parts.h"
#include "compiler/syntax/scan.h"

static bool is_word(const struct mimo_fmt_token *token)
{
    switch (token->kind) {
    case MIMO_TOKEN_NAME:
    case MIMO_TOKEN_MIMO:
    case MIMO_TOKEN_IMPORT:
    case MIMO_TOKEN_PARAM:
    case MIMO_TOKEN_ASSERT:
        return true;
    default:
        return false;
    }
}

/* An operand may end with this token: what follows is an operator, or a new entry. */
static bool ends_operand(const struct mimo_fmt_token *token)
{
    return is_word(token) || token->kind == MIMO_TOKEN_NUMBER || token->kind == MIMO_TOKEN_STRING ||
           token->kind == MIMO_TOKEN_RIGHT_PAREN || token->kind == MIMO_TOKEN_RIGHT_BRACKET;
}

/* Operators that bind less than comparisons. */
static bool is_loose(int kind)
{
    return kind == MIMO_TOKEN_QUESTION || kind == MIMO_TOKEN_COLON || kind == MIMO_TOKEN_AND ||
           kind == MIMO_TOKEN_OR;
}

static bool is_operator(int kind)
{
    switch (kind) {
    case MIMO_TOKEN_PLUS:
    case MIMO_TOKEN_MINUS:
    case MIMO_TOKEN_STAR:
    case MIMO_TOKEN_SLASH:
    case MIMO_TOKEN_PERCENT:
    case MIMO_TOKEN_EQUAL:
    case MIMO_TOKEN_NOT_EQUAL:
    case MIMO_TOKEN_LESS:
    case MIMO_TOKEN_LESS_EQUAL:
    case MIMO_TOKEN_GREATER:
    case MIMO_TOKEN_GREATER_EQUAL:
        return true;
    default:
        return is_loose(kind);
    }
}

/* ---- the extent of entries ---- */

/* Behind the expression that begins at `at`: at a comma outside of brackets, at the `}` or the end
 * of what is around it, or at the word that begins the next entry. */
static size_t skip_expression(const struct mimo_fmt_file *file, size_t at)
{
    const struct mimo_fmt_token *tokens = file->tokens;
    unsigned brackets = 0;

    for (size_t i = at;; i++) {
        const int kind = tokens[i].kind;
        if (kind == MIMO_TOKEN_RIGHT_BRACE || kind == MIMO_TOKEN_END)
            return i;
        if (brackets == 0 && (kind == MIMO_TOKEN_COMMA ||
                              (i > at && is_word(&tokens[i]) && ends_operand(&tokens[i - 1]))))
            return i;
        if (kind == MIMO_TOKEN_LEFT_PAREN || kind == MIMO_TOKEN_LEFT_BRACKET)
            brackets++;
        else if (kind == MIMO_TOKEN_RIGHT_PAREN || kind == MIMO_TOKEN_RIGHT_BRACKET)
            brackets--;
    }
}

static size_t begin(struct mimo_fmt_file *file, size_t at, enum mimo_fmt_role role, size_t equals,
                    size_t end)
{
    file->tokens[at].role = role;
    file->tokens[at].equals = equals;
    file->tokens[at].end = end;
    return end;
}

/* Marks the statement, attribute or head of a block that begins at `at`; returns what follows it.
 */
static size_t walk_entry(struct mimo_fmt_file *file, size_t at)
{
    const struct mimo_fmt_token *token = &file->tokens[at];
    const int next = token[1].kind;
    size_t end;

    if (next == MIMO_TOKEN_ASSIGN)
        return begin(file, at, MIMO_FMT_ATTRIBUTE, at + 1, skip_expression(file, at + 2));
    if (token->depth == 0 && token->kind == MIMO_TOKEN_PARAM && is_word(&token[1]))
        return begin(file, at, MIMO_FMT_STATEMENT, at + 2, skip_expression(file, at + 3));
    if (token->depth == 0 && ((token->kind == MIMO_TOKEN_MIMO && next == MIMO_TOKEN_NUMBER) ||
                              (token->kind == MIMO_TOKEN_IMPORT && next == MIMO_TOKEN_STRING)))
        return begin(file, at, MIMO_FMT_STATEMENT, 0, at + 2);
    if (token->depth == 0 && token->kind == MIMO_TOKEN_ASSERT && next != MIMO_TOKEN_LEFT_BRACE &&
        next != MIMO_TOKEN_COLON)
        return begin(file, at, MIMO_FMT_STATEMENT, 0, skip_expression(file, at + 1) + 2);
    for (end = at; file->tokens[end].kind != MIMO_TOKEN_LEFT_BRACE; end++)
        ;
    file->tokens[at].open = end;
    return begin(file, at, MIMO_FMT_BLOCK, 0, end + 1);
}

/* ---- spaces ---- */

static unsigned gap_between(const struct mimo_fmt_token *last, const struct mimo_fmt_token *token)
{
    switch (token->role) {
    case MIMO_FMT_INNER:
        break;
    case MIMO_FMT_CLOSE:
        return 1;
    case MIMO_FMT_STATEMENT:
    case MIMO_FMT_ATTRIBUTE:
    case MIMO_FMT_BLOCK:
        return last->kind == MIMO_TOKEN_LEFT_BRACE ? 1 : 2;
    }
    switch (token->kind) {
    case MIMO_TOKEN_COMMA:
    case MIMO_TOKEN_DOT:
    case MIMO_TOKEN_RIGHT_PAREN:
    case MIMO_TOKEN_RIGHT_BRACKET:
        return 0;
    case MIMO_TOKEN_LEFT_PAREN:
        if (is_word(last) && last->role == MIMO_FMT_INNER)
            return 0; /* a call */
        break;
    default:
        break;
    }
    return last->kind == MIMO_TOKEN_DOT || last->kind == MIMO_TOKEN_LEFT_PAREN ||
                   last->kind == MIMO_TOKEN_LEFT_BRACKET || last->is_unary
               ? 0
               : 1;
}

static void set_spaces(struct mimo_fmt_token *last, struct mimo_fmt_token *token)
{
    const bool follows_operand = ends_operand(last) && last->role != MIMO_FMT_STATEMENT;

    token->is_unary =
        token->kind == MIMO_TOKEN_BANG || (token->kind == MIMO_TOKEN_MINUS && !follows_operand);
    token->may_break =
        token->role == MIMO_FMT_INNER &&
        (last->kind == MIMO_TOKEN_COMMA || (is_operator(token->kind) && !token->is_unary));
    token->gap = gap_between(last, token);
}

/* A long expression goes on behind a comma, or before one of its loosest operators. */
static void set_breaks(struct mimo_fmt_token *tokens, size_t first, size_t end)
{
    bool has_loose = false;

    for (size_t i = first; i < end; i++)
        has_loose = has_loose || is_loose(tokens[i].kind);
    for (size_t i = first + 1; i < end; i++) {
        const int kind = tokens[i].kind;
        tokens[i].may_break =
            tokens[i - 1].kind == MIMO_TOKEN_COMMA ||
            (!tokens[i].is_unary && (has_loose ? is_loose(kind) : is_operator(kind)));
    }
}

/* ---- the walk ---- */

/* The braces that are open, as a list through the tokens' `open`. */
struct walk {
    struct mimo_fmt_file *file;
    size_t block; /* the innermost open block, or 0 */
    unsigned depth;
};

static void open_block(struct walk *walk, size_t head, size_t brace)
{
    walk->file->tokens[brace].open = walk->block;
    walk->block = head;
    walk->depth++;
}

static void close_block(struct walk *walk, size_t at)
{
    struct mimo_fmt_token *tokens = walk->file->tokens;
    const size_t head = walk->block, brace = tokens[head].open;

    walk->block = tokens[brace].open;
    walk->depth--;
    tokens[head].close = at;
    tokens[at].open = brace;
    tokens[at].depth = walk->depth;
    tokens[at].role = MIMO_FMT_CLOSE;
}

void mimo_fmt_structure(struct mimo_fmt_file *file)
{
    struct walk walk = {.file = file};
    size_t i = 0;

    while (file->tokens[i].kind != MIMO_TOKEN_END) {
        const size_t at = i;
        if (file->tokens[i].kind == MIMO_TOKEN_RIGHT_BRACE) {
            close_block(&walk, i++);
            continue;
        }
        file->tokens[at].depth = walk.depth;
        i = walk_entry(file, at);
        for (size_t j = at; j < i; j++)
            file->tokens[j].depth = walk.depth;
        if (file->tokens[at].role == MIMO_FMT_BLOCK)
            open_block(&walk, at, i - 1);
    }
    file->tokens[i].role = MIMO_FMT_CLOSE;
    for (i = 1; i < file->count; i++)
        set_spaces(&file->tokens[i - 1], &file->tokens[i]);
    for (i = 0; i < file->count; i++) {
        if (file->tokens[i].role == MIMO_FMT_STATEMENT ||
            file->tokens[i].role == MIMO_FMT_ATTRIBUTE)
            set_breaks(file->tokens, i, file->tokens[i].end);
    }
}
