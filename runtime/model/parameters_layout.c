/* Where parameters lie in the arenas, and which part of them this rank updates. */
#include "plan/buckets.h"
#include "plan/grid.h"
#include "plan/memory.h"
#include "runtime/model/parameters_parts.h"

/* -- weights and scratch ---------------------------------------------------------------------- */

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

/* The experts of a module, or all else of it: each kind lies together, so that what is trained of
 * it does. */
static void lay_out_weights(struct mimo_parameters *parameters, uint32_t module, bool is_expert)
{
    for (uint32_t i = 0; i < parameters->count; i++) {
        struct mimo_parameter *item = &parameters->items[i];
        if (item->plan->module == module && mimo_parameter_is_expert(item) == is_expert)
            item->weight = take(&parameters->weights, item, parameters->be->element_size);
    }
}

/* Room for the largest tensor whose units several ranks hold, each with a part of their gradient.
 */
static void lay_out_scratch(struct mimo_parameters *parameters, bool trains)
{
    const struct mimo_backend *be = parameters->be;
    uint64_t whole_max = 0;

    for (uint32_t i = 0; i < parameters->count; i++) {
        const struct mimo_parameter *item = &parameters->items[i];
        const uint64_t whole = mimo_parameter_whole(item->plan);

        if (trains_item(item, trains) && item->plan->gradient_is_partial != 0 &&
            item->plan->cut == MIMO_CUT_REPLICATED && whole > whole_max)
            whole_max = whole;
    }
    parameters->gather_scratch =
        mimo_tensor_take(&parameters->scratch, whole_max, 1, be->wide_size);
    if (trains)
        parameters->sums = mimo_tensor_take(&parameters->scratch, mimo_step_sums(parameters->plan),
                                            1, sizeof(double));
}

/* -- what is trained -------------------------------------------------------------------------- */

/* A rank's piece of what is trained of a bucket. */
struct piece {
    uint64_t begin, end;
    char *moment1, *moment2, *master;
};

/* Cuts it for the replicas; this rank's piece, with room for its moments. */
static struct piece cut(struct mimo_parameters *parameters, uint32_t module, bool is_expert,
                        struct mimo_trained *trained, uint32_t rank, struct mimo_arena *arena)
{
    const struct mimo_plan *plan = parameters->plan;
    const struct mimo_backend *be = parameters->be;
    const struct mimo_plan_groups *replicas =
        &plan->groups[(size_t)module * MIMO_GROUP_KIND_COUNT +
                      (is_expert ? MIMO_GROUP_KIND_EDP : MIMO_GROUP_KIND_DP_CP)];
    const uint64_t room = mimo_updated_elements(plan, module, trained->elements, is_expert);
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

/* Its gradient, and the part of the parameter that lies within the piece. */
static void assign(struct mimo_parameter *item, const struct mimo_trained *trained,
                   const struct piece *piece, const struct mimo_backend *be)
{
    const uint64_t first = (uint64_t)((char *)item->weight - trained->weights) / be->element_size;
    const uint64_t begin = mimo_clamp(piece->begin, first, first + item->elements);
    const uint64_t end = mimo_clamp(piece->end, first, first + item->elements);
    const size_t offset = (size_t)(begin - piece->begin) * be->wide_size;

    MIMO_ASSERT(first + item->elements <= trained->elements);
    item->trained = trained;
    item->gradient = trained->gradients + first * be->wide_size;
    if (begin == end)
        return;
    item->update_begin = begin - first;
    item->update_end = end - first;
    item->moment1 = piece->moment1 + offset;
    item->moment2 = piece->moment2 + offset;
    item->master = piece->master != NULL ? piece->master + offset : NULL;
}

static void lay_out_bucket(struct mimo_parameters *parameters, struct mimo_trained_bucket *bucket,
                           bool is_expert, uint32_t rank, struct mimo_arena *arena)
{
    struct mimo_trained *trained = &bucket->parts[is_expert];
    const struct piece piece =
        cut(parameters, bucket->plan.module, is_expert, trained, rank, arena);

    for (uint32_t i = 0; i < parameters->count; i++) {
        struct mimo_parameter *item = &parameters->items[i];
        if (item->index >= bucket->plan.first && item->index < bucket->plan.end &&
            mimo_parameter_is_expert(item) == is_expert && trains_item(item, true))
            assign(item, trained, &piece, parameters->be);
    }
}

/* Where the trained experts of a module, or what else of it is trained, begin in the weights. */
static char *first_trained(const struct mimo_parameters *parameters, uint32_t module,
                           bool is_expert)
{
    for (uint32_t i = 0; i < parameters->count; i++) {
        const struct mimo_parameter *item = &parameters->items[i];
        if (item->plan->module == module && mimo_parameter_is_expert(item) == is_expert &&
            trains_item(item, true))
            return item->weight;
    }
    return NULL;
}

/* These lie in a row; their buckets follow each other from its end to its begin. */
static void lay_out_trained(struct mimo_parameters *parameters, uint32_t module, bool is_expert,
                            uint32_t rank, struct mimo_arena *arena)
{
    const struct mimo_backend *be = parameters->be;
    char *const weights = first_trained(parameters, module, is_expert);
    uint64_t end = mimo_gradient_elements(parameters->plan, module, rank, is_expert);
    char *const gradients = mimo_tensor_take(&parameters->gradients, end, 1, be->wide_size);

    for (uint32_t i = 0; i < parameters->bucket_count && weights != NULL; i++) {
        struct mimo_trained_bucket *bucket = &parameters->buckets[i];
        struct mimo_trained *trained = &bucket->parts[is_expert];

        if (bucket->plan.module != module)
            continue;
        trained->elements = mimo_bucket_elements(parameters->plan, &bucket->plan, rank, is_expert);
        end -= trained->elements;
        trained->weights = weights + end * be->element_size;
        trained->gradients = gradients + end * be->wide_size;
        lay_out_bucket(parameters, bucket, is_expert, rank, arena);
    }
    MIMO_ASSERT(end == 0);
}

/* The buckets of all modules on this rank; without `buckets` they are counted. */
static uint32_t list_buckets(const struct mimo_plan *plan, uint32_t rank,
                             struct mimo_trained_bucket *buckets)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < plan->module_count; i++) {
        struct mimo_coordinate at;
        struct mimo_bucket bucket;

        if (!mimo_grid_coordinate(&plan->modules[i], rank, &at))
            continue;
        for (bool has = mimo_bucket_first(plan, i, at.pp, &bucket); has;
             has = mimo_bucket_next(plan, &bucket), count++)
            if (buckets != NULL)
                buckets[count].plan = bucket;
    }
    return count;
}

/* -- all of it -------------------------------------------------------------------------------- */

void mimo_parameters_lay_out(struct mimo_parameters *parameters, uint32_t rank, bool trains,
                             struct mimo_arena *arena)
{
    const struct mimo_plan *plan = parameters->plan;

    parameters->bucket_count = trains ? list_buckets(plan, rank, NULL) : 0;
    parameters->buckets =
        MIMO_NEW_ARRAY(arena, struct mimo_trained_bucket, parameters->bucket_count);
    if (trains)
        (void)list_buckets(plan, rank, parameters->buckets);
    for (uint32_t i = 0; i < 2 * plan->module_count; i++)
        lay_out_weights(parameters, i / 2, i % 2 == 1);
    for (uint32_t i = 0; trains && i < 2 * plan->module_count; i++)
        lay_out_trained(parameters, i / 2, i % 2 == 1, rank, arena);
    lay_out_scratch(parameters, trains);
    mimo_tensor_arena_finish(&parameters->weights);
    mimo_tensor_arena_finish(&parameters->gradients);
    mimo_tensor_arena_finish(&parameters->moments);
    mimo_tensor_arena_finish(&parameters->scratch);
}
