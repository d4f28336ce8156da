/*
 * balance.h - the balance loss of a layer of experts, of one sample E · Σ fₑ · Pₑ: fₑ is the share
 * of the choices of its rows that fall on expert e, Pₑ its mean probability (Fedus et al., "Switch
 * Transformers", 2022). Pure arithmetic on sums over a sample's rows.
 */
#ifndef MIMO_RUNTIME_MODEL_BALANCE_H
#define MIMO_RUNTIME_MODEL_BALANCE_H

#include <stdint.h>

struct mimo_balance_shape {
    int64_t samples, experts, top_k;
};

/*
 * The sum of the losses of all samples, from sums[samples, 2, experts]: how often each expert was
 * chosen, and its probabilities. slopes[samples, experts] are the derivatives by the probability
 * that one row of the sample has of the expert, shares held fixed. A sample without rows counts
 * nothing.
 */
double mimo_balance_loss(const struct mimo_balance_shape *shape, const double *sums,
                         double *out_slopes);

#endif
