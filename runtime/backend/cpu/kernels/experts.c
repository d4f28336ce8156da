/* experts.c - rows to and from the experts: the router's choice, and sums of what comes back. */
#include "runtime/backend/cpu/kernels/real_math.h"
#include "runtime/backend/cpu/kernels/vectors.h"

/* -- the router -------------------------------------------------------------------------------- */

static void softmax(real *probabilities, const element *logits, int64_t count)
{
    real largest = -(real)INFINITY, total = 0;
    for (int64_t e = 0; e < count; e++)
        largest = to_real(logits[e]) > largest ? to_real(logits[e]) : largest;
#pragma omp simd
    for (int64_t e = 0; e < count; e++)
        probabilities[e] = real_exp(to_real(logits[e]) - largest);
    for (int64_t e = 0; e < count; e++)
        total += probabilities[e];
    for (int64_t e = 0; e < count; e++)
        probabilities[e] /= total;
}

/* Each expert in turn goes before those of the choice that are smaller. Whatever the numbers are,
 * NaN too, these are `top_k` different experts. */
static void choose(int32_t *choices, const real *probabilities, int64_t experts, int64_t top_k)
{
    for (int64_t e = 0; e < experts; e++) {
        int64_t at = smaller(e, top_k);
        for (; at > 0 && probabilities[e] > probabilities[choices[at - 1]]; at--)
            if (at < top_k)
                choices[at] = choices[at - 1];
        if (at < top_k)
            choices[at] = (int32_t)e;
    }
}

static void weigh(real *weights, const real *probabilities, const int32_t *choices, int64_t top_k)
{
    real total = 0;
    for (int64_t k = 0; k < top_k; k++)
        total += probabilities[choices[k]];
    for (int64_t k = 0; k < top_k; k++)
        weights[k] = probabilities[choices[k]] / total;
}

static void route_forward(struct mimo_backend *be, void *probabilities, int32_t *choices,
                          void *weights, const void *logits, int64_t rows, int64_t experts,
                          int64_t top_k)
{
    (void)be;
    for (int64_t i = 0; i < rows; i++) {
        real *p = (real *)probabilities + i * experts;
        int32_t *choice = choices + i * top_k;
        softmax(p, (const element *)logits + i * experts, experts);
        choose(choice, p, experts, top_k);
        weigh((real *)weights + i * top_k, p, choice, top_k);
    }
}

static real inner_product(const real *a, const real *b, int64_t count)
{
    real sum = 0;
    for (int64_t j = 0; j < count; j++)
        sum += a[j] * b[j];
    return sum;
}

/* What route_backward has of one row; `balance` is NULL where there is none. */
struct routed {
    const real *dweights, *probabilities, *weights, *balance;
    const int32_t *choices;
};

/* A softmax p takes a gradient g to p · (g - Σ p · g). The probabilities are one over all experts,
 * the weights one over those that were chosen. */
static void route_row(element *dlogits, const struct routed *row, int64_t experts, int64_t top_k)
{
    const real *p = row->probabilities, *w = row->weights, *balance = row->balance;
    const real weight_mean = inner_product(w, row->dweights, top_k);
    const real mean = balance != NULL ? inner_product(p, balance, experts) : 0;
    for (int64_t e = 0; e < experts; e++)
        dlogits[e] = to_element(balance != NULL ? p[e] * (balance[e] - mean) : 0);
    for (int64_t k = 0; k < top_k; k++) {
        const int32_t e = row->choices[k];
        const real through_balance = balance != NULL ? p[e] * (balance[e] - mean) : 0;
        dlogits[e] = to_element(through_balance + w[k] * (row->dweights[k] - weight_mean));
    }
}

static void route_backward(struct mimo_backend *be, void *dlogits, const void *dweights,
                           const void *probabilities, const int32_t *choices, const void *weights,
                           const void *balance, const int32_t *samples, int64_t rows,
                           int64_t experts, int64_t top_k)
{
    (void)be;
    for (int64_t i = 0; i < rows; i++) {
        const struct routed row = {
            .dweights = (const real *)dweights + i * top_k,
            .probabilities = (const real *)probabilities + i * experts,
            .weights = (const real *)weights + i * top_k,
            .balance = samples[i] >= 0 ? (const real *)balance + samples[i] * experts : NULL,
            .choices = choices + i * top_k,
        };
        route_row((element *)dlogits + i * experts, &row, experts, top_k);
    }
}

static void count_row(real *sums, const real *probabilities, const int32_t *choices,
                      int64_t experts, int64_t top_k)
{
    for (int64_t k = 0; k < top_k; k++)
        sums[choices[k]] += 1;
#pragma omp simd
    for (int64_t e = 0; e < experts; e++)
        sums[experts + e] += probabilities[e];
}

static void route_sums(struct mimo_backend *be, void *sums, const void *probabilities,
                       const int32_t *choices, const int32_t *samples, int64_t rows,
                       int64_t experts, int64_t top_k)
{
    (void)be;
    for (int64_t i = 0; i < rows; i++)
        if (samples[i] >= 0)
            count_row((real *)sums + samples[i] * (2 * experts),
                      (const real *)probabilities + i * experts, choices + i * top_k, experts,
                      top_k);
}

/* -- sums of rows by index --------------------------------------------------------------------- */

enum { CHUNK = 128 };

static void add_weighted(real *sums, const element *x, real weight, int64_t count)
{
#pragma omp simd
    for (int64_t j = 0; j < count; j++)
        sums[j] += weight * to_real(x[j]);
}

/* A part of y's row: sums stay wide until all are in. */
static void combine_chunk(element *y, const element *x, const int32_t *index, const real *weights,
                          int64_t top_k, int64_t stride, int64_t count)
{
    real sums[CHUNK];
    for (int64_t j = 0; j < count; j++)
        sums[j] = to_real(y[j]);
    for (int64_t k = 0; k < top_k; k++)
        if (index[k] >= 0)
            add_weighted(sums, x + index[k] * stride, weights != NULL ? weights[k] : 1, count);
    for (int64_t j = 0; j < count; j++)
        y[j] = to_element(sums[j]);
}

static void combine_rows(struct mimo_backend *be, void *y, const void *x, const int32_t *index,
                         const void *weights, int64_t rows, int64_t top_k, int64_t cols)
{
    const real *all = weights;
    (void)be;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j += CHUNK)
            combine_chunk((element *)y + i * cols + j, (const element *)x + j, index + i * top_k,
                          all != NULL ? all + i * top_k : NULL, top_k, cols,
                          smaller(CHUNK, cols - j));
}

static void put_weighted(element *to, const element *from, real weight, int64_t count)
{
#pragma omp simd
    for (int64_t j = 0; j < count; j++)
        to[j] = to_element(weight * to_real(from[j]));
}

static void combine_rows_backward(struct mimo_backend *be, void *dx, void *dweights, const void *dy,
                                  const void *x, const int32_t *index, const void *weights,
                                  int64_t rows, int64_t top_k, int64_t cols)
{
    (void)be;
    for (int64_t n = 0; n < rows * top_k; n++) {
        const element *slope = (const element *)dy + n / top_k * cols;
        const int64_t at = index[n] * cols;
        ((real *)dweights)[n] = 0;
        if (at < 0)
            continue;
        ((real *)dweights)[n] = row_product(slope, (const element *)x + at, cols);
        put_weighted((element *)dx + at, slope, ((const real *)weights)[n], cols);
    }
}

void KERNELS(experts)(struct mimo_backend_ops *ops)
{
    ops->route_forward = route_forward;
    ops->route_backward = route_backward;
    ops->route_sums = route_sums;
    ops->combine_rows = combine_rows;
    ops->combine_rows_backward = combine_rows_backward;
}
