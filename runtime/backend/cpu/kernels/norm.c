/* norm.c - layer norm and RMS norm over the last dimension. */
#include "runtime/backend/cpu/kernels/real_math.h"
#include "runtime/backend/cpu/kernels/vectors.h"

/* The backward pass takes the means of BLOCK_ROWS rows and then works off their columns, CHUNK
 * vectors at a time: partial dgamma and dbeta stay in registers, and sums over thousands of rows
 * are added up in blocks, which keeps their rounding error small. */
enum { BLOCK_ROWS = 32, CHUNK = 4 };

/* One call of a backward pass. RMS norm has no mean and no beta: NULL there. */
struct norm_backward {
    element *dx;
    real *dgamma, *dbeta;
    const element *dy, *x, *gamma;
    const real *mean, *rstd;
    int64_t rows, cols;
};

/* sums[at ...] += v, if there are sums. */
static ALWAYS_INLINE void vector_add(real *sums, int64_t at, vector v)
{
    if (sums != NULL)
        vector_store(sums + at, vector_load(sums + at) + v);
}

static void add_residual(element *x, const element *residual, int64_t cols)
{
#pragma omp simd
    for (int64_t j = 0; j < cols; j++)
        x[j] = to_element(to_real(x[j]) + to_real(residual[j]));
}

static real row_mean(const element *x, int64_t cols)
{
    vector sum = {0};
    real rest = 0;
    int64_t j = 0;
    for (; j + LANES <= cols; j += LANES)
        sum += vector_widen(x + j);
    for (; j < cols; j++)
        rest += to_real(x[j]);
    return (vector_total(sum) + rest) / (real)cols;
}

/* The mean of (x - mean)²; the row is in the first-level cache by now. */
static real row_variance(const element *x, real mean, int64_t cols)
{
    vector sum = {0};
    real rest = 0;
    int64_t j = 0;
    for (; j + LANES <= cols; j += LANES) {
        const vector deviation = vector_widen(x + j) - mean;
        sum += deviation * deviation;
    }
    for (; j < cols; j++)
        rest += (to_real(x[j]) - mean) * (to_real(x[j]) - mean);
    return (vector_total(sum) + rest) / (real)cols;
}

static void layer_norm_forward(struct mimo_backend *be, void *y, void *mean, void *rstd, void *x,
                               const void *residual, const void *gamma, const void *beta,
                               int64_t rows, int64_t cols, double epsilon)
{
    const element *scale = gamma, *shift = beta, *extra = residual;
    (void)be;
    for (int64_t r = 0; r < rows; r++) {
        element *in = (element *)x + r * cols, *out = (element *)y + r * cols;
        real centre, factor;
        if (extra != NULL)
            add_residual(in, extra + r * cols, cols);
        centre = row_mean(in, cols);
        factor = 1 / real_sqrt(row_variance(in, centre, cols) + (real)epsilon);
#pragma omp simd
        for (int64_t j = 0; j < cols; j++)
            out[j] = to_element((to_real(in[j]) - centre) * factor * to_real(scale[j]) +
                                to_real(shift[j]));
        ((real *)mean)[r] = centre;
        ((real *)rstd)[r] = factor;
    }
}

static void rms_norm_forward(struct mimo_backend *be, void *y, void *rstd, void *x,
                             const void *residual, const void *gamma, int64_t rows, int64_t cols,
                             double epsilon)
{
    const element *scale = gamma, *extra = residual;
    (void)be;
    for (int64_t r = 0; r < rows; r++) {
        element *in = (element *)x + r * cols, *out = (element *)y + r * cols;
        real factor;
        if (extra != NULL)
            add_residual(in, extra + r * cols, cols);
        factor = 1 / real_sqrt(row_variance(in, 0, cols) + (real)epsilon);
#pragma omp simd
        for (int64_t j = 0; j < cols; j++)
            out[j] = to_element(to_real(in[j]) * factor * to_real(scale[j]));
        ((real *)rstd)[r] = factor;
    }
}

/* The means over a row of dy · gamma (where the norm has a mean) and of dy · gamma · normal, normal
 * being (x - mean) · rstd. */
static void backward_means(const struct norm_backward *norm, int64_t r, real *out_direct,
                           real *out_normal)
{
    const element *dy = norm->dy + r * norm->cols, *x = norm->x + r * norm->cols;
    const real centre = norm->mean != NULL ? norm->mean[r] : 0, count = (real)norm->cols;
    vector direct = {0}, normal = {0};
    real direct_rest = 0, normal_rest = 0;
    int64_t j = 0;
    for (; j + LANES <= norm->cols; j += LANES) {
        const vector slope = vector_widen(dy + j) * vector_widen(norm->gamma + j);
        direct += slope;
        normal += slope * (vector_widen(x + j) - centre);
    }
    for (; j < norm->cols; j++) {
        const real slope = to_real(dy[j]) * to_real(norm->gamma[j]);
        direct_rest += slope;
        normal_rest += slope * (to_real(x[j]) - centre);
    }
    *out_direct = norm->mean != NULL ? (vector_total(direct) + direct_rest) / count : 0;
    *out_normal = (vector_total(normal) + normal_rest) * norm->rstd[r] / count;
}

/* A block of rows with the two means of each. */
struct block {
    int64_t row, rows;
    real direct[BLOCK_ROWS], normal[BLOCK_ROWS];
};

/* CHUNK vectors of columns from `first` on. */
static void backward_chunk(const struct norm_backward *norm, const struct block *block,
                           int64_t first)
{
    vector dgamma[CHUNK] = {{0}}, dbeta[CHUNK] = {{0}};
    for (int64_t i = 0; i < block->rows; i++) {
        const int64_t r = block->row + i, start = r * norm->cols + first;
        const real centre = norm->mean != NULL ? norm->mean[r] : 0, factor = norm->rstd[r];
        for (int64_t v = 0; v < CHUNK; v++) {
            const int64_t at = start + v * LANES;
            const vector unit = (vector_widen(norm->x + at) - centre) * factor;
            const vector slope = vector_widen(norm->dy + at);
            const vector change = slope * vector_widen(norm->gamma + first + v * LANES) -
                                  block->direct[i] - unit * block->normal[i];
            vector_narrow(norm->dx + at, vector_widen(norm->dx + at) + change * factor);
            dgamma[v] += slope * unit;
            dbeta[v] += slope;
        }
    }
    for (int64_t v = 0; v < CHUNK; v++) {
        vector_add(norm->dgamma, first + v * LANES, dgamma[v]);
        vector_add(norm->dbeta, first + v * LANES, dbeta[v]);
    }
}

/* The same for one column: those that do not fill a chunk. */
static void backward_column(const struct norm_backward *norm, const struct block *block, int64_t j)
{
    real dgamma = 0, dbeta = 0;
    for (int64_t i = 0; i < block->rows; i++) {
        const int64_t r = block->row + i, at = r * norm->cols + j;
        const real centre = norm->mean != NULL ? norm->mean[r] : 0, factor = norm->rstd[r];
        const real unit = (to_real(norm->x[at]) - centre) * factor, slope = to_real(norm->dy[at]);
        const real change =
            slope * to_real(norm->gamma[j]) - block->direct[i] - unit * block->normal[i];
        norm->dx[at] = to_element(to_real(norm->dx[at]) + change * factor);
        dgamma += slope * unit;
        dbeta += slope;
    }
    if (norm->dgamma != NULL)
        norm->dgamma[j] += dgamma;
    if (norm->dbeta != NULL)
        norm->dbeta[j] += dbeta;
}

static void norm_backward(const struct norm_backward *norm)
{
    struct block block;
    for (block.row = 0; block.row < norm->rows; block.row += BLOCK_ROWS) {
        int64_t j = 0;
        block.rows = smaller(BLOCK_ROWS, norm->rows - block.row);
        for (int64_t i = 0; i < block.rows; i++)
            backward_means(norm, block.row + i, &block.direct[i], &block.normal[i]);
        for (; j + CHUNK * LANES <= norm->cols; j += CHUNK * LANES)
            backward_chunk(norm, &block, j);
        for (; j < norm->cols; j++)
            backward_column(norm, &block, j);
    }
}

static void layer_norm_backward(struct mimo_backend *be, void *dx, void *dgamma, void *dbeta,
                                const void *dy, const void *x, const void *gamma, const void *mean,
                                const void *rstd, int64_t rows, int64_t cols)
{
    (void)be;
    norm_backward(&(struct norm_backward){dx, dgamma, dbeta, dy, x, gamma, mean, rstd, rows, cols});
}

static void rms_norm_backward(struct mimo_backend *be, void *dx, void *dgamma, const void *dy,
                              const void *x, const void *gamma, const void *rstd, int64_t rows,
                              int64_t cols)
{
    (void)be;
    norm_backward(&(struct norm_backward){dx, dgamma, NULL, dy, x, gamma, NULL, rstd, rows, cols});
}

void KERNELS(norm)(struct mimo_backend_ops *ops)
{
    ops->layer_norm_forward = layer_norm_forward;
    ops->layer_norm_backward = layer_norm_backward;
    ops->rms_norm_forward = rms_norm_forward;
    ops->rms_norm_backward = rms_norm_backward;
}
