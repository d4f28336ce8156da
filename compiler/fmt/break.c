/* Which tokens begin lines, and how the `=` of neighbouring lines are aligned. */
#include "compiler/fmt/fmt.h"

#include "compiler/fmt/parts.h"
#include "compiler/syntax/scan.h"

/* An allow comment acts on the line of token `at` or on that of the token before it. */
static bool is_kept(const struct mimo_fmt_file *file, size_t at)
{
    return file->is_kept[file->tokens[at].line] || file->is_kept[file->tokens[at - 1].line];
}

bool mimo_fmt_is_interrupted(const struct mimo_fmt_file *file, size_t at)
{
    const struct mimo_fmt_token *token = &file->tokens[at];

    return token[-1].trailing_comment != NULL || token->comment_count > 0 ||
           (is_kept(file, at) && token->line != token[-1].line);
}

/* Whether tokens first ... end - 1 fit on a line that begins with the first. */
static bool fits(const struct mimo_fmt_file *file, size_t first, size_t end)
{
    const struct mimo_fmt_token *tokens = file->tokens;
    unsigned width = tokens[first].depth * MIMO_FMT_INDENTATION + tokens[first].width;

    for (size_t i = first + 1; i < end; i++) {
        if (mimo_fmt_is_interrupted(file, i))
            return false;
        width += tokens[i].gap + tokens[i].width;
    }
    return width <= MIMO_FMT_COLUMNS;
}

/* ---- lines ---- */

/* The file, and the block that holds the token at hand: its head, or 0. */
struct breaker {
    struct mimo_fmt_file *file;
    size_t block;
    size_t row_end;    /* of attributes that were written on one line ... */
    bool is_row_whole; /* ... and stay on it */
};

/* The block was written on one line. */
static bool is_short(const struct mimo_fmt_file *file, size_t head)
{
    const struct mimo_fmt_token *tokens = file->tokens;

    return tokens[tokens[head].open].line == tokens[tokens[head].close].line;
}

static bool is_inline(const struct breaker *breaker, size_t head)
{
    const struct mimo_fmt_file *file = breaker->file;
    const struct mimo_fmt_token *block = &file->tokens[head];

    return (breaker->block != 0 && file->tokens[breaker->block].is_inline) ||
           ((is_short(file, head) || block->close == block->open + 1) &&
            fits(file, head, block->close + 1));
}

/* The end of the attributes that were written on the line where the one at `first` ends. */
static size_t row_end(const struct mimo_fmt_file *file, size_t first)
{
    const struct mimo_fmt_token *tokens = file->tokens;
    size_t end = tokens[first].end;

    while (tokens[end].role == MIMO_FMT_ATTRIBUTE && tokens[end].line == tokens[end - 1].line)
        end = tokens[end].end;
    return end;
}

static bool attribute_begins_line(struct breaker *breaker, size_t at)
{
    const struct mimo_fmt_file *file = breaker->file;

    if (breaker->block == 0)
        return true;
    if (file->tokens[breaker->block].is_inline)
        return false;
    if (at < breaker->row_end)
        return !breaker->is_row_whole;
    breaker->row_end = row_end(file, at);
    breaker->is_row_whole = !is_short(file, breaker->block) && fits(file, at, breaker->row_end);
    return true;
}

static bool begins_line(struct breaker *breaker, size_t at)
{
    const struct mimo_fmt_token *tokens = breaker->file->tokens;

    switch (tokens[at].role) {
    case MIMO_FMT_INNER:
        return false;
    case MIMO_FMT_STATEMENT:
        return true;
    case MIMO_FMT_ATTRIBUTE:
        return attribute_begins_line(breaker, at);
    case MIMO_FMT_BLOCK:
        return breaker->block == 0 || !tokens[breaker->block].is_inline;
    case MIMO_FMT_CLOSE:
        return tokens[at].kind == MIMO_TOKEN_END || !tokens[breaker->block].is_inline;
    }
    return false;
}

/* Lines that an allow comment acts on stay what they were. */
static void keep_line(struct mimo_fmt_file *file, size_t at)
{
    struct mimo_fmt_token *token = &file->tokens[at];

    if (token->role != MIMO_FMT_INNER && token->kind != MIMO_TOKEN_END && is_kept(file, at))
        token->begins_line = token->line != token[-1].line;
}

static void break_lines(struct mimo_fmt_file *file)
{
    struct breaker breaker = {.file = file};
    struct mimo_fmt_token *tokens = file->tokens;

    for (size_t i = 0; i < file->count; i++) {
        tokens[i].begins_line = begins_line(&breaker, i);
        if (i > 0)
            keep_line(file, i);
        if (tokens[i].role == MIMO_FMT_BLOCK) {
            tokens[i].is_inline = is_inline(&breaker, i);
            breaker.block = i;
        } else if (tokens[i].role == MIMO_FMT_CLOSE && tokens[i].kind != MIMO_TOKEN_END) {
            breaker.block = tokens[tokens[i].open].open;
        }
    }
}

/* ---- alignment ---- */

/* The `=` of a line that holds one attribute or param and nothing else; else 0. */
static size_t lone_equals(const struct mimo_fmt_file *file, size_t at)
{
    const struct mimo_fmt_token *token = &file->tokens[at];

    if (!token->begins_line || token->equals == 0 || !file->tokens[token->end].begins_line)
        return 0;
    for (size_t i = at + 1; i <= token->equals; i++) {
        if (mimo_fmt_is_interrupted(file, i))
            return 0;
    }
    return token->equals;
}

static unsigned width_before(const struct mimo_fmt_file *file, size_t first, size_t equals)
{
    unsigned width = file->tokens[first].width;

    for (size_t i = first + 1; i < equals; i++)
        width += file->tokens[i].gap + file->tokens[i].width;
    return width;
}

/* True where the entry at `at` goes on with the run of lines before it. */
static bool is_in_run(const struct mimo_fmt_file *file, size_t at)
{
    const struct mimo_fmt_token *token = &file->tokens[at];

    if (lone_equals(file, at) == 0 || token->has_blank_before)
        return false;
    for (size_t i = 0; i < token->comment_count; i++) {
        if (file->comments[token->comment_first + i].has_blank_before)
            return false;
    }
    return true;
}

/* Aligns the run that begins at `first`; returns what follows it. */
static size_t align_run(struct mimo_fmt_file *file, size_t first)
{
    struct mimo_fmt_token *tokens = file->tokens;
    unsigned width = 0;
    size_t end = first;

    do {
        const unsigned own = width_before(file, end, tokens[end].equals);
        width = own > width ? own : width;
        end = tokens[end].end;
    } while (is_in_run(file, end));
    if (width > MIMO_FMT_COLUMNS)
        return end;
    for (size_t i = first; i < end; i = tokens[i].end)
        tokens[tokens[i].equals].gap = width - width_before(file, i, tokens[i].equals) + 1;
    return end;
}

void mimo_fmt_break(struct mimo_fmt_file *file)
{
    size_t i = 0;

    break_lines(file);
    while (i < file->count) {
        if (lone_equals(file, i) != 0)
            i = align_run(file, i);
        else
            i++;
    }
}
