#include "compiler/command/command.h"
#include "compiler/diagnostic/sink.h"
#include "plan/file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PLAN_BYTES_MAX = 1 << 30 };

enum mimo_exit mimo_run_complain(const struct mimo_error *err)
{
    (void)fprintf(stderr, "mimoc: %s\n", err->message);
    return MIMO_EXIT_USAGE;
}

void mimo_run_fail(struct mimo_run *run, const struct mimo_error *err)
{
    (void)mimo_run_complain(err);
    run->has_failed = true;
}

bool mimo_run_wants_color(const struct mimo_run *run, int descriptor)
{
    const char *no_color = getenv("NO_COLOR"), *terminal = getenv("TERM");

    if (run->options->color != MIMO_COLOR_AUTO)
        return run->options->color == MIMO_COLOR_ALWAYS;
    if (no_color != NULL && *no_color != '\0')
        return false;
    return isatty(descriptor) == 1 && terminal != NULL && strcmp(terminal, "dumb") != 0;
}

/* What -W says of the codes. */
static void set_levels(const struct mimo_options *options, struct mimo_diagnostics *diagnostics)
{
    memcpy(diagnostics->is_off, options->is_off, sizeof diagnostics->is_off);
    for (int i = 0; i < MIMO_CODE_COUNT; i++)
        diagnostics->is_fatal[i] =
            options->fatal[i] == MIMO_FATAL_ALWAYS ||
            (options->fatal[i] == MIMO_FATAL_DEFAULT && options->are_warnings_errors);
}

void mimo_run_begin(struct mimo_run *run, struct mimo_compilation *compilation,
                    struct mimo_diagnostics *diagnostics)
{
    mimo_diagnostics_init(diagnostics, run->arena, &run->sources);
    set_levels(run->options, diagnostics);
    set_levels(run->options, &run->total);
    mimo_compilation_init(compilation, &run->sources, diagnostics, &run->options->request);
}

void mimo_run_hand_in(struct mimo_run *run, struct mimo_compilation *compilation, bool is_whole)
{
    mimo_compilation_allow(compilation, is_whole);
    mimo_diagnostics_sort(compilation->diagnostics);
    mimo_diagnostics_merge(&run->total, compilation->diagnostics);
}

enum mimo_status mimo_run_check_settings(const struct mimo_run *run, struct mimo_error *err)
{
    const struct mimo_request *request = &run->options->request;

    for (size_t i = 0; i < request->setting_count; i++) {
        if (!request->settings[i].is_used)
            return mimo_error_set(err, MIMO_E_USAGE, "--set %s=%s: there is no param '%s'",
                                  request->settings[i].name, request->settings[i].value,
                                  request->settings[i].name);
    }
    return MIMO_OK;
}

static void print_sarif(const struct mimo_run *run)
{
    const struct mimo_sarif_run about = {
        .version = MIMO_VERSION,
        .homepage = MIMO_HOMEPAGE,
        .exit_status = (int)mimo_run_judge(run),
        .has_failed = run->has_failed,
    };

    mimo_diagnostics_print_sarif(&run->total, &about, stdout);
}

void mimo_run_print(const struct mimo_run *run)
{
    switch (run->options->format) {
    case MIMO_FORMAT_TEXT:
        mimo_diagnostics_print_text(&run->total, stderr, mimo_run_wants_color(run, STDERR_FILENO));
        break;
    case MIMO_FORMAT_JSON:
        mimo_diagnostics_print_json(&run->total, stdout);
        break;
    case MIMO_FORMAT_SARIF:
        print_sarif(run);
        break;
    case MIMO_FORMAT_GITHUB:
        mimo_diagnostics_print_github(&run->total, stdout);
        break;
    case MIMO_FORMAT_COUNT:
        break;
    }
}

enum mimo_exit mimo_run_judge(const struct mimo_run *run)
{
    if (run->has_failed)
        return MIMO_EXIT_USAGE;
    if (run->total.error_count > 0 || mimo_diagnostics_fatal_count(&run->total) > 0)
        return MIMO_EXIT_MISTAKES;
    return MIMO_EXIT_CLEAN;
}

enum mimo_exit mimo_run_read_plan(struct mimo_run *run, const char *path,
                                  struct mimo_plan *out_plan)
{
    struct mimo_error err = {0};
    char *bytes, *copy;
    size_t size;

    if (mimo_file_read(path, PLAN_BYTES_MAX, &bytes, &size, &err) != MIMO_OK)
        return mimo_run_complain(&err);
    copy = mimo_arena_copy(run->arena, bytes, size);
    free(bytes);
    if (mimo_plan_verify(copy, size, out_plan, &err) == MIMO_OK)
        return MIMO_EXIT_CLEAN;
    (void)fprintf(stderr, "mimoc: %s: %s\n", path, err.message);
    return MIMO_EXIT_MISTAKES;
}
