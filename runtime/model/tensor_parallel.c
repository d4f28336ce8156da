#include "runtime/model/tensor_parallel.h"

#include "plan/grid.h"

struct mimo_rows mimo_rows_of(const struct mimo_compute *compute, int64_t count, bool is_cut)
{
    const uint64_t width = (uint64_t)count;
    struct mimo_rows rows = {.count = count, .begin = 0, .end = count};

    if (!is_cut || compute->tp_size == 1)
        return rows;
    rows.begin = (int64_t)mimo_piece_begin(width, compute->tp_rank, compute->tp_size);
    rows.end = (int64_t)mimo_piece_begin(width, compute->tp_rank + 1, compute->tp_size);
    rows.is_cut = true;
    return rows;
}

void *mimo_row_at(const struct mimo_compute *compute, void *matrix, int64_t row, int64_t cols)
{
    return (char *)matrix + (size_t)(row * cols) * compute->be->element_size;
}

static const size_t *row_begins(const struct mimo_compute *compute, const struct mimo_rows *rows,
                                int64_t cols)
{
    for (uint32_t r = 0; r <= compute->tp_size; r++)
        compute->begins[r] =
            mimo_piece_begin((uint64_t)rows->count, r, compute->tp_size) * (size_t)cols;
    return compute->begins;
}

enum mimo_status mimo_rows_gather(const struct mimo_compute *compute, const struct mimo_rows *rows,
                                  void *all, int64_t cols, struct mimo_error *err)
{
    if (!rows->is_cut)
        return MIMO_OK;
    return compute->transport->ops->all_gather(compute->tp, all, row_begins(compute, rows, cols),
                                               compute->dtype, err);
}

enum mimo_status mimo_rows_reduce(const struct mimo_compute *compute, const struct mimo_rows *rows,
                                  void *all, int64_t cols, struct mimo_error *err)
{
    if (compute->tp == NULL)
        return MIMO_OK;
    if (rows->is_cut)
        return compute->transport->ops->reduce_scatter(
            compute->tp, all, row_begins(compute, rows, cols), compute->dtype, err);
    return compute->transport->ops->all_reduce(compute->tp, all, (size_t)(rows->count * cols),
                                               compute->dtype, MIMO_REDUCE_SUM, err);
}

enum mimo_status mimo_row_parallel_forward(const struct mimo_compute *compute,
                                           const struct mimo_rows *rows, void *y, const void *x,
                                           struct mimo_weight weight, struct mimo_weight bias,
                                           int64_t in, int64_t out, void *scratch,
                                           struct mimo_error *err)
{
    struct mimo_backend *be = compute->be;
    void *const sum = rows->is_cut ? scratch : y;
    const void *const added = compute->tp_rank == 0 ? bias.value : NULL;

    be->ops->linear_forward(be, sum, x, weight.value, added, rows->count, in, out);
    MIMO_TRY(mimo_rows_reduce(compute, rows, sum, out, err));
    if (rows->is_cut)
        be->ops->copy(be, y, out, mimo_row_at(compute, sum, rows->begin, out), out,
                      mimo_rows_held(rows), out);
    return MIMO_OK;
}

void mimo_weight_gradient(const struct mimo_compute *compute, struct mimo_weight weight,
                          struct mimo_weight bias, const void *dy, const void *x, int64_t rows,
                          int64_t in, int64_t out)
{
    struct mimo_backend *be = compute->be;

    if (weight.gradient != NULL || bias.gradient != NULL)
        be->ops->linear_backward_weight(be, weight.gradient, bias.gradient, dy, x, rows, in, out);
}

void mimo_row_parallel_weight_gradient(const struct mimo_compute *compute,
                                       const struct mimo_rows *rows, struct mimo_weight weight,
                                       struct mimo_weight bias, void *dy, const void *x, int64_t in,
                                       int64_t out)
{
    if (!rows->is_cut) {
        mimo_weight_gradient(compute, weight, bias, dy, x, rows->count, in, out);
        return;
    }
    mimo_weight_gradient(compute, weight, MIMO_NO_WEIGHT, dy, x, rows->count, in, out);
    mimo_weight_gradient(compute, MIMO_NO_WEIGHT, bias, mimo_row_at(compute, dy, rows->begin, out),
                         NULL, mimo_rows_held(rows), in, out);
}

enum mimo_status mimo_row_parallel_gradient(const struct mimo_compute *compute,
                                            const struct mimo_rows *rows, void *dy, int64_t cols,
                                            void *scratch, void **out_all, struct mimo_error *err)
{
    struct mimo_backend *be = compute->be;

    *out_all = dy;
    if (!rows->is_cut)
        return MIMO_OK;
    be->ops->copy(be, mimo_row_at(compute, scratch, rows->begin, cols), cols, dy, cols,
                  mimo_rows_held(rows), cols);
    *out_all = scratch;
    return mimo_rows_gather(compute, rows, scratch, cols, err);
}
