/*
 * source.h - the texts of a compilation, and from byte offsets to lines and columns.
 *
 * Files are numbered in the order in which they are added; diagnostics are sorted by that number.
 */
#ifndef MIMO_COMPILER_SOURCE_H
#define MIMO_COMPILER_SOURCE_H

#include "compiler/diagnostic.h"

enum { MIMO_SOURCE_BYTES_MAX = 16 * 1024 * 1024 };

struct mimo_source {
    const char *name; /* as diagnostics show it */
    const char *text; /* `size` bytes and a NUL */
    uint32_t size;
    const uint32_t *lines; /* where each line begins; the first behind a byte order mark */
    uint32_t line_count;   /* at least 1 */
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

/* The text of a file. Never NULL; valid until the next file is added. */
const struct mimo_source *mimo_source(const struct mimo_sources *sources, uint32_t file);

/* Where byte `offset` of a file stands; an offset behind the end is the end. */
struct mimo_place mimo_source_place(const struct mimo_source *source, uint32_t offset);

/* The bytes of line `line` (from 1), without its line ending. */
void mimo_source_line(const struct mimo_source *source, uint32_t line, uint32_t *out_begin,
                      uint32_t *out_end);

#endif
