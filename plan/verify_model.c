#include "plan/verify.h"

static enum mimo_status verify_modality(const struct mimo_plan *plan, uint32_t index,
                                        uint32_t encoder_first, struct mimo_error *err)
{
    const struct mimo_verifier at = {plan, err, MIMO_SECTION_MDLT, index};
    const struct mimo_plan_modality *modality = &plan->modalities[index];
    const uint32_t encoders = plan->module_count - 1 - encoder_first;

    MIMO_TRY(mimo_verify_string(&at, modality->name, "name"));
    MIMO_TRY(mimo_verify_string(&at, modality->marker, "marker"));
    MIMO_REQUIRE(&at, modality->encoder_first == encoder_first, "encoder_first is %u instead of %u",
                 modality->encoder_first, encoder_first);
    MIMO_REQUIRE(&at, modality->encoder_count >= 1 && modality->encoder_count <= encoders,
                 "encoder_count is %u, but %u encoders are left", modality->encoder_count,
                 encoders);
    return MIMO_OK;
}

/* Modalities share out the encoders in order. */
static enum mimo_status verify_modalities(const struct mimo_plan *plan, struct mimo_error *err)
{
    const struct mimo_verifier language = {plan, err, MIMO_SECTION_MODL, plan->module_count - 1};
    uint32_t encoders = 0;

    for (uint32_t i = 0; i < plan->modality_count; i++) {
        MIMO_TRY(verify_modality(plan, i, encoders, err));
        encoders += plan->modalities[i].encoder_count;
    }
    MIMO_REQUIRE(&language, encoders == plan->module_count - 1,
                 "the modalities have %u encoders, but %u modules precede the language model",
                 encoders, plan->module_count - 1);
    return MIMO_OK;
}

static enum mimo_status verify_projector(const struct mimo_plan *plan, uint32_t index,
                                         struct mimo_error *err)
{
    const struct mimo_verifier at = {plan, err, MIMO_SECTION_PROJ, index};
    const struct mimo_plan_projector *projector = &plan->projectors[index];
    const uint32_t width = plan->modules[plan->module_count - 1].hidden_size;

    MIMO_TRY(mimo_verify_string(&at, projector->name, "name"));
    MIMO_TRY(mimo_verify_string(&at, projector->weights, "weights"));
    MIMO_REQUIRE(&at,
                 projector->architecture == MIMO_ARCHITECTURE_MLP ||
                     projector->architecture == MIMO_ARCHITECTURE_LINEAR,
                 "architecture is %u, not a projector's", projector->architecture);
    MIMO_TRY(mimo_verify_choice(&at, projector->activation, MIMO_ACTIVATION_COUNT, "activation"));
    MIMO_TRY(mimo_verify_flag(&at, projector->has_bias, "has_bias"));
    MIMO_TRY(mimo_verify_flag(&at, projector->is_frozen, "is_frozen"));
    MIMO_TRY(mimo_verify_positive(&at, projector->num_layers, "num_layers"));
    MIMO_TRY(mimo_verify_positive(&at, projector->input_size, "input_size"));
    if (projector->num_layers > 1)
        MIMO_TRY(mimo_verify_positive(&at, projector->hidden_size, "hidden_size"));
    MIMO_REQUIRE(&at,
                 projector->architecture == MIMO_ARCHITECTURE_MLP || projector->num_layers == 1,
                 "a linear projector has %u layers", projector->num_layers);
    MIMO_REQUIRE(&at, projector->output_size == width,
                 "output_size is %u, but the language model's width is %u", projector->output_size,
                 width);
    return MIMO_OK;
}

static enum mimo_status verify_layers(const struct mimo_verifier *at,
                                      const struct mimo_plan_module *module)
{
    MIMO_TRY(mimo_verify_positive(at, module->num_layers, "num_layers"));
    MIMO_REQUIRE(at, module->layers_computed <= module->num_layers,
                 "layers_computed is %u, more than num_layers = %u", module->layers_computed,
                 module->num_layers);
    MIMO_TRY(mimo_verify_positive(at, module->hidden_size, "hidden_size"));
    MIMO_TRY(mimo_verify_positive(at, module->ffn_hidden_size, "ffn_hidden_size"));
    MIMO_TRY(mimo_verify_positive(at, module->num_attention_heads, "num_attention_heads"));
    MIMO_TRY(mimo_verify_positive(at, module->num_query_groups, "num_query_groups"));
    MIMO_TRY(mimo_verify_positive(at, module->head_dim, "head_dim"));
    MIMO_REQUIRE(at, module->num_attention_heads % module->num_query_groups == 0,
                 "num_query_groups = %u does not divide num_attention_heads = %u",
                 module->num_query_groups, module->num_attention_heads);
    MIMO_TRY(mimo_verify_choice(at, module->activation, MIMO_ACTIVATION_COUNT, "activation"));
    MIMO_TRY(mimo_verify_flag(at, module->is_frozen, "is_frozen"));
    MIMO_TRY(mimo_verify_flag(at, module->has_qkv_bias, "has_qkv_bias"));
    MIMO_TRY(mimo_verify_flag(at, module->ties_embeddings, "ties_embeddings"));
    MIMO_TRY(mimo_verify_flag(at, module->keeps_class_token, "keeps_class_token"));
    MIMO_TRY(mimo_verify_not_negative(at, module->rotary_base, "rotary_base"));
    MIMO_TRY(mimo_verify_not_negative(at, module->norm_epsilon, "norm_epsilon"));
    return mimo_verify_not_negative(at, module->aux_loss_coefficient, "aux_loss_coefficient");
}

static enum mimo_status verify_experts(const struct mimo_verifier *at,
                                       const struct mimo_plan_module *module)
{
    if (module->num_experts == 0) {
        MIMO_REQUIRE(at, module->etp == 1 && module->ep == 1,
                     "etp = %u and ep = %u in a module without experts", module->etp, module->ep);
        return MIMO_OK;
    }
    MIMO_REQUIRE(at, module->architecture == MIMO_ARCHITECTURE_LLAMA, "architecture %u has experts",
                 module->architecture);
    MIMO_REQUIRE(at, module->top_k >= 1 && module->top_k <= module->num_experts,
                 "top_k is %u of %u experts", module->top_k, module->num_experts);
    MIMO_TRY(mimo_verify_positive(at, module->expert_ffn_hidden_size, "expert_ffn_hidden_size"));
    MIMO_TRY(mimo_verify_positive(at, module->expert_every, "expert_every"));
    MIMO_REQUIRE(at, module->num_experts % module->ep == 0, "ep = %u does not divide %u experts",
                 module->ep, module->num_experts);
    return MIMO_OK;
}

/* tp·cp·dp·pp = ranks without overflow, the expert view counts the same ranks, all in the world. */
static enum mimo_status verify_layout(const struct mimo_verifier *at,
                                      const struct mimo_plan_module *module)
{
    const uint32_t sizes[] = {
        module->tp, module->cp,  module->dp, module->pp, module->virtual_pipeline,
        module->ep, module->etp, module->edp};
    const uint32_t world_size = at->plan->meta->world_size;
    uint32_t slab, ranks, expert_slab;

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        MIMO_TRY(mimo_verify_positive(at, sizes[i], "a parallel size"));
    MIMO_REQUIRE(at,
                 !__builtin_mul_overflow(module->tp, module->cp, &slab) &&
                     !__builtin_mul_overflow(slab, module->dp, &slab) &&
                     !__builtin_mul_overflow(slab, module->pp, &ranks) && ranks == module->ranks,
                 "ranks is %u, not tp * cp * dp * pp = %u * %u * %u * %u", module->ranks,
                 module->tp, module->cp, module->dp, module->pp);
    MIMO_REQUIRE(at,
                 !__builtin_mul_overflow(module->etp, module->ep, &expert_slab) &&
                     !__builtin_mul_overflow(expert_slab, module->edp, &expert_slab) &&
                     expert_slab == slab,
                 "etp * ep * edp = %u * %u * %u is not tp * cp * dp = %u", module->etp, module->ep,
                 module->edp, slab);
    MIMO_REQUIRE(at, (uint64_t)module->rank_offset + module->ranks <= world_size,
                 "%u ranks from rank %u on end behind the world of %u", module->ranks,
                 module->rank_offset, world_size);
    MIMO_REQUIRE(at, at->plan->meta->mode > MIMO_MODE_HOMOGENEOUS || module->ranks == world_size,
                 "it has %u ranks of %u, but all modules share all ranks", module->ranks,
                 world_size);
    return mimo_verify_flag(at, module->sequence_parallel, "sequence_parallel");
}

/* What tensor parallelism cuts: heads among ranks, and groups among ranks or ranks among groups. */
static enum mimo_status verify_heads(const struct mimo_verifier *at,
                                     const struct mimo_plan_module *module)
{
    MIMO_REQUIRE(at, module->num_attention_heads % module->tp == 0,
                 "tp = %u does not divide num_attention_heads = %u", module->tp,
                 module->num_attention_heads);
    MIMO_REQUIRE(at,
                 module->num_query_groups % module->tp == 0 ||
                     module->tp % module->num_query_groups == 0,
                 "neither of tp = %u and num_query_groups = %u divides the other", module->tp,
                 module->num_query_groups);
    return MIMO_OK;
}

static enum mimo_status verify_language(const struct mimo_verifier *at,
                                        const struct mimo_plan_module *module)
{
    const uint32_t sequence = at->plan->training->sequence_length;
    const uint64_t pieces = (module->cp > 1 ? 2 * (uint64_t)module->cp : 1) *
                            (module->sequence_parallel != 0 ? module->tp : 1);

    MIMO_REQUIRE(at,
                 module->architecture == MIMO_ARCHITECTURE_LLAMA ||
                     module->architecture == MIMO_ARCHITECTURE_GPT,
                 "architecture is %u, not a language model's", module->architecture);
    MIMO_REQUIRE(at, module->modality == MIMO_NONE && module->projector == MIMO_NONE,
                 "the language model has a modality or a projector");
    MIMO_REQUIRE(at, module->layers_computed == module->num_layers,
                 "layers_computed is %u instead of %u", module->layers_computed,
                 module->num_layers);
    MIMO_TRY(mimo_verify_positive(at, module->vocab_size, "vocab_size"));
    MIMO_TRY(mimo_verify_positive(at, module->max_sequence_length, "max_sequence_length"));
    MIMO_REQUIRE(at,
                 module->architecture != MIMO_ARCHITECTURE_GPT ||
                     sequence <= module->max_sequence_length,
                 "sequence_length = %u has no positions behind max_sequence_length = %u", sequence,
                 module->max_sequence_length);
    MIMO_REQUIRE(at, module->architecture != MIMO_ARCHITECTURE_LLAMA || module->rotary_base > 0.0,
                 "rotary_base is 0");
    MIMO_REQUIRE(at, sequence % pieces == 0, "sequence_length = %u does not divide by %llu",
                 sequence, (unsigned long long)pieces);
    return MIMO_OK;
}

static enum mimo_status verify_image(const struct mimo_verifier *at,
                                     const struct mimo_plan_module *module)
{
    uint64_t side;

    MIMO_TRY(mimo_verify_positive(at, module->patch_size, "patch_size"));
    MIMO_REQUIRE(at, module->image_size > 0 && module->image_size % module->patch_size == 0,
                 "patch_size = %u does not divide image_size = %u", module->patch_size,
                 module->image_size);
    side = module->image_size / module->patch_size;
    MIMO_REQUIRE(at, module->image_tokens == side * side + module->keeps_class_token,
                 "image_tokens is %u instead of %llu", module->image_tokens,
                 (unsigned long long)(side * side + module->keeps_class_token));
    MIMO_REQUIRE(at, module->channels >= 1 && module->channels <= 4, "channels is %u, not 1 to 4",
                 module->channels);
    for (uint32_t i = 0; i < 4; i++) {
        MIMO_TRY(mimo_verify_finite(at, module->image_mean[i], "image_mean"));
        MIMO_TRY(mimo_verify_not_negative(at, module->image_std[i], "image_std"));
        MIMO_REQUIRE(at, i >= module->channels || module->image_std[i] > 0.0,
                     "image_std of channel %u is 0", i);
    }
    return MIMO_OK;
}

static enum mimo_status verify_encoder(const struct mimo_verifier *at,
                                       const struct mimo_plan_module *module)
{
    const struct mimo_plan *plan = at->plan;
    const uint32_t width = plan->modules[plan->module_count - 1].hidden_size;
    const struct mimo_plan_modality *modality;
    uint32_t output = module->hidden_size;

    MIMO_REQUIRE(at, module->architecture == MIMO_ARCHITECTURE_CLIP_VIT,
                 "architecture is %u, not an encoder's", module->architecture);
    MIMO_REQUIRE(at, module->sequence_parallel == 0, "sequence_parallel is set in an encoder");
    MIMO_REQUIRE(at, module->num_query_groups == module->num_attention_heads,
                 "num_query_groups is %u, but an encoder has one for each of its %u heads",
                 module->num_query_groups, module->num_attention_heads);
    MIMO_REQUIRE(at, module->modality < plan->modality_count, "there is no modality %u",
                 module->modality);
    modality = &plan->modalities[module->modality];
    MIMO_REQUIRE(at,
                 at->record >= modality->encoder_first &&
                     at->record - modality->encoder_first < modality->encoder_count,
                 "modality %u does not have this encoder", module->modality);
    if (module->projector != MIMO_NONE) {
        MIMO_REQUIRE(at, module->projector < plan->projector_count, "there is no projector %u",
                     module->projector);
        output = plan->projectors[module->projector].output_size;
        MIMO_REQUIRE(at, plan->projectors[module->projector].input_size == module->hidden_size,
                     "hidden_size is %u, but its projector takes %u", module->hidden_size,
                     plan->projectors[module->projector].input_size);
    }
    MIMO_REQUIRE(at, output == width, "its rows are %u wide, the language model's %u", output,
                 width);
    return verify_image(at, module);
}

static enum mimo_status verify_module(const struct mimo_plan *plan, uint32_t index,
                                      struct mimo_error *err)
{
    const struct mimo_verifier at = {plan, err, MIMO_SECTION_MODL, index};
    const struct mimo_plan_module *module = &plan->modules[index];
    const bool is_language = index == plan->module_count - 1;

    MIMO_TRY(mimo_verify_string(&at, module->name, "name"));
    MIMO_TRY(mimo_verify_string(&at, module->weights, "weights"));
    MIMO_REQUIRE(
        &at, module->kind == (is_language ? MIMO_MODULE_KIND_LANGUAGE : MIMO_MODULE_KIND_ENCODER),
        "kind is %u; the last module is the language model, and no other", module->kind);
    MIMO_TRY(verify_layers(&at, module));
    MIMO_TRY(verify_layout(&at, module));
    MIMO_TRY(verify_experts(&at, module));
    MIMO_TRY(verify_heads(&at, module));
    return is_language ? verify_language(&at, module) : verify_encoder(&at, module);
}

/* The module's stages follow those of the module before, and its layers follow one another. */
static enum mimo_status verify_stages(const struct mimo_plan *plan, uint32_t index,
                                      uint32_t stage_first, struct mimo_error *err)
{
    const struct mimo_verifier module_at = {plan, err, MIMO_SECTION_MODL, index};
    const struct mimo_plan_module *module = &plan->modules[index];
    uint64_t layer = 0;

    MIMO_REQUIRE(&module_at,
                 module->stage_first == stage_first &&
                     module->stage_count <= plan->stage_count - stage_first,
                 "its stages are not those behind the module before");
    MIMO_REQUIRE(&module_at, module->stage_count == (uint64_t)module->pp * module->virtual_pipeline,
                 "stage_count is %u, not pp * virtual_pipeline = %u * %u", module->stage_count,
                 module->pp, module->virtual_pipeline);
    for (uint32_t i = stage_first; i < stage_first + module->stage_count; i++) {
        const struct mimo_verifier at = {plan, err, MIMO_SECTION_STAG, i};
        const struct mimo_plan_stage *stage = &plan->stages[i];

        MIMO_REQUIRE(&at, stage->module == index, "module is %u instead of %u", stage->module,
                     index);
        MIMO_REQUIRE(&at, stage->layer_first == layer, "layer_first is %u instead of %llu",
                     stage->layer_first, (unsigned long long)layer);
        MIMO_REQUIRE(&at, stage->live_max <= plan->training->encoder_group,
                     "live_max is %u, more than encoder_group = %u", stage->live_max,
                     plan->training->encoder_group);
        layer += stage->layer_count;
        MIMO_REQUIRE(&at, layer <= module->layers_computed, "the module has only %u layers",
                     module->layers_computed);
    }
    MIMO_REQUIRE(&module_at, layer == module->layers_computed, "its stages have %llu layers of %u",
                 (unsigned long long)layer, module->layers_computed);
    return MIMO_OK;
}

static enum mimo_status verify_all_stages(const struct mimo_plan *plan, struct mimo_error *err)
{
    const struct mimo_verifier at = {plan, err, MIMO_SECTION_STAG, 0};
    uint32_t stages = 0;

    for (uint32_t i = 0; i < plan->module_count; i++) {
        MIMO_TRY(verify_stages(plan, i, stages, err));
        stages += plan->modules[i].stage_count;
    }
    MIMO_REQUIRE(&at, stages == plan->stage_count, "the modules have %u stages of %u", stages,
                 plan->stage_count);
    return MIMO_OK;
}

/* A micro-step has S = micro_batch · (language dp) samples, cut evenly by every module's replicas.
 */
static enum mimo_status verify_batch(const struct mimo_plan *plan, struct mimo_error *err)
{
    const struct mimo_verifier training_at = {plan, err, MIMO_SECTION_TRNG, 0};
    const struct mimo_plan_training *training = plan->training;
    const uint64_t samples =
        (uint64_t)training->micro_batch * plan->modules[plan->module_count - 1].dp;

    MIMO_REQUIRE(&training_at,
                 samples <= training->global_batch &&
                     samples * training->micro_steps == training->global_batch,
                 "global_batch is %u, not micro_steps * %llu", training->global_batch,
                 (unsigned long long)samples);
    for (uint32_t i = 0; i < plan->module_count; i++) {
        const struct mimo_verifier at = {plan, err, MIMO_SECTION_MODL, i};
        const struct mimo_plan_module *module = &plan->modules[i];

        MIMO_REQUIRE(&at, (uint64_t)module->samples * module->dp == samples,
                     "samples = %u of dp = %u replicas are not the %llu of a micro-step",
                     module->samples, module->dp, (unsigned long long)samples);
    }
    return MIMO_OK;
}

static enum mimo_status verify_tokens(const struct mimo_plan *plan, uint32_t index,
                                      struct mimo_error *err)
{
    const struct mimo_verifier at = {plan, err, MIMO_SECTION_MDLT, index};
    const struct mimo_plan_modality *modality = &plan->modalities[index];
    const uint32_t vocab_size = plan->modules[plan->module_count - 1].vocab_size;
    uint64_t tokens = 0;

    for (uint32_t i = 0; i < modality->encoder_count; i++)
        tokens += plan->modules[modality->encoder_first + i].image_tokens;
    MIMO_REQUIRE(&at, tokens == modality->image_tokens,
                 "image_tokens is %u, but its encoders give %llu", modality->image_tokens,
                 (unsigned long long)tokens);
    MIMO_REQUIRE(&at, modality->special_token < vocab_size,
                 "special_token = %u lies outside the vocabulary of %u", modality->special_token,
                 vocab_size);
    return MIMO_OK;
}

enum mimo_status mimo_verify_model(const struct mimo_plan *plan, struct mimo_error *err)
{
    MIMO_TRY(verify_modalities(plan, err));
    for (uint32_t i = 0; i < plan->projector_count; i++)
        MIMO_TRY(verify_projector(plan, i, err));
    for (uint32_t i = 0; i < plan->module_count; i++)
        MIMO_TRY(verify_module(plan, i, err));
    MIMO_TRY(verify_all_stages(plan, err));
    MIMO_TRY(verify_batch(plan, err));
    for (uint32_t i = 0; i < plan->modality_count; i++)
        MIMO_TRY(verify_tokens(plan, i, err));
    return MIMO_OK;
}
