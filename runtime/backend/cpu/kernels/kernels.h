/*
 * kernels.h - what the sources of the kernels share.
 *
 * Every .c file of this folder is compiled once for each element type and instruction set, with
 * MIMO_TYPE (float, double, bf16), MIMO_REAL (float, double: the wide type), MIMO_REAL_IS_DOUBLE
 * and MIMO_IS_BF16 (0, 1) and MIMO_TIER (baseline, avx2, avx512) defined by the build. Its
 * functions are static; the one that crosses files is KERNELS(part), which enters them in the table
 * of operations. Loops are plain C that the compiler vectorises, save for what vectors.h is there
 * for.
 */
#ifndef MIMO_RUNTIME_BACKEND_CPU_KERNELS_KERNELS_H
#define MIMO_RUNTIME_BACKEND_CPU_KERNELS_KERNELS_H

#include "runtime/backend/backend.h"
#include "runtime/bf16.h"

#define MIMO_KERNELS_JOIN_(type, tier, part) mimo_cpu_##type##_##tier##_##part
#define MIMO_KERNELS_JOIN(type, tier, part)  MIMO_KERNELS_JOIN_(type, tier, part)
#define KERNELS(part)                        MIMO_KERNELS_JOIN(MIMO_TYPE, MIMO_TIER, part)

#define ALWAYS_INLINE                        inline __attribute__((always_inline))

/* What is computed in, and what gradients of weights and statistics of rows are. */
typedef MIMO_REAL real;

/* What weights and activations are; of bf16 a type of its own, so that none is taken for a number
 * unseen. */
#if MIMO_IS_BF16
typedef struct {
    uint16_t bits;
} element;

static ALWAYS_INLINE real to_real(element x)
{
    return mimo_bf16_widen(x.bits);
}

static ALWAYS_INLINE element to_element(real x)
{
    return (element){mimo_bf16_round(x)};
}
#else
typedef real element;

static ALWAYS_INLINE real to_real(element x)
{
    return x;
}

static ALWAYS_INLINE element to_element(real x)
{
    return x;
}
#endif

static inline int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* sums[0 ... cols) += the column sums of `rows` rows that lie `stride` elements apart. */
void KERNELS(column_sums)(real *sums, const element *x, int64_t stride, int64_t rows, int64_t cols);

/* Each enters its part of the table; KERNELS(ops) enters all. */
void KERNELS(memory)(struct mimo_backend_ops *ops);
void KERNELS(linear)(struct mimo_backend_ops *ops);
void KERNELS(norm)(struct mimo_backend_ops *ops);
void KERNELS(activation)(struct mimo_backend_ops *ops);
void KERNELS(attention)(struct mimo_backend_ops *ops);
void KERNELS(tokens)(struct mimo_backend_ops *ops);
void KERNELS(experts)(struct mimo_backend_ops *ops);
void KERNELS(images)(struct mimo_backend_ops *ops);
void KERNELS(optimizer)(struct mimo_backend_ops *ops);
void KERNELS(ops)(struct mimo_backend_ops *ops);

#endif
