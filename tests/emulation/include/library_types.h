/* library_types.h - stand-in for CUDA's header of this name: the types of a matrix's elements. */
#ifndef MIMO_EMULATED_LIBRARY_TYPES_H
#define MIMO_EMULATED_LIBRARY_TYPES_H

/* The types that the emulated libraries calculate with; the values are NVIDIA's. */
typedef enum cudaDataType_t {
    CUDA_R_32F = 0,
    CUDA_R_64F = 1,
    CUDA_R_16F = 2,
    CUDA_R_16BF = 14,
} cudaDataType;

#ifndef __cplusplus
typedef enum cudaDataType_t cudaDataType_t;
#endif

#endif
