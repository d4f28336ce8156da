/* mimoc: entry and dispatch. */
#include "compiler/command/command.h"
#include "compiler/command/presets.h"

typedef enum mimo_exit command_function(struct mimo_run *run);

static command_function *const COMMANDS[MIMO_COMMAND_COUNT] = {
#define COMMAND_ROW(name, word, ...) mimo_command_##word,
    MIMO_COMMANDS(COMMAND_ROW)
#undef COMMAND_ROW
};

static enum mimo_exit run_command(struct mimo_run *run)
{
    if (run->options->wants_help) {
        mimo_options_print_help(run->options, stdout);
        return MIMO_EXIT_CLEAN;
    }
    if (run->options->wants_version) {
        (void)puts("mimoc " MIMO_VERSION);
        return MIMO_EXIT_CLEAN;
    }
    return COMMANDS[run->options->command](run);
}

int main(int argc, char **argv)
{
    struct mimo_arena arena = {0};
    struct mimo_options options;
    struct mimo_error err = {0};
    struct mimo_run run = {.arena = &arena, .options = &options};
    enum mimo_exit result;

    if (mimo_options_parse(argc, argv, &arena, &options, &err) != MIMO_OK) {
        result = mimo_run_complain(&err);
        (void)fputs("mimoc: see mimoc --help\n", stderr);
    } else {
        options.request.presets = mimo_presets_find(&arena);
        mimo_sources_init(&run.sources, &arena);
        mimo_diagnostics_init(&run.total, &arena, &run.sources);
        result = run_command(&run);
    }
    mimo_arena_release(&arena);
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        (void)fputs("mimoc: cannot write to standard output\n", stderr);
        return MIMO_EXIT_USAGE;
    }
    return (int)result;
}
