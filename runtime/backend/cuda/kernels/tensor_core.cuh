/*
 * tensor_core.cuh - the instructions of tensor cores and asynchronous copies (PTX ISA, compute
 * capability 8.0 and later), one function each. Every function but the copies is for whole warps.
 *
 * mma.sync m16n8k16 multiplies A [16, 16] by B [16, 8]. Lane l = 4 g + t of the warp holds
 *     A  a[0] = A[g, 2t..], a[1] = A[g + 8, 2t..], a[2] = A[g, 2t + 8..], a[3] = A[g + 8, 2t + 8..]
 *     B  b[0] = B[2t.., g], b[1] = B[2t + 8.., g]
 *     D  d[0], d[1] = D[g, 2t..], d[2], d[3] = D[g + 8, 2t..]
 * where x.. is a pair of neighbours, the first in the low half. ldmatrix fetches such registers:
 * lane l of an x4 gives the address of row l % 8 of matrix l / 8, 16 bytes in shared memory, and
 * lane 4 g + t receives the pair at 2t of row g of matrix i in r[i]; with trans, of column g.
 */
#ifndef MIMO_RUNTIME_BACKEND_CUDA_KERNELS_TENSOR_CORE_CUH
#define MIMO_RUNTIME_BACKEND_CUDA_KERNELS_TENSOR_CORE_CUH

#include <cuda_bf16.h>
#include <stdint.h>

#ifdef __CUDACC__

static __device__ __forceinline__ uint32_t shared_address(const void *shared)
{
    return (uint32_t)__cvta_generic_to_shared(shared);
}

/* d = a · b + c; d may be c. */
static __device__ __forceinline__ void mma_m16n8k16_bf16(float d[4], const uint32_t a[4],
                                                         const uint32_t b[2], const float c[4])
{
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%10, %11, %12, %13};"
        : "=f"(d[0]), "=f"(d[1]), "=f"(d[2]), "=f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]), "f"(c[0]), "f"(c[1]),
          "f"(c[2]), "f"(c[3]));
}

static __device__ __forceinline__ void ldmatrix_x4(uint32_t r[4], const void *row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared_address(row)));
}

static __device__ __forceinline__ void ldmatrix_x4_trans(uint32_t r[4], const void *row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared_address(row)));
}

/* Copies 16 bytes, or writes zeros where not valid and leaves `global` unread; both addresses are
 * 16-byte aligned. The bytes are there after the commit, the wait and, for other threads, a
 * barrier. */
static __device__ __forceinline__ void copy_async_16(void *shared, const void *global,
                                                     bool is_valid)
{
    asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;"
                 :
                 : "r"(shared_address(shared)), "l"(global), "r"(is_valid ? 16 : 0)
                 : "memory");
}

/* The thread's copies since the last commit become a group. */
static __device__ __forceinline__ void copy_async_commit()
{
    asm volatile("cp.async.commit_group;" ::: "memory");
}

/* Waits until at most N of the thread's groups, the newest, are under way. */
template <int N> static __device__ __forceinline__ void copy_async_wait()
{
    asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}

/* 2^x within two units in the last place; results under 2^-126 are 0. */
static __device__ __forceinline__ float exp2_fast(float x)
{
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

#else

#include "emulated_tensor_core.h"

static inline float exp2_fast(float x)
{
    return exp2f(x);
}

#endif

/* Two values as a register of A or B, the first in the low half. */
static __device__ __forceinline__ uint32_t pack_bf16(float low, float high)
{
    const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
    return (uint32_t)__bfloat16_as_ushort(pair.y) << 16 | __bfloat16_as_ushort(pair.x);
}

#endif
