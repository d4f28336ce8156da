/* The head of the language model: target rows, vocabulary-parallel cross entropy, logits. */
#include "plan/grid.h"
#include "runtime/model/dtype.h"
#include "runtime/model/language.h"

/* -- target rows ------------------------------------------------------------------------------ */

/* Which tensor rank holds which targets, where the rows are cut. */
static void split_targets(const struct mimo_language *language, struct mimo_language_saved *saved,
                          const struct mimo_text *text)
{
    const uint32_t tp_size = language->compute.tp_size;
    uint32_t target = 0;

    for (uint32_t r = 0; r <= tp_size; r++) {
        const uint64_t bound = mimo_piece_begin((uint64_t)saved->pass.rows.count, r, tp_size);
        while (target < text->targets && (uint64_t)text->target_rows[target] < bound)
            target++;
        saved->target_begins[r] = target;
    }
}

static const size_t *target_begins(const struct mimo_language *language,
                                   const struct mimo_language_saved *saved)
{
    const struct mimo_compute *compute = &language->compute;

    for (uint32_t r = 0; r <= compute->tp_size; r++)
        compute->begins[r] = (size_t)(saved->target_begins[r] * language->hidden);
    return compute->begins;
}

/* The first of this rank's targets, and how many there are: all unless the rows are cut. */
static int64_t own_targets(const struct mimo_language *language,
                           const struct mimo_language_saved *saved, int64_t *out_first)
{
    const uint32_t r = language->compute.tp_rank;

    *out_first = saved->pass.rows.is_cut ? saved->target_begins[r] : 0;
    return saved->pass.rows.is_cut ? saved->target_begins[r + 1] - *out_first : saved->target_count;
}

void mimo_language_upload_targets(struct mimo_language *language, struct mimo_language_saved *saved,
                                  const struct mimo_text *text)
{
    int64_t first, count;

    saved->target_count = text->targets;
    split_targets(language, saved, text);
    count = own_targets(language, saved, &first);
    mimo_language_upload_rows(language, saved->labels, text->target_labels, text->targets, 0);
    mimo_language_upload_rows(language, saved->target_rows, text->target_rows + first, count,
                              saved->pass.rows.begin);
}

enum mimo_status mimo_language_gather_targets(struct mimo_language *language,
                                              struct mimo_language_saved *saved,
                                              struct mimo_error *err)
{
    const struct mimo_compute *compute = &language->compute;
    struct mimo_backend *be = compute->be;
    int64_t first;
    const int64_t count = own_targets(language, saved, &first);

    be->ops->gather_rows(be, mimo_row_at(compute, saved->targets, first, language->hidden),
                         saved->normed, saved->target_rows, count, language->hidden);
    if (!saved->pass.rows.is_cut)
        return MIMO_OK;
    return compute->transport->ops->all_gather(compute->tp, saved->targets,
                                               target_begins(language, saved), compute->dtype, err);
}

/* d_targets is a part of a sum on each rank, for each holds a part of the vocabulary. */
static enum mimo_status reduce_targets(struct mimo_language *language,
                                       struct mimo_language_saved *saved, struct mimo_error *err)
{
    const struct mimo_compute *compute = &language->compute;

    if (compute->tp == NULL)
        return MIMO_OK;
    if (saved->pass.rows.is_cut)
        return compute->transport->ops->reduce_scatter(
            compute->tp, saved->d_targets, target_begins(language, saved), compute->dtype, err);
    return compute->transport->ops->all_reduce(compute->tp, saved->d_targets,
                                               (size_t)(saved->target_count * language->hidden),
                                               compute->dtype, MIMO_REDUCE_SUM, err);
}

enum mimo_status mimo_language_backward_targets(struct mimo_language *language,
                                                struct mimo_language_saved *saved,
                                                struct mimo_error *err)
{
    const struct mimo_compute *compute = &language->compute;
    struct mimo_backend *be = compute->be;
    const int64_t hidden = language->hidden, held = mimo_rows_held(&saved->pass.rows);
    const size_t bytes = (size_t)(held * hidden) * be->element_size;
    int64_t first;
    const int64_t count = own_targets(language, saved, &first);

    MIMO_TRY(reduce_targets(language, saved, err));
    be->ops->zero(be, language->rows_a, bytes);
    be->ops->zero(be, language->dx, bytes);
    be->ops->scatter_rows(be, language->rows_a,
                          mimo_row_at(compute, saved->d_targets, first, hidden), saved->target_rows,
                          count, hidden);
    language->ops->norm_backward(language, language->rows_a, saved->x_out, saved->statistics, held);
    return MIMO_OK;
}

/* -- cross entropy ---------------------------------------------------------------------------- */

/* Maximum and sums of one chunk of rows over the whole vocabulary. */
static enum mimo_status chunk_sums(struct mimo_language *language, const int32_t *labels,
                                   int64_t rows, struct mimo_error *err)
{
    const struct mimo_compute *compute = &language->compute;
    const struct mimo_transport_ops *transport = compute->transport->ops;
    struct mimo_backend *be = compute->be;
    const enum mimo_dtype dtype = mimo_wide_dtype(be);

    be->ops->cross_entropy_max(be, language->maximum, language->logits, rows,
                               language->vocab_count);
    if (compute->tp != NULL)
        MIMO_TRY(transport->all_reduce(compute->tp, language->maximum, (size_t)rows, dtype,
                                       MIMO_REDUCE_MAX, err));
    be->ops->cross_entropy_sum(be, language->sums, language->logits, language->maximum, labels,
                               rows, language->vocab_count, language->vocab_first);
    if (compute->tp != NULL)
        MIMO_TRY(transport->all_reduce(compute->tp, language->sums, 2 * (size_t)rows, dtype,
                                       MIMO_REDUCE_SUM, err));
    return MIMO_OK;
}

static void chunk_backward(struct mimo_language *language, struct mimo_language_saved *saved,
                           const int32_t *labels, int64_t first, int64_t rows, double scale)
{
    const struct mimo_compute *compute = &language->compute;
    struct mimo_backend *be = compute->be;
    const int64_t hidden = language->hidden, vocab = language->vocab_count;

    be->ops->cross_entropy_backward(be, language->logits, language->maximum, language->sums, labels,
                                    rows, vocab, language->vocab_first, scale);
    be->ops->linear_backward_input(be, mimo_row_at(compute, saved->d_targets, first, hidden),
                                   language->logits, language->head.value, rows, hidden, vocab,
                                   false);
    if (language->head.gradient != NULL)
        be->ops->linear_backward_weight(be, language->head.gradient, NULL, language->logits,
                                        mimo_row_at(compute, saved->targets, first, hidden), rows,
                                        hidden, vocab);
}

enum mimo_status mimo_language_loss(struct mimo_language *language,
                                    struct mimo_language_saved *saved, double scale, bool trains,
                                    struct mimo_error *err)
{
    const struct mimo_compute *compute = &language->compute;
    struct mimo_backend *be = compute->be;

    for (int64_t first = 0; first < saved->target_count; first += language->chunk) {
        const int64_t left = saved->target_count - first;
        const int64_t rows = left < language->chunk ? left : language->chunk;
        const int32_t *labels = saved->labels + first;

        be->ops->linear_forward(
            be, language->logits, mimo_row_at(compute, saved->targets, first, language->hidden),
            language->head.value, NULL, rows, language->hidden, language->vocab_count);
        MIMO_TRY(chunk_sums(language, labels, rows, err));
        be->ops->cross_entropy_loss(be, (char *)language->losses + (size_t)first * be->wide_size,
                                    language->sums, rows);
        if (trains)
            chunk_backward(language, saved, labels, first, rows, scale);
    }
    return MIMO_OK;
}
