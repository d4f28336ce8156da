#include "runtime/checkpoint/convert.h"

#include "runtime/bf16.h"

#include <math.h>
#include <string.h>

float mimo_convert_bf16(uint16_t bits)
{
    return mimo_bf16_widen(bits);
}

/* binary16: 1 bit sign, 5 bits exponent (bias 15), 10 bits fraction. */
float mimo_convert_f16(uint16_t bits)
{
    const uint32_t sign = (uint32_t)(bits >> 15) << 31;
    const uint32_t exponent = (bits >> 10) & 31, fraction = bits & 1023;
    uint32_t wide;
    float value;

    if (exponent == 0) { /* zero or subnormal: fraction · 2^-24 */
        value = ldexpf((float)fraction, -24);
        return sign != 0 ? -value : value;
    }
    wide = exponent == 31 ? 255U << 23 : (exponent + 127 - 15) << 23;
    wide |= sign | fraction << 13;
    memcpy(&value, &wide, sizeof value);
    return value;
}

bool mimo_convert_reads(enum mimo_safetensors_type type)
{
    return type == MIMO_SAFETENSORS_F64 || type == MIMO_SAFETENSORS_F32 ||
           type == MIMO_SAFETENSORS_F16 || type == MIMO_SAFETENSORS_BF16;
}

static double element(const char *src, enum mimo_safetensors_type type)
{
    uint16_t half;
    float single;
    double value;

    if (type == MIMO_SAFETENSORS_F64) {
        memcpy(&value, src, sizeof value);
        return value;
    }
    if (type == MIMO_SAFETENSORS_F32) {
        memcpy(&single, src, sizeof single);
        return (double)single;
    }
    memcpy(&half, src, sizeof half);
    single = type == MIMO_SAFETENSORS_F16 ? mimo_convert_f16(half) : mimo_convert_bf16(half);
    return (double)single;
}

static void store(char *dst, double value, enum mimo_safetensors_type type)
{
    const float single = (float)value;
    const uint16_t half = mimo_bf16_round(single);

    if (type == MIMO_SAFETENSORS_F64)
        memcpy(dst, &value, sizeof value);
    else if (type == MIMO_SAFETENSORS_F32)
        memcpy(dst, &single, sizeof single);
    else
        memcpy(dst, &half, sizeof half);
}

void mimo_convert_elements(void *dst, enum mimo_safetensors_type to, const void *src,
                           enum mimo_safetensors_type from, size_t count)
{
    const size_t src_bytes = mimo_safetensors_element_bytes(from);
    const size_t dst_bytes = mimo_safetensors_element_bytes(to);

    MIMO_ASSERT(mimo_convert_reads(from) && mimo_convert_reads(to) && to != MIMO_SAFETENSORS_F16);
    if (from == to) {
        memcpy(dst, src, count * src_bytes);
        return;
    }
    for (size_t i = 0; i < count; i++)
        store((char *)dst + i * dst_bytes, element((const char *)src + i * src_bytes, from), to);
}
