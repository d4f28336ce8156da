/*
 * rig.h - an opened backend whose tensors a test fills from doubles and reads back as doubles, so
 * that one test serves every backend, precision and instruction set.
 *
 * A program of tests is linked with the variants of one backend (rig_cpu.c, or rig_cuda.c of
 * tests/cuda/ops). Tensors are of the element type or of the wide type, as backend.h says which;
 * expectations are computed in double precision from inputs that the element type holds exactly.
 */
#ifndef MIMO_TESTS_UNIT_BACKEND_RIG_H
#define MIMO_TESTS_UNIT_BACKEND_RIG_H

#include "runtime/backend/backend.h"
#include "tests/unit/check.h"

#include <stddef.h>

enum { RIG_MEMORY_MAX = 1000 };

struct rig {
    struct mimo_backend be;
    const char *name; /* of the variant */
    /* Of relative errors of single operations: 1e-5 in fp32, 1e-13 in fp64; 1e-2 of what bf16
     * rounds. The second is for what is computed in the wide type from exact inputs. */
    double bound, wide_bound;
    void *memory[RIG_MEMORY_MAX];
    size_t memory_count;
};

/* One way to open the backend; `setting` is its file's own. */
struct rig_variant {
    const char *name;
    enum mimo_precision precision;
    const char *setting;
};

extern const struct rig_variant rig_variants[];
extern const size_t rig_variant_count;
enum mimo_status rig_variant_open(const struct rig_variant *variant, struct mimo_backend *out_be,
                                  struct mimo_error *err);

void rig_open(struct rig *rig, const struct rig_variant *variant);
/* The CPU backend in fp64, which expectations may come from. */
void rig_open_reference(struct rig *rig);
/* Frees what rig_put and rig_new gave. */
void rig_release(struct rig *rig);
/* The same, and closes the backend, which must be sound. */
void rig_close(struct rig *rig);

/* Runs `test` for each variant. */
void rig_for_each(void (*test)(struct rig *rig));

/* Backend memory: zeros, and copies of doubles, in the backend's element type or its wide type. */
void *rig_new(struct rig *rig, int64_t count);
void *rig_new_wide(struct rig *rig, int64_t count);
void *rig_put(struct rig *rig, const double *values, int64_t count);
void *rig_put_wide(struct rig *rig, const double *values, int64_t count);
void rig_get(struct rig *rig, const void *memory, double *out_values, int64_t count);
void rig_get_wide(struct rig *rig, const void *memory, double *out_values, int64_t count);

/* `bytes` as they are: identifiers, pixels. */
void *rig_put_bytes(struct rig *rig, const void *host, size_t bytes);
int32_t *rig_put_ids(struct rig *rig, const int32_t *ids, int64_t count);
void *rig_workspace(struct rig *rig, const struct mimo_attention *shape);

/* What a sum of the backend (sum, sum_squares) adds to `before`. */
double rig_sum(struct rig *rig,
               void (*sum)(struct mimo_backend *be, double *sum, const void *x, int64_t count),
               double before, const void *x, int64_t count);

/* Pseudo-random values in [-1, 1) that the element type, and float, hold exactly. */
void rig_fill(const struct rig *rig, double *out_values, int64_t count, uint32_t seed);
/* The values as the element type holds them. */
void rig_round(const struct rig *rig, double *values, int64_t count);

/* |actual - expected| <= bound · max(1, |expected|) for each element; prints the first that fails.
 */
void rig_check(struct rig *rig, const char *what, const double *actual, const double *expected,
               int64_t count, double bound);
/* The same for backend memory with the rig's own bounds; of bf16 also the error's norm is bound,
 * by that of what is expected. */
void rig_expect(struct rig *rig, const char *what, const void *memory, const double *expected,
                int64_t count);
void rig_expect_wide(struct rig *rig, const char *what, const void *memory, const double *expected,
                     int64_t count);

#endif
