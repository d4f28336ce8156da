#include "runtime/data/shuffle.h"

#include "plan/error.h"
#include "runtime/data/counter.h"

enum { ROUNDS = 8 }; /* four suffice for large domains; small ones mix slowly */

static unsigned half_bits(uint64_t count)
{
    unsigned bits = 1;

    while ((uint64_t)1 << (2 * bits) < count)
        bits++;
    return bits;
}

static uint64_t feistel(uint64_t key, uint64_t value, unsigned bits)
{
    const uint64_t mask = ((uint64_t)1 << bits) - 1;
    uint64_t left = value >> bits, right = value & mask;

    for (unsigned round = 0; round < ROUNDS; round++) {
        const uint64_t round_key = mimo_counter_bits(key, round);
        const uint64_t mixed = left ^ (mimo_counter_bits(round_key, right) & mask);
        left = right;
        right = mixed;
    }
    return left << bits | right;
}

uint64_t mimo_shuffle_at(uint64_t seed, uint64_t epoch, uint64_t index, uint64_t count)
{
    const uint64_t key = mimo_counter_bits(seed, epoch);
    const unsigned bits = half_bits(count);

    MIMO_ASSERT(index < count && count <= (uint64_t)1 << 62);
    do
        index = feistel(key, index, bits);
    while (index >= count);
    return index;
}
