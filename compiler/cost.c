#include "compiler/cost.h"

#include "compiler/layout.h"
#include "compiler/parameters.h"
#include "plan/grid.h"

/* Bytes of one element; Adam keeps two moments, bf16 a float32 copy of the weights besides. */
static const struct element_bytes {
    uint64_t parameter, gradient, optimizer;
} element_bytes[MIMO_PRECISION_COUNT] = {
    [MIMO_PRECISION_FP32] = {4, 4, 8},
    [MIMO_PRECISION_BF16] = {2, 4, 12},
    [MIMO_PRECISION_FP64] = {8, 8, 16},
};

/* Elements of the parameter that the rank holds, and how many ranks share its optimizer state. */
static uint64_t held_elements(const struct mimo_plan *plan,
                              const struct mimo_plan_parameter *parameter, uint32_t rank,
                              uint64_t *out_sharers)
{
    const struct mimo_plan_module *module = &plan->modules[parameter->module];
    struct mimo_coordinate at;

    if (!mimo_grid_coordinate(module, rank, &at) || parameter->stage % module->pp != at.pp)
        return 0;
    *out_sharers = (uint64_t)module->dp * module->cp;
    if (parameter->expert == MIMO_NONE)
        return mimo_shard_elements(parameter, at.tp, module->tp);
    *out_sharers = module->edp;
    if (parameter->expert / (module->num_experts / module->ep) != at.ep)
        return 0;
    return mimo_shard_elements(parameter, at.etp, module->etp);
}

struct mimo_state_cost mimo_cost_state(const struct mimo_plan *plan, uint32_t rank)
{
    const struct element_bytes bytes = element_bytes[plan->training->precision];
    struct mimo_state_cost cost = {0};

    for (uint32_t i = 0; i < plan->parameter_count; i++) {
        const struct mimo_plan_parameter *parameter = &plan->parameters[i];
        uint64_t sharers = 1;
        const uint64_t elements = held_elements(plan, parameter, rank, &sharers);

        if (plan->training->distributed_optimizer == 0)
            sharers = 1;
        cost.parameters += elements * bytes.parameter;
        if (parameter->is_trainable == 0)
            continue;
        cost.gradients += elements * bytes.gradient;
        cost.optimizer += (elements + sharers - 1) / sharers * bytes.optimizer;
    }
    return cost;
}

/* Images in a step, for the work of an encoder. */
static double images_of_step(const struct mimo_plan *plan)
{
    const double images =
        plan->data->format == MIMO_DATA_FORMAT_SYNTHETIC ? plan->data->images_per_sample_max : 1.0;

    return images * plan->training->global_batch;
}

/* Elements that a row is multiplied with: of experts only those that it visits. A tied table is the
 * head, which is then not counted again. */
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
        return module->ties_embeddings != 0 ? elements : 0.0;
    return parameter->tied_to == MIMO_NONE ? elements : 0.0;
}

/* Scores and weighted sums: 4 operations for each pair of positions and element of a head, half of
 * the pairs where attention is causal. */
static double attention_work(const struct mimo_plan_module *module, double sequences, double length,
                             bool is_causal)
{
    return sequences * module->layers_computed * (is_causal ? 2.0 : 4.0) * length * length *
           module->num_attention_heads * module->head_dim;
}

/* Of the module, or of its projector. */
static double linear_work(const struct mimo_plan *plan, uint32_t module, double rows,
                          bool is_projector)
{
    const struct mimo_plan_module *record = &plan->modules[module];
    double elements = 0.0;

    for (uint32_t i = 0; i < record->parameter_count; i++) {
        const struct mimo_plan_parameter *parameter =
            &plan->parameters[record->parameter_first + i];

        if ((parameter->projector != MIMO_NONE) == is_projector)
            elements += active_elements(record, parameter);
    }
    return 2.0 * elements * rows;
}

/* In forward passes: one for the gradients of inputs, one for those of weights. */
static double passes_of_backward(bool passes_gradients, bool is_trained)
{
    return (passes_gradients ? 1.0 : 0.0) + (is_trained ? 1.0 : 0.0);
}

struct mimo_work_cost mimo_cost_work(const struct mimo_plan *plan, uint32_t module)
{
    const struct mimo_plan_module *record = &plan->modules[module];
    const bool is_encoder = record->kind == MIMO_MODULE_KIND_ENCODER;
    const double sequences = is_encoder ? images_of_step(plan) : plan->training->global_batch;
    const double patches = (double)record->image_tokens - record->keeps_class_token;
    const double length = is_encoder ? patches + 1.0 : plan->training->sequence_length;
    const double own = linear_work(plan, module, sequences * length, false) +
                       attention_work(record, sequences, length, !is_encoder);
    const double projector = linear_work(plan, module, sequences * record->image_tokens, true);
    const bool is_trained = record->is_frozen == 0;
    const bool passes_gradients =
        is_encoder ? is_trained : mimo_layout_has_backward(plan, module, 0);

    return (struct mimo_work_cost){
        .forward = own + projector,
        .backward =
            own * passes_of_backward(passes_gradients, is_trained) +
            projector * passes_of_backward(is_trained, mimo_layout_is_trained(plan, module)),
    };
}
