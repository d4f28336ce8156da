/*
 * emulated_device_code.h - the language of kernels for g++ and clang++: qualifiers, built-in
 * variables, barriers, warp functions, atomics and arithmetic, as the CUDA C++ Programming Guide
 * defines them.
 *
 * The threads of a block are fibers of one thread of the operating system, and blocks run one at a
 * time, so a shared variable is a static one and an atomic operation is an ordinary one. Where CUDA
 * leaves the behaviour undefined (threads that miss a barrier, lanes that miss a shuffle) the
 * program ends with a message. Atomics on floating-point numbers are left out on purpose: their
 * order is not deterministic.
 */
#ifndef MIMO_EMULATION_DEVICE_CODE_H
#define MIMO_EMULATION_DEVICE_CODE_H

#include "vector_types.h"

#include <algorithm>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <type_traits>

/* ---- qualifiers ---- */

#define __global__
#define __device__
#define __host__
#define __shared__      static
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(bytes)               __attribute__((aligned(bytes)))

/* The block's dynamic shared memory, as void *. */
#define MIMO_EMULATED_DYNAMIC_SHARED() (::emulation::dynamic_shared_memory())

/* ---- built-in variables ---- */

extern const uint3 &threadIdx, &blockIdx;
extern const dim3 &blockDim, &gridDim;
constexpr int warpSize = 32;

/* ---- what the device does for them ---- */

namespace emulation
{

enum class barrier_kind { plain, count, all, any };
enum class vote_kind { ballot, all, any };
enum class shuffle_kind { index, up, down, exclusive_or };

void *dynamic_shared_memory();
int block_barrier(barrier_kind kind, bool predicate);
void warp_barrier(unsigned mask);
unsigned warp_vote(vote_kind kind, unsigned mask, bool predicate);
uint64_t warp_shuffle(shuffle_kind kind, unsigned mask, uint64_t value, unsigned operand,
                      int width);
unsigned warp_active_mask();

template <typename To, typename From> inline To bits_as(From from)
{
    To to{};
    static_assert(std::is_trivially_copyable<To>::value && std::is_trivially_copyable<From>::value,
                  "numbers only");
    memcpy(&to, &from, sizeof to < sizeof from ? sizeof to : sizeof from);
    return to;
}

template <typename T>
inline T shuffle(shuffle_kind kind, unsigned mask, T value, unsigned operand, int width)
{
    static_assert(std::is_arithmetic<T>::value && sizeof(T) >= 4, "as CUDA's: 32 and 64 bits");
    return bits_as<T>(warp_shuffle(kind, mask, bits_as<uint64_t>(value), operand, width));
}

} // namespace emulation

/* ---- barriers and fences ---- */

inline void __syncthreads()
{
    (void)emulation::block_barrier(emulation::barrier_kind::plain, false);
}

inline int __syncthreads_count(int predicate)
{
    return emulation::block_barrier(emulation::barrier_kind::count, predicate != 0);
}

inline int __syncthreads_and(int predicate)
{
    return emulation::block_barrier(emulation::barrier_kind::all, predicate != 0);
}

inline int __syncthreads_or(int predicate)
{
    return emulation::block_barrier(emulation::barrier_kind::any, predicate != 0);
}

inline void __syncwarp(unsigned mask = 0xffffffffu)
{
    emulation::warp_barrier(mask);
}

inline void __threadfence()
{
}

inline void __threadfence_block()
{
}

/* ---- warp functions ---- */

template <typename T>
inline T __shfl_sync(unsigned mask, T value, int source_lane, int width = warpSize)
{
    return emulation::shuffle(emulation::shuffle_kind::index, mask, value,
                              static_cast<unsigned>(source_lane), width);
}

template <typename T>
inline T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = warpSize)
{
    return emulation::shuffle(emulation::shuffle_kind::up, mask, value, delta, width);
}

template <typename T>
inline T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = warpSize)
{
    return emulation::shuffle(emulation::shuffle_kind::down, mask, value, delta, width);
}

template <typename T>
inline T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = warpSize)
{
    return emulation::shuffle(emulation::shuffle_kind::exclusive_or, mask, value,
                              static_cast<unsigned>(lane_mask), width);
}

inline unsigned __ballot_sync(unsigned mask, int predicate)
{
    return emulation::warp_vote(emulation::vote_kind::ballot, mask, predicate != 0);
}

inline int __all_sync(unsigned mask, int predicate)
{
    return static_cast<int>(emulation::warp_vote(emulation::vote_kind::all, mask, predicate != 0));
}

inline int __any_sync(unsigned mask, int predicate)
{
    return static_cast<int>(emulation::warp_vote(emulation::vote_kind::any, mask, predicate != 0));
}

inline unsigned __activemask()
{
    return emulation::warp_active_mask();
}

/* ---- memory ---- */

template <typename T> inline T __ldg(const T *address)
{
    return *address;
}

#define MIMO_EMULATED_ATOMICS(type)                                                                \
    inline type atomicAdd(type *address, type value)                                               \
    {                                                                                              \
        const type old = *address;                                                                 \
        (void)__builtin_add_overflow(old, value, address);                                         \
        return old;                                                                                \
    }                                                                                              \
    inline type atomicMax(type *address, type value)                                               \
    {                                                                                              \
        const type old = *address;                                                                 \
        *address = old < value ? value : old;                                                      \
        return old;                                                                                \
    }
MIMO_EMULATED_ATOMICS(int)
MIMO_EMULATED_ATOMICS(unsigned)
MIMO_EMULATED_ATOMICS(unsigned long long)
#undef MIMO_EMULATED_ATOMICS

/* ---- arithmetic ---- */

#define MIMO_EMULATED_EXTREMES(type)                                                               \
    inline type min(type a, type b)                                                                \
    {                                                                                              \
        return b < a ? b : a;                                                                      \
    }                                                                                              \
    inline type max(type a, type b)                                                                \
    {                                                                                              \
        return a < b ? b : a;                                                                      \
    }
MIMO_EMULATED_EXTREMES(int)
MIMO_EMULATED_EXTREMES(unsigned)
MIMO_EMULATED_EXTREMES(long)
MIMO_EMULATED_EXTREMES(unsigned long)
MIMO_EMULATED_EXTREMES(long long)
MIMO_EMULATED_EXTREMES(unsigned long long)
#undef MIMO_EMULATED_EXTREMES

/* Of a number and a NaN, the number. */
inline float min(float a, float b)
{
    return fminf(a, b);
}

inline float max(float a, float b)
{
    return fmaxf(a, b);
}

inline double min(double a, double b)
{
    return fmin(a, b);
}

inline double max(double a, double b)
{
    return fmax(a, b);
}

inline float rsqrtf(float x)
{
    return 1.0f / sqrtf(x);
}

inline double rsqrt(double x)
{
    return 1.0 / sqrt(x);
}

/* The C library declares functions of these names for itself; the device's are as exact or less. */
#define __expf(x)  expf(x)
#define __logf(x)  logf(x)
#define __log2f(x) log2f(x)
#define __sinf(x)  sinf(x)
#define __cosf(x)  cosf(x)

inline float __fdividef(float x, float y)
{
    return x / y;
}

inline float __frcp_rn(float x)
{
    return 1.0f / x;
}

/* Saturates and turns NaN to 0, as the device does. */
inline int __float2int_rn(float x)
{
    const float rounded = rintf(x);
    if (isnan(rounded))
        return 0;
    if (rounded >= 2147483648.0f)
        return INT32_MAX;
    return rounded < -2147483648.0f ? INT32_MIN : static_cast<int>(rounded);
}

inline unsigned __float_as_uint(float x)
{
    return emulation::bits_as<unsigned>(x);
}

inline float __uint_as_float(unsigned x)
{
    return emulation::bits_as<float>(x);
}

inline int __float_as_int(float x)
{
    return emulation::bits_as<int>(x);
}

inline float __int_as_float(int x)
{
    return emulation::bits_as<float>(x);
}

inline int __popc(unsigned x)
{
    return __builtin_popcount(x);
}

inline int __popcll(unsigned long long x)
{
    return __builtin_popcountll(x);
}

inline int __clz(int x)
{
    return x == 0 ? 32 : __builtin_clz(static_cast<unsigned>(x));
}

inline int __clzll(long long x)
{
    return x == 0 ? 64 : __builtin_clzll(static_cast<unsigned long long>(x));
}

inline int __ffs(int x)
{
    return __builtin_ffs(x);
}

inline unsigned __umulhi(unsigned x, unsigned y)
{
    return static_cast<unsigned>((static_cast<uint64_t>(x) * y) >> 32);
}

/* ---- small vectors ---- */

#define MIMO_EMULATED_VECTOR_2(type, scalar)                                                       \
    inline type make_##type(scalar x, scalar y)                                                    \
    {                                                                                              \
        return type{x, y};                                                                         \
    }
#define MIMO_EMULATED_VECTOR_4(type, scalar)                                                       \
    inline type make_##type(scalar x, scalar y, scalar z, scalar w)                                \
    {                                                                                              \
        return type{x, y, z, w};                                                                   \
    }
MIMO_EMULATED_VECTOR_2(int2, int)
MIMO_EMULATED_VECTOR_2(uint2, unsigned)
MIMO_EMULATED_VECTOR_2(float2, float)
MIMO_EMULATED_VECTOR_2(double2, double)
MIMO_EMULATED_VECTOR_4(int4, int)
MIMO_EMULATED_VECTOR_4(uint4, unsigned)
MIMO_EMULATED_VECTOR_4(float4, float)
#undef MIMO_EMULATED_VECTOR_2
#undef MIMO_EMULATED_VECTOR_4

#endif
