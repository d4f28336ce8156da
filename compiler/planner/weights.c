#include "compiler/planner/weights.h"

#include "plan/error.h"

#include <stddef.h>

/* Short names for the tables. */
#define HIDDEN       MIMO_EXTENT_HIDDEN
#define VOCAB        MIMO_EXTENT_VOCAB
#define QUERY        MIMO_EXTENT_QUERY
#define KEY          MIMO_EXTENT_KEY
#define FFN          MIMO_EXTENT_FFN
#define CHANNELS     MIMO_EXTENT_CHANNELS
#define PATCH        MIMO_EXTENT_PATCH
#define POSITIONS    MIMO_EXTENT_POSITIONS
#define EXPERTS      MIMO_EXTENT_EXPERTS
#define EXPERT_FFN   MIMO_EXTENT_EXPERT_FFN
#define WHOLE        MIMO_CUTTING_WHOLE
#define HEADS        MIMO_CUTTING_HEADS
#define GROUPS       MIMO_CUTTING_GROUPS
#define ROWS         MIMO_CUTTING_ROWS
#define HEAD_COLUMNS MIMO_CUTTING_HEAD_COLUMNS
#define COLUMNS      MIMO_CUTTING_COLUMNS
#define MATRIX       MIMO_USE_MATRIX
#define RESIDUAL     MIMO_USE_RESIDUAL
#define TABLE        MIMO_USE_TABLE
#define SCALE        MIMO_USE_SCALE
#define BIAS         MIMO_USE_BIAS
#define FOLLOWS      MIMO_WEIGHT_FOLLOWS
#define QKV_BIAS     MIMO_WEIGHT_QKV_BIAS
#define DENSE        MIMO_WEIGHT_DENSE
#define WITH_EXPERTS MIMO_WEIGHT_WITH_EXPERTS
/* clang-format off */
static const struct mimo_weight llama_first[] = {
    {MIMO_SLOT_TOKEN_EMBEDDING, {VOCAB, HIDDEN}, ROWS, TABLE, 0, "model.embed_tokens.weight"},
    {0},
};

static const struct mimo_weight llama_layer[] = {
    {MIMO_SLOT_INPUT_NORM_WEIGHT, {HIDDEN}, WHOLE, SCALE, 0, "input_layernorm.weight"},
    {MIMO_SLOT_Q_WEIGHT, {QUERY, HIDDEN}, HEADS, MATRIX, 0, "self_attn.q_proj.weight"},
    {MIMO_SLOT_K_WEIGHT, {KEY, HIDDEN}, GROUPS, MATRIX, FOLLOWS, "self_attn.k_proj.weight"},
    {MIMO_SLOT_V_WEIGHT, {KEY, HIDDEN}, GROUPS, MATRIX, FOLLOWS, "self_attn.v_proj.weight"},
    {MIMO_SLOT_Q_BIAS, {QUERY}, HEADS, BIAS, QKV_BIAS, "self_attn.q_proj.bias"},
    {MIMO_SLOT_K_BIAS, {KEY}, GROUPS, BIAS, QKV_BIAS | FOLLOWS, "self_attn.k_proj.bias"},
    {MIMO_SLOT_V_BIAS, {KEY}, GROUPS, BIAS, QKV_BIAS | FOLLOWS, "self_attn.v_proj.bias"},
    {MIMO_SLOT_O_WEIGHT, {HIDDEN, QUERY}, HEAD_COLUMNS, RESIDUAL, 0, "self_attn.o_proj.weight"},
    {MIMO_SLOT_POST_NORM_WEIGHT, {HIDDEN}, WHOLE, SCALE, 0, "post_attention_layernorm.weight"},
    {MIMO_SLOT_GATE_WEIGHT, {FFN, HIDDEN}, ROWS, MATRIX, DENSE, "mlp.gate_proj.weight"},
    {MIMO_SLOT_UP_WEIGHT, {FFN, HIDDEN}, ROWS, MATRIX, DENSE | FOLLOWS, "mlp.up_proj.weight"},
    {MIMO_SLOT_DOWN_WEIGHT, {HIDDEN, FFN}, COLUMNS, RESIDUAL, DENSE, "mlp.down_proj.weight"},
    {MIMO_SLOT_ROUTER_WEIGHT, {EXPERTS, HIDDEN}, WHOLE, MATRIX, WITH_EXPERTS,
     "block_sparse_moe.gate.weight"},
    {0},
};

/* As Mixtral's folders name them. */
static const struct mimo_weight llama_expert[] = {
    {MIMO_SLOT_EXPERT_GATE_WEIGHT, {EXPERT_FFN, HIDDEN}, ROWS, MATRIX, 0, "w1.weight"},
    {MIMO_SLOT_EXPERT_UP_WEIGHT, {EXPERT_FFN, HIDDEN}, ROWS, MATRIX, FOLLOWS, "w3.weight"},
    {MIMO_SLOT_EXPERT_DOWN_WEIGHT, {HIDDEN, EXPERT_FFN}, COLUMNS, RESIDUAL, 0, "w2.weight"},
    {0},
};

static const struct mimo_weight llama_last[] = {
    {MIMO_SLOT_FINAL_NORM, {HIDDEN}, WHOLE, SCALE, 0, "model.norm.weight"},
    {MIMO_SLOT_HEAD, {VOCAB, HIDDEN}, ROWS, MATRIX, 0, "lm_head.weight"},
    {0},
};

static const struct mimo_weight gpt_first[] = {
    {MIMO_SLOT_TOKEN_EMBEDDING, {VOCAB, HIDDEN}, ROWS, TABLE, 0, "transformer.wte.weight"},
    {MIMO_SLOT_POSITION_EMBEDDING, {POSITIONS, HIDDEN}, WHOLE, TABLE, 0, "transformer.wpe.weight"},
    {0},
};

static const struct mimo_weight gpt_layer[] = {
    {MIMO_SLOT_INPUT_NORM_WEIGHT, {HIDDEN}, WHOLE, SCALE, 0, "ln_1.weight"},
    {MIMO_SLOT_INPUT_NORM_BIAS, {HIDDEN}, WHOLE, BIAS, 0, "ln_1.bias"},
    {MIMO_SLOT_Q_WEIGHT, {QUERY, HIDDEN}, HEADS, MATRIX, 0, "attn.q.weight"},
    {MIMO_SLOT_K_WEIGHT, {KEY, HIDDEN}, GROUPS, MATRIX, FOLLOWS, "attn.k.weight"},
    {MIMO_SLOT_V_WEIGHT, {KEY, HIDDEN}, GROUPS, MATRIX, FOLLOWS, "attn.v.weight"},
    {MIMO_SLOT_Q_BIAS, {QUERY}, HEADS, BIAS, 0, "attn.q.bias"},
    {MIMO_SLOT_K_BIAS, {KEY}, GROUPS, BIAS, FOLLOWS, "attn.k.bias"},
    {MIMO_SLOT_V_BIAS, {KEY}, GROUPS, BIAS, FOLLOWS, "attn.v.bias"},
    {MIMO_SLOT_O_WEIGHT, {HIDDEN, QUERY}, HEAD_COLUMNS, RESIDUAL, 0, "attn.c_proj.weight"},
    {MIMO_SLOT_O_BIAS, {HIDDEN}, WHOLE, BIAS, 0, "attn.c_proj.bias"},
    {MIMO_SLOT_POST_NORM_WEIGHT, {HIDDEN}, WHOLE, SCALE, 0, "ln_2.weight"},
    {MIMO_SLOT_POST_NORM_BIAS, {HIDDEN}, WHOLE, BIAS, 0, "ln_2.bias"},
    {MIMO_SLOT_UP_WEIGHT, {FFN, HIDDEN}, ROWS, MATRIX, 0, "mlp.c_fc.weight"},
    {MIMO_SLOT_UP_BIAS, {FFN}, ROWS, BIAS, 0, "mlp.c_fc.bias"},
    {MIMO_SLOT_DOWN_WEIGHT, {HIDDEN, FFN}, COLUMNS, RESIDUAL, 0, "mlp.c_proj.weight"},
    {MIMO_SLOT_DOWN_BIAS, {HIDDEN}, WHOLE, BIAS, 0, "mlp.c_proj.bias"},
    {0},
};

static const struct mimo_weight gpt_last[] = {
    {MIMO_SLOT_FINAL_NORM, {HIDDEN}, WHOLE, SCALE, 0, "transformer.ln_f.weight"},
    {MIMO_SLOT_FINAL_NORM_BIAS, {HIDDEN}, WHOLE, BIAS, 0, "transformer.ln_f.bias"},
    {MIMO_SLOT_HEAD, {VOCAB, HIDDEN}, ROWS, MATRIX, 0, "lm_head.weight"},
    {0},
};

/* "pre_layrnorm" is how Hugging Face spells it. */
static const struct mimo_weight clip_first[] = {
    {MIMO_SLOT_CLASS_EMBEDDING, {HIDDEN}, WHOLE, TABLE, 0,
     "vision_model.embeddings.class_embedding"},
    {MIMO_SLOT_PATCH_EMBEDDING, {HIDDEN, CHANNELS, PATCH, PATCH}, WHOLE, MATRIX, 0,
     "vision_model.embeddings.patch_embedding.weight"},
    {MIMO_SLOT_POSITION_EMBEDDING, {POSITIONS, HIDDEN}, WHOLE, TABLE, 0,
     "vision_model.embeddings.position_embedding.weight"},
    {MIMO_SLOT_PRE_NORM_WEIGHT, {HIDDEN}, WHOLE, SCALE, 0, "vision_model.pre_layrnorm.weight"},
    {MIMO_SLOT_PRE_NORM_BIAS, {HIDDEN}, WHOLE, BIAS, 0, "vision_model.pre_layrnorm.bias"},
    {0},
};

static const struct mimo_weight clip_layer[] = {
    {MIMO_SLOT_INPUT_NORM_WEIGHT, {HIDDEN}, WHOLE, SCALE, 0, "layer_norm1.weight"},
    {MIMO_SLOT_INPUT_NORM_BIAS, {HIDDEN}, WHOLE, BIAS, 0, "layer_norm1.bias"},
    {MIMO_SLOT_Q_WEIGHT, {QUERY, HIDDEN}, HEADS, MATRIX, 0, "self_attn.q_proj.weight"},
    {MIMO_SLOT_K_WEIGHT, {KEY, HIDDEN}, GROUPS, MATRIX, FOLLOWS, "self_attn.k_proj.weight"},
    {MIMO_SLOT_V_WEIGHT, {KEY, HIDDEN}, GROUPS, MATRIX, FOLLOWS, "self_attn.v_proj.weight"},
    {MIMO_SLOT_Q_BIAS, {QUERY}, HEADS, BIAS, 0, "self_attn.q_proj.bias"},
    {MIMO_SLOT_K_BIAS, {KEY}, GROUPS, BIAS, FOLLOWS, "self_attn.k_proj.bias"},
    {MIMO_SLOT_V_BIAS, {KEY}, GROUPS, BIAS, FOLLOWS, "self_attn.v_proj.bias"},
    {MIMO_SLOT_O_WEIGHT, {HIDDEN, QUERY}, HEAD_COLUMNS, RESIDUAL, 0, "self_attn.out_proj.weight"},
    {MIMO_SLOT_O_BIAS, {HIDDEN}, WHOLE, BIAS, 0, "self_attn.out_proj.bias"},
    {MIMO_SLOT_POST_NORM_WEIGHT, {HIDDEN}, WHOLE, SCALE, 0, "layer_norm2.weight"},
    {MIMO_SLOT_POST_NORM_BIAS, {HIDDEN}, WHOLE, BIAS, 0, "layer_norm2.bias"},
    {MIMO_SLOT_UP_WEIGHT, {FFN, HIDDEN}, ROWS, MATRIX, 0, "mlp.fc1.weight"},
    {MIMO_SLOT_UP_BIAS, {FFN}, ROWS, BIAS, 0, "mlp.fc1.bias"},
    {MIMO_SLOT_DOWN_WEIGHT, {HIDDEN, FFN}, COLUMNS, RESIDUAL, 0, "mlp.fc2.weight"},
    {MIMO_SLOT_DOWN_BIAS, {HIDDEN}, WHOLE, BIAS, 0, "mlp.fc2.bias"},
    {0},
};
/* clang-format on */

static const struct mimo_weight nothing[] = {{0}};

static const struct mimo_family families[MIMO_ARCHITECTURE_COUNT] = {
    [MIMO_ARCHITECTURE_LLAMA] = {llama_first, llama_layer, llama_expert, llama_last, "model.layers",
                                 "block_sparse_moe.experts"},
    [MIMO_ARCHITECTURE_GPT] = {gpt_first, gpt_layer, nothing, gpt_last, "transformer.h", ""},
    [MIMO_ARCHITECTURE_CLIP_VIT] = {clip_first, clip_layer, nothing, nothing,
                                    "vision_model.encoder.layers", ""},
};

const struct mimo_family *mimo_family_of(uint32_t architecture)
{
    MIMO_ASSERT(architecture < MIMO_ARCHITECTURE_COUNT && families[architecture].first != NULL);
    return &families[architecture];
}
