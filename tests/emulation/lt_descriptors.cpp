/* lt_descriptors.cpp - the emulated cuBLASLt's handles, descriptors and words for a status. */
#include "lt_handle.h"
#include "lt_problem.h"

#include <new>

using namespace emulation;

namespace
{

template <typename Opaque> cublasStatus_t create(Opaque **out)
{
    if (out == nullptr)
        return CUBLAS_STATUS_INVALID_VALUE;
    *out = new (std::nothrow) Opaque();
    return *out != nullptr ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_ALLOC_FAILED;
}

template <typename Opaque> cublasStatus_t destroy(Opaque *opaque)
{
    delete opaque;
    return CUBLAS_STATUS_SUCCESS;
}

template <typename Content, typename Opaque>
cublasStatus_t create_with(Opaque **out, const Content &content)
{
    const cublasStatus_t status = create(out);

    if (status == CUBLAS_STATUS_SUCCESS)
        lt_store(*out, content);
    return status;
}

template <typename Content, typename Opaque>
cublasStatus_t fill(Opaque *opaque, const Content &content)
{
    if (opaque == nullptr)
        return CUBLAS_STATUS_INVALID_VALUE;
    lt_store(opaque, content);
    return CUBLAS_STATUS_SUCCESS;
}

template <typename Field> cublasStatus_t set(Field *field, const void *value, size_t bytes)
{
    if (value == nullptr || bytes != sizeof *field)
        return CUBLAS_STATUS_INVALID_VALUE;
    memcpy(field, value, bytes);
    return CUBLAS_STATUS_SUCCESS;
}

lt_description plain(cublasComputeType_t compute, cudaDataType_t scale)
{
    lt_description content = {};

    content.compute = compute;
    content.scale = scale;
    content.epilogue = CUBLASLT_EPILOGUE_DEFAULT;
    content.bias_type = content.aux_type = LT_TYPE_UNSET;
    return content;
}

cublasStatus_t set_field(lt_description *d, cublasLtMatmulDescAttributes_t attribute,
                         const void *value, size_t bytes)
{
    switch (attribute) {
    case CUBLASLT_MATMUL_DESC_COMPUTE_TYPE:
        return set(&d->compute, value, bytes);
    case CUBLASLT_MATMUL_DESC_SCALE_TYPE:
        return set(&d->scale, value, bytes);
    case CUBLASLT_MATMUL_DESC_TRANSA:
        return set(&d->op_a, value, bytes);
    case CUBLASLT_MATMUL_DESC_TRANSB:
        return set(&d->op_b, value, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
        return set(&d->epilogue, value, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
        return set(&d->bias, value, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER:
        return set(&d->aux, value, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD:
        return set(&d->aux_leading, value, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_DATA_TYPE:
        return set(&d->aux_type, value, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE:
        return set(&d->bias_type, value, bytes);
    }
    return CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t set_field(lt_preference *p, cublasLtMatmulPreferenceAttributes_t attribute,
                         const void *value, size_t bytes)
{
    switch (attribute) {
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES:
        return set(&p->workspace_max, value, bytes);
    case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK:
        return set(&p->reductions, value, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES:
        return set(&p->alignments[0], value, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES:
        return set(&p->alignments[1], value, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES:
        return set(&p->alignments[2], value, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES:
        return set(&p->alignments[3], value, bytes);
    }
    return CUBLAS_STATUS_INVALID_VALUE;
}

template <typename Content, typename Opaque, typename Attribute>
cublasStatus_t set_attribute(Opaque *opaque, Attribute attribute, const void *value, size_t bytes)
{
    if (opaque == nullptr)
        return CUBLAS_STATUS_INVALID_VALUE;
    Content content = lt_content<Content>(opaque);
    const cublasStatus_t status = set_field(&content, attribute, value, bytes);

    if (status == CUBLAS_STATUS_SUCCESS)
        lt_store(opaque, content);
    return status;
}

} // namespace

cublasStatus_t cublasLtCreate(cublasLtHandle_t *handle)
{
    const cublasStatus_t status = create(handle);

    if (status == CUBLAS_STATUS_SUCCESS && cudaGetDevice(&(*handle)->device) != cudaSuccess) {
        delete *handle;
        *handle = nullptr;
        return CUBLAS_STATUS_NOT_INITIALIZED;
    }
    return status;
}

cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle)
{
    return handle == nullptr ? CUBLAS_STATUS_NOT_INITIALIZED : destroy(handle);
}

const char *cublasLtGetStatusString(cublasStatus_t status)
{
    switch (status) {
    case CUBLAS_STATUS_SUCCESS:
        return "success";
    case CUBLAS_STATUS_NOT_INITIALIZED:
        return "the library was not initialized";
    case CUBLAS_STATUS_ALLOC_FAILED:
        return "the resource allocation failed";
    case CUBLAS_STATUS_INVALID_VALUE:
        return "an invalid value was used as an argument";
    case CUBLAS_STATUS_ARCH_MISMATCH:
        return "an absent device architectural feature is required";
    case CUBLAS_STATUS_MAPPING_ERROR:
        return "an access to GPU memory space failed";
    case CUBLAS_STATUS_EXECUTION_FAILED:
        return "the GPU program failed to execute";
    case CUBLAS_STATUS_INTERNAL_ERROR:
        return "an internal operation failed";
    case CUBLAS_STATUS_NOT_SUPPORTED:
        return "the functionality requested is not supported";
    case CUBLAS_STATUS_LICENSE_ERROR:
        return "the licensing check failed";
    }
    return "unknown status";
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *description,
                                        cublasComputeType_t compute, cudaDataType_t scale)
{
    return create_with(description, plain(compute, scale));
}

cublasStatus_t cublasLtMatmulDescInit(cublasLtMatmulDesc_t description, cublasComputeType_t compute,
                                      cudaDataType_t scale)
{
    return fill(description, plain(compute, scale));
}

cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t description)
{
    return destroy(description);
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t description,
                                              cublasLtMatmulDescAttributes_t attribute,
                                              const void *value, size_t bytes)
{
    return set_attribute<lt_description>(description, attribute, value, bytes);
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *layout, cudaDataType type,
                                          uint64_t rows, uint64_t columns, int64_t leading)
{
    return create_with(layout, lt_layout{type, rows, columns, leading});
}

cublasStatus_t cublasLtMatrixLayoutInit(cublasLtMatrixLayout_t layout, cudaDataType type,
                                        uint64_t rows, uint64_t columns, int64_t leading)
{
    return fill(layout, lt_layout{type, rows, columns, leading});
}

cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout)
{
    return destroy(layout);
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *preference)
{
    return create_with(preference, lt_preference{0, {256, 256, 256, 256}});
}

cublasStatus_t cublasLtMatmulPreferenceInit(cublasLtMatmulPreference_t preference)
{
    return fill(preference, lt_preference{0, {256, 256, 256, 256}});
}

cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference)
{
    return destroy(preference);
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute,
                                                    const void *value, size_t bytes)
{
    return set_attribute<lt_preference>(preference, attribute, value, bytes);
}
