#include "runtime/train/run.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

/* Sums over the records so far. */
struct evaluation {
    double loss, targets;
    uint64_t records;
};

static void print_records(struct evaluation *evaluation, uint64_t first, uint32_t count,
                          const double *sums, const double *targets, bool prints)
{
    char text[32];

    for (uint32_t i = 0; i < count; i++) {
        const double mean = targets[i] > 0.0 ? sums[i] / targets[i] : (double)NAN;
        evaluation->loss += sums[i];
        evaluation->targets += targets[i];
        evaluation->records++;
        if (prints)
            (void)printf("{\"record\":%" PRIu64 ",\"loss\":%s,\"tokens\":%.0f}\n", first + i,
                         mimo_shortest_number(mean, text), targets[i]);
    }
}

static enum mimo_status evaluate(struct mimo_engine *engine, uint64_t count, bool prints,
                                 double *sums, struct mimo_error *err)
{
    const uint32_t samples = engine->batch.samples;
    struct evaluation evaluation = {0};
    char text[32];

    for (uint64_t first = 0; first < count; first += samples) {
        const uint64_t left = count - first;
        MIMO_TRY(mimo_run_losses(engine, first, count, sums, sums + samples, err));
        print_records(&evaluation, first, left < samples ? (uint32_t)left : samples, sums,
                      sums + samples, prints);
    }
    if (prints)
        (void)printf("{\"records\":%" PRIu64 ",\"loss\":%s,\"tokens\":%.0f}\n", evaluation.records,
                     mimo_shortest_number(evaluation.loss / evaluation.targets, text),
                     evaluation.targets);
    return MIMO_OK;
}

enum mimo_status mimo_run_evaluate(struct mimo_run *run, struct mimo_error *err)
{
    const bool prints = mimo_world_place(run->machine.world).rank == 0;
    struct mimo_engine engine = {0};
    struct mimo_dataset *data = NULL;
    uint64_t steps_done;
    double *sums;
    enum mimo_status status;

    (void)mimo_dataset_open(&data, run->plan, run->options->root, run->options->eval, err);
    status = mimo_run_agree(run, err);
    if (status == MIMO_OK)
        status = mimo_run_open_engine(run, &engine, data, false, &steps_done, err);
    if (status == MIMO_OK) {
        sums = calloc(2 * (size_t)engine.batch.samples, sizeof *sums);
        status = sums == NULL ? mimo_error_set(err, MIMO_E_FAILED, "out of memory")
                              : evaluate(&engine, mimo_dataset_count(data), prints, sums, err);
        free(sums);
    }
    mimo_engine_close(&engine);
    mimo_dataset_close(data);
    return status;
}
