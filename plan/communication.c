#include "plan/communication.h"

#include "plan/grid.h"
#include "plan/sizes.h"
#include "plan/tally.h"

/* ---- lists ---- */

/* NONE comes first. */
static int compare(uint32_t a, uint32_t b)
{
    const uint32_t x = a + 1, y = b + 1;

    return (x > y) - (x < y);
}

int mimo_communication_compare(const struct mimo_plan_communication *record,
                               const struct mimo_communication_key *key)
{
    const uint32_t own[5] = {record->opcode, record->module, record->stage, record->edge,
                             record->direction};
    const uint32_t other[5] = {key->opcode, key->module, key->stage, key->edge, key->direction};
    int order = 0;

    for (int i = 0; i < 5 && order == 0; i++)
        order = compare(own[i], other[i]);
    return order;
}

/* The first record that does not come before the key, or behind it with `behind`. */
static uint32_t bound(const struct mimo_plan *plan, const struct mimo_communication_key *key,
                      bool behind)
{
    uint32_t low = 0, high = plan->communication_count;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const int order = mimo_communication_compare(&plan->communications[middle], key);

        if (order < 0 || (behind && order == 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void mimo_communications_find(const struct mimo_plan *plan,
                              const struct mimo_communication_key *key, uint32_t *out_first,
                              uint32_t *out_count)
{
    *out_first = bound(plan, key, false);
    *out_count = bound(plan, key, true) - *out_first;
}

bool mimo_layer_has_experts(const struct mimo_plan_module *module, uint32_t layer)
{
    return module->num_experts > 0 && layer % module->expert_every == 0;
}

/* ---- the cursor ---- */

void mimo_communications_init(struct mimo_communications *cursor, const struct mimo_plan *plan,
                              const struct mimo_plan_role *role,
                              const struct mimo_plan_instruction *instruction)
{
    *cursor = (struct mimo_communications){.plan = plan, .role = role, .instruction = instruction};
}

static struct mimo_communication_key key_of_place(uint32_t opcode,
                                                  const struct mimo_plan_place *place)
{
    return (struct mimo_communication_key){opcode, place->module, place->stage, MIMO_NONE, 0};
}

/* Gradients leave the stage that an edge leads to. */
static struct mimo_communication_key key_of_edge(const struct mimo_plan *plan, uint32_t opcode,
                                                 uint32_t edge_index, uint32_t direction)
{
    const struct mimo_plan_edge *edge = &plan->edges[edge_index];
    const bool is_from = (opcode == MIMO_OPCODE_SEND) == (direction == MIMO_EDGE_FORWARD);

    return (struct mimo_communication_key){
        .opcode = opcode,
        .module = is_from ? edge->from_module : edge->to_module,
        .stage = is_from ? edge->from_stage : edge->to_stage,
        .edge = edge_index,
        .direction = direction,
    };
}

/* Lists of a step: the world's, then that of each module of the role. */
static bool next_of_step(struct mimo_communications *cursor)
{
    const struct mimo_plan_place *places = cursor->plan->places + cursor->role->place_first;

    if (cursor->part++ == 0) {
        cursor->key =
            (struct mimo_communication_key){MIMO_OPCODE_STEP, MIMO_NONE, MIMO_NONE, MIMO_NONE, 0};
        return true;
    }
    for (; cursor->part - 2 < cursor->role->place_count; cursor->part++) {
        const uint32_t i = cursor->part - 2;

        if (i > 0 && places[i].module == places[i - 1].module)
            continue;
        cursor->key = key_of_place(MIMO_OPCODE_STEP, &places[i]);
        return true;
    }
    return false;
}

static bool next_of_transfer(struct mimo_communications *cursor)
{
    const struct mimo_plan_instruction *instruction = cursor->instruction;

    while (cursor->part < 2) {
        const bool sends = cursor->part++ == 0;
        const uint32_t edge = sends ? instruction->send_edge : instruction->receive_edge;

        if (edge == MIMO_NONE)
            continue;
        cursor->key =
            key_of_edge(cursor->plan, sends ? MIMO_OPCODE_SEND : MIMO_OPCODE_RECEIVE, edge,
                        sends ? instruction->send_direction : instruction->receive_direction);
        return true;
    }
    return false;
}

/* Sets the key of the instruction's next list. */
static bool next_key(struct mimo_communications *cursor)
{
    const struct mimo_plan_instruction *instruction = cursor->instruction;

    switch ((enum mimo_opcode)instruction->opcode) {
    case MIMO_OPCODE_SEND:
    case MIMO_OPCODE_RECEIVE:
    case MIMO_OPCODE_EXCHANGE:
        return next_of_transfer(cursor);
    case MIMO_OPCODE_STEP:
        return next_of_step(cursor);
    case MIMO_OPCODE_LOAD:
        cursor->key =
            (struct mimo_communication_key){MIMO_OPCODE_LOAD, MIMO_NONE, MIMO_NONE, MIMO_NONE, 0};
        return cursor->part++ == 0;
    case MIMO_OPCODE_ENCODE:
    case MIMO_OPCODE_MERGE:
    case MIMO_OPCODE_FORWARD:
    case MIMO_OPCODE_BACKWARD:
    case MIMO_OPCODE_REDUCE:
        cursor->key = key_of_place(instruction->opcode, &cursor->plan->places[instruction->place]);
        return cursor->part++ == 0;
    case MIMO_OPCODE_COUNT:
        break;
    }
    return false;
}

static const struct mimo_plan_stage *stage_of(const struct mimo_communications *cursor)
{
    return &cursor->plan
                ->stages[cursor->plan->modules[cursor->key.module].stage_first + cursor->key.stage];
}

static uint32_t layer_at(const struct mimo_communications *cursor)
{
    const bool is_backward = cursor->key.opcode == MIMO_OPCODE_BACKWARD;

    return stage_of(cursor)->layer_first +
           (is_backward ? cursor->layer_count - 1 - cursor->layers_done : cursor->layers_done);
}

static bool is_of_layers(const struct mimo_communications *cursor, uint32_t record)
{
    return cursor->plan->communications[record].loop != MIMO_LOOP_ONCE;
}

/* At the first record of layers: notes their end, and how many layers there are. */
static void enter_layers(struct mimo_communications *cursor)
{
    cursor->layer_first = cursor->at;
    cursor->layer_end = cursor->at;
    while (cursor->layer_end < cursor->end && is_of_layers(cursor, cursor->layer_end))
        cursor->layer_end++;
    cursor->layers_done = 0;
    cursor->layer_count = stage_of(cursor)->layer_count;
}

/* ---- buckets ---- */

/* Whether the cursor's list does this bucket: BACKWARD, of the last micro-step, those that are
 * complete with a layer of its stage, REDUCE the others, STEP all. */
static bool is_of_list(const struct mimo_communications *cursor)
{
    switch (cursor->key.opcode) {
    case MIMO_OPCODE_BACKWARD:
        return cursor->bucket.stage == cursor->key.stage;
    case MIMO_OPCODE_REDUCE:
        return cursor->bucket.stage == MIMO_NONE;
    default:
        return true;
    }
}

static void skip_buckets(struct mimo_communications *cursor)
{
    while (cursor->has_bucket && !is_of_list(cursor))
        cursor->has_bucket = mimo_bucket_next(cursor->plan, &cursor->bucket);
}

static bool has_buckets(const struct mimo_communications *cursor)
{
    if (cursor->key.opcode == MIMO_OPCODE_BACKWARD)
        return cursor->instruction->micro_step + 1 == cursor->plan->training->micro_steps;
    return cursor->key.opcode == MIMO_OPCODE_REDUCE ||
           (cursor->key.opcode == MIMO_OPCODE_STEP && cursor->key.module != MIMO_NONE);
}

/* At the begin of a list: the first bucket that it does, and the records that each one does. Those
 * are all of the lists of REDUCE and STEP. */
static void find_buckets(struct mimo_communications *cursor)
{
    struct mimo_communication_key key = cursor->key;
    uint32_t count;

    if (!has_buckets(cursor))
        return;
    if (key.opcode == MIMO_OPCODE_BACKWARD) {
        key.opcode = MIMO_OPCODE_REDUCE;
        key.stage %= cursor->plan->modules[key.module].pp;
    } else {
        cursor->at = cursor->end;
    }
    mimo_communications_find(cursor->plan, &key, &cursor->bucket_list, &count);
    cursor->bucket_list_end = cursor->bucket_list + count;
    cursor->has_bucket =
        count > 0 && mimo_bucket_first(cursor->plan, key.module, key.stage, &cursor->bucket);
    skip_buckets(cursor);
}

static void enter_bucket(struct mimo_communications *cursor)
{
    cursor->is_in_bucket = true;
    cursor->parameter = cursor->bucket.first;
    cursor->turn = 0;
}

/* What a bucket does, in turn: sums over tensor ranks and over tied tables, parameter by parameter;
 * then all of it over the replicas, and its experts over theirs. */
static const enum mimo_content turns[] = {
    MIMO_CONTENT_PARTIAL,
    MIMO_CONTENT_TIED,
    MIMO_CONTENT_PARAMETERS,
    MIMO_CONTENT_EXPERTS,
};
enum { TURNS = sizeof turns / sizeof *turns };

static enum mimo_loop loop_of(const struct mimo_plan_module *module, uint32_t layer)
{
    if (layer == MIMO_NONE)
        return MIMO_LOOP_ONCE;
    return mimo_layer_has_experts(module, layer) ? MIMO_LOOP_EXPERT_LAYER : MIMO_LOOP_LAYER;
}

static bool is_about(const struct mimo_plan_communication *record,
                     const struct mimo_plan_parameter *parameter,
                     const struct mimo_plan_module *module)
{
    if (record->slot != MIMO_NONE)
        return record->slot == parameter->slot &&
               record->loop == (uint32_t)loop_of(module, parameter->layer);
    return (record->content == MIMO_CONTENT_EXPERTS) == (parameter->expert != MIMO_NONE);
}

/* The record of this turn that is about the cursor's parameter, or NULL. */
static const struct mimo_plan_communication *find_about(const struct mimo_communications *cursor)
{
    const struct mimo_plan_parameter *parameter = &cursor->plan->parameters[cursor->parameter];
    const struct mimo_plan_module *module = &cursor->plan->modules[cursor->bucket.module];

    if (!mimo_bucket_trains(cursor->plan, &cursor->bucket, cursor->parameter))
        return NULL;
    for (uint32_t i = cursor->bucket_list; i < cursor->bucket_list_end; i++) {
        const struct mimo_plan_communication *record = &cursor->plan->communications[i];

        if (record->content == (uint32_t)turns[cursor->turn] && is_about(record, parameter, module))
            return record;
    }
    return NULL;
}

static void next_turn(struct mimo_communications *cursor)
{
    cursor->turn++;
    cursor->parameter = cursor->bucket.first;
}

/* The bucket's next record; behind the last one it goes on to the next bucket. */
static bool find_in_bucket(struct mimo_communications *cursor,
                           const struct mimo_plan_communication **out_record)
{
    while (cursor->turn < TURNS) {
        const struct mimo_plan_communication *record;

        if (cursor->parameter == cursor->bucket.end) {
            next_turn(cursor);
            continue;
        }
        record = find_about(cursor);
        cursor->parameter++;
        if (record == NULL)
            continue;
        if (record->slot == MIMO_NONE)
            next_turn(cursor);
        *out_record = record;
        return true;
    }
    cursor->is_in_bucket = false;
    cursor->has_bucket = mimo_bucket_next(cursor->plan, &cursor->bucket);
    skip_buckets(cursor);
    return false;
}

/* ---- the cursor's way ---- */

/* Goes on to the next record among those of layers that the current layer does, or to a bucket that
 * is complete behind it, or behind them all. */
static bool find_in_layers(struct mimo_communications *cursor)
{
    while (cursor->layers_done < cursor->layer_count) {
        const uint32_t layer = layer_at(cursor);
        const bool has_experts =
            mimo_layer_has_experts(&cursor->plan->modules[cursor->key.module], layer);
        const uint32_t loop = has_experts ? MIMO_LOOP_EXPERT_LAYER : MIMO_LOOP_LAYER;

        while (cursor->at < cursor->layer_end &&
               cursor->plan->communications[cursor->at].loop != loop)
            cursor->at++;
        if (cursor->at < cursor->layer_end)
            return true;
        cursor->layers_done++;
        cursor->at = cursor->layer_first;
        if (cursor->has_bucket && cursor->bucket.layer == layer) {
            enter_bucket(cursor);
            return false;
        }
    }
    cursor->at = cursor->layer_end;
    cursor->layer_end = 0;
    return false;
}

/* The instruction's next list; false where it has no more. */
static bool next_list(struct mimo_communications *cursor)
{
    uint32_t count;

    if (!next_key(cursor))
        return false;
    mimo_communications_find(cursor->plan, &cursor->key, &cursor->at, &count);
    cursor->end = cursor->at + count;
    find_buckets(cursor);
    return true;
}

bool mimo_communications_next(struct mimo_communications *cursor,
                              const struct mimo_plan_communication **out_record)
{
    for (;;) {
        if (cursor->is_in_bucket) {
            if (find_in_bucket(cursor, out_record))
                return true;
        } else if (cursor->at == cursor->end && cursor->layer_end == 0) {
            if (cursor->has_bucket)
                enter_bucket(cursor);
            else if (!next_list(cursor))
                return false;
        } else {
            if (cursor->layer_end == 0 && is_of_layers(cursor, cursor->at))
                enter_layers(cursor);
            if (cursor->layer_end != 0 && !find_in_layers(cursor))
                continue;
            *out_record = &cursor->plan->communications[cursor->at++];
            return true;
        }
    }
}

/* ---- sizes ---- */

struct mimo_micro_step mimo_micro_step_max(const struct mimo_plan *plan, uint32_t module,
                                           uint32_t edge)
{
    const struct mimo_plan_module *record = &plan->modules[module];
    const struct mimo_plan_module *language = &plan->modules[plan->meta->language_module];
    struct mimo_micro_step most = {
        .tokens = (uint64_t)language->samples * plan->training->sequence_length,
        .images = record->images_max,
    };

    most.targets = most.tokens / language->cp;
    most.routed = most.targets * language->top_k / language->tp;
    if (edge != MIMO_NONE) {
        const struct mimo_plan_module *encoder = &plan->modules[plan->edges[edge].from_module];

        if (encoder->kind == MIMO_MODULE_KIND_ENCODER)
            most.images = (uint64_t)encoder->images_max / encoder->samples * record->samples;
    }
    return most;
}

/* The one parameter of the module with the record's slot, on the rank. */
static uint64_t parameter_elements(const struct mimo_plan *plan,
                                   const struct mimo_plan_communication *record,
                                   const struct mimo_coordinate *at)
{
    const struct mimo_plan_module *module = &plan->modules[record->module];

    for (uint32_t i = 0; i < module->parameter_count; i++) {
        const struct mimo_plan_parameter *parameter =
            &plan->parameters[module->parameter_first + i];

        if (parameter->slot == record->slot && parameter->layer == MIMO_NONE)
            return mimo_shard_elements(parameter, at->tp, module->tp);
    }
    return 0;
}

uint64_t mimo_communication_rows(const struct mimo_plan *plan,
                                 const struct mimo_plan_communication *record, uint32_t rank,
                                 const struct mimo_micro_step *micro_step)
{
    const struct mimo_plan_module *module;
    struct mimo_coordinate at;

    if (record->module == MIMO_NONE)
        return 1;
    module = &plan->modules[record->module];
    MIMO_ASSERT(mimo_grid_coordinate(module, rank, &at));
    switch ((enum mimo_row_unit)record->rows) {
    case MIMO_ROW_UNIT_ONE:
        return 1;
    case MIMO_ROW_UNIT_TOKENS:
        return micro_step->tokens / module->cp;
    case MIMO_ROW_UNIT_PATCHES:
        return micro_step->images * mimo_image_share_of(module, at.cp).tokens;
    case MIMO_ROW_UNIT_FEATURES:
        return micro_step->images * mimo_image_share_of(module, at.cp).features;
    case MIMO_ROW_UNIT_IMAGE_ROWS:
        return micro_step->images *
               plan->modules[plan->edges[record->edge].from_module].image_tokens;
    case MIMO_ROW_UNIT_TARGETS:
        return micro_step->targets;
    case MIMO_ROW_UNIT_ROUTED:
        return micro_step->routed;
    case MIMO_ROW_UNIT_PARAMETER:
        return parameter_elements(plan, record, &at);
    case MIMO_ROW_UNIT_GRADIENTS:
        return mimo_gradient_elements(plan, record->module, rank, false);
    case MIMO_ROW_UNIT_EXPERT_GRADIENTS:
        return mimo_gradient_elements(plan, record->module, rank, true);
    case MIMO_ROW_UNIT_COUNT:
        break;
    }
    return 0;
}

uint32_t mimo_ring_holder(const struct mimo_plan *plan,
                          const struct mimo_plan_communication *record, uint32_t rank, uint32_t hop)
{
    const struct mimo_plan_groups *groups =
        &plan->groups[record->module * MIMO_GROUP_KIND_COUNT + record->group];
    uint32_t group, member;

    MIMO_ASSERT(mimo_groups_find(groups, rank, &group, &member));
    return mimo_groups_member(groups, group,
                              (member + groups->size - hop % groups->size) % groups->size);
}

uint64_t mimo_communications_rows(const struct mimo_communications *cursor,
                                  const struct mimo_plan_communication *record, uint32_t rank,
                                  const struct mimo_micro_step *micro_step)
{
    if (record->rows == MIMO_ROW_UNIT_GRADIENTS || record->rows == MIMO_ROW_UNIT_EXPERT_GRADIENTS)
        return mimo_bucket_elements(cursor->plan, &cursor->bucket, rank,
                                    record->rows == MIMO_ROW_UNIT_EXPERT_GRADIENTS);
    return mimo_communication_rows(cursor->plan, record, rank, micro_step);
}

uint32_t mimo_element_bytes(uint32_t element)
{
    static const uint32_t bytes[MIMO_ELEMENT_COUNT] = {
        [MIMO_ELEMENT_FP32] = 4,  [MIMO_ELEMENT_BF16] = 2,  [MIMO_ELEMENT_FP64] = 8,
        [MIMO_ELEMENT_INT64] = 8, [MIMO_ELEMENT_UINT8] = 1,
    };

    MIMO_ASSERT(element < MIMO_ELEMENT_COUNT);
    return bytes[element];
}
