/*
 * picture.h - one training or test picture: a glyph, scaled, placed on a plain background.
 */
#ifndef MIMO_EXAMPLES_EMOJI_PICTURE_H
#define MIMO_EXAMPLES_EMOJI_PICTURE_H

#include "examples/emoji/glyph.h"
#include "examples/emoji/random.h"

#include <stddef.h>
#include <stdint.h>

/* A picture is a square of `side` pixels; within these bounds a placement has a 64-bit key. */
#define MIMO_PICTURE_SIDE_MIN 16
#define MIMO_PICTURE_SIDE_MAX 512

/* What varies between the renderings of one emoji. */
struct mimo_placement {
    unsigned width, height; /* of the scaled glyph, in pixels */
    unsigned left, top;     /* of the scaled glyph in the picture */
    uint8_t background[3];  /* red, green, blue */
};

/* Draws a placement at random: the longer side 26/32 to 31/32 of `side`, any offset that fits, a
 * light background (each channel 200 to 255). */
struct mimo_placement mimo_placement_draw(struct mimo_random *random,
                                          const struct mimo_glyph *glyph, unsigned side);

/* A number that two placements share only where they are equal. */
uint64_t mimo_placement_key(const struct mimo_placement *placement);

/* Bytes of a picture: side * side pixels of red, green, blue. */
size_t mimo_picture_bytes(unsigned side);

/* Renders the picture into `out_rgb` (mimo_picture_bytes of them): each pixel is the mean of the
 * glyph's area behind it, composed over the background. */
void mimo_picture_render(const struct mimo_glyph *glyph, const struct mimo_placement *placement,
                         unsigned side, uint8_t *out_rgb);

#endif
