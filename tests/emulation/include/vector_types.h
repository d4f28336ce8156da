/*
 * vector_types.h - CUDA's small vectors, for C17 and C++17; the stand-in for NVIDIA's header.
 */
#ifndef MIMO_EMULATION_VECTOR_TYPES_H
#define MIMO_EMULATION_VECTOR_TYPES_H

#ifdef __cplusplus
#define MIMO_EMULATED_ALIGN(bytes) alignas(bytes)
#else
#define MIMO_EMULATED_ALIGN(bytes) _Alignas(bytes)
#endif

typedef struct uint3 {
    unsigned x, y, z;
} uint3;

typedef struct dim3 {
    unsigned x, y, z;
#ifdef __cplusplus
    constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_)
    {
    }
#endif
} dim3;

typedef struct int2 {
    MIMO_EMULATED_ALIGN(8) int x;
    int y;
} int2;

typedef struct int4 {
    MIMO_EMULATED_ALIGN(16) int x;
    int y, z, w;
} int4;

typedef struct uint2 {
    MIMO_EMULATED_ALIGN(8) unsigned x;
    unsigned y;
} uint2;

typedef struct uint4 {
    MIMO_EMULATED_ALIGN(16) unsigned x;
    unsigned y, z, w;
} uint4;

typedef struct float2 {
    MIMO_EMULATED_ALIGN(8) float x;
    float y;
} float2;

typedef struct float4 {
    MIMO_EMULATED_ALIGN(16) float x;
    float y, z, w;
} float4;

typedef struct double2 {
    MIMO_EMULATED_ALIGN(16) double x;
    double y;
} double2;

#endif
