#include "compiler/check/facts.h"

#include "plan/plan.h"

#include <string.h>

/* Hidden state 0 is what enters the first layer, num_layers what leaves the last one; from the end
 * they count as -1, -2, ... */
static int64_t layers_up_to(int64_t feature_layer, int64_t num_layers)
{
    if (!mimo_is_known(feature_layer) || !mimo_is_known(num_layers))
        return MIMO_UNKNOWN;
    return feature_layer < 0 ? num_layers + 1 + feature_layer : feature_layer;
}

int64_t mimo_fact_multiply(int64_t a, int64_t b)
{
    int64_t product;

    if (!mimo_is_known(a) || !mimo_is_known(b) || __builtin_mul_overflow(a, b, &product))
        return MIMO_UNKNOWN;
    return product;
}

int64_t mimo_fact_divide(int64_t a, int64_t b)
{
    return mimo_is_known(a) && mimo_is_known(b) ? a / b : MIMO_UNKNOWN;
}

bool mimo_fact_is_indivisible(int64_t a, int64_t b)
{
    return mimo_is_known(a) && mimo_is_known(b) && a % b != 0;
}

/* What is absent from a damaged block may have been skipped. */
static bool is_readable(const struct mimo_block *block, enum mimo_attribute attribute)
{
    return block != NULL && (!block->is_damaged || mimo_block_is_set(block, attribute));
}

int64_t mimo_fact_integer(const struct mimo_block *block, enum mimo_attribute attribute)
{
    int64_t value;

    if (!is_readable(block, attribute) || !mimo_block_integer(block, attribute, &value))
        return MIMO_UNKNOWN;
    return value;
}

int64_t mimo_fact_boolean(const struct mimo_block *block, enum mimo_attribute attribute)
{
    bool value;

    if (!is_readable(block, attribute) || !mimo_block_boolean(block, attribute, &value))
        return MIMO_UNKNOWN;
    return value;
}

int64_t mimo_fact_word(const struct mimo_block *block, enum mimo_attribute attribute)
{
    int64_t value;

    if (!is_readable(block, attribute) || !mimo_block_word(block, attribute, &value))
        return MIMO_UNKNOWN;
    return value;
}

static int64_t architecture_of(const struct mimo_block *block)
{
    for (uint32_t i = 0; block->architecture != NULL && i < MIMO_ARCHITECTURE_COUNT; i++) {
        if (strcmp(block->architecture, mimo_architecture_word(i)) == 0)
            return i;
    }
    return MIMO_UNKNOWN;
}

/* The schema's default would be hidden_size / num_attention_heads; rule E0401 needs it undivided.
 */
static int64_t head_dim_of(const struct mimo_block *block, int64_t hidden_size, int64_t heads)
{
    if (block->kind == MIMO_BLOCK_language && mimo_block_is_set(block, MIMO_ATTR_head_dim))
        return mimo_fact_integer(block, MIMO_ATTR_head_dim);
    if (block->is_damaged || !mimo_is_known(hidden_size) || !mimo_is_known(heads) ||
        hidden_size % heads != 0)
        return MIMO_UNKNOWN;
    return hidden_size / heads;
}

static void read_shape(struct mimo_module_facts *module)
{
    const struct mimo_block *block = module->block;

    module->architecture = architecture_of(block);
    module->num_layers = mimo_fact_integer(block, MIMO_ATTR_num_layers);
    module->hidden_size = mimo_fact_integer(block, MIMO_ATTR_hidden_size);
    module->ffn_hidden_size = mimo_fact_integer(block, MIMO_ATTR_ffn_hidden_size);
    module->heads = mimo_fact_integer(block, MIMO_ATTR_num_attention_heads);
    module->head_dim = head_dim_of(block, module->hidden_size, module->heads);
}

static void read_encoder(struct mimo_module_facts *module)
{
    const struct mimo_block *block = module->block;

    module->groups = module->heads;
    module->layers_computed =
        layers_up_to(mimo_fact_integer(block, MIMO_ATTR_feature_layer), module->num_layers);
    module->image_size = mimo_fact_integer(block, MIMO_ATTR_image_size);
    module->patch_size = mimo_fact_integer(block, MIMO_ATTR_patch_size);
    module->channels = mimo_fact_integer(block, MIMO_ATTR_channels);
    module->keeps_class_token = mimo_fact_word(block, MIMO_ATTR_class_token);
}

static void read_language(struct mimo_module_facts *module)
{
    const struct mimo_block *block = module->block;

    module->layers_computed = module->num_layers;
    module->groups = mimo_fact_integer(block, MIMO_ATTR_num_query_groups);
    module->vocab_size = mimo_fact_integer(block, MIMO_ATTR_vocab_size);
    module->max_sequence_length = mimo_fact_integer(block, MIMO_ATTR_max_sequence_length);
    module->moe = mimo_block_child(block, MIMO_BLOCK_moe, NULL);
    if (block->is_damaged && module->moe == NULL)
        module->num_experts = MIMO_UNKNOWN;
    if (module->moe == NULL)
        return;
    module->num_experts = mimo_fact_integer(module->moe, MIMO_ATTR_num_experts);
    module->top_k = mimo_fact_integer(module->moe, MIMO_ATTR_top_k);
    module->expert_ffn_hidden_size = mimo_fact_integer(module->moe, MIMO_ATTR_ffn_hidden_size);
}

const struct mimo_block *mimo_layout_source(const struct mimo_layout_facts *layout,
                                            enum mimo_attribute attribute)
{
    if (layout->own != NULL && mimo_block_is_set(layout->own, attribute))
        return layout->own;
    if (layout->all != NULL && mimo_block_is_set(layout->all, attribute))
        return layout->all;
    return NULL;
}

/* The value over all three levels, or NULL where a damaged block may have held it. */
static const struct mimo_value *layout_value(const struct mimo_layout_facts *layout,
                                             enum mimo_attribute attribute)
{
    const struct mimo_block *source = mimo_layout_source(layout, attribute);
    const bool own_is_damaged = layout->own != NULL && layout->own->is_damaged;
    const bool all_is_damaged = layout->all != NULL && layout->all->is_damaged;

    if ((own_is_damaged && source != layout->own) || (all_is_damaged && source == NULL))
        return NULL;
    if (source == NULL)
        source = layout->own != NULL ? layout->own : layout->all;
    return mimo_block_value(source, attribute);
}

static int64_t layout_integer(const struct mimo_layout_facts *layout, enum mimo_attribute attribute)
{
    const struct mimo_value *value = layout_value(layout, attribute);

    return value != NULL && value->kind == MIMO_VALUE_INTEGER ? value->integer : MIMO_UNKNOWN;
}

/* `auto`: where tensor_parallel > 1. It cuts nothing on one rank. */
static int64_t sequence_parallel_of(const struct mimo_layout_facts *layout,
                                    enum mimo_module_kind kind)
{
    const struct mimo_value *value = layout_value(layout, MIMO_ATTR_sequence_parallel);

    if (kind == MIMO_MODULE_KIND_ENCODER)
        return 0;
    if (value == NULL || value->kind == MIMO_VALUE_UNKNOWN || !mimo_is_known(layout->tp))
        return MIMO_UNKNOWN;
    return layout->tp > 1 && (value->kind == MIMO_VALUE_AUTO || value->integer != 0);
}

void mimo_layout_forget(struct mimo_layout_facts *layout)
{
    layout->tp = layout->cp = layout->pp = layout->dp = MIMO_UNKNOWN;
    layout->ep = layout->etp = layout->virtual_pipeline = MIMO_UNKNOWN;
    layout->rank_offset = layout->sequence_parallel = MIMO_UNKNOWN;
}

static void set_one_rank(struct mimo_layout_facts *layout)
{
    layout->tp = layout->cp = layout->pp = layout->dp = 1;
    layout->ep = layout->etp = layout->virtual_pipeline = 1;
    layout->rank_offset = layout->sequence_parallel = 0;
}

static void read_pipeline_layout(struct mimo_layout_facts *layout)
{
    const struct mimo_value *value = layout_value(layout, MIMO_ATTR_pipeline_layout);

    layout->has_pipeline_layout = value == NULL || value->kind != MIMO_VALUE_NONE;
    if (value != NULL && value->kind == MIMO_VALUE_LIST)
        layout->pipeline_layout = value;
}

static void read_layout(struct mimo_layout_facts *layout, enum mimo_module_kind kind)
{
    const struct mimo_value *dp = layout_value(layout, MIMO_ATTR_data_parallel);

    layout->tp = layout_integer(layout, MIMO_ATTR_tensor_parallel);
    layout->cp = layout_integer(layout, MIMO_ATTR_context_parallel);
    layout->pp = layout_integer(layout, MIMO_ATTR_pipeline_parallel);
    layout->dp = layout_integer(layout, MIMO_ATTR_data_parallel);
    layout->dp_is_auto = dp != NULL && dp->kind == MIMO_VALUE_AUTO;
    layout->ep = layout_integer(layout, MIMO_ATTR_expert_parallel);
    layout->etp = layout_integer(layout, MIMO_ATTR_expert_tensor_parallel);
    layout->virtual_pipeline = layout_integer(layout, MIMO_ATTR_virtual_pipeline);
    layout->rank_offset = layout_integer(layout, MIMO_ATTR_rank_offset);
    layout->sequence_parallel = sequence_parallel_of(layout, kind);
    read_pipeline_layout(layout);
}

static void find_layout(const struct mimo_block *deployment, struct mimo_module_facts *module)
{
    struct mimo_layout_facts *layout = &module->layout;

    if (deployment == NULL) {
        set_one_rank(layout);
        return;
    }
    layout->own = mimo_block_child(deployment, MIMO_BLOCK_parallelism, module->block->name);
    layout->all = mimo_block_child(deployment, MIMO_BLOCK_parallelism, "all");
    if (layout->own == NULL && (layout->all == NULL || deployment->is_damaged)) {
        layout->is_absent = layout->all == NULL && !deployment->is_damaged;
        mimo_layout_forget(layout);
        return;
    }
    read_layout(layout, module->kind);
}

static void add_module(struct mimo_facts *facts, const struct mimo_block *block,
                       enum mimo_module_kind kind, size_t modality)
{
    struct mimo_module_facts *module = &facts->modules[facts->module_count++];

    *module = (struct mimo_module_facts){
        .block = block, .kind = kind, .modality = modality, .projector = SIZE_MAX};
    read_shape(module);
    if (kind == MIMO_MODULE_KIND_ENCODER)
        read_encoder(module);
    else
        read_language(module);
    find_layout(facts->declaration->deployment, module);
}

static void add_modality(struct mimo_facts *facts, const struct mimo_block *block)
{
    struct mimo_modality_facts *modality = &facts->modalities[facts->modality_count];

    *modality = (struct mimo_modality_facts){
        .block = block,
        .encoder_first = facts->module_count,
        .special_token = mimo_fact_integer(block, MIMO_ATTR_special_token),
    };
    for (size_t i = 0; i < block->child_count; i++) {
        const struct mimo_block *child = block->children[i];

        if (child->kind == MIMO_BLOCK_encoder)
            add_module(facts, child, MIMO_MODULE_KIND_ENCODER, facts->modality_count);
        if (child->kind == MIMO_BLOCK_projector)
            facts->projectors[facts->projector_count++] = (struct mimo_projector_facts){
                child, architecture_of(child), facts->modality_count, SIZE_MAX};
    }
    modality->encoder_count = facts->module_count - modality->encoder_first;
    facts->modality_count++;
}

/* The language model comes last, the modalities in the order of the file. */
static void read_model(struct mimo_facts *facts, const struct mimo_block *model)
{
    const struct mimo_block *language = mimo_block_child(model, MIMO_BLOCK_language, NULL);

    for (size_t i = 0; i < model->child_count; i++) {
        if (model->children[i]->kind == MIMO_BLOCK_modality)
            add_modality(facts, model->children[i]);
    }
    if (language == NULL)
        return;
    add_module(facts, language, MIMO_MODULE_KIND_LANGUAGE, SIZE_MAX);
    facts->language = &facts->modules[facts->module_count - 1];
}

static void alloc(struct mimo_facts *facts, const struct mimo_block *model,
                  struct mimo_arena *arena)
{
    size_t blocks = model->child_count;

    for (size_t i = 0; i < model->child_count; i++)
        blocks += model->children[i]->child_count;
    facts->modules = MIMO_NEW_ARRAY(arena, struct mimo_module_facts, blocks);
    facts->modalities = MIMO_NEW_ARRAY(arena, struct mimo_modality_facts, model->child_count);
    facts->projectors = MIMO_NEW_ARRAY(arena, struct mimo_projector_facts, blocks);
}

static void read_world(struct mimo_facts *facts)
{
    const struct mimo_declaration *declaration = facts->declaration;
    const struct mimo_block *deployment = declaration->deployment;

    facts->mode = MIMO_MODE_COLOCATED;
    facts->world_size = 1;
    if (deployment != NULL) {
        const struct mimo_value *value = mimo_block_value(deployment, MIMO_ATTR_world_size);

        facts->mode = mimo_fact_word(deployment, MIMO_ATTR_mode);
        facts->world_size = mimo_fact_integer(deployment, MIMO_ATTR_world_size);
        facts->world_size_is_given = value->kind != MIMO_VALUE_NONE || deployment->is_damaged;
    }
    if (declaration->world_size_option > 0) {
        facts->world_size = declaration->world_size_option;
        facts->world_size_is_given = true;
    }
}

void mimo_facts_init(struct mimo_facts *facts, const struct mimo_declaration *declaration,
                     struct mimo_arena *arena)
{
    const struct mimo_block *training = declaration->training;

    *facts = (struct mimo_facts){
        .declaration = declaration,
        .global_batch = mimo_fact_integer(training, MIMO_ATTR_global_batch),
        .micro_batch = mimo_fact_integer(training, MIMO_ATTR_micro_batch),
        .sequence_length = mimo_fact_integer(training, MIMO_ATTR_sequence_length),
        .micro_steps = MIMO_UNKNOWN,
    };
    read_world(facts);
    if (declaration->model == NULL)
        return;
    alloc(facts, declaration->model, arena);
    read_model(facts, declaration->model);
}

int64_t mimo_layout_span_ranks(const struct mimo_layout_facts *layout)
{
    return mimo_fact_multiply(mimo_fact_multiply(layout->tp, layout->cp), layout->pp);
}

int64_t mimo_layout_ranks(const struct mimo_layout_facts *layout)
{
    return mimo_fact_multiply(mimo_layout_span_ranks(layout), layout->dp);
}

int64_t mimo_layout_stages(const struct mimo_layout_facts *layout)
{
    return mimo_fact_multiply(layout->pp, layout->virtual_pipeline);
}

int64_t mimo_layout_end(const struct mimo_layout_facts *layout)
{
    const int64_t ranks = mimo_layout_ranks(layout);
    int64_t end;

    if (!mimo_is_known(ranks) || !mimo_is_known(layout->rank_offset) ||
        __builtin_add_overflow(ranks, layout->rank_offset, &end))
        return MIMO_UNKNOWN;
    return end;
}

struct mimo_span mimo_layout_name(const struct mimo_layout_facts *layout)
{
    return layout->own != NULL ? layout->own->name_span : layout->all->name_span;
}

struct mimo_span mimo_layout_place(const struct mimo_layout_facts *layout,
                                   enum mimo_attribute attribute)
{
    return layout->own != NULL ? mimo_block_span(layout->own, attribute) : layout->all->name_span;
}
