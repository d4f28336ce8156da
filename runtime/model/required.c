#include "runtime/model/required.h"

#include "plan/communication.h"
#include "plan/sizes.h"

#include <inttypes.h>
#include <stdbool.h>

/* How a weight is cut over the tensor-parallel group, an expert's over its own. */
enum cutting { WHOLE, BY_ROWS, BY_COLUMNS };

struct requirement {
    enum mimo_slot slot;
    enum cutting cutting;
    bool follows; /* lies right behind the one before */
};

static const struct requirement LLAMA_MODULE[] = {
    {MIMO_SLOT_TOKEN_EMBEDDING, BY_ROWS, false},
    {MIMO_SLOT_FINAL_NORM, WHOLE, false},
};
static const struct requirement GPT_MODULE[] = {
    {MIMO_SLOT_TOKEN_EMBEDDING, BY_ROWS, false},
    {MIMO_SLOT_POSITION_EMBEDDING, WHOLE, false},
    {MIMO_SLOT_FINAL_NORM, WHOLE, false},
    {MIMO_SLOT_FINAL_NORM_BIAS, WHOLE, false},
};
static const struct requirement HEAD[] = {{MIMO_SLOT_HEAD, BY_ROWS, false}};
static const struct requirement LLAMA_ATTENTION[] = {
    {MIMO_SLOT_INPUT_NORM_WEIGHT, WHOLE, false}, {MIMO_SLOT_Q_WEIGHT, BY_ROWS, false},
    {MIMO_SLOT_K_WEIGHT, BY_ROWS, true},         {MIMO_SLOT_V_WEIGHT, BY_ROWS, true},
    {MIMO_SLOT_O_WEIGHT, BY_COLUMNS, false},     {MIMO_SLOT_POST_NORM_WEIGHT, WHOLE, false},
};
static const struct requirement LLAMA_FFN[] = {
    {MIMO_SLOT_GATE_WEIGHT, BY_ROWS, false},
    {MIMO_SLOT_UP_WEIGHT, BY_ROWS, true},
    {MIMO_SLOT_DOWN_WEIGHT, BY_COLUMNS, false},
};
static const struct requirement ROUTER[] = {{MIMO_SLOT_ROUTER_WEIGHT, WHOLE, false}};
static const struct requirement EXPERT[] = {
    {MIMO_SLOT_EXPERT_GATE_WEIGHT, BY_ROWS, false},
    {MIMO_SLOT_EXPERT_UP_WEIGHT, BY_ROWS, true},
    {MIMO_SLOT_EXPERT_DOWN_WEIGHT, BY_COLUMNS, false},
};
enum { EXPERT_WEIGHTS = sizeof EXPERT / sizeof *EXPERT };
static const struct requirement QKV_BIAS[] = {
    {MIMO_SLOT_Q_BIAS, BY_ROWS, false},
    {MIMO_SLOT_K_BIAS, BY_ROWS, true},
    {MIMO_SLOT_V_BIAS, BY_ROWS, true},
};
static const struct requirement CLIP_MODULE[] = {
    {MIMO_SLOT_CLASS_EMBEDDING, WHOLE, false},    {MIMO_SLOT_PATCH_EMBEDDING, WHOLE, false},
    {MIMO_SLOT_POSITION_EMBEDDING, WHOLE, false}, {MIMO_SLOT_PRE_NORM_WEIGHT, WHOLE, false},
    {MIMO_SLOT_PRE_NORM_BIAS, WHOLE, false},
};
static const struct requirement PRE_NORM_LAYER[] = {
    {MIMO_SLOT_INPUT_NORM_WEIGHT, WHOLE, false},
    {MIMO_SLOT_INPUT_NORM_BIAS, WHOLE, false},
    {MIMO_SLOT_Q_WEIGHT, BY_ROWS, false},
    {MIMO_SLOT_K_WEIGHT, BY_ROWS, true},
    {MIMO_SLOT_V_WEIGHT, BY_ROWS, true},
    {MIMO_SLOT_O_WEIGHT, BY_COLUMNS, false},
    {MIMO_SLOT_O_BIAS, WHOLE, false},
    {MIMO_SLOT_POST_NORM_WEIGHT, WHOLE, false},
    {MIMO_SLOT_POST_NORM_BIAS, WHOLE, false},
    {MIMO_SLOT_UP_WEIGHT, BY_ROWS, false},
    {MIMO_SLOT_UP_BIAS, BY_ROWS, false},
    {MIMO_SLOT_DOWN_WEIGHT, BY_COLUMNS, false},
    {MIMO_SLOT_DOWN_BIAS, WHOLE, false},
};

/* Where to look: the layers of a module, or of a projector. */
struct owner {
    const struct mimo_plan *plan;
    uint32_t module, projector;
    const char *name;
};

static bool is_cut_as(const struct mimo_plan *plan, const struct mimo_plan_parameter *parameter,
                      enum cutting cutting)
{
    const struct mimo_plan_module *module = &plan->modules[parameter->module];
    const uint32_t ranks = parameter->expert != MIMO_NONE ? module->etp : module->tp;
    const bool is_cut = parameter->cut != MIMO_CUT_NONE;

    if (cutting == WHOLE || ranks == 1)
        return cutting != WHOLE || !is_cut;
    return is_cut && parameter->cut_dimension == (cutting == BY_ROWS ? 0 : 1);
}

static enum mimo_status refuse(const struct owner *owner, uint64_t parameter,
                               struct mimo_error *err)
{
    return mimo_error_set(err, MIMO_E_PLAN,
                          "altered: section PARM, record %" PRIu64
                          ": it does not lie as %s needs it",
                          parameter, owner->name);
}

static enum mimo_status check_one(const struct owner *owner, uint32_t layer,
                                  const struct requirement *requirement, struct mimo_error *err)
{
    const struct mimo_plan *plan = owner->plan;
    uint32_t count = 0;

    for (uint32_t i = 0; i < plan->parameter_count; i++) {
        const struct mimo_plan_parameter *parameter = &plan->parameters[i];
        const bool is_own = owner->projector != MIMO_NONE ? parameter->projector == owner->projector
                                                          : parameter->projector == MIMO_NONE &&
                                                                parameter->module == owner->module;

        if (!is_own || parameter->layer != layer || parameter->slot != requirement->slot)
            continue;
        count++;
        if (!is_cut_as(plan, parameter, requirement->cutting) ||
            (parameter->follows != 0) != requirement->follows ||
            (requirement->follows && parameter[-1].slot + 1 != parameter->slot))
            return refuse(owner, i, err);
    }
    if (count == 1)
        return MIMO_OK;
    return mimo_error_set(
        err, MIMO_E_PLAN,
        "altered: section PARM: %s has slot %d of layer %" PRId64 " %" PRIu32 " times", owner->name,
        (int)requirement->slot, layer == MIMO_NONE ? INT64_C(-1) : (int64_t)layer, count);
}

static enum mimo_status check_list(const struct owner *owner, uint32_t layer,
                                   const struct requirement *list, size_t count,
                                   struct mimo_error *err)
{
    for (size_t i = 0; i < count; i++)
        MIMO_TRY(check_one(owner, layer, &list[i], err));
    return MIMO_OK;
}

#define CHECK_LIST(owner, layer, list, err)                                                        \
    check_list((owner), (layer), (list), sizeof(list) / sizeof *(list), (err))

static enum mimo_status check_pre_norm_layers(const struct owner *owner, uint32_t count,
                                              struct mimo_error *err)
{
    for (uint32_t layer = 0; layer < count; layer++) {
        MIMO_TRY(CHECK_LIST(owner, layer, PRE_NORM_LAYER, err));
        MIMO_TRY(CHECK_LIST(owner, layer, QKV_BIAS, err));
    }
    return MIMO_OK;
}

static bool is_expert_weight(const struct mimo_plan *plan,
                             const struct mimo_plan_parameter *parameter, uint32_t layer,
                             uint32_t expert, const struct requirement *requirement)
{
    return parameter->layer == layer && parameter->expert == expert &&
           parameter->slot == requirement->slot &&
           is_cut_as(plan, parameter, requirement->cutting) &&
           (parameter->follows != 0) == requirement->follows;
}

/* The experts of a layer lie one behind the other from record `first` on. */
static enum mimo_status check_experts(const struct owner *owner, uint32_t layer, uint64_t first,
                                      struct mimo_error *err)
{
    const struct mimo_plan *plan = owner->plan;
    const uint64_t count = (uint64_t)plan->modules[owner->module].num_experts * EXPERT_WEIGHTS;

    for (uint64_t i = 0; i < count; i++)
        if (first + i >= plan->parameter_count ||
            !is_expert_weight(plan, &plan->parameters[first + i], layer,
                              (uint32_t)(i / EXPERT_WEIGHTS), &EXPERT[i % EXPERT_WEIGHTS]))
            return refuse(owner, first + i, err);
    return MIMO_OK;
}

/* Each layer's once, and no others. */
static enum mimo_status check_all_experts(const struct owner *owner,
                                          const struct mimo_plan_module *module,
                                          struct mimo_error *err)
{
    const struct mimo_plan *plan = owner->plan;
    const uint64_t in_layer = (uint64_t)module->num_experts * EXPERT_WEIGHTS;
    const uint64_t end = (uint64_t)module->parameter_first + module->parameter_count;
    uint32_t layers = 0;

    for (uint64_t i = module->parameter_first; i < end; i++) {
        const struct mimo_plan_parameter *parameter = &plan->parameters[i];

        if (parameter->expert == MIMO_NONE)
            continue;
        MIMO_TRY(check_experts(owner, layers * module->expert_every, i, err));
        layers++;
        i += in_layer - 1;
    }
    if (layers == mimo_expert_layers(module, 0, module->num_layers))
        return MIMO_OK;
    return mimo_error_set(err, MIMO_E_PLAN,
                          "altered: section PARM: %s has experts in %" PRIu32 " layers",
                          owner->name, layers);
}

static enum mimo_status check_llama_layers(const struct owner *owner,
                                           const struct mimo_plan_module *module,
                                           struct mimo_error *err)
{
    for (uint32_t layer = 0; layer < module->num_layers; layer++) {
        MIMO_TRY(CHECK_LIST(owner, layer, LLAMA_ATTENTION, err));
        MIMO_TRY(mimo_layer_has_experts(module, layer) ? CHECK_LIST(owner, layer, ROUTER, err)
                                                       : CHECK_LIST(owner, layer, LLAMA_FFN, err));
        if (module->has_qkv_bias != 0)
            MIMO_TRY(CHECK_LIST(owner, layer, QKV_BIAS, err));
    }
    return check_all_experts(owner, module, err);
}

static enum mimo_status check_language(const struct owner *owner,
                                       const struct mimo_plan_module *module,
                                       struct mimo_error *err)
{
    const bool is_gpt = module->architecture == MIMO_ARCHITECTURE_GPT;

    MIMO_TRY(is_gpt ? CHECK_LIST(owner, MIMO_NONE, GPT_MODULE, err)
                    : CHECK_LIST(owner, MIMO_NONE, LLAMA_MODULE, err));
    if (module->ties_embeddings == 0 || module->pp > 1)
        MIMO_TRY(CHECK_LIST(owner, MIMO_NONE, HEAD, err));
    return is_gpt ? check_pre_norm_layers(owner, module->num_layers, err)
                  : check_llama_layers(owner, module, err);
}

static enum mimo_status check_clip_vit(const struct owner *owner,
                                       const struct mimo_plan_module *module,
                                       struct mimo_error *err)
{
    MIMO_TRY(CHECK_LIST(owner, MIMO_NONE, CLIP_MODULE, err));
    return check_pre_norm_layers(owner, module->layers_computed, err);
}

/* Layers alternate between column- and row-parallel; the last of an odd number is whole. */
static enum mimo_status check_projector(const struct owner *owner,
                                        const struct mimo_plan_projector *projector,
                                        struct mimo_error *err)
{
    for (uint32_t layer = 0; layer < projector->num_layers; layer++) {
        const bool is_whole = layer % 2 == 0 && layer + 1 == projector->num_layers;
        const enum cutting out = is_whole ? WHOLE : BY_ROWS;
        const struct requirement weight = {MIMO_SLOT_PROJECTOR_WEIGHT,
                                           layer % 2 == 0 ? out : BY_COLUMNS, false};
        const struct requirement bias = {MIMO_SLOT_PROJECTOR_BIAS, layer % 2 == 0 ? out : WHOLE,
                                         false};

        MIMO_TRY(check_one(owner, layer, &weight, err));
        if (projector->has_bias != 0)
            MIMO_TRY(check_one(owner, layer, &bias, err));
    }
    return MIMO_OK;
}

static bool is_frozen(const struct mimo_plan *plan, const struct mimo_plan_parameter *parameter)
{
    if (parameter->projector != MIMO_NONE)
        return plan->projectors[parameter->projector].is_frozen != 0;
    return plan->modules[parameter->module].is_frozen != 0;
}

static bool comes_before(const struct mimo_plan_parameter *a, const struct mimo_plan_parameter *b)
{
    const bool are_layers = a->layer != MIMO_NONE && b->layer != MIMO_NONE &&
                            a->projector == MIMO_NONE && b->projector == MIMO_NONE;

    return a->stage < b->stage || (are_layers && a->layer < b->layer);
}

/* Stages and layers ascend: backward completes their gradients from the end. */
static enum mimo_status check_order(const struct mimo_plan *plan,
                                    const struct mimo_plan_module *module, struct mimo_error *err)
{
    for (uint32_t i = module->parameter_first + 1;
         i < module->parameter_first + module->parameter_count; i++)
        if (comes_before(&plan->parameters[i], &plan->parameters[i - 1]))
            return mimo_error_set(err, MIMO_E_PLAN,
                                  "altered: section PARM, record %" PRIu32
                                  ": it belongs before the one before it",
                                  i);
    return MIMO_OK;
}

/* What is trained of a module is a whole, of fused matrices too, and lies together. */
static enum mimo_status check_trained(const struct mimo_plan *plan,
                                      const struct mimo_plan_module *module, struct mimo_error *err)
{
    uint32_t changes = 0;

    for (uint32_t i = 0; i < module->parameter_count; i++) {
        const uint32_t index = module->parameter_first + i;
        const struct mimo_plan_parameter *parameter = &plan->parameters[index];

        if (i > 0 && parameter->is_trainable != parameter[-1].is_trainable)
            changes++;
        if ((parameter->is_trainable == 0) != is_frozen(plan, parameter) || changes > 1)
            return mimo_error_set(err, MIMO_E_PLAN,
                                  "altered: section PARM, record %" PRIu32
                                  ": is_trainable is %" PRIu32 ", not as the parts around it",
                                  index, parameter->is_trainable);
    }
    return MIMO_OK;
}

enum mimo_status mimo_required_check(const struct mimo_plan *plan, struct mimo_error *err)
{
    for (uint32_t i = 0; i < plan->module_count; i++) {
        const struct mimo_plan_module *module = &plan->modules[i];
        const struct owner owner = {plan, i, MIMO_NONE, mimo_plan_text(plan, module->name)};

        MIMO_TRY(check_order(plan, module, err));
        MIMO_TRY(check_trained(plan, module, err));
        MIMO_TRY(module->kind == MIMO_MODULE_KIND_LANGUAGE ? check_language(&owner, module, err)
                                                           : check_clip_vit(&owner, module, err));
    }
    for (uint32_t i = 0; i < plan->projector_count; i++) {
        const struct mimo_plan_projector *projector = &plan->projectors[i];
        const struct owner owner = {plan, MIMO_NONE, i, mimo_plan_text(plan, projector->name)};

        MIMO_TRY(check_projector(&owner, projector, err));
    }
    return MIMO_OK;
}
