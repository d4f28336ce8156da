/* lt_matmul.cpp - the emulated cuBLASLt's choice of an algorithm and its product. */
#include "lt_epilogue.h"
#include "lt_handle.h"
#include "lt_problem.h"
#include "lt_product.h"
#include "memory.h"
#include "stream.h"

#include <algorithm>
#include <iterator>

using namespace emulation;

namespace
{

constexpr uint64_t WORKSPACE_BYTES = 64 * 1024; /* taken where it is offered */
constexpr uint32_t VECTOR_BYTES = 16;           /* what one thread loads at once, at most */

struct operands {
    const void *a, *b, *c;
    void *d;
};

/* ---- choice ---- */

lt_problem problem_of(cublasLtMatmulDesc_t description, cublasLtMatrixLayout_t a,
                      cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d)
{
    return {lt_content<lt_description>(description), lt_content<lt_layout>(a),
            lt_content<lt_layout>(b), lt_content<lt_layout>(c != nullptr ? c : d),
            lt_content<lt_layout>(d)};
}

size_t element_bytes(cudaDataType type)
{
    return type == CUDA_R_32F ? sizeof(float) : sizeof(uint16_t);
}

lt_algorithm chosen(const lt_problem &problem, const lt_preference &preference)
{
    lt_algorithm algorithm = {};

    algorithm.problem = lt_problem_digest(problem);
    algorithm.workspace_bytes = preference.workspace_max < WORKSPACE_BYTES ? 0 : WORKSPACE_BYTES;
    for (size_t i = 0; i < 4; i++)
        algorithm.alignments[i] = std::clamp(preference.alignments[i], 1U, VECTOR_BYTES);
    return algorithm;
}

/* Without a preference: no workspace, and only the alignment that elements have anyway. */
lt_algorithm chosen(const lt_problem &problem)
{
    return chosen(problem, lt_preference{0, {1, 1, 1, 1}});
}

/* ---- check of a call ---- */

bool is_aligned(const void *pointer, size_t bytes)
{
    return reinterpret_cast<uintptr_t>(pointer) % bytes == 0;
}

bool are_aligned(const operands &o, const lt_problem &p, const lt_algorithm &algorithm)
{
    const void *const pointers[4] = {o.a, o.b, o.c, o.d};
    const cudaDataType types[4] = {p.a.type, p.b.type, p.c.type, p.d.type};

    for (size_t i = 0; i < 4; i++)
        if (!is_aligned(pointers[i], algorithm.alignments[i]) ||
            !is_aligned(pointers[i], element_bytes(types[i])))
            return false;
    return true;
}

bool has_vectors(const lt_description &e)
{
    const bool uses_bias = lt_adds_bias(e.epilogue) || lt_writes_bias(e.epilogue);

    return (!uses_bias || e.bias != nullptr) && (!lt_uses_aux(e.epilogue) || e.aux != nullptr);
}

bool are_valid(const operands &o, const lt_problem &p, float beta)
{
    const bool is_in_place = o.c == o.d;

    return o.a != nullptr && o.b != nullptr && o.d != nullptr && (o.c != nullptr || beta == 0) &&
           (!is_in_place || p.c.leading == p.d.leading) && has_vectors(p.description);
}

bool is_valid(const lt_algorithm &algorithm, const lt_problem &problem, const void *workspace,
              size_t workspace_bytes)
{
    return algorithm.problem == lt_problem_digest(problem) &&
           workspace_bytes >= algorithm.workspace_bytes && is_aligned(workspace, VECTOR_BYTES) &&
           (workspace != nullptr || algorithm.workspace_bytes == 0);
}

/* ---- the product ---- */

lt_matrix stored(const void *data, const lt_layout &layout)
{
    return {const_cast<void *>(data), layout.type, layout.rows,
            layout.columns,           1,           static_cast<size_t>(layout.leading)};
}

lt_matrix operand(const void *data, const lt_layout &layout, int32_t op)
{
    const lt_matrix m = stored(data, layout);

    return op == CUBLAS_OP_N ? m : lt_transposed(m);
}

uint64_t bias_length(const lt_problem &p)
{
    return p.description.epilogue == CUBLASLT_EPILOGUE_BGRADB ? p.d.columns : p.d.rows;
}

lt_call call_of(const lt_problem &p, const operands &o, float alpha, float beta)
{
    const lt_description &e = p.description;
    lt_call call = {};

    call.a = operand(o.a, p.a, e.op_a);
    call.b = operand(o.b, p.b, e.op_b);
    call.c = stored(o.c, p.c);
    call.d = stored(o.d, p.d);
    if (lt_uses_aux(e.epilogue))
        call.aux = stored(e.aux, {p.d.type, p.d.rows, p.d.columns, e.aux_leading});
    if (lt_adds_bias(e.epilogue) || lt_writes_bias(e.epilogue))
        call.bias = stored(e.bias, {p.d.type, bias_length(p), 1, 0});
    call.alpha = alpha;
    call.beta = beta;
    call.epilogue = e.epilogue;
    return call;
}

/* What a kernel could not reach would end it, and all work on the device with it. */
bool is_addressable(const lt_call &call)
{
    const void *const used[] = {
        call.a.data,   call.b.data,   call.beta != 0 ? call.c.data : nullptr,
        call.d.data,   call.aux.data, call.bias.data,
        call.workspace};

    return std::all_of(std::begin(used), std::end(used), [](const void *memory) {
        return memory == nullptr || memory_is_global(memory);
    });
}

progress carry_out(const lt_call &call)
{
    if (!is_addressable(call))
        return progress::failed;
    if (call.workspace_bytes > 0)
        memset(call.workspace, 0xff, call.workspace_bytes);
    lt_spoil_outputs(call);
    lt_store_product(call, lt_product(call.a, call.b));
    return progress::done;
}

cublasStatus_t enqueue_product(const lt_call &call, cudaStream_t stream)
{
    const cudaError_t status =
        enqueue(stream, {"cublasLtMatmul", nullptr, [call] { return carry_out(call); }});

    return status == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}

} // namespace

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle,
                                              cublasLtMatmulDesc_t description,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int requested,
                                              cublasLtMatmulHeuristicResult_t results[],
                                              int *returned)
{
    if (handle == nullptr)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    if (description == nullptr || a == nullptr || b == nullptr || d == nullptr ||
        preference == nullptr || requested <= 0 || results == nullptr || returned == nullptr)
        return CUBLAS_STATUS_INVALID_VALUE;
    *returned = 0;
    const lt_problem problem = problem_of(description, a, b, c, d);
    const cublasStatus_t status = lt_problem_check(problem);
    if (status != CUBLAS_STATUS_SUCCESS)
        return status;
    const lt_algorithm algorithm = chosen(problem, lt_content<lt_preference>(preference));

    results[0] = {};
    lt_store(&results[0].algo, algorithm);
    results[0].workspaceSize = algorithm.workspace_bytes;
    results[0].state = CUBLAS_STATUS_SUCCESS;
    results[0].wavesCount = 1;
    *returned = 1;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t description,
                              const void *alpha, const void *a, cublasLtMatrixLayout_t a_layout,
                              const void *b, cublasLtMatrixLayout_t b_layout, const void *beta,
                              const void *c, cublasLtMatrixLayout_t c_layout, void *d,
                              cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t *algo,
                              void *workspace, size_t workspace_bytes, cudaStream_t stream)
{
    if (handle == nullptr)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    if (description == nullptr || a_layout == nullptr || b_layout == nullptr ||
        d_layout == nullptr || alpha == nullptr || beta == nullptr)
        return CUBLAS_STATUS_INVALID_VALUE;
    const lt_problem problem = problem_of(description, a_layout, b_layout, c_layout, d_layout);
    const cublasStatus_t status = lt_problem_check(problem);
    if (status != CUBLAS_STATUS_SUCCESS)
        return status;
    const lt_algorithm algorithm =
        algo != nullptr ? lt_content<lt_algorithm>(algo) : chosen(problem);
    const operands matrices = {a, b, c, d};
    lt_call call = call_of(problem, matrices, *static_cast<const float *>(alpha),
                           *static_cast<const float *>(beta));
    if (!is_valid(algorithm, problem, workspace, workspace_bytes) ||
        !are_valid(matrices, problem, call.beta) || !are_aligned(matrices, problem, algorithm) ||
        stream_device(stream) != handle->device)
        return CUBLAS_STATUS_INVALID_VALUE;

    call.workspace = algorithm.workspace_bytes > 0 ? workspace : nullptr;
    call.workspace_bytes = algorithm.workspace_bytes;
    return enqueue_product(call, stream);
}
