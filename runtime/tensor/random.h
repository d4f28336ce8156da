/*
 * random.h - random numbers that depend on where they are used, not on when.
 *
 * Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): a keyed
 * bijection of a counter. Value i of a named stream is the same on every rank, in every layout and
 * in every order of evaluation.
 */
#ifndef MIMO_RUNTIME_TENSOR_RANDOM_H
#define MIMO_RUNTIME_TENSOR_RANDOM_H

#include <stdint.h>

struct mimo_random {
    uint32_t key[2];
    uint32_t stream[2];
};

/* The stream of `name` under `seed`. */
struct mimo_random mimo_random_stream(uint64_t seed, const char *name);

/* Value `index` of the stream, uniform in [0, 1) with 53 bits. */
double mimo_random_uniform(const struct mimo_random *random, uint64_t index);

/* Value `index` of the stream from the normal distribution of mean 0 and deviation 1 (Box and
 * Muller 1958). */
double mimo_random_normal(const struct mimo_random *random, uint64_t index);

#endif
