#include "runtime/model/llama_decode.h"

#include "plan/grid.h"
#include "plan/tensors.h"

#include <math.h>
#include <string.h>

static int64_t key_width(const struct mimo_llama *llama)
{
    return llama->groups * llama->head_dim;
}

void mimo_llama_cache_open(const struct mimo_llama *llama, struct mimo_llama_cache *cache,
                           struct mimo_arena *table, struct mimo_tensor_arena *arena)
{
    const size_t element = llama->compute.be->element_size;
    const uint64_t vocab = llama->plan->vocab_size;
    struct mimo_sizes sizes = llama->sizes;

    sizes.rows = sizes.held = (uint64_t)llama->batch_max;
    *cache = (struct mimo_llama_cache){
        .batch_max = llama->batch_max,
        .capacity = (int64_t)sizes.positions,
    };
    cache->layers = MIMO_NEW_ARRAY(table, void *, llama->layer_count);
    for (uint32_t i = 0; i < llama->layer_count; i++)
        cache->layers[i] =
            mimo_tensor_take(arena, sizes.rows * sizes.positions, 2 * sizes.kv_width, element);
    for (int i = 0; i < 2; i++)
        mimo_llama_saved_layer_open(&sizes, &cache->step[i], arena);
#define TAKE(name, rows, columns, element_size)                                                    \
    cache->name = mimo_tensor_take(arena, (rows), (columns), (element_size));
    MIMO_DECODE_OUTPUT(TAKE, &sizes, vocab)
#undef TAKE
    cache->host_shards = mimo_arena_alloc(table, sizes.rows * vocab, element);
}

/* -- keys and values -------------------------------------------------------------------------- */

static char *cache_row(const struct mimo_llama *llama, uint32_t layer, int64_t sequence,
                       int64_t position)
{
    const struct mimo_llama_cache *cache = llama->kept;

    return mimo_row_at(&llama->compute, cache->layers[layer], sequence * cache->capacity + position,
                       2 * key_width(llama));
}

/* Keys and values lie side by side in qkv as they do in the cache. */
static void keep_rows(struct mimo_llama *llama, uint32_t layer, int64_t sequence, int64_t position,
                      const void *qkv, int64_t row, int64_t count)
{
    struct mimo_backend *be = llama->compute.be;
    const int64_t width = 2 * key_width(llama);
    const size_t k_at = (size_t)(llama->heads * llama->head_dim) * be->element_size;
    const char *from =
        (const char *)qkv + (size_t)(row * llama->qkv_width) * be->element_size + k_at;

    be->ops->copy(be, cache_row(llama, layer, sequence, position), width, from, llama->qkv_width,
                  count, width);
}

static void keep_prompts(struct mimo_llama *llama, uint32_t layer, const void *qkv, int64_t batch,
                         int64_t length)
{
    for (int64_t b = 0; b < batch; b++)
        keep_rows(llama, layer, b, 0, qkv, b * length, length);
}

void mimo_llama_cache_attach(struct mimo_llama *llama, struct mimo_llama_cache *cache)
{
    llama->keep = keep_prompts;
    llama->kept = cache;
}

/* -- one token -------------------------------------------------------------------------------- */

static void attend(struct mimo_llama *llama, uint32_t layer, struct mimo_llama_saved_layer *step,
                   int64_t sequence, int32_t length)
{
    const struct mimo_compute *compute = &llama->compute;
    struct mimo_backend *be = compute->be;
    const int64_t q_width = llama->heads * llama->head_dim;
    const struct mimo_attention shape = {
        .batch = 1,
        .queries = 1,
        .keys = length + 1,
        .heads = llama->heads,
        .groups = llama->groups,
        .head_dim = llama->head_dim,
        .q_stride = llama->qkv_width,
        .k_stride = 2 * key_width(llama),
        .v_stride = 2 * key_width(llama),
        .out_stride = q_width,
        .is_causal = true,
        .scale = 1.0 / sqrt((double)llama->head_dim),
    };
    const char *keys = cache_row(llama, layer, sequence, 0);

    keep_rows(llama, layer, sequence, length, step->qkv, sequence, 1);
    be->ops->attention_forward(
        be, &shape, mimo_row_at(compute, step->attention, sequence, q_width), step->lse,
        mimo_row_at(compute, step->qkv, sequence, llama->qkv_width), keys,
        keys + (size_t)key_width(llama) * be->element_size, llama->workspace);
}

static enum mimo_status run_layers(struct mimo_llama *llama, const int32_t *lengths,
                                   const struct mimo_rows *rows, struct mimo_error *err)
{
    struct mimo_llama_cache *cache = llama->kept;
    struct mimo_backend *be = llama->compute.be;
    const void *residual = NULL;

    for (uint32_t i = 0; i < llama->layer_count; i++) {
        struct mimo_llama_saved_layer *step = &cache->step[i % 2];
        const bool is_last = i + 1 == llama->layer_count;

        MIMO_TRY(mimo_llama_layer_head(llama, &llama->layers[i], step, rows, residual,
                                       cache->positions, err));
        for (int64_t b = 0; b < rows->count; b++)
            attend(llama, i, step, b, lengths[b]);
        MIMO_TRY(mimo_llama_layer_tail(llama, &llama->layers[i], step, rows,
                                       is_last ? cache->x_out : cache->step[(i + 1) % 2].x, err));
        residual = step->x_middle;
    }
    be->ops->rms_norm_forward(be, cache->normed, cache->rstd_out, cache->x_out, residual,
                              llama->final_norm.value, rows->count, llama->hidden,
                              llama->plan->norm_epsilon);
    return MIMO_OK;
}

enum mimo_status mimo_llama_decode(struct mimo_llama *llama, const int32_t *ids,
                                   const int32_t *lengths, int64_t batch, void *out_logits,
                                   struct mimo_error *err)
{
    const struct mimo_compute *compute = &llama->compute;
    struct mimo_llama_cache *cache = llama->kept;
    struct mimo_backend *be = compute->be;
    const struct mimo_rows rows = mimo_rows_of(compute, batch, false);

    MIMO_ASSERT(batch <= cache->batch_max);
    be->ops->upload(be, cache->ids, ids, (size_t)batch * sizeof *ids);
    be->ops->upload(be, cache->positions, lengths, (size_t)batch * sizeof *lengths);
    be->ops->embedding_forward(be, cache->step[0].x, llama->embedding.value, cache->ids, batch,
                               llama->hidden, llama->vocab_first, llama->vocab_count);
    MIMO_TRY(mimo_rows_reduce(compute, &rows, cache->step[0].x, llama->hidden, err));
    MIMO_TRY(run_layers(llama, lengths, &rows, err));
    return mimo_llama_logits(llama, cache->normed, batch, out_logits, err);
}

/* -- logits ----------------------------------------------------------------------------------- */

/* Shards lie one behind another while they are gathered; in the result each row is whole. */
static void interleave_shards(const struct mimo_llama *llama, int64_t rows, char *out_logits)
{
    const struct mimo_llama_cache *cache = llama->kept;
    const struct mimo_compute *compute = &llama->compute;
    const size_t element = compute->be->element_size;
    const size_t vocab = llama->plan->vocab_size;

    for (uint32_t r = 0; r < compute->tp_size; r++) {
        const size_t first = mimo_piece_begin(vocab, r, compute->tp_size);
        const size_t count = mimo_piece_begin(vocab, r + 1, compute->tp_size) - first;
        const char *shard = (const char *)cache->host_shards + (size_t)rows * first * element;
        for (size_t row = 0; row < (size_t)rows; row++)
            memcpy(out_logits + (row * vocab + first) * element, shard + row * count * element,
                   count * element);
    }
}

enum mimo_status mimo_llama_logits(struct mimo_llama *llama, const void *hidden, int64_t rows,
                                   void *out_logits, struct mimo_error *err)
{
    const struct mimo_compute *compute = &llama->compute;
    struct mimo_llama_cache *cache = llama->kept;
    struct mimo_backend *be = compute->be;
    const size_t vocab = llama->plan->vocab_size;

    for (uint32_t r = 0; r <= compute->tp_size; r++)
        compute->begins[r] = mimo_piece_begin(vocab, r, compute->tp_size) * (size_t)rows;
    be->ops->linear_forward(
        be, (char *)cache->shards + compute->begins[compute->tp_rank] * be->element_size, hidden,
        llama->head.value, NULL, rows, llama->hidden, llama->vocab_count);
    if (compute->tp != NULL)
        MIMO_TRY(compute->transport->ops->all_gather(compute->tp, cache->shards, compute->begins,
                                                     compute->dtype, err));
    be->ops->download(be, cache->host_shards, cache->shards,
                      (size_t)rows * vocab * be->element_size);
    interleave_shards(llama, rows, out_logits);
    return MIMO_OK;
}
