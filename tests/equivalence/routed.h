/*
 * routed.h - rows on their way to experts: what the records of section COMM about them come to, by
 * the counts that ranks tell each other in a step.
 */
#ifndef MIMO_TESTS_EQUIVALENCE_ROUTED_H
#define MIMO_TESTS_EQUIVALENCE_ROUTED_H

#include "runtime/train/engine.h"

/* Forgets all counts. */
void routed_reset(void);

/* The next counts that were gathered, `count` numbers. */
void routed_note(const int64_t *counts, size_t count);

/* A pass of a layer forward: the next of the counts noted belong to this place and micro-step. */
void routed_forward(uint32_t place, uint32_t micro_step);

/* Its pass backward is done: they are forgotten. */
void routed_backward(uint32_t place, uint32_t micro_step);

/* The rounds of the layer that went forward last. */
int64_t routed_rounds(const struct mimo_engine *engine, uint32_t place, uint32_t micro_step);

/* Rows of the record's buffer on this rank in round `m`, and of them its own piece; `is_gradient`
 * where it is a gradient that travels. */
struct routed_rows {
    uint64_t rows, own;
};
struct routed_rows routed_rows(const struct mimo_plan_communication *record, bool is_gradient,
                               int64_t m);

#endif
