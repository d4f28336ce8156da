/* The parts of completions/bash.in. */
#include "generate/parts.h"

#include <string.h>

/* "-o|--set|--model": the options that take a value. (Fish and zsh have ways of their own.) */
static void print_valued(const struct mimo_program *program, struct mimo_arena *arena)
{
    const char *separator = "";

    (void)arena;
    for (size_t i = 0; i < program->option_count; i++) {
        if (program->options[i].argument == NULL)
            continue;
        (void)printf("%s%s", separator, program->options[i].name);
        separator = "|";
    }
}

static bool has_commands(const struct mimo_program *program)
{
    return program->commands[0].word[0] != '\0';
}

static void print_command_words(const struct mimo_program *program, const char *separator)
{
    for (size_t i = 0; i < program->command_count; i++)
        (void)printf("%s%s", i > 0 ? separator : "", program->commands[i].word);
}

/* The command that is meant where none is named: the first. */
static void print_default(const struct mimo_program *program, struct mimo_arena *arena)
{
    (void)arena;
    (void)fputs(program->commands[0].word, stdout);
}

/* The case that notices a command. */
static void print_find(const struct mimo_program *program, struct mimo_arena *arena)
{
    (void)arena;
    if (!has_commands(program))
        return;
    (void)fputs("      ", stdout);
    print_command_words(program, "|");
    (void)fputs(") command=$word; break ;;\n", stdout);
}

/* " -Werror -Wno-error ...": an option of a single letter with each of its words attached. */
static void print_attached(const struct mimo_program_option *option, const char *words)
{
    const char *word;
    size_t length;

    for (size_t i = 0; (word = mimo_word_list_item(words, i, &length)) != NULL; i++)
        (void)printf(" %s%.*s", option->name, (int)length, word);
}

static void print_options(const struct mimo_program *program, size_t command,
                          struct mimo_arena *arena)
{
    const char *separator = "";

    for (size_t i = 0; i < program->option_count; i++) {
        const struct mimo_program_option *option = &program->options[i];
        if (!mimo_program_takes(option, command))
            continue;
        (void)printf("%s%s", separator, option->name);
        if (option->argument != NULL && strlen(option->name) == 2)
            print_attached(option, mimo_option_value(option, command, arena).words);
        separator = " ";
    }
}

static const char *files_word(enum mimo_file_kind kind)
{
    switch (kind) {
    case MIMO_FILES_NONE:
        return "none";
    case MIMO_FILES_ANY:
        return "any";
    case MIMO_FILES_DECLARATION:
        return "declarations";
    case MIMO_FILES_FOLDER:
        return "folders";
    }
    return "none";
}

static void print_value(struct mimo_place_value value)
{
    (void)printf("words='%s' files=%s", value.words, files_word(value.files));
}

/* What stands where an operand is expected. */
static void print_commands(const struct mimo_program *program, struct mimo_arena *arena)
{
    for (size_t i = 0; i < program->command_count; i++) {
        (void)printf("    '%s') ", program->commands[i].word);
        print_value(mimo_operand_value(program, i, arena));
        (void)fputs(" options='", stdout);
        print_options(program, i, arena);
        (void)fputs("' ;;\n", stdout);
    }
}

static void print_values(const struct mimo_program *program, struct mimo_arena *arena)
{
    for (size_t i = 0; i < program->command_count; i++) {
        for (size_t j = 0; j < program->option_count; j++) {
            const struct mimo_program_option *option = &program->options[j];
            if (option->argument == NULL || !mimo_program_takes(option, i))
                continue;
            (void)printf("    '%s %s') ", program->commands[i].word, option->name);
            print_value(mimo_option_value(option, i, arena));
            (void)fputs(" options= ;;\n", stdout);
        }
    }
}

/* The words that may stand where no command was given yet. */
static void print_choices(const struct mimo_program *program, struct mimo_arena *arena)
{
    (void)arena;
    if (has_commands(program))
        print_command_words(program, " ");
}

const struct mimo_part mimo_bash_parts[] = {
    {"valued", print_valued},
    {"default", print_default},
    {"bash-find", print_find},
    {"bash-commands", print_commands},
    {"bash-values", print_values},
    {"command-words", print_choices},
    {NULL, NULL},
};
