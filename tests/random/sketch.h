/*
 * sketch.h - a declaration as an abstract value: blocks, attributes and values, before anybody has
 * decided how it is spelt.
 *
 *     sketch_draw()     a random valid declaration                    draw.c, draw_layout.c
 *     sketch_dress()    derivation, references, params, asserts       dress.c
 *     sketch_mutate()   one random change, harmful or not             mutate.c
 *     sketch_print()    the text, in a random spelling; fills places  print.c
 *
 * A sketch has a fixed size and no pointers into itself, so that an assignment copies it.
 */
#ifndef MIMO_TESTS_RANDOM_SKETCH_H
#define MIMO_TESTS_RANDOM_SKETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    SKETCH_WORD_MAX = 40,
    SKETCH_LIST_MAX = 24,
    SKETCH_ATTRIBUTES_MAX = 26,
    SKETCH_BLOCKS_MAX = 48,
    SKETCH_PARAMS_MAX = 6,
    SKETCH_ASSERTS_MAX = 3,
    SKETCH_NONE = -1,
};

/* ---- chance ---- */

/* A stream of random numbers (splitmix64); equal seeds give equal streams everywhere. */
struct dice {
    uint64_t state;
};

/* 0 ... count - 1; `count` is positive. */
int dice_below(struct dice *dice, int count);

/* first ... last */
int dice_between(struct dice *dice, int first, int last);

/* True in `percent` of 100 cases. */
bool dice_chance(struct dice *dice, int percent);

/* One of the numbers of a list ended by 0. */
int dice_choose(struct dice *dice, const int *numbers);

#define DICE_CHOOSE(dice, ...) dice_choose((dice), (const int[]){__VA_ARGS__, 0})

/* ---- a sketch ---- */

/* Line and column, from 1; line 0: nowhere. */
struct sketch_place {
    int line, column;
};

enum sketch_value_kind {
    SKETCH_INTEGER,
    SKETCH_REAL,
    SKETCH_QUANTITY, /* a number with a unit, as written */
    SKETCH_STRING,
    SKETCH_WORD, /* true, false, auto, none, a word of an enumeration, a name */
    SKETCH_LIST,
    SKETCH_REFERENCE, /* a param or an attribute, perhaps with an operation on it */
    SKETCH_RAW,       /* an expression as written that is in error in itself */
};

struct sketch_value {
    enum sketch_value_kind kind;
    int64_t integer;            /* INTEGER */
    double real;                /* REAL */
    char text[SKETCH_WORD_MAX]; /* STRING, WORD, QUANTITY, RAW */
    char unit;                  /* QUANTITY: b(ytes), f(lops), r(ate); otherwise 0 */
    bool is_real_list;          /* LIST */
    double items[SKETCH_LIST_MAX];
    int item_count;
    /* REFERENCE: (target operation operand) */
    int param, block; /* one of them; the other is SKETCH_NONE */
    char attribute[SKETCH_WORD_MAX];
    char operation; /* + - * / or 0 */
    int64_t operand;
    char error[6]; /* RAW: the code of what is wrong with it */
};

struct sketch_attribute {
    char name[SKETCH_WORD_MAX];
    struct sketch_value value;
    int order;                       /* among the entries of its block */
    struct sketch_place place;       /* of the name; filled in by the printer */
    struct sketch_place value_place; /* of the value */
};

struct sketch_block {
    char kind[SKETCH_WORD_MAX];
    char name[SKETCH_WORD_MAX]; /* or "" */
    char base[SKETCH_WORD_MAX]; /* an architecture, the block that it derives from, or "" */
    int parent;                 /* SKETCH_NONE: the file */
    int order;
    bool is_removed;
    struct sketch_attribute attributes[SKETCH_ATTRIBUTES_MAX];
    int attribute_count;
    struct sketch_place kind_place, base_place;
    struct sketch_place name_place; /* a variant's is its word; without a name the kind's */
};

struct sketch_param {
    char name[SKETCH_WORD_MAX];
    struct sketch_value value; /* INTEGER, or in error */
    struct sketch_place place, value_place;
};

/* target == value, or after a mutation another number */
struct sketch_assert {
    struct sketch_value left;
    int64_t right;
    struct sketch_place place;
};

struct sketch {
    struct sketch_block blocks[SKETCH_BLOCKS_MAX];
    int block_count;
    struct sketch_param params[SKETCH_PARAMS_MAX];
    int param_count;
    struct sketch_assert asserts[SKETCH_ASSERTS_MAX];
    int assert_count;
    bool has_bad_import;
    struct sketch_place version_place, import_place;
};

/* Copies a word, cutting it off at SKETCH_WORD_MAX. */
void sketch_copy_word(char to[SKETCH_WORD_MAX], const char *from);

int sketch_add_block(struct sketch *sketch, int parent, const char *kind, const char *name,
                     const char *base);
struct sketch_attribute *sketch_add(struct sketch *sketch, int block, const char *name,
                                    struct sketch_value value);
void sketch_set_integer(struct sketch *sketch, int block, const char *name, int64_t integer);
void sketch_set_word(struct sketch *sketch, int block, const char *name, const char *word);

struct sketch_value sketch_integer(int64_t integer);
struct sketch_value sketch_real(double real);
struct sketch_value sketch_text(enum sketch_value_kind kind, const char *text);
struct sketch_value sketch_quantity(const char *text, char unit);

/* The block's own attribute of that name, or NULL. */
struct sketch_attribute *sketch_find(struct sketch *sketch, int block, const char *name);

/* The first child of that kind (and name, unless NULL), or SKETCH_NONE. */
int sketch_child(const struct sketch *sketch, int parent, const char *kind, const char *name);

/* Derivation. The block that `block`, of the file or nested, starts as a copy of, or SKETCH_NONE;
 * optimizer and schedule are overridden as wholes. And the other way round. */
int sketch_base_of(const struct sketch *sketch, int block);
int sketch_derived_from(const struct sketch *sketch, int block);

/* The block of the file that holds `block`. */
int sketch_root(const struct sketch *sketch, int block);

/* `optimizer adamw`, `schedule cosine`: no name and no colon. */
bool sketch_is_variant(const struct sketch_block *block);

/* ---- what can be done with one ---- */

struct sketch_options {
    bool
        is_runnable; /* small, synthetic, one deployment, at most 8 ranks: mimo-exec can train it */
};

void sketch_draw(struct sketch *sketch, struct dice *dice, const struct sketch_options *options);
void sketch_dress(struct sketch *sketch, struct dice *dice);

/* Changes one thing and returns what was done; NULL where the change does not apply here. */
const char *sketch_mutate(struct sketch *sketch, struct dice *dice);

void sketch_print(struct sketch *sketch, struct dice *dice, FILE *file);

#endif
