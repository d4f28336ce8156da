#include "compiler/options.h"

#include "plan/format.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Commands that take an option. */
enum { FOR_COMPILE = 1, FOR_LINT = 2, FOR_SHOW = 4, FOR_INPUT = 3, FOR_ALL = 7 };

typedef enum mimo_status apply_function(struct mimo_options *options, const char *value,
                                        struct mimo_error *err);

struct option {
    const char *name;
    const char *argument; /* how --help calls it, or NULL */
    unsigned commands;
    apply_function *apply;
    const char *doc;
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

static enum mimo_status apply_format(struct mimo_options *options, const char *value,
                                     struct mimo_error *err)
{
    options->is_json = strcmp(value, "json") == 0;
    if (!options->is_json && strcmp(value, "text") != 0)
        return mimo_error_set(err, MIMO_E_USAGE, "--format is text or json, not '%s'", value);
    return MIMO_OK;
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

/* CODE, no-CODE or error */
static enum mimo_status apply_warning(struct mimo_options *options, const char *value,
                                      struct mimo_error *err)
{
    const bool is_off = strncmp(value, "no-", 3) == 0;
    const char *name = is_off ? value + 3 : value;
    enum mimo_code code;

    if (strcmp(value, "error") == 0 || strcmp(value, "no-error") == 0) {
        options->are_warnings_errors = !is_off;
        return MIMO_OK;
    }
    if (!mimo_code_find(name, &code))
        return mimo_error_set(err, MIMO_E_USAGE, "-W%s: there is no warning '%s'", value, name);
    if (mimo_code_severity(code) != MIMO_SEVERITY_WARNING)
        return mimo_error_set(err, MIMO_E_USAGE, "-W%s: %s is an error, not a warning", value,
                              name);
    options->is_off[code] = is_off;
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

static const struct option OPTIONS[] = {
    {"-o", "PLAN", FOR_COMPILE, apply_output, "write the plan there; - is standard output"},
    {"--set", "NAME=VALUE", FOR_INPUT, apply_set, "give a param another value"},
    {"--model", "NAME", FOR_INPUT, apply_model, "the model to take, where there are several"},
    {"--deployment", "NAME", FOR_INPUT, apply_deployment, "the deployment to take"},
    {"--training", "NAME", FOR_INPUT, apply_training, "the training to take"},
    {"--data", "NAME", FOR_INPUT, apply_data, "the data to take"},
    {"--world-size", "N", FOR_INPUT, apply_world_size,
     "the number of ranks, over what the file says"},
    {"-I", "DIR", FOR_INPUT, apply_folder, "look for imports there too"},
    {"-W", "CODE", FOR_INPUT, apply_warning,
     "give this warning; -Wno-CODE: do not; -Werror: warnings fail"},
    {"--ranks", NULL, FOR_SHOW, apply_ranks, "which rank is where"},
    {"--groups", NULL, FOR_SHOW, apply_groups, "process groups"},
    {"--bridges", NULL, FOR_SHOW, apply_bridges, "transfers between modules"},
    {"--schedule", NULL, FOR_SHOW, apply_schedule, "the instructions of a step"},
    {"--params", NULL, FOR_SHOW, apply_parameters, "parameters and how they are cut"},
    {"--cost", NULL, FOR_SHOW, apply_cost, "memory and traffic"},
    {"--all", NULL, FOR_SHOW, apply_all, "all of these"},
    {"--rank", "N", FOR_SHOW, apply_rank, "only what concerns this rank"},
    {"--format", "text|json", FOR_ALL, apply_format, "how results and diagnostics are printed"},
    {"--color", "WHEN", FOR_ALL, apply_color, "auto, always or never; auto honours NO_COLOR"},
    {"--help", NULL, FOR_ALL, apply_help, "print this"},
    {"--version", NULL, FOR_ALL, apply_version, "print the version"},
};
static const size_t OPTION_COUNT = sizeof OPTIONS / sizeof *OPTIONS;

static const char *const COMMANDS[] = {"compile", "lint", "show"};

/* ---- parsing ---- */

struct arguments {
    char **items;
    int count;
    int next;
};

/* The option that `argument` spells, and its value where that is part of it: --name=value, -Xvalue.
 */
static const struct option *find_option(const char *argument, const char **out_value)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option *option = &OPTIONS[i];
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
    const struct option *option = find_option(argument, &value);

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
                              COMMANDS[options->command]);
    return option->apply(options, value, err);
}

/* The first operand may be a command; options in front of it are read again for it. */
static enum mimo_command find_command(int argc, char **argv, int *out_index)
{
    for (int i = 1; i < argc; i++) {
        const char *value = NULL;
        const struct option *option;
        if (argv[i][0] == '-' && argv[i][1] != '\0') {
            option = find_option(argv[i], &value);
            if (strcmp(argv[i], "--") == 0)
                break;
            i += option != NULL && option->argument != NULL && value == NULL;
            continue;
        }
        for (int command = MIMO_COMMAND_LINT; command <= MIMO_COMMAND_SHOW; command++) {
            if (strcmp(argv[i], COMMANDS[command]) == 0) {
                *out_index = i;
                return (enum mimo_command)command;
            }
        }
        break;
    }
    *out_index = 0;
    return MIMO_COMMAND_COMPILE;
}

/* A first operand that is a bare word among several operands was meant as a command. */
static bool looks_like_command(const struct mimo_options *options)
{
    return options->file_count > 1 && strpbrk(options->files[0], "./-") == NULL;
}

static enum mimo_status check(const struct mimo_options *options, struct mimo_error *err)
{
    if (options->file_count == 0)
        return mimo_error_set(err, MIMO_E_USAGE, "there is no %s to %s",
                              options->command == MIMO_COMMAND_SHOW ? "PLAN" : "FILE",
                              COMMANDS[options->command]);
    if (options->command == MIMO_COMMAND_COMPILE && looks_like_command(options))
        return mimo_error_set(
            err, MIMO_E_USAGE,
            "unknown command '%s'; the commands are lint and show, and without one "
            "FILE is compiled",
            options->files[0]);
    if (options->command != MIMO_COMMAND_LINT && options->file_count > 1)
        return mimo_error_set(err, MIMO_E_USAGE, "only one file at a time, not also '%s'",
                              options->files[1]);
    if (options->command == MIMO_COMMAND_COMPILE && options->output == NULL)
        return mimo_error_set(err, MIMO_E_USAGE,
                              "say with -o PLAN where the plan goes, or check "
                              "only, with mimoc lint");
    if (options->is_json && options->output != NULL && strcmp(options->output, "-") == 0)
        return mimo_error_set(err, MIMO_E_USAGE,
                              "-o - and --format json both write to standard output");
    return MIMO_OK;
}

enum mimo_status mimo_options_parse(int argc, char **argv, struct mimo_arena *arena,
                                    struct mimo_options *out_options, struct mimo_error *err)
{
    struct mimo_options options = {.arena = arena, .show.rank = MIMO_NONE};
    struct arguments arguments = {argv, argc, 1};
    bool are_operands = false;
    int command_index;

    options.command = find_command(argc, argv, &command_index);
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
    options.show.is_json = options.is_json;
    *out_options = options;
    return MIMO_OK;
}

/* ---- help ---- */

/* The options for exactly these commands; `also` names another such set, or 0. */
static void print_options(FILE *file, const char *title, unsigned commands, unsigned also)
{
    (void)fprintf(file, "\n%s\n", title);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option *option = &OPTIONS[i];
        char left[40];
        if (option->commands != commands && option->commands != also)
            continue;
        (void)snprintf(left, sizeof left, "%s%s%s", option->name,
                       option->argument != NULL ? " " : "",
                       option->argument != NULL ? option->argument : "");
        (void)fprintf(file, "  %-20s  %s\n", left, option->doc);
    }
}

void mimo_options_print_help(FILE *file)
{
    (void)fputs("mimoc compiles declarations of multimodal training into plans for mimo-exec.\n"
                "\n"
                "  mimoc [options] FILE -o PLAN    compile\n"
                "  mimoc lint [options] FILE...    check only; writes nothing\n"
                "  mimoc show [options] PLAN       print a plan\n"
                "\n"
                "FILE - is standard input.\n",
                file);
    print_options(file, "Options of compile and lint:", FOR_INPUT, FOR_COMPILE);
    print_options(file, "Options of show:", FOR_SHOW, 0);
    print_options(file, "Options of all:", FOR_ALL, 0);
    (void)fputs("\nExit status: 0 no error; 1 the input has errors; 2 the command line or the file "
                "system is at fault.\n",
                file);
}
