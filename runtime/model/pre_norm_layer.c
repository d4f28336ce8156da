#include "runtime/model/pre_norm_layer.h"

#include "plan/tensors.h"

static void take(struct mimo_saved_layer *layer, const struct mimo_layer_room *room)
{
#define TAKE(name, rows, columns, element)                                                         \
    layer->name = mimo_tensor_take(room->arena, (rows), (columns), (element));
    MIMO_VIT_LAYER(TAKE, room->sizes)
#undef TAKE
}

static enum mimo_activation activation_of(const struct mimo_pre_norm *model)
{
    return (enum mimo_activation)model->plan->activation;
}

/* -- forward ---------------------------------------------------------------------------------- */

/* All rows behind the norm, from those of the stream that are held here. */
static enum mimo_status forward_norm(const struct mimo_pre_norm *model, struct mimo_weight gamma,
                                     struct mimo_weight beta, const struct mimo_rows *rows,
                                     void *normed, void *mean, void *rstd, void *x,
                                     const void *residual, struct mimo_error *err)
{
    const struct mimo_compute *compute = &model->compute;
    struct mimo_backend *be = compute->be;
    const int64_t hidden = model->hidden;

    be->ops->layer_norm_forward(be, mimo_row_at(compute, normed, rows->begin, hidden), mean, rstd,
                                x, residual, gamma.value, beta.value, mimo_rows_held(rows), hidden,
                                model->plan->norm_epsilon);
    return mimo_rows_gather(compute, rows, normed, hidden, err);
}

static enum mimo_status forward_attention(const struct mimo_pre_norm *model,
                                          const struct mimo_layer *layer,
                                          struct mimo_saved_layer *saved,
                                          const struct mimo_layer_pass *pass, const void *residual,
                                          struct mimo_error *err)
{
    const struct mimo_compute *compute = &model->compute;
    const struct mimo_heads *heads = &model->heads;
    const struct mimo_rows *rows = &pass->rows;
    struct mimo_backend *be = compute->be;
    const int64_t hidden = model->hidden;

    MIMO_TRY(forward_norm(model, layer->norm1, layer->norm1_bias, rows, saved->n1, saved->mean1,
                          saved->rstd1, saved->x, residual, err));
    be->ops->linear_forward(be, saved->qkv, saved->n1, layer->qkv.value, layer->qkv_bias.value,
                            rows->count, hidden, mimo_heads_width(heads));
    MIMO_TRY(mimo_attend(compute, heads, pass, layer->index, saved, &model->attention, err));
    return mimo_row_parallel_forward(compute, rows, saved->x_middle, saved->attention, layer->o,
                                     layer->o_bias, heads->heads * heads->head_dim, hidden,
                                     model->rows_a, err);
}

static enum mimo_status forward_ffn(const struct mimo_pre_norm *model,
                                    const struct mimo_layer *layer, struct mimo_saved_layer *saved,
                                    const struct mimo_rows *rows, void *x_next,
                                    struct mimo_error *err)
{
    struct mimo_backend *be = model->compute.be;
    const int64_t hidden = model->hidden;

    MIMO_TRY(forward_norm(model, layer->norm2, layer->norm2_bias, rows, saved->n2, saved->mean2,
                          saved->rstd2, saved->x_middle, saved->x, err));
    be->ops->linear_activation_forward(be, activation_of(model), saved->act, saved->up, saved->n2,
                                       layer->up.value, layer->up_bias.value, rows->count, hidden,
                                       model->ffn);
    return mimo_row_parallel_forward(&model->compute, rows, x_next, saved->act, layer->down,
                                     layer->down_bias, model->ffn, hidden, model->rows_a, err);
}

static enum mimo_status forward(void *model, const struct mimo_layer *layer,
                                struct mimo_saved_layer *saved, const struct mimo_layer_pass *pass,
                                const void *residual, void *x_next, struct mimo_error *err)
{
    MIMO_TRY(forward_attention(model, layer, saved, pass, residual, err));
    return forward_ffn(model, layer, saved, &pass->rows, x_next, err);
}

/* -- backward --------------------------------------------------------------------------------- */

/* Back through a column-parallel product and the norm in front of it: adds to dx. */
static enum mimo_status backward_input(const struct mimo_pre_norm *model,
                                       const struct mimo_rows *rows, struct mimo_weight gamma,
                                       struct mimo_weight beta, struct mimo_weight weight,
                                       const void *dy, int64_t out, const void *x, const void *mean,
                                       const void *rstd, struct mimo_error *err)
{
    const struct mimo_compute *compute = &model->compute;
    struct mimo_backend *be = compute->be;
    const int64_t hidden = model->hidden;

    be->ops->linear_backward_input(be, model->rows_a, dy, weight.value, rows->count, hidden, out,
                                   false);
    MIMO_TRY(mimo_rows_reduce(compute, rows, model->rows_a, hidden, err));
    be->ops->layer_norm_backward(be, model->dx, gamma.gradient, beta.gradient,
                                 mimo_row_at(compute, model->rows_a, rows->begin, hidden), x,
                                 gamma.value, mean, rstd, mimo_rows_held(rows), hidden);
    return MIMO_OK;
}

static enum mimo_status backward_ffn(const struct mimo_pre_norm *model,
                                     const struct mimo_layer *layer, struct mimo_saved_layer *saved,
                                     const struct mimo_rows *rows, struct mimo_error *err)
{
    const struct mimo_compute *compute = &model->compute;
    struct mimo_backend *be = compute->be;
    const int64_t hidden = model->hidden, ffn = model->ffn;
    void *dy;

    MIMO_TRY(mimo_row_parallel_gradient(compute, rows, model->dx, hidden, model->rows_b, &dy, err));
    mimo_row_parallel_weight_gradient(compute, rows, layer->down, layer->down_bias, dy, saved->act,
                                      ffn, hidden);
    be->ops->linear_activation_backward(be, activation_of(model), model->d_up, dy,
                                        layer->down.value, saved->up, rows->count, ffn, hidden);
    mimo_weight_gradient(compute, layer->up, layer->up_bias, model->d_up, saved->n2, rows->count,
                         hidden, ffn);
    return backward_input(model, rows, layer->norm2, layer->norm2_bias, layer->up, model->d_up, ffn,
                          saved->x_middle, saved->mean2, saved->rstd2, err);
}

static enum mimo_status backward_attention(const struct mimo_pre_norm *model,
                                           const struct mimo_layer *layer,
                                           struct mimo_saved_layer *saved,
                                           const struct mimo_layer_pass *pass,
                                           struct mimo_error *err)
{
    const struct mimo_compute *compute = &model->compute;
    const struct mimo_heads *heads = &model->heads;
    const struct mimo_rows *rows = &pass->rows;
    struct mimo_backend *be = compute->be;
    const int64_t hidden = model->hidden, q_width = heads->heads * heads->head_dim;
    void *dy;

    MIMO_TRY(mimo_row_parallel_gradient(compute, rows, model->dx, hidden, model->rows_b, &dy, err));
    mimo_row_parallel_weight_gradient(compute, rows, layer->o, layer->o_bias, dy, saved->attention,
                                      q_width, hidden);
    be->ops->linear_backward_input(be, model->d_attention, dy, layer->o.value, rows->count, q_width,
                                   hidden, false);
    MIMO_TRY(mimo_attend_backward(compute, heads, pass, saved, model->d_qkv, model->d_attention,
                                  &model->attention, err));
    mimo_weight_gradient(compute, layer->qkv, layer->qkv_bias, model->d_qkv, saved->n1, rows->count,
                         hidden, mimo_heads_width(heads));
    return backward_input(model, rows, layer->norm1, layer->norm1_bias, layer->qkv, model->d_qkv,
                          mimo_heads_width(heads), saved->x, saved->mean1, saved->rstd1, err);
}

static enum mimo_status backward(void *model, const struct mimo_layer *layer,
                                 struct mimo_saved_layer *saved, const struct mimo_layer_pass *pass,
                                 struct mimo_error *err)
{
    MIMO_TRY(backward_ffn(model, layer, saved, &pass->rows, err));
    return backward_attention(model, layer, saved, pass, err);
}

const struct mimo_layer_ops mimo_pre_norm_ops = {
    .take = take,
    .forward = forward,
    .backward = backward,
};
