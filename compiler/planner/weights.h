/*
 * weights.h - which weights each architecture has, as tables: slot, shape, how it is cut, what it
 * is for, and its name in a Hugging Face folder. parameters.c turns them into section PARM.
 */
#ifndef MIMO_COMPILER_PLANNER_WEIGHTS_H
#define MIMO_COMPILER_PLANNER_WEIGHTS_H

#include "plan/format.h"

/* The sizes that shapes are made of. */
enum mimo_extent {
    MIMO_EXTENT_NONE,
    MIMO_EXTENT_HIDDEN,
    MIMO_EXTENT_VOCAB,
    MIMO_EXTENT_QUERY, /* num_attention_heads * head_dim */
    MIMO_EXTENT_KEY,   /* num_query_groups * head_dim */
    MIMO_EXTENT_FFN,
    MIMO_EXTENT_CHANNELS,
    MIMO_EXTENT_PATCH,
    MIMO_EXTENT_POSITIONS,
    MIMO_EXTENT_EXPERTS,
    MIMO_EXTENT_EXPERT_FFN,
};

/* How a weight is cut over the ranks of a tensor-parallel group. */
enum mimo_cutting {
    MIMO_CUTTING_WHOLE,
    MIMO_CUTTING_HEADS,        /* the first dimension, between heads */
    MIMO_CUTTING_GROUPS,       /* the first dimension, between query groups */
    MIMO_CUTTING_ROWS,         /* the first dimension, anywhere */
    MIMO_CUTTING_HEAD_COLUMNS, /* the second dimension, between heads */
    MIMO_CUTTING_COLUMNS,      /* the second dimension, anywhere */
};

/* What a weight is for: how it starts, and whether it decays. */
enum mimo_use {
    MIMO_USE_MATRIX,
    MIMO_USE_RESIDUAL, /* a matrix that writes to the residual stream */
    MIMO_USE_TABLE,    /* looked up, not multiplied */
    MIMO_USE_SCALE,
    MIMO_USE_BIAS,
};

enum mimo_weight_flags {
    MIMO_WEIGHT_FOLLOWS = 1,      /* one fused matrix with the weight before it */
    MIMO_WEIGHT_QKV_BIAS = 2,     /* only where has_qkv_bias */
    MIMO_WEIGHT_DENSE = 4,        /* only in layers without experts */
    MIMO_WEIGHT_WITH_EXPERTS = 8, /* only in layers with experts */
};

struct mimo_weight {
    enum mimo_slot slot;
    enum mimo_extent shape[4];
    enum mimo_cutting cutting;
    enum mimo_use use;
    unsigned flags;   /* of enum mimo_weight_flags */
    const char *name; /* NULL ends a list */
};

/* The weights of an architecture, in forward order. */
struct mimo_family {
    const struct mimo_weight *first;  /* of the first stage */
    const struct mimo_weight *layer;  /* of a layer */
    const struct mimo_weight *expert; /* of an expert of a layer, behind the layer's */
    const struct mimo_weight *last;   /* of the last stage */
    const char *layer_prefix;         /* "model.layers" */
    const char *expert_prefix;        /* "block_sparse_moe.experts" */
};

/* Of a module's architecture (not of a projector's). */
const struct mimo_family *mimo_family_of(uint32_t architecture);

#endif
