/*
 * options.h - the command line of mimoc, from one table that parsing and --help share.
 */
#ifndef MIMO_COMPILER_OPTIONS_H
#define MIMO_COMPILER_OPTIONS_H

#include "compiler/compilation.h"
#include "compiler/show.h"

enum mimo_command { MIMO_COMMAND_COMPILE, MIMO_COMMAND_LINT, MIMO_COMMAND_SHOW };

enum mimo_color { MIMO_COLOR_AUTO, MIMO_COLOR_ALWAYS, MIMO_COLOR_NEVER };

struct mimo_options {
    struct mimo_arena *arena;
    enum mimo_command command;
    bool wants_help, wants_version; /* nothing else counts then */
    const char **files;             /* at least one */
    size_t file_count, file_capacity;
    const char *output; /* compile: PLAN */
    struct mimo_request request;
    bool is_json;
    enum mimo_color color;
    bool are_warnings_errors;
    bool is_off[MIMO_CODE_COUNT];
    struct mimo_show_options show;
};

/* Reads the arguments (pointers into argv are kept). Fails with MIMO_E_USAGE. */
enum mimo_status mimo_options_parse(int argc, char **argv, struct mimo_arena *arena,
                                    struct mimo_options *out_options, struct mimo_error *err);

void mimo_options_print_help(FILE *file);

#endif
