/*
 * vectors.h - vectors by name, where the compiler's own vectorisation falls short: sums (which it
 * ends one lane after the other, so as to keep the order) and tiles that must stay in registers.
 */
#ifndef MIMO_RUNTIME_BACKEND_CPU_KERNELS_VECTORS_H
#define MIMO_RUNTIME_BACKEND_CPU_KERNELS_VECTORS_H

#include "runtime/backend/cpu/kernels/kernels.h"

#include <string.h>

#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#elif defined(__AVX__)
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif
#define LANES ((int64_t)VECTOR_BYTES / (int64_t)sizeof(real))

/* Arithmetic works lane by lane; a scalar operand stands for a vector of copies. */
typedef real vector __attribute__((vector_size(VECTOR_BYTES)));

static ALWAYS_INLINE vector vector_load(const real *from)
{
    vector v;
    memcpy(&v, from, sizeof v);
    return v;
}

static ALWAYS_INLINE void vector_store(real *to, vector v)
{
    memcpy(to, &v, sizeof v);
}

/* The sum of the lanes, by halves. They are taken from a copy, since a vector whose address is
 * taken would live in memory. */
static ALWAYS_INLINE real vector_total(vector v)
{
    typedef real quarter __attribute__((vector_size(16)));
    enum { QUARTERS = VECTOR_BYTES / 16 };
    real lane[LANES];
    quarter sum[QUARTERS];
    vector_store(lane, v);
    memcpy(sum, lane, sizeof sum);
#if VECTOR_BYTES == 64
    sum[0] += sum[2];
    sum[1] += sum[3];
#endif
#if VECTOR_BYTES >= 32
    sum[0] += sum[1];
#endif
#if MIMO_REAL_IS_DOUBLE
    return sum[0][0] + sum[0][1];
#else
    return (sum[0][0] + sum[0][2]) + (sum[0][1] + sum[0][3]);
#endif
}

#endif
