/*
 * arenas PLAN COST: what each rank's arenas hold against what the plan predicts. Run under mpirun;
 * COST.0, COST.1, ... are what `mimoc show --cost --format json --rank R` says of PLAN. Every kind
 * of arena must agree to the byte, in the tensors taken from it as well as in its size, and the
 * backend must have given out as much as they hold together.
 */
#include "plan/file.h"
#include "plan/memory.h"
#include "runtime/train/engine.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

struct fixture {
    struct mimo_world *world;
    struct mimo_backend backend;
    struct mimo_transport *transport;
    struct mimo_dataset *data;
    struct mimo_engine engine;
    struct mimo_error err;
    uint32_t rank;
    int failed;
};

static void require(struct fixture *fixture, enum mimo_status status)
{
    if (status != MIMO_OK)
        mimo_world_abort(fixture->world, status, fixture->err.message);
}

static void compare(struct fixture *fixture, const char *what, uint64_t held, uint64_t predicted)
{
    if (held == predicted)
        return;
    (void)printf("rank %" PRIu32 ", %s: %" PRIu64 " bytes held, %" PRIu64 " predicted\n",
                 fixture->rank, what, held, predicted);
    fixture->failed = 1;
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

static void open_engine(struct fixture *fixture, const struct mimo_plan *plan, bool trains)
{
    require(fixture,
            mimo_backend_cpu_open(&fixture->backend, (enum mimo_precision)plan->training->precision,
                                  &fixture->err));
    require(fixture,
            mimo_engine_open(&fixture->engine, plan,
                             &(struct mimo_machine){fixture->world, &fixture->backend,
                                                    fixture->transport, fixture->transport},
                             fixture->data, trains, &fixture->err));
}

static void close_engine(struct fixture *fixture)
{
    mimo_engine_close(&fixture->engine);
    mimo_backend_close(&fixture->backend);
}

int main(int argc, char **argv)
{
    struct fixture fixture = {0};
    struct mimo_plan plan;
    char *bytes;
    size_t size;
    json_t *cost;

    if (argc != 3 || mimo_world_open(&fixture.world, &argc, &argv, &fixture.err) != MIMO_OK)
        return 2;
    fixture.rank = mimo_world_place(fixture.world).rank;
    require(&fixture, mimo_file_read(argv[1], (size_t)1 << 30, &bytes, &size, &fixture.err));
    require(&fixture, mimo_plan_verify(bytes, size, &plan, &fixture.err));
    require(&fixture, mimo_world_watch(fixture.world, 60000, &fixture.err));
    require(&fixture,
            mimo_transport_mpi_open(&fixture.transport, fixture.world, 65536, &fixture.err));
    require(&fixture, mimo_dataset_open(&fixture.data, &plan, "", NULL, &fixture.err));
    cost = read_cost(&fixture, argv[2]);
    open_engine(&fixture, &plan, true);
    check_training(&fixture, cost);
    close_engine(&fixture);
    open_engine(&fixture, &plan, false);
    check_inference(&fixture);
    close_engine(&fixture);
    json_decref(cost);
    mimo_dataset_close(fixture.data);
    fixture.transport->ops->close(fixture.transport);
    mimo_world_close(fixture.world);
    free(bytes);
    return fixture.failed;
}
