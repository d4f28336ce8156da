#include "examples/emoji/glyph.h"

#include <ft2build.h>
#include FT_FREETYPE_H
#include <hb-ft.h>
#include <hb.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_PER_PIXEL 4

struct mimo_font {
    FT_Library library;
    FT_Face face;
    hb_font_t *shaper;
    hb_buffer_t *buffer;
};

static enum mimo_status face_open(struct mimo_font *font, const char *path, struct mimo_error *err)
{
    if (FT_Init_FreeType(&font->library) != 0)
        return mimo_error_set(err, MIMO_E_FAILED, "FreeType cannot be initialised");
    if (FT_New_Face(font->library, path, 0, &font->face) != 0)
        return mimo_error_set(err, MIMO_E_DATA, "%s is not a font that FreeType can read", path);
    if (!FT_HAS_COLOR(font->face) || font->face->num_fixed_sizes < 1 ||
        FT_Select_Size(font->face, 0) != 0)
        return mimo_error_set(err, MIMO_E_DATA, "the font %s has no colour bitmaps", path);
    return MIMO_OK;
}

static enum mimo_status shaper_open(struct mimo_font *font, struct mimo_error *err)
{
    font->shaper = hb_ft_font_create_referenced(font->face);
    font->buffer = hb_buffer_create();
    if (!hb_buffer_allocation_successful(font->buffer))
        return mimo_error_set(err, MIMO_E_FAILED, "HarfBuzz is out of memory");
    hb_ft_font_set_load_flags(font->shaper, FT_LOAD_COLOR);
    return MIMO_OK;
}

enum mimo_status mimo_font_open(const char *path, struct mimo_font **out_font,
                                struct mimo_error *err)
{
    struct mimo_font *font = calloc(1, sizeof *font);
    enum mimo_status status;

    if (font == NULL)
        return mimo_error_set(err, MIMO_E_FAILED, "out of memory");
    status = face_open(font, path, err);
    if (status == MIMO_OK)
        status = shaper_open(font, err);
    if (status != MIMO_OK) {
        mimo_font_free(font);
        return status;
    }
    *out_font = font;
    return MIMO_OK;
}

void mimo_font_free(struct mimo_font *font)
{
    if (font == NULL)
        return;
    hb_buffer_destroy(font->buffer);
    hb_font_destroy(font->shaper);
    (void)FT_Done_Face(font->face);
    (void)FT_Done_FreeType(font->library);
    free(font);
}

/* The glyph of the whole sequence, or 0 where it is not exactly one. */
static hb_codepoint_t sequence_shape(struct mimo_font *font, const uint32_t *codes, unsigned count)
{
    const hb_glyph_info_t *glyphs;
    unsigned glyph_count = 0;

    MIMO_ASSERT(count <= INT_MAX);
    hb_buffer_clear_contents(font->buffer);
    hb_buffer_add_utf32(font->buffer, codes, (int)count, 0, (int)count);
    hb_buffer_guess_segment_properties(font->buffer);
    hb_shape(font->shaper, font->buffer, NULL, 0);
    glyphs = hb_buffer_get_glyph_infos(font->buffer, &glyph_count);
    return glyph_count == 1 ? glyphs[0].codepoint : 0;
}

static bool is_visible(const struct mimo_glyph *glyph)
{
    const size_t bytes = (size_t)glyph->width * glyph->height * BYTES_PER_PIXEL;

    for (size_t i = BYTES_PER_PIXEL - 1; i < bytes; i += BYTES_PER_PIXEL)
        if (glyph->pixels[i] != 0)
            return true;
    return false;
}

/* Copies FreeType's bitmap, whose rows may be padded and may stand bottom up (negative pitch:
 * `buffer` then still points at the top row). */
static void bitmap_copy(struct mimo_arena *arena, const FT_Bitmap *bitmap, struct mimo_glyph *glyph)
{
    const size_t row_bytes = (size_t)bitmap->width * BYTES_PER_PIXEL;
    uint8_t *pixels = mimo_arena_alloc(arena, bitmap->rows, row_bytes);

    for (unsigned row = 0; row < bitmap->rows; row++)
        memcpy(pixels + row * row_bytes, bitmap->buffer + (ptrdiff_t)row * bitmap->pitch,
               row_bytes);
    *glyph = (struct mimo_glyph){bitmap->width, bitmap->rows, pixels};
}

enum mimo_status mimo_font_draw(struct mimo_font *font, const uint32_t *codes, unsigned code_count,
                                struct mimo_arena *arena, struct mimo_glyph *out_glyph,
                                struct mimo_error *err)
{
    const hb_codepoint_t glyph_index = sequence_shape(font, codes, code_count);
    const FT_Bitmap *bitmap = &font->face->glyph->bitmap;
    struct mimo_glyph glyph = {0};

    *out_glyph = glyph;
    if (glyph_index == 0)
        return MIMO_OK;
    if (FT_Load_Glyph(font->face, glyph_index, FT_LOAD_COLOR) != 0)
        return mimo_error_set(err, MIMO_E_DATA, "the font's glyph %u (U+%04X) cannot be decoded",
                              glyph_index, codes[0]);
    if (bitmap->width == 0 || bitmap->rows == 0)
        return MIMO_OK;
    if (bitmap->pixel_mode != FT_PIXEL_MODE_BGRA || bitmap->width > MIMO_GLYPH_SIDE_MAX ||
        bitmap->rows > MIMO_GLYPH_SIDE_MAX)
        return mimo_error_set(err, MIMO_E_DATA,
                              "the font's glyph %u (U+%04X) is not a colour bitmap of at most "
                              "%d x %d pixels",
                              glyph_index, codes[0], MIMO_GLYPH_SIDE_MAX, MIMO_GLYPH_SIDE_MAX);
    bitmap_copy(arena, bitmap, &glyph);
    if (is_visible(&glyph))
        *out_glyph = glyph;
    return MIMO_OK;
}

bool mimo_glyph_equals(const struct mimo_glyph *a, const struct mimo_glyph *b)
{
    return a->width == b->width && a->height == b->height &&
           memcmp(a->pixels, b->pixels, (size_t)a->width * a->height * BYTES_PER_PIXEL) == 0;
}
