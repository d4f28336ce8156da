#include "compiler/planner/parameters.h"

#include "compiler/planner/weights.h"
#include "plan/communication.h"

#include <math.h>

/* Standard deviation of tables (embeddings, positions) at the start. */
#define TABLE_SCALE 0.02

struct table {
    struct mimo_draft *draft;
    struct mimo_plan_parameter *items;
    size_t count, capacity;
};

/* Which of its kind a weight is: the place that its name and record state. */
struct position {
    uint32_t module, stage, layer, expert;
};

/* One for each patch and the class token, or for each token of the longest sequence. */
static uint64_t position_count(const struct mimo_plan_module *module)
{
    const uint64_t side = module->patch_size > 0 ? module->image_size / module->patch_size : 0;

    return module->kind == MIMO_MODULE_KIND_ENCODER ? side * side + 1 : module->max_sequence_length;
}

static uint64_t extent_of(const struct mimo_plan_module *module, enum mimo_extent extent)
{
    switch (extent) {
    case MIMO_EXTENT_NONE:
        return 1;
    case MIMO_EXTENT_HIDDEN:
        return module->hidden_size;
    case MIMO_EXTENT_VOCAB:
        return module->vocab_size;
    case MIMO_EXTENT_QUERY:
        return (uint64_t)module->num_attention_heads * module->head_dim;
    case MIMO_EXTENT_KEY:
        return (uint64_t)module->num_query_groups * module->head_dim;
    case MIMO_EXTENT_FFN:
        return module->ffn_hidden_size;
    case MIMO_EXTENT_CHANNELS:
        return module->channels;
    case MIMO_EXTENT_PATCH:
        return module->patch_size;
    case MIMO_EXTENT_POSITIONS:
        return position_count(module);
    case MIMO_EXTENT_EXPERTS:
        return module->num_experts;
    case MIMO_EXTENT_EXPERT_FFN:
        return module->expert_ffn_hidden_size;
    }
    return 0;
}

static void set_shape(struct mimo_plan_parameter *parameter, const uint64_t shape[4])
{
    uint32_t dimensions = 4;

    while (dimensions > 1 && shape[dimensions - 1] == 0)
        dimensions--;
    parameter->dimensions = dimensions;
    for (uint32_t i = 0; i < 4; i++)
        parameter->shape[i] = i < dimensions ? shape[i] : 1;
}

static void set_cut(struct mimo_plan_parameter *parameter, uint32_t dimension, uint64_t units)
{
    parameter->cut = MIMO_CUT_EVEN;
    parameter->cut_dimension = dimension;
    parameter->cut_units = units;
}

/* Key and value heads that are fewer than the ranks are held by several ranks, each of which sees
 * the gradient of its own query heads only. What no rank cuts has an equal gradient on all, except
 * that under sequence parallelism each sees that of its own positions; so it
 * always is with routers, for tensor ranks share out the rows that go to experts. */
static void cut(struct mimo_plan_parameter *parameter, const struct mimo_plan_module *module,
                enum mimo_cutting cutting)
{
    switch (cutting) {
    case MIMO_CUTTING_WHOLE:
        parameter->cut_units = 1;
        parameter->gradient_is_partial =
            module->tp > 1 &&
            (module->sequence_parallel != 0 || parameter->slot == MIMO_SLOT_ROUTER_WEIGHT);
        break;
    case MIMO_CUTTING_HEADS:
        set_cut(parameter, 0, module->num_attention_heads);
        break;
    case MIMO_CUTTING_GROUPS:
        set_cut(parameter, 0, module->num_query_groups);
        if (module->tp > module->num_query_groups) {
            parameter->cut = MIMO_CUT_REPLICATED;
            parameter->gradient_is_partial = 1;
        }
        break;
    case MIMO_CUTTING_ROWS:
        set_cut(parameter, 0, parameter->shape[0]);
        break;
    case MIMO_CUTTING_HEAD_COLUMNS:
        set_cut(parameter, 1, module->num_attention_heads);
        break;
    case MIMO_CUTTING_COLUMNS:
        set_cut(parameter, 1, parameter->shape[1]);
        break;
    }
}

/* A matrix starts with variance 1 / (3 · fan-in), the default of PyTorch's linear layers: in models
 * of small width the constant 0.02 of large ones learns several times slower. */
static double matrix_scale(const struct mimo_plan_parameter *parameter)
{
    const double fan_in =
        (double)parameter->shape[1] * (double)parameter->shape[2] * (double)parameter->shape[3];

    return 1.0 / sqrt(3.0 * fan_in);
}

/* Matrices that write to the residual stream start smaller, so that its variance does not grow with
 * the number of layers (2 in each), as in GPT-2. */
static void set_use(struct mimo_plan_parameter *parameter, enum mimo_use use, uint32_t num_layers)
{
    parameter->init = MIMO_INIT_NORMAL;
    parameter->decays = use == MIMO_USE_MATRIX || use == MIMO_USE_RESIDUAL;
    switch (use) {
    case MIMO_USE_MATRIX:
        parameter->init_scale = matrix_scale(parameter);
        break;
    case MIMO_USE_TABLE:
        parameter->init_scale = TABLE_SCALE;
        break;
    case MIMO_USE_RESIDUAL:
        parameter->init_scale = matrix_scale(parameter) / sqrt(2.0 * num_layers);
        break;
    case MIMO_USE_SCALE:
        parameter->init = MIMO_INIT_ONE;
        parameter->init_scale = 0.0;
        break;
    case MIMO_USE_BIAS:
        parameter->init = MIMO_INIT_ZERO;
        parameter->init_scale = 0.0;
        break;
    }
}

static struct mimo_plan_parameter *append(struct table *table, const struct position *at)
{
    const struct mimo_plan_parameter blank = {
        .module = at->module,
        .stage = at->stage,
        .layer = at->layer,
        .expert = at->expert,
        .projector = MIMO_NONE,
        .tied_to = MIMO_NONE,
    };

    MIMO_APPEND(table->draft->arena, table->items, table->count, table->capacity, blank);
    return &table->items[table->count - 1];
}

static const char *name_of(const struct table *table, const struct position *at,
                           const struct mimo_family *family, const char *weight)
{
    const char *module = table->draft->owners[at->module].name;
    struct mimo_arena *arena = table->draft->arena;

    if (at->layer == MIMO_NONE)
        return mimo_arena_printf(arena, "%s.%s", module, weight);
    if (at->expert == MIMO_NONE)
        return mimo_arena_printf(arena, "%s.%s.%u.%s", module, family->layer_prefix, at->layer,
                                 weight);
    return mimo_arena_printf(arena, "%s.%s.%u.%s.%u.%s", module, family->layer_prefix, at->layer,
                             family->expert_prefix, at->expert, weight);
}

static void add_weight(struct table *table, const struct position *at,
                       const struct mimo_family *family, const struct mimo_weight *weight)
{
    const struct mimo_plan_module *module = &table->draft->modules[at->module];
    struct mimo_plan_parameter *parameter = append(table, at);
    uint64_t shape[4] = {0};

    for (int i = 0; i < 4 && weight->shape[i] != MIMO_EXTENT_NONE; i++)
        shape[i] = extent_of(module, weight->shape[i]);
    parameter->name =
        mimo_plan_writer_string(table->draft->writer, name_of(table, at, family, weight->name));
    parameter->slot = weight->slot;
    parameter->follows = (weight->flags & MIMO_WEIGHT_FOLLOWS) != 0;
    parameter->is_trainable = module->is_frozen == 0;
    parameter->lr_scale = table->draft->owners[at->module].lr_scale;
    set_shape(parameter, shape);
    cut(parameter, module, weight->cutting);
    set_use(parameter, weight->use, module->num_layers);
}

/* Shares the values of the embedding, so it does not decay either. Returns false where the stage
 * has the embedding itself. */
static bool tie_head(struct table *table, const struct mimo_plan_module *module)
{
    struct mimo_plan_parameter *head = &table->items[table->count - 1];

    if (module->pp == 1)
        return false;
    head->tied_to = module->parameter_first;
    head->decays = 0;
    return true;
}

static void add_list(struct table *table, const struct position *at,
                     const struct mimo_family *family, const struct mimo_weight *weights)
{
    const struct mimo_plan_module *module = &table->draft->modules[at->module];
    const bool has_experts = mimo_layer_has_experts(module, at->layer);

    for (const struct mimo_weight *weight = weights; weight->name != NULL; weight++) {
        if (((weight->flags & MIMO_WEIGHT_QKV_BIAS) != 0 && module->has_qkv_bias == 0) ||
            ((weight->flags & MIMO_WEIGHT_DENSE) != 0 && has_experts) ||
            ((weight->flags & MIMO_WEIGHT_WITH_EXPERTS) != 0 && !has_experts))
            continue;
        add_weight(table, at, family, weight);
        if (weight->slot == MIMO_SLOT_HEAD && module->ties_embeddings != 0 &&
            !tie_head(table, module))
            table->count--;
    }
}

static void add_layer(struct table *table, struct position at, const struct mimo_family *family)
{
    const struct mimo_plan_module *module = &table->draft->modules[at.module];

    at.expert = MIMO_NONE;
    add_list(table, &at, family, family->layer);
    if (!mimo_layer_has_experts(module, at.layer))
        return;
    for (at.expert = 0; at.expert < module->num_experts; at.expert++)
        add_list(table, &at, family, family->expert);
}

/* The layers of an mlp alternate between cut along the output and along the input, so that every
 * second product needs no gathering; one that has no partner is not cut. */
static void cut_projector(struct mimo_plan_parameter *parameter, bool is_linear, uint32_t layers)
{
    const bool is_bias = parameter->slot == MIMO_SLOT_PROJECTOR_BIAS;

    parameter->cut_units = 1;
    if (is_linear || (parameter->layer % 2 == 0 && parameter->layer + 1 == layers))
        return;
    if (parameter->layer % 2 == 0)
        set_cut(parameter, 0, parameter->shape[0]);
    else if (!is_bias)
        set_cut(parameter, 1, parameter->shape[1]);
}

static void add_projector_weight(struct table *table, const struct position *at,
                                 uint32_t projector_index, enum mimo_slot slot)
{
    const struct mimo_plan_projector *projector = &table->draft->plan.projectors[projector_index];
    const struct mimo_draft_owner *owner = &table->draft->projector_owners[projector_index];
    const bool is_linear = projector->architecture == MIMO_ARCHITECTURE_LINEAR;
    const bool is_bias = slot == MIMO_SLOT_PROJECTOR_BIAS;
    const char *kind = is_bias ? "bias" : "weight";
    const uint64_t shape[4] = {at->layer + 1 == projector->num_layers ? projector->output_size
                                                                      : projector->hidden_size,
                               is_bias          ? 0
                               : at->layer == 0 ? projector->input_size
                                                : projector->hidden_size};
    struct mimo_plan_parameter *parameter = append(table, at);
    const char *name =
        is_linear ? mimo_arena_printf(table->draft->arena, "%s.linear.%s", owner->name, kind)
                  : mimo_arena_printf(table->draft->arena, "%s.linear_%u.%s", owner->name,
                                      at->layer + 1, kind);

    parameter->name = mimo_plan_writer_string(table->draft->writer, name);
    parameter->slot = slot;
    parameter->projector = projector_index;
    parameter->is_trainable = projector->is_frozen == 0;
    parameter->lr_scale = owner->lr_scale;
    set_shape(parameter, shape);
    set_use(parameter, is_bias ? MIMO_USE_BIAS : MIMO_USE_MATRIX, projector->num_layers);
    cut_projector(parameter, is_linear, projector->num_layers);
}

static bool is_listed(const struct mimo_draft *draft, uint32_t module, uint32_t projector)
{
    for (uint32_t i = 0; i < module; i++) {
        if (draft->modules[i].projector == projector)
            return true;
    }
    return false;
}

static void add_projector(struct table *table, uint32_t module_index)
{
    const struct mimo_plan_module *module = &table->draft->modules[module_index];
    const uint32_t index = module->projector;
    struct position at = {module_index, module->stage_count - 1, 0, MIMO_NONE};

    if (index == MIMO_NONE || is_listed(table->draft, module_index, index))
        return;
    for (; at.layer < table->draft->plan.projectors[index].num_layers; at.layer++) {
        add_projector_weight(table, &at, index, MIMO_SLOT_PROJECTOR_WEIGHT);
        if (table->draft->plan.projectors[index].has_bias != 0)
            add_projector_weight(table, &at, index, MIMO_SLOT_PROJECTOR_BIAS);
    }
}

static void add_module(struct table *table, uint32_t index)
{
    const struct mimo_plan_module *module = &table->draft->modules[index];
    const struct mimo_family *family = mimo_family_of(module->architecture);
    struct position at = {.module = index, .layer = MIMO_NONE, .expert = MIMO_NONE};

    add_list(table, &at, family, family->first);
    for (; at.stage < module->stage_count; at.stage++) {
        const struct mimo_plan_stage *stage =
            &table->draft->plan.stages[module->stage_first + at.stage];

        for (uint32_t i = 0; i < stage->layer_count; i++) {
            at.layer = stage->layer_first + i;
            add_layer(table, at, family);
        }
    }
    at.stage = module->stage_count - 1;
    at.layer = MIMO_NONE;
    add_list(table, &at, family, family->last);
    add_projector(table, index);
}

static uint64_t count_elements(const struct table *table, size_t first)
{
    uint64_t sum = 0;

    for (size_t i = first; i < table->count; i++) {
        const struct mimo_plan_parameter *parameter = &table->items[i];

        if (parameter->tied_to == MIMO_NONE)
            sum += parameter->shape[0] * parameter->shape[1] * parameter->shape[2] *
                   parameter->shape[3];
    }
    return sum;
}

void mimo_parameters_build(struct mimo_draft *draft)
{
    struct table table = {.draft = draft};

    for (uint32_t i = 0; i < draft->plan.module_count; i++) {
        const size_t first = table.count;

        draft->modules[i].parameter_first = (uint32_t)first;
        add_module(&table, i);
        draft->modules[i].parameter_count = (uint32_t)(table.count - first);
        draft->modules[i].elements = count_elements(&table, first);
    }
    draft->plan.parameters = table.items;
    draft->plan.parameter_count = (uint32_t)table.count;
}
