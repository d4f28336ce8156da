/* module.c - what libmimo_cuda.so exports: GPUs by CUDA, and NCCL between them. */
#include "runtime/backend/module.h"

#include "runtime/backend/cuda/cuda.h"
#include "runtime/world/nccl/transport_nccl.h"

#include <stdlib.h>

/* The driver is no part of the module: the runtime looks for it when it is first called. */
static uint32_t count_devices(struct mimo_error *err)
{
    const char *visible = getenv("CUDA_VISIBLE_DEVICES");
    int count = 0, driver = 0;
    const cudaError_t result = cudaGetDeviceCount(&count);

    if (result == cudaSuccess && count > 0)
        return (uint32_t)count;
    (void)cudaDriverGetVersion(&driver);
    if (driver == 0)
        (void)mimo_error_set(err, MIMO_E_WORLD, "no NVIDIA driver (libcuda.so.1) was found");
    else
        (void)mimo_error_set(err, MIMO_E_WORLD, "no GPU was found: %s%s%s",
                             cudaGetErrorString(result == cudaSuccess ? cudaErrorNoDevice : result),
                             visible != NULL ? "; CUDA_VISIBLE_DEVICES=" : "",
                             visible != NULL ? visible : "");
    return 0;
}

static enum mimo_status open_backend(struct mimo_backend *out_backend,
                                     enum mimo_precision precision, uint32_t device,
                                     struct mimo_error *err)
{
    return mimo_backend_cuda_open(out_backend, precision, (int)device, err);
}

static enum mimo_status open_transport(struct mimo_transport **out_transport,
                                       struct mimo_transport *control, struct mimo_backend *backend,
                                       struct mimo_error *err)
{
    return mimo_transport_nccl_open(out_transport, control, mimo_cuda_of(backend), err);
}

const struct mimo_module mimo_module = {
    .version = MIMO_VERSION,
    .count_devices = count_devices,
    .open_backend = open_backend,
    .open_transport = open_transport,
};
