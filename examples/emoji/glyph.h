/*
 * glyph.h - emoji drawn from a colour bitmap font.
 *
 * HarfBuzz turns a sequence of code points into one glyph, FreeType decodes that glyph's bitmap.
 * Noto Color Emoji keeps its pictures in one strike of 136 x 128 pixels (tables CBLC and CBDT,
 * https://learn.microsoft.com/typography/opentype/spec/cbdt).
 */
#ifndef MIMO_EXAMPLES_EMOJI_GLYPH_H
#define MIMO_EXAMPLES_EMOJI_GLYPH_H

#include "plan/arena.h"
#include "plan/error.h"

#include <stdbool.h>
#include <stdint.h>

#define MIMO_GLYPH_SIDE_MAX 1024

/* Pixels are rows from the top, four bytes each: blue, green, red, alpha; the colours are already
 * multiplied by alpha. */
struct mimo_glyph {
    unsigned width, height; /* 1 to MIMO_GLYPH_SIDE_MAX */
    const uint8_t *pixels;  /* NULL: there is no picture */
};

struct mimo_font;

/* Opens a font and selects its bitmap strike. MIMO_E_DATA where the file is no font or has no
 * colour bitmaps. To be closed with mimo_font_free. */
enum mimo_status mimo_font_open(const char *path, struct mimo_font **out_font,
                                struct mimo_error *err);

/* Frees the font; NULL is allowed. */
void mimo_font_free(struct mimo_font *font);

/* Draws the one glyph that the sequence becomes; its pixels live in `arena`. Where the font does
 * not have it as one visible glyph, `out_glyph->pixels` is NULL. A bitmap that cannot be decoded
 * is MIMO_E_DATA. */
enum mimo_status mimo_font_draw(struct mimo_font *font, const uint32_t *codes, unsigned code_count,
                                struct mimo_arena *arena, struct mimo_glyph *out_glyph,
                                struct mimo_error *err);

/* Whether two glyphs are the same picture, pixel for pixel. */
bool mimo_glyph_equals(const struct mimo_glyph *a, const struct mimo_glyph *b);

#endif
