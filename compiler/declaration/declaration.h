/*
 * declaration.h - a declaration after names are resolved and expressions evaluated: typed values,
 * each with its place. What the rules (check.h) and the planner read.
 *
 * A value is known, or unknown because something about it was already reported; rules that need an
 * unknown value are not made. Defaults are counted: a known value may come from the schema table.
 * Everything lives in the compilation's arena.
 */
#ifndef MIMO_COMPILER_DECLARATION_DECLARATION_H
#define MIMO_COMPILER_DECLARATION_DECLARATION_H

#include "compiler/diagnostic/diagnostic.h"
#include "compiler/schema/schema.h"

enum mimo_value_kind {
    MIMO_VALUE_UNKNOWN, /* in error, or depends on something in error */
    MIMO_VALUE_INTEGER, /* also sizes in bytes */
    MIMO_VALUE_REAL,    /* also rates (per second) and durations (seconds) */
    MIMO_VALUE_STRING,
    MIMO_VALUE_BOOLEAN,
    MIMO_VALUE_WORD, /* a word of the attribute's enumeration; `integer` is its index there */
    MIMO_VALUE_AUTO,
    MIMO_VALUE_NONE,
    MIMO_VALUE_LIST,
};

struct mimo_value {
    enum mimo_value_kind kind;
    enum mimo_unit unit;
    int64_t integer;                /* INTEGER, BOOLEAN (0, 1), WORD */
    double real;                    /* REAL; for INTEGER the same number */
    const char *text;               /* STRING, WORD: NUL-terminated */
    const struct mimo_value *items; /* LIST */
    size_t item_count;
};

struct mimo_block {
    enum mimo_block_kind kind;
    const char *name;           /* NULL where the block has none */
    struct mimo_span name_span; /* of the name, or of the kind word where there is none */
    const char
        *architecture; /* the word after ":" (llama, adamw's kind stands here too), or NULL */
    struct mimo_span architecture_span;
    const struct mimo_block *parent;
    const struct mimo_block *const *children; /* in the order of the file */
    size_t child_count;
    bool is_damaged;            /* syntax errors inside: what is absent may have been skipped */
    struct mimo_fields *fields; /* the attributes; read through the functions below */
};

/* What a compilation chose to combine. Absent blocks are NULL. */
struct mimo_declaration {
    const struct mimo_block *model;
    const struct mimo_block *deployment;
    const struct mimo_block *training;
    const struct mimo_block *data;
    const struct mimo_block *checkpoint;
    const struct mimo_block *cluster; /* the one that the deployment names */
    int64_t language_version;
    int64_t world_size_option; /* --world-size, or 0 */
};

/* The value of an attribute, its default included; kind UNKNOWN where it has none. Never NULL. */
const struct mimo_value *mimo_block_value(const struct mimo_block *block,
                                          enum mimo_attribute attribute);

/* True where the value is known and of that kind; then *out is set. An integer is also a real. */
bool mimo_block_integer(const struct mimo_block *block, enum mimo_attribute attribute,
                        int64_t *out);
bool mimo_block_real(const struct mimo_block *block, enum mimo_attribute attribute, double *out);
bool mimo_block_boolean(const struct mimo_block *block, enum mimo_attribute attribute, bool *out);
bool mimo_block_string(const struct mimo_block *block, enum mimo_attribute attribute,
                       const char **out);
bool mimo_block_word(const struct mimo_block *block, enum mimo_attribute attribute,
                     int64_t *out_index);

/* True where the attribute is written in the block itself or inherited by derivation (even if in
 * error, or under a misspelt name): it does not come from a default. */
bool mimo_block_is_set(const struct mimo_block *block, enum mimo_attribute attribute);

/* The place of `name = value` as written in this very block; the block's name where the attribute
 * is inherited or absent. */
struct mimo_span mimo_block_span(const struct mimo_block *block, enum mimo_attribute attribute);

/* The place where the attribute was written, also where that is another block (inherited); false
 * where it is written nowhere (a default). For notes. */
bool mimo_block_origin(const struct mimo_block *block, enum mimo_attribute attribute,
                       struct mimo_span *out_span);

/* The first child of that kind (and name, unless NULL), or NULL. */
const struct mimo_block *mimo_block_child(const struct mimo_block *block, enum mimo_block_kind kind,
                                          const char *name);

#endif
