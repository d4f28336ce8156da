/*
 * sizes.h - what one module computes with on one rank: bytes of an element, rows of a micro-step,
 * this rank's shares of heads, feed-forward and vocabulary. Pure functions of the plan.
 *
 * The tables of tensors.h are written in these sizes. Products saturate (tally.h).
 */
#ifndef MIMO_PLAN_SIZES_H
#define MIMO_PLAN_SIZES_H

#include "plan/grid.h"
#include "plan/plan.h"

#include <stdbool.h>

/* Bytes of one element. */
struct mimo_element_sizes {
    uint64_t element; /* of weights and activations: what is computed in */
    uint64_t wide;    /* of gradients, moments and the statistics of a row: float32 under bf16 */
    uint64_t
        master; /* of the copy of a weight that the optimizer keeps: float32 under bf16, else 0 */
};

struct mimo_element_sizes mimo_element_sizes_of(enum mimo_precision precision);

/* Sizes that do not apply (an encoder's vocabulary) are 0. */
struct mimo_sizes {
    uint64_t element, wide; /* bytes, as above */
    uint64_t rows;          /* R: token rows of a micro-step of one replica, context share */
    uint64_t held; /* L: those between the tensor-parallel products; R / tp, rounded up, if cut */
    uint64_t hidden;
    uint64_t statistics;         /* that a norm keeps of a row: 1 (RMSNorm) or 2 (LayerNorm) */
    uint64_t heads, groups, ffn; /* this rank's shares */
    uint64_t q_width, kv_width, width; /* heads and groups * head_dim; q, k and v side by side */
    uint64_t sequence;  /* tokens of a sequence or an image that learns: keys a query may see */
    uint64_t workspace; /* bytes of attention, on any backend */
    /* language model */
    uint64_t vocab;        /* this rank's share */
    uint64_t positions;    /* the longest sequence, generated ones included */
    uint64_t rotary_width; /* of a position's angles: head_dim */
    uint64_t chunk;        /* rows whose logits are held at once */
    /* experts: those of a layer, of which each row goes to top_k; the share of one; rows that this
     * rank sends out (tensor ranks with equal rows share them out), and rows that its experts take
     * at once; of a row as often as it is sent, top_k * hidden; samples of the replica */
    uint64_t experts, top_k, expert_ffn, routed, expert_rows, spread_width, samples;
    /* encoder: rows are images times the largest share of one that a context-parallel rank has */
    uint64_t images;      /* at most, in a micro-step of one replica */
    uint64_t image_bytes; /* size² * channels */
    uint64_t patch_rows, patch_width;
    uint64_t features; /* rows that go on */
};

/* Of `module` at the coordinate `at` there: of it only the tensor-parallel ranks matter. */
struct mimo_sizes mimo_sizes_of(const struct mimo_plan *plan, uint32_t module,
                                const struct mimo_coordinate *at);

/* The same for generation token by token, which has one row for each of `sequences`. */
void mimo_sizes_set_step(struct mimo_sizes *sizes, const struct mimo_plan_module *module,
                         uint64_t sequences);

/* What of each image a context-parallel rank of an encoder holds: nearly equal pieces of its
 * tokens, of which the first is the class token and the others are the patches. */
struct mimo_image_share {
    uint32_t token_first, tokens;     /* of 1 + patches */
    uint32_t patch_first, patches;    /* those of its tokens that are patches */
    uint32_t feature_first, features; /* those that go on, of image_tokens */
};
struct mimo_image_share mimo_image_share_of(const struct mimo_plan_module *encoder,
                                            uint32_t cp_rank);

/* The most rows of bridge `edge` in a micro-step at the larger of its ends that a rank holds: every
 * sample of a replica has as many images as may be. */
uint64_t mimo_bridge_rows_max(const struct mimo_plan *plan, uint32_t edge, bool holds_source,
                              bool holds_destination);

/* What a step adds up in float64: the loss, whether a signal came, the squared gradient norm of
 * each module; behind these, where there are experts, the balance loss. */
enum { MIMO_SUM_LOSS, MIMO_SUM_SIGNALS, MIMO_SUM_MODULES };
uint64_t mimo_step_sums(const struct mimo_plan *plan);

/* True where the language model has layers with experts. */
bool mimo_has_experts(const struct mimo_plan *plan);

/* The longest sequence of the language model: generation may go beyond sequence_length. */
uint32_t mimo_positions_max(const struct mimo_plan *plan);

/* How many rows' logits (`vocab` of `element` bytes each) are held at once: as many as 64 MiB take,
 * at least 16, and no more than there are rows. */
uint64_t mimo_logits_chunk(uint64_t rows, uint64_t vocab, uint64_t element);

/* On CPUs attention works in blocks of this many queries and keys, and a call wants as many
 * elements of the wide type: keys, values and sums of a block, [block, head_dim] each, and two
 * blocks of scores. Where tensors are narrower than that (bf16), three more blocks hold widened
 * rows, and [keys, head_dim] twice the gradients of keys and values while they are added up. On
 * GPUs it wants one for each row and head. A plan leaves room for either. */
#define MIMO_ATTENTION_BLOCK 64
uint64_t mimo_attention_workspace(uint64_t head_dim, uint64_t keys, bool is_narrow);

/* What tensor-parallel rank `tp_rank` of `tp` holds of a projector's layer with this weight. */
struct mimo_projector_share {
    uint64_t in, out;
};
struct mimo_projector_share mimo_projector_share_of(const struct mimo_plan_parameter *weight,
                                                    uint32_t tp_rank, uint32_t tp);

/* How many of `count` layers from `first` on have experts. */
uint32_t mimo_expert_layers(const struct mimo_plan_module *module, uint32_t first, uint32_t count);

/* What layers there are among some: with a dense feed-forward part, with experts in its place. */
struct mimo_layer_kinds {
    bool dense, sparse;
};

/* Among `count` layers of the module from `first` on. */
struct mimo_layer_kinds mimo_layer_kinds_of(const struct mimo_plan_module *module, uint32_t first,
                                            uint32_t count);

#endif
