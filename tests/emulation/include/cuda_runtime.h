/*
 * cuda_runtime.h - the CUDA runtime; for C++ also the language of kernels and their launch.
 *
 * The stand-in for NVIDIA's header: kernels compiled by g++ or clang++ run on the emulated device.
 */
#ifndef MIMO_EMULATION_CUDA_RUNTIME_H
#define MIMO_EMULATION_CUDA_RUNTIME_H

#include "cuda_runtime_api.h"

#ifdef __cplusplus

#include "emulated_device_code.h"

#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>

namespace emulation
{
/* Checks the configuration and enqueues the kernel; `body` is what one of its threads does. */
cudaError_t launch(const cudaLaunchConfig_t *config, const void *kernel,
                   std::function<void()> body);
} // namespace emulation

/* Launches a kernel; the arguments are converted to its parameters and copied before it returns. */
template <typename... Parameters, typename... Arguments>
inline cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t *config,
                                      void (*kernel)(Parameters...), Arguments &&...arguments)
{
    const std::tuple<std::remove_cv_t<Parameters>...> copies(std::forward<Arguments>(arguments)...);
    return emulation::launch(config, reinterpret_cast<const void *>(kernel),
                             [kernel, copies] { std::apply(kernel, copies); });
}

template <typename Function>
inline cudaError_t cudaFuncSetAttribute(Function *function, cudaFuncAttribute attribute, int value)
{
    return cudaFuncSetAttribute(reinterpret_cast<const void *>(function), attribute, value);
}

template <typename T> inline cudaError_t cudaMalloc(T **memory, size_t size)
{
    return cudaMalloc(reinterpret_cast<void **>(memory), size);
}

template <typename T> inline cudaError_t cudaMallocHost(T **memory, size_t size)
{
    return cudaMallocHost(reinterpret_cast<void **>(memory), size);
}

#endif

#endif
