/*
 * test_ops_backward.c - every backward pass against central differences of its forward pass.
 *
 * An operation is a problem: some inputs, the forward pass to y, and the backward pass. The loss is
 * Σ weight · y with fixed weights, which are the gradient that the backward pass is given. In fp64
 * gradients agree with differences to 1e-7 of their norm; in other precisions, and where there are
 * too many inputs for differences, with those of the CPU backend in fp64 for the same inputs.
 * Gradients that accumulate start from 0.25.
 */
#include "tests/unit/backend/rig.h"

#include <stdlib.h>

enum { INPUTS_MAX = 3, COUNT_MAX = 25000 };

struct problem {
    const char *name;
    void (*forward)(struct rig *rig, const struct problem *p, void *y, void *const *in);
    /* gradients[i] belongs to input i and holds 0.25 where accumulates[i], garbage elsewhere. */
    void (*backward)(struct rig *rig, const struct problem *p, void *const *gradients,
                     const void *dy, void *const *in);
    int64_t inputs, size[INPUTS_MAX], outputs; /* how many elements */
    bool accumulates[INPUTS_MAX];
    bool is_wide[INPUTS_MAX]; /* the gradient, as that of a weight */
    bool is_rounded;          /* wide gradients are of what has been rounded to the element type */
    bool is_large;            /* too large for differences */
    int64_t rows, cols, out;  /* what they mean is the operation's */
    int64_t first;
    enum mimo_activation activation;
    struct mimo_attention attention;
};

static double input[INPUTS_MAX][COUNT_MAX], weight[COUNT_MAX], output[COUNT_MAX];

static void fill_inputs(const struct rig *rig, const struct problem *p)
{
    for (int64_t i = 0; i < p->inputs; i++)
        rig_fill(rig, input[i], p->size[i], (uint32_t)i + 1);
    rig_fill(rig, weight, p->outputs, 9);
}

/* -- differences, in fp64 ---------------------------------------------------------------------- */

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
    rig_release(&inner);
    return total;
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

static void differences(const struct problem *p, double out[][COUNT_MAX])
{
    struct rig rig;
    rig_open_reference(&rig);
    for (int64_t i = 0; i < p->inputs; i++)
        for (int64_t j = 0; j < p->size[i]; j++)
            out[i][j] = difference(&rig, p, i, j);
    rig_close(&rig);
}

/* -- gradients --------------------------------------------------------------------------------- */

static void gradients(struct rig *rig, const struct problem *p, double out[][COUNT_MAX])
{
    static double start[COUNT_MAX];
    void *in[INPUTS_MAX], *found[INPUTS_MAX];
    for (int64_t i = 0; i < p->inputs; i++) {
        for (int64_t j = 0; j < p->size[i]; j++)
            start[j] = p->accumulates[i] ? 0.25 : 77;
        in[i] = rig_put(rig, input[i], p->size[i]);
        found[i] = (p->is_wide[i] ? rig_put_wide : rig_put)(rig, start, p->size[i]);
    }
    p->backward(rig, p, found, rig_put(rig, weight, p->outputs), in);
    for (int64_t i = 0; i < p->inputs; i++) {
        (p->is_wide[i] ? rig_get_wide : rig_get)(rig, found[i], out[i], p->size[i]);
        for (int64_t j = 0; j < p->size[i]; j++)
            out[i][j] -= p->accumulates[i] ? 0.25 : 0;
    }
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

/* The reference's gradients for the inputs as the variant's element type holds them. */
static void reference(const struct problem *p, double out[][COUNT_MAX])
{
    struct rig rig;
    rig_open_reference(&rig);
    gradients(&rig, p, out);
    rig_close(&rig);
}

static void check_variant(const struct problem *p, const struct rig_variant *variant,
                          double numeric[][COUNT_MAX], bool *has_numeric)
{
    static double actual[INPUTS_MAX][COUNT_MAX], exact[INPUTS_MAX][COUNT_MAX];
    const bool is_numeric = variant->precision == MIMO_PRECISION_FP64 && !p->is_large;
    struct rig rig;
    rig_open(&rig, variant);
    fill_inputs(&rig, p);
    gradients(&rig, p, actual);
    if (is_numeric && !*has_numeric)
        differences(p, numeric);
    *has_numeric = *has_numeric || is_numeric;
    if (!is_numeric)
        reference(p, exact);
    for (int64_t i = 0; i < p->inputs; i++)
        check_norm(p, i, variant->name, actual[i], is_numeric ? numeric[i] : exact[i],
                   is_numeric                        ? 1e-7
                   : p->is_wide[i] && !p->is_rounded ? rig.wide_bound
                                                     : rig.bound);
    rig_close(&rig);
}

static void check_problem(const struct problem *p)
{
    static double numeric[INPUTS_MAX][COUNT_MAX];
    bool has_numeric = false;
    for (size_t i = 0; i < rig_variant_count; i++)
        check_variant(p, &rig_variants[i], numeric, &has_numeric);
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
    const int64_t shapes[][3] = {{1, 1, 1},   {5, 7, 3},    {67, 4, 9}, {3, 2, 70},
                                 {8, 16, 24}, {300, 8, 16}, {129, 3, 5}};
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
                                            .is_wide = {false, true, true},
                                            .rows = rows,
                                            .cols = in,
                                            .out = out});
    }
}

/* -- a linear layer and the activation behind it: x, w, bias ------------------------------------
 */

static void after_forward(struct rig *rig, const struct problem *p, void *y, void *const *in)
{
    rig->be.ops->linear_activation_forward(&rig->be, p->activation, y, rig_new(rig, p->outputs),
                                           in[0], in[1], in[2], p->rows, p->cols, p->out);
}

static void after_backward(struct rig *rig, const struct problem *p, void *const *gradient,
                           const void *dy, void *const *in)
{
    void *y = rig_new(rig, p->outputs), *z = rig_new(rig, p->outputs);
    void *dz = rig_new(rig, p->outputs);
    rig->be.ops->linear_activation_forward(&rig->be, p->activation, y, z, in[0], in[1], in[2],
                                           p->rows, p->cols, p->out);
    rig->be.ops->activation_backward(&rig->be, p->activation, dz, dy, z, p->outputs);
    linear_backward(rig, p, gradient, dz, in);
}

/* -- the same with the activation in front: z, w ------------------------------------------------
 */

static void *activated(struct rig *rig, const struct problem *p, const void *z)
{
    void *x = rig_new(rig, p->size[0]);
    rig->be.ops->activation_forward(&rig->be, p->activation, x, z, p->size[0]);
    return x;
}

static void before_forward(struct rig *rig, const struct problem *p, void *y, void *const *in)
{
    rig->be.ops->linear_forward(&rig->be, y, activated(rig, p, in[0]), in[1], NULL, p->rows,
                                p->cols, p->out);
}

static void before_backward(struct rig *rig, const struct problem *p, void *const *gradient,
                            const void *dy, void *const *in)
{
    rig->be.ops->linear_activation_backward(&rig->be, p->activation, gradient[0], dy, in[1], in[0],
                                            p->rows, p->cols, p->out);
    rig->be.ops->linear_backward_weight(&rig->be, gradient[1], NULL, dy, activated(rig, p, in[0]),
                                        p->rows, p->cols, p->out);
}

static void check_linear_activation(enum mimo_activation kind, int64_t rows, int64_t in,
                                    int64_t out)
{
    struct problem p = {.name = "linear layer, then activation",
                        .forward = after_forward,
                        .backward = after_backward,
                        .inputs = 3,
                        .size = {rows * in, out * in, out},
                        .outputs = rows * out,
                        .accumulates = {false, true, true},
                        .is_wide = {false, true, true},
                        .is_rounded = true,
                        .rows = rows,
                        .cols = in,
                        .out = out,
                        .activation = kind};
    check_problem(&p);
    p.name = "activation, then linear layer";
    p.forward = before_forward;
    p.backward = before_backward;
    p.inputs = 2;
    check_problem(&p);
}

static void linear_activation(void)
{
    for (int kind = 0; kind < MIMO_ACTIVATION_COUNT; kind++) {
        check_linear_activation((enum mimo_activation)kind, 3, 5, 7);
        check_linear_activation((enum mimo_activation)kind, 4, 8, 16);
    }
}

/* -- norms: x, gamma, beta -------------------------------------------------------------------- */

static void norm_forward(struct rig *rig, const struct problem *p, void *y, void *const *in)
{
    void *mean = rig_new_wide(rig, p->rows), *rstd = rig_new_wide(rig, p->rows);
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
    void *mean = rig_new_wide(rig, p->rows), *rstd = rig_new_wide(rig, p->rows);
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
    const int64_t shapes[][2] = {{3, 5},    {37, 9},   {2, 70},   {3, 130},  {600, 32},
                                 {40, 256}, {2, 3001}, {4, 5200}, {2, 10248}};
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
                                            .is_wide = {false, true, true},
                                            .is_large = rows * cols > 1000,
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

static void check_swiglu(int64_t rows, int64_t cols)
{
    check_problem(&(struct problem){.name = "swiglu",
                                    .forward = swiglu_forward,
                                    .backward = swiglu_backward,
                                    .inputs = 1,
                                    .size = {2 * rows * cols},
                                    .outputs = rows * cols,
                                    .rows = rows,
                                    .cols = cols});
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
    check_swiglu(3, 19);
    check_swiglu(5, 48);
}

/* -- attention: q, k, v ----------------------------------------------------------------------- */

static void attention_forward(struct rig *rig, const struct problem *p, void *y, void *const *in)
{
    const struct mimo_attention *s = &p->attention;
    rig->be.ops->attention_forward(&rig->be, s, y,
                                   rig_new_wide(rig, s->batch * s->heads * s->queries), in[0],
                                   in[1], in[2], rig_workspace(rig, s));
}

static void attention_backward(struct rig *rig, const struct problem *p, void *const *gradient,
                               const void *dy, void *const *in)
{
    const struct mimo_attention *s = &p->attention;
    void *out = rig_new(rig, p->outputs), *scratch = rig_workspace(rig, s);
    void *lse = rig_new_wide(rig, s->batch * s->heads * s->queries);
    rig->be.ops->attention_forward(&rig->be, s, out, lse, in[0], in[1], in[2], scratch);
    rig->be.ops->attention_backward(&rig->be, s, gradient[0], gradient[1], gradient[2], dy, out,
                                    lse, in[0], in[1], in[2], scratch);
}

static void check_attention(struct mimo_attention s)
{
    s.query_pitch = s.queries;
    s.key_pitch = s.keys;
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
        {2, 5, 5, 0, 0, 2, 2, 8, 0, 0, 0, 0, false, 0},
        {1, 17, 17, 0, 0, 2, 2, 32, 0, 0, 0, 0, true, 0},
        {2, 3, 9, 0, 0, 4, 2, 5, 0, 0, 0, 0, true, 0},
        {1, 70, 133, 0, 0, 2, 1, 3, 0, 0, 0, 0, true, 0},
        {1, 66, 65, 0, 0, 1, 1, 2, 0, 0, 0, 0, false, 0},
        {1, 4, 2, 0, 0, 1, 1, 3, 0, 0, 0, 0, true, 0},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        check_attention(shapes[i]);
}

/* Strides beyond the heads' width: what lies between the rows is not touched. */
static void attention_strides(struct rig *rig)
{
    const struct mimo_attention s = {1, 2, 2, 2, 2, 1, 1, 2, 3, 3, 3, 3, false, 1};
    double found[6];
    void *all[8], *lse;
    rig_fill(rig, input[0], 6, 1);
    for (size_t i = 0; i < 8; i++)
        all[i] = rig_put(rig, input[0], 6);
    lse = rig_put_wide(rig, input[0], 2);
    rig->be.ops->attention_backward(&rig->be, &s, all[0], all[1], all[2], all[3], all[4], lse,
                                    all[5], all[6], all[7], rig_workspace(rig, &s));
    for (size_t i = 0; i < 3; i++) {
        rig_get(rig, all[i], found, 6);
        CHECK(found[2] == input[0][2] && found[5] == input[0][5] && found[1] != input[0][1]);
    }
}

static void test_attention_strides(void)
{
    rig_for_each(attention_strides);
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
    rig->be.ops->rotary(&rig->be, y, 16, rig_put_ids(rig, positions, 3),
                        rig_put_wide(rig, table, 24), 3, 2, 8, p->cols != 0);
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

enum { IDS_MAX = 2500, IDS = 4 };

/* Many of few, some beyond the table's IDS entries. */
static int32_t *put_tokens(struct rig *rig, int64_t rows)
{
    static const int32_t start[6] = {3, 1, 3, 9, 3, 0};
    int32_t ids[IDS_MAX];
    for (int64_t i = 0; i < rows; i++)
        ids[i] = i < 6 ? start[i] : (int32_t)(i * i % 7);
    return rig_put_ids(rig, ids, rows);
}

static void embedding_forward(struct rig *rig, const struct problem *p, void *y, void *const *in)
{
    rig->be.ops->embedding_forward(&rig->be, y, in[0], put_tokens(rig, p->rows), p->rows, p->cols,
                                   0, IDS);
}

static void embedding_backward(struct rig *rig, const struct problem *p, void *const *gradient,
                               const void *dy, void *const *in)
{
    (void)in;
    rig->be.ops->embedding_backward(&rig->be, gradient[0], dy, put_tokens(rig, p->rows), p->rows,
                                    p->cols, 0, IDS);
}

static void check_embedding(int64_t rows, int64_t cols)
{
    check_problem(&(struct problem){.name = "embedding",
                                    .forward = embedding_forward,
                                    .backward = embedding_backward,
                                    .inputs = 1,
                                    .size = {IDS * cols},
                                    .outputs = rows * cols,
                                    .accumulates = {true},
                                    .is_wide = {true},
                                    .rows = rows,
                                    .cols = cols});
}

/* Tokens first ... first + out - 1 of each of `rows` images. */
static void vit_forward(struct rig *rig, const struct problem *p, void *y, void *const *in)
{
    rig->be.ops->vit_embed_forward(&rig->be, y, in[0], in[1], in[2], p->rows, p->first, p->out,
                                   p->cols);
}

static void vit_backward(struct rig *rig, const struct problem *p, void *const *gradient,
                         const void *dy, void *const *in)
{
    (void)in;
    rig->be.ops->vit_embed_backward(&rig->be, gradient[0], gradient[1], gradient[2], dy, p->rows,
                                    p->first, p->out, p->cols);
    rig->be.ops->vit_embed_backward(&rig->be, NULL, NULL, NULL, dy, p->rows, p->first, p->out,
                                    p->cols);
}

static void check_vit(int64_t images, int64_t first, int64_t tokens, int64_t cols)
{
    const int64_t patches = first == 0 ? tokens - 1 : tokens;
    check_problem(
        &(struct problem){.name = "vit_embed",
                          .forward = vit_forward,
                          .backward = vit_backward,
                          .inputs = 3,
                          .size = {images * patches * cols, cols, (first + tokens) * cols},
                          .outputs = images * tokens * cols,
                          .accumulates = {false, true, true},
                          .is_wide = {false, true, true},
                          .rows = images,
                          .cols = cols,
                          .out = tokens,
                          .first = first});
}

static void embeddings(void)
{
    check_embedding(6, 5);
    check_embedding(40, 16);
    check_embedding(IDS_MAX, 8);
    check_vit(3, 0, 3, 7);
    check_vit(2, 0, 5, 16);
    check_vit(130, 0, 2, 3);
    check_vit(3, 2, 2, 7);
    check_vit(2, 1, 4, 16);
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
    void *part = rig_new_wide(rig, PAIRS);
    int32_t *held = rig_put_ids(rig, labels, TOKENS);
    for (int64_t s = 0; s < p->inputs; s++) {
        rig->be.ops->cross_entropy_max(&rig->be, part, in[s], TOKENS, p->size[s] / TOKENS);
        rig_get_wide(rig, part, got, TOKENS);
        for (int i = 0; i < TOKENS; i++)
            maxima[i] = fmax(maxima[i], got[i]);
    }
    *out_maximum = rig_put_wide(rig, maxima, TOKENS);
    for (int64_t s = 0, first = 0; s < p->inputs; first += p->size[s++] / TOKENS) {
        rig->be.ops->cross_entropy_sum(&rig->be, part, in[s], *out_maximum, held, TOKENS,
                                       p->size[s] / TOKENS, first);
        rig_get_wide(rig, part, got, PAIRS);
        for (int i = 0; i < PAIRS; i++)
            sums[i] += got[i];
    }
    *out_sums = rig_put_wide(rig, sums, PAIRS);
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
    const int64_t sizes[][3] = {{13, 0, 0}, {6, 7, 0}, {2, 9, 2}, {16, 8, 8}};
    for (int64_t s = 0; s < 4; s++)
        check_problem(&(struct problem){
            .name = "cross entropy",
            .forward = entropy_scaled,
            .backward = entropy_backward,
            .inputs = s < 2 ? s + 1 : 3,
            .size = {sizes[s][0] * TOKENS, sizes[s][1] * TOKENS, sizes[s][2] * TOKENS},
            .outputs = TOKENS});
}

/* -- experts: logits; rows and their weights -------------------------------------------------- */

/* The loss has the weights that the chosen experts get, and the probabilities of two rows of three.
 */
static int32_t sample_of(int64_t row)
{
    return row % 3 == 2 ? -1 : (int32_t)row;
}

static void route(struct rig *rig, const struct problem *p, void *weights, void *probabilities,
                  int32_t *choices, const void *logits)
{
    rig->be.ops->route_forward(&rig->be, probabilities, choices, weights, logits, p->rows, p->cols,
                               p->out);
}

static void route_forward(struct rig *rig, const struct problem *p, void *y, void *const *in)
{
    const int64_t chosen = p->rows * p->out;
    double *const weights = y, *const probabilities = weights + chosen;
    route(rig, p, weights, probabilities, rig_new(rig, chosen), in[0]);
    for (int64_t i = 0; i < p->rows; i++)
        if (sample_of(i) < 0)
            rig->be.ops->zero(&rig->be, probabilities + i * p->cols,
                              (size_t)p->cols * sizeof *probabilities);
}

static void route_backward(struct rig *rig, const struct problem *p, void *const *gradient,
                           const void *dy, void *const *in)
{
    const int64_t chosen = p->rows * p->out, all = p->rows * p->cols;
    void *w = rig_new_wide(rig, chosen), *probabilities = rig_new_wide(rig, all);
    int32_t samples[IDS_MAX], *choices = rig_new_wide(rig, chosen);
    (void)dy;
    for (int64_t i = 0; i < p->rows; i++)
        samples[i] = sample_of(i);
    route(rig, p, w, probabilities, choices, in[0]);
    rig->be.ops->route_backward(&rig->be, gradient[0], rig_put_wide(rig, weight, chosen),
                                probabilities, choices, w, rig_put_wide(rig, weight + chosen, all),
                                rig_put_ids(rig, samples, p->rows), p->rows, p->cols, p->out);
}

static void check_route(int64_t rows, int64_t experts, int64_t top_k)
{
    check_problem(&(struct problem){.name = "router",
                                    .forward = route_forward,
                                    .backward = route_backward,
                                    .inputs = 1,
                                    .size = {rows * experts},
                                    .outputs = rows * (experts + top_k),
                                    .rows = rows,
                                    .cols = experts,
                                    .out = top_k});
}

/* Every row of x has one place, and one place of each row is empty. */
static int32_t *put_places(struct rig *rig, const struct problem *p)
{
    int32_t places[IDS_MAX], row = (int32_t)(p->rows * (p->out - 1));
    for (int64_t n = 0; n < p->rows * p->out; n++)
        places[n] = n % p->out == n / p->out % p->out ? -1 : --row;
    return rig_put_ids(rig, places, p->rows * p->out);
}

static void combine_forward(struct rig *rig, const struct problem *p, void *y, void *const *in)
{
    rig->be.ops->combine_rows(&rig->be, y, in[0], put_places(rig, p),
                              rig_put_wide(rig, input[1], p->size[1]), p->rows, p->out, p->cols);
}

/* In place: dx is x. */
static void combine_backward(struct rig *rig, const struct problem *p, void *const *gradient,
                             const void *dy, void *const *in)
{
    rig->be.ops->copy(&rig->be, gradient[0], p->size[0], in[0], p->size[0], 1, p->size[0]);
    rig->be.ops->combine_rows_backward(&rig->be, gradient[0], gradient[1], dy, gradient[0],
                                       put_places(rig, p), rig_put_wide(rig, input[1], p->size[1]),
                                       p->rows, p->out, p->cols);
}

static void check_combine(int64_t rows, int64_t top_k, int64_t cols)
{
    check_problem(&(struct problem){.name = "sums of rows by index",
                                    .forward = combine_forward,
                                    .backward = combine_backward,
                                    .inputs = 2,
                                    .size = {rows * (top_k - 1) * cols, rows * top_k},
                                    .outputs = rows * cols,
                                    .is_wide = {false, true},
                                    .rows = rows,
                                    .cols = cols,
                                    .out = top_k});
}

static void experts(void)
{
    check_route(7, 5, 2);
    check_route(4, 40, 3);
    check_route(3, 6, 6);
    check_route(3, 4, 1);
    check_route(2, 1, 1);
    check_combine(4, 3, 7);
    check_combine(3, 2, 48);
}

static const struct mimo_test tests[] = {
    {"linear layers", linear},
    {"linear layers and activations", linear_activation},
    {"layer norm and RMS norm", norms},
    {"activations and swiglu, in place", activations},
    {"attention", attention},
    {"attention with strides", test_attention_strides},
    {"rotary", rotary},
    {"embeddings", embeddings},
    {"cross entropy over 1 to 3 shards", cross_entropy},
    {"experts", experts},
};

MIMO_TEST_MAIN("backend: backward", tests)
