/* The data set as a whole, from the installed font and a short list of names. */
#include "examples/emoji/dataset.h"
#include "plan/file.h"
#include "tests/unit/check.h"
#include "tests/unit/examples/scratch.h"

#include <ftw.h>
#include <jansson.h>
#include <spng.h>
#include <stdlib.h>
#include <sys/stat.h>

#define FONT           "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"
#define EMOJI          8 /* of one code point, in the font */
#define RENDERINGS     5
#define TEST_IMAGES    6
#define SIDE           32
#define SIDE_BYTES     ((size_t)SIDE * SIDE * 3)
#define FILE_BYTES_MAX (1u << 20)

/* Norway's flag is Svalbard's, pixel for pixel; the private-use character is not in the font. */
static const char names[] = "1F600       ; fully-qualified # x E1.0 grinning face\n"
                            "1F436       ; fully-qualified # x E0.6 dog face\n"
                            "1F514       ; fully-qualified # x E0.6 bell\n"
                            "1F34E       ; fully-qualified # x E0.6 red apple\n"
                            "1FA85       ; fully-qualified # x E13.0 pi\u00f1ata\n"
                            "2764 FE0F   ; fully-qualified # x E0.6 red heart\n"
                            "E000        ; fully-qualified # x E0.6 private\n"
                            "1F385       ; fully-qualified # x E0.6 Santa Claus\n"
                            "1F44B 1F3FB ; fully-qualified # x E1.0 waving hand: light skin tone\n"
                            "1F697       ; fully-qualified # x E0.6 automobile\n"
                            "1F1F3 1F1F4 ; fully-qualified # x E2.0 flag: Norway\n"
                            "1F1F8 1F1EF ; fully-qualified # x E2.0 flag: Svalbard & Jan Mayen\n"
                            "1F468 200D 1F33E ; fully-qualified # x E4.0 man farmer\n";

static struct mimo_scratch scratch;
static char names_path[SCRATCH_PATH_MAX], folder_path[SCRATCH_PATH_MAX];

static struct mimo_dataset_options begin(void)
{
    mimo_scratch_make(&scratch);
    mimo_scratch_write(&scratch, "names.txt", names);
    (void)snprintf(names_path, sizeof names_path, "%s", scratch.path);
    (void)snprintf(folder_path, sizeof folder_path, "%s", mimo_scratch_path(&scratch, "set"));
    return (struct mimo_dataset_options){.font = FONT,
                                         .names = names_path,
                                         .folder = folder_path,
                                         .renderings = RENDERINGS,
                                         .test_count = TEST_IMAGES,
                                         .side = SIDE,
                                         .seed = 1};
}

static void end(void)
{
    mimo_scratch_remove(&scratch);
}

static void make(const struct mimo_dataset_options *options, struct mimo_dataset_counts *counts)
{
    struct mimo_error err = {0};

    CHECK_INT(mimo_dataset_make(options, counts, &err), MIMO_OK);
    CHECK_TEXT(err.message, "");
}

static void check_refused(const struct mimo_dataset_options *options, enum mimo_status status,
                          const char *message)
{
    struct mimo_dataset_counts counts = {0};
    struct mimo_error err = {0};

    CHECK_INT(mimo_dataset_make(options, &counts, &err), status);
    CHECK_CONTAINS(err.message, message);
}

/* A file of the set as text that the caller frees. */
static char *file_text(const char *name, size_t *out_size)
{
    struct mimo_error err = {0};
    char path[2 * SCRATCH_PATH_MAX];
    char *text = NULL;

    (void)snprintf(path, sizeof path, "%s/%s", folder_path, name);
    CHECK_INT(mimo_file_read(path, FILE_BYTES_MAX, &text, out_size, &err), MIMO_OK);
    MIMO_ASSERT(text != NULL);
    return text;
}

static json_t *file_json(const char *name)
{
    size_t size = 0;
    char *text = file_text(name, &size);
    json_t *json = json_loadb(text, size, 0, NULL);

    MIMO_ASSERT(json != NULL);
    free(text);
    return json;
}

static const char *answer_of(const json_t *record)
{
    const json_t *turn = json_array_get(json_object_get(record, "conversations"), 1);

    return json_string_value(json_object_get(turn, "value"));
}

/* The pixels of a record's picture. */
static void picture_decode(const json_t *record, uint8_t rgb[])
{
    char name[256];
    size_t size = 0;
    spng_ctx *decoder = spng_ctx_new(0);
    char *png;

    (void)snprintf(name, sizeof name, "images/%s",
                   json_string_value(json_object_get(record, "image")));
    png = file_text(name, &size);
    CHECK_INT(spng_set_png_buffer(decoder, png, size), 0);
    CHECK_INT(spng_decode_image(decoder, rgb, SIDE_BYTES, SPNG_FMT_RGB8, 0), 0);
    spng_ctx_free(decoder);
    free(png);
}

static void test_counts(void)
{
    struct mimo_dataset_options options = begin();
    struct mimo_dataset_counts counts = {0};
    json_t *train, *manifest;

    make(&options, &counts);
    train = file_json("train.json");
    manifest = file_json("dataset.json");
    CHECK_INT(counts.emoji, EMOJI);
    CHECK_INT(counts.train_images, EMOJI * RENDERINGS);
    CHECK_INT(counts.test_images, TEST_IMAGES);
    CHECK(!counts.is_reused);
    CHECK_INT(json_array_size(train), EMOJI * RENDERINGS);
    CHECK_INT(json_integer_value(json_object_get(json_object_get(manifest, "counts"), "emoji")),
              EMOJI);
    CHECK_INT(mimo_scratch_count(&scratch), 2); /* the names and the set, nothing temporary */
    json_decref(train);
    json_decref(manifest);
    end();
}

/* Two flags that are one picture count once, under the first name. */
static void test_sequences(void)
{
    struct mimo_dataset_options options = begin();
    struct mimo_dataset_counts counts = {0};
    size_t size = 0;
    char *train;

    options.with_sequences = true;
    make(&options, &counts);
    train = file_text("train.json", &size);
    CHECK_INT(counts.emoji, EMOJI + 2);
    CHECK_CONTAINS(train, "flag: norway");
    CHECK(strstr(train, "svalbard") == NULL);
    CHECK_CONTAINS(train, "train/1f468-200d-1f33e/00.png");
    CHECK(strstr(train, "waving") == NULL);
    free(train);
    end();
}

static void test_records(void)
{
    struct mimo_dataset_options options = begin();
    struct mimo_dataset_counts counts = {0};
    json_t *train, *record, *turns;

    make(&options, &counts);
    train = file_json("train.json");
    record = json_array_get(train, (size_t)4 * RENDERINGS + 2);
    turns = json_object_get(record, "conversations");
    CHECK_TEXT(json_string_value(json_object_get(record, "id")), "1fa85-02");
    CHECK_TEXT(json_string_value(json_object_get(record, "image")), "train/1fa85/02.png");
    CHECK_INT(json_array_size(turns), 2);
    CHECK_TEXT(json_string_value(json_object_get(json_array_get(turns, 0), "from")), "human");
    CHECK_TEXT(json_string_value(json_object_get(json_array_get(turns, 0), "value")), "<image>");
    CHECK_TEXT(json_string_value(json_object_get(json_array_get(turns, 1), "from")), "gpt");
    CHECK_TEXT(answer_of(record), "pi\u00f1ata");
    json_decref(train);
    end();
}

/* No test picture equals a training picture, no emoji is tested twice. */
static void test_separation(void)
{
    struct mimo_dataset_options options = begin();
    struct mimo_dataset_counts counts = {0};
    uint8_t seen[SIDE_BYTES], unseen[SIDE_BYTES];
    json_t *train, *test;

    make(&options, &counts);
    train = file_json("train.json");
    test = file_json("test.json");
    CHECK_INT(json_array_size(test), TEST_IMAGES);
    for (size_t i = 0; i < json_array_size(test); i++) {
        picture_decode(json_array_get(test, i), unseen);
        for (size_t j = 0; j < json_array_size(train); j++) {
            picture_decode(json_array_get(train, j), seen);
            CHECK(memcmp(seen, unseen, SIDE_BYTES) != 0);
        }
        for (size_t j = 0; j < i; j++)
            CHECK(strcmp(answer_of(json_array_get(test, i)), answer_of(json_array_get(test, j))));
    }
    json_decref(train);
    json_decref(test);
    end();
}

/* A prompt has the test's id and picture, and nothing of the answer. */
static void test_prompts(void)
{
    struct mimo_dataset_options options = begin();
    struct mimo_dataset_counts counts = {0};
    size_t size = 0, line_count = 0;
    char *text, *rest = NULL;
    json_t *test;

    make(&options, &counts);
    test = file_json("test.json");
    text = file_text("prompts.jsonl", &size);
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        json_t *prompt = json_loads(line, 0, NULL);
        const json_t *record = json_array_get(test, line_count++);
        CHECK_INT(json_object_size(prompt), 3);
        CHECK_TEXT(json_string_value(json_object_get(prompt, "id")),
                   json_string_value(json_object_get(record, "id")));
        CHECK_TEXT(json_string_value(json_object_get(prompt, "image")),
                   json_string_value(json_object_get(record, "image")));
        CHECK_TEXT(json_string_value(json_object_get(prompt, "prompt")), "<image>");
        json_decref(prompt);
    }
    CHECK_INT(line_count, TEST_IMAGES);
    free(text);
    json_decref(test);
    end();
}

static size_t compared, unequal;
static char other_path[SCRATCH_PATH_MAX];

/* For nftw over folder_path: compares each file with its counterpart below other_path. */
static int file_compare(const char *path, const struct stat *status, int kind)
{
    char other[2 * SCRATCH_PATH_MAX];
    char *left = NULL, *right = NULL;
    size_t left_size = 0, right_size = 0;

    (void)status;
    if (kind != FTW_F)
        return 0;
    (void)snprintf(other, sizeof other, "%s%s", other_path, path + strlen(folder_path));
    compared++;
    if (mimo_file_read(path, FILE_BYTES_MAX, &left, &left_size, NULL) != MIMO_OK ||
        mimo_file_read(other, FILE_BYTES_MAX, &right, &right_size, NULL) != MIMO_OK ||
        left_size != right_size || memcmp(left, right, left_size) != 0)
        unequal++;
    free(left);
    free(right);
    return 0;
}

static void test_determinism(void)
{
    struct mimo_dataset_options options = begin();
    struct mimo_dataset_counts counts = {0};

    make(&options, &counts);
    (void)snprintf(other_path, sizeof other_path, "%s", mimo_scratch_path(&scratch, "again"));
    options.folder = other_path;
    make(&options, &counts);
    compared = unequal = 0;
    CHECK_INT(ftw(folder_path, file_compare, 16), 0);
    CHECK_INT(compared, counts.train_images + counts.test_images + 4);
    CHECK_INT(unequal, 0);
    end();
}

/* Another seed changes every picture and the manifest; the training records stay. */
static void test_seed(void)
{
    struct mimo_dataset_options options = begin();
    struct mimo_dataset_counts counts = {0};

    make(&options, &counts);
    (void)snprintf(other_path, sizeof other_path, "%s", mimo_scratch_path(&scratch, "other"));
    options.folder = other_path;
    options.seed = 2;
    make(&options, &counts);
    compared = unequal = 0;
    CHECK_INT(ftw(folder_path, file_compare, 16), 0);
    CHECK(unequal >= counts.train_images + counts.test_images + 1);
    end();
}

static void test_reuse(void)
{
    struct mimo_dataset_options options = begin();
    struct mimo_dataset_counts counts = {0}, again = {0};
    char with_slash[SCRATCH_PATH_MAX + 1];

    make(&options, &counts);
    (void)snprintf(with_slash, sizeof with_slash, "%s/", folder_path);
    options.folder = with_slash;
    make(&options, &again);
    CHECK(again.is_reused);
    CHECK_INT(again.emoji, counts.emoji);
    CHECK_INT(again.train_images, counts.train_images);
    CHECK_INT(again.test_images, counts.test_images);
    options.seed = 2;
    check_refused(&options, MIMO_E_USAGE, "made with other options");
    options.seed = 1;
    options.with_sequences = true;
    check_refused(&options, MIMO_E_USAGE, "made with other options");
    mimo_scratch_write(&scratch, "names.txt", "1F514 ; fully-qualified # x E0.6 bell\n");
    options.with_sequences = false;
    check_refused(&options, MIMO_E_USAGE, "list of names");
    end();
}

static void test_foreign_folder(void)
{
    struct mimo_dataset_options options = begin();

    MIMO_ASSERT(mkdir(folder_path, 0777) == 0);
    check_refused(&options, MIMO_E_USAGE, "not a complete emoji data set");
    mimo_scratch_write(&scratch, "set/dataset.json", "{\"format\": 1}");
    check_refused(&options, MIMO_E_USAGE, "not a complete emoji data set");
    CHECK_INT(mimo_scratch_count(&scratch), 2);
    end();
}

/* Whatever goes wrong, the folder holds afterwards what it held before: the names. */
static void test_failures(void)
{
    static const volatile sig_atomic_t stop = 1;
    const struct mimo_dataset_options good = begin();
    struct mimo_dataset_options options = good;

    options.font = "/nowhere/font.ttf";
    check_refused(&options, MIMO_E_USAGE, "fonts-noto-color-emoji");
    options.font = names_path;
    check_refused(&options, MIMO_E_DATA, "not a font");
    options = good;
    options.names = "/nowhere/emoji-test.txt";
    check_refused(&options, MIMO_E_USAGE, "unicode-data");
    options.names = FONT;
    check_refused(&options, MIMO_E_DATA, "emoji-test.txt");
    options = good;
    options.test_count = EMOJI + 1;
    check_refused(&options, MIMO_E_USAGE, "there are 8");
    options = good;
    options.folder = "/nowhere/set";
    check_refused(&options, MIMO_E_USAGE, "/nowhere/set");
    options = good;
    options.stop = &stop;
    check_refused(&options, MIMO_E_FAILED, "interrupted");
    CHECK_INT(mimo_scratch_count(&scratch), 1);
    end();
}

static const struct mimo_test tests[] = {
    {"emoji and pictures are counted", test_counts},
    {"sequences, and one picture of two names", test_sequences},
    {"records are LLaVA's", test_records},
    {"no test picture is a training picture", test_separation},
    {"prompts without answers", test_prompts},
    {"two runs, equal bytes", test_determinism},
    {"another seed, other pictures", test_seed},
    {"a complete set is used again", test_reuse},
    {"other folders are refused", test_foreign_folder},
    {"failures leave nothing behind", test_failures},
};

MIMO_TEST_MAIN("emoji data set", tests)
