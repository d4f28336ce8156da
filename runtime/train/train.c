#include "runtime/checkpoint/checkpoint.h"
#include "runtime/train/flops.h"
#include "runtime/train/run.h"
#include "runtime/train/state.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <time.h>

static const double WRITE_BYTES_PER_SECOND = 200e6;

/* A training run in the making. */
struct training {
    struct mimo_run *run;
    struct mimo_engine engine;
    struct mimo_dataset *data, *validation;
    struct mimo_reporter reporter; /* rank 0 */
    bool reports;
    uint64_t steps; /* of the whole run */
    uint64_t steps_done;
    uint64_t last_step;  /* stop after it */
    uint64_t saved_step; /* the newest that is on disk */
    uint64_t skipped;
    double save_seconds; /* of the last save */
};

static double now_ms(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static bool saves(const struct training *training)
{
    return training->run->plan->checkpoint->directory.length > 0;
}

/* -- opening ---------------------------------------------------------------------------------- */

static enum mimo_status open_data(struct training *training, struct mimo_error *err)
{
    const struct mimo_plan *plan = training->run->plan;
    const char *validation = mimo_plan_text(plan, plan->data->validation);
    const char *root = training->run->options->root;

    MIMO_TRY(mimo_dataset_open(&training->data, plan, root, NULL, err));
    if (mimo_dataset_count(training->data) == 0)
        return mimo_error_set(err, MIMO_E_DATA, "%s holds no records",
                              mimo_plan_text(plan, plan->data->train));
    if (plan->training->eval_interval == 0 || validation[0] == '\0')
        return MIMO_OK;
    return mimo_dataset_open(&training->validation, plan, root, validation, err);
}

/* The plan counts steps or epochs. */
static uint64_t steps_of(const struct training *training)
{
    const struct mimo_plan_training *plan = training->run->plan->training;

    if (plan->steps > 0 || mimo_dataset_count(training->data) == UINT64_MAX)
        return plan->steps;
    return (uint64_t)ceil(plan->epochs * (double)mimo_dataset_count(training->data) /
                          (double)plan->global_batch);
}

static enum mimo_status open_reporter(struct training *training, struct mimo_error *err)
{
    const struct mimo_run_options *options = training->run->options;

    training->reports = mimo_world_place(training->run->machine.world).rank == 0;
    if (!training->reports)
        return MIMO_OK;
    return mimo_reporter_open(&training->reporter, options->metrics, options->is_quiet,
                              training->run->plan->training->log_interval, training->steps_done > 0,
                              err);
}

static enum mimo_status open_training(struct training *training, struct mimo_error *err)
{
    struct mimo_run *run = training->run;

    (void)open_data(training, err);
    MIMO_TRY(mimo_run_agree(run, err));
    training->steps = steps_of(training);
    training->last_step = training->steps;
    if (run->options->steps > 0 && run->options->steps < training->last_step)
        training->last_step = run->options->steps;
    MIMO_TRY(mimo_run_open_engine(run, &training->engine, training->data, true,
                                  &training->steps_done, err));
    training->saved_step = training->steps_done;
    training->engine.optimizer.steps = training->steps;
    (void)open_reporter(training, err);
    return mimo_run_agree(run, err);
}

static void close_training(struct training *training)
{
    if (training->reports)
        mimo_reporter_close(&training->reporter);
    mimo_engine_close(&training->engine);
    mimo_dataset_close(training->validation);
    mimo_dataset_close(training->data);
}

/* -- one step --------------------------------------------------------------------------------- */

static void choose_records(struct training *training)
{
    struct mimo_batch *batch = &training->engine.batch;
    const uint32_t positions = training->run->plan->training->global_batch;

    for (uint32_t position = 0; position < positions; position++)
        batch->records[position] = mimo_dataset_at(training->data, training->steps_done, position);
}

static enum mimo_status report_step(struct training *training, double step_ms,
                                    struct mimo_error *err)
{
    const struct mimo_plan *plan = training->run->plan;
    const struct mimo_batch *batch = &training->engine.batch;
    const struct mimo_step_report *report = &training->engine.optimizer.report;
    const struct mimo_step_figures figures = {
        .step = training->steps_done,
        .steps = training->last_step,
        .loss = report->loss,
        .has_experts = mimo_has_experts(plan),
        .aux_loss = report->aux_loss,
        .gradient_norm = report->gradient_norm,
        .lr = report->lr,
        .tokens = batch->token_count,
        .samples = batch->sample_count,
        .step_ms = step_ms,
        .mfu = mimo_flops_utilisation(plan, batch->token_count, batch->image_count, step_ms / 1e3),
    };

    if (batch->skipped > 0)
        mimo_reporter_say(&training->reporter,
                          "step %" PRIu64 ": %" PRIu64 " bad samples skipped (%" PRIu64 " so far)",
                          figures.step, batch->skipped, training->skipped);
    return mimo_reporter_step(&training->reporter, &figures, err);
}

/* What a launcher must leave between SIGTERM and SIGKILL, guessed from the first step and the bytes
 * to write. */
static void announce_grace(struct training *training, double step_ms)
{
    const uint64_t *held = training->engine.memory.bytes;
    const uint64_t bytes = held[MIMO_MEMORY_PARAMETERS] + held[MIMO_MEMORY_OPTIMIZER];
    const double seconds = 2.0 * step_ms / 1e3 + (double)bytes / WRITE_BYTES_PER_SECOND;

    if (saves(training))
        mimo_reporter_say(&training->reporter,
                          "SIGUSR1 or SIGTERM saves a checkpoint and stops; a launcher must leave "
                          "about %.1f s for that",
                          ceil(seconds * 10.0) / 10.0);
}

static enum mimo_status one_step(struct training *training, struct mimo_error *err)
{
    const double begin = now_ms();

    choose_records(training);
    MIMO_TRY(mimo_engine_step(&training->engine, training->steps_done, err));
    training->steps_done++;
    training->skipped += training->engine.batch.skipped;
    if (!training->reports)
        return MIMO_OK;
    if (training->reporter.smoothed_ms == 0.0)
        announce_grace(training, now_ms() - begin);
    return report_step(training, now_ms() - begin, err);
}

/* -- between steps ---------------------------------------------------------------------------- */

static enum mimo_status save(struct training *training, struct mimo_error *err)
{
    const double begin = now_ms();

    if (!saves(training) || training->saved_step == training->steps_done)
        return MIMO_OK;
    mimo_world_note(training->run->machine.world, "saving a checkpoint");
    MIMO_TRY(mimo_state_save(&training->engine, training->run->options->root, training->steps_done,
                             err));
    training->saved_step = training->steps_done;
    training->save_seconds = (now_ms() - begin) / 1e3;
    if (training->reports)
        mimo_reporter_say(&training->reporter, "checkpoint of step %" PRIu64 " saved in %.1f s",
                          training->steps_done, training->save_seconds);
    return MIMO_OK;
}

static enum mimo_status validate(struct training *training, struct mimo_error *err)
{
    double loss;

    if (training->validation == NULL)
        return MIMO_OK;
    MIMO_TRY(mimo_run_validate(&training->engine, training->validation, &loss, err));
    if (training->reports)
        mimo_reporter_say(&training->reporter, "step %" PRIu64 " · validation loss %.4f",
                          training->steps_done, loss);
    return MIMO_OK;
}

static bool is_due(uint64_t interval, uint64_t step)
{
    return interval > 0 && step % interval == 0;
}

static enum mimo_status run_steps(struct training *training, struct mimo_error *err)
{
    const struct mimo_plan *plan = training->run->plan;
    bool was_signalled = false;

    while (training->steps_done < training->last_step && !was_signalled) {
        MIMO_TRY(one_step(training, err));
        was_signalled = training->engine.optimizer.report.was_signalled;
        if (is_due(plan->training->eval_interval, training->steps_done))
            MIMO_TRY(validate(training, err));
        if (is_due(plan->checkpoint->interval, training->steps_done))
            MIMO_TRY(save(training, err));
    }
    MIMO_TRY(save(training, err));
    if (was_signalled && training->reports)
        mimo_reporter_say(&training->reporter, "stopped by a signal after step %" PRIu64,
                          training->steps_done);
    return MIMO_OK;
}

enum mimo_status mimo_run_train(struct mimo_run *run, struct mimo_error *err)
{
    struct training training = {.run = run};
    enum mimo_status status = open_training(&training, err);

    if (status == MIMO_OK) {
        mimo_world_catch_signals();
        if (training.reports && training.steps_done >= training.last_step)
            mimo_reporter_say(&training.reporter, "nothing to do: %" PRIu64 " steps are done",
                              training.steps_done);
        status = run_steps(&training, err);
    }
    close_training(&training);
    return status;
}
