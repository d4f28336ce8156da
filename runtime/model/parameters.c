#include "plan/grid.h"
#include "plan/memory.h"
#include "runtime/model/parameters_parts.h"

/* -- what a rank holds ------------------------------------------------------------------------ */

/* Of ranks that hold the same weights the first one saves them, and counts what all update; of tied
 * ones those that have the original. */
static void describe(struct mimo_parameter *item, const struct mimo_plan *plan,
                     const struct mimo_plan_module *module, const struct mimo_coordinate *at)
{
    const bool is_expert = item->plan->expert != MIMO_NONE;
    const uint32_t shard = is_expert ? at->etp : at->tp;
    const uint32_t shards = is_expert ? module->etp : module->tp;
    const bool is_first = is_expert ? at->edp == 0 : at->dp == 0 && at->cp == 0;

    mimo_shard_of(item->plan, shard, shards, &item->begin, &item->end);
    item->elements = mimo_shard_elements(item->plan, shard, shards);
    item->origin =
        item->plan->tied_to != MIMO_NONE ? &plan->parameters[item->plan->tied_to] : item->plan;
    item->is_tied = mimo_plan_is_tied(plan, item->index);
    item->is_counted = item->origin == item->plan && mimo_shard_is_owned(item->plan, shard, shards);
    item->is_saved = item->is_counted && is_first;
    if (plan->training->distributed_optimizer == 0)
        item->is_counted = item->is_saved;
}

static void collect(struct mimo_parameters *parameters, uint32_t rank, struct mimo_arena *arena)
{
    const struct mimo_plan *plan = parameters->plan;

    parameters->items = MIMO_NEW_ARRAY(arena, struct mimo_parameter, plan->parameter_count);
    for (uint32_t i = 0; i < plan->parameter_count; i++) {
        const struct mimo_plan_module *module = &plan->modules[plan->parameters[i].module];
        struct mimo_parameter *item = &parameters->items[parameters->count];
        struct mimo_coordinate at;

        if (!mimo_grid_coordinate(module, rank, &at) ||
            !mimo_grid_holds(module, &plan->parameters[i], &at))
            continue;
        item->plan = &plan->parameters[i];
        item->index = i;
        describe(item, plan, module, &at);
        parameters->count++;
    }
}

/* -- opening ---------------------------------------------------------------------------------- */

/* The arenas have the sizes that the plan gives them. */
static enum mimo_status open_arenas(struct mimo_parameters *parameters, uint32_t rank, bool trains,
                                    struct mimo_error *err)
{
    const struct mimo_plan_memory memory =
        mimo_memory_of_parameters(parameters->plan, rank, trains);
    struct mimo_backend *be = parameters->be;

    MIMO_TRY(mimo_tensor_arena_open(&parameters->weights, be, memory.bytes[MIMO_MEMORY_PARAMETERS],
                                    "parameters", err));
    MIMO_TRY(mimo_tensor_arena_open(&parameters->gradients, be, memory.bytes[MIMO_MEMORY_GRADIENTS],
                                    "gradients", err));
    MIMO_TRY(mimo_tensor_arena_open(&parameters->moments, be, memory.bytes[MIMO_MEMORY_OPTIMIZER],
                                    "optimizer state", err));
    return mimo_tensor_arena_open(&parameters->scratch, be, memory.bytes[MIMO_MEMORY_REDUCTION],
                                  "gradient scratch", err);
}

enum mimo_status mimo_parameters_open(struct mimo_parameters *out_parameters,
                                      const struct mimo_plan *plan, uint32_t rank, bool trains,
                                      struct mimo_backend *be, struct mimo_arena *arena,
                                      struct mimo_error *err)
{
    struct mimo_parameters *parameters = out_parameters;

    *parameters = (struct mimo_parameters){.plan = plan, .be = be};
    collect(parameters, rank, arena);
    MIMO_TRY(open_arenas(parameters, rank, trains, err));
    mimo_parameters_lay_out(parameters, rank, trains, arena);
    return MIMO_OK;
}

void mimo_parameters_close(struct mimo_parameters *parameters)
{
    mimo_tensor_arena_release(&parameters->weights, parameters->be);
    mimo_tensor_arena_release(&parameters->gradients, parameters->be);
    mimo_tensor_arena_release(&parameters->moments, parameters->be);
    mimo_tensor_arena_release(&parameters->scratch, parameters->be);
}

/* -- finding ---------------------------------------------------------------------------------- */

/* Where a parameter belongs, as in struct mimo_plan_parameter; of a projector `module` does not
 * matter. */
struct position {
    uint32_t module, projector, layer, expert;
    enum mimo_slot slot;
};

static const struct mimo_parameter *find_item(const struct mimo_parameters *parameters,
                                              const struct position *at)
{
    for (uint32_t i = 0; i < parameters->count; i++) {
        const struct mimo_plan_parameter *plan = parameters->items[i].plan;
        const bool is_owned = plan->projector == at->projector &&
                              (at->projector != MIMO_NONE || plan->module == at->module);
        if (is_owned && plan->layer == at->layer && plan->expert == at->expert &&
            plan->slot == at->slot)
            return &parameters->items[i];
    }
    return NULL;
}

const struct mimo_parameter *mimo_parameters_item(const struct mimo_parameters *parameters,
                                                  uint32_t module, uint32_t projector,
                                                  uint32_t layer, enum mimo_slot slot)
{
    return find_item(parameters, &(struct position){module, projector, layer, MIMO_NONE, slot});
}

static struct mimo_weight weight_of(const struct mimo_parameter *item)
{
    return item != NULL ? (struct mimo_weight){item->weight, item->gradient}
                        : (struct mimo_weight){NULL, NULL};
}

struct mimo_weight mimo_parameters_find(const struct mimo_parameters *parameters, uint32_t module,
                                        uint32_t layer, enum mimo_slot slot)
{
    return weight_of(mimo_parameters_item(parameters, module, MIMO_NONE, layer, slot));
}

struct mimo_weight mimo_parameters_find_projector(const struct mimo_parameters *parameters,
                                                  uint32_t projector, uint32_t layer,
                                                  enum mimo_slot slot)
{
    return weight_of(mimo_parameters_item(parameters, MIMO_NONE, projector, layer, slot));
}

struct mimo_weight mimo_parameters_find_expert(const struct mimo_parameters *parameters,
                                               uint32_t module, uint32_t layer, uint32_t expert,
                                               enum mimo_slot slot)
{
    return weight_of(
        find_item(parameters, &(struct position){module, MIMO_NONE, layer, expert, slot}));
}

int64_t mimo_parameters_share(const struct mimo_parameter *item)
{
    return item != NULL ? (int64_t)(item->end - item->begin) : 0;
}
