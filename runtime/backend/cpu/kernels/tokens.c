/* tokens.c - embeddings and the cross entropy, both over a shard of the vocabulary. */
#include "runtime/backend/cpu/kernels/real_math.h"
#include "runtime/backend/cpu/kernels/vectors.h"

enum { CHUNK = 128 }; /* a multiple of every LANES */

static void embedding_forward(struct mimo_backend *be, void *y, const void *table,
                              const int32_t *ids, int64_t rows, int64_t cols, int64_t first,
                              int64_t count)
{
    (void)be;
    for (int64_t i = 0; i < rows && cols > 0; i++) {
        const int64_t entry = ids[i] - first;
        element *out = (element *)y + i * cols;
        if (entry >= 0 && entry < count)
            memcpy(out, (const element *)table + entry * cols, (size_t)cols * sizeof(element));
        else
            memset(out, 0, (size_t)cols * sizeof(element));
    }
}

static void embedding_backward(struct mimo_backend *be, void *dtable, const void *dy,
                               const int32_t *ids, int64_t rows, int64_t cols, int64_t first,
                               int64_t count)
{
    (void)be;
    for (int64_t i = 0; i < rows; i++) {
        const int64_t entry = ids[i] - first;
        const element *in = (const element *)dy + i * cols;
        real *out;
        if (entry < 0 || entry >= count)
            continue;
        out = (real *)dtable + entry * cols;
#pragma omp simd
        for (int64_t j = 0; j < cols; j++)
            out[j] += to_real(in[j]);
    }
}

static void cross_entropy_max(struct mimo_backend *be, void *maximum, const void *logits,
                              int64_t rows, int64_t count)
{
    (void)be;
    for (int64_t i = 0; i < rows; i++) {
        const element *row = (const element *)logits + i * count;
        real largest = -(real)INFINITY;
#pragma omp simd reduction(max : largest)
        for (int64_t j = 0; j < count; j++) {
            const real logit = to_real(row[j]);
            largest = logit > largest ? logit : largest;
        }
        ((real *)maximum)[i] = largest;
    }
}

/* Σ exp(row - largest), by way of a buffer: see vectors.h. */
static real exponential_sum(const element *row, real largest, int64_t count)
{
    real powers[CHUNK], rest = 0;
    vector sum = {0};
    for (int64_t first = 0; first < count; first += CHUNK) {
        const int64_t width = smaller(CHUNK, count - first);
        int64_t j = 0;
#pragma omp simd
        for (int64_t i = 0; i < width; i++)
            powers[i] = real_exp(to_real(row[first + i]) - largest);
        for (; j + LANES <= width; j += LANES)
            sum += vector_load(powers + j);
        for (; j < width; j++)
            rest += powers[j];
    }
    return vector_total(sum) + rest;
}

static void cross_entropy_sum(struct mimo_backend *be, void *sums, const void *logits,
                              const void *maximum, const int32_t *labels, int64_t rows,
                              int64_t count, int64_t first)
{
    (void)be;
    for (int64_t i = 0; i < rows; i++) {
        const element *row = (const element *)logits + i * count;
        const real largest = ((const real *)maximum)[i];
        const int64_t label = labels[i] - first;
        real *out = (real *)sums + 2 * i;
        out[0] = exponential_sum(row, largest, count);
        out[1] = label >= 0 && label < count ? to_real(row[label]) - largest : 0;
    }
}

static void cross_entropy_loss(struct mimo_backend *be, void *losses, const void *sums,
                               int64_t rows)
{
    const real *in = sums;
    (void)be;
    for (int64_t i = 0; i < rows; i++)
        ((real *)losses)[i] = (real)(log((double)in[2 * i]) - (double)in[2 * i + 1]);
}

static void cross_entropy_backward(struct mimo_backend *be, void *logits, const void *maximum,
                                   const void *sums, const int32_t *labels, int64_t rows,
                                   int64_t count, int64_t first, double scale)
{
    (void)be;
    for (int64_t i = 0; i < rows; i++) {
        element *row = (element *)logits + i * count;
        const real largest = ((const real *)maximum)[i];
        const real factor = (real)scale / ((const real *)sums)[2 * i];
        const int64_t label = labels[i] - first;
        const bool is_here = label >= 0 && label < count;
        const real own = is_here ? real_exp(to_real(row[label]) - largest) * factor : 0;
#pragma omp simd
        for (int64_t j = 0; j < count; j++)
            row[j] = to_element(real_exp(to_real(row[j]) - largest) * factor);
        if (is_here)
            row[label] = to_element(own - (real)scale);
    }
}

void KERNELS(tokens)(struct mimo_backend_ops *ops)
{
    ops->embedding_forward = embedding_forward;
    ops->embedding_backward = embedding_backward;
    ops->cross_entropy_max = cross_entropy_max;
    ops->cross_entropy_sum = cross_entropy_sum;
    ops->cross_entropy_loss = cross_entropy_loss;
    ops->cross_entropy_backward = cross_entropy_backward;
}
