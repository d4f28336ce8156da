/*
 * What a pipeline rank trains is in one bucket each, and a bucket that is summed inside a BACKWARD
 * is complete by then. Told by what the weights are for: those around the layers are used before
 * the first layer or behind the last one.
 */
#include "plan/buckets.h"
#include "compiler/proof/ranks_parts.h"

/* Whether its gradient comes from what is in front of the layers: that goes backward last. */
static bool is_in_front(const struct mimo_plan_parameter *parameter)
{
    switch ((enum mimo_slot)parameter->slot) {
    case MIMO_SLOT_TOKEN_EMBEDDING:
    case MIMO_SLOT_CLASS_EMBEDDING:
    case MIMO_SLOT_PATCH_EMBEDDING:
    case MIMO_SLOT_POSITION_EMBEDDING:
    case MIMO_SLOT_PRE_NORM_WEIGHT:
    case MIMO_SLOT_PRE_NORM_BIAS:
        return true;
    default:
        return false;
    }
}

/* Whether another stage or encoder has a part of its gradient. Within layers nothing is tied. */
static bool is_shared(const struct mimo_plan *plan, uint32_t index)
{
    const struct mimo_plan_parameter *parameter = &plan->parameters[index];

    for (uint32_t i = 0; i < plan->parameter_count && parameter->layer == MIMO_NONE; i++)
        if (plan->parameters[i].tied_to == index)
            return true;
    for (uint32_t i = 0; i < plan->module_count; i++)
        if (i != parameter->module && parameter->projector != MIMO_NONE &&
            plan->modules[i].projector == parameter->projector)
            return true;
    return parameter->tied_to != MIMO_NONE;
}

/* Whether the last micro-step has completed the gradient when it is through the bucket's layer:
 * later stages of the rank have gone backward before, and within a stage what is behind a layer. */
static bool is_complete(const struct mimo_plan *plan, const struct mimo_bucket *bucket,
                        uint32_t index)
{
    const struct mimo_plan_parameter *parameter = &plan->parameters[index];
    const bool is_of_layer = parameter->layer != MIMO_NONE && parameter->projector == MIMO_NONE;

    if (is_shared(plan, index) || parameter->stage < bucket->stage)
        return false;
    if (parameter->stage > bucket->stage)
        return true;
    return is_of_layer ? parameter->layer >= bucket->layer : !is_in_front(parameter);
}

static bool holds_layer(const struct mimo_plan *plan, const struct mimo_bucket *bucket)
{
    const struct mimo_plan_module *module = &plan->modules[bucket->module];
    const struct mimo_plan_stage *stage = &plan->stages[module->stage_first + bucket->stage];

    return bucket->stage % module->pp == bucket->pp && bucket->layer >= stage->layer_first &&
           bucket->layer - stage->layer_first < stage->layer_count;
}

static bool prove_bucket(struct mimo_prover *prover, const struct mimo_bucket *bucket)
{
    const struct mimo_plan *plan = prover->plan;

    if (bucket->stage == MIMO_NONE)
        return true;
    if (!holds_layer(plan, bucket))
        return mimo_refuse(prover, "a bucket of module %u waits for a layer of another rank",
                           bucket->module);
    for (uint32_t i = bucket->first; i < bucket->end; i++)
        if (mimo_bucket_trains(plan, bucket, i) && !is_complete(plan, bucket, i))
            return mimo_refuse(prover, "the gradient of parameter %u is summed in parts", i);
    return true;
}

/* Buckets are neighbours; in front of the first one nothing is trained. */
bool mimo_prove_buckets(struct mimo_prover *prover, uint32_t module, uint32_t pp)
{
    const struct mimo_plan *plan = prover->plan;
    const struct mimo_plan_module *record = &plan->modules[module];
    uint32_t begin = record->parameter_first + record->parameter_count;
    struct mimo_bucket bucket = {.module = module, .pp = pp};

    for (bool has = mimo_bucket_first(plan, module, pp, &bucket); has;
         has = mimo_bucket_next(plan, &bucket)) {
        if (bucket.end != begin || bucket.first >= begin)
            return mimo_refuse(prover, "the buckets of module %u are no neighbours", module);
        if (!prove_bucket(prover, &bucket))
            return false;
        begin = bucket.first;
    }
    for (uint32_t i = record->parameter_first; i < begin; i++)
        if (plan->parameters[i].is_trainable != 0 && plan->parameters[i].stage % record->pp == pp)
            return mimo_refuse(prover, "the gradient of parameter %u is in no bucket", i);
    return true;
}
