/* Attention over a context-parallel group (attention_parts.h). */
#include "plan/grid.h"
#include "runtime/model/attention_parts.h"
#include "runtime/model/dtype.h"

/* Two buffers that take turns: the block at hand, and the one that is on its way here. */
struct turns {
    void *here, *coming;
};

/* One call. */
struct ring {
    const struct mimo_compute *compute;
    const struct mimo_heads *heads;
    const struct mimo_layer_pass *pass;
    const struct mimo_saved_layer *saved;
    const struct mimo_attention_scratch *scratch;
    struct turns keys, d_keys;
    const void *d_attention; /* of backward */
    void *d_qkv;
};

static void take_turns(struct turns *turns)
{
    void *const sent = turns->here;

    turns->here = turns->coming;
    turns->coming = sent;
}

/* -- blocks ----------------------------------------------------------------------------------- */

/* The keys and values of one rank, as far as this rank's queries see them: of each sequence the
 * first shape.keys of `rows` rows, and of the queries those from `first` on. */
struct block {
    struct mimo_attention shape;
    int64_t rows, first;
    bool is_own;
};

/* The rank whose block is at hand in that step: so many places before this one. In step cp_size it
 * is this one's again. */
static uint32_t rank_at(const struct ring *ring, uint32_t step)
{
    const uint32_t own = ring->compute->cp_rank;

    return own >= step ? own - step : own + ring->compute->cp_size - step;
}

/* Rows of each sequence in the block of that step. Of causal sequences all ranks have as many. */
static int64_t rows_at(const struct ring *ring, uint32_t step)
{
    const uint64_t sequence = (uint64_t)ring->pass->sequence, rank = rank_at(ring, step);
    const uint32_t size = ring->compute->cp_size;

    if (ring->heads->is_causal)
        return ring->pass->length;
    return (int64_t)(mimo_piece_begin(sequence, rank + 1, size) -
                     mimo_piece_begin(sequence, rank, size));
}

/* Of a causal sequence rank r has pieces r and 2n - 1 - r of 2n. The earlier one of a lower rank s
 * lies in front of both, the later one behind both; of a higher rank both lie between them. Its own
 * rows are in the order of the sequence. */
static struct block block_at(const struct ring *ring, uint32_t step)
{
    const uint32_t own = ring->compute->cp_rank, rank = rank_at(ring, step);
    const bool is_causal = ring->heads->is_causal;
    struct block block = {
        .shape = mimo_attention_shape(ring->heads, ring->pass),
        .rows = rows_at(ring, step),
        .is_own = rank == own,
    };

    block.shape.k_stride = block.shape.v_stride = mimo_heads_kv_width(ring->heads);
    block.shape.keys = block.shape.key_pitch = block.rows;
    block.shape.is_causal = is_causal && rank == own;
    if (is_causal && rank < own)
        block.shape.keys = block.rows / 2;
    if (is_causal && rank > own) {
        block.first = ring->pass->length / 2;
        block.shape.queries -= block.first;
    }
    return block;
}

/* Statistics [batch, heads, length] from the block's first query on. */
static void *statistics_at(const struct ring *ring, const struct block *block, void *statistics)
{
    return (char *)statistics + (size_t)block->first * ring->compute->be->wide_size;
}

/* -- hops ------------------------------------------------------------------------------------- */

static int64_t elements_at(const struct ring *ring, uint32_t step)
{
    return ring->pass->batch * rows_at(ring, step) * mimo_heads_kv_width(ring->heads);
}

/* Hands on what is at hand in that step, or its gradient. */
static enum mimo_status hand_on(const struct ring *ring, const struct turns *turns, uint32_t step,
                                enum mimo_dtype dtype, struct mimo_error *err)
{
    const struct mimo_compute *compute = ring->compute;

    return compute->transport->ops->ring_begin(compute->cp, turns->here,
                                               (size_t)elements_at(ring, step), turns->coming,
                                               (size_t)elements_at(ring, step + 1), dtype, err);
}

static enum mimo_status end_hops(const struct ring *ring, struct mimo_error *err)
{
    return ring->compute->transport->ops->ring_end(ring->compute->cp, err);
}

/* Begins with this rank's own keys and values. */
static void pack_keys(struct ring *ring)
{
    struct mimo_backend *be = ring->compute->be;
    const struct mimo_qkv own = mimo_qkv_of(ring->compute, ring->heads, ring->saved->qkv);
    const int64_t width = mimo_heads_kv_width(ring->heads);

    ring->keys = (struct turns){ring->scratch->keys_a, ring->scratch->keys_b};
    be->ops->copy(be, ring->keys.here, width, own.k, mimo_heads_width(ring->heads),
                  ring->pass->batch * ring->pass->length, width);
}

/* -- forward ---------------------------------------------------------------------------------- */

/* The rank's own block comes first, and what the others give is merged with it. */
static void attend_block(const struct ring *ring, const struct block *block)
{
    const struct mimo_compute *compute = ring->compute;
    const struct mimo_attention *shape = &block->shape;
    struct mimo_backend *be = compute->be;
    void *const out = mimo_row_at(compute, ring->saved->attention, block->first, shape->out_stride);
    void *const lse = statistics_at(ring, block, ring->saved->lse);
    void *const keys = ring->keys.here;
    void *const part = block->is_own ? out : ring->scratch->part;
    void *const part_lse = block->is_own ? lse : ring->scratch->part_lse;

    be->ops->attention_forward(
        be, shape, part, part_lse,
        mimo_row_at(compute, ring->saved->qkv, block->first, shape->q_stride), keys,
        mimo_values_of(compute, ring->heads, keys), ring->scratch->workspace);
    if (!block->is_own)
        be->ops->attention_merge(be, shape, out, lse, part, part_lse);
}

enum mimo_status
mimo_ring_attend(const struct mimo_compute *compute, const struct mimo_heads *heads,
                 const struct mimo_layer_pass *pass, uint32_t layer, struct mimo_saved_layer *saved,
                 const struct mimo_attention_scratch *scratch, struct mimo_error *err)
{
    struct ring ring = {
        .compute = compute, .heads = heads, .pass = pass, .saved = saved, .scratch = scratch};

    pack_keys(&ring);
    for (uint32_t step = 0; step < compute->cp_size; step++) {
        const struct block block = block_at(&ring, step);
        const bool has_next = step + 1 < compute->cp_size;

        if (has_next)
            MIMO_TRY(hand_on(&ring, &ring.keys, step, compute->dtype, err));
        attend_block(&ring, &block);
        if (pass->keys != NULL)
            mimo_keys_put(compute, heads, pass, layer, rank_at(&ring, step), ring.keys.here,
                          mimo_heads_kv_width(heads));
        if (has_next)
            MIMO_TRY(end_hops(&ring, err));
        take_turns(&ring.keys);
    }
    return MIMO_OK;
}

/* -- backward --------------------------------------------------------------------------------- */

/* What the block at hand adds to the gradients of the queries. */
static void add_queries(const struct ring *ring, const struct block *block)
{
    const struct mimo_compute *compute = ring->compute;
    const struct mimo_attention *shape = &block->shape;
    struct mimo_backend *be = compute->be;

    for (int64_t b = 0; b < shape->batch; b++) {
        const int64_t row = b * shape->query_pitch;
        be->ops->add(be, mimo_row_at(compute, ring->d_qkv, row + block->first, shape->q_stride),
                     shape->q_stride,
                     mimo_row_at(compute, ring->scratch->part, row, shape->q_stride),
                     shape->q_stride, shape->queries, shape->out_stride);
    }
}

/* The gradients of the block's keys and values are left in scratch->d_block. */
static void attend_block_backward(const struct ring *ring, const struct block *block)
{
    const struct mimo_compute *compute = ring->compute;
    const struct mimo_attention *shape = &block->shape;
    struct mimo_backend *be = compute->be;
    const size_t out_at = (size_t)(block->first * shape->out_stride) * be->element_size;
    void *const keys = ring->keys.here, *const d_block = ring->scratch->d_block;

    be->ops->attention_backward(
        be, shape, block->is_own ? ring->d_qkv : ring->scratch->part, d_block,
        mimo_values_of(compute, ring->heads, d_block), (const char *)ring->d_attention + out_at,
        (const char *)ring->saved->attention + out_at, statistics_at(ring, block, ring->saved->lse),
        mimo_row_at(compute, ring->saved->qkv, block->first, shape->q_stride), keys,
        mimo_values_of(compute, ring->heads, keys), ring->scratch->workspace);
    if (!block->is_own)
        add_queries(ring, block);
}

/* Rows that no query here sees have no gradient from here. */
static void add_keys(const struct ring *ring, const struct block *block)
{
    struct mimo_backend *be = ring->compute->be;
    const int64_t width = mimo_heads_kv_width(ring->heads), pitch = block->rows * width;

    be->ops->add_to_wide(be, ring->d_keys.here, pitch, ring->scratch->d_block, pitch,
                         block->shape.batch, block->shape.keys * width);
}

/* The block at hand. Meanwhile the next one is on its way here, and so are the gradients that this
 * one has so far, if it has any. */
static enum mimo_status step_backward(struct ring *ring, uint32_t step, struct mimo_error *err)
{
    const struct block block = block_at(ring, step);
    const struct mimo_compute *compute = ring->compute;
    struct mimo_backend *be = compute->be;

    if (step + 1 < compute->cp_size)
        MIMO_TRY(hand_on(ring, &ring->keys, step, compute->dtype, err));
    if (step > 0)
        MIMO_TRY(hand_on(ring, &ring->d_keys, step - 1, mimo_wide_dtype(be), err));
    attend_block_backward(ring, &block);
    MIMO_TRY(end_hops(ring, err));
    take_turns(&ring->keys);
    if (step > 0)
        take_turns(&ring->d_keys);
    else
        be->ops->zero(be, ring->d_keys.here, (size_t)elements_at(ring, 0) * be->wide_size);
    add_keys(ring, &block);
    return MIMO_OK;
}

enum mimo_status
mimo_ring_attend_backward(const struct mimo_compute *compute, const struct mimo_heads *heads,
                          const struct mimo_layer_pass *pass, const struct mimo_saved_layer *saved,
                          void *d_qkv, const void *d_attention,
                          const struct mimo_attention_scratch *scratch, struct mimo_error *err)
{
    const int64_t width = mimo_heads_kv_width(heads), rows = pass->batch * pass->length;
    struct ring ring = {.compute = compute,
                        .heads = heads,
                        .pass = pass,
                        .saved = saved,
                        .scratch = scratch,
                        .d_keys = {scratch->d_keys_a, scratch->d_keys_b},
                        .d_attention = d_attention,
                        .d_qkv = d_qkv};
    struct mimo_backend *be = compute->be;

    pack_keys(&ring);
    for (uint32_t step = 0; step < compute->cp_size; step++)
        MIMO_TRY(step_backward(&ring, step, err));
    MIMO_TRY(hand_on(&ring, &ring.d_keys, compute->cp_size - 1, mimo_wide_dtype(be), err));
    MIMO_TRY(end_hops(&ring, err));
    be->ops->copy_from_wide(be, mimo_qkv_of(compute, heads, d_qkv).k, mimo_heads_width(heads),
                            ring.d_keys.coming, width, rows, width);
    return MIMO_OK;
}
