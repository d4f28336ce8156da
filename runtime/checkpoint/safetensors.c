#include "runtime/checkpoint/safetensors.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "safetensors data is used as it lies");

enum { LENGTH_BYTES = 8, HEADER_ALIGNMENT = 64 };

#define METADATA "__metadata__"

static const struct {
    const char *word;
    uint32_t bytes;
} types[] = {
#define ROW(name, word, bytes) [MIMO_SAFETENSORS_##name] = {word, bytes},
    MIMO_SAFETENSORS_TYPES(ROW)
#undef ROW
};

enum { TYPE_COUNT = sizeof types / sizeof *types };

const char *mimo_safetensors_word(enum mimo_safetensors_type type)
{
    return types[type].word;
}

uint32_t mimo_safetensors_element_bytes(enum mimo_safetensors_type type)
{
    return types[type].bytes;
}

const char *mimo_safetensors_shape(const uint64_t *shape, uint32_t dimensions, char *text,
                                   size_t size)
{
    size_t length = 0;

    for (uint32_t i = 0; i < dimensions && length < size; i++)
        length += (size_t)snprintf(text + length, size - length, "%s%" PRIu64, i == 0 ? "[" : ", ",
                                   shape[i]);
    if (length < size)
        (void)snprintf(text + length, size - length, dimensions == 0 ? "[]" : "]");
    return text;
}

/* -- reading ---------------------------------------------------------------------------------- */

/* What a header is read with: the file for messages, and where its data begins. */
struct reader {
    const struct mimo_disk_file *file;
    uint64_t data_begin;
    struct mimo_error *err;
};

static enum mimo_status refuse(const struct reader *reader, const char *name, const char *what)
{
    return mimo_error_set(reader->err, reader->file->failure, "%s: tensor %.*s: %s",
                          reader->file->path, MIMO_SAFETENSORS_NAME_BYTES_MAX, name, what);
}

static bool read_u64(const json_t *value, uint64_t *out_number)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *out_number = (uint64_t)json_integer_value(value);
    return true;
}

static enum mimo_status read_type(const struct reader *reader, const json_t *value,
                                  struct mimo_safetensors_tensor *tensor)
{
    const char *word = json_string_value(value);

    for (int i = 0; word != NULL && i < (int)TYPE_COUNT; i++) {
        if (strcmp(word, types[i].word) == 0) {
            tensor->type = (enum mimo_safetensors_type)i;
            return MIMO_OK;
        }
    }
    return refuse(reader, tensor->name, word == NULL ? "it has no dtype" : "unknown dtype");
}

/* Reads the shape; *out_bytes is the size that shape and type demand. */
static enum mimo_status read_shape(const struct reader *reader, const json_t *value,
                                   struct mimo_safetensors_tensor *tensor, uint64_t *out_bytes)
{
    uint64_t bytes = types[tensor->type].bytes;

    if (!json_is_array(value))
        return refuse(reader, tensor->name, "it has no shape");
    if (json_array_size(value) > MIMO_SAFETENSORS_DIMENSIONS_MAX)
        return refuse(reader, tensor->name, "it has more than 8 dimensions");
    tensor->dimensions = (uint32_t)json_array_size(value);
    for (uint32_t i = 0; i < tensor->dimensions; i++) {
        if (!read_u64(json_array_get(value, i), &tensor->shape[i]))
            return refuse(reader, tensor->name, "its shape is not a list of sizes");
        if (__builtin_mul_overflow(bytes, tensor->shape[i], &bytes))
            return refuse(reader, tensor->name, "its shape is too large");
    }
    *out_bytes = bytes;
    return MIMO_OK;
}

/* The range is [begin, end) behind the header, within the file. */
static enum mimo_status read_range(const struct reader *reader, const json_t *value, uint64_t bytes,
                                   struct mimo_safetensors_tensor *tensor)
{
    uint64_t begin, end;

    if (!json_is_array(value) || json_array_size(value) != 2 ||
        !read_u64(json_array_get(value, 0), &begin) || !read_u64(json_array_get(value, 1), &end))
        return refuse(reader, tensor->name, "its data_offsets are not two numbers");
    if (begin > end || end > reader->file->bytes - reader->data_begin)
        return refuse(reader, tensor->name, "its data_offsets are outside of the file");
    if (end - begin != bytes)
        return refuse(reader, tensor->name, "its data_offsets do not match its shape and dtype");
    tensor->begin = reader->data_begin + begin;
    tensor->bytes = bytes;
    return MIMO_OK;
}

static enum mimo_status read_tensor(const struct reader *reader, const char *name,
                                    const json_t *value, struct mimo_arena *arena,
                                    struct mimo_safetensors_tensor *tensor)
{
    uint64_t bytes = 0;

    if (strlen(name) > MIMO_SAFETENSORS_NAME_BYTES_MAX)
        return refuse(reader, name, "its name is longer than 512 bytes");
    tensor->name = mimo_arena_copy(arena, name, strlen(name));
    MIMO_TRY(read_type(reader, json_object_get(value, "dtype"), tensor));
    MIMO_TRY(read_shape(reader, json_object_get(value, "shape"), tensor, &bytes));
    return read_range(reader, json_object_get(value, "data_offsets"), bytes, tensor);
}

static int compare_begins(const void *a, const void *b)
{
    const struct mimo_safetensors_tensor *left = a, *right = b;

    if (left->begin != right->begin)
        return left->begin < right->begin ? -1 : 1;
    return (left->bytes > right->bytes) - (left->bytes < right->bytes);
}

static int compare_names(const void *a, const void *b)
{
    const struct mimo_safetensors_tensor *left = a, *right = b;

    return strcmp(left->name, right->name);
}

/* The data must be cut into tensors without gap, overlap or rest. */
static enum mimo_status check_ranges(const struct reader *reader,
                                     struct mimo_safetensors_tensor *tensors, uint32_t count)
{
    uint64_t next = reader->data_begin;

    if (count > 1)
        qsort(tensors, count, sizeof *tensors, compare_begins);
    for (uint32_t i = 0; i < count; i++) {
        if (tensors[i].begin < next)
            return refuse(reader, tensors[i].name, "its data overlaps another tensor's");
        if (tensors[i].begin > next)
            return refuse(reader, tensors[i].name, "there is a gap before its data");
        next += tensors[i].bytes;
    }
    if (next != reader->file->bytes)
        return mimo_error_set(reader->err, reader->file->failure,
                              "%s has %" PRIu64 " bytes, but its tensors end at byte %" PRIu64,
                              reader->file->path, reader->file->bytes, next);
    return MIMO_OK;
}

static enum mimo_status read_tensors(const struct reader *reader, json_t *header,
                                     struct mimo_safetensors *safetensors)
{
    struct mimo_safetensors_tensor *tensors;
    const char *name;
    json_t *value;

    if (json_object_size(header) > MIMO_SAFETENSORS_TENSORS_MAX)
        return mimo_error_set(reader->err, reader->file->failure, "%s: more than %d tensors",
                              reader->file->path, MIMO_SAFETENSORS_TENSORS_MAX);
    tensors = MIMO_NEW_ARRAY(&safetensors->arena, struct mimo_safetensors_tensor,
                             json_object_size(header) + 1);
    json_object_foreach(header, name, value)
    {
        if (strcmp(name, METADATA) == 0)
            continue;
        MIMO_TRY(
            read_tensor(reader, name, value, &safetensors->arena, &tensors[safetensors->count]));
        safetensors->count++;
    }
    MIMO_TRY(check_ranges(reader, tensors, safetensors->count));
    if (safetensors->count > 1)
        qsort(tensors, safetensors->count, sizeof *tensors, compare_names);
    safetensors->tensors = tensors;
    return MIMO_OK;
}

/* The length of the header, at most what the file holds. */
static enum mimo_status read_length(const struct mimo_disk_file *file, uint64_t *out_length,
                                    struct mimo_error *err)
{
    uint64_t length;

    if (file->bytes < LENGTH_BYTES)
        return mimo_error_set(err, file->failure, "%s is too short for a safetensors file",
                              file->path);
    MIMO_TRY(mimo_disk_read(file, 0, &length, sizeof length, err));
    if (length > MIMO_SAFETENSORS_HEADER_BYTES_MAX || length > file->bytes - LENGTH_BYTES)
        return mimo_error_set(err, file->failure,
                              "%s is not a safetensors file, or truncated: %" PRIu64
                              " bytes, a header of %" PRIu64,
                              file->path, file->bytes, length);
    *out_length = length;
    return MIMO_OK;
}

static enum mimo_status read_header(struct mimo_safetensors *safetensors, struct mimo_error *err)
{
    const struct mimo_disk_file *file = &safetensors->file;
    enum mimo_status status;
    uint64_t length = 0;
    json_error_t syntax;
    json_t *header;
    char *text;

    MIMO_TRY(read_length(file, &length, err));
    text = mimo_arena_alloc(&safetensors->arena, (size_t)length + 1, 1);
    MIMO_TRY(mimo_disk_read(file, LENGTH_BYTES, text, (size_t)length, err));
    header = json_loadb(text, (size_t)length, JSON_REJECT_DUPLICATES, &syntax);
    if (!json_is_object(header)) {
        json_decref(header);
        return mimo_error_set(err, file->failure, "%s: its header is no JSON object%s%s",
                              file->path, header == NULL ? ": " : "",
                              header == NULL ? syntax.text : "");
    }
    status = read_tensors(&(struct reader){file, LENGTH_BYTES + length, err}, header, safetensors);
    json_decref(header);
    return status;
}

enum mimo_status mimo_safetensors_open(struct mimo_safetensors *out_safetensors, const char *path,
                                       enum mimo_status failure, struct mimo_error *err)
{
    struct mimo_safetensors safetensors = {.file.descriptor = -1};
    enum mimo_status status;

    mimo_arena_init(&safetensors.arena);
    path = mimo_arena_copy(&safetensors.arena, path, strlen(path));
    status = mimo_disk_open(&safetensors.file, path, false, failure, err);
    if (status == MIMO_OK)
        status = read_header(&safetensors, err);
    if (status != MIMO_OK)
        mimo_safetensors_close(&safetensors);
    else
        *out_safetensors = safetensors;
    return status;
}

void mimo_safetensors_close(struct mimo_safetensors *safetensors)
{
    mimo_disk_close(&safetensors->file);
    mimo_arena_release(&safetensors->arena);
}

const struct mimo_safetensors_tensor *
mimo_safetensors_find(const struct mimo_safetensors *safetensors, const char *name)
{
    const struct mimo_safetensors_tensor key = {.name = name};

    return bsearch(&key, safetensors->tensors, safetensors->count, sizeof key, compare_names);
}

/* -- writing ---------------------------------------------------------------------------------- */

static uint64_t tensor_bytes(const struct mimo_tensor_info *tensor)
{
    uint64_t bytes = tensor->is_f64 ? 8 : 4;

    for (uint32_t i = 0; i < tensor->dimensions; i++)
        MIMO_ASSERT(!__builtin_mul_overflow(bytes, tensor->shape[i], &bytes));
    return bytes;
}

static json_t *describe(const struct mimo_tensor_info *tensor, uint64_t begin, uint64_t end)
{
    json_t *shape = json_array();

    for (uint32_t i = 0; i < tensor->dimensions; i++)
        (void)json_array_append_new(shape, json_integer((json_int_t)tensor->shape[i]));
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", tensor->is_f64 ? "F64" : "F32", "shape",
                     shape, "data_offsets", (json_int_t)begin, (json_int_t)end);
}

/* Adds the tensors to `header`; begins[i] becomes the offset of tensor i behind the header. */
static enum mimo_status describe_all(json_t *header, const struct mimo_tensor_info *tensors,
                                     uint32_t count, uint64_t *begins, uint64_t *out_bytes,
                                     struct mimo_error *err)
{
    uint64_t end = 0;

    for (uint32_t i = 0; i < count; i++) {
        const char *name = tensors[i].name;

        begins[i] = end;
        MIMO_ASSERT(!__builtin_add_overflow(end, tensor_bytes(&tensors[i]), &end));
        if (strlen(name) > MIMO_SAFETENSORS_NAME_BYTES_MAX || json_object_get(header, name) != NULL)
            return mimo_error_set(
                err, MIMO_E_CHECKPOINT, "tensor name %.*s is %s", MIMO_SAFETENSORS_NAME_BYTES_MAX,
                name, strlen(name) > MIMO_SAFETENSORS_NAME_BYTES_MAX ? "too long" : "used twice");
        if (json_object_set_new(header, name, describe(&tensors[i], begins[i], end)) != 0)
            return mimo_error_set(err, MIMO_E_CHECKPOINT, "tensor name %s is not UTF-8", name);
    }
    *out_bytes = end;
    return MIMO_OK;
}

/* Length, header and padding, to a multiple of 64 bytes in all, so that the data begins aligned. */
static char *frame(struct mimo_arena *arena, const char *text, size_t length, uint64_t *out_bytes)
{
    const size_t bytes =
        (LENGTH_BYTES + length + HEADER_ALIGNMENT - 1) / HEADER_ALIGNMENT * HEADER_ALIGNMENT;
    const uint64_t header_bytes = bytes - LENGTH_BYTES;
    char *head = mimo_arena_alloc(arena, bytes, 1);

    memcpy(head, &header_bytes, LENGTH_BYTES);
    memcpy(head + LENGTH_BYTES, text, length);
    memset(head + LENGTH_BYTES + length, ' ', header_bytes - length);
    *out_bytes = bytes;
    return head;
}

enum mimo_status mimo_safetensors_lay_out(struct mimo_arena *arena,
                                          const struct mimo_tensor_info *tensors, uint32_t count,
                                          struct mimo_safetensors_layout *out_layout,
                                          struct mimo_error *err)
{
    json_t *header = json_pack("{s:{s:s}}", METADATA, "format", "pt");
    uint64_t *begins = MIMO_NEW_ARRAY(arena, uint64_t, (size_t)count + 1);
    struct mimo_safetensors_layout layout = {.begins = begins};
    uint64_t data_bytes = 0;
    char *text = NULL;
    enum mimo_status status;

    MIMO_ASSERT(header != NULL);
    status = describe_all(header, tensors, count, begins, &data_bytes, err);
    if (status == MIMO_OK)
        text = json_dumps(header, JSON_COMPACT);
    json_decref(header);
    MIMO_TRY(status);
    MIMO_ASSERT(text != NULL);
    layout.head = frame(arena, text, strlen(text), &layout.head_bytes);
    free(text);
    if (count > MIMO_SAFETENSORS_TENSORS_MAX ||
        layout.head_bytes > MIMO_SAFETENSORS_HEADER_BYTES_MAX)
        return mimo_error_set(err, MIMO_E_CHECKPOINT, "too many tensors for one file: %u", count);
    for (uint32_t i = 0; i < count; i++)
        begins[i] += layout.head_bytes;
    layout.bytes = layout.head_bytes + data_bytes;
    *out_layout = layout;
    return MIMO_OK;
}
