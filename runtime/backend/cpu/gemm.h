/*
 * gemm.h - matrix products, in one thread: the calling one.
 *
 * float and bf16 run on oneDNN, double on OpenBLAS; bench/README.md has the measurements behind the
 * choice.
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
 * instruction sets of oneDNN's products as MIMO_CPU caps the kernels': `tier` is "baseline",
 * "avx2", "avx512" or "amx". oneDNN fixes its choice with its first product: a process has one cap.
 */
void mimo_cpu_gemm_init(const char *tier);

/* -- bf16 (gemm_bf16.c) ----------------------------------------------------------------------- */

/* c[m, n], dense, = a · b, with `accumulates` added to c; sums are float32 throughout. a is [m, k],
 * or [k, m] where `transposes_a`, its rows a_stride elements apart; b is [k, n], or [n, k]. Any
 * count may be 0; with k = 0 the product is zero. */
struct mimo_cpu_bf16_product {
    int64_t m, n, k;
    const uint16_t *a, *b;
    float *c;
    int64_t a_stride, b_stride;
    bool transposes_a, transposes_b, accumulates;
};

/* What products of bf16 need: oneDNN's primitives, made once for all shapes, or room for blocks
 * that are widened to float where the processor or `tier` has no instructions for bf16; and a room
 * of MIMO_CPU_BF16_ROOM floats for the caller's products, best in blocks of up to
 * MIMO_CPU_BF16_COLS columns. NULL where memory is short. */
struct mimo_cpu_bf16;
enum { MIMO_CPU_BF16_COLS = 512, MIMO_CPU_BF16_ROOM = 512 * 512 };
struct mimo_cpu_bf16 *mimo_cpu_bf16_new(const char *tier);
void mimo_cpu_bf16_free(struct mimo_cpu_bf16 *bf16); /* NULL is none */
float *mimo_cpu_bf16_room(struct mimo_cpu_bf16 *bf16);

void mimo_cpu_gemm_bf16(struct mimo_cpu_bf16 *bf16, const struct mimo_cpu_bf16_product *product);

#endif
