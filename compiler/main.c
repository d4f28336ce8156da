/* mimoc: the commands. */
#include "compiler/compile.h"
#include "compiler/options.h"
#include "compiler/suggest.h"
#include "plan/file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum exit_status { EXIT_CLEAN = 0, EXIT_MISTAKES = 1, EXIT_USAGE = 2 };

enum { PLAN_BYTES_MAX = 1 << 30 };

/* One run of mimoc. */
struct run {
    struct mimo_arena *arena;
    struct mimo_options *options;
    struct mimo_sources sources;
    struct mimo_diagnostics total; /* of all files */
};

static enum exit_status complain(const struct mimo_error *err)
{
    (void)fprintf(stderr, "mimoc: %s\n", err->message);
    return EXIT_USAGE;
}

static bool wants_color(const struct mimo_options *options)
{
    const char *no_color = getenv("NO_COLOR"), *terminal = getenv("TERM");

    if (options->color != MIMO_COLOR_AUTO)
        return options->color == MIMO_COLOR_ALWAYS;
    if (no_color != NULL && *no_color != '\0')
        return false;
    return isatty(STDERR_FILENO) == 1 && terminal != NULL && strcmp(terminal, "dumb") != 0;
}

static void print_diagnostics(const struct run *run)
{
    if (run->options->is_json)
        mimo_diagnostics_print_json(&run->total, stdout);
    else
        mimo_diagnostics_print_text(&run->total, stderr, wants_color(run->options));
}

static enum exit_status judge(const struct run *run)
{
    const struct mimo_diagnostics *total = &run->total;

    if (total->error_count > 0 || (run->options->are_warnings_errors && total->warning_count > 0))
        return EXIT_MISTAKES;
    return EXIT_CLEAN;
}

/* Makes the diagnostics of one file part of the whole. */
static void hand_in(struct run *run, struct mimo_compilation *compilation, bool is_whole)
{
    mimo_compilation_allow(compilation, is_whole);
    mimo_diagnostics_sort(compilation->diagnostics);
    mimo_diagnostics_merge(&run->total, compilation->diagnostics);
}

static void begin(struct run *run, struct mimo_compilation *compilation,
                  struct mimo_diagnostics *diagnostics)
{
    mimo_diagnostics_init(diagnostics, run->arena, &run->sources);
    memcpy(diagnostics->is_off, run->options->is_off, sizeof diagnostics->is_off);
    mimo_compilation_init(compilation, &run->sources, diagnostics, &run->options->request);
}

/* ---- compile ---- */

/* A --set that no file has a param for. */
static enum mimo_status check_settings(const struct mimo_request *request, struct mimo_error *err)
{
    for (size_t i = 0; i < request->setting_count; i++) {
        if (!request->settings[i].is_used)
            return mimo_error_set(err, MIMO_E_USAGE, "--set %s=%s: there is no param '%s'",
                                  request->settings[i].name, request->settings[i].value,
                                  request->settings[i].name);
    }
    return MIMO_OK;
}

/* Everything up to the bytes; NULL where there are mistakes. */
static enum mimo_status compile(struct run *run, struct mimo_compilation *compilation,
                                const unsigned char **out_bytes, size_t *out_size,
                                struct mimo_error *err)
{
    struct mimo_declaration declaration;
    struct mimo_choice choice;
    enum mimo_status status;

    MIMO_TRY(mimo_compilation_load(compilation, run->options->files[0], err));
    mimo_compilation_resolve(compilation);
    status = check_settings(&run->options->request, err);
    if (status == MIMO_OK)
        status = mimo_compilation_choose(compilation, &choice, err);
    if (status != MIMO_OK) /* what is missing may be missing because of an error */
        return compilation->diagnostics->error_count > 0 ? MIMO_OK : status;
    mimo_compilation_complete(compilation, &choice, &declaration);
    if (declaration.model != NULL)
        mimo_compile(&declaration, run->arena, compilation->diagnostics, out_bytes, out_size);
    return MIMO_OK;
}

static enum exit_status run_compile(struct run *run)
{
    struct mimo_compilation compilation;
    struct mimo_diagnostics diagnostics;
    const unsigned char *bytes = NULL;
    struct mimo_error err = {0};
    enum exit_status result;
    size_t size = 0;

    begin(run, &compilation, &diagnostics);
    if (compile(run, &compilation, &bytes, &size, &err) != MIMO_OK)
        return complain(&err);
    hand_in(run, &compilation, false);
    print_diagnostics(run);
    result = judge(run);
    if (result != EXIT_CLEAN)
        return result;
    MIMO_ASSERT(bytes != NULL);
    if (mimo_file_write(run->options->output, bytes, size, &err) != MIMO_OK)
        return complain(&err);
    return EXIT_CLEAN;
}

/* ---- lint ---- */

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

static enum exit_status run_lint(struct run *run)
{
    const struct mimo_options *options = run->options;
    enum exit_status result = EXIT_CLEAN;
    struct mimo_error err = {0};

    for (size_t i = 0; i < options->file_count; i++) {
        struct mimo_compilation compilation;
        struct mimo_diagnostics diagnostics;
        err = (struct mimo_error){0};
        begin(run, &compilation, &diagnostics);
        if (lint(&compilation, options->files[i], &err) != MIMO_OK)
            result = complain(&err);
        hand_in(run, &compilation, true);
    }
    print_diagnostics(run);
    err = (struct mimo_error){0};
    if (run->total.error_count == 0 && check_settings(&options->request, &err) != MIMO_OK)
        result = complain(&err);
    return result != EXIT_CLEAN ? result : judge(run);
}

/* ---- show ---- */

static enum exit_status run_show(const struct run *run)
{
    struct mimo_error err = {0};
    struct mimo_plan plan;
    enum exit_status result = EXIT_CLEAN;
    char *bytes;
    size_t size;

    if (mimo_file_read(run->options->files[0], PLAN_BYTES_MAX, &bytes, &size, &err) != MIMO_OK)
        return complain(&err);
    if (mimo_plan_verify(bytes, size, &plan, &err) != MIMO_OK) {
        (void)fprintf(stderr, "mimoc: %s: %s\n", run->options->files[0], err.message);
        result = EXIT_MISTAKES;
    } else if (run->options->show.rank != MIMO_NONE &&
               run->options->show.rank >= plan.meta->world_size) {
        (void)fprintf(stderr, "mimoc: --rank %u: the plan is for %u ranks\n",
                      run->options->show.rank, plan.meta->world_size);
        result = EXIT_USAGE;
    } else {
        mimo_show(&plan, &run->options->show, stdout);
    }
    free(bytes);
    return result;
}

/* ---- entry ---- */

static enum exit_status run_command(struct run *run)
{
    if (run->options->wants_help) {
        mimo_options_print_help(stdout);
        return EXIT_CLEAN;
    }
    if (run->options->wants_version) {
        (void)puts("mimoc " MIMO_VERSION);
        return EXIT_CLEAN;
    }
    switch (run->options->command) {
    case MIMO_COMMAND_COMPILE:
        return run_compile(run);
    case MIMO_COMMAND_LINT:
        return run_lint(run);
    case MIMO_COMMAND_SHOW:
        return run_show(run);
    }
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    struct mimo_arena arena = {0};
    struct mimo_options options;
    struct mimo_error err = {0};
    struct run run = {.arena = &arena, .options = &options};
    enum exit_status result;

    if (mimo_options_parse(argc, argv, &arena, &options, &err) != MIMO_OK) {
        result = complain(&err);
        (void)fputs("mimoc: see mimoc --help\n", stderr);
    } else {
        mimo_sources_init(&run.sources, &arena);
        mimo_diagnostics_init(&run.total, &arena, &run.sources);
        result = run_command(&run);
    }
    mimo_arena_release(&arena);
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        (void)fputs("mimoc: cannot write to standard output\n", stderr);
        return EXIT_USAGE;
    }
    return (int)result;
}
