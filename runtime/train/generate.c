#include "runtime/tensor/random.h"
#include "runtime/train/decode.h"
#include "runtime/train/run.h"
#include "runtime/train/sample.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* A round: as many prompts as one micro-step holds, each continued on the replica that has it. */
struct generation {
    struct mimo_run *run;
    struct mimo_engine engine;
    struct mimo_dataset *data;
    struct mimo_decoder decoder;
    struct mimo_sampler sampler;
    uint32_t width;   /* tokens an answer may have */
    bool *ended;      /* [micro_batch] */
    int64_t *answers; /* [S, 1 + width]: count, tokens */
};

/* -- opening ---------------------------------------------------------------------------------- */

static enum mimo_status open_prompts(struct generation *generation, struct mimo_error *err)
{
    const struct mimo_run *run = generation->run;
    const struct mimo_run_options *options = run->options;
    uint64_t record;

    if (options->prompts != NULL)
        return mimo_dataset_open_prompts(&generation->data, run->plan, options->root,
                                         options->prompts, err);
    MIMO_TRY(mimo_dataset_open_prompts(&generation->data, run->plan, options->root, NULL, err));
    return mimo_dataset_add_prompt(generation->data, options->prompt, options->images,
                                   options->image_count, &record, err);
}

static enum mimo_status open_generation(struct generation *generation, struct mimo_error *err)
{
    struct mimo_run *run = generation->run;
    struct mimo_engine *engine = &generation->engine;
    const struct mimo_plan *plan = run->plan;
    const size_t vocab = plan->modules[plan->meta->language_module].vocab_size;
    const size_t batch = plan->training->micro_batch;
    uint64_t steps_done;

    (void)open_prompts(generation, err);
    MIMO_TRY(mimo_run_agree(run, err));
    MIMO_TRY(mimo_run_open_engine(run, engine, generation->data, false, &steps_done, err));
    engine->batch.is_prompt = true;
    generation->width = run->options->max_tokens;
    if (generation->width > mimo_positions_max(plan))
        generation->width = mimo_positions_max(plan);
    generation->ended = MIMO_NEW_ARRAY(&engine->table, bool, batch);
    generation->answers = MIMO_NEW_ARRAY(&engine->table, int64_t,
                                         engine->batch.samples * (1 + (size_t)generation->width));
    mimo_sampler_open(&generation->sampler, plan->training->seed, run->options->temperature,
                      run->options->top_p, vocab, engine->be->element_size, &engine->table);
    (void)mimo_decoder_open(&generation->decoder, engine, err);
    return mimo_run_agree(run, err);
}

static void close_generation(struct generation *generation)
{
    mimo_decoder_close(&generation->decoder);
    mimo_engine_close(&generation->engine);
    mimo_dataset_close(generation->data);
}

/* -- one round -------------------------------------------------------------------------------- */

static int64_t *answer_of(const struct generation *generation, uint32_t sample)
{
    const uint32_t position = generation->engine.batch.language.begin + sample;

    return generation->answers + (size_t)position * (1 + (size_t)generation->width);
}

/* Takes the next token of every sequence from its logits; false when all have ended. */
static bool take_tokens(struct generation *generation, uint64_t first)
{
    const struct mimo_batch *batch = &generation->engine.batch;
    struct mimo_decoder *decoder = &generation->decoder;
    const uint32_t samples = batch->plan->training->micro_batch;
    const int64_t capacity = decoder->capacity;
    bool *const ended = generation->ended;
    bool is_running = false;

    for (uint32_t b = 0; b < samples; b++) {
        int64_t *answer = answer_of(generation, b);
        if (ended[b])
            continue;
        decoder->next[b] = mimo_sampler_take(
            &generation->sampler, decoder->logits, b,
            (first + batch->language.begin + b) * (uint64_t)capacity + (uint64_t)answer[0]);
        ended[b] = decoder->next[b] == mimo_dataset_end_token(generation->data);
        if (ended[b])
            continue;
        answer[++answer[0]] = decoder->next[b];
        ended[b] = answer[0] == generation->width || decoder->lengths[b] >= capacity;
        if (decoder->lengths[b] >= capacity)
            decoder->lengths[b] = (int32_t)capacity - 1;
        is_running = is_running || !ended[b];
    }
    return is_running;
}

/* Continues this replica's prompts, whose forward pass has filled the cache. Sequences that have
 * ended go on with their last token, unheard. */
static enum mimo_status continue_prompts(struct generation *generation, uint64_t first,
                                         struct mimo_error *err)
{
    struct mimo_engine *engine = &generation->engine;
    struct mimo_decoder *decoder = &generation->decoder;
    const uint32_t samples = engine->plan->training->micro_batch;
    bool is_running;

    MIMO_TRY(mimo_decoder_begin(decoder, err));
    for (uint32_t b = 0; b < samples; b++)
        generation->ended[b] = decoder->lengths[b] == 0;
    for (;;) {
        is_running = decoder->has_head && take_tokens(generation, first);
        MIMO_TRY(mimo_decoder_agree(decoder, &is_running, err));
        if (!is_running)
            return MIMO_OK;
        mimo_world_note(engine->world, "generate: next token");
        MIMO_TRY(mimo_decoder_step(decoder, err));
        for (uint32_t b = 0; b < samples; b++)
            decoder->lengths[b] += generation->ended[b] ? 0 : 1;
    }
}

static enum mimo_status run_round(struct generation *generation, uint64_t first, uint64_t count,
                                  struct mimo_error *err)
{
    struct mimo_engine *engine = &generation->engine;
    const struct mimo_transport *control = engine->control;
    const size_t values = engine->batch.samples * (1 + (size_t)generation->width);

    for (uint32_t i = 0; i < engine->batch.samples; i++)
        engine->batch.records[i] = first + i < count ? first + i : MIMO_NO_RECORD;
    memset(generation->answers, 0, values * sizeof *generation->answers);
    MIMO_TRY(mimo_engine_forward(engine, err));
    if (engine->language != NULL)
        MIMO_TRY(continue_prompts(generation, first, err));
    if (!engine->batch.counts_targets)
        memset(generation->answers, 0, values * sizeof *generation->answers);
    return control->ops->all_reduce(control->everyone, generation->answers, values, MIMO_DTYPE_I64,
                                    MIMO_REDUCE_SUM, err);
}

/* -- output ----------------------------------------------------------------------------------- */

static char *answer_text(const struct generation *generation, const int64_t *answer)
{
    const size_t count = (size_t)answer[0];
    int32_t *ids = calloc(count + 1, sizeof *ids);
    char *text;

    if (ids == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++)
        ids[i] = (int32_t)answer[1 + i];
    text = mimo_dataset_text(generation->data, ids, count);
    free(ids);
    return text;
}

static enum mimo_status print_answer(const struct generation *generation, uint64_t record,
                                     const int64_t *answer, struct mimo_error *err)
{
    char *text = answer_text(generation, answer);
    json_t *line;

    if (text == NULL)
        return mimo_error_set(err, MIMO_E_FAILED, "out of memory");
    if (generation->run->options->prompts == NULL) {
        (void)printf("%s\n", text);
        free(text);
        return MIMO_OK;
    }
    line = json_pack("{s:I, s:s, s:s, s:I}", "record", (json_int_t)record, "id",
                     mimo_dataset_id(generation->data, record), "answer", text, "tokens",
                     (json_int_t)answer[0]);
    free(text);
    if (line == NULL)
        return mimo_error_set(err, MIMO_E_FAILED, "out of memory");
    (void)json_dumpf(line, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
    (void)printf("\n");
    json_decref(line);
    return MIMO_OK;
}

static enum mimo_status print_round(const struct generation *generation, uint64_t first,
                                    uint64_t count, struct mimo_error *err)
{
    const uint32_t samples = generation->engine.batch.samples;

    if (generation->engine.rank != 0)
        return MIMO_OK;
    for (uint32_t i = 0; i < samples && first + i < count; i++)
        MIMO_TRY(print_answer(generation, first + i,
                              generation->answers + i * (1 + (size_t)generation->width), err));
    (void)fflush(stdout);
    return MIMO_OK;
}

enum mimo_status mimo_run_generate(struct mimo_run *run, struct mimo_error *err)
{
    struct generation generation = {.run = run};
    enum mimo_status status = open_generation(&generation, err);
    const uint64_t count = status == MIMO_OK ? mimo_dataset_count(generation.data) : 0;

    for (uint64_t first = 0; first < count && status == MIMO_OK;
         first += generation.engine.batch.samples) {
        status = run_round(&generation, first, count, err);
        if (status == MIMO_OK)
            status = print_round(&generation, first, count, err);
    }
    close_generation(&generation);
    return status;
}
