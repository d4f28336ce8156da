/*
 * emoji-dataset - makes the captioner's data set from a colour emoji font and Unicode's names.
 */
#include "examples/emoji/dataset.h"
#include "examples/emoji/picture.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define FONT_DEFAULT  "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"
#define NAMES_DEFAULT "/usr/share/unicode/emoji/emoji-test.txt"

static const char usage_text[] =
    "usage: emoji-dataset [options] FOLDER\n"
    "\n"
    "Makes FOLDER with the pictures, LLaVA records and prompts of the emoji captioner.\n"
    "\n"
    "  --font FILE       colour bitmap font (" FONT_DEFAULT ")\n"
    "  --names FILE      Unicode's emoji-test.txt (" NAMES_DEFAULT ")\n"
    "  --sequences       also emoji of several code points: flags, keycaps, families\n"
    "  --renderings N    training pictures of each emoji (32)\n"
    "  --test N          test pictures, each of another emoji (100)\n"
    "  --size N          side of a picture in pixels (32)\n"
    "  --seed N          where the random numbers start (1)\n"
    "  --help            this text\n"
    "\n"
    "The same options give the same bytes. A FOLDER that holds this very set is left as it is.\n"
    "Exit status: 0 done; 2 command line or file system; 5 the font or the names are not usable;\n"
    "1 any other failure.\n";

static volatile sig_atomic_t stop_requested;

static void stop_request(int number)
{
    (void)number;
    stop_requested = 1;
}

/* An interrupted run takes its temporary folder away before it ends. */
static void signals_catch(void)
{
    struct sigaction action = {.sa_handler = stop_request};

    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGHUP, &action, NULL);
}

static enum mimo_status number_parse(const char *option, const char *text, uint64_t low,
                                     uint64_t high, uint64_t *out_number, struct mimo_error *err)
{
    char *end = NULL;
    unsigned long long number;

    errno = 0;
    number = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || number < low || number > high)
        return mimo_error_set(err, MIMO_E_USAGE,
                              "--%s %s: a whole number from %llu to %llu is needed", option, text,
                              (unsigned long long)low, (unsigned long long)high);
    *out_number = number;
    return MIMO_OK;
}

static enum mimo_status count_parse(const char *option, const char *text, unsigned low,
                                    unsigned high, unsigned *out_count, struct mimo_error *err)
{
    uint64_t number = 0;

    MIMO_TRY(number_parse(option, text, low, high, &number, err));
    *out_count = (unsigned)number;
    return MIMO_OK;
}

enum choice {
    CHOICE_FONT = 256,
    CHOICE_NAMES,
    CHOICE_SEQUENCES,
    CHOICE_RENDERINGS,
    CHOICE_TEST,
    CHOICE_SIZE,
    CHOICE_SEED,
    CHOICE_HELP,
};

static const struct option choices[] = {
    {"font", required_argument, NULL, CHOICE_FONT},
    {"names", required_argument, NULL, CHOICE_NAMES},
    {"sequences", no_argument, NULL, CHOICE_SEQUENCES},
    {"renderings", required_argument, NULL, CHOICE_RENDERINGS},
    {"test", required_argument, NULL, CHOICE_TEST},
    {"size", required_argument, NULL, CHOICE_SIZE},
    {"seed", required_argument, NULL, CHOICE_SEED},
    {"help", no_argument, NULL, CHOICE_HELP},
    {0},
};

static enum mimo_status choice_apply(int choice, struct mimo_dataset_options *options,
                                     struct mimo_error *err)
{
    switch (choice) {
    case CHOICE_FONT:
        options->font = optarg;
        return MIMO_OK;
    case CHOICE_NAMES:
        options->names = optarg;
        return MIMO_OK;
    case CHOICE_SEQUENCES:
        options->with_sequences = true;
        return MIMO_OK;
    case CHOICE_RENDERINGS:
        return count_parse("renderings", optarg, 1, MIMO_DATASET_RENDERINGS_MAX,
                           &options->renderings, err);
    case CHOICE_TEST:
        return count_parse("test", optarg, 1, MIMO_DATASET_TEST_MAX, &options->test_count, err);
    case CHOICE_SIZE:
        return count_parse("size", optarg, MIMO_PICTURE_SIDE_MIN, MIMO_PICTURE_SIDE_MAX,
                           &options->side, err);
    case CHOICE_SEED:
        return number_parse("seed", optarg, 0, INT64_MAX, &options->seed, err);
    default: /* getopt_long has printed what is wrong */
        return mimo_error_set(err, MIMO_E_USAGE, "see emoji-dataset --help");
    }
}

static enum mimo_status options_parse(int argc, char **argv, struct mimo_dataset_options *options,
                                      struct mimo_error *err)
{
    int choice;

    while ((choice = getopt_long(argc, argv, "", choices, NULL)) != -1) {
        if (choice == CHOICE_HELP) {
            (void)fputs(usage_text, stdout);
            exit(0);
        }
        MIMO_TRY(choice_apply(choice, options, err));
    }
    if (optind != argc - 1 || *argv[optind] == '\0')
        return mimo_error_set(err, MIMO_E_USAGE, "one FOLDER is needed; see emoji-dataset --help");
    options->folder = argv[optind];
    return MIMO_OK;
}

static double seconds_now(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
    struct mimo_dataset_options options = {.font = FONT_DEFAULT,
                                           .names = NAMES_DEFAULT,
                                           .renderings = 32,
                                           .test_count = 100,
                                           .side = 32,
                                           .seed = 1,
                                           .stop = &stop_requested};
    struct mimo_dataset_counts counts = {0};
    struct mimo_error err = {0};
    const double start = seconds_now();
    enum mimo_status status;

    signals_catch();
    status = options_parse(argc, argv, &options, &err);
    if (status == MIMO_OK)
        status = mimo_dataset_make(&options, &counts, &err);
    if (status != MIMO_OK) {
        (void)fprintf(stderr, "emoji-dataset: %s\n", err.message);
        return (int)status;
    }
    (void)printf("%s: %zu emoji, %zu training and %zu test pictures, ", options.folder,
                 counts.emoji, counts.train_images, counts.test_images);
    if (counts.is_reused)
        (void)printf("as they were made before\n");
    else
        (void)printf("made in %.1f s\n", seconds_now() - start);
    return fflush(stdout) == 0 ? 0 : MIMO_E_USAGE;
}
