#include "compiler/command/options.h"

#include "plan/format.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct mimo_command_row mimo_commands[MIMO_COMMAND_COUNT] = {
#define COMMAND_ROW(name, word, operands, min, max, doc) {#word, operands, min, max, doc},
    MIMO_COMMANDS(COMMAND_ROW)
#undef COMMAND_ROW
};

static const struct format {
    const char *word;
    unsigned commands;
} FORMATS[MIMO_FORMAT_COUNT] = {
#define FORMAT_ROW(name, word, commands) {word, commands},
    MIMO_FORMATS(FORMAT_ROW)
#undef FORMAT_ROW
};

/* ---- one function for each option ---- */

static enum mimo_status apply_output(struct mimo_options *options, const char *value,
                                     struct mimo_error *err)
{
    (void)err;
    options->output = value;
    return MIMO_OK;
}

static enum mimo_status apply_set(struct mimo_options *options, const char *value,
                                  struct mimo_error *err)
{
    struct mimo_request *request = &options->request;
    const char *equals = strchr(value, '=');
    struct mimo_setting setting = {0};

    if (equals == NULL || equals == value)
        return mimo_error_set(err, MIMO_E_USAGE, "--set takes NAME=VALUE, not '%s'", value);
    setting.name = mimo_arena_copy(options->arena, value, (size_t)(equals - value));
    setting.value = equals + 1;
    MIMO_APPEND(options->arena, request->settings, request->setting_count,
                request->setting_capacity, setting);
    return MIMO_OK;
}

static enum mimo_status apply_model(struct mimo_options *options, const char *value,
                                    struct mimo_error *err)
{
    (void)err;
    options->request.names[MIMO_CHOICE_MODEL] = value;
    return MIMO_OK;
}

static enum mimo_status apply_deployment(struct mimo_options *options, const char *value,
                                         struct mimo_error *err)
{
    (void)err;
    options->request.names[MIMO_CHOICE_DEPLOYMENT] = value;
    return MIMO_OK;
}

static enum mimo_status apply_training(struct mimo_options *options, const char *value,
                                       struct mimo_error *err)
{
    (void)err;
    options->request.names[MIMO_CHOICE_TRAINING] = value;
    return MIMO_OK;
}

static enum mimo_status apply_data(struct mimo_options *options, const char *value,
                                   struct mimo_error *err)
{
    (void)err;
    options->request.names[MIMO_CHOICE_DATA] = value;
    return MIMO_OK;
}

static bool parse_number(const char *text, long long low, long long high, long long *out_number)
{
    long long number;
    char *end;

    errno = 0;
    number = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || number < low || number > high)
        return false;
    *out_number = number;
    return true;
}

static enum mimo_status apply_world_size(struct mimo_options *options, const char *value,
                                         struct mimo_error *err)
{
    long long size;

    if (!parse_number(value, 1, INT32_MAX, &size))
        return mimo_error_set(err, MIMO_E_USAGE, "--world-size takes a number of ranks, not '%s'",
                              value);
    options->request.world_size = size;
    return MIMO_OK;
}

static enum mimo_status apply_folder(struct mimo_options *options, const char *value,
                                     struct mimo_error *err)
{
    struct mimo_request *request = &options->request;

    (void)err;
    MIMO_APPEND(options->arena, request->folders, request->folder_count, request->folder_capacity,
                value);
    return MIMO_OK;
}

/* "text, json" : those that the command knows */
static const char *list_formats(const struct mimo_options *options)
{
    const char *list = "";

    for (int i = 0; i < MIMO_FORMAT_COUNT; i++) {
        if ((FORMATS[i].commands & 1u << options->command) != 0)
            list = mimo_arena_printf(options->arena, "%s%s%s", list, *list == '\0' ? "" : ", ",
                                     FORMATS[i].word);
    }
    return list;
}

static enum mimo_status apply_format(struct mimo_options *options, const char *value,
                                     struct mimo_error *err)
{
    for (int i = 0; i < MIMO_FORMAT_COUNT; i++) {
        if (strcmp(FORMATS[i].word, value) == 0 &&
            (FORMATS[i].commands & 1u << options->command) != 0) {
            options->format = (enum mimo_format)i;
            return MIMO_OK;
        }
    }
    return mimo_error_set(err, MIMO_E_USAGE, "the formats of '%s' are %s, not '%s'",
                          mimo_commands[options->command].word, list_formats(options), value);
}

static enum mimo_status apply_color(struct mimo_options *options, const char *value,
                                    struct mimo_error *err)
{
    static const char *const words[] = {"auto", "always", "never"};

    for (int i = 0; i <= MIMO_COLOR_NEVER; i++) {
        if (strcmp(words[i], value) == 0) {
            options->color = (enum mimo_color)i;
            return MIMO_OK;
        }
    }
    return mimo_error_set(err, MIMO_E_USAGE, "--color is auto, always or never, not '%s'", value);
}

static const char *list_warnings(struct mimo_arena *arena)
{
    const char *list = "";

    for (int i = 0; i < MIMO_CODE_COUNT; i++) {
        if (mimo_code_severity((enum mimo_code)i) == MIMO_SEVERITY_WARNING)
            list = mimo_arena_printf(arena, "%s%s%s", list, *list == '\0' ? "" : ", ",
                                     mimo_code_name((enum mimo_code)i));
    }
    return list;
}

static enum mimo_status find_warning(const struct mimo_options *options, const char *value,
                                     const char *name, enum mimo_code *out_code,
                                     struct mimo_error *err)
{
    if (!mimo_code_find(name, out_code))
        return mimo_error_set(err, MIMO_E_USAGE,
                              "-W%s: there is no warning '%s'; the warnings are %s", value, name,
                              list_warnings(options->arena));
    if (mimo_code_severity(*out_code) != MIMO_SEVERITY_WARNING)
        return mimo_error_set(err, MIMO_E_USAGE, "-W%s: %s is an error, not a warning", value,
                              name);
    return MIMO_OK;
}

/* CODE, all, error or error=CODE, each also behind no-; of several the last one counts */
static enum mimo_status apply_warning(struct mimo_options *options, const char *value,
                                      struct mimo_error *err)
{
    static const char fatal[] = "error=";
    const bool is_off = strncmp(value, "no-", 3) == 0;
    const char *name = is_off ? value + 3 : value;
    enum mimo_code code;

    if (strcmp(name, "error") == 0) {
        options->are_warnings_errors = !is_off;
        return MIMO_OK;
    }
    if (strcmp(name, "all") == 0) {
        memset(options->is_off, is_off, sizeof options->is_off);
        return MIMO_OK;
    }
    if (strncmp(name, fatal, strlen(fatal)) == 0) {
        MIMO_TRY(find_warning(options, value, name + strlen(fatal), &code, err));
        options->fatal[code] = is_off ? MIMO_FATAL_NEVER : MIMO_FATAL_ALWAYS;
        options->is_off[code] = options->is_off[code] && is_off;
        return MIMO_OK;
    }
    MIMO_TRY(find_warning(options, value, name, &code, err));
    options->is_off[code] = is_off;
    return MIMO_OK;
}

static enum mimo_status apply_fix(struct mimo_options *options, const char *value,
                                  struct mimo_error *err)
{
    (void)value;
    (void)err;
    options->is_fixing = true;
    return MIMO_OK;
}

static enum mimo_status apply_check(struct mimo_options *options, const char *value,
                                    struct mimo_error *err)
{
    (void)value;
    (void)err;
    options->checks_only = true;
    return MIMO_OK;
}

static enum mimo_status apply_rank(struct mimo_options *options, const char *value,
                                   struct mimo_error *err)
{
    long long rank;

    if (!parse_number(value, 0, (long long)MIMO_NONE - 1, &rank))
        return mimo_error_set(err, MIMO_E_USAGE, "--rank takes a rank, not '%s'", value);
    options->show.rank = (uint32_t)rank;
    return MIMO_OK;
}

#define SHOW_PART(function, part)                                                                  \
    static enum mimo_status function(struct mimo_options *options, const char *value,              \
                                     struct mimo_error *err)                                       \
    {                                                                                              \
        (void)value;                                                                               \
        (void)err;                                                                                 \
        options->show.parts |= (part);                                                             \
        return MIMO_OK;                                                                            \
    }
SHOW_PART(apply_ranks, MIMO_SHOW_RANKS)
SHOW_PART(apply_groups, MIMO_SHOW_GROUPS)
SHOW_PART(apply_bridges, MIMO_SHOW_BRIDGES)
SHOW_PART(apply_schedule, MIMO_SHOW_SCHEDULE)
SHOW_PART(apply_parameters, MIMO_SHOW_PARAMETERS)
SHOW_PART(apply_cost, MIMO_SHOW_COST)
SHOW_PART(apply_all, MIMO_SHOW_ALL)

/* There is no other way to talk to the language server. */
static enum mimo_status apply_stdio(struct mimo_options *options, const char *value,
                                    struct mimo_error *err)
{
    (void)options;
    (void)value;
    (void)err;
    return MIMO_OK;
}

static enum mimo_status apply_help(struct mimo_options *options, const char *value,
                                   struct mimo_error *err)
{
    (void)value;
    (void)err;
    options->wants_help = true;
    return MIMO_OK;
}

static enum mimo_status apply_version(struct mimo_options *options, const char *value,
                                      struct mimo_error *err)
{
    (void)value;
    (void)err;
    options->wants_version = true;
    return MIMO_OK;
}

const struct mimo_option mimo_option_rows[] = {
    {"-o", "PLAN", MIMO_FOR_COMPILE, apply_output, "write the plan there; - is standard output"},
    {"--set", "NAME=VALUE", MIMO_FOR_INPUT, apply_set, "give a param another value"},
    {"--model", "NAME", MIMO_FOR_INPUT, apply_model, "the model to take, where there are several"},
    {"--deployment", "NAME", MIMO_FOR_INPUT, apply_deployment, "the deployment to take"},
    {"--training", "NAME", MIMO_FOR_INPUT, apply_training, "the training to take"},
    {"--data", "NAME", MIMO_FOR_INPUT, apply_data, "the data to take"},
    {"--world-size", "N", MIMO_FOR_INPUT, apply_world_size,
     "the number of ranks, over what the file says"},
    {"-I", "DIR", MIMO_FOR_INPUT | MIMO_FOR_LSP, apply_folder, "look for imports there too"},
    {"-W", "CODE", MIMO_FOR_INPUT, apply_warning,
     "give this warning, -Wno-CODE: do not; -Werror: warnings fail, -Werror=CODE: this one"},
    {"--fix", NULL, MIMO_FOR_LINT, apply_fix, "mend in the FILEs what is certain"},
    {"--check", NULL, MIMO_FOR_FMT, apply_check,
     "write nothing; print what would change, and exit 1 if anything would"},
    {"--ranks", NULL, MIMO_FOR_SHOW, apply_ranks, "which rank is where"},
    {"--groups", NULL, MIMO_FOR_SHOW, apply_groups, "process groups"},
    {"--bridges", NULL, MIMO_FOR_SHOW, apply_bridges, "transfers between modules"},
    {"--schedule", NULL, MIMO_FOR_SHOW, apply_schedule, "the timeline of a step"},
    {"--params", NULL, MIMO_FOR_SHOW, apply_parameters, "parameters and how they are cut"},
    {"--cost", NULL, MIMO_FOR_SHOW, apply_cost, "memory and traffic"},
    {"--all", NULL, MIMO_FOR_SHOW, apply_all, "all of these"},
    {"--rank", "N", MIMO_FOR_SHOW, apply_rank, "only what concerns this rank"},
    {"--format", "FORMAT", MIMO_FOR_INPUT | MIMO_FOR_SHOW | MIMO_FOR_DIFF, apply_format,
     "print as text or json; diagnostics of files also as sarif or github"},
    {"--color", "auto|always|never", MIMO_FOR_INPUT | MIMO_FOR_FMT | MIMO_FOR_EXPLAIN, apply_color,
     "color in text; auto asks the terminal and NO_COLOR"},
    {"--stdio", NULL, MIMO_FOR_LSP, apply_stdio, "as without; some editors say it"},
    {"--help", NULL, MIMO_FOR_ALL, apply_help, "print this"},
    {"--version", NULL, MIMO_FOR_ALL, apply_version, "print the version"},
};
const size_t mimo_option_row_count = sizeof mimo_option_rows / sizeof *mimo_option_rows;

/* ---- parsing ---- */

struct arguments {
    char **items;
    int count;
    int next;
};

/* The option that `argument` spells, and its value where that is part of it: --name=value, -Xvalue.
 */
static const struct mimo_option *find_option(const char *argument, const char **out_value)
{
    for (size_t i = 0; i < mimo_option_row_count; i++) {
        const struct mimo_option *option = &mimo_option_rows[i];
        const size_t length = strlen(option->name);
        const char *rest = argument + length;
        if (strncmp(argument, option->name, length) != 0)
            continue;
        *out_value = NULL;
        if (*rest == '\0')
            return option;
        if (length == 2 || *rest == '=') {
            *out_value = length == 2 ? rest : rest + 1;
            return option;
        }
    }
    return NULL;
}

static enum mimo_status parse_option(struct mimo_options *options, struct arguments *arguments,
                                     struct mimo_error *err)
{
    const char *argument = arguments->items[arguments->next++];
    const char *value = NULL;
    const struct mimo_option *option = find_option(argument, &value);

    if (option == NULL)
        return mimo_error_set(err, MIMO_E_USAGE, "unknown option '%s'", argument);
    if (option->argument == NULL && value != NULL)
        return mimo_error_set(err, MIMO_E_USAGE, "%s takes no value", option->name);
    if (option->argument != NULL && value == NULL) {
        if (arguments->next == arguments->count)
            return mimo_error_set(err, MIMO_E_USAGE, "%s needs %s", option->name, option->argument);
        value = arguments->items[arguments->next++];
    }
    if ((option->commands & 1u << options->command) == 0)
        return mimo_error_set(err, MIMO_E_USAGE, "%s is not an option of '%s'", option->name,
                              mimo_commands[options->command].word);
    return option->apply(options, value, err);
}

/* The first operand may be a command; options in front of it are read again for it. 0: it is none,
 * and compile is meant. */
static int find_command(int argc, char **argv, enum mimo_command *out_command)
{
    *out_command = MIMO_COMMAND_COMPILE;
    for (int i = 1; i < argc; i++) {
        const char *value = NULL;
        const struct mimo_option *option;
        if (argv[i][0] == '-' && argv[i][1] != '\0') {
            option = find_option(argv[i], &value);
            if (strcmp(argv[i], "--") == 0)
                return 0;
            i += option != NULL && option->argument != NULL && value == NULL;
            continue;
        }
        for (int command = 0; command < MIMO_COMMAND_COUNT; command++) {
            if (strcmp(argv[i], mimo_commands[command].word) == 0) {
                *out_command = (enum mimo_command)command;
                return i;
            }
        }
        return 0;
    }
    return 0;
}

/* "compile, lint, show" */
static const char *list_commands(struct mimo_arena *arena)
{
    const char *list = "";

    for (int i = 0; i < MIMO_COMMAND_COUNT; i++)
        list = mimo_arena_printf(arena, "%s%s%s", list, i == 0 ? "" : ", ", mimo_commands[i].word);
    return list;
}

/* A first operand that is a bare word among several operands was meant as a command. */
static bool looks_like_command(const struct mimo_options *options)
{
    return !options->has_command && options->file_count > 1 &&
           strpbrk(options->files[0], "./-") == NULL;
}

static enum mimo_status check_operands(const struct mimo_options *options, struct mimo_error *err)
{
    const struct mimo_command_row *command = &mimo_commands[options->command];

    if (looks_like_command(options))
        return mimo_error_set(err, MIMO_E_USAGE,
                              "unknown command '%s'; the commands are %s, and without one FILE is "
                              "compiled",
                              options->files[0], list_commands(options->arena));
    if (options->file_count < (size_t)command->operands_min)
        return mimo_error_set(err, MIMO_E_USAGE, "there is no %s to %s", command->operands,
                              command->word);
    if (options->files != NULL && options->file_count > (size_t)command->operands_max)
        return mimo_error_set(err, MIMO_E_USAGE, "'%s' takes %s, not also '%s'", command->word,
                              command->operands, options->files[command->operands_max]);
    return MIMO_OK;
}

static bool has_standard_input(const struct mimo_options *options)
{
    for (size_t i = 0; i < options->file_count; i++) {
        if (strcmp(options->files[i], "-") == 0)
            return true;
    }
    return false;
}

static enum mimo_status check(const struct mimo_options *options, struct mimo_error *err)
{
    MIMO_TRY(check_operands(options, err));
    if (options->command == MIMO_COMMAND_COMPILE && options->output == NULL)
        return mimo_error_set(err, MIMO_E_USAGE,
                              "say with -o PLAN where the plan goes, or check "
                              "only, with mimoc lint");
    if (options->is_fixing && options->format != MIMO_FORMAT_TEXT && has_standard_input(options))
        return mimo_error_set(err, MIMO_E_USAGE,
                              "--fix - and --format %s both write to standard output",
                              FORMATS[options->format].word);
    if (options->format != MIMO_FORMAT_TEXT && options->output != NULL &&
        strcmp(options->output, "-") == 0)
        return mimo_error_set(err, MIMO_E_USAGE,
                              "-o - and --format %s both write to standard output",
                              FORMATS[options->format].word);
    return MIMO_OK;
}

enum mimo_status mimo_options_parse(int argc, char **argv, struct mimo_arena *arena,
                                    struct mimo_options *out_options, struct mimo_error *err)
{
    struct mimo_options options = {.arena = arena, .show.rank = MIMO_NONE};
    struct arguments arguments = {argv, argc, 1};
    bool are_operands = false;
    const int command_index = find_command(argc, argv, &options.command);

    options.has_command = command_index != 0;
    options.request.needs_model = options.command == MIMO_COMMAND_COMPILE;
    while (arguments.next < argc) {
        const char *argument = argv[arguments.next];
        if (!are_operands && strcmp(argument, "--") == 0) {
            are_operands = true;
            arguments.next++;
        } else if (!are_operands && argument[0] == '-' && argument[1] != '\0') {
            MIMO_TRY(parse_option(&options, &arguments, err));
        } else if (command_index != 0 && arguments.next == command_index) {
            arguments.next++;
        } else {
            MIMO_APPEND(arena, options.files, options.file_count, options.file_capacity, argument);
            arguments.next++;
        }
    }
    if (!options.wants_help && !options.wants_version)
        MIMO_TRY(check(&options, err));
    options.show.is_json = options.format == MIMO_FORMAT_JSON;
    *out_options = options;
    return MIMO_OK;
}
