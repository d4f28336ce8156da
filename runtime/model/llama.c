#include "runtime/model/llama.h"

#include "plan/grid.h"
#include "plan/tensors.h"
#include "runtime/model/sequence.h"

#include <math.h>
#include <stdlib.h>

static const struct mimo_weight NO_WEIGHT = {NULL, NULL};

/* -- building --------------------------------------------------------------------------------- */

static void find_layer(struct mimo_llama_layer *layer, const struct mimo_parameters *parameters,
                       uint32_t module, uint32_t index)
{
    layer->input_norm =
        mimo_parameters_find(parameters, module, index, MIMO_SLOT_INPUT_NORM_WEIGHT);
    layer->qkv = mimo_parameters_find(parameters, module, index, MIMO_SLOT_Q_WEIGHT);
    layer->qkv_bias = mimo_parameters_find(parameters, module, index, MIMO_SLOT_Q_BIAS);
    layer->o = mimo_parameters_find(parameters, module, index, MIMO_SLOT_O_WEIGHT);
    layer->post_norm = mimo_parameters_find(parameters, module, index, MIMO_SLOT_POST_NORM_WEIGHT);
    layer->gate_up = mimo_parameters_find(parameters, module, index, MIMO_SLOT_GATE_WEIGHT);
    layer->down = mimo_parameters_find(parameters, module, index, MIMO_SLOT_DOWN_WEIGHT);
}

static int64_t first_layer_share(const struct mimo_parameters *parameters, uint32_t module,
                                 enum mimo_slot slot)
{
    return mimo_parameters_share(mimo_parameters_item(parameters, module, MIMO_NONE, 0, slot));
}

static void find_weights(struct mimo_llama *llama, const struct mimo_parameters *parameters,
                         uint32_t module, struct mimo_arena *table)
{
    const struct mimo_parameter *embedding =
        mimo_parameters_item(parameters, module, MIMO_NONE, MIMO_NONE, MIMO_SLOT_TOKEN_EMBEDDING);
    const int64_t head_dim = llama->head_dim;

    llama->layers = MIMO_NEW_ARRAY(table, struct mimo_llama_layer, llama->layer_count);
    for (uint32_t i = 0; i < llama->layer_count; i++)
        find_layer(&llama->layers[i], parameters, module, i);
    llama->embedding =
        mimo_parameters_find(parameters, module, MIMO_NONE, MIMO_SLOT_TOKEN_EMBEDDING);
    llama->final_norm = mimo_parameters_find(parameters, module, MIMO_NONE, MIMO_SLOT_FINAL_NORM);
    llama->head = mimo_parameters_find(parameters, module, MIMO_NONE, MIMO_SLOT_HEAD);
    if (llama->plan->ties_embeddings != 0)
        llama->head = llama->embedding;
    llama->heads = first_layer_share(parameters, module, MIMO_SLOT_Q_WEIGHT) / head_dim;
    llama->groups = first_layer_share(parameters, module, MIMO_SLOT_K_WEIGHT) / head_dim;
    llama->ffn = first_layer_share(parameters, module, MIMO_SLOT_GATE_WEIGHT);
    llama->vocab_first = (int64_t)embedding->begin;
    llama->vocab_count = mimo_parameters_share(embedding);
    llama->qkv_width = (llama->heads + 2 * llama->groups) * head_dim;
}

static struct mimo_attention attention_shape(const struct mimo_llama *llama, int64_t batch,
                                             int64_t length)
{
    return (struct mimo_attention){
        .batch = batch,
        .queries = length,
        .keys = length,
        .heads = llama->heads,
        .groups = llama->groups,
        .head_dim = llama->head_dim,
        .q_stride = llama->qkv_width,
        .k_stride = llama->qkv_width,
        .v_stride = llama->qkv_width,
        .out_stride = llama->heads * llama->head_dim,
        .is_causal = true,
        .scale = 1.0 / sqrt((double)llama->head_dim),
    };
}

static void take_scratch(struct mimo_llama *llama, struct mimo_tensor_arena *scratch)
{
    const struct mimo_sizes *const sizes = &llama->sizes;

#define TAKE(name, rows, columns, element)                                                         \
    llama->name = mimo_tensor_take(scratch, (rows), (columns), (element));
    MIMO_LANGUAGE_SCRATCH(TAKE, sizes)
    MIMO_LLAMA_SCRATCH(TAKE, sizes)
    MIMO_HEAD_SCRATCH(TAKE, sizes)
#undef TAKE
}

void mimo_llama_open(struct mimo_llama *llama, const struct mimo_plan *plan, uint32_t module,
                     const struct mimo_parameters *parameters, const struct mimo_compute *compute,
                     bool keeps_activations, struct mimo_arena *table,
                     struct mimo_tensor_arena *scratch)
{
    const struct mimo_plan_module *described = &plan->modules[module];
    const struct mimo_coordinate at = {.tp = compute->tp_rank};

    *llama = (struct mimo_llama){
        .plan = described,
        .compute = *compute,
        .sizes = mimo_sizes_of(plan, module, &at),
        .hidden = described->hidden_size,
        .head_dim = described->head_dim,
        .layer_count = described->num_layers,
        .batch_max = plan->training->micro_batch,
        .length_max = plan->training->sequence_length,
        .keeps_activations = keeps_activations,
    };
    llama->rows_max = llama->batch_max * llama->length_max;
    llama->chunk = (int64_t)llama->sizes.chunk;
    llama->host_index = MIMO_NEW_ARRAY(table, int32_t, (size_t)llama->rows_max);
    find_weights(llama, parameters, module, table);
    llama->trains_embedding = llama->embedding.gradient != NULL;
    take_scratch(llama, scratch);
}

/* Angle i of position p is p · base^(-2i/head_dim) (Su et al., "RoFormer", 2021). */
static double rotary_angle(const struct mimo_llama *llama, int64_t position, int64_t i)
{
    return (double)position *
           pow(llama->plan->rotary_base, -2.0 * (double)i / (double)llama->head_dim);
}

enum mimo_status mimo_llama_prepare(struct mimo_llama *llama, struct mimo_error *err)
{
    struct mimo_backend *be = llama->compute.be;
    const int64_t positions = (int64_t)llama->sizes.positions;
    const int64_t half = llama->head_dim / 2;
    const size_t bytes = (size_t)(positions * llama->head_dim) * be->wide_size;
    void *const table = malloc(bytes);

    if (table == NULL)
        return mimo_error_set(err, MIMO_E_FAILED, "out of memory");
    for (int64_t p = 0; p < positions; p++) {
        for (int64_t i = 0; i < llama->head_dim; i++) {
            const double angle = rotary_angle(llama, p, i % half);
            const double value = i < half ? cos(angle) : sin(angle);
            if (be->wide_size == sizeof(double))
                ((double *)table)[p * llama->head_dim + i] = value;
            else
                ((float *)table)[p * llama->head_dim + i] = (float)value;
        }
    }
    be->ops->upload(be, llama->rotary_table, table, bytes);
    free(table);
    return MIMO_OK;
}

void mimo_llama_saved_layer_open(const struct mimo_sizes *sizes,
                                 struct mimo_llama_saved_layer *layer,
                                 struct mimo_tensor_arena *arena)
{
#define TAKE(name, rows, columns, element)                                                         \
    layer->name = mimo_tensor_take(arena, (rows), (columns), (element));
    MIMO_LLAMA_ATTENTION(TAKE, sizes)
    MIMO_LLAMA_FFN(TAKE, sizes)
#undef TAKE
}

void mimo_llama_saved_open(const struct mimo_llama *llama, struct mimo_llama_saved *saved,
                           struct mimo_arena *table, struct mimo_tensor_arena *arena)
{
    const struct mimo_sizes *const sizes = &llama->sizes;

    *saved = (struct mimo_llama_saved){0};
    saved->layers = MIMO_NEW_ARRAY(table, struct mimo_llama_saved_layer, llama->layer_count);
    saved->target_begins = MIMO_NEW_ARRAY(table, int64_t, llama->compute.tp_size + 1);
    for (uint32_t i = 0; i < llama->layer_count; i++) {
        if (i < 2 || llama->keeps_activations)
            mimo_llama_saved_layer_open(sizes, &saved->layers[i], arena);
        else
            saved->layers[i] = saved->layers[i - 2];
    }
#define TAKE(name, rows, columns, element)                                                         \
    saved->name = mimo_tensor_take(arena, (rows), (columns), (element));
    MIMO_LANGUAGE_STAGE(TAKE, sizes)
    MIMO_LANGUAGE_INPUT(TAKE, sizes)
    MIMO_LANGUAGE_OUTPUT(TAKE, sizes)
#undef TAKE
}

/* -- forward ---------------------------------------------------------------------------------- */

/* Rows of the whole micro-step as rows of this rank's part. */
static void upload_rows(struct mimo_llama *llama, int32_t *dst, const int32_t *rows, int64_t count,
                        int64_t first)
{
    struct mimo_backend *be = llama->compute.be;

    for (int64_t i = 0; i < count; i++)
        llama->host_index[i] = rows[i] - (int32_t)first;
    be->ops->upload(be, dst, llama->host_index, (size_t)count * sizeof *rows);
}

static void upload_text(struct mimo_llama *llama, struct mimo_llama_saved *saved,
                        const struct mimo_text *text)
{
    struct mimo_backend *be = llama->compute.be;
    const int64_t count = text->targets;

    int64_t begin, end;

    saved->target_count = count;
    mimo_llama_split_targets(llama, saved, text);
    begin = saved->target_begins[saved->rows.is_cut ? llama->compute.tp_rank : 0];
    end = saved->target_begins[saved->rows.is_cut ? llama->compute.tp_rank + 1
                                                  : llama->compute.tp_size];
    upload_rows(llama, saved->ids, text->ids, saved->rows.count, 0);
    upload_rows(llama, saved->labels, text->target_labels, count, 0);
    upload_rows(llama, saved->target_rows, text->target_rows + begin, end - begin,
                saved->rows.begin);
    for (int64_t row = 0; row < saved->rows.count; row++)
        llama->host_index[row] = (int32_t)(row % text->length);
    be->ops->upload(be, saved->positions, llama->host_index,
                    (size_t)saved->rows.count * sizeof *llama->host_index);
}

enum mimo_status mimo_llama_embed(struct mimo_llama *llama, struct mimo_llama_saved *saved,
                                  const struct mimo_text *text, struct mimo_error *err)
{
    const struct mimo_compute *compute = &llama->compute;
    struct mimo_backend *be = compute->be;
    const int64_t count = (int64_t)text->batch * text->length;
    void *const x = saved->layers[0].x;
    void *sum;

    saved->rows = mimo_rows_of(compute, count, llama->plan->sequence_parallel != 0);
    saved->batch = text->batch;
    saved->length = text->length;
    upload_text(llama, saved, text);
    sum = saved->rows.is_cut ? llama->rows_a : x;
    be->ops->embedding_forward(be, sum, llama->embedding.value, saved->ids, count, llama->hidden,
                               llama->vocab_first, llama->vocab_count);
    MIMO_TRY(mimo_rows_reduce(compute, &saved->rows, sum, llama->hidden, err));
    if (saved->rows.is_cut)
        be->ops->copy(be, x, llama->hidden,
                      mimo_row_at(compute, sum, saved->rows.begin, llama->hidden), llama->hidden,
                      mimo_rows_held(&saved->rows), llama->hidden);
    return MIMO_OK;
}

void mimo_llama_put_rows(struct mimo_llama *llama, struct mimo_llama_saved *saved, const void *rows,
                         const int32_t *positions, int64_t count)
{
    struct mimo_backend *be = llama->compute.be;

    be->ops->scatter_rows(be, saved->layers[0].x, rows, positions, count, llama->hidden);
}

void mimo_llama_get_row_gradients(struct mimo_llama *llama, void *rows, const int32_t *positions,
                                  int64_t count)
{
    struct mimo_backend *be = llama->compute.be;

    be->ops->gather_rows(be, rows, llama->dx, positions, count, llama->hidden);
}

enum mimo_status mimo_llama_layer_head(struct mimo_llama *llama,
                                       const struct mimo_llama_layer *layer,
                                       struct mimo_llama_saved_layer *saved,
                                       const struct mimo_rows *rows, const void *residual,
                                       const int32_t *positions, struct mimo_error *err)
{
    const struct mimo_compute *compute = &llama->compute;
    struct mimo_backend *be = compute->be;
    const int64_t hidden = llama->hidden;

    be->ops->rms_norm_forward(be, mimo_row_at(compute, saved->n_input, rows->begin, hidden),
                              saved->rstd_input, saved->x, residual, layer->input_norm.value,
                              mimo_rows_held(rows), hidden, llama->plan->norm_epsilon);
    MIMO_TRY(mimo_rows_gather(compute, rows, saved->n_input, hidden, err));
    be->ops->linear_forward(be, saved->qkv, saved->n_input, layer->qkv.value, layer->qkv_bias.value,
                            rows->count, hidden, llama->qkv_width);
    be->ops->rotary(be, saved->qkv, llama->qkv_width, positions, llama->rotary_table, rows->count,
                    llama->heads + llama->groups, llama->head_dim, false);
    return MIMO_OK;
}

enum mimo_status mimo_llama_layer_tail(struct mimo_llama *llama,
                                       const struct mimo_llama_layer *layer,
                                       struct mimo_llama_saved_layer *saved,
                                       const struct mimo_rows *rows, void *x_next,
                                       struct mimo_error *err)
{
    const struct mimo_compute *compute = &llama->compute;
    struct mimo_backend *be = compute->be;
    const int64_t hidden = llama->hidden;

    MIMO_TRY(mimo_row_parallel_forward(compute, rows, saved->x_middle, saved->attention, layer->o,
                                       NO_WEIGHT, llama->heads * llama->head_dim, hidden,
                                       llama->rows_a, err));
    be->ops->rms_norm_forward(be, mimo_row_at(compute, saved->n_post, rows->begin, hidden),
                              saved->rstd_post, saved->x_middle, saved->x, layer->post_norm.value,
                              mimo_rows_held(rows), hidden, llama->plan->norm_epsilon);
    MIMO_TRY(mimo_rows_gather(compute, rows, saved->n_post, hidden, err));
    be->ops->linear_forward(be, saved->gate_up, saved->n_post, layer->gate_up.value, NULL,
                            rows->count, hidden, 2 * llama->ffn);
    be->ops->swiglu_forward(be, saved->act, saved->gate_up, rows->count, llama->ffn);
    return mimo_row_parallel_forward(compute, rows, x_next, saved->act, layer->down, NO_WEIGHT,
                                     llama->ffn, hidden, llama->rows_a, err);
}

static void attend(struct mimo_llama *llama, const struct mimo_llama_saved *saved,
                   struct mimo_llama_saved_layer *layer)
{
    const struct mimo_compute *compute = &llama->compute;
    struct mimo_backend *be = compute->be;
    const struct mimo_attention shape = attention_shape(llama, saved->batch, saved->length);
    const int64_t q_width = llama->heads * llama->head_dim;
    const int64_t k_width = llama->groups * llama->head_dim;
    char *const k = (char *)layer->qkv + (size_t)q_width * be->element_size;
    char *const v = k + (size_t)k_width * be->element_size;

    be->ops->attention_forward(be, &shape, layer->attention, layer->lse, layer->qkv, k, v,
                               llama->workspace);
}

static struct mimo_sequence_key key_of(const struct mimo_llama *llama,
                                       const struct mimo_llama_saved *saved, enum mimo_pass pass)
{
    return (struct mimo_sequence_key){llama, saved, pass, saved->batch, saved->length};
}

static enum mimo_status forward_layers(struct mimo_llama *llama, struct mimo_llama_saved *saved,
                                       struct mimo_error *err)
{
    struct mimo_backend *be = llama->compute.be;
    const void *residual = NULL;

    for (uint32_t i = 0; i < llama->layer_count; i++) {
        struct mimo_llama_saved_layer *layer = &saved->layers[i];
        const bool is_last = i + 1 == llama->layer_count;

        MIMO_TRY(mimo_llama_layer_head(llama, &llama->layers[i], layer, &saved->rows, residual,
                                       saved->positions, err));
        if (llama->keep != NULL)
            llama->keep(llama, i, layer->qkv, saved->batch, saved->length);
        attend(llama, saved, layer);
        MIMO_TRY(mimo_llama_layer_tail(llama, &llama->layers[i], layer, &saved->rows,
                                       is_last ? saved->x_out : saved->layers[i + 1].x, err));
        residual = layer->x_middle;
    }
    be->ops->rms_norm_forward(be, saved->normed, saved->rstd_final, saved->x_out, residual,
                              llama->final_norm.value, mimo_rows_held(&saved->rows), llama->hidden,
                              llama->plan->norm_epsilon);
    return MIMO_OK;
}

/* Where keys and values are kept, they go somewhere else each time. */
enum mimo_status mimo_llama_forward(struct mimo_llama *llama, struct mimo_llama_saved *saved,
                                    struct mimo_error *err)
{
    const struct mimo_sequence_key key = key_of(llama, saved, MIMO_PASS_FORWARD);
    struct mimo_backend *be = llama->compute.be;
    enum mimo_status status = MIMO_OK;

    if (llama->keep != NULL) {
        status = forward_layers(llama, saved, err);
    } else if (!be->ops->sequence_begin(be, &key, sizeof key)) {
        status = forward_layers(llama, saved, err);
        be->ops->sequence_end(be);
    }
    MIMO_TRY(status);
    return mimo_llama_gather_targets(llama, saved, err);
}

/* -- backward --------------------------------------------------------------------------------- */

/* Back through a column-parallel product and the norm in front of it: adds to llama->dx. */
static enum mimo_status backward_input(struct mimo_llama *llama, const struct mimo_rows *rows,
                                       struct mimo_weight norm, struct mimo_weight weight,
                                       const void *dy, int64_t out, const void *x, const void *rstd,
                                       struct mimo_error *err)
{
    const struct mimo_compute *compute = &llama->compute;
    struct mimo_backend *be = compute->be;
    const int64_t hidden = llama->hidden;

    be->ops->linear_backward_input(be, llama->rows_a, dy, weight.value, rows->count, hidden, out,
                                   false);
    MIMO_TRY(mimo_rows_reduce(compute, rows, llama->rows_a, hidden, err));
    be->ops->rms_norm_backward(be, llama->dx, norm.gradient,
                               mimo_row_at(compute, llama->rows_a, rows->begin, hidden), x,
                               norm.value, rstd, mimo_rows_held(rows), hidden);
    return MIMO_OK;
}

static enum mimo_status backward_ffn(struct mimo_llama *llama, const struct mimo_llama_layer *layer,
                                     struct mimo_llama_saved_layer *saved,
                                     const struct mimo_rows *rows, struct mimo_error *err)
{
    struct mimo_backend *be = llama->compute.be;
    const int64_t hidden = llama->hidden, ffn = llama->ffn, count = rows->count;
    void *dy;

    MIMO_TRY(mimo_row_parallel_gradient(&llama->compute, rows, llama->dx, hidden, llama->rows_b,
                                        &dy, err));
    mimo_weight_gradient(&llama->compute, layer->down, NO_WEIGHT, dy, saved->act, count, ffn,
                         hidden);
    be->ops->linear_backward_input(be, llama->d_act, dy, layer->down.value, count, ffn, hidden,
                                   false);
    be->ops->swiglu_backward(be, llama->d_gate_up, llama->d_act, saved->gate_up, count, ffn);
    mimo_weight_gradient(&llama->compute, layer->gate_up, NO_WEIGHT, llama->d_gate_up,
                         saved->n_post, count, hidden, 2 * ffn);
    return backward_input(llama, rows, layer->post_norm, layer->gate_up, llama->d_gate_up, 2 * ffn,
                          saved->x_middle, saved->rstd_post, err);
}

static void backward_attention_core(struct mimo_llama *llama, const struct mimo_llama_saved *saved,
                                    struct mimo_llama_saved_layer *layer)
{
    struct mimo_backend *be = llama->compute.be;
    const struct mimo_attention shape = attention_shape(llama, saved->batch, saved->length);
    const size_t k_at = (size_t)(llama->heads * llama->head_dim) * be->element_size;
    const size_t v_at = k_at + (size_t)(llama->groups * llama->head_dim) * be->element_size;
    char *const d_qkv = llama->d_qkv;
    const char *const qkv = layer->qkv;

    be->ops->attention_backward(be, &shape, d_qkv, d_qkv + k_at, d_qkv + v_at, llama->d_attention,
                                layer->attention, layer->lse, qkv, qkv + k_at, qkv + v_at,
                                llama->workspace);
    be->ops->rotary(be, d_qkv, llama->qkv_width, saved->positions, llama->rotary_table,
                    saved->rows.count, llama->heads + llama->groups, llama->head_dim, true);
}

static enum mimo_status backward_attention(struct mimo_llama *llama,
                                           const struct mimo_llama_layer *layer,
                                           const struct mimo_llama_saved *saved,
                                           struct mimo_llama_saved_layer *saved_layer,
                                           struct mimo_error *err)
{
    struct mimo_backend *be = llama->compute.be;
    const struct mimo_rows *rows = &saved->rows;
    const int64_t hidden = llama->hidden, q_width = llama->heads * llama->head_dim;
    void *dy;

    MIMO_TRY(mimo_row_parallel_gradient(&llama->compute, rows, llama->dx, hidden, llama->rows_b,
                                        &dy, err));
    mimo_weight_gradient(&llama->compute, layer->o, NO_WEIGHT, dy, saved_layer->attention,
                         rows->count, q_width, hidden);
    be->ops->linear_backward_input(be, llama->d_attention, dy, layer->o.value, rows->count, q_width,
                                   hidden, false);
    backward_attention_core(llama, saved, saved_layer);
    mimo_weight_gradient(&llama->compute, layer->qkv, layer->qkv_bias, llama->d_qkv,
                         saved_layer->n_input, rows->count, hidden, llama->qkv_width);
    return backward_input(llama, rows, layer->input_norm, layer->qkv, llama->d_qkv,
                          llama->qkv_width, saved_layer->x, saved_layer->rstd_input, err);
}

static enum mimo_status backward_embedding(struct mimo_llama *llama, struct mimo_llama_saved *saved,
                                           struct mimo_error *err)
{
    struct mimo_backend *be = llama->compute.be;
    void *dx;

    if (llama->embedding.gradient == NULL)
        return MIMO_OK;
    MIMO_TRY(mimo_row_parallel_gradient(&llama->compute, &saved->rows, llama->dx, llama->hidden,
                                        llama->rows_b, &dx, err));
    be->ops->embedding_backward(be, llama->embedding.gradient, dx, saved->ids, saved->rows.count,
                                llama->hidden, llama->vocab_first, llama->vocab_count);
    return MIMO_OK;
}

static enum mimo_status backward_layers(struct mimo_llama *llama, struct mimo_llama_saved *saved,
                                        struct mimo_error *err)
{
    for (uint32_t i = llama->layer_count; i-- > 0;) {
        MIMO_TRY(backward_ffn(llama, &llama->layers[i], &saved->layers[i], &saved->rows, err));
        MIMO_TRY(backward_attention(llama, &llama->layers[i], saved, &saved->layers[i], err));
    }
    return MIMO_OK;
}

enum mimo_status mimo_llama_backward(struct mimo_llama *llama, struct mimo_llama_saved *saved,
                                     struct mimo_error *err)
{
    const struct mimo_sequence_key key = key_of(llama, saved, MIMO_PASS_BACKWARD);
    struct mimo_backend *be = llama->compute.be;
    enum mimo_status status = MIMO_OK;

    MIMO_TRY(mimo_llama_backward_targets(llama, saved, err));
    if (!be->ops->sequence_begin(be, &key, sizeof key)) {
        status = backward_layers(llama, saved, err);
        be->ops->sequence_end(be);
    }
    MIMO_TRY(status);
    return backward_embedding(llama, saved, err);
}
