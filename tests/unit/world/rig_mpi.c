#include "tests/unit/world/transport_rig.h"

#include "runtime/world/transport_mpi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const rig_ways[] = {"shared memory", "MPI", NULL};
const bool rig_rounds_each_sum = false;

/* A small window, so that data of moderate size passes in many pieces. */
struct mimo_transport *rig_open(struct mimo_world *world, const char *way)
{
    struct mimo_transport *transport = NULL;
    struct mimo_error err = {.status = MIMO_OK};

    if (mimo_transport_mpi_open_with(&transport, world, 32768, way == rig_ways[0], &err) != MIMO_OK)
        (void)printf("\n  %s\n", err.message);
    return transport;
}

void rig_close(struct mimo_transport *transport)
{
    transport->ops->close(transport);
}

void *rig_alloc(size_t bytes)
{
    return malloc(bytes);
}

void rig_free(void *memory)
{
    free(memory);
}

void rig_write(void *memory, const void *bytes, size_t size)
{
    memcpy(memory, bytes, size);
}

void rig_read(void *bytes, const void *memory, size_t size)
{
    memcpy(bytes, memory, size);
}
