/*
 * gpt.h - a GPT-2-shaped language model (Radford et al. 2019): pre-LayerNorm layers
 * (pre_norm_layer.h) that look backwards, a LayerNorm behind them. Its learned positions are
 * language.h's.
 */
#ifndef MIMO_RUNTIME_MODEL_GPT_H
#define MIMO_RUNTIME_MODEL_GPT_H

#include "runtime/model/language.h"
#include "runtime/model/pre_norm_layer.h"

struct mimo_gpt {
    struct mimo_language base;
    struct mimo_pre_norm layers;
    void *d_up; /* scratch: [R, ffn] */
};

extern const struct mimo_language_ops mimo_gpt_ops;

#endif
