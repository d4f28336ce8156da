/*
 * copies PLAN: after three steps of training, weights of which several ranks have copies are equal
 * on all of them, bit for bit: on data and context replicas, on those of experts, on tensor ranks
 * that share them, and on both stages of a tied table. Run under mpirun.
 */
#include "plan/grid.h"
#include "tests/equivalence/fixture.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { STEPS = 3 };

/* FNV-1a, without the sign. */
static int64_t hash_of(const void *data, size_t bytes)
{
    const unsigned char *byte = data;
    uint64_t hash = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ byte[i]) * UINT64_C(1099511628211);
    return (int64_t)(hash >> 1);
}

/* The first tensor rank, of an expert the first of its own, that holds the same part. */
static uint32_t part_of(const struct fixture *fixture, const struct mimo_parameter *item)
{
    const struct mimo_plan_module *module = &fixture->engine.plan->modules[item->plan->module];
    const uint32_t shards = item->plan->expert != MIMO_NONE ? module->etp : module->tp;
    uint64_t begin, end;
    uint32_t r = 0;

    do
        mimo_shard_of(item->plan, r, shards, &begin, &end);
    while ((begin != item->begin || end != item->end) && ++r < shards);
    return r;
}

static uint32_t widest(const struct mimo_plan *plan)
{
    uint32_t shards = 1;

    for (uint32_t i = 0; i < plan->module_count; i++) {
        shards = plan->modules[i].tp > shards ? plan->modules[i].tp : shards;
        shards = plan->modules[i].etp > shards ? plan->modules[i].etp : shards;
    }
    return shards;
}

/* The least and the greatest hash of each part over all ranks that have it: -1 where none has. */
struct extremes {
    int64_t greatest, least_negated, copies;
};

static void enter(const struct fixture *fixture, struct extremes *extremes)
{
    const struct mimo_parameters *parameters = &fixture->engine.parameters;
    const struct mimo_plan *plan = fixture->engine.plan;

    for (uint32_t i = 0; i < parameters->count; i++) {
        const struct mimo_parameter *item = &parameters->items[i];
        const size_t origin = (size_t)(item->origin - plan->parameters);
        struct extremes *part = &extremes[origin * widest(plan) + part_of(fixture, item)];
        const int64_t hash = hash_of(item->weight, item->elements * fixture->backend.element_size);

        *part = (struct extremes){hash, -hash, 1};
    }
}

static int compare(struct fixture *fixture)
{
    const struct mimo_transport *transport = fixture->transport;
    const struct mimo_plan *plan = fixture->engine.plan;
    const size_t count = (size_t)plan->parameter_count * widest(plan);
    struct extremes *extremes = calloc(count, sizeof *extremes);
    int64_t *copies = calloc(count, sizeof *copies);
    uint64_t compared = 0, different = 0;

    for (size_t i = 0; i < count; i++)
        extremes[i] = (struct extremes){INT64_MIN, INT64_MIN, 0};
    enter(fixture, extremes);
    for (size_t i = 0; i < count; i++)
        copies[i] = extremes[i].copies;
    require(fixture, transport->ops->all_reduce(transport->everyone, extremes, 3 * count,
                                                MIMO_DTYPE_I64, MIMO_REDUCE_MAX, &fixture->err));
    require(fixture, transport->ops->all_reduce(transport->everyone, copies, count, MIMO_DTYPE_I64,
                                                MIMO_REDUCE_SUM, &fixture->err));
    for (size_t i = 0; i < count; i++) {
        compared += copies[i] > 1;
        if (copies[i] < 2 || extremes[i].greatest == -extremes[i].least_negated)
            continue;
        different++;
        if (fixture->engine.rank == 0)
            (void)printf("%s: its %" PRId64 " copies differ\n",
                         mimo_plan_text(plan, plan->parameters[i / widest(plan)].name), copies[i]);
    }
    if (fixture->engine.rank == 0)
        (void)printf("%" PRIu64 " parts with copies, %" PRIu64 " differ\n", compared, different);
    free(extremes);
    free(copies);
    return compared > 0 && different == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct fixture fixture;
    int result;

    fixture_open(&fixture, argc, argv, 1);
    fixture_open_engine(&fixture, fixture.transport, true);
    for (uint64_t step = 0; step < STEPS; step++)
        fixture_step(&fixture, step);
    result = compare(&fixture);
    fixture_close_engine(&fixture);
    fixture_close(&fixture);
    return result;
}
