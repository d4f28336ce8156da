/*
 * gemm.h - matrix products, in one thread: the calling one.
 *
 * float runs on oneDNN, double on OpenBLAS; bench/README.md has the measurements behind the choice.
 */
#ifndef MIMO_RUNTIME_BACKEND_CPU_GEMM_H
#define MIMO_RUNTIME_BACKEND_CPU_GEMM_H

#include <stdbool.h>
#include <stdint.h>

/* c[m, n] = a · b, with `accumulates` added to c. All are dense and row-major; a is [m, k], or
 * [k, m] where `transposes_a`; b is [k, n], or [n, k] where `transposes_b`. Any count may be 0;
 * with k = 0 the product is zero. */
void mimo_cpu_gemm_float(bool transposes_a, bool transposes_b, int64_t m, int64_t n, int64_t k,
                         const float *a, const float *b, float *c, bool accumulates);
void mimo_cpu_gemm_double(bool transposes_a, bool transposes_b, int64_t m, int64_t n, int64_t k,
                          const double *a, const double *b, double *c, bool accumulates);

/* To be called before the first product. Keeps the libraries from starting threads, and caps the
 * instruction sets of float products as MIMO_CPU caps the kernels': `tier` is "baseline", "avx2" or
 * "avx512". oneDNN fixes its choice with its first product: a process has one cap. */
void mimo_cpu_gemm_init(const char *tier);

#endif
