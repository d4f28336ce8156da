/* The text of --help. */
#include "compiler/command/options.h"

/* "all commands", "compile and lint" */
static void print_commands(FILE *file, unsigned commands)
{
    int left = __builtin_popcount(commands);

    if (commands == MIMO_FOR_ALL) {
        (void)fputs("all commands", file);
        return;
    }
    for (int i = 0; i < MIMO_COMMAND_COUNT; i++) {
        if ((commands & 1u << i) == 0)
            continue;
        left--;
        (void)fprintf(file, "%s%s", mimo_commands[i].word,
                      left > 1    ? ", "
                      : left == 1 ? " and "
                                  : "");
    }
}

static void print_option(FILE *file, const struct mimo_option *option)
{
    char left[40];

    (void)snprintf(left, sizeof left, "%s%s%s", option->name, option->argument != NULL ? " " : "",
                   option->argument != NULL ? option->argument : "");
    (void)fprintf(file, "  %-25s  %s\n", left, option->doc);
}

/* A set of commands is described where the first option for exactly this set stands. */
static bool is_first_of_its_set(size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (mimo_option_rows[i].commands == mimo_option_rows[index].commands)
            return false;
    }
    return true;
}

static void print_all_options(FILE *file)
{
    for (size_t i = 0; i < mimo_option_row_count; i++) {
        if (!is_first_of_its_set(i))
            continue;
        (void)fputs("\nOptions of ", file);
        print_commands(file, mimo_option_rows[i].commands);
        (void)fputs(":\n", file);
        for (size_t j = i; j < mimo_option_row_count; j++) {
            if (mimo_option_rows[j].commands == mimo_option_rows[i].commands)
                print_option(file, &mimo_option_rows[j]);
        }
    }
}

static void print_synopsis(FILE *file, enum mimo_command command)
{
    const struct mimo_command_row *row = &mimo_commands[command];
    char left[40];

    if (command == MIMO_COMMAND_COMPILE)
        (void)snprintf(left, sizeof left, "mimoc [options] %s -o PLAN", row->operands);
    else
        (void)snprintf(left, sizeof left, "mimoc %s [options] %s", row->word, row->operands);
    (void)fprintf(file, "  %-33s  %s\n", left, row->doc);
}

static void print_help_of(FILE *file, enum mimo_command command)
{
    print_synopsis(file, command);
    (void)fputc('\n', file);
    for (size_t i = 0; i < mimo_option_row_count; i++) {
        if ((mimo_option_rows[i].commands & 1u << command) != 0)
            print_option(file, &mimo_option_rows[i]);
    }
}

void mimo_options_print_help(const struct mimo_options *options, FILE *file)
{
    if (options->has_command) {
        print_help_of(file, options->command);
        return;
    }
    (void)fputs("mimoc compiles declarations of multimodal training into plans for mimo-exec.\n\n",
                file);
    for (int i = 0; i < MIMO_COMMAND_COUNT; i++)
        print_synopsis(file, (enum mimo_command)i);
    (void)fputs("\nFILE - is standard input.\n", file);
    print_all_options(file);
    (void)fputs("\nExit status: 0 no error; 1 the input has errors; 2 the command line or the file "
                "system is at fault.\n",
                file);
}
