#include "compiler/text/source.h"

#include "compiler/text/text.h"
#include "plan/error.h"

#include <string.h>

static const char BYTE_ORDER_MARK[] = "\xEF\xBB\xBF";

void mimo_sources_init(struct mimo_sources *sources, struct mimo_arena *arena)
{
    *sources = (struct mimo_sources){.arena = arena};
}

static void index_lines(struct mimo_arena *arena, struct mimo_source *source)
{
    uint32_t count = 1;
    uint32_t *lines;

    for (uint32_t i = 0; i < source->size; i++)
        count += source->text[i] == '\n';
    lines = MIMO_NEW_ARRAY(arena, uint32_t, count);
    if (source->size >= 3 && memcmp(source->text, BYTE_ORDER_MARK, 3) == 0)
        lines[0] = 3;
    count = 1;
    for (uint32_t i = 0; i < source->size; i++) {
        if (source->text[i] == '\n')
            lines[count++] = i + 1;
    }
    source->lines = lines;
    source->line_count = count;
}

uint32_t mimo_sources_add(struct mimo_sources *sources, const char *name, const char *text,
                          size_t size)
{
    struct mimo_arena *arena = sources->arena;
    struct mimo_source source = {.size = (uint32_t)size};

    MIMO_ASSERT(size <= MIMO_SOURCE_BYTES_MAX);
    source.name = mimo_arena_copy(arena, name, strlen(name));
    source.text = mimo_arena_copy(arena, text, size);
    index_lines(arena, &source);
    MIMO_APPEND(arena, sources->items, sources->count, sources->capacity, source);
    return (uint32_t)(sources->count - 1);
}

void mimo_sources_set_import(struct mimo_sources *sources, uint32_t file, struct mimo_span import)
{
    MIMO_ASSERT(file < sources->count && import.file < file);
    sources->items[file].is_imported = true;
    sources->items[file].import = import;
}

const struct mimo_source *mimo_source(const struct mimo_sources *sources, uint32_t file)
{
    MIMO_ASSERT(file < sources->count);
    return &sources->items[file];
}

const char *mimo_source_text(const struct mimo_sources *sources, struct mimo_span span,
                             size_t *out_length)
{
    const struct mimo_source *source = mimo_source(sources, span.file);

    MIMO_ASSERT(span.begin <= span.end && span.end <= source->size);
    *out_length = span.end - span.begin;
    return source->text + span.begin;
}

bool mimo_source_reads(const struct mimo_sources *sources, struct mimo_span span, const char *text)
{
    size_t length;
    const char *bytes = mimo_source_text(sources, span, &length);

    return length == strlen(text) && memcmp(bytes, text, length) == 0;
}

/* The last line that begins at or before `offset`, counted from 0. */
static uint32_t line_of(const struct mimo_source *source, uint32_t offset)
{
    uint32_t low = 0, high = source->line_count;

    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;
        if (source->lines[middle] <= offset)
            low = middle;
        else
            high = middle;
    }
    return low;
}

uint32_t mimo_source_line_begin(const struct mimo_source *source, uint32_t offset)
{
    return source->lines[line_of(source, offset)];
}

struct mimo_place mimo_source_place(const struct mimo_source *source, uint32_t offset)
{
    const uint32_t at = offset < source->size ? offset : source->size;
    const uint32_t line = line_of(source, at);
    const uint32_t begin = source->lines[line];
    const size_t before = at > begin ? mimo_utf8_count(source->text + begin, at - begin) : 0;

    return (struct mimo_place){.line = line + 1, .column = (uint32_t)before + 1};
}

void mimo_source_line(const struct mimo_source *source, uint32_t line, uint32_t *out_begin,
                      uint32_t *out_end)
{
    uint32_t begin, end;

    MIMO_ASSERT(line >= 1 && line <= source->line_count);
    begin = source->lines[line - 1];
    end = line < source->line_count ? source->lines[line] - 1 : source->size;
    if (end > begin && source->text[end - 1] == '\r')
        end--;
    *out_begin = begin;
    *out_end = end;
}
