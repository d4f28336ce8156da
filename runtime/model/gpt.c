#include "runtime/model/gpt.h"

#include "plan/tensors.h"

#include <stddef.h>

static void open_gpt(struct mimo_language *language, const struct mimo_language_parts *parts,
                     struct mimo_arena *table, struct mimo_tensor_arena *scratch)
{
    struct mimo_gpt *gpt = (struct mimo_gpt *)language;
    const struct mimo_sizes *const sizes = &language->sizes;

    (void)parts;
    (void)table;
#define TAKE(name, rows, columns, element)                                                         \
    gpt->name = mimo_tensor_take(scratch, (rows), (columns), (element));
    MIMO_GPT_SCRATCH(TAKE, sizes)
#undef TAKE
    gpt->layers = (struct mimo_pre_norm){
        .plan = language->plan,
        .compute = language->compute,
        .heads = language->heads,
        .hidden = language->hidden,
        .ffn = language->ffn,
        .dx = language->dx,
        .rows_a = language->rows_a,
        .rows_b = language->rows_b,
        .d_qkv = language->d_qkv,
        .d_attention = language->d_attention,
        .d_up = gpt->d_up,
        .attention = language->attention,
    };
}

/* Statistics are the means of all rows, and this many bytes behind them their rstd. */
static size_t rstd_at(const struct mimo_language *language, int64_t rows)
{
    return (size_t)rows * language->compute.be->wide_size;
}

static void forward_norm(struct mimo_language *language, void *normed, void *statistics, void *x,
                         const void *residual, int64_t rows)
{
    struct mimo_backend *be = language->compute.be;
    void *const rstd = (char *)statistics + rstd_at(language, rows);

    be->ops->layer_norm_forward(be, normed, statistics, rstd, x, residual,
                                language->final_norm.value, language->final_norm_bias.value, rows,
                                language->hidden, language->plan->norm_epsilon);
}

static void backward_norm(struct mimo_language *language, const void *d_normed, const void *x,
                          const void *statistics, int64_t rows)
{
    struct mimo_backend *be = language->compute.be;
    const void *const rstd = (const char *)statistics + rstd_at(language, rows);

    be->ops->layer_norm_backward(
        be, language->dx, language->final_norm.gradient, language->final_norm_bias.gradient,
        d_normed, x, language->final_norm.value, statistics, rstd, rows, language->hidden);
}

const struct mimo_language_ops mimo_gpt_ops = {
    .size = sizeof(struct mimo_gpt),
    .layer = &mimo_pre_norm_ops,
    .layer_model = offsetof(struct mimo_gpt, layers),
    .open = open_gpt,
    .norm_forward = forward_norm,
    .norm_backward = backward_norm,
};
