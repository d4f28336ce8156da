/*
 * kernels.h - what the sources of the kernels share.
 *
 * Every .c file of this folder is compiled once for each element type and instruction set, with
 * MIMO_REAL (float, double), MIMO_REAL_IS_DOUBLE (0, 1) and MIMO_TIER (baseline, avx2, avx512)
 * defined by the build. Its functions are static; the one that crosses files is KERNELS(part),
 * which enters them in the table of operations. Loops are plain C that the compiler vectorises,
 * save for what vectors.h is there for.
 */
#ifndef MIMO_RUNTIME_BACKEND_CPU_KERNELS_KERNELS_H
#define MIMO_RUNTIME_BACKEND_CPU_KERNELS_KERNELS_H

#include "runtime/backend/backend.h"

#define MIMO_KERNELS_JOIN_(real, tier, part) mimo_cpu_##real##_##tier##_##part
#define MIMO_KERNELS_JOIN(real, tier, part)  MIMO_KERNELS_JOIN_(real, tier, part)
#define KERNELS(part)                        MIMO_KERNELS_JOIN(MIMO_REAL, MIMO_TIER, part)

typedef MIMO_REAL real;

#define ALWAYS_INLINE inline __attribute__((always_inline))

static inline int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* sums[0 ... cols) += the column sums of `rows` rows that lie `stride` elements apart. */
void KERNELS(column_sums)(real *sums, const real *x, int64_t stride, int64_t rows, int64_t cols);

/* Each enters its part of the table; KERNELS(ops) enters all. */
void KERNELS(memory)(struct mimo_backend_ops *ops);
void KERNELS(linear)(struct mimo_backend_ops *ops);
void KERNELS(norm)(struct mimo_backend_ops *ops);
void KERNELS(activation)(struct mimo_backend_ops *ops);
void KERNELS(attention)(struct mimo_backend_ops *ops);
void KERNELS(tokens)(struct mimo_backend_ops *ops);
void KERNELS(images)(struct mimo_backend_ops *ops);
void KERNELS(optimizer)(struct mimo_backend_ops *ops);
void KERNELS(ops)(struct mimo_backend_ops *ops);

#endif
