#include "runtime/model/llama.h"

#include "plan/tensors.h"

#include <math.h>
#include <stdlib.h>

/* -- building --------------------------------------------------------------------------------- */

static void open_llama(struct mimo_language *language, const struct mimo_language_parts *parts,
                       struct mimo_arena *table, struct mimo_tensor_arena *scratch)
{
    struct mimo_llama *llama = (struct mimo_llama *)language;
    const struct mimo_sizes *const sizes = &language->sizes;
    const struct mimo_layer_kinds kinds =
        mimo_layer_kinds_of(language->plan, 0, language->plan->num_layers);

#define TAKE(name, rows, columns, element)                                                         \
    llama->name = mimo_tensor_take(scratch, (rows), (columns), (element));
    MIMO_LLAMA_SCRATCH(TAKE, sizes)
    if (kinds.dense) {
        MIMO_LLAMA_FFN_SCRATCH(TAKE, sizes)
    }
#undef TAKE
    if (kinds.sparse)
        mimo_experts_open(&llama->experts, language->plan, sizes, &language->compute,
                          &parts->experts, table, scratch);
}

/* Behind attention lies one half or the other. */
static void take_layer(struct mimo_saved_layer *layer, const struct mimo_layer_room *room)
{
    const struct mimo_sizes *const sizes = room->sizes;
    struct mimo_tensor_arena *const arena = room->arena;
    struct mimo_tally begin, dense_end;

#define TAKE(name, rows, columns, element)                                                         \
    layer->name = mimo_tensor_take(arena, (rows), (columns), (element));
    MIMO_LLAMA_ATTENTION(TAKE, sizes)
    begin = arena->taken;
    if (room->kinds.dense) {
        MIMO_LLAMA_FFN(TAKE, sizes)
    }
#undef TAKE
    if (!room->kinds.sparse)
        return;
    dense_end = arena->taken;
    arena->taken = begin;
    mimo_saved_experts_take(&layer->experts, room->module, sizes, room->table, arena);
    if (dense_end.used > arena->taken.used)
        arena->taken = dense_end;
}

/* Angle i of position p is p · base^(-2i/head_dim) (Su et al., "RoFormer", 2021). */
static double rotary_angle(const struct mimo_language *language, int64_t position, int64_t i)
{
    return (double)position *
           pow(language->plan->rotary_base, -2.0 * (double)i / (double)language->heads.head_dim);
}

static enum mimo_status prepare(struct mimo_language *language, struct mimo_error *err)
{
    const struct mimo_llama *llama = (struct mimo_llama *)language;
    struct mimo_backend *be = language->compute.be;
    const int64_t positions = (int64_t)language->sizes.positions;
    const int64_t head_dim = language->heads.head_dim, half = head_dim / 2;
    const size_t bytes = (size_t)(positions * head_dim) * be->wide_size;
    void *const table = malloc(bytes);

    if (table == NULL)
        return mimo_error_set(err, MIMO_E_FAILED, "out of memory");
    for (int64_t p = 0; p < positions; p++) {
        for (int64_t i = 0; i < head_dim; i++) {
            const double angle = rotary_angle(language, p, i % half);
            const double value = i < half ? cos(angle) : sin(angle);
            if (be->wide_size == sizeof(double))
                ((double *)table)[p * head_dim + i] = value;
            else
                ((float *)table)[p * head_dim + i] = (float)value;
        }
    }
    be->ops->upload(be, llama->rotary_table, table, bytes);
    free(table);
    return MIMO_OK;
}

/* -- forward ---------------------------------------------------------------------------------- */

/* Everything in front of attention: norm, gather, q, k, v and their rotation. */
static enum mimo_status layer_head(struct mimo_llama *llama, const struct mimo_layer *layer,
                                   struct mimo_saved_layer *saved,
                                   const struct mimo_layer_pass *pass, const void *residual,
                                   struct mimo_error *err)
{
    struct mimo_language *language = &llama->base;
    const struct mimo_compute *compute = &language->compute;
    const struct mimo_heads *heads = &language->heads;
    const struct mimo_rows *rows = &pass->rows;
    struct mimo_backend *be = compute->be;
    const int64_t hidden = language->hidden;

    be->ops->rms_norm_forward(be, mimo_row_at(compute, saved->n1, rows->begin, hidden),
                              saved->rstd1, saved->x, residual, layer->norm1.value,
                              mimo_rows_held(rows), hidden, language->plan->norm_epsilon);
    MIMO_TRY(mimo_rows_gather(compute, rows, saved->n1, hidden, err));
    be->ops->linear_forward(be, saved->qkv, saved->n1, layer->qkv.value, layer->qkv_bias.value,
                            rows->count, hidden, language->qkv_width);
    be->ops->rotary(be, saved->qkv, language->qkv_width, pass->positions, llama->rotary_table,
                    rows->count, heads->heads + heads->groups, heads->head_dim, false);
    return MIMO_OK;
}

/* From attention to the norm behind it, of the rows that are held here. */
static enum mimo_status layer_middle(struct mimo_llama *llama, const struct mimo_layer *layer,
                                     struct mimo_saved_layer *saved, const struct mimo_rows *rows,
                                     struct mimo_error *err)
{
    struct mimo_language *language = &llama->base;
    const struct mimo_compute *compute = &language->compute;
    struct mimo_backend *be = compute->be;
    const int64_t hidden = language->hidden;

    MIMO_TRY(mimo_row_parallel_forward(
        compute, rows, saved->x_middle, saved->attention, layer->o, MIMO_NO_WEIGHT,
        language->heads.heads * language->heads.head_dim, hidden, language->rows_a, err));
    be->ops->rms_norm_forward(be, mimo_row_at(compute, saved->n2, rows->begin, hidden),
                              saved->rstd2, saved->x_middle, saved->x, layer->norm2.value,
                              mimo_rows_held(rows), hidden, language->plan->norm_epsilon);
    return MIMO_OK;
}

static enum mimo_status forward_ffn(struct mimo_llama *llama, const struct mimo_layer *layer,
                                    struct mimo_saved_layer *saved, const struct mimo_rows *rows,
                                    void *x_next, struct mimo_error *err)
{
    struct mimo_language *language = &llama->base;
    const struct mimo_compute *compute = &language->compute;
    struct mimo_backend *be = compute->be;
    const int64_t hidden = language->hidden, ffn = language->ffn;

    MIMO_TRY(mimo_rows_gather(compute, rows, saved->n2, hidden, err));
    be->ops->linear_forward(be, saved->up, saved->n2, layer->up.value, NULL, rows->count, hidden,
                            2 * ffn);
    be->ops->swiglu_forward(be, saved->act, saved->up, rows->count, ffn);
    return mimo_row_parallel_forward(compute, rows, x_next, saved->act, layer->down, MIMO_NO_WEIGHT,
                                     ffn, hidden, language->rows_a, err);
}

/* Tensor ranks with equal rows take a piece of them each. */
static struct mimo_rows routed_rows(const struct mimo_language *language,
                                    const struct mimo_layer_pass *pass)
{
    return mimo_rows_of(&language->compute, pass->rows.count, true);
}

static struct mimo_expert_rows expert_rows(const struct mimo_layer_pass *pass,
                                           const struct mimo_rows *routed)
{
    struct mimo_expert_rows rows = {.count = mimo_rows_held(routed)};

    if (pass->samples != NULL) {
        rows.samples = pass->samples + routed->begin;
        rows.host_samples = pass->host_samples + routed->begin;
    }
    return rows;
}

/* Where those rows are among all that the rank holds. */
static void *routed_in(const struct mimo_language *language, const struct mimo_rows *held,
                       const struct mimo_rows *routed, void *matrix)
{
    return mimo_row_at(&language->compute, matrix, routed->begin - held->begin, language->hidden);
}

static enum mimo_status forward_experts(struct mimo_llama *llama, const struct mimo_layer *layer,
                                        struct mimo_saved_layer *saved,
                                        const struct mimo_layer_pass *pass, void *x_next,
                                        struct mimo_error *err)
{
    struct mimo_language *language = &llama->base;
    const struct mimo_compute *compute = &language->compute;
    const struct mimo_rows routed = routed_rows(language, pass);
    const struct mimo_expert_rows rows = expert_rows(pass, &routed);

    llama->experts.balance_scale = language->balance_scale;
    MIMO_TRY(mimo_experts_forward(&llama->experts, &layer->experts, &saved->experts, &rows,
                                  mimo_row_at(compute, saved->n2, routed.begin, language->hidden),
                                  routed_in(language, &pass->rows, &routed, x_next), err));
    return pass->rows.is_cut ? MIMO_OK
                             : mimo_rows_gather(compute, &routed, x_next, language->hidden, err);
}

static enum mimo_status forward_layer(void *model, const struct mimo_layer *layer,
                                      struct mimo_saved_layer *saved,
                                      const struct mimo_layer_pass *pass, const void *residual,
                                      void *x_next, struct mimo_error *err)
{
    struct mimo_llama *llama = model;
    struct mimo_language *language = &llama->base;

    MIMO_TRY(layer_head(llama, layer, saved, pass, residual, err));
    MIMO_TRY(mimo_attend(&language->compute, &language->heads, pass, layer->index, saved,
                         &language->attention, err));
    MIMO_TRY(layer_middle(llama, layer, saved, &pass->rows, err));
    return layer->has_experts ? forward_experts(llama, layer, saved, pass, x_next, err)
                              : forward_ffn(llama, layer, saved, &pass->rows, x_next, err);
}

static void forward_norm(struct mimo_language *language, void *normed, void *rstd, void *x,
                         const void *residual, int64_t rows)
{
    struct mimo_backend *be = language->compute.be;

    be->ops->rms_norm_forward(be, normed, rstd, x, residual, language->final_norm.value, rows,
                              language->hidden, language->plan->norm_epsilon);
}

/* -- backward --------------------------------------------------------------------------------- */

/* Back through a norm, of whose rows' gradients `d_normed` has those that are held: adds to dx. */
static void backward_norm_of(struct mimo_language *language, const struct mimo_rows *rows,
                             struct mimo_weight norm, void *d_normed, const void *x,
                             const void *rstd)
{
    const struct mimo_compute *compute = &language->compute;
    struct mimo_backend *be = compute->be;

    be->ops->rms_norm_backward(be, language->dx, norm.gradient,
                               mimo_row_at(compute, d_normed, rows->begin, language->hidden), x,
                               norm.value, rstd, mimo_rows_held(rows), language->hidden);
}

/* Back through a column-parallel product and the norm in front of it: adds to dx. */
static enum mimo_status backward_input(struct mimo_language *language, const struct mimo_rows *rows,
                                       struct mimo_weight norm, struct mimo_weight weight,
                                       const void *dy, int64_t out, const void *x, const void *rstd,
                                       struct mimo_error *err)
{
    const struct mimo_compute *compute = &language->compute;
    struct mimo_backend *be = compute->be;
    const int64_t hidden = language->hidden;

    be->ops->linear_backward_input(be, language->rows_a, dy, weight.value, rows->count, hidden, out,
                                   false);
    MIMO_TRY(mimo_rows_reduce(compute, rows, language->rows_a, hidden, err));
    backward_norm_of(language, rows, norm, language->rows_a, x, rstd);
    return MIMO_OK;
}

static enum mimo_status backward_ffn(struct mimo_llama *llama, const struct mimo_layer *layer,
                                     struct mimo_saved_layer *saved, const struct mimo_rows *rows,
                                     struct mimo_error *err)
{
    struct mimo_language *language = &llama->base;
    struct mimo_backend *be = language->compute.be;
    const int64_t hidden = language->hidden, ffn = language->ffn, count = rows->count;
    void *dy;

    MIMO_TRY(mimo_row_parallel_gradient(&language->compute, rows, language->dx, hidden,
                                        language->rows_b, &dy, err));
    mimo_weight_gradient(&language->compute, layer->down, MIMO_NO_WEIGHT, dy, saved->act, count,
                         ffn, hidden);
    be->ops->linear_backward_input(be, llama->d_act, dy, layer->down.value, count, ffn, hidden,
                                   false);
    be->ops->swiglu_backward(be, llama->d_gate_up, llama->d_act, saved->up, count, ffn);
    mimo_weight_gradient(&language->compute, layer->up, MIMO_NO_WEIGHT, llama->d_gate_up, saved->n2,
                         count, hidden, 2 * ffn);
    return backward_input(language, rows, layer->norm2, layer->up, llama->d_gate_up, 2 * ffn,
                          saved->x_middle, saved->rstd2, err);
}

static enum mimo_status backward_experts(struct mimo_llama *llama, const struct mimo_layer *layer,
                                         struct mimo_saved_layer *saved,
                                         const struct mimo_layer_pass *pass, struct mimo_error *err)
{
    struct mimo_language *language = &llama->base;
    const struct mimo_compute *compute = &language->compute;
    const int64_t hidden = language->hidden;
    const struct mimo_rows routed = routed_rows(language, pass);
    const struct mimo_expert_rows rows = expert_rows(pass, &routed);

    MIMO_TRY(mimo_experts_backward(&llama->experts, &layer->experts, &saved->experts, &rows,
                                   mimo_row_at(compute, saved->n2, routed.begin, hidden),
                                   routed_in(language, &pass->rows, &routed, language->dx),
                                   mimo_row_at(compute, language->rows_a, routed.begin, hidden),
                                   err));
    if (!pass->rows.is_cut)
        MIMO_TRY(mimo_rows_gather(compute, &routed, language->rows_a, hidden, err));
    backward_norm_of(language, &pass->rows, layer->norm2, language->rows_a, saved->x_middle,
                     saved->rstd2);
    return MIMO_OK;
}

static enum mimo_status backward_attention(struct mimo_llama *llama, const struct mimo_layer *layer,
                                           struct mimo_saved_layer *saved,
                                           const struct mimo_layer_pass *pass,
                                           struct mimo_error *err)
{
    struct mimo_language *language = &llama->base;
    const struct mimo_compute *compute = &language->compute;
    const struct mimo_heads *heads = &language->heads;
    const struct mimo_rows *rows = &pass->rows;
    struct mimo_backend *be = compute->be;
    const int64_t hidden = language->hidden, q_width = heads->heads * heads->head_dim;
    void *dy;

    MIMO_TRY(mimo_row_parallel_gradient(compute, rows, language->dx, hidden, language->rows_b, &dy,
                                        err));
    mimo_weight_gradient(compute, layer->o, MIMO_NO_WEIGHT, dy, saved->attention, rows->count,
                         q_width, hidden);
    be->ops->linear_backward_input(be, language->d_attention, dy, layer->o.value, rows->count,
                                   q_width, hidden, false);
    MIMO_TRY(mimo_attend_backward(compute, heads, pass, saved, language->d_qkv,
                                  language->d_attention, &language->attention, err));
    be->ops->rotary(be, language->d_qkv, language->qkv_width, pass->positions, llama->rotary_table,
                    rows->count, heads->heads + heads->groups, heads->head_dim, true);
    mimo_weight_gradient(compute, layer->qkv, layer->qkv_bias, language->d_qkv, saved->n1,
                         rows->count, hidden, language->qkv_width);
    return backward_input(language, rows, layer->norm1, layer->qkv, language->d_qkv,
                          language->qkv_width, saved->x, saved->rstd1, err);
}

static enum mimo_status backward_layer(void *model, const struct mimo_layer *layer,
                                       struct mimo_saved_layer *saved,
                                       const struct mimo_layer_pass *pass, struct mimo_error *err)
{
    MIMO_TRY(layer->has_experts ? backward_experts(model, layer, saved, pass, err)
                                : backward_ffn(model, layer, saved, &pass->rows, err));
    return backward_attention(model, layer, saved, pass, err);
}

static void backward_norm(struct mimo_language *language, const void *d_normed, const void *x,
                          const void *rstd, int64_t rows)
{
    struct mimo_backend *be = language->compute.be;

    be->ops->rms_norm_backward(be, language->dx, language->final_norm.gradient, d_normed, x,
                               language->final_norm.value, rstd, rows, language->hidden);
}

static const struct mimo_layer_ops LAYER_OPS = {
    .take = take_layer,
    .forward = forward_layer,
    .backward = backward_layer,
};

const struct mimo_language_ops mimo_llama_ops = {
    .size = sizeof(struct mimo_llama),
    .layer = &LAYER_OPS,
    .open = open_llama,
    .prepare = prepare,
    .norm_forward = forward_norm,
    .norm_backward = backward_norm,
};
