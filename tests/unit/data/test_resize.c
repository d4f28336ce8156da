#include "runtime/data/counter.h"
#include "runtime/data/resize.h"
#include "tests/unit/check.h"

#include <stdlib.h>

static struct mimo_image image_new(uint32_t width, uint32_t height, uint32_t channels)
{
    struct mimo_image image = {
        .width = width, .height = height, .channels = channels, .pixels = NULL};
    const size_t size = (size_t)width * height * channels;

    image.pixels = malloc(size);
    for (size_t i = 0; i < size; i++)
        image.pixels[i] = (uint8_t)mimo_counter_bits(width * 1000 + height, i);
    return image;
}

/* -- the definition, in double precision and without any economy ------------------------------ */

static double cubic(double x)
{
    x = fabs(x);
    if (x < 1)
        return 1.5 * x * x * x - 2.5 * x * x + 1;
    return x < 2 ? -0.5 * x * x * x + 2.5 * x * x - 4 * x + 2 : 0;
}

/* Output `position` of a row of `count` samples that becomes `output_count` ones. */
static double interpolate(const double *row, size_t stride, size_t count, size_t output_count,
                          size_t position)
{
    const double scale = (double)count / (double)output_count, stretch = scale > 1 ? scale : 1;
    const double center = ((double)position + 0.5) * scale;
    double sum = 0, weights = 0;

    for (size_t i = 0; i < count; i++) {
        const double weight = cubic(((double)i + 0.5 - center) / stretch);
        sum += weight * row[i * stride];
        weights += weight;
    }
    return sum / weights;
}

static double round_sample(double value)
{
    return fmin(fmax(floor(value + 0.5), 0), 255);
}

/* Resizes one channel as a whole, then cuts: `expected` is [size, size]. */
static void reference(const struct mimo_image *image, uint32_t channel, size_t size,
                      double *expected)
{
    const size_t width = image->width, height = image->height;
    const size_t shorter = width < height ? width : height;
    const size_t to_width = width * size / shorter, to_height = height * size / shorter;
    const size_t left = (to_width - size) / 2, top = (to_height - size) / 2;
    double *input = calloc(width * height, sizeof *input);
    double *rows = calloc(size * height, sizeof *rows);

    for (size_t i = 0; i < width * height; i++)
        input[i] = image->pixels[i * image->channels + channel];
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < size; x++)
            rows[y * size + x] =
                round_sample(interpolate(input + y * width, 1, width, to_width, left + x));
    for (size_t y = 0; y < size; y++)
        for (size_t x = 0; x < size; x++)
            expected[y * size + x] =
                round_sample(interpolate(rows + x, size, height, to_height, top + y));
    free(rows);
    free(input);
}

/* Fixed-point weights may turn a half the other way: at most one step, and rarely. */
static void check_against_reference(uint32_t width, uint32_t height, uint32_t channels,
                                    uint32_t size)
{
    struct mimo_image image = image_new(width, height, channels);
    const size_t count = (size_t)size * size;
    uint8_t *pixels = malloc(count * channels);
    double *expected = malloc(count * sizeof *expected);
    size_t different = 0;

    CHECK_INT(mimo_image_resize(&image, size, pixels, NULL), MIMO_OK);
    for (uint32_t c = 0; c < channels; c++) {
        reference(&image, c, size, expected);
        for (size_t i = 0; i < count; i++) {
            CHECK(fabs(pixels[i * channels + c] - expected[i]) <= 1.0);
            different += pixels[i * channels + c] != expected[i];
        }
    }
    if (different * 1000 > count * channels)
        (void)printf("\n  %u by %u to %u: %zu of %zu differ\n", width, height, size, different,
                     count * channels);
    CHECK(different * 1000 <= count * channels);
    free(expected);
    free(pixels);
    mimo_image_release(&image);
}

static void test_against_reference(void)
{
    check_against_reference(50, 50, 3, 24);
    check_against_reference(24, 24, 3, 50);
    check_against_reference(61, 40, 3, 32);
    check_against_reference(40, 61, 1, 32);
    check_against_reference(33, 32, 1, 32);
    check_against_reference(7, 200, 3, 16);
    check_against_reference(200, 7, 3, 16);
    check_against_reference(1, 1, 3, 8);
    check_against_reference(1, 9, 1, 5);
    check_against_reference(2, 3, 1, 11);
    check_against_reference(90, 70, 1, 1);
}

static void test_same_size_is_a_copy(void)
{
    struct mimo_image image = image_new(32, 32, 3);
    uint8_t pixels[32 * 32 * 3];

    CHECK_INT(mimo_image_resize(&image, 32, pixels, NULL), MIMO_OK);
    CHECK(memcmp(pixels, image.pixels, sizeof pixels) == 0);
    mimo_image_release(&image);
}

/* Only the centre is cut out where the shorter side has the size already. */
static void test_crop(void)
{
    struct mimo_image image = image_new(13, 8, 1);
    uint8_t pixels[8 * 8];

    CHECK_INT(mimo_image_resize(&image, 8, pixels, NULL), MIMO_OK);
    for (size_t y = 0; y < 8; y++)
        CHECK(memcmp(pixels + y * 8, image.pixels + y * 13 + 2, 8) == 0);
    mimo_image_release(&image);
}

static void test_flat_stays_flat(void)
{
    static const uint32_t sizes[] = {1, 2, 3, 16, 31, 100};

    for (uint32_t width = 1; width < 80; width += 13)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            struct mimo_image image = image_new(width, 37, 3);
            uint8_t *pixels = malloc((size_t)3 * sizes[i] * sizes[i]);
            memset(image.pixels, 201, (size_t)3 * width * 37);
            CHECK_INT(mimo_image_resize(&image, sizes[i], pixels, NULL), MIMO_OK);
            for (size_t k = 0; k < (size_t)3 * sizes[i] * sizes[i]; k++)
                CHECK_INT(pixels[k], 201);
            free(pixels);
            mimo_image_release(&image);
        }
}

/* Black and white pixels in turn become their mean when the image is shrunk to a quarter. */
static void test_shrinking_averages(void)
{
    struct mimo_image image = image_new(64, 64, 1);
    uint8_t pixels[16 * 16];

    for (int i = 0; i < 64 * 64; i++)
        image.pixels[i] = (i / 64 + i) % 2 ? 255 : 0;
    CHECK_INT(mimo_image_resize(&image, 16, pixels, NULL), MIMO_OK);
    for (int i = 0; i < 16 * 16; i++)
        CHECK_NEAR(pixels[i], 127.5, 0.03);
    mimo_image_release(&image);
}

/* Sharp edges overshoot beyond black and white and are clamped. */
static void test_overshoot_is_clamped(void)
{
    struct mimo_image image = image_new(8, 8, 1);
    uint8_t pixels[32 * 32];

    for (int i = 0; i < 64; i++)
        image.pixels[i] = i % 8 < 4 ? 0 : 255;
    CHECK_INT(mimo_image_resize(&image, 32, pixels, NULL), MIMO_OK);
    for (int x = 0; x < 32; x++)
        CHECK(x < 14 ? pixels[x] == 0 : x > 17 ? pixels[x] == 255 : 1);
    mimo_image_release(&image);
}

/* A million pixels in one column: the work is that of the square that is cut out. */
static void test_extreme_shapes(void)
{
    struct mimo_image image = image_new(1, 1 << 20, 3);
    uint8_t pixels[16 * 16 * 3];

    CHECK_INT(mimo_image_resize(&image, 16, pixels, NULL), MIMO_OK);
    image.height = 1;
    image.width = 1 << 20;
    CHECK_INT(mimo_image_resize(&image, 16, pixels, NULL), MIMO_OK);
    mimo_image_release(&image);
}

static const struct mimo_test TESTS[] = {
    {"as the definition says", test_against_reference},
    {"the same size is a copy", test_same_size_is_a_copy},
    {"the centre is cut out", test_crop},
    {"flat stays flat", test_flat_stays_flat},
    {"shrinking averages", test_shrinking_averages},
    {"overshoot is clamped", test_overshoot_is_clamped},
    {"extreme shapes", test_extreme_shapes},
};

MIMO_TEST_MAIN("data: resize", TESTS)
