/*
 * required.h - the weights that the model code counts on, and how they must lie.
 *
 * The plan's reader proves that every parameter is sound by itself. The layers also rely on each of
 * theirs being there once, cut as their products are, and on fused ones touching: a plan that has
 * been tampered with and sealed again could break that.
 */
#ifndef MIMO_RUNTIME_MODEL_REQUIRED_H
#define MIMO_RUNTIME_MODEL_REQUIRED_H

#include "plan/plan.h"

/* MIMO_E_PLAN, naming module, layer and slot, where a weight of a language model, an encoder or a
 * projector is absent, there twice, or not cut and fused as its layer needs. */
enum mimo_status mimo_required_check(const struct mimo_plan *plan, struct mimo_error *err);

#endif
