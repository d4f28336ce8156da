/*
 * parts.h - a file as the formatter sees it; private to fmt*.c.
 *
 *   fmt/tokens.c     text to tokens, each with the comments around it
 *   fmt/structure.c  what each token is in the grammar, and the space in front of it
 *   fmt/break.c      which tokens begin lines
 *   fmt.c            lines to text
 */
#ifndef MIMO_COMPILER_FMT_PARTS_H
#define MIMO_COMPILER_FMT_PARTS_H

#include "compiler/diagnostic/diagnostic.h"

/* What begins at a token. */
enum mimo_fmt_role {
    MIMO_FMT_INNER, /* nothing: it goes on with what the tokens before it began */
    MIMO_FMT_STATEMENT,
    MIMO_FMT_ATTRIBUTE,
    MIMO_FMT_BLOCK,
    MIMO_FMT_CLOSE, /* the `}` of a block, or the end of the file */
};

struct mimo_fmt_comment {
    const char *text; /* without the white space at its end */
    uint32_t line;    /* from 1 */
    unsigned column;  /* on a terminal, from 0 */
    bool has_blank_before;
    bool is_allow;
    bool is_continuation; /* stands right below a comment behind code, in its column */
};

struct mimo_fmt_token {
    int kind; /* MIMO_TOKEN_... of mimo_parser.h; never SEMICOLON */
    const char *text;
    size_t length;
    unsigned width; /* columns on a terminal */
    uint32_t line;  /* from 1 */
    bool has_blank_before;
    size_t comment_first, comment_count; /* those on lines of their own in front of it */
    const struct mimo_fmt_comment *trailing_comment; /* behind it on its line, or NULL */

    enum mimo_fmt_role role;
    unsigned gap;   /* spaces in front of it where it does not begin a line */
    unsigned depth; /* of the blocks around it; braces belong outside */
    bool may_break; /* a long line may go on here */
    bool is_unary;  /* an operator with one operand */
    size_t end;     /* STATEMENT, ATTRIBUTE: behind its last token */
    size_t equals;  /* STATEMENT, ATTRIBUTE: its `=`, or 0 */
    bool begins_line;
    bool is_inline;     /* BLOCK: all of it stands on one line */
    size_t open, close; /* BLOCK: its braces. `{`: `open` is the block around its own. `}`: `open`
                           is its `{` */
};

struct mimo_fmt_file {
    struct mimo_arena *arena;
    struct mimo_fmt_token *tokens; /* the last one is END */
    size_t count, capacity;
    struct mimo_fmt_comment *comments; /* all, in order */
    size_t comment_count, comment_capacity;
    bool *is_kept; /* by line: an allow comment acts on it */
};

/* Reads a file without syntax errors. */
void mimo_fmt_read(struct mimo_diagnostics *diagnostics, uint32_t file,
                   struct mimo_fmt_file *out_file);

/* Sets what the tokens are, up to `is_unary` and the extents. */
void mimo_fmt_structure(struct mimo_fmt_file *file);

/* Sets which tokens begin lines, and aligns `=` with the gaps in front of them. */
void mimo_fmt_break(struct mimo_fmt_file *file);

/* True where token `at` cannot stand on one line with the token before it: comments stand between
 * them, or they were on two lines and an allow comment acts on one of these. */
bool mimo_fmt_is_interrupted(const struct mimo_fmt_file *file, size_t at);

/* Columns that `length` bytes take on a terminal. */
unsigned mimo_fmt_width(const char *text, size_t length);

#endif
