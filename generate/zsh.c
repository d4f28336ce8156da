/* The parts of completions/zsh.in. */
#include "generate/parts.h"

#include <string.h>

/* Text within '...[here]': the shell's quote, and what ends the brackets. */
static void print_doc(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            (void)fputs("'\\''", stdout);
        else if (*text == '[' || *text == ']')
            (void)printf("\\%c", *text);
        else
            (void)putchar(*text);
    }
}

/* The action that completes a value. */
static void print_action(struct mimo_place_value value)
{
    static const char *const actions[] = {
        [MIMO_FILES_NONE] = "",
        [MIMO_FILES_ANY] = "_files",
        [MIMO_FILES_DECLARATION] = "_files -g \"*.mimo(-.)\"",
        [MIMO_FILES_FOLDER] = "_files -/",
    };

    if (*value.words == '\0')
        (void)fputs(actions[value.files], stdout);
    else if (value.files == MIMO_FILES_NONE)
        (void)printf("(%s)", value.words);
    else
        (void)printf("{compadd -- %s; %s}", value.words, actions[value.files]);
}

/* '*--color=[doc]:always|never:(always never)', '*-o+[doc]:PLAN:_files', '--all[doc]' */
static void print_option(const struct mimo_program_option *option, size_t command,
                         struct mimo_arena *arena)
{
    const char *const attaches = strncmp(option->name, "--", 2) == 0 ? "=" : "+";

    (void)printf(" \\\n        '%s%s%s[", option->argument != NULL ? "*" : "", option->name,
                 option->argument != NULL ? attaches : "");
    print_doc(option->doc);
    (void)fputs("]", stdout);
    if (option->argument != NULL) {
        (void)printf(":%s:", option->argument);
        print_action(mimo_option_value(option, command, arena));
    }
    (void)fputs("'", stdout);
}

static void print_commands(const struct mimo_program *program, struct mimo_arena *arena)
{
    for (size_t i = 0; i < program->command_count; i++) {
        const struct mimo_command_row *row = &program->commands[i];
        const bool is_default = i == 0 && *row->word != '\0';
        (void)printf("    '%s')\n      _arguments -C -S", row->word);
        for (size_t j = 0; j < program->option_count; j++) {
            if (mimo_program_takes(&program->options[j], i))
                print_option(&program->options[j], i, arena);
        }
        if (row->operands_max > 0) {
            (void)printf(" \\\n        '*:%s:", row->operands);
            if (is_default)
                (void)fputs("->operand", stdout);
            else
                print_action(mimo_operand_value(program, i, arena));
            (void)fputs("'", stdout);
        }
        (void)fputs("\n      ;;\n", stdout);
    }
}

/* The descriptions of the commands, for where none was given yet. */
static void print_choices(const struct mimo_program *program, struct mimo_arena *arena)
{
    (void)arena;
    for (size_t i = 0; i < program->command_count; i++) {
        if (*program->commands[i].word == '\0')
            continue;
        (void)printf("  '%s:", program->commands[i].word);
        print_doc(program->commands[i].doc);
        (void)fputs("'\n", stdout);
    }
}

const struct mimo_part mimo_zsh_parts[] = {
    {"zsh-commands", print_commands},
    {"zsh-choices", print_choices},
    {NULL, NULL},
};
