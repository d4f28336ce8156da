/*
 * experts.cu - rows to and from the experts: the router's choice, and sums of what comes back.
 *
 * The router's kernels give each row a warp. Its lanes take the experts by turns.
 */
#include "runtime/backend/cuda/kernels/team.cuh"

constexpr int ROUTE_WARPS = 4;

/* ---- the router's choice ---- */

template <typename T> struct route_call {
    float *probabilities, *weights;
    int32_t *choices;
    const T *logits;
    int64_t rows;
    int experts, top_k;
};

/* The lane's experts, or choices, of `count`. */
template <typename Work> static __device__ __forceinline__ void for_lanes(int count, Work work)
{
    for (int i = static_cast<int>(threadIdx.x); i < count; i += WARP)
        work(i);
}

template <typename T>
static __device__ __forceinline__ void softmax(float *probabilities, const T *logits, int count)
{
    float largest = -INFINITY, total = 0.0f;
    for_lanes(count, [&](int e) { largest = fmaxf(largest, widen(logits[e])); });
    largest = warp_max(largest);
    for_lanes(count, [&](int e) {
        probabilities[e] = expf(widen(logits[e]) - largest);
        total += probabilities[e];
    });
    total = warp_sum(total);
    for_lanes(count, [&](int e) { probabilities[e] /= total; });
}

/* Experts are chosen by descending rank: by probability, whose bits as an integer grow with it, and
 * of equals the first. No two ranks are equal, and NaN, which is above all, has one too. */
static __device__ __forceinline__ uint64_t rank_of(float probability, int expert)
{
    return static_cast<uint64_t>(__float_as_uint(probability)) << 32 |
           (UINT32_MAX - static_cast<uint32_t>(expert));
}

/* The largest rank below `limit`, on all lanes. */
static __device__ __forceinline__ uint64_t next_rank(const float *probabilities, int experts,
                                                     uint64_t limit)
{
    uint64_t largest = 0;
    for_lanes(experts, [&](int e) {
        const uint64_t rank = rank_of(probabilities[e], e);
        largest = rank < limit && rank > largest ? rank : largest;
    });
    for (int distance = WARP / 2; distance > 0; distance /= 2) {
        const uint64_t other = __shfl_xor_sync(ALL_LANES, largest, distance);
        largest = other > largest ? other : largest;
    }
    return largest;
}

/* The experts of a row, and its weights. */
static __device__ __forceinline__ void choose(int32_t *choices, float *weights,
                                              const float *probabilities, int experts, int top_k)
{
    uint64_t rank = UINT64_MAX;
    float total = 0.0f;
    for (int k = 0; k < top_k; k++) {
        rank = next_rank(probabilities, experts, rank);
        const float probability = __uint_as_float(static_cast<uint32_t>(rank >> 32));
        total += probability;
        if (threadIdx.x == 0) {
            choices[k] = static_cast<int32_t>(UINT32_MAX - static_cast<uint32_t>(rank));
            weights[k] = probability;
        }
    }
    __syncwarp();
    for_lanes(top_k, [&](int k) { weights[k] /= total; });
}

template <typename T>
static __global__ void __launch_bounds__(ROUTE_WARPS *WARP) route_kernel(const route_call<T> call)
{
    for_team_rows(call.rows, [&](int64_t row, bool has_row) {
        float *const probabilities = call.probabilities + row * call.experts;
        if (!has_row)
            return;
        softmax(probabilities, call.logits + row * call.experts, call.experts);
        choose(call.choices + row * call.top_k, call.weights + row * call.top_k, probabilities,
               call.experts, call.top_k);
    });
}

template <typename T>
static void route_forward(struct mimo_backend *be, void *probabilities, int32_t *choices,
                          void *weights, const void *logits, int64_t rows, int64_t experts,
                          int64_t top_k)
{
    const route_call<T> call = {static_cast<float *>(probabilities),
                                static_cast<float *>(weights),
                                choices,
                                static_cast<const T *>(logits),
                                rows,
                                static_cast<int>(experts),
                                static_cast<int>(top_k)};
    const dim3 block(WARP, ROUTE_WARPS);
    launch(be, "route_forward", blocks_of(rows, block), block, 0, route_kernel<T>, call);
}

/* ---- back through the choice ---- */

template <typename T> struct route_slope {
    T *dlogits;
    const float *dweights, *probabilities, *weights, *balance;
    const int32_t *choices, *samples;
    int64_t rows;
    int experts, top_k;
};

static __device__ __forceinline__ float warp_product(const float *a, const float *b, int count)
{
    float sum = 0.0f;
    for_lanes(count, [&](int i) { sum += a[i] * b[i]; });
    return warp_sum(sum);
}

/* A softmax p takes a gradient g to p · (g - Σ p · g). The probabilities are one over all experts,
 * the weights one over those that were chosen. */
template <typename T>
static __device__ __forceinline__ void route_backward_row(const route_slope<T> &call, int64_t row)
{
    const float *const p = call.probabilities + row * call.experts;
    const float *const w = call.weights + row * call.top_k, *const dw =
                                                                call.dweights + row * call.top_k;
    const int32_t *const choices = call.choices + row * call.top_k;
    const int sample = call.samples[row];
    const float *const balance =
        sample >= 0 ? call.balance + static_cast<int64_t>(sample) * call.experts : nullptr;
    const float weight_mean = warp_product(w, dw, call.top_k);
    const float mean = balance != nullptr ? warp_product(p, balance, call.experts) : 0.0f;

    for_lanes(call.experts, [&](int e) {
        float slope = balance != nullptr ? p[e] * (balance[e] - mean) : 0.0f;
        for (int k = 0; k < call.top_k; k++)
            slope += choices[k] == e ? w[k] * (dw[k] - weight_mean) : 0.0f;
        call.dlogits[row * call.experts + e] = narrow<T>(slope);
    });
}

template <typename T>
static __global__ void __launch_bounds__(ROUTE_WARPS *WARP)
    route_backward_kernel(const route_slope<T> call)
{
    for_team_rows(call.rows, [&](int64_t row, bool has_row) {
        if (has_row)
            route_backward_row(call, row);
    });
}

template <typename T>
static void route_backward(struct mimo_backend *be, void *dlogits, const void *dweights,
                           const void *probabilities, const int32_t *choices, const void *weights,
                           const void *balance, const int32_t *samples, int64_t rows,
                           int64_t experts, int64_t top_k)
{
    const route_slope<T> call = {static_cast<T *>(dlogits),
                                 static_cast<const float *>(dweights),
                                 static_cast<const float *>(probabilities),
                                 static_cast<const float *>(weights),
                                 static_cast<const float *>(balance),
                                 choices,
                                 samples,
                                 rows,
                                 static_cast<int>(experts),
                                 static_cast<int>(top_k)};
    const dim3 block(WARP, ROUTE_WARPS);
    launch(be, "route_backward", blocks_of(rows, block), block, 0, route_backward_kernel<T>, call);
}

/* ---- sums over rows ---- */

/* A block has a strip of experts, one to each lane, and goes through the rows in runs of one sample
 * each: its warps take the rows of a run by turns, and their sums are then added up in order. */
constexpr int SUM_WARPS = 16, RUN_MAX = 512;

struct route_sums_call {
    float *sums;
    const float *probabilities;
    const int32_t *choices, *samples;
    int64_t rows, experts, top_k;
};

/* How often an expert was chosen, and its probabilities. */
struct expert_sums {
    float count, probability;
};

/* The first row behind those from `begin` on that have the same sample, RUN_MAX of them at most. */
static __device__ __forceinline__ int64_t run_end(const int32_t *samples, int64_t begin,
                                                  int64_t rows)
{
    const int32_t sample = samples[begin];
    int64_t at = begin;
    for (; at < begin + RUN_MAX; at += WARP) {
        const int64_t row = at + threadIdx.x;
        const uint32_t others = __ballot_sync(ALL_LANES, row >= rows || samples[row] != sample);
        if (others != 0)
            return at + __ffs(static_cast<int>(others)) - 1;
    }
    return at;
}

/* The warp's rows of a run. */
static __device__ __forceinline__ expert_sums sum_rows(const route_sums_call &call, int64_t expert,
                                                       int64_t begin, int64_t end)
{
    expert_sums sums = {0.0f, 0.0f};
#pragma unroll 4
    for (int64_t row = begin + threadIdx.y; row < end; row += SUM_WARPS) {
        const int32_t *const choices = call.choices + row * call.top_k;
        sums.probability += call.probabilities[row * call.experts + expert];
        for (int64_t k = 0; k < call.top_k; k++)
            sums.count += choices[k] == expert ? 1.0f : 0.0f;
    }
    return sums;
}

static __device__ __forceinline__ void add_run(const route_sums_call &call, int64_t expert,
                                               int64_t begin, int64_t end)
{
    __shared__ expert_sums of_warp[SUM_WARPS][WARP];
    float *const to = call.sums + 2 * call.samples[begin] * call.experts + expert;
    const bool has_expert = expert < call.experts;
    expert_sums total = {0.0f, 0.0f};

    if (has_expert)
        of_warp[threadIdx.y][threadIdx.x] = sum_rows(call, expert, begin, end);
    __syncthreads();
    if (has_expert && threadIdx.y == 0) {
        for (int warp = 0; warp < SUM_WARPS; warp++) {
            total.count += of_warp[warp][threadIdx.x].count;
            total.probability += of_warp[warp][threadIdx.x].probability;
        }
        to[0] += total.count;
        to[call.experts] += total.probability;
    }
    __syncthreads(); /* of_warp is no longer read */
}

static __global__ void __launch_bounds__(SUM_WARPS *WARP)
    route_sums_kernel(const route_sums_call call)
{
    const int64_t expert = static_cast<int64_t>(blockIdx.x) * WARP + threadIdx.x;
    int64_t end;

    for (int64_t begin = 0; begin < call.rows; begin = end) {
        end = run_end(call.samples, begin, call.rows);
        if (call.samples[begin] >= 0)
            add_run(call, expert, begin, end);
    }
}

static void route_sums(struct mimo_backend *be, void *sums, const void *probabilities,
                       const int32_t *choices, const int32_t *samples, int64_t rows,
                       int64_t experts, int64_t top_k)
{
    const route_sums_call call = {static_cast<float *>(sums),
                                  static_cast<const float *>(probabilities),
                                  choices,
                                  samples,
                                  rows,
                                  experts,
                                  top_k};
    launch(be, "route_sums", dim3(static_cast<unsigned>(ceil_div(experts, WARP))),
           dim3(WARP, SUM_WARPS), 0, route_sums_kernel, call);
}

/* ---- sums of rows by index ---- */

template <typename T> struct combine_work {
    T *y;
    const T *x;
    const int32_t *index;
    const float *weights;
    int64_t top_k, cols;

    template <int N> __device__ __forceinline__ void run(int64_t row, int64_t i) const
    {
        T *const to = y + row * cols + i;
        vector<float, N> sum = load_wide<N>(to);
        for (int64_t n = row * top_k; n < (row + 1) * top_k; n++) {
            const float weight = weights != nullptr ? weights[n] : 1.0f;
            if (index[n] < 0)
                continue;
            const vector<float, N> more = load_wide<N>(x + index[n] * cols + i);
#pragma unroll
            for (int e = 0; e < N; e++)
                sum.at[e] += weight * more.at[e];
        }
        store_narrow<N>(to, sum);
    }
};

template <typename T>
static void combine_rows(struct mimo_backend *be, void *y, const void *x, const int32_t *index,
                         const void *weights, int64_t rows, int64_t top_k, int64_t cols)
{
    const combine_work<T> work = {static_cast<T *>(y),
                                  static_cast<const T *>(x),
                                  index,
                                  static_cast<const float *>(weights),
                                  top_k,
                                  cols};
    for_rows<CHUNK<T>>(be, "combine_rows", work, rows, cols,
                       is_aligned<CHUNK<T>>({cols}, work.y, work.x));
}

/* Each place of `index` has a team. */
template <typename T> struct combine_slope {
    T *dx;
    float *dweights;
    const T *dy, *x;
    const int32_t *index;
    const float *weights;
    int64_t places, top_k, cols;
};

constexpr int COMBINE_SHARE = 4;
constexpr unsigned COMBINE_THREADS = 512;

/* What the thread has of dy · x; dx, which may be x, is written behind it. */
template <int N, typename T>
static __device__ __forceinline__ float combine_backward_row(const combine_slope<T> &call,
                                                             int64_t place, bool has_row)
{
    const int64_t from = place / call.top_k * call.cols;
    const int64_t to = has_row ? call.index[place] * call.cols : 0;
    const float weight = has_row ? call.weights[place] : 0.0f;
    float sum = 0.0f;

    for_columns<N>(has_row, call.cols, [&](int64_t column) {
        vector<float, N> slope = load_wide<N>(call.dy + from + column);
        const vector<float, N> x = load_wide<N>(call.x + to + column);
#pragma unroll
        for (int e = 0; e < N; e++) {
            sum += slope.at[e] * x.at[e];
            slope.at[e] *= weight;
        }
        store_narrow<N>(call.dx + to + column, slope);
    });
    return sum;
}

template <int N, typename T>
static __global__ void __launch_bounds__(COMBINE_THREADS)
    combine_backward_kernel(const combine_slope<T> call)
{
    for_team_rows(call.places, [&](int64_t place, bool has_place) {
        const bool has_row = has_place && call.index[place] >= 0;
        const float sum = team_sum(combine_backward_row<N>(call, place, has_row));
        if (has_place && threadIdx.x == 0)
            call.dweights[place] = sum;
    });
}

template <typename T>
static void combine_rows_backward(struct mimo_backend *be, void *dx, void *dweights, const void *dy,
                                  const void *x, const int32_t *index, const void *weights,
                                  int64_t rows, int64_t top_k, int64_t cols)
{
    constexpr int N = CHUNK<T>;
    const combine_slope<T> call = {static_cast<T *>(dx),
                                   static_cast<float *>(dweights),
                                   static_cast<const T *>(dy),
                                   static_cast<const T *>(x),
                                   index,
                                   static_cast<const float *>(weights),
                                   rows * top_k,
                                   top_k,
                                   cols};
    const bool in_chunks = is_aligned<N>({cols}, call.dx, call.dy, call.x);
    const dim3 block = teams(in_chunks ? cols / N : cols, COMBINE_SHARE, COMBINE_THREADS);

    launch(be, "combine_rows_backward", blocks_of(call.places, block), block, 0,
           in_chunks ? combine_backward_kernel<N, T> : combine_backward_kernel<1, T>, call);
}

template <typename T> static void enter(struct mimo_backend_ops *ops)
{
    ops->route_forward = route_forward<T>;
    ops->route_backward = route_backward<T>;
    ops->combine_rows = combine_rows<T>;
    ops->combine_rows_backward = combine_rows_backward<T>;
}

void mimo_cuda_experts(struct mimo_backend_ops *ops, bool is_bf16)
{
    ops->route_sums = route_sums;
    if (is_bf16)
        enter<bf16>(ops);
    else
        enter<float>(ops);
}
