/*
 * tensor_parallel.h - linear layers cut over a tensor-parallel group, and what travels between
 * them.
 *
 * Megatron-LM's scheme (Shoeybi et al. 2019): a column-parallel matrix (its output dimension cut)
 * followed by a row-parallel one (its input dimension cut) needs one reduction behind the second in
 * forward, and one in front of the first in backward. With sequence parallelism (Korthikanti et al.
 * 2022) the rows between such pairs are cut over the group: the reduction becomes a reduce-scatter,
 * and an all-gather precedes the next pair. Rows are cut as a whole, sample borders
 * notwithstanding: what lies between the pairs treats each row alone.
 */
#ifndef MIMO_RUNTIME_MODEL_TENSOR_PARALLEL_H
#define MIMO_RUNTIME_MODEL_TENSOR_PARALLEL_H

#include "runtime/backend/backend.h"
#include "runtime/model/parameters.h"
#include "runtime/world/transport.h"

/* A weight that a layer does not have. */
#define MIMO_NO_WEIGHT ((struct mimo_weight){NULL, NULL})

/* What a module computes with. */
struct mimo_compute {
    struct mimo_backend *be;
    struct mimo_transport *transport;
    struct mimo_group *tp, *cp; /* NULL where their size is 1 */
    uint32_t tp_rank, tp_size;
    uint32_t cp_rank, cp_size; /* context parallel: other ranks have other rows of each sequence */
    enum mimo_dtype dtype;
    size_t *begins; /* scratch of tp_size + 1 */
};

/* Rows of one forward pass, and those of them that this rank holds between the pairs. */
struct mimo_rows {
    int64_t count;
    int64_t begin, end; /* 0 ... count unless cut */
    bool is_cut;        /* sequence parallel */
};

/* All rows on every rank, or cut over the group. */
struct mimo_rows mimo_rows_of(const struct mimo_compute *compute, int64_t count, bool is_cut);

/* The rows that this rank holds. */
static inline int64_t mimo_rows_held(const struct mimo_rows *rows)
{
    return rows->end - rows->begin;
}

/* The address of row `row` of a matrix with `cols` columns. */
void *mimo_row_at(const struct mimo_compute *compute, void *matrix, int64_t row, int64_t cols);

/* `all` is [rows->count, cols], of which this rank has filled its rows; afterwards all are there.
 */
enum mimo_status mimo_rows_gather(const struct mimo_compute *compute, const struct mimo_rows *rows,
                                  void *all, int64_t cols, struct mimo_error *err);

/* `all` is [rows->count, cols], a part of a sum on each rank; afterwards this rank's rows (all of
 * them unless cut) hold the sum. */
enum mimo_status mimo_rows_reduce(const struct mimo_compute *compute, const struct mimo_rows *rows,
                                  void *all, int64_t cols, struct mimo_error *err);

/*
 * The row-parallel product: y[rows held, out] = Σ over the group of x[rows, in] · wᵀ, plus the bias
 * once. `scratch` is [rows->count, out] and may be NULL where the rows are not cut.
 */
enum mimo_status mimo_row_parallel_forward(const struct mimo_compute *compute,
                                           const struct mimo_rows *rows, void *y, const void *x,
                                           struct mimo_weight weight, struct mimo_weight bias,
                                           int64_t in, int64_t out, void *scratch,
                                           struct mimo_error *err);

/* Adds dyᵀ · x and the column sums of dy[rows, out] to the gradients of a linear layer, as far as
 * it is trained. */
void mimo_weight_gradient(const struct mimo_compute *compute, struct mimo_weight weight,
                          struct mimo_weight bias, const void *dy, const void *x, int64_t rows,
                          int64_t in, int64_t out);

/*
 * The same for a row-parallel product, of all rows. The gradient of its bias, which is not cut, is
 * that of the rows that are held: equal on all ranks, or where rows are cut a part of a sum on
 * each.
 */
void mimo_row_parallel_weight_gradient(const struct mimo_compute *compute,
                                       const struct mimo_rows *rows, struct mimo_weight weight,
                                       struct mimo_weight bias, void *dy, const void *x, int64_t in,
                                       int64_t out);

/* dy[rows held, cols] on every rank becomes all rows: dy itself where they are not cut, `scratch`
 * [rows->count, cols] otherwise. */
enum mimo_status mimo_row_parallel_gradient(const struct mimo_compute *compute,
                                            const struct mimo_rows *rows, void *dy, int64_t cols,
                                            void *scratch, void **out_all, struct mimo_error *err);

#endif
