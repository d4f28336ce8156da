/*
 * grammar.h - the language's tables, as LANGUAGE.md section 3 has them.
 */
#ifndef MIMO_TESTS_RANDOM_GRAMMAR_H
#define MIMO_TESTS_RANDOM_GRAMMAR_H

#include "tests/random/sketch.h"

enum grammar_type {
    TYPE_INTEGER,
    TYPE_REAL,
    TYPE_BOOLEAN,
    TYPE_STRING,
    TYPE_WORD,
    TYPE_INTEGERS,
    TYPE_REALS,
    TYPE_PAIR, /* an integer or [low, high] */
    TYPE_TWO_REALS,
    TYPE_BYTES,
    TYPE_FLOPS,
    TYPE_RATE,
    TYPE_CLUSTER,
    TYPE_ENCODER,
};

enum { REQUIRED = 1, OR_AUTO = 2, OR_NONE = 4, LARGE = 8 };

struct grammar_row {
    const char *kind, *base, *name;
    enum grammar_type type;
    unsigned flags;
    double low, high;
    const char *words; /* " a b " */
    double number;     /* the default of a number; NAN: it depends on others */
};

enum { GRAMMAR_ROW_COUNT = 100, GRAMMAR_NESTING_COUNT = 14 };

extern const struct grammar_row grammar_rows[GRAMMAR_ROW_COUNT];

/* Where each kind of block may stand; "": in the file. */
struct grammar_nesting {
    const char *kind, *parent;
};

extern const struct grammar_nesting grammar_nestings[GRAMMAR_NESTING_COUNT];

/* The row of the block's attribute, or NULL. */
const struct grammar_row *grammar_find(const struct sketch_block *block, const char *name);

bool grammar_may_stand_in(const char *kind, const char *parent);
bool grammar_is_kind(const char *kind);

/* `words` may be NULL. */
bool grammar_has_word(const char *words, const char *word);

/* Of some enumeration. */
bool grammar_is_word(const char *word);

#endif
