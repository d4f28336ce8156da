/*
 * lt_problem.h - what the emulated cuBLASLt's opaque descriptors hold, and what it takes.
 */
#ifndef MIMO_EMULATION_LT_PROBLEM_H
#define MIMO_EMULATION_LT_PROBLEM_H

#include "cublasLt.h"

#include <string.h>
#include <type_traits>

namespace emulation
{

constexpr int32_t LT_TYPE_UNSET = -1;

struct lt_description {
    int32_t compute, scale;
    int32_t op_a, op_b;
    uint32_t epilogue;
    int32_t bias_type, aux_type; /* LT_TYPE_UNSET: the type of D */
    void *bias, *aux;
    int64_t aux_leading;
};

struct lt_layout {
    cudaDataType type;
    uint64_t rows, columns;
    int64_t leading;
};

struct lt_preference {
    uint64_t workspace_max;
    uint32_t alignments[4]; /* bytes; of A, B, C, D */
    uint32_t reductions = CUBLASLT_REDUCTION_SCHEME_MASK;
};

struct lt_algorithm {
    uint64_t problem; /* lt_problem_digest() of what it was chosen for */
    uint64_t workspace_bytes;
    uint32_t alignments[4]; /* bytes; of A, B, C, D */
};

/* Descriptors are copied into and out of the caller's words, which may be copied themselves. */
template <typename Content, typename Opaque> Content lt_content(const Opaque *opaque)
{
    static_assert(sizeof(Content) <= sizeof(Opaque) && std::is_trivially_copyable_v<Content>);
    Content content;

    memcpy(&content, opaque->data, sizeof content);
    return content;
}

template <typename Content, typename Opaque> void lt_store(Opaque *opaque, const Content &content)
{
    static_assert(sizeof(Content) <= sizeof(Opaque) && std::is_trivially_copyable_v<Content>);
    memcpy(opaque->data, &content, sizeof content);
}

struct lt_problem {
    lt_description description;
    lt_layout a, b, c, d;
};

/* What the library says of the problem, whatever the pointers of its matrices. */
cublasStatus_t lt_problem_check(const lt_problem &problem);

/* Equal for problems that one algorithm serves: those of equal sizes, types and epilogues. */
uint64_t lt_problem_digest(const lt_problem &problem);

/* The parts of an epilogue. */
bool lt_adds_bias(uint32_t epilogue);
bool lt_writes_bias(uint32_t epilogue); /* the gradient of a bias */
bool lt_uses_aux(uint32_t epilogue);    /* writes or reads the auxiliary matrix */

} // namespace emulation

#endif
