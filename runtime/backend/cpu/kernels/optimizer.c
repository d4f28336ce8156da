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

/* The factors of one call. */
struct factors {
    real clip, epsilon, keep1, gain1, keep2, gain2, step, spread, decay;
};

static struct factors factors_of(const struct mimo_adamw *settings)
{
    return (struct factors){
        .clip = (real)settings->gradient_scale,
        .epsilon = (real)settings->epsilon,
        .keep1 = (real)settings->beta1,
        .gain1 = (real)(1 - settings->beta1),
        .keep2 = (real)settings->beta2,
        .gain2 = (real)(1 - settings->beta2),
        .step = (real)(settings->lr / settings->correction1),
        .spread = (real)(1 / sqrt(settings->correction2)),
        .decay = (real)(settings->lr * settings->weight_decay),
    };
}

static void adamw(struct mimo_backend *be, void *weight, void *master, const void *gradient,
                  void *moment1, void *moment2, int64_t count, const struct mimo_adamw *settings)
{
    const struct factors f = factors_of(settings);
    real *w = MIMO_IS_BF16 ? master : weight, *m = moment1, *v = moment2;
    const real *gradients = gradient;
    (void)be;
    (void)master;
#pragma omp simd
    for (int64_t i = 0; i < count; i++) {
        const real g = gradients[i] * f.clip;
        const real mean = f.keep1 * m[i] + f.gain1 * g;
        const real square = f.keep2 * v[i] + f.gain2 * (g * g);
        const real change = f.step * mean / (real_sqrt(square) * f.spread + f.epsilon);
        const real next = w[i] - (change + f.decay * w[i]);
        m[i] = mean;
        v[i] = square;
        w[i] = next;
#if MIMO_IS_BF16
        ((element *)weight)[i] = to_element(next);
#endif
    }
}

void KERNELS(optimizer)(struct mimo_backend_ops *ops)
{
    ops->sum_squares = sum_squares;
    ops->sum = sum_values;
    ops->adamw = adamw;
}
