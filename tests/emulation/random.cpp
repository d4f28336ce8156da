#include "random.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

namespace emulation
{
namespace
{

struct generator {
    uint64_t seed;
    uint64_t state;
};

/* SplitMix64 (Steele, Lea and Flood 2014): any seed will do, and one addition makes the next
 * number. */
uint64_t mixed(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

uint64_t chosen_seed()
{
    const char *text = getenv("MIMO_EMULATION_SEED");
    struct timespec now;
    if (text != nullptr)
        return strtoull(text, nullptr, 10);
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return mixed(static_cast<uint64_t>(now.tv_sec) * 1000000000u +
                 static_cast<uint64_t>(now.tv_nsec)) >>
           32;
}

uint64_t rank_of_job()
{
    const char *text = getenv("OMPI_COMM_WORLD_RANK");
    return text != nullptr ? strtoull(text, nullptr, 10) : 0;
}

generator started(uint64_t seed)
{
    return generator{seed, mixed(seed + (rank_of_job() << 48))};
}

void print_seed(int status, void *)
{
    if (status != 0)
        (void)fprintf(stderr, "emulated device: MIMO_EMULATION_SEED=%" PRIu64 "\n", random_seed());
}

generator first()
{
    (void)on_exit(print_seed, nullptr);
    return started(chosen_seed());
}

generator &the_generator()
{
    static generator instance = first();
    return instance;
}

} // namespace

uint32_t random_below(uint32_t bound)
{
    const uint64_t drawn = mixed(the_generator().state += 0x9e3779b97f4a7c15u) >> 32;
    return static_cast<uint32_t>(drawn * bound >> 32);
}

bool random_once_in(uint32_t times)
{
    return random_below(times) == 0;
}

uint64_t random_seed()
{
    return the_generator().seed;
}

void random_reseed(uint64_t seed)
{
    the_generator() = started(seed);
}

} // namespace emulation
