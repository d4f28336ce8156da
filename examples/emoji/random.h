/*
 * random.h - the data set's own random numbers, the same on every machine.
 *
 * splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014). Each
 * picture draws from a generator of its own, keyed by what the picture is, so that no picture's
 * numbers depend on how many others there are.
 */
#ifndef MIMO_EXAMPLES_EMOJI_RANDOM_H
#define MIMO_EXAMPLES_EMOJI_RANDOM_H

#include <stdint.h>

struct mimo_random {
    uint64_t state;
};

/* A generator for the key (seed, stream, index). */
struct mimo_random mimo_random_keyed(uint64_t seed, uint64_t stream, uint64_t index);

/* The next 64 bits. */
uint64_t mimo_random_next(struct mimo_random *random);

/* A number from 0 to bound - 1; `bound` is at least 1. */
uint32_t mimo_random_below(struct mimo_random *random, uint32_t bound);

#endif
