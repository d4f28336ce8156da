#include "runtime/model/language.h"

#include "plan/grid.h"
#include "plan/tensors.h"
#include "runtime/model/gpt.h"
#include "runtime/model/llama.h"

/* -- building --------------------------------------------------------------------------------- */

static const struct mimo_language_ops *ops_of(const struct mimo_plan_module *module)
{
    return module->architecture == MIMO_ARCHITECTURE_GPT ? &mimo_gpt_ops : &mimo_llama_ops;
}

/* A tied head is a parameter of its own where the last stage is on another rank than the first. */
static void find_weights(struct mimo_language *language, const struct mimo_parameters *parameters,
                         uint32_t module)
{
    const struct {
        struct mimo_weight *weight;
        enum mimo_slot slot;
    } slots[] = {
        {&language->embedding, MIMO_SLOT_TOKEN_EMBEDDING},
        {&language->positions, MIMO_SLOT_POSITION_EMBEDDING},
        {&language->final_norm, MIMO_SLOT_FINAL_NORM},
        {&language->final_norm_bias, MIMO_SLOT_FINAL_NORM_BIAS},
        {&language->head, MIMO_SLOT_HEAD},
    };

    for (size_t i = 0; i < sizeof slots / sizeof *slots; i++)
        *slots[i].weight = mimo_parameters_find(parameters, module, MIMO_NONE, slots[i].slot);
    if (language->plan->ties_embeddings != 0 && language->head.value == NULL)
        language->head = language->embedding;
}

static void take_scratch(struct mimo_language *language, const struct mimo_language_parts *parts,
                         struct mimo_arena *table, struct mimo_tensor_arena *scratch)
{
    const struct mimo_sizes *const sizes = &language->sizes;

#define TAKE(name, rows, columns, element)                                                         \
    language->name = mimo_tensor_take(scratch, (rows), (columns), (element));
    MIMO_LANGUAGE_SCRATCH(TAKE, sizes)
    if (parts->has_head) {
        MIMO_HEAD_SCRATCH(TAKE, sizes)
    }
#undef TAKE
    mimo_attention_scratch_take(&language->attention, sizes, language->compute.cp != NULL, scratch);
    if (parts->recomputed.dense || parts->recomputed.sparse)
        language->ops->layer->take(
            &language->recomputed,
            &(struct mimo_layer_room){language->plan, parts->recomputed, sizes, table, scratch});
    language->ops->open(language, parts, table, scratch);
}

struct mimo_language *
mimo_language_open(const struct mimo_plan *plan, const struct mimo_language_parts *parts,
                   const struct mimo_parameters *parameters, const struct mimo_compute *compute,
                   struct mimo_arena *table, struct mimo_tensor_arena *scratch)
{
    const struct mimo_plan_module *module = &plan->modules[parts->module];
    const struct mimo_coordinate at = {.tp = compute->tp_rank, .etp = parts->experts.etp_rank};
    const struct mimo_sizes sizes = mimo_sizes_of(plan, parts->module, &at);
    const struct mimo_language_ops *ops = ops_of(module);
    struct mimo_language *language = mimo_arena_alloc(table, 1, ops->size);

    *language = (struct mimo_language){
        .ops = ops,
        .plan = module,
        .compute = *compute,
        .sizes = sizes,
        .heads = {(int64_t)sizes.heads, (int64_t)sizes.groups, module->head_dim, true},
        .hidden = module->hidden_size,
        .qkv_width = (int64_t)sizes.width,
        .ffn = (int64_t)sizes.ffn,
        .vocab_first =
            (int64_t)mimo_piece_begin(module->vocab_size, compute->tp_rank, compute->tp_size),
        .vocab_count = (int64_t)sizes.vocab,
        .batch_max = plan->training->micro_batch,
        .rows_max = (int64_t)plan->training->micro_batch * plan->training->sequence_length,
        .chunk = (int64_t)sizes.chunk,
    };
    language->host_index = MIMO_NEW_ARRAY(table, int32_t, (size_t)language->rows_max);
    find_weights(language, parameters, parts->module);
    take_scratch(language, parts, table, scratch);
    return language;
}

enum mimo_status mimo_language_prepare(struct mimo_language *language, struct mimo_error *err)
{
    return language->ops->prepare != NULL ? language->ops->prepare(language, err) : MIMO_OK;
}

void mimo_language_stage_open(struct mimo_language_stage *stage, struct mimo_language *language,
                              const struct mimo_plan *plan, const struct mimo_plan_place *place,
                              enum mimo_keeping keeping, const struct mimo_parameters *parameters,
                              struct mimo_arena *table)
{
    *stage = (struct mimo_language_stage){
        .language = language,
        .layers = {.ops = language->ops->layer,
                   .model = (char *)language + language->ops->layer_model,
                   .be = language->compute.be,
                   .keeping = keeping,
                   .recomputed = &language->recomputed},
        .is_first = place->stage == 0,
        .is_last = place->stage + 1 == language->plan->stage_count,
    };
    mimo_layers_find(&stage->layers, plan, place->module, place->stage, parameters, table);
}

void mimo_language_saved_open(const struct mimo_language_stage *stage,
                              struct mimo_language_saved *saved, struct mimo_arena *table,
                              struct mimo_tensor_arena *arena)
{
    const struct mimo_sizes *const sizes = &stage->language->sizes;

    *saved = (struct mimo_language_saved){0};
    saved->layers = mimo_layers_take(&stage->layers, sizes, table, arena);
#define TAKE(name, rows, columns, element)                                                         \
    saved->name = mimo_tensor_take(arena, (rows), (columns), (element));
    MIMO_LANGUAGE_STAGE(TAKE, sizes)
    if (sizes->experts > 0) {
        MIMO_LANGUAGE_EXPERTS(TAKE, sizes)
        saved->host_samples = MIMO_NEW_ARRAY(table, int32_t, (size_t)sizes->rows);
    }
    if (stage->is_first) {
        MIMO_LANGUAGE_INPUT(TAKE, sizes)
    }
    if (!stage->is_last)
        return;
    MIMO_LANGUAGE_OUTPUT(TAKE, sizes)
#undef TAKE
    saved->target_begins =
        MIMO_NEW_ARRAY(table, int64_t, (size_t)stage->language->compute.tp_size + 1);
}

/* -- into a stage ----------------------------------------------------------------------------- */

void mimo_language_upload_rows(struct mimo_language *language, int32_t *dst, const int32_t *rows,
                               int64_t count, int64_t first)
{
    struct mimo_backend *be = language->compute.be;

    for (int64_t i = 0; i < count; i++)
        language->host_index[i] = rows[i] - (int32_t)first;
    be->ops->upload(be, dst, language->host_index, (size_t)count * sizeof *rows);
}

struct mimo_rows mimo_language_rows(const struct mimo_language *language,
                                    const struct mimo_text *text)
{
    return mimo_rows_of(&language->compute, (int64_t)text->batch * text->length,
                        language->plan->sequence_parallel != 0);
}

/* The sample of each row, whose positions are in host_index. */
static void upload_samples(struct mimo_language *language, struct mimo_language_saved *saved,
                           const struct mimo_text *text)
{
    struct mimo_backend *be = language->compute.be;
    const int64_t count = saved->pass.rows.count;

    for (int64_t row = 0; row < count; row++) {
        const int64_t sample = row / saved->pass.length;
        const bool is_padding = language->host_index[row] >= (int64_t)text->lengths[sample];
        saved->host_samples[row] = is_padding ? -1 : (int32_t)sample;
    }
    be->ops->upload(be, saved->samples, saved->host_samples,
                    (size_t)count * sizeof *saved->samples);
}

/* The position of a row in its sequence. */
static int32_t position_of(const struct mimo_language *language, const struct mimo_layer_pass *pass,
                           int64_t row)
{
    const struct mimo_compute *compute = &language->compute;

    return (int32_t)mimo_context_position((uint64_t)pass->sequence, compute->cp_rank,
                                          compute->cp_size, (uint64_t)(row % pass->length));
}

/* Starts a micro-step: its rows, and on the last stage its targets. */
static void begin(struct mimo_language_stage *stage, struct mimo_language_saved *saved,
                  const struct mimo_text *text)
{
    struct mimo_language *language = stage->language;
    struct mimo_backend *be = language->compute.be;

    saved->pass = (struct mimo_layer_pass){
        .rows = mimo_language_rows(language, text),
        .batch = text->batch,
        .length = text->length,
        .sequence = (int64_t)text->length * language->compute.cp_size,
        .positions = saved->positions,
        .samples = saved->samples,
        .host_samples = saved->host_samples,
        .keys = language->keys,
    };
    for (int64_t row = 0; row < saved->pass.rows.count; row++)
        language->host_index[row] = position_of(language, &saved->pass, row);
    be->ops->upload(be, saved->positions, language->host_index,
                    (size_t)saved->pass.rows.count * sizeof *language->host_index);
    if (saved->samples != NULL)
        upload_samples(language, saved, text);
    if (stage->is_last)
        mimo_language_upload_targets(language, saved, text);
}

enum mimo_status mimo_language_embed(struct mimo_language_stage *stage,
                                     struct mimo_language_saved *saved,
                                     const struct mimo_text *text, struct mimo_error *err)
{
    struct mimo_language *language = stage->language;
    const struct mimo_compute *compute = &language->compute;
    struct mimo_backend *be = compute->be;
    const struct mimo_rows *rows = &saved->pass.rows;
    const int64_t hidden = language->hidden;
    void *const x = mimo_layers_input(&stage->layers, saved->layers, saved->x_out);
    void *sum;

    begin(stage, saved, text);
    mimo_language_upload_rows(language, saved->ids, text->ids, rows->count, 0);
    sum = rows->is_cut ? language->rows_a : x;
    be->ops->embedding_forward(be, sum, language->embedding.value, saved->ids, rows->count, hidden,
                               language->vocab_first, language->vocab_count);
    MIMO_TRY(mimo_rows_reduce(compute, rows, sum, hidden, err));
    if (rows->is_cut)
        be->ops->copy(be, x, hidden, mimo_row_at(compute, sum, rows->begin, hidden), hidden,
                      mimo_rows_held(rows), hidden);
    return MIMO_OK;
}

void mimo_language_enter(struct mimo_language_stage *stage, struct mimo_language_saved *saved,
                         const struct mimo_text *text, const void *stream)
{
    struct mimo_backend *be = stage->language->compute.be;
    const int64_t hidden = stage->language->hidden;

    begin(stage, saved, text);
    be->ops->copy(be, mimo_layers_input(&stage->layers, saved->layers, saved->x_out), hidden,
                  stream, hidden, mimo_rows_held(&saved->pass.rows), hidden);
}

void mimo_language_put_rows(struct mimo_language_stage *stage, struct mimo_language_saved *saved,
                            const void *rows, const int32_t *positions, int64_t count)
{
    struct mimo_backend *be = stage->language->compute.be;

    be->ops->scatter_rows(be, mimo_layers_input(&stage->layers, saved->layers, saved->x_out), rows,
                          positions, count, stage->language->hidden);
}

void mimo_language_get_row_gradients(struct mimo_language *language, void *rows,
                                     const int32_t *positions, int64_t count)
{
    struct mimo_backend *be = language->compute.be;

    be->ops->gather_rows(be, rows, language->dx, positions, count, language->hidden);
}

/* -- forward ---------------------------------------------------------------------------------- */

void mimo_language_add_positions(struct mimo_language *language, void *x,
                                 const struct mimo_layer_pass *pass)
{
    struct mimo_backend *be = language->compute.be;
    const int64_t hidden = language->hidden, rows = mimo_rows_held(&pass->rows);

    if (language->positions.value == NULL)
        return;
    be->ops->embedding_forward(be, language->rows_a, language->positions.value,
                               pass->positions + pass->rows.begin, rows, hidden, 0,
                               language->plan->max_sequence_length);
    be->ops->add(be, x, hidden, language->rows_a, hidden, rows, hidden);
}

enum mimo_status mimo_language_forward(struct mimo_language_stage *stage,
                                       struct mimo_language_saved *saved, struct mimo_error *err)
{
    struct mimo_language *language = stage->language;

    if (stage->is_first)
        mimo_language_add_positions(
            language, mimo_layers_input(&stage->layers, saved->layers, saved->x_out), &saved->pass);
    MIMO_TRY(mimo_layers_forward(&stage->layers, saved->layers, &saved->pass, saved->x_out,
                                 &saved->residual, err));
    for (uint32_t i = 0; i < stage->layers.count; i++)
        language->balance += saved->layers[i].experts.loss;
    if (!stage->is_last)
        return MIMO_OK;
    language->ops->norm_forward(language, saved->normed, saved->statistics, saved->x_out,
                                saved->residual, mimo_rows_held(&saved->pass.rows));
    return mimo_language_gather_targets(language, saved, err);
}

void mimo_language_leave(const struct mimo_language *language,
                         const struct mimo_language_saved *saved,
                         const struct mimo_columns *columns, void *out)
{
    const struct mimo_stream stream = {saved->x_out, saved->residual,
                                       mimo_rows_held(&saved->pass.rows), language->hidden};

    mimo_stream_leave(&language->compute, out, columns, &stream);
}

/* -- backward --------------------------------------------------------------------------------- */

static enum mimo_status backward_embedding(struct mimo_language *language,
                                           struct mimo_language_saved *saved,
                                           struct mimo_error *err)
{
    struct mimo_backend *be = language->compute.be;
    const struct mimo_rows *rows = &saved->pass.rows;
    void *dx;

    if (language->positions.gradient != NULL)
        be->ops->embedding_backward(be, language->positions.gradient, language->dx,
                                    saved->positions + rows->begin, mimo_rows_held(rows),
                                    language->hidden, 0, language->plan->max_sequence_length);
    if (language->embedding.gradient == NULL)
        return MIMO_OK;
    MIMO_TRY(mimo_row_parallel_gradient(&language->compute, rows, language->dx, language->hidden,
                                        language->rows_b, &dx, err));
    be->ops->embedding_backward(be, language->embedding.gradient, dx, saved->ids, rows->count,
                                language->hidden, language->vocab_first, language->vocab_count);
    return MIMO_OK;
}

/* The gradient of the stream behind the layers. */
static enum mimo_status backward_output(struct mimo_language_stage *stage,
                                        struct mimo_language_saved *saved, const void *d_out,
                                        struct mimo_error *err)
{
    struct mimo_language *language = stage->language;
    struct mimo_backend *be = language->compute.be;
    const int64_t hidden = language->hidden;

    if (stage->is_last)
        return mimo_language_backward_targets(language, saved, err);
    be->ops->copy(be, language->dx, hidden, d_out, hidden, mimo_rows_held(&saved->pass.rows),
                  hidden);
    return MIMO_OK;
}

enum mimo_status mimo_language_backward(struct mimo_language_stage *stage,
                                        struct mimo_language_saved *saved, const void *d_out,
                                        const struct mimo_backward_part *part,
                                        struct mimo_error *err)
{
    if (part->is_first)
        MIMO_TRY(backward_output(stage, saved, d_out, err));
    MIMO_TRY(mimo_layers_backward(&stage->layers, saved->layers, &saved->pass, part, err));
    return part->is_last && stage->is_first ? backward_embedding(stage->language, saved, err)
                                            : MIMO_OK;
}

void mimo_language_leave_backward(const struct mimo_language *language,
                                  const struct mimo_language_saved *saved,
                                  const struct mimo_columns *columns, void *d_in)
{
    const struct mimo_stream stream = {language->dx, NULL, mimo_rows_held(&saved->pass.rows),
                                       language->hidden};

    mimo_stream_leave(&language->compute, d_in, columns, &stream);
}
