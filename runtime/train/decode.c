#include "runtime/train/decode.h"

#include "plan/grid.h"
#include "plan/memory.h"
#include "runtime/train/groups.h"

/* -- opening ---------------------------------------------------------------------------------- */

/* A group of the language model that only generation has, in host memory. */
static enum mimo_status make_group(struct mimo_engine *engine, enum mimo_group_kind kind,
                                   struct mimo_group **out_group, struct mimo_error *err)
{
    const struct mimo_plan *plan = engine->plan;
    const uint32_t first = plan->meta->language_module * MIMO_GROUP_KIND_COUNT;

    return mimo_groups_make(engine->control, plan, &plan->groups[first + (uint32_t)kind],
                            &engine->table, out_group, err);
}

/* Token ids travel along the pipeline. Replicas that share experts go on together. */
static enum mimo_status make_groups(struct mimo_decoder *decoder, struct mimo_error *err)
{
    struct mimo_engine *engine = decoder->engine;

    if (mimo_has_experts(engine->plan))
        MIMO_TRY(make_group(engine, MIMO_GROUP_KIND_TP_DP_CP, &decoder->replicas, err));
    return make_group(engine, MIMO_GROUP_KIND_PP, &decoder->pipeline, err);
}

static enum mimo_status open_cache(struct mimo_decoder *decoder, struct mimo_error *err)
{
    struct mimo_engine *engine = decoder->engine;
    const uint32_t places = engine->role->place_count;
    const struct mimo_language_stage **stages =
        MIMO_NEW_ARRAY(&engine->table, const struct mimo_language_stage *, places);
    uint32_t count = 0;

    for (uint32_t i = 0; i < places; i++)
        if (engine->places[i].texts != NULL)
            stages[count++] = &engine->places[i].language;
    decoder->has_head = stages[count - 1]->is_last;
    MIMO_TRY(mimo_tensor_arena_open(&decoder->arena, engine->be,
                                    mimo_memory_of_generation(engine->plan, engine->rank),
                                    "keys and values", err));
    mimo_language_cache_open(&decoder->cache, engine->language, stages, count, &engine->table,
                             &decoder->arena);
    mimo_tensor_arena_finish(&decoder->arena);
    return MIMO_OK;
}

enum mimo_status mimo_decoder_open(struct mimo_decoder *decoder, struct mimo_engine *engine,
                                   struct mimo_error *err)
{
    const struct mimo_plan *plan = engine->plan;
    const size_t vocab = plan->modules[plan->meta->language_module].vocab_size;
    const size_t batch = plan->training->micro_batch;

    *decoder = (struct mimo_decoder){
        .engine = engine,
        .capacity = mimo_positions_max(plan),
        .turn = MIMO_NEW_ARRAY(&engine->table, int32_t, 1 + 2 * batch),
    };
    decoder->next = decoder->turn + 1;
    decoder->lengths = decoder->next + batch;
    MIMO_TRY(make_groups(decoder, err));
    if (engine->language == NULL)
        return MIMO_OK;
    MIMO_TRY(open_cache(decoder, err));
    if (decoder->has_head)
        decoder->logits = mimo_arena_alloc(&engine->table, batch * vocab, engine->be->element_size);
    return MIMO_OK;
}

void mimo_decoder_close(struct mimo_decoder *decoder)
{
    if (decoder->engine != NULL)
        mimo_tensor_arena_release(&decoder->arena, decoder->engine->be);
}

/* -- from stage to stage ---------------------------------------------------------------------- */

/* One token's rows of every sequence, to the rank of this coordinate on the next stage or from that
 * on the stage before. */
static enum mimo_status pass_rows(struct mimo_decoder *decoder, const struct mimo_stage_link *link,
                                  bool is_sending, void *rows, struct mimo_error *err)
{
    struct mimo_engine *engine = decoder->engine;
    const int64_t elements = decoder->cache.pass.rows.count * engine->language->hidden;
    const struct mimo_message message = {
        .peer = is_sending ? link->destination : link->source,
        .tag = mimo_message_tag(link->edge, MIMO_EDGE_FORWARD),
        .data = rows,
        .bytes = (size_t)elements * engine->be->element_size,
    };

    MIMO_TRY(engine->transport->ops->exchange(engine->transport, &message, is_sending ? 1 : 0,
                                              &message, is_sending ? 0 : 1, err));
    return is_sending ? engine->transport->ops->join(engine->transport, err) : MIMO_OK;
}

/* The rows come from the stage before, which may be on this rank. */
static enum mimo_status enter(struct mimo_decoder *decoder, const struct mimo_engine_place *place,
                              struct mimo_error *err)
{
    struct mimo_language_cache *cache = &decoder->cache;
    void *const input = mimo_language_step_input(cache, &place->language);
    const int64_t hidden = decoder->engine->language->hidden;
    struct mimo_backend *be = decoder->engine->be;

    if (place->in == NULL)
        return mimo_language_step_embed(cache, &place->language, err);
    if (!place->in->is_source)
        return pass_rows(decoder, &place->in->stages, false, input, err);
    if (input != cache->x_out)
        be->ops->copy(be, input, hidden, cache->x_out, hidden, cache->pass.rows.count, hidden);
    return MIMO_OK;
}

static enum mimo_status leave(struct mimo_decoder *decoder, const struct mimo_engine_place *place,
                              struct mimo_error *err)
{
    struct mimo_language_cache *cache = &decoder->cache;

    if (place->out == NULL)
        return mimo_language_logits(cache, cache->normed, cache->pass.rows.count, decoder->logits,
                                    err);
    return place->out->is_destination
               ? MIMO_OK
               : pass_rows(decoder, &place->out->stages, true, cache->x_out, err);
}

/* -- steps ------------------------------------------------------------------------------------ */

/* The normed rows where the prompts end [samples, H], on all context-parallel ranks: each has come
 * to some of them, and to other rows in place of the others. */
static enum mimo_status gather_ends(const struct mimo_engine *engine, void *rows,
                                    struct mimo_error *err)
{
    const struct mimo_compute *compute = &engine->language->compute;
    const int64_t hidden = engine->language->hidden;
    const uint32_t samples = engine->plan->training->micro_batch;
    struct mimo_backend *be = engine->be;

    if (compute->cp == NULL)
        return MIMO_OK;
    for (uint32_t b = 0; b < samples; b++)
        if (mimo_batch_prompt_end(&engine->batch, 0, b) < 0)
            be->ops->zero(be, mimo_row_at(compute, rows, b, hidden),
                          (size_t)hidden * be->element_size);
    return compute->transport->ops->all_reduce(compute->cp, rows, samples * (size_t)hidden,
                                               compute->dtype, MIMO_REDUCE_SUM, err);
}

enum mimo_status mimo_decoder_begin(struct mimo_decoder *decoder, struct mimo_error *err)
{
    const struct mimo_engine *engine = decoder->engine;
    const uint32_t samples = engine->plan->training->micro_batch;
    void *const ends = mimo_engine_targets(engine);

    for (uint32_t b = 0; b < samples; b++) {
        decoder->lengths[b] = (int32_t)engine->batch.lengths[0][b];
        decoder->next[b] = 0;
    }
    if (!decoder->has_head)
        return MIMO_OK;
    MIMO_TRY(gather_ends(engine, ends, err));
    return mimo_language_logits(&decoder->cache, ends, samples, decoder->logits, err);
}

/* As long as one replica has something to say. */
static enum mimo_status agree_with_replicas(const struct mimo_decoder *decoder, bool *is_running,
                                            struct mimo_error *err)
{
    uint8_t runs = *is_running ? 1 : 0;

    if (decoder->replicas != NULL)
        MIMO_TRY(decoder->engine->control->ops->all_reduce(decoder->replicas, &runs, 1,
                                                           MIMO_DTYPE_U8, MIMO_REDUCE_MAX, err));
    *is_running = runs != 0;
    return MIMO_OK;
}

enum mimo_status mimo_decoder_agree(struct mimo_decoder *decoder, bool *is_running,
                                    struct mimo_error *err)
{
    const struct mimo_plan *plan = decoder->engine->plan;
    const uint32_t last = plan->modules[plan->meta->language_module].pp - 1;
    const size_t values = 1 + 2 * (size_t)plan->training->micro_batch;

    MIMO_TRY(agree_with_replicas(decoder, is_running, err));
    decoder->turn[0] = *is_running;
    if (decoder->pipeline != NULL)
        MIMO_TRY(decoder->engine->control->ops->broadcast(
            decoder->pipeline, decoder->turn, values * sizeof *decoder->turn, last, err));
    *is_running = decoder->turn[0] != 0;
    return MIMO_OK;
}

enum mimo_status mimo_decoder_step(struct mimo_decoder *decoder, struct mimo_error *err)
{
    struct mimo_engine *engine = decoder->engine;

    mimo_language_step_begin(&decoder->cache, decoder->next, decoder->lengths,
                             engine->plan->training->micro_batch);
    for (uint32_t i = 0; i < engine->role->place_count; i++) {
        const struct mimo_engine_place *place = &engine->places[i];

        if (place->texts == NULL)
            continue;
        MIMO_TRY(enter(decoder, place, err));
        MIMO_TRY(mimo_language_step_forward(&decoder->cache, &place->language, err));
        MIMO_TRY(leave(decoder, place, err));
    }
    return MIMO_OK;
}
