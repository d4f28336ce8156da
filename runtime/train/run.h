/*
 * run.h - what mimo-exec does with a plan: train, evaluate, generate, and try how ranks
 * communicate.
 *
 * All are collective over the world. A failure that every rank knows of has err->is_agreed set; any
 * other is this rank's alone, and the caller ends the job.
 */
#ifndef MIMO_RUNTIME_TRAIN_RUN_H
#define MIMO_RUNTIME_TRAIN_RUN_H

#include "runtime/train/engine.h"
#include "runtime/train/report.h"

struct mimo_run_options {
    const char *root;    /* paths of the plan resolve against it; "" is the current folder */
    uint64_t steps;      /* stop after this step; 0: the plan's */
    const char *resume;  /* "auto", "none" or a checkpoint folder */
    const char *metrics; /* file, or NULL */
    bool is_quiet;
    const char *eval;    /* records to evaluate, or NULL */
    const char *prompts; /* file of prompts, or NULL */
    const char *prompt;  /* one prompt, or NULL */
    const char **images; /* of the one prompt */
    uint32_t image_count;
    uint32_t max_tokens;
    double temperature; /* 0.0: greedy */
    double top_p;
};

struct mimo_run {
    const struct mimo_plan *plan;
    struct mimo_machine machine;
    const struct mimo_run_options *options;
};

enum mimo_status mimo_run_train(struct mimo_run *run, struct mimo_error *err);
enum mimo_status mimo_run_evaluate(struct mimo_run *run, struct mimo_error *err);
enum mimo_status mimo_run_generate(struct mimo_run *run, struct mimo_error *err);

/*
 * Makes every group of the plan that has more than one member, also those that training makes no
 * use of, and passes a known pattern through each operation of each; sends messages along each edge
 * to the very ranks that it joins. Rank 0 prints a line for each kind of group and each edge.
 * Neither data nor weights are read. MIMO_E_FAILED, on all ranks, names the first that went wrong.
 */
enum mimo_status mimo_run_preflight(struct mimo_run *run, struct mimo_error *err);

/* -- shared by them --------------------------------------------------------------------------- */

/* Agrees on the ranks' own errors; afterwards all ranks hold the same one, or none. */
enum mimo_status mimo_run_agree(struct mimo_run *run, struct mimo_error *err);

/* An engine with its weights: initial values, the plan's folders, then the checkpoint that the
 * options name. *out_steps_done is 0 without one. */
enum mimo_status mimo_run_open_engine(struct mimo_run *run, struct mimo_engine *engine,
                                      struct mimo_dataset *dataset, bool trains,
                                      uint64_t *out_steps_done, struct mimo_error *err);

/*
 * Losses of records first ... first + S - 1 (those below `end`) of the batch's data set, in one
 * forward pass: sums[i] over the `targets[i]` target tokens of record first + i, on every rank.
 * `sums` and `targets` have room for S values each.
 */
enum mimo_status mimo_run_losses(struct mimo_engine *engine, uint64_t first, uint64_t end,
                                 double *sums, double *targets, struct mimo_error *err);

/* The mean loss over all target tokens of the records in `dataset`; the engine may be one that
 * trains. */
enum mimo_status mimo_run_validate(struct mimo_engine *engine, struct mimo_dataset *dataset,
                                   double *out_loss, struct mimo_error *err);

#endif
