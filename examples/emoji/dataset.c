#include "examples/emoji/dataset.h"

#include "examples/emoji/folder.h"
#include "examples/emoji/glyph.h"
#include "examples/emoji/manifest.h"
#include "examples/emoji/picture.h"
#include "examples/emoji/png.h"
#include "examples/emoji/random.h"
#include "examples/emoji/records.h"
#include "examples/emoji/unicode_names.h"
#include "examples/emoji/used.h"
#include "plan/arena.h"
#include "plan/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#define FILE_BYTES_MAX (256u << 20)
#define ID_BYTES_MAX   256
#define IMAGES_FOLDER  "images/"
#define TRAIN_FOLDER   "train/"
#define TEST_FOLDER    "test/"
#define DEBIAN_NAMES   "Debian's package unicode-data has emoji-test.txt"
#define DEBIAN_FONT    "Debian's package fonts-noto-color-emoji has NotoColorEmoji.ttf"

/* The streams of random numbers; a training picture's stream is that of its emoji. */
enum stream {
    STREAM_SAMPLE, /* which emoji are tested */
    STREAM_TEST,   /* the test pictures */
    STREAM_TRAIN,  /* + emoji: that emoji's training pictures */
};

struct drawing {
    const struct mimo_emoji *emoji;
    struct mimo_glyph glyph;
    uint64_t digest;
};

/* One making of the set. */
struct maker {
    const struct mimo_dataset_options *options;
    struct mimo_arena arena;
    struct mimo_manifest manifest;
    struct mimo_emoji_list emoji;
    struct drawing *drawings; /* the emoji that the font has, each picture once */
    size_t drawing_count;
    struct mimo_used used; /* what the training pictures are */
    uint8_t *pixels;       /* the picture being rendered */
    struct mimo_folder folder;
    struct mimo_records train, test, prompts;
};

/* Reads an input file and notes its digest; `package` says where a missing one is found. */
static enum mimo_status input_read(const char *path, const char *package, char **out_bytes,
                                   size_t *out_size, uint64_t *out_digest, struct mimo_error *err)
{
    struct mimo_error cause = {0};

    if (mimo_file_read(path, FILE_BYTES_MAX, out_bytes, out_size, &cause) != MIMO_OK)
        return mimo_error_set(err, MIMO_E_USAGE, "%s (%s)", cause.message, package);
    *out_digest = XXH3_64bits(*out_bytes, *out_size);
    return MIMO_OK;
}

static enum mimo_status names_read(struct maker *maker, struct mimo_error *err)
{
    const struct mimo_dataset_options *options = maker->options;
    char *text = NULL;
    size_t size = 0;
    enum mimo_status status;

    MIMO_TRY(
        input_read(options->names, DEBIAN_NAMES, &text, &size, &maker->manifest.names_digest, err));
    status = mimo_emoji_list_parse(&maker->arena, options->names, text, size,
                                   options->with_sequences, &maker->emoji, err);
    free(text);
    return status;
}

static enum mimo_status font_digest(struct maker *maker, struct mimo_error *err)
{
    char *bytes = NULL;
    size_t size = 0;

    MIMO_TRY(input_read(maker->options->font, DEBIAN_FONT, &bytes, &size,
                        &maker->manifest.font_digest, err));
    free(bytes);
    return MIMO_OK;
}

/* Reads both inputs, after which the manifest says what the set is made from. */
static enum mimo_status inputs_read(struct maker *maker, struct mimo_error *err)
{
    const struct mimo_dataset_options *options = maker->options;

    maker->manifest.has_sequences = options->with_sequences;
    maker->manifest.renderings = options->renderings;
    maker->manifest.test_images = options->test_count;
    maker->manifest.side = options->side;
    maker->manifest.seed = options->seed;
    MIMO_TRY(names_read(maker, err));
    return font_digest(maker, err);
}

/* Sets `*out_is_done` where the folder already holds this very set. */
static enum mimo_status existing_check(struct maker *maker, bool *out_is_done,
                                       struct mimo_error *err)
{
    const char *folder = maker->options->folder;
    struct mimo_manifest found = {0};
    struct stat status;

    *out_is_done = false;
    if (lstat(folder, &status) != 0) {
        if (errno == ENOENT)
            return MIMO_OK;
        return mimo_error_errno(err, MIMO_E_USAGE, "cannot look at %s", folder);
    }
    if (mimo_manifest_read(folder, &found, NULL) != MIMO_OK)
        return mimo_error_set(err, MIMO_E_USAGE,
                              "%s exists and is not a complete emoji data set; name another "
                              "folder or remove it",
                              folder);
    if (!mimo_manifest_matches(&found, &maker->manifest))
        return mimo_error_set(err, MIMO_E_USAGE,
                              "%s holds an emoji data set made with other options or from another "
                              "font or list of names; name another folder or remove it",
                              folder);
    maker->manifest = found;
    *out_is_done = true;
    return MIMO_OK;
}

static bool is_drawn_already(const struct maker *maker, const struct drawing *drawing)
{
    for (size_t i = 0; i < maker->drawing_count; i++)
        if (maker->drawings[i].digest == drawing->digest &&
            mimo_glyph_equals(&maker->drawings[i].glyph, &drawing->glyph))
            return true;
    return false;
}

static enum mimo_status emoji_draw(struct maker *maker, struct mimo_font *font,
                                   const struct mimo_emoji *emoji, struct mimo_error *err)
{
    struct drawing drawing = {.emoji = emoji};
    const struct mimo_glyph *glyph = &drawing.glyph;

    MIMO_TRY(
        mimo_font_draw(font, emoji->codes, emoji->code_count, &maker->arena, &drawing.glyph, err));
    if (glyph->pixels == NULL)
        return MIMO_OK;
    drawing.digest = XXH3_64bits(glyph->pixels, (size_t)glyph->width * glyph->height * 4);
    if (!is_drawn_already(maker, &drawing))
        maker->drawings[maker->drawing_count++] = drawing;
    return MIMO_OK;
}

/* Draws every emoji at the font's own size; of several with the same picture the first stays. */
static enum mimo_status emoji_draw_all(struct maker *maker, struct mimo_error *err)
{
    struct mimo_font *font = NULL;
    enum mimo_status status = MIMO_OK;

    MIMO_TRY(mimo_font_open(maker->options->font, &font, err));
    maker->drawings = MIMO_NEW_ARRAY(&maker->arena, struct drawing, maker->emoji.count);
    for (size_t i = 0; i < maker->emoji.count && status == MIMO_OK; i++)
        status = emoji_draw(maker, font, &maker->emoji.items[i], err);
    mimo_font_free(font);
    if (status == MIMO_OK && maker->drawing_count < maker->options->test_count)
        return mimo_error_set(err, MIMO_E_USAGE,
                              "%u test pictures need as many emoji, but there are %zu",
                              maker->options->test_count, maker->drawing_count);
    return status;
}

static enum mimo_status picture_write(const struct maker *maker, const char *image,
                                      struct mimo_error *err)
{
    char path[ID_BYTES_MAX + sizeof IMAGES_FOLDER];
    void *png = NULL;
    size_t size = 0;
    enum mimo_status status;

    (void)snprintf(path, sizeof path, IMAGES_FOLDER "%s", image);
    MIMO_TRY(mimo_png_encode(maker->pixels, maker->options->side, &png, &size, err));
    status = mimo_folder_write(&maker->folder, path, png, size, err);
    free(png);
    return status;
}

static enum mimo_status train_picture(struct maker *maker, size_t index, unsigned rendering,
                                      struct mimo_error *err)
{
    const struct drawing *drawing = &maker->drawings[index];
    const unsigned side = maker->options->side;
    struct mimo_random random =
        mimo_random_keyed(maker->options->seed, STREAM_TRAIN + index, rendering);
    const struct mimo_placement placement = mimo_placement_draw(&random, &drawing->glyph, side);
    char id[ID_BYTES_MAX], image[ID_BYTES_MAX];

    mimo_picture_render(&drawing->glyph, &placement, side, maker->pixels);
    mimo_used_add(&maker->used, &placement, side, maker->pixels);
    (void)snprintf(id, sizeof id, "%s-%02u", drawing->emoji->id, rendering);
    (void)snprintf(image, sizeof image, TRAIN_FOLDER "%s/%02u.png", drawing->emoji->id, rendering);
    MIMO_TRY(picture_write(maker, image, err));
    return mimo_records_add_conversation(&maker->train, id, image, drawing->emoji->name, err);
}

static enum mimo_status train_emoji(struct maker *maker, size_t index, struct mimo_error *err)
{
    char path[ID_BYTES_MAX];

    if (maker->options->stop != NULL && *maker->options->stop != 0)
        return mimo_error_set(err, MIMO_E_FAILED, "interrupted; nothing was left behind");
    (void)snprintf(path, sizeof path, IMAGES_FOLDER TRAIN_FOLDER "%s",
                   maker->drawings[index].emoji->id);
    MIMO_TRY(mimo_folder_make(&maker->folder, path, err));
    for (unsigned rendering = 0; rendering < maker->options->renderings; rendering++)
        MIMO_TRY(train_picture(maker, index, rendering, err));
    return MIMO_OK;
}

static enum mimo_status train_make(struct maker *maker, struct mimo_error *err)
{
    mimo_used_init(&maker->used, &maker->arena, maker->drawing_count * maker->options->renderings);
    MIMO_TRY(mimo_folder_make(&maker->folder, IMAGES_FOLDER TRAIN_FOLDER, err));
    for (size_t i = 0; i < maker->drawing_count; i++)
        MIMO_TRY(train_emoji(maker, i, err));
    mimo_used_seal(&maker->used);
    return MIMO_OK;
}

static enum mimo_status test_picture(struct maker *maker, const struct drawing *drawing,
                                     unsigned number, struct mimo_error *err)
{
    struct mimo_random random = mimo_random_keyed(maker->options->seed, STREAM_TEST, number);
    char id[ID_BYTES_MAX], image[ID_BYTES_MAX];

    if (!mimo_picture_render_unused(&maker->used, &random, &drawing->glyph, maker->options->side,
                                    maker->pixels))
        return mimo_error_set(err, MIMO_E_FAILED,
                              "the training pictures leave no test picture of \"%s\" that differs",
                              drawing->emoji->name);
    (void)snprintf(id, sizeof id, "test-%03u", number);
    (void)snprintf(image, sizeof image, TEST_FOLDER "%03u.png", number);
    MIMO_TRY(picture_write(maker, image, err));
    MIMO_TRY(mimo_records_add_prompt(&maker->prompts, id, image, err));
    return mimo_records_add_conversation(&maker->test, id, image, drawing->emoji->name, err);
}

/* Samples the emoji without replacement: the first steps of a Fisher-Yates shuffle. */
static enum mimo_status test_make(struct maker *maker, struct mimo_error *err)
{
    struct mimo_random random = mimo_random_keyed(maker->options->seed, STREAM_SAMPLE, 0);
    size_t *order = MIMO_NEW_ARRAY(&maker->arena, size_t, maker->drawing_count);

    MIMO_TRY(mimo_folder_make(&maker->folder, IMAGES_FOLDER TEST_FOLDER, err));
    for (size_t i = 0; i < maker->drawing_count; i++)
        order[i] = i;
    for (unsigned number = 0; number < maker->options->test_count; number++) {
        const uint32_t rest = (uint32_t)(maker->drawing_count - number);
        const size_t other = number + mimo_random_below(&random, rest);
        const size_t chosen = order[other];
        order[other] = order[number];
        order[number] = chosen;
        MIMO_TRY(test_picture(maker, &maker->drawings[chosen], number, err));
    }
    return MIMO_OK;
}

static enum mimo_status records_write(const struct maker *maker, struct mimo_records *records,
                                      const char *name, struct mimo_error *err)
{
    MIMO_TRY(mimo_records_finish(records, err));
    return mimo_folder_write(&maker->folder, name, records->text, records->size, err);
}

static enum mimo_status manifest_write(struct maker *maker, struct mimo_error *err)
{
    char *text;
    enum mimo_status status;

    maker->manifest.emoji = maker->drawing_count;
    maker->manifest.train_images = maker->train.count;
    text = mimo_manifest_print(&maker->manifest);
    if (text == NULL)
        return mimo_error_set(err, MIMO_E_FAILED, "out of memory");
    status = mimo_folder_write(&maker->folder, MIMO_MANIFEST_NAME, text, strlen(text), err);
    free(text);
    return status;
}

static enum mimo_status folder_fill(struct maker *maker, struct mimo_error *err)
{
    MIMO_TRY(mimo_records_init(&maker->train, MIMO_RECORDS_ARRAY, err));
    MIMO_TRY(mimo_records_init(&maker->test, MIMO_RECORDS_ARRAY, err));
    MIMO_TRY(mimo_records_init(&maker->prompts, MIMO_RECORDS_LINES, err));
    MIMO_TRY(mimo_folder_make(&maker->folder, IMAGES_FOLDER, err));
    MIMO_TRY(train_make(maker, err));
    MIMO_TRY(test_make(maker, err));
    MIMO_TRY(records_write(maker, &maker->train, "train.json", err));
    MIMO_TRY(records_write(maker, &maker->test, "test.json", err));
    MIMO_TRY(records_write(maker, &maker->prompts, "prompts.jsonl", err));
    return manifest_write(maker, err);
}

static enum mimo_status folder_make(struct maker *maker, struct mimo_error *err)
{
    enum mimo_status status;

    maker->pixels =
        MIMO_NEW_ARRAY(&maker->arena, uint8_t, mimo_picture_bytes(maker->options->side));
    MIMO_TRY(mimo_folder_begin(&maker->arena, maker->options->folder, &maker->folder, err));
    status = folder_fill(maker, err);
    if (status == MIMO_OK)
        status = mimo_folder_commit(&maker->folder, err);
    if (status != MIMO_OK)
        mimo_folder_abort(&maker->folder);
    return status;
}

static enum mimo_status set_make(struct maker *maker, bool *out_is_reused, struct mimo_error *err)
{
    MIMO_TRY(inputs_read(maker, err));
    MIMO_TRY(existing_check(maker, out_is_reused, err));
    if (*out_is_reused)
        return MIMO_OK;
    MIMO_TRY(emoji_draw_all(maker, err));
    return folder_make(maker, err);
}

enum mimo_status mimo_dataset_make(const struct mimo_dataset_options *options,
                                   struct mimo_dataset_counts *out_counts, struct mimo_error *err)
{
    struct maker maker = {.options = options};
    bool is_reused = false;
    const enum mimo_status status = set_make(&maker, &is_reused, err);

    if (status == MIMO_OK)
        *out_counts =
            (struct mimo_dataset_counts){maker.manifest.emoji, maker.manifest.train_images,
                                         maker.manifest.test_images, is_reused};
    mimo_records_release(&maker.train);
    mimo_records_release(&maker.test);
    mimo_records_release(&maker.prompts);
    mimo_arena_release(&maker.arena);
    return status;
}
