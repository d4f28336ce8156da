/*
 * parts.h - the state of the language server and its parts; private to lsp*.c.
 */
#ifndef MIMO_COMPILER_LSP_PARTS_H
#define MIMO_COMPILER_LSP_PARTS_H

#include "compiler/lsp/document.h"
#include "compiler/lsp/lsp.h"
#include "compiler/lsp/transport.h"

#include <jansson.h>

enum mimo_lsp_phase { MIMO_LSP_FRESH, MIMO_LSP_RUNNING, MIMO_LSP_SHUT_DOWN, MIMO_LSP_ENDED };

struct mimo_lsp {
    const struct mimo_lsp_options *options;
    struct mimo_lsp_transport transport;
    struct mimo_lsp_documents documents;
    enum mimo_lsp_phase phase;
    bool was_shut_down;
    enum mimo_lsp_encoding encoding;
};

/* Sends a notification; takes over `params`. */
void mimo_lsp_notify(struct mimo_lsp *server, const char *method, json_t *params);

/* ---- values of the protocol: new references ---- */

/* A string; what is not UTF-8 becomes U+FFFD. */
json_t *mimo_lsp_text(const char *text);

/* { kind: "markdown", value } */
json_t *mimo_lsp_markdown(const char *text);

/* A range of a text: bytes begin ... end - 1. */
json_t *mimo_lsp_range(const struct mimo_lsp *server, const struct mimo_lsp_lines *lines,
                       size_t begin, size_t end);

/* A range of the document. */
json_t *mimo_lsp_span(const struct mimo_lsp *server, const struct mimo_lsp_document *document,
                      struct mimo_span span);

/* { uri, range } of a place in any file of the document's compilation. */
json_t *mimo_lsp_location(const struct mimo_lsp *server, struct mimo_lsp_document *document,
                          struct mimo_span span);

/* Reads { line, character }. */
bool mimo_lsp_read_position(const json_t *json, struct mimo_lsp_position *out_position);

/* ---- what stands at a place (lsp/find.c) ---- */

enum mimo_lsp_target_kind {
    MIMO_LSP_NOTHING,
    MIMO_LSP_BLOCK_KIND, /* `language` */
    MIMO_LSP_BLOCK_NAME,
    MIMO_LSP_BLOCK_BASE, /* behind ":" */
    MIMO_LSP_ATTRIBUTE,  /* its name */
    MIMO_LSP_PARAM,      /* its name */
    MIMO_LSP_IMPORT,
    MIMO_LSP_WORD, /* of a path in an expression */
    MIMO_LSP_EXPRESSION,
};

struct mimo_lsp_target {
    enum mimo_lsp_target_kind kind;
    struct mimo_span span;
    const struct mimo_statement *statement;
    const struct mimo_tree_block *block; /* the innermost one, or NULL */
    const struct mimo_tree_attribute *attribute;
    const struct mimo_expression *expression; /* the innermost one */
    size_t word;                              /* of its path */
    /* what the compiler made of them, NULL where it could not: the block, that of the file around
     * it, and the attribute */
    const struct mimo_block *resolved, *outermost;
    struct mimo_field *field;
};

/* Finds what byte `offset` of the document stands in, or right behind. */
void mimo_lsp_find(const struct mimo_lsp_document *document, size_t offset,
                   struct mimo_lsp_target *out_target);

/* Where the target's expression is evaluated. */
struct mimo_scope;
void mimo_lsp_scope(struct mimo_lsp_document *document, const struct mimo_lsp_target *target,
                    struct mimo_scope *out_scope);

/* ---- texts about the schema (lsp/hover.c) ---- */

/* "an integer", "`gelu` or `relu`" */
const char *mimo_lsp_type_text(struct mimo_arena *arena, const struct mimo_schema_attribute *row);

/* The paragraph about an attribute: what it is, its type, range and default. */
const char *mimo_lsp_attribute_text(struct mimo_arena *arena,
                                    const struct mimo_schema_attribute *row);

/* The paragraph about a kind of block: what it is, how it is written. */
const char *mimo_lsp_block_text(struct mimo_arena *arena, enum mimo_block_kind kind);

/* ---- what may stand at a place (lsp/context.c) ---- */

enum mimo_lsp_place {
    MIMO_LSP_AT_NOTHING, /* within a comment or string, or a name that the user makes up */
    MIMO_LSP_AT_ENTRY,   /* an attribute or block may begin */
    MIMO_LSP_AT_NAME,    /* behind the word of a block */
    MIMO_LSP_AT_BASE,    /* behind the ":" of a block */
    MIMO_LSP_AT_VALUE,   /* an operand */
    MIMO_LSP_AT_MEMBER,  /* behind a "." */
};

enum { MIMO_LSP_DEPTH_MAX = 64 };

/* The words in front of a `{`; "" where absent. */
struct mimo_lsp_head {
    const char *kind, *name, *base;
};

struct mimo_lsp_context {
    enum mimo_lsp_place place;
    struct mimo_lsp_head heads[MIMO_LSP_DEPTH_MAX]; /* of the open blocks, outermost first */
    size_t depth;
    struct mimo_lsp_head head; /* NAME, BASE: of the block that begins */
    const char *attribute;     /* VALUE: its name, or NULL where it is none */
    const char **path;         /* MEMBER: the words in front of the last dot */
    size_t path_length, path_capacity;
    const char *number; /* VALUE: digits that the place is right behind, or NULL */
    size_t number_begin;
    const char **given; /* attributes of the innermost block, behind the place too */
    size_t given_count, given_capacity;
};

/* Works on the tokens alone, as what is being written is rarely well formed. */
void mimo_lsp_context_find(struct mimo_lsp_document *document, size_t offset,
                           struct mimo_lsp_context *out_context);

/* ---- answers: new references; `offset` is a byte of the document ---- */

void mimo_lsp_publish(struct mimo_lsp *server, struct mimo_lsp_document *document);
json_t *mimo_lsp_actions(struct mimo_lsp *server, struct mimo_lsp_document *document, size_t begin,
                         size_t end);
json_t *mimo_lsp_hover(struct mimo_lsp *server, struct mimo_lsp_document *document, size_t offset);
json_t *mimo_lsp_definition(struct mimo_lsp *server, struct mimo_lsp_document *document,
                            size_t offset);
json_t *mimo_lsp_complete(struct mimo_lsp *server, struct mimo_lsp_document *document,
                          size_t offset);
json_t *mimo_lsp_symbols(struct mimo_lsp *server, struct mimo_lsp_document *document);
json_t *mimo_lsp_format(struct mimo_lsp *server, struct mimo_lsp_document *document);

#endif
