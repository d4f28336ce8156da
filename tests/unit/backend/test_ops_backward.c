/*
 * test_ops_backward.c - every backward pass against central differences of its forward pass.
 *
 * An operation is a problem: some inputs, the forward pass to y, and the backward pass. The loss is
 * Σ weight · y with fixed weights, which are the gradient that the backward pass is given. In
 * double, gradients agree with differences to 1e-7 of their norm; in float, with those in double to
 * 1e-5. Gradients that accumulate start from 0.25.
 */
#include "tests/unit/backend/rig.h"

#include <stdlib.h>

enum { INPUTS_MAX = 3, COUNT_MAX = 12000 };

struct problem {
    const char *name;
    void (*forward)(struct rig *rig, const struct problem *p, void *y, void *const *in);
    /* gradients[i] belongs to input i and holds 0.25 where accumulates[i], garbage elsewhere. */
    void (*backward)(struct rig *rig, const struct problem *p, void *const *gradients,
                     const void *dy, void *const *in);
    int64_t inputs, size[INPUTS_MAX], outputs; /* how many elements */
    bool accumulates[INPUTS_MAX];
    int64_t rows, cols, out; /* what they mean is the operation's */
    enum mimo_activation activation;
    struct mimo_attention attention;
};

static double input[INPUTS_MAX][COUNT_MAX], weight[COUNT_MAX], output[COUNT_MAX];

static double loss(struct rig *rig, const struct problem *p)
{
    struct rig inner = {.be = rig->be}; /* its memory goes, the backend stays */
    void *in[INPUTS_MAX], *y = rig_new(&inner, p->outputs);
    double total = 0;
    for (int64_t i = 0; i < p->inputs; i++)
        in[i] = rig_put(&inner, input[i], p->size[i]);
    p->forward(&inner, p, y, in);
    rig_get(&inner, y, output, p->outputs);
    for (int64_t i = 0; i < p->outputs; i++)
        total += output[i] * weight[i];
    for (size_t i = 0; i < inner.memory_count; i++)
        inner.be.ops->free(&inner.be, inner.memory[i]);
    return total;
}

static void gradients(struct rig *rig, const struct problem *p, double out[][COUNT_MAX])
{
    static double start[COUNT_MAX];
    void *in[INPUTS_MAX], *found[INPUTS_MAX];
    for (int64_t i = 0; i < p->inputs; i++) {
        for (int64_t j = 0; j < p->size[i]; j++)
            start[j] = p->accumulates[i] ? 0.25 : 77;
        in[i] = rig_put(rig, input[i], p->size[i]);
        found[i] = rig_put(rig, start, p->size[i]);
    }
    p->backward(rig, p, found, rig_put(rig, weight, p->outputs), in);
    for (int64_t i = 0; i < p->inputs; i++) {
        rig_get(rig, found[i], out[i], p->size[i]);
        for (int64_t j = 0; j < p->size[i]; j++)
            out[i][j] -= p->accumulates[i] ? 0.25 : 0;
    }
}

static double difference(struct rig *rig, const struct problem *p, int64_t i, int64_t j)
{
    const double step = 1e-4, value = input[i][j];
    double upper, lower;
    input[i][j] = value + step;
    upper = loss(rig, p);
    input[i][j] = value - step;
    lower = loss(rig, p);
    input[i][j] = value;
    return (upper - lower) / (2 * step);
}

static void check_norm(const struct problem *p, int64_t i, const char *what, const double *actual,
                       const double *expected, double bound)
{
    double square = 0, error = 0;
    for (int64_t j = 0; j < p->size[i]; j++) {
        square += expected[j] * expected[j];
        error += (actual[j] - expected[j]) * (actual[j] - expected[j]);
    }
    if (!(sqrt(error) <= bound * sqrt(square)))
        (void)printf("\n  %s, input %" PRId64 ", %s: the error's norm is %g of %g\n", p->name, i,
                     what, sqrt(error), sqrt(square));
    CHECK(sqrt(error) <= bound * sqrt(square));
}

static void check_tier(const struct problem *p, const char *tier, double numeric[][COUNT_MAX])
{
    static double exact[INPUTS_MAX][COUNT_MAX], single[INPUTS_MAX][COUNT_MAX];
    struct rig rig;
    rig_open(&rig, MIMO_PRECISION_FP64, tier);
    gradients(&rig, p, exact);
    rig_close(&rig);
    rig_open(&rig, MIMO_PRECISION_FP32, tier);
    gradients(&rig, p, single);
    rig_close(&rig);
    for (int64_t i = 0; i < p->inputs; i++) {
        check_norm(p, i, tier, exact[i], numeric[i], 1e-7);
        check_norm(p, i, "float", single[i], exact[i], 1e-5);
    }
}

static void check_problem(const struct problem *p)
{
    static double numeric[INPUTS_MAX][COUNT_MAX];
    struct rig rig;
    for (int64_t i = 0; i < p->inputs; i++)
        rig_fill(input[i], p->size[i], (uint32_t)i + 1);
    rig_fill(weight, p->outputs, 9);
    rig_open(&rig, MIMO_PRECISION_FP64, "avx512");
    for (int64_t i = 0; i < p->inputs; i++)
        for (int64_t j = 0; j < p->size[i]; j++)
            numeric[i][j] = difference(&rig, p, i, j);
    rig_close(&rig);
    for (size_t t = 0; t < 3; t++)
        check_tier(p, rig_tiers[t], numeric);
}

/* -- linear: x, w, bias ----------------------------------------------------------------------- */

static void linear_forward(struct rig *rig, const struct problem *p, void *y, void *const *in)
{
    rig->be.ops->linear_forward(&rig->be, y, in[0], in[1], in[2], p->rows, p->cols, p->out);
}

static void linear_backward(struct rig *rig, const struct problem *p, void *const *gradient,
                            const void *dy, void *const *in)
{
    rig->be.ops->linear_backward_input(&rig->be, gradient[0], dy, in[1], p->rows, p->cols, p->out,
                                       p->accumulates[0]);
    rig->be.ops->linear_backward_weight(&rig->be, gradient[1], gradient[2], dy, in[0], p->rows,
                                        p->cols, p->out);
}

static void linear(void)
{
    const int64_t shapes[][3] = {{1, 1, 1}, {5, 7, 3}, {67, 4, 9}, {3, 2, 70}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const int64_t rows = shapes[i][0], in = shapes[i][1], out = shapes[i][2];
        for (int accumulates = 0; accumulates < 2; accumulates++)
            check_problem(&(struct problem){.name = "linear",
                                            .forward = linear_forward,
                                            .backward = linear_backward,
                                            .inputs = 3,
                                            .size = {rows * in, out * in, out},
                                            .outputs = rows * out,
                                            .accumulates = {accumulates != 0, true, true},
                                            .rows = rows,
                                            .cols = in,
                                            .out = out});
    }
}

/* -- norms: x, gamma, beta -------------------------------------------------------------------- */

static void norm_forward(struct rig *rig, const struct problem *p, void *y, void *const *in)
{
    void *mean = rig_new(rig, p->rows), *rstd = rig_new(rig, p->rows);
    if (p->inputs == 3)
        rig->be.ops->layer_norm_forward(&rig->be, y, mean, rstd, in[0], NULL, in[1], in[2], p->rows,
                                        p->cols, 1e-5);
    else
        rig->be.ops->rms_norm_forward(&rig->be, y, rstd, in[0], NULL, in[1], p->rows, p->cols,
                                      1e-5);
}

static void norm_backward(struct rig *rig, const struct problem *p, void *const *gradient,
                          const void *dy, void *const *in)
{
    void *mean = rig_new(rig, p->rows), *rstd = rig_new(rig, p->rows);
    void *y = rig_new(rig, p->outputs), *frozen = rig_new(rig, p->outputs);
    if (p->inputs == 3) {
        rig->be.ops->layer_norm_forward(&rig->be, y, mean, rstd, in[0], NULL, in[1], in[2], p->rows,
                                        p->cols, 1e-5);
        rig->be.ops->layer_norm_backward(&rig->be, frozen, NULL, NULL, dy, in[0], in[1], mean, rstd,
                                         p->rows, p->cols);
        rig->be.ops->layer_norm_backward(&rig->be, gradient[0], gradient[1], gradient[2], dy, in[0],
                                         in[1], mean, rstd, p->rows, p->cols);
    } else {
        rig->be.ops->rms_norm_forward(&rig->be, y, rstd, in[0], NULL, in[1], p->rows, p->cols,
                                      1e-5);
        rig->be.ops->rms_norm_backward(&rig->be, gradient[0], gradient[1], dy, in[0], in[1], rstd,
                                       p->rows, p->cols);
    }
}

static void norms(void)
{
    const int64_t shapes[][2] = {{3, 5}, {37, 9}, {2, 70}, {3, 130}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int64_t inputs = 2; inputs <= 3; inputs++) {
            const int64_t rows = shapes[i][0], cols = shapes[i][1];
            check_problem(&(struct problem){.name = inputs == 3 ? "layer norm" : "RMS norm",
                                            .forward = norm_forward,
                                            .backward = norm_backward,
                                            .inputs = inputs,
                                            .size = {rows * cols, cols, cols},
                                            .outputs = rows * cols,
                                            .accumulates = {true, true, true},
                                            .rows = rows,
                                            .cols = cols});
        }
}

/* -- element by element: x -------------------------------------------------------------------- */

static void activation_forward(struct rig *rig, const struct problem *p, void *y, void *const *in)
{
    rig->be.ops->activation_forward(&rig->be, p->activation, y, in[0], p->outputs);
}

/* In place: dx is dy. */
static void activation_backward(struct rig *rig, const struct problem *p, void *const *gradient,
                                const void *dy, void *const *in)
{
    rig->be.ops->copy(&rig->be, gradient[0], p->outputs, dy, p->outputs, 1, p->outputs);
    rig->be.ops->activation_backward(&rig->be, p->activation, gradient[0], gradient[0], in[0],
                                     p->outputs);
}

static void swiglu_forward(struct rig *rig, const struct problem *p, void *y, void *const *in)
{
    rig->be.ops->swiglu_forward(&rig->be, y, in[0], p->rows, p->cols);
}

/* In place: dx is x. */
static void swiglu_backward(struct rig *rig, const struct problem *p, void *const *gradient,
                            const void *dy, void *const *in)
{
    rig->be.ops->copy(&rig->be, gradient[0], p->size[0], in[0], p->size[0], 1, p->size[0]);
    rig->be.ops->swiglu_backward(&rig->be, gradient[0], dy, gradient[0], p->rows, p->cols);
}

static void activations(void)
{
    for (int kind = 0; kind < MIMO_ACTIVATION_COUNT; kind++)
        check_problem(&(struct problem){.name = "activation",
                                        .forward = activation_forward,
                                        .backward = activation_backward,
                                        .inputs = 1,
                                        .size = {101},
                                        .outputs = 101,
                                        .activation = (enum mimo_activation)kind});
    check_problem(&(struct problem){.name = "swiglu",
                                    .forward = swiglu_forward,
                                    .backward = swiglu_backward,
                                    .inputs = 1,
                                    .size = {114},
                                    .outputs = 57,
                                    .rows = 3,
                                    .cols = 19});
}

/* -- attention: q, k, v ----------------------------------------------------------------------- */

static void *workspace(struct rig *rig, const struct mimo_attention *shape)
{
    return rig_new(
        rig, (int64_t)(rig->be.ops->attention_workspace(&rig->be, shape) / rig->be.element_size));
}

static void attention_forward(struct rig *rig, const struct problem *p, void *y, void *const *in)
{
    const struct mimo_attention *s = &p->attention;
    rig->be.ops->attention_forward(&rig->be, s, y, rig_new(rig, s->batch * s->heads * s->queries),
                                   in[0], in[1], in[2], workspace(rig, s));
}

static void attention_backward(struct rig *rig, const struct problem *p, void *const *gradient,
                               const void *dy, void *const *in)
{
    const struct mimo_attention *s = &p->attention;
    void *out = rig_new(rig, p->outputs), *scratch = workspace(rig, s);
    void *lse = rig_new(rig, s->batch * s->heads * s->queries);
    rig->be.ops->attention_forward(&rig->be, s, out, lse, in[0], in[1], in[2], scratch);
    rig->be.ops->attention_backward(&rig->be, s, gradient[0], gradient[1], gradient[2], dy, out,
                                    lse, in[0], in[1], in[2], scratch);
}

static void check_attention(struct mimo_attention s)
{
    s.q_stride = s.out_stride = s.heads * s.head_dim;
    s.k_stride = s.v_stride = s.groups * s.head_dim;
    s.scale = 0.9;
    check_problem(
        &(struct problem){.name = "attention",
                          .forward = attention_forward,
                          .backward = attention_backward,
                          .inputs = 3,
                          .size = {s.batch * s.queries * s.q_stride, s.batch * s.keys * s.k_stride,
                                   s.batch * s.keys * s.v_stride},
                          .outputs = s.batch * s.queries * s.out_stride,
                          .attention = s});
}

static void attention(void)
{
    static const struct mimo_attention shapes[] = {
        {2, 5, 5, 2, 2, 8, 0, 0, 0, 0, false, 0},   {1, 17, 17, 2, 2, 32, 0, 0, 0, 0, true, 0},
        {2, 3, 9, 4, 2, 5, 0, 0, 0, 0, true, 0},    {1, 70, 133, 2, 1, 3, 0, 0, 0, 0, true, 0},
        {1, 66, 65, 1, 1, 2, 0, 0, 0, 0, false, 0}, {1, 4, 2, 1, 1, 3, 0, 0, 0, 0, true, 0},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        check_attention(shapes[i]);
}

/* Strides beyond the heads' width: what lies between the rows is not touched. */
static void attention_strides(void)
{
    const struct mimo_attention s = {1, 2, 2, 1, 1, 2, 3, 3, 3, 3, false, 1};
    double found[6];
    struct rig rig;
    void *all[8];
    rig_open(&rig, MIMO_PRECISION_FP32, "avx512");
    rig_fill(input[0], 6, 1);
    for (size_t i = 0; i < 8; i++)
        all[i] = rig_put(&rig, input[0], 6);
    rig.be.ops->attention_backward(&rig.be, &s, all[0], all[1], all[2], all[3], all[4], all[5],
                                   all[6], all[7], all[6], workspace(&rig, &s));
    for (size_t i = 0; i < 3; i++) {
        rig_get(&rig, all[i], found, 6);
        CHECK(found[2] == input[0][2] && found[5] == input[0][5] && found[1] != input[0][1]);
    }
    rig_close(&rig);
}

static void rotary_forward(struct rig *rig, const struct problem *p, void *y, void *const *in)
{
    const int32_t positions[3] = {2, 0, 1};
    double table[3 * 8];
    for (int i = 0; i < 24; i++) {
        const int position = i / 8, angle = position * (i % 4 + 1);
        table[i] = i % 8 < 4 ? cos(angle) : sin(angle);
    }
    rig->be.ops->copy(&rig->be, y, p->outputs, in[0], p->outputs, 1, p->outputs);
    rig->be.ops->rotary(&rig->be, y, 16, rig_put_ids(rig, positions, 3), rig_put(rig, table, 24), 3,
                        2, 8, p->cols != 0);
}

static void rotary_backward(struct rig *rig, const struct problem *p, void *const *gradient,
                            const void *dy, void *const *in)
{
    const struct problem inverse = {.cols = 1, .outputs = p->outputs};
    void *const as_input[1] = {gradient[0]};
    (void)in;
    rig->be.ops->copy(&rig->be, gradient[0], p->outputs, dy, p->outputs, 1, p->outputs);
    rotary_forward(rig, &inverse, gradient[0], as_input);
}

static void rotary(void)
{
    check_problem(&(struct problem){.name = "rotary",
                                    .forward = rotary_forward,
                                    .backward = rotary_backward,
                                    .inputs = 1,
                                    .size = {48},
                                    .outputs = 48});
}

/* -- tokens, images --------------------------------------------------------------------------- */

static const int32_t token_ids[6] = {3, 1, 3, 9, 3, 0};

static void embedding_forward(struct rig *rig, const struct problem *p, void *y, void *const *in)
{
    rig->be.ops->embedding_forward(&rig->be, y, in[0], rig_put_ids(rig, token_ids, 6), 6, p->cols,
                                   0, 4);
}

static void embedding_backward(struct rig *rig, const struct problem *p, void *const *gradient,
                               const void *dy, void *const *in)
{
    (void)in;
    rig->be.ops->embedding_backward(&rig->be, gradient[0], dy, rig_put_ids(rig, token_ids, 6), 6,
                                    p->cols, 0, 4);
}

static void vit_forward(struct rig *rig, const struct problem *p, void *y, void *const *in)
{
    rig->be.ops->vit_embed_forward(&rig->be, y, in[0], in[1], in[2], p->rows, p->out, p->cols);
}

static void vit_backward(struct rig *rig, const struct problem *p, void *const *gradient,
                         const void *dy, void *const *in)
{
    (void)in;
    rig->be.ops->vit_embed_backward(&rig->be, gradient[0], gradient[1], gradient[2], dy, p->rows,
                                    p->out, p->cols);
    rig->be.ops->vit_embed_backward(&rig->be, NULL, NULL, NULL, dy, p->rows, p->out, p->cols);
}

static void embeddings(void)
{
    check_problem(&(struct problem){.name = "embedding",
                                    .forward = embedding_forward,
                                    .backward = embedding_backward,
                                    .inputs = 1,
                                    .size = {20},
                                    .outputs = 30,
                                    .accumulates = {true},
                                    .cols = 5});
    check_problem(&(struct problem){.name = "vit_embed",
                                    .forward = vit_forward,
                                    .backward = vit_backward,
                                    .inputs = 3,
                                    .size = {42, 7, 21},
                                    .outputs = 63,
                                    .accumulates = {false, true, true},
                                    .rows = 3,
                                    .cols = 7,
                                    .out = 3});
}

/* -- cross entropy: the shards' logits -------------------------------------------------------- */

enum { TOKENS = 4, PAIRS = 2 * TOKENS };
static const int32_t labels[TOKENS] = {0, 5, 12, 7};

/* Maxima and sums over p->inputs shards of p->size[s] / TOKENS entries, as collectives give them.
 */
static void combine_shards(struct rig *rig, const struct problem *p, void *const *in,
                           void **out_maximum, void **out_sums)
{
    double maxima[TOKENS] = {-9e9, -9e9, -9e9, -9e9}, sums[PAIRS] = {0}, got[PAIRS];
    void *part = rig_new(rig, PAIRS);
    int32_t *held = rig_put_ids(rig, labels, TOKENS);
    for (int64_t s = 0; s < p->inputs; s++) {
        rig->be.ops->cross_entropy_max(&rig->be, part, in[s], TOKENS, p->size[s] / TOKENS);
        rig_get(rig, part, got, TOKENS);
        for (int i = 0; i < TOKENS; i++)
            maxima[i] = fmax(maxima[i], got[i]);
    }
    *out_maximum = rig_put(rig, maxima, TOKENS);
    for (int64_t s = 0, first = 0; s < p->inputs; first += p->size[s++] / TOKENS) {
        rig->be.ops->cross_entropy_sum(&rig->be, part, in[s], *out_maximum, held, TOKENS,
                                       p->size[s] / TOKENS, first);
        rig_get(rig, part, got, PAIRS);
        for (int i = 0; i < PAIRS; i++)
            sums[i] += got[i];
    }
    *out_sums = rig_put(rig, sums, PAIRS);
}

static void entropy_forward(struct rig *rig, const struct problem *p, void *y, void *const *in)
{
    void *maximum, *sums;
    combine_shards(rig, p, in, &maximum, &sums);
    rig->be.ops->cross_entropy_loss(&rig->be, y, sums, TOKENS);
}

/* The weight of every token's loss is the scale, 0.125. */
static void entropy_backward(struct rig *rig, const struct problem *p, void *const *gradient,
                             const void *dy, void *const *in)
{
    void *maximum, *sums;
    int32_t *held = rig_put_ids(rig, labels, TOKENS);
    (void)dy;
    combine_shards(rig, p, in, &maximum, &sums);
    for (int64_t s = 0, first = 0; s < p->inputs; first += p->size[s++] / TOKENS) {
        rig->be.ops->copy(&rig->be, gradient[s], p->size[s], in[s], p->size[s], 1, p->size[s]);
        rig->be.ops->cross_entropy_backward(&rig->be, gradient[s], maximum, sums, held, TOKENS,
                                            p->size[s] / TOKENS, first, 0.125);
    }
}

static void entropy_scaled(struct rig *rig, const struct problem *p, void *y, void *const *in)
{
    double losses[TOKENS], scaled[TOKENS];
    entropy_forward(rig, p, y, in);
    rig_get(rig, y, losses, TOKENS);
    for (int i = 0; i < TOKENS; i++)
        scaled[i] = losses[i] * 0.125 / weight[i]; /* loss() multiplies by weight */
    rig->be.ops->upload(&rig->be, y, scaled, sizeof scaled);
}

static void cross_entropy(void)
{
    const int64_t sizes[3][3] = {{13, 0, 0}, {6, 7, 0}, {2, 9, 2}};
    for (int64_t s = 0; s < 3; s++)
        check_problem(&(struct problem){
            .name = "cross entropy",
            .forward = entropy_scaled,
            .backward = entropy_backward,
            .inputs = s + 1,
            .size = {sizes[s][0] * TOKENS, sizes[s][1] * TOKENS, sizes[s][2] * TOKENS},
            .outputs = TOKENS});
}

/* -- the same bits ---------------------------------------------------------------------------- */

/* The tensor, `shift` elements into its memory: results must not depend on where tensors lie. */
static void *put_at(struct rig *rig, const double *values, int64_t count, int64_t shift)
{
    static double shifted[COUNT_MAX];
    memcpy(shifted + shift, values, (size_t)count * sizeof *values);
    return (char *)rig_put(rig, shifted, count + shift) + (size_t)shift * rig->be.element_size;
}

static void backward_bits(struct rig *rig, int64_t shift, double *out)
{
    enum { ROWS = 40, COLS = 75, ALL = ROWS * COLS, SQUARE = COLS * COLS, GRADIENTS = 6 };
    const struct mimo_attention s = {1, 40, 40, 1, 1, 75, COLS, COLS, COLS, COLS, true, 0.1};
    void *x = put_at(rig, input[0], ALL, shift), *dy = put_at(rig, weight, ALL, shift);
    void *gamma = put_at(rig, input[1], COLS, shift), *mean = rig_new(rig, ROWS);
    void *rstd = rig_new(rig, ROWS), *y = rig_new(rig, ALL), *lse = rig_new(rig, ROWS);
    void *gradient[GRADIENTS];
    for (size_t i = 0; i < GRADIENTS; i++)
        gradient[i] = put_at(rig, input[2], SQUARE, shift);
    rig->be.ops->layer_norm_forward(&rig->be, y, mean, rstd, x, NULL, gamma, gamma, ROWS, COLS,
                                    1e-5);
    rig->be.ops->layer_norm_backward(&rig->be, gradient[0], gradient[1], gradient[2], dy, x, gamma,
                                     mean, rstd, ROWS, COLS);
    rig->be.ops->attention_forward(&rig->be, &s, y, lse, x, x, x, workspace(rig, &s));
    rig->be.ops->attention_backward(&rig->be, &s, gradient[3], gradient[4], gradient[5], dy, y, lse,
                                    x, x, x, workspace(rig, &s));
    rig->be.ops->linear_backward_weight(&rig->be, gradient[5], gradient[1], dy, x, ROWS, COLS,
                                        COLS);
    for (size_t i = 0; i < GRADIENTS; i++)
        rig_get(rig, gradient[i], out + i * 100, 100);
    rig_get(rig, y, out + 600, ALL);
    out[600 + ALL] = rig_sum(rig, rig->be.ops->sum_squares, 0, x, ALL);
}

static void same_bits(struct rig *rig)
{
    static double first[4000], second[4000];
    for (size_t i = 0; i < INPUTS_MAX; i++)
        rig_fill(input[i], 6000, (uint32_t)i);
    rig_fill(weight, 6000, 5);
    backward_bits(rig, 0, first);
    backward_bits(rig, 0, second);
    rig_check(rig, "second run", second, first, 4000, 0);
    backward_bits(rig, 3, second);
    rig_check(rig, "shifted", second, first, 4000, 0);
}

static void test_same_bits(void)
{
    rig_for_each(same_bits);
}

static const struct mimo_test tests[] = {
    {"linear layers", linear},
    {"layer norm and RMS norm", norms},
    {"activations and swiglu, in place", activations},
    {"attention", attention},
    {"attention with strides", attention_strides},
    {"rotary", rotary},
    {"embeddings", embeddings},
    {"cross entropy over 1 to 3 shards", cross_entropy},
    {"the same bits wherever tensors lie", test_same_bits},
};

MIMO_TEST_MAIN("backend: backward", tests)
