/* mimoc lint: checks every combination of each file; --fix first mends what is certain. */
#include "compiler/command/command.h"
#include "compiler/diagnostic/fix.h"
#include "compiler/planner/compile.h"
#include "plan/file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROUNDS_MAX = 10 };

/* A file of the command line and what has become of it. */
struct target {
    const char *path;
    const char *text;
    size_t size;
    size_t fixed_count;
};

/* Only with all of its combinations can it be said that a comment silences nothing. */
static bool is_whole(const struct mimo_request *request)
{
    for (int i = 0; i < MIMO_CHOICE_COUNT; i++) {
        if (request->names[i] != NULL)
            return false;
    }
    return request->setting_count == 0 && request->world_size == 0;
}

static enum mimo_status check_combinations(struct mimo_compilation *compilation,
                                           struct mimo_error *err)
{
    struct mimo_declaration declaration;
    struct mimo_choice *choices;
    size_t count;

    mimo_compilation_resolve(compilation);
    MIMO_TRY(mimo_compilation_choices(compilation, &choices, &count, err));
    for (size_t i = 0; i < count; i++) {
        mimo_compilation_complete(compilation, &choices[i], &declaration);
        if (declaration.model != NULL)
            mimo_compile(&declaration, compilation->arena, compilation->diagnostics, NULL, NULL);
    }
    return MIMO_OK;
}

/* Checks `text` in place of the target's own; its file is *out_file. */
static bool lint_text(struct mimo_run *run, const struct target *target, const char *text,
                      size_t size, struct mimo_diagnostics *out_diagnostics, uint32_t *out_file)
{
    struct mimo_compilation compilation;
    struct mimo_error err = {0};

    mimo_run_begin(run, &compilation, out_diagnostics);
    *out_file = (uint32_t)run->sources.count;
    if (mimo_compilation_load_draft(&compilation, target->path, text, size, &err) != MIMO_OK ||
        check_combinations(&compilation, &err) != MIMO_OK)
        return false;
    mimo_compilation_allow(&compilation, is_whole(&run->options->request));
    return true;
}

static void print_fixed(const struct target *target)
{
    (void)fprintf(stderr, "fixed %zu mistake%s in %s\n", target->fixed_count,
                  target->fixed_count == 1 ? "" : "s", target->path);
}

/* Mends the text until nothing more is certain. A round that brings errors of its own is taken
 * back. Failures come up again when the result is checked. */
static void mend(struct mimo_run *run, struct target *target)
{
    struct mimo_diagnostics before, after;
    uint32_t file;

    if (!lint_text(run, target, target->text, target->size, &before, &file))
        return;
    for (int round = 0; round < ROUNDS_MAX; round++) {
        const struct mimo_fixed fixed = mimo_fixes_apply(&before, file);
        if (fixed.count == 0 || fixed.size > MIMO_SOURCE_BYTES_MAX)
            break;
        if (!lint_text(run, target, fixed.text, fixed.size, &after, &file) ||
            mimo_fixes_error_count(&after) > mimo_fixes_error_count(&before))
            break;
        target->text = fixed.text;
        target->size = fixed.size;
        target->fixed_count += fixed.count;
        before = after;
    }
}

static enum mimo_status read_target(struct mimo_run *run, const char *path,
                                    struct target *out_target, struct mimo_error *err)
{
    char *text;
    size_t size;

    MIMO_TRY(mimo_file_read(path, MIMO_SOURCE_BYTES_MAX, &text, &size, err));
    *out_target = (struct target){path, mimo_arena_copy(run->arena, text, size), size, 0};
    free(text);
    return MIMO_OK;
}

/* Standard input goes to standard output, changed or not. */
static enum mimo_status write_target(const struct target *target, struct mimo_error *err)
{
    const bool is_stream = strcmp(target->path, "-") == 0;

    if (target->fixed_count == 0 && !is_stream)
        return MIMO_OK;
    if (!is_stream && access(target->path, W_OK) != 0)
        return mimo_error_errno(err, MIMO_E_USAGE, "cannot write %s", target->path);
    return mimo_file_write(target->path, target->text, target->size, err);
}

/* Reads the file and, with --fix, mends and writes it. */
static enum mimo_status prepare(struct mimo_run *run, const char *path, struct target *out_target,
                                struct mimo_error *err)
{
    MIMO_TRY(read_target(run, path, out_target, err));
    if (!run->options->is_fixing)
        return MIMO_OK;
    mend(run, out_target);
    MIMO_TRY(write_target(out_target, err));
    if (out_target->fixed_count > 0)
        print_fixed(out_target);
    return MIMO_OK;
}

static void lint(struct mimo_run *run, const struct target *target)
{
    struct mimo_compilation compilation;
    struct mimo_diagnostics diagnostics;
    struct mimo_error err = {0};
    enum mimo_status status;

    mimo_run_begin(run, &compilation, &diagnostics);
    status =
        mimo_compilation_load_draft(&compilation, target->path, target->text, target->size, &err);
    if (status == MIMO_OK)
        status = check_combinations(&compilation, &err);
    if (status != MIMO_OK)
        mimo_run_fail(run, &err);
    mimo_run_hand_in(run, &compilation, is_whole(&run->options->request));
}

enum mimo_exit mimo_command_lint(struct mimo_run *run)
{
    const size_t count = run->options->file_count;
    struct target *targets = MIMO_NEW_ARRAY(run->arena, struct target, count);
    struct mimo_error err = {0};

    /* all are mended before the first is checked, as one may import another */
    for (size_t i = 0; i < count; i++) {
        if (prepare(run, run->options->files[i], &targets[i], &err) != MIMO_OK)
            mimo_run_fail(run, &err);
        err = (struct mimo_error){0};
    }
    for (size_t i = 0; i < count; i++) {
        if (targets[i].path != NULL)
            lint(run, &targets[i]);
    }
    if (run->total.error_count == 0 && !run->has_failed &&
        mimo_run_check_settings(run, &err) != MIMO_OK)
        mimo_run_fail(run, &err);
    mimo_run_print(run);
    return mimo_run_judge(run);
}
