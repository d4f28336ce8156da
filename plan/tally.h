/*
 * tally.h - adding up the bytes of tensors that are taken one behind another from an arena.
 *
 * The one place that knows how tensors are aligned: what predicts an arena (memory.h) counts with a
 * tally, and what takes tensors from it (runtime/tensor/arena.h) finds their places with one.
 * Products and sums saturate at UINT64_MAX, which no machine has: absurd sizes ask for too much
 * memory, never for too little.
 */
#ifndef MIMO_PLAN_TALLY_H
#define MIMO_PLAN_TALLY_H

#include <stdint.h>

#define MIMO_TENSOR_ALIGNMENT UINT64_C(64)

struct mimo_tally {
    uint64_t used; /* where the last tensor ends; zeroed: an empty tally */
};

/* a * b and a + b, or UINT64_MAX where they do not fit. */
static inline uint64_t mimo_product(uint64_t a, uint64_t b)
{
    uint64_t result;

    return __builtin_mul_overflow(a, b, &result) ? UINT64_MAX : result;
}

static inline uint64_t mimo_sum(uint64_t a, uint64_t b)
{
    uint64_t result;

    return __builtin_add_overflow(a, b, &result) ? UINT64_MAX : result;
}

/* Bytes up to the next place where a tensor may begin: what an arena of this tally holds. */
static inline uint64_t mimo_tally_bytes(const struct mimo_tally *tally)
{
    const uint64_t end = mimo_sum(tally->used, MIMO_TENSOR_ALIGNMENT - 1);

    return end == UINT64_MAX ? end : end / MIMO_TENSOR_ALIGNMENT * MIMO_TENSOR_ALIGNMENT;
}

/* `count` elements of `size` bytes right behind the previous tensor, without a gap: for a tensor
 * that continues it. Returns where it begins. */
static inline uint64_t mimo_tally_take_adjacent(struct mimo_tally *tally, uint64_t count,
                                                uint64_t size)
{
    const uint64_t begin = tally->used;

    tally->used = mimo_sum(begin, mimo_product(count, size));
    return begin;
}

/* The same, aligned. */
static inline uint64_t mimo_tally_take(struct mimo_tally *tally, uint64_t count, uint64_t size)
{
    tally->used = mimo_tally_bytes(tally);
    return mimo_tally_take_adjacent(tally, count, size);
}

/* As if `bytes` (of mimo_tally_bytes) had been taken `times` times. */
static inline void mimo_tally_repeat(struct mimo_tally *tally, uint64_t bytes, uint64_t times)
{
    (void)mimo_tally_take(tally, bytes, times);
}

#endif
