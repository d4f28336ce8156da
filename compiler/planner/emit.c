#include "compiler/check/check.h"
#include "compiler/planner/communication.h"
#include "compiler/planner/compile.h"
#include "compiler/planner/layout.h"
#include "compiler/planner/parameters.h"
#include "compiler/planner/rounds.h"
#include "compiler/proof/prove.h"
#include "compiler/proof/ranks.h"
#include "plan/memory.h"

#include <string.h>

#define INSTRUCTIONS_MAX (1 << 20) /* of all programs of a plan */

/* Everything that the records are filled from. All facts are known: no rule found a mistake. */
struct emitter {
    const struct mimo_facts *facts;
    const struct mimo_declaration *declaration;
    struct mimo_draft *draft;
};

static struct mimo_plan_string string(const struct emitter *emitter, const char *text)
{
    return mimo_plan_writer_string(emitter->draft->writer, text);
}

static struct mimo_plan_string string_of(const struct emitter *emitter,
                                         const struct mimo_block *block,
                                         enum mimo_attribute attribute)
{
    const char *text = NULL;

    return mimo_block_string(block, attribute, &text) ? string(emitter, text)
                                                      : (struct mimo_plan_string){0, 0};
}

static double real_of(const struct mimo_block *block, enum mimo_attribute attribute)
{
    double value = 0.0;

    (void)mimo_block_real(block, attribute, &value);
    return value;
}

/* A fact or attribute that is known and fits; rules and schema ranges have seen to it. */
static uint32_t narrow(int64_t value)
{
    MIMO_ASSERT(value >= 0 && value <= UINT32_MAX);
    return (uint32_t)value;
}

static uint32_t integer_of(const struct mimo_block *block, enum mimo_attribute attribute)
{
    return narrow(mimo_fact_integer(block, attribute));
}

static uint64_t long_of(const struct mimo_block *block, enum mimo_attribute attribute)
{
    int64_t value;

    return mimo_block_integer(block, attribute, &value) ? (uint64_t)value : 0;
}

static uint32_t boolean_of(const struct mimo_block *block, enum mimo_attribute attribute)
{
    return narrow(mimo_fact_boolean(block, attribute));
}

static uint32_t word_of(const struct mimo_block *block, enum mimo_attribute attribute)
{
    return narrow(mimo_fact_word(block, attribute));
}

static void emit_meta(const struct emitter *emitter)
{
    const struct mimo_declaration *declaration = emitter->declaration;
    struct mimo_plan_meta *meta = MIMO_NEW(emitter->draft->arena, struct mimo_plan_meta);

    *meta = (struct mimo_plan_meta){
        .compiler_version = string(emitter, MIMO_VERSION),
        .model = string(emitter, declaration->model->name),
        .model_weights = string_of(emitter, declaration->model, MIMO_ATTR_weights),
        .language_version = narrow(declaration->language_version),
        .mode = narrow(emitter->facts->mode),
        .world_size = narrow(emitter->facts->world_size),
        .language_module = narrow((int64_t)emitter->facts->module_count - 1),
    };
    if (declaration->deployment != NULL)
        meta->deployment = string(emitter, declaration->deployment->name);
    emitter->draft->plan.meta = meta;
}

static uint32_t lr_schedule_called(const char *name)
{
#define SCHEDULE_WORD(suffix, word) word,
    static const char *const words[] = {MIMO_LR_SCHEDULES(SCHEDULE_WORD)};
    uint32_t schedule = 0;

    while (schedule < MIMO_LR_SCHEDULE_COUNT && strcmp(words[schedule], name) != 0)
        schedule++;
    MIMO_ASSERT(schedule < MIMO_LR_SCHEDULE_COUNT);
    return schedule;
}

static void emit_optimizer(const struct mimo_block *training, struct mimo_plan_training *record)
{
    const struct mimo_block *optimizer = mimo_block_child(training, MIMO_BLOCK_optimizer, NULL);
    const struct mimo_block *schedule = mimo_block_child(training, MIMO_BLOCK_schedule, NULL);
    const struct mimo_value *betas = mimo_block_value(optimizer, MIMO_ATTR_betas);

    MIMO_ASSERT(betas->kind == MIMO_VALUE_LIST && betas->item_count == 2);
    record->lr = real_of(optimizer, MIMO_ATTR_lr);
    record->beta1 = betas->items[0].real;
    record->beta2 = betas->items[1].real;
    record->epsilon = real_of(optimizer, MIMO_ATTR_epsilon);
    record->weight_decay = real_of(optimizer, MIMO_ATTR_weight_decay);
    record->clip_grad = real_of(optimizer, MIMO_ATTR_clip_grad);
    record->lr_schedule = MIMO_LR_SCHEDULE_CONSTANT;
    if (schedule == NULL)
        return;
    record->lr_schedule = lr_schedule_called(schedule->architecture);
    record->warmup_steps = long_of(schedule, MIMO_ATTR_warmup_steps);
    record->min_lr = real_of(schedule, MIMO_ATTR_min_lr);
}

static void emit_training(const struct emitter *emitter)
{
    const struct mimo_block *training = emitter->declaration->training;
    struct mimo_plan_training *record = MIMO_NEW(emitter->draft->arena, struct mimo_plan_training);

    *record = (struct mimo_plan_training){
        .steps = long_of(training, MIMO_ATTR_steps),
        .epochs = real_of(training, MIMO_ATTR_epochs),
        .seed = long_of(training, MIMO_ATTR_seed),
        .global_batch = narrow(emitter->facts->global_batch),
        .micro_batch = narrow(emitter->facts->micro_batch),
        .micro_steps = narrow(emitter->facts->micro_steps),
        .encoder_group = narrow(emitter->facts->micro_steps),
        .sequence_length = narrow(emitter->facts->sequence_length),
        .padding = word_of(training, MIMO_ATTR_padding),
        .precision = word_of(training, MIMO_ATTR_precision),
        .recompute = word_of(training, MIMO_ATTR_recompute),
        .pipeline_schedule = word_of(training, MIMO_ATTR_pipeline_schedule),
        .distributed_optimizer = boolean_of(training, MIMO_ATTR_distributed_optimizer),
        .gradient_bucket = integer_of(training, MIMO_ATTR_gradient_bucket),
        .log_interval = integer_of(training, MIMO_ATTR_log_interval),
        .eval_interval = integer_of(training, MIMO_ATTR_eval_interval),
    };
    emit_optimizer(training, record);
    emitter->draft->training = record;
    emitter->draft->plan.training = record;
}

/* Images of a modality that fit into a sequence, beside a first token and one to learn. */
static uint32_t images_that_fit(const struct emitter *emitter,
                                const struct mimo_modality_facts *modality)
{
    const int64_t room = emitter->facts->sequence_length - 2;

    return room > 0 ? narrow(room / modality->image_tokens) : 0;
}

/* The most images of one modality that a sample may hold. */
static uint32_t images_per_sample_max(const struct emitter *emitter,
                                      const struct mimo_modality_facts *modality)
{
    const uint32_t fit = images_that_fit(emitter, modality);
    const uint32_t declared = emitter->draft->plan.data->max_images_per_sample;

    return fit < declared ? fit : declared;
}

static void emit_images_per_sample(const struct mimo_block *data, struct mimo_plan_data *record)
{
    const struct mimo_value *value = mimo_block_value(data, MIMO_ATTR_images_per_sample);
    const bool is_range = value->kind == MIMO_VALUE_LIST;

    record->images_per_sample_min = narrow(is_range ? value->items[0].integer : value->integer);
    record->images_per_sample_max = narrow(is_range ? value->items[1].integer : value->integer);
    record->max_images_per_sample = record->images_per_sample_max;
}

/* A limit beyond what fits would only reserve memory. */
static uint32_t image_limit(const struct emitter *emitter, const struct mimo_block *data)
{
    const int64_t declared = mimo_fact_integer(data, MIMO_ATTR_max_images_per_sample);
    uint32_t fit = 0;

    for (size_t i = 0; i < emitter->facts->modality_count; i++) {
        const uint32_t own = images_that_fit(emitter, &emitter->facts->modalities[i]);

        fit = own > fit ? own : fit;
    }
    return mimo_is_known(declared) && declared < fit ? narrow(declared) : fit;
}

static void emit_data(const struct emitter *emitter)
{
    const struct mimo_block *data = emitter->declaration->data;
    struct mimo_plan_data *record = MIMO_NEW(emitter->draft->arena, struct mimo_plan_data);

    *record = (struct mimo_plan_data){
        .format = word_of(data, MIMO_ATTR_format),
        .text_template = word_of(data, MIMO_ATTR_template),
        .on_bad_sample = word_of(data, MIMO_ATTR_on_bad_sample),
        .shuffle = boolean_of(data, MIMO_ATTR_shuffle),
        .train = string_of(emitter, data, MIMO_ATTR_train),
        .validation = string_of(emitter, data, MIMO_ATTR_validation),
        .media = string_of(emitter, data, MIMO_ATTR_media),
        .tokenizer = string_of(emitter, data, MIMO_ATTR_tokenizer),
        .max_images_per_sample = image_limit(emitter, data),
    };
    if (record->format == MIMO_DATA_FORMAT_SYNTHETIC)
        emit_images_per_sample(data, record);
    emitter->draft->plan.data = record;
}

static void emit_checkpoint(const struct emitter *emitter)
{
    const struct mimo_block *checkpoint = emitter->declaration->checkpoint;
    struct mimo_plan_checkpoint *record =
        MIMO_NEW(emitter->draft->arena, struct mimo_plan_checkpoint);

    if (checkpoint != NULL)
        *record = (struct mimo_plan_checkpoint){
            .directory = string_of(emitter, checkpoint, MIMO_ATTR_directory),
            .interval = long_of(checkpoint, MIMO_ATTR_interval),
            .keep = long_of(checkpoint, MIMO_ATTR_keep),
        };
    emitter->draft->plan.checkpoint = record;
}

static void emit_cluster(const struct emitter *emitter)
{
    const struct mimo_block *cluster = emitter->declaration->cluster;
    struct mimo_plan_cluster *record = MIMO_NEW(emitter->draft->arena, struct mimo_plan_cluster);

    if (cluster != NULL)
        *record = (struct mimo_plan_cluster){
            .name = string(emitter, cluster->name),
            .memory = long_of(cluster, MIMO_ATTR_memory),
            .peak = real_of(cluster, MIMO_ATTR_peak),
            .node_bandwidth = real_of(cluster, MIMO_ATTR_node_bandwidth),
            .network_bandwidth = real_of(cluster, MIMO_ATTR_network_bandwidth),
            .gpus_per_node = integer_of(cluster, MIMO_ATTR_gpus_per_node),
        };
    emitter->draft->plan.cluster = record;
}

static void emit_modalities(const struct emitter *emitter)
{
    const size_t count = emitter->facts->modality_count;
    struct mimo_plan_modality *records =
        MIMO_NEW_ARRAY(emitter->draft->arena, struct mimo_plan_modality, count);

    for (size_t i = 0; i < count; i++) {
        const struct mimo_modality_facts *modality = &emitter->facts->modalities[i];

        records[i] = (struct mimo_plan_modality){
            .name = string(emitter, modality->block->name),
            .marker = string_of(emitter, modality->block, MIMO_ATTR_marker),
            .special_token = narrow(modality->special_token),
            .image_tokens = narrow(modality->image_tokens),
            .encoder_first = narrow((int64_t)modality->encoder_first),
            .encoder_count = narrow((int64_t)modality->encoder_count),
        };
    }
    emitter->draft->plan.modalities = records;
    emitter->draft->plan.modality_count = narrow((int64_t)count);
}

static void emit_projector(const struct emitter *emitter, size_t index,
                           struct mimo_plan_projector *record, struct mimo_draft_owner *owner)
{
    const struct mimo_projector_facts *projector = &emitter->facts->projectors[index];
    const struct mimo_block *block = projector->block;
    const bool is_mlp = projector->architecture == MIMO_ARCHITECTURE_MLP;

    *record = (struct mimo_plan_projector){
        .name = string(emitter, block->name),
        .weights = string_of(emitter, block, MIMO_ATTR_weights),
        .architecture = narrow(projector->architecture),
        .activation = is_mlp ? word_of(block, MIMO_ATTR_activation) : MIMO_ACTIVATION_GELU,
        .has_bias = boolean_of(block, MIMO_ATTR_bias),
        .is_frozen = boolean_of(block, MIMO_ATTR_freeze),
        .num_layers = is_mlp ? integer_of(block, MIMO_ATTR_num_layers) : 1,
        .input_size = narrow(emitter->facts->modules[projector->encoder].hidden_size),
        .hidden_size = is_mlp ? integer_of(block, MIMO_ATTR_hidden_size) : 0,
        .output_size = narrow(emitter->facts->language->hidden_size),
    };
    *owner = (struct mimo_draft_owner){
        .name = block->name,
        .lr_scale = real_of(block, MIMO_ATTR_lr_scale),
    };
}

static void emit_projectors(const struct emitter *emitter)
{
    const size_t count = emitter->facts->projector_count;
    struct mimo_draft *draft = emitter->draft;
    struct mimo_plan_projector *records =
        MIMO_NEW_ARRAY(draft->arena, struct mimo_plan_projector, count);
    struct mimo_draft_owner *owners = MIMO_NEW_ARRAY(draft->arena, struct mimo_draft_owner, count);

    for (size_t i = 0; i < count; i++)
        emit_projector(emitter, i, &records[i], &owners[i]);
    draft->plan.projectors = records;
    draft->plan.projector_count = narrow((int64_t)count);
    draft->projector_owners = owners;
}

static void emit_layout(const struct mimo_layout_facts *layout, struct mimo_plan_module *record)
{
    record->tp = narrow(layout->tp);
    record->cp = narrow(layout->cp);
    record->dp = narrow(layout->dp);
    record->pp = narrow(layout->pp);
    record->etp = narrow(layout->etp);
    record->ep = narrow(layout->ep);
    record->edp = record->tp * record->cp * record->dp / (record->etp * record->ep);
    record->virtual_pipeline = narrow(layout->virtual_pipeline);
    record->sequence_parallel = narrow(layout->sequence_parallel);
    record->rank_offset = narrow(layout->rank_offset);
    record->ranks = narrow(mimo_layout_ranks(layout));
}

static void emit_encoder(const struct emitter *emitter, const struct mimo_module_facts *module,
                         struct mimo_plan_module *record)
{
    const struct mimo_block *block = module->block;
    const struct mimo_value *mean = mimo_block_value(block, MIMO_ATTR_image_mean);
    const struct mimo_value *std = mimo_block_value(block, MIMO_ATTR_image_std);
    uint32_t images_max;

    record->modality = narrow((int64_t)module->modality);
    if (module->projector != SIZE_MAX)
        record->projector = narrow((int64_t)module->projector);
    record->activation = word_of(block, MIMO_ATTR_activation);
    record->has_qkv_bias = 1;
    record->image_size = narrow(module->image_size);
    record->patch_size = narrow(module->patch_size);
    record->channels = narrow(module->channels);
    record->feature_layer = (int32_t)mimo_fact_integer(block, MIMO_ATTR_feature_layer);
    record->keeps_class_token = narrow(module->keeps_class_token);
    record->image_tokens = narrow(module->image_tokens);
    for (uint32_t i = 0; i < record->channels; i++) {
        record->image_mean[i] = mean->items[i].real;
        record->image_std[i] = std->items[i].real;
    }
    if (__builtin_mul_overflow(
            record->samples,
            images_per_sample_max(emitter, &emitter->facts->modalities[module->modality]),
            &images_max))
        images_max = UINT32_MAX;
    record->images_max = images_max;
}

static void emit_language(const struct mimo_module_facts *module, struct mimo_plan_module *record)
{
    const struct mimo_block *block = module->block;
    const bool is_llama = module->architecture == MIMO_ARCHITECTURE_LLAMA;

    record->modality = MIMO_NONE;
    record->activation = is_llama ? MIMO_ACTIVATION_SILU : word_of(block, MIMO_ATTR_activation);
    record->vocab_size = narrow(module->vocab_size);
    record->max_sequence_length = narrow(module->max_sequence_length);
    record->has_qkv_bias = is_llama ? boolean_of(block, MIMO_ATTR_qkv_bias) : 1;
    record->ties_embeddings = boolean_of(block, MIMO_ATTR_tie_embeddings);
    record->rotary_base = is_llama ? real_of(block, MIMO_ATTR_rotary_base) : 0.0;
    if (module->moe == NULL)
        return;
    record->num_experts = narrow(module->num_experts);
    record->top_k = narrow(module->top_k);
    record->expert_ffn_hidden_size = narrow(module->expert_ffn_hidden_size);
    record->expert_every = integer_of(module->moe, MIMO_ATTR_every);
    record->aux_loss_coefficient = real_of(module->moe, MIMO_ATTR_aux_loss_coefficient);
}

static void emit_module(const struct emitter *emitter, const struct mimo_module_facts *module,
                        struct mimo_plan_module *record)
{
    const int64_t samples = emitter->facts->micro_batch * emitter->facts->language->layout.dp;

    *record = (struct mimo_plan_module){
        .name = string(emitter, module->block->name),
        .weights = string_of(emitter, module->block, MIMO_ATTR_weights),
        .kind = module->kind,
        .architecture = narrow(module->architecture),
        .projector = MIMO_NONE,
        .is_frozen = boolean_of(module->block, MIMO_ATTR_freeze),
        .num_layers = narrow(module->num_layers),
        .layers_computed = narrow(module->layers_computed),
        .hidden_size = narrow(module->hidden_size),
        .ffn_hidden_size = narrow(module->ffn_hidden_size),
        .num_attention_heads = narrow(module->heads),
        .num_query_groups = narrow(module->groups),
        .head_dim = narrow(module->head_dim),
        .norm_epsilon = real_of(module->block, MIMO_ATTR_norm_epsilon),
        .samples = narrow(samples / module->layout.dp),
    };
    emit_layout(&module->layout, record);
    if (module->kind == MIMO_MODULE_KIND_ENCODER)
        emit_encoder(emitter, module, record);
    else
        emit_language(module, record);
}

/* The layers of each stage, or NULL where they are shared out evenly. */
static const uint32_t *stage_layers(const struct emitter *emitter,
                                    const struct mimo_module_facts *module)
{
    const struct mimo_value *list = module->layout.pipeline_layout;
    uint32_t *layers;

    if (list == NULL)
        return NULL;
    layers = MIMO_NEW_ARRAY(emitter->draft->arena, uint32_t, list->item_count);
    for (size_t i = 0; i < list->item_count; i++)
        layers[i] = narrow(list->items[i].integer);
    return layers;
}

static void emit_modules(const struct emitter *emitter)
{
    const size_t count = emitter->facts->module_count;
    struct mimo_draft *draft = emitter->draft;
    struct mimo_draft_owner *owners = MIMO_NEW_ARRAY(draft->arena, struct mimo_draft_owner, count);

    draft->modules = MIMO_NEW_ARRAY(draft->arena, struct mimo_plan_module, count);
    for (size_t i = 0; i < count; i++) {
        const struct mimo_module_facts *module = &emitter->facts->modules[i];

        emit_module(emitter, module, &draft->modules[i]);
        owners[i] = (struct mimo_draft_owner){
            .name = module->block->name,
            .lr_scale = real_of(module->block, MIMO_ATTR_lr_scale),
            .stage_layers = stage_layers(emitter, module),
        };
    }
    draft->owners = owners;
    draft->plan.modules = draft->modules;
    draft->plan.module_count = narrow((int64_t)count);
}

/* All that a plan is made of but its parameters and programs, which may be large. */
static void emit_outline(const struct emitter *emitter)
{
    emit_meta(emitter);
    emit_training(emitter);
    emit_data(emitter);
    emit_checkpoint(emitter);
    emit_cluster(emitter);
    emit_modalities(emitter);
    emit_projectors(emitter);
    emit_modules(emitter);
    mimo_layout_build(emitter->draft);
}

/* E0302: a stage does up to five things for each micro-step, in the program of each role that
 * holds it. */
static bool is_program_too_large(const struct emitter *emitter,
                                 struct mimo_diagnostics *diagnostics)
{
    const struct mimo_plan *plan = &emitter->draft->plan;
    const uint64_t instructions = UINT64_C(5) * plan->place_count * plan->training->micro_steps;
    struct mimo_diagnostic *diagnostic;

    if (instructions <= INSTRUCTIONS_MAX)
        return false;
    diagnostic = mimo_diagnose(
        diagnostics, MIMO_E0302,
        mimo_block_span(emitter->declaration->training, MIMO_ATTR_global_batch),
        "%u micro-steps may take %llu instructions, more than a plan can hold, %d",
        plan->training->micro_steps, (unsigned long long)instructions, INSTRUCTIONS_MAX);
    mimo_diagnose_help(diagnostics, diagnostic,
                       "a larger micro_batch or fewer pipeline stages take fewer");
    return true;
}

/* The role whose ranks need the most. */
static uint32_t largest_role(const struct mimo_plan *plan, struct mimo_plan_memory *out_memory)
{
    uint32_t largest = 0;

    *out_memory = mimo_memory_of_role(plan, 0);
    for (uint32_t i = 1; i < plan->role_count; i++) {
        const struct mimo_plan_memory memory = mimo_memory_of_role(plan, i);

        if (mimo_memory_total(&memory) <= mimo_memory_total(out_memory))
            continue;
        *out_memory = memory;
        largest = i;
    }
    return largest;
}

static double gigabytes(uint64_t bytes)
{
    return (double)bytes / 1e9;
}

/* W0901, at the role that needs the most. */
static void check_memory(const struct emitter *emitter, struct mimo_diagnostics *diagnostics)
{
    const struct mimo_plan *plan = &emitter->draft->plan;
    const struct mimo_block *deployment = emitter->declaration->deployment;
    struct mimo_diagnostic *diagnostic;
    struct mimo_plan_memory memory;
    uint32_t role;

    if (plan->cluster->memory == 0)
        return;
    role = largest_role(plan, &memory);
    if (mimo_memory_total(&memory) <= plan->cluster->memory)
        return;
    diagnostic = mimo_diagnose(
        diagnostics, MIMO_W0901, mimo_block_span(deployment, MIMO_ATTR_cluster),
        "rank %u needs %.3g GB, but a rank of %s has %.3g GB",
        plan->ranges[plan->roles[role].range_first].first, gigabytes(mimo_memory_total(&memory)),
        emitter->declaration->cluster->name, gigabytes(plan->cluster->memory));
    mimo_diagnose_help(
        diagnostics, diagnostic,
        "%.3g GB of parameters, %.3g GB of gradients, %.3g GB of optimizer state, %.3g GB of "
        "activations (%u micro-step%s alive), %.3g GB of scratch, %.3g GB of buffers",
        gigabytes(memory.bytes[MIMO_MEMORY_PARAMETERS]),
        gigabytes(memory.bytes[MIMO_MEMORY_GRADIENTS]),
        gigabytes(memory.bytes[MIMO_MEMORY_OPTIMIZER]),
        gigabytes(memory.bytes[MIMO_MEMORY_ACTIVATIONS]), memory.micro_steps_alive,
        memory.micro_steps_alive == 1 ? "" : "s",
        gigabytes(memory.bytes[MIMO_MEMORY_SCRATCH] + memory.bytes[MIMO_MEMORY_REDUCTION]),
        gigabytes(memory.bytes[MIMO_MEMORY_BUFFERS]));
}

static bool is_complete(const struct mimo_declaration *declaration)
{
    return declaration->model != NULL && declaration->training != NULL && declaration->data != NULL;
}

void mimo_compile(const struct mimo_declaration *declaration, struct mimo_arena *arena,
                  struct mimo_diagnostics *diagnostics, const unsigned char **out_bytes,
                  size_t *out_size)
{
    struct mimo_facts facts;
    struct mimo_plan_writer writer;
    struct mimo_draft draft = {.arena = arena, .writer = &writer};
    const struct emitter emitter = {&facts, declaration, &draft};
    const char *reason = NULL;

    mimo_facts_init(&facts, declaration, arena);
    mimo_check(&facts, diagnostics);
    if (out_bytes != NULL)
        *out_bytes = NULL;
    if (diagnostics->error_count > 0 || !is_complete(declaration))
        return;
    mimo_plan_writer_init(&writer, arena);
    emit_outline(&emitter);
    if (is_program_too_large(&emitter, diagnostics))
        return;
    mimo_parameters_build(&draft);
    if (out_bytes == NULL && draft.plan.cluster->memory == 0)
        return;
    mimo_rounds_build(&draft);
    check_memory(&emitter, diagnostics);
    if (out_bytes == NULL)
        return;
    mimo_communication_build(&draft);
    if (mimo_prove(&draft.plan, arena, &reason) && mimo_prove_ranks(&draft.plan, arena, &reason))
        mimo_plan_writer_finish(&writer, &draft.plan, out_bytes, out_size);
    else
        mimo_diagnose(diagnostics, MIMO_E0901, declaration->model->name_span,
                      "the programs of this plan do not fit each other (%s); please report this",
                      reason);
}
