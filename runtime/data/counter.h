/*
 * counter.h - random bits as a function of a key and a counter: nothing to store, nothing to skip.
 *
 * The output function and the increment are those of SplitMix64 (Steele, Lea, Flood: "Fast
 * splittable pseudorandom number generators", OOPSLA 2014), whose n-th output is a hash of its seed
 * and n.
 */
#ifndef MIMO_RUNTIME_DATA_COUNTER_H
#define MIMO_RUNTIME_DATA_COUNTER_H

#include <stdint.h>

/* Output `counter` of the generator `key`. An output may serve as the key of a further generator.
 */
static inline uint64_t mimo_counter_bits(uint64_t key, uint64_t counter)
{
    uint64_t bits = key + (counter + 1) * 0x9E3779B97F4A7C15u;

    bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9u;
    bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EBu;
    return bits ^ (bits >> 31);
}

/* Maps random bits to 0 ... count - 1, uniformly to within count / 2^32. */
static inline uint32_t mimo_counter_below(uint64_t bits, uint32_t count)
{
    return (uint32_t)((bits >> 32) * count >> 32);
}

#endif
