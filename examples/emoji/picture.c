#include "examples/emoji/picture.h"

#include "plan/error.h"

#define GLYPH_ALPHA      3
#define BACKGROUND_FLOOR 200
#define SCALE_DIVISOR    32
#define SCALE_MIN        26
#define SCALE_MAX        31

static unsigned larger(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

static unsigned smaller(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static unsigned drawn_between(struct mimo_random *random, unsigned low, unsigned high)
{
    return low + mimo_random_below(random, high - low + 1);
}

struct mimo_placement mimo_placement_draw(struct mimo_random *random,
                                          const struct mimo_glyph *glyph, unsigned side)
{
    const unsigned longer = larger(glyph->width, glyph->height);
    const unsigned extent =
        drawn_between(random, side * SCALE_MIN / SCALE_DIVISOR, side * SCALE_MAX / SCALE_DIVISOR);
    struct mimo_placement placement = {0};

    placement.width = larger(1, extent * glyph->width / longer);
    placement.height = larger(1, extent * glyph->height / longer);
    placement.left = drawn_between(random, 0, side - placement.width);
    placement.top = drawn_between(random, 0, side - placement.height);
    for (int channel = 0; channel < 3; channel++)
        placement.background[channel] = (uint8_t)drawn_between(random, BACKGROUND_FLOOR, 255);
    return placement;
}

/* Four times 10 bits, for sides up to 512, and three times 8. */
uint64_t mimo_placement_key(const struct mimo_placement *placement)
{
    uint64_t key = placement->width;

    key = key << 10 | placement->height;
    key = key << 10 | placement->left;
    key = key << 10 | placement->top;
    for (int channel = 0; channel < 3; channel++)
        key = key << 8 | placement->background[channel];
    return key;
}

size_t mimo_picture_bytes(unsigned side)
{
    return (size_t)side * side * 3;
}

/* How much of target cell `cell` of `target_count` source cell `source` of `source_count` covers;
 * both rows of cells span the same length, of which source_count * target_count are the units. */
static unsigned overlap(unsigned cell, unsigned target_count, unsigned source,
                        unsigned source_count)
{
    const unsigned low = larger(cell * source_count, source * target_count);
    const unsigned high = smaller((cell + 1) * source_count, (source + 1) * target_count);

    return high > low ? high - low : 0;
}

/* Adds up the glyph's pixels behind pixel (x, y) of the scaled glyph, each times the area it
 * shares with it. The areas sum to glyph width * glyph height, whatever the scale. */
static void area_sum(const struct mimo_glyph *glyph, const struct mimo_placement *placement,
                     unsigned x, unsigned y, uint64_t sums[4])
{
    const unsigned row_first = y * glyph->height / placement->height;
    const unsigned column_first = x * glyph->width / placement->width;

    for (unsigned row = row_first; row < glyph->height; row++) {
        const unsigned tall = overlap(y, placement->height, row, glyph->height);
        if (tall == 0)
            break;
        for (unsigned column = column_first; column < glyph->width; column++) {
            const uint8_t *pixel = glyph->pixels + ((size_t)row * glyph->width + column) * 4;
            const unsigned wide = overlap(x, placement->width, column, glyph->width);
            if (wide == 0)
                break;
            for (int channel = 0; channel < 4; channel++)
                sums[channel] += (uint64_t)pixel[channel] * tall * wide;
        }
    }
}

/* colour + background * (1 - alpha), all in units of 1 / (255 * area), rounded once. */
static uint8_t composed(uint64_t colour, uint64_t alpha, uint8_t background, uint64_t area)
{
    const uint64_t unit = 255 * area;
    const uint64_t value = (255 * colour + background * (unit - alpha) + unit / 2) / unit;

    return (uint8_t)(value < 255 ? value : 255);
}

static void glyph_pixel(const struct mimo_glyph *glyph, const struct mimo_placement *placement,
                        unsigned x, unsigned y, uint8_t *out_rgb)
{
    const uint64_t area = (uint64_t)glyph->width * glyph->height;
    uint64_t sums[4] = {0};

    area_sum(glyph, placement, x, y, sums);
    for (int channel = 0; channel < 3; channel++)
        out_rgb[channel] =
            composed(sums[2 - channel], sums[GLYPH_ALPHA], placement->background[channel], area);
}

void mimo_picture_render(const struct mimo_glyph *glyph, const struct mimo_placement *placement,
                         unsigned side, uint8_t *out_rgb)
{
    const size_t bytes = mimo_picture_bytes(side);

    MIMO_ASSERT(glyph->width > 0 && glyph->height > 0);
    MIMO_ASSERT(placement->left + placement->width <= side);
    MIMO_ASSERT(placement->top + placement->height <= side);
    for (size_t i = 0; i < bytes; i++)
        out_rgb[i] = placement->background[i % 3];
    for (unsigned y = 0; y < placement->height; y++)
        for (unsigned x = 0; x < placement->width; x++)
            glyph_pixel(glyph, placement, x, y,
                        out_rgb + ((size_t)(placement->top + y) * side + placement->left + x) * 3);
}
