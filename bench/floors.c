#include "bench/floors.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Twelve chains hide a latency of 4 cycles on two units and fit in 16 registers. */
enum { CHAINS = 12, STEPS = 1 << 20, TRIALS = 5 };

double mimo_bench_now(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* STEPS multiply-adds on each lane of each chain; the result depends on all of them, so that none
 * is removed. */
#define DEFINE_CHAINS(name, attribute, bytes)                                                      \
    attribute static float name(float factor)                                                      \
    {                                                                                              \
        typedef float lanes __attribute__((vector_size(bytes)));                                   \
        lanes sum[CHAINS], total = {0};                                                            \
        float result = 0;                                                                          \
        for (int c = 0; c < CHAINS; c++)                                                           \
            sum[c] = (lanes){0} + (float)c;                                                        \
        for (int s = 0; s < STEPS; s++)                                                            \
            for (int c = 0; c < CHAINS; c++)                                                       \
                sum[c] = sum[c] * factor + factor;                                                 \
        for (int c = 0; c < CHAINS; c++)                                                           \
            total += sum[c];                                                                       \
        for (size_t l = 0; l < (bytes) / sizeof(float); l++)                                       \
            result += total[l];                                                                    \
        return result;                                                                             \
    }

DEFINE_CHAINS(chains_16, , 16)
#if defined(__x86_64__)
DEFINE_CHAINS(chains_32, __attribute__((target("avx2,fma"))), 32)
DEFINE_CHAINS(chains_64, __attribute__((target("avx512f,avx2,fma"))), 64)
#endif

static float run_chains(float factor, size_t *out_bytes)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) {
        *out_bytes = 64;
        return chains_64(factor);
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        *out_bytes = 32;
        return chains_32(factor);
    }
#endif
    *out_bytes = 16;
    return chains_16(factor);
}

double mimo_bench_peak_flops(void)
{
    double best = 0;
    volatile float sink = 0.5F;
    for (int t = 0; t < TRIALS; t++) {
        size_t bytes;
        const double start = mimo_bench_now();
        sink = run_chains(sink * 0.0F + 0.5F, &bytes);
        const double flops = 2.0 * STEPS * CHAINS * (double)bytes / sizeof(float);
        const double rate = flops / (mimo_bench_now() - start);
        best = rate > best ? rate : best;
    }
    return best;
}

double mimo_bench_copy_rate(size_t bytes)
{
    char *src = malloc(bytes), *dst = malloc(bytes);
    const size_t repeats = bytes > 0 ? ((size_t)64 << 20) / bytes + 1 : 1;
    double best = 0;
    for (int t = 0; t < TRIALS && src != NULL && dst != NULL; t++) {
        const double start = mimo_bench_now();
        for (size_t r = 0; r < repeats; r++) {
            memcpy(t % 2 == 0 ? dst : src, t % 2 == 0 ? src : dst, bytes);
            __asm__ volatile("" ::: "memory"); /* every copy counts */
        }
        const double rate = 2.0 * (double)(bytes * repeats) / (mimo_bench_now() - start);
        best = rate > best ? rate : best;
    }
    free(src);
    free(dst);
    return best;
}
