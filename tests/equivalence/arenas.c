/*
 * arenas PLAN COST: what each rank's arenas hold against what the plan predicts. Run under mpirun;
 * COST.0, COST.1, ... are what `mimoc show --cost --format json --rank R` says of PLAN. Every kind
 * of arena must agree to the byte, in the tensors taken from it as well as in its size, and the
 * backend must have given out as much as they hold together.
 */
#include "plan/memory.h"
#include "tests/equivalence/fixture.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static int failed;

static void compare(const struct fixture *fixture, const char *what, uint64_t held,
                    uint64_t predicted)
{
    if (held == predicted)
        return;
    (void)printf("rank %" PRIu32 ", %s: %" PRIu64 " bytes held, %" PRIu64 " predicted\n",
                 fixture->rank, what, held, predicted);
    failed = 1;
}

/* Of the arena: what its tensors take up, alignment included. */
static uint64_t taken(const struct mimo_tensor_arena *arena)
{
    return mimo_tally_bytes(&arena->taken);
}

/* The rank's entry of the part `state`. */
static json_t *read_cost(struct fixture *fixture, const char *prefix)
{
    char path[4096];
    json_t *root, *entry;

    (void)snprintf(path, sizeof path, "%s.%" PRIu32, prefix, fixture->rank);
    root = json_load_file(path, 0, NULL);
    entry = json_array_get(json_object_get(root, "state"), 0);
    if (entry == NULL)
        mimo_world_abort(fixture->world, MIMO_E_USAGE, "no cost of this rank");
    json_incref(entry);
    json_decref(root);
    return entry;
}

static void compare_key(struct fixture *fixture, const json_t *cost, const char *key, uint64_t held)
{
    compare(fixture, key, held, (uint64_t)json_integer_value(json_object_get(cost, key)));
}

static void check_training(struct fixture *fixture, const json_t *cost)
{
    const struct mimo_engine *engine = &fixture->engine;
    const struct mimo_parameters *parameters = &engine->parameters;
    uint64_t used = 0;
    const struct {
        const char *key;
        const struct mimo_tensor_arena *arena;
    } arenas[] = {
        {"parameter_bytes", &parameters->weights},  {"gradient_bytes", &parameters->gradients},
        {"optimizer_bytes", &parameters->moments},  {"reduction_bytes", &parameters->scratch},
        {"activation_bytes", &engine->activations}, {"scratch_bytes", &engine->scratch},
        {"buffer_bytes", &engine->buffers},
    };

    for (size_t i = 0; i < sizeof arenas / sizeof *arenas; i++) {
        compare_key(fixture, cost, arenas[i].key, taken(arenas[i].arena));
        compare(fixture, "the arena's size", arenas[i].arena->capacity, taken(arenas[i].arena));
        used += taken(arenas[i].arena);
    }
    compare_key(fixture, cost, "total_bytes", used);
    compare(fixture, "the backend", fixture->backend.allocated, used);
}

static void check_inference(struct fixture *fixture)
{
    struct mimo_engine *engine = &fixture->engine;
    const struct mimo_plan_memory memory =
        mimo_memory_of_rank(engine->plan, fixture->rank, false, &engine->table);

    compare(fixture, "the backend, without training", fixture->backend.allocated,
            mimo_memory_total(&memory));
}

int main(int argc, char **argv)
{
    struct fixture fixture;
    json_t *cost;

    fixture_open(&fixture, argc, argv, 2);
    cost = read_cost(&fixture, argv[2]);
    fixture_open_engine(&fixture, fixture.transport, true);
    check_training(&fixture, cost);
    fixture_close_engine(&fixture);
    fixture_open_engine(&fixture, fixture.transport, false);
    check_inference(&fixture);
    fixture_close_engine(&fixture);
    json_decref(cost);
    fixture_close(&fixture);
    return failed;
}
