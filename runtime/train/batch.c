#include "runtime/train/batch.h"

#include "plan/grid.h"

#include <inttypes.h>
#include <string.h>

enum { TOTAL_TARGETS, TOTAL_TOKENS, TOTAL_IMAGES, TOTAL_BAD, TOTAL_COUNT };

/* -- making room ------------------------------------------------------------------------------ */

/* A micro-step's text has room for whole sequences, wherever they are cut. */
static void open_texts(struct mimo_batch *batch, struct mimo_arena *arena)
{
    const struct mimo_plan_training *training = batch->plan->training;
    const size_t rows = (size_t)training->micro_batch * training->sequence_length;
    const size_t micro_steps = batch->micro_steps;

    batch->texts = MIMO_NEW_ARRAY(arena, struct mimo_text, micro_steps);
    batch->ids = MIMO_NEW_ARRAY(arena, int32_t *, micro_steps);
    batch->target_rows = MIMO_NEW_ARRAY(arena, int32_t *, micro_steps);
    batch->target_labels = MIMO_NEW_ARRAY(arena, int32_t *, micro_steps);
    batch->lengths = MIMO_NEW_ARRAY(arena, uint32_t *, micro_steps);
    for (size_t m = 0; m < micro_steps; m++) {
        batch->ids[m] = MIMO_NEW_ARRAY(arena, int32_t, rows);
        batch->target_rows[m] = MIMO_NEW_ARRAY(arena, int32_t, rows);
        batch->target_labels[m] = MIMO_NEW_ARRAY(arena, int32_t, rows);
        batch->lengths[m] = MIMO_NEW_ARRAY(arena, uint32_t, training->micro_batch);
    }
}

static void open_image_rows(struct mimo_batch *batch, struct mimo_arena *arena)
{
    const struct mimo_plan *plan = batch->plan;
    const size_t rows = (size_t)plan->training->micro_batch * plan->training->sequence_length;

    batch->special_seen = MIMO_NEW_ARRAY(arena, uint32_t, plan->modality_count);
    batch->image_rows = MIMO_NEW_ARRAY(arena, struct mimo_image_rows *, plan->module_count);
    for (uint32_t i = 0; i < plan->module_count; i++) {
        if (plan->modules[i].kind != MIMO_MODULE_KIND_ENCODER)
            continue;
        batch->image_rows[i] = MIMO_NEW_ARRAY(arena, struct mimo_image_rows, batch->micro_steps);
        for (uint32_t m = 0; m < batch->micro_steps; m++)
            batch->image_rows[i][m].positions = MIMO_NEW_ARRAY(arena, int32_t, rows);
    }
}

static void open_tokens(struct mimo_batch *batch, struct mimo_arena *arena)
{
    const struct mimo_plan_training *training = batch->plan->training;

    batch->tokens = MIMO_NEW_ARRAY(arena, struct mimo_tokens, training->micro_batch);
    for (uint32_t b = 0; b < training->micro_batch; b++) {
        batch->tokens[b].ids = MIMO_NEW_ARRAY(arena, int32_t, training->sequence_length);
        batch->tokens[b].labels = MIMO_NEW_ARRAY(arena, int32_t, training->sequence_length);
    }
}

static void open_language(struct mimo_batch *batch, uint32_t module,
                          const struct mimo_coordinate *at, struct mimo_arena *arena)
{
    const struct mimo_plan_module *plan = &batch->plan->modules[module];
    const uint32_t samples = batch->plan->training->micro_batch;

    batch->has_language = true;
    batch->counts_balance = at->tp == 0 && at->cp == 0;
    batch->counts_losses = at->tp == 0 && at->pp + 1 == plan->pp;
    batch->counts_targets = batch->counts_losses && at->cp == 0;
    batch->cp_rank = at->cp;
    batch->cp_size = plan->cp;
    batch->language = (struct mimo_interval){module, at->dp * samples, (at->dp + 1) * samples};
    open_texts(batch, arena);
    open_image_rows(batch, arena);
    open_tokens(batch, arena);
}

static void open_encoder(struct mimo_batch *batch, uint32_t module,
                         const struct mimo_coordinate *at, struct mimo_arena *arena)
{
    const struct mimo_plan_module *plan = &batch->plan->modules[module];
    struct mimo_encoder_batch *encoder = &batch->encoders[batch->encoder_count++];

    encoder->interval =
        (struct mimo_interval){module, at->dp * plan->samples, (at->dp + 1) * plan->samples};
    encoder->image_bytes = (size_t)plan->image_size * plan->image_size * plan->channels;
    encoder->images_max = plan->images_max;
    encoder->images = MIMO_NEW_ARRAY(arena, uint32_t, batch->micro_steps);
    if (at->pp == 0)
        encoder->pixels = mimo_arena_alloc(arena, (size_t)batch->micro_steps * plan->images_max,
                                           encoder->image_bytes);
}

void mimo_batch_open(struct mimo_batch *batch, const struct mimo_plan *plan, uint32_t rank,
                     uint32_t micro_steps, struct mimo_world *world,
                     const struct mimo_transport *control, struct mimo_arena *arena)
{
    const struct mimo_plan_module *language = &plan->modules[plan->meta->language_module];
    const uint32_t samples = plan->training->micro_batch * language->dp;
    const size_t positions = (size_t)micro_steps * samples;

    *batch = (struct mimo_batch){
        .plan = plan,
        .world = world,
        .control = control,
        .micro_steps = micro_steps,
        .samples = samples,
    };
    batch->records = MIMO_NEW_ARRAY(arena, uint64_t, positions);
    batch->is_bad = MIMO_NEW_ARRAY(arena, uint8_t, positions);
    batch->totals = MIMO_NEW_ARRAY(arena, int64_t, TOTAL_COUNT);
    batch->images = MIMO_NEW_ARRAY(arena, uint32_t *, plan->modality_count);
    for (uint32_t i = 0; i < plan->modality_count; i++)
        batch->images[i] = MIMO_NEW_ARRAY(arena, uint32_t, positions);
    batch->encoders = MIMO_NEW_ARRAY(arena, struct mimo_encoder_batch, plan->module_count);
    for (uint32_t i = 0; i < plan->module_count; i++) {
        struct mimo_coordinate at;
        if (!mimo_grid_coordinate(&plan->modules[i], rank, &at))
            continue;
        if (plan->modules[i].kind == MIMO_MODULE_KIND_LANGUAGE)
            open_language(batch, i, &at, arena);
        else
            open_encoder(batch, i, &at, arena);
    }
}

/* -- samples ---------------------------------------------------------------------------------- */

/* Marks a position as bad and keeps the first reason. */
static void mark_bad(struct mimo_batch *batch, size_t position, const struct mimo_error *reason,
                     struct mimo_error *first)
{
    batch->is_bad[position] = 1;
    if (first->status == MIMO_OK)
        *first = *reason;
}

static bool is_empty(const struct mimo_batch *batch, size_t position)
{
    return batch->records[position] == MIMO_NO_RECORD || batch->is_bad[position] != 0;
}

/* Images of one modality that the plan has room for in one sample. */
static uint32_t room_for_images(const struct mimo_plan *plan, uint32_t modality)
{
    const struct mimo_plan_modality *described = &plan->modalities[modality];
    uint32_t room = UINT32_MAX;

    for (uint32_t i = 0; i < described->encoder_count; i++) {
        const struct mimo_plan_module *encoder = &plan->modules[described->encoder_first + i];
        const uint32_t own = encoder->images_max / encoder->samples;
        room = own < room ? own : room;
    }
    return room;
}

/* Counts one sample's images by modality. */
static enum mimo_status count_sample(struct mimo_batch *batch, size_t position,
                                     struct mimo_error *err)
{
    const struct mimo_plan *plan = batch->plan;
    const uint64_t record = batch->records[position];
    const struct mimo_image_ref *refs;
    uint32_t count;

    MIMO_TRY(mimo_dataset_images(batch->dataset, record, &refs, &count, err));
    for (uint32_t i = 0; i < count; i++)
        batch->images[refs[i].modality][position]++;
    for (uint32_t i = 0; i < plan->modality_count; i++)
        if (batch->images[i][position] > room_for_images(plan, i))
            return mimo_error_set(err, MIMO_E_DATA,
                                  "record %" PRIu64 " has %" PRIu32 " images of %s; the plan has "
                                  "room for %" PRIu32,
                                  record, batch->images[i][position],
                                  mimo_plan_text(plan, plan->modalities[i].name),
                                  room_for_images(plan, i));
    return MIMO_OK;
}

static void clear_images(struct mimo_batch *batch, size_t position)
{
    for (uint32_t i = 0; i < batch->plan->modality_count; i++)
        batch->images[i][position] = 0;
}

/* Counts the images of every position of an interval, for each modality. A bad sample has none. */
static void count_images(struct mimo_batch *batch, const struct mimo_interval *interval,
                         uint32_t micro_step, struct mimo_error *first)
{
    for (uint32_t p = interval->begin; p < interval->end; p++) {
        const size_t position = (size_t)micro_step * batch->samples + p;
        struct mimo_error reason = {0};

        clear_images(batch, position);
        if (is_empty(batch, position) || count_sample(batch, position, &reason) == MIMO_OK)
            continue;
        clear_images(batch, position);
        mark_bad(batch, position, &reason, first);
    }
}

/* Decodes one sample's images of the encoder's modality to `pixels` and what is behind it. */
static enum mimo_status decode_sample(struct mimo_batch *batch,
                                      const struct mimo_encoder_batch *encoder, size_t position,
                                      uint8_t *pixels, struct mimo_error *err)
{
    const struct mimo_plan_module *plan = &batch->plan->modules[encoder->interval.module];
    const uint64_t record = batch->records[position];
    const struct mimo_image_ref *refs;
    uint32_t count;

    MIMO_TRY(mimo_dataset_images(batch->dataset, record, &refs, &count, err));
    for (uint32_t i = 0; i < count; i++) {
        if (refs[i].modality != plan->modality)
            continue;
        MIMO_TRY(mimo_dataset_pixels(batch->dataset, record, i, plan->image_size, plan->channels,
                                     pixels, err));
        pixels += encoder->image_bytes;
    }
    return MIMO_OK;
}

/* All stages count images, the first one has their pixels. */
static void load_encoder(struct mimo_batch *batch, struct mimo_encoder_batch *encoder,
                         uint32_t micro_step, struct mimo_error *first)
{
    const uint32_t modality = batch->plan->modules[encoder->interval.module].modality;
    uint32_t *images = &encoder->images[micro_step];

    count_images(batch, &encoder->interval, micro_step, first);
    *images = 0;
    for (uint32_t p = encoder->interval.begin; p < encoder->interval.end; p++) {
        const size_t position = (size_t)micro_step * batch->samples + p;
        const size_t at = (size_t)micro_step * encoder->images_max + *images;
        struct mimo_error reason = {0};

        if (is_empty(batch, position))
            continue;
        if (encoder->pixels != NULL &&
            decode_sample(batch, encoder, position, encoder->pixels + at * encoder->image_bytes,
                          &reason) != MIMO_OK)
            mark_bad(batch, position, &reason, first);
        *images += batch->images[modality][position];
    }
}

/* -- text ------------------------------------------------------------------------------------- */

static void tokenize(struct mimo_batch *batch, uint32_t micro_step, struct mimo_error *first)
{
    for (uint32_t b = 0; b < batch->plan->training->micro_batch; b++) {
        const size_t position = (size_t)micro_step * batch->samples + batch->language.begin + b;
        const uint64_t record = batch->records[position];
        struct mimo_tokens *tokens = &batch->tokens[b];
        struct mimo_error reason = {0};
        enum mimo_status status;

        tokens->length = 0;
        tokens->targets = 0;
        if (is_empty(batch, position))
            continue;
        status = batch->is_prompt ? mimo_dataset_prompt(batch->dataset, record, tokens, &reason)
                                  : mimo_dataset_tokens(batch->dataset, record, tokens, &reason);
        if (status == MIMO_OK)
            continue;
        tokens->length = 0;
        tokens->targets = 0;
        mark_bad(batch, position, &reason, first);
    }
}

/* Of whole sequences, which context-parallel ranks cut in two pieces each. */
static uint32_t padded_length(const struct mimo_batch *batch)
{
    const struct mimo_plan_training *training = batch->plan->training;
    const uint32_t pieces = batch->cp_size > 1 ? 2 * batch->cp_size : 1;
    uint32_t longest = 1;

    if (training->padding == MIMO_PADDING_FULL && !batch->is_prompt)
        return training->sequence_length;
    for (uint32_t b = 0; b < training->micro_batch; b++)
        if (batch->tokens[b].length > longest)
            longest = batch->tokens[b].length;
    return (longest + pieces - 1) / pieces * pieces;
}

/* The modality whose special token `id` is, or MIMO_NONE. */
static uint32_t modality_of(const struct mimo_plan *plan, int32_t id)
{
    for (uint32_t i = 0; i < plan->modality_count; i++)
        if (id == (int32_t)plan->modalities[i].special_token)
            return i;
    return MIMO_NONE;
}

/* Special token number `number` of a modality in a sample: the encoder whose row goes there. Each
 * image has the rows of all its encoders one after another. */
static uint32_t encoder_of(const struct mimo_plan *plan, uint32_t modality, uint32_t number)
{
    const struct mimo_plan_modality *described = &plan->modalities[modality];
    uint32_t row = number % described->image_tokens;

    for (uint32_t i = 0; i < described->encoder_count; i++) {
        const uint32_t module = described->encoder_first + i;
        if (row < plan->modules[module].image_tokens)
            return module;
        row -= plan->modules[module].image_tokens;
    }
    MIMO_ASSERT(described->encoder_count == 0);
    return MIMO_NONE;
}

/* The row at `position` of sample b of a micro-step of that padded length, or -1 where it is on
 * another context-parallel rank. */
static int32_t row_of(const struct mimo_batch *batch, uint32_t length, uint32_t b,
                      uint32_t position)
{
    uint32_t holder;
    const uint64_t row = mimo_context_row(length, batch->cp_size, position, &holder);

    return holder == batch->cp_rank ? (int32_t)((uint64_t)b * (length / batch->cp_size) + row) : -1;
}

int32_t mimo_batch_prompt_end(const struct mimo_batch *batch, uint32_t micro_step, uint32_t b)
{
    const uint32_t tokens = batch->lengths[micro_step][b];

    return row_of(batch, batch->texts[micro_step].length * batch->cp_size, b,
                  tokens > 0 ? tokens - 1 : 0);
}

/* The image row that belongs to a special token goes to `row`. */
static void place_image_row(struct mimo_batch *batch, uint32_t micro_step, uint32_t modality,
                            int32_t row)
{
    const uint32_t module = encoder_of(batch->plan, modality, batch->special_seen[modality]++);
    struct mimo_image_rows *rows = &batch->image_rows[module][micro_step];

    rows->positions[rows->count++] = row;
}

static void place_target(struct mimo_batch *batch, uint32_t micro_step, int32_t row, int32_t label)
{
    uint32_t *targets = &batch->texts[micro_step].targets;

    batch->target_rows[micro_step][*targets] = row;
    batch->target_labels[micro_step][(*targets)++] = label;
}

static void place_token(struct mimo_batch *batch, uint32_t micro_step,
                        const struct mimo_tokens *tokens, uint32_t t, int32_t row)
{
    const bool is_text = t < tokens->length;
    const uint32_t modality = is_text ? modality_of(batch->plan, tokens->ids[t]) : MIMO_NONE;

    if (modality != MIMO_NONE)
        place_image_row(batch, micro_step, modality, row);
    if (row < 0)
        return;
    batch->ids[micro_step][row] = is_text && modality == MIMO_NONE ? tokens->ids[t] : -1;
    if (is_text && tokens->labels[t] >= 0)
        place_target(batch, micro_step, row, tokens->labels[t]);
}

/* Where a prompt ends, generation continues. Ranks that do not have that row take another for it,
 * so that all have a row of each prompt (decode.h). */
static void place_end(struct mimo_batch *batch, uint32_t micro_step, uint32_t b)
{
    const int32_t row = mimo_batch_prompt_end(batch, micro_step, b);

    place_target(batch, micro_step, row >= 0 ? row : (int32_t)(b * batch->texts[micro_step].length),
                 0);
}

static void place_sample(struct mimo_batch *batch, uint32_t micro_step, uint32_t b, uint32_t length)
{
    for (uint32_t i = 0; i < batch->plan->modality_count; i++)
        batch->special_seen[i] = 0;
    for (uint32_t t = 0; t < length; t++)
        place_token(batch, micro_step, &batch->tokens[b], t, row_of(batch, length, b, t));
    batch->lengths[micro_step][b] = batch->tokens[b].length;
    if (batch->is_prompt)
        place_end(batch, micro_step, b);
}

static void add_totals(struct mimo_batch *batch, uint32_t micro_step, uint32_t b)
{
    const size_t position = (size_t)micro_step * batch->samples + batch->language.begin + b;

    batch->totals[TOTAL_TARGETS] += batch->tokens[b].targets;
    batch->totals[TOTAL_TOKENS] += batch->tokens[b].length;
    for (uint32_t i = 0; i < batch->plan->modality_count; i++)
        batch->totals[TOTAL_IMAGES] += batch->images[i][position];
}

static void load_language(struct mimo_batch *batch, uint32_t micro_step, struct mimo_error *first)
{
    const uint32_t micro_batch = batch->plan->training->micro_batch;
    struct mimo_text *text = &batch->texts[micro_step];
    uint32_t length;

    count_images(batch, &batch->language, micro_step, first);
    tokenize(batch, micro_step, first);
    length = padded_length(batch);
    *text = (struct mimo_text){
        .batch = micro_batch,
        .length = length / batch->cp_size,
        .ids = batch->ids[micro_step],
        .target_rows = batch->target_rows[micro_step],
        .target_labels = batch->target_labels[micro_step],
        .lengths = batch->lengths[micro_step],
    };
    for (uint32_t i = 0; i < batch->plan->module_count; i++)
        if (batch->image_rows[i] != NULL)
            batch->image_rows[i][micro_step].count = 0;
    for (uint32_t b = 0; b < micro_batch; b++) {
        place_sample(batch, micro_step, b, length);
        if (batch->counts_targets)
            add_totals(batch, micro_step, b);
    }
}

/* -- agreement -------------------------------------------------------------------------------- */

static void load_own(struct mimo_batch *batch, struct mimo_error *first)
{
    batch->totals[TOTAL_TARGETS] = 0;
    batch->totals[TOTAL_TOKENS] = 0;
    batch->totals[TOTAL_IMAGES] = 0;
    for (uint32_t m = 0; m < batch->micro_steps; m++) {
        if (batch->has_language)
            load_language(batch, m, first);
        for (uint32_t i = 0; i < batch->encoder_count; i++)
            load_encoder(batch, &batch->encoders[i], m, first);
    }
    batch->totals[TOTAL_BAD] = first->status != MIMO_OK;
}

static enum mimo_status sum_totals(struct mimo_batch *batch, struct mimo_error *err)
{
    const struct mimo_transport *control = batch->control;

    MIMO_TRY(control->ops->all_reduce(control->everyone, batch->totals, TOTAL_COUNT, MIMO_DTYPE_I64,
                                      MIMO_REDUCE_SUM, err));
    batch->targets = (uint64_t)batch->totals[TOTAL_TARGETS];
    batch->token_count = (uint64_t)batch->totals[TOTAL_TOKENS];
    batch->image_count = (uint64_t)batch->totals[TOTAL_IMAGES];
    return MIMO_OK;
}

/* All ranks learn which positions are bad and load again without them. */
static enum mimo_status skip_bad(struct mimo_batch *batch, struct mimo_error *err)
{
    const struct mimo_transport *control = batch->control;
    const size_t positions = (size_t)batch->micro_steps * batch->samples;
    struct mimo_error ignored = {0};

    MIMO_TRY(control->ops->all_reduce(control->everyone, batch->is_bad, positions, MIMO_DTYPE_U8,
                                      MIMO_REDUCE_MAX, err));
    for (size_t i = 0; i < positions; i++)
        batch->skipped += batch->is_bad[i];
    batch->sample_count -= batch->skipped;
    load_own(batch, &ignored);
    return sum_totals(batch, err);
}

enum mimo_status mimo_batch_load(struct mimo_batch *batch, struct mimo_error *err)
{
    const size_t positions = (size_t)batch->micro_steps * batch->samples;
    struct mimo_error first = {0};
    bool is_speaker;

    memset(batch->is_bad, 0, positions);
    batch->skipped = batch->sample_count = 0;
    for (size_t i = 0; i < positions; i++)
        batch->sample_count += batch->records[i] != MIMO_NO_RECORD ? 1 : 0;
    load_own(batch, &first);
    MIMO_TRY(sum_totals(batch, err));
    if (batch->totals[TOTAL_BAD] == 0)
        return MIMO_OK;
    if (batch->plan->data->on_bad_sample == MIMO_BAD_SAMPLE_SKIP)
        return skip_bad(batch, err);
    (void)mimo_world_agree(batch->world, &first, &is_speaker);
    *err = first;
    err->is_agreed = true;
    return err->status;
}

uint64_t mimo_batch_rows(const struct mimo_batch *batch, uint32_t module, uint32_t micro_step,
                         uint32_t begin, uint32_t end)
{
    const struct mimo_plan_module *plan = &batch->plan->modules[module];
    const uint32_t *images = batch->images[plan->modality] + (size_t)micro_step * batch->samples;
    uint64_t count = 0;

    for (uint32_t p = begin; p < end; p++)
        count += images[p];
    return count * plan->image_tokens;
}
