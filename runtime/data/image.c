#include "runtime/data/image.h"

#include "plan/file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void mimo_image_release(struct mimo_image *image)
{
    free(image->pixels);
    *image = (struct mimo_image){0};
}

enum mimo_status mimo_image_alloc(struct mimo_image *image, uint64_t width, uint64_t height,
                                  uint32_t channels, struct mimo_error *err)
{
    uint8_t *pixels;

    if (width == 0 || height == 0 || width > MIMO_IMAGE_PIXELS_MAX / height)
        return mimo_error_set(err, MIMO_E_DATA,
                              "%" PRIu64 " by %" PRIu64
                              " pixels are out of bounds (at most %" PRIu64 " in all)",
                              width, height, MIMO_IMAGE_PIXELS_MAX);
    pixels = malloc(width * height * channels);
    if (pixels == NULL)
        return mimo_error_set(err, MIMO_E_FAILED, "out of memory");
    *image = (struct mimo_image){.width = (uint32_t)width,
                                 .height = (uint32_t)height,
                                 .channels = channels,
                                 .pixels = pixels};
    return MIMO_OK;
}

/* A sample of transparency `alpha` before white, rounded. */
static uint8_t over_white(unsigned sample, unsigned alpha)
{
    return (uint8_t)((sample * alpha + 255 * (255 - alpha) + 127) / 255);
}

/* ITU-R BT.601 in 16-bit fixed point; the factors sum to 65536, so that grey stays what it is. */
static uint8_t luma(const uint8_t rgb[3])
{
    return (uint8_t)((19595u * rgb[0] + 38470u * rgb[1] + 7471u * rgb[2] + 0x8000u) >> 16);
}

/* Works in place: no pixel grows. */
static void convert(struct mimo_image *image, uint32_t channels)
{
    const size_t count = (size_t)image->width * image->height;
    const uint8_t *from = image->pixels;
    uint8_t *to = image->pixels;

    for (size_t i = 0; i < count; i++, from += image->channels, to += channels) {
        const unsigned alpha = image->channels == 4 ? from[3] : 255;
        const uint8_t rgb[3] = {over_white(from[0], alpha), over_white(from[1], alpha),
                                over_white(from[2], alpha)};
        if (channels == 1)
            to[0] = luma(rgb);
        else
            memcpy(to, rgb, sizeof rgb);
    }
    image->channels = channels;
}

static enum mimo_status decode(const uint8_t *bytes, size_t size, struct mimo_image *image,
                               struct mimo_error *err)
{
    static const uint8_t png[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    static const uint8_t jpeg[] = {0xff, 0xd8, 0xff};

    if (size >= sizeof png && memcmp(bytes, png, sizeof png) == 0)
        return mimo_png_decode(bytes, size, image, err);
    if (size >= sizeof jpeg && memcmp(bytes, jpeg, sizeof jpeg) == 0)
        return mimo_jpeg_decode(bytes, size, image, err);
    return mimo_error_set(err, MIMO_E_DATA, "neither a PNG nor a JPEG file");
}

enum mimo_status mimo_image_decode(const uint8_t *bytes, size_t size, uint32_t channels,
                                   struct mimo_image *out_image, struct mimo_error *err)
{
    struct mimo_image image = {0};

    MIMO_ASSERT(channels == 1 || channels == 3);
    MIMO_TRY(decode(bytes, size, &image, err));
    if (image.channels != channels)
        convert(&image, channels);
    *out_image = image;
    return MIMO_OK;
}

enum mimo_status mimo_image_read(const char *path, uint32_t channels, struct mimo_image *out_image,
                                 struct mimo_error *err)
{
    struct mimo_error cause = {0};
    enum mimo_status status;
    char *bytes;
    size_t size;

    if (mimo_file_read(path, MIMO_IMAGE_BYTES_MAX, &bytes, &size, &cause) != MIMO_OK)
        return mimo_error_set(err, MIMO_E_DATA, "%s", cause.message);
    status = mimo_image_decode((const uint8_t *)bytes, size, channels, out_image, &cause);
    free(bytes);
    return status == MIMO_OK ? MIMO_OK : mimo_error_set(err, status, "%s: %s", path, cause.message);
}
