/*
 * random.h - the chance by which the device orders threads, blocks and streams.
 *
 * One generator, drawn from by the device thread alone. Its seed is MIMO_EMULATION_SEED, else of
 * the clock; a program that exits with a failure prints it, so that the run can be repeated. The
 * ranks of an MPI job draw different numbers from one seed.
 */
#ifndef MIMO_EMULATION_RANDOM_H
#define MIMO_EMULATION_RANDOM_H

#include <stdint.h>

namespace emulation
{

/* A number below `bound`, which is at least 1. */
uint32_t random_below(uint32_t bound);

/* True once in `times` on average. */
bool random_once_in(uint32_t times);

/* The seed in use. */
uint64_t random_seed();

/* Starts anew from a seed; only while the device has nothing to do. For tests. */
void random_reseed(uint64_t seed);

} // namespace emulation

#endif
