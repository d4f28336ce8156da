/* From lines to text. */
#include "compiler/fmt/fmt.h"

#include "compiler/fmt/parts.h"
#include "compiler/syntax/parse.h"
#include "compiler/syntax/parser.h"
#include "compiler/syntax/scan.h"
#include "compiler/text/source.h"
#include "plan/error.h"

#include <string.h>

enum { CONTINUATION = 4, COMMENT_COLUMN = 41, COMMENT_COLUMN_MAX = 72, COMMENT_GAP = 2 };

/* A line of the result. */
struct row {
    unsigned indent;
    const char *code; /* may be empty */
    size_t length;
    unsigned width; /* of indentation and code */
    const struct mimo_fmt_comment *comment;
    bool is_comment_behind; /* in the column of the comments behind code */
    bool has_blank_before;
};

struct printer {
    const struct mimo_fmt_file *file;
    struct row *rows;
    size_t row_count, row_capacity;
    bool is_open_above; /* the last row ends with `{`, or there is none */

    char *code;     /* of all rows, one behind another; here the next byte goes */
    struct row row; /* the one at hand */
    unsigned start; /* the column in which the expression at hand goes on, outside of brackets */
    unsigned brackets[MIMO_EXPRESSION_DEPTH_MAX + 1]; /* and within */
    unsigned bracket_depth;
};

/* ---- rows ---- */

static void add_row(struct printer *printer, struct row row)
{
    const struct row *above =
        printer->row_count > 0 ? &printer->rows[printer->row_count - 1] : NULL;

    /* behind an allow comment a blank line has a meaning: it ends what the comment acts on */
    if (printer->is_open_above &&
        (above == NULL || above->comment == NULL || !above->comment->is_allow))
        row.has_blank_before = false;
    MIMO_APPEND(printer->file->arena, printer->rows, printer->row_count, printer->row_capacity,
                row);
    printer->is_open_above = false;
}

/* The comments on lines of their own in front of a token. */
static void add_comments(struct printer *printer, const struct mimo_fmt_token *token,
                         unsigned indent)
{
    for (size_t i = 0; i < token->comment_count; i++) {
        const struct mimo_fmt_comment *comment = &printer->file->comments[token->comment_first + i];
        const struct row row = {
            .indent = indent,
            .code = "",
            .comment = comment,
            .is_comment_behind = comment->is_continuation,
            .has_blank_before = comment->has_blank_before,
        };
        add_row(printer, row);
    }
}

static void begin_row(struct printer *printer, unsigned indent, bool has_blank_before)
{
    printer->row = (struct row){
        .indent = indent,
        .code = printer->code,
        .width = indent,
        .is_comment_behind = true,
        .has_blank_before = has_blank_before,
    };
}

static void end_row(struct printer *printer, const struct mimo_fmt_token *last)
{
    printer->row.comment = last->trailing_comment;
    add_row(printer, printer->row);
    printer->is_open_above = last->kind == MIMO_TOKEN_LEFT_BRACE;
}

/* ---- one line ---- */

static void put(struct printer *printer, const struct mimo_fmt_token *token, unsigned gap)
{
    memset(printer->code, ' ', gap);
    memcpy(printer->code + gap, token->text, token->length);
    printer->code += gap + token->length;
    printer->row.length += gap + token->length;
    printer->row.width += gap + token->width;
    switch (token->kind) {
    case MIMO_TOKEN_ASSIGN:
        printer->start = printer->row.width + 1;
        break;
    case MIMO_TOKEN_LEFT_PAREN:
    case MIMO_TOKEN_LEFT_BRACKET:
        printer->brackets[++printer->bracket_depth] = printer->row.width;
        break;
    case MIMO_TOKEN_RIGHT_PAREN:
    case MIMO_TOKEN_RIGHT_BRACKET:
        printer->bracket_depth--;
        break;
    default:
        break;
    }
}

/* Columns up to the next place where the line may be broken. */
static unsigned segment_width(const struct mimo_fmt_token *token)
{
    unsigned width = token->gap + token->width;

    for (token++; !token->may_break && !token->begins_line; token++)
        width += token->gap + token->width;
    return width;
}

static bool is_too_long(const struct printer *printer, size_t at)
{
    const struct mimo_fmt_file *file = printer->file;
    const struct mimo_fmt_token *token = &file->tokens[at];

    return token->may_break && !file->is_kept[token->line] &&
           printer->row.width > printer->row.indent &&
           printer->row.width + segment_width(token) > MIMO_FMT_COLUMNS;
}

/* Goes on with the line in the next row. */
static void wrap(struct printer *printer, const struct mimo_fmt_token *token)
{
    const unsigned indent =
        printer->bracket_depth > 0 ? printer->brackets[printer->bracket_depth] : printer->start;

    end_row(printer, token - 1);
    add_comments(printer, token, indent);
    begin_row(printer, indent, false);
}

/* Prints the line that begins at `first`; returns what follows it. */
static size_t print_line(struct printer *printer, size_t first)
{
    const struct mimo_fmt_file *file = printer->file;
    const struct mimo_fmt_token *token = &file->tokens[first];
    const unsigned indent = token->depth * MIMO_FMT_INDENTATION;
    size_t i;

    begin_row(printer, indent, token->has_blank_before && token->kind != MIMO_TOKEN_RIGHT_BRACE);
    printer->start = indent + CONTINUATION;
    put(printer, token, 0);
    for (i = first + 1; !file->tokens[i].begins_line; i++) {
        token = &file->tokens[i];
        if (mimo_fmt_is_interrupted(file, i) || is_too_long(printer, i)) {
            wrap(printer, token);
            put(printer, token, 0);
        } else {
            put(printer, token, token->gap);
        }
    }
    end_row(printer, &file->tokens[i - 1]);
    return i;
}

static void print_lines(struct printer *printer)
{
    const struct mimo_fmt_file *file = printer->file;
    size_t i = 0;

    for (;;) {
        const struct mimo_fmt_token *token = &file->tokens[i];
        const bool is_brace = token->kind == MIMO_TOKEN_RIGHT_BRACE;
        add_comments(printer, token, (token->depth + is_brace) * MIMO_FMT_INDENTATION);
        if (token->kind == MIMO_TOKEN_END)
            return;
        i = print_line(printer, i);
    }
}

/* ---- the text ---- */

/* Written twice: first without `bytes`, to measure it. */
struct text {
    char *bytes;
    size_t size;
};

static void append(struct text *text, const char *bytes, size_t length)
{
    if (text->bytes != NULL)
        memcpy(text->bytes + text->size, bytes, length);
    text->size += length;
}

static void append_spaces(struct text *text, unsigned count)
{
    if (text->bytes != NULL)
        memset(text->bytes + text->size, ' ', count);
    text->size += count;
}

static bool has_comment_behind(const struct row *row)
{
    return row->comment != NULL && row->is_comment_behind;
}

/* Long rows have their comment right behind them, and do not move the others'. */
static bool is_aligned(const struct row *row)
{
    return row->length > 0 && row->width + COMMENT_GAP <= COMMENT_COLUMN_MAX;
}

/* The column of the comments behind the rows from `first` on, which have one each. */
static unsigned comment_column(const struct printer *printer, size_t first)
{
    unsigned column = COMMENT_COLUMN;

    for (size_t i = first; i < printer->row_count && has_comment_behind(&printer->rows[i]); i++) {
        const struct row *row = &printer->rows[i];
        if (i > first && row->has_blank_before)
            break;
        if (is_aligned(row) && row->width + COMMENT_GAP > column)
            column = row->width + COMMENT_GAP;
    }
    return column;
}

static void append_row(struct text *text, const struct row *row, unsigned column)
{
    unsigned width = 0;

    if (row->has_blank_before)
        append(text, "\n", 1);
    if (row->length > 0) {
        append_spaces(text, row->indent);
        append(text, row->code, row->length);
        width = row->width;
    }
    if (row->comment != NULL && !row->is_comment_behind)
        append_spaces(text, row->indent);
    else if (row->comment != NULL)
        append_spaces(text, width < column ? column - width : COMMENT_GAP);
    if (row->comment != NULL)
        append(text, row->comment->text, strlen(row->comment->text));
    append(text, "\n", 1);
}

static void append_rows(struct text *text, const struct printer *printer)
{
    unsigned column = COMMENT_COLUMN;

    for (size_t i = 0; i < printer->row_count; i++) {
        const struct row *row = &printer->rows[i];
        if (has_comment_behind(row) &&
            (i == 0 || row->has_blank_before || !has_comment_behind(row - 1)))
            column = comment_column(printer, i);
        append_row(text, row, column);
    }
}

/* ---- the whole ---- */

static const char *print(const struct mimo_fmt_file *file, size_t *out_size)
{
    struct printer printer = {.file = file, .is_open_above = true};
    struct text text = {0};
    size_t size = 0;

    for (size_t i = 0; i < file->count; i++)
        size += file->tokens[i].gap + file->tokens[i].length;
    printer.code = mimo_arena_alloc(file->arena, size + 1, 1);
    print_lines(&printer);
    append_rows(&text, &printer);
    *out_size = text.size;
    text = (struct text){.bytes = mimo_arena_alloc(file->arena, text.size + 1, 1)};
    append_rows(&text, &printer);
    return text.bytes;
}

/* At the beginning of a line these words would begin statements; as block kinds, which they are not
 * either, they can only stand behind other code. */
static bool is_printable(const struct mimo_fmt_file *file, struct mimo_diagnostics *diagnostics,
                         uint32_t number)
{
    const char *text = mimo_source(diagnostics->sources, number)->text;

    for (size_t i = 0; i < file->count; i++) {
        const struct mimo_fmt_token *token = &file->tokens[i];
        const uint32_t begin = (uint32_t)(token->text - text);
        if (token->role != MIMO_FMT_BLOCK || token->depth > 0 || token->kind == MIMO_TOKEN_NAME)
            continue;
        (void)mimo_diagnose(diagnostics, MIMO_E0103,
                            (struct mimo_span){number, begin, begin + (uint32_t)token->length},
                            "'%.*s' begins a statement; no block is called so", (int)token->length,
                            token->text);
        return false;
    }
    return true;
}

static bool has_same_tokens(const struct mimo_fmt_file *a, const struct mimo_fmt_file *b)
{
    for (size_t i = 0; i < a->count && i < b->count; i++) {
        if (a->tokens[i].kind != b->tokens[i].kind || a->tokens[i].length != b->tokens[i].length ||
            memcmp(a->tokens[i].text, b->tokens[i].text, a->tokens[i].length) != 0)
            return false;
    }
    return a->count == b->count;
}

static const char *skip_space(const char *text)
{
    return text + strspn(text, " \t\r\v\f\n");
}

/* The same bytes, comments included, but for white space and the `;` that were dropped. */
static bool has_same_bytes(const char *before, const char *after)
{
    before = skip_space(before);
    after = skip_space(after);
    while (*before != '\0') {
        if (*before == *after)
            after = skip_space(after + 1);
        else if (*before != ';')
            return false;
        before = skip_space(before + 1);
    }
    return *after == '\0';
}

/* Reads the result again: a formatter that loses something does harm. */
static void check(const struct mimo_fmt_file *file, const struct mimo_source *source,
                  const char *text, size_t size)
{
    struct mimo_arena arena = {0};
    struct mimo_sources sources;
    struct mimo_diagnostics diagnostics;
    struct mimo_fmt_file again;
    uint32_t number;

    mimo_sources_init(&sources, &arena);
    mimo_diagnostics_init(&diagnostics, &arena, &sources);
    number = mimo_sources_add(&sources, "", text, size);
    (void)mimo_parse_file(&diagnostics, number);
    MIMO_ASSERT(diagnostics.error_count == 0);
    mimo_fmt_read(&diagnostics, number, &again);
    MIMO_ASSERT(has_same_tokens(file, &again));
    MIMO_ASSERT(has_same_bytes(source->text + source->lines[0], text));
    mimo_arena_release(&arena);
}

const char *mimo_fmt(struct mimo_diagnostics *diagnostics, uint32_t number, size_t *out_size)
{
    const size_t errors = diagnostics->error_count;
    struct mimo_fmt_file file;
    const char *text;

    (void)mimo_parse_file(diagnostics, number);
    if (diagnostics->error_count > errors)
        return NULL;
    mimo_fmt_read(diagnostics, number, &file);
    mimo_fmt_structure(&file);
    if (!is_printable(&file, diagnostics, number))
        return NULL;
    mimo_fmt_break(&file);
    text = print(&file, out_size);
    if (*out_size <= MIMO_SOURCE_BYTES_MAX)
        check(&file, mimo_source(diagnostics->sources, number), text, *out_size);
    return text;
}
