/* test_ops_forward.c - every operation against a plain loop in double precision. */
#include "tests/unit/backend/rig.h"

#include <stdlib.h>

enum { SIZE = 82000, NORM_ROWS = 8 };

/* Inputs and expectations; one test at a time uses them. */
static double a[SIZE], b[SIZE], c[SIZE], other[SIZE], expected[SIZE];

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

/* z, without the activation, is in `expected`. */
static void check_linear_activation(struct rig *rig, enum mimo_activation kind, const void *x,
                                    const void *w, const void *bias, int64_t rows, int64_t in,
                                    int64_t out)
{
    void *y = rig_new(rig, rows * out), *z = rig_new(rig, rows * out);
    rig->be.ops->linear_activation_forward(&rig->be, kind, y, z, x, w, bias, rows, in, out);
    for (int64_t i = 0; i < rows * out; i++)
        other[i] = activation(kind, expected[i]);
    rig_expect(rig, "linear and activation: z", z, expected, rows * out);
    rig_expect(rig, "linear and activation: y", y, other, rows * out);
}

static void check_linear(struct rig *rig, int64_t rows, int64_t in, int64_t out, bool has_bias)
{
    const struct mimo_backend_ops *ops = rig->be.ops;
    void *x, *w, *bias, *y;
    rig_fill(rig, a, rows * in, 1);
    rig_fill(rig, b, out * in, 2);
    rig_fill(rig, c, out, 3);
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
    for (int kind = 0; kind < MIMO_ACTIVATION_COUNT; kind++)
        check_linear_activation(rig, (enum mimo_activation)kind, x, w, bias, rows, in, out);
}

static void linear(struct rig *rig)
{
    const int64_t shapes[][3] = {{0, 3, 2}, {1, 1, 1}, {5, 7, 3},   {17, 33, 65},
                                 {3, 0, 4}, {4, 5, 0}, {9, 16, 24}, {32, 64, 8}};
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

/* Statistics of rows that are rounded after the residual was added. */
static void expect_statistic(struct rig *rig, const char *what, const void *memory,
                             const double *value, int64_t rows)
{
    double actual[NORM_ROWS];
    rig_get_wide(rig, memory, actual, rows);
    rig_check(rig, what, actual, value, rows, rig->bound);
}

static void check_norm(struct rig *rig, int64_t rows, int64_t cols, bool has_mean)
{
    const struct mimo_backend_ops *ops = rig->be.ops;
    double mean[NORM_ROWS], rstd[NORM_ROWS];
    void *x, *residual, *gamma, *beta, *y = rig_new(rig, rows * cols);
    void *kept_mean = rig_new_wide(rig, rows), *kept_rstd = rig_new_wide(rig, rows);
    rig_fill(rig, a, rows * cols, 1);
    rig_fill(rig, b, rows * cols, 2);
    rig_fill(rig, c, 2 * cols, 3);
    x = rig_put(rig, a, rows * cols);
    residual = rig_put(rig, b, rows * cols);
    gamma = rig_put(rig, c, cols);
    beta = rig_put(rig, c + cols, cols);
    norm_expected(rows, cols, has_mean, mean, rstd);
    if (has_mean) {
        ops->layer_norm_forward(&rig->be, y, kept_mean, kept_rstd, x, residual, gamma, beta, rows,
                                cols, 1e-5);
        expect_statistic(rig, "mean", kept_mean, mean, rows);
    } else {
        ops->rms_norm_forward(&rig->be, y, kept_rstd, x, residual, gamma, rows, cols, 1e-5);
    }
    rig_expect(rig, "norm", y, expected, rows * cols);
    expect_statistic(rig, "rstd", kept_rstd, rstd, cols > 1 ? rows : 0);
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
    check_norm(rig, 7, 256, false);
    for (int has_mean = 0; has_mean < 2; has_mean++) {
        check_norm(rig, 3, 1024, has_mean != 0);
        check_norm(rig, 1, 6001, has_mean != 0);
        check_norm(rig, 1, 41000, has_mean != 0);
    }
}

/* The whole range, densely: the float forms are approximations of ours. */
static void activations(struct rig *rig)
{
    const int64_t count = 20011;
    const double bound = rig->bound == rig->wide_bound ? rig->bound / 10 : rig->bound;
    void *x, *y = rig_new(rig, count);
    for (int64_t i = 0; i < count; i++)
        a[i] = (double)(float)((double)(i - 10000) * 2e-3);
    a[0] = -1e4;
    a[1] = 1e4;
    rig_round(rig, a, count);
    x = rig_put(rig, a, count);
    for (int kind = 0; kind < MIMO_ACTIVATION_COUNT; kind++) {
        for (int64_t i = 0; i < count; i++)
            expected[i] = activation((enum mimo_activation)kind, a[i]);
        rig->be.ops->activation_forward(&rig->be, (enum mimo_activation)kind, y, x, count);
        rig_get(rig, y, b, count);
        rig_check(rig, "activation", b, expected, count, bound);
    }
}

static void check_swiglu(struct rig *rig, int64_t rows, int64_t cols)
{
    void *x, *y = rig_new(rig, rows * cols);
    rig_fill(rig, a, rows * 2 * cols, 1);
    x = rig_put(rig, a, rows * 2 * cols);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t j = 0; j < cols; j++)
            expected[r * cols + j] =
                activation(MIMO_ACTIVATION_SILU, a[r * 2 * cols + j]) * a[(r * 2 + 1) * cols + j];
    rig->be.ops->swiglu_forward(&rig->be, y, x, rows, cols);
    rig_expect(rig, "swiglu", y, expected, rows * cols);
}

static void swiglu(struct rig *rig)
{
    check_swiglu(rig, 3, 21);
    check_swiglu(rig, 5, 64);
    check_swiglu(rig, 2, 4104);
}

static void not_a_number(struct rig *rig)
{
    const double values[3] = {NAN, -INFINITY, 1};
    double got[3];
    void *x = rig_put(rig, values, 3), *y = rig_new(rig, 3), *maximum = rig_new_wide(rig, 1);
    void *sums = rig_new_wide(rig, 2);
    const int32_t label = 2;
    int32_t *labels = rig_put_ids(rig, &label, 1);
    for (int kind = 0; kind < MIMO_ACTIVATION_COUNT; kind++) {
        rig->be.ops->activation_forward(&rig->be, (enum mimo_activation)kind, y, x, 3);
        rig_get(rig, y, got, 3);
        CHECK(isnan(got[0]));
    }
    rig->be.ops->cross_entropy_sum(&rig->be, sums, x, maximum, labels, 1, 3, 0);
    rig_get_wide(rig, sums, got, 1);
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
    rig_fill(rig, a, ALL, 1);
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
    table = rig_put_wide(rig, b, TABLE);
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

static void check_attention(struct rig *rig, const struct mimo_attention *s)
{
    const int64_t queries = s->batch * s->queries, keys = s->batch * s->keys;
    void *out = rig_new(rig, queries * s->out_stride), *lse = rig_new_wide(rig, s->heads * queries);
    rig_fill(rig, a, queries * s->q_stride, 1);
    rig_fill(rig, b, keys * s->k_stride, 2);
    rig_fill(rig, c, keys * s->v_stride, 3);
    memset(expected, 0, sizeof expected);
    for (int64_t n = 0; n < s->batch; n++)
        for (int64_t h = 0; h < s->heads; h++)
            for (int64_t i = 0; i < s->queries; i++)
                attend(s, n, i, h,
                       expected + (n * s->queries + i) * s->out_stride + h * s->head_dim,
                       &other[(n * s->heads + h) * s->queries + i]);
    rig->be.ops->attention_forward(&rig->be, s, out, lse, rig_put(rig, a, queries * s->q_stride),
                                   rig_put(rig, b, keys * s->k_stride),
                                   rig_put(rig, c, keys * s->v_stride), rig_workspace(rig, s));
    rig_expect(rig, "attention", out, expected, queries * s->out_stride);
    rig_expect_wide(rig, "lse", lse, other, s->heads * queries);
}

/* Strides leave gaps between rows. */
static struct mimo_attention shape_of(int64_t batch, int64_t queries, int64_t keys, int64_t heads,
                                      int64_t groups, int64_t dim, bool is_causal)
{
    return (struct mimo_attention){
        .batch = batch,
        .queries = queries,
        .keys = keys,
        .query_pitch = queries,
        .key_pitch = keys,
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

static void attention(struct rig *rig)
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
        check_attention(rig, &shape);
    }
}

static void embedding(struct rig *rig)
{
    enum { ROWS = 6, COLS = 5, FIRST = 10, COUNT = 4, ALL = ROWS * COLS, TABLE = COUNT * COLS };
    const int32_t ids[ROWS] = {10, 13, 14, 9, 11, 13};
    void *table, *y;
    rig_fill(rig, a, TABLE, 1);
    rig_fill(rig, b, ALL, 2);
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

enum { ENTROPY_ROWS = 4, PAIRS = 2 * ENTROPY_ROWS };

/* The shard's columns of the logits in `a`; they go to `b` on the way. */
static void *put_shard(struct rig *rig, int64_t vocabulary, int64_t first, int64_t count)
{
    for (int64_t i = 0; i < ENTROPY_ROWS * count; i++)
        b[i] = a[i / count * vocabulary + first + i % count];
    return rig_put(rig, b, ENTROPY_ROWS * count);
}

static void expect_losses(const int32_t *labels, int64_t vocabulary)
{
    for (int64_t i = 0; i < ENTROPY_ROWS; i++) {
        double total = 0;
        for (int64_t j = 0; j < vocabulary; j++)
            total += exp(a[i * vocabulary + j]);
        expected[i] = log(total) - a[i * vocabulary + labels[i]];
    }
}

/* Shards of one vocabulary, combined as the caller's collectives would. */
static void check_cross_entropy(struct rig *rig, int64_t vocabulary, int64_t shards)
{
    const struct mimo_backend_ops *ops = rig->be.ops;
    const int32_t ids[ENTROPY_ROWS] = {0, (int32_t)(vocabulary / 2), (int32_t)vocabulary - 1, 50};
    int32_t *labels = rig_put_ids(rig, ids, ENTROPY_ROWS);
    double maxima[ENTROPY_ROWS] = {-INFINITY, -INFINITY, -INFINITY, -INFINITY};
    double sums[PAIRS] = {0}, got[PAIRS];
    void *maximum, *logits[3], *out = rig_new_wide(rig, PAIRS);
    rig_fill(rig, a, ENTROPY_ROWS * vocabulary, 1);
    for (int64_t i = 0; i < ENTROPY_ROWS * vocabulary; i++)
        a[i] *= 4;
    for (int64_t s = 0; s < shards; s++) {
        const int64_t first = s * vocabulary / shards;
        const int64_t count = (s + 1) * vocabulary / shards - first;
        logits[s] = put_shard(rig, vocabulary, first, count);
        ops->cross_entropy_max(&rig->be, out, logits[s], ENTROPY_ROWS, count);
        rig_get_wide(rig, out, got, ENTROPY_ROWS);
        for (int64_t i = 0; i < ENTROPY_ROWS; i++)
            maxima[i] = fmax(maxima[i], got[i]);
    }
    maximum = rig_put_wide(rig, maxima, ENTROPY_ROWS);
    for (int64_t s = 0; s < shards; s++) {
        const int64_t first = s * vocabulary / shards;
        ops->cross_entropy_sum(&rig->be, out, logits[s], maximum, labels, ENTROPY_ROWS,
                               (s + 1) * vocabulary / shards - first, first);
        rig_get_wide(rig, out, got, PAIRS);
        for (int64_t i = 0; i < PAIRS; i++)
            sums[i] += got[i];
    }
    expect_losses(ids, vocabulary);
    ops->cross_entropy_loss(&rig->be, out, rig_put_wide(rig, sums, PAIRS), ENTROPY_ROWS);
    rig_expect_wide(rig, "cross entropy", out, expected, ENTROPY_ROWS);
}

static void cross_entropy(struct rig *rig)
{
    double got[2];
    void *maximum = rig_new_wide(rig, 1), *sums = rig_put_wide(rig, (double[2]){7, 7}, 2);
    const int32_t label = 3;
    for (int64_t shards = 1; shards <= 3; shards++)
        check_cross_entropy(rig, 150, shards);
    check_cross_entropy(rig, 8192, 2);
    check_cross_entropy(rig, 9001, 1);
    rig->be.ops->cross_entropy_max(&rig->be, maximum, maximum, 1, 0);
    rig_get_wide(rig, maximum, got, 1);
    CHECK(got[0] == -INFINITY);
    rig->be.ops->cross_entropy_sum(&rig->be, sums, maximum, maximum, rig_put_ids(rig, &label, 1), 1,
                                   0, 0);
    rig_get_wide(rig, sums, got, 2);
    CHECK(got[0] == 0 && got[1] == 0);
}

static void images(struct rig *rig)
{
    enum {
        IMAGES = 2,
        CHANNELS = 3,
        SIDE = 6,
        PATCH = 2,
        COUNT = IMAGES * CHANNELS * SIDE * SIDE,
        AREA = CHANNELS * PATCH * PATCH,
        PATCHES = (SIDE / PATCH) * (SIDE / PATCH),
        FIRST = 2,
        SOME = 5
    };
    const double mean[CHANNELS] = {0.4, 0.5, 0.6}, std[CHANNELS] = {0.2, 0.3, 0.4};
    uint8_t pixels[COUNT];
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
    rig->be.ops->image_patches(&rig->be, patches, rig_put_bytes(rig, pixels, sizeof pixels), IMAGES,
                               CHANNELS, SIDE, PATCH, 0, PATCHES, mean, std);
    rig_expect(rig, "patches", patches, expected, COUNT);
    /* Some patches of each image. */
    rig->be.ops->image_patches(&rig->be, patches, rig_put_bytes(rig, pixels, sizeof pixels), IMAGES,
                               CHANNELS, SIDE, PATCH, FIRST, SOME, mean, std);
    for (int64_t i = 0; i < IMAGES * SOME * AREA; i++)
        a[i] = expected[(i / (SOME * AREA) * PATCHES + FIRST) * AREA + i % (SOME * AREA)];
    rig_expect(rig, "some patches", patches, a, IMAGES * SOME * AREA);
}

/* Tokens first ... first + tokens - 1, the first of all being the class token. */
static void check_vit_embed(struct rig *rig, int64_t images, int64_t first, int64_t tokens,
                            int64_t cols)
{
    const int64_t all = images * tokens * cols, positions = (first + tokens) * cols;
    const int64_t classes = first == 0 && tokens > 0 ? 1 : 0, rest = tokens - classes;
    void *x = rig_new(rig, all);
    rig_fill(rig, a, images * rest * cols, 1);
    rig_fill(rig, b, cols, 2);
    rig_fill(rig, c, positions, 3);
    for (int64_t i = 0; i < images; i++)
        for (int64_t t = 0; t < tokens; t++)
            for (int64_t j = 0; j < cols; j++)
                expected[(i * tokens + t) * cols + j] =
                    (t < classes ? b[j] : a[(i * rest + t - classes) * cols + j]) +
                    c[(first + t) * cols + j];
    rig->be.ops->vit_embed_forward(&rig->be, x, rig_put(rig, a, images * rest * cols),
                                   rig_put(rig, b, cols), rig_put(rig, c, positions), images, first,
                                   tokens, cols);
    rig_expect(rig, "vit_embed", x, expected, all);
}

static void vit_embed(struct rig *rig)
{
    check_vit_embed(rig, 2, 0, 4, 5);
    check_vit_embed(rig, 3, 0, 7, 32);
    check_vit_embed(rig, 2, 0, 1, 8);
    check_vit_embed(rig, 3, 2, 5, 32);
    check_vit_embed(rig, 2, 3, 1, 5);
    check_vit_embed(rig, 2, 0, 0, 8);
}

static void check_rows_by_index(struct rig *rig, int64_t cols)
{
    enum { ROWS = 3, ROWS_ALL = 5 };
    const int64_t all = ROWS * cols, wide = ROWS_ALL * cols;
    const int32_t index[ROWS] = {4, 0, 2};
    int32_t *at = rig_put_ids(rig, index, ROWS);
    void *src, *spread = rig_new(rig, wide), *back = rig_new(rig, all);
    rig_fill(rig, a, all, 1);
    memset(expected, 0, (size_t)wide * sizeof *expected);
    for (int64_t i = 0; i < all; i++)
        expected[(int64_t)index[i / cols] * cols + i % cols] = a[i];
    src = rig_put(rig, a, all);
    rig->be.ops->scatter_rows(&rig->be, spread, src, at, ROWS, cols);
    rig_expect(rig, "scatter_rows", spread, expected, wide);
    rig->be.ops->gather_rows(&rig->be, back, spread, at, ROWS, cols);
    rig_expect(rig, "gather_rows", back, a, all);
}

static void rows_by_index(struct rig *rig)
{
    check_rows_by_index(rig, 7);
    check_rows_by_index(rig, 48);
    check_rows_by_index(rig, 4096);
}

static void check_copies(struct rig *rig, int64_t rows, int64_t cols, int64_t from, int64_t to)
{
    const int64_t all = rows * cols, src_size = rows * from, dst_size = rows * to;
    const struct mimo_backend_ops *ops = rig->be.ops;
    void *src, *dst;
    rig_fill(rig, a, src_size, 1);
    rig_fill(rig, b, dst_size, 2);
    src = rig_put(rig, a, src_size);
    dst = rig_put(rig, b, dst_size);
    memcpy(expected, b, (size_t)dst_size * sizeof *b);
    for (int64_t i = 0; i < all; i++)
        expected[i / cols * to + i % cols] += a[i / cols * from + i % cols];
    ops->add(&rig->be, dst, to, src, from, rows, cols);
    rig_expect(rig, "add", dst, expected, dst_size);
    for (int64_t i = 0; i < all; i++)
        expected[i / cols * to + i % cols] = a[i / cols * from + i % cols];
    ops->copy(&rig->be, dst, to, src, from, rows, cols);
    rig_expect(rig, "copy", dst, expected, dst_size);
    ops->copy(&rig->be, dst, from, src, from, rows, from);
    rig_expect(rig, "dense copy", dst, a, src_size);
    ops->zero(&rig->be, dst, (size_t)src_size * rig->be.element_size);
    ops->add(&rig->be, dst, from, src, from, rows, from);
    rig_expect(rig, "dense add", dst, a, src_size);
    ops->synchronize(&rig->be);
}

static void copies(struct rig *rig)
{
    check_copies(rig, 3, 5, 6, 9);
    check_copies(rig, 9, 16, 24, 32);
    check_copies(rig, 2, 4100, 4104, 5000);
    check_copies(rig, 1, 100, 100, 101);
}

static void check_mixed(struct rig *rig, int64_t rows, int64_t cols, int64_t from, int64_t to)
{
    const int64_t src_size = rows * from, dst_size = rows * to;
    const struct mimo_backend_ops *ops = rig->be.ops;
    void *src, *wide, *back;
    rig_fill(rig, a, src_size, 1);
    rig_fill(rig, b, dst_size, 2);
    src = rig_put(rig, a, src_size);
    wide = rig_put_wide(rig, b, dst_size);
    back = rig_put(rig, a, src_size);
    for (int i = 0; i < 3; i++)
        ops->add_to_wide(&rig->be, wide, to, src, from, rows, cols);
    for (int64_t i = 0; i < rows * cols; i++)
        b[i / cols * to + i % cols] += 3 * a[i / cols * from + i % cols];
    rig_expect_wide(rig, "add_to_wide", wide, b, dst_size);
    ops->copy_from_wide(&rig->be, back, from, wide, to, rows, cols);
    for (int64_t i = 0; i < rows * cols; i++)
        a[i / cols * from + i % cols] = b[i / cols * to + i % cols];
    rig_expect(rig, "copy_from_wide", back, a, src_size);
}

static void mixed_types(struct rig *rig)
{
    check_mixed(rig, 3, 5, 6, 9);
    check_mixed(rig, 9, 16, 24, 32);
    check_mixed(rig, 7, 64, 64, 64);
    check_mixed(rig, 0, 4, 4, 4);
}

/* A stride of 0: all rows get the same one. */
static void repeated_rows(struct rig *rig)
{
    enum { ROWS = 5, COLS = 16, ALL = ROWS * COLS };
    void *src, *dst = rig_new(rig, ALL);
    rig_fill(rig, a, COLS, 1);
    src = rig_put(rig, a, COLS);
    for (int64_t i = 0; i < ALL; i++)
        expected[i] = a[i % COLS];
    rig->be.ops->copy(&rig->be, dst, COLS, src, 0, ROWS, COLS);
    rig_expect(rig, "repeated copy", dst, expected, ALL);
    for (int64_t i = 0; i < ALL; i++)
        expected[i] *= 2;
    rig->be.ops->add(&rig->be, dst, COLS, src, 0, ROWS, COLS);
    rig_expect(rig, "repeated add", dst, expected, ALL);
}

static void bytes(struct rig *rig)
{
    enum { COUNT = 1001, SHIFT = 3, REST = COUNT - SHIFT };
    uint8_t values[COUNT], got[COUNT];
    char *src, *dst = rig_new(rig, COUNT);
    for (int64_t i = 0; i < COUNT; i++)
        values[i] = (uint8_t)(i * 31);
    src = rig_put_bytes(rig, values, COUNT);
    rig->be.ops->copy_bytes(&rig->be, dst + SHIFT, src, REST);
    rig->be.ops->copy_bytes(&rig->be, dst, src, 0);
    rig->be.ops->download(&rig->be, got, dst, COUNT);
    CHECK(memcmp(got + SHIFT, values, REST) == 0);
    CHECK(got[0] == 0 && got[SHIFT - 1] == 0);
}

/* Sums that lie between two numbers of bf16, half of them in the middle, which go to the even one;
 * from any place. Exact in the wide type. */
static void rounding(struct rig *rig)
{
    enum { COUNT = 1003 };
    static double got[COUNT];
    void *dst, *src;
    for (int64_t i = 0; i < COUNT; i++) {
        a[i] = 256 + (double)(2 * (i % 128));
        b[i] = i % 2 == 0 ? 1 : 0.75;
        expected[i] = a[i] + b[i];
    }
    rig_round(rig, expected, COUNT);
    for (int64_t shift = 0; shift < 2; shift++) {
        dst = rig_put(rig, a, COUNT);
        src = rig_put(rig, b, COUNT);
        rig->be.ops->add(&rig->be, (char *)dst + (size_t)shift * rig->be.element_size, COUNT,
                         (char *)src + (size_t)shift * rig->be.element_size, COUNT, 1,
                         COUNT - shift);
        rig_get(rig, dst, got, COUNT);
        rig_check(rig, "rounded", got + shift, expected + shift, COUNT - shift, 0);
    }
}

/* The same of a norm's gradient, which is added in vectors: rows of ones whose dy has the mean 0,
 * so that dx grows by dy. */
static void rounding_of_gradients(struct rig *rig)
{
    enum { ROWS = 3, COLS = 64, ALL = ROWS * COLS };
    static double x[ALL], dy[ALL], got[ALL];
    void *dx, *gamma;
    for (int64_t i = 0; i < ALL; i++) {
        x[i] = 1;
        dy[i] = i % 2 == 0 ? 0.75 : -0.75;
        a[i] = 256 + (double)(2 * (i % 100));
        expected[i] = a[i] + dy[i];
    }
    rig_round(rig, expected, ALL);
    dx = rig_put(rig, a, ALL);
    gamma = rig_put(rig, x, COLS);
    rig->be.ops->rms_norm_backward(&rig->be, dx, NULL, rig_put(rig, dy, ALL), rig_put(rig, x, ALL),
                                   gamma, rig_put_wide(rig, x, ROWS), ROWS, COLS);
    rig_get(rig, dx, got, ALL);
    rig_check(rig, "rounded gradients", got, expected, ALL, 0);
}

/* Every operation over nothing leaves its outputs as they are. */
static void nothing(struct rig *rig)
{
    const struct mimo_backend_ops *ops = rig->be.ops;
    const struct mimo_adamw settings = {.correction1 = 1, .correction2 = 1};
    struct mimo_backend *be = &rig->be;
    void *x = rig_put_wide(rig, (double[2]){1, 2}, 2), *wide = rig_put_wide(rig, (double[1]){5}, 1);
    const double std = 1;
    double held[2];
    ops->zero(be, x, 0);
    ops->copy(be, x, 4, wide, 4, 0, 4);
    ops->add(be, x, 4, wide, 4, 0, 4);
    ops->scatter_rows(be, x, wide, NULL, 0, 4);
    ops->gather_rows(be, x, wide, NULL, 0, 4);
    ops->layer_norm_backward(be, x, x, x, wide, wide, wide, wide, wide, 0, 1);
    ops->rms_norm_backward(be, x, x, wide, wide, wide, wide, 0, 1);
    ops->activation_forward(be, MIMO_ACTIVATION_GELU, x, wide, 0);
    ops->activation_backward(be, MIMO_ACTIVATION_GELU, x, wide, wide, 0);
    ops->swiglu_forward(be, x, wide, 0, 4);
    ops->swiglu_backward(be, x, wide, wide, 0, 4);
    ops->embedding_forward(be, x, wide, NULL, 0, 1, 0, 1);
    ops->embedding_backward(be, x, wide, NULL, 0, 1, 0, 1);
    ops->cross_entropy_max(be, x, wide, 0, 4);
    ops->cross_entropy_sum(be, x, wide, wide, NULL, 0, 4, 0);
    ops->cross_entropy_loss(be, x, wide, 0);
    ops->cross_entropy_backward(be, x, wide, wide, NULL, 0, 4, 0, 1);
    ops->route_forward(be, x, NULL, x, wide, 0, 4, 2);
    ops->route_backward(be, x, wide, wide, NULL, wide, wide, NULL, 0, 4, 2);
    ops->route_sums(be, x, wide, NULL, NULL, 0, 4, 2);
    ops->combine_rows(be, x, wide, NULL, wide, 0, 2, 4);
    ops->combine_rows_backward(be, x, x, wide, wide, NULL, wide, 0, 2, 4);
    ops->image_patches(be, x, wide, 0, 1, 2, 1, 0, 4, &std, &std);
    ops->vit_embed_forward(be, x, wide, wide, wide, 0, 0, 2, 1);
    ops->vit_embed_backward(be, x, x, x, wide, 0, 0, 2, 1);
    ops->linear_backward_weight(be, x, x, wide, wide, 0, 1, 1);
    ops->adamw(be, x, NULL, wide, x, x, 0, &settings);
    rig_get_wide(rig, x, held, 2);
    CHECK(held[0] == 1 && held[1] == 2);
}

static void sums(struct rig *rig)
{
    const int64_t counts[] = {0, 1, 3, 31, 32, 1000, 1024, 30001};
    rig_fill(rig, a, SIZE, 1);
    for (size_t n = 0; n < sizeof counts / sizeof *counts; n++) {
        void *x = rig_put_wide(rig, a, counts[n]);
        double plain = 0, squares = 0;
        for (int64_t i = 0; i < counts[n]; i++) {
            plain += a[i];
            squares += a[i] * a[i];
        }
        CHECK_NEAR(rig_sum(rig, rig->be.ops->sum, 0.5, x, counts[n]), 0.5 + plain, 1e-13);
        CHECK_NEAR(rig_sum(rig, rig->be.ops->sum_squares, 2, x, counts[n]), 2 + squares, 1e-13);
    }
}

/* Elements `first` ... `first` + count - 1 of COUNT, the moments of which lie at the places of
 * their own; what lies around is not touched. */
enum { ADAMW_COUNT = 1101 };

static void expect_adamw(const struct mimo_adamw *s, int64_t first, int64_t count, double *moment1,
                         double *moment2)
{
    for (int64_t i = 0; i < count; i++) {
        const double gradient = b[first + i] * s->gradient_scale;
        moment1[i] = s->beta1 * moment1[i] + (1 - s->beta1) * gradient;
        moment2[i] = s->beta2 * moment2[i] + (1 - s->beta2) * gradient * gradient;
        expected[first + i] -= s->lr * (moment1[i] / s->correction1 /
                                            (sqrt(moment2[i] / s->correction2) + s->epsilon) +
                                        s->weight_decay * a[first + i]);
    }
}

static void check_adamw(struct rig *rig, int64_t first, int64_t count, int64_t moments)
{
    const struct mimo_adamw s = {0.01, 0.9, 0.99, 1e-8, 0.1, 0.19, 0.0199, 0.7};
    const bool has_master = rig->be.element_size != rig->be.wide_size;
    const size_t wide = rig->be.wide_size;
    char *weight, *master = NULL, *gradient, *m, *v;
    rig_fill(rig, a, ADAMW_COUNT, 1);
    rig_fill(rig, b, ADAMW_COUNT, 2);
    rig_fill(rig, c, ADAMW_COUNT, 3);
    rig_fill(rig, other, ADAMW_COUNT, 4);
    for (int64_t i = 0; i < ADAMW_COUNT; i++) {
        a[i] += has_master ? 1e-3 : 0; /* what the weight does not show */
        other[i] = fabs(other[i]);
    }
    weight = rig_put(rig, a, ADAMW_COUNT);
    if (has_master)
        master = rig_put_wide(rig, a, ADAMW_COUNT);
    gradient = rig_put_wide(rig, b, ADAMW_COUNT);
    m = rig_put_wide(rig, c, ADAMW_COUNT);
    v = rig_put_wide(rig, other, ADAMW_COUNT);
    memcpy(expected, a, ADAMW_COUNT * sizeof *a);
    expect_adamw(&s, first, count, c + moments, other + moments);
    rig->be.ops->adamw(&rig->be, weight + (size_t)first * rig->be.element_size,
                       has_master ? master + (size_t)first * wide : NULL,
                       gradient + (size_t)first * wide, m + (size_t)moments * wide,
                       v + (size_t)moments * wide, count, &s);
    rig_expect(rig, "weight", weight, expected, ADAMW_COUNT);
    if (has_master)
        rig_expect_wide(rig, "master", master, expected, ADAMW_COUNT);
    rig_expect_wide(rig, "moment 1", m, c, ADAMW_COUNT);
    rig_expect_wide(rig, "moment 2", v, other, ADAMW_COUNT);
}

static void adamw(struct rig *rig)
{
    const int64_t runs[][3] = {{0, 1101, 0}, {0, 0, 0}, {3, 1024, 3}, {5, 1, 5},
                               {7, 200, 0},  {1, 2, 1}, {8, 256, 4},  {6, 3, 6}};
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++)
        check_adamw(rig, runs[i][0], runs[i][1], runs[i][2]);
}

static void memory(struct rig *rig)
{
    const size_t sizes[] = {0, 1, 1000, (size_t)5 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *device = rig->be.ops->alloc(&rig->be, sizes[i]), *host = malloc(sizes[i] + 1);
        size_t used = 0;
        CHECK(device != NULL && host != NULL && (uintptr_t)device % 64 == 0);
        rig->be.ops->download(&rig->be, host, device, sizes[i]);
        for (size_t j = 0; j < sizes[i]; j++)
            used += host[j] != 0;
        CHECK_INT(used, 0);
        rig->be.ops->free(&rig->be, device);
        free(host);
    }
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
EACH(attention)
EACH(embedding)
EACH(cross_entropy)
EACH(images)
EACH(vit_embed)
EACH(rows_by_index)
EACH(copies)
EACH(mixed_types)
EACH(repeated_rows)
EACH(bytes)
EACH(rounding)
EACH(rounding_of_gradients)
EACH(nothing)
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
    {"attention", test_attention},
    {"embedding of a shard", test_embedding},
    {"cross entropy over 1 to 3 shards", test_cross_entropy},
    {"image patches", test_images},
    {"class token and positions", test_vit_embed},
    {"rows by index", test_rows_by_index},
    {"copies and sums with strides", test_copies},
    {"sums and copies between the two types", test_mixed_types},
    {"one row to many", test_repeated_rows},
    {"bytes", test_bytes},
    {"rounding to the element type", test_rounding},
    {"rounding of gradients", test_rounding_of_gradients},
    {"no rows, no elements", test_nothing},
    {"sums", test_sums},
    {"AdamW", test_adamw},
    {"memory", test_memory},
};

MIMO_TEST_MAIN("backend: forward", tests)
