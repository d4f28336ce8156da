#include "runtime/model/clip_vit.h"

#include "plan/tensors.h"

/* -- building --------------------------------------------------------------------------------- */

static void find_weights(struct mimo_clip_vit *vit, const struct mimo_parameters *parameters,
                         uint32_t module)
{
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

static void take_scratch(struct mimo_clip_vit *vit, const struct mimo_clip_parts *parts,
                         struct mimo_tensor_arena *scratch)
{
    const struct mimo_sizes *const sizes = &vit->sizes;

#define TAKE(name, rows, columns, element)                                                         \
    vit->name = mimo_tensor_take(scratch, (rows), (columns), (element));
    MIMO_VIT_SCRATCH(TAKE, sizes)
#undef TAKE
    mimo_attention_scratch_take(&vit->attention, sizes, vit->compute.cp != NULL, scratch);
    if (parts->recomputes)
        mimo_pre_norm_ops.take(&vit->recomputed,
                               &(struct mimo_layer_room){.sizes = sizes, .arena = scratch});
}

/* Rows are never cut. */
static struct mimo_pre_norm layers_of(const struct mimo_clip_vit *vit)
{
    return (struct mimo_pre_norm){
        .plan = vit->plan,
        .compute = vit->compute,
        .heads = {(int64_t)vit->sizes.heads, (int64_t)vit->sizes.groups, vit->plan->head_dim,
                  false},
        .hidden = vit->hidden,
        .ffn = (int64_t)vit->sizes.ffn,
        .dx = vit->dx,
        .rows_a = vit->rows_a,
        .d_qkv = vit->d_qkv,
        .d_attention = vit->d_attention,
        .d_up = vit->d_up,
        .attention = vit->attention,
    };
}

static void open_output(struct mimo_clip_vit *vit, const struct mimo_plan *plan,
                        const struct mimo_parameters *parameters, struct mimo_arena *table,
                        struct mimo_tensor_arena *scratch)
{
    if (vit->plan->projector != MIMO_NONE) {
        mimo_projector_open(&vit->projector, plan, vit->plan->projector, parameters, &vit->compute,
                            (int64_t)vit->sizes.features, table, scratch);
        vit->has_projector = true;
        vit->output_width = vit->projector.plan->output_size;
    }
    if (vit->compute.cp != NULL)
        vit->own_output =
            vit->has_projector ? mimo_projector_room(&vit->projector) : vit->features_gradient;
}

void mimo_clip_vit_open(struct mimo_clip_vit *vit, const struct mimo_plan *plan,
                        const struct mimo_clip_parts *parts,
                        const struct mimo_parameters *parameters,
                        const struct mimo_compute *compute, struct mimo_arena *table,
                        struct mimo_tensor_arena *scratch)
{
    const struct mimo_plan_module *described = &plan->modules[parts->module];
    const struct mimo_coordinate at = {.tp = compute->tp_rank};
    const struct mimo_sizes sizes = mimo_sizes_of(plan, parts->module, &at);

    *vit = (struct mimo_clip_vit){
        .plan = described,
        .compute = *compute,
        .sizes = sizes,
        .share = mimo_image_share_of(described, compute->cp_rank),
        .hidden = described->hidden_size,
        .output_width = described->hidden_size,
        .patch_width = (int64_t)sizes.patch_width,
        .trains = described->is_frozen == 0,
        .images_max = described->images_max,
    };
    find_weights(vit, parameters, parts->module);
    take_scratch(vit, parts, scratch);
    vit->layers = layers_of(vit);
    if (parts->has_output)
        open_output(vit, plan, parameters, table, scratch);
}

/* -- forward ---------------------------------------------------------------------------------- */

/* From pixels to the residual stream. */
static void embed(struct mimo_clip_vit *vit, struct mimo_clip_saved *saved, void *x,
                  const uint8_t *pixels)
{
    struct mimo_backend *be = vit->compute.be;
    const struct mimo_plan_module *plan = vit->plan;
    const struct mimo_image_share *const share = &vit->share;
    const int64_t images = saved->pass.batch, rows = saved->pass.rows.count;
    const size_t image_bytes = (size_t)plan->image_size * plan->image_size * plan->channels;

    be->ops->upload(be, vit->pixels, pixels, (size_t)images * image_bytes);
    be->ops->image_patches(be, saved->patches, vit->pixels, images, plan->channels,
                           plan->image_size, plan->patch_size, share->patch_first, share->patches,
                           plan->image_mean, plan->image_std);
    be->ops->linear_forward(be, vit->rows_a, saved->patches, vit->patch_embedding.value, NULL,
                            images * share->patches, vit->patch_width, vit->hidden);
    be->ops->vit_embed_forward(be, saved->embedded, vit->rows_a, vit->class_embedding.value,
                               vit->positions.value, images, share->token_first, share->tokens,
                               vit->hidden);
    be->ops->layer_norm_forward(be, x, saved->mean0, saved->rstd0, saved->embedded, NULL,
                                vit->pre_norm.value, vit->pre_norm_bias.value, rows, vit->hidden,
                                plan->norm_epsilon);
}

/* Rows of the class token, the first of each image, are left out unless they are kept. */
static void select_features(struct mimo_clip_vit *vit, void *features, const void *x,
                            int64_t images)
{
    struct mimo_backend *be = vit->compute.be;
    const int64_t kept = vit->share.features, skipped = vit->share.tokens - kept;
    const char *first = (const char *)x + (size_t)(skipped * vit->hidden) * be->element_size;

    be->ops->copy(be, features, kept * vit->hidden, first, vit->share.tokens * vit->hidden, images,
                  kept * vit->hidden);
}

/* Where the row of this rank's feature `feature` of the first image lies in the whole output. */
static size_t output_offset(const struct mimo_clip_vit *vit, int64_t feature)
{
    const int64_t row = vit->share.feature_first + feature;

    return (size_t)(row * vit->output_width) * vit->compute.be->element_size;
}

/* This rank's part of the whole output. Tensor ranks have equal rows: each brings a piece of those
 * of each image. */
static void place_output(const struct mimo_clip_vit *vit, void *out, int64_t images)
{
    struct mimo_backend *be = vit->compute.be;
    const int64_t width = vit->output_width, image = vit->plan->image_tokens * width;
    const struct mimo_rows brought = mimo_rows_of(&vit->compute, vit->share.features, true);

    be->ops->zero(be, out, (size_t)(images * image) * be->element_size);
    be->ops->copy(be, (char *)out + output_offset(vit, brought.begin), image,
                  mimo_row_at(&vit->compute, vit->own_output, brought.begin, width),
                  brought.count * width, images, mimo_rows_held(&brought) * width);
}

/* Starts a micro-step: the residual stream enters the stage. */
static void enter(struct mimo_clip_stage *stage, struct mimo_clip_saved *saved, const void *in,
                  int64_t images)
{
    struct mimo_clip_vit *vit = stage->vit;
    struct mimo_backend *be = vit->compute.be;
    void *const x = mimo_layers_input(&stage->layers, saved->layers, saved->x_out);

    MIMO_ASSERT(images <= vit->images_max);
    saved->pass = (struct mimo_layer_pass){
        .rows = mimo_rows_of(&vit->compute, images * vit->share.tokens, false),
        .batch = images,
        .length = vit->share.tokens,
        .sequence = (int64_t)vit->sizes.sequence,
    };
    if (stage->is_first)
        embed(vit, saved, x, in);
    else
        be->ops->copy(be, x, vit->hidden, in, vit->hidden, saved->pass.rows.count, vit->hidden);
}

enum mimo_status mimo_clip_vit_forward(struct mimo_clip_stage *stage, struct mimo_clip_saved *saved,
                                       const void *in, int64_t images, struct mimo_error *err)
{
    enter(stage, saved, in, images);
    return mimo_layers_forward(&stage->layers, saved->layers, &saved->pass, saved->x_out,
                               &saved->residual, err);
}

void mimo_clip_vit_leave(const struct mimo_clip_vit *vit, const struct mimo_clip_saved *saved,
                         const struct mimo_columns *columns, void *out)
{
    const struct mimo_stream stream = {saved->x_out, saved->residual, saved->pass.rows.count,
                                       vit->hidden};

    mimo_stream_leave(&vit->compute, out, columns, &stream);
}

enum mimo_status mimo_clip_vit_features(struct mimo_clip_vit *vit, struct mimo_clip_saved *saved,
                                        void *out, struct mimo_error *err)
{
    struct mimo_backend *be = vit->compute.be;
    const int64_t hidden = vit->hidden, images = saved->pass.batch;
    void *const y = vit->own_output != NULL ? vit->own_output : out;

    if (saved->residual != NULL)
        be->ops->add(be, saved->x_out, hidden, saved->residual, hidden, saved->pass.rows.count,
                     hidden);
    if (vit->has_projector) {
        select_features(vit, saved->features, saved->x_out, images);
        MIMO_TRY(mimo_projector_forward(&vit->projector, &saved->projector, y, saved->features,
                                        images * vit->share.features, err));
    } else {
        select_features(vit, y, saved->x_out, images);
    }
    if (vit->own_output != NULL)
        place_output(vit, out, images);
    return MIMO_OK;
}

/* -- backward --------------------------------------------------------------------------------- */

/* Gradients of the features become those of all tokens; a class token that was left out has none.
 */
static void spread_features(struct mimo_clip_vit *vit, const void *d_features, int64_t images)
{
    struct mimo_backend *be = vit->compute.be;
    const int64_t kept = vit->share.features, image = vit->share.tokens * vit->hidden;
    const int64_t skipped = vit->share.tokens - kept;
    char *const first = (char *)vit->dx + (size_t)(skipped * vit->hidden) * be->element_size;

    if (skipped > 0)
        be->ops->zero(be, vit->dx, (size_t)(images * image) * be->element_size);
    be->ops->copy(be, first, image, d_features, kept * vit->hidden, images, kept * vit->hidden);
}

static void backward_embedding(struct mimo_clip_vit *vit, struct mimo_clip_saved *saved)
{
    struct mimo_backend *be = vit->compute.be;
    const int64_t images = saved->pass.batch, rows = saved->pass.rows.count;
    const size_t bytes = (size_t)(rows * vit->hidden) * be->element_size;
    /* The features' gradient has been spread; its memory holds the patches' now. */
    void *const d_embedded = vit->rows_a, *const d_patches = vit->features_gradient;

    be->ops->zero(be, d_embedded, bytes);
    be->ops->layer_norm_backward(
        be, d_embedded, vit->pre_norm.gradient, vit->pre_norm_bias.gradient, vit->dx,
        saved->embedded, vit->pre_norm.value, saved->mean0, saved->rstd0, rows, vit->hidden);
    be->ops->vit_embed_backward(be, d_patches, vit->class_embedding.gradient,
                                vit->positions.gradient, d_embedded, images, vit->share.token_first,
                                vit->share.tokens, vit->hidden);
    be->ops->linear_backward_weight(be, vit->patch_embedding.gradient, NULL, d_patches,
                                    saved->patches, images * vit->share.patches, vit->patch_width,
                                    vit->hidden);
}

/* This rank's rows of the whole output's gradient. */
static void take_output_gradient(const struct mimo_clip_vit *vit, const void *d_out, int64_t images)
{
    const int64_t width = vit->output_width, own = vit->share.features * width;
    struct mimo_backend *be = vit->compute.be;

    be->ops->copy(be, vit->own_output, own, (const char *)d_out + output_offset(vit, 0),
                  vit->plan->image_tokens * width, images, own);
}

/* From the gradient of what the stage gave to that of the stream behind its layers. */
static enum mimo_status backward_output(const struct mimo_clip_stage *stage,
                                        struct mimo_clip_saved *saved, const void *d_out,
                                        struct mimo_error *err)
{
    struct mimo_clip_vit *vit = stage->vit;
    const int64_t hidden = vit->hidden;

    if (!stage->is_last) {
        vit->compute.be->ops->copy(vit->compute.be, vit->dx, hidden, d_out, hidden,
                                   saved->pass.rows.count, hidden);
        return MIMO_OK;
    }
    if (vit->own_output != NULL) {
        take_output_gradient(vit, d_out, saved->pass.batch);
        d_out = vit->own_output;
    }
    if (vit->has_projector) {
        void *const d_features = vit->trains ? vit->features_gradient : NULL;
        MIMO_TRY(
            mimo_projector_backward(&vit->projector, &saved->projector, d_features, d_out, err));
        d_out = d_features;
    }
    if (vit->trains)
        spread_features(vit, d_out, saved->pass.batch);
    return MIMO_OK;
}

enum mimo_status mimo_clip_vit_backward(struct mimo_clip_stage *stage,
                                        struct mimo_clip_saved *saved, const void *d_out,
                                        const struct mimo_backward_part *part,
                                        struct mimo_error *err)
{
    struct mimo_clip_vit *vit = stage->vit;

    if (part->is_first)
        MIMO_TRY(backward_output(stage, saved, d_out, err));
    if (!vit->trains)
        return MIMO_OK;
    MIMO_TRY(mimo_layers_backward(&stage->layers, saved->layers, &saved->pass, part, err));
    if (part->is_last && stage->is_first)
        backward_embedding(vit, saved);
    return MIMO_OK;
}

void mimo_clip_vit_leave_backward(const struct mimo_clip_vit *vit,
                                  const struct mimo_clip_saved *saved,
                                  const struct mimo_columns *columns, void *d_in)
{
    const struct mimo_stream stream = {vit->dx, NULL, saved->pass.rows.count, vit->hidden};

    mimo_stream_leave(&vit->compute, d_in, columns, &stream);
}

/* -- stages ----------------------------------------------------------------------------------- */

void mimo_clip_stage_open(struct mimo_clip_stage *stage, struct mimo_clip_vit *vit,
                          const struct mimo_plan *plan, const struct mimo_plan_place *place,
                          enum mimo_keeping keeping, const struct mimo_parameters *parameters,
                          struct mimo_arena *table)
{
    *stage = (struct mimo_clip_stage){
        .vit = vit,
        .layers = {.ops = &mimo_pre_norm_ops,
                   .model = &vit->layers,
                   .be = vit->compute.be,
                   .keeping = keeping,
                   .recomputed = &vit->recomputed},
        .is_first = place->stage == 0,
        .is_last = place->stage + 1 == vit->plan->stage_count,
    };
    mimo_layers_find(&stage->layers, plan, place->module, place->stage, parameters, table);
}

void mimo_clip_saved_open(const struct mimo_clip_stage *stage, struct mimo_clip_saved *saved,
                          struct mimo_arena *table, struct mimo_tensor_arena *arena)
{
    const struct mimo_sizes *const sizes = &stage->vit->sizes;

    *saved = (struct mimo_clip_saved){0};
    saved->layers = mimo_layers_take(&stage->layers, sizes, table, arena);
#define TAKE(name, rows, columns, element)                                                         \
    saved->name = mimo_tensor_take(arena, (rows), (columns), (element));
    MIMO_VIT_STAGE(TAKE, sizes)
    if (stage->is_first) {
        MIMO_VIT_INPUT(TAKE, sizes)
    }
    if (!stage->is_last)
        return;
    MIMO_VIT_OUTPUT(TAKE, sizes)
#undef TAKE
    if (stage->vit->has_projector)
        mimo_projector_saved_open(&stage->vit->projector, &saved->projector, table, arena);
}
