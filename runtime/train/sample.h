/*
 * sample.h - choosing the next token from its logits: the likeliest, or by chance.
 */
#ifndef MIMO_RUNTIME_TRAIN_SAMPLE_H
#define MIMO_RUNTIME_TRAIN_SAMPLE_H

#include "plan/arena.h"
#include "runtime/tensor/random.h"

#include <stddef.h>

struct mimo_sampler {
    struct mimo_random random;
    double temperature; /* 0.0: the likeliest token, the lowest of equals */
    double
        top_p; /* of the likeliest tokens that together reach this share (Holtzman et al. 2020) */
    size_t vocab;
    size_t element_size;               /* of the logits: float64, float32 or bfloat16 */
    struct mimo_candidate *candidates; /* [vocab], scratch */
};

void mimo_sampler_open(struct mimo_sampler *sampler, uint64_t seed, double temperature,
                       double top_p, size_t vocab, size_t element_size, struct mimo_arena *arena);

/* The token for row `row` of logits[rows, vocab]; `draw` numbers the decision: equal numbers choose
 * alike, on any rank. */
int32_t mimo_sampler_take(struct mimo_sampler *sampler, const void *logits, size_t row,
                          uint64_t draw);

#endif
