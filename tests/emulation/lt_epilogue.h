/* lt_epilogue.h - what the emulated cuBLASLt does with a product before and while it stores it. */
#ifndef MIMO_EMULATION_LT_EPILOGUE_H
#define MIMO_EMULATION_LT_EPILOGUE_H

#include "lt_matrix.h"

#include <vector>

namespace emulation
{

/* One call of cublasLtMatmul, with what its descriptors held then. */
struct lt_call {
    lt_matrix a, b; /* op(A) and op(B) */
    lt_matrix c, d;
    lt_matrix aux;  /* without data: none */
    lt_matrix bias; /* one column; without data: none */
    float alpha, beta;
    uint32_t epilogue;
    void *workspace;
    size_t workspace_bytes;
};

/* Stores epilogue(alpha * product + beta * C), and what the epilogue gives beside it. */
void lt_store_product(const lt_call &call, const std::vector<float> &product);

/* Overwrites with NaN all that the call writes and does not read: nobody else may rely on it. */
void lt_spoil_outputs(const lt_call &call);

} // namespace emulation

#endif
