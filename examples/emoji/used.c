#include "examples/emoji/used.h"

#include "plan/error.h"

#include <stdlib.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#define DRAWS_MAX 1000

static int number_compare(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

static bool holds(const uint64_t *numbers, size_t count, uint64_t number)
{
    return bsearch(&number, numbers, count, sizeof *numbers, number_compare) != NULL;
}

static uint64_t digest(unsigned side, const uint8_t *rgb)
{
    return XXH3_64bits(rgb, mimo_picture_bytes(side));
}

void mimo_used_init(struct mimo_used *used, struct mimo_arena *arena, size_t capacity)
{
    used->placements = MIMO_NEW_ARRAY(arena, uint64_t, capacity);
    used->digests = MIMO_NEW_ARRAY(arena, uint64_t, capacity);
    used->count = 0;
    used->capacity = capacity;
}

void mimo_used_add(struct mimo_used *used, const struct mimo_placement *placement, unsigned side,
                   const uint8_t *rgb)
{
    MIMO_ASSERT(used->count < used->capacity);
    used->placements[used->count] = mimo_placement_key(placement);
    used->digests[used->count] = digest(side, rgb);
    used->count++;
}

void mimo_used_seal(struct mimo_used *used)
{
    qsort(used->placements, used->count, sizeof *used->placements, number_compare);
    qsort(used->digests, used->count, sizeof *used->digests, number_compare);
}

bool mimo_used_holds(const struct mimo_used *used, const struct mimo_placement *placement,
                     unsigned side, const uint8_t *rgb)
{
    return holds(used->placements, used->count, mimo_placement_key(placement)) ||
           holds(used->digests, used->count, digest(side, rgb));
}

bool mimo_picture_render_unused(const struct mimo_used *used, struct mimo_random *random,
                                const struct mimo_glyph *glyph, unsigned side, uint8_t *out_rgb)
{
    for (int draws = 0; draws < DRAWS_MAX; draws++) {
        const struct mimo_placement placement = mimo_placement_draw(random, glyph, side);
        mimo_picture_render(glyph, &placement, side, out_rgb);
        if (!mimo_used_holds(used, &placement, side, out_rgb))
            return true;
    }
    return false;
}
