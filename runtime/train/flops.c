#include "runtime/train/flops.h"

#include <stdbool.h>

/* Elements of the matrices that every row of a module is multiplied by. Only they decay; a tied
 * embedding is the head as well. */
static double matrix_elements(const struct mimo_plan *plan, uint32_t module)
{
    double elements = 0.0;

    for (uint32_t i = 0; i < plan->parameter_count; i++) {
        const struct mimo_plan_parameter *parameter = &plan->parameters[i];
        const bool is_tied_head = parameter->slot == MIMO_SLOT_TOKEN_EMBEDDING &&
                                  plan->modules[module].ties_embeddings != 0;
        if (parameter->module == module && (parameter->decays != 0 || is_tied_head))
            elements += (double)parameter->shape[0] * (double)parameter->shape[1] *
                        (double)parameter->shape[2] * (double)parameter->shape[3];
    }
    return elements;
}

static bool learns(const struct mimo_plan *plan, uint32_t module)
{
    for (uint32_t i = 0; i < plan->parameter_count; i++)
        if (plan->parameters[i].module == module && plan->parameters[i].is_trainable != 0)
            return true;
    return false;
}

/* Forward, the gradient of the inputs where something in front learns, that of the weights. */
static double passes(const struct mimo_plan *plan, uint32_t module)
{
    const bool is_language = plan->modules[module].kind == MIMO_MODULE_KIND_LANGUAGE;
    bool needs_input_gradient = learns(plan, module);

    for (uint32_t i = 0; is_language && i < module; i++)
        needs_input_gradient = needs_input_gradient || learns(plan, i);
    return 1.0 + (needs_input_gradient ? 1.0 : 0.0) + (learns(plan, module) ? 1.0 : 0.0);
}

static double module_flops(const struct mimo_plan *plan, uint32_t index, uint64_t tokens,
                           uint64_t images)
{
    const struct mimo_plan_module *module = &plan->modules[index];
    const double width = (double)module->num_attention_heads * module->head_dim;
    const double layers = module->layers_computed;
    double rows = (double)tokens, length = rows / plan->training->global_batch, share = 0.5;

    if (module->kind == MIMO_MODULE_KIND_ENCODER) {
        const uint32_t side = module->image_size / module->patch_size;
        length = (double)side * side + 1.0;
        rows = (double)images * length;
        share = 1.0;
    }
    return passes(plan, index) * (2.0 * rows * matrix_elements(plan, index) +
                                  4.0 * share * rows * length * width * layers);
}

double mimo_flops_of_step(const struct mimo_plan *plan, uint64_t tokens, uint64_t images)
{
    double flops = 0.0;

    for (uint32_t i = 0; i < plan->module_count; i++)
        flops += module_flops(plan, i, tokens, images);
    return flops;
}

double mimo_flops_utilisation(const struct mimo_plan *plan, uint64_t tokens, uint64_t images,
                              double seconds)
{
    const double peak = plan->cluster->peak * plan->meta->world_size;

    return peak > 0.0 ? mimo_flops_of_step(plan, tokens, images) / (peak * seconds) : 0.0;
}
