/*
 * test_linear.c - linear layers of the CUDA backend against float64: all shapes from nothing on,
 * aligned and not, in float32 and bf16.
 */
#include "runtime/backend/cuda/cuda.h"
#include "runtime/bf16.h"
#include "tests/unit/check.h"

#include <stdlib.h>

enum { TENSORS_MAX = 16 };

static const double FLOAT_BOUND = 1e-5, BF16_BOUND = 1e-2;

/* -- tensors ---------------------------------------------------------------------------------- */

struct tensor {
    double *values; /* exact in the device's type */
    int64_t count;
    char *base, *memory; /* as allocated; `offset` elements behind */
    bool is_wide;        /* float32 whatever the element type */
};

struct bench {
    struct mimo_backend be;
    int64_t rows, in, out, offset; /* of a tensor's first element from an aligned address */
    struct tensor tensors[TENSORS_MAX];
    size_t count;
    uint32_t state;
};

static void open_bench(struct bench *bench, enum mimo_precision precision)
{
    struct mimo_error err = {0};

    *bench = (struct bench){.state = 1};
    if (mimo_backend_cuda_open(&bench->be, precision, 0, &err) != MIMO_OK) {
        (void)printf("\n  opening the backend: %s\n", err.message);
        abort();
    }
}

static void close_bench(struct bench *bench)
{
    struct mimo_error err = {0};

    CHECK_INT(bench->be.ops->check(&bench->be, &err), MIMO_OK);
    CHECK_TEXT(err.message, "");
    bench->be.ops->close(&bench->be);
}

static size_t element_size(const struct bench *bench, const struct tensor *t)
{
    return t->is_wide ? sizeof(float) : bench->be.element_size;
}

static void encode(const struct bench *bench, const struct tensor *t, unsigned char *bytes)
{
    for (int64_t i = 0; i < t->count; i++) {
        const float value = (float)t->values[i];
        const uint16_t narrow = mimo_bf16_round(value);
        if (element_size(bench, t) == sizeof value)
            memcpy(bytes + (size_t)i * sizeof value, &value, sizeof value);
        else
            memcpy(bytes + (size_t)i * sizeof narrow, &narrow, sizeof narrow);
    }
}

static double decode(const struct bench *bench, const struct tensor *t, const unsigned char *bytes,
                     int64_t i)
{
    float value;
    uint16_t narrow;

    if (element_size(bench, t) == sizeof value) {
        memcpy(&value, bytes + (size_t)i * sizeof value, sizeof value);
        return (double)value;
    }
    memcpy(&narrow, bytes + (size_t)i * sizeof narrow, sizeof narrow);
    return (double)mimo_bf16_widen(narrow);
}

/* Eighths in [-1, 1): exact in bf16. */
static double next_value(struct bench *bench)
{
    bench->state = bench->state * 1664525U + 1013904223U;
    return (double)(bench->state >> 28) / 8 - 1;
}

static struct tensor *new_tensor(struct bench *bench, int64_t count, bool is_wide)
{
    struct tensor *const t = &bench->tensors[bench->count++];
    unsigned char *const bytes = malloc((size_t)count * sizeof(float) + 1);

    *t = (struct tensor){.count = count, .is_wide = is_wide};
    t->values = malloc((size_t)count * sizeof *t->values + 1);
    for (int64_t i = 0; i < count; i++)
        t->values[i] = next_value(bench);
    t->base =
        bench->be.ops->alloc(&bench->be, (size_t)(count + bench->offset) * element_size(bench, t));
    t->memory = t->base + (size_t)bench->offset * element_size(bench, t);
    encode(bench, t, bytes);
    bench->be.ops->upload(&bench->be, t->memory, bytes, (size_t)count * element_size(bench, t));
    free(bytes);
    return t;
}

static void free_tensors(struct bench *bench)
{
    for (size_t i = 0; i < bench->count; i++) {
        bench->be.ops->free(&bench->be, bench->tensors[i].base);
        free(bench->tensors[i].values);
    }
    bench->count = 0;
}

/* Compares the device's tensor with what its `values` have become. */
static void expect(struct bench *bench, const char *what, const struct tensor *t)
{
    const size_t bytes = (size_t)t->count * element_size(bench, t);
    const double bound = element_size(bench, t) == sizeof(float) ? FLOAT_BOUND : BF16_BOUND;
    unsigned char *const host = malloc(bytes + 1);
    bool is_near = true;

    bench->be.ops->download(&bench->be, host, t->memory, bytes);
    for (int64_t i = 0; i < t->count && is_near; i++) {
        const double actual = decode(bench, t, host, i), expected = t->values[i];
        is_near = fabs(actual - expected) <= bound * fmax(1, fabs(expected));
        if (!is_near)
            (void)printf("\n  %s, %zu bytes, %" PRId64 " x %" PRId64 " x %" PRId64
                         ", offset %" PRId64 ": element %" PRId64 " is %.9g, expected %.9g\n",
                         what, bench->be.element_size, bench->rows, bench->in, bench->out,
                         bench->offset, i, actual, expected);
    }
    CHECK(is_near);
    free(host);
}

/* -- references ------------------------------------------------------------------------------- */

static double activation(enum mimo_activation kind, double x)
{
    const double cubic = x + 0.044715 * x * x * x;

    switch (kind) {
    case MIMO_ACTIVATION_GELU:
        return 0.5 * x * (1 + erf(x / sqrt(2)));
    case MIMO_ACTIVATION_GELU_TANH:
        return 0.5 * x * (1 + tanh(sqrt(2 / acos(-1)) * cubic));
    case MIMO_ACTIVATION_QUICK_GELU:
        return x / (1 + exp(-1.702 * x));
    case MIMO_ACTIVATION_RELU:
        return x > 0 ? x : 0;
    case MIMO_ACTIVATION_SILU:
        return x / (1 + exp(-x));
    case MIMO_ACTIVATION_COUNT:
        break;
    }
    return NAN;
}

static double slope(enum mimo_activation kind, double x)
{
    const double step = 1e-5;

    if (kind == MIMO_ACTIVATION_RELU)
        return x > 0 ? 1 : 0;
    return (activation(kind, x + step) - activation(kind, x - step)) / (2 * step);
}

static void reference_forward(const struct bench *b, double *y, const double *x, const double *w,
                              const double *bias)
{
    for (int64_t r = 0; r < b->rows; r++)
        for (int64_t o = 0; o < b->out; o++) {
            double sum = bias != NULL ? bias[o] : 0;
            for (int64_t i = 0; i < b->in; i++)
                sum += x[r * b->in + i] * w[o * b->in + i];
            y[r * b->out + o] = sum;
        }
}

static void reference_backward(const struct bench *b, double *dx, const double *dy, const double *w,
                               bool accumulates)
{
    for (int64_t r = 0; r < b->rows; r++)
        for (int64_t i = 0; i < b->in; i++) {
            double sum = accumulates ? dx[r * b->in + i] : 0;
            for (int64_t o = 0; o < b->out; o++)
                sum += dy[r * b->out + o] * w[o * b->in + i];
            dx[r * b->in + i] = sum;
        }
}

static void reference_weight(const struct bench *b, double *dw, double *dbias, const double *dy,
                             const double *x)
{
    for (int64_t o = 0; o < b->out; o++)
        for (int64_t r = 0; r < b->rows; r++) {
            dbias[o] += dy[r * b->out + o];
            for (int64_t i = 0; i < b->in; i++)
                dw[o * b->in + i] += dy[r * b->out + o] * x[r * b->in + i];
        }
}

/* -- operations ------------------------------------------------------------------------------- */

static void try_forward(struct bench *b)
{
    struct tensor *const x = new_tensor(b, b->rows * b->in, false);
    struct tensor *const w = new_tensor(b, b->out * b->in, false);
    struct tensor *const bias = new_tensor(b, b->out, false);
    struct tensor *const y = new_tensor(b, b->rows * b->out, false);

    b->be.ops->linear_forward(&b->be, y->memory, x->memory, w->memory, bias->memory, b->rows, b->in,
                              b->out);
    reference_forward(b, y->values, x->values, w->values, bias->values);
    expect(b, "linear_forward with bias", y);
    b->be.ops->linear_forward(&b->be, y->memory, x->memory, w->memory, NULL, b->rows, b->in,
                              b->out);
    reference_forward(b, y->values, x->values, w->values, NULL);
    expect(b, "linear_forward", y);
    free_tensors(b);
}

static void try_activation_forward(struct bench *b, enum mimo_activation kind, bool has_bias)
{
    struct tensor *const x = new_tensor(b, b->rows * b->in, false);
    struct tensor *const w = new_tensor(b, b->out * b->in, false);
    struct tensor *const bias = new_tensor(b, b->out, false);
    struct tensor *const z = new_tensor(b, b->rows * b->out, false);
    struct tensor *const y = new_tensor(b, b->rows * b->out, false);

    b->be.ops->linear_activation_forward(&b->be, kind, y->memory, z->memory, x->memory, w->memory,
                                         has_bias ? bias->memory : NULL, b->rows, b->in, b->out);
    reference_forward(b, z->values, x->values, w->values, has_bias ? bias->values : NULL);
    for (int64_t i = 0; i < y->count; i++)
        y->values[i] = activation(kind, z->values[i]);
    expect(b, "linear_activation_forward: z", z);
    expect(b, "linear_activation_forward: y", y);
    free_tensors(b);
}

static void try_backward(struct bench *b)
{
    struct tensor *const dy = new_tensor(b, b->rows * b->out, false);
    struct tensor *const w = new_tensor(b, b->out * b->in, false);
    struct tensor *const dx = new_tensor(b, b->rows * b->in, false);
    struct tensor *const sum = new_tensor(b, b->rows * b->in, false);

    b->be.ops->linear_backward_input(&b->be, dx->memory, dy->memory, w->memory, b->rows, b->in,
                                     b->out, false);
    reference_backward(b, dx->values, dy->values, w->values, false);
    expect(b, "linear_backward_input", dx);
    b->be.ops->linear_backward_input(&b->be, sum->memory, dy->memory, w->memory, b->rows, b->in,
                                     b->out, true);
    reference_backward(b, sum->values, dy->values, w->values, true);
    expect(b, "linear_backward_input, accumulating", sum);
    free_tensors(b);
}

static void try_activation_backward(struct bench *b, enum mimo_activation kind)
{
    struct tensor *const dy = new_tensor(b, b->rows * b->out, false);
    struct tensor *const w = new_tensor(b, b->out * b->in, false);
    struct tensor *const z = new_tensor(b, b->rows * b->in, false);
    struct tensor *const dz = new_tensor(b, b->rows * b->in, false);

    b->be.ops->linear_activation_backward(&b->be, kind, dz->memory, dy->memory, w->memory,
                                          z->memory, b->rows, b->in, b->out);
    reference_backward(b, dz->values, dy->values, w->values, false);
    for (int64_t i = 0; i < dz->count; i++)
        dz->values[i] *= slope(kind, z->values[i]);
    expect(b, "linear_activation_backward", dz);
    free_tensors(b);
}

static void try_weight(struct bench *b)
{
    struct tensor *const dy = new_tensor(b, b->rows * b->out, false);
    struct tensor *const x = new_tensor(b, b->rows * b->in, false);
    struct tensor *const dw = new_tensor(b, b->out * b->in, true);
    struct tensor *const dbias = new_tensor(b, b->out, true);

    b->be.ops->linear_backward_weight(&b->be, dw->memory, NULL, dy->memory, x->memory, b->rows,
                                      b->in, b->out);
    b->be.ops->linear_backward_weight(&b->be, NULL, dbias->memory, dy->memory, x->memory, b->rows,
                                      b->in, b->out);
    reference_weight(b, dw->values, dbias->values, dy->values, x->values);
    expect(b, "linear_backward_weight: dw", dw);
    expect(b, "linear_backward_weight: dbias", dbias);
    b->be.ops->linear_backward_weight(&b->be, dw->memory, dbias->memory, dy->memory, x->memory,
                                      b->rows, b->in, b->out);
    reference_weight(b, dw->values, dbias->values, dy->values, x->values);
    expect(b, "linear_backward_weight, both: dw", dw);
    expect(b, "linear_backward_weight, both: dbias", dbias);
    free_tensors(b);
}

/* -- tests ------------------------------------------------------------------------------------ */

/* Runs `test` for shapes with nothing, one, odd and aligned counts, at aligned addresses and not.
 */
static void for_each_shape(void (*test)(struct bench *bench))
{
    const enum mimo_precision precisions[] = {MIMO_PRECISION_FP32, MIMO_PRECISION_BF16};
    const int64_t shapes[][3] = {
        {0, 3, 4}, {3, 0, 4},  {3, 4, 0},  {0, 0, 0},   {1, 1, 1},    {2, 8, 16},
        {9, 1, 8}, {1, 13, 8}, {5, 8, 11}, {16, 16, 8}, {17, 24, 40}, {300, 40, 24},
    };

    for (size_t p = 0; p < 2; p++) {
        struct bench bench;
        open_bench(&bench, precisions[p]);
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
            bench.rows = shapes[i][0];
            bench.in = shapes[i][1];
            bench.out = shapes[i][2];
            for (bench.offset = 0; bench.offset < 2; bench.offset++)
                test(&bench);
        }
        close_bench(&bench);
    }
}

static void forward_of_each_activation(struct bench *bench)
{
    for (unsigned kind = 0; kind < MIMO_ACTIVATION_COUNT; kind++)
        try_activation_forward(bench, (enum mimo_activation)kind, (bench->rows + kind) % 2 == 0);
    try_activation_forward(bench, MIMO_ACTIVATION_GELU_TANH, true);
    try_activation_forward(bench, MIMO_ACTIVATION_GELU_TANH, false);
}

static void backward_of_each_activation(struct bench *bench)
{
    for (unsigned kind = 0; kind < MIMO_ACTIVATION_COUNT; kind++)
        try_activation_backward(bench, (enum mimo_activation)kind);
}

static void test_forward(void)
{
    for_each_shape(try_forward);
}

static void test_activation_forward(void)
{
    for_each_shape(forward_of_each_activation);
}

static void test_backward(void)
{
    for_each_shape(try_backward);
}

static void test_activation_backward(void)
{
    for_each_shape(backward_of_each_activation);
}

static void test_weight(void)
{
    for_each_shape(try_weight);
}

/* More shapes than are remembered, twice. */
static void test_many_shapes(void)
{
    struct bench bench;
    struct tensor *x, *w, *y;

    open_bench(&bench, MIMO_PRECISION_BF16);
    bench.in = 3;
    bench.out = 2;
    x = new_tensor(&bench, 1500 * bench.in, false);
    w = new_tensor(&bench, bench.out * bench.in, false);
    y = new_tensor(&bench, 1500 * bench.out, false);
    for (int pass = 0; pass < 2; pass++)
        for (bench.rows = 1; bench.rows <= 1500; bench.rows++)
            bench.be.ops->linear_forward(&bench.be, y->memory, x->memory, w->memory, NULL,
                                         bench.rows, bench.in, bench.out);
    bench.rows = 1500;
    reference_forward(&bench, y->values, x->values, w->values, NULL);
    expect(&bench, "the last of many shapes", y);
    free_tensors(&bench);
    close_bench(&bench);
}

static const struct mimo_test tests[] = {
    {"linear_forward", test_forward},
    {"linear_activation_forward", test_activation_forward},
    {"linear_backward_input", test_backward},
    {"linear_activation_backward", test_activation_backward},
    {"linear_backward_weight", test_weight},
    {"more shapes than are remembered", test_many_shapes},
};

MIMO_TEST_MAIN("cuda linear", tests)
