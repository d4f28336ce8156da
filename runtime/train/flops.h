/*
 * flops.h - how much of the machines' peak a step used (model FLOPs utilisation, Chowdhery et al.
 * 2022).
 */
#ifndef MIMO_RUNTIME_TRAIN_FLOPS_H
#define MIMO_RUNTIME_TRAIN_FLOPS_H

#include "plan/plan.h"

/*
 * Floating-point operations of one step over `tokens` rows of the language model and `images`
 * images: 2 for each weight of a matrix and row in forward, as many again for each of the two
 * gradients that are needed (frozen modules need fewer), and the attention products (causal: half).
 */
double mimo_flops_of_step(const struct mimo_plan *plan, uint64_t tokens, uint64_t images);

/* Their share of what all ranks could have done in `seconds`; 0.0 where no cluster states a peak.
 */
double mimo_flops_utilisation(const struct mimo_plan *plan, uint64_t tokens, uint64_t images,
                              double seconds);

#endif
