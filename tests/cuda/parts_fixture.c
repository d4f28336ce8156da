#include "tests/cuda/parts_fixture.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

void parts_open(struct parts *parts, size_t staging_bytes)
{
    struct mimo_cuda *const cuda = &parts->cuda;

    *parts = (struct parts){0};
    if (!mimo_cuda_device_open(cuda) || !mimo_cuda_staging_open(cuda, staging_bytes) ||
        !mimo_cuda_graphs_open(cuda)) {
        (void)printf("\n  opening the parts: %s\n", cuda->error.message);
        abort();
    }
    mimo_cuda_device_ops(&cuda->ops);
    mimo_cuda_staging_ops(&cuda->ops);
    mimo_cuda_graphs_ops(&cuda->ops);
    parts->be = (struct mimo_backend){.ops = &cuda->ops, .state = cuda};
}

void parts_close(struct parts *parts)
{
    parts->be.ops->synchronize(&parts->be);
    mimo_cuda_graphs_close(&parts->cuda);
    mimo_cuda_staging_close(&parts->cuda);
    mimo_cuda_device_close(&parts->cuda);
}

static void hold(void *gate)
{
    while (__atomic_load_n(&((struct gate *)gate)->is_open, __ATOMIC_ACQUIRE) == 0)
        (void)sched_yield();
}

static bool let_go(void *owner, struct mimo_error *err)
{
    struct gate *const gate = owner;

    (void)err;
    gate->waits += gate->is_open == 0;
    __atomic_store_n(&gate->is_open, 1, __ATOMIC_RELEASE);
    return true;
}

void gate_close(struct gate *gate, struct mimo_cuda *cuda)
{
    *gate = (struct gate){0, 0};
    cuda->watch = (struct mimo_cuda_watch){.owner = gate, .look = let_go};
    if (cudaLaunchHostFunc(cuda->compute, hold, gate) != cudaSuccess)
        abort();
}
