#include "runtime/model/language_decode.h"

#include "plan/grid.h"
#include "plan/tensors.h"

#include <string.h>

/* -- opening ---------------------------------------------------------------------------------- */

static void take_keys(struct mimo_language_cache *cache, const struct mimo_layers *layers,
                      const struct mimo_sizes *sizes, struct mimo_tensor_arena *arena)
{
    for (uint32_t i = 0; i < layers->count; i++)
        cache->keys.layers[layers->items[i].index] = mimo_tensor_take(
            arena, sizes->rows * sizes->positions, 2 * sizes->kv_width, sizes->element);
}

static void take_step(struct mimo_language_cache *cache, const struct mimo_sizes *sizes,
                      bool has_head, struct mimo_arena *table, struct mimo_tensor_arena *arena)
{
    const struct mimo_plan_module *module = cache->language->plan;
    const struct mimo_layer_kinds kinds = mimo_layer_kinds_of(module, 0, module->num_layers);
    const uint64_t vocab = module->vocab_size;

    for (int i = 0; i < 2; i++)
        cache->language->ops->layer->take(
            &cache->step[i], &(struct mimo_layer_room){module, kinds, sizes, table, arena});
#define TAKE(name, rows, columns, element_size)                                                    \
    cache->name = mimo_tensor_take(arena, (rows), (columns), (element_size));
    MIMO_DECODE_STAGE(TAKE, sizes)
    if (!has_head)
        return;
    MIMO_DECODE_OUTPUT(TAKE, sizes, vocab)
#undef TAKE
    cache->host_shards = mimo_arena_alloc(table, sizes->rows * vocab, sizes->element);
}

void mimo_language_cache_open(struct mimo_language_cache *cache, struct mimo_language *language,
                              const struct mimo_language_stage *const *stages, uint32_t stage_count,
                              struct mimo_arena *table, struct mimo_tensor_arena *arena)
{
    struct mimo_sizes sizes = language->sizes;
    uint32_t longest = 0;

    mimo_sizes_set_step(&sizes, language->plan, (uint64_t)language->batch_max);
    *cache = (struct mimo_language_cache){
        .language = language,
        .keys = {.capacity = (int64_t)sizes.positions,
                 .layers = MIMO_NEW_ARRAY(table, void *, language->plan->num_layers)},
    };
    for (uint32_t i = 0; i < stage_count; i++) {
        take_keys(cache, &stages[i]->layers, &sizes, arena);
        longest = stages[i]->layers.count > longest ? stages[i]->layers.count : longest;
    }
    take_step(cache, &sizes, stages[stage_count - 1]->is_last, table, arena);
    cache->layers = MIMO_NEW_ARRAY(table, struct mimo_saved_layer, longest);
    for (uint32_t i = 0; i < longest; i++)
        cache->layers[i] = cache->step[i % 2];
    language->keys = &cache->keys;
}

/* -- one token -------------------------------------------------------------------------------- */

void mimo_language_step_begin(struct mimo_language_cache *cache, const int32_t *ids,
                              const int32_t *lengths, int64_t batch)
{
    const struct mimo_compute *compute = &cache->language->compute;
    struct mimo_backend *be = compute->be;

    MIMO_ASSERT(batch <= cache->language->batch_max);
    cache->pass = (struct mimo_layer_pass){
        .rows = mimo_rows_of(compute, batch, false),
        .batch = batch,
        .length = 1,
        .positions = cache->positions,
        .keys = &cache->keys,
        .lengths = lengths,
    };
    be->ops->upload(be, cache->ids, ids, (size_t)batch * sizeof *ids);
    be->ops->upload(be, cache->positions, lengths, (size_t)batch * sizeof *lengths);
}

void *mimo_language_step_input(struct mimo_language_cache *cache,
                               const struct mimo_language_stage *stage)
{
    return mimo_layers_input(&stage->layers, cache->layers, cache->x_out);
}

enum mimo_status mimo_language_step_embed(struct mimo_language_cache *cache,
                                          const struct mimo_language_stage *stage,
                                          struct mimo_error *err)
{
    struct mimo_language *language = cache->language;
    struct mimo_backend *be = language->compute.be;
    const struct mimo_rows *rows = &cache->pass.rows;
    void *const x = mimo_language_step_input(cache, stage);

    be->ops->embedding_forward(be, x, language->embedding.value, cache->ids, rows->count,
                               language->hidden, language->vocab_first, language->vocab_count);
    MIMO_TRY(mimo_rows_reduce(&language->compute, rows, x, language->hidden, err));
    mimo_language_add_positions(language, x, &cache->pass);
    return MIMO_OK;
}

enum mimo_status mimo_language_step_forward(struct mimo_language_cache *cache,
                                            const struct mimo_language_stage *stage,
                                            struct mimo_error *err)
{
    struct mimo_language *language = cache->language;
    struct mimo_backend *be = language->compute.be;
    const int64_t hidden = language->hidden, rows = cache->pass.rows.count;
    const void *residual;

    MIMO_TRY(mimo_layers_forward(&stage->layers, cache->layers, &cache->pass, cache->x_out,
                                 &residual, err));
    if (stage->is_last)
        language->ops->norm_forward(language, cache->normed, cache->statistics, cache->x_out,
                                    residual, rows);
    else if (residual != NULL)
        be->ops->add(be, cache->x_out, hidden, residual, hidden, rows, hidden);
    return MIMO_OK;
}

/* -- logits ----------------------------------------------------------------------------------- */

/* Shards lie one behind another while they are gathered; in the result each row is whole. */
static void interleave_shards(const struct mimo_language_cache *cache, int64_t rows,
                              char *out_logits)
{
    const struct mimo_compute *compute = &cache->language->compute;
    const size_t element = compute->be->element_size;
    const size_t vocab = cache->language->plan->vocab_size;

    for (uint32_t r = 0; r < compute->tp_size; r++) {
        const size_t first = mimo_piece_begin(vocab, r, compute->tp_size);
        const size_t count = mimo_piece_begin(vocab, r + 1, compute->tp_size) - first;
        const char *shard = (const char *)cache->host_shards + (size_t)rows * first * element;
        for (size_t row = 0; row < (size_t)rows; row++)
            memcpy(out_logits + (row * vocab + first) * element, shard + row * count * element,
                   count * element);
    }
}

enum mimo_status mimo_language_logits(struct mimo_language_cache *cache, const void *hidden,
                                      int64_t rows, void *out_logits, struct mimo_error *err)
{
    const struct mimo_language *language = cache->language;
    const struct mimo_compute *compute = &language->compute;
    struct mimo_backend *be = compute->be;
    const size_t vocab = language->plan->vocab_size;

    for (uint32_t r = 0; r <= compute->tp_size; r++)
        compute->begins[r] = mimo_piece_begin(vocab, r, compute->tp_size) * (size_t)rows;
    be->ops->linear_forward(
        be, (char *)cache->shards + compute->begins[compute->tp_rank] * be->element_size, hidden,
        language->head.value, NULL, rows, language->hidden, language->vocab_count);
    if (compute->tp != NULL)
        MIMO_TRY(compute->transport->ops->all_gather(compute->tp, cache->shards, compute->begins,
                                                     compute->dtype, err));
    be->ops->download(be, cache->host_shards, cache->shards,
                      (size_t)rows * vocab * be->element_size);
    interleave_shards(cache, rows, out_logits);
    return MIMO_OK;
}
