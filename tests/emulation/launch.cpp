#include "block.h"
#include "cuda_runtime.h"
#include "queue.h"

#include <map>
#include <utility>

namespace emulation
{
namespace
{

/* How much dynamic shared memory a kernel has opted in to. */
std::map<const void *, size_t> &shared_memory_limits()
{
    static std::map<const void *, size_t> &instance = *new std::map<const void *, size_t>;
    return instance;
}

size_t shared_memory_limit(const void *kernel)
{
    const auto found = shared_memory_limits().find(kernel);
    return found != shared_memory_limits().end() ? found->second : shared_memory_without_opting;
}

bool is_block(dim3 threads)
{
    return threads.x >= 1 && threads.x <= 1024 && threads.y >= 1 && threads.y <= 1024 &&
           threads.z >= 1 && threads.z <= 64 && threads.x * threads.y * threads.z <= 1024;
}

bool is_grid(dim3 blocks)
{
    return blocks.x >= 1 && blocks.x <= 2147483647u && blocks.y >= 1 && blocks.y <= 65535 &&
           blocks.z >= 1 && blocks.z <= 65535;
}

cudaError_t check_launch(const cudaLaunchConfig_t &config, const void *kernel)
{
    if (kernel == nullptr)
        return cudaErrorInvalidDeviceFunction;
    if (!is_block(config.blockDim) || !is_grid(config.gridDim))
        return cudaErrorInvalidConfiguration;
    if (config.dynamicSmemBytes > shared_memory_limit(kernel))
        return cudaErrorInvalidValue;
    return config.numAttrs == 0 ? cudaSuccess : cudaErrorNotSupported;
}

cudaError_t launch_locked(const cudaLaunchConfig_t &config, const void *kernel,
                          std::function<void()> body)
{
    CUstream_st *stream = find_stream_locked(config.stream);
    const cudaError_t status = check_launch(config, kernel);
    if (stream == nullptr || stream->device != current_device())
        return cudaErrorInvalidResourceHandle;
    if (status != cudaSuccess)
        return status;
    const grid launched = {kernel, config.gridDim, config.blockDim, config.dynamicSmemBytes,
                           std::move(body)};
    return enqueue_locked(*stream, {"kernel", [launched] { grid_run(launched); }, nullptr});
}

cudaError_t set_attribute_locked(const void *kernel, cudaFuncAttribute attribute, int value)
{
    if (kernel == nullptr)
        return cudaErrorInvalidDeviceFunction;
    switch (attribute) {
    case cudaFuncAttributeMaxDynamicSharedMemorySize:
        if (value < 0 || static_cast<size_t>(value) > shared_memory_max)
            return cudaErrorInvalidValue;
        shared_memory_limits()[kernel] = static_cast<size_t>(value);
        return cudaSuccess;
    case cudaFuncAttributePreferredSharedMemoryCarveout: /* a hint, in per cent; -1 is the default
                                                          */
        return value >= -1 && value <= 100 ? cudaSuccess : cudaErrorInvalidValue;
    }
    return cudaErrorInvalidValue;
}

} // namespace

cudaError_t launch(const cudaLaunchConfig_t *config, const void *kernel, std::function<void()> body)
{
    const guard lock(runtime_lock());
    return report(launch_locked(*config, kernel, std::move(body)));
}

} // namespace emulation

cudaError_t cudaFuncSetAttribute(const void *function, enum cudaFuncAttribute attribute, int value)
{
    const emulation::guard lock(emulation::runtime_lock());
    return emulation::report(emulation::set_attribute_locked(function, attribute, value));
}
