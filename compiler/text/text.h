/*
 * text.h - UTF-8: decoding, validity, and the columns that a character takes on a terminal.
 */
#ifndef MIMO_COMPILER_TEXT_TEXT_H
#define MIMO_COMPILER_TEXT_TEXT_H

#include <stddef.h>
#include <stdint.h>

#define MIMO_INVALID_CHARACTER UINT32_MAX

/*
 * Decodes the character at `text`, which has `size` >= 1 bytes left, and sets `*out_length` to the
 * bytes it takes. An ill-formed sequence (overlong forms, surrogates and values beyond U+10FFFF
 * included) gives MIMO_INVALID_CHARACTER of length 1. Table 3-7 of the Unicode standard.
 */
uint32_t mimo_utf8_decode(const char *text, size_t size, size_t *out_length);

/* Code points in `size` bytes, an ill-formed byte counting as one. */
size_t mimo_utf8_count(const char *text, size_t size);

/* Columns of a character: 0 for combining marks, 2 for wide East Asian forms and emoji, else 1. */
unsigned mimo_character_width(uint32_t character);

#endif
