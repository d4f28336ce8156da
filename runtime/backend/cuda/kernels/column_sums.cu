/*
 * column_sums.cu - column sums in one stage, or in two by way of the workspace.
 *
 * A block adds up a slice of the rows in a strip of columns, one chunk of N to each thread of a
 * warp: its warps take the slice's rows in turn, and are then added up in order. Where few columns
 * would leave most of the device idle there are several slices, and their sums are summed again.
 */
#include "runtime/backend/cuda/kernels/column_sums.cuh"
#include "runtime/backend/cuda/kernels/elementwise.cuh"

constexpr int WARPS = 16;
constexpr int64_t BLOCKS_WANTED = 512, SLICE_ROWS_MIN = 64;

/* out[slice, :] (+)= the sums of rows slice * slice_rows ... */
template <typename T> struct column_sums_call {
    float *out;
    const T *x;
    int64_t stride, rows, cols, slice_rows;
    bool accumulates;
};

template <int N, typename T>
static __device__ __forceinline__ vector<float, N> thread_sums(const column_sums_call<T> &call,
                                                               int64_t column, int64_t slice)
{
    const int64_t begin = slice * call.slice_rows;
    const int64_t end = min(begin + call.slice_rows, call.rows);
    vector<float, N> sum = {};

    if (column >= call.cols)
        return sum;
#pragma unroll 4
    for (int64_t row = begin + threadIdx.y; row < end; row += WARPS) {
        const vector<float, N> values = load_wide<N>(call.x + row * call.stride + column);
#pragma unroll
        for (int e = 0; e < N; e++)
            sum.at[e] += values.at[e];
    }
    return sum;
}

template <int N, typename T>
static __global__ void __launch_bounds__(WARPS *WARP) sum_columns(const column_sums_call<T> call)
{
    constexpr int STRIP = WARP * N;
    __shared__ float of_warp[WARPS][STRIP];
    const int64_t strip = static_cast<int64_t>(blockIdx.x) * STRIP, slice = blockIdx.y;
    const int at = static_cast<int>(threadIdx.x) * N;
    const int mine = static_cast<int>(threadIdx.y) * WARP + static_cast<int>(threadIdx.x);

    store<N>(&of_warp[threadIdx.y][at], thread_sums<N>(call, strip + at, slice));
    __syncthreads();
    if (mine < STRIP && strip + mine < call.cols) {
        float *const out = call.out + slice * call.cols + strip + mine;
        float sum = call.accumulates ? *out : 0.0f;
        float block = 0.0f;
        for (int warp = 0; warp < WARPS; warp++)
            block += of_warp[warp][mine];
        *out = sum + block;
    }
}

template <typename T>
static void issue(struct mimo_backend *be, const column_sums_call<T> &call, int64_t slices)
{
    constexpr int N = CHUNK<T>;
    const bool in_chunks = is_aligned<N>({call.cols, call.stride}, call.x);
    const int64_t strips = ceil_div(call.cols, WARP * (in_chunks ? N : 1));

    launch(be, "column sums", dim3(static_cast<unsigned>(strips), static_cast<unsigned>(slices)),
           dim3(WARP, WARPS), 0, in_chunks ? sum_columns<N, T> : sum_columns<1, T>, call);
}

void column_sums_at_once(struct mimo_backend *be, float *sums, const float *x, int64_t stride,
                         int64_t rows, int64_t cols)
{
    issue(be, column_sums_call<float>{sums, x, stride, rows, cols, rows, true}, rows > 0 ? 1 : 0);
}

/* How many slices fill the device, as long as each has rows enough to be worth it. */
static int64_t slice_count(int64_t rows, int64_t cols, int chunk)
{
    const int64_t strips = ceil_div(cols, WARP * chunk);
    const int64_t wanted = std::max<int64_t>(BLOCKS_WANTED / std::max<int64_t>(strips, 1), 1);
    return std::min(wanted, ceil_div(rows, SLICE_ROWS_MIN));
}

template <typename T>
static void sum_in_stages(struct mimo_backend *be, float *sums, const T *x, int64_t stride,
                          int64_t rows, int64_t cols)
{
    const struct mimo_cuda *const cuda = mimo_cuda_of(be);
    const int64_t slices = slice_count(rows, cols, CHUNK<T>);
    float *const partial = static_cast<float *>(cuda->workspace);
    const int64_t slice_rows = slices > 0 ? ceil_div(rows, slices) : 0;

    if (slices <= 1) {
        issue(be, column_sums_call<T>{sums, x, stride, rows, cols, rows, true}, slices);
        return;
    }
    MIMO_ASSERT(static_cast<size_t>(slices * cols) * sizeof(float) <= cuda->workspace_bytes);
    issue(be, column_sums_call<T>{partial, x, stride, rows, cols, slice_rows, false}, slices);
    column_sums_at_once(be, sums, partial, cols, slices, cols);
}

void column_sums(struct mimo_backend *be, float *sums, const void *x, int64_t stride, int64_t rows,
                 int64_t cols)
{
    if (be->precision == MIMO_PRECISION_BF16)
        sum_in_stages(be, sums, static_cast<const bf16 *>(x), stride, rows, cols);
    else
        sum_in_stages(be, sums, static_cast<const float *>(x), stride, rows, cols);
}

void mimo_cuda_column_sums(struct mimo_backend *be, float *sums, const void *x, int64_t rows,
                           int64_t cols)
{
    column_sums(be, sums, x, cols, rows, cols);
}
