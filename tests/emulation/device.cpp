#include "device.h"

#include "scheduler.h"

#include <stdio.h>
#include <stdlib.h>

namespace emulation
{
namespace
{

thread_local cudaError_t last_error = cudaSuccess;
thread_local int chosen_device = 0;

size_t number_from_environment(const char *name, size_t otherwise)
{
    const char *text = getenv(name);
    return text != nullptr ? strtoull(text, nullptr, 10) : otherwise;
}

bool is_device(int device)
{
    return device >= 0 && device < device_count();
}

cudaDeviceProp properties_of(int device)
{
    cudaDeviceProp all{};
    (void)snprintf(all.name, sizeof all.name, "Emulated CUDA device");
    all.totalGlobalMem = device_memory_size();
    all.sharedMemPerBlock = shared_memory_without_opting;
    all.sharedMemPerBlockOptin = shared_memory_max;
    all.sharedMemPerMultiprocessor = 228 * 1024;
    all.regsPerBlock = 65536;
    all.warpSize = 32;
    all.maxThreadsPerBlock = 1024;
    all.maxThreadsDim[0] = all.maxThreadsDim[1] = 1024;
    all.maxThreadsDim[2] = 64;
    all.maxGridSize[0] = 2147483647;
    all.maxGridSize[1] = all.maxGridSize[2] = 65535;
    all.major = 9;
    all.multiProcessorCount = 4;
    all.maxThreadsPerMultiProcessor = 2048;
    all.l2CacheSize = 1 << 20;
    all.memoryBusWidth = 64;
    all.pciBusID = device + 1;
    return all;
}

cudaError_t attribute_of(const cudaDeviceProp &all, cudaDeviceAttr attribute, int *value)
{
    switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock:
        *value = all.maxThreadsPerBlock;
        return cudaSuccess;
    case cudaDevAttrWarpSize:
        *value = all.warpSize;
        return cudaSuccess;
    case cudaDevAttrMultiProcessorCount:
        *value = all.multiProcessorCount;
        return cudaSuccess;
    case cudaDevAttrComputeCapabilityMajor:
        *value = all.major;
        return cudaSuccess;
    case cudaDevAttrComputeCapabilityMinor:
        *value = all.minor;
        return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
        *value = static_cast<int>(all.sharedMemPerBlockOptin);
        return cudaSuccess;
    }
    return cudaErrorInvalidValue;
}

} // namespace

std::mutex &runtime_lock()
{
    static std::mutex &instance = *new std::mutex;
    return instance;
}

cudaError_t report(cudaError_t status)
{
    if (is_lost_locked())
        status = cudaErrorLaunchFailure;
    if (status != cudaSuccess)
        last_error = status;
    return status;
}

int device_count()
{
    static const size_t count = number_from_environment("MIMO_EMULATED_DEVICES", 8);
    return static_cast<int>(count);
}

size_t device_memory_size()
{
    static const size_t size =
        number_from_environment("MIMO_EMULATED_DEVICE_MEMORY", static_cast<size_t>(16) << 30);
    return size;
}

int current_device()
{
    return chosen_device;
}

} // namespace emulation

using namespace emulation;

/* ---- errors and versions ---- */

cudaError_t cudaGetLastError(void)
{
    const guard lock(runtime_lock());
    const cudaError_t last = report(last_error);
    last_error = cudaSuccess;
    return last;
}

cudaError_t cudaPeekAtLastError(void)
{
    const guard lock(runtime_lock());
    return report(last_error);
}

#define NAME_OF(name, value, text)                                                                 \
    case cudaError##name:                                                                          \
        return "cudaError" #name;
const char *cudaGetErrorName(cudaError_t error)
{
    switch (error) {
    case cudaSuccess:
        return "cudaSuccess";
        MIMO_EMULATED_CUDA_ERRORS(NAME_OF)
    }
    return "unrecognized error code";
}

#define TEXT_OF(name, value, text)                                                                 \
    case cudaError##name:                                                                          \
        return text;
const char *cudaGetErrorString(cudaError_t error)
{
    switch (error) {
    case cudaSuccess:
        return "no error";
        MIMO_EMULATED_CUDA_ERRORS(TEXT_OF)
    }
    return "unrecognized error code";
}

cudaError_t cudaDriverGetVersion(int *version)
{
    *version = CUDART_VERSION;
    return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int *version)
{
    *version = CUDART_VERSION;
    return cudaSuccess;
}

/* ---- devices ---- */

cudaError_t cudaGetDeviceCount(int *count)
{
    const guard lock(runtime_lock());
    *count = device_count();
    return report(*count > 0 ? cudaSuccess : cudaErrorNoDevice);
}

cudaError_t cudaSetDevice(int device)
{
    const guard lock(runtime_lock());
    if (!is_device(device))
        return report(cudaErrorInvalidDevice);
    chosen_device = device;
    return report(cudaSuccess);
}

cudaError_t cudaGetDevice(int *device)
{
    const guard lock(runtime_lock());
    *device = chosen_device;
    return report(cudaSuccess);
}

cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *properties, int device)
{
    const guard lock(runtime_lock());
    if (!is_device(device))
        return report(cudaErrorInvalidDevice);
    *properties = properties_of(device);
    return report(cudaSuccess);
}

cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr attribute, int device)
{
    const guard lock(runtime_lock());
    if (!is_device(device))
        return report(cudaErrorInvalidDevice);
    return report(attribute_of(properties_of(device), attribute, value));
}

cudaError_t cudaDeviceGetPCIBusId(char *text, int length, int device)
{
    const guard lock(runtime_lock());
    if (!is_device(device))
        return report(cudaErrorInvalidDevice);
    const size_t size = length > 0 ? static_cast<size_t>(length) : 0;
    const int written = snprintf(text, size, "0000:%02X:00.0", properties_of(device).pciBusID);
    return report(written < length ? cudaSuccess : cudaErrorInvalidValue);
}

cudaError_t cudaDeviceGetStreamPriorityRange(int *least, int *greatest)
{
    *least = 0;
    *greatest = -5;
    return cudaSuccess;
}
