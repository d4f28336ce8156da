/*
 * png.h - a picture as a PNG file in memory.
 */
#ifndef MIMO_EXAMPLES_EMOJI_PNG_H
#define MIMO_EXAMPLES_EMOJI_PNG_H

#include "plan/error.h"

#include <stddef.h>
#include <stdint.h>

/* Encodes a square of `side` pixels of red, green, blue, 8 bits each. The caller frees `*out_png`
 * with free(). The same pixels give the same bytes. */
enum mimo_status mimo_png_encode(const uint8_t *rgb, unsigned side, void **out_png,
                                 size_t *out_size, struct mimo_error *err);

#endif
