/*
 * pre_norm_layer.h - the transformer layer that GPT-2 and CLIP's vision transformer share (Radford
 * et al. 2019, 2021): LayerNorm in front of either half, attention, two matrices with an activation
 * between them, biases everywhere; tensor-parallel, with or without sequence parallelism. Forward
 * and backward are explicit.
 */
#ifndef MIMO_RUNTIME_MODEL_PRE_NORM_LAYER_H
#define MIMO_RUNTIME_MODEL_PRE_NORM_LAYER_H

#include "runtime/model/attention.h"

/* What the layers of a module work with; the functions of mimo_pre_norm_ops get it as their model.
 * The scratch is the module's own. */
struct mimo_pre_norm {
    const struct mimo_plan_module *plan;
    struct mimo_compute compute;
    struct mimo_heads heads;
    int64_t hidden, ffn; /* ffn of this rank */
    void *dx;            /* [L, H]: gradient of the residual stream */
    void *rows_a;        /* [R, H] */
    void *rows_b;        /* [R, H]; NULL where rows are never cut */
    void *d_qkv, *d_attention, *d_up;
    struct mimo_attention_scratch attention;
};

extern const struct mimo_layer_ops mimo_pre_norm_ops;

#endif
