/*
 * oracle.h - what LANGUAGE.md demands to be said about a printed sketch, worked out by brute force
 * and without a line of the compiler: ranks are listed one by one, groups and overlaps are sets.
 *
 * The principle of its section 5 is the only rule about rules: an attribute, a layout or a block
 * that is in error is unknown, and a check that needs it is not made. Checks are made in the order
 * of causes: values, the model (E04), each layout for itself (E05), the deployment (E06 with E0502
 * and E0508), the training (E07).
 */
#ifndef MIMO_TESTS_RANDOM_ORACLE_H
#define MIMO_TESTS_RANDOM_ORACLE_H

#include "tests/random/sketch.h"

enum { ORACLE_FINDINGS_MAX = 200, ORACLE_RANKS_MAX = 1 << 16 };

struct oracle_finding {
    char code[6];
    struct sketch_place place;
};

/* A set. */
struct oracle_verdict {
    struct oracle_finding items[ORACLE_FINDINGS_MAX];
    int count;
    bool is_too_large; /* more than can be listed: no verdict */
};

void oracle_verdict_add(struct oracle_verdict *verdict, const char *code,
                        struct sketch_place place);

/* Judges the file with one of its deployments (or SKETCH_NONE), adding to what is there. */
void oracle_judge(struct sketch *sketch, int deployment, struct oracle_verdict *verdict);

/* ---- between its parts ---- */

#define ORACLE_UNKNOWN INT64_MIN

enum oracle_kind {
    ORACLE_NOTHING, /* unknown */
    ORACLE_INTEGER,
    ORACLE_REAL,
    ORACLE_QUANTITY,
    ORACLE_STRING,
    ORACLE_BOOLEAN,
    ORACLE_AUTO,
    ORACLE_NO, /* none */
    ORACLE_WORD,
    ORACLE_LIST,
};

struct oracle_value {
    enum oracle_kind kind;
    int64_t integer;
    double real;
    char unit;
    const char *text;
    const double *items;
    int item_count;
    char error[6];             /* the code of what is wrong with the attribute itself, or "" */
    struct sketch_place place; /* of that */
};

struct oracle {
    struct sketch *sketch;
    struct oracle_verdict *verdict;
    int model, deployment, training, data; /* or SKETCH_NONE */
    int depth;
};

/* Values, their types and ranges: E02, E03, E08 (rules_values.c). */
void oracle_judge_values(struct oracle *oracle);

/* The value in effect, its default included. */
struct oracle_value oracle_value(struct oracle *oracle, int block, const char *name);
int64_t oracle_integer(struct oracle *oracle, int block, const char *name);

/* Written in the block or in what it derives from. */
bool oracle_is_set(struct oracle *oracle, int block, const char *name);

/* Where a rule about the attribute stands: at it, or at the block's name. */
struct sketch_place oracle_place(struct oracle *oracle, int block, const char *name);

/* The children in effect of a kind, those of the base first; returns their number. */
int oracle_children(struct oracle *oracle, int block, const char *kind,
                    int out_blocks[SKETCH_BLOCKS_MAX]);

/* Something in it is not known to the language, so that what is absent may have been meant. */
bool oracle_is_damaged(struct oracle *oracle, int block);

bool oracle_stands_before(struct sketch_place a, struct sketch_place b);

#endif
