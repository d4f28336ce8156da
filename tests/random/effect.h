/*
 * effect.h - which blocks and attributes of a sketch are in effect.
 */
#ifndef MIMO_TESTS_RANDOM_EFFECT_H
#define MIMO_TESTS_RANDOM_EFFECT_H

#include "tests/random/oracle.h"

/* Neither the block nor one around it has been removed. */
bool effect_is_present(const struct oracle *oracle, int block);

/* "" in the file. */
const char *effect_parent_kind(const struct oracle *oracle, int block);

/* Another block of that name stands before it. */
bool effect_is_second(const struct oracle *oracle, int block);

/* It derives from a block that does not exist. */
bool effect_has_lost_base(const struct oracle *oracle, int block);

/* The block that stands for this one in the end: the last of those that derive from it. */
int effect_of(const struct oracle *oracle, int block);

/* What is in effect is written with an x behind its name, as a mutation misspells it: the attribute
 * is given, and unknown. */
bool effect_is_misspelt(struct oracle *oracle, int block, const char *name);

/* The attribute in effect and the block that it is written in, or NULL. */
struct sketch_attribute *effect_look_up(struct oracle *oracle, int block, const char *name,
                                        int *out_block);

#endif
