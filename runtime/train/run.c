#include "runtime/train/run.h"

#include "runtime/checkpoint/checkpoint.h"
#include "runtime/train/state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum mimo_status mimo_run_agree(struct mimo_run *run, struct mimo_error *err)
{
    bool is_speaker;
    const enum mimo_status status = mimo_world_agree(run->machine.world, err, &is_speaker);

    err->is_agreed = status != MIMO_OK;
    return status;
}

static void warn(const struct mimo_run *run, const char *message)
{
    if (mimo_world_place(run->machine.world).rank == 0)
        (void)fprintf(stderr, "mimo-exec: warning: %s\n", message);
}

/* The newest checkpoint of the plan's directory below step `below`, or NULL. */
static enum mimo_status find_checkpoint(struct mimo_run *run, uint64_t below, char **out_path,
                                        struct mimo_error *err)
{
    const struct mimo_plan *plan = run->plan;
    const char *directory = mimo_plan_text(plan, plan->checkpoint->directory);
    struct mimo_arena arena = {0};
    char *warning = NULL;
    enum mimo_status status = MIMO_OK;

    *out_path = NULL;
    if (directory[0] != '\0')
        status = mimo_checkpoint_find(run->machine.world,
                                      mimo_resolve_path(&arena, run->options->root, directory),
                                      below, out_path, &warning, err);
    if (warning != NULL)
        warn(run, warning);
    free(warning);
    mimo_arena_release(&arena);
    return status;
}

static enum mimo_status load(struct mimo_run *run, struct mimo_engine *engine, const char *path,
                             uint64_t *out_steps_done, bool *out_is_corrupt, struct mimo_error *err)
{
    MIMO_TRY(mimo_state_load(engine, path, out_steps_done, out_is_corrupt, err));
    if (!run->options->is_quiet && engine->rank == 0 && engine->trains)
        (void)printf("resumed from %s (step %" PRIu64 ")\n", path, *out_steps_done);
    return MIMO_OK;
}

/* The step in the name of a checkpoint's folder. */
static uint64_t step_of(const char *path)
{
    const char *dash = strrchr(path, '-');

    return dash != NULL ? strtoull(dash + 1, NULL, 10) : 0;
}

/* Goes from the newest checkpoint to older ones until one is whole. */
static enum mimo_status load_newest(struct mimo_run *run, struct mimo_engine *engine,
                                    uint64_t *out_steps_done, struct mimo_error *err)
{
    enum mimo_status status;
    uint64_t below = UINT64_MAX;
    bool is_corrupt;
    char *path;

    do {
        is_corrupt = false;
        status = find_checkpoint(run, below, &path, err);
        if (status == MIMO_OK && path != NULL) {
            status = load(run, engine, path, out_steps_done, &is_corrupt, err);
            below = step_of(path);
        }
        if (is_corrupt) {
            warn(run, err->message);
            *err = (struct mimo_error){0};
        }
        free(path);
    } while (is_corrupt);
    return status;
}

static enum mimo_status restore(struct mimo_run *run, struct mimo_engine *engine,
                                uint64_t *out_steps_done, struct mimo_error *err)
{
    const char *resume = run->options->resume;
    bool is_corrupt;

    if (strcmp(resume, "none") == 0)
        return MIMO_OK;
    if (strcmp(resume, "auto") == 0)
        return load_newest(run, engine, out_steps_done, err);
    return load(run, engine, resume, out_steps_done, &is_corrupt, err);
}

enum mimo_status mimo_run_open_engine(struct mimo_run *run, struct mimo_engine *engine,
                                      struct mimo_dataset *dataset, bool trains,
                                      uint64_t *out_steps_done, struct mimo_error *err)
{
    const uint64_t seed = run->plan->training->seed;

    *out_steps_done = 0;
    (void)mimo_engine_open(engine, run->plan, &run->machine, dataset, trains, err);
    MIMO_TRY(mimo_run_agree(run, err));
    if (mimo_parameters_initialise(&engine->parameters, seed, err) == MIMO_OK)
        (void)mimo_state_import(engine, run->options->root, err);
    MIMO_TRY(mimo_run_agree(run, err));
    return restore(run, engine, out_steps_done, err);
}

/* -- losses ----------------------------------------------------------------------------------- */

static double loss_at(const void *losses, size_t wide_size, int64_t index)
{
    return wide_size == sizeof(double) ? ((const double *)losses)[index]
                                       : (double)((const float *)losses)[index];
}

/* This replica's targets, each added to the position of its sample. */
static enum mimo_status add_losses(struct mimo_engine *engine, double *sums, double *targets,
                                   struct mimo_error *err)
{
    const struct mimo_text *text = &engine->batch.texts[0];
    const size_t wide_size = engine->be->wide_size;
    void *losses = malloc((text->targets + 1) * wide_size);

    if (losses == NULL)
        return mimo_error_set(err, MIMO_E_FAILED, "out of memory");
    engine->be->ops->download(engine->be, losses, engine->language->losses,
                              text->targets * wide_size);
    for (uint32_t i = 0; i < text->targets; i++) {
        const uint32_t sample = (uint32_t)text->target_rows[i] / text->length;
        sums[engine->batch.language.begin + sample] += loss_at(losses, wide_size, i);
        targets[engine->batch.language.begin + sample] += 1.0;
    }
    free(losses);
    return MIMO_OK;
}

enum mimo_status mimo_run_losses(struct mimo_engine *engine, uint64_t first, uint64_t end,
                                 double *sums, double *targets, struct mimo_error *err)
{
    const struct mimo_transport *control = engine->control;
    const uint32_t samples = engine->batch.samples;

    for (uint32_t i = 0; i < samples; i++) {
        engine->batch.records[i] = first + i < end ? first + i : MIMO_NO_RECORD;
        sums[i] = 0.0;
        targets[i] = 0.0;
    }
    MIMO_TRY(mimo_engine_forward(engine, err));
    if (engine->batch.has_language && engine->batch.counts_losses)
        MIMO_TRY(add_losses(engine, sums, targets, err));
    MIMO_TRY(control->ops->all_reduce(control->everyone, sums, samples, MIMO_DTYPE_F64,
                                      MIMO_REDUCE_SUM, err));
    return control->ops->all_reduce(control->everyone, targets, samples, MIMO_DTYPE_F64,
                                    MIMO_REDUCE_SUM, err);
}

/* An engine that trains looks at another data set without learning from it, one micro-step at a
 * time. */
enum mimo_status mimo_run_validate(struct mimo_engine *engine, struct mimo_dataset *dataset,
                                   double *out_loss, struct mimo_error *err)
{
    struct mimo_batch *batch = &engine->batch;
    struct mimo_dataset *const train_data = batch->dataset;
    const uint32_t micro_steps = batch->micro_steps;
    const uint64_t count = mimo_dataset_count(dataset);
    const bool trains = engine->trains;
    double *const sums = calloc(2 * (size_t)batch->samples, sizeof *sums);
    double loss = 0.0, targets = 0.0;
    enum mimo_status status = MIMO_OK;

    if (sums == NULL)
        return mimo_error_set(err, MIMO_E_FAILED, "out of memory");
    batch->dataset = dataset;
    batch->micro_steps = 1;
    engine->trains = false;
    for (uint64_t first = 0; first < count && status == MIMO_OK; first += batch->samples) {
        status = mimo_run_losses(engine, first, count, sums, sums + batch->samples, err);
        for (uint32_t i = 0; i < batch->samples; i++) {
            loss += sums[i];
            targets += sums[batch->samples + i];
        }
    }
    batch->dataset = train_data;
    batch->micro_steps = micro_steps;
    engine->trains = trains;
    free(sums);
    *out_loss = targets > 0.0 ? loss / targets : 0.0;
    return status;
}
