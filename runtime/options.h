/*
 * options.h - the command line of mimo-exec (LANGUAGE.md section 6, docs/reference.md).
 */
#ifndef MIMO_RUNTIME_OPTIONS_H
#define MIMO_RUNTIME_OPTIONS_H

#include "runtime/equipment.h"
#include "runtime/train/run.h"

enum mimo_action {
    MIMO_ACTION_TRAIN,
    MIMO_ACTION_EVALUATE,
    MIMO_ACTION_GENERATE,
    MIMO_ACTION_PREFLIGHT,
    MIMO_ACTION_HELP,
    MIMO_ACTION_VERSION,
};

struct mimo_options {
    enum mimo_action action;
    const char *plan;
    enum mimo_backend_choice backend;
    uint64_t timeout_ms;
    struct mimo_run_options run;
};

/* Parses the command line; `arena` holds lists. MIMO_E_USAGE says what is wrong. */
enum mimo_status mimo_options_parse(struct mimo_options *options, int argc, char **argv,
                                    struct mimo_arena *arena, struct mimo_error *err);

/* The text of --help. */
void mimo_options_print_help(FILE *file);

#endif
