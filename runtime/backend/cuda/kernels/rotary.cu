/*
 * rotary.cu - rotary positions (Su et al. 2021), in the "rotate half" form of Hugging Face's Llama.
 *
 * A block takes a row, a thread N neighbouring pairs of it.
 */
#include "runtime/backend/cuda/kernels/vectors.cuh"

namespace
{

constexpr int THREADS_MAX = 512;

template <typename T> struct rotary_call {
    T *x;
    int64_t stride, rows;
    const int32_t *positions;
    const float *table;
    int heads, half;
    float sign; /* of the angles */
};

template <typename T, int N>
__device__ __forceinline__ void rotate(T *low, T *high, const float *cosines, const float *sines,
                                       float sign)
{
    const vector<float, N> cosine = load<N>(cosines), sine = load<N>(sines);
    vector<float, N> a = load_wide<N>(low), b = load_wide<N>(high);
#pragma unroll
    for (int e = 0; e < N; e++) {
        const float x = a.at[e], y = b.at[e], c = cosine.at[e], s = sign * sine.at[e];
        a.at[e] = x * c - y * s;
        b.at[e] = y * c + x * s;
    }
    store_narrow<N>(low, a);
    store_narrow<N>(high, b);
}

template <typename T, int N>
__global__ void __launch_bounds__(THREADS_MAX) rotary_kernel(const rotary_call<T> call)
{
    const int half = call.half, vectors = half / N; /* of a head */
    for (int64_t row = blockIdx.x; row < call.rows; row += gridDim.x) {
        const float *const cosines = call.table + (int64_t)call.positions[row] * 2 * half;
        for (int i = (int)threadIdx.x; i < call.heads * vectors; i += (int)blockDim.x) {
            const int head = i / vectors, j = i % vectors * N;
            T *const low = call.x + row * call.stride + (int64_t)head * 2 * half + j;
            rotate<T, N>(low, low + half, cosines + j, cosines + half + j, call.sign);
        }
    }
}

template <typename T, int N> void rotary_launch(struct mimo_backend *be, const rotary_call<T> &call)
{
    const int64_t work = ceil_div((int64_t)call.heads * call.half, N); /* of a row */
    const int64_t rounds = max(ceil_div(work, THREADS_MAX), (int64_t)1);
    const int64_t threads = ceil_div(ceil_div(work, rounds), WARP) * WARP;
    if (work > 0)
        launch(be, "rotary", dim3((unsigned)min(call.rows, (int64_t)INT32_MAX)),
               dim3((unsigned)threads), 0, rotary_kernel<T, N>, call);
}

template <typename T>
void rotary(struct mimo_backend *be, void *x, int64_t stride, const int32_t *positions,
            const void *table, int64_t rows, int64_t heads, int64_t head_dim, bool inverse)
{
    rotary_call<T> call;
    call.x = (T *)x;
    call.stride = stride;
    call.rows = rows;
    call.positions = positions;
    call.table = (const float *)table;
    call.heads = (int)heads;
    call.half = (int)(head_dim / 2);
    call.sign = inverse ? -1.0f : 1.0f;
    if (is_aligned<CHUNK<T>>({call.half, stride}, call.x, call.table))
        rotary_launch<T, CHUNK<T>>(be, call);
    else
        rotary_launch<T, 1>(be, call);
}

} // namespace

extern "C" void mimo_cuda_rotary(struct mimo_backend_ops *ops, bool is_bf16)
{
    ops->rotary = is_bf16 ? rotary<bf16> : rotary<float>;
}
