/* optimizer.cu - AdamW, and the sums that clipping needs. */
#include "runtime/backend/cuda/kernels/elementwise.cuh"

/* ---- sums ---- */

constexpr int SUM_THREADS = 256, SUM_CHUNK = 4;
constexpr int64_t SUM_BLOCKS_MAX = 1024;

static __device__ __forceinline__ double warp_sum(double x)
{
    for (int distance = WARP / 2; distance > 0; distance /= 2)
        x += __shfl_xor_sync(ALL_LANES, x, distance);
    return x;
}

/* The sum over a block of SUM_THREADS, on its first thread. */
static __device__ __forceinline__ double block_sum(double x)
{
    __shared__ double of_warp[SUM_THREADS / WARP];
    const int thread = static_cast<int>(threadIdx.x);
    double sum = 0.0;

    x = warp_sum(x);
    if (thread % WARP == 0)
        of_warp[thread / WARP] = x;
    __syncthreads();
    for (int warp = 0; warp < SUM_THREADS / WARP; warp++)
        sum += of_warp[warp];
    return sum;
}

/* Elements i ... i + 3 of x, zeros past its end. */
template <bool IS_ALIGNED>
static __device__ __forceinline__ vector<float, SUM_CHUNK> load_four(const float *x, int64_t i,
                                                                     int64_t count)
{
    vector<float, SUM_CHUNK> values;
    if (IS_ALIGNED && i + SUM_CHUNK <= count)
        return load<SUM_CHUNK>(x + i);
#pragma unroll
    for (int e = 0; e < SUM_CHUNK; e++)
        values.at[e] = i + e < count ? x[i + e] : 0.0f;
    return values;
}

/* Which thread adds which elements depends on the count alone, and not on where they lie. */
template <bool SQUARES, bool IS_ALIGNED>
static __global__ void __launch_bounds__(SUM_THREADS)
    sum_kernel(double *partial, const float *x, int64_t count)
{
    const int64_t thread = static_cast<int64_t>(blockIdx.x) * SUM_THREADS + threadIdx.x;
    const int64_t step = static_cast<int64_t>(gridDim.x) * SUM_THREADS * SUM_CHUNK;
    double lane[SUM_CHUNK] = {};
    double sum;

#pragma unroll 4
    for (int64_t i = thread * SUM_CHUNK; i < count; i += step) {
        const vector<float, SUM_CHUNK> values = load_four<IS_ALIGNED>(x, i, count);
#pragma unroll
        for (int e = 0; e < SUM_CHUNK; e++) {
            const double value = static_cast<double>(values.at[e]);
            lane[e] += SQUARES ? value * value : value;
        }
    }
    sum = block_sum((lane[0] + lane[1]) + (lane[2] + lane[3]));
    if (threadIdx.x == 0)
        partial[blockIdx.x] = sum;
}

static __global__ void __launch_bounds__(SUM_THREADS)
    total_kernel(double *total, const double *partial, int count)
{
    double sum = 0.0;
    for (int i = static_cast<int>(threadIdx.x); i < count; i += SUM_THREADS)
        sum += partial[i];
    sum = block_sum(sum);
    if (threadIdx.x == 0)
        *total += sum;
}

template <bool SQUARES>
static void issue_sum(struct mimo_backend *be, const char *operation, double *sum, const void *x,
                      int64_t count)
{
    const struct mimo_cuda *const cuda = mimo_cuda_of(be);
    const float *const in = static_cast<const float *>(x);
    double *const partial = static_cast<double *>(cuda->workspace);
    const int64_t blocks = std::min(ceil_div(count, SUM_THREADS * SUM_CHUNK), SUM_BLOCKS_MAX);

    MIMO_ASSERT(static_cast<size_t>(blocks) * sizeof *partial <= cuda->workspace_bytes);
    launch(be, operation, dim3(static_cast<unsigned>(blocks)), dim3(SUM_THREADS), 0,
           misalignment<SUM_CHUNK>(in) == 0 ? sum_kernel<SQUARES, true>
                                            : sum_kernel<SQUARES, false>,
           partial, in, count);
    launch(be, operation, dim3(blocks > 0 ? 1 : 0), dim3(SUM_THREADS), 0, total_kernel, sum,
           static_cast<const double *>(partial), static_cast<int>(blocks));
}

static void sum_squares(struct mimo_backend *be, double *sum, const void *x, int64_t count)
{
    issue_sum<true>(be, "sum_squares", sum, x, count);
}

static void sum_values(struct mimo_backend *be, double *sum, const void *x, int64_t count)
{
    issue_sum<false>(be, "sum", sum, x, count);
}

/* ---- AdamW ---- */

/* What struct mimo_adamw comes to for an element. */
struct adamw_rates {
    float clip, keep1, gain1, keep2, gain2, step, spread, epsilon, decay;
};

static struct adamw_rates rates_of(const struct mimo_adamw *settings)
{
    struct adamw_rates rates;
    rates.clip = static_cast<float>(settings->gradient_scale);
    rates.keep1 = static_cast<float>(settings->beta1);
    rates.gain1 = static_cast<float>(1 - settings->beta1);
    rates.keep2 = static_cast<float>(settings->beta2);
    rates.gain2 = static_cast<float>(1 - settings->beta2);
    rates.step = static_cast<float>(settings->lr / settings->correction1);
    rates.spread = static_cast<float>(1 / sqrt(settings->correction2));
    rates.epsilon = static_cast<float>(settings->epsilon);
    rates.decay = static_cast<float>(settings->lr * settings->weight_decay);
    return rates;
}

template <typename T> struct adamw_work {
    T *weight;
    float *master; /* NULL: the weight is its own */
    const float *gradient;
    float *moment1, *moment2;
    struct adamw_rates rates;

    __device__ __forceinline__ void update(float &w, float &mean, float &square, float g) const
    {
        g *= rates.clip;
        mean = rates.keep1 * mean + rates.gain1 * g;
        square = rates.keep2 * square + rates.gain2 * (g * g);
        w -= rates.step * mean / (sqrtf(square) * rates.spread + rates.epsilon) + rates.decay * w;
    }

    template <int N> __device__ __forceinline__ void run(int64_t i) const
    {
        const vector<float, N> g = load<N>(gradient + i);
        vector<float, N> mean = load<N>(moment1 + i), square = load<N>(moment2 + i);
        vector<float, N> w = master != nullptr ? load<N>(master + i) : load_wide<N>(weight + i);
#pragma unroll
        for (int e = 0; e < N; e++)
            update(w.at[e], mean.at[e], square.at[e], g.at[e]);
        store<N>(moment1 + i, mean);
        store<N>(moment2 + i, square);
        if (master != nullptr)
            store<N>(master + i, w);
        store_narrow<N>(weight + i, w);
    }
};

template <typename T>
static void adamw(struct mimo_backend *be, void *weight, void *master, const void *gradient,
                  void *moment1, void *moment2, int64_t count, const struct mimo_adamw *settings)
{
    const adamw_work<T> work = {static_cast<T *>(weight),
                                static_cast<float *>(master),
                                static_cast<const float *>(gradient),
                                static_cast<float *>(moment1),
                                static_cast<float *>(moment2),
                                rates_of(settings)};
    for_elements<MIXED_CHUNK>(be, "adamw", work, count, work.weight, work.gradient, work.moment1,
                              work.moment2, master != nullptr ? work.master : work.moment1);
}

void mimo_cuda_optimizer(struct mimo_backend_ops *ops, bool is_bf16)
{
    ops->sum_squares = sum_squares;
    ops->sum = sum_values;
    ops->adamw = is_bf16 ? adamw<bf16> : adamw<float>;
}
