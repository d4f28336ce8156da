/* The tokens and comments of a file. */
#include "compiler/fmt/parts.h"
#include "compiler/syntax/scan.h"
#include "compiler/text/source.h"
#include "compiler/text/text.h"
#include "plan/error.h"

#include <string.h>

/* Where reading stands. */
struct reader {
    const struct mimo_source *source;
    const struct mimo_tree *tree;
    struct mimo_fmt_file *file;
    uint32_t line;     /* of the last place that was looked up */
    uint32_t line_end; /* line of the last token or comment that was kept */
    bool is_in_code;   /* that was a token */
    size_t allow;      /* the next of the tree's allow comments */
    size_t pending;    /* comments on lines of their own since the last token */
};

unsigned mimo_fmt_width(const char *text, size_t length)
{
    unsigned width = 0;
    size_t step;

    for (size_t i = 0; i < length; i += step)
        width += mimo_character_width(mimo_utf8_decode(text + i, length - i, &step));
    return width;
}

/* Places are asked for in ascending order. */
static uint32_t line_at(struct reader *reader, uint32_t offset)
{
    while (reader->line < reader->source->line_count &&
           reader->source->lines[reader->line] <= offset)
        reader->line++;
    return reader->line;
}

/* The column of a place on the line that was looked up last. */
static unsigned column_at(const struct reader *reader, uint32_t offset)
{
    const uint32_t begin = reader->source->lines[reader->line - 1];

    return mimo_fmt_width(reader->source->text + begin, offset - begin);
}

static bool leaves_blank(const struct reader *reader, uint32_t line)
{
    return reader->line_end != 0 && line > reader->line_end + 1;
}

static bool take_allow(struct reader *reader, struct mimo_span span)
{
    if (reader->allow == reader->tree->allow_count ||
        reader->tree->allows[reader->allow].span.begin != span.begin)
        return false;
    reader->allow++;
    return true;
}

/* A comment that goes on from the line above, where one stands behind code in the same column. */
static bool continues(const struct reader *reader, const struct mimo_fmt_comment *comment)
{
    const struct mimo_fmt_file *file = reader->file;
    const struct mimo_fmt_comment *last;

    if (file->comment_count == 0)
        return false;
    last = &file->comments[file->comment_count - 1];
    return last->line + 1 == comment->line && last->column == comment->column &&
           (reader->pending == 0 || last->is_continuation);
}

static void add_comment(struct reader *reader, struct mimo_span span)
{
    struct mimo_fmt_file *file = reader->file;
    const char *text = reader->source->text + span.begin;
    struct mimo_fmt_comment comment = {.line = line_at(reader, span.begin)};
    size_t length = span.end - span.begin;
    const bool is_trailing = reader->is_in_code && comment.line == reader->line_end;

    while (strchr(" \t\r\v\f", text[length - 1]) != NULL)
        length--;
    comment.text = mimo_arena_copy(file->arena, text, length);
    comment.column = column_at(reader, span.begin);
    comment.has_blank_before = leaves_blank(reader, comment.line);
    comment.is_allow = take_allow(reader, span);
    comment.is_continuation = !is_trailing && continues(reader, &comment);
    MIMO_APPEND(file->arena, file->comments, file->comment_count, file->comment_capacity, comment);
    if (comment.is_allow)
        file->is_kept[comment.line] = file->is_kept[comment.line + 1] = true;
    if (!is_trailing)
        reader->pending++;
    reader->line_end = comment.line;
    reader->is_in_code = false;
}

static void add_token(struct reader *reader, int kind, struct mimo_span span)
{
    struct mimo_fmt_file *file = reader->file;
    struct mimo_fmt_token token = {
        .kind = kind,
        .text = reader->source->text + span.begin,
        .length = span.end - span.begin,
        .line = line_at(reader, span.begin),
        .comment_first = file->comment_count - reader->pending,
        .comment_count = reader->pending,
    };

    token.width = mimo_fmt_width(token.text, token.length);
    token.has_blank_before = leaves_blank(reader, token.line);
    MIMO_APPEND(file->arena, file->tokens, file->count, file->capacity, token);
    reader->pending = 0;
    reader->line_end = token.line;
    reader->is_in_code = true;
}

/* The comments behind code, once the array of comments has stopped moving. */
static void attach_comments(struct mimo_fmt_file *file)
{
    size_t next = 0;

    for (size_t i = 0; i < file->count; i++) {
        struct mimo_fmt_token *token = &file->tokens[i];
        if (token->comment_first > next)
            file->tokens[i - 1].trailing_comment = &file->comments[next];
        next = token->comment_first + token->comment_count;
    }
}

void mimo_fmt_read(struct mimo_diagnostics *diagnostics, uint32_t file,
                   struct mimo_fmt_file *out_file)
{
    const struct mimo_source *source = mimo_source(diagnostics->sources, file);
    struct mimo_tree tree = {.file = file};
    struct mimo_scan scan = {diagnostics, &tree, file, .is_line_start = true, .is_quiet = true};
    struct reader reader = {.source = source, .tree = &tree, .file = out_file};
    void *scanner = mimo_scanner_new(&scan, source->text, source->size);
    size_t comments_read = 0;
    struct mimo_span span;
    MIMO_YYSTYPE value;
    int kind;

    MIMO_ASSERT(scanner != NULL);
    *out_file = (struct mimo_fmt_file){.arena = diagnostics->arena};
    out_file->is_kept = MIMO_NEW_ARRAY(out_file->arena, bool, (size_t)source->line_count + 2);
    do {
        kind = mimo_scan_token(&value, &span, scanner);
        while (comments_read < tree.comment_count)
            add_comment(&reader, tree.comments[comments_read++]);
        if (kind != MIMO_TOKEN_SEMICOLON)
            add_token(&reader, kind, span);
    } while (kind != MIMO_TOKEN_END);
    mimo_scanner_free(scanner);
    attach_comments(out_file);
}
