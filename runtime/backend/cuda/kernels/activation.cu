/*
 * activation.cu - activations, and the gated form of Llama.
 *
 * All but relu are x times a gate: the normal distribution for gelu, σ(s(x)) for the others. The
 * tanh form of gelu is one of these: (1 + tanh u) / 2 = σ(2u).
 */
#include "runtime/backend/cuda/kernels/elementwise.cuh"

constexpr float INVERSE_SQRT_2 = 0.70710678118654752440f;
constexpr float INVERSE_SQRT_2PI = 0.39894228040143267794f;
constexpr float TANH_SLOPE = 1.59576912160573071176f; /* 2 √(2/π) */
constexpr float TANH_CUBE = 0.044715f;
constexpr float QUICK_SLOPE = 1.702f;

/* ---- one element ---- */

/* Where e^-x overflows the quotient is 0, as it should be. */
static __device__ __forceinline__ float sigmoid(float x)
{
    return __fdividef(1.0f, 1.0f + __expf(-x));
}

static __device__ __forceinline__ float normal_cdf(float x)
{
    return 0.5f + 0.5f * erff(x * INVERSE_SQRT_2);
}

/* s(x) of the activations that are x · σ(s(x)), and its derivative. */
template <enum mimo_activation KIND> static __device__ __forceinline__ float gate_input(float x)
{
    if (KIND == MIMO_ACTIVATION_GELU_TANH)
        return TANH_SLOPE * (x + TANH_CUBE * x * x * x);
    return KIND == MIMO_ACTIVATION_QUICK_GELU ? QUICK_SLOPE * x : x;
}

template <enum mimo_activation KIND> static __device__ __forceinline__ float gate_slope(float x)
{
    if (KIND == MIMO_ACTIVATION_GELU_TANH)
        return TANH_SLOPE * (1.0f + 3.0f * TANH_CUBE * x * x);
    return KIND == MIMO_ACTIVATION_QUICK_GELU ? QUICK_SLOPE : 1.0f;
}

template <enum mimo_activation KIND> static __device__ __forceinline__ float activate(float x)
{
    if (KIND == MIMO_ACTIVATION_RELU)
        return x < 0.0f ? 0.0f : x;
    if (KIND == MIMO_ACTIVATION_GELU)
        return x * normal_cdf(x);
    return x * sigmoid(gate_input<KIND>(x));
}

template <enum mimo_activation KIND> static __device__ __forceinline__ float slope_of(float x)
{
    if (KIND == MIMO_ACTIVATION_RELU)
        return x > 0.0f ? 1.0f : 0.0f;
    if (KIND == MIMO_ACTIVATION_GELU)
        return normal_cdf(x) + x * __expf(-0.5f * x * x) * INVERSE_SQRT_2PI;
    const float gate = sigmoid(gate_input<KIND>(x));
    return gate + x * gate * (1.0f - gate) * gate_slope<KIND>(x);
}

/* ---- arrays ---- */

template <typename T, enum mimo_activation KIND>
struct activation_forward_work {
    T *y; const T * x;

    template <int N> __device__ __forceinline__ void run(int64_t i)
        const {vector<float, N> values = load_wide<N>(x + i);
#pragma unroll
               for (int e = 0; e < N; e++) values.at[e] = activate<KIND>(values.at[e]);
               store_narrow<N>(y + i, values);}
}
;

template <typename T, enum mimo_activation KIND>
struct activation_backward_work {
    T *dx; const T * dy, *x;

    template <int N> __device__ __forceinline__ void run(int64_t i)
        const {vector<float, N> values = load_wide<N>(dy + i);
               const vector<float, N> at = load_wide<N>(x + i);
#pragma unroll
               for (int e = 0; e < N; e++) values.at[e] *= slope_of<KIND>(at.at[e]);
               store_narrow<N>(dx + i, values);}
}
;

template <typename T, enum mimo_activation KIND>
static void forward(struct mimo_backend *be, T *y, const T *x, int64_t count)
{
    const activation_forward_work<T, KIND> work = {y, x};
    for_elements<CHUNK<T>>(be, "activation_forward", work, count, y, x);
}

template <typename T, enum mimo_activation KIND>
static void backward(struct mimo_backend *be, T *dx, const T *dy, const T *x, int64_t count)
{
    const activation_backward_work<T, KIND> work = {dx, dy, x};
    for_elements<CHUNK<T>>(be, "activation_backward", work, count, dx, dy, x);
}

template <typename T>
static void activation_forward(struct mimo_backend *be, enum mimo_activation kind, void *y,
                               const void *x, int64_t count)
{
    switch (kind) {
#define CASE(name, word)                                                                           \
    case MIMO_ACTIVATION_##name:                                                                   \
        forward<T, MIMO_ACTIVATION_##name>(be, static_cast<T *>(y), static_cast<const T *>(x),     \
                                           count);                                                 \
        break;
        MIMO_ACTIVATIONS(CASE)
#undef CASE
    case MIMO_ACTIVATION_COUNT:
        MIMO_ASSERT(kind != MIMO_ACTIVATION_COUNT);
    }
}

template <typename T>
static void activation_backward(struct mimo_backend *be, enum mimo_activation kind, void *dx,
                                const void *dy, const void *x, int64_t count)
{
    switch (kind) {
#define CASE(name, word)                                                                           \
    case MIMO_ACTIVATION_##name:                                                                   \
        backward<T, MIMO_ACTIVATION_##name>(be, static_cast<T *>(dx), static_cast<const T *>(dy),  \
                                            static_cast<const T *>(x), count);                     \
        break;
        MIMO_ACTIVATIONS(CASE)
#undef CASE
    case MIMO_ACTIVATION_COUNT:
        MIMO_ASSERT(kind != MIMO_ACTIVATION_COUNT);
    }
}

/* ---- swiglu ---- */

template <typename T> struct swiglu_forward_work {
    T *y;
    const T *x;
    int64_t cols;

    template <int N> __device__ __forceinline__ void run(int64_t row, int64_t i) const
    {
        const T *const in = x + 2 * row * cols + i;
        const vector<float, N> gate = load_wide<N>(in), up = load_wide<N>(in + cols);
        vector<float, N> out;
#pragma unroll
        for (int e = 0; e < N; e++)
            out.at[e] = gate.at[e] * sigmoid(gate.at[e]) * up.at[e];
        store_narrow<N>(y + row * cols + i, out);
    }
};

template <typename T> struct swiglu_backward_work {
    T *dx;
    const T *dy, *x;
    int64_t cols;

    template <int N> __device__ __forceinline__ void run(int64_t row, int64_t i) const
    {
        const int64_t at = 2 * row * cols + i;
        const vector<float, N> slope = load_wide<N>(dy + row * cols + i);
        vector<float, N> gate = load_wide<N>(x + at), up = load_wide<N>(x + at + cols);
#pragma unroll
        for (int e = 0; e < N; e++) {
            const float g = gate.at[e], s = sigmoid(g);
            gate.at[e] = slope.at[e] * up.at[e] * (s + g * s * (1.0f - s));
            up.at[e] = slope.at[e] * g * s;
        }
        store_narrow<N>(dx + at, gate);
        store_narrow<N>(dx + at + cols, up);
    }
};

template <typename T>
static void swiglu_forward(struct mimo_backend *be, void *y, const void *x, int64_t rows,
                           int64_t cols)
{
    const swiglu_forward_work<T> work = {static_cast<T *>(y), static_cast<const T *>(x), cols};
    for_rows<CHUNK<T>>(be, "swiglu_forward", work, rows, cols,
                       is_aligned<CHUNK<T>>({cols}, work.y, work.x));
}

template <typename T>
static void swiglu_backward(struct mimo_backend *be, void *dx, const void *dy, const void *x,
                            int64_t rows, int64_t cols)
{
    const swiglu_backward_work<T> work = {static_cast<T *>(dx), static_cast<const T *>(dy),
                                          static_cast<const T *>(x), cols};
    for_rows<CHUNK<T>>(be, "swiglu_backward", work, rows, cols,
                       is_aligned<CHUNK<T>>({cols}, work.dx, work.dy, work.x));
}

template <typename T> static void enter(struct mimo_backend_ops *ops)
{
    ops->activation_forward = activation_forward<T>;
    ops->activation_backward = activation_backward<T>;
    ops->swiglu_forward = swiglu_forward<T>;
    ops->swiglu_backward = swiglu_backward<T>;
}

void mimo_cuda_activation(struct mimo_backend_ops *ops, bool is_bf16)
{
    if (is_bf16)
        enter<bf16>(ops);
    else
        enter<float>(ops);
}
