#include "runtime/checkpoint/weights.h"

#include "plan/arena.h"
#include "runtime/checkpoint/convert.h"
#include "runtime/checkpoint/json_file.h"
#include "runtime/checkpoint/safetensors.h"
#include "runtime/checkpoint/shard.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    INDEX_BYTES_MAX = MIMO_SAFETENSORS_HEADER_BYTES_MAX,
    FILES_MAX = 1000,
    PIECE_ELEMENTS = MIMO_STAGING_BYTES / 8, /* fits as float64 */
};

/* A tensor and the file that holds it. */
struct entry {
    const struct mimo_safetensors_tensor *tensor;
    const struct mimo_safetensors *file;
};

struct file {
    const char *name;
    struct mimo_safetensors safetensors;
    struct file *next;
};

struct mimo_weights {
    struct mimo_arena arena;
    const char *folder;
    struct file *files;
    uint32_t file_count;
    struct entry *entries; /* ascending by name */
    uint32_t entry_count;
};

/* -- opening ---------------------------------------------------------------------------------- */

static struct file *find_file(const struct mimo_weights *weights, const char *name)
{
    for (struct file *file = weights->files; file != NULL; file = file->next)
        if (strcmp(file->name, name) == 0)
            return file;
    return NULL;
}

/* Opens file `name` of the folder, once; NULL and an error where that fails. */
static const struct file *open_file(struct mimo_weights *weights, const char *name,
                                    struct mimo_error *err)
{
    const char *path = mimo_arena_printf(&weights->arena, "%s/%s", weights->folder, name);
    struct file *file = find_file(weights, name);

    if (file != NULL)
        return file;
    file = MIMO_NEW(&weights->arena, struct file);
    file->name = mimo_arena_copy(&weights->arena, name, strlen(name));
    if (mimo_safetensors_open(&file->safetensors, path, MIMO_E_DATA, err) != MIMO_OK)
        return NULL;
    file->next = weights->files;
    weights->files = file;
    weights->file_count++;
    return file;
}

/* The name of a file in the folder, not of anything elsewhere. */
static bool is_plain_name(const char *name)
{
    return name[0] != '\0' && name[0] != '.' && strchr(name, '/') == NULL;
}

static enum mimo_status open_single(struct mimo_weights *weights, struct mimo_error *err)
{
    const struct file *file = open_file(weights, "model.safetensors", err);

    if (file == NULL)
        return MIMO_E_DATA;
    weights->entry_count = file->safetensors.count;
    weights->entries =
        MIMO_NEW_ARRAY(&weights->arena, struct entry, (size_t)weights->entry_count + 1);
    for (uint32_t i = 0; i < weights->entry_count; i++)
        weights->entries[i] = (struct entry){&file->safetensors.tensors[i], &file->safetensors};
    return MIMO_OK;
}

static int compare_entries(const void *a, const void *b)
{
    const struct entry *left = a, *right = b;

    return strcmp(left->tensor->name, right->tensor->name);
}

/* Makes an entry of the pair (tensor, file) of the index. */
static enum mimo_status read_pair(struct mimo_weights *weights, const char *name,
                                  const char *file_name, const char *path, struct mimo_error *err)
{
    const struct mimo_safetensors_tensor *tensor;
    const struct file *file;

    if (file_name == NULL || !is_plain_name(file_name))
        return mimo_error_set(err, MIMO_E_DATA, "%s: tensor %s has no file in that folder", path,
                              name);
    if (weights->file_count == FILES_MAX && find_file(weights, file_name) == NULL)
        return mimo_error_set(err, MIMO_E_DATA, "%s names more than %d files", path, FILES_MAX);
    file = open_file(weights, file_name, err);
    if (file == NULL)
        return MIMO_E_DATA;
    tensor = mimo_safetensors_find(&file->safetensors, name);
    if (tensor == NULL)
        return mimo_error_set(err, MIMO_E_DATA, "%s has no tensor %s, which %s promises",
                              file->safetensors.file.path, name, path);
    weights->entries[weights->entry_count++] = (struct entry){tensor, &file->safetensors};
    return MIMO_OK;
}

static enum mimo_status read_map(struct mimo_weights *weights, json_t *map, const char *path,
                                 struct mimo_error *err)
{
    const char *name;
    json_t *value;

    if (!json_is_object(map) || json_object_size(map) > MIMO_SAFETENSORS_TENSORS_MAX)
        return mimo_error_set(err, MIMO_E_DATA, "%s has no weight_map that can be used", path);
    weights->entries = MIMO_NEW_ARRAY(&weights->arena, struct entry, json_object_size(map) + 1);
    json_object_foreach(map, name, value)
    {
        MIMO_TRY(read_pair(weights, name, json_string_value(value), path, err));
    }
    if (weights->entry_count > 1)
        qsort(weights->entries, weights->entry_count, sizeof *weights->entries, compare_entries);
    return MIMO_OK;
}

static enum mimo_status open_index(struct mimo_weights *weights, const char *path,
                                   struct mimo_error *err)
{
    enum mimo_status status;
    json_t *root;

    MIMO_TRY(mimo_json_file_read(path, INDEX_BYTES_MAX, MIMO_E_DATA, &root, err));
    status = read_map(weights, json_object_get(root, "weight_map"), path, err);
    json_decref(root);
    return status;
}

static enum mimo_status open_folder(struct mimo_weights *weights, struct mimo_error *err)
{
    const char *single =
        mimo_arena_printf(&weights->arena, "%s/model.safetensors", weights->folder);
    const char *index =
        mimo_arena_printf(&weights->arena, "%s/model.safetensors.index.json", weights->folder);

    if (access(single, F_OK) == 0)
        return open_single(weights, err);
    if (access(index, F_OK) == 0)
        return open_index(weights, index, err);
    return mimo_error_set(err, MIMO_E_DATA,
                          "%s has neither model.safetensors nor model.safetensors.index.json",
                          weights->folder);
}

enum mimo_status mimo_weights_open(struct mimo_weights **out_weights, const char *folder,
                                   struct mimo_error *err)
{
    struct mimo_weights *weights = calloc(1, sizeof *weights);
    enum mimo_status status;

    MIMO_ASSERT(weights != NULL);
    mimo_arena_init(&weights->arena);
    weights->folder = mimo_arena_copy(&weights->arena, folder, strlen(folder));
    status = open_folder(weights, err);
    if (status != MIMO_OK)
        mimo_weights_close(weights);
    else
        *out_weights = weights;
    return status;
}

void mimo_weights_close(struct mimo_weights *weights)
{
    if (weights == NULL)
        return;
    for (struct file *file = weights->files; file != NULL; file = file->next)
        mimo_safetensors_close(&file->safetensors);
    mimo_arena_release(&weights->arena);
    free(weights);
}

/* -- reading ---------------------------------------------------------------------------------- */

static const struct entry *find_entry(const struct mimo_weights *weights, const char *name)
{
    const struct mimo_safetensors_tensor key = {.name = name};
    const struct entry entry = {&key, NULL};

    return bsearch(&entry, weights->entries, weights->entry_count, sizeof entry, compare_entries);
}

bool mimo_weights_has(const struct mimo_weights *weights, const char *name)
{
    return find_entry(weights, name) != NULL;
}

static bool fits(const struct mimo_safetensors_tensor *stored, const struct mimo_tensor_info *info,
                 bool rows_may_lack)
{
    if (stored->dimensions != info->dimensions)
        return false;
    for (uint32_t i = 0; i < info->dimensions; i++)
        if (stored->shape[i] != info->shape[i] &&
            !(i == 0 && rows_may_lack && stored->shape[0] < info->shape[0]))
            return false;
    return true;
}

static enum mimo_status check_tensor(const struct mimo_weights *weights, const struct entry *entry,
                                     const char *name, const struct mimo_tensor_info *info,
                                     bool rows_may_lack, struct mimo_error *err)
{
    char have[256], want[256];

    if (entry == NULL)
        return mimo_error_set(err, MIMO_E_DATA, "%s has no tensor %s", weights->folder, name);
    if (!mimo_convert_reads(entry->tensor->type))
        return mimo_error_set(err, MIMO_E_DATA,
                              "%s: tensor %s is of type %s; F64, F32, F16 and BF16 can be read",
                              weights->folder, name, mimo_safetensors_word(entry->tensor->type));
    if (!fits(entry->tensor, info, rows_may_lack))
        return mimo_error_set(
            err, MIMO_E_DATA, "%s: tensor %s has shape %s; the model has %s", weights->folder, name,
            mimo_safetensors_shape(entry->tensor->shape, entry->tensor->dimensions, have,
                                   sizeof have),
            mimo_safetensors_shape(info->shape, info->dimensions, want, sizeof want));
    return MIMO_OK;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t elements_of(const uint64_t *shape, uint32_t dimensions,
                            const struct mimo_tensor_shard *part)
{
    const struct mimo_tensor_shard whole = {
        .cut_dimension = part->cut_dimension, .begin = part->begin, .end = part->end};

    return mimo_shard_map(0, shape, dimensions, 1, &whole).bytes;
}

/* Where the stored part of the shard lies. Rows that lack are the last ones, so that what is stored
 * is the beginning of the shard's memory whichever dimension is cut. */
static struct mimo_shard_map map_stored(const struct mimo_safetensors_tensor *stored,
                                        const struct mimo_tensor_info *info,
                                        const struct mimo_tensor_shard *shard)
{
    const uint64_t limit = stored->shape[shard->cut_dimension];
    const uint64_t end = elements_of(info->shape, info->dimensions, shard) - shard->skip_back;
    struct mimo_tensor_shard part = *shard;
    uint64_t count;

    part.begin = smaller(part.begin, limit);
    part.end = smaller(part.end, limit);
    count = elements_of(stored->shape, stored->dimensions, &part);
    part.skip_front = smaller(shard->skip_front, count);
    part.skip_back = count - smaller(end, count);
    return mimo_shard_map(stored->begin, stored->shape, stored->dimensions,
                          mimo_safetensors_element_bytes(stored->type), &part);
}

/* What the shard's elements are in memory. */
static enum mimo_safetensors_type type_of(const struct mimo_tensor_info *info,
                                          const struct mimo_tensor_shard *shard)
{
    if (shard->is_bf16)
        return MIMO_SAFETENSORS_BF16;
    return info->is_f64 ? MIMO_SAFETENSORS_F64 : MIMO_SAFETENSORS_F32;
}

static enum mimo_status read_part(const struct mimo_staging *staging, const struct entry *entry,
                                  const struct mimo_tensor_info *info,
                                  const struct mimo_tensor_shard *shard, struct mimo_error *err)
{
    struct mimo_backend *be = staging->backend;
    const struct mimo_shard_map map = map_stored(entry->tensor, info, shard);
    const enum mimo_safetensors_type type = type_of(info, shard);
    const size_t element_bytes = mimo_safetensors_element_bytes(entry->tensor->type);
    const size_t held_bytes = mimo_safetensors_element_bytes(type);
    const uint64_t count = map.bytes / element_bytes;
    char *to = shard->data;

    for (uint64_t at = 0; at < count; at += PIECE_ELEMENTS) {
        const size_t elements = count - at < PIECE_ELEMENTS ? (size_t)(count - at) : PIECE_ELEMENTS;

        MIMO_TRY(mimo_shard_read(&entry->file->file, &map, at * element_bytes, staging->first,
                                 elements * element_bytes, err));
        mimo_convert_elements(staging->second, type, staging->first, entry->tensor->type, elements);
        be->ops->upload(be, to + at * held_bytes, staging->second, elements * held_bytes);
    }
    return MIMO_OK;
}

enum mimo_status mimo_weights_read(struct mimo_weights *weights, struct mimo_backend *backend,
                                   const char *name, const struct mimo_tensor_info *info,
                                   const struct mimo_tensor_shard *shard, bool rows_may_lack,
                                   struct mimo_error *err)
{
    const struct entry *entry = find_entry(weights, name);
    struct mimo_staging staging;
    enum mimo_status status;

    MIMO_TRY(check_tensor(weights, entry, name, info, rows_may_lack, err));
    mimo_staging_init(&staging, backend);
    status = read_part(&staging, entry, info, shard, err);
    mimo_staging_release(&staging);
    return status;
}

/* -- columns of wider tensors ----------------------------------------------------------------- */

/* What a folder of GPT-2 calls the shape. */
static struct mimo_tensor_info columns_info(const struct mimo_tensor_info *info, uint64_t width)
{
    struct mimo_tensor_info stored = *info;

    MIMO_ASSERT(info->dimensions <= 2);
    stored.shape[0] = info->dimensions == 2 ? info->shape[1] : width;
    stored.shape[1] = info->dimensions == 2 ? width : 1;
    return stored;
}

/* The shard in the stored tensor: either the rows or the columns are cut. */
static struct mimo_tensor_shard columns_shard(const struct mimo_tensor_info *info,
                                              const struct mimo_tensor_shard *shard, uint64_t first)
{
    const bool cuts_output = shard->cut_dimension == 0;

    return (struct mimo_tensor_shard){
        .cut_dimension = cuts_output ? info->dimensions - 1 : 0,
        .begin = shard->begin + (cuts_output ? first : 0),
        .end = shard->end + (cuts_output ? first : 0),
    };
}

/* to[columns, rows] from from[rows, columns]. */
static void transpose(char *to, const char *from, uint64_t rows, uint64_t columns, size_t element)
{
    for (uint64_t row = 0; row < rows; row++)
        for (uint64_t column = 0; column < columns; column++)
            memcpy(to + (column * rows + row) * element, from + (row * columns + column) * element,
                   element);
}

/* All of the shard, through two buffers that have room for it as float64. */
static enum mimo_status move_columns(struct mimo_backend *be, const struct entry *entry,
                                     const struct mimo_shard_map *map, uint64_t columns,
                                     const struct mimo_tensor_shard *shard,
                                     enum mimo_safetensors_type type, char *buffers[2],
                                     struct mimo_error *err)
{
    const uint64_t count = map->bytes / mimo_safetensors_element_bytes(entry->tensor->type);
    const uint64_t skipped = shard->skip_front + shard->skip_back;
    const size_t element = mimo_safetensors_element_bytes(type);

    MIMO_TRY(mimo_shard_read(&entry->file->file, map, 0, buffers[0], map->bytes, err));
    mimo_convert_elements(buffers[1], type, buffers[0], entry->tensor->type, count);
    transpose(buffers[0], buffers[1], count / columns, columns, element);
    be->ops->upload(be, shard->data, buffers[0] + shard->skip_front * element,
                    (count - skipped) * element);
    return MIMO_OK;
}

enum mimo_status mimo_weights_read_columns(struct mimo_weights *weights,
                                           struct mimo_backend *backend, const char *name,
                                           const struct mimo_tensor_info *info,
                                           const struct mimo_tensor_shard *shard, uint64_t first,
                                           uint64_t width, struct mimo_error *err)
{
    const struct entry *entry = find_entry(weights, name);
    const struct mimo_tensor_info wide = columns_info(info, width);
    const struct mimo_tensor_shard part = columns_shard(info, shard, first);
    struct mimo_shard_map map;
    enum mimo_status status = MIMO_OK;
    uint64_t columns = part.end - part.begin;
    char *buffers[2];

    MIMO_TRY(check_tensor(weights, entry, name, &wide, false, err));
    map = mimo_shard_map(entry->tensor->begin, wide.shape, wide.dimensions,
                         mimo_safetensors_element_bytes(entry->tensor->type), &part);
    if (part.cut_dimension == 0 && wide.dimensions == 2)
        columns = width;
    for (int i = 0; i < 2; i++) /* an element is stored in two bytes or more */
        buffers[i] = malloc(4 * map.bytes + 1);
    if (buffers[0] == NULL || buffers[1] == NULL)
        status = mimo_error_set(err, MIMO_E_FAILED, "out of memory");
    else if (map.bytes > 0)
        status =
            move_columns(backend, entry, &map, columns, shard, type_of(info, shard), buffers, err);
    for (int i = 0; i < 2; i++)
        free(buffers[i]);
    return status;
}
