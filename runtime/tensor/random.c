#include "runtime/tensor/random.h"

#include <math.h>

enum { ROUNDS = 10 };

static const double PI = 3.14159265358979323846;

/* FNV-1a, 64 bits: names are few and short, and collisions would need equal seeds as well. */
static uint64_t hash_name(const char *name)
{
    uint64_t hash = 14695981039346656037u;

    for (; *name != '\0'; name++)
        hash = (hash ^ (unsigned char)*name) * 1099511628211u;
    return hash;
}

struct mimo_random mimo_random_stream(uint64_t seed, const char *name)
{
    const uint64_t hash = hash_name(name);

    return (struct mimo_random){
        .key = {(uint32_t)seed, (uint32_t)(seed >> 32)},
        .stream = {(uint32_t)hash, (uint32_t)(hash >> 32)},
    };
}

static void philox(const struct mimo_random *random, uint64_t index, uint64_t out[2])
{
    uint32_t counter[4] = {(uint32_t)index, (uint32_t)(index >> 32), random->stream[0],
                           random->stream[1]};
    uint32_t key[2] = {random->key[0], random->key[1]};

    for (int round = 0; round < ROUNDS; round++) {
        const uint64_t product0 = (uint64_t)0xD2511F53u * counter[0];
        const uint64_t product1 = (uint64_t)0xCD9E8D57u * counter[2];
        const uint32_t next[4] = {
            (uint32_t)(product1 >> 32) ^ counter[1] ^ key[0],
            (uint32_t)product1,
            (uint32_t)(product0 >> 32) ^ counter[3] ^ key[1],
            (uint32_t)product0,
        };
        for (int i = 0; i < 4; i++)
            counter[i] = next[i];
        key[0] += 0x9E3779B9u;
        key[1] += 0xBB67AE85u;
    }
    out[0] = (uint64_t)counter[0] << 32 | counter[1];
    out[1] = (uint64_t)counter[2] << 32 | counter[3];
}

static double unit_interval(uint64_t bits)
{
    return (double)(bits >> 11) * 0x1p-53;
}

double mimo_random_uniform(const struct mimo_random *random, uint64_t index)
{
    uint64_t bits[2];

    philox(random, index, bits);
    return unit_interval(bits[0]);
}

double mimo_random_normal(const struct mimo_random *random, uint64_t index)
{
    uint64_t bits[2];

    philox(random, index, bits);
    /* 1 - u lies in (0, 1], so that the logarithm is finite. */
    return sqrt(-2.0 * log(1.0 - unit_interval(bits[0]))) * cos(2.0 * PI * unit_interval(bits[1]));
}
