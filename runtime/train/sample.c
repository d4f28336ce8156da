#include "runtime/train/sample.h"

#include "runtime/bf16.h"

#include <math.h>
#include <stdlib.h>

struct mimo_candidate {
    double weight;
    int32_t token;
};

void mimo_sampler_open(struct mimo_sampler *sampler, uint64_t seed, double temperature,
                       double top_p, size_t vocab, size_t element_size, struct mimo_arena *arena)
{
    *sampler = (struct mimo_sampler){
        .random = mimo_random_stream(seed, "generate"),
        .temperature = temperature,
        .top_p = top_p,
        .vocab = vocab,
        .element_size = element_size,
        .candidates = MIMO_NEW_ARRAY(arena, struct mimo_candidate, vocab),
    };
}

static double logit_at(const struct mimo_sampler *sampler, const void *logits, size_t index)
{
    if (sampler->element_size == sizeof(uint16_t))
        return (double)mimo_bf16_widen(((const uint16_t *)logits)[index]);
    return sampler->element_size == sizeof(double) ? ((const double *)logits)[index]
                                                   : (double)((const float *)logits)[index];
}

static size_t likeliest(const struct mimo_sampler *sampler, const void *logits, size_t begin)
{
    size_t best = 0;

    for (size_t i = 1; i < sampler->vocab; i++)
        if (logit_at(sampler, logits, begin + i) > logit_at(sampler, logits, begin + best))
            best = i;
    return best;
}

/* Descending by weight, equals by token. */
static int compare_candidates(const void *left, const void *right)
{
    const struct mimo_candidate *a = left, *b = right;

    if (a->weight != b->weight)
        return a->weight > b->weight ? -1 : 1;
    return (a->token > b->token) - (a->token < b->token);
}

/* How many of the sorted candidates make up the nucleus, and their weight. */
static size_t nucleus(const struct mimo_sampler *sampler, double total, double *out_weight)
{
    double weight = 0.0;
    size_t count = 0;

    while (count < sampler->vocab && (count == 0 || weight < sampler->top_p * total))
        weight += sampler->candidates[count++].weight;
    *out_weight = weight;
    return count;
}

int32_t mimo_sampler_take(struct mimo_sampler *sampler, const void *logits, size_t row,
                          uint64_t draw)
{
    const size_t begin = row * sampler->vocab;
    const size_t best = likeliest(sampler, logits, begin);
    const double highest = logit_at(sampler, logits, begin + best);
    double total = 0.0, weight, left;
    size_t count;

    if (sampler->temperature <= 0.0)
        return (int32_t)best;
    for (size_t i = 0; i < sampler->vocab; i++) {
        const double score = logit_at(sampler, logits, begin + i) - highest;
        sampler->candidates[i] =
            (struct mimo_candidate){exp(score / sampler->temperature), (int32_t)i};
        total += sampler->candidates[i].weight;
    }
    qsort(sampler->candidates, sampler->vocab, sizeof *sampler->candidates, compare_candidates);
    count = nucleus(sampler, total, &weight);
    left = mimo_random_uniform(&sampler->random, draw) * weight;
    for (size_t i = 0; i + 1 < count; i++) {
        left -= sampler->candidates[i].weight;
        if (left < 0.0)
            return sampler->candidates[i].token;
    }
    return sampler->candidates[count - 1].token;
}
