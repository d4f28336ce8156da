/*
 * column_sums.cuh - sums over rows, for the gradients of what is added to every row.
 */
#ifndef MIMO_RUNTIME_BACKEND_CUDA_KERNELS_COLUMN_SUMS_CUH
#define MIMO_RUNTIME_BACKEND_CUDA_KERNELS_COLUMN_SUMS_CUH

#include "runtime/backend/backend.h"

/* As mimo_cuda_column_sums (cuda.h), of rows that lie `stride` elements apart. */
void column_sums(struct mimo_backend *be, float *sums, const void *x, int64_t stride, int64_t rows,
                 int64_t cols);

/* The same of float32, in one stage, which leaves the workspace alone: x may lie there. For at most
 * some thousands of rows. */
void column_sums_at_once(struct mimo_backend *be, float *sums, const float *x, int64_t stride,
                         int64_t rows, int64_t cols);

#endif
