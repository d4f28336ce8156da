#include "lt_problem.h"

namespace emulation
{

namespace
{

constexpr uintptr_t POINTER_ALIGNMENT = 16;
constexpr int64_t AUX_LEADING_MULTIPLE = 8;

bool is_transposed(int32_t op)
{
    return op != CUBLAS_OP_N;
}

bool is_operation(int32_t op)
{
    return op == CUBLAS_OP_N || op == CUBLAS_OP_T || op == CUBLAS_OP_C;
}

uint64_t rows_of(const lt_layout &m, int32_t op)
{
    return is_transposed(op) ? m.columns : m.rows;
}

uint64_t columns_of(const lt_layout &m, int32_t op)
{
    return is_transposed(op) ? m.rows : m.columns;
}

bool has_room(const lt_layout &m)
{
    return m.rows > 0 && m.columns > 0 && m.leading >= 0 &&
           static_cast<uint64_t>(m.leading) >= m.rows;
}

/* A leading dimension of 0 repeats the one column of C. */
bool has_room_or_repeats(const lt_layout &c)
{
    return has_room(c) || (c.leading == 0 && c.rows > 0 && c.columns > 0);
}

bool is_consistent(const lt_problem &p)
{
    const int32_t op_a = p.description.op_a, op_b = p.description.op_b;

    return is_operation(op_a) && is_operation(op_b) && has_room(p.a) && has_room(p.b) &&
           has_room(p.d) && has_room_or_repeats(p.c) && rows_of(p.a, op_a) == p.d.rows &&
           columns_of(p.a, op_a) == rows_of(p.b, op_b) && columns_of(p.b, op_b) == p.d.columns &&
           p.c.rows == p.d.rows && p.c.columns == p.d.columns;
}

bool are_types_supported(const lt_problem &p)
{
    const bool is_wide = p.a.type == CUDA_R_32F && p.d.type == CUDA_R_32F;
    const bool is_narrow =
        p.a.type == CUDA_R_16BF && (p.d.type == CUDA_R_16BF || p.d.type == CUDA_R_32F);

    return p.description.compute == CUBLAS_COMPUTE_32F && p.description.scale == CUDA_R_32F &&
           p.a.type == p.b.type && p.c.type == p.d.type && (is_wide || is_narrow);
}

bool is_epilogue(uint32_t epilogue)
{
    switch (epilogue) {
    case CUBLASLT_EPILOGUE_DEFAULT:
    case CUBLASLT_EPILOGUE_BIAS:
    case CUBLASLT_EPILOGUE_GELU:
    case CUBLASLT_EPILOGUE_GELU_BIAS:
    case CUBLASLT_EPILOGUE_GELU_AUX:
    case CUBLASLT_EPILOGUE_GELU_AUX_BIAS:
    case CUBLASLT_EPILOGUE_DGELU:
    case CUBLASLT_EPILOGUE_DGELU_BGRAD:
    case CUBLASLT_EPILOGUE_BGRADA:
    case CUBLASLT_EPILOGUE_BGRADB:
        return true;
    default:
        return false;
    }
}

bool is_vector_supported(const void *vector, int32_t type, const lt_layout &d)
{
    return (type == LT_TYPE_UNSET || type == static_cast<int32_t>(d.type)) &&
           reinterpret_cast<uintptr_t>(vector) % POINTER_ALIGNMENT == 0;
}

bool is_aux_supported(const lt_description &e, const lt_layout &d)
{
    return is_vector_supported(e.aux, e.aux_type, d) && e.aux_leading > 0 &&
           e.aux_leading % AUX_LEADING_MULTIPLE == 0 &&
           static_cast<uint64_t>(e.aux_leading) >= d.rows;
}

bool is_epilogue_supported(const lt_description &e, const lt_layout &d)
{
    const bool uses_bias = lt_adds_bias(e.epilogue) || lt_writes_bias(e.epilogue);

    return is_epilogue(e.epilogue) && (!uses_bias || is_vector_supported(e.bias, e.bias_type, d)) &&
           (!lt_uses_aux(e.epilogue) || is_aux_supported(e, d));
}

} // namespace

bool lt_adds_bias(uint32_t epilogue)
{
    return (epilogue & CUBLASLT_EPILOGUE_BIAS) != 0;
}

bool lt_writes_bias(uint32_t epilogue)
{
    return epilogue == CUBLASLT_EPILOGUE_DGELU_BGRAD || epilogue == CUBLASLT_EPILOGUE_BGRADA ||
           epilogue == CUBLASLT_EPILOGUE_BGRADB;
}

bool lt_uses_aux(uint32_t epilogue)
{
    return (epilogue & 128) != 0;
}

cublasStatus_t lt_problem_check(const lt_problem &problem)
{
    if (!is_consistent(problem))
        return CUBLAS_STATUS_INVALID_VALUE;
    if (!are_types_supported(problem) || !is_epilogue_supported(problem.description, problem.d))
        return CUBLAS_STATUS_NOT_SUPPORTED;
    return CUBLAS_STATUS_SUCCESS;
}

/* FNV-1a. */
uint64_t lt_problem_digest(const lt_problem &p)
{
    const uint64_t words[] = {p.d.rows,
                              p.d.columns,
                              columns_of(p.a, p.description.op_a),
                              static_cast<uint64_t>(p.a.type),
                              static_cast<uint64_t>(p.d.type),
                              p.description.epilogue,
                              is_transposed(p.description.op_a),
                              is_transposed(p.description.op_b),
                              static_cast<uint64_t>(p.a.leading),
                              static_cast<uint64_t>(p.b.leading),
                              static_cast<uint64_t>(p.c.leading),
                              static_cast<uint64_t>(p.d.leading)};
    uint64_t digest = 0xcbf29ce484222325;

    for (uint64_t word : words)
        for (int shift = 0; shift < 64; shift += 8)
            digest = (digest ^ (word >> shift & 0xff)) * 0x100000001b3;
    return digest;
}

} // namespace emulation
