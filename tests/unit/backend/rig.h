/*
 * rig.h - an opened backend whose tensors a test fills from doubles and reads back as doubles, so
 * that one test serves every precision and instruction set.
 */
#ifndef MIMO_TESTS_UNIT_BACKEND_RIG_H
#define MIMO_TESTS_UNIT_BACKEND_RIG_H

#include "runtime/backend/backend.h"
#include "tests/unit/check.h"

#include <stddef.h>

enum { RIG_MEMORY_MAX = 64 };

struct rig {
    struct mimo_backend be;
    const char *tier;
    double bound; /* of relative errors of single operations: 1e-5 or 1e-13 */
    void *memory[RIG_MEMORY_MAX];
    size_t memory_count;
};

/* Every tier name that MIMO_CPU knows, the best first: oneDNN keeps the cap of the first. One that
 * the machine lacks gives the best below it. */
extern const char *const rig_tiers[3];

void rig_open(struct rig *rig, enum mimo_precision precision, const char *tier);
/* Frees what rig_put and rig_new gave, and closes the backend. */
void rig_close(struct rig *rig);

/* Runs `test` for each tier in both precisions. */
void rig_for_each(void (*test)(struct rig *rig));

/* Backend memory: zeros, copies of doubles in the backend's type, int32 as they are. */
void *rig_new(struct rig *rig, int64_t count);
void *rig_put(struct rig *rig, const double *values, int64_t count);
void *rig_put_ids(struct rig *rig, const int32_t *ids, int64_t count);
void rig_get(struct rig *rig, const void *memory, double *out_values, int64_t count);

/* What a sum of the backend (sum, sum_squares) adds to `before`. */
double rig_sum(struct rig *rig,
               void (*sum)(struct mimo_backend *be, double *sum, const void *x, int64_t count),
               double before, const void *x, int64_t count);

/* Pseudo-random values in [-1, 1) that float holds exactly. */
void rig_fill(double *out_values, int64_t count, uint32_t seed);

/* |actual - expected| <= bound · max(1, |expected|) for each element; prints the first that fails.
 */
void rig_check(struct rig *rig, const char *what, const double *actual, const double *expected,
               int64_t count, double bound);
/* The same for backend memory with the rig's own bound. */
void rig_expect(struct rig *rig, const char *what, const void *memory, const double *expected,
                int64_t count);

#endif
