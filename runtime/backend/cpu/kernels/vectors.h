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

#if MIMO_IS_BF16
typedef uint16_t halves __attribute__((vector_size(VECTOR_BYTES / 2)));
typedef uint32_t words __attribute__((vector_size(VECTOR_BYTES)));

static ALWAYS_INLINE vector vector_widen(const element *from)
{
    halves narrow;
    words wide;
    vector v;
    memcpy(&narrow, from, sizeof narrow);
    wide = __builtin_convertvector(narrow, words) << 16;
    memcpy(&v, &wide, sizeof v);
    return v;
}

/* As mimo_bf16_round; a comparison gives all bits set for true. */
static ALWAYS_INLINE void vector_narrow(element *to, vector v)
{
    words wide, is_nan, rounded;
    halves narrow;
    memcpy(&wide, &v, sizeof wide);
    is_nan = (words)((wide & 0x7FFFFFFF) > 0x7F800000);
    rounded = (wide + 0x7FFF + (wide >> 16 & 1)) >> 16;
    narrow = __builtin_convertvector((is_nan & (wide >> 16 | 0x40)) | (~is_nan & rounded), halves);
    memcpy(to, &narrow, sizeof narrow);
}
#else
static ALWAYS_INLINE vector vector_widen(const element *from)
{
    return vector_load(from);
}

static ALWAYS_INLINE void vector_narrow(element *to, vector v)
{
    vector_store(to, v);
}
#endif

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

/* The inner product of two rows. */
static inline real row_product(const element *a, const element *b, int64_t count)
{
    vector sum = {0};
    real rest = 0;
    int64_t j = 0;
    for (; j + LANES <= count; j += LANES)
        sum += vector_widen(a + j) * vector_widen(b + j);
    for (; j < count; j++)
        rest += to_real(a[j]) * to_real(b[j]);
    return vector_total(sum) + rest;
}

#endif
