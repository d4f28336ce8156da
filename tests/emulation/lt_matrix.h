/* lt_matrix.h - a matrix in memory as the emulated cuBLASLt reads and writes it. */
#ifndef MIMO_EMULATION_LT_MATRIX_H
#define MIMO_EMULATION_LT_MATRIX_H

#include "cuda_bf16.h"
#include "library_types.h"

#include <stddef.h>

namespace emulation
{

/* Elements of float32 or bfloat16; strides in elements. The memory is the caller's. */
struct lt_matrix {
    void *data;
    cudaDataType type;
    size_t rows, columns;
    size_t row_stride, column_stride;
};

inline lt_matrix lt_transposed(const lt_matrix &m)
{
    return {m.data, m.type, m.columns, m.rows, m.column_stride, m.row_stride};
}

inline float lt_read(const lt_matrix &m, size_t row, size_t column)
{
    const size_t at = row * m.row_stride + column * m.column_stride;

    return m.type == CUDA_R_32F ? static_cast<const float *>(m.data)[at]
                                : __bfloat162float(static_cast<const __nv_bfloat16 *>(m.data)[at]);
}

inline void lt_write(const lt_matrix &m, size_t row, size_t column, float value)
{
    const size_t at = row * m.row_stride + column * m.column_stride;

    if (m.type == CUDA_R_32F)
        static_cast<float *>(m.data)[at] = value;
    else
        static_cast<__nv_bfloat16 *>(m.data)[at] = __float2bfloat16_rn(value);
}

} // namespace emulation

#endif
