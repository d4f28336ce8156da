/* The interpreter of a role's program (engine.h): one function for each instruction. */
#include "runtime/train/engine.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void *slot_data(const struct mimo_slotted *slotted, uint32_t micro_step)
{
    return slotted->data[slotted->slots.of[micro_step]];
}

static struct mimo_engine_encoder *encoder_at(struct mimo_engine *engine, uint32_t place)
{
    for (uint32_t i = 0; i < engine->encoder_count; i++)
        if (engine->encoders[i].place == place)
            return &engine->encoders[i];
    return NULL;
}

static struct mimo_llama_saved *text_of(struct mimo_engine *engine, uint32_t micro_step)
{
    struct mimo_engine_language *language = &engine->language;

    return &language->saved[language->slots.of[micro_step]];
}

/* -- for the watchdog ------------------------------------------------------------------------- */

static const char *edge_end(const struct mimo_engine *engine, uint32_t edge, bool is_source)
{
    const struct mimo_plan_edge *plan = &engine->plan->edges[edge];
    const uint32_t module = is_source ? plan->from_module : plan->to_module;

    return mimo_plan_text(engine->plan, engine->plan->modules[module].name);
}

static void note(struct mimo_engine *engine, const struct mimo_plan_instruction *instruction)
{
    char *text = engine->notes[engine->note++ % 2];
    const size_t size = sizeof engine->notes[0];
    const char *word = mimo_opcode_word(instruction->opcode);
    const uint32_t edge =
        instruction->send_edge != MIMO_NONE ? instruction->send_edge : instruction->receive_edge;
    const uint32_t micro_step = instruction->send_edge != MIMO_NONE
                                    ? instruction->send_micro_step
                                    : instruction->receive_micro_step;

    if (edge != MIMO_NONE)
        (void)snprintf(text, size, "step %" PRIu64 ": %s %s-%s, micro-step %" PRIu32,
                       engine->step + 1, word, edge_end(engine, edge, true),
                       edge_end(engine, edge, false), micro_step);
    else if (instruction->place == MIMO_NONE)
        (void)snprintf(text, size, "step %" PRIu64 ": %s", engine->step + 1, word);
    else
        (void)snprintf(
            text, size, "step %" PRIu64 ": %s %s", engine->step + 1, word,
            mimo_plan_text(
                engine->plan,
                engine->plan->modules[engine->plan->places[instruction->place].module].name));
    mimo_world_note(engine->world, text);
}

/* -- encoders --------------------------------------------------------------------------------- */

static enum mimo_status do_encode(struct mimo_engine *engine, uint32_t place, uint32_t m,
                                  struct mimo_error *err)
{
    struct mimo_engine_encoder *encoder = encoder_at(engine, place);
    const struct mimo_encoder_batch *batch = encoder->batch;
    const uint8_t *pixels = batch->pixels + (size_t)m * batch->images_max * batch->image_bytes;

    return mimo_clip_vit_forward(&encoder->vit, &encoder->saved[encoder->slots.of[m]],
                                 slot_data(&engine->links[encoder->link].source_rows, m), pixels,
                                 batch->images[m], err);
}

static enum mimo_status do_backward_encoder(struct mimo_engine *engine,
                                            struct mimo_engine_encoder *encoder, uint32_t m,
                                            struct mimo_error *err)
{
    return mimo_clip_vit_backward(&encoder->vit, &encoder->saved[encoder->slots.of[m]],
                                  slot_data(&engine->links[encoder->link].source_gradients, m),
                                  err);
}

/* -- the language model ----------------------------------------------------------------------- */

/* The image rows of a link that go to rows which this rank holds; uploads where they go. */
static int64_t index_rows(struct mimo_engine *engine, struct mimo_engine_link *link,
                          const struct mimo_rows *rows, uint32_t m, int64_t *out_count)
{
    const struct mimo_image_rows *images = &engine->batch.image_rows[link->link.encoder][m];
    int32_t *const index = engine->language.llama.host_index;
    int64_t first = 0, end;

    while (first < images->count && images->positions[first] < rows->begin)
        first++;
    for (end = first; end < images->count && images->positions[end] < rows->end; end++)
        index[end - first] = images->positions[end] - (int32_t)rows->begin;
    engine->be->ops->upload(engine->be, link->row_index, index,
                            (size_t)(end - first) * sizeof *index);
    *out_count = end - first;
    return first;
}

static enum mimo_status do_merge(struct mimo_engine *engine, uint32_t m, struct mimo_error *err)
{
    struct mimo_llama *llama = &engine->language.llama;
    struct mimo_llama_saved *saved = text_of(engine, m);

    MIMO_TRY(mimo_llama_embed(llama, saved, &engine->batch.texts[m], err));
    for (uint32_t i = 0; i < engine->plan->edge_count; i++) {
        struct mimo_engine_link *link = &engine->links[i];
        int64_t first, count;

        if (!link->link.destination.is_here)
            continue;
        first = index_rows(engine, link, &saved->rows, m, &count);
        mimo_llama_put_rows(llama, saved,
                            mimo_row_at(&llama->compute, slot_data(&link->destination_rows, m),
                                        first, llama->hidden),
                            link->row_index, count);
    }
    return MIMO_OK;
}

static enum mimo_status do_forward(struct mimo_engine *engine, uint32_t m, struct mimo_error *err)
{
    struct mimo_llama *llama = &engine->language.llama;
    struct mimo_llama_saved *saved = text_of(engine, m);
    const uint64_t targets = engine->batch.targets;
    const double scale = targets > 0 ? 1.0 / (double)targets : 0.0;

    MIMO_TRY(mimo_llama_forward(llama, saved, err));
    if (engine->batch.is_prompt)
        return MIMO_OK;
    MIMO_TRY(mimo_llama_loss(llama, saved, scale, engine->trains, err));
    if (engine->trains && engine->batch.counts_targets)
        engine->be->ops->sum(engine->be, &engine->parameters.sums[MIMO_SUM_LOSS], llama->losses,
                             saved->target_count);
    return MIMO_OK;
}

/* What goes back over a link: the gradients of the image rows. Where rows are cut over the group
 * each rank has some, and zeros for the others. */
static void gather_gradients(struct mimo_engine *engine, struct mimo_engine_link *link, uint32_t m)
{
    struct mimo_llama *llama = &engine->language.llama;
    const struct mimo_llama_saved *saved = text_of(engine, m);
    struct mimo_backend *be = engine->be;
    void *const gradients = slot_data(&link->destination_gradients, m);
    int64_t first, count;

    if (saved->rows.is_cut)
        be->ops->zero(be, gradients,
                      mimo_link_rows(&link->link, &link->link.destination, m) *
                          (size_t)llama->hidden * be->element_size);
    first = index_rows(engine, link, &saved->rows, m, &count);
    mimo_llama_get_row_gradients(llama,
                                 mimo_row_at(&llama->compute, gradients, first, llama->hidden),
                                 link->row_index, count);
}

static enum mimo_status do_backward_language(struct mimo_engine *engine, uint32_t m,
                                             struct mimo_error *err)
{
    MIMO_TRY(mimo_llama_backward(&engine->language.llama, text_of(engine, m), err));
    for (uint32_t i = 0; i < engine->plan->edge_count; i++)
        if (engine->links[i].link.destination.is_here && engine->links[i].has_backward)
            gather_gradients(engine, &engine->links[i], m);
    return MIMO_OK;
}

static enum mimo_status do_backward(struct mimo_engine *engine, uint32_t place, uint32_t m,
                                    struct mimo_error *err)
{
    struct mimo_engine_encoder *encoder = encoder_at(engine, place);

    return encoder != NULL ? do_backward_encoder(engine, encoder, m, err)
                           : do_backward_language(engine, m, err);
}

/* -- communication ---------------------------------------------------------------------------- */

static enum mimo_status list_sends(struct mimo_engine *engine,
                                   const struct mimo_plan_instruction *instruction,
                                   struct mimo_error *err)
{
    struct mimo_engine_link *link = &engine->links[instruction->send_edge];
    const uint32_t m = instruction->send_micro_step;

    if (instruction->send_direction == MIMO_EDGE_FORWARD)
        return mimo_link_send(&link->link, m, MIMO_EDGE_FORWARD, slot_data(&link->source_rows, m),
                              false, &engine->messages, err);
    return mimo_link_send(&link->link, m, MIMO_EDGE_BACKWARD,
                          slot_data(&link->destination_gradients, m),
                          text_of(engine, m)->rows.is_cut, &engine->messages, err);
}

static void *receive_buffer(struct mimo_engine *engine,
                            const struct mimo_plan_instruction *instruction)
{
    struct mimo_engine_link *link = &engine->links[instruction->receive_edge];

    return slot_data(instruction->receive_direction == MIMO_EDGE_FORWARD ? &link->destination_rows
                                                                         : &link->source_gradients,
                     instruction->receive_micro_step);
}

static enum mimo_status do_transfer(struct mimo_engine *engine,
                                    const struct mimo_plan_instruction *instruction,
                                    struct mimo_error *err)
{
    struct mimo_messages *messages = &engine->messages;
    const bool receives = instruction->receive_edge != MIMO_NONE;

    messages->send_count = 0;
    messages->receive_count = 0;
    if (instruction->send_edge != MIMO_NONE)
        MIMO_TRY(list_sends(engine, instruction, err));
    if (receives)
        mimo_link_receive(&engine->links[instruction->receive_edge].link,
                          instruction->receive_micro_step, instruction->receive_direction,
                          receive_buffer(engine, instruction), messages);
    MIMO_TRY(engine->transport->ops->exchange(engine->transport, messages->sends,
                                              messages->send_count, messages->receives,
                                              messages->receive_count, err));
    if (!receives)
        return MIMO_OK;
    return mimo_link_received(&engine->links[instruction->receive_edge].link,
                              instruction->receive_micro_step, instruction->receive_direction,
                              receive_buffer(engine, instruction), err);
}

/* -- the end of a step ------------------------------------------------------------------------ */

static enum mimo_status do_load(struct mimo_engine *engine, struct mimo_error *err)
{
    if (engine->trains)
        mimo_parameters_zero_gradients(&engine->parameters);
    return mimo_batch_load(&engine->batch, err);
}

static struct mimo_replicas replicas_of(const struct mimo_engine *engine, uint32_t module)
{
    return (struct mimo_replicas){
        .transport = engine->transport,
        .tp = engine->groups[module].tp,
        .dp = engine->groups[module].dp_cp,
    };
}

static enum mimo_status do_reduce(struct mimo_engine *engine, uint32_t place,
                                  struct mimo_error *err)
{
    const uint32_t module = engine->plan->places[place].module;
    const struct mimo_replicas replicas = replicas_of(engine, module);

    return mimo_parameters_reduce(&engine->parameters, module, &replicas, err);
}

static enum mimo_status do_step(struct mimo_engine *engine, struct mimo_error *err)
{
    const struct mimo_plan_place *places = engine->plan->places + engine->role->place_first;

    MIMO_TRY(engine->transport->ops->join(engine->transport, err));
    MIMO_TRY(mimo_optimizer_step(&engine->optimizer, engine->step, engine->batch.targets, err));
    for (uint32_t i = 0; i < engine->role->place_count; i++) {
        const struct mimo_replicas replicas = replicas_of(engine, places[i].module);
        if (i == 0 || places[i].module != places[i - 1].module)
            MIMO_TRY(mimo_parameters_gather(&engine->parameters, places[i].module, &replicas, err));
    }
    return engine->transport->ops->join(engine->transport, err);
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
        return do_merge(engine, m, err);
    case MIMO_OPCODE_FORWARD:
        return do_forward(engine, m, err);
    case MIMO_OPCODE_BACKWARD:
        return do_backward(engine, place, m, err);
    case MIMO_OPCODE_SEND:
    case MIMO_OPCODE_RECEIVE:
    case MIMO_OPCODE_EXCHANGE:
        return do_transfer(engine, instruction, err);
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
    note(engine, instruction);
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
    return MIMO_OK;
}

struct mimo_llama_saved *mimo_engine_text(struct mimo_engine *engine)
{
    return text_of(engine, 0);
}
