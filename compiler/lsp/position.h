/*
 * position.h - places as the protocol gives them: a line, and how many code units of the
 * agreed encoding stand before it on that line; both count from 0.
 *
 * Lines end with "\n", "\r\n" or "\r". A column behind the end of its line means that end, one in
 * the middle of a character its beginning.
 */
#ifndef MIMO_COMPILER_LSP_POSITION_H
#define MIMO_COMPILER_LSP_POSITION_H

#include "plan/arena.h"

#include <stddef.h>
#include <stdint.h>

/* Enumerator suffix, the protocol's word. */
#define MIMO_LSP_ENCODINGS(X)                                                                      \
    X(UTF16, "utf-16")                                                                             \
    X(UTF8, "utf-8")
enum mimo_lsp_encoding {
#define MIMO_ENUM_LSP_ENCODING(name, word) MIMO_LSP_##name,
    MIMO_LSP_ENCODINGS(MIMO_ENUM_LSP_ENCODING)
#undef MIMO_ENUM_LSP_ENCODING
        MIMO_LSP_ENCODING_COUNT
};

/* A text, and where its lines begin. */
struct mimo_lsp_lines {
    const char *text;
    size_t size;
    size_t *begins;
    size_t count, capacity; /* at least one */
};

struct mimo_lsp_position {
    uint32_t line, character;
};

/* The text must stay; the rest lives in the arena. */
void mimo_lsp_lines_init(struct mimo_lsp_lines *lines, struct mimo_arena *arena, const char *text,
                         size_t size);

struct mimo_lsp_position mimo_lsp_position_of(const struct mimo_lsp_lines *lines,
                                              enum mimo_lsp_encoding encoding, size_t offset);

size_t mimo_lsp_offset_of(const struct mimo_lsp_lines *lines, enum mimo_lsp_encoding encoding,
                          struct mimo_lsp_position position);

#endif
