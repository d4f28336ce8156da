/* memory.c - moving rows: copies, sums of copies, rows by index, and rounding. */
#include "runtime/backend/cpu/kernels/kernels.h"

#include <string.h>

static void upload(struct mimo_backend *be, void *dst, const void *host, size_t bytes)
{
    (void)be;
    if (bytes > 0)
        memcpy(dst, host, bytes);
}

static void download(struct mimo_backend *be, void *host, const void *src, size_t bytes)
{
    (void)be;
    if (bytes > 0)
        memcpy(host, src, bytes);
}

static void zero(struct mimo_backend *be, void *dst, size_t bytes)
{
    (void)be;
    if (bytes > 0)
        memset(dst, 0, bytes);
}

static void copy_bytes(struct mimo_backend *be, void *dst, const void *src, size_t bytes)
{
    upload(be, dst, src, bytes);
}

static void copy(struct mimo_backend *be, void *dst, int64_t dst_stride, const void *src,
                 int64_t src_stride, int64_t rows, int64_t cols)
{
    element *to = dst;
    const element *from = src;
    if (dst_stride == cols && src_stride == cols) {
        cols *= rows;
        rows = cols > 0;
    }
    for (int64_t r = 0; r < rows; r++)
        upload(be, to + r * dst_stride, from + r * src_stride, (size_t)cols * sizeof(element));
}

static void add(struct mimo_backend *be, void *dst, int64_t dst_stride, const void *src,
                int64_t src_stride, int64_t rows, int64_t cols)
{
    element *to = dst;
    const element *from = src;
    (void)be;
    if (dst_stride == cols && src_stride == cols) {
        cols *= rows;
        rows = cols > 0;
    }
    for (int64_t r = 0; r < rows; r++, to += dst_stride, from += src_stride) {
#pragma omp simd
        for (int64_t j = 0; j < cols; j++)
            to[j] = to_element(to_real(to[j]) + to_real(from[j]));
    }
}

static void add_to_wide(struct mimo_backend *be, void *dst, int64_t dst_stride, const void *src,
                        int64_t src_stride, int64_t rows, int64_t cols)
{
    real *to = dst;
    const element *from = src;
    (void)be;
    for (int64_t r = 0; r < rows; r++, to += dst_stride, from += src_stride) {
#pragma omp simd
        for (int64_t j = 0; j < cols; j++)
            to[j] += to_real(from[j]);
    }
}

static void copy_from_wide(struct mimo_backend *be, void *dst, int64_t dst_stride, const void *src,
                           int64_t src_stride, int64_t rows, int64_t cols)
{
    element *to = dst;
    const real *from = src;
    (void)be;
    for (int64_t r = 0; r < rows; r++, to += dst_stride, from += src_stride) {
#pragma omp simd
        for (int64_t j = 0; j < cols; j++)
            to[j] = to_element(from[j]);
    }
}

static void scatter_rows(struct mimo_backend *be, void *dst, const void *src, const int32_t *index,
                         int64_t rows, int64_t cols)
{
    element *to = dst;
    const element *from = src;
    for (int64_t i = 0; i < rows; i++)
        upload(be, to + index[i] * cols, from + i * cols, (size_t)cols * sizeof(element));
}

static void gather_rows(struct mimo_backend *be, void *dst, const void *src, const int32_t *index,
                        int64_t rows, int64_t cols)
{
    element *to = dst;
    const element *from = src;
    for (int64_t i = 0; i < rows; i++)
        upload(be, to + i * cols, from + index[i] * cols, (size_t)cols * sizeof(element));
}

void KERNELS(memory)(struct mimo_backend_ops *ops)
{
    ops->upload = upload;
    ops->download = download;
    ops->zero = zero;
    ops->copy_bytes = copy_bytes;
    ops->copy = copy;
    ops->add = add;
    ops->add_to_wide = add_to_wide;
    ops->copy_from_wide = copy_from_wide;
    ops->scatter_rows = scatter_rows;
    ops->gather_rows = gather_rows;
}

void KERNELS(ops)(struct mimo_backend_ops *ops)
{
    KERNELS(memory)(ops);
    KERNELS(linear)(ops);
    KERNELS(norm)(ops);
    KERNELS(activation)(ops);
    KERNELS(attention)(ops);
    KERNELS(tokens)(ops);
    KERNELS(experts)(ops);
    KERNELS(images)(ops);
    KERNELS(optimizer)(ops);
}
