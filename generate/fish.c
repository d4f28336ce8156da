/* The parts of completions/fish.in. */
#include "generate/parts.h"

#include <string.h>

/* A text in fish's single quotes. */
static void print_quoted(const char *text)
{
    (void)putchar('\'');
    for (; *text != '\0'; text++)
        (void)printf("%s%c", *text == '\'' || *text == '\\' ? "\\" : "", *text);
    (void)putchar('\'');
}

/* " -a 'words'", " -a '(...)'", " -F": what completes a value. */
static void print_value(struct mimo_place_value value)
{
    static const char *const lists[] = {
        [MIMO_FILES_NONE] = "",
        [MIMO_FILES_ANY] = "(__fish_complete_path)",
        [MIMO_FILES_DECLARATION] = "(__fish_complete_suffix .mimo)",
        [MIMO_FILES_FOLDER] = "(__fish_complete_directories)",
    };

    if (*value.words != '\0' || value.files != MIMO_FILES_NONE)
        (void)printf(" -a '%s%s%s'", value.words, *value.words != '\0' ? " " : "",
                     lists[value.files]);
}

static void begin_rule(const struct mimo_program *program, size_t command)
{
    (void)printf("complete -c %s", program->name);
    if (*program->commands[command].word != '\0')
        (void)printf(" -n '__%s_is %s'", program->name, program->commands[command].word);
}

static void print_option(const struct mimo_program *program,
                         const struct mimo_program_option *option, size_t command,
                         struct mimo_arena *arena)
{
    const bool is_long = strncmp(option->name, "--", 2) == 0;

    begin_rule(program, command);
    (void)printf(" -%c %s", is_long ? 'l' : 's', option->name + (is_long ? 2 : 1));
    if (option->argument != NULL) {
        (void)fputs(" -x", stdout);
        print_value(mimo_option_value(option, command, arena));
    }
    (void)fputs(" -d ", stdout);
    print_quoted(option->doc);
    (void)putchar('\n');
}

static void print_rules(const struct mimo_program *program, struct mimo_arena *arena)
{
    for (size_t i = 0; i < program->command_count; i++) {
        for (size_t j = 0; j < program->option_count; j++) {
            if (mimo_program_takes(&program->options[j], i))
                print_option(program, &program->options[j], i, arena);
        }
        if (program->commands[i].operands_max == 0)
            continue;
        begin_rule(program, i);
        print_value(mimo_operand_value(program, i, arena));
        (void)putchar('\n');
    }
}

/* The commands themselves, where none was given yet. */
static void print_choices(const struct mimo_program *program, struct mimo_arena *arena)
{
    (void)arena;
    for (size_t i = 0; i < program->command_count; i++) {
        if (*program->commands[i].word == '\0')
            continue;
        (void)printf("complete -c %s -n 'test -z (__%s_command)' -a %s -d ", program->name,
                     program->name, program->commands[i].word);
        print_quoted(program->commands[i].doc);
        (void)putchar('\n');
    }
}

static void print_words(const struct mimo_program *program, struct mimo_arena *arena)
{
    (void)arena;
    for (size_t i = 0; i < program->option_count; i++) {
        if (program->options[i].argument != NULL)
            (void)printf(" %s", program->options[i].name);
    }
}

const struct mimo_part mimo_fish_parts[] = {
    {"fish-valued", print_words},
    {"fish-rules", print_rules},
    {"fish-choices", print_choices},
    {NULL, NULL},
};
