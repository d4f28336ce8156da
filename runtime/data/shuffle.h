/*
 * shuffle.h - the order of an epoch without a list of it.
 *
 * A balanced Feistel network (Luby and Rackoff, "How to construct pseudorandom permutations from
 * pseudorandom functions", SIAM J. Comput. 1988) over the smallest power of 4 that holds all
 * elements, walked along its cycle until it hits an element (Black and Rogaway, "Ciphers with
 * arbitrary finite domains", CT-RSA 2002). Fewer than four steps are expected.
 */
#ifndef MIMO_RUNTIME_DATA_SHUFFLE_H
#define MIMO_RUNTIME_DATA_SHUFFLE_H

#include <stdint.h>

/* The element at place `index` (below `count`) of the permutation of 0 ... count - 1 that belongs
 * to (seed, epoch). `count` is at most 2^62. */
uint64_t mimo_shuffle_at(uint64_t seed, uint64_t epoch, uint64_t index, uint64_t count);

#endif
