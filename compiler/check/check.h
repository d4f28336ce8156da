/*
 * check.h - the rules of the language: codes E04 to E07 and their warnings.
 *
 * A rule is a short function over the facts (facts.h), listed in a table under its code. Rules run
 * in the order of the tables; see facts.h for how one mistake mutes what follows from it.
 */
#ifndef MIMO_COMPILER_CHECK_CHECK_H
#define MIMO_COMPILER_CHECK_CHECK_H

#include "compiler/check/facts.h"

struct mimo_checker {
    struct mimo_facts *facts;
    struct mimo_diagnostics *diagnostics;
};

struct mimo_rule {
    void (*check)(struct mimo_checker *checker);
    void (*check_module)(struct mimo_checker *checker, struct mimo_module_facts *module);
};

/* The tables, each ended by an empty row. */
extern const struct mimo_rule mimo_model_rules[];      /* E04 (check/model.c) */
extern const struct mimo_rule mimo_layout_rules[];     /* E05 (check/layout.c) */
extern const struct mimo_rule mimo_deployment_rules[]; /* E06, and those of E05 and W05 that need
                                                          the world (check/deployment.c) */
extern const struct mimo_rule mimo_training_rules[];   /* E07, W0502, W07 (check/training.c) */

/* Runs all rules, and completes the facts that follow from several blocks: world_size,
 * data_parallel where it is auto, micro_steps, the projectors' encoders. */
void mimo_check(struct mimo_facts *facts, struct mimo_diagnostics *diagnostics);

/* Adds a note at the place where an attribute was written, where it was written at all. */
void mimo_check_note(struct mimo_checker *checker, struct mimo_diagnostic *diagnostic,
                     const struct mimo_block *block, enum mimo_attribute attribute,
                     const char *what);

enum { MIMO_CHECK_NUMBERS_MAX = 12 }; /* in one help line */

/* "1, 2 and 4": `count` numbers, at least one. */
const char *mimo_check_join(struct mimo_arena *arena, const int64_t *numbers, int count);

/* "1, 2, 4, 8, 16 and 32": the divisors of `number`, of many those nearest to `wanted`. */
const char *mimo_check_divisors(struct mimo_arena *arena, int64_t number, int64_t wanted);

/* The same with its verb, "... and 32 divide", before "it" or "them". */
const char *mimo_check_dividing(struct mimo_arena *arena, int64_t number, int64_t wanted);

#endif
