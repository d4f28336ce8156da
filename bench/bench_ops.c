/*
 * bench_ops.c - every operation of the CPU backend that matters, beside its floor.
 *
 * Shapes are those of a small image captioner (micro-batches of 64: an encoder of 17 tokens, a
 * language model of 28, both 128 wide, heads of 32) on one rank and as a shard of two. The floor of
 * a matrix product or of attention is its arithmetic at the measured peak; that of the others is
 * the bytes they must read and write at the rate of memcpy over as many bytes.
 */
#include "bench/floors.h"
#include "runtime/backend/backend.h"

#include <stdio.h>
#include <stdlib.h>

enum { BUFFERS = 6, TRIALS = 7 };
#define BUFFER_FLOATS ((size_t)4 << 20)
#define TRIAL_SECONDS 0.01

struct bench {
    struct mimo_backend be;
    float *buffer[BUFFERS];
    int32_t *ids;
    void *workspace;
    double peak; /* FLOP/s */
};

/* What rows, in and out mean is the operation's: see its function. */
struct bench_case {
    const char *name, *where;
    void (*run)(struct bench *b, const struct bench_case *c);
    int64_t rows, in, out;
    double flops;  /* of matrix work; 0: the floor is memory's */
    double floats; /* read plus written */
};

static void run_linear_forward(struct bench *b, const struct bench_case *c)
{
    b->be.ops->linear_forward(&b->be, b->buffer[0], b->buffer[1], b->buffer[2], NULL, c->rows,
                              c->in, c->out);
}

static void run_linear_bias(struct bench *b, const struct bench_case *c)
{
    b->be.ops->linear_forward(&b->be, b->buffer[0], b->buffer[1], b->buffer[2], b->buffer[3],
                              c->rows, c->in, c->out);
}

static void run_linear_input(struct bench *b, const struct bench_case *c)
{
    b->be.ops->linear_backward_input(&b->be, b->buffer[0], b->buffer[1], b->buffer[2], c->rows,
                                     c->in, c->out, false);
}

static void run_linear_weight(struct bench *b, const struct bench_case *c)
{
    b->be.ops->linear_backward_weight(&b->be, b->buffer[0], b->buffer[3], b->buffer[1],
                                      b->buffer[2], c->rows, c->in, c->out);
}

static void run_layer_norm(struct bench *b, const struct bench_case *c)
{
    b->be.ops->layer_norm_forward(&b->be, b->buffer[0], b->buffer[3], b->buffer[4], b->buffer[1],
                                  NULL, b->buffer[2], b->buffer[5], c->rows, c->in, 1e-5);
}

static void run_layer_norm_backward(struct bench *b, const struct bench_case *c)
{
    float *statistics = b->buffer[4];
    b->be.ops->layer_norm_backward(&b->be, b->buffer[0], b->buffer[3], b->buffer[3] + c->in,
                                   b->buffer[1], b->buffer[2], b->buffer[5], statistics,
                                   statistics + c->rows, c->rows, c->in);
}

static void run_rms_norm(struct bench *b, const struct bench_case *c)
{
    b->be.ops->rms_norm_forward(&b->be, b->buffer[0], b->buffer[3], b->buffer[1], NULL,
                                b->buffer[2], c->rows, c->in, 1e-5);
}

static void run_rms_norm_backward(struct bench *b, const struct bench_case *c)
{
    b->be.ops->rms_norm_backward(&b->be, b->buffer[0], b->buffer[3], b->buffer[1], b->buffer[2],
                                 b->buffer[5], b->buffer[4], c->rows, c->in);
}

static void run_gelu(struct bench *b, const struct bench_case *c)
{
    b->be.ops->activation_forward(&b->be, MIMO_ACTIVATION_GELU, b->buffer[0], b->buffer[1],
                                  c->rows * c->in);
}

static void run_gelu_backward(struct bench *b, const struct bench_case *c)
{
    b->be.ops->activation_backward(&b->be, MIMO_ACTIVATION_GELU, b->buffer[0], b->buffer[1],
                                   b->buffer[2], c->rows * c->in);
}

static void run_swiglu(struct bench *b, const struct bench_case *c)
{
    b->be.ops->swiglu_forward(&b->be, b->buffer[0], b->buffer[1], c->rows, c->in);
}

static void run_swiglu_backward(struct bench *b, const struct bench_case *c)
{
    b->be.ops->swiglu_backward(&b->be, b->buffer[0], b->buffer[1], b->buffer[2], c->rows, c->in);
}

static void run_rotary(struct bench *b, const struct bench_case *c)
{
    b->be.ops->rotary(&b->be, b->buffer[0], c->in * c->out, b->ids, b->buffer[1], c->rows, c->in,
                      c->out, false);
}

/* 64 sequences of `rows` tokens, `in` heads of `out`; encoders (17 tokens) see everything. */
static struct mimo_attention attention_shape(const struct bench_case *c)
{
    const int64_t width = c->in * c->out;
    return (struct mimo_attention){
        .batch = 64,
        .queries = c->rows,
        .keys = c->rows,
        .query_pitch = c->rows,
        .key_pitch = c->rows,
        .heads = c->in,
        .groups = c->in,
        .head_dim = c->out,
        .q_stride = width,
        .k_stride = width,
        .v_stride = width,
        .out_stride = width,
        .is_causal = c->rows != 17,
        .scale = 0.1,
    };
}

static void run_attention(struct bench *b, const struct bench_case *c)
{
    const struct mimo_attention shape = attention_shape(c);
    b->be.ops->attention_forward(&b->be, &shape, b->buffer[0], b->buffer[4], b->buffer[1],
                                 b->buffer[2], b->buffer[3], b->workspace);
}

static void run_attention_backward(struct bench *b, const struct bench_case *c)
{
    const struct mimo_attention shape = attention_shape(c);
    float *gradients = b->buffer[0], *dout = b->buffer[5];
    const size_t size = (size_t)(shape.batch * shape.queries * shape.q_stride);
    b->be.ops->attention_backward(&b->be, &shape, gradients, gradients + size, gradients + 2 * size,
                                  dout, dout + size, b->buffer[4], b->buffer[1], b->buffer[2],
                                  b->buffer[3], b->workspace);
}

static void run_embedding(struct bench *b, const struct bench_case *c)
{
    b->be.ops->embedding_forward(&b->be, b->buffer[0], b->buffer[1], b->ids, c->rows, c->in, 0,
                                 c->out);
}

static void run_embedding_backward(struct bench *b, const struct bench_case *c)
{
    b->be.ops->embedding_backward(&b->be, b->buffer[0], b->buffer[1], b->ids, c->rows, c->in, 0,
                                  c->out);
}

static void run_cross_entropy_max(struct bench *b, const struct bench_case *c)
{
    b->be.ops->cross_entropy_max(&b->be, b->buffer[3], b->buffer[1], c->rows, c->in);
}

static void run_cross_entropy_sum(struct bench *b, const struct bench_case *c)
{
    b->be.ops->cross_entropy_sum(&b->be, b->buffer[2], b->buffer[1], b->buffer[3], b->ids, c->rows,
                                 c->in, 0);
}

static void run_cross_entropy_backward(struct bench *b, const struct bench_case *c)
{
    b->be.ops->cross_entropy_backward(&b->be, b->buffer[1], b->buffer[3], b->buffer[5], b->ids,
                                      c->rows, c->in, 0, 1e-3);
}

static void run_image_patches(struct bench *b, const struct bench_case *c)
{
    const double mean[3] = {0.5, 0.5, 0.5}, std[3] = {0.3, 0.3, 0.3};
    b->be.ops->image_patches(&b->be, b->buffer[0], (const uint8_t *)b->buffer[1], c->rows, 3, c->in,
                             c->out, 0, (c->in / c->out) * (c->in / c->out), mean, std);
}

static void run_add(struct bench *b, const struct bench_case *c)
{
    b->be.ops->add(&b->be, b->buffer[0], c->in, b->buffer[1], c->in, c->rows, c->in);
}

static void run_sum_squares(struct bench *b, const struct bench_case *c)
{
    b->be.ops->sum_squares(&b->be, (double *)(void *)b->buffer[0], b->buffer[1], c->rows);
}

static void run_adamw(struct bench *b, const struct bench_case *c)
{
    const struct mimo_adamw settings = {1e-4, 0.9, 0.95, 1e-8, 0.1, 0.5, 0.5, 1.0};
    b->be.ops->adamw(&b->be, b->buffer[0], NULL, b->buffer[1], b->buffer[2], b->buffer[3], c->rows,
                     &settings);
}

#define PRODUCT(rows, in, out) (rows), (in), (out), 2.0 * (rows) * (in) * (out), 0
#define LINEAR(where, rows, in, out)                                                               \
    {"linear_forward", where, run_linear_forward, PRODUCT(rows, in, out)},                         \
        {"linear_backward_input", where, run_linear_input, PRODUCT(rows, in, out)},                \
    {                                                                                              \
        "linear_backward_weight", where, run_linear_weight, PRODUCT(rows, in, out)                 \
    }
#define MOVED(rows, in, out, floats) (rows), (in), (out), 0, (floats)
/* Two products forward and five backward (scores are recomputed), over all pairs of a causal block
 * too: a floor that skips half of 28 × 28 is not within reach of vectors of 16. */
#define ATTENTION(where, tokens, heads, dim)                                                       \
    {"attention_forward",                                                                          \
     where,                                                                                        \
     run_attention,                                                                                \
     tokens,                                                                                       \
     heads,                                                                                        \
     dim,                                                                                          \
     64.0 * (tokens) * (tokens) * (heads) * (dim)*4,                                               \
     0},                                                                                           \
    {                                                                                              \
        "attention_backward", where, run_attention_backward, tokens, heads, dim,                   \
            64.0 * (tokens) * (tokens) * (heads) * (dim)*10, 0                                     \
    }

static const struct bench_case cases[] = {
    {"image_patches", "encoder", run_image_patches, MOVED(64, 32, 8, 64 * 3072 * 1.25)},
    LINEAR("encoder qkv", 1088, 128, 384),
    {"linear_forward bias", "encoder qkv", run_linear_bias, PRODUCT(1088, 128, 384)},
    LINEAR("encoder up", 1088, 128, 512),
    LINEAR("encoder down", 1088, 512, 128),
    ATTENTION("encoder", 17, 4, 32),
    {"layer_norm_forward", "encoder", run_layer_norm, MOVED(1088, 128, 0, 1088 * 128 * 2.0)},
    {"layer_norm_backward", "encoder", run_layer_norm_backward,
     MOVED(1088, 128, 0, 1088 * 128 * 4.0)},
    {"gelu forward", "encoder", run_gelu, MOVED(1088, 512, 0, 1088 * 512 * 2.0)},
    {"gelu backward", "encoder", run_gelu_backward, MOVED(1088, 512, 0, 1088 * 512 * 3.0)},
    LINEAR("language qkv", 1792, 128, 384),
    LINEAR("language qkv, tp 2", 1792, 128, 192),
    LINEAR("language out, tp 2", 1792, 64, 128),
    LINEAR("language up", 1792, 128, 1024),
    LINEAR("language down", 1792, 512, 128),
    LINEAR("language down, tp 2", 1792, 256, 128),
    LINEAR("head", 320, 128, 2000),
    ATTENTION("language", 28, 4, 32),
    ATTENTION("language, tp 2", 28, 2, 32),
    {"rotary", "language", run_rotary, MOVED(1792, 4, 32, 1792 * 128 * 2.0)},
    {"rms_norm_forward", "language", run_rms_norm, MOVED(1792, 128, 0, 1792 * 128 * 2.0)},
    {"rms_norm_backward", "language", run_rms_norm_backward, MOVED(1792, 128, 0, 1792 * 128 * 4.0)},
    {"swiglu_forward", "language", run_swiglu, MOVED(1792, 512, 0, 1792 * 512 * 3.0)},
    {"swiglu_backward", "language", run_swiglu_backward, MOVED(1792, 512, 0, 1792 * 512 * 5.0)},
    {"swiglu_forward", "language, tp 2", run_swiglu, MOVED(1792, 256, 0, 1792 * 256 * 3.0)},
    {"add", "language", run_add, MOVED(1792, 128, 0, 1792 * 128 * 3.0)},
    {"embedding_forward", "language", run_embedding, MOVED(1792, 128, 2000, 1792 * 128 * 2.0)},
    {"embedding_backward", "language", run_embedding_backward,
     MOVED(1792, 128, 2000, 1792 * 128 * 3.0)},
    {"cross_entropy_max", "head", run_cross_entropy_max, MOVED(320, 2000, 0, 320 * 2000.0)},
    {"cross_entropy_sum", "head", run_cross_entropy_sum, MOVED(320, 2000, 0, 320 * 2000.0)},
    {"cross_entropy_backward", "head", run_cross_entropy_backward,
     MOVED(320, 2000, 0, 320 * 2000 * 2.0)},
    {"sum_squares", "1.5 M", run_sum_squares, MOVED(1500000, 0, 0, 1.5e6)},
    {"adamw", "1.5 M", run_adamw, MOVED(1500000, 0, 0, 7 * 1.5e6)},
};

/* The best of TRIALS means over at least TRIAL_SECONDS each. */
static double measure(struct bench *b, const struct bench_case *c)
{
    double best = 1e30;
    for (int t = 0; t < TRIALS; t++) {
        const double start = mimo_bench_now();
        double spent;
        int runs = 0;
        do {
            c->run(b, c);
            runs++;
            spent = mimo_bench_now() - start;
        } while (spent < TRIAL_SECONDS);
        best = spent / runs < best ? spent / runs : best;
    }
    return best;
}

static void fill(struct bench *b)
{
    uint32_t state = 1;
    for (size_t i = 0; i < BUFFER_FLOATS; i++)
        for (int n = 0; n < BUFFERS; n++) {
            state = state * 1664525 + 1013904223;
            b->buffer[n][i] = (float)(state >> 8) / 16777216.0F + 0.01F;
        }
    for (int32_t i = 0; i < 2048; i++)
        b->ids[i] = (int32_t)((int64_t)i * 7919 % 2000);
}

static enum mimo_status bench_open(struct bench *b, struct mimo_error *err)
{
    const struct mimo_attention largest = {.head_dim = 128};
    bool has_memory = true;
    MIMO_TRY(mimo_backend_cpu_open(&b->be, MIMO_PRECISION_FP32, err));
    for (int n = 0; n < BUFFERS; n++) {
        b->buffer[n] = b->be.ops->alloc(&b->be, BUFFER_FLOATS * sizeof(float));
        has_memory = has_memory && b->buffer[n] != NULL;
    }
    b->ids = b->be.ops->alloc(&b->be, 2048 * sizeof *b->ids);
    b->workspace = b->be.ops->alloc(&b->be, b->be.ops->attention_workspace(&b->be, &largest));
    if (!has_memory || b->ids == NULL || b->workspace == NULL)
        return mimo_error_set(err, MIMO_E_FAILED, "out of memory");
    fill(b);
    b->peak = mimo_bench_peak_flops();
    return MIMO_OK;
}

static void bench_close(struct bench *b)
{
    for (int n = 0; n < BUFFERS; n++)
        b->be.ops->free(&b->be, b->buffer[n]);
    b->be.ops->free(&b->be, b->ids);
    b->be.ops->free(&b->be, b->workspace);
    mimo_backend_close(&b->be);
}

static void report(struct bench *b, const struct bench_case *c)
{
    const double bytes = c->floats * sizeof(float);
    const double seconds = measure(b, c);
    const double rate = c->flops > 0 ? b->peak : mimo_bench_copy_rate((size_t)(bytes / 2));
    const double floor = (c->flops > 0 ? c->flops : bytes) / rate;
    printf("%-23s %-20s %9.1f %9.1f %6.2f %9.1f %s\n", c->name, c->where, seconds * 1e6,
           floor * 1e6, seconds / floor, (c->flops > 0 ? c->flops : bytes) / seconds * 1e-9,
           c->flops > 0 ? "GFLOP/s" : "GB/s");
}

int main(void)
{
    struct bench bench = {0};
    struct mimo_error err = {0};
    if (bench_open(&bench, &err) != MIMO_OK) {
        (void)fprintf(stderr, "bench-ops: %s\n", err.message);
        return (int)err.status;
    }
    printf("peak %.1f GFLOP/s, memcpy %.1f GB/s read and written (64 MiB)\n\n", bench.peak * 1e-9,
           mimo_bench_copy_rate((size_t)64 << 20) * 1e-9);
    printf("%-23s %-20s %9s %9s %6s %9s\n", "operation", "where", "us", "floor us", "ratio",
           "rate");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        report(&bench, &cases[i]);
    bench_close(&bench);
    return 0;
}
