/*
 * llama.h - the layers of a Llama-shaped language model: RMSNorm, rotary positions, grouped-query
 * attention, SwiGLU or, as in Mixtral, experts with one each (experts.h), tensor-parallel, with or
 * without sequence parallelism. Forward and backward are explicit.
 */
#ifndef MIMO_RUNTIME_MODEL_LLAMA_H
#define MIMO_RUNTIME_MODEL_LLAMA_H

#include "runtime/model/language.h"

struct mimo_llama {
    struct mimo_language base;
    void *rotary_table;      /* [positions, head_dim] */
    void *d_gate_up, *d_act; /* scratch: [R, 2 ffn], [R, ffn]; NULL without dense layers */
    struct mimo_experts experts;
};

extern const struct mimo_language_ops mimo_llama_ops;

#endif
