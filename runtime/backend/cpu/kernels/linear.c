/*
 * linear.c - linear layers over the library's matrix products, and the column sums of biases.
 *
 * Products of bf16 come out in float32: those that are kept in bf16 go through a room of the
 * backend's, block by block, and are rounded once, with the bias and what they are added to.
 */
#include "runtime/backend/cpu/cpu.h"
#include "runtime/backend/cpu/gemm.h"
#include "runtime/backend/cpu/kernels/vectors.h"

/* Rows are added up in blocks of BLOCK_ROWS: with 2,000 of them the rounding error stays that of
 * about 64 + 2000 / 64 additions. */
enum { BLOCK_ROWS = 64, CHUNK = 4 };

/* The sums of CHUNK vectors of columns. */
static void sum_chunk(real *sums, const element *x, int64_t stride, int64_t rows)
{
    vector partial[CHUNK] = {{0}};
    for (int64_t r = 0; r < rows; r++, x += stride)
        for (int64_t v = 0; v < CHUNK; v++)
            partial[v] += vector_widen(x + v * LANES);
    for (int64_t v = 0; v < CHUNK; v++)
        vector_store(sums + v * LANES, vector_load(sums + v * LANES) + partial[v]);
}

static void sum_column(real *sum, const element *x, int64_t stride, int64_t rows)
{
    real partial = 0;
    for (int64_t r = 0; r < rows; r++)
        partial += to_real(x[r * stride]);
    *sum += partial;
}

void KERNELS(column_sums)(real *sums, const element *x, int64_t stride, int64_t rows, int64_t cols)
{
    for (int64_t r = 0; r < rows; r += BLOCK_ROWS, x += BLOCK_ROWS * stride) {
        const int64_t count = smaller(BLOCK_ROWS, rows - r);
        int64_t j = 0;
        for (; j + CHUNK * LANES <= cols; j += CHUNK * LANES)
            sum_chunk(sums + j, x + j, stride, count);
        for (; j < cols; j++)
            sum_column(sums + j, x + j, stride, count);
    }
}

/* y[rows, cols] = a[rows, inner] · b + bias, where b is [inner, cols], or [cols, inner] with
 * `transposes`. There may be no bias; with `accumulates` all is added to y. */
struct product {
    element *y;
    const element *a, *b, *bias;
    int64_t rows, cols, inner;
    bool transposes, accumulates;
};

#if MIMO_IS_BF16

/* Rounds sums[rows, cols] into the block of y that begins at (row, col). */
static void round_block(const struct product *p, const real *sums, int64_t row, int64_t col,
                        int64_t rows, int64_t cols)
{
    for (int64_t r = 0; r < rows; r++, sums += cols) {
        element *y = p->y + (row + r) * p->cols + col;
        const element *bias = p->bias != NULL ? p->bias + col : NULL;
#pragma omp simd
        for (int64_t j = 0; j < cols; j++)
            y[j] = to_element(sums[j] + (bias != NULL ? to_real(bias[j]) : 0) +
                              (p->accumulates ? to_real(y[j]) : 0));
    }
}

static void multiply(struct mimo_backend *be, const struct product *p)
{
    struct mimo_cpu_bf16 *bf16 = mimo_cpu_of(be)->bf16;
    const int64_t cols_max = smaller(p->cols, MIMO_CPU_BF16_COLS);
    const int64_t rows_max = cols_max > 0 ? MIMO_CPU_BF16_ROOM / cols_max : 0;
    for (int64_t col = 0; col < p->cols; col += cols_max)
        for (int64_t row = 0; row < p->rows; row += rows_max) {
            const int64_t cols = smaller(cols_max, p->cols - col);
            const int64_t rows = smaller(rows_max, p->rows - row);
            const struct mimo_cpu_bf16_product block = {
                .m = rows,
                .n = cols,
                .k = p->inner,
                .a = (const uint16_t *)(p->a + row * p->inner),
                .b = (const uint16_t *)(p->b + col * (p->transposes ? p->inner : 1)),
                .c = mimo_cpu_bf16_room(bf16),
                .a_stride = p->inner,
                .b_stride = p->transposes ? p->inner : p->cols,
                .transposes_b = p->transposes,
            };
            mimo_cpu_gemm_bf16(bf16, &block);
            round_block(p, block.c, row, col, rows, cols);
        }
}

/* dw[out, in] += dyᵀ · x */
static void add_weight_product(struct mimo_backend *be, real *dw, const element *dy,
                               const element *x, int64_t rows, int64_t in, int64_t out)
{
    mimo_cpu_gemm_bf16(mimo_cpu_of(be)->bf16,
                       &(struct mimo_cpu_bf16_product){.m = out,
                                                       .n = in,
                                                       .k = rows,
                                                       .a = (const uint16_t *)dy,
                                                       .b = (const uint16_t *)x,
                                                       .c = dw,
                                                       .a_stride = out,
                                                       .b_stride = in,
                                                       .transposes_a = true,
                                                       .accumulates = true});
}

#else

#if MIMO_REAL_IS_DOUBLE
#define GEMM mimo_cpu_gemm_double
#else
#define GEMM mimo_cpu_gemm_float
#endif

static void multiply(struct mimo_backend *be, const struct product *p)
{
    element *row = p->y;
    (void)be;
    MIMO_ASSERT(p->bias == NULL || !p->accumulates);
    for (int64_t r = 0; r < p->rows && p->bias != NULL && p->cols > 0; r++, row += p->cols)
        memcpy(row, p->bias, (size_t)p->cols * sizeof(element));
    GEMM(false, p->transposes, p->rows, p->cols, p->inner, p->a, p->b, p->y,
         p->accumulates || p->bias != NULL);
}

/* dw[out, in] += dyᵀ · x */
static void add_weight_product(struct mimo_backend *be, real *dw, const element *dy,
                               const element *x, int64_t rows, int64_t in, int64_t out)
{
    (void)be;
    GEMM(true, false, out, in, rows, dy, x, dw, true);
}

#endif

static void linear_forward(struct mimo_backend *be, void *y, const void *x, const void *w,
                           const void *bias, int64_t rows, int64_t in, int64_t out)
{
    multiply(be, &(struct product){y, x, w, bias, rows, out, in, true, false});
}

static void linear_backward_input(struct mimo_backend *be, void *dx, const void *dy, const void *w,
                                  int64_t rows, int64_t in, int64_t out, bool accumulates)
{
    multiply(be, &(struct product){dx, dy, w, NULL, rows, in, out, false, accumulates});
}

static void linear_activation_forward(struct mimo_backend *be, enum mimo_activation kind, void *y,
                                      void *z, const void *x, const void *w, const void *bias,
                                      int64_t rows, int64_t in, int64_t out)
{
    linear_forward(be, z, x, w, bias, rows, in, out);
    be->ops->activation_forward(be, kind, y, z, rows * out);
}

static void linear_activation_backward(struct mimo_backend *be, enum mimo_activation kind, void *dz,
                                       const void *dy, const void *w, const void *z, int64_t rows,
                                       int64_t in, int64_t out)
{
    linear_backward_input(be, dz, dy, w, rows, in, out, false);
    be->ops->activation_backward(be, kind, dz, dz, z, rows * in);
}

static void linear_backward_weight(struct mimo_backend *be, void *dw, void *dbias, const void *dy,
                                   const void *x, int64_t rows, int64_t in, int64_t out)
{
    if (dw != NULL)
        add_weight_product(be, dw, dy, x, rows, in, out);
    if (dbias != NULL)
        KERNELS(column_sums)(dbias, dy, out, rows, out);
}

void KERNELS(linear)(struct mimo_backend_ops *ops)
{
    ops->linear_forward = linear_forward;
    ops->linear_backward_input = linear_backward_input;
    ops->linear_activation_forward = linear_activation_forward;
    ops->linear_activation_backward = linear_activation_backward;
    ops->linear_backward_weight = linear_backward_weight;
}
