/*
 * convert.h - floating-point elements of safetensors files, as float32 or float64.
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

/* `count` elements of `type` at `src` become float64 (`to_f64`) or float32 at `dst`. Neither needs
 * to be aligned; they do not overlap. Only F64 to float32 rounds. */
void mimo_convert_elements(void *dst, bool to_f64, const void *src, enum mimo_safetensors_type type,
                           size_t count);

#endif
