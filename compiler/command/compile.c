#include "compiler/planner/compile.h"
#include "compiler/command/command.h"
#include "plan/file.h"

#include <string.h>
#include <sys/stat.h>

/* Everything up to the bytes; NULL where there are mistakes. */
static enum mimo_status compile(const struct mimo_run *run, struct mimo_compilation *compilation,
                                const unsigned char **out_bytes, size_t *out_size,
                                struct mimo_error *err)
{
    struct mimo_declaration declaration;
    struct mimo_choice choice;
    enum mimo_status status;

    MIMO_TRY(mimo_compilation_load(compilation, run->options->files[0], err));
    mimo_compilation_resolve(compilation);
    status = mimo_run_check_settings(run, err);
    if (status == MIMO_OK)
        status = mimo_compilation_choose(compilation, &choice, err);
    if (status != MIMO_OK) /* what is missing may be missing because of an error */
        return compilation->diagnostics->error_count > 0 ? MIMO_OK : status;
    mimo_compilation_complete(compilation, &choice, &declaration);
    if (declaration.model != NULL)
        mimo_compile(&declaration, run->arena, compilation->diagnostics, out_bytes, out_size);
    return MIMO_OK;
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat a_stat, b_stat;

    return stat(a, &a_stat) == 0 && stat(b, &b_stat) == 0 && a_stat.st_dev == b_stat.st_dev &&
           a_stat.st_ino == b_stat.st_ino;
}

/* `mimoc a.mimo -o a.mimo` is a slip: the plan would replace what it was made from. */
static enum mimo_status check_output(const struct mimo_run *run, struct mimo_error *err)
{
    const char *output = run->options->output;

    for (size_t i = 0; i < run->sources.count && strcmp(output, "-") != 0; i++) {
        if (is_same_file(output, run->sources.items[i].name))
            return mimo_error_set(err, MIMO_E_USAGE, "-o %s would overwrite the declaration %s",
                                  output, run->sources.items[i].name);
    }
    return MIMO_OK;
}

enum mimo_exit mimo_command_compile(struct mimo_run *run)
{
    struct mimo_compilation compilation;
    struct mimo_diagnostics diagnostics;
    const unsigned char *bytes = NULL;
    struct mimo_error err = {0};
    enum mimo_exit result;
    size_t size = 0;

    mimo_run_begin(run, &compilation, &diagnostics);
    if (compile(run, &compilation, &bytes, &size, &err) != MIMO_OK ||
        check_output(run, &err) != MIMO_OK)
        return mimo_run_complain(&err);
    mimo_run_hand_in(run, &compilation, false);
    mimo_run_print(run);
    result = mimo_run_judge(run);
    if (result != MIMO_EXIT_CLEAN)
        return result;
    MIMO_ASSERT(bytes != NULL);
    if (mimo_file_write(run->options->output, bytes, size, &err) != MIMO_OK)
        return mimo_run_complain(&err);
    return MIMO_EXIT_CLEAN;
}
