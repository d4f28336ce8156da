#include "runtime/model/balance.h"

/* Each row chooses top_k experts. */
static double rows_of(const struct mimo_balance_shape *shape, const double *chosen)
{
    double choices = 0.0;

    for (int64_t e = 0; e < shape->experts; e++)
        choices += chosen[e];
    return choices / (double)shape->top_k;
}

static double loss_of_sample(const struct mimo_balance_shape *shape, const double *chosen,
                             const double *probabilities, double *out_slopes)
{
    const double rows = rows_of(shape, chosen);
    double loss = 0.0;

    for (int64_t e = 0; e < shape->experts; e++) {
        const double share = rows > 0.0 ? chosen[e] / (rows * (double)shape->top_k) : 0.0;

        out_slopes[e] = rows > 0.0 ? (double)shape->experts * share / rows : 0.0;
        loss += out_slopes[e] * probabilities[e];
    }
    return loss;
}

double mimo_balance_loss(const struct mimo_balance_shape *shape, const double *sums,
                         double *out_slopes)
{
    double loss = 0.0;

    for (int64_t s = 0; s < shape->samples; s++) {
        const double *const chosen = sums + 2 * s * shape->experts;

        loss +=
            loss_of_sample(shape, chosen, chosen + shape->experts, out_slopes + s * shape->experts);
    }
    return loss;
}
