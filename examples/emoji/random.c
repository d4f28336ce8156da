#include "examples/emoji/random.h"

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t mimo_random_next(struct mimo_random *random)
{
    random->state += 0x9e3779b97f4a7c15u;
    return mix(random->state);
}

struct mimo_random mimo_random_keyed(uint64_t seed, uint64_t stream, uint64_t index)
{
    struct mimo_random random = {seed};

    random.state = mimo_random_next(&random) + stream;
    random.state = mimo_random_next(&random) + index;
    return random;
}

/* The top 32 bits times the bound: off from uniform by at most bound / 2^32. */
uint32_t mimo_random_below(struct mimo_random *random, uint32_t bound)
{
    return (uint32_t)(((mimo_random_next(random) >> 32) * bound) >> 32);
}
