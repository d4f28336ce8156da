/*
 * parser.h - what the scanner, the token stream and the grammar share; private to them.
 */
#ifndef MIMO_COMPILER_SYNTAX_PARSER_H
#define MIMO_COMPILER_SYNTAX_PARSER_H

#include "compiler/syntax/tree.h"

enum {
    MIMO_BRACE_DEPTH_MAX = 64,
    MIMO_EXPRESSION_DEPTH_MAX = 200,
    MIMO_BLOCKS_MAX = 20000, /* blocks and params of one file */
    MIMO_PEEK_MAX = 4,
};

/* Given to the scanner as its extra data. */
struct mimo_scan {
    struct mimo_diagnostics *diagnostics;
    struct mimo_tree *tree; /* takes the comments */
    uint32_t file;
    uint32_t offset;    /* of the next byte */
    bool is_line_start; /* no token yet on this line */
    bool is_quiet;      /* nothing more is reported */
};

struct mimo_token {
    int kind;
    struct mimo_name name; /* NAME and the like, NUMBER, STRING */
    struct mimo_span span;
    bool is_first_on_line;
};

struct mimo_parser {
    struct mimo_diagnostics *diagnostics;
    struct mimo_arena *arena;
    struct mimo_tree *tree;
    struct mimo_expression *expression; /* the result of mimo_parse_expression */
    struct mimo_scan scan;
    void *scanner;

    struct mimo_token peeked[MIMO_PEEK_MAX]; /* read from the scanner and not handed out */
    unsigned peeked_count;
    struct mimo_token first;       /* says what is parsed; kind 0 once it is handed out */
    struct mimo_token last;        /* handed out last ... */
    struct mimo_token before_last; /* ... and the one before it */
    bool is_recovering;
    bool is_brace_missing; /* recovery goes on as if the '{' of a block were there */
    bool is_stopped;       /* limits were reached or the version is unknown: the rest is not read */
    bool is_end_reported;
    bool is_depth_reported;
    size_t block_count;

    struct mimo_span braces[MIMO_BRACE_DEPTH_MAX];
    unsigned brace_depth;
    struct mimo_span brackets[MIMO_EXPRESSION_DEPTH_MAX]; /* open ( and [ of the current entry */
    unsigned bracket_depth;
    struct mimo_name *recent; /* words since the current entry began */
    size_t recent_count, recent_capacity;
};

/* The grammar's view. */
void mimo_parser_statement(struct mimo_parser *parser, struct mimo_statement statement);
void mimo_parser_lost_statement(struct mimo_parser *parser);
struct mimo_tree_block *mimo_parser_entries(struct mimo_parser *parser);
void mimo_parser_attribute(struct mimo_parser *parser, struct mimo_tree_block *block,
                           struct mimo_name name, struct mimo_expression *value);
struct mimo_tree_block *mimo_parser_close(struct mimo_parser *parser,
                                          const struct mimo_tree_block *head,
                                          struct mimo_tree_block *entries);
struct mimo_expression *mimo_parser_node(struct mimo_parser *parser, enum mimo_operator operation,
                                         struct mimo_span span, struct mimo_expression *first,
                                         struct mimo_expression *second,
                                         struct mimo_expression *third);
void mimo_parser_add(struct mimo_parser *parser, struct mimo_expression *node,
                     struct mimo_expression *item);

/* Reports a syntax error at the last token; `expected` are the kinds that would have been right. */
void mimo_parser_report(struct mimo_parser *parser, const int *expected, int expected_count);

/* The parser ran out of its stack. */
void mimo_parser_exhausted(struct mimo_parser *parser);

#endif
