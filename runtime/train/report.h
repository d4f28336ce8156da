/*
 * report.h - what people and machines see of a run: a progress bar or plain lines, and JSON lines.
 */
#ifndef MIMO_RUNTIME_TRAIN_REPORT_H
#define MIMO_RUNTIME_TRAIN_REPORT_H

#include "plan/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* One step's figures. */
struct mimo_step_figures {
    uint64_t step, steps; /* from 1; of the whole run */
    double loss, gradient_norm, lr;
    bool has_experts; /* then: */
    double aux_loss;
    uint64_t tokens, samples; /* of the step */
    double step_ms;
    double mfu; /* 0.0: not known */
};

struct mimo_reporter {
    FILE *metrics; /* or NULL */
    const char *metrics_path;
    bool is_quiet;
    bool has_bar; /* standard output is a terminal */
    uint64_t log_interval;
    uint64_t first_step;
    double smoothed_ms; /* of a step, for the time left */
};

/* Opens `metrics_path` (NULL: none) for appending whole lines. MIMO_E_USAGE where it cannot be. */
enum mimo_status mimo_reporter_open(struct mimo_reporter *reporter, const char *metrics_path,
                                    bool is_quiet, uint64_t log_interval, bool appends,
                                    struct mimo_error *err);
enum mimo_status mimo_reporter_step(struct mimo_reporter *reporter,
                                    const struct mimo_step_figures *figures,
                                    struct mimo_error *err);
/* A line of text for people, above the bar. */
void mimo_reporter_say(struct mimo_reporter *reporter, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void mimo_reporter_close(struct mimo_reporter *reporter);

/* The shortest decimal form that reads back as `value`, as JSON has it (null for no number). `text`
 * has room for 32 bytes. */
const char *mimo_shortest_number(double value, char text[32]);

#endif
