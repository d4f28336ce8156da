/*
 * attention.h - attention of a layer over the rows of a pass, and over keys and values that are
 * kept where sequences are continued token by token.
 *
 * q, k and v of a row lie side by side: this rank's heads of q, then its groups of k and of v.
 */
#ifndef MIMO_RUNTIME_MODEL_ATTENTION_H
#define MIMO_RUNTIME_MODEL_ATTENTION_H

#include "runtime/model/layer.h"

/* The heads of this rank. */
struct mimo_heads {
    int64_t heads, groups, head_dim;
    bool is_causal;
};

/* Elements of a row of q, k and v. */
static inline int64_t mimo_heads_width(const struct mimo_heads *heads)
{
    return (heads->heads + 2 * heads->groups) * heads->head_dim;
}

/* Keys and values of sequences that are continued. */
struct mimo_keys {
    int64_t capacity; /* tokens of each sequence */
    void **layers; /* [layers of the module]: [batch, capacity, 2 * groups * head_dim] each, keys,
                      then values; NULL on other stages */
};

/* From layer->qkv to layer->attention, with layer->lse for backward. A pass with keys puts its own
 * there first. `workspace` has mimo_attention_workspace() elements. */
void mimo_attend(const struct mimo_compute *compute, const struct mimo_heads *heads,
                 const struct mimo_layer_pass *pass, uint32_t layer, struct mimo_saved_layer *saved,
                 void *workspace);

/* d_qkv[R, width], complete, from d_attention[R, heads * head_dim]. */
void mimo_attend_backward(const struct mimo_compute *compute, const struct mimo_heads *heads,
                          const struct mimo_layer_pass *pass, const struct mimo_saved_layer *saved,
                          void *d_qkv, const void *d_attention, void *workspace);

#endif
