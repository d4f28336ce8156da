/*
 * schema.h - the schema table (grammar/schema.def) as data: which blocks and attributes there are,
 * where they stand, what they take.
 */
#ifndef MIMO_COMPILER_SCHEMA_SCHEMA_H
#define MIMO_COMPILER_SCHEMA_SCHEMA_H

#include <float.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Blocks and attributes come from the schema table, grammar/schema.def. An attribute name has one
 * identifier in all blocks: MIMO_ATTR_tensor_parallel. */
enum mimo_block_kind {
#define MIMO_BLOCK(name, ...) MIMO_BLOCK_##name,
#define MIMO_ATTRIBUTE(...)
#include "grammar/schema.def"
#undef MIMO_BLOCK
#undef MIMO_ATTRIBUTE
    MIMO_BLOCK_KIND_COUNT
};

enum mimo_attribute {
#define MIMO_ATTRIBUTE_NAME(name) MIMO_ATTR_##name,
#include "grammar/attributes.def"
#undef MIMO_ATTRIBUTE_NAME
    MIMO_ATTRIBUTE_COUNT
};

/* What a number counts. Each attribute fixes its unit (grammar/types.def). */
enum mimo_unit {
    MIMO_UNIT_PLAIN,
    MIMO_UNIT_BYTES,
    MIMO_UNIT_FLOPS,     /* floating-point operations per second */
    MIMO_UNIT_BANDWIDTH, /* bytes per second */
    MIMO_UNIT_DURATION,  /* seconds */
};

/* The kinds of value that a type accepts. */
enum mimo_form {
    MIMO_FORM_INTEGER = 1 << 0,
    MIMO_FORM_REAL = 1 << 1, /* integers too */
    MIMO_FORM_STRING = 1 << 2,
    MIMO_FORM_BOOLEAN = 1 << 3,
    MIMO_FORM_AUTO = 1 << 4,
    MIMO_FORM_NONE = 1 << 5,
    MIMO_FORM_LIST = 1 << 6, /* a list of numbers, and no number alone */
    MIMO_FORM_PAIR =
        1 << 7, /* a list must have two numbers; without LIST, a number alone will do */
    MIMO_FORM_NAME = 1 << 8, /* the name of a block; its value is a string */
};

/* Enumerations that the plan format does not know. */
#define MIMO_CLASS_TOKENS(X)                                                                       \
    X(DROP, "drop")                                                                                \
    X(KEEP, "keep")
#define MIMO_KEEPS(X) X(ALL, "all")
#define MIMO_NO_WORDS(X)

/* Ranges of numbers: name, lowest, highest, and how a message says either bound. */
#define MIMO_RANGES(X)                                                                             \
    X(any, -DBL_MAX, DBL_MAX, "a finite number", "a finite number")                                \
    X(any_integer, -2147483647.0, 2147483647.0, "at least -2147483647", "at most 2147483647")      \
    X(any_real, -DBL_MAX, DBL_MAX, "a finite number", "a finite number")                           \
    X(positive, 1.0, 2147483647.0, "at least 1", "at most 2147483647")                             \
    X(natural, 0.0, 2147483647.0, "at least 0", "at most 2147483647")                              \
    X(positive_long, 1.0, 0x1p63, "at least 1", "smaller")                                         \
    X(natural_long, 0.0, 0x1p63, "at least 0", "smaller")                                          \
    X(positive_real, DBL_MIN, DBL_MAX, "greater than 0", "a finite number")                        \
    X(natural_real, 0.0, DBL_MAX, "at least 0", "a finite number")                                 \
    X(fraction, 0.0, 1.0 - DBL_EPSILON / 2, "at least 0", "less than 1")                           \
    X(channels, 1.0, 4.0, "at least 1", "at most 4")

struct mimo_range {
    double low, high;
    const char *below, *above; /* "must be ..." for a number that is too low, too high */
};

struct mimo_type {
    unsigned forms; /* of enum mimo_form */
    enum mimo_unit unit;
    const char *const *words;
    size_t word_count;
    const char *noun;
};

enum mimo_naming {
    MIMO_NAMING_NAMED,    /* a name follows the kind word */
    MIMO_NAMING_OPTIONAL, /* a name may follow */
    MIMO_NAMING_UNNAMED,
    MIMO_NAMING_VARIANT, /* one of a few words follows, as in `optimizer adamw` */
};

enum mimo_presence {
    MIMO_PRESENCE_ANY,
    MIMO_PRESENCE_ONE,      /* at most one in its parent */
    MIMO_PRESENCE_REQUIRED, /* exactly one */
};

struct mimo_schema_attribute {
    enum mimo_block_kind block;
    enum mimo_attribute attribute;
    const char *bases; /* space-separated architectures or variants; "": all */
    const struct mimo_type *type;
    const char *default_text; /* an expression; NULL: required */
    const struct mimo_range *range;
    const char *doc;
};

struct mimo_schema_block {
    const char *word;
    const char *parents; /* space-separated; "": the file */
    const char *bases;   /* space-separated */
    const char *doc;
    enum mimo_naming naming;
    enum mimo_presence presence;
};

const struct mimo_schema_block *mimo_schema_block(enum mimo_block_kind kind);
const char *mimo_attribute_word(enum mimo_attribute attribute);

/* All rows of a kind of block, in the order of the table. */
const struct mimo_schema_attribute *mimo_schema_attributes(enum mimo_block_kind kind,
                                                           size_t *out_count);

/* True where the row holds for blocks with this base; a NULL base has every row. */
bool mimo_schema_applies(const struct mimo_schema_attribute *row, const char *base);

/* The kind of block that a word names. */
bool mimo_schema_find_block(const char *word, enum mimo_block_kind *out_kind);

/* True where a block of this kind may stand in `parent` (NULL: the file). */
bool mimo_schema_nests(enum mimo_block_kind kind, const enum mimo_block_kind *parent);

/* True where a block of this kind derives from another one (model, deployment, ...). */
bool mimo_schema_derives(enum mimo_block_kind kind);

/* The index of `word` among the type's words, or -1. */
int64_t mimo_type_word_index(const struct mimo_type *type, const char *word);

/* True where `word` belongs to any enumeration of the language. */
bool mimo_schema_knows_word(const char *word);

/* Word `index` of a space-separated list, or NULL behind the last; the length without the space. */
const char *mimo_word_list_item(const char *list, size_t index, size_t *out_length);
bool mimo_word_list_contains(const char *list, const char *word);

#endif
