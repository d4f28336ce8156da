#include "tests/unit/backend/bits.h"

#include <stdlib.h>

enum {
    ROWS = 200,
    COLS_MAX = 80,
    ALL_MAX = ROWS * COLS_MAX,
    ENTRIES = 9,
    COUNT_MAX = ALL_MAX + 16
};

/* One run: where its tensors lie, and the results so far. */
struct run {
    struct rig *rig;
    int64_t cols, shift;
    double *out;
    int64_t count;
};

static double values[COUNT_MAX];

static void *put(struct run *run, uint32_t seed, int64_t count, bool is_wide)
{
    const size_t size = is_wide ? run->rig->be.wide_size : run->rig->be.element_size;
    char *memory;
    memset(values, 0, sizeof values);
    rig_fill(run->rig, values + run->shift, count, seed);
    memory = (is_wide ? rig_put_wide : rig_put)(run->rig, values, count + run->shift);
    return memory + (size_t)run->shift * size;
}

static void *put_elements(struct run *run, uint32_t seed, int64_t count)
{
    return put(run, seed, count, false);
}

static void *put_wide(struct run *run, uint32_t seed, int64_t count)
{
    return put(run, seed, count, true);
}

static void take(struct run *run, const void *memory, int64_t count, bool is_wide)
{
    if (run->count + count > BITS_MAX)
        abort();
    (is_wide ? rig_get_wide : rig_get)(run->rig, memory, run->out + run->count, count);
    run->count += count;
}

static void norms(struct run *run, const void *dy, const void *gamma)
{
    const struct mimo_backend_ops *ops = run->rig->be.ops;
    struct mimo_backend *be = &run->rig->be;
    const int64_t all = ROWS * run->cols;
    void *x = put_elements(run, 1, all), *y = put_elements(run, 2, all);
    void *dx = put_elements(run, 3, all);
    void *mean = rig_new_wide(run->rig, ROWS), *rstd = rig_new_wide(run->rig, ROWS);
    void *dgamma = put_wide(run, 4, run->cols), *dbeta = put_wide(run, 5, run->cols);
    ops->layer_norm_forward(be, y, mean, rstd, x, dy, gamma, gamma, ROWS, run->cols, 1e-5);
    ops->layer_norm_backward(be, dx, dgamma, dbeta, dy, x, gamma, mean, rstd, ROWS, run->cols);
    take(run, y, all, false);
    ops->rms_norm_forward(be, y, rstd, x, NULL, gamma, ROWS, run->cols, 1e-5);
    ops->rms_norm_backward(be, dx, dgamma, dy, x, gamma, rstd, ROWS, run->cols);
    take(run, dx, all, false);
    take(run, dgamma, run->cols, true);
    take(run, dbeta, run->cols, true);
}

static void attention(struct run *run, const void *dy)
{
    const struct mimo_backend_ops *ops = run->rig->be.ops;
    struct mimo_backend *be = &run->rig->be;
    const int64_t all = ROWS * run->cols;
    const struct mimo_attention s = {
        .batch = 1,
        .queries = ROWS,
        .keys = ROWS,
        .query_pitch = ROWS,
        .key_pitch = ROWS,
        .heads = 1,
        .groups = 1,
        .head_dim = run->cols,
        .q_stride = run->cols,
        .k_stride = run->cols,
        .v_stride = run->cols,
        .out_stride = run->cols,
        .is_causal = true,
        .scale = 0.1,
    };
    void *x = put_elements(run, 1, all), *y = put_elements(run, 2, all);
    void *lse = rig_new_wide(run->rig, ROWS), *part_lse = put_wide(run, 12, ROWS);
    void *workspace = rig_workspace(run->rig, &s), *dx[3];
    for (uint32_t i = 0; i < 3; i++)
        dx[i] = put_elements(run, i, all);
    ops->attention_forward(be, &s, y, lse, x, x, x, workspace);
    ops->attention_backward(be, &s, dx[0], dx[1], dx[2], dy, y, lse, x, x, x, workspace);
    ops->attention_merge(be, &s, y, lse, x, part_lse);
    for (size_t i = 0; i < 3; i++)
        take(run, dx[i], 1000, false);
    take(run, y, 1000, false);
    take(run, lse, ROWS, true);
}

/* Experts are the columns, samples few. */
static void experts(struct run *run, const void *dy)
{
    enum { TOP_K = 3, CHOSEN = TOP_K * ROWS, SAMPLES = 5 };
    const struct mimo_backend_ops *ops = run->rig->be.ops;
    struct mimo_backend *be = &run->rig->be;
    const int64_t all = ROWS * run->cols, sum_count = SAMPLES * 2 * run->cols;
    int32_t ids[CHOSEN] = {0}, *choices = rig_put_ids(run->rig, ids, CHOSEN), *samples, *places;
    void *probabilities = put_wide(run, 12, all), *w = put_wide(run, 13, CHOSEN);
    void *dw = put_wide(run, 14, CHOSEN), *sums = put_wide(run, 15, sum_count);
    void *x = put_elements(run, 1, all), *y = put_elements(run, 2, all);
    for (int32_t i = 0; i < ROWS; i++)
        ids[i] = i * i / 7 % (SAMPLES + 1) - 1;
    samples = rig_put_ids(run->rig, ids, ROWS);
    for (int32_t i = 0; i < CHOSEN; i++)
        ids[i] = i % TOP_K == i / TOP_K % TOP_K ? i / TOP_K : -1;
    places = rig_put_ids(run->rig, ids, CHOSEN);
    ops->route_forward(be, probabilities, choices, w, dy, ROWS, run->cols, TOP_K);
    ops->route_sums(be, sums, probabilities, choices, samples, ROWS, run->cols, TOP_K);
    ops->combine_rows(be, y, x, places, w, ROWS, TOP_K, run->cols);
    ops->combine_rows_backward(be, x, dw, dy, x, places, w, ROWS, TOP_K, run->cols);
    take(run, sums, sum_count, true);
    take(run, dw, CHOSEN, true);
    take(run, y, 1000, false);
    ops->route_backward(be, y, dw, probabilities, choices, w, sums, samples, ROWS, run->cols,
                        TOP_K);
    take(run, y, 1000, false);
}

static void weights(struct run *run, const void *dy)
{
    const struct mimo_backend_ops *ops = run->rig->be.ops;
    struct mimo_backend *be = &run->rig->be;
    const int64_t all = ROWS * run->cols, square = run->cols * run->cols;
    void *x = put_elements(run, 1, all), *dw = put_wide(run, 6, square);
    void *dbias = put_wide(run, 7, run->cols);
    ops->linear_backward_weight(be, dw, dbias, dy, x, ROWS, run->cols, run->cols);
    take(run, dw, square, true);
    take(run, dbias, run->cols, true);
    ops->vit_embed_backward(be, x, dbias, dw, dy, ROWS / 2, 0, 2, run->cols);
    take(run, dw, 2 * run->cols, true);
    take(run, dbias, run->cols, true);
}

static void tokens(struct run *run, const void *dy)
{
    const struct mimo_backend_ops *ops = run->rig->be.ops;
    struct mimo_backend *be = &run->rig->be;
    int32_t ids[ROWS], *held;
    void *dtable = put_wide(run, 8, ENTRIES * run->cols);
    void *sums = rig_new_wide(run->rig, 2 * ROWS), *maximum = rig_new_wide(run->rig, ROWS);
    for (int32_t i = 0; i < ROWS; i++)
        ids[i] = i * i % (ENTRIES + 2);
    held = rig_put_ids(run->rig, ids, ROWS);
    ops->embedding_backward(be, dtable, dy, held, ROWS, run->cols, 0, ENTRIES);
    take(run, dtable, ENTRIES * run->cols, true);
    ops->cross_entropy_max(be, maximum, dy, ROWS, run->cols);
    ops->cross_entropy_sum(be, sums, dy, maximum, held, ROWS, run->cols, 0);
    take(run, sums, 2 * ROWS, true);
}

int64_t bits_of(struct rig *rig, int64_t cols, int64_t shift, double *out)
{
    struct run run = {.rig = rig, .cols = cols, .shift = shift, .out = out};
    const int64_t all = ROWS * cols;
    const void *dy = put_elements(&run, 9, all), *gamma = put_elements(&run, 10, cols);
    void *wide = put_wide(&run, 11, all);
    norms(&run, dy, gamma);
    attention(&run, dy);
    experts(&run, dy);
    weights(&run, dy);
    tokens(&run, dy);
    out[run.count++] = rig_sum(rig, rig->be.ops->sum_squares, 0.1, wide, all);
    out[run.count++] = rig_sum(rig, rig->be.ops->sum, 0.1, wide, all);
    return run.count;
}
