#include "runtime/train/engine.h"

#include "plan/grid.h"
#include "plan/memory.h"
#include "runtime/model/dtype.h"
#include "runtime/train/groups.h"

/* -- communicators ---------------------------------------------------------------------------- */

/* Where the group of that kind goes; NULL where nothing asks for it. */
static struct mimo_group **expert_group_field(struct mimo_engine *engine,
                                              const struct mimo_plan_groups *groups)
{
    struct mimo_engine_groups *own = &engine->groups[groups->module];

    if (engine->plan->modules[groups->module].num_experts == 0)
        return NULL;
    if (groups->kind == MIMO_GROUP_KIND_ETP)
        return &own->etp;
    if (groups->kind == MIMO_GROUP_KIND_EP)
        return &own->ep;
    if (groups->kind == MIMO_GROUP_KIND_EDP)
        return &own->edp;
    return groups->kind == MIMO_GROUP_KIND_ETP_EP ? &own->etp_ep : NULL;
}

static struct mimo_group **group_field(struct mimo_engine *engine,
                                       const struct mimo_plan_groups *groups)
{
    struct mimo_engine_groups *own = &engine->groups[groups->module];

    if (groups->kind == MIMO_GROUP_KIND_TP)
        return &own->tp;
    if (groups->kind == MIMO_GROUP_KIND_CP)
        return &own->cp;
    if (groups->kind == MIMO_GROUP_KIND_TP_CP)
        return &own->tp_cp;
    if (groups->kind == MIMO_GROUP_KIND_DP_CP)
        return &own->dp_cp;
    if (groups->kind == MIMO_GROUP_KIND_EMBEDDING &&
        engine->plan->modules[groups->module].ties_embeddings != 0)
        return &own->embedding;
    return expert_group_field(engine, groups);
}

/* How many rows go to each expert is the hosts' talk. */
static struct mimo_transport *transport_of(const struct mimo_machine *machine, uint32_t kind)
{
    return kind == MIMO_GROUP_KIND_ETP_EP ? machine->control : machine->transport;
}

/* In the plan's order on all ranks. A group of one rank is NULL: nothing is to be done there. */
static enum mimo_status make_groups(struct mimo_engine *engine, const struct mimo_machine *machine,
                                    struct mimo_error *err)
{
    const struct mimo_plan *plan = engine->plan;

    engine->groups = MIMO_NEW_ARRAY(&engine->table, struct mimo_engine_groups, plan->module_count);
    for (uint32_t i = 0; i < plan->groups_count; i++) {
        const struct mimo_plan_groups *groups = &plan->groups[i];
        struct mimo_group **field = group_field(engine, groups);
        if (field != NULL)
            MIMO_TRY(mimo_groups_make(transport_of(machine, groups->kind), plan, groups,
                                      &engine->table, field, err));
    }
    for (uint32_t i = 0; i < plan->module_count; i++) {
        mimo_group_detach(engine->groups[i].dp_cp);
        mimo_group_detach(engine->groups[i].edp);
    }
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
        .cp = engine->groups[module].cp,
        .tp_rank = at.tp,
        .tp_size = plan->tp,
        .cp_rank = at.cp,
        .cp_size = plan->cp,
        .dtype = mimo_element_dtype(engine->be),
        .begins = MIMO_NEW_ARRAY(&engine->table, size_t, plan->tp + 1),
    };
}

static struct mimo_expert_groups expert_groups_of(const struct mimo_engine *engine, uint32_t module)
{
    const struct mimo_engine_groups *groups = &engine->groups[module];
    struct mimo_coordinate at = {0};

    (void)mimo_grid_coordinate(&engine->plan->modules[module], engine->rank, &at);
    return (struct mimo_expert_groups){
        .etp = groups->etp,
        .ep = groups->ep,
        .tp_cp = groups->tp_cp,
        .control = engine->control,
        .etp_ep = groups->etp_ep,
        .etp_rank = at.etp,
        .ep_rank = at.ep,
    };
}

static enum mimo_keeping keeping_of(const struct mimo_engine *engine, uint32_t place)
{
    if (!engine->trains || !mimo_memory_keeps_layers(engine->plan, engine->role, place))
        return MIMO_KEEP_NOTHING;
    return engine->plan->training->recompute == MIMO_RECOMPUTE_FULL ? MIMO_KEEP_INPUTS
                                                                    : MIMO_KEEP_ALL;
}

/* What the places of a module on this rank have in common. */
struct parts {
    bool is_here, has_last;
    struct mimo_layer_kinds recomputed;
};

static struct parts parts_of(const struct mimo_engine *engine, uint32_t module)
{
    const struct mimo_plan *plan = engine->plan;
    struct parts parts = {0};

    for (uint32_t i = 0; i < engine->role->place_count; i++) {
        const uint32_t index = engine->role->place_first + i;
        const struct mimo_plan_place *place = &plan->places[index];
        const struct mimo_plan_stage *stage =
            &plan->stages[plan->modules[place->module].stage_first + place->stage];
        struct mimo_layer_kinds kinds;

        if (place->module != module)
            continue;
        parts.is_here = true;
        parts.has_last = place->stage + 1 == plan->modules[module].stage_count;
        if (keeping_of(engine, index) != MIMO_KEEP_INPUTS)
            continue;
        kinds = mimo_layer_kinds_of(&plan->modules[module], stage->layer_first, stage->layer_count);
        parts.recomputed.dense = parts.recomputed.dense || kinds.dense;
        parts.recomputed.sparse = parts.recomputed.sparse || kinds.sparse;
    }
    return parts;
}

static void lay_out_module(struct mimo_engine *engine, uint32_t module)
{
    const struct mimo_plan *plan = engine->plan;
    const struct parts parts = parts_of(engine, module);
    const struct mimo_compute compute = compute_of(engine, module);

    if (!parts.is_here)
        return;
    if (plan->modules[module].kind == MIMO_MODULE_KIND_LANGUAGE)
        engine->language = mimo_language_open(
            plan,
            &(struct mimo_language_parts){module, parts.has_last, parts.recomputed,
                                          expert_groups_of(engine, module)},
            &engine->parameters, &compute, &engine->table, &engine->scratch);
    else
        mimo_clip_vit_open(
            &engine->encoders[module], plan,
            &(struct mimo_clip_parts){module, parts.has_last, parts.recomputed.dense},
            &engine->parameters, &compute, &engine->table, &engine->scratch);
}

/* -- places ----------------------------------------------------------------------------------- */

/* Edge i leaves stage i. */
static void find_edges(struct mimo_engine *engine, struct mimo_engine_place *place)
{
    const uint32_t stage =
        engine->plan->modules[place->plan->module].stage_first + place->plan->stage;

    if (place->plan->stage > 0)
        place->in = &engine->links[stage - 1];
    if (stage < engine->plan->edge_count)
        place->out = &engine->links[stage];
}

static void lay_out_language(struct mimo_engine *engine, struct mimo_engine_place *place,
                             enum mimo_keeping keeping)
{
    mimo_language_stage_open(&place->language, engine->language, engine->plan, place->plan, keeping,
                             &engine->parameters, &engine->table);
    place->texts = MIMO_NEW_ARRAY(&engine->table, struct mimo_language_saved, place->slots.count);
    for (uint32_t i = 0; i < place->slots.count; i++)
        mimo_language_saved_open(&place->language, &place->texts[i], &engine->table,
                                 &engine->activations);
}

static void lay_out_encoder(struct mimo_engine *engine, struct mimo_engine_place *place,
                            enum mimo_keeping keeping)
{
    const uint32_t module = place->plan->module;

    for (uint32_t i = 0; i < engine->batch.encoder_count; i++)
        if (engine->batch.encoders[i].interval.module == module)
            place->batch = &engine->batch.encoders[i];
    mimo_clip_stage_open(&place->encoder, &engine->encoders[module], engine->plan, place->plan,
                         keeping, &engine->parameters, &engine->table);
    place->images = MIMO_NEW_ARRAY(&engine->table, struct mimo_clip_saved, place->slots.count);
    for (uint32_t i = 0; i < place->slots.count; i++)
        mimo_clip_saved_open(&place->encoder, &place->images[i], &engine->table,
                             &engine->activations);
}

static void lay_out_place(struct mimo_engine *engine, uint32_t index)
{
    const uint32_t place_index = engine->role->place_first + index;
    const enum mimo_keeping keeping = keeping_of(engine, place_index);
    struct mimo_engine_place *place = &engine->places[index];

    place->plan = &engine->plan->places[place_index];
    mimo_slots_of_place(&place->slots, engine->plan, engine->role, place_index, &engine->table);
    find_edges(engine, place);
    if (engine->plan->modules[place->plan->module].kind == MIMO_MODULE_KIND_LANGUAGE)
        lay_out_language(engine, place, keeping);
    else
        lay_out_encoder(engine, place, keeping);
}

/* -- links ------------------------------------------------------------------------------------ */

/* A buffer of one end of an edge, [rows, columns] for each micro-step that is alive there. */
static void lay_out_slotted(struct mimo_engine *engine, struct mimo_slotted *slotted,
                            const struct mimo_edge_buffer *buffer, uint64_t rows)
{
    const uint64_t columns = engine->plan->edges[buffer->edge].columns;

    mimo_slots_of_buffer(&slotted->slots, engine->plan, engine->role, buffer, &engine->table);
    slotted->data = MIMO_NEW_ARRAY(&engine->table, void *, slotted->slots.count);
    slotted->sent = MIMO_NEW_ARRAY(&engine->table, uint64_t, slotted->slots.count);
    for (uint32_t i = 0; i < slotted->slots.count; i++)
        slotted->data[i] =
            mimo_tensor_take(&engine->buffers, rows, columns, engine->be->element_size);
}

static void lay_out_ends(struct mimo_engine *engine, uint32_t edge, uint64_t rows)
{
    struct mimo_engine_link *link = &engine->links[edge];
    const bool has_gradients = link->plan->has_backward != 0 && engine->trains;

    if (link->is_source)
        lay_out_slotted(engine, &link->source_rows,
                        &(struct mimo_edge_buffer){edge, MIMO_EDGE_FORWARD, true}, rows);
    if (link->is_destination)
        lay_out_slotted(engine, &link->destination_rows,
                        &(struct mimo_edge_buffer){edge, MIMO_EDGE_FORWARD, false}, rows);
    if (link->is_destination && has_gradients)
        lay_out_slotted(engine, &link->destination_gradients,
                        &(struct mimo_edge_buffer){edge, MIMO_EDGE_BACKWARD, true}, rows);
    if (link->is_source && has_gradients)
        lay_out_slotted(engine, &link->source_gradients,
                        &(struct mimo_edge_buffer){edge, MIMO_EDGE_BACKWARD, false}, rows);
}

static void lay_out_bridge(struct mimo_engine *engine, uint32_t edge)
{
    struct mimo_engine_link *link = &engine->links[edge];
    const struct mimo_compute compute = compute_of(engine, link->plan->to_module);

    mimo_link_open(&link->bridge, engine->plan, edge, engine->rank, &compute,
                   engine->groups[link->plan->from_module].tp_cp,
                   engine->groups[link->plan->to_module].tp_cp, &engine->batch, &engine->table,
                   &engine->buffers);
    link->is_source = link->bridge.source.is_here;
    link->is_destination = link->bridge.destination.is_here;
    link->row_index = mimo_tensor_take(&engine->buffers, link->bridge.rows_max, 1, sizeof(int32_t));
    lay_out_ends(engine, edge, link->bridge.rows_max);
}

/* What comes from a stage is put together in scratch that is free between two computations. */
static void lay_out_stage_link(struct mimo_engine *engine, uint32_t edge)
{
    struct mimo_engine_link *link = &engine->links[edge];
    const uint32_t module = link->plan->from_module;
    const bool is_language = engine->plan->modules[module].kind == MIMO_MODULE_KIND_LANGUAGE;
    const struct mimo_compute compute = compute_of(engine, module);
    const struct mimo_clip_vit *vit = &engine->encoders[module];

    if (!parts_of(engine, module).is_here)
        return;
    mimo_stage_link_open(&link->stages, engine->plan, edge, engine->rank, &compute,
                         is_language ? engine->language->rows_a : vit->rows_a);
    link->is_source = link->stages.is_source;
    link->is_destination = link->stages.is_destination;
    lay_out_ends(engine, edge, is_language ? engine->language->sizes.held : vit->sizes.held);
}

/* -- the whole -------------------------------------------------------------------------------- */

static void lay_out(struct mimo_engine *engine)
{
    const struct mimo_plan *plan = engine->plan;

    for (uint32_t i = 0; i < plan->module_count; i++)
        lay_out_module(engine, i);
    for (uint32_t i = 0; i < engine->role->place_count; i++)
        lay_out_place(engine, i);
    for (uint32_t i = 0; i < plan->edge_count; i++) {
        engine->links[i].plan = &plan->edges[i];
        if (plan->edges[i].is_bridge != 0)
            lay_out_bridge(engine, i);
        else
            lay_out_stage_link(engine, i);
    }
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
        count += engine->plan->edges[i].is_bridge != 0
                     ? mimo_link_messages_max(&engine->links[i].bridge)
                     : 1;
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
    MIMO_TRY(make_groups(engine, machine, err));
    MIMO_TRY(mimo_parameters_open(&engine->parameters, plan, engine->rank, trains, machine->be,
                                  &engine->table, err));
    mimo_batch_open(&engine->batch, plan, engine->rank, plan->training->micro_steps, machine->world,
                    engine->control, &engine->table);
    engine->batch.dataset = dataset;
    if (!trains)
        engine->batch.micro_steps = 1;
    mimo_optimizer_open(&engine->optimizer, plan, &engine->parameters, engine->control,
                        &engine->table);
    engine->encoders = MIMO_NEW_ARRAY(&engine->table, struct mimo_clip_vit, plan->module_count);
    engine->places =
        MIMO_NEW_ARRAY(&engine->table, struct mimo_engine_place, engine->role->place_count);
    engine->links = MIMO_NEW_ARRAY(&engine->table, struct mimo_engine_link, plan->edge_count);
    MIMO_TRY(lay_out_tensors(engine, err));
    make_messages(engine);
    return engine->language != NULL ? mimo_language_prepare(engine->language, err) : MIMO_OK;
}

void mimo_engine_close(struct mimo_engine *engine)
{
    mimo_parameters_close(&engine->parameters);
    mimo_tensor_arena_release(&engine->scratch, engine->be);
    mimo_tensor_arena_release(&engine->activations, engine->be);
    mimo_tensor_arena_release(&engine->buffers, engine->be);
    mimo_arena_release(&engine->table);
}
