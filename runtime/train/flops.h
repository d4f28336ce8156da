/*
 * flops.h - how much of the machines' peak a step used (model FLOPs utilisation, Chowdhery et al.
 * 2022).
 */
#ifndef MIMO_RUNTIME_TRAIN_FLOPS_H
#define MIMO_RUNTIME_TRAIN_FLOPS_H

#include "plan/plan.h"

/*
 * What a step of `seconds` over `tokens` rows of the language model and `images` images needs in
 * floating-point operations (plan/work.h), as a share of what all ranks could have done in that
 * time; 0.0 where no cluster states a peak. Where there are several modalities, each is taken to
 * have an equal part of the images.
 */
double mimo_flops_utilisation(const struct mimo_plan *plan, uint64_t tokens, uint64_t images,
                              double seconds);

#endif
