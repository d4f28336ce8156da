#include "examples/emoji/manifest.h"

#include "plan/file.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

/* Goes up when the same input gives other pictures. */
#define MANIFEST_FORMAT    1
#define MANIFEST_BYTES_MAX 65536

/* A 64-bit digest in hexadecimal: JSON's numbers are not wide enough. */
#define DIGEST_TEXT_BYTES  17

char *mimo_manifest_print(const struct mimo_manifest *manifest)
{
    char font[DIGEST_TEXT_BYTES], names[DIGEST_TEXT_BYTES];
    json_t *json;
    char *text;

    (void)snprintf(font, sizeof font, "%016" PRIx64, manifest->font_digest);
    (void)snprintf(names, sizeof names, "%016" PRIx64, manifest->names_digest);
    json = json_pack(
        "{s:i, s:{s:s, s:s, s:b, s:I, s:I, s:I, s:I}, s:{s:I, s:I, s:I}}", "format",
        MANIFEST_FORMAT, "made_from", "font_xxh3", font, "names_xxh3", names, "sequences",
        (int)manifest->has_sequences, "renderings", (json_int_t)manifest->renderings, "test",
        (json_int_t)manifest->test_images, "size", (json_int_t)manifest->side, "seed",
        (json_int_t)manifest->seed, "counts", "emoji", (json_int_t)manifest->emoji, "train_images",
        (json_int_t)manifest->train_images, "test_images", (json_int_t)manifest->test_images);
    text = json_dumps(json, JSON_INDENT(2));
    json_decref(json);
    return text;
}

static bool digest_parse(const char *text, uint64_t *out_digest)
{
    char *end;

    *out_digest = strtoull(text, &end, 16);
    return end != text && *end == '\0';
}

static bool json_parse(json_t *json, struct mimo_manifest *out_manifest)
{
    json_int_t renderings, test_images, side, seed, emoji, train_images;
    const char *font, *names;
    int format, has_sequences;

    if (json_unpack(json, "{s:i, s:{s:s, s:s, s:b, s:I, s:I, s:I, s:I}, s:{s:I, s:I}}", "format",
                    &format, "made_from", "font_xxh3", &font, "names_xxh3", &names, "sequences",
                    &has_sequences, "renderings", &renderings, "test", &test_images, "size", &side,
                    "seed", &seed, "counts", "emoji", &emoji, "train_images", &train_images) != 0)
        return false;
    out_manifest->has_sequences = has_sequences != 0;
    out_manifest->renderings = (unsigned)renderings;
    out_manifest->test_images = (unsigned)test_images;
    out_manifest->side = (unsigned)side;
    out_manifest->seed = (uint64_t)seed;
    out_manifest->emoji = (size_t)emoji;
    out_manifest->train_images = (size_t)train_images;
    return format == MANIFEST_FORMAT && digest_parse(font, &out_manifest->font_digest) &&
           digest_parse(names, &out_manifest->names_digest);
}

enum mimo_status mimo_manifest_read(const char *folder, struct mimo_manifest *out_manifest,
                                    struct mimo_error *err)
{
    char path[4096];
    char *text = NULL;
    size_t size = 0;
    json_t *json;
    bool is_good;

    if (snprintf(path, sizeof path, "%s/" MIMO_MANIFEST_NAME, folder) >= (int)sizeof path)
        return mimo_error_set(err, MIMO_E_USAGE, "the name %s is too long", folder);
    MIMO_TRY(mimo_file_read(path, MANIFEST_BYTES_MAX, &text, &size, err));
    json = json_loadb(text, size, 0, NULL);
    is_good = json != NULL && json_parse(json, out_manifest);
    json_decref(json);
    free(text);
    if (!is_good)
        return mimo_error_set(err, MIMO_E_USAGE, "%s is not the manifest of a data set", path);
    return MIMO_OK;
}

bool mimo_manifest_matches(const struct mimo_manifest *a, const struct mimo_manifest *b)
{
    return a->font_digest == b->font_digest && a->names_digest == b->names_digest &&
           a->has_sequences == b->has_sequences && a->renderings == b->renderings &&
           a->test_images == b->test_images && a->side == b->side && a->seed == b->seed;
}
