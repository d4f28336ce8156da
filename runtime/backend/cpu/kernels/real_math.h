/*
 * real_math.h - elementary functions of one element, written so that loops over them vectorise.
 *
 * In double precision, which exists for proofs, they are the C library's. In float:
 *   real_exp     relative error below 2e-7; 0 below -87.69 (where results come to be subnormal);
 *                saturates at 2.4e38 above 88.37; NaN stays NaN
 *   normal_cdf   absolute error below 2e-7
 */
#ifndef MIMO_RUNTIME_BACKEND_CPU_KERNELS_REAL_MATH_H
#define MIMO_RUNTIME_BACKEND_CPU_KERNELS_REAL_MATH_H

#include "runtime/backend/cpu/kernels/kernels.h"

#include <math.h>
#include <string.h>

#if MIMO_REAL_IS_DOUBLE

static ALWAYS_INLINE double real_exp(double x)
{
    return exp(x);
}

static ALWAYS_INLINE double real_sqrt(double x)
{
    return sqrt(x);
}

/* The distribution function of the standard normal. */
static ALWAYS_INLINE double normal_cdf(double x, double gauss)
{
    (void)gauss;
    return 0.5 * erfc(-x * 0.70710678118654752440);
}

#else

/* e^x = 2^n · e^r with n = round(x / ln 2), |r| <= ln 2 / 2 = 0.3466. The Taylor polynomial of
 * degree 7 leaves r^8 / 8! < 5.3e-9. Adding 1.5 · 2^23 rounds to an integer and leaves it in the
 * low bits of the sum. ln 2 is cut in two so that n times the upper part is exact. At the lower
 * bound n is -127, for which the bits of 2^n are those of 0. */
static ALWAYS_INLINE float real_exp(float x)
{
    const float lowest = -88.0F, highest = 88.37F, shifter = 12582912.0F;
    const float raised = lowest > x ? lowest : x;
    const float bounded = highest < raised ? highest : raised;
    const float shifted = bounded * 1.44269504F + shifter;
    const float n = shifted - shifter;
    const float r = (bounded - n * 0.693359375F) + n * 2.12194440e-4F;
    float power, sum = 1.0F / 5040;
    uint32_t bits;
    sum = sum * r + 1.0F / 720;
    sum = sum * r + 1.0F / 120;
    sum = sum * r + 1.0F / 24;
    sum = sum * r + 1.0F / 6;
    sum = sum * r + 0.5F;
    sum = sum * r + 1.0F;
    sum = sum * r + 1.0F;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 127) << 23;
    memcpy(&power, &bits, sizeof power);
    return sum * power;
}

static ALWAYS_INLINE float real_sqrt(float x)
{
    return sqrtf(x);
}

/* The distribution function of the standard normal; `gauss` is exp(-x² / 2), which the density
 * shares. Abramowitz and Stegun 7.1.26 with z = |x| / √2: 1 - erf(z) = gauss · polynomial(t). */
static ALWAYS_INLINE float normal_cdf(float x, float gauss)
{
    const float t = 1.0F / (1.0F + 0.3275911F * 0.70710678F * fabsf(x));
    float sum = 1.061405429F;
    sum = sum * t - 1.453152027F;
    sum = sum * t + 1.421413741F;
    sum = sum * t - 0.284496736F;
    sum = sum * t + 0.254829592F;
    sum = 0.5F * sum * t * gauss;
    return x > 0.0F ? 1.0F - sum : sum;
}

#endif

/* 1 / (1 + e^-x) */
static ALWAYS_INLINE real sigmoid(real x)
{
    return 1 / (1 + real_exp(-x));
}

#endif
