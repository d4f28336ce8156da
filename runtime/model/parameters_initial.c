/* Initial values, in global coordinates: the same in every layout. */
#include "runtime/bf16.h"
#include "runtime/model/parameters_parts.h"
#include "runtime/tensor/random.h"

#include <stdlib.h>

enum { FILL_CHUNK = 4096 };

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
    const uint64_t begin = mimo_clamp(item->update_begin, first, first + count);
    const uint64_t end = mimo_clamp(item->update_end, first, first + count);

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
