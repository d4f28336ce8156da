/*
 * source.h - the texts of a compilation, and from byte offsets to lines and columns.
 *
 * Files are numbered in the order in which they are added; diagnostics are sorted by that number.
 */
#ifndef MIMO_COMPILER_TEXT_SOURCE_H
#define MIMO_COMPILER_TEXT_SOURCE_H

#include "compiler/text/span.h"
#include "plan/arena.h"

#include <stdbool.h>
#include <stddef.h>

enum { MIMO_SOURCE_BYTES_MAX = 16 * 1024 * 1024 };

struct mimo_source {
    const char *name; /* as diagnostics show it */
    const char *text; /* `size` bytes and a NUL */
    uint32_t size;
    const uint32_t *lines; /* where each line begins; the first behind a byte order mark */
    uint32_t line_count;   /* at least 1 */
    bool is_imported;
    struct mimo_span import; /* the statement that imports it, where it is */
};

struct mimo_sources {
    struct mimo_arena *arena;
    struct mimo_source *items;
    size_t count, capacity;
};

/* Line and column count from 1, the column in code points. */
struct mimo_place {
    uint32_t line, column;
};

void mimo_sources_init(struct mimo_sources *sources, struct mimo_arena *arena);

/* Adds a text of at most MIMO_SOURCE_BYTES_MAX bytes; name and text are copied. Returns its number.
 */
uint32_t mimo_sources_add(struct mimo_sources *sources, const char *name, const char *text,
                          size_t size);

/* Says that `import` is what led to file `file`. */
void mimo_sources_set_import(struct mimo_sources *sources, uint32_t file, struct mimo_span import);

/* The text of a file. Never NULL; valid until the next file is added. */
const struct mimo_source *mimo_source(const struct mimo_sources *sources, uint32_t file);

/* The bytes of a span. */
const char *mimo_source_text(const struct mimo_sources *sources, struct mimo_span span,
                             size_t *out_length);

/* True where the bytes of a span are `text`. */
bool mimo_source_reads(const struct mimo_sources *sources, struct mimo_span span, const char *text);

/* Where byte `offset` of a file stands; an offset behind the end is the end. */
struct mimo_place mimo_source_place(const struct mimo_source *source, uint32_t offset);

/* Where the line begins that byte `offset` stands on. */
uint32_t mimo_source_line_begin(const struct mimo_source *source, uint32_t offset);

/* The bytes of line `line` (from 1), without its line ending. */
void mimo_source_line(const struct mimo_source *source, uint32_t line, uint32_t *out_begin,
                      uint32_t *out_end);

#endif
