/*
 * evaluate.h - from expressions to values: lazily, each definition once, in any order.
 *
 * evaluate.c walks expressions and definitions, reference.c finds what names refer to, convert.c
 * makes what an attribute's type asks for. Private to them, complete.c and the language server.
 */
#ifndef MIMO_COMPILER_DECLARATION_EVALUATE_H
#define MIMO_COMPILER_DECLARATION_EVALUATE_H

#include "compiler/declaration/arithmetic.h"
#include "compiler/declaration/compilation.h"

/* Where an expression stands. */
struct mimo_scope {
    struct mimo_compilation *compilation;
    const struct mimo_block *block;                /* whose attributes are siblings, or NULL */
    const struct mimo_schema_attribute *attribute; /* whose words come first, or NULL */
    bool is_default; /* of the schema: reports nothing, sees siblings but no params */
};

struct mimo_calculator mimo_scope_calculator(const struct mimo_scope *scope);

struct mimo_value mimo_evaluate(const struct mimo_scope *scope,
                                const struct mimo_expression *expression);

/* The value of an attribute, its default included; evaluated on the first call. */
struct mimo_value mimo_evaluate_field(struct mimo_compilation *compilation,
                                      const struct mimo_block *block, struct mimo_field *field);
struct mimo_value mimo_evaluate_param(struct mimo_compilation *compilation,
                                      struct mimo_param *param);

/* The value of a path of one or more words. */
struct mimo_value mimo_evaluate_path(const struct mimo_scope *scope,
                                     const struct mimo_expression *path);

/* What a word of a path names: a param, a block or an attribute of one. */
struct mimo_reference {
    const struct mimo_param *param;
    const struct mimo_block *block; /* with `field`: the one that the attribute belongs to */
    const struct mimo_field *field;
};

/* Finds what word `index` of the path names; false where it names nothing, or is a word of an
 * enumeration or a literal. Reports nothing. */
bool mimo_reference_find(const struct mimo_scope *scope, const struct mimo_expression *path,
                         size_t index, struct mimo_reference *out_reference);

/* The value of an attribute that names a block: a string, none, or unknown after a report. */
struct mimo_value mimo_evaluate_block_name(const struct mimo_scope *scope,
                                           const struct mimo_expression *expression);

/* `value` as the scope's attribute wants it; unknown after E0301 or E0302. */
struct mimo_value mimo_convert(const struct mimo_scope *scope, const struct mimo_value *value,
                               struct mimo_span span);

/* Reports that `word` is none of the words that the scope's attribute takes. */
void mimo_report_word(const struct mimo_scope *scope, const char *word, struct mimo_span span);

#endif
