/* test_ops_forward.c - every operation against a plain loop in double precision. */
#include "tests/unit/backend/rig.h"

#include <stdlib.h>

enum { SIZE = 40000 };

/* Inputs and expectations; one test at a time uses them. */
static double a[SIZE], b[SIZE], c[SIZE], expected[SIZE];

static void check_linear(struct rig *rig, int64_t rows, int64_t in, int64_t out, bool has_bias)
{
    const struct mimo_backend_ops *ops = rig->be.ops;
    void *x, *w, *bias, *y;
    rig_fill(a, rows * in, 1);
    rig_fill(b, out * in, 2);
    rig_fill(c, out, 3);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t o = 0; o < out; o++) {
            double sum = has_bias ? c[o] : 0;
            for (int64_t i = 0; i < in; i++)
                sum += a[r * in + i] * b[o * in + i];
            expected[r * out + o] = sum;
        }
    x = rig_put(rig, a, rows * in);
    w = rig_put(rig, b, out * in);
    bias = has_bias ? rig_put(rig, c, out) : NULL;
    y = rig_put(rig, a, rows * out); /* whatever y held is gone */
    ops->linear_forward(&rig->be, y, x, w, bias, rows, in, out);
    rig_expect(rig, "linear", y, expected, rows * out);
}

static void linear(struct rig *rig)
{
    const int64_t shapes[][3] = {{0, 3, 2},    {1, 1, 1}, {5, 7, 3},
                                 {17, 33, 65}, {3, 0, 4}, {4, 5, 0}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int has_bias = 0; has_bias < 2; has_bias++)
            check_linear(rig, shapes[i][0], shapes[i][1], shapes[i][2], has_bias != 0);
}

/* x is in a, residual in b, gamma at c, beta at c + cols. */
static void norm_expected(int64_t rows, int64_t cols, bool has_mean, double *mean, double *rstd)
{
    for (int64_t r = 0; r < rows; r++) {
        double *x = a + r * cols, square = 0;
        mean[r] = 0;
        for (int64_t j = 0; j < cols; j++) {
            x[j] += b[r * cols + j];
            mean[r] += has_mean ? x[j] / (double)cols : 0;
        }
        for (int64_t j = 0; j < cols; j++)
            square += (x[j] - mean[r]) * (x[j] - mean[r]) / (double)cols;
        rstd[r] = 1 / sqrt(square + 1e-5);
        for (int64_t j = 0; j < cols; j++)
            expected[r * cols + j] =
                (x[j] - mean[r]) * rstd[r] * c[j] + (has_mean ? c[cols + j] : 0);
    }
}

static void check_norm(struct rig *rig, int64_t rows, int64_t cols, bool has_mean)
{
    const struct mimo_backend_ops *ops = rig->be.ops;
    double mean[8], rstd[8];
    void *x, *residual, *gamma, *beta, *y = rig_new(rig, rows * cols);
    void *kept_mean = rig_new(rig, rows), *kept_rstd = rig_new(rig, rows);
    rig_fill(a, rows * cols, 1);
    rig_fill(b, rows * cols, 2);
    rig_fill(c, 2 * cols, 3);
    x = rig_put(rig, a, rows * cols);
    residual = rig_put(rig, b, rows * cols);
    gamma = rig_put(rig, c, cols);
    beta = rig_put(rig, c + cols, cols);
    norm_expected(rows, cols, has_mean, mean, rstd);
    if (has_mean) {
        ops->layer_norm_forward(&rig->be, y, kept_mean, kept_rstd, x, residual, gamma, beta, rows,
                                cols, 1e-5);
        rig_expect(rig, "mean", kept_mean, mean, rows);
    } else {
        ops->rms_norm_forward(&rig->be, y, kept_rstd, x, residual, gamma, rows, cols, 1e-5);
    }
    rig_expect(rig, "norm", y, expected, rows * cols);
    rig_expect(rig, "rstd", kept_rstd, rstd, cols > 1 ? rows : 0);
    rig_expect(rig, "x + residual", x, a, rows * cols);
}

static void norms(struct rig *rig)
{
    check_norm(rig, 5, 16, true);
    check_norm(rig, 3, 67, true);
    check_norm(rig, 4, 1, true);
    check_norm(rig, 0, 8, true);
    check_norm(rig, 3, 130, false);
    check_norm(rig, 2, 7, false);
}

static double activation(enum mimo_activation kind, double x)
{
    switch (kind) {
    case MIMO_ACTIVATION_GELU:
        return x * 0.5 * (1 + erf(x / sqrt(2.0)));
    case MIMO_ACTIVATION_GELU_TANH:
        return 0.5 * x * (1 + tanh(sqrt(2 / acos(-1.0)) * (x + 0.044715 * x * x * x)));
    case MIMO_ACTIVATION_QUICK_GELU:
        return x / (1 + exp(-1.702 * x));
    case MIMO_ACTIVATION_RELU:
        return fmax(x, 0);
    case MIMO_ACTIVATION_SILU:
        return x / (1 + exp(-x));
    case MIMO_ACTIVATION_COUNT:
        break;
    }
    return NAN;
}

/* The whole range, densely: the float forms are approximations of ours. */
static void activations(struct rig *rig)
{
    const int64_t count = 20011;
    const double bound = rig->be.element_size == sizeof(float) ? 1e-6 : 1e-14;
    void *x, *y = rig_new(rig, count);
    for (int64_t i = 0; i < count; i++)
        a[i] = (double)(float)((double)(i - 10000) * 2e-3);
    a[0] = -1e4;
    a[1] = 1e4;
    x = rig_put(rig, a, count);
    for (int kind = 0; kind < MIMO_ACTIVATION_COUNT; kind++) {
        for (int64_t i = 0; i < count; i++)
            expected[i] = activation((enum mimo_activation)kind, a[i]);
        rig->be.ops->activation_forward(&rig->be, (enum mimo_activation)kind, y, x, count);
        rig_get(rig, y, b, count);
        rig_check(rig, "activation", b, expected, count, bound);
    }
}

static void swiglu(struct rig *rig)
{
    const int64_t rows = 3, cols = 21;
    void *x, *y = rig_new(rig, rows * cols);
    rig_fill(a, rows * 2 * cols, 1);
    x = rig_put(rig, a, rows * 2 * cols);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t j = 0; j < cols; j++)
            expected[r * cols + j] =
                activation(MIMO_ACTIVATION_SILU, a[r * 2 * cols + j]) * a[(r * 2 + 1) * cols + j];
    rig->be.ops->swiglu_forward(&rig->be, y, x, rows, cols);
    rig_expect(rig, "swiglu", y, expected, rows * cols);
}

static void not_a_number(struct rig *rig)
{
    const double values[3] = {NAN, -INFINITY, 1};
    double got[3];
    void *x = rig_put(rig, values, 3), *y = rig_new(rig, 3), *maximum = rig_new(rig, 1);
    const int32_t label = 2;
    int32_t *labels = rig_put_ids(rig, &label, 1);
    for (int kind = 0; kind < MIMO_ACTIVATION_COUNT; kind++) {
        rig->be.ops->activation_forward(&rig->be, (enum mimo_activation)kind, y, x, 3);
        rig_get(rig, y, got, 3);
        CHECK(isnan(got[0]));
    }
    rig->be.ops->cross_entropy_sum(&rig->be, y, x, maximum, labels, 1, 3, 0);
    rig_get(rig, y, got, 1);
    CHECK(isnan(got[0]));
}

static void rotary(struct rig *rig)
{
    enum { ROWS = 3, HEADS = 2, DIM = 10, HALF = 5, STRIDE = 24, POSITIONS = 5 };
    enum {
        ALL = ROWS * STRIDE,
        TABLE = POSITIONS * DIM,
        PAIRS = HEADS * HALF,
        TURNED = ROWS * PAIRS
    };
    const int32_t positions[ROWS] = {4, 0, 2};
    void *x, *table;
    int32_t *at = rig_put_ids(rig, positions, ROWS);
    rig_fill(a, ALL, 1);
    for (int64_t i = 0; i < TABLE; i++) {
        const int64_t position = i / DIM;
        const double angle = 0.3 * (double)(position * (i % HALF + 1));
        b[i] = i % DIM < HALF ? cos(angle) : sin(angle);
    }
    memcpy(expected, a, ALL * sizeof *a);
    for (int64_t i = 0; i < TURNED; i++) {
        const int64_t row = i / PAIRS, head = i / HALF % HEADS, j = i % HALF;
        const double angle = 0.3 * (double)(positions[row] * (j + 1));
        double *low = expected + row * STRIDE + head * DIM + j, *high = low + HALF;
        const double first = *low, second = *high;
        *low = first * cos(angle) - second * sin(angle);
        *high = second * cos(angle) + first * sin(angle);
    }
    x = rig_put(rig, a, ALL);
    table = rig_put(rig, b, TABLE);
    rig->be.ops->rotary(&rig->be, x, STRIDE, at, table, ROWS, HEADS, DIM, false);
    rig_expect(rig, "rotary", x, expected, ALL);
    rig->be.ops->rotary(&rig->be, x, STRIDE, at, table, ROWS, HEADS, DIM, true);
    rig_expect(rig, "rotary and back", x, a, ALL);
}

/* One query of one head: out row and lse. */
static void attend(const struct mimo_attention *s, int64_t batch, int64_t query, int64_t head,
                   double *out, double *lse)
{
    const int64_t end = s->is_causal ? s->keys - s->queries + query + 1 : s->keys;
    const int64_t group = head / (s->heads / s->groups);
    const double *q = a + (batch * s->queries + query) * s->q_stride + head * s->head_dim;
    double total = 0;
    for (int64_t d = 0; d < s->head_dim; d++)
        out[d] = 0;
    for (int64_t j = 0; j < end; j++) {
        const double *k = b + (batch * s->keys + j) * s->k_stride + group * s->head_dim;
        const double *v = c + (batch * s->keys + j) * s->v_stride + group * s->head_dim;
        double score = 0;
        for (int64_t d = 0; d < s->head_dim; d++)
            score += q[d] * k[d] * s->scale;
        total += exp(score);
        for (int64_t d = 0; d < s->head_dim; d++)
            out[d] += exp(score) * v[d];
    }
    for (int64_t d = 0; d < s->head_dim && total > 0; d++)
        out[d] /= total;
    *lse = log(total);
}

static void check_attention(const struct mimo_attention *s)
{
    const int64_t queries = s->batch * s->queries, keys = s->batch * s->keys;
    static double logs[SIZE];
    rig_fill(a, queries * s->q_stride, 1);
    rig_fill(b, keys * s->k_stride, 2);
    rig_fill(c, keys * s->v_stride, 3);
    memset(expected, 0, sizeof expected);
    for (int64_t n = 0; n < s->batch; n++)
        for (int64_t h = 0; h < s->heads; h++)
            for (int64_t i = 0; i < s->queries; i++)
                attend(s, n, i, h,
                       expected + (n * s->queries + i) * s->out_stride + h * s->head_dim,
                       &logs[(n * s->heads + h) * s->queries + i]);
    for (size_t t = 0; t < 6; t++) {
        struct rig rig;
        void *out, *lse;
        rig_open(&rig, t % 2 == 0 ? MIMO_PRECISION_FP32 : MIMO_PRECISION_FP64, rig_tiers[t / 2]);
        out = rig_new(&rig, queries * s->out_stride);
        lse = rig_new(&rig, s->heads * queries);
        rig.be.ops->attention_forward(
            &rig.be, s, out, lse, rig_put(&rig, a, queries * s->q_stride),
            rig_put(&rig, b, keys * s->k_stride), rig_put(&rig, c, keys * s->v_stride),
            rig_new(&rig,
                    (int64_t)(rig.be.ops->attention_workspace(&rig.be, s) / rig.be.element_size)));
        rig_expect(&rig, "attention", out, expected, queries * s->out_stride);
        rig_expect(&rig, "lse", lse, logs, s->heads * queries);
        rig_close(&rig);
    }
}

/* Strides leave gaps between rows. */
static struct mimo_attention shape_of(int64_t batch, int64_t queries, int64_t keys, int64_t heads,
                                      int64_t groups, int64_t dim, bool is_causal)
{
    return (struct mimo_attention){
        .batch = batch,
        .queries = queries,
        .keys = keys,
        .heads = heads,
        .groups = groups,
        .head_dim = dim,
        .q_stride = heads * dim + 3,
        .k_stride = groups * dim + 1,
        .v_stride = groups * dim,
        .out_stride = heads * dim + 2,
        .is_causal = is_causal,
        .scale = 1.3,
    };
}

static void attention(void)
{
    static const struct {
        int64_t batch, queries, keys, heads, groups, dim;
        bool is_causal;
    } rows[] = {
        {2, 5, 5, 2, 2, 8, false},     {1, 17, 17, 4, 4, 32, true},   {2, 3, 9, 4, 2, 16, true},
        {1, 70, 150, 2, 1, 33, true},  {1, 1, 130, 2, 2, 7, true},    {1, 4, 2, 1, 1, 3, true},
        {0, 3, 3, 1, 1, 4, false},     {1, 0, 5, 1, 1, 4, true},      {1, 3, 0, 1, 1, 4, false},
        {1, 200, 200, 1, 1, 16, true}, {1, 129, 65, 1, 1, 64, false}, {1, 1, 1, 1, 1, 1, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct mimo_attention shape =
            shape_of(rows[i].batch, rows[i].queries, rows[i].keys, rows[i].heads, rows[i].groups,
                     rows[i].dim, rows[i].is_causal);
        check_attention(&shape);
    }
}

static void embedding(struct rig *rig)
{
    enum { ROWS = 6, COLS = 5, FIRST = 10, COUNT = 4, ALL = ROWS * COLS, TABLE = COUNT * COLS };
    const int32_t ids[ROWS] = {10, 13, 14, 9, 11, 13};
    void *table, *y;
    rig_fill(a, TABLE, 1);
    rig_fill(b, ALL, 2);
    for (int64_t i = 0; i < ALL; i++) {
        const int64_t entry = ids[i / COLS] - FIRST;
        expected[i] = entry >= 0 && entry < COUNT ? a[entry * COLS + i % COLS] : 0;
    }
    table = rig_put(rig, a, TABLE);
    y = rig_put(rig, b, ALL);
    rig->be.ops->embedding_forward(&rig->be, y, table, rig_put_ids(rig, ids, ROWS), ROWS, COLS,
                                   FIRST, COUNT);
    rig_expect(rig, "embedding", y, expected, ALL);
}

/* Shards of one vocabulary, combined as the caller's collectives would. */
static void check_cross_entropy(struct rig *rig, int64_t shards)
{
    enum { ROWS = 4, VOCAB = 150, ALL = ROWS * VOCAB, PAIRS = 2 * ROWS };
    const struct mimo_backend_ops *ops = rig->be.ops;
    const int32_t ids[ROWS] = {0, 77, 149, 50};
    int32_t *labels = rig_put_ids(rig, ids, ROWS);
    double maxima[ROWS] = {-INFINITY, -INFINITY, -INFINITY, -INFINITY}, sums[PAIRS] = {0};
    double shard[ALL], got[PAIRS];
    void *maximum, *logits[3], *out = rig_new(rig, PAIRS);
    rig_fill(a, ALL, 1);
    for (int64_t s = 0; s < shards; s++) {
        const int64_t first = s * VOCAB / shards, count = (s + 1) * VOCAB / shards - first;
        for (int64_t i = 0; i < ROWS * count; i++)
            shard[i] = 5 * a[i / count * VOCAB + first + i % count];
        logits[s] = rig_put(rig, shard, ROWS * count);
        ops->cross_entropy_max(&rig->be, out, logits[s], ROWS, count);
        rig_get(rig, out, got, ROWS);
        for (int64_t i = 0; i < ROWS; i++)
            maxima[i] = fmax(maxima[i], got[i]);
    }
    maximum = rig_put(rig, maxima, ROWS);
    for (int64_t s = 0; s < shards; s++) {
        const int64_t first = s * VOCAB / shards, count = (s + 1) * VOCAB / shards - first;
        ops->cross_entropy_sum(&rig->be, out, logits[s], maximum, labels, ROWS, count, first);
        rig_get(rig, out, got, PAIRS);
        for (int64_t i = 0; i < PAIRS; i++)
            sums[i] += got[i];
    }
    for (int64_t i = 0; i < ROWS; i++) {
        double total = 0;
        for (int64_t j = 0; j < VOCAB; j++)
            total += exp(5 * a[i * VOCAB + j]);
        expected[i] = log(total) - 5 * a[i * VOCAB + ids[i]];
    }
    ops->cross_entropy_loss(&rig->be, out, rig_put(rig, sums, PAIRS), ROWS);
    rig_expect(rig, "cross entropy", out, expected, ROWS);
}

static void cross_entropy(struct rig *rig)
{
    double lowest;
    void *maximum = rig_new(rig, 1);
    for (int64_t shards = 1; shards <= 3; shards++)
        check_cross_entropy(rig, shards);
    rig->be.ops->cross_entropy_max(&rig->be, maximum, maximum, 1, 0);
    rig_get(rig, maximum, &lowest, 1);
    CHECK(lowest == -INFINITY);
}

static void images(struct rig *rig)
{
    enum {
        IMAGES = 2,
        CHANNELS = 3,
        SIDE = 6,
        PATCH = 2,
        COUNT = IMAGES * CHANNELS * SIDE * SIDE,
        AREA = CHANNELS * PATCH * PATCH
    };
    const double mean[CHANNELS] = {0.4, 0.5, 0.6}, std[CHANNELS] = {0.2, 0.3, 0.4};
    uint8_t pixels[COUNT];
    uint8_t *held = rig_new(rig, COUNT);
    void *patches = rig_new(rig, COUNT);
    for (int64_t i = 0; i < COUNT; i++)
        pixels[i] = (uint8_t)(i * 37);
    for (int64_t i = 0; i < IMAGES; i++)
        for (int64_t y = 0; y < SIDE; y++)
            for (int64_t x = 0; x < SIDE; x++)
                for (int64_t ch = 0; ch < CHANNELS; ch++) {
                    const int64_t patch = (i * 3 + y / PATCH) * 3 + x / PATCH;
                    const int64_t at = ch * PATCH * PATCH + y % PATCH * PATCH + x % PATCH;
                    const uint8_t value = pixels[((i * SIDE + y) * SIDE + x) * CHANNELS + ch];
                    expected[patch * AREA + at] = (value / 255.0 - mean[ch]) / std[ch];
                }
    rig->be.ops->upload(&rig->be, held, pixels, sizeof pixels);
    rig->be.ops->image_patches(&rig->be, patches, held, IMAGES, CHANNELS, SIDE, PATCH, mean, std);
    rig_expect(rig, "patches", patches, expected, COUNT);
}

static void vit_embed(struct rig *rig)
{
    enum {
        IMAGES = 2,
        TOKENS = 4,
        COLS = 5,
        ALL = IMAGES * TOKENS * COLS,
        PATCHES = IMAGES * (TOKENS - 1) * COLS,
        PLACES = TOKENS * COLS
    };
    void *x = rig_new(rig, ALL);
    rig_fill(a, PATCHES, 1);
    rig_fill(b, COLS, 2);
    rig_fill(c, PLACES, 3);
    for (int64_t i = 0; i < IMAGES; i++)
        for (int64_t t = 0; t < TOKENS; t++)
            for (int64_t j = 0; j < COLS; j++)
                expected[(i * TOKENS + t) * COLS + j] =
                    (t == 0 ? b[j] : a[(i * (TOKENS - 1) + t - 1) * COLS + j]) + c[t * COLS + j];
    rig->be.ops->vit_embed_forward(&rig->be, x, rig_put(rig, a, PATCHES), rig_put(rig, b, COLS),
                                   rig_put(rig, c, PLACES), IMAGES, TOKENS, COLS);
    rig_expect(rig, "vit_embed", x, expected, ALL);
}

static void rows_by_index(struct rig *rig)
{
    enum { ROWS = 3, COLS = 7, ALL = ROWS * COLS, WIDE = 5 * COLS };
    const int32_t index[ROWS] = {4, 0, 2};
    int32_t *at = rig_put_ids(rig, index, ROWS);
    void *src, *wide = rig_new(rig, WIDE), *back = rig_new(rig, ALL);
    rig_fill(a, ALL, 1);
    memset(expected, 0, WIDE * sizeof *expected);
    for (int64_t i = 0; i < ALL; i++)
        expected[(int64_t)index[i / COLS] * COLS + i % COLS] = a[i];
    src = rig_put(rig, a, ALL);
    rig->be.ops->scatter_rows(&rig->be, wide, src, at, ROWS, COLS);
    rig_expect(rig, "scatter_rows", wide, expected, WIDE);
    rig->be.ops->gather_rows(&rig->be, back, wide, at, ROWS, COLS);
    rig_expect(rig, "gather_rows", back, a, ALL);
}

static void copies(struct rig *rig)
{
    enum {
        ROWS = 3,
        COLS = 5,
        FROM = 6,
        TO = 9,
        ALL = ROWS * COLS,
        SRC = ROWS * FROM,
        DST = ROWS * TO
    };
    void *src, *dst;
    rig_fill(a, SRC, 1);
    rig_fill(b, DST, 2);
    src = rig_put(rig, a, SRC);
    dst = rig_put(rig, b, DST);
    memcpy(expected, b, DST * sizeof *b);
    for (int64_t i = 0; i < ALL; i++)
        expected[i / COLS * TO + i % COLS] += a[i / COLS * FROM + i % COLS];
    rig->be.ops->add(&rig->be, dst, TO, src, FROM, ROWS, COLS);
    rig_expect(rig, "add", dst, expected, DST);
    for (int64_t i = 0; i < ALL; i++)
        expected[i / COLS * TO + i % COLS] = a[i / COLS * FROM + i % COLS];
    rig->be.ops->copy(&rig->be, dst, TO, src, FROM, ROWS, COLS);
    rig_expect(rig, "copy", dst, expected, DST);
    rig->be.ops->copy(&rig->be, dst, FROM, src, FROM, ROWS, FROM);
    rig_expect(rig, "dense copy", dst, a, SRC);
    rig->be.ops->zero(&rig->be, dst, SRC * rig->be.element_size);
    rig->be.ops->add(&rig->be, dst, FROM, src, FROM, ROWS, FROM);
    rig_expect(rig, "dense add", dst, a, SRC);
    rig->be.ops->synchronize(&rig->be);
}

static void sums(struct rig *rig)
{
    const int64_t counts[] = {0, 1, 31, 32, 1000};
    rig_fill(a, 1000, 1);
    for (size_t n = 0; n < sizeof counts / sizeof *counts; n++) {
        void *x = rig_put(rig, a, counts[n]);
        double plain = 0, squares = 0;
        for (int64_t i = 0; i < counts[n]; i++) {
            plain += a[i];
            squares += a[i] * a[i];
        }
        CHECK_NEAR(rig_sum(rig, rig->be.ops->sum, 0.5, x, counts[n]), 0.5 + plain, 1e-13);
        CHECK_NEAR(rig_sum(rig, rig->be.ops->sum_squares, 2, x, counts[n]), 2 + squares, 1e-13);
    }
}

static void adamw(struct rig *rig)
{
    enum { COUNT = 37 };
    const struct mimo_adamw s = {0.01, 0.9, 0.99, 1e-8, 0.1, 0.19, 0.0199, 0.7};
    double moment1[COUNT], moment2[COUNT];
    void *w, *g, *m, *v;
    rig_fill(a, COUNT, 1);
    rig_fill(b, COUNT, 2);
    rig_fill(moment1, COUNT, 3);
    rig_fill(moment2, COUNT, 4);
    for (int64_t i = 0; i < COUNT; i++)
        moment2[i] = fabs(moment2[i]);
    w = rig_put(rig, a, COUNT);
    g = rig_put(rig, b, COUNT);
    m = rig_put(rig, moment1, COUNT);
    v = rig_put(rig, moment2, COUNT);
    for (int64_t i = 0; i < COUNT; i++) {
        const double gradient = b[i] * s.gradient_scale;
        moment1[i] = s.beta1 * moment1[i] + (1 - s.beta1) * gradient;
        moment2[i] = s.beta2 * moment2[i] + (1 - s.beta2) * gradient * gradient;
        expected[i] = a[i] - s.lr * (moment1[i] / s.correction1 /
                                         (sqrt(moment2[i] / s.correction2) + s.epsilon) +
                                     s.weight_decay * a[i]);
    }
    rig->be.ops->adamw(&rig->be, w, NULL, g, m, v, COUNT, &s);
    rig_expect(rig, "weight", w, expected, COUNT);
    rig_expect(rig, "moment 1", m, moment1, COUNT);
    rig_expect(rig, "moment 2", v, moment2, COUNT);
}

static void memory(struct rig *rig)
{
    const size_t sizes[] = {0, 1, 1000, (size_t)5 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *bytes = rig->be.ops->alloc(&rig->be, sizes[i]);
        size_t used = 0;
        CHECK(bytes != NULL && (uintptr_t)bytes % 64 == 0);
        for (size_t j = 0; j < sizes[i]; j++)
            used += bytes[j] != 0;
        CHECK_INT(used, 0);
        rig->be.ops->free(&rig->be, bytes);
    }
}

static void opening(void)
{
    struct mimo_backend be = {0};
    struct mimo_error err = {0};
    (void)setenv("MIMO_CPU", "sse9", 1);
    CHECK_INT(mimo_backend_cpu_open(&be, MIMO_PRECISION_FP32, &err), MIMO_E_USAGE);
    CHECK_CONTAINS(err.message, "sse9");
    (void)unsetenv("MIMO_CPU");
    err = (struct mimo_error){0};
    CHECK_INT(mimo_backend_cpu_open(&be, MIMO_PRECISION_BF16, &err), MIMO_E_WORLD);
    CHECK(be.ops == NULL);
    CHECK_INT(mimo_backend_cpu_open(&be, MIMO_PRECISION_FP64, NULL), MIMO_OK);
    CHECK_TEXT(be.ops->name, "cpu");
    CHECK_INT(be.element_size, 8);
    mimo_backend_close(&be);
}

#define EACH(name)                                                                                 \
    static void test_##name(void)                                                                  \
    {                                                                                              \
        rig_for_each(name);                                                                        \
    }
EACH(linear)
EACH(norms)
EACH(activations)
EACH(swiglu)
EACH(not_a_number)
EACH(rotary)
EACH(embedding)
EACH(cross_entropy)
EACH(images)
EACH(vit_embed)
EACH(rows_by_index)
EACH(copies)
EACH(sums)
EACH(adamw)
EACH(memory)

static const struct mimo_test tests[] = {
    {"linear layers", test_linear},
    {"layer norm and RMS norm", test_norms},
    {"activations over their range", test_activations},
    {"swiglu", test_swiglu},
    {"not a number stays visible", test_not_a_number},
    {"rotary and its inverse", test_rotary},
    {"attention", attention},
    {"embedding of a shard", test_embedding},
    {"cross entropy over 1 to 3 shards", test_cross_entropy},
    {"image patches", test_images},
    {"class token and positions", test_vit_embed},
    {"rows by index", test_rows_by_index},
    {"copies and sums with strides", test_copies},
    {"sums and scaling", test_sums},
    {"AdamW", test_adamw},
    {"memory", test_memory},
    {"opening", opening},
};

MIMO_TEST_MAIN("backend: forward", tests)
