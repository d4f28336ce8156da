#include "runtime/data/image.h"
#include "tests/unit/check.h"
#include "tests/unit/data/fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

enum { GREY = 0, RGB = 2, PALETTE = 3, GREY_ALPHA = 4, RGB_ALPHA = 6, SIDE = 16 };

/* -- PNG -------------------------------------------------------------------------------------- */

/* Checks what a PNG file of one row of two pixels is read as, in colour. */
static void check_png(struct fixture_png image, const uint8_t expected[6])
{
    struct mimo_image read = {0};
    struct mimo_error err = {0};
    size_t size;
    uint8_t *file;

    image.width = 2;
    image.height = 1;
    file = fixture_png(&image, &size);
    CHECK_INT(mimo_image_decode(file, size, 3, &read, &err), MIMO_OK);
    CHECK_TEXT(err.message, "");
    CHECK_INT(read.width, 2);
    CHECK_INT(read.height, 1);
    CHECK_INT(read.channels, 3);
    for (int i = 0; i < 6 && read.pixels != NULL; i++)
        CHECK_INT(read.pixels[i], expected[i]);
    mimo_image_release(&read);
    free(file);
}

#define PNG(type, bits, ...)                                                                       \
    ((struct fixture_png){.color_type = (type),                                                    \
                          .depth = (bits),                                                         \
                          .rows = (const uint8_t[])__VA_ARGS__,                                    \
                          .size = sizeof((const uint8_t[])__VA_ARGS__)})
#define PIXELS(...) ((const uint8_t[6])__VA_ARGS__)

static void test_png_grey(void)
{
    check_png(PNG(GREY, 1, {0x40}), PIXELS({0, 0, 0, 255, 255, 255}));
    check_png(PNG(GREY, 2, {0x60}), PIXELS({85, 85, 85, 170, 170, 170}));
    check_png(PNG(GREY, 4, {0x3a}), PIXELS({51, 51, 51, 170, 170, 170}));
    check_png(PNG(GREY, 8, {7, 200}), PIXELS({7, 7, 7, 200, 200, 200}));
    check_png(PNG(GREY, 16, {7, 1, 200, 2}), PIXELS({7, 7, 7, 200, 200, 200}));
}

static void test_png_colour(void)
{
    check_png(PNG(RGB, 8, {1, 2, 3, 250, 251, 252}), PIXELS({1, 2, 3, 250, 251, 252}));
    check_png(PNG(RGB, 16, {1, 9, 2, 9, 3, 9, 250, 9, 251, 9, 252, 9}),
              PIXELS({1, 2, 3, 250, 251, 252}));
}

/* Half transparent black before white: 255 * 127 / 255 = 127; transparent red is white. */
static void test_png_alpha(void)
{
    check_png(PNG(GREY_ALPHA, 8, {0, 128, 50, 255}), PIXELS({127, 127, 127, 50, 50, 50}));
    check_png(PNG(GREY_ALPHA, 16, {0, 0, 128, 0, 50, 0, 255, 255}),
              PIXELS({127, 127, 127, 50, 50, 50}));
    check_png(PNG(RGB_ALPHA, 8, {255, 0, 0, 0, 255, 0, 0, 128}),
              PIXELS({255, 255, 255, 255, 127, 127}));
    check_png(PNG(RGB_ALPHA, 16, {255, 255, 0, 0, 0, 0, 0, 0, 255, 255, 0, 0, 0, 0, 128, 0}),
              PIXELS({255, 255, 255, 255, 127, 127}));
}

static void test_png_palette(void)
{
    const struct spng_plte palette = {
        .n_entries = 2,
        .entries = {{.red = 10, .green = 20, .blue = 30}, {.red = 200, .green = 210, .blue = 220}}};
    const struct spng_trns transparency = {.n_type3_entries = 1, .type3_alpha = {0}};
    struct fixture_png images[] = {PNG(PALETTE, 1, {0x80}), PNG(PALETTE, 2, {0x40}),
                                   PNG(PALETTE, 4, {0x10}), PNG(PALETTE, 8, {1, 0})};

    for (size_t i = 0; i < sizeof images / sizeof *images; i++) {
        images[i].palette = &palette;
        check_png(images[i], PIXELS({200, 210, 220, 10, 20, 30}));
        images[i].transparency = &transparency;
        check_png(images[i], PIXELS({200, 210, 220, 255, 255, 255}));
    }
}

static void test_png_transparent_colour(void)
{
    const struct spng_trns grey = {.gray = 7};
    const struct spng_trns colour = {.red = 1, .green = 2, .blue = 3};
    struct fixture_png image = PNG(GREY, 8, {7, 8});

    image.transparency = &grey;
    check_png(image, PIXELS({255, 255, 255, 8, 8, 8}));
    image = PNG(RGB, 8, {1, 2, 3, 1, 2, 4});
    image.transparency = &colour;
    check_png(image, PIXELS({255, 255, 255, 1, 2, 4}));
}

/* 0.299 * 255 = 76.2, 0.587 * 255 = 149.7, 0.114 * 255 = 29.1; grey stays what it is. */
static void test_grey_of_colour(void)
{
    static const uint8_t rows[] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 77, 77, 77};
    const struct fixture_png image = {
        .width = 4, .height = 1, .color_type = RGB, .depth = 8, .rows = rows, .size = sizeof rows};
    struct mimo_image read = {0};
    size_t size;
    uint8_t *file = fixture_png(&image, &size);

    CHECK_INT(mimo_image_decode(file, size, 1, &read, NULL), MIMO_OK);
    CHECK_INT(read.channels, 1);
    CHECK_INT(read.pixels[0], 76);
    CHECK_INT(read.pixels[1], 150);
    CHECK_INT(read.pixels[2], 29);
    CHECK_INT(read.pixels[3], 77);
    mimo_image_release(&read);
    free(file);
}

/* -- JPEG ------------------------------------------------------------------------------------- */

struct memory_file {
    unsigned char *bytes;
    unsigned long size;
};

/* A smooth picture of SIDE by SIDE pixels: component c at (x, y) is sample(c, x, y). */
static int sample(int c, int x, int y)
{
    return 40 + 40 * c + 3 * x + 2 * y;
}

static struct memory_file jpeg_new(int components, J_COLOR_SPACE space, boolean is_progressive)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct memory_file file = {0};
    JSAMPLE row[SIDE * 4];
    JSAMPROW rows[1] = {row};

    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &file.bytes, &file.size);
    jpeg.image_width = jpeg.image_height = SIDE;
    jpeg.input_components = components;
    jpeg.in_color_space = space;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 98, TRUE);
    if (is_progressive)
        jpeg_simple_progression(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    for (int y = 0; y < SIDE; y++) {
        for (int i = 0; i < SIDE * components; i++)
            row[i] = (JSAMPLE)sample(i % components, i / components, y);
        (void)jpeg_write_scanlines(&jpeg, rows, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    return file;
}

static int cmyk_expected(int c, int x, int y)
{
    return sample(c, x, y) * sample(3, x, y) / 255;
}

static int grey_expected(int c, int x, int y)
{
    (void)c;
    return sample(0, x, y);
}

static void check_jpeg(struct memory_file file, int (*expected)(int, int, int))
{
    struct mimo_image read = {0};
    struct mimo_error err = {0};

    CHECK_INT(mimo_image_decode(file.bytes, file.size, 3, &read, &err), MIMO_OK);
    CHECK_TEXT(err.message, "");
    CHECK_INT(read.width, SIDE);
    CHECK_INT(read.height, SIDE);
    for (int i = 0; i < SIDE * SIDE * 3 && read.pixels != NULL; i++)
        CHECK(abs(read.pixels[i] - expected(i % 3, i / 3 % SIDE, i / 3 / SIDE)) <= 6);
    mimo_image_release(&read);
    free(file.bytes);
}

static void test_jpeg(void)
{
    check_jpeg(jpeg_new(3, JCS_RGB, FALSE), sample);
    check_jpeg(jpeg_new(3, JCS_RGB, TRUE), sample);
    check_jpeg(jpeg_new(1, JCS_GRAYSCALE, FALSE), grey_expected);
    check_jpeg(jpeg_new(4, JCS_CMYK, FALSE), cmyk_expected);
}

/* -- hostile files ---------------------------------------------------------------------------- */

static struct memory_file png_new(void)
{
    uint8_t rows[SIDE * SIDE * 4];
    const struct fixture_png image = {.width = SIDE,
                                      .height = SIDE,
                                      .color_type = RGB_ALPHA,
                                      .depth = 8,
                                      .rows = rows,
                                      .size = sizeof rows};
    struct memory_file file;
    size_t size;

    for (size_t i = 0; i < sizeof rows; i++)
        rows[i] = (uint8_t)(i * i >> 4);
    file.bytes = fixture_png(&image, &size);
    file.size = size;
    return file;
}

/* A copy of its own, so that the address sanitizer sees a read beyond the end. */
static enum mimo_status decode_copy(const unsigned char *bytes, size_t size, struct mimo_error *err)
{
    uint8_t *copy = malloc(size + (size == 0));
    struct mimo_image image = {0};
    enum mimo_status status;

    memcpy(copy, bytes, size);
    status = mimo_image_decode(copy, size, 3, &image, err);
    if (status == MIMO_OK)
        mimo_image_release(&image);
    free(copy);
    return status;
}

/* `tail`: bytes whose absence is not noticed, because all of the image is there without them. */
static void check_prefixes(struct memory_file file, size_t tail)
{
    for (size_t size = 0; size + tail < file.size; size++) {
        struct mimo_error err = {0};
        CHECK_INT(decode_copy(file.bytes, size, &err), MIMO_E_DATA);
        CHECK(err.message[0] != '\0');
    }
    CHECK_INT(decode_copy(file.bytes, file.size, NULL), MIMO_OK);
    free(file.bytes);
}

static void test_truncated_files(void)
{
    check_prefixes(png_new(), 4); /* the checksum of the empty chunk at the end */
    check_prefixes(jpeg_new(3, JCS_RGB, FALSE), 0);
    check_prefixes(jpeg_new(3, JCS_RGB, TRUE), 0);
    check_prefixes(jpeg_new(4, JCS_CMYK, FALSE), 0);
}

/* Every byte changed once: refused or read, but never a crash. A PNG's checksums notice. */
static void check_changed_bytes(struct memory_file file, unsigned char change,
                                int is_always_noticed)
{
    for (size_t i = 0; i < file.size; i++) {
        file.bytes[i] ^= change;
        if (decode_copy(file.bytes, file.size, NULL) == MIMO_OK)
            CHECK(!is_always_noticed);
        file.bytes[i] ^= change;
    }
    free(file.bytes);
}

static void test_changed_bytes(void)
{
    check_changed_bytes(png_new(), 0x01, 1);
    check_changed_bytes(png_new(), 0xff, 1);
    check_changed_bytes(jpeg_new(3, JCS_RGB, FALSE), 0x01, 0);
    check_changed_bytes(jpeg_new(3, JCS_RGB, TRUE), 0xff, 0);
    check_changed_bytes(jpeg_new(4, JCS_CMYK, FALSE), 0x10, 0);
}

static void put_be32(uint8_t *bytes, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* PNG's checksum (ISO 3309), bit by bit. */
static uint32_t crc32(const uint8_t *bytes, size_t size)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < 8 * size; i++) {
        const uint32_t bit = (crc ^ (uint32_t)bytes[i / 8] >> i % 8) & 1;
        crc = crc >> 1 ^ (bit ? 0xEDB88320u : 0);
    }
    return ~crc;
}

/* The header begins at byte 8: length, "IHDR", width, height, 5 more bytes, checksum. */
static void test_huge_png(void)
{
    struct memory_file file = png_new();
    struct mimo_error err = {0};

    put_be32(file.bytes + 16, 8193);
    put_be32(file.bytes + 20, 8193);
    put_be32(file.bytes + 29, crc32(file.bytes + 12, 17));
    CHECK_INT(decode_copy(file.bytes, file.size, &err), MIMO_E_DATA);
    CHECK_CONTAINS(err.message, "8193 by 8193 pixels are out of bounds");
    free(file.bytes);
}

static void test_huge_jpeg(void)
{
    struct memory_file file = jpeg_new(3, JCS_RGB, FALSE);
    struct mimo_error err = {0};
    size_t at = 0;

    while (at + 9 < file.size && !(file.bytes[at] == 0xff && file.bytes[at + 1] == 0xc0))
        at++;
    memset(file.bytes + at + 5, 0xf0, 4);
    CHECK_INT(decode_copy(file.bytes, file.size, &err), MIMO_E_DATA);
    CHECK_CONTAINS(err.message, "61680 by 61680 pixels are out of bounds");
    free(file.bytes);
}

static void test_other_files(void)
{
    struct mimo_image image;
    struct mimo_error err = {0};

    CHECK_INT(decode_copy((const unsigned char *)"GIF89a..", 8, &err), MIMO_E_DATA);
    CHECK_TEXT(err.message, "neither a PNG nor a JPEG file");
    err = (struct mimo_error){0};
    CHECK_INT(mimo_image_read("/nonexistent/a.png", 3, &image, &err), MIMO_E_DATA);
    CHECK_CONTAINS(err.message, "/nonexistent/a.png: No such file");
    err = (struct mimo_error){0};
    CHECK_INT(mimo_image_read("/", 3, &image, &err), MIMO_E_DATA);
}

static const struct mimo_test TESTS[] = {
    {"PNG, grey", test_png_grey},
    {"PNG, colour", test_png_colour},
    {"PNG, alpha", test_png_alpha},
    {"PNG, palette", test_png_palette},
    {"PNG, a transparent colour", test_png_transparent_colour},
    {"grey of colour", test_grey_of_colour},
    {"JPEG", test_jpeg},
    {"files cut short", test_truncated_files},
    {"files with a changed byte", test_changed_bytes},
    {"a PNG that states a huge image", test_huge_png},
    {"a JPEG that states a huge image", test_huge_jpeg},
    {"other files", test_other_files},
};

MIMO_TEST_MAIN("data: image", TESTS)
