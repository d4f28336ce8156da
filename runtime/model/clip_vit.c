#include "runtime/model/clip_vit.h"

#include "plan/grid.h"
#include "plan/tensors.h"
#include "runtime/model/sequence.h"

#include <math.h>

/* -- building --------------------------------------------------------------------------------- */

static void find_layer(struct mimo_clip_layer *layer, const struct mimo_parameters *parameters,
                       uint32_t module, uint32_t index)
{
    const struct {
        struct mimo_weight *weight;
        enum mimo_slot slot;
    } slots[] = {
        {&layer->norm1, MIMO_SLOT_INPUT_NORM_WEIGHT},
        {&layer->norm1_bias, MIMO_SLOT_INPUT_NORM_BIAS},
        {&layer->qkv, MIMO_SLOT_Q_WEIGHT},
        {&layer->qkv_bias, MIMO_SLOT_Q_BIAS},
        {&layer->o, MIMO_SLOT_O_WEIGHT},
        {&layer->o_bias, MIMO_SLOT_O_BIAS},
        {&layer->norm2, MIMO_SLOT_POST_NORM_WEIGHT},
        {&layer->norm2_bias, MIMO_SLOT_POST_NORM_BIAS},
        {&layer->up, MIMO_SLOT_UP_WEIGHT},
        {&layer->up_bias, MIMO_SLOT_UP_BIAS},
        {&layer->down, MIMO_SLOT_DOWN_WEIGHT},
        {&layer->down_bias, MIMO_SLOT_DOWN_BIAS},
    };

    for (size_t i = 0; i < sizeof slots / sizeof *slots; i++)
        *slots[i].weight = mimo_parameters_find(parameters, module, index, slots[i].slot);
}

static void find_weights(struct mimo_clip_vit *vit, const struct mimo_parameters *parameters,
                         uint32_t module, struct mimo_arena *table)
{
    vit->layers = MIMO_NEW_ARRAY(table, struct mimo_clip_layer, vit->layer_count);
    for (uint32_t i = 0; i < vit->layer_count; i++)
        find_layer(&vit->layers[i], parameters, module, i);
    vit->class_embedding =
        mimo_parameters_find(parameters, module, MIMO_NONE, MIMO_SLOT_CLASS_EMBEDDING);
    vit->patch_embedding =
        mimo_parameters_find(parameters, module, MIMO_NONE, MIMO_SLOT_PATCH_EMBEDDING);
    vit->positions =
        mimo_parameters_find(parameters, module, MIMO_NONE, MIMO_SLOT_POSITION_EMBEDDING);
    vit->pre_norm = mimo_parameters_find(parameters, module, MIMO_NONE, MIMO_SLOT_PRE_NORM_WEIGHT);
    vit->pre_norm_bias =
        mimo_parameters_find(parameters, module, MIMO_NONE, MIMO_SLOT_PRE_NORM_BIAS);
}

static struct mimo_attention attention_shape(const struct mimo_clip_vit *vit, int64_t images)
{
    const int64_t width = vit->heads * vit->head_dim;

    return (struct mimo_attention){
        .batch = images,
        .queries = vit->tokens,
        .keys = vit->tokens,
        .heads = vit->heads,
        .groups = vit->heads,
        .head_dim = vit->head_dim,
        .q_stride = 3 * width,
        .k_stride = 3 * width,
        .v_stride = 3 * width,
        .out_stride = width,
        .is_causal = false,
        .scale = 1.0 / sqrt((double)vit->head_dim),
    };
}

static void take_scratch(struct mimo_clip_vit *vit, struct mimo_tensor_arena *scratch)
{
    const struct mimo_sizes *const sizes = &vit->sizes;

#define TAKE(name, rows, columns, element)                                                         \
    vit->name = mimo_tensor_take(scratch, (rows), (columns), (element));
    MIMO_VIT_SCRATCH(TAKE, sizes)
#undef TAKE
}

void mimo_clip_vit_open(struct mimo_clip_vit *vit, const struct mimo_plan *plan, uint32_t module,
                        const struct mimo_parameters *parameters,
                        const struct mimo_compute *compute, bool keeps_activations,
                        struct mimo_arena *table, struct mimo_tensor_arena *scratch)
{
    const struct mimo_plan_module *described = &plan->modules[module];
    const struct mimo_coordinate at = {.tp = compute->tp_rank};
    const int64_t side = described->image_size / described->patch_size;

    *vit = (struct mimo_clip_vit){
        .plan = described,
        .compute = *compute,
        .sizes = mimo_sizes_of(plan, module, &at),
        .hidden = described->hidden_size,
        .head_dim = described->head_dim,
        .patches = side * side,
        .tokens = side * side + 1,
        .patch_width = (int64_t)described->channels * described->patch_size * described->patch_size,
        .output_width = described->hidden_size,
        .layer_count = described->layers_computed,
        .has_projector = described->projector != MIMO_NONE,
        .trains = described->is_frozen == 0,
        .keeps_activations = keeps_activations,
        .images_max = described->images_max,
    };
    find_weights(vit, parameters, module, table);
    vit->heads = mimo_parameters_share(
                     mimo_parameters_item(parameters, module, MIMO_NONE, 0, MIMO_SLOT_Q_WEIGHT)) /
                 vit->head_dim;
    vit->ffn = mimo_parameters_share(
        mimo_parameters_item(parameters, module, MIMO_NONE, 0, MIMO_SLOT_UP_WEIGHT));
    take_scratch(vit, scratch);
    if (!vit->has_projector)
        return;
    mimo_projector_open(&vit->projector, plan, described->projector, parameters, compute,
                        vit->images_max * described->image_tokens, table, scratch);
    vit->output_width = vit->projector.plan->output_size;
}

static void take_layer(const struct mimo_clip_vit *vit, struct mimo_clip_saved_layer *layer,
                       struct mimo_tensor_arena *arena)
{
    const struct mimo_sizes *const sizes = &vit->sizes;

#define TAKE(name, rows, columns, element)                                                         \
    layer->name = mimo_tensor_take(arena, (rows), (columns), (element));
    MIMO_VIT_LAYER(TAKE, sizes)
#undef TAKE
}

void mimo_clip_vit_saved_open(const struct mimo_clip_vit *vit, struct mimo_clip_saved *saved,
                              struct mimo_arena *table, struct mimo_tensor_arena *arena)
{
    const struct mimo_sizes *const sizes = &vit->sizes;

    *saved = (struct mimo_clip_saved){0};
    saved->layers = MIMO_NEW_ARRAY(table, struct mimo_clip_saved_layer, vit->layer_count);
    for (uint32_t i = 0; i < vit->layer_count; i++) {
        if (i < 2 || vit->keeps_activations)
            take_layer(vit, &saved->layers[i], arena);
        else
            saved->layers[i] = saved->layers[i - 2];
    }
#define TAKE(name, rows, columns, element)                                                         \
    saved->name = mimo_tensor_take(arena, (rows), (columns), (element));
    MIMO_VIT_INPUT(TAKE, sizes)
    MIMO_VIT_STAGE(TAKE, sizes)
    MIMO_VIT_OUTPUT(TAKE, sizes)
#undef TAKE
    if (vit->has_projector)
        mimo_projector_saved_open(&vit->projector, &saved->projector, table, arena);
}

/* -- forward ---------------------------------------------------------------------------------- */

/* The first residual stream: into the first layer's x, or x_out where no layer is computed. */
static void embed(struct mimo_clip_vit *vit, struct mimo_clip_saved *saved, const uint8_t *pixels)
{
    struct mimo_backend *be = vit->compute.be;
    const struct mimo_plan_module *plan = vit->plan;
    const int64_t images = saved->images, rows = images * vit->tokens;
    const size_t image_bytes = (size_t)plan->image_size * plan->image_size * plan->channels;
    void *const x = vit->layer_count > 0 ? saved->layers[0].x : saved->x_out;

    be->ops->upload(be, vit->pixels, pixels, (size_t)images * image_bytes);
    be->ops->image_patches(be, saved->patches, vit->pixels, images, plan->channels,
                           plan->image_size, plan->patch_size, plan->image_mean, plan->image_std);
    be->ops->linear_forward(be, vit->rows_a, saved->patches, vit->patch_embedding.value, NULL,
                            images * vit->patches, vit->patch_width, vit->hidden);
    be->ops->vit_embed_forward(be, saved->embedded, vit->rows_a, vit->class_embedding.value,
                               vit->positions.value, images, vit->tokens, vit->hidden);
    be->ops->layer_norm_forward(be, x, saved->mean0, saved->rstd0, saved->embedded, NULL,
                                vit->pre_norm.value, vit->pre_norm_bias.value, rows, vit->hidden,
                                plan->norm_epsilon);
}

static void attend(struct mimo_clip_vit *vit, const struct mimo_clip_saved *saved,
                   struct mimo_clip_saved_layer *layer)
{
    struct mimo_backend *be = vit->compute.be;
    const struct mimo_attention shape = attention_shape(vit, saved->images);
    const size_t width = (size_t)(vit->heads * vit->head_dim) * be->element_size;
    const char *const qkv = layer->qkv;

    be->ops->attention_forward(be, &shape, layer->attention, layer->lse, qkv, qkv + width,
                               qkv + 2 * width, vit->workspace);
}

/* One layer; x_next gets the stream without saved->x_middle, which the next norm adds. */
static enum mimo_status forward_layer(struct mimo_clip_vit *vit,
                                      const struct mimo_clip_saved *saved, uint32_t index,
                                      const void *residual, void *x_next, struct mimo_error *err)
{
    const struct mimo_clip_layer *layer = &vit->layers[index];
    struct mimo_clip_saved_layer *kept = &saved->layers[index];
    const struct mimo_compute *compute = &vit->compute;
    struct mimo_backend *be = compute->be;
    const struct mimo_rows rows = mimo_rows_of(compute, saved->images * vit->tokens, false);
    const int64_t hidden = vit->hidden, width = vit->heads * vit->head_dim;
    const double epsilon = vit->plan->norm_epsilon;

    be->ops->layer_norm_forward(be, kept->n1, kept->mean1, kept->rstd1, kept->x, residual,
                                layer->norm1.value, layer->norm1_bias.value, rows.count, hidden,
                                epsilon);
    be->ops->linear_forward(be, kept->qkv, kept->n1, layer->qkv.value, layer->qkv_bias.value,
                            rows.count, hidden, 3 * width);
    attend(vit, saved, kept);
    MIMO_TRY(mimo_row_parallel_forward(compute, &rows, kept->x_middle, kept->attention, layer->o,
                                       layer->o_bias, width, hidden, NULL, err));
    be->ops->layer_norm_forward(be, kept->n2, kept->mean2, kept->rstd2, kept->x_middle, kept->x,
                                layer->norm2.value, layer->norm2_bias.value, rows.count, hidden,
                                epsilon);
    be->ops->linear_activation_forward(be, (enum mimo_activation)vit->plan->activation, kept->act,
                                       kept->up, kept->n2, layer->up.value, layer->up_bias.value,
                                       rows.count, hidden, vit->ffn);
    return mimo_row_parallel_forward(compute, &rows, x_next, kept->act, layer->down,
                                     layer->down_bias, vit->ffn, hidden, NULL, err);
}

/* Rows of the class token, the first of each image, are left out unless they are kept. */
static void select_features(struct mimo_clip_vit *vit, void *features, const void *x,
                            int64_t images)
{
    struct mimo_backend *be = vit->compute.be;
    const int64_t kept = vit->plan->image_tokens, skipped = vit->tokens - kept;
    const char *first = (const char *)x + (size_t)(skipped * vit->hidden) * be->element_size;

    be->ops->copy(be, features, kept * vit->hidden, first, vit->tokens * vit->hidden, images,
                  kept * vit->hidden);
}

static struct mimo_sequence_key key_of(const struct mimo_clip_vit *vit,
                                       const struct mimo_clip_saved *saved, enum mimo_pass pass)
{
    return (struct mimo_sequence_key){vit, saved, pass, saved->images, vit->tokens};
}

/* All layers; leaves the whole stream in saved->x_out. */
static enum mimo_status forward_layers(struct mimo_clip_vit *vit, struct mimo_clip_saved *saved,
                                       struct mimo_error *err)
{
    struct mimo_backend *be = vit->compute.be;
    const int64_t hidden = vit->hidden;
    const void *residual = NULL;

    for (uint32_t i = 0; i < vit->layer_count; i++) {
        const bool is_last = i + 1 == vit->layer_count;
        MIMO_TRY(forward_layer(vit, saved, i, residual,
                               is_last ? saved->x_out : saved->layers[i + 1].x, err));
        residual = saved->layers[i].x_middle;
    }
    if (residual != NULL)
        be->ops->add(be, saved->x_out, hidden, residual, hidden, saved->images * vit->tokens,
                     hidden);
    return MIMO_OK;
}

enum mimo_status mimo_clip_vit_forward(struct mimo_clip_vit *vit, struct mimo_clip_saved *saved,
                                       void *out, const uint8_t *pixels, int64_t images,
                                       struct mimo_error *err)
{
    struct mimo_backend *be = vit->compute.be;
    struct mimo_sequence_key key;
    enum mimo_status status = MIMO_OK;

    MIMO_ASSERT(images <= vit->images_max);
    saved->images = images;
    embed(vit, saved, pixels);
    key = key_of(vit, saved, MIMO_PASS_FORWARD);
    if (!be->ops->sequence_begin(be, &key, sizeof key)) {
        status = forward_layers(vit, saved, err);
        be->ops->sequence_end(be);
    }
    MIMO_TRY(status);
    if (!vit->has_projector) {
        select_features(vit, out, saved->x_out, images);
        return MIMO_OK;
    }
    select_features(vit, saved->features, saved->x_out, images);
    return mimo_projector_forward(&vit->projector, &saved->projector, out, saved->features,
                                  images * vit->plan->image_tokens, err);
}

/* -- backward --------------------------------------------------------------------------------- */

static enum mimo_status backward_ffn(struct mimo_clip_vit *vit, const struct mimo_clip_layer *layer,
                                     struct mimo_clip_saved_layer *kept,
                                     const struct mimo_rows *rows, struct mimo_error *err)
{
    const struct mimo_compute *compute = &vit->compute;
    struct mimo_backend *be = compute->be;
    const int64_t hidden = vit->hidden, ffn = vit->ffn, count = rows->count;

    mimo_weight_gradient(&vit->compute, layer->down, layer->down_bias, vit->dx, kept->act, count,
                         ffn, hidden);
    be->ops->linear_activation_backward(be, (enum mimo_activation)vit->plan->activation, vit->d_up,
                                        vit->dx, layer->down.value, kept->up, count, ffn, hidden);
    mimo_weight_gradient(&vit->compute, layer->up, layer->up_bias, vit->d_up, kept->n2, count,
                         hidden, ffn);
    be->ops->linear_backward_input(be, vit->rows_a, vit->d_up, layer->up.value, count, hidden, ffn,
                                   false);
    MIMO_TRY(mimo_rows_reduce(compute, rows, vit->rows_a, hidden, err));
    be->ops->layer_norm_backward(be, vit->dx, layer->norm2.gradient, layer->norm2_bias.gradient,
                                 vit->rows_a, kept->x_middle, layer->norm2.value, kept->mean2,
                                 kept->rstd2, count, hidden);
    return MIMO_OK;
}

static enum mimo_status backward_attention(struct mimo_clip_vit *vit,
                                           const struct mimo_clip_layer *layer,
                                           struct mimo_clip_saved_layer *kept, int64_t images,
                                           const struct mimo_rows *rows, struct mimo_error *err)
{
    const struct mimo_compute *compute = &vit->compute;
    struct mimo_backend *be = compute->be;
    const struct mimo_attention shape = attention_shape(vit, images);
    const int64_t hidden = vit->hidden, width = vit->heads * vit->head_dim, count = rows->count;
    const size_t at = (size_t)width * be->element_size;
    const char *const qkv = kept->qkv;
    char *const d_qkv = vit->d_qkv;

    mimo_weight_gradient(&vit->compute, layer->o, layer->o_bias, vit->dx, kept->attention, count,
                         width, hidden);
    be->ops->linear_backward_input(be, vit->d_attention, vit->dx, layer->o.value, count, width,
                                   hidden, false);
    be->ops->attention_backward(be, &shape, d_qkv, d_qkv + at, d_qkv + 2 * at, vit->d_attention,
                                kept->attention, kept->lse, qkv, qkv + at, qkv + 2 * at,
                                vit->workspace);
    mimo_weight_gradient(&vit->compute, layer->qkv, layer->qkv_bias, d_qkv, kept->n1, count, hidden,
                         3 * width);
    be->ops->linear_backward_input(be, vit->rows_a, d_qkv, layer->qkv.value, count, hidden,
                                   3 * width, false);
    MIMO_TRY(mimo_rows_reduce(compute, rows, vit->rows_a, hidden, err));
    be->ops->layer_norm_backward(be, vit->dx, layer->norm1.gradient, layer->norm1_bias.gradient,
                                 vit->rows_a, kept->x, layer->norm1.value, kept->mean1, kept->rstd1,
                                 count, hidden);
    return MIMO_OK;
}

/* Gradients of the features become those of all tokens; a class token that was left out has none.
 */
static void spread_features(struct mimo_clip_vit *vit, const void *d_features, int64_t images)
{
    struct mimo_backend *be = vit->compute.be;
    const int64_t kept = vit->plan->image_tokens, skipped = vit->tokens - kept;
    char *const first = (char *)vit->dx + (size_t)(skipped * vit->hidden) * be->element_size;

    if (skipped > 0)
        be->ops->zero(be, vit->dx, (size_t)(images * vit->tokens * vit->hidden) * be->element_size);
    be->ops->copy(be, first, vit->tokens * vit->hidden, d_features, kept * vit->hidden, images,
                  kept * vit->hidden);
}

static void backward_embedding(struct mimo_clip_vit *vit, struct mimo_clip_saved *saved)
{
    struct mimo_backend *be = vit->compute.be;
    const int64_t images = saved->images, rows = images * vit->tokens;
    const size_t bytes = (size_t)(rows * vit->hidden) * be->element_size;
    /* The features' gradient has been spread; its memory holds the patches' now. */
    void *const d_embedded = vit->rows_a, *const d_patches = vit->features_gradient;

    be->ops->zero(be, d_embedded, bytes);
    be->ops->layer_norm_backward(
        be, d_embedded, vit->pre_norm.gradient, vit->pre_norm_bias.gradient, vit->dx,
        saved->embedded, vit->pre_norm.value, saved->mean0, saved->rstd0, rows, vit->hidden);
    be->ops->vit_embed_backward(be, d_patches, vit->class_embedding.gradient,
                                vit->positions.gradient, d_embedded, images, vit->tokens,
                                vit->hidden);
    be->ops->linear_backward_weight(be, vit->patch_embedding.gradient, NULL, d_patches,
                                    saved->patches, images * vit->patches, vit->patch_width,
                                    vit->hidden);
}

static enum mimo_status backward_layers(struct mimo_clip_vit *vit, struct mimo_clip_saved *saved,
                                        struct mimo_error *err)
{
    const struct mimo_rows rows = mimo_rows_of(&vit->compute, saved->images * vit->tokens, false);

    for (uint32_t i = vit->layer_count; i-- > 0;) {
        MIMO_TRY(backward_ffn(vit, &vit->layers[i], &saved->layers[i], &rows, err));
        MIMO_TRY(
            backward_attention(vit, &vit->layers[i], &saved->layers[i], saved->images, &rows, err));
    }
    backward_embedding(vit, saved);
    return MIMO_OK;
}

enum mimo_status mimo_clip_vit_backward(struct mimo_clip_vit *vit, struct mimo_clip_saved *saved,
                                        const void *dout, struct mimo_error *err)
{
    const struct mimo_sequence_key key = key_of(vit, saved, MIMO_PASS_BACKWARD);
    struct mimo_backend *be = vit->compute.be;
    enum mimo_status status = MIMO_OK;

    if (vit->has_projector) {
        void *const d_features = vit->trains ? vit->features_gradient : NULL;
        MIMO_TRY(
            mimo_projector_backward(&vit->projector, &saved->projector, d_features, dout, err));
        dout = d_features;
    }
    if (!vit->trains)
        return MIMO_OK;
    spread_features(vit, dout, saved->images);
    if (!be->ops->sequence_begin(be, &key, sizeof key)) {
        status = backward_layers(vit, saved, err);
        be->ops->sequence_end(be);
    }
    return status;
}
