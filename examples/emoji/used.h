/*
 * used.h - which pictures training has, so that the test has others.
 */
#ifndef MIMO_EXAMPLES_EMOJI_USED_H
#define MIMO_EXAMPLES_EMOJI_USED_H

#include "examples/emoji/picture.h"
#include "plan/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Filled first, then sealed, then asked. */
struct mimo_used {
    uint64_t *placements; /* mimo_placement_key of each picture */
    uint64_t *digests;    /* XXH3 of its pixels */
    size_t count, capacity;
};

/* An empty set with room for `capacity` pictures, in `arena`. */
void mimo_used_init(struct mimo_used *used, struct mimo_arena *arena, size_t capacity);

/* Adds a picture: its placement and its mimo_picture_bytes(side) of pixels. */
void mimo_used_add(struct mimo_used *used, const struct mimo_placement *placement, unsigned side,
                   const uint8_t *rgb);

/* Ends the filling. */
void mimo_used_seal(struct mimo_used *used);

/* Whether a picture in the set has this placement, or these pixels. (Pixels that differ may count
 * as equal, once in 2^64; equal ones always do.) */
bool mimo_used_holds(const struct mimo_used *used, const struct mimo_placement *placement,
                     unsigned side, const uint8_t *rgb);

/* Draws placements from `random` and renders `glyph` until the picture is not in the set. False
 * where a thousand draws do not find one. */
bool mimo_picture_render_unused(const struct mimo_used *used, struct mimo_random *random,
                                const struct mimo_glyph *glyph, unsigned side, uint8_t *out_rgb);

#endif
