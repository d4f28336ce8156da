/*
 * attention.c - rotary positions, and attention in blocks of queries and keys.
 *
 * The forward pass keeps a running maximum and sum for each query of a block while it goes through
 * the blocks of keys (online softmax: Milakov and Gimelshein 2018; blocks as in FlashAttention, Dao
 * et al. 2022); the backward pass recomputes the probabilities from lse. Scores of one block are
 * all that is ever held. Blocks of bf16 are widened, and gradients are added up in float32.
 */
#include "plan/sizes.h"
#include "runtime/backend/cpu/kernels/block_product.h"
#include "runtime/backend/cpu/kernels/real_math.h"

/* Queries and keys of a block. Scores, keys, values and results of a block of 64 and heads of 64
 * take 80 KB in float: they stay in the second-level cache. A multiple of every LANES. */
enum { BLOCK = MIMO_ATTENTION_BLOCK, SCORES = BLOCK * BLOCK };

/* One head of one sequence. */
struct head {
    const struct mimo_attention *shape;
    const element *q, *k, *v, *out, *dout;
    const real *lse;
    element *dq;
};

/* Rows as they are computed with, `stride` elements apart; and such that are added to. */
struct rows {
    const real *data;
    int64_t stride;
};
struct sums {
    real *data;
    int64_t stride;
};

/* The workspace, and what is remembered of each query of the block. */
struct scratch {
    real *k_t, *v_t;               /* [head_dim, BLOCK]: keys and values of the block, transposed */
    real *scores, *gradients;      /* [BLOCK, BLOCK] */
    real *sums;                    /* [BLOCK, head_dim]: Σ exp(score - maximum) · v; dq */
    real *queries, *keys, *others; /* [BLOCK, head_dim]: widened; others: values, dout */
    real *key_sums, *value_sums;   /* [keys, head_dim]: dk and dv that are narrower */
    struct sums dk, dv;            /* where dk and dv are added up */
    real maximum[BLOCK], total[BLOCK], delta[BLOCK];
};

static size_t attention_workspace(struct mimo_backend *be, const struct mimo_attention *shape)
{
    (void)be;
    return (size_t)mimo_attention_workspace((uint64_t)shape->head_dim, (uint64_t)shape->keys,
                                            MIMO_IS_BF16) *
           sizeof(real);
}

static real *take(real **memory, int64_t count)
{
    real *const taken = *memory;
    *memory += count;
    return taken;
}

static void scratch_lay(struct scratch *scratch, real *memory, int64_t head_dim, int64_t keys)
{
    scratch->k_t = take(&memory, BLOCK * head_dim);
    scratch->v_t = take(&memory, BLOCK * head_dim);
    scratch->sums = take(&memory, BLOCK * head_dim);
    scratch->scores = take(&memory, SCORES);
    scratch->gradients = take(&memory, SCORES);
#if MIMO_IS_BF16
    scratch->queries = take(&memory, BLOCK * head_dim);
    scratch->keys = take(&memory, BLOCK * head_dim);
    scratch->others = take(&memory, BLOCK * head_dim);
    scratch->key_sums = take(&memory, keys * head_dim);
    scratch->value_sums = take(&memory, keys * head_dim);
#else
    (void)keys;
    scratch->queries = scratch->keys = scratch->others = NULL;
    scratch->key_sums = scratch->value_sums = NULL;
#endif
}

/* -- between elements and what is computed with ------------------------------------------------ */

#if MIMO_IS_BF16

static struct rows widen(const element *from, int64_t stride, int64_t rows, int64_t cols,
                         real *room)
{
    for (int64_t r = 0; r < rows; r++)
#pragma omp simd
        for (int64_t d = 0; d < cols; d++)
            room[r * cols + d] = to_real(from[r * stride + d]);
    return (struct rows){room, cols};
}

/* Zeros that are added to; afterwards `narrow` puts the sums where they belong. */
static struct sums sums_of(element *to, int64_t stride, int64_t rows, int64_t cols, real *room)
{
    (void)to;
    (void)stride;
    memset(room, 0, (size_t)(rows * cols) * sizeof *room);
    return (struct sums){room, cols};
}

static void narrow(element *to, int64_t stride, struct sums sums, int64_t rows, int64_t cols)
{
    for (int64_t r = 0; r < rows; r++)
#pragma omp simd
        for (int64_t d = 0; d < cols; d++)
            to[r * stride + d] = to_element(sums.data[r * sums.stride + d]);
}

#else

/* The two types are one: all is done in place. */
static struct rows widen(const element *from, int64_t stride, int64_t rows, int64_t cols,
                         real *room)
{
    (void)rows;
    (void)cols;
    (void)room;
    return (struct rows){from, stride};
}

static struct sums sums_of(element *to, int64_t stride, int64_t rows, int64_t cols, real *room)
{
    (void)room;
    for (int64_t r = 0; r < rows; r++)
        memset(to + r * stride, 0, (size_t)cols * sizeof *to);
    return (struct sums){to, stride};
}

static void narrow(element *to, int64_t stride, struct sums sums, int64_t rows, int64_t cols)
{
    (void)to;
    (void)stride;
    (void)sums;
    (void)rows;
    (void)cols;
}

#endif

/* -- forward ----------------------------------------------------------------------------------- */

/* How many of the keys first ... first + keys - 1 query i sees. */
static int64_t seen(const struct mimo_attention *shape, int64_t i, int64_t first, int64_t keys)
{
    const int64_t end = shape->is_causal ? shape->keys - shape->queries + i + 1 : shape->keys;
    const int64_t count = smaller(end - first, keys);
    return count < 0 ? 0 : count;
}

static int64_t whole_vectors(int64_t count)
{
    return (count + LANES - 1) / LANES * LANES;
}

typedef real quad __attribute__((vector_size(4 * sizeof(real))));

/* to[d, j] = from[j, d] for 4 × 4 elements. */
static ALWAYS_INLINE void transpose_quad(real *to, const real *from, int64_t stride)
{
    quad in[4], low, high, out[4];
    for (int64_t j = 0; j < 4; j++)
        memcpy(&in[j], from + j * stride, sizeof in[j]);
    low = __builtin_shufflevector(in[0], in[1], 0, 4, 1, 5);
    high = __builtin_shufflevector(in[2], in[3], 0, 4, 1, 5);
    out[0] = __builtin_shufflevector(low, high, 0, 1, 4, 5);
    out[1] = __builtin_shufflevector(low, high, 2, 3, 6, 7);
    low = __builtin_shufflevector(in[0], in[1], 2, 6, 3, 7);
    high = __builtin_shufflevector(in[2], in[3], 2, 6, 3, 7);
    out[2] = __builtin_shufflevector(low, high, 0, 1, 4, 5);
    out[3] = __builtin_shufflevector(low, high, 2, 3, 6, 7);
    for (int64_t d = 0; d < 4; d++)
        memcpy(to + d * BLOCK, &out[d], sizeof out[d]);
}

/* to[d, j] = from[j, d] for a block, with zeros in the columns up to a whole vector. */
static void transpose(real *to, struct rows rows, int64_t keys, int64_t head_dim)
{
    const int64_t width = whole_vectors(keys), keys_4 = keys / 4 * 4, dims_4 = head_dim / 4 * 4;
    const real *from = rows.data;
    const int64_t stride = rows.stride;
    for (int64_t j = 0; j < keys_4; j += 4)
        for (int64_t d = 0; d < dims_4; d += 4)
            transpose_quad(to + d * BLOCK + j, from + j * stride + d, stride);
    for (int64_t d = 0; d < head_dim; d++) {
        for (int64_t j = d < dims_4 ? keys_4 : 0; j < keys; j++)
            to[d * BLOCK + j] = from[j * stride + d];
        for (int64_t j = keys; j < width; j++)
            to[d * BLOCK + j] = 0;
    }
}

/* Where a block of queries and a block of keys lie. */
struct span {
    int64_t query, queries, key, keys;
};

/* Scores are scaled, and -inf where the query does not see the key; the maxima are carried on.
 * factor[i] makes earlier sums of query i relative to its new maximum. */
static void block_maxima(const struct mimo_attention *shape, const struct span *span,
                         struct scratch *scratch, real *factor)
{
    const int64_t width = whole_vectors(span->keys);
    const real scale = (real)shape->scale;
    for (int64_t i = 0; i < span->queries; i++) {
        const int64_t limit = seen(shape, span->query + i, span->key, span->keys);
        real *score = scratch->scores + i * BLOCK, largest = scratch->maximum[i];
#pragma omp simd reduction(max : largest)
        for (int64_t j = 0; j < width; j++) {
            const real s = j < limit ? score[j] * scale : -(real)INFINITY;
            score[j] = s;
            largest = s > largest ? s : largest;
        }
        factor[i] = scratch->maximum[i] - largest;
        scratch->maximum[i] = largest;
    }
}

/* Scores become exp(score - maximum). A query that has seen no key yet has -inf as its maximum and
 * in all its scores: they become 0. */
static void block_exponentials(const struct span *span, struct scratch *scratch, real *factor)
{
    const int64_t width = whole_vectors(span->keys);
    for (int64_t i = 0; i < span->queries; i++) {
        const real largest = scratch->maximum[i], shift = largest == -(real)INFINITY ? 0 : largest;
        real *score = scratch->scores + i * BLOCK;
#pragma omp simd
        for (int64_t j = 0; j < width; j++)
            score[j] = real_exp(score[j] - shift);
        factor[i] = largest == -(real)INFINITY ? 0 : real_exp(factor[i]);
    }
}

/* Earlier totals and sums are made relative to the new maxima; the totals are carried on. */
static void block_totals(const struct mimo_attention *shape, const struct span *span,
                         struct scratch *scratch, const real *factor)
{
    const int64_t width = whole_vectors(span->keys), dim = shape->head_dim;
    for (int64_t i = 0; i < span->queries; i++) {
        const real *score = scratch->scores + i * BLOCK;
        real *sums = scratch->sums + i * dim;
        vector total = {0};
        for (int64_t j = 0; j < width; j += LANES)
            total += vector_load(score + j);
        scratch->total[i] = scratch->total[i] * factor[i] + vector_total(total);
#pragma omp simd
        for (int64_t d = 0; d < (span->key > 0 ? dim : 0); d++)
            sums[d] *= factor[i];
    }
}

static void forward_block(const struct head *head, struct rows q, struct scratch *scratch,
                          const struct span *span)
{
    const struct mimo_attention *shape = head->shape;
    const int64_t dim = shape->head_dim;
    const struct rows k = widen(head->k + span->key * shape->k_stride, shape->k_stride, span->keys,
                                dim, scratch->keys);
    const struct rows v = widen(head->v + span->key * shape->v_stride, shape->v_stride, span->keys,
                                dim, scratch->others);
    real factor[BLOCK];
    transpose(scratch->k_t, k, span->keys, dim);
    block_product(scratch->scores, BLOCK, (struct factor){q.data, q.stride, 1}, scratch->k_t, BLOCK,
                  span->queries, whole_vectors(span->keys), dim, false);
    block_maxima(shape, span, scratch, factor);
    block_exponentials(span, scratch, factor);
    block_totals(shape, span, scratch, factor);
    block_product(scratch->sums, dim, (struct factor){scratch->scores, BLOCK, 1}, v.data, v.stride,
                  span->queries, dim, span->keys, span->key > 0);
}

/* A query that sees no key gives zeros, and -inf as lse. */
static void forward_finish(const struct scratch *scratch, element *out, int64_t stride, real *lse,
                           int64_t queries, int64_t dim)
{
    for (int64_t i = 0; i < queries; i++) {
        const real total = scratch->total[i], factor = total > 0 || isnan(total) ? 1 / total : 0;
        const real *sums = scratch->sums + i * dim;
        element *row = out + i * stride;
#pragma omp simd
        for (int64_t d = 0; d < dim; d++)
            row[d] = to_element(sums[d] * factor);
        lse[i] = (real)((double)scratch->maximum[i] + log((double)total));
    }
}

static void forward_queries(const struct head *head, struct scratch *scratch, element *out,
                            real *lse, int64_t query)
{
    const struct mimo_attention *shape = head->shape;
    struct span span = {.query = query, .queries = smaller(BLOCK, shape->queries - query)};
    const int64_t end = seen(shape, query + span.queries - 1, 0, shape->keys);
    const struct rows q = widen(head->q + query * shape->q_stride, shape->q_stride, span.queries,
                                shape->head_dim, scratch->queries);
    for (int64_t i = 0; i < span.queries; i++) {
        scratch->maximum[i] = -(real)INFINITY;
        scratch->total[i] = 0;
    }
    if (end == 0)
        memset(scratch->sums, 0, (size_t)(span.queries * shape->head_dim) * sizeof(real));
    for (; span.key < end; span.key += BLOCK) {
        span.keys = smaller(BLOCK, end - span.key);
        forward_block(head, q, scratch, &span);
    }
    forward_finish(scratch, out + query * shape->out_stride, shape->out_stride, lse + query,
                   span.queries, shape->head_dim);
}

/* Head h of sequence b. */
static struct head head_of(const struct mimo_attention *shape, const void *q, const void *k,
                           const void *v, int64_t b, int64_t h)
{
    const int64_t dim = shape->head_dim, group = h / (shape->heads / shape->groups);
    return (struct head){
        .shape = shape,
        .q = (const element *)q + b * shape->query_pitch * shape->q_stride + h * dim,
        .k = (const element *)k + b * shape->key_pitch * shape->k_stride + group * dim,
        .v = (const element *)v + b * shape->key_pitch * shape->v_stride + group * dim,
    };
}

static void attention_forward(struct mimo_backend *be, const struct mimo_attention *shape,
                              void *out, void *lse, const void *q, const void *k, const void *v,
                              void *workspace)
{
    const int64_t dim = shape->head_dim, pitch = shape->query_pitch;
    struct scratch scratch;
    (void)be;
    scratch_lay(&scratch, workspace, dim, 0);
    for (int64_t b = 0; b < shape->batch; b++)
        for (int64_t h = 0; h < shape->heads; h++) {
            const struct head head = head_of(shape, q, k, v, b, h);
            element *rows = (element *)out + b * pitch * shape->out_stride + h * dim;
            real *logs = (real *)lse + (b * shape->heads + h) * pitch;
            for (int64_t query = 0; query < shape->queries; query += BLOCK)
                forward_queries(&head, &scratch, rows, logs, query);
        }
}

/* -- merging ----------------------------------------------------------------------------------- */

/* Each softmax is a share exp(its lse - lse of both) of the one over the keys of both. Where
 * neither saw a key, zeros and -inf stay. */
static void merge_row(element *out, real *lse, const element *part, real part_lse, int64_t dim)
{
    const real largest = *lse > part_lse ? *lse : part_lse;
    const real own = real_exp(*lse - largest), other = real_exp(part_lse - largest);
    const real total = own + other, keep = own / total, take = other / total;
    if (largest == -(real)INFINITY)
        return;
#pragma omp simd
    for (int64_t d = 0; d < dim; d++)
        out[d] = to_element(to_real(out[d]) * keep + to_real(part[d]) * take);
    *lse = (real)((double)largest + log((double)total));
}

static void attention_merge(struct mimo_backend *be, const struct mimo_attention *shape, void *out,
                            void *lse, const void *part, const void *part_lse)
{
    const int64_t heads = shape->heads, dim = shape->head_dim, pitch = shape->query_pitch;
    (void)be;
    for (int64_t head = 0; head < shape->batch * heads; head++)
        for (int64_t i = 0; i < shape->queries; i++) {
            const int64_t row = head / heads * pitch + i, log = head * pitch + i;
            const int64_t at = row * shape->out_stride + head % heads * dim;
            merge_row((element *)out + at, (real *)lse + log, (const element *)part + at,
                      ((const real *)part_lse)[log], dim);
        }
}

/* -- backward ---------------------------------------------------------------------------------- */

/* delta[i] = dout[i] · out[i], which is Σ_j p[i, j] · (dout[i] · v[j]). */
static void backward_delta(const struct head *head, struct scratch *scratch,
                           const struct span *span)
{
    const int64_t stride = head->shape->out_stride;
    for (int64_t i = 0; i < span->queries; i++) {
        const int64_t at = (span->query + i) * stride;
        scratch->delta[i] = row_product(head->out + at, head->dout + at, head->shape->head_dim);
    }
}

/* From scores and dout · v: the probabilities, and the gradients of the products q · k. */
static void recompute(const struct head *head, struct scratch *scratch, const struct span *span)
{
    const int64_t width = whole_vectors(span->keys);
    const real scale = (real)head->shape->scale;
    for (int64_t i = 0; i < span->queries; i++) {
        const int64_t limit = seen(head->shape, span->query + i, span->key, span->keys);
        const real lse = head->lse[span->query + i], delta = scratch->delta[i];
        real *score = scratch->scores + i * BLOCK, *gradient = scratch->gradients + i * BLOCK;
#pragma omp simd
        for (int64_t j = 0; j < width; j++) {
            const real power = real_exp(score[j] * scale - lse), p = j < limit ? power : 0;
            score[j] = p;
            gradient[j] = p * (gradient[j] - delta) * scale;
        }
    }
}

/* What a block of queries brings along to each block of keys. */
struct block {
    struct rows q, dout;
    struct sums dq;
};

static void backward_block(const struct head *head, struct scratch *scratch,
                           const struct block *block, const struct span *span)
{
    const struct mimo_attention *shape = head->shape;
    const int64_t dim = shape->head_dim, width = whole_vectors(span->keys);
    const int64_t queries = span->queries, keys = span->keys;
    const struct rows q = block->q, dout = block->dout;
    const struct sums dk = scratch->dk, dv = scratch->dv, dq = block->dq;
    real *scores = scratch->scores, *gradients = scratch->gradients;
    struct rows k;
    transpose(
        scratch->v_t,
        widen(head->v + span->key * shape->v_stride, shape->v_stride, keys, dim, scratch->keys),
        keys, dim);
    k = widen(head->k + span->key * shape->k_stride, shape->k_stride, keys, dim, scratch->keys);
    transpose(scratch->k_t, k, keys, dim);
    block_product(scores, BLOCK, (struct factor){q.data, q.stride, 1}, scratch->k_t, BLOCK, queries,
                  width, dim, false);
    block_product(gradients, BLOCK, (struct factor){dout.data, dout.stride, 1}, scratch->v_t, BLOCK,
                  queries, width, dim, false);
    recompute(head, scratch, span);
    block_product(dv.data + span->key * dv.stride, dv.stride, (struct factor){scores, 1, BLOCK},
                  dout.data, dout.stride, keys, dim, queries, true);
    block_product(dk.data + span->key * dk.stride, dk.stride, (struct factor){gradients, 1, BLOCK},
                  q.data, q.stride, keys, dim, queries, true);
    block_product(dq.data, dq.stride, (struct factor){gradients, BLOCK, 1}, k.data, k.stride,
                  queries, dim, keys, true);
}

static void backward_queries(const struct head *head, struct scratch *scratch, int64_t query)
{
    const struct mimo_attention *shape = head->shape;
    const int64_t dim = shape->head_dim;
    struct span span = {.query = query, .queries = smaller(BLOCK, shape->queries - query)};
    const int64_t end = seen(shape, query + span.queries - 1, 0, shape->keys);
    element *dq = head->dq + query * shape->q_stride;
    const struct block block = {
        .q = widen(head->q + query * shape->q_stride, shape->q_stride, span.queries, dim,
                   scratch->queries),
        .dout = widen(head->dout + query * shape->out_stride, shape->out_stride, span.queries, dim,
                      scratch->others),
        .dq = sums_of(dq, shape->q_stride, span.queries, dim, scratch->sums),
    };
    backward_delta(head, scratch, &span);
    for (; span.key < end; span.key += BLOCK) {
        span.keys = smaller(BLOCK, end - span.key);
        backward_block(head, scratch, &block, &span);
    }
    narrow(dq, shape->q_stride, block.dq, span.queries, dim);
}

/* What one call of the backward pass has besides q, k and v. */
struct backward {
    element *dq, *dk, *dv;
    const element *dout, *out;
    const real *lse;
};

/* The heads that read key head `group` of sequence b. */
static void backward_group(const struct mimo_attention *shape, const struct backward *all,
                           const void *q, const void *k, const void *v, struct scratch *scratch,
                           int64_t b, int64_t group)
{
    const int64_t dim = shape->head_dim, share = shape->heads / shape->groups;
    const int64_t pitch = shape->query_pitch, keys = shape->keys;
    element *dk = all->dk + b * shape->key_pitch * shape->k_stride + group * dim;
    element *dv = all->dv + b * shape->key_pitch * shape->v_stride + group * dim;
    scratch->dk = sums_of(dk, shape->k_stride, keys, dim, scratch->key_sums);
    scratch->dv = sums_of(dv, shape->v_stride, keys, dim, scratch->value_sums);
    for (int64_t h = group * share; h < (group + 1) * share; h++) {
        struct head head = head_of(shape, q, k, v, b, h);
        head.out = all->out + b * pitch * shape->out_stride + h * dim;
        head.dout = all->dout + b * pitch * shape->out_stride + h * dim;
        head.lse = all->lse + (b * shape->heads + h) * pitch;
        head.dq = all->dq + b * pitch * shape->q_stride + h * dim;
        for (int64_t query = 0; query < shape->queries; query += BLOCK)
            backward_queries(&head, scratch, query);
    }
    narrow(dk, shape->k_stride, scratch->dk, keys, dim);
    narrow(dv, shape->v_stride, scratch->dv, keys, dim);
}

static void attention_backward(struct mimo_backend *be, const struct mimo_attention *shape,
                               void *dq, void *dk, void *dv, const void *dout, const void *out,
                               const void *lse, const void *q, const void *k, const void *v,
                               void *workspace)
{
    const struct backward all = {dq, dk, dv, dout, out, lse};
    struct scratch scratch;
    (void)be;
    scratch_lay(&scratch, workspace, shape->head_dim, shape->keys);
    for (int64_t b = 0; b < shape->batch; b++)
        for (int64_t group = 0; group < shape->groups; group++)
            backward_group(shape, &all, q, k, v, &scratch, b, group);
}

/* -- rotary ------------------------------------------------------------------------------------ */

static void rotary(struct mimo_backend *be, void *x, int64_t stride, const int32_t *positions,
                   const void *table, int64_t rows, int64_t heads, int64_t head_dim, bool inverse)
{
    const int64_t half = head_dim / 2;
    const real sign = inverse ? -1 : 1;
    (void)be;
    for (int64_t r = 0; r < rows; r++) {
        const real *cosine = (const real *)table + positions[r] * head_dim, *sine = cosine + half;
        for (int64_t h = 0; h < heads; h++) {
            element *low = (element *)x + r * stride + h * head_dim, *high = low + half;
#pragma omp simd
            for (int64_t j = 0; j < half; j++) {
                const real a = to_real(low[j]), b = to_real(high[j]);
                low[j] = to_element(a * cosine[j] - sign * b * sine[j]);
                high[j] = to_element(b * cosine[j] + sign * a * sine[j]);
            }
        }
    }
}

void KERNELS(attention)(struct mimo_backend_ops *ops)
{
    ops->rotary = rotary;
    ops->attention_workspace = attention_workspace;
    ops->attention_forward = attention_forward;
    ops->attention_merge = attention_merge;
    ops->attention_backward = attention_backward;
}
