#include "plan/verify.h"

/* The largest tensor: 2^48 elements, so that bytes and sums of a plan's tensors fit into 64 bits.
 */
#define ELEMENTS_MAX (UINT64_C(1) << 48)

/* The sizes that the shapes of enum mimo_slot are made of. */
enum size_name {
    ONE,
    HIDDEN,
    VOCAB,
    HEADS,  /* num_attention_heads * head_dim */
    GROUPS, /* num_query_groups * head_dim */
    FFN,
    CHANNELS,
    PATCH,
    POSITIONS,
    EXPERTS,
    EXPERT_FFN,
    PROJECTOR_IN,
    PROJECTOR_OUT
};

static const struct slot_rule {
    uint32_t dimensions;
    enum size_name shape[4];
} slot_rules[MIMO_SLOT_COUNT] = {
    [MIMO_SLOT_TOKEN_EMBEDDING] = {2, {VOCAB, HIDDEN}},
    [MIMO_SLOT_FINAL_NORM] = {1, {HIDDEN}},
    [MIMO_SLOT_HEAD] = {2, {VOCAB, HIDDEN}},
    [MIMO_SLOT_FINAL_NORM_BIAS] = {1, {HIDDEN}},
    [MIMO_SLOT_CLASS_EMBEDDING] = {1, {HIDDEN}},
    [MIMO_SLOT_PATCH_EMBEDDING] = {4, {HIDDEN, CHANNELS, PATCH, PATCH}},
    [MIMO_SLOT_POSITION_EMBEDDING] = {2, {POSITIONS, HIDDEN}},
    [MIMO_SLOT_PRE_NORM_WEIGHT] = {1, {HIDDEN}},
    [MIMO_SLOT_PRE_NORM_BIAS] = {1, {HIDDEN}},
    [MIMO_SLOT_INPUT_NORM_WEIGHT] = {1, {HIDDEN}},
    [MIMO_SLOT_INPUT_NORM_BIAS] = {1, {HIDDEN}},
    [MIMO_SLOT_Q_WEIGHT] = {2, {HEADS, HIDDEN}},
    [MIMO_SLOT_K_WEIGHT] = {2, {GROUPS, HIDDEN}},
    [MIMO_SLOT_V_WEIGHT] = {2, {GROUPS, HIDDEN}},
    [MIMO_SLOT_Q_BIAS] = {1, {HEADS}},
    [MIMO_SLOT_K_BIAS] = {1, {GROUPS}},
    [MIMO_SLOT_V_BIAS] = {1, {GROUPS}},
    [MIMO_SLOT_O_WEIGHT] = {2, {HIDDEN, HEADS}},
    [MIMO_SLOT_O_BIAS] = {1, {HIDDEN}},
    [MIMO_SLOT_POST_NORM_WEIGHT] = {1, {HIDDEN}},
    [MIMO_SLOT_POST_NORM_BIAS] = {1, {HIDDEN}},
    [MIMO_SLOT_GATE_WEIGHT] = {2, {FFN, HIDDEN}},
    [MIMO_SLOT_UP_WEIGHT] = {2, {FFN, HIDDEN}},
    [MIMO_SLOT_UP_BIAS] = {1, {FFN}},
    [MIMO_SLOT_DOWN_WEIGHT] = {2, {HIDDEN, FFN}},
    [MIMO_SLOT_DOWN_BIAS] = {1, {HIDDEN}},
    [MIMO_SLOT_ROUTER_WEIGHT] = {2, {EXPERTS, HIDDEN}},
    [MIMO_SLOT_EXPERT_GATE_WEIGHT] = {2, {EXPERT_FFN, HIDDEN}},
    [MIMO_SLOT_EXPERT_UP_WEIGHT] = {2, {EXPERT_FFN, HIDDEN}},
    [MIMO_SLOT_EXPERT_DOWN_WEIGHT] = {2, {HIDDEN, EXPERT_FFN}},
    [MIMO_SLOT_PROJECTOR_WEIGHT] = {2, {PROJECTOR_OUT, PROJECTOR_IN}},
    [MIMO_SLOT_PROJECTOR_BIAS] = {1, {PROJECTOR_OUT}},
};

static bool is_expert_slot(uint32_t slot)
{
    return slot == MIMO_SLOT_EXPERT_GATE_WEIGHT || slot == MIMO_SLOT_EXPERT_UP_WEIGHT ||
           slot == MIMO_SLOT_EXPERT_DOWN_WEIGHT;
}

static bool is_projector_slot(uint32_t slot)
{
    return slot == MIMO_SLOT_PROJECTOR_WEIGHT || slot == MIMO_SLOT_PROJECTOR_BIAS;
}

static bool is_module_slot(uint32_t slot)
{
    return slot <= MIMO_SLOT_PRE_NORM_BIAS;
}

/* One for each position: the patches and the class token, or the tokens of the longest sequence. */
static uint64_t positions(const struct mimo_plan_module *module)
{
    if (module->kind == MIMO_MODULE_KIND_ENCODER)
        return (uint64_t)module->image_tokens - module->keeps_class_token + 1;
    return module->max_sequence_length;
}

static uint64_t projector_in(const struct mimo_plan_projector *projector, uint32_t layer)
{
    return layer == 0 ? projector->input_size : projector->hidden_size;
}

static uint64_t projector_out(const struct mimo_plan_projector *projector, uint32_t layer)
{
    return layer == projector->num_layers - 1 ? projector->output_size : projector->hidden_size;
}

static uint64_t size_of(const struct mimo_plan *plan, const struct mimo_plan_parameter *parameter,
                        enum size_name name)
{
    const struct mimo_plan_module *module = &plan->modules[parameter->module];

    switch (name) {
    case ONE:
        return 1;
    case HIDDEN:
        return module->hidden_size;
    case VOCAB:
        return module->vocab_size;
    case HEADS:
        return (uint64_t)module->num_attention_heads * module->head_dim;
    case GROUPS:
        return (uint64_t)module->num_query_groups * module->head_dim;
    case FFN:
        return module->ffn_hidden_size;
    case CHANNELS:
        return module->channels;
    case PATCH:
        return module->patch_size;
    case POSITIONS:
        return positions(module);
    case EXPERTS:
        return module->num_experts;
    case EXPERT_FFN:
        return module->expert_ffn_hidden_size;
    case PROJECTOR_IN:
        return projector_in(&plan->projectors[parameter->projector], parameter->layer);
    case PROJECTOR_OUT:
        return projector_out(&plan->projectors[parameter->projector], parameter->layer);
    }
    return 0;
}

/* Which weight of which module, stage, layer, expert or projector it is. */
static enum mimo_status verify_identity(const struct mimo_verifier *at,
                                        const struct mimo_plan_parameter *parameter)
{
    const struct mimo_plan_module *module = &at->plan->modules[parameter->module];
    const struct mimo_plan_stage *stage;

    MIMO_REQUIRE(at, parameter->stage < module->stage_count, "module %u has no stage %u",
                 parameter->module, parameter->stage);
    MIMO_TRY(mimo_verify_choice(at, parameter->slot, MIMO_SLOT_COUNT, "slot"));
    MIMO_REQUIRE(at, is_expert_slot(parameter->slot) == (parameter->expert != MIMO_NONE),
                 "slot %u and expert %u do not go together", parameter->slot, parameter->expert);
    MIMO_REQUIRE(at, parameter->expert == MIMO_NONE || parameter->expert < module->num_experts,
                 "module %u has no expert %u", parameter->module, parameter->expert);
    if (is_projector_slot(parameter->slot)) {
        MIMO_REQUIRE(
            at, parameter->projector != MIMO_NONE && parameter->projector == module->projector,
            "module %u does not have projector %u", parameter->module, parameter->projector);
        MIMO_REQUIRE(at, parameter->layer < at->plan->projectors[parameter->projector].num_layers,
                     "the projector has no layer %u", parameter->layer);
        return MIMO_OK;
    }
    MIMO_REQUIRE(at, parameter->projector == MIMO_NONE, "slot %u belongs to no projector",
                 parameter->slot);
    MIMO_REQUIRE(at, is_module_slot(parameter->slot) == (parameter->layer == MIMO_NONE),
                 "slot %u and layer %u do not go together", parameter->slot, parameter->layer);
    stage = &at->plan->stages[module->stage_first + parameter->stage];
    MIMO_REQUIRE(at,
                 parameter->layer == MIMO_NONE ||
                     (parameter->layer >= stage->layer_first &&
                      parameter->layer - stage->layer_first < stage->layer_count),
                 "stage %u does not have layer %u", parameter->stage, parameter->layer);
    return MIMO_OK;
}

static enum mimo_status verify_shape(const struct mimo_verifier *at,
                                     const struct mimo_plan_parameter *parameter)
{
    const struct slot_rule *rule = &slot_rules[parameter->slot];
    uint64_t elements = 1;

    MIMO_REQUIRE(at, parameter->dimensions == rule->dimensions,
                 "it has %u dimensions instead of %u", parameter->dimensions, rule->dimensions);
    for (uint32_t i = 0; i < 4; i++) {
        const uint64_t expected = size_of(at->plan, parameter, rule->shape[i]);

        MIMO_REQUIRE(at, parameter->shape[i] == expected && expected > 0,
                     "dimension %u is %llu, but its module has %llu", i,
                     (unsigned long long)parameter->shape[i], (unsigned long long)expected);
        MIMO_REQUIRE(
            at, !__builtin_mul_overflow(elements, expected, &elements) && elements <= ELEMENTS_MAX,
            "it has more than 2^48 elements");
    }
    return MIMO_OK;
}

static bool is_group_slot(uint32_t slot)
{
    return slot == MIMO_SLOT_K_WEIGHT || slot == MIMO_SLOT_V_WEIGHT || slot == MIMO_SLOT_K_BIAS ||
           slot == MIMO_SLOT_V_BIAS;
}

/* Attention is cut between heads and between groups, all else anywhere. */
static uint64_t units_of(const struct mimo_plan_module *module,
                         const struct mimo_plan_parameter *parameter)
{
    if (is_group_slot(parameter->slot))
        return module->num_query_groups;
    if (parameter->slot == MIMO_SLOT_Q_WEIGHT || parameter->slot == MIMO_SLOT_Q_BIAS ||
        parameter->slot == MIMO_SLOT_O_WEIGHT)
        return module->num_attention_heads;
    return parameter->shape[parameter->cut_dimension];
}

static enum mimo_status verify_cut(const struct mimo_verifier *at,
                                   const struct mimo_plan_parameter *parameter)
{
    const struct mimo_plan_module *module = &at->plan->modules[parameter->module];
    const uint32_t ranks = is_expert_slot(parameter->slot) ? module->etp : module->tp;
    const unsigned long long units = parameter->cut_units;

    MIMO_TRY(mimo_verify_choice(at, parameter->cut, MIMO_CUT_COUNT, "cut"));
    MIMO_REQUIRE(at, parameter->cut_dimension < parameter->dimensions,
                 "cut_dimension is %u of %u dimensions", parameter->cut_dimension,
                 parameter->dimensions);
    if (parameter->cut == MIMO_CUT_NONE)
        return MIMO_OK;
    MIMO_REQUIRE(at, units > 0 && parameter->shape[parameter->cut_dimension] % units == 0,
                 "cut_units %llu does not divide %llu", units,
                 (unsigned long long)parameter->shape[parameter->cut_dimension]);
    MIMO_REQUIRE(at, units == units_of(module, parameter), "cut_units is %llu instead of %llu",
                 units, (unsigned long long)units_of(module, parameter));
    MIMO_REQUIRE(at, parameter->cut != MIMO_CUT_REPLICATED || ranks % units == 0,
                 "cut_units %llu does not divide the %u ranks that share them", units, ranks);
    MIMO_REQUIRE(at,
                 parameter->cut != MIMO_CUT_EVEN || !is_group_slot(parameter->slot) ||
                     units % ranks == 0,
                 "%u ranks do not share %llu groups evenly", ranks, units);
    return MIMO_OK;
}

/* A fused matrix: the rows of this parameter lie behind those of the one before. */
static enum mimo_status verify_follows(const struct mimo_verifier *at,
                                       const struct mimo_plan_parameter *parameter)
{
    const struct mimo_plan_parameter *before = parameter - 1;

    MIMO_TRY(mimo_verify_flag(at, parameter->follows, "follows"));
    if (parameter->follows == 0)
        return MIMO_OK;
    MIMO_REQUIRE(at,
                 at->record > 0 && before->module == parameter->module &&
                     before->stage == parameter->stage && before->layer == parameter->layer &&
                     before->projector == parameter->projector &&
                     before->expert == parameter->expert,
                 "it follows a parameter of another layer or expert");
    MIMO_REQUIRE(
        at,
        before->dimensions == parameter->dimensions && before->shape[1] == parameter->shape[1] &&
            before->shape[2] == parameter->shape[2] && before->shape[3] == parameter->shape[3],
        "it follows a parameter whose rows are of another width");
    return MIMO_OK;
}

static bool has_same_layout(const struct mimo_plan_module *a, const struct mimo_plan_module *b)
{
    return a->tp == b->tp && a->cp == b->cp && a->dp == b->dp && a->pp == b->pp &&
           a->rank_offset == b->rank_offset;
}

static enum mimo_status verify_tie(const struct mimo_verifier *at,
                                   const struct mimo_plan_parameter *parameter)
{
    const struct mimo_plan_parameter *original;

    if (parameter->tied_to == MIMO_NONE)
        return MIMO_OK;
    MIMO_REQUIRE(at, parameter->tied_to < at->record, "it is tied to %u, which is not before it",
                 parameter->tied_to);
    original = &at->plan->parameters[parameter->tied_to];
    MIMO_REQUIRE(at, original->tied_to == MIMO_NONE, "it is tied to %u, which is itself tied",
                 parameter->tied_to);
    MIMO_REQUIRE(at,
                 has_same_layout(&at->plan->modules[original->module],
                                 &at->plan->modules[parameter->module]),
                 "it is tied to %u, which lies on other ranks", parameter->tied_to);
    MIMO_REQUIRE(at,
                 original->dimensions == parameter->dimensions && original->cut == parameter->cut &&
                     original->cut_dimension == parameter->cut_dimension &&
                     original->cut_units == parameter->cut_units,
                 "it is tied to %u, which is cut in another way", parameter->tied_to);
    for (uint32_t i = 0; i < 4; i++)
        MIMO_REQUIRE(at, original->shape[i] == parameter->shape[i],
                     "it is tied to %u, which has another shape", parameter->tied_to);
    return MIMO_OK;
}

static enum mimo_status verify_parameter(const struct mimo_plan *plan, uint32_t index,
                                         uint32_t module, struct mimo_error *err)
{
    const struct mimo_verifier at = {plan, err, MIMO_SECTION_PARM, index};
    const struct mimo_plan_parameter *parameter = &plan->parameters[index];

    MIMO_REQUIRE(&at, parameter->module == module, "module is %u instead of %u", parameter->module,
                 module);
    MIMO_TRY(mimo_verify_string(&at, parameter->name, "name"));
    MIMO_TRY(verify_identity(&at, parameter));
    MIMO_TRY(verify_shape(&at, parameter));
    MIMO_TRY(verify_cut(&at, parameter));
    MIMO_TRY(verify_follows(&at, parameter));
    MIMO_TRY(verify_tie(&at, parameter));
    MIMO_TRY(mimo_verify_choice(&at, parameter->init, MIMO_INIT_COUNT, "init"));
    MIMO_TRY(mimo_verify_flag(&at, parameter->is_trainable, "is_trainable"));
    MIMO_TRY(mimo_verify_flag(&at, parameter->decays, "decays"));
    MIMO_TRY(mimo_verify_flag(&at, parameter->gradient_is_partial, "gradient_is_partial"));
    MIMO_TRY(mimo_verify_not_negative(&at, parameter->init_scale, "init_scale"));
    MIMO_TRY(mimo_verify_not_negative(&at, parameter->lr_scale, "lr_scale"));
    return mimo_verify_zero(&at, parameter->reserved, "reserved");
}

static uint64_t elements_of(const struct mimo_plan_parameter *parameter)
{
    return parameter->shape[0] * parameter->shape[1] * parameter->shape[2] * parameter->shape[3];
}

/* The module's parameters follow those of the module before, its projector's last; `elements`
 * counts them, and may count tied ones once or not at all. */
static enum mimo_status verify_module(const struct mimo_plan *plan, uint32_t index,
                                      uint32_t parameter_first, struct mimo_error *err)
{
    const struct mimo_verifier at = {plan, err, MIMO_SECTION_MODL, index};
    const struct mimo_plan_module *module = &plan->modules[index];
    uint64_t own = 0, tied = 0;

    MIMO_REQUIRE(&at,
                 module->parameter_first == parameter_first &&
                     module->parameter_count <= plan->parameter_count - parameter_first,
                 "its parameters are not those behind the module before");
    for (uint32_t i = 0; i < module->parameter_count; i++) {
        const struct mimo_plan_parameter *parameter = &plan->parameters[parameter_first + i];
        const uint64_t before = own + tied;

        MIMO_TRY(verify_parameter(plan, parameter_first + i, index, err));
        MIMO_REQUIRE(&at,
                     i == 0 || parameter->projector != MIMO_NONE ||
                         parameter[-1].projector == MIMO_NONE,
                     "parameter %u lies behind its projector's", parameter_first + i);
        *(parameter->tied_to == MIMO_NONE ? &own : &tied) += elements_of(parameter);
        MIMO_REQUIRE(&at, own + tied > before, "it has more than 2^64 elements");
    }
    MIMO_REQUIRE(&at, module->elements >= own && module->elements <= own + tied,
                 "elements is %llu, but its parameters have %llu",
                 (unsigned long long)module->elements, (unsigned long long)own);
    return MIMO_OK;
}

enum mimo_status mimo_verify_parameters(const struct mimo_plan *plan, struct mimo_error *err)
{
    const struct mimo_verifier at = {plan, err, MIMO_SECTION_PARM, 0};
    uint32_t parameters = 0;

    for (uint32_t i = 0; i < plan->module_count; i++) {
        MIMO_TRY(verify_module(plan, i, parameters, err));
        parameters += plan->modules[i].parameter_count;
    }
    MIMO_REQUIRE(&at, parameters == plan->parameter_count, "the modules have %u parameters of %u",
                 parameters, plan->parameter_count);
    return MIMO_OK;
}
