/* The head of the language model: target rows, vocabulary-parallel cross entropy, logits. */
#include "plan/grid.h"
#include "runtime/model/dtype.h"
#include "runtime/model/llama.h"

/* -- target rows ------------------------------------------------------------------------------ */

void mimo_llama_split_targets(const struct mimo_llama *llama, struct mimo_llama_saved *saved,
                              const struct mimo_text *text)
{
    const uint32_t tp_size = llama->compute.tp_size;
    uint32_t target = 0;

    for (uint32_t r = 0; r <= tp_size; r++) {
        const uint64_t bound = mimo_piece_begin((uint64_t)saved->rows.count, r, tp_size);
        while (target < text->targets && (uint64_t)text->target_rows[target] < bound)
            target++;
        saved->target_begins[r] = target;
    }
}

static const size_t *target_begins(const struct mimo_llama *llama,
                                   const struct mimo_llama_saved *saved)
{
    const struct mimo_compute *compute = &llama->compute;

    for (uint32_t r = 0; r <= compute->tp_size; r++)
        compute->begins[r] = (size_t)(saved->target_begins[r] * llama->hidden);
    return compute->begins;
}

/* The first of this rank's targets, and how many there are: all unless the rows are cut. */
static int64_t own_targets(const struct mimo_llama *llama, const struct mimo_llama_saved *saved,
                           int64_t *out_first)
{
    const uint32_t r = llama->compute.tp_rank;

    *out_first = saved->rows.is_cut ? saved->target_begins[r] : 0;
    return saved->rows.is_cut ? saved->target_begins[r + 1] - *out_first : saved->target_count;
}

enum mimo_status mimo_llama_gather_targets(struct mimo_llama *llama, struct mimo_llama_saved *saved,
                                           struct mimo_error *err)
{
    const struct mimo_compute *compute = &llama->compute;
    struct mimo_backend *be = compute->be;
    int64_t first;
    const int64_t count = own_targets(llama, saved, &first);

    be->ops->gather_rows(be, mimo_row_at(compute, saved->targets, first, llama->hidden),
                         saved->normed, saved->target_rows, count, llama->hidden);
    if (!saved->rows.is_cut)
        return MIMO_OK;
    return compute->transport->ops->all_gather(compute->tp, saved->targets,
                                               target_begins(llama, saved), compute->dtype, err);
}

/* d_targets is a part of a sum on each rank, for each holds a part of the vocabulary. */
static enum mimo_status reduce_targets(struct mimo_llama *llama, struct mimo_llama_saved *saved,
                                       struct mimo_error *err)
{
    const struct mimo_compute *compute = &llama->compute;

    if (compute->tp == NULL)
        return MIMO_OK;
    if (saved->rows.is_cut)
        return compute->transport->ops->reduce_scatter(
            compute->tp, saved->d_targets, target_begins(llama, saved), compute->dtype, err);
    return compute->transport->ops->all_reduce(compute->tp, saved->d_targets,
                                               (size_t)(saved->target_count * llama->hidden),
                                               compute->dtype, MIMO_REDUCE_SUM, err);
}

enum mimo_status mimo_llama_backward_targets(struct mimo_llama *llama,
                                             struct mimo_llama_saved *saved, struct mimo_error *err)
{
    const struct mimo_compute *compute = &llama->compute;
    struct mimo_backend *be = compute->be;
    const int64_t hidden = llama->hidden, held = mimo_rows_held(&saved->rows);
    const size_t bytes = (size_t)(held * hidden) * be->element_size;
    int64_t first;
    const int64_t count = own_targets(llama, saved, &first);

    MIMO_TRY(reduce_targets(llama, saved, err));
    be->ops->zero(be, llama->rows_a, bytes);
    be->ops->zero(be, llama->dx, bytes);
    be->ops->scatter_rows(be, llama->rows_a, mimo_row_at(compute, saved->d_targets, first, hidden),
                          saved->target_rows, count, hidden);
    be->ops->rms_norm_backward(be, llama->dx, llama->final_norm.gradient, llama->rows_a,
                               saved->x_out, llama->final_norm.value, saved->rstd_final, held,
                               hidden);
    return MIMO_OK;
}

/* -- cross entropy ---------------------------------------------------------------------------- */

/* Maximum and sums of one chunk of rows over the whole vocabulary. */
static enum mimo_status chunk_sums(struct mimo_llama *llama, const int32_t *labels, int64_t rows,
                                   struct mimo_error *err)
{
    const struct mimo_compute *compute = &llama->compute;
    const struct mimo_transport_ops *transport = compute->transport->ops;
    struct mimo_backend *be = compute->be;
    const enum mimo_dtype dtype = mimo_wide_dtype(be);

    be->ops->cross_entropy_max(be, llama->maximum, llama->logits, rows, llama->vocab_count);
    if (compute->tp != NULL)
        MIMO_TRY(transport->all_reduce(compute->tp, llama->maximum, (size_t)rows, dtype,
                                       MIMO_REDUCE_MAX, err));
    be->ops->cross_entropy_sum(be, llama->sums, llama->logits, llama->maximum, labels, rows,
                               llama->vocab_count, llama->vocab_first);
    if (compute->tp != NULL)
        MIMO_TRY(transport->all_reduce(compute->tp, llama->sums, 2 * (size_t)rows, dtype,
                                       MIMO_REDUCE_SUM, err));
    return MIMO_OK;
}

static void chunk_backward(struct mimo_llama *llama, struct mimo_llama_saved *saved,
                           const int32_t *labels, int64_t first, int64_t rows, double scale)
{
    const struct mimo_compute *compute = &llama->compute;
    struct mimo_backend *be = compute->be;
    const int64_t hidden = llama->hidden, vocab = llama->vocab_count;

    be->ops->cross_entropy_backward(be, llama->logits, llama->maximum, llama->sums, labels, rows,
                                    vocab, llama->vocab_first, scale);
    be->ops->linear_backward_input(be, mimo_row_at(compute, saved->d_targets, first, hidden),
                                   llama->logits, llama->head.value, rows, hidden, vocab, false);
    if (llama->head.gradient != NULL)
        be->ops->linear_backward_weight(be, llama->head.gradient, NULL, llama->logits,
                                        mimo_row_at(compute, saved->targets, first, hidden), rows,
                                        hidden, vocab);
}

enum mimo_status mimo_llama_loss(struct mimo_llama *llama, struct mimo_llama_saved *saved,
                                 double scale, bool trains, struct mimo_error *err)
{
    const struct mimo_compute *compute = &llama->compute;
    struct mimo_backend *be = compute->be;

    for (int64_t first = 0; first < saved->target_count; first += llama->chunk) {
        const int64_t left = saved->target_count - first;
        const int64_t rows = left < llama->chunk ? left : llama->chunk;
        const int32_t *labels = saved->labels + first;

        be->ops->linear_forward(be, llama->logits,
                                mimo_row_at(compute, saved->targets, first, llama->hidden),
                                llama->head.value, NULL, rows, llama->hidden, llama->vocab_count);
        MIMO_TRY(chunk_sums(llama, labels, rows, err));
        be->ops->cross_entropy_loss(be, (char *)llama->losses + (size_t)first * be->wide_size,
                                    llama->sums, rows);
        if (trains)
            chunk_backward(llama, saved, labels, first, rows, scale);
    }
    return MIMO_OK;
}
