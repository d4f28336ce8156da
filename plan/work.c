#include "plan/work.h"

#include <stdbool.h>

struct mimo_load mimo_load_full(const struct mimo_plan *plan)
{
    const struct mimo_plan_training *training = plan->training;
    const double images =
        plan->data->format == MIMO_DATA_FORMAT_SYNTHETIC ? plan->data->images_per_sample_max : 1.0;

    return (struct mimo_load){
        .tokens = (double)training->global_batch * training->sequence_length,
        .images = images * training->global_batch,
    };
}

/* Elements that a row is multiplied with: of experts only those that it visits. A tied table that
 * is not listed again as the head, on another stage, is the head itself. */
static double active_elements(const struct mimo_plan_module *module,
                              const struct mimo_plan_parameter *parameter)
{
    double elements = 1.0;

    for (uint32_t i = 0; i < parameter->dimensions; i++)
        elements *= (double)parameter->shape[i];
    if (parameter->expert != MIMO_NONE)
        return elements * module->top_k / module->num_experts;
    if (parameter->slot == MIMO_SLOT_POSITION_EMBEDDING || parameter->dimensions == 1)
        return 0.0;
    if (parameter->slot == MIMO_SLOT_TOKEN_EMBEDDING)
        return module->ties_embeddings != 0 && module->stage_count == 1 ? elements : 0.0;
    return elements;
}

static double stage_elements(const struct mimo_plan *plan, uint32_t module, uint32_t stage)
{
    const struct mimo_plan_module *record = &plan->modules[module];
    double elements = 0.0;

    for (uint32_t i = 0; i < record->parameter_count; i++) {
        const struct mimo_plan_parameter *parameter =
            &plan->parameters[record->parameter_first + i];

        if (parameter->stage == stage && parameter->projector == MIMO_NONE)
            elements += active_elements(record, parameter);
    }
    return elements;
}

/* Of the module's projector, which is at its last stage. One that several encoders share is listed
 * with one of them. */
static double projector_elements(const struct mimo_plan *plan, uint32_t module, uint32_t stage)
{
    const struct mimo_plan_module *record = &plan->modules[module];
    double elements = 0.0;

    if (record->projector == MIMO_NONE || stage + 1 != record->stage_count)
        return 0.0;
    for (uint32_t i = 0; i < plan->parameter_count; i++)
        if (plan->parameters[i].projector == record->projector)
            elements += active_elements(record, &plan->parameters[i]);
    return elements;
}

/* The module itself, or its projector. */
static bool learns(const struct mimo_plan *plan, uint32_t module, bool is_projector)
{
    const uint32_t projector = is_projector ? plan->modules[module].projector : MIMO_NONE;

    if (is_projector && projector == MIMO_NONE)
        return false;
    for (uint32_t i = 0; i < plan->parameter_count; i++) {
        const struct mimo_plan_parameter *parameter = &plan->parameters[i];
        const bool is_own = is_projector || parameter->module == module;

        if (is_own && parameter->projector == projector && parameter->is_trainable != 0)
            return true;
    }
    return false;
}

/* The encoders come first: gradients go back through the language model to what learns there. */
static bool passes_gradients(const struct mimo_plan *plan, uint32_t module)
{
    if (learns(plan, module, false))
        return true;
    for (uint32_t i = 0; i < module && plan->modules[module].kind == MIMO_MODULE_KIND_LANGUAGE; i++)
        if (learns(plan, i, false) || learns(plan, i, true))
            return true;
    return false;
}

/* In forward passes: one for the gradients of inputs, one for those of weights. */
static double passes_of_backward(bool passes, bool is_trained)
{
    return (passes ? 1.0 : 0.0) + (is_trained ? 1.0 : 0.0);
}

/* Scores and weighted sums: 4 operations for each pair of positions and element of a head, half of
 * the pairs where attention looks backwards only. */
static double attention_work(const struct mimo_plan_module *module, double layers, double rows,
                             double length)
{
    const bool is_causal = module->kind == MIMO_MODULE_KIND_LANGUAGE;

    return layers * (is_causal ? 2.0 : 4.0) * rows * length * module->num_attention_heads *
           module->head_dim;
}

struct mimo_work mimo_work_of_stage(const struct mimo_plan *plan, uint32_t module, uint32_t stage,
                                    const struct mimo_load *load)
{
    const struct mimo_plan_module *record = &plan->modules[module];
    const bool is_encoder = record->kind == MIMO_MODULE_KIND_ENCODER;
    const double length = is_encoder ? (double)record->image_tokens - record->keeps_class_token + 1
                                     : load->tokens / plan->training->global_batch;
    const double rows = is_encoder ? load->images * length : load->tokens;
    const double layers = plan->stages[record->stage_first + stage].layer_count;
    const double own = 2.0 * rows * stage_elements(plan, module, stage) +
                       attention_work(record, layers, rows, length);
    const double projector =
        2.0 * load->images * record->image_tokens * projector_elements(plan, module, stage);

    return (struct mimo_work){
        .forward = own + projector,
        .backward =
            own * passes_of_backward(passes_gradients(plan, module), learns(plan, module, false)) +
            projector * passes_of_backward(learns(plan, module, false), learns(plan, module, true)),
    };
}

struct mimo_work mimo_work_of_module(const struct mimo_plan *plan, uint32_t module,
                                     const struct mimo_load *load)
{
    struct mimo_work sum = {0.0, 0.0};

    for (uint32_t s = 0; s < plan->modules[module].stage_count; s++) {
        const struct mimo_work work = mimo_work_of_stage(plan, module, s, load);

        sum.forward += work.forward;
        sum.backward += work.backward;
    }
    return sum;
}

double mimo_work_of_step(const struct mimo_plan *plan, const struct mimo_load *load)
{
    double sum = 0.0;

    for (uint32_t i = 0; i < plan->module_count; i++) {
        const struct mimo_work work = mimo_work_of_module(plan, i, load);

        sum += work.forward + work.backward;
    }
    return sum;
}

struct mimo_work mimo_work_of_rank(const struct mimo_plan *plan, uint32_t role,
                                   const struct mimo_load *load)
{
    const struct mimo_plan_role *record = &plan->roles[role];
    struct mimo_work sum = {0.0, 0.0};

    for (uint32_t i = 0; i < record->place_count; i++) {
        const struct mimo_plan_place *place = &plan->places[record->place_first + i];
        const struct mimo_plan_module *module = &plan->modules[place->module];
        const struct mimo_work work = mimo_work_of_stage(plan, place->module, place->stage, load);
        const double ranks = (double)module->ranks / module->pp;

        sum.forward += work.forward / ranks;
        sum.backward += work.backward / ranks;
    }
    return sum;
}
