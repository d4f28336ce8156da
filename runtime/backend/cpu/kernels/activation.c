/*
 * activation.c - activations, and the gated form of Llama.
 *
 * All but relu are x times a gate: the normal distribution for gelu, σ(s(x)) for the others. The
 * tanh form of gelu is one of these: (1 + tanh u) / 2 = σ(2u).
 */
#include "runtime/backend/cpu/kernels/real_math.h"

#define INVERSE_SQRT_2PI ((real)0.39894228040143267794)
#define TANH_SLOPE       ((real)1.59576912160573071176) /* 2 √(2/π) */
#define TANH_CUBE        ((real)0.044715)
#define QUICK_SLOPE      ((real)1.702)

/* s(x) of the activations that are x · σ(s(x)), and its derivative. */
static ALWAYS_INLINE real gate_input(enum mimo_activation kind, real x)
{
    if (kind == MIMO_ACTIVATION_GELU_TANH)
        return TANH_SLOPE * (x + TANH_CUBE * x * x * x);
    return kind == MIMO_ACTIVATION_QUICK_GELU ? QUICK_SLOPE * x : x;
}

static ALWAYS_INLINE real gate_slope(enum mimo_activation kind, real x)
{
    if (kind == MIMO_ACTIVATION_GELU_TANH)
        return TANH_SLOPE * (1 + 3 * TANH_CUBE * x * x);
    return kind == MIMO_ACTIVATION_QUICK_GELU ? QUICK_SLOPE : 1;
}

static ALWAYS_INLINE real activate(enum mimo_activation kind, real x)
{
    if (kind == MIMO_ACTIVATION_RELU)
        return x < 0 ? 0 : x;
    if (kind == MIMO_ACTIVATION_GELU)
        return x * normal_cdf(x, real_exp((real)-0.5 * x * x));
    return x * sigmoid(gate_input(kind, x));
}

static ALWAYS_INLINE real slope_of(enum mimo_activation kind, real x)
{
    real gate;
    if (kind == MIMO_ACTIVATION_RELU)
        return x > 0 ? 1 : 0;
    if (kind == MIMO_ACTIVATION_GELU) {
        const real gauss = real_exp((real)-0.5 * x * x);
        return normal_cdf(x, gauss) + x * gauss * INVERSE_SQRT_2PI;
    }
    gate = sigmoid(gate_input(kind, x));
    return gate + x * gate * (1 - gate) * gate_slope(kind, x);
}

static ALWAYS_INLINE void forward_loop(enum mimo_activation kind, element *y, const element *x,
                                       int64_t count)
{
#pragma omp simd
    for (int64_t i = 0; i < count; i++)
        y[i] = to_element(activate(kind, to_real(x[i])));
}

static ALWAYS_INLINE void backward_loop(enum mimo_activation kind, element *dx, const element *dy,
                                        const element *x, int64_t count)
{
#pragma omp simd
    for (int64_t i = 0; i < count; i++)
        dx[i] = to_element(to_real(dy[i]) * slope_of(kind, to_real(x[i])));
}

/* One loop for each kind, since the kind must be a constant inside a loop that is vectorised. */
static void activation_forward(struct mimo_backend *be, enum mimo_activation kind, void *y,
                               const void *x, int64_t count)
{
    (void)be;
    switch (kind) {
#define CASE(name, word)                                                                           \
    case MIMO_ACTIVATION_##name:                                                                   \
        forward_loop(MIMO_ACTIVATION_##name, y, x, count);                                         \
        break;
        MIMO_ACTIVATIONS(CASE)
#undef CASE
    case MIMO_ACTIVATION_COUNT:
        MIMO_ASSERT(kind != MIMO_ACTIVATION_COUNT);
    }
}

static void activation_backward(struct mimo_backend *be, enum mimo_activation kind, void *dx,
                                const void *dy, const void *x, int64_t count)
{
    (void)be;
    switch (kind) {
#define CASE(name, word)                                                                           \
    case MIMO_ACTIVATION_##name:                                                                   \
        backward_loop(MIMO_ACTIVATION_##name, dx, dy, x, count);                                   \
        break;
        MIMO_ACTIVATIONS(CASE)
#undef CASE
    case MIMO_ACTIVATION_COUNT:
        MIMO_ASSERT(kind != MIMO_ACTIVATION_COUNT);
    }
}

static void swiglu_forward(struct mimo_backend *be, void *y, const void *x, int64_t rows,
                           int64_t cols)
{
    (void)be;
    for (int64_t r = 0; r < rows; r++) {
        element *out = (element *)y + r * cols;
        const element *gate = (const element *)x + 2 * r * cols, *up = gate + cols;
#pragma omp simd
        for (int64_t j = 0; j < cols; j++) {
            const real g = to_real(gate[j]);
            out[j] = to_element(g * sigmoid(g) * to_real(up[j]));
        }
    }
}

static void swiglu_backward(struct mimo_backend *be, void *dx, const void *dy, const void *x,
                            int64_t rows, int64_t cols)
{
    (void)be;
    for (int64_t r = 0; r < rows; r++) {
        const element *dout = (const element *)dy + r * cols;
        const element *gate = (const element *)x + 2 * r * cols, *up = gate + cols;
        element *dgate = (element *)dx + 2 * r * cols, *dup = dgate + cols;
#pragma omp simd
        for (int64_t j = 0; j < cols; j++) {
            const real g = to_real(gate[j]), u = to_real(up[j]), slope = to_real(dout[j]);
            const real s = sigmoid(g);
            dgate[j] = to_element(slope * u * (s + g * s * (1 - s)));
            dup[j] = to_element(slope * g * s);
        }
    }
}

void KERNELS(activation)(struct mimo_backend_ops *ops)
{
    ops->activation_forward = activation_forward;
    ops->activation_backward = activation_backward;
    ops->swiglu_forward = swiglu_forward;
    ops->swiglu_backward = swiglu_backward;
}
