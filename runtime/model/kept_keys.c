/* Keys and values that are kept, where sequences are continued (attention_parts.h). */
#include "plan/grid.h"
#include "runtime/model/attention_parts.h"

static char *kept_row(const struct mimo_compute *compute, const struct mimo_heads *heads,
                      const struct mimo_keys *keys, uint32_t layer, int64_t sequence,
                      int64_t position)
{
    return mimo_row_at(compute, keys->layers[layer], sequence * keys->capacity + position,
                       mimo_heads_kv_width(heads));
}

/* Of a context rank's rows, those of either piece follow each other. */
void mimo_keys_put(const struct mimo_compute *compute, const struct mimo_heads *heads,
                   const struct mimo_layer_pass *pass, uint32_t layer, uint32_t rank,
                   const void *keys, int64_t stride)
{
    struct mimo_backend *be = compute->be;
    const int64_t width = mimo_heads_kv_width(heads);
    const int64_t run = compute->cp_size > 1 ? pass->length / 2 : pass->length;

    for (int64_t row = 0; row < pass->batch * pass->length; row += run) {
        const int64_t position = (int64_t)mimo_context_position(
            (uint64_t)pass->sequence, rank, compute->cp_size, (uint64_t)(row % pass->length));
        const size_t offset = (size_t)(row * stride) * be->element_size;

        be->ops->copy(be, kept_row(compute, heads, pass->keys, layer, row / pass->length, position),
                      width, (const char *)keys + offset, stride, run, width);
    }
}

/* The row of sequence `b` sees itself and what is kept. */
static void attend_row(const struct mimo_compute *compute, const struct mimo_heads *heads,
                       const struct mimo_layer_pass *pass, uint32_t layer,
                       struct mimo_saved_layer *saved, int64_t b, void *workspace)
{
    struct mimo_backend *be = compute->be;
    struct mimo_attention shape = mimo_attention_shape(heads, pass);
    char *const keys = kept_row(compute, heads, pass->keys, layer, b, 0);

    shape.batch = 1;
    shape.keys = shape.key_pitch = pass->lengths[b] + 1;
    shape.k_stride = shape.v_stride = mimo_heads_kv_width(heads);
    be->ops->attention_forward(be, &shape,
                               mimo_row_at(compute, saved->attention, b, shape.out_stride),
                               saved->lse, mimo_row_at(compute, saved->qkv, b, shape.q_stride),
                               keys, mimo_values_of(compute, heads, keys), workspace);
}

void mimo_keys_attend(const struct mimo_compute *compute, const struct mimo_heads *heads,
                      const struct mimo_layer_pass *pass, uint32_t layer,
                      struct mimo_saved_layer *saved, void *workspace)
{
    struct mimo_backend *be = compute->be;
    const int64_t width = mimo_heads_width(heads), kept = mimo_heads_kv_width(heads);

    for (int64_t b = 0; b < pass->batch; b++) {
        const struct mimo_qkv row =
            mimo_qkv_of(compute, heads, mimo_row_at(compute, saved->qkv, b, width));

        be->ops->copy(be, kept_row(compute, heads, pass->keys, layer, b, pass->lengths[b]), kept,
                      row.k, width, 1, kept);
        attend_row(compute, heads, pass, layer, saved, b, workspace);
    }
}
