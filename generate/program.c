#include "generate/program.h"

#include <ctype.h>
#include <string.h>

enum { OPTIONS_MAX = 128 };

static const struct mimo_command_row EXEC_COMMANDS[] = {
    {"", "PLAN", 1, 1, "train, evaluate or generate as a plan says"},
};

static const struct mimo_program_option EXEC_OPTIONS[] = {
#define MIMO_EXEC_OPTION(name, word, argument, doc) {"--" word, argument, 1, doc},
#include "runtime/options.def"
#undef MIMO_EXEC_OPTION
};

static const struct mimo_program EXEC = {
    .name = "mimo-exec",
    .commands = EXEC_COMMANDS,
    .command_count = 1,
    .options = EXEC_OPTIONS,
    .option_count = sizeof EXEC_OPTIONS / sizeof *EXEC_OPTIONS,
};

static const struct mimo_program *compiler(void)
{
    static struct mimo_program_option options[OPTIONS_MAX];
    static struct mimo_program program = {
        .name = "mimoc", .commands = mimo_commands, .command_count = MIMO_COMMAND_COUNT};

    MIMO_ASSERT(mimo_option_row_count <= OPTIONS_MAX);
    for (size_t i = 0; i < mimo_option_row_count; i++) {
        const struct mimo_option *row = &mimo_option_rows[i];
        options[i] =
            (struct mimo_program_option){row->name, row->argument, row->commands, row->doc};
    }
    program.options = options;
    program.option_count = mimo_option_row_count;
    return &program;
}

const struct mimo_program *mimo_program_find(const char *name)
{
    if (strcmp(name, EXEC.name) == 0)
        return &EXEC;
    return strcmp(name, "mimoc") == 0 ? compiler() : NULL;
}

bool mimo_program_takes(const struct mimo_program_option *option, size_t command)
{
    return (option->commands & 1u << command) != 0;
}

/* ---- what a place may hold ---- */

static const char *add_word(struct mimo_arena *arena, const char *words, const char *word)
{
    return mimo_arena_printf(arena, "%s%s%s", words, *words != '\0' ? " " : "", word);
}

static const char *list_formats(struct mimo_arena *arena, size_t command)
{
    static const struct {
        const char *word;
        unsigned commands;
    } formats[] = {
#define FORMAT_ROW(name, word, commands) {word, commands},
        MIMO_FORMATS(FORMAT_ROW)
#undef FORMAT_ROW
    };
    const char *words = "";

    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if ((formats[i].commands & 1u << command) != 0)
            words = add_word(arena, words, formats[i].word);
    }
    return words;
}

/* All codes, or, for -W, the words that it takes. */
static const char *list_codes(struct mimo_arena *arena, bool are_warnings)
{
    const char *words = are_warnings ? "error no-error" : "";

    for (int i = 0; i < MIMO_CODE_COUNT; i++) {
        const enum mimo_code code = (enum mimo_code)i;
        if (are_warnings && mimo_code_severity(code) != MIMO_SEVERITY_WARNING)
            continue;
        words = add_word(arena, words, mimo_code_name(code));
        if (are_warnings)
            words = add_word(arena, words, mimo_arena_printf(arena, "no-%s", mimo_code_name(code)));
    }
    return words;
}

static enum mimo_file_kind file_kind(const char *item, bool are_declarations)
{
    if (strcmp(item, "DIR") == 0)
        return MIMO_FILES_FOLDER;
    if (strcmp(item, "FILE") == 0)
        return are_declarations ? MIMO_FILES_DECLARATION : MIMO_FILES_ANY;
    if (strcmp(item, "PLAN") == 0 || strcmp(item, "PATH") == 0)
        return MIMO_FILES_ANY;
    return MIMO_FILES_NONE;
}

/* One item of "auto|none|PATH": a word of its own, or in capitals the name of what may stand. */
static void add_item(struct mimo_place_value *value, struct mimo_arena *arena, const char *item,
                     bool are_declarations)
{
    const enum mimo_file_kind files = file_kind(item, are_declarations);

    if (islower((unsigned char)item[0]) != 0)
        value->words = add_word(arena, value->words, item);
    else if (files != MIMO_FILES_NONE)
        value->files = files;
}

/* The items end at a '|', a space or a dot: "a|b", "PLAN PLAN", "FILE...". */
static struct mimo_place_value parse_value(struct mimo_arena *arena, const char *text,
                                           bool are_declarations)
{
    static const char ends[] = "| .";
    struct mimo_place_value value = {.words = ""};

    while (*text != '\0') {
        const size_t length = strcspn(text, ends);
        add_item(&value, arena, mimo_arena_copy(arena, text, length), are_declarations);
        text += length;
        text += strspn(text, ends);
    }
    return value;
}

struct mimo_place_value mimo_option_value(const struct mimo_program_option *option, size_t command,
                                          struct mimo_arena *arena)
{
    if (strcmp(option->argument, "FORMAT") == 0)
        return (struct mimo_place_value){.words = list_formats(arena, command)};
    if (strcmp(option->argument, "CODE") == 0)
        return (struct mimo_place_value){.words =
                                             list_codes(arena, strcmp(option->name, "-W") == 0)};
    return parse_value(arena, option->argument, false);
}

struct mimo_place_value mimo_operand_value(const struct mimo_program *program, size_t command,
                                           struct mimo_arena *arena)
{
    const char *operands = program->commands[command].operands;

    if (strstr(operands, "CODE") != NULL)
        return (struct mimo_place_value){.words = list_codes(arena, false)};
    return parse_value(arena, operands, true);
}
