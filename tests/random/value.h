/*
 * value.h - values as they are written: what they come to, or what is wrong with them.
 */
#ifndef MIMO_TESTS_RANDOM_VALUE_H
#define MIMO_TESTS_RANDOM_VALUE_H

#include "tests/random/grammar.h"
#include "tests/random/oracle.h"

struct oracle_value oracle_read_param(struct oracle *oracle, int index);

/* A reference, with its operation; `place` is where it stands. */
struct oracle_value oracle_follow(struct oracle *oracle, const struct sketch_value *value,
                                  struct sketch_place place);

/* An attribute that is written in block `owner`. */
struct oracle_value oracle_judge_attribute(struct oracle *oracle, int owner,
                                           const struct sketch_attribute *attribute,
                                           const struct grammar_row *row);

#endif
