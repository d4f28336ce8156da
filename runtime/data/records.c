#include "runtime/data/records.h"

#include "plan/file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX   ((size_t)16 << 30)
#define RECORD_BYTES_MAX ((size_t)64 << 20)

/* The part of the file that has not been read yet, and the number of its first line. */
struct source {
    const char *at;
    const char *end;
    uint32_t line;
};

void mimo_records_init(struct mimo_records *records, const struct mimo_plan *plan, const char *name)
{
    *records = (struct mimo_records){.plan = plan};
    mimo_arena_init(&records->arena);
    records->name = mimo_arena_copy(&records->arena, name, strlen(name));
}

void mimo_records_release(struct mimo_records *records)
{
    mimo_arena_release(&records->arena);
    *records = (struct mimo_records){0};
}

void mimo_records_append(struct mimo_records *records, struct mimo_record record)
{
    MIMO_APPEND(&records->arena, records->items, records->count, records->capacity, record);
}

enum mimo_status mimo_records_error(const struct mimo_records *records, uint64_t record,
                                    const char *what, struct mimo_error *err)
{
    const uint32_t line = records->items[record].line;

    if (line == 0)
        return mimo_error_set(err, MIMO_E_DATA, "%s: record %" PRIu64 ": %s", records->name, record,
                              what);
    return mimo_error_set(err, MIMO_E_DATA, "%s: record %" PRIu64 " (line %" PRIu32 "): %s",
                          records->name, record, line, what);
}

/* -- reading ---------------------------------------------------------------------------------- */

static size_t source_left(const struct source *source)
{
    return (size_t)(source->end - source->at);
}

/* Moves on by `bytes`, counting lines. */
static void source_skip(struct source *source, size_t bytes)
{
    const char *end = source->at + bytes;
    const char *newline;

    while ((newline = memchr(source->at, '\n', (size_t)(end - source->at))) != NULL) {
        source->line++;
        source->at = newline + 1;
    }
    source->at = end;
}

static void source_skip_space(struct source *source)
{
    size_t bytes = 0;

    while (bytes < source_left(source) && source->at[bytes] != '\0' &&
           strchr(" \t\r\n", source->at[bytes]) != NULL)
        bytes++;
    source_skip(source, bytes);
}

/* The next character, or NUL at the end. */
static char source_peek(const struct source *source)
{
    return source_left(source) > 0 ? *source->at : '\0';
}

/* Reads one record from the first `bytes` and moves behind it. With flags = JSON_DISABLE_EOF_CHECK
 * something else may follow it there, with 0 not. */
static enum mimo_status read_record(struct mimo_records *records, struct source *source,
                                    size_t bytes, size_t flags, bool is_prompt,
                                    struct mimo_error *err)
{
    json_error_t error;
    json_t *json = json_loadb(source->at, bytes, flags | JSON_REJECT_DUPLICATES, &error);
    struct mimo_record record;

    if (json == NULL)
        return mimo_error_set(err, MIMO_E_DATA, "%s: line %" PRIu32 ": %s", records->name,
                              source->line + (uint32_t)error.line - 1, error.text);
    if (!json_is_object(json)) {
        json_decref(json);
        return mimo_error_set(err, MIMO_E_DATA, "%s: line %" PRIu32 ": a record is not an object",
                              records->name, source->line);
    }
    record = mimo_record_read(&records->arena, records->plan, json, is_prompt);
    record.line = source->line;
    mimo_records_append(records, record);
    json_decref(json);
    source_skip(source, flags == 0 ? bytes : (size_t)error.position);
    return MIMO_OK;
}

static enum mimo_status read_lines(struct mimo_records *records, struct source *source,
                                   bool is_prompt, struct mimo_error *err)
{
    for (source_skip_space(source); source_left(source) > 0; source_skip_space(source)) {
        const char *newline = memchr(source->at, '\n', source_left(source));
        const size_t bytes = newline == NULL ? source_left(source) : (size_t)(newline - source->at);

        if (bytes > RECORD_BYTES_MAX)
            return mimo_error_set(err, MIMO_E_DATA, "%s: line %" PRIu32 " is longer than %zu bytes",
                                  records->name, source->line, RECORD_BYTES_MAX);
        MIMO_TRY(read_record(records, source, bytes, 0, is_prompt, err));
    }
    return MIMO_OK;
}

static enum mimo_status read_elements(struct mimo_records *records, struct source *source,
                                      bool is_prompt, struct mimo_error *err)
{
    char separator;

    do {
        const size_t left = source_left(source);

        MIMO_TRY(read_record(records, source, left < RECORD_BYTES_MAX ? left : RECORD_BYTES_MAX,
                             JSON_DISABLE_EOF_CHECK, is_prompt, err));
        source_skip_space(source);
        separator = source_peek(source);
        if (separator != ',' && separator != ']')
            return mimo_error_set(err, MIMO_E_DATA,
                                  "%s: line %" PRIu32 ": \",\" or \"]\" expected after a record",
                                  records->name, source->line);
        source_skip(source, 1);
        source_skip_space(source);
    } while (separator == ',');
    return MIMO_OK;
}

static enum mimo_status read_array(struct mimo_records *records, struct source *source,
                                   bool is_prompt, struct mimo_error *err)
{
    source_skip(source, 1);
    source_skip_space(source);
    if (source_peek(source) == ']')
        source_skip(source, 1);
    else
        MIMO_TRY(read_elements(records, source, is_prompt, err));
    source_skip_space(source);
    if (source_left(source) > 0)
        return mimo_error_set(err, MIMO_E_DATA,
                              "%s: line %" PRIu32 ": something follows the list of records",
                              records->name, source->line);
    return MIMO_OK;
}

enum mimo_status mimo_records_read(struct mimo_records *records, const char *path, bool is_prompt,
                                   struct mimo_error *err)
{
    struct mimo_error cause = {0};
    struct source source = {.line = 1};
    enum mimo_status status;
    char *bytes;
    size_t size;

    if (mimo_file_read(path, FILE_BYTES_MAX, &bytes, &size, &cause) != MIMO_OK)
        return mimo_error_set(err, MIMO_E_DATA, "%s", cause.message);
    source.at = bytes;
    source.end = bytes + size;
    source_skip_space(&source);
    status = source_peek(&source) == '[' ? read_array(records, &source, is_prompt, err)
                                         : read_lines(records, &source, is_prompt, err);
    free(bytes);
    return status;
}
