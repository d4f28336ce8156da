/*
 * cublasLt.h - stand-in for cuBLASLt's header: what mimo uses of the library, by its documentation.
 *
 * Matrices lie in columns. A product is D = epilogue(alpha * op(A) * op(B) + beta * C), where op(A)
 * has m rows and k columns, op(B) k rows and n columns, C and D m rows and n columns; alpha and
 * beta are floats in host memory, read at the call. The types:
 *
 *     compute and scale     A and B      C and D, bias, auxiliary matrix
 *     CUBLAS_COMPUTE_32F    float32      float32
 *     CUDA_R_32F            bf16         bf16, or float32
 *
 * What the library would refuse is refused, by the heuristic and by the product alike.
 */
#ifndef MIMO_EMULATED_CUBLASLT_H
#define MIMO_EMULATED_CUBLASLT_H

#include "cuda_runtime_api.h"
#include "library_types.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what the library shares with cuBLAS ---- */

typedef enum {
    CUBLAS_STATUS_SUCCESS = 0,
    CUBLAS_STATUS_NOT_INITIALIZED = 1,
    CUBLAS_STATUS_ALLOC_FAILED = 3,
    CUBLAS_STATUS_INVALID_VALUE = 7,
    CUBLAS_STATUS_ARCH_MISMATCH = 8,
    CUBLAS_STATUS_MAPPING_ERROR = 11,
    CUBLAS_STATUS_EXECUTION_FAILED = 13,
    CUBLAS_STATUS_INTERNAL_ERROR = 14,
    CUBLAS_STATUS_NOT_SUPPORTED = 15,
    CUBLAS_STATUS_LICENSE_ERROR = 16,
} cublasStatus_t;

typedef enum {
    CUBLAS_OP_N = 0, /* as it is */
    CUBLAS_OP_T = 1, /* transposed */
    CUBLAS_OP_C = 2, /* conjugate transposed: transposed, since all types are real */
} cublasOperation_t;

typedef enum {
    CUBLAS_COMPUTE_16F = 64,
    CUBLAS_COMPUTE_32F = 68,
    CUBLAS_COMPUTE_64F = 70,
} cublasComputeType_t;

/* ---- handles and descriptors ---- */

typedef struct cublasLtContext *cublasLtHandle_t;

/* Descriptors may lie in the caller's memory; their content is the library's own. */
typedef struct {
    uint64_t data[8];
} cublasLtMatrixLayoutOpaque_t;

typedef struct {
    uint64_t data[32];
} cublasLtMatmulDescOpaque_t;

typedef struct {
    uint64_t data[8];
} cublasLtMatmulPreferenceOpaque_t;

typedef cublasLtMatrixLayoutOpaque_t *cublasLtMatrixLayout_t;
typedef cublasLtMatmulDescOpaque_t *cublasLtMatmulDesc_t;
typedef cublasLtMatmulPreferenceOpaque_t *cublasLtMatmulPreference_t;

/* A way to carry out one configuration; it may be copied. */
typedef struct {
    uint64_t data[8];
} cublasLtMatmulAlgo_t;

/* A handle belongs to the device that is current when it is made. INVALID_VALUE: handle is NULL. */
cublasStatus_t cublasLtCreate(cublasLtHandle_t *handle);
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle);

/* The status in words; a static string. */
const char *cublasLtGetStatusString(cublasStatus_t status);

/* ---- what happens to a product before it is stored ---- */

/*
 * x stands for alpha * op(A) * op(B) + beta * C in float32. GELU is the tanh form. An epilogue with
 * a bias adds element i of the vector of m elements to row i of x. AUX writes the value that GELU
 * is applied to, before it, to the auxiliary matrix of m rows and n columns; DGELU reads it there.
 */
typedef enum {
    CUBLASLT_EPILOGUE_DEFAULT = 1,
    CUBLASLT_EPILOGUE_RELU = 2, /* the library's; refused here */
    CUBLASLT_EPILOGUE_BIAS = 4,
    CUBLASLT_EPILOGUE_GELU = 32,
    CUBLASLT_EPILOGUE_GELU_BIAS = CUBLASLT_EPILOGUE_GELU | CUBLASLT_EPILOGUE_BIAS,
    CUBLASLT_EPILOGUE_GELU_AUX = CUBLASLT_EPILOGUE_GELU | 128,
    CUBLASLT_EPILOGUE_GELU_AUX_BIAS = CUBLASLT_EPILOGUE_GELU_AUX | CUBLASLT_EPILOGUE_BIAS,
    CUBLASLT_EPILOGUE_DGELU = 64 | 128,                           /* D = x * GELU'(auxiliary) */
    CUBLASLT_EPILOGUE_DGELU_BGRAD = CUBLASLT_EPILOGUE_DGELU | 16, /* and bias_i = sum_j D_ij */
    CUBLASLT_EPILOGUE_BGRADA = 256,                               /* bias_i = sum_k op(A)_ik */
    CUBLASLT_EPILOGUE_BGRADB = 512,                               /* bias_j = sum_k op(B)_kj */
} cublasLtEpilogue_t;

/* ---- the description of a product ---- */

typedef enum {
    CUBLASLT_MATMUL_DESC_COMPUTE_TYPE = 0,            /* int32_t */
    CUBLASLT_MATMUL_DESC_SCALE_TYPE = 1,              /* int32_t */
    CUBLASLT_MATMUL_DESC_TRANSA = 3,                  /* int32_t, cublasOperation_t */
    CUBLASLT_MATMUL_DESC_TRANSB = 4,                  /* int32_t, cublasOperation_t */
    CUBLASLT_MATMUL_DESC_EPILOGUE = 7,                /* uint32_t, cublasLtEpilogue_t */
    CUBLASLT_MATMUL_DESC_BIAS_POINTER = 8,            /* void *; bias or gradient of it */
    CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER = 11,   /* void *; aligned to 16 bytes */
    CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD = 12,        /* int64_t; a multiple of 8, at least m */
    CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_DATA_TYPE = 22, /* int32_t; unset: the type of D */
    CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE = 26,         /* int32_t; unset: the type of D */
} cublasLtMatmulDescAttributes_t;

/* Neither transposed, the default epilogue. ALLOC_FAILED: no memory. */
cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *description,
                                        cublasComputeType_t compute, cudaDataType_t scale);
/* The same in the caller's memory, which needs no Destroy. */
cublasStatus_t cublasLtMatmulDescInit(cublasLtMatmulDesc_t description, cublasComputeType_t compute,
                                      cudaDataType_t scale);
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t description);

/* INVALID_VALUE: an unknown attribute, value NULL, or bytes other than those of the attribute. */
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t description,
                                              cublasLtMatmulDescAttributes_t attribute,
                                              const void *value, size_t bytes);

/* A matrix as it is stored, before op(); `leading` elements lie from column to column. */
cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *layout, cudaDataType type,
                                          uint64_t rows, uint64_t columns, int64_t leading);
/* The same in the caller's memory, which needs no Destroy. */
cublasStatus_t cublasLtMatrixLayoutInit(cublasLtMatrixLayout_t layout, cudaDataType type,
                                        uint64_t rows, uint64_t columns, int64_t leading);
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout);

/* ---- the choice of an algorithm ---- */

typedef enum {
    CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES = 1,   /* uint64_t; 0 unless set */
    CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK = 3, /* uint32_t; all unless set */
    CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES = 5, /* uint32_t; 256 unless set, as the next */
    CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES = 6,
    CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES = 7,
    CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES = 8,
} cublasLtMatmulPreferenceAttributes_t;

/* How sums over parts of k may be added up, as a mask. Here k is never cut. */
typedef enum {
    CUBLASLT_REDUCTION_SCHEME_NONE = 0,
    CUBLASLT_REDUCTION_SCHEME_INPLACE = 1,
    CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE = 2,
    CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE = 4,
    CUBLASLT_REDUCTION_SCHEME_MASK = 7,
} cublasLtReductionScheme_t;

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *preference);
/* The same in the caller's memory, which needs no Destroy. */
cublasStatus_t cublasLtMatmulPreferenceInit(cublasLtMatmulPreference_t preference);
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference);
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute,
                                                    const void *value, size_t bytes);

typedef struct {
    cublasLtMatmulAlgo_t algo;
    size_t workspaceSize; /* bytes that the algorithm needs */
    cublasStatus_t state; /* whether the algorithm can be used */
    float wavesCount;
    int reserved[4];
} cublasLtMatmulHeuristicResult_t;

/*
 * At most `requested` algorithms, the fastest first. NOT_SUPPORTED: there is none for these types,
 * this epilogue or these sizes. INVALID_VALUE: something is NULL or contradicts itself. No pointer
 * of the description is followed; the bias's and the auxiliary matrix's tell the alignment.
 */
cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle,
                                              cublasLtMatmulDesc_t description,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int requested,
                                              cublasLtMatmulHeuristicResult_t results[],
                                              int *returned);

/* ---- the product ---- */

/*
 * Enqueues the product on `stream`. C may be D, then with the same layout, and NULL where beta is
 * 0; no other matrix may overlap with D: here that gives NaN. Without `algo` one is chosen that
 * needs no workspace. The workspace is aligned to 16 bytes and holds what it holds until the
 * product is through. INVALID_VALUE: a matrix is NULL or less aligned than the preference promised,
 * the workspace too small or not aligned, the stream of another device than the handle, the
 * algorithm chosen for another configuration (which the library notices only sometimes).
 * NOT_SUPPORTED: as the heuristic.
 */
cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t description,
                              const void *alpha, const void *a, cublasLtMatrixLayout_t a_layout,
                              const void *b, cublasLtMatrixLayout_t b_layout, const void *beta,
                              const void *c, cublasLtMatrixLayout_t c_layout, void *d,
                              cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t *algo,
                              void *workspace, size_t workspace_bytes, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
