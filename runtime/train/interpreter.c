/* The interpreter of a role's program (engine.h): one function for each instruction. */
#include "plan/sizes.h"
#include "runtime/train/engine_parts.h"

static struct mimo_engine_place *place_at(struct mimo_engine *engine, uint32_t place)
{
    return &engine->places[place - engine->role->place_first];
}

static struct mimo_language_saved *text_of(const struct mimo_engine_place *place, uint32_t m)
{
    return &place->texts[place->slots.of[m]];
}

static struct mimo_clip_saved *images_of(const struct mimo_engine_place *place, uint32_t m)
{
    return &place->images[place->slots.of[m]];
}

/* -- encoders --------------------------------------------------------------------------------- */

/* What leaves the encoder, or the stage: into the buffer that will be sent. */
static enum mimo_status leave_encoder(struct mimo_engine *engine, struct mimo_engine_place *place,
                                      uint32_t m, struct mimo_error *err)
{
    struct mimo_clip_vit *vit = place->encoder.vit;
    void *out;

    MIMO_TRY(mimo_engine_fill(engine, &place->out->source_rows, m, &out, err));
    if (place->encoder.is_last)
        return mimo_clip_vit_features(vit, images_of(place, m), out, err);
    mimo_clip_vit_leave(vit, images_of(place, m), &place->out->stages.columns, out);
    return MIMO_OK;
}

static enum mimo_status do_encode(struct mimo_engine *engine, uint32_t index, uint32_t m,
                                  struct mimo_error *err)
{
    struct mimo_engine_place *place = place_at(engine, index);
    const struct mimo_encoder_batch *batch = place->batch;
    const void *in;

    if (place->in != NULL)
        in = mimo_slotted_data(&place->in->destination_rows, m);
    else
        in = batch->pixels + (size_t)m * batch->images_max * batch->image_bytes;
    MIMO_TRY(
        mimo_clip_vit_forward(&place->encoder, images_of(place, m), in, batch->images[m], err));
    return leave_encoder(engine, place, m, err);
}

/* What goes back from a stage to the one before, where anything learns there. */
static enum mimo_status leave_encoder_backward(struct mimo_engine *engine,
                                               struct mimo_engine_place *place, uint32_t m,
                                               struct mimo_error *err)
{
    void *d_in;

    if (place->in == NULL || place->in->plan->has_backward == 0)
        return MIMO_OK;
    MIMO_TRY(mimo_engine_fill(engine, &place->in->destination_gradients, m, &d_in, err));
    mimo_clip_vit_leave_backward(place->encoder.vit, images_of(place, m),
                                 &place->in->stages.columns, d_in);
    return MIMO_OK;
}

/* -- the language model ----------------------------------------------------------------------- */

/* Neighbouring image rows of a bridge that all go to rows begin ... end - 1. */
struct run {
    int64_t first, end;
};

/* The next run behind `run`; false where there is none. */
static bool next_run(const struct mimo_image_rows *images, int64_t begin, int64_t end,
                     struct run *run)
{
    const int32_t *positions = images->positions;

    run->first = run->end;
    while (run->first < images->count &&
           (positions[run->first] < begin || positions[run->first] >= end))
        run->first++;
    run->end = run->first;
    while (run->end < images->count && positions[run->end] >= begin && positions[run->end] < end)
        run->end++;
    return run->end > run->first;
}

/* Where image rows of the bridge go; uploads it, as seen from row `first`. */
static const struct mimo_image_rows *
index_rows(struct mimo_engine *engine, struct mimo_engine_link *link, int64_t first, uint32_t m)
{
    const struct mimo_image_rows *images = &engine->batch.image_rows[link->plan->from_module][m];

    mimo_language_upload_rows(engine->language, link->row_index, images->positions, images->count,
                              first);
    return images;
}

static bool ends_bridge(const struct mimo_engine_link *link)
{
    return link->plan->is_bridge != 0 && link->is_destination;
}

/* Puts the image rows of a bridge where they go among the rows that are held here. */
static void put_images(struct mimo_engine *engine, struct mimo_engine_place *place,
                       struct mimo_engine_link *link, uint32_t m)
{
    const struct mimo_compute *compute = &engine->language->compute;
    struct mimo_language_saved *saved = text_of(place, m);
    const struct mimo_rows *rows = &saved->pass.rows;
    const struct mimo_image_rows *images = index_rows(engine, link, rows->begin, m);
    void *const data = mimo_slotted_data(&link->destination_rows, m);
    struct run run = {0, 0};

    while (next_run(images, rows->begin, rows->end, &run))
        mimo_language_put_rows(&place->language, saved,
                               mimo_row_at(compute, data, run.first, engine->language->hidden),
                               link->row_index + run.first, run.end - run.first);
}

static enum mimo_status do_merge(struct mimo_engine *engine, uint32_t index, uint32_t m,
                                 struct mimo_error *err)
{
    struct mimo_engine_place *place = place_at(engine, index);

    MIMO_TRY(
        mimo_language_embed(&place->language, text_of(place, m), &engine->batch.texts[m], err));
    for (uint32_t i = 0; i < engine->plan->edge_count; i++)
        if (ends_bridge(&engine->links[i]))
            put_images(engine, place, &engine->links[i], m);
    return MIMO_OK;
}

static enum mimo_status take_loss(struct mimo_engine *engine, struct mimo_language_saved *saved,
                                  struct mimo_error *err)
{
    struct mimo_language *language = engine->language;
    const uint64_t targets = engine->batch.targets;
    const double scale = targets > 0 ? 1.0 / (double)targets : 0.0;

    MIMO_TRY(mimo_language_loss(language, saved, scale, engine->trains, err));
    if (engine->trains && engine->batch.counts_losses)
        engine->be->ops->sum(engine->be, &engine->parameters.sums[MIMO_SUM_LOSS], language->losses,
                             saved->target_count);
    return MIMO_OK;
}

static enum mimo_status do_forward(struct mimo_engine *engine, uint32_t index, uint32_t m,
                                   struct mimo_error *err)
{
    struct mimo_engine_place *place = place_at(engine, index);
    struct mimo_language_saved *saved = text_of(place, m);
    void *out;

    if (place->in != NULL)
        mimo_language_enter(&place->language, saved, &engine->batch.texts[m],
                            mimo_slotted_data(&place->in->destination_rows, m));
    MIMO_TRY(mimo_language_forward(&place->language, saved, err));
    if (place->out == NULL)
        return engine->batch.is_prompt ? MIMO_OK : take_loss(engine, saved, err);
    MIMO_TRY(mimo_engine_fill(engine, &place->out->source_rows, m, &out, err));
    mimo_language_leave(engine->language, saved, &place->out->stages.columns, out);
    return MIMO_OK;
}

/* What goes back over a bridge: the gradients of the image rows. Where rows are cut by position
 * each rank brings those that it has, tensor ranks with equal rows a piece of them each, and zeros
 * for the others. */
static enum mimo_status gather_gradients(struct mimo_engine *engine, struct mimo_engine_link *link,
                                         const struct mimo_rows *rows, uint32_t m,
                                         struct mimo_error *err)
{
    struct mimo_language *language = engine->language;
    const struct mimo_compute *compute = &language->compute;
    struct mimo_backend *be = engine->be;
    const bool is_cut = rows->is_cut || compute->cp != NULL;
    const struct mimo_rows brought = mimo_rows_of(compute, rows->count, is_cut);
    const struct mimo_image_rows *images = index_rows(engine, link, rows->begin, m);
    struct run run = {0, 0};
    void *gradients;

    MIMO_TRY(mimo_engine_fill(engine, &link->destination_gradients, m, &gradients, err));
    if (is_cut)
        be->ops->zero(be, gradients,
                      mimo_link_rows(&link->bridge, &link->bridge.destination, m) *
                          (size_t)language->hidden * be->element_size);
    while (next_run(images, brought.begin, brought.end, &run))
        mimo_language_get_row_gradients(
            language, mimo_row_at(compute, gradients, run.first, language->hidden),
            link->row_index + run.first, run.end - run.first);
    return MIMO_OK;
}

/* What goes back from the first stage, and from a later one. */
static enum mimo_status leave_first(struct mimo_engine *engine,
                                    const struct mimo_language_saved *saved, uint32_t m,
                                    struct mimo_error *err)
{
    for (uint32_t i = 0; i < engine->plan->edge_count; i++)
        if (ends_bridge(&engine->links[i]) && engine->links[i].plan->has_backward != 0)
            MIMO_TRY(gather_gradients(engine, &engine->links[i], &saved->pass.rows, m, err));
    return MIMO_OK;
}

static enum mimo_status leave_later(struct mimo_engine *engine, struct mimo_engine_link *in,
                                    const struct mimo_language_saved *saved, uint32_t m,
                                    struct mimo_error *err)
{
    void *d_in;

    MIMO_TRY(mimo_engine_fill(engine, &in->destination_gradients, m, &d_in, err));
    mimo_language_leave_backward(engine->language, saved, &in->stages.columns, d_in);
    return MIMO_OK;
}

static enum mimo_status leave_language_backward(struct mimo_engine *engine,
                                                struct mimo_engine_place *place, uint32_t m,
                                                struct mimo_error *err)
{
    const struct mimo_language_saved *saved = text_of(place, m);

    return place->in == NULL ? leave_first(engine, saved, m, err)
                             : leave_later(engine, place->in, saved, m, err);
}

/* -- backward, and the sums of gradients ------------------------------------------------------ */

static struct mimo_replicas replicas_of(const struct mimo_engine *engine, uint32_t module)
{
    return (struct mimo_replicas){
        .transport = engine->transport,
        .tp = engine->groups[module].tp,
        .dp = engine->groups[module].dp_cp,
        .edp = engine->groups[module].edp,
        .embedding = engine->groups[module].embedding,
    };
}

static enum mimo_status backward_part(struct mimo_engine_place *place, uint32_t m,
                                      const struct mimo_backward_part *part, struct mimo_error *err)
{
    const void *d_out =
        place->out != NULL ? mimo_slotted_data(&place->out->source_gradients, m) : NULL;

    return place->texts != NULL
               ? mimo_language_backward(&place->language, text_of(place, m), d_out, part, err)
               : mimo_clip_vit_backward(&place->encoder, images_of(place, m), d_out, part, err);
}

/* Goes back part by part: behind each one a bucket is complete, whose sum goes on beside the next.
 * `part` is left with what comes behind the last bucket. */
static enum mimo_status backward_buckets(struct mimo_engine *engine,
                                         struct mimo_engine_place *place, uint32_t m,
                                         struct mimo_backward_part *part, struct mimo_error *err)
{
    const uint32_t module = place->plan->module, stage = place->plan->stage;
    const uint32_t layer_first =
        engine->plan->stages[engine->plan->modules[module].stage_first + stage].layer_first;
    const struct mimo_replicas replicas = replicas_of(engine, module);

    for (uint32_t i = 0; i < engine->parameters.bucket_count; i++) {
        const struct mimo_trained_bucket *bucket = &engine->parameters.buckets[i];

        if (bucket->plan.module != module || bucket->plan.stage != stage)
            continue;
        part->first = bucket->plan.layer - layer_first;
        MIMO_TRY(backward_part(place, m, part, err));
        MIMO_TRY(mimo_parameters_reduce_bucket(&engine->parameters, bucket, &replicas, err));
        *part = (struct mimo_backward_part){.end = part->first};
    }
    return MIMO_OK;
}

static enum mimo_status do_backward(struct mimo_engine *engine, uint32_t index, uint32_t m,
                                    struct mimo_error *err)
{
    struct mimo_engine_place *place = place_at(engine, index);
    const bool is_language = place->texts != NULL;
    struct mimo_backward_part part = {
        .end = is_language ? place->language.layers.count : place->encoder.layers.count,
        .is_first = true,
    };

    if (m + 1 == engine->plan->training->micro_steps)
        MIMO_TRY(backward_buckets(engine, place, m, &part, err));
    part.first = 0;
    part.is_last = true;
    MIMO_TRY(backward_part(place, m, &part, err));
    return is_language ? leave_language_backward(engine, place, m, err)
                       : leave_encoder_backward(engine, place, m, err);
}

static enum mimo_status do_reduce(struct mimo_engine *engine, uint32_t place,
                                  struct mimo_error *err)
{
    const uint32_t module = engine->plan->places[place].module;
    const struct mimo_replicas replicas = replicas_of(engine, module);

    return mimo_parameters_reduce(&engine->parameters, module, &replicas, err);
}

/* -- the end of a step ------------------------------------------------------------------------ */

/* The mean of the balance losses of a step, over its samples and the layers with experts. */
static double balance_share(const struct mimo_engine *engine)
{
    const struct mimo_plan_module *module = engine->language->plan;
    const double samples = (double)engine->batch.sample_count;
    const double layers = (double)mimo_expert_layers(module, 0, module->num_layers);

    return samples * layers > 0.0 ? 1.0 / (samples * layers) : 0.0;
}

static enum mimo_status do_load(struct mimo_engine *engine, struct mimo_error *err)
{
    if (engine->trains)
        mimo_parameters_zero_gradients(&engine->parameters);
    MIMO_TRY(mimo_batch_load(&engine->batch, err));
    if (engine->language == NULL)
        return MIMO_OK;
    engine->language->balance = 0.0;
    engine->language->balance_scale =
        engine->language->plan->aux_loss_coefficient * balance_share(engine);
    return MIMO_OK;
}

static enum mimo_status do_step(struct mimo_engine *engine, struct mimo_error *err)
{
    const struct mimo_plan_place *places = engine->plan->places + engine->role->place_first;

    MIMO_TRY(mimo_engine_settle(engine, err));
    if (engine->language != NULL && engine->batch.counts_balance)
        engine->optimizer.balance = engine->language->balance * balance_share(engine);
    MIMO_TRY(mimo_optimizer_step(&engine->optimizer, engine->step, engine->batch.targets, err));
    for (uint32_t i = 0; i < engine->role->place_count; i++) {
        const struct mimo_replicas replicas = replicas_of(engine, places[i].module);
        if (i == 0 || places[i].module != places[i - 1].module)
            MIMO_TRY(mimo_parameters_gather(&engine->parameters, places[i].module, &replicas, err));
    }
    return mimo_engine_settle(engine, err);
}

static enum mimo_status carry_out(struct mimo_engine *engine,
                                  const struct mimo_plan_instruction *instruction,
                                  struct mimo_error *err)
{
    const uint32_t place = instruction->place, m = instruction->micro_step;

    switch ((enum mimo_opcode)instruction->opcode) {
    case MIMO_OPCODE_LOAD:
        return do_load(engine, err);
    case MIMO_OPCODE_ENCODE:
        return do_encode(engine, place, m, err);
    case MIMO_OPCODE_MERGE:
        return do_merge(engine, place, m, err);
    case MIMO_OPCODE_FORWARD:
        return do_forward(engine, place, m, err);
    case MIMO_OPCODE_BACKWARD:
        return do_backward(engine, place, m, err);
    case MIMO_OPCODE_SEND:
    case MIMO_OPCODE_RECEIVE:
    case MIMO_OPCODE_EXCHANGE:
        return mimo_engine_transfer(engine, instruction, err);
    case MIMO_OPCODE_REDUCE:
        return do_reduce(engine, place, err);
    case MIMO_OPCODE_STEP:
        return do_step(engine, err);
    case MIMO_OPCODE_COUNT:
        break;
    }
    MIMO_ASSERT(instruction->opcode < MIMO_OPCODE_COUNT);
    return MIMO_E_FAILED;
}

/* What the backend reports here belongs to this instruction or one shortly before. */
static enum mimo_status execute(struct mimo_engine *engine,
                                const struct mimo_plan_instruction *instruction,
                                struct mimo_error *err)
{
    mimo_engine_note(engine, instruction);
    MIMO_TRY(carry_out(engine, instruction, err));
    return engine->be->ops->check(engine->be, err);
}

enum mimo_status mimo_engine_step(struct mimo_engine *engine, uint64_t step, struct mimo_error *err)
{
    const struct mimo_plan_role *role = engine->role;

    engine->step = step;
    for (uint32_t i = 0; i < role->instruction_count; i++)
        MIMO_TRY(execute(engine, &engine->plan->instructions[role->instruction_first + i], err));
    return MIMO_OK;
}

/* -- forward alone ---------------------------------------------------------------------------- */

/* What of an instruction belongs to the forward pass of micro-step 0; opcode COUNT: nothing. */
static struct mimo_plan_instruction forward_part(struct mimo_plan_instruction instruction)
{
    const bool computes = instruction.opcode == MIMO_OPCODE_ENCODE ||
                          instruction.opcode == MIMO_OPCODE_MERGE ||
                          instruction.opcode == MIMO_OPCODE_FORWARD;

    if (instruction.opcode == MIMO_OPCODE_LOAD || (computes && instruction.micro_step == 0))
        return instruction;
    if (instruction.send_micro_step != 0 || instruction.send_direction != MIMO_EDGE_FORWARD)
        instruction.send_edge = MIMO_NONE;
    if (instruction.receive_micro_step != 0 || instruction.receive_direction != MIMO_EDGE_FORWARD)
        instruction.receive_edge = MIMO_NONE;
    if (instruction.send_edge == MIMO_NONE && instruction.receive_edge == MIMO_NONE)
        instruction.opcode = MIMO_OPCODE_COUNT;
    return instruction;
}

enum mimo_status mimo_engine_forward(struct mimo_engine *engine, struct mimo_error *err)
{
    const struct mimo_plan_role *role = engine->role;

    for (uint32_t i = 0; i < role->instruction_count; i++) {
        const struct mimo_plan_instruction instruction =
            forward_part(engine->plan->instructions[role->instruction_first + i]);
        if (instruction.opcode != MIMO_OPCODE_COUNT)
            MIMO_TRY(execute(engine, &instruction, err));
    }
    return mimo_engine_settle(engine, err);
}

void *mimo_engine_targets(const struct mimo_engine *engine)
{
    for (uint32_t i = 0; i < engine->role->place_count; i++)
        if (engine->places[i].texts != NULL && engine->places[i].language.is_last)
            return text_of(&engine->places[i], 0)->targets;
    return NULL;
}
