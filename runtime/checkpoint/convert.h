/*
 * convert.h - floating-point elements of safetensors files as others: float32, float64, bfloat16.
 */
#ifndef MIMO_RUNTIME_CHECKPOINT_CONVERT_H
#define MIMO_RUNTIME_CHECKPOINT_CONVERT_H

#include "runtime/checkpoint/safetensors.h"

/* IEEE 754 binary16 and bfloat16 (the upper half of a float32), exactly: subnormals, signed zeros,
 * infinities and NaN included. */
float mimo_convert_f16(uint16_t bits);
float mimo_convert_bf16(uint16_t bits);

/* True for the types that mimo_convert_elements reads: F64, F32, F16, BF16. */
bool mimo_convert_reads(enum mimo_safetensors_type type);

/* `count` elements of type `from` at `src` become `to` (F64, F32 or BF16) at `dst`. Neither needs
 * to be aligned; they do not overlap. Rounds where `to` holds less, to BF16 by way of F32. */
void mimo_convert_elements(void *dst, enum mimo_safetensors_type to, const void *src,
                           enum mimo_safetensors_type from, size_t count);

#endif
