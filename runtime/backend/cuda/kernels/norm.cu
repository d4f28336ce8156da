/*
 * norm.cu - layer norm and RMS norm over the last dimension, a team of threads to each row.
 *
 * Threads keep their part of a row in registers between its passes; of very wide rows they read the
 * rest again. Backward, a block goes over many rows and adds up its share of dgamma and dbeta,
 * every thread its own columns; the blocks' shares are then summed as columns.
 */
#include "runtime/backend/cuda/kernels/column_sums.cuh"
#include "runtime/backend/cuda/kernels/team.cuh"

/* ---- forward ---- */

/* RMS norm has no mean and no beta. */
template <typename T> struct norm_forward {
    T *y, *x;
    const T *residual, *gamma, *beta;
    float *mean, *rstd;
    int64_t rows, cols;
    float epsilon;
};

constexpr int FORWARD_KEPT = 4;
constexpr unsigned FORWARD_THREADS = 1024;

/* What a thread has of a row, and the way to all of it. */
template <typename T, int N> struct norm_row {
    T *x;
    const T *residual;
    int chunks; /* 0 for a team without a row */
    vector<T, N> kept[FORWARD_KEPT + 1];

    /* With the residual, which x gets too. */
    __device__ __forceinline__ vector<float, N> enter(int chunk, int slot)
    {
        const int at = chunk * N;
        kept[slot] = load<N>(x + at);
        if (residual != nullptr) {
            vector<float, N> sum = widen(kept[slot]);
            const vector<float, N> more = load_wide<N>(residual + at);
#pragma unroll
            for (int e = 0; e < N; e++)
                sum.at[e] += more.at[e];
            kept[slot] = narrow<T>(sum);
            store<N>(x + at, kept[slot]);
        }
        return widen(kept[slot]);
    }

    __device__ __forceinline__ vector<float, N> get(int chunk, int slot)
    {
        if (slot == FORWARD_KEPT)
            kept[slot] = load<N>(x + chunk * N);
        return widen(kept[slot]);
    }
};

/* The sum of the row after the residual, which no norm without a mean needs, but it is free. */
template <typename T, int N> static __device__ __forceinline__ float enter_row(norm_row<T, N> &row)
{
    float sum = 0.0f;
    for_chunks<FORWARD_KEPT>(row.chunks, [&](int chunk, int slot) {
        const vector<float, N> x = row.enter(chunk, slot);
#pragma unroll
        for (int e = 0; e < N; e++)
            sum += x.at[e];
    });
    return sum;
}

template <typename T, int N>
static __device__ __forceinline__ float sum_deviations(norm_row<T, N> &row, float centre)
{
    float sum = 0.0f;
    for_chunks<FORWARD_KEPT>(row.chunks, [&](int chunk, int slot) {
        const vector<float, N> x = row.get(chunk, slot);
#pragma unroll
        for (int e = 0; e < N; e++)
            sum += (x.at[e] - centre) * (x.at[e] - centre);
    });
    return sum;
}

template <bool HAS_MEAN, typename T, int N>
static __device__ __forceinline__ void write_row(const norm_forward<T> &call, T *y,
                                                 norm_row<T, N> &row, float centre, float factor)
{
    for_chunks<FORWARD_KEPT>(row.chunks, [&](int chunk, int slot) {
        vector<float, N> x = row.get(chunk, slot);
        const vector<float, N> scale = load_wide<N>(call.gamma + chunk * N);
        vector<float, N> shift = {};
        if (HAS_MEAN)
            shift = load_wide<N>(call.beta + chunk * N);
#pragma unroll
        for (int e = 0; e < N; e++)
            x.at[e] = (x.at[e] - centre) * factor * scale.at[e] + shift.at[e];
        store_narrow<N>(y + chunk * N, x);
    });
}

template <bool HAS_MEAN, int N, typename T>
static __device__ __forceinline__ void norm_forward_row(const norm_forward<T> &call, int64_t r)
{
    const bool has_row = r < call.rows;
    const int64_t at = has_row ? r * call.cols : 0;
    const float count = static_cast<float>(call.cols);
    norm_row<T, N> row = {call.x + at,
                          call.residual != nullptr ? call.residual + at : nullptr,
                          has_row ? static_cast<int>(call.cols / N) : 0,
                          {}};
    const float sum = enter_row(row);
    const float centre = HAS_MEAN ? team_sum(sum) / count : 0.0f;
    const float variance = team_sum(sum_deviations(row, centre)) / count;
    const float factor = 1.0f / sqrtf(variance + call.epsilon);

    write_row<HAS_MEAN>(call, call.y + at, row, centre, factor);
    if (has_row && threadIdx.x == 0) {
        call.rstd[r] = factor;
        if (HAS_MEAN)
            call.mean[r] = centre;
    }
}

template <bool HAS_MEAN, int N, typename T>
static __global__ void __launch_bounds__(FORWARD_THREADS, 1)
    norm_forward_kernel(const norm_forward<T> call)
{
    const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.y;
    for (int64_t r = static_cast<int64_t>(blockIdx.x) * blockDim.y; r < call.rows; r += step)
        norm_forward_row<HAS_MEAN, N>(call, r + threadIdx.y);
}

template <bool HAS_MEAN, typename T>
static void issue_forward(struct mimo_backend *be, const char *operation,
                          const norm_forward<T> &call)
{
    constexpr int N = CHUNK<T>;
    const bool in_chunks =
        is_aligned<N>({call.cols}, call.y, call.x, call.residual, call.gamma, call.beta);
    const dim3 block = teams(in_chunks ? call.cols / N : call.cols, FORWARD_KEPT, FORWARD_THREADS);

    launch(be, operation, blocks_of(call.rows, block), block, 0,
           in_chunks ? norm_forward_kernel<HAS_MEAN, N, T> : norm_forward_kernel<HAS_MEAN, 1, T>,
           call);
}

template <typename T>
static void layer_norm_forward(struct mimo_backend *be, void *y, void *mean, void *rstd, void *x,
                               const void *residual, const void *gamma, const void *beta,
                               int64_t rows, int64_t cols, double epsilon)
{
    issue_forward<true>(be, "layer_norm_forward",
                        norm_forward<T>{static_cast<T *>(y), static_cast<T *>(x),
                                        static_cast<const T *>(residual),
                                        static_cast<const T *>(gamma), static_cast<const T *>(beta),
                                        static_cast<float *>(mean), static_cast<float *>(rstd),
                                        rows, cols, static_cast<float>(epsilon)});
}

template <typename T>
static void rms_norm_forward(struct mimo_backend *be, void *y, void *rstd, void *x,
                             const void *residual, const void *gamma, int64_t rows, int64_t cols,
                             double epsilon)
{
    issue_forward<false>(
        be, "rms_norm_forward",
        norm_forward<T>{static_cast<T *>(y), static_cast<T *>(x), static_cast<const T *>(residual),
                        static_cast<const T *>(gamma), nullptr, nullptr, static_cast<float *>(rstd),
                        rows, cols, static_cast<float>(epsilon)});
}

/* ---- backward ---- */

/* sums: a share of dgamma and then, with a mean, of dbeta for every block, or NULL where neither is
 * wanted. */
template <typename T> struct norm_backward {
    T *dx;
    const T *dy, *x, *gamma;
    const float *mean, *rstd;
    float *sums;
    int64_t rows, cols;
    bool sums_in_shared;
};

constexpr int BACKWARD_KEPT = 4, BACKWARD_CHUNK = 4; /* a float4 of sums */
constexpr unsigned BACKWARD_THREADS = 512;
constexpr int64_t BACKWARD_THREADS_ALL = 1 << 17, BACKWARD_ROWS_MIN = 4;
constexpr size_t SHARED_BYTES = 40 << 10;

/* A row's statistics: of dy · gamma the mean (where the norm has one), and that of its product with
 * the normalised row. */
struct norm_means {
    float centre, factor, direct, normal;
};

template <typename T, int N> struct slope_row {
    const T *dy, *x;
    int chunks;
    vector<T, N> kept_dy[BACKWARD_KEPT + 1], kept_x[BACKWARD_KEPT + 1];

    __device__ __forceinline__ void enter(int chunk, int slot)
    {
        kept_dy[slot] = load<N>(dy + chunk * N);
        kept_x[slot] = load<N>(x + chunk * N);
    }
};

template <bool HAS_MEAN, int N, typename T>
static __device__ __forceinline__ norm_means row_means(const norm_backward<T> &call,
                                                       slope_row<T, N> &row, int64_t r)
{
    const float count = static_cast<float>(call.cols);
    norm_means means = {HAS_MEAN ? call.mean[r] : 0.0f, call.rstd[r], 0.0f, 0.0f};
    float sums[2] = {}; /* with x - mean, dy · gamma alone */

    for_chunks<BACKWARD_KEPT>(row.chunks, [&](int chunk, int slot) {
        const vector<float, N> scale = load_wide<N>(call.gamma + chunk * N);
        row.enter(chunk, slot);
#pragma unroll
        for (int e = 0; e < N; e++) {
            const float slope = widen(row.kept_dy[slot].at[e]) * scale.at[e];
            sums[0] += slope * (widen(row.kept_x[slot].at[e]) - means.centre);
            sums[1] += slope;
        }
    });
    over_team<sum_of>(sums);
    means.normal = sums[0] * means.factor / count;
    means.direct = HAS_MEAN ? sums[1] / count : 0.0f;
    return means;
}

template <int N>
static __device__ __forceinline__ void accumulate(float *sums, const vector<float, N> &values)
{
    vector<float, N> total = load<N>(sums);
#pragma unroll
    for (int e = 0; e < N; e++)
        total.at[e] += values.at[e];
    store<N>(sums, total);
}

template <bool HAS_MEAN, int N, typename T>
static __device__ __forceinline__ void change_row(const norm_backward<T> &call, T *dx,
                                                  slope_row<T, N> &row, const norm_means &means,
                                                  float *sums)
{
    for_chunks<BACKWARD_KEPT>(row.chunks, [&](int chunk, int slot) {
        const int at = chunk * N;
        vector<float, N> dgamma, dbeta, change = load_wide<N>(dx + at);
        const vector<float, N> scale = load_wide<N>(call.gamma + at);
        if (slot == BACKWARD_KEPT)
            row.enter(chunk, slot);
#pragma unroll
        for (int e = 0; e < N; e++) {
            const float unit = (widen(row.kept_x[slot].at[e]) - means.centre) * means.factor;
            dbeta.at[e] = widen(row.kept_dy[slot].at[e]);
            dgamma.at[e] = dbeta.at[e] * unit;
            change.at[e] +=
                means.factor * (dbeta.at[e] * scale.at[e] - means.direct - unit * means.normal);
        }
        store_narrow<N>(dx + at, change);
        if (sums != nullptr) {
            accumulate(sums + at, dgamma);
            if (HAS_MEAN)
                accumulate(sums + call.cols + at, dbeta);
        }
    });
}

/* Between the block's share of the sums and where it is added up: each thread its own columns, so
 * that no thread waits for another. */
template <bool HAS_MEAN, int N, typename T>
static __device__ __forceinline__ void copy_sums(const norm_backward<T> &call, float *to,
                                                 const float *from)
{
    for_chunks<0>(static_cast<int>(call.cols / N), [&](int chunk, int) {
        for (int64_t at = chunk * N; at < call.cols * (HAS_MEAN ? 2 : 1); at += call.cols)
            store<N>(to + at, from != nullptr ? load<N>(from + at) : vector<float, N>{});
    });
}

template <bool HAS_MEAN, int N, typename T>
static __global__ void __launch_bounds__(BACKWARD_THREADS, 1)
    norm_backward_kernel(const norm_backward<T> call)
{
    DYNAMIC_SHARED(float, shared);
    float *const share =
        call.sums == nullptr ? nullptr : call.sums + blockIdx.x * call.cols * (HAS_MEAN ? 2 : 1);
    float *const sums = call.sums_in_shared ? shared : share;

    if (sums != nullptr)
        copy_sums<HAS_MEAN, N>(call, sums, nullptr);
    for (int64_t r = blockIdx.x; r < call.rows; r += gridDim.x) {
        const int64_t at = r * call.cols;
        slope_row<T, N> row = {call.dy + at, call.x + at, static_cast<int>(call.cols / N), {}, {}};
        const norm_means means = row_means<HAS_MEAN>(call, row, r);
        change_row<HAS_MEAN>(call, call.dx + at, row, means, sums);
    }
    if (call.sums_in_shared)
        copy_sums<HAS_MEAN, N>(call, share, shared);
}

/* Blocks enough to fill the device, unless that left a block too few rows for the share of the sums
 * that it writes. */
static int64_t share_count(const struct mimo_cuda *cuda, int64_t rows, unsigned team,
                           size_t share_bytes)
{
    const int64_t room = static_cast<int64_t>(cuda->workspace_bytes / share_bytes);
    MIMO_ASSERT(room > 0);
    return std::min({ceil_div(rows, BACKWARD_ROWS_MIN), BACKWARD_THREADS_ALL / team, room});
}

template <bool HAS_MEAN, typename T>
static void issue_backward(struct mimo_backend *be, const char *operation, norm_backward<T> call,
                           float *dgamma, float *dbeta)
{
    constexpr int N = BACKWARD_CHUNK;
    const struct mimo_cuda *const cuda = mimo_cuda_of(be);
    const bool in_chunks = is_aligned<N>({call.cols}, call.dx, call.dy, call.x, call.gamma);
    const unsigned team =
        teams(in_chunks ? call.cols / N : call.cols, BACKWARD_KEPT, BACKWARD_THREADS).x;
    const int64_t width = call.cols * (HAS_MEAN ? 2 : 1);
    const size_t share_bytes = static_cast<size_t>(width) * sizeof(float);
    int64_t blocks = std::min(call.rows, GRID_X_MAX);

    if (call.cols == 0)
        return;
    if (dgamma != nullptr || dbeta != nullptr) {
        call.sums = static_cast<float *>(cuda->workspace);
        call.sums_in_shared = share_bytes <= SHARED_BYTES;
        blocks = share_count(cuda, call.rows, team, share_bytes);
    }
    launch(be, operation, dim3(static_cast<unsigned>(blocks)), dim3(team),
           call.sums_in_shared ? share_bytes : 0,
           in_chunks ? norm_backward_kernel<HAS_MEAN, N, T> : norm_backward_kernel<HAS_MEAN, 1, T>,
           call);
    if (dgamma != nullptr)
        column_sums_at_once(be, dgamma, call.sums, width, blocks, call.cols);
    if (dbeta != nullptr)
        column_sums_at_once(be, dbeta, call.sums + call.cols, width, blocks, call.cols);
}

template <typename T>
static void layer_norm_backward(struct mimo_backend *be, void *dx, void *dgamma, void *dbeta,
                                const void *dy, const void *x, const void *gamma, const void *mean,
                                const void *rstd, int64_t rows, int64_t cols)
{
    issue_backward<true>(be, "layer_norm_backward",
                         norm_backward<T>{static_cast<T *>(dx), static_cast<const T *>(dy),
                                          static_cast<const T *>(x), static_cast<const T *>(gamma),
                                          static_cast<const float *>(mean),
                                          static_cast<const float *>(rstd), nullptr, rows, cols,
                                          false},
                         static_cast<float *>(dgamma), static_cast<float *>(dbeta));
}

template <typename T>
static void rms_norm_backward(struct mimo_backend *be, void *dx, void *dgamma, const void *dy,
                              const void *x, const void *gamma, const void *rstd, int64_t rows,
                              int64_t cols)
{
    issue_backward<false>(be, "rms_norm_backward",
                          norm_backward<T>{static_cast<T *>(dx), static_cast<const T *>(dy),
                                           static_cast<const T *>(x), static_cast<const T *>(gamma),
                                           nullptr, static_cast<const float *>(rstd), nullptr, rows,
                                           cols, false},
                          static_cast<float *>(dgamma), nullptr);
}

template <typename T> static void enter(struct mimo_backend_ops *ops)
{
    ops->layer_norm_forward = layer_norm_forward<T>;
    ops->layer_norm_backward = layer_norm_backward<T>;
    ops->rms_norm_forward = rms_norm_forward<T>;
    ops->rms_norm_backward = rms_norm_backward<T>;
}

void mimo_cuda_norm(struct mimo_backend_ops *ops, bool is_bf16)
{
    if (is_bf16)
        enter<bf16>(ops);
    else
        enter<float>(ops);
}
