/*
 * dtype.h - the transport's words for a backend's two types.
 */
#ifndef MIMO_RUNTIME_MODEL_DTYPE_H
#define MIMO_RUNTIME_MODEL_DTYPE_H

#include "runtime/backend/backend.h"
#include "runtime/world/transport.h"

/* Of weights and activations. */
static inline enum mimo_dtype mimo_element_dtype(const struct mimo_backend *be)
{
    switch (be->precision) {
    case MIMO_PRECISION_BF16:
        return MIMO_DTYPE_BF16;
    case MIMO_PRECISION_FP64:
        return MIMO_DTYPE_F64;
    case MIMO_PRECISION_FP32:
    case MIMO_PRECISION_COUNT:
        break;
    }
    return MIMO_DTYPE_F32;
}

/* Of gradients of weights and statistics of rows. */
static inline enum mimo_dtype mimo_wide_dtype(const struct mimo_backend *be)
{
    return be->precision == MIMO_PRECISION_FP64 ? MIMO_DTYPE_F64 : MIMO_DTYPE_F32;
}

#endif
