#include "tests/unit/world/rig_nccl.h"

#include "runtime/world/nccl/transport_nccl.h"

#include <stdio.h>

const char *const rig_ways[] = {"NCCL", NULL};
const bool rig_rounds_each_sum = true;

static struct mimo_backend backend;
static struct mimo_transport *control;

struct mimo_backend *rig_backend(void)
{
    return &backend;
}

struct mimo_transport *rig_open(struct mimo_world *world, const char *way)
{
    struct mimo_transport *transport = NULL;
    struct mimo_error err = {.status = MIMO_OK};

    (void)way;
    if (mimo_transport_mpi_open(&control, world, 4096, &err) != MIMO_OK ||
        mimo_backend_cuda_open(&backend, MIMO_PRECISION_FP32,
                               (int)mimo_world_place(world).node_rank, &err) != MIMO_OK ||
        mimo_transport_nccl_open(&transport, control, mimo_cuda_of(&backend), &err) != MIMO_OK)
        (void)printf("\n  %s\n", err.message);
    return transport;
}

void rig_close(struct mimo_transport *transport)
{
    transport->ops->close(transport);
    backend.ops->close(&backend);
    control->ops->close(control);
}

void *rig_alloc(size_t bytes)
{
    return backend.ops->alloc(&backend, bytes);
}

void rig_free(void *memory)
{
    backend.ops->free(&backend, memory);
}

void rig_write(void *memory, const void *bytes, size_t size)
{
    backend.ops->upload(&backend, memory, bytes, size);
}

void rig_read(void *bytes, const void *memory, size_t size)
{
    backend.ops->download(&backend, bytes, memory, size);
}
