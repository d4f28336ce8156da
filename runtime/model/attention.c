#include "runtime/model/attention.h"

#include <math.h>

/* q, k and v in a row, or their gradients. */
struct parts {
    char *q, *k, *v;
};

static struct parts parts_of(const struct mimo_compute *compute, const struct mimo_heads *heads,
                             void *qkv)
{
    const size_t head = (size_t)heads->head_dim * compute->be->element_size;
    char *const k = (char *)qkv + (size_t)heads->heads * head;

    return (struct parts){qkv, k, k + (size_t)heads->groups * head};
}

static struct mimo_attention shape_of(const struct mimo_heads *heads,
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

/* -- keys and values that are kept ------------------------------------------------------------ */

/* Elements of a kept row. */
static int64_t kept_width(const struct mimo_heads *heads)
{
    return 2 * heads->groups * heads->head_dim;
}

static char *kept_row(const struct mimo_compute *compute, const struct mimo_heads *heads,
                      const struct mimo_keys *keys, uint32_t layer, int64_t sequence,
                      int64_t position)
{
    return mimo_row_at(compute, keys->layers[layer], sequence * keys->capacity + position,
                       kept_width(heads));
}

/* Keys and values lie side by side in qkv as they do where they are kept. */
static void keep_rows(const struct mimo_compute *compute, const struct mimo_heads *heads,
                      const struct mimo_layer_pass *pass, uint32_t layer, void *qkv)
{
    struct mimo_backend *be = compute->be;
    const int64_t width = mimo_heads_width(heads);

    for (int64_t b = 0; b < pass->batch; b++) {
        const int64_t first = pass->lengths != NULL ? pass->lengths[b] : 0;
        const struct parts from =
            parts_of(compute, heads, mimo_row_at(compute, qkv, b * pass->length, width));

        be->ops->copy(be, kept_row(compute, heads, pass->keys, layer, b, first), kept_width(heads),
                      from.k, width, pass->length, kept_width(heads));
    }
}

/* One row of sequence `b` sees itself and what is kept. */
static void attend_kept(const struct mimo_compute *compute, const struct mimo_heads *heads,
                        const struct mimo_layer_pass *pass, uint32_t layer,
                        struct mimo_saved_layer *saved, int64_t b, void *workspace)
{
    struct mimo_backend *be = compute->be;
    struct mimo_attention shape = shape_of(heads, pass);
    const char *const keys = kept_row(compute, heads, pass->keys, layer, b, 0);
    const size_t values_at = (size_t)(heads->groups * heads->head_dim) * be->element_size;

    shape.batch = 1;
    shape.keys = pass->lengths[b] + 1;
    shape.key_pitch = pass->keys->capacity;
    shape.k_stride = shape.v_stride = kept_width(heads);
    be->ops->attention_forward(
        be, &shape, mimo_row_at(compute, saved->attention, b, shape.out_stride), saved->lse,
        mimo_row_at(compute, saved->qkv, b, shape.q_stride), keys, keys + values_at, workspace);
}

/* -- attention -------------------------------------------------------------------------------- */

void mimo_attend(const struct mimo_compute *compute, const struct mimo_heads *heads,
                 const struct mimo_layer_pass *pass, uint32_t layer, struct mimo_saved_layer *saved,
                 void *workspace)
{
    struct mimo_backend *be = compute->be;
    const struct mimo_attention shape = shape_of(heads, pass);
    const struct parts parts = parts_of(compute, heads, saved->qkv);

    if (pass->keys != NULL)
        keep_rows(compute, heads, pass, layer, saved->qkv);
    if (pass->lengths == NULL)
        be->ops->attention_forward(be, &shape, saved->attention, saved->lse, parts.q, parts.k,
                                   parts.v, workspace);
    for (int64_t b = 0; pass->lengths != NULL && b < pass->batch; b++)
        attend_kept(compute, heads, pass, layer, saved, b, workspace);
}

void mimo_attend_backward(const struct mimo_compute *compute, const struct mimo_heads *heads,
                          const struct mimo_layer_pass *pass, const struct mimo_saved_layer *saved,
                          void *d_qkv, const void *d_attention, void *workspace)
{
    struct mimo_backend *be = compute->be;
    const struct mimo_attention shape = shape_of(heads, pass);
    const struct parts parts = parts_of(compute, heads, saved->qkv);
    const struct parts gradients = parts_of(compute, heads, d_qkv);

    be->ops->attention_backward(be, &shape, gradients.q, gradients.k, gradients.v, d_attention,
                                saved->attention, saved->lse, parts.q, parts.k, parts.v, workspace);
}
