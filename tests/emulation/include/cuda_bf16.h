/*
 * cuda_bf16.h - bfloat16, the upper half of a float32; the stand-in for NVIDIA's header.
 *
 * Only the functions that mimo's kernels use, for C++. Rounding is to nearest, ties to even; every
 * NaN becomes the canonical one, 0x7fff, as on the device. In C the type alone exists.
 */
#ifndef MIMO_EMULATION_CUDA_BF16_H
#define MIMO_EMULATION_CUDA_BF16_H

#include "vector_types.h"

#include <stdint.h>

#ifdef __cplusplus
#include "emulated_device_code.h"
#endif

typedef struct __nv_bfloat16 {
    MIMO_EMULATED_ALIGN(2) unsigned short bits;
} __nv_bfloat16;

typedef struct __nv_bfloat162 {
    MIMO_EMULATED_ALIGN(4) __nv_bfloat16 x;
    __nv_bfloat16 y;
} __nv_bfloat162;

#ifdef __cplusplus

inline __nv_bfloat16 __ushort_as_bfloat16(unsigned short bits)
{
    return __nv_bfloat16{bits};
}

inline unsigned short __bfloat16_as_ushort(__nv_bfloat16 value)
{
    return value.bits;
}

inline float __bfloat162float(__nv_bfloat16 value)
{
    return emulation::bits_as<float>(static_cast<uint32_t>(value.bits) << 16);
}

/* Adding 0x7fff, and one more where the kept part is odd, carries into it where it must go up. */
inline __nv_bfloat16 __float2bfloat16_rn(float value)
{
    const uint32_t bits = emulation::bits_as<uint32_t>(value);
    if (isnan(value))
        return __nv_bfloat16{0x7fff};
    return __nv_bfloat16{static_cast<unsigned short>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16)};
}

inline __nv_bfloat16 __float2bfloat16(float value)
{
    return __float2bfloat16_rn(value);
}

inline __nv_bfloat162 __halves2bfloat162(__nv_bfloat16 low, __nv_bfloat16 high)
{
    return __nv_bfloat162{low, high};
}

inline __nv_bfloat162 __floats2bfloat162_rn(float low, float high)
{
    return __nv_bfloat162{__float2bfloat16_rn(low), __float2bfloat16_rn(high)};
}

inline float __low2float(__nv_bfloat162 pair)
{
    return __bfloat162float(pair.x);
}

inline float __high2float(__nv_bfloat162 pair)
{
    return __bfloat162float(pair.y);
}

inline float2 __bfloat1622float2(__nv_bfloat162 pair)
{
    return make_float2(__low2float(pair), __high2float(pair));
}

#endif

#endif
