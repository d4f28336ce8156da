/*
 * tensors.h - every tensor of a module's pass over a micro-step, with its shape on one rank.
 *
 * A row of a table is X(tensor, rows, columns, bytes of an element), written in the sizes `s`
 * (const struct mimo_sizes *, sizes.h). memory.c adds the tables up; the model code takes its
 * tensors from the arenas by the same rows, into members of the same names. So a shape is written
 * once, and what a plan predicts is what a run holds. docs/cost.md explains the terms.
 *
 * R = rows, L = held, H = hidden; heads, groups, ffn and vocab are the rank's shares.
 */
#ifndef MIMO_PLAN_TENSORS_H
#define MIMO_PLAN_TENSORS_H

#include "plan/sizes.h"

/* ---- kept from forward to backward: one layer ---- */

/* The residual stream in front of the layer: all that is kept of a layer that is recomputed. */
#define MIMO_LAYER_INPUT(X, s) X(x, (s)->held, (s)->hidden, (s)->element)

/* llama: norm, q k v (rotated), attention, its log-sum-exp, the stream between the halves, norm. */
#define MIMO_LLAMA_ATTENTION(X, s)                                                                 \
    MIMO_LAYER_INPUT(X, s)                                                                         \
    X(rstd1, (s)->held, 1, (s)->wide)                                                              \
    X(n1, (s)->rows, (s)->hidden, (s)->element)                                                    \
    X(qkv, (s)->rows, (s)->width, (s)->element)                                                    \
    X(attention, (s)->rows, (s)->q_width, (s)->element)                                            \
    X(lse, (s)->rows, (s)->heads, (s)->wide)                                                       \
    X(x_middle, (s)->held, (s)->hidden, (s)->element)                                              \
    X(rstd2, (s)->held, 1, (s)->wide)                                                              \
    X(n2, (s)->rows, (s)->hidden, (s)->element)

/* llama, a dense layer: the gate and up products side by side, and their SwiGLU. */
#define MIMO_LLAMA_FFN(X, s)                                                                       \
    X(up, (s)->rows, 2 * (s)->ffn, (s)->element)                                                   \
    X(act, (s)->rows, (s)->ffn, (s)->element)

/* llama, a layer of experts: what the router made of the rows that this rank sends out (its
 * probabilities, choices with their weights, and their places among the rows sent, which come back
 * to the same; of these the rows they were), the gradient that the balance loss has of a sample's
 * probabilities, what the experts here were sent, and what came back. */
#define MIMO_LLAMA_EXPERTS(X, s)                                                                   \
    X(probabilities, (s)->routed, (s)->experts, (s)->wide)                                         \
    X(choices, (s)->routed, (s)->top_k, sizeof(int32_t))                                           \
    X(weights, (s)->routed, (s)->top_k, (s)->wide)                                                 \
    X(places, (s)->routed, (s)->top_k, sizeof(int32_t))                                            \
    X(senders, (s)->routed, (s)->top_k, sizeof(int32_t))                                           \
    X(balance, (s)->samples, (s)->experts, (s)->wide)                                              \
    X(in, (s)->expert_rows, (s)->hidden, (s)->element)                                             \
    X(gate_up, (s)->expert_rows, 2 * (s)->expert_ffn, (s)->element)                                \
    X(act, (s)->expert_rows, (s)->expert_ffn, (s)->element)                                        \
    X(returned, (s)->routed, (s)->spread_width, (s)->element)

/* clip_vit and gpt: LayerNorm has a mean besides, and one product instead of two is activated. */
#define MIMO_VIT_LAYER(X, s)                                                                       \
    MIMO_LAYER_INPUT(X, s)                                                                         \
    X(mean1, (s)->held, 1, (s)->wide)                                                              \
    X(rstd1, (s)->held, 1, (s)->wide)                                                              \
    X(n1, (s)->rows, (s)->hidden, (s)->element)                                                    \
    X(qkv, (s)->rows, (s)->width, (s)->element)                                                    \
    X(attention, (s)->rows, (s)->q_width, (s)->element)                                            \
    X(lse, (s)->rows, (s)->heads, (s)->wide)                                                       \
    X(x_middle, (s)->held, (s)->hidden, (s)->element)                                              \
    X(mean2, (s)->held, 1, (s)->wide)                                                              \
    X(rstd2, (s)->held, 1, (s)->wide)                                                              \
    X(n2, (s)->rows, (s)->hidden, (s)->element)                                                    \
    X(up, (s)->rows, (s)->ffn, (s)->element)                                                       \
    X(act, (s)->rows, (s)->ffn, (s)->element)

/* ---- kept from forward to backward: around the layers of a stage ---- */

/* Of any stage of the language model: the stream behind its last layer, positions of the rows. */
#define MIMO_LANGUAGE_STAGE(X, s)                                                                  \
    X(x_out, (s)->held, (s)->hidden, (s)->element)                                                 \
    X(positions, (s)->rows, 1, sizeof(int32_t))

/* Of any stage of one with experts: the sample of each row, none of padding. */
#define MIMO_LANGUAGE_EXPERTS(X, s) X(samples, (s)->rows, 1, sizeof(int32_t))

/* Of the first stage. */
#define MIMO_LANGUAGE_INPUT(X, s)   X(ids, (s)->rows, 1, sizeof(int32_t))

/* Of the last stage: the final norm, the rows of it that have a target, and their gradients. Every
 * row may have one. */
#define MIMO_LANGUAGE_OUTPUT(X, s)                                                                 \
    X(statistics, (s)->held, (s)->statistics, (s)->wide)                                           \
    X(normed, (s)->held, (s)->hidden, (s)->element)                                                \
    X(targets, (s)->rows, (s)->hidden, (s)->element)                                               \
    X(d_targets, (s)->rows, (s)->hidden, (s)->element)                                             \
    X(target_rows, (s)->rows, 1, sizeof(int32_t))                                                  \
    X(labels, (s)->rows, 1, sizeof(int32_t))

/* An encoder's first stage: the patches, their embedding, the statistics of the norm on it. */
#define MIMO_VIT_INPUT(X, s)                                                                       \
    X(patches, (s)->patch_rows, (s)->patch_width, (s)->element)                                    \
    X(embedded, (s)->rows, (s)->hidden, (s)->element)                                              \
    X(mean0, (s)->rows, 1, (s)->wide)                                                              \
    X(rstd0, (s)->rows, 1, (s)->wide)

/* Any stage of an encoder. */
#define MIMO_VIT_STAGE(X, s)  X(x_out, (s)->rows, (s)->hidden, (s)->element)

/* Its last stage: the rows that go on, without the class token unless it is kept. The projector's
 * tensors follow (memory.c): before and behind each activation, [features, its layer's share]. */
#define MIMO_VIT_OUTPUT(X, s) X(features, (s)->features, (s)->hidden, (s)->element)

/* ---- scratch, good within one call ---- */

/* Of the language model: gradients of the stream and of what lies within a layer, and room for
 * products that are summed over the tensor-parallel group. */
#define MIMO_LANGUAGE_SCRATCH(X, s)                                                                \
    X(dx, (s)->held, (s)->hidden, (s)->element)                                                    \
    X(rows_a, (s)->rows, (s)->hidden, (s)->element)                                                \
    X(rows_b, (s)->rows, (s)->hidden, (s)->element)                                                \
    X(d_qkv, (s)->rows, (s)->width, (s)->element)                                                  \
    X(d_attention, (s)->rows, (s)->q_width, (s)->element)

/* Of any module's attention. */
#define MIMO_ATTENTION_SCRATCH(X, s) X(workspace, (s)->workspace, 1, 1)

/* Under context parallelism, too: keys and values of the block at hand and of the one that comes,
 * the same of their gradients, and what attention to one block gives. */
#define MIMO_CONTEXT_SCRATCH(X, s)                                                                 \
    X(keys_a, (s)->rows, 2 * (s)->kv_width, (s)->element)                                          \
    X(keys_b, (s)->rows, 2 * (s)->kv_width, (s)->element)                                          \
    X(d_keys_a, (s)->rows, 2 * (s)->kv_width, (s)->wide)                                           \
    X(d_keys_b, (s)->rows, 2 * (s)->kv_width, (s)->wide)                                           \
    X(part, (s)->rows, (s)->width, (s)->element)                                                   \
    X(part_lse, (s)->rows, (s)->heads, (s)->wide)                                                  \
    X(d_block, (s)->rows, 2 * (s)->kv_width, (s)->element)

/* llama: cos and sin of each position's angles. */
#define MIMO_LLAMA_SCRATCH(X, s) X(rotary_table, (s)->positions, (s)->rotary_width, (s)->wide)

/* llama with dense layers: gradients of their feed-forward. */
#define MIMO_LLAMA_FFN_SCRATCH(X, s)                                                               \
    X(d_gate_up, (s)->rows, 2 * (s)->ffn, (s)->element)                                            \
    X(d_act, (s)->rows, (s)->ffn, (s)->element)

/* llama with experts: the router's logits and their gradients, gradients of the weights, how often
 * each sample's rows chose an expert and with what probability; rows on their way out or gradients
 * on their way back, what arrives, in what order the experts take it, what they make of it (or its
 * gradient), the gradient within. */
#define MIMO_EXPERT_SCRATCH(X, s)                                                                  \
    X(logits, (s)->routed, (s)->experts, (s)->element)                                             \
    X(d_weights, (s)->routed, (s)->top_k, (s)->wide)                                               \
    X(balance_sums, (s)->samples, 2 * (s)->experts, (s)->wide)                                     \
    X(sent, (s)->routed, (s)->spread_width, (s)->element)                                          \
    X(arrived, (s)->expert_rows, (s)->hidden, (s)->element)                                        \
    X(order, (s)->expert_rows, 1, sizeof(int32_t))                                                 \
    X(out, (s)->expert_rows, (s)->hidden, (s)->element)                                            \
    X(d_act, (s)->expert_rows, (s)->expert_ffn, (s)->element)

/* gpt */
#define MIMO_GPT_SCRATCH(X, s) X(d_up, (s)->rows, (s)->ffn, (s)->element)

/* The last stage of the language model: logits of a chunk of the targets (a rank without a share of
 * the vocabulary holds one column all the same), their maximum and sums, the losses. */
#define MIMO_HEAD_SCRATCH(X, s)                                                                    \
    X(logits, (s)->chunk, (s)->vocab > 0 ? (s)->vocab : 1, (s)->element)                           \
    X(maximum, (s)->chunk, 1, (s)->wide)                                                           \
    X(sums, (s)->chunk, 2, (s)->wide)                                                              \
    X(losses, (s)->rows, 1, (s)->wide)

/* An encoder. The two gradients of its projector follow: [features, widest share]. */
#define MIMO_VIT_SCRATCH(X, s)                                                                     \
    X(pixels, (s)->images, (s)->image_bytes, 1)                                                    \
    X(dx, (s)->rows, (s)->hidden, (s)->element)                                                    \
    X(rows_a, (s)->rows, (s)->hidden, (s)->element)                                                \
    X(d_qkv, (s)->rows, (s)->width, (s)->element)                                                  \
    X(d_attention, (s)->rows, (s)->q_width, (s)->element)                                          \
    X(d_up, (s)->rows, (s)->ffn, (s)->element)                                                     \
    X(features_gradient, (s)->features, (s)->hidden, (s)->element)

/* ---- generation ---- */

/* Of any rank of the language model, one row a sequence: the stream behind its layers, token ids,
 * positions. */
#define MIMO_DECODE_STAGE(X, s)                                                                    \
    X(x_out, (s)->rows, (s)->hidden, (s)->element)                                                 \
    X(ids, (s)->rows, 1, sizeof(int32_t))                                                          \
    X(positions, (s)->rows, 1, sizeof(int32_t))

/* Of one that has the last stage: the final norm, the logits of all tensor-parallel ranks. */
#define MIMO_DECODE_OUTPUT(X, s, vocab_size)                                                       \
    X(statistics, (s)->rows, (s)->statistics, (s)->wide)                                           \
    X(normed, (s)->rows, (s)->hidden, (s)->element)                                                \
    X(shards, (s)->rows, vocab_size, (s)->element)

#endif
