/* optimizer.c - AdamW, and the sums that clipping needs. */
#include "runtime/backend/cpu/kernels/real_math.h"

/* Element i is added to lane i % SUM_LANES, whatever the vector's width: the order of additions
 * depends on the count alone. */
enum { SUM_LANES = 32 };

static double lanes_total(const double *lane)
{
    double total = 0;
    for (int64_t l = 0; l < SUM_LANES; l++)
        total += lane[l];
    return total;
}

static void sum_squares(struct mimo_backend *be, double *sum, const void *x, int64_t count)
{
    const real *in = x;
    double lane[SUM_LANES] = {0};
    const int64_t whole = count - count % SUM_LANES;
    (void)be;
    for (int64_t i = 0; i < whole; i += SUM_LANES)
        for (int64_t l = 0; l < SUM_LANES; l++)
            lane[l] += (double)in[i + l] * (double)in[i + l];
    for (int64_t i = whole; i < count; i++)
        lane[i - whole] += (double)in[i] * (double)in[i];
    *sum += lanes_total(lane);
}

static void sum_values(struct mimo_backend *be, double *sum, const void *x, int64_t count)
{
    const real *in = x;
    double lane[SUM_LANES] = {0};
    const int64_t whole = count - count % SUM_LANES;
    (void)be;
    for (int64_t i = 0; i < whole; i += SUM_LANES)
        for (int64_t l = 0; l < SUM_LANES; l++)
            lane[l] += (double)in[i + l];
    for (int64_t i = whole; i < count; i++)
        lane[i - whole] += (double)in[i];
    *sum += lanes_total(lane);
}

static void adamw(struct mimo_backend *be, void *weight, void *master, const void *gradient,
                  void *moment1, void *moment2, int64_t count, const struct mimo_adamw *settings)
{
    real *w = weight, *m = moment1, *v = moment2;
    const real *gradients = gradient;
    const real clip = (real)settings->gradient_scale, epsilon = (real)settings->epsilon;
    const real keep1 = (real)settings->beta1, gain1 = (real)(1 - settings->beta1);
    const real keep2 = (real)settings->beta2, gain2 = (real)(1 - settings->beta2);
    const real step = (real)(settings->lr / settings->correction1);
    const real spread = (real)(1 / sqrt(settings->correction2));
    const real decay = (real)(settings->lr * settings->weight_decay);
    (void)be;
    (void)master;
#pragma omp simd
    for (int64_t i = 0; i < count; i++) {
        const real g = gradients[i] * clip;
        const real mean = keep1 * m[i] + gain1 * g;
        const real square = keep2 * v[i] + gain2 * (g * g);
        m[i] = mean;
        v[i] = square;
        w[i] -= step * mean / (real_sqrt(square) * spread + epsilon) + decay * w[i];
    }
}

void KERNELS(optimizer)(struct mimo_backend_ops *ops)
{
    ops->sum_squares = sum_squares;
    ops->sum = sum_values;
    ops->adamw = adamw;
}
