/*
 * block_product.h - products of blocks that lie in the first two caches, for attention.
 *
 * Its matrices are too small (17 × 32 × 17 in the smallest models) for a library's call, and one
 * factor is often a transposed or strided view. c[m, n] = a · b keeps tiles of TILE_ROWS × two
 * vectors of c in registers and multiplies rows of b with broadcast elements of a.
 */
#ifndef MIMO_RUNTIME_BACKEND_CPU_KERNELS_BLOCK_PRODUCT_H
#define MIMO_RUNTIME_BACKEND_CPU_KERNELS_BLOCK_PRODUCT_H

#include "runtime/backend/cpu/kernels/vectors.h"

/* With 16 vector registers: 12 for c, 2 for rows of b, 1 for the broadcast element. */
enum { TILE_ROWS = 6, TILE_VECTORS = 2 };

/* Element (i, l) is data[i * row + l * col]. */
struct factor {
    const real *data;
    int64_t row, col;
};

/* rows and vectors are constants at each call, so that every loop over them is unrolled. */
static ALWAYS_INLINE void product_tile(int rows, int vectors, real *c, int64_t c_stride,
                                       struct factor a, const real *b, int64_t b_stride, int64_t k,
                                       bool accumulates)
{
    vector sum[TILE_ROWS][TILE_VECTORS];
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++)
            sum[i][v] = accumulates ? vector_load(c + i * c_stride + v * LANES) : (vector){0};
    for (int64_t l = 0; l < k; l++) {
        vector right[TILE_VECTORS];
        for (int v = 0; v < vectors; v++)
            right[v] = vector_load(b + l * b_stride + v * LANES);
        for (int i = 0; i < rows; i++) {
            const real left = a.data[i * a.row + l * a.col];
            for (int v = 0; v < vectors; v++)
                sum[i][v] += left * right[v];
        }
    }
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++)
            vector_store(c + i * c_stride + v * LANES, sum[i][v]);
}

/* A panel is `vectors` vectors wide. */
static ALWAYS_INLINE void product_panel(int vectors, real *c, int64_t c_stride, struct factor a,
                                        const real *b, int64_t b_stride, int64_t m, int64_t k,
                                        bool accumulates)
{
    for (; m >= TILE_ROWS; m -= TILE_ROWS) {
        product_tile(TILE_ROWS, vectors, c, c_stride, a, b, b_stride, k, accumulates);
        c += TILE_ROWS * c_stride;
        a.data += TILE_ROWS * a.row;
    }
    switch (m) {
    case 5:
        product_tile(5, vectors, c, c_stride, a, b, b_stride, k, accumulates);
        break;
    case 4:
        product_tile(4, vectors, c, c_stride, a, b, b_stride, k, accumulates);
        break;
    case 3:
        product_tile(3, vectors, c, c_stride, a, b, b_stride, k, accumulates);
        break;
    case 2:
        product_tile(2, vectors, c, c_stride, a, b, b_stride, k, accumulates);
        break;
    case 1:
        product_tile(1, vectors, c, c_stride, a, b, b_stride, k, accumulates);
        break;
    default:
        break;
    }
}

/* The last columns, fewer than a vector. */
static void product_edge(real *c, int64_t c_stride, struct factor a, const real *b,
                         int64_t b_stride, int64_t m, int64_t n, int64_t k, bool accumulates)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            real sum = accumulates ? c[i * c_stride + j] : 0;
            for (int64_t l = 0; l < k; l++)
                sum += a.data[i * a.row + l * a.col] * b[l * b_stride + j];
            c[i * c_stride + j] = sum;
        }
}

/* c[m, n] = a[m, k] · b[k, n], with `accumulates` added to c; rows of c and b are c_stride and
 * b_stride elements apart. */
static void block_product(real *c, int64_t c_stride, struct factor a, const real *b,
                          int64_t b_stride, int64_t m, int64_t n, int64_t k, bool accumulates)
{
    int64_t j = 0;
    for (; j + TILE_VECTORS * LANES <= n; j += TILE_VECTORS * LANES)
        product_panel(TILE_VECTORS, c + j, c_stride, a, b + j, b_stride, m, k, accumulates);
    for (; j + LANES <= n; j += LANES)
        product_panel(1, c + j, c_stride, a, b + j, b_stride, m, k, accumulates);
    if (j < n)
        product_edge(c + j, c_stride, a, b + j, b_stride, m, n - j, k, accumulates);
}

#endif
