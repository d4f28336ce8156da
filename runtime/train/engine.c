#include "runtime/train/engine.h"

#include "plan/grid.h"
#include "plan/memory.h"
#include "runtime/model/dtype.h"
#include "runtime/model/required.h"

/* -- what this version carries out ------------------------------------------------------------ */

static enum mimo_status refuse(struct mimo_error *err, const char *module, const char *what)
{
    return mimo_error_set(err, MIMO_E_WORLD, "this version of mimo-exec does not carry out %s%s%s",
                          what, module != NULL ? " of " : "", module != NULL ? module : "");
}

static enum mimo_status supports_module(const struct mimo_plan *plan,
                                        const struct mimo_plan_module *module,
                                        struct mimo_error *err)
{
    const char *name = mimo_plan_text(plan, module->name);

    if (module->cp > 1)
        return refuse(err, name, "context_parallel > 1");
    if (module->pp > 1)
        return refuse(err, name, "pipeline_parallel > 1");
    if (module->virtual_pipeline > 1)
        return refuse(err, name, "virtual_pipeline > 1");
    if (module->ep > 1 || module->etp > 1)
        return refuse(err, name, "expert parallelism");
    if (module->num_experts > 0)
        return refuse(err, name, "experts (moe)");
    if (module->architecture == MIMO_ARCHITECTURE_GPT)
        return refuse(err, name, "the architecture gpt");
    return MIMO_OK;
}

enum mimo_status mimo_engine_supports(const struct mimo_plan *plan, struct mimo_error *err)
{
    for (uint32_t i = 0; i < plan->module_count; i++)
        MIMO_TRY(supports_module(plan, &plan->modules[i], err));
    if (plan->training->recompute != MIMO_RECOMPUTE_NONE)
        return refuse(err, NULL, "recompute = full");
    return mimo_required_check(plan, err);
}

/* -- communicators ---------------------------------------------------------------------------- */

static struct mimo_group **group_field(struct mimo_engine_groups *groups, uint32_t kind)
{
    if (kind == MIMO_GROUP_KIND_TP)
        return &groups->tp;
    if (kind == MIMO_GROUP_KIND_TP_CP)
        return &groups->tp_cp;
    return kind == MIMO_GROUP_KIND_DP_CP ? &groups->dp_cp : NULL;
}

/* In the plan's order on all ranks. A group of one rank stays NULL: nothing is to be done there. */
static enum mimo_status make_group(struct mimo_engine *engine, struct mimo_transport *transport,
                                   const struct mimo_plan_groups *groups, struct mimo_group **out,
                                   struct mimo_error *err)
{
    const char *module = mimo_plan_text(engine->plan, engine->plan->modules[groups->module].name);
    const char *name =
        mimo_arena_printf(&engine->table, "%s %s", module, mimo_group_kind_word(groups->kind));
    uint32_t *ranks = MIMO_NEW_ARRAY(&engine->table, uint32_t, groups->size);
    uint32_t group, member, count = 0;
    struct mimo_group *made = NULL;

    if (groups->size < 2)
        return MIMO_OK;
    if (mimo_groups_find(groups, engine->rank, &group, &member))
        for (; count < groups->size; count++)
            ranks[count] = mimo_groups_member(groups, group, count);
    MIMO_TRY(transport->ops->group_make(transport, ranks, count, name, &made, err));
    *out = made;
    return MIMO_OK;
}

static enum mimo_status make_groups(struct mimo_engine *engine, struct mimo_transport *transport,
                                    struct mimo_error *err)
{
    const struct mimo_plan *plan = engine->plan;

    engine->groups = MIMO_NEW_ARRAY(&engine->table, struct mimo_engine_groups, plan->module_count);
    for (uint32_t i = 0; i < plan->groups_count; i++) {
        const struct mimo_plan_groups *groups = &plan->groups[i];
        struct mimo_group **field = group_field(&engine->groups[groups->module], groups->kind);
        if (field != NULL)
            MIMO_TRY(make_group(engine, transport, groups, field, err));
    }
    for (uint32_t i = 0; i < plan->module_count; i++)
        mimo_group_detach(engine->groups[i].dp_cp);
    return MIMO_OK;
}

/* -- modules ---------------------------------------------------------------------------------- */

static struct mimo_compute compute_of(struct mimo_engine *engine, uint32_t module)
{
    const struct mimo_plan_module *plan = &engine->plan->modules[module];
    struct mimo_coordinate at = {0};

    (void)mimo_grid_coordinate(plan, engine->rank, &at);
    return (struct mimo_compute){
        .be = engine->be,
        .transport = engine->transport,
        .tp = engine->groups[module].tp,
        .tp_rank = at.tp,
        .tp_size = plan->tp,
        .dtype = mimo_element_dtype(engine->be),
        .begins = MIMO_NEW_ARRAY(&engine->table, size_t, plan->tp + 1),
    };
}

static void lay_out_language(struct mimo_engine *engine, uint32_t place)
{
    struct mimo_engine_language *language = &engine->language;
    const uint32_t module = engine->plan->places[place].module;
    const struct mimo_compute compute = compute_of(engine, module);
    const bool keeps =
        engine->trains && mimo_memory_keeps_layers(engine->plan, engine->role, place);

    language->is_here = true;
    language->place = place;
    mimo_llama_open(&language->llama, engine->plan, module, &engine->parameters, &compute, keeps,
                    &engine->table, &engine->scratch);
    mimo_slots_of_place(&language->slots, engine->plan, engine->role, place, &engine->table);
    language->saved =
        MIMO_NEW_ARRAY(&engine->table, struct mimo_llama_saved, language->slots.count);
    for (uint32_t i = 0; i < language->slots.count; i++)
        mimo_llama_saved_open(&language->llama, &language->saved[i], &engine->table,
                              &engine->activations);
}

static void lay_out_encoder(struct mimo_engine *engine, uint32_t place, uint32_t index)
{
    struct mimo_engine_encoder *encoder = &engine->encoders[index];
    const uint32_t module = engine->plan->places[place].module;
    const struct mimo_compute compute = compute_of(engine, module);
    const bool keeps =
        engine->trains && mimo_memory_keeps_layers(engine->plan, engine->role, place);

    *encoder = (struct mimo_engine_encoder){.place = place};
    for (uint32_t i = 0; i < engine->plan->edge_count; i++)
        if (engine->plan->edges[i].from_module == module)
            encoder->link = i;
    for (uint32_t i = 0; i < engine->batch.encoder_count; i++)
        if (engine->batch.encoders[i].interval.module == module)
            encoder->batch = &engine->batch.encoders[i];
    mimo_clip_vit_open(&encoder->vit, engine->plan, module, &engine->parameters, &compute, keeps,
                       &engine->table, &engine->scratch);
    mimo_slots_of_place(&encoder->slots, engine->plan, engine->role, place, &engine->table);
    encoder->saved = MIMO_NEW_ARRAY(&engine->table, struct mimo_clip_saved, encoder->slots.count);
    for (uint32_t i = 0; i < encoder->slots.count; i++)
        mimo_clip_vit_saved_open(&encoder->vit, &encoder->saved[i], &engine->table,
                                 &engine->activations);
}

/* -- links ------------------------------------------------------------------------------------ */

static void lay_out_slotted(struct mimo_engine *engine, struct mimo_slotted *slotted,
                            const struct mimo_link *link, uint32_t direction, bool is_sending)
{
    const struct mimo_edge_buffer buffer = {link->edge, direction, is_sending};

    mimo_slots_of_buffer(&slotted->slots, engine->plan, engine->role, &buffer, &engine->table);
    slotted->data = MIMO_NEW_ARRAY(&engine->table, void *, slotted->slots.count);
    for (uint32_t i = 0; i < slotted->slots.count; i++)
        slotted->data[i] = mimo_tensor_take(&engine->buffers, link->rows_max,
                                            (uint64_t)link->columns, engine->be->element_size);
}

static void lay_out_ends(struct mimo_engine *engine, struct mimo_engine_link *state)
{
    const struct mimo_link *link = &state->link;
    const bool has_gradients = state->has_backward && engine->trains;

    if (link->source.is_here)
        lay_out_slotted(engine, &state->source_rows, link, MIMO_EDGE_FORWARD, true);
    if (link->destination.is_here)
        lay_out_slotted(engine, &state->destination_rows, link, MIMO_EDGE_FORWARD, false);
    if (link->destination.is_here && has_gradients)
        lay_out_slotted(engine, &state->destination_gradients, link, MIMO_EDGE_BACKWARD, true);
    if (link->source.is_here && has_gradients)
        lay_out_slotted(engine, &state->source_gradients, link, MIMO_EDGE_BACKWARD, false);
}

static void lay_out_link(struct mimo_engine *engine, uint32_t edge)
{
    const struct mimo_plan_edge *plan = &engine->plan->edges[edge];
    struct mimo_engine_link *state = &engine->links[edge];
    const struct mimo_compute compute = compute_of(engine, plan->to_module);

    *state = (struct mimo_engine_link){.has_backward = plan->has_backward != 0};
    mimo_link_open(&state->link, engine->plan, edge, engine->rank, &compute,
                   engine->groups[plan->from_module].tp_cp, engine->groups[plan->to_module].tp_cp,
                   &engine->batch, &engine->table, &engine->buffers);
    state->row_index = mimo_tensor_take(&engine->buffers, state->link.rows_max, 1, sizeof(int32_t));
    lay_out_ends(engine, state);
}

/* -- the whole -------------------------------------------------------------------------------- */

static void lay_out(struct mimo_engine *engine)
{
    const struct mimo_plan_role *role = engine->role;

    engine->encoder_count = 0;
    for (uint32_t i = 0; i < role->place_count; i++) {
        const uint32_t place = role->place_first + i;
        const struct mimo_plan_module *module =
            &engine->plan->modules[engine->plan->places[place].module];
        if (module->kind == MIMO_MODULE_KIND_LANGUAGE)
            lay_out_language(engine, place);
        else
            lay_out_encoder(engine, place, engine->encoder_count++);
    }
    for (uint32_t i = 0; i < engine->plan->edge_count; i++)
        lay_out_link(engine, i);
}

/* The arenas have the sizes that the plan gives them, and are used up. */
static enum mimo_status open_arenas(struct mimo_engine *engine, struct mimo_error *err)
{
    const uint64_t *bytes = engine->memory.bytes;
    struct mimo_backend *be = engine->be;

    MIMO_TRY(
        mimo_tensor_arena_open(&engine->scratch, be, bytes[MIMO_MEMORY_SCRATCH], "scratch", err));
    MIMO_TRY(mimo_tensor_arena_open(&engine->activations, be, bytes[MIMO_MEMORY_ACTIVATIONS],
                                    "activations", err));
    return mimo_tensor_arena_open(&engine->buffers, be, bytes[MIMO_MEMORY_BUFFERS],
                                  "communication buffers", err);
}

static enum mimo_status lay_out_tensors(struct mimo_engine *engine, struct mimo_error *err)
{
    MIMO_TRY(open_arenas(engine, err));
    lay_out(engine);
    mimo_tensor_arena_finish(&engine->scratch);
    mimo_tensor_arena_finish(&engine->activations);
    mimo_tensor_arena_finish(&engine->buffers);
    return MIMO_OK;
}

static void make_messages(struct mimo_engine *engine)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < engine->plan->edge_count; i++)
        count += mimo_link_messages_max(&engine->links[i].link);
    engine->messages.sends = MIMO_NEW_ARRAY(&engine->table, struct mimo_message, count);
    engine->messages.receives = MIMO_NEW_ARRAY(&engine->table, struct mimo_message, count);
}

enum mimo_status mimo_engine_open(struct mimo_engine *engine, const struct mimo_plan *plan,
                                  const struct mimo_machine *machine, struct mimo_dataset *dataset,
                                  bool trains, struct mimo_error *err)
{
    *engine = (struct mimo_engine){
        .plan = plan,
        .world = machine->world,
        .be = machine->be,
        .transport = machine->transport,
        .control = machine->control,
        .rank = mimo_world_place(machine->world).rank,
        .trains = trains,
    };
    engine->role = mimo_plan_role_of(plan, engine->rank);
    engine->memory = mimo_memory_of_rank(plan, engine->rank, trains, &engine->table);
    MIMO_TRY(make_groups(engine, machine->transport, err));
    MIMO_TRY(mimo_parameters_open(&engine->parameters, plan, engine->rank, trains, machine->be,
                                  &engine->table, err));
    mimo_batch_open(&engine->batch, plan, engine->rank, plan->training->micro_steps, machine->world,
                    engine->control, &engine->table);
    engine->batch.dataset = dataset;
    if (!trains)
        engine->batch.micro_steps = 1;
    mimo_optimizer_open(&engine->optimizer, plan, &engine->parameters, engine->control,
                        &engine->table);
    engine->encoders =
        MIMO_NEW_ARRAY(&engine->table, struct mimo_engine_encoder, plan->module_count);
    engine->links = MIMO_NEW_ARRAY(&engine->table, struct mimo_engine_link, plan->edge_count);
    MIMO_TRY(lay_out_tensors(engine, err));
    make_messages(engine);
    if (engine->language.is_here)
        return mimo_llama_prepare(&engine->language.llama, err);
    return MIMO_OK;
}

void mimo_engine_close(struct mimo_engine *engine)
{
    mimo_parameters_close(&engine->parameters);
    mimo_tensor_arena_release(&engine->scratch, engine->be);
    mimo_tensor_arena_release(&engine->activations, engine->be);
    mimo_tensor_arena_release(&engine->buffers, engine->be);
    mimo_arena_release(&engine->table);
}
