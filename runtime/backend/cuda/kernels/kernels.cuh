/*
 * kernels.cuh - what the kernels share: the element type, launching, sums over a warp and a block.
 *
 * Every operation is a template over the element type T, float or __nv_bfloat16; what is computed
 * is computed in float. The function that crosses files, mimo_cuda_NAME, enters the instances for
 * one of them into the table of operations.
 */
#ifndef MIMO_RUNTIME_BACKEND_CUDA_KERNELS_KERNELS_CUH
#define MIMO_RUNTIME_BACKEND_CUDA_KERNELS_KERNELS_CUH

#include "runtime/backend/cuda/cuda.h"

#include <cuda_bf16.h>

/* Dynamic shared memory of a kernel, as an array of `type`. */
#ifdef __CUDACC__
#define DYNAMIC_SHARED(type, name)                                                                 \
    extern __shared__ __align__(128) unsigned char mimo_shared_bytes[];                            \
    type *const name = reinterpret_cast<type *>(mimo_shared_bytes)
#else
#define DYNAMIC_SHARED(type, name)                                                                 \
    type *const name = static_cast<type *>(MIMO_EMULATED_DYNAMIC_SHARED())
#endif

constexpr int WARP = 32;
constexpr unsigned ALL_LANES = 0xFFFFFFFFu;

typedef __nv_bfloat16 bf16;

__device__ __forceinline__ float widen(float x)
{
    return x;
}

__device__ __forceinline__ float widen(bf16 x)
{
    return __bfloat162float(x);
}

template <typename T> __device__ __forceinline__ T narrow(float x);

template <> __device__ __forceinline__ float narrow<float>(float x)
{
    return x;
}

template <> __device__ __forceinline__ bf16 narrow<bf16>(float x)
{
    return __float2bfloat16_rn(x);
}

/* The sum over a warp, on all its lanes: the same order of additions on each. */
__device__ __forceinline__ float warp_sum(float x)
{
    for (int distance = WARP / 2; distance > 0; distance /= 2)
        x += __shfl_xor_sync(ALL_LANES, x, distance);
    return x;
}

__device__ __forceinline__ float warp_max(float x)
{
    for (int distance = WARP / 2; distance > 0; distance /= 2)
        x = fmaxf(x, __shfl_xor_sync(ALL_LANES, x, distance));
    return x;
}

static inline int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* Issues a kernel on the compute stream. An empty grid is nothing to do. */
template <typename... P, typename... A>
void launch(struct mimo_backend *be, const char *operation, dim3 grid, dim3 block, size_t shared,
            void (*kernel)(P...), A... arguments)
{
    struct mimo_cuda *const cuda = mimo_cuda_of(be);
    cudaLaunchConfig_t config = {};

    if (grid.x == 0 || grid.y == 0 || grid.z == 0)
        return;
    config.gridDim = grid;
    config.blockDim = block;
    config.dynamicSmemBytes = shared;
    config.stream = cuda->compute;
    (void)mimo_cuda_check(cuda, cudaLaunchKernelEx(&config, kernel, static_cast<P>(arguments)...),
                          operation);
}

#endif
