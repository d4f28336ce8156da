#include "runtime/model/parameters.h"

#include "plan/communication.h"
#include "plan/grid.h"
#include "plan/memory.h"
#include "runtime/bf16.h"
#include "runtime/model/dtype.h"
#include "runtime/tensor/random.h"

#include <stdlib.h>

enum { FILL_CHUNK = 4096 };

static bool rank_holds(const struct mimo_plan *plan, const struct mimo_plan_role *role,
                       const struct mimo_plan_parameter *parameter)
{
    for (uint32_t i = 0; i < role->place_count; i++) {
        const struct mimo_plan_place *place = &plan->places[role->place_first + i];
        if (place->module == parameter->module && place->stage == parameter->stage)
            return true;
    }
    return false;
}

/* A table on the first stage and the head on the last one. */
static bool is_tied(const struct mimo_plan *plan, uint32_t index)
{
    if (plan->parameters[index].layer != MIMO_NONE)
        return false;
    if (plan->parameters[index].tied_to != MIMO_NONE)
        return true;
    for (uint32_t i = index + 1; i < plan->parameter_count; i++)
        if (plan->parameters[i].tied_to == index)
            return true;
    return false;
}

/* Of ranks that hold the same weights the first one saves them, and counts what all update; of tied
 * ones those that have the original. */
static void describe(struct mimo_parameter *item, const struct mimo_plan *plan, uint32_t rank)
{
    const struct mimo_plan_module *module = &plan->modules[item->plan->module];
    struct mimo_coordinate at;

    MIMO_ASSERT(mimo_grid_coordinate(module, rank, &at));
    mimo_shard_of(item->plan, at.tp, module->tp, &item->begin, &item->end);
    item->elements = mimo_shard_elements(item->plan, at.tp, module->tp);
    item->origin =
        item->plan->tied_to != MIMO_NONE ? &plan->parameters[item->plan->tied_to] : item->plan;
    item->is_tied = is_tied(plan, item->index);
    item->is_counted =
        item->origin == item->plan && mimo_shard_is_owned(item->plan, at.tp, module->tp);
    item->is_saved = item->is_counted && at.dp == 0 && at.cp == 0;
    if (plan->training->distributed_optimizer == 0)
        item->is_counted = item->is_saved;
}

static void collect(struct mimo_parameters *parameters, uint32_t rank, struct mimo_arena *arena)
{
    const struct mimo_plan *plan = parameters->plan;
    const struct mimo_plan_role *role = mimo_plan_role_of(plan, rank);

    parameters->items = MIMO_NEW_ARRAY(arena, struct mimo_parameter, plan->parameter_count);
    for (uint32_t i = 0; i < plan->parameter_count; i++) {
        struct mimo_parameter *item = &parameters->items[parameters->count];
        if (!rank_holds(plan, role, &plan->parameters[i]))
            continue;
        item->plan = &plan->parameters[i];
        item->index = i;
        describe(item, plan, rank);
        parameters->count++;
    }
}

static void *take(struct mimo_tensor_arena *arena, const struct mimo_parameter *item,
                  size_t element_size)
{
    return item->plan->follows != 0
               ? mimo_tensor_take_adjacent(arena, item->elements, 1, element_size)
               : mimo_tensor_take(arena, item->elements, 1, element_size);
}

static bool trains_item(const struct mimo_parameter *item, bool trains)
{
    return trains && item->plan->is_trainable != 0;
}

static uint64_t whole_elements(const struct mimo_plan_parameter *plan)
{
    return plan->shape[0] * plan->shape[1] * plan->shape[2] * plan->shape[3];
}

static void lay_out_shards(struct mimo_parameters *parameters, bool trains)
{
    const struct mimo_backend *be = parameters->be;
    uint64_t whole_max = 0;

    for (uint32_t i = 0; i < parameters->count; i++) {
        struct mimo_parameter *item = &parameters->items[i];
        const struct mimo_plan_parameter *plan = item->plan;

        item->weight = take(&parameters->weights, item, be->element_size);
        if (trains_item(item, trains) && plan->gradient_is_partial != 0 &&
            plan->cut == MIMO_CUT_REPLICATED && whole_elements(plan) > whole_max)
            whole_max = whole_elements(plan);
    }
    parameters->gather_scratch =
        mimo_tensor_take(&parameters->scratch, whole_max, 1, be->wide_size);
    if (trains)
        parameters->sums = mimo_tensor_take(&parameters->scratch, mimo_step_sums(parameters->plan),
                                            1, sizeof(double));
}

/* A rank's piece of what is trained of a module. */
struct piece {
    uint64_t begin, end;
    char *moment1, *moment2, *master;
};

static struct piece cut(struct mimo_parameters *parameters, uint32_t module, uint32_t rank,
                        struct mimo_arena *arena)
{
    const struct mimo_plan *plan = parameters->plan;
    const struct mimo_backend *be = parameters->be;
    struct mimo_trained *trained = &parameters->trained[module];
    const struct mimo_plan_groups *replicas =
        &plan->groups[(size_t)module * MIMO_GROUP_KIND_COUNT + MIMO_GROUP_KIND_DP_CP];
    const uint64_t room = mimo_updated_elements(plan, module, trained->elements, false);
    struct piece piece = {.end = trained->elements};
    uint32_t group, member;

    if (plan->training->distributed_optimizer != 0 && replicas->size > 1 &&
        mimo_groups_find(replicas, rank, &group, &member)) {
        trained->begins = MIMO_NEW_ARRAY(arena, size_t, (size_t)replicas->size + 1);
        for (uint32_t i = 0; i <= replicas->size; i++)
            trained->begins[i] = (size_t)mimo_piece_begin(trained->elements, i, replicas->size);
        piece.begin = trained->begins[member];
        piece.end = trained->begins[member + 1];
    }
    piece.moment1 = mimo_tensor_take(&parameters->moments, room, 1, be->wide_size);
    piece.moment2 = mimo_tensor_take(&parameters->moments, room, 1, be->wide_size);
    if (be->element_size != be->wide_size)
        piece.master = mimo_tensor_take(&parameters->moments, room, 1, be->wide_size);
    return piece;
}

static uint64_t clamp(uint64_t value, uint64_t least, uint64_t most)
{
    if (value < least)
        return least;
    return value < most ? value : most;
}

/* Its gradient, and the part of the parameter that lies within the piece. */
static void assign(struct mimo_parameter *item, const struct mimo_trained *trained,
                   const struct piece *piece, const struct mimo_backend *be)
{
    const uint64_t first = (uint64_t)((char *)item->weight - trained->weights) / be->element_size;
    const uint64_t begin = clamp(piece->begin, first, first + item->elements);
    const uint64_t end = clamp(piece->end, first, first + item->elements);
    const size_t offset = (size_t)(begin - piece->begin) * be->wide_size;

    MIMO_ASSERT(first + item->elements <= trained->elements);
    item->gradient = trained->gradients + first * be->wide_size;
    if (begin == end)
        return;
    item->update_begin = begin - first;
    item->update_end = end - first;
    item->moment1 = piece->moment1 + offset;
    item->moment2 = piece->moment2 + offset;
    item->master = piece->master != NULL ? piece->master + offset : NULL;
}

static void lay_out_updates(struct mimo_parameters *parameters, uint32_t module, uint32_t rank,
                            struct mimo_arena *arena)
{
    struct mimo_trained *trained = &parameters->trained[module];
    struct piece piece;

    trained->elements = mimo_gradient_elements(parameters->plan, module, rank, false);
    trained->gradients =
        mimo_tensor_take(&parameters->gradients, trained->elements, 1, parameters->be->wide_size);
    piece = cut(parameters, module, rank, arena);
    for (uint32_t i = 0; i < parameters->count; i++) {
        struct mimo_parameter *item = &parameters->items[i];
        if (item->plan->module != module || !trains_item(item, true))
            continue;
        if (trained->weights == NULL)
            trained->weights = item->weight;
        assign(item, trained, &piece, parameters->be);
    }
}

static void lay_out(struct mimo_parameters *parameters, uint32_t rank, bool trains,
                    struct mimo_arena *arena)
{
    const uint32_t modules = parameters->plan->module_count;

    lay_out_shards(parameters, trains);
    parameters->trained = MIMO_NEW_ARRAY(arena, struct mimo_trained, modules);
    for (uint32_t i = 0; trains && i < modules; i++)
        lay_out_updates(parameters, i, rank, arena);
    mimo_tensor_arena_finish(&parameters->weights);
    mimo_tensor_arena_finish(&parameters->gradients);
    mimo_tensor_arena_finish(&parameters->moments);
    mimo_tensor_arena_finish(&parameters->scratch);
}

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
    lay_out(parameters, rank, trains, arena);
    return MIMO_OK;
}

void mimo_parameters_close(struct mimo_parameters *parameters)
{
    mimo_tensor_arena_release(&parameters->weights, parameters->be);
    mimo_tensor_arena_release(&parameters->gradients, parameters->be);
    mimo_tensor_arena_release(&parameters->moments, parameters->be);
    mimo_tensor_arena_release(&parameters->scratch, parameters->be);
}

/* -- initial values --------------------------------------------------------------------------- */

static double initial_value(const struct mimo_plan_parameter *plan,
                            const struct mimo_random *random, uint64_t global_index)
{
    switch ((enum mimo_init)plan->init) {
    case MIMO_INIT_ZERO:
        return 0.0;
    case MIMO_INIT_ONE:
        return 1.0;
    case MIMO_INIT_NORMAL:
        return plan->init_scale * mimo_random_normal(random, global_index);
    case MIMO_INIT_COUNT:
        break;
    }
    MIMO_ASSERT(plan->init < MIMO_INIT_COUNT);
    return 0.0;
}

/* The index in the whole tensor of element `local` of the shard. */
static uint64_t global_index_of(const struct mimo_parameter *item, uint64_t local)
{
    const struct mimo_plan_parameter *plan = item->plan;
    uint64_t inner = 1, held, outer, cut;

    for (uint32_t d = plan->cut_dimension + 1; d < plan->dimensions; d++)
        inner *= plan->shape[d];
    held = (item->end - item->begin) * inner;
    outer = local / held;
    cut = local % held / inner + item->begin;
    return (outer * plan->shape[plan->cut_dimension] + cut) * inner + local % inner;
}

/* A chunk of a parameter in host memory, in each type. */
struct chunk {
    double values[FILL_CHUNK];
    float singles[FILL_CHUNK];
    uint16_t halves[FILL_CHUNK];
};

/* What of the chunk a type of `size` bytes takes. */
static const void *as_type(const struct chunk *chunk, size_t size)
{
    if (size == sizeof(double))
        return chunk->values;
    return size == sizeof(float) ? (const void *)chunk->singles : chunk->halves;
}

static void fill(struct chunk *chunk, const struct mimo_parameter *item,
                 const struct mimo_random *random, uint64_t first, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        chunk->values[i] = initial_value(item->origin, random, global_index_of(item, first + i));
        chunk->singles[i] = (float)chunk->values[i];
        chunk->halves[i] = mimo_bf16_round(chunk->singles[i]);
    }
}

/* Elements first ... first + count - 1 of the weight and, where this rank has them, the master. */
static void upload(struct mimo_backend *be, const struct mimo_parameter *item,
                   const struct chunk *chunk, uint64_t first, uint64_t count)
{
    const uint64_t begin = clamp(item->update_begin, first, first + count);
    const uint64_t end = clamp(item->update_end, first, first + count);

    be->ops->upload(be, (char *)item->weight + first * be->element_size,
                    as_type(chunk, be->element_size), count * be->element_size);
    if (item->master != NULL)
        be->ops->upload(be, (char *)item->master + (begin - item->update_begin) * be->wide_size,
                        (const char *)as_type(chunk, be->wide_size) +
                            (begin - first) * be->wide_size,
                        (end - begin) * be->wide_size);
}

static void initialise(struct mimo_parameters *parameters, const struct mimo_parameter *item,
                       uint64_t seed, struct chunk *chunk)
{
    const struct mimo_random random =
        mimo_random_stream(seed, mimo_plan_text(parameters->plan, item->origin->name));

    for (uint64_t first = 0; first < item->elements; first += FILL_CHUNK) {
        const uint64_t left = item->elements - first;
        const uint64_t count = left < FILL_CHUNK ? left : FILL_CHUNK;

        fill(chunk, item, &random, first, count);
        upload(parameters->be, item, chunk, first, count);
    }
}

enum mimo_status mimo_parameters_initialise(struct mimo_parameters *parameters, uint64_t seed,
                                            struct mimo_error *err)
{
    struct chunk *chunk = malloc(sizeof *chunk);

    if (chunk == NULL)
        return mimo_error_set(err, MIMO_E_FAILED, "out of memory");
    for (uint32_t i = 0; i < parameters->count; i++)
        initialise(parameters, &parameters->items[i], seed, chunk);
    free(chunk);
    return MIMO_OK;
}

/* -- finding ---------------------------------------------------------------------------------- */

const struct mimo_parameter *mimo_parameters_item(const struct mimo_parameters *parameters,
                                                  uint32_t module, uint32_t projector,
                                                  uint32_t layer, enum mimo_slot slot)
{
    for (uint32_t i = 0; i < parameters->count; i++) {
        const struct mimo_plan_parameter *plan = parameters->items[i].plan;
        const bool is_owned =
            plan->projector == projector && (projector != MIMO_NONE || plan->module == module);
        if (is_owned && plan->layer == layer && plan->slot == slot)
            return &parameters->items[i];
    }
    return NULL;
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

int64_t mimo_parameters_share(const struct mimo_parameter *item)
{
    return item != NULL ? (int64_t)(item->end - item->begin) : 0;
}

/* -- gradients -------------------------------------------------------------------------------- */

void mimo_parameters_zero_gradients(struct mimo_parameters *parameters)
{
    struct mimo_backend *be = parameters->be;

    if (parameters->gradients.base != NULL)
        be->ops->zero(be, parameters->gradients.base, (size_t)parameters->gradients.capacity);
    be->ops->zero(be, parameters->sums, mimo_step_sums(parameters->plan) * sizeof(double));
}

/* Several neighbouring ranks hold the same units, each with a part of their gradient: every rank
 * puts its part at its global place in a tensor of zeros, and the sum over the group completes all.
 */
static enum mimo_status reduce_replicated(struct mimo_parameters *parameters,
                                          const struct mimo_parameter *item,
                                          const struct mimo_replicas *replicas,
                                          struct mimo_error *err)
{
    struct mimo_backend *be = parameters->be;
    const struct mimo_plan_parameter *plan = item->plan;
    const uint64_t whole = whole_elements(plan);
    const uint64_t row = whole / plan->shape[0];
    char *const at = (char *)parameters->gather_scratch + item->begin * row * be->wide_size;

    MIMO_ASSERT(plan->cut_dimension == 0);
    be->ops->zero(be, parameters->gather_scratch, whole * be->wide_size);
    be->ops->copy_bytes(be, at, item->gradient, item->elements * be->wide_size);
    MIMO_TRY(replicas->transport->ops->all_reduce(replicas->tp, parameters->gather_scratch, whole,
                                                  mimo_wide_dtype(be), MIMO_REDUCE_SUM, err));
    be->ops->copy_bytes(be, item->gradient, at, item->elements * be->wide_size);
    return MIMO_OK;
}

static enum mimo_status reduce_partial(struct mimo_parameters *parameters,
                                       const struct mimo_parameter *item,
                                       const struct mimo_replicas *replicas, struct mimo_error *err)
{
    if (item->plan->cut == MIMO_CUT_REPLICATED)
        return reduce_replicated(parameters, item, replicas, err);
    return replicas->transport->ops->all_reduce(replicas->tp, item->gradient, item->elements,
                                                mimo_wide_dtype(parameters->be), MIMO_REDUCE_SUM,
                                                err);
}

/* Equal bits on both stages: so the tables stay equal. */
static enum mimo_status reduce_tied(struct mimo_parameters *parameters, uint32_t module,
                                    const struct mimo_replicas *replicas, struct mimo_error *err)
{
    for (uint32_t i = 0; i < parameters->count && replicas->embedding != NULL; i++) {
        const struct mimo_parameter *item = &parameters->items[i];
        if (item->plan->module == module && item->is_tied && item->gradient != NULL)
            MIMO_TRY(replicas->transport->ops->all_reduce(
                replicas->embedding, item->gradient, item->elements,
                mimo_wide_dtype(parameters->be), MIMO_REDUCE_SUM, err));
    }
    return MIMO_OK;
}

static enum mimo_status reduce_replicas(const struct mimo_trained *trained,
                                        const struct mimo_replicas *replicas, enum mimo_dtype dtype,
                                        struct mimo_error *err)
{
    if (replicas->dp == NULL || trained->elements == 0)
        return MIMO_OK;
    if (trained->begins != NULL)
        return replicas->transport->ops->reduce_scatter(replicas->dp, trained->gradients,
                                                        trained->begins, dtype, err);
    return replicas->transport->ops->all_reduce(
        replicas->dp, trained->gradients, (size_t)trained->elements, dtype, MIMO_REDUCE_SUM, err);
}

enum mimo_status mimo_parameters_reduce(struct mimo_parameters *parameters, uint32_t module,
                                        const struct mimo_replicas *replicas,
                                        struct mimo_error *err)
{
    for (uint32_t i = 0; i < parameters->count; i++) {
        const struct mimo_parameter *item = &parameters->items[i];
        if (item->plan->module == module && item->gradient != NULL &&
            item->plan->gradient_is_partial != 0 && replicas->tp != NULL)
            MIMO_TRY(reduce_partial(parameters, item, replicas, err));
    }
    MIMO_TRY(reduce_tied(parameters, module, replicas, err));
    return reduce_replicas(&parameters->trained[module], replicas, mimo_wide_dtype(parameters->be),
                           err);
}

enum mimo_status mimo_parameters_gather(struct mimo_parameters *parameters, uint32_t module,
                                        const struct mimo_replicas *replicas,
                                        struct mimo_error *err)
{
    const struct mimo_trained *trained = &parameters->trained[module];

    if (trained->begins == NULL || trained->elements == 0)
        return MIMO_OK;
    return replicas->transport->ops->all_gather(replicas->dp, trained->weights, trained->begins,
                                                mimo_element_dtype(parameters->be), err);
}
