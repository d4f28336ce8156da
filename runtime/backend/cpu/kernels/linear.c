/* linear.c - linear layers over the library's matrix products, and the column sums of biases. */
#include "runtime/backend/cpu/gemm.h"
#include "runtime/backend/cpu/kernels/vectors.h"

/* Rows are added up in blocks of BLOCK_ROWS: with 2,000 of them the rounding error stays that of
 * about 64 + 2000 / 64 additions. */
enum { BLOCK_ROWS = 64, CHUNK = 4 };

#if MIMO_REAL_IS_DOUBLE
#define GEMM mimo_cpu_gemm_double
#else
#define GEMM mimo_cpu_gemm_float
#endif

/* The sums of CHUNK vectors of columns. */
static void sum_chunk(real *sums, const real *x, int64_t stride, int64_t rows)
{
    vector partial[CHUNK] = {{0}};
    for (int64_t r = 0; r < rows; r++, x += stride)
        for (int64_t v = 0; v < CHUNK; v++)
            partial[v] += vector_load(x + v * LANES);
    for (int64_t v = 0; v < CHUNK; v++)
        vector_store(sums + v * LANES, vector_load(sums + v * LANES) + partial[v]);
}

static void sum_column(real *sum, const real *x, int64_t stride, int64_t rows)
{
    real partial = 0;
    for (int64_t r = 0; r < rows; r++)
        partial += x[r * stride];
    *sum += partial;
}

void KERNELS(column_sums)(real *sums, const real *x, int64_t stride, int64_t rows, int64_t cols)
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

static void linear_forward(struct mimo_backend *be, void *y, const void *x, const void *w,
                           const void *bias, int64_t rows, int64_t in, int64_t out)
{
    real *row = y;
    (void)be;
    for (int64_t r = 0; r < rows && bias != NULL && out > 0; r++, row += out)
        memcpy(row, bias, (size_t)out * sizeof(real));
    GEMM(false, true, rows, out, in, x, w, y, bias != NULL);
}

static void linear_backward_input(struct mimo_backend *be, void *dx, const void *dy, const void *w,
                                  int64_t rows, int64_t in, int64_t out, bool accumulates)
{
    (void)be;
    GEMM(false, false, rows, in, out, dy, w, dx, accumulates);
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
    (void)be;
    if (dw != NULL)
        GEMM(true, false, out, in, rows, dy, x, dw, true);
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
