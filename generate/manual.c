/* The parts of the manual pages, docs/man/: text for man(7). */
#include "generate/parts.h"

#include <string.h>

/* A backslash, and a dash that a reader may copy, are characters of roff. */
static void print_text(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\\')
            (void)fputs("\\e", stdout);
        else if (*text == '-')
            (void)fputs("\\-", stdout);
        else
            (void)putchar(*text);
    }
}

/* A line of running text, which must not begin as a request does. */
static void print_line(const char *text)
{
    if (*text == '.' || *text == '\'')
        (void)fputs("\\&", stdout);
    print_text(text);
    (void)putchar('\n');
}

static void print_bold(const char *text)
{
    (void)fputs("\\fB", stdout);
    print_text(text);
    (void)fputs("\\fR", stdout);
}

static void print_italic(const char *text)
{
    (void)fputs("\\fI", stdout);
    print_text(text);
    (void)fputs("\\fR", stdout);
}

/* ---- command lines ---- */

/* mimoc lint [options] FILE... */
static void print_call(const struct mimo_program *program, const struct mimo_command_row *row)
{
    print_bold(program->name);
    if (*row->word != '\0' && row != program->commands) {
        (void)putchar(' ');
        print_bold(row->word);
    }
    (void)fputs(" [options]", stdout);
    if (*row->operands != '\0') {
        (void)putchar(' ');
        print_italic(row->operands);
    }
    if (row == program->commands && *row->word != '\0') {
        (void)fputs(" \\fB\\-o\\fR ", stdout);
        print_italic("PLAN");
    }
    (void)putchar('\n');
}

static void print_synopsis(const struct mimo_program *program, struct mimo_arena *arena)
{
    (void)arena;
    for (size_t i = 0; i < program->command_count; i++) {
        if (i > 0)
            (void)fputs(".br\n", stdout);
        print_call(program, &program->commands[i]);
    }
}

static void print_commands(const struct mimo_program *program, struct mimo_arena *arena)
{
    (void)arena;
    for (size_t i = 0; i < program->command_count; i++) {
        (void)fputs(".TP\n", stdout);
        print_bold(program->commands[i].word);
        (void)putchar('\n');
        print_line(program->commands[i].doc);
    }
}

/* "compile, lint"; nothing where all take it. */
static void print_takers(const struct mimo_program *program,
                         const struct mimo_program_option *option)
{
    const char *separator = " (";

    if ((size_t)__builtin_popcount(option->commands) == program->command_count)
        return;
    for (size_t i = 0; i < program->command_count; i++) {
        if (!mimo_program_takes(option, i))
            continue;
        (void)fputs(separator, stdout);
        print_text(program->commands[i].word);
        separator = ", ";
    }
    (void)putchar(')');
}

static void print_options(const struct mimo_program *program, struct mimo_arena *arena)
{
    (void)arena;
    for (size_t i = 0; i < program->option_count; i++) {
        const struct mimo_program_option *option = &program->options[i];
        (void)fputs(".TP\n", stdout);
        print_bold(option->name);
        if (option->argument != NULL) {
            (void)putchar(' ');
            print_italic(option->argument);
        }
        print_takers(program, option);
        (void)putchar('\n');
        print_line(option->doc);
    }
}

/* ---- the language ---- */

static void print_list(const char *list, const char *separator)
{
    const char *item;
    size_t length;

    for (size_t i = 0; (item = mimo_word_list_item(list, i, &length)) != NULL; i++)
        (void)printf("%s\\fB%.*s\\fR", i > 0 ? separator : "", (int)length, item);
}

/* model NAME [: BASE] */
static void print_head(enum mimo_block_kind kind)
{
    static const char *const namings[] = {
        [MIMO_NAMING_NAMED] = " NAME",
        [MIMO_NAMING_OPTIONAL] = " [NAME]",
        [MIMO_NAMING_UNNAMED] = "",
        [MIMO_NAMING_VARIANT] = " KIND",
    };
    const struct mimo_schema_block *block = mimo_schema_block(kind);
    const bool has_architecture = block->bases[0] != '\0' && block->naming != MIMO_NAMING_VARIANT;

    (void)printf(".SS \"%s%s%s\"\n", block->word, namings[block->naming],
                 mimo_schema_derives(kind) ? " [: BASE]"
                 : has_architecture        ? " : ARCHITECTURE"
                                           : "");
}

static void print_place(enum mimo_block_kind kind)
{
    static const char *const presences[] = {
        [MIMO_PRESENCE_ANY] = "any number",
        [MIMO_PRESENCE_ONE] = "at most one",
        [MIMO_PRESENCE_REQUIRED] = "exactly one",
    };
    const struct mimo_schema_block *block = mimo_schema_block(kind);

    print_line(block->doc);
    (void)printf("(%s in ", presences[block->presence]);
    if (block->parents[0] == '\0')
        (void)fputs("the file", stdout);
    print_list(block->parents, ", ");
    if (block->bases[0] != '\0') {
        (void)printf("; %s: ", block->naming == MIMO_NAMING_VARIANT ? "kinds" : "architectures");
        print_list(block->bases, ", ");
    }
    (void)fputs(").\n", stdout);
}

/* "an integer", "gelu, silu" */
static void print_type(const struct mimo_type *type)
{
    if (type->forms != 0)
        print_text(type->noun);
    for (size_t i = 0; type->forms == 0 && i < type->word_count; i++) {
        (void)fputs(i > 0 ? ", " : "", stdout);
        print_bold(type->words[i]);
    }
}

/* A bound that only the width of the plan's fields sets is left out. */
static void print_range(const struct mimo_range *range)
{
    if (range->low > -2147483647.0)
        (void)printf(", %s", range->below);
    if (range->high < 2147483647.0)
        (void)printf(", %s", range->above);
}

static void print_attribute(const struct mimo_schema_attribute *row)
{
    const bool is_special =
        row->bases[0] != '\0' && strcmp(row->bases, mimo_schema_block(row->block)->bases) != 0;

    (void)fputs(".TP\n", stdout);
    print_bold(mimo_attribute_word(row->attribute));
    if (is_special) {
        (void)fputs(" (", stdout);
        print_list(row->bases, ", ");
        (void)putchar(')');
    }
    (void)putchar('\n');
    print_text(row->doc);
    (void)fputs(":\n", stdout);
    print_type(row->type);
    print_range(row->range);
    if (row->default_text == NULL) {
        (void)fputs("; required\n", stdout);
        return;
    }
    (void)fputs("; default ", stdout);
    print_bold(row->default_text);
    (void)putchar('\n');
}

static void print_blocks(const struct mimo_program *program, struct mimo_arena *arena)
{
    (void)program;
    (void)arena;
    for (int i = 0; i < MIMO_BLOCK_KIND_COUNT; i++) {
        const enum mimo_block_kind kind = (enum mimo_block_kind)i;
        size_t count;
        const struct mimo_schema_attribute *rows = mimo_schema_attributes(kind, &count);
        print_head(kind);
        print_place(kind);
        for (size_t j = 0; j < count; j++)
            print_attribute(&rows[j]);
    }
}

static void print_diagnostics(const struct mimo_program *program, struct mimo_arena *arena)
{
    (void)program;
    (void)arena;
    for (int i = 0; i < MIMO_CODE_COUNT; i++) {
        const enum mimo_code code = (enum mimo_code)i;
        (void)fputs(".TP\n", stdout);
        print_bold(mimo_code_name(code));
        (void)putchar('\n');
        print_line(mimo_code_summary(code));
    }
}

const struct mimo_part mimo_manual_parts[] = {
    {"man-synopsis", print_synopsis}, {"man-commands", print_commands},
    {"man-options", print_options},   {"man-blocks", print_blocks},
    {"man-codes", print_diagnostics}, {NULL, NULL},
};
