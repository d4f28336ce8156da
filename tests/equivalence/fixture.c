#include "tests/equivalence/fixture.h"

#include "plan/file.h"

#include <stdlib.h>

enum { PLAN_BYTES_MAX = 1 << 30, TIMEOUT_MS = 60000, WINDOW_BYTES = 65536 };

void require(struct fixture *fixture, enum mimo_status status)
{
    if (status != MIMO_OK)
        mimo_world_abort(fixture->world, status, fixture->err.message);
}

void fixture_open(struct fixture *fixture, int argc, char **argv, int arguments)
{
    size_t size;

    *fixture = (struct fixture){0};
    if (argc != arguments + 1 ||
        mimo_world_open(&fixture->world, &argc, &argv, &fixture->err) != MIMO_OK)
        exit(2);
    fixture->rank = mimo_world_place(fixture->world).rank;
    require(fixture,
            mimo_file_read(argv[1], PLAN_BYTES_MAX, &fixture->bytes, &size, &fixture->err));
    require(fixture, mimo_plan_verify(fixture->bytes, size, &fixture->plan, &fixture->err));
    require(fixture, mimo_world_watch(fixture->world, TIMEOUT_MS, &fixture->err));
    require(fixture, mimo_transport_mpi_open(&fixture->transport, fixture->world, WINDOW_BYTES,
                                             &fixture->err));
    require(fixture, mimo_dataset_open(&fixture->data, &fixture->plan, "", NULL, &fixture->err));
}

void fixture_close(struct fixture *fixture)
{
    mimo_dataset_close(fixture->data);
    fixture->transport->ops->close(fixture->transport);
    mimo_world_close(fixture->world);
    free(fixture->bytes);
}

void fixture_open_engine(struct fixture *fixture, struct mimo_transport *transport, bool trains)
{
    const struct mimo_plan_training *training = fixture->plan.training;
    const struct mimo_machine machine = {fixture->world, &fixture->backend, transport, transport};

    require(fixture,
            mimo_backend_cpu_open(&fixture->backend, (enum mimo_precision)training->precision,
                                  &fixture->err));
    require(fixture, mimo_engine_open(&fixture->engine, &fixture->plan, &machine, fixture->data,
                                      trains, &fixture->err));
    require(fixture,
            mimo_parameters_initialise(&fixture->engine.parameters, training->seed, &fixture->err));
}

void fixture_close_engine(struct fixture *fixture)
{
    mimo_engine_close(&fixture->engine);
    mimo_backend_close(&fixture->backend);
}

void fixture_step(struct fixture *fixture, uint64_t step)
{
    struct mimo_engine *engine = &fixture->engine;

    for (uint32_t i = 0; i < fixture->plan.training->global_batch; i++)
        engine->batch.records[i] = mimo_dataset_at(fixture->data, step, i);
    require(fixture, mimo_engine_step(engine, step, &fixture->err));
}
