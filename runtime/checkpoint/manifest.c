#define XXH_INLINE_ALL
#include "runtime/checkpoint/manifest.h"

#include "runtime/checkpoint/disk.h"
#include "runtime/checkpoint/json_file.h"
#include "runtime/checkpoint/safetensors.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum {
    FORMAT = 1,
    MANIFEST_BYTES_MAX = 512 << 20,
    DIGEST_BYTES = sizeof((struct mimo_checkpoint_state *)0)->plan_digest,
};

/* -- both ways -------------------------------------------------------------------------------- */

static json_t *hex_u64(uint64_t value)
{
    char text[17];

    (void)snprintf(text, sizeof text, "%016" PRIx64, value);
    return json_string(text);
}

/* The checksum of the manifest, which must not hold one. */
static uint64_t checksum(const json_t *root)
{
    char *text = json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS);
    uint64_t sum;

    MIMO_ASSERT(text != NULL);
    sum = XXH3_64bits(text, strlen(text));
    free(text);
    return sum;
}

/* -- writing ---------------------------------------------------------------------------------- */

static json_t *tensor_json(const struct mimo_tensor_info *tensor, uint64_t sum)
{
    json_t *shape = json_array();

    for (uint32_t i = 0; i < tensor->dimensions; i++)
        (void)json_array_append_new(shape, json_integer((json_int_t)tensor->shape[i]));
    return json_pack("{s:s, s:s, s:o, s:o}", "name", tensor->name, "dtype",
                     tensor->is_f64 ? "F64" : "F32", "shape", shape, "checksum", hex_u64(sum));
}

static json_t *file_json(const struct mimo_manifest_file *file)
{
    json_t *tensors = json_array();

    for (uint32_t i = 0; i < file->tensor_count; i++)
        (void)json_array_append_new(tensors, tensor_json(&file->tensors[i], file->checksums[i]));
    return json_pack("{s:s, s:I, s:o}", "name", file->name, "bytes", (json_int_t)file->bytes,
                     "tensors", tensors);
}

static json_t *manifest_json(const struct mimo_manifest *manifest)
{
    const struct mimo_checkpoint_state *state = &manifest->state;
    json_t *files = json_array(), *root;
    char digest[2 * DIGEST_BYTES + 1], seed[21];

    for (uint32_t i = 0; i < manifest->file_count; i++)
        (void)json_array_append_new(files, file_json(&manifest->files[i]));
    for (int i = 0; i < DIGEST_BYTES; i++)
        (void)snprintf(digest + (ptrdiff_t)2 * i, 3, "%02x", state->plan_digest[i]);
    (void)snprintf(seed, sizeof seed, "%" PRIu64, state->seed);
    root = json_pack("{s:i, s:I, s:s, s:I, s:s, s:o}", "format", FORMAT, "step",
                     (json_int_t)state->step, "seed", seed, "global_batch",
                     (json_int_t)state->global_batch, "plan_digest", digest, "files", files);
    MIMO_ASSERT(root != NULL);
    (void)json_object_set_new(root, "checksum", hex_u64(checksum(root)));
    return root;
}

enum mimo_status mimo_manifest_write(const struct mimo_manifest *manifest, const char *path,
                                     struct mimo_error *err)
{
    json_t *root = manifest_json(manifest);
    char *text = json_dumps(root, JSON_INDENT(1) | JSON_SORT_KEYS);
    struct mimo_disk_file file = {.descriptor = -1};
    enum mimo_status status;

    json_decref(root);
    MIMO_ASSERT(text != NULL);
    status = mimo_disk_create(&file, path, strlen(text), err);
    if (status == MIMO_OK)
        status = mimo_disk_write(&file, 0, text, strlen(text), err);
    if (status == MIMO_OK)
        status = mimo_disk_sync(&file, err);
    mimo_disk_close(&file);
    free(text);
    return status;
}

/* -- reading ---------------------------------------------------------------------------------- */

/* Readers of one value return false where it is missing or of another form. */

static bool get_u64(const json_t *object, const char *key, uint64_t *out_value)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *out_value = (uint64_t)json_integer_value(value);
    return true;
}

/* Digits only, in base 10 or 16. */
static bool get_digits(const json_t *object, const char *key, int base, uint64_t *out_value)
{
    const char *text = json_string_value(json_object_get(object, key));
    char *end;

    if (text == NULL || !isxdigit((unsigned char)*text))
        return false;
    errno = 0;
    *out_value = strtoull(text, &end, base);
    return *end == '\0' && errno == 0;
}

static bool get_name(struct mimo_arena *arena, const json_t *object, const char **out_name)
{
    const char *name = json_string_value(json_object_get(object, "name"));

    if (name == NULL)
        return false;
    *out_name = mimo_arena_copy(arena, name, strlen(name));
    return true;
}

static bool get_digest(const json_t *object, uint8_t *digest)
{
    const char *text = json_string_value(json_object_get(object, "plan_digest"));

    if (text == NULL || strlen(text) != (size_t)2 * DIGEST_BYTES)
        return false;
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        const char pair[3] = {text[2 * i], text[2 * i + 1], '\0'};
        char *end;

        if (!isxdigit((unsigned char)pair[0]))
            return false;
        digest[i] = (uint8_t)strtoul(pair, &end, 16);
        if (*end != '\0')
            return false;
    }
    return true;
}

static bool get_shape(const json_t *object, struct mimo_tensor_info *tensor)
{
    const json_t *shape = json_object_get(object, "shape");
    const size_t dimensions = json_array_size(shape);

    if (dimensions < 1 || dimensions > sizeof tensor->shape / sizeof *tensor->shape)
        return false;
    tensor->dimensions = (uint32_t)dimensions;
    for (size_t i = 0; i < dimensions; i++) {
        const json_t *value = json_array_get(shape, i);

        if (!json_is_integer(value) || json_integer_value(value) < 0)
            return false;
        tensor->shape[i] = (uint64_t)json_integer_value(value);
    }
    return true;
}

static bool get_tensor(struct mimo_arena *arena, const json_t *object,
                       struct mimo_tensor_info *tensor, uint64_t *out_checksum)
{
    const char *dtype = json_string_value(json_object_get(object, "dtype"));

    if (dtype == NULL || (strcmp(dtype, "F32") != 0 && strcmp(dtype, "F64") != 0))
        return false;
    tensor->is_f64 = strcmp(dtype, "F64") == 0;
    return get_name(arena, object, &tensor->name) && get_shape(object, tensor) &&
           get_digits(object, "checksum", 16, out_checksum);
}

/* The name of a file in the folder, not of anything elsewhere. */
static bool is_plain_name(const char *name)
{
    return name[0] != '\0' && name[0] != '.' && strchr(name, '/') == NULL;
}

static bool get_file(struct mimo_arena *arena, const json_t *object,
                     struct mimo_manifest_file *file)
{
    const json_t *list = json_object_get(object, "tensors");
    const size_t count = json_array_size(list);
    struct mimo_tensor_info *tensors;
    uint64_t *checksums;

    if (!json_is_array(list) || count > MIMO_SAFETENSORS_TENSORS_MAX ||
        !get_name(arena, object, &file->name) || !is_plain_name(file->name) ||
        !get_u64(object, "bytes", &file->bytes))
        return false;
    tensors = MIMO_NEW_ARRAY(arena, struct mimo_tensor_info, count + 1);
    checksums = MIMO_NEW_ARRAY(arena, uint64_t, count + 1);
    for (size_t i = 0; i < count; i++)
        if (!get_tensor(arena, json_array_get(list, i), &tensors[i], &checksums[i]))
            return false;
    file->tensors = tensors;
    file->checksums = checksums;
    file->tensor_count = (uint32_t)count;
    return true;
}

static bool get_manifest(struct mimo_arena *arena, const json_t *root,
                         struct mimo_manifest *manifest)
{
    const json_t *list = json_object_get(root, "files");
    struct mimo_checkpoint_state *state = &manifest->state;
    struct mimo_manifest_file *files;

    if (!json_is_array(list) || json_array_size(list) > UINT16_MAX ||
        !get_u64(root, "step", &state->step) || !get_digits(root, "seed", 10, &state->seed) ||
        !get_u64(root, "global_batch", &state->global_batch) ||
        !get_digest(root, state->plan_digest))
        return false;
    manifest->file_count = (uint32_t)json_array_size(list);
    files = MIMO_NEW_ARRAY(arena, struct mimo_manifest_file, (size_t)manifest->file_count + 1);
    for (uint32_t i = 0; i < manifest->file_count; i++)
        if (!get_file(arena, json_array_get(list, i), &files[i]))
            return false;
    manifest->files = files;
    return true;
}

static enum mimo_status check_manifest(struct mimo_arena *arena, const char *path, json_t *root,
                                       struct mimo_manifest *manifest, struct mimo_error *err)
{
    uint64_t format = 0, sum = 0;

    if (!get_u64(root, "format", &format) || !get_digits(root, "checksum", 16, &sum))
        return mimo_error_set(err, MIMO_E_CHECKPOINT, "%s is not a manifest", path);
    if (format != FORMAT)
        return mimo_error_set(err, MIMO_E_CHECKPOINT,
                              "%s is of format %" PRIu64 "; this program reads %d", path, format,
                              FORMAT);
    (void)json_object_del(root, "checksum");
    if (checksum(root) != sum)
        return mimo_error_set(err, MIMO_E_CHECKPOINT, "%s was altered: its checksum does not hold",
                              path);
    if (!get_manifest(arena, root, manifest))
        return mimo_error_set(err, MIMO_E_CHECKPOINT, "%s lacks something, or has another form",
                              path);
    return MIMO_OK;
}

enum mimo_status mimo_manifest_read(struct mimo_arena *arena, const char *path,
                                    struct mimo_manifest *out_manifest, struct mimo_error *err)
{
    struct mimo_manifest manifest = {0};
    enum mimo_status status;
    json_t *root;

    MIMO_TRY(mimo_json_file_read(path, MANIFEST_BYTES_MAX, MIMO_E_CHECKPOINT, &root, err));
    status = check_manifest(arena, path, root, &manifest, err);
    json_decref(root);
    if (status == MIMO_OK)
        *out_manifest = manifest;
    return status;
}
