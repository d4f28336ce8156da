/*
 * bf16.h - bfloat16 numbers: the upper half of a float32, sign, 8 bits of exponent, 7 of fraction.
 */
#ifndef MIMO_RUNTIME_BF16_H
#define MIMO_RUNTIME_BF16_H

#include <stdint.h>
#include <string.h>

/* Exactly. */
static inline float mimo_bf16_widen(uint16_t bits)
{
    const uint32_t wide = (uint32_t)bits << 16;
    float value;

    memcpy(&value, &wide, sizeof value);
    return value;
}

/* To the nearest, of two that are equally near to the even one; what is beyond the largest becomes
 * infinite, NaN a quiet NaN. */
static inline uint16_t mimo_bf16_round(float value)
{
    uint32_t wide, rounded;

    memcpy(&wide, &value, sizeof wide);
    rounded = (wide + 0x7FFF + (wide >> 16 & 1)) >> 16;
    return (uint16_t)((wide & 0x7FFFFFFF) > 0x7F800000 ? wide >> 16 | 0x40 : rounded);
}

#endif
