#include "plan/buckets.h"

#include "plan/grid.h"
#include "plan/sizes.h"
#include "plan/tally.h"

/* ---- cutting ---- */

bool mimo_bucket_trains(const struct mimo_plan *plan, const struct mimo_bucket *bucket,
                        uint32_t parameter)
{
    const struct mimo_plan_parameter *record = &plan->parameters[parameter];

    return record->is_trainable != 0 &&
           record->stage % plan->modules[bucket->module].pp == bucket->pp;
}

static uint64_t whole_elements(const struct mimo_plan_parameter *parameter)
{
    return parameter->shape[0] * parameter->shape[1] * parameter->shape[2] * parameter->shape[3];
}

/* On the mean of the ranks that share it: all of them close their buckets at the same layer. */
static uint64_t mean_elements(const struct mimo_plan_module *module,
                              const struct mimo_plan_parameter *parameter)
{
    if (parameter->expert != MIMO_NONE)
        return whole_elements(parameter) / ((uint64_t)module->etp * module->ep);
    switch ((enum mimo_cut)parameter->cut) {
    case MIMO_CUT_EVEN:
        return whole_elements(parameter) / module->tp;
    case MIMO_CUT_REPLICATED:
        return whole_elements(parameter) / parameter->cut_units;
    case MIMO_CUT_NONE:
    case MIMO_CUT_COUNT:
        break;
    }
    return whole_elements(parameter);
}

/* Its layer begins with it. */
static bool begins_layer(const struct mimo_plan *plan, uint32_t index)
{
    const struct mimo_plan_parameter *parameter = &plan->parameters[index];

    return parameter->layer != MIMO_NONE && parameter->projector == MIMO_NONE &&
           (index == plan->modules[parameter->module].parameter_first ||
            parameter[-1].layer != parameter->layer);
}

/* Tied to a table on another stage, or of a projector that other encoders use too: another backward
 * pass has a part of its gradient. */
static bool is_of_several(const struct mimo_plan *plan, uint32_t index)
{
    const uint32_t projector = plan->parameters[index].projector;
    uint32_t users = 0;

    for (uint32_t i = 0; i < plan->module_count && projector != MIMO_NONE; i++)
        users += plan->modules[i].projector == projector ? 1 : 0;
    return users > 1 || mimo_plan_is_tied(plan, index);
}

/* The bucket that ends in front of parameter `end`. */
static bool cut(const struct mimo_plan *plan, struct mimo_bucket *bucket, uint32_t end)
{
    const struct mimo_plan_module *module = &plan->modules[bucket->module];
    uint64_t elements = 0;
    bool trains = false, waits = false;

    *bucket = (struct mimo_bucket){bucket->module, bucket->pp, module->parameter_first, end,
                                   MIMO_NONE,      MIMO_NONE};
    for (uint32_t i = end; i-- > module->parameter_first;) {
        if (!mimo_bucket_trains(plan, bucket, i))
            continue;
        trains = true;
        waits = waits || is_of_several(plan, i);
        elements = mimo_sum(elements, mean_elements(module, &plan->parameters[i]));
        if (elements < plan->training->gradient_bucket || !begins_layer(plan, i))
            continue;
        bucket->first = i;
        bucket->stage = waits ? MIMO_NONE : plan->parameters[i].stage;
        bucket->layer = waits ? MIMO_NONE : plan->parameters[i].layer;
        break;
    }
    return trains;
}

bool mimo_bucket_first(const struct mimo_plan *plan, uint32_t module, uint32_t pp,
                       struct mimo_bucket *bucket)
{
    const struct mimo_plan_module *record = &plan->modules[module];

    *bucket = (struct mimo_bucket){.module = module, .pp = pp};
    return cut(plan, bucket, record->parameter_first + record->parameter_count);
}

bool mimo_bucket_next(const struct mimo_plan *plan, struct mimo_bucket *bucket)
{
    return cut(plan, bucket, bucket->first);
}

bool mimo_bucket_first_of_stage(const struct mimo_plan *plan, uint32_t module, uint32_t stage,
                                struct mimo_bucket *bucket)
{
    bool has = mimo_bucket_first(plan, module, stage % plan->modules[module].pp, bucket);

    while (has && bucket->stage != stage)
        has = mimo_bucket_next(plan, bucket);
    return has;
}

/* ---- sizes ---- */

uint64_t mimo_bucket_elements(const struct mimo_plan *plan, const struct mimo_bucket *bucket,
                              uint32_t rank, bool is_expert)
{
    const struct mimo_plan_module *module = &plan->modules[bucket->module];
    const uint64_t bytes =
        mimo_element_sizes_of((enum mimo_precision)plan->training->precision).element;
    struct mimo_tally tally = {0};
    struct mimo_coordinate at;

    if (!mimo_grid_coordinate(module, rank, &at))
        return 0;
    for (uint32_t i = bucket->first; i < bucket->end; i++) {
        const struct mimo_plan_parameter *parameter = &plan->parameters[i];
        const uint64_t elements = mimo_grid_elements(module, parameter, &at);

        if (!mimo_bucket_trains(plan, bucket, i) || (parameter->expert != MIMO_NONE) != is_expert)
            continue;
        if (parameter->follows == 0)
            (void)mimo_tally_take(&tally, elements, bytes);
        else
            (void)mimo_tally_take_adjacent(&tally, elements, bytes);
    }
    return mimo_tally_bytes(&tally) / bytes;
}

uint64_t mimo_gradient_elements(const struct mimo_plan *plan, uint32_t module, uint32_t rank,
                                bool is_expert)
{
    const struct mimo_plan_module *record = &plan->modules[module];
    struct mimo_bucket all = {.module = module,
                              .first = record->parameter_first,
                              .end = record->parameter_first + record->parameter_count};
    struct mimo_coordinate at;

    if (!mimo_grid_coordinate(record, rank, &at))
        return 0;
    all.pp = at.pp;
    return mimo_bucket_elements(plan, &all, rank, is_expert);
}

uint64_t mimo_updated_elements(const struct mimo_plan *plan, uint32_t module, uint64_t elements,
                               bool is_expert)
{
    const struct mimo_plan_module *record = &plan->modules[module];
    const uint64_t replicas = is_expert ? record->edp : (uint64_t)record->dp * record->cp;

    if (plan->training->distributed_optimizer == 0)
        return elements;
    return elements / replicas + (elements % replicas != 0);
}
