/* memory.cu - moving rows: copies, sums of copies, and rows by index. */
#include "runtime/backend/cuda/kernels/elementwise.cuh"

static void zero(struct mimo_backend *be, void *dst, size_t bytes)
{
    struct mimo_cuda *const cuda = mimo_cuda_of(be);
    if (bytes > 0)
        (void)mimo_cuda_check(cuda, cudaMemsetAsync(dst, 0, bytes, cuda->compute), "zero");
}

static void copy_bytes(struct mimo_backend *be, void *dst, const void *src, size_t bytes)
{
    struct mimo_cuda *const cuda = mimo_cuda_of(be);
    if (bytes > 0)
        (void)mimo_cuda_check(
            cuda, cudaMemcpyAsync(dst, src, bytes, cudaMemcpyDeviceToDevice, cuda->compute),
            "copy");
}

/* ---- rows ---- */

/* Row r goes from src's row from[r] to dst's row to[r]; NULL stands for r itself. */
template <typename T> struct row_copy {
    T *dst;
    const T *src;
    int64_t dst_stride, src_stride;
    const int32_t *to, *from;

    template <int N> __device__ __forceinline__ void run(int64_t row, int64_t i) const
    {
        const int64_t target = to != nullptr ? to[row] : row;
        const int64_t source = from != nullptr ? from[row] : row;
        store<N>(dst + target * dst_stride + i, load<N>(src + source * src_stride + i));
    }
};

template <typename To, typename From> struct row_add {
    To *dst;
    const From *src;
    int64_t dst_stride, src_stride;

    template <int N> __device__ __forceinline__ void run(int64_t row, int64_t i) const
    {
        To *const to = dst + row * dst_stride + i;
        vector<float, N> sum = load_wide<N>(to);
        const vector<float, N> more = load_wide<N>(src + row * src_stride + i);
#pragma unroll
        for (int e = 0; e < N; e++)
            sum.at[e] += more.at[e];
        store_narrow<N>(to, sum);
    }
};

template <typename T> struct row_narrow {
    T *dst;
    const float *src;
    int64_t dst_stride, src_stride;

    template <int N> __device__ __forceinline__ void run(int64_t row, int64_t i) const
    {
        store_narrow<N>(dst + row * dst_stride + i, load<N>(src + row * src_stride + i));
    }
};

template <typename T>
static void copy_rows(struct mimo_backend *be, const char *operation, const row_copy<T> &work,
                      int64_t rows, int64_t cols)
{
    for_rows<CHUNK<T>>(
        be, operation, work, rows, cols,
        is_aligned<CHUNK<T>>({cols, work.dst_stride, work.src_stride}, work.dst, work.src));
}

/* Rows without gaps between them are one. */
static bool is_dense(int64_t dst_stride, int64_t src_stride, int64_t rows, int64_t cols)
{
    return rows == 1 || (dst_stride == cols && src_stride == cols);
}

template <typename T>
static void copy(struct mimo_backend *be, void *dst, int64_t dst_stride, const void *src,
                 int64_t src_stride, int64_t rows, int64_t cols)
{
    const row_copy<T> work = {static_cast<T *>(dst),
                              static_cast<const T *>(src),
                              dst_stride,
                              src_stride,
                              nullptr,
                              nullptr};
    if (is_dense(dst_stride, src_stride, rows, cols))
        copy_bytes(be, dst, src, static_cast<size_t>(rows * cols) * sizeof(T));
    else
        copy_rows(be, "copy", work, rows, cols);
}

template <typename T>
static void add(struct mimo_backend *be, void *dst, int64_t dst_stride, const void *src,
                int64_t src_stride, int64_t rows, int64_t cols)
{
    const row_add<T, T> work = {static_cast<T *>(dst), static_cast<const T *>(src), dst_stride,
                                src_stride};
    for_rows<CHUNK<T>>(be, "add", work, rows, cols,
                       is_aligned<CHUNK<T>>({cols, dst_stride, src_stride}, work.dst, work.src));
}

template <typename T>
static void add_to_wide(struct mimo_backend *be, void *dst, int64_t dst_stride, const void *src,
                        int64_t src_stride, int64_t rows, int64_t cols)
{
    const row_add<float, T> work = {static_cast<float *>(dst), static_cast<const T *>(src),
                                    dst_stride, src_stride};
    for_rows<MIXED_CHUNK>(
        be, "add_to_wide", work, rows, cols,
        is_aligned<MIXED_CHUNK>({cols, dst_stride, src_stride}, work.dst, work.src));
}

template <typename T>
static void copy_from_wide(struct mimo_backend *be, void *dst, int64_t dst_stride, const void *src,
                           int64_t src_stride, int64_t rows, int64_t cols)
{
    const row_narrow<T> work = {static_cast<T *>(dst), static_cast<const float *>(src), dst_stride,
                                src_stride};
    for_rows<MIXED_CHUNK>(
        be, "copy_from_wide", work, rows, cols,
        is_aligned<MIXED_CHUNK>({cols, dst_stride, src_stride}, work.dst, work.src));
}

template <typename T>
static void scatter_rows(struct mimo_backend *be, void *dst, const void *src, const int32_t *index,
                         int64_t rows, int64_t cols)
{
    const row_copy<T> work = {
        static_cast<T *>(dst), static_cast<const T *>(src), cols, cols, index, nullptr};
    copy_rows(be, "scatter_rows", work, rows, cols);
}

template <typename T>
static void gather_rows(struct mimo_backend *be, void *dst, const void *src, const int32_t *index,
                        int64_t rows, int64_t cols)
{
    const row_copy<T> work = {
        static_cast<T *>(dst), static_cast<const T *>(src), cols, cols, nullptr, index};
    copy_rows(be, "gather_rows", work, rows, cols);
}

template <typename T> static void enter(struct mimo_backend_ops *ops)
{
    ops->copy = copy<T>;
    ops->add = add<T>;
    ops->add_to_wide = add_to_wide<T>;
    ops->copy_from_wide = copy_from_wide<T>;
    ops->scatter_rows = scatter_rows<T>;
    ops->gather_rows = gather_rows<T>;
}

void mimo_cuda_memory(struct mimo_backend_ops *ops, bool is_bf16)
{
    ops->zero = zero;
    ops->copy_bytes = copy_bytes;
    if (is_bf16)
        enter<bf16>(ops);
    else
        enter<float>(ops);
}
