/* device.c - one GPU: streams, events, memory, and how the host learns of failures. */
#include "runtime/backend/cuda/parts.h"

#include <sched.h>
#include <time.h>

/* NVIDIA recommends 32 MiB of workspace for cuBLASLt on Hopper. */
enum { WORKSPACE_BYTES = 32 << 20, CAPABILITY_MAJOR_MIN = 8 };

/* A wait begins with quick looks, and naps between them when they have found nothing. */
enum { QUICK_LOOKS = 200, NAP_NS = 20000 };

/* -- failures --------------------------------------------------------------------------------- */

bool mimo_cuda_check(struct mimo_cuda *cuda, cudaError_t result, const char *operation)
{
    if (result == cudaSuccess)
        return true;
    (void)mimo_error_set(&cuda->error, MIMO_E_FAILED,
                         "%s, or an operation before it, failed on CUDA device %d: %s", operation,
                         cuda->device, cudaGetErrorString(result));
    return false;
}

/* A query, unlike the runtime's last error, also notices what has failed on the device. */
static enum mimo_status check(struct mimo_backend *be, struct mimo_error *err)
{
    struct mimo_cuda *const cuda = mimo_cuda_of(be);
    const cudaError_t result = cudaStreamQuery(cuda->compute);

    if (result != cudaErrorNotReady)
        (void)mimo_cuda_check(cuda, result, "a check");
    if (cuda->error.status == MIMO_OK)
        return MIMO_OK;
    return mimo_error_set(err, cuda->error.status, "%s", cuda->error.message);
}

/* -- waiting ---------------------------------------------------------------------------------- */

static void rest(unsigned looks)
{
    const struct timespec nap = {.tv_nsec = NAP_NS};

    if (looks < QUICK_LOOKS)
        (void)sched_yield();
    else
        (void)nanosleep(&nap, NULL);
}

static bool may_still_come(struct mimo_cuda *cuda)
{
    const struct mimo_cuda_watch *const watch = &cuda->watch;

    return watch->look == NULL || watch->look(watch->owner, &cuda->error);
}

bool mimo_cuda_await_event(struct mimo_cuda *cuda, cudaEvent_t event, const char *operation)
{
    const struct mimo_cuda_watch *const watch = &cuda->watch;
    cudaError_t result;

    for (unsigned looks = 0; (result = cudaEventQuery(event)) == cudaErrorNotReady; looks++) {
        if (!may_still_come(cuda))
            break;
        rest(looks);
    }
    if (watch->done != NULL)
        watch->done(watch->owner);
    return result != cudaErrorNotReady && mimo_cuda_check(cuda, result, operation);
}

bool mimo_cuda_await(struct mimo_cuda *cuda, cudaStream_t stream, const char *operation)
{
    return mimo_cuda_check(cuda, cudaEventRecord(cuda->awaited, stream), operation) &&
           mimo_cuda_await_event(cuda, cuda->awaited, operation);
}

static void synchronize(struct mimo_backend *be)
{
    struct mimo_cuda *const cuda = mimo_cuda_of(be);

    if (mimo_cuda_await(cuda, cuda->compute, "synchronize"))
        (void)mimo_cuda_await(cuda, cuda->communication, "synchronize");
}

/* -- memory ----------------------------------------------------------------------------------- */

static void tell_room(struct mimo_cuda *cuda, size_t bytes)
{
    size_t available, total;

    if (mimo_cuda_check(cuda, cudaMemGetInfo(&available, &total), "cudaMemGetInfo"))
        (void)mimo_error_set(&cuda->error, MIMO_E_FAILED,
                             "CUDA device %d has %zu of its %zu bytes free, %zu were asked for",
                             cuda->device, available, total, bytes);
}

static void *memory_alloc(struct mimo_backend *be, size_t bytes)
{
    struct mimo_cuda *const cuda = mimo_cuda_of(be);
    const size_t size = bytes > 0 ? bytes : 1;
    void *memory = NULL;
    const cudaError_t result = cudaMalloc(&memory, size);

    if (result == cudaErrorMemoryAllocation)
        tell_room(cuda, bytes);
    if (!mimo_cuda_check(cuda, result, "alloc") ||
        !mimo_cuda_check(cuda, cudaMemsetAsync(memory, 0, size, cuda->compute), "alloc"))
        return NULL;
    be->allocated += bytes;
    return memory;
}

/* What was captured may refer to the memory, and a later allocation may get the same addresses. */
static void memory_free(struct mimo_backend *be, void *memory)
{
    struct mimo_cuda *const cuda = mimo_cuda_of(be);

    (void)mimo_cuda_check(cuda, cudaFree(memory), "free");
    mimo_cuda_forget_sequences(cuda);
}

void mimo_cuda_device_ops(struct mimo_backend_ops *ops)
{
    ops->check = check;
    ops->synchronize = synchronize;
    ops->alloc = memory_alloc;
    ops->free = memory_free;
}

/* -- opening ---------------------------------------------------------------------------------- */

/* Whether there is such a device. */
static bool find_device(struct mimo_cuda *cuda)
{
    int count = 0;
    const cudaError_t result = cudaGetDeviceCount(&count);

    if (result != cudaSuccess)
        (void)mimo_error_set(&cuda->error, MIMO_E_WORLD, "no CUDA device can be used: %s",
                             cudaGetErrorString(result));
    else if (cuda->device < 0 || cuda->device >= count)
        (void)mimo_error_set(&cuda->error, MIMO_E_WORLD,
                             "there is no CUDA device %d: the visible ones are 0 to %d",
                             cuda->device, count - 1);
    else
        return mimo_cuda_check(cuda, cudaSetDevice(cuda->device), "cudaSetDevice");
    return false;
}

static bool attribute(struct mimo_cuda *cuda, enum cudaDeviceAttr which, int *out_value)
{
    return mimo_cuda_check(cuda, cudaDeviceGetAttribute(out_value, which, cuda->device),
                           "cudaDeviceGetAttribute");
}

static bool suits(struct mimo_cuda *cuda)
{
    int major, minor;

    if (!attribute(cuda, cudaDevAttrComputeCapabilityMajor, &major) ||
        !attribute(cuda, cudaDevAttrComputeCapabilityMinor, &minor) ||
        !attribute(cuda, cudaDevAttrMultiProcessorCount, &cuda->multiprocessors))
        return false;
    if (major >= CAPABILITY_MAJOR_MIN)
        return true;
    (void)mimo_error_set(&cuda->error, MIMO_E_WORLD,
                         "CUDA device %d has compute capability %d.%d, and %d.0 is needed",
                         cuda->device, major, minor, CAPABILITY_MAJOR_MIN);
    return false;
}

/* Communication goes first where both streams have blocks to start: others wait for it. */
static bool make_streams(struct mimo_cuda *cuda)
{
    int least, greatest;

    return mimo_cuda_check(cuda, cudaDeviceGetStreamPriorityRange(&least, &greatest),
                           "cudaDeviceGetStreamPriorityRange") &&
           mimo_cuda_check(
               cuda, cudaStreamCreateWithPriority(&cuda->compute, cudaStreamNonBlocking, least),
               "cudaStreamCreate") &&
           mimo_cuda_check(
               cuda,
               cudaStreamCreateWithPriority(&cuda->communication, cudaStreamNonBlocking, greatest),
               "cudaStreamCreate");
}

static bool make_events(struct mimo_cuda *cuda)
{
    cudaEvent_t *const events[] = {&cuda->computed, &cuda->communicated, &cuda->awaited};

    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        if (!mimo_cuda_check(cuda, cudaEventCreateWithFlags(events[i], cudaEventDisableTiming),
                             "cudaEventCreate"))
            return false;
    return true;
}

bool mimo_cuda_device_open(struct mimo_cuda *cuda)
{
    cuda->workspace_bytes = WORKSPACE_BYTES;
    return find_device(cuda) && suits(cuda) && make_streams(cuda) && make_events(cuda) &&
           mimo_cuda_check(cuda, cudaMalloc(&cuda->workspace, cuda->workspace_bytes),
                           "taking the workspace");
}

void mimo_cuda_device_close(struct mimo_cuda *cuda)
{
    const cudaEvent_t events[] = {cuda->computed, cuda->communicated, cuda->awaited};
    const cudaStream_t streams[] = {cuda->compute, cuda->communication};

    (void)cudaFree(cuda->workspace);
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        if (events[i] != NULL)
            (void)cudaEventDestroy(events[i]);
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++)
        if (streams[i] != NULL)
            (void)cudaStreamDestroy(streams[i]);
}
