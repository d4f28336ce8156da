/* Random numbers, scaling and composition, PNG. */
#include "examples/emoji/picture.h"
#include "examples/emoji/png.h"
#include "examples/emoji/used.h"
#include "tests/unit/check.h"

#include <spng.h>
#include <stdlib.h>

#define SIDE       32u
#define SIDE_BYTES ((size_t)SIDE * SIDE * 3)

/* A glyph of 8 x 4 pixels, 4 bytes each: the left half opaque red, the right half blue at alpha
 * 128. */
static void glyph_make(struct mimo_glyph *glyph, uint8_t pixels[128])
{
    static const uint8_t red[4] = {0, 0, 255, 255}, blue[4] = {128, 0, 0, 128};

    for (size_t i = 0; i < 32; i++)
        memcpy(pixels + i * 4, i % 8 < 4 ? red : blue, 4);
    *glyph = (struct mimo_glyph){8, 4, pixels};
}

static const uint8_t *pixel_at(const uint8_t *rgb, unsigned x, unsigned y)
{
    return rgb + ((size_t)y * SIDE + x) * 3;
}

static void check_pixel(const uint8_t *pixel, int red, int green, int blue)
{
    CHECK_INT(pixel[0], red);
    CHECK_INT(pixel[1], green);
    CHECK_INT(pixel[2], blue);
}

/* The first numbers of splitmix64 from state 0, as its authors' program prints them. */
static void test_random(void)
{
    struct mimo_random random = {0};

    CHECK(mimo_random_next(&random) == 0xe220a8397b1dcdafu);
    CHECK(mimo_random_next(&random) == 0x6e789e6aa1b965f4u);
    CHECK(mimo_random_next(&random) == 0x06c45d188009454fu);
}

static void test_random_below(void)
{
    struct mimo_random random = mimo_random_keyed(1, 2, 3);
    int counts[7] = {0};

    for (int i = 0; i < 7000; i++) {
        const uint32_t number = mimo_random_below(&random, 7);
        CHECK(number < 7);
        counts[number % 7]++;
    }
    for (int i = 0; i < 7; i++) /* the deviation of each is about 29 */
        CHECK(counts[i] > 850 && counts[i] < 1150);
}

static void test_composition(void)
{
    uint8_t pixels[128], rgb[SIDE_BYTES];
    struct mimo_glyph glyph;
    const struct mimo_placement placement = {16, 8, 10, 5, {200, 210, 220}};

    glyph_make(&glyph, pixels);
    mimo_picture_render(&glyph, &placement, SIDE, rgb);
    check_pixel(pixel_at(rgb, 0, 0), 200, 210, 220);
    check_pixel(pixel_at(rgb, 9, 5), 200, 210, 220);
    check_pixel(pixel_at(rgb, 10, 4), 200, 210, 220);
    check_pixel(pixel_at(rgb, 10, 5), 255, 0, 0);
    check_pixel(pixel_at(rgb, 17, 12), 255, 0, 0);
    check_pixel(pixel_at(rgb, 18, 5), 100, 105, 238); /* 128 + 220 * 127 / 255 = 237.57 */
    check_pixel(pixel_at(rgb, 25, 12), 100, 105, 238);
    check_pixel(pixel_at(rgb, 26, 12), 200, 210, 220);
}

/* Three columns for eight: the middle one is half red, half blue. */
static void test_area_mean(void)
{
    uint8_t pixels[128], rgb[SIDE_BYTES];
    struct mimo_glyph glyph;
    const struct mimo_placement placement = {3, 1, 0, 0, {255, 255, 255}};

    glyph_make(&glyph, pixels);
    mimo_picture_render(&glyph, &placement, SIDE, rgb);
    check_pixel(pixel_at(rgb, 0, 0), 255, 0, 0);
    check_pixel(pixel_at(rgb, 1, 0), 191, 64, 128);
    check_pixel(pixel_at(rgb, 2, 0), 127, 127, 255);
}

/* Every placement is in bounds, and over many the bounds are reached. */
static void test_placement(void)
{
    uint8_t pixels[128];
    struct mimo_glyph glyph;
    struct mimo_random random = mimo_random_keyed(1, 0, 0);
    unsigned width_min = SIDE, width_max = 0, left_max = 0, shade_min = 255, shade_max = 0;

    glyph_make(&glyph, pixels);
    for (int i = 0; i < 5000; i++) {
        const struct mimo_placement placement = mimo_placement_draw(&random, &glyph, SIDE);
        const unsigned shade = placement.background[i % 3];
        CHECK_INT(placement.height, placement.width / 2);
        CHECK(placement.left + placement.width <= SIDE && placement.top + placement.height <= SIDE);
        width_min = placement.width < width_min ? placement.width : width_min;
        width_max = placement.width > width_max ? placement.width : width_max;
        left_max = placement.left > left_max ? placement.left : left_max;
        shade_min = shade < shade_min ? shade : shade_min;
        shade_max = shade > shade_max ? shade : shade_max;
    }
    CHECK_INT(width_min, 26);
    CHECK_INT(width_max, 31);
    CHECK_INT(left_max, SIDE - 26);
    CHECK_INT(shade_min, 200);
    CHECK_INT(shade_max, 255);
}

static void test_placement_key(void)
{
    const struct mimo_placement base = {512, 511, 3, 4, {200, 201, 202}};
    struct mimo_placement other[7] = {base, base, base, base, base, base, base};

    other[0].width--;
    other[1].height--;
    other[2].left++;
    other[3].top++;
    other[4].background[0]++;
    other[5].background[1]++;
    other[6].background[2]++;
    for (int i = 0; i < 7; i++) {
        CHECK(mimo_placement_key(&other[i]) != mimo_placement_key(&base));
        for (int j = 0; j < i; j++)
            CHECK(mimo_placement_key(&other[i]) != mimo_placement_key(&other[j]));
    }
}

/* Of the placements that a generator gives, the first two are used: the third is taken. */
static void test_unused(void)
{
    uint8_t pixels[128], rgb[SIDE_BYTES], expected[SIDE_BYTES];
    struct mimo_arena arena = {0};
    struct mimo_used used;
    struct mimo_glyph glyph;
    struct mimo_placement placement;
    struct mimo_random ahead = mimo_random_keyed(4, 5, 6), random = ahead;

    glyph_make(&glyph, pixels);
    mimo_used_init(&used, &arena, 2);
    for (int i = 0; i < 2; i++) {
        placement = mimo_placement_draw(&ahead, &glyph, SIDE);
        mimo_picture_render(&glyph, &placement, SIDE, rgb);
        mimo_used_add(&used, &placement, SIDE, rgb);
    }
    mimo_used_seal(&used);
    placement = mimo_placement_draw(&ahead, &glyph, SIDE);
    mimo_picture_render(&glyph, &placement, SIDE, expected);
    CHECK(mimo_picture_render_unused(&used, &random, &glyph, SIDE, rgb));
    CHECK(memcmp(rgb, expected, sizeof rgb) == 0);
    CHECK(random.state == ahead.state);
    mimo_arena_release(&arena);
}

/* The same pixels with another placement, and the same placement with other pixels. */
static void test_used_either_way(void)
{
    uint8_t rgb[SIDE_BYTES] = {1}, other_rgb[SIDE_BYTES] = {2};
    const struct mimo_placement placement = {26, 24, 1, 2, {200, 200, 200}};
    const struct mimo_placement other = {27, 24, 1, 2, {200, 200, 200}};
    struct mimo_arena arena = {0};
    struct mimo_used used;

    mimo_used_init(&used, &arena, 1);
    mimo_used_add(&used, &placement, SIDE, rgb);
    mimo_used_seal(&used);
    CHECK(mimo_used_holds(&used, &other, SIDE, rgb));
    CHECK(mimo_used_holds(&used, &placement, SIDE, other_rgb));
    CHECK(!mimo_used_holds(&used, &other, SIDE, other_rgb));
    mimo_arena_release(&arena);
}

static void test_png_round_trip(void)
{
    uint8_t rgb[SIDE_BYTES], decoded[SIDE_BYTES] = {0};
    struct mimo_random random = mimo_random_keyed(7, 8, 9);
    struct mimo_error err = {0};
    struct spng_ihdr header = {0};
    spng_ctx *decoder = spng_ctx_new(0);
    void *png = NULL;
    size_t size = 0;

    for (size_t i = 0; i < sizeof rgb; i++)
        rgb[i] = (uint8_t)mimo_random_below(&random, 256);
    CHECK_INT(mimo_png_encode(rgb, SIDE, &png, &size, &err), MIMO_OK);
    CHECK_INT(spng_set_png_buffer(decoder, png, size), 0);
    CHECK_INT(spng_get_ihdr(decoder, &header), 0);
    CHECK_INT(header.width, SIDE);
    CHECK_INT(header.height, SIDE);
    CHECK_INT(header.bit_depth, 8);
    CHECK_INT(header.color_type, SPNG_COLOR_TYPE_TRUECOLOR);
    CHECK_INT(spng_decode_image(decoder, decoded, sizeof decoded, SPNG_FMT_PNG, 0), 0);
    CHECK(memcmp(rgb, decoded, sizeof rgb) == 0);
    spng_ctx_free(decoder);
    free(png);
}

static const struct mimo_test tests[] = {
    {"random numbers are splitmix64's", test_random},
    {"random numbers below a bound", test_random_below},
    {"composition over the background", test_composition},
    {"scaling takes the mean of an area", test_area_mean},
    {"placements stay within bounds", test_placement},
    {"placement keys differ", test_placement_key},
    {"a used placement is passed over", test_unused},
    {"used by placement or by pixels", test_used_either_way},
    {"PNG round trip", test_png_round_trip},
};

MIMO_TEST_MAIN("emoji pictures", tests)
