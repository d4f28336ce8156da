#include "compiler/command.h"
#include "compiler/compile.h"

/* Checks every combination of one file. */
static enum mimo_status lint(struct mimo_compilation *compilation, const char *path,
                             struct mimo_error *err)
{
    struct mimo_declaration declaration;
    struct mimo_choice *choices;
    size_t count;

    MIMO_TRY(mimo_compilation_load(compilation, path, err));
    mimo_compilation_resolve(compilation);
    MIMO_TRY(mimo_compilation_choices(compilation, &choices, &count, err));
    for (size_t i = 0; i < count; i++) {
        mimo_compilation_complete(compilation, &choices[i], &declaration);
        if (declaration.model != NULL)
            mimo_compile(&declaration, compilation->arena, compilation->diagnostics, NULL, NULL);
    }
    return MIMO_OK;
}

enum mimo_exit mimo_command_lint(struct mimo_run *run)
{
    const struct mimo_options *options = run->options;
    enum mimo_exit result = MIMO_EXIT_CLEAN;
    struct mimo_error err = {0};

    for (size_t i = 0; i < options->file_count; i++) {
        struct mimo_compilation compilation;
        struct mimo_diagnostics diagnostics;

        err = (struct mimo_error){0};
        mimo_run_begin(run, &compilation, &diagnostics);
        if (lint(&compilation, options->files[i], &err) != MIMO_OK)
            result = mimo_run_complain(&err);
        mimo_run_hand_in(run, &compilation, true);
    }
    mimo_run_print(run);
    err = (struct mimo_error){0};
    if (run->total.error_count == 0 && mimo_run_check_settings(run, &err) != MIMO_OK)
        result = mimo_run_complain(&err);
    return result != MIMO_EXIT_CLEAN ? result : mimo_run_judge(run);
}
