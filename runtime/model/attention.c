#include "plan/tensors.h"
#include "runtime/model/attention_parts.h"

#include <math.h>

void mimo_attention_scratch_take(struct mimo_attention_scratch *scratch,
                                 const struct mimo_sizes *sizes, bool is_cut,
                                 struct mimo_tensor_arena *arena)
{
    *scratch = (struct mimo_attention_scratch){0};
#define TAKE(name, rows, columns, element)                                                         \
    scratch->name = mimo_tensor_take(arena, (rows), (columns), (element));
    MIMO_ATTENTION_SCRATCH(TAKE, sizes)
    if (is_cut) {
        MIMO_CONTEXT_SCRATCH(TAKE, sizes)
    }
#undef TAKE
}

struct mimo_qkv mimo_qkv_of(const struct mimo_compute *compute, const struct mimo_heads *heads,
                            void *qkv)
{
    const size_t head = (size_t)heads->head_dim * compute->be->element_size;
    char *const k = (char *)qkv + (size_t)heads->heads * head;

    return (struct mimo_qkv){qkv, k, mimo_values_of(compute, heads, k)};
}

struct mimo_attention mimo_attention_shape(const struct mimo_heads *heads,
                                           const struct mimo_layer_pass *pass)
{
    const int64_t width = mimo_heads_width(heads);

    return (struct mimo_attention){
        .batch = pass->batch,
        .queries = pass->length,
        .keys = pass->length,
        .query_pitch = pass->length,
        .key_pitch = pass->length,
        .heads = heads->heads,
        .groups = heads->groups,
        .head_dim = heads->head_dim,
        .q_stride = width,
        .k_stride = width,
        .v_stride = width,
        .out_stride = heads->heads * heads->head_dim,
        .is_causal = heads->is_causal,
        .scale = 1.0 / sqrt((double)heads->head_dim),
    };
}

enum mimo_status mimo_attend(const struct mimo_compute *compute, const struct mimo_heads *heads,
                             const struct mimo_layer_pass *pass, uint32_t layer,
                             struct mimo_saved_layer *saved,
                             const struct mimo_attention_scratch *scratch, struct mimo_error *err)
{
    struct mimo_backend *be = compute->be;
    const struct mimo_attention shape = mimo_attention_shape(heads, pass);
    const struct mimo_qkv parts = mimo_qkv_of(compute, heads, saved->qkv);

    if (pass->lengths != NULL) {
        mimo_keys_attend(compute, heads, pass, layer, saved, scratch->workspace);
        return MIMO_OK;
    }
    if (compute->cp != NULL)
        return mimo_ring_attend(compute, heads, pass, layer, saved, scratch, err);
    if (pass->keys != NULL)
        mimo_keys_put(compute, heads, pass, layer, 0, parts.k, shape.k_stride);
    be->ops->attention_forward(be, &shape, saved->attention, saved->lse, parts.q, parts.k, parts.v,
                               scratch->workspace);
    return MIMO_OK;
}

enum mimo_status
mimo_attend_backward(const struct mimo_compute *compute, const struct mimo_heads *heads,
                     const struct mimo_layer_pass *pass, const struct mimo_saved_layer *saved,
                     void *d_qkv, const void *d_attention,
                     const struct mimo_attention_scratch *scratch, struct mimo_error *err)
{
    struct mimo_backend *be = compute->be;
    const struct mimo_attention shape = mimo_attention_shape(heads, pass);
    const struct mimo_qkv parts = mimo_qkv_of(compute, heads, saved->qkv);
    const struct mimo_qkv gradients = mimo_qkv_of(compute, heads, d_qkv);

    if (compute->cp != NULL)
        return mimo_ring_attend_backward(compute, heads, pass, saved, d_qkv, d_attention, scratch,
                                         err);
    be->ops->attention_backward(be, &shape, gradients.q, gradients.k, gradients.v, d_attention,
                                saved->attention, saved->lse, parts.q, parts.k, parts.v,
                                scratch->workspace);
    return MIMO_OK;
}
