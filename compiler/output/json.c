#include "compiler/output/json.h"

#include "compiler/text/text.h"
#include "plan/error.h"

#include <inttypes.h>
#include <string.h>

enum { BROKEN_DEPTH = 2 };

void mimo_json_init(struct mimo_json *json, FILE *file)
{
    mimo_json_init_depth(json, file, BROKEN_DEPTH);
}

void mimo_json_init_depth(struct mimo_json *json, FILE *file, unsigned depth)
{
    *json = (struct mimo_json){.file = file, .broken_depth = depth};
}

static void break_line(const struct mimo_json *json)
{
    (void)fputc('\n', json->file);
    for (unsigned i = 0; i < json->depth; i++)
        (void)fputs("  ", json->file);
}

static void write_character(FILE *file, const char *text, size_t length, uint32_t character)
{
    if (character == MIMO_INVALID_CHARACTER)
        (void)fputs("\\ufffd", file);
    else if (character == '"' || character == '\\')
        (void)fprintf(file, "\\%c", (int)character);
    else if (character < 0x20 || character == 0x7F)
        (void)fprintf(file, "\\u%04" PRIx32, character);
    else
        (void)fwrite(text, 1, length, file);
}

static void write_text(const struct mimo_json *json, const char *text)
{
    const size_t size = strlen(text);
    size_t length;

    (void)fputc('"', json->file);
    for (size_t i = 0; i < size; i += length) {
        const uint32_t character = mimo_utf8_decode(text + i, size - i, &length);
        write_character(json->file, text + i, length, character);
    }
    (void)fputc('"', json->file);
}

/* What precedes every value: comma, line or space, key. */
static void begin_entry(struct mimo_json *json, const char *key)
{
    if (json->has_entries)
        (void)fputc(',', json->file);
    if (json->depth > 0 && json->depth <= json->broken_depth)
        break_line(json);
    else if (json->has_entries)
        (void)fputc(' ', json->file);
    if (key != NULL) {
        write_text(json, key);
        (void)fputs(": ", json->file);
    }
    json->has_entries = true;
}

static void open_level(struct mimo_json *json, const char *key, char opener, char closer)
{
    begin_entry(json, key);
    MIMO_ASSERT(json->depth < MIMO_JSON_DEPTH_MAX);
    (void)fputc(opener, json->file);
    json->closers[json->depth++] = closer;
    json->has_entries = false;
}

void mimo_json_open_object(struct mimo_json *json, const char *key)
{
    open_level(json, key, '{', '}');
}

void mimo_json_open_list(struct mimo_json *json, const char *key)
{
    open_level(json, key, '[', ']');
}

void mimo_json_close(struct mimo_json *json)
{
    const bool is_broken = json->has_entries && json->depth <= json->broken_depth;

    MIMO_ASSERT(json->depth > 0);
    json->depth--;
    if (is_broken)
        break_line(json);
    (void)fputc(json->closers[json->depth], json->file);
    json->has_entries = true;
    if (json->depth == 0)
        (void)fputc('\n', json->file);
}

void mimo_json_text(struct mimo_json *json, const char *key, const char *text)
{
    begin_entry(json, key);
    if (text == NULL)
        (void)fputs("null", json->file);
    else
        write_text(json, text);
}

void mimo_json_integer(struct mimo_json *json, const char *key, uint64_t value)
{
    begin_entry(json, key);
    (void)fprintf(json->file, "%" PRIu64, value);
}

void mimo_json_real(struct mimo_json *json, const char *key, double value)
{
    begin_entry(json, key);
    (void)fprintf(json->file, "%.17g", value);
}

void mimo_json_boolean(struct mimo_json *json, const char *key, bool value)
{
    begin_entry(json, key);
    (void)fputs(value ? "true" : "false", json->file);
}
