/* Values of the protocol. */
#include "compiler/lsp/parts.h"
#include "compiler/text/text.h"

#include <string.h>

/* A copy in which each ill-formed byte is U+FFFD. */
static json_t *repair(const char *text, size_t size)
{
    json_t *json;
    struct mimo_arena arena = {0};
    char *repaired = mimo_arena_alloc(&arena, 3 * size + 1, 1);
    size_t used = 0, length;

    for (size_t i = 0; i < size; i += length) {
        const bool is_bad = mimo_utf8_decode(text + i, size - i, &length) == MIMO_INVALID_CHARACTER;
        memcpy(repaired + used, is_bad ? "\xEF\xBF\xBD" : text + i, is_bad ? 3 : length);
        used += is_bad ? 3 : length;
    }
    json = json_stringn(repaired, used);
    mimo_arena_release(&arena);
    return json;
}

json_t *mimo_lsp_text(const char *text)
{
    json_t *json = json_string(text);

    return json != NULL ? json : repair(text, strlen(text));
}

json_t *mimo_lsp_markdown(const char *text)
{
    return json_pack("{s:s, s:o}", "kind", "markdown", "value", mimo_lsp_text(text));
}

static json_t *make_position(struct mimo_lsp_position position)
{
    return json_pack("{s:I, s:I}", "line", (json_int_t)position.line, "character",
                     (json_int_t)position.character);
}

json_t *mimo_lsp_range(const struct mimo_lsp *server, const struct mimo_lsp_lines *lines,
                       size_t begin, size_t end)
{
    return json_pack("{s:o, s:o}", "start",
                     make_position(mimo_lsp_position_of(lines, server->encoding, begin)), "end",
                     make_position(mimo_lsp_position_of(lines, server->encoding, end)));
}

json_t *mimo_lsp_span(const struct mimo_lsp *server, const struct mimo_lsp_document *document,
                      struct mimo_span span)
{
    MIMO_ASSERT(span.file == 0);
    return mimo_lsp_range(server, &document->analysis.lines, span.begin, span.end);
}

json_t *mimo_lsp_location(const struct mimo_lsp *server, struct mimo_lsp_document *document,
                          struct mimo_span span)
{
    const struct mimo_source *source = mimo_source(&document->analysis.sources, span.file);
    struct mimo_arena arena = {0};
    struct mimo_lsp_lines lines = document->analysis.lines;
    const char *uri = document->uri;
    json_t *location;

    if (span.file != 0) {
        mimo_lsp_lines_init(&lines, &arena, source->text, source->size);
        uri = mimo_lsp_uri_of_path(&arena, source->name);
    }
    location = json_pack("{s:o, s:o}", "uri", mimo_lsp_text(uri), "range",
                         mimo_lsp_range(server, &lines, span.begin, span.end));
    mimo_arena_release(&arena);
    return location;
}

static bool read_number(const json_t *json, const char *key, uint32_t *out_number)
{
    const json_t *number = json_object_get(json, key);
    const json_int_t value = json_integer_value(number);

    if (!json_is_integer(number) || value < 0)
        return false;
    *out_number = value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
    return true;
}

bool mimo_lsp_read_position(const json_t *json, struct mimo_lsp_position *out_position)
{
    return read_number(json, "line", &out_position->line) &&
           read_number(json, "character", &out_position->character);
}
