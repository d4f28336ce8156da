#include "runtime/options.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct option_row {
    const char *word, *argument, *text;
};

static const struct option_row OPTIONS[] = {
#define MIMO_EXEC_OPTION(name, word, argument, text) {word, argument, text},
#include "runtime/options.def"
#undef MIMO_EXEC_OPTION
};

enum option_id {
#define MIMO_EXEC_OPTION(name, word, argument, text) OPTION_##name,
#include "runtime/options.def"
#undef MIMO_EXEC_OPTION
    OPTION_COUNT
};

void mimo_options_print_help(FILE *file)
{
    char left[64];

    (void)fputs(
        "usage: mpirun -n N mimo-exec [options] PLAN\n\n"
        "Trains the model of PLAN as the plan says, evaluates or generates with it, or tries "
        "how its ranks\ncommunicate.\n\n",
        file);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        (void)snprintf(left, sizeof left, "--%s %s", OPTIONS[i].word,
                       OPTIONS[i].argument != NULL ? OPTIONS[i].argument : "");
        (void)fprintf(file, "  %-26s %s\n", left, OPTIONS[i].text);
    }
    (void)fputs(
        "\nExit status: 0 done; 1 failed; 2 command line; 3 bad plan; 4 the world does not "
        "match the plan;\n5 data or weights; 6 a loss is no longer a number; 7 no progress; "
        "8 a rank was lost; 9 checkpoint.\n",
        file);
}

/* -- values ----------------------------------------------------------------------------------- */

static enum mimo_status parse_count(const char *option, const char *text, uint64_t *out,
                                    struct mimo_error *err)
{
    char *end;
    unsigned long long value;

    errno = 0;
    value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value == 0 ||
        value > UINT32_MAX)
        return mimo_error_set(err, MIMO_E_USAGE,
                              "--%s wants a whole number from 1 to 4294967295, not \"%s\"", option,
                              text);
    *out = value;
    return MIMO_OK;
}

static enum mimo_status parse_real(const char *option, const char *text, double lowest,
                                   double highest, double *out, struct mimo_error *err)
{
    char *end;
    const double value = strtod(text, &end);

    if (end == text || *end != '\0' || !(value >= lowest && value <= highest))
        return mimo_error_set(err, MIMO_E_USAGE, "--%s wants a number from %g to %g, not \"%s\"",
                              option, lowest, highest, text);
    *out = value;
    return MIMO_OK;
}

/* A number with one of the language's units of time. */
static enum mimo_status parse_duration(const char *text, uint64_t *out_ms, struct mimo_error *err)
{
    static const struct {
        const char *unit;
        double ms;
    } units[] = {{"ms", 1.0}, {"s", 1e3}, {"min", 60e3}, {"h", 3600e3}};
    char *end;
    const double value = strtod(text, &end);

    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (end == text || strcmp(end, units[i].unit) != 0)
            continue;
        if (!(value * units[i].ms >= 1.0 && value * units[i].ms <= 1e12))
            break;
        *out_ms = (uint64_t)(value * units[i].ms);
        return MIMO_OK;
    }
    return mimo_error_set(err, MIMO_E_USAGE,
                          "--timeout wants a duration such as 500ms, 30s, 10min or 1h, not \"%s\"",
                          text);
}

/* -- options ---------------------------------------------------------------------------------- */

static enum mimo_status set_backend(struct mimo_options *options, const char *word,
                                    struct mimo_error *err)
{
    static const char *const words[] = {
        [MIMO_BACKEND_AUTO] = "auto", [MIMO_BACKEND_CPU] = "cpu", [MIMO_BACKEND_CUDA] = "cuda"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(word, words[i]) == 0) {
            options->backend = (enum mimo_backend_choice)i;
            return MIMO_OK;
        }
    return mimo_error_set(err, MIMO_E_USAGE, "--backend wants auto, cpu or cuda, not \"%s\"", word);
}

/* A run does one thing; --help and --version come before all. */
static enum mimo_status set_action(struct mimo_options *options, enum mimo_action action,
                                   struct mimo_error *err)
{
    if (options->action == MIMO_ACTION_HELP || options->action == MIMO_ACTION_VERSION)
        return MIMO_OK;
    if (options->action != MIMO_ACTION_TRAIN && options->action != action)
        return mimo_error_set(err, MIMO_E_USAGE,
                              "--eval, --generate and --preflight exclude each other");
    options->action = action;
    return MIMO_OK;
}

static enum mimo_status set_option(struct mimo_options *options, enum option_id id,
                                   const char *value, struct mimo_error *err)
{
    struct mimo_run_options *run = &options->run;
    const char *word = OPTIONS[id].word;
    uint64_t count = 0;

    switch (id) {
    case OPTION_EVAL:
        run->eval = value;
        return set_action(options, MIMO_ACTION_EVALUATE, err);
    case OPTION_GENERATE:
        return set_action(options, MIMO_ACTION_GENERATE, err);
    case OPTION_PROMPT:
        run->prompt = value;
        break;
    case OPTION_IMAGE:
        run->images[run->image_count++] = value;
        break;
    case OPTION_PROMPTS:
        run->prompts = value;
        break;
    case OPTION_MAX_TOKENS:
        MIMO_TRY(parse_count(word, value, &count, err));
        run->max_tokens = (uint32_t)count;
        break;
    case OPTION_TEMPERATURE:
        return parse_real(word, value, 0.0, 1e6, &run->temperature, err);
    case OPTION_TOP_P:
        return parse_real(word, value, 0.0, 1.0, &run->top_p, err);
    case OPTION_PREFLIGHT:
        return set_action(options, MIMO_ACTION_PREFLIGHT, err);
    case OPTION_STEPS:
        return parse_count(word, value, &run->steps, err);
    case OPTION_ROOT:
        run->root = value;
        break;
    case OPTION_RESUME:
        run->resume = value;
        break;
    case OPTION_METRICS:
        run->metrics = value;
        break;
    case OPTION_BACKEND:
        return set_backend(options, value, err);
    case OPTION_TIMEOUT:
        return parse_duration(value, &options->timeout_ms, err);
    case OPTION_QUIET:
        run->is_quiet = true;
        break;
    case OPTION_HELP:
        options->action = MIMO_ACTION_HELP;
        break;
    case OPTION_VERSION:
        options->action = MIMO_ACTION_VERSION;
        break;
    case OPTION_COUNT:
        break;
    }
    return MIMO_OK;
}

static enum mimo_status check_combination(const struct mimo_options *options,
                                          struct mimo_error *err)
{
    const struct mimo_run_options *run = &options->run;
    const bool generates = options->action == MIMO_ACTION_GENERATE;

    if (generates && (run->prompt != NULL) == (run->prompts != NULL))
        return mimo_error_set(err, MIMO_E_USAGE,
                              "--generate wants either --prompt TEXT or --prompts FILE");
    if (!generates && (run->prompt != NULL || run->prompts != NULL || run->image_count > 0))
        return mimo_error_set(err, MIMO_E_USAGE,
                              "--prompt, --prompts and --image go with --generate");
    if (run->prompts != NULL && run->image_count > 0)
        return mimo_error_set(err, MIMO_E_USAGE,
                              "--image goes with --prompt; a file of prompts names its own images");
    return MIMO_OK;
}

/* The option that argument `word` ("--name" or "--name=value") names, or OPTION_COUNT. */
static enum option_id find_option(const char *word)
{
    const size_t length = strcspn(word + 2, "=");

    for (int i = 0; i < OPTION_COUNT; i++)
        if (strlen(OPTIONS[i].word) == length && strncmp(OPTIONS[i].word, word + 2, length) == 0)
            return (enum option_id)i;
    return OPTION_COUNT;
}

/* Takes the option at argv[*index], and its value, which may be the next argument. */
static enum mimo_status take_option(struct mimo_options *options, int argc, char **argv, int *index,
                                    struct mimo_error *err)
{
    const char *word = argv[*index], *value = strchr(word, '=');
    const enum option_id id = find_option(word);

    if (id == OPTION_COUNT)
        return mimo_error_set(err, MIMO_E_USAGE,
                              "unknown option \"%s\"; mimo-exec --help lists all", word);
    if (OPTIONS[id].argument == NULL && value != NULL)
        return mimo_error_set(err, MIMO_E_USAGE, "--%s takes no value", OPTIONS[id].word);
    if (OPTIONS[id].argument == NULL)
        return set_option(options, id, "", err);
    if (value == NULL && *index + 1 == argc)
        return mimo_error_set(err, MIMO_E_USAGE, "--%s wants a value", OPTIONS[id].word);
    return set_option(options, id, value != NULL ? value + 1 : argv[++*index], err);
}

static enum mimo_status take_plan(struct mimo_options *options, const char *word,
                                  struct mimo_error *err)
{
    if (options->plan != NULL)
        return mimo_error_set(err, MIMO_E_USAGE, "more than one plan is named: %s and %s",
                              options->plan, word);
    options->plan = word;
    return MIMO_OK;
}

/* Names are written out in full, so that a script keeps its meaning when options are added. */
static enum mimo_status parse_words(struct mimo_options *options, int argc, char **argv,
                                    struct mimo_error *err)
{
    bool takes_options = true;

    for (int i = 1; i < argc; i++) {
        const bool is_option = takes_options && argv[i][0] == '-' && argv[i][1] != '\0';

        if (is_option && strcmp(argv[i], "--") == 0)
            takes_options = false;
        else if (is_option && strcmp(argv[i], "-h") == 0)
            options->action = MIMO_ACTION_HELP;
        else if (is_option && argv[i][1] != '-')
            return mimo_error_set(err, MIMO_E_USAGE,
                                  "unknown option \"%s\"; mimo-exec --help lists all", argv[i]);
        else if (is_option)
            MIMO_TRY(take_option(options, argc, argv, &i, err));
        else
            MIMO_TRY(take_plan(options, argv[i], err));
    }
    return MIMO_OK;
}

enum mimo_status mimo_options_parse(struct mimo_options *options, int argc, char **argv,
                                    struct mimo_arena *arena, struct mimo_error *err)
{
    *options = (struct mimo_options){
        .timeout_ms = 600000,
        .run = {.root = "", .resume = "auto", .max_tokens = 64, .top_p = 1.0},
    };
    options->run.images = MIMO_NEW_ARRAY(arena, const char *, (size_t)argc);
    MIMO_TRY(parse_words(options, argc, argv, err));
    if (options->action == MIMO_ACTION_HELP || options->action == MIMO_ACTION_VERSION)
        return MIMO_OK;
    if (options->plan == NULL)
        return mimo_error_set(err, MIMO_E_USAGE,
                              "no plan is named; usage: mpirun -n N mimo-exec [options] PLAN");
    return check_combination(options, err);
}
