/*
 * tree.h - a file as written: statements, blocks, attributes and expressions with their places.
 *
 * The parser builds the tree and knows no meaning; everything lives in the compilation's arena.
 */
#ifndef MIMO_COMPILER_SYNTAX_TREE_H
#define MIMO_COMPILER_SYNTAX_TREE_H

#include "compiler/diagnostic/diagnostic.h"

/* A word and its place. For a string the text is its content, for a number what was written. */
struct mimo_name {
    const char *text; /* NULL where an optional name is absent */
    struct mimo_span span;
};

enum mimo_expression_kind {
    MIMO_EXPRESSION_INVALID, /* already reported */
    MIMO_EXPRESSION_NUMBER,
    MIMO_EXPRESSION_STRING,
    MIMO_EXPRESSION_PATH, /* words joined by dots; one word may also be a literal such as true */
    MIMO_EXPRESSION_LIST,
    MIMO_EXPRESSION_CALL,
    MIMO_EXPRESSION_UNARY,
    MIMO_EXPRESSION_BINARY,
    MIMO_EXPRESSION_CONDITIONAL, /* condition, then, else */
};

#define MIMO_OPERATORS(X)                                                                          \
    X(NEGATE, "-")                                                                                 \
    X(NOT, "!")                                                                                    \
    X(ADD, "+")                                                                                    \
    X(SUBTRACT, "-")                                                                               \
    X(MULTIPLY, "*")                                                                               \
    X(DIVIDE, "/")                                                                                 \
    X(REMAINDER, "%")                                                                              \
    X(EQUAL, "==")                                                                                 \
    X(NOT_EQUAL, "!=")                                                                             \
    X(LESS, "<")                                                                                   \
    X(LESS_EQUAL, "<=")                                                                            \
    X(GREATER, ">")                                                                                \
    X(GREATER_EQUAL, ">=")                                                                         \
    X(AND, "&&")                                                                                   \
    X(OR, "||")
#define MIMO_ENUM_OPERATOR(name, word) MIMO_OPERATOR_##name,
enum mimo_operator { MIMO_OPERATORS(MIMO_ENUM_OPERATOR) MIMO_OPERATOR_COUNT };

struct mimo_expression {
    enum mimo_expression_kind kind;
    enum mimo_operator operation; /* UNARY, BINARY */
    struct mimo_span span;
    struct mimo_name name;  /* NUMBER, STRING; the function of a CALL */
    struct mimo_name *path; /* PATH */
    size_t path_length, path_capacity;
    struct mimo_expression **items; /* operands, elements, arguments */
    size_t item_count, item_capacity;
    unsigned depth; /* 1 for a leaf */
};

struct mimo_tree_attribute {
    struct mimo_name name;
    struct mimo_expression *value;
    struct mimo_span span; /* from the name to the end of the value */
};

struct mimo_tree_block {
    struct mimo_name kind;
    struct mimo_name name; /* may be absent */
    struct mimo_name base; /* the word behind ":"; may be absent */
    struct mimo_tree_attribute *attributes;
    size_t attribute_count, attribute_capacity;
    struct mimo_tree_block **blocks;
    size_t block_count, block_capacity;
    bool is_damaged;  /* a syntax error inside, so that entries may have been skipped */
    bool is_unclosed; /* ended by the end of the file: it may have swallowed what follows it */
};

enum mimo_statement_kind {
    MIMO_STATEMENT_VERSION,   /* name: the number */
    MIMO_STATEMENT_IMPORT,    /* name: the path */
    MIMO_STATEMENT_PARAM,     /* name, value */
    MIMO_STATEMENT_ASSERT,    /* value, name: the message */
    MIMO_STATEMENT_BLOCK,     /* block */
    MIMO_STATEMENT_ATTRIBUTE, /* name, value: an attribute outside of any block, an error */
};

struct mimo_statement {
    enum mimo_statement_kind kind;
    struct mimo_span span;
    struct mimo_name name;
    struct mimo_expression *value;
    struct mimo_tree_block *block;
};

/* One of the words in an allow comment. */
struct mimo_allowed {
    struct mimo_name code;
    bool is_used;
};

/* A comment `# mimoc: allow CODE, CODE -- reason`. */
struct mimo_allow {
    struct mimo_allowed *codes;
    size_t code_count, code_capacity;
    const char *reason; /* or NULL */
    struct mimo_span span;
};

struct mimo_tree {
    uint32_t file;
    struct mimo_statement *statements;
    size_t statement_count, statement_capacity;
    struct mimo_name *lost; /* words that syntax errors may have skipped the definitions of */
    size_t lost_count, lost_capacity;
    struct mimo_span *comments; /* all of them, up to the end of their lines */
    size_t comment_count, comment_capacity;
    struct mimo_allow *allows;
    size_t allow_count, allow_capacity;
    bool is_damaged;  /* a syntax error between the statements */
    bool is_unclosed; /* a brace was never closed */
};

/* From the begin of `a` to the end of `b`, in the same file. */
struct mimo_span mimo_span_join(struct mimo_span a, struct mimo_span b);

struct mimo_expression *mimo_expression_leaf(struct mimo_arena *arena,
                                             enum mimo_expression_kind kind, struct mimo_name name);
struct mimo_expression *mimo_expression_path(struct mimo_arena *arena,
                                             struct mimo_expression *path_or_null,
                                             struct mimo_name name);
struct mimo_expression *mimo_expression_node(struct mimo_arena *arena,
                                             enum mimo_expression_kind kind,
                                             enum mimo_operator operation, struct mimo_span span);
/* Adds an operand, element or argument and takes its depth into account. */
void mimo_expression_add(struct mimo_arena *arena, struct mimo_expression *node,
                         struct mimo_expression *item);

const char *mimo_operator_word(enum mimo_operator operation);

#endif
