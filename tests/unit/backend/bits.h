/*
 * bits.h - the results of operations that add up, for tests that compare them bit by bit.
 */
#ifndef MIMO_TESTS_UNIT_BACKEND_BITS_H
#define MIMO_TESTS_UNIT_BACKEND_BITS_H

#include "tests/unit/backend/rig.h"

enum { BITS_MAX = 100000 };

/* The same inputs every time, in rows of `cols` elements, at most 80, that lie `shift` elements
 * into their memory. Gives how many of BITS_MAX results there are. */
int64_t bits_of(struct rig *rig, int64_t cols, int64_t shift, double *out);

#endif
