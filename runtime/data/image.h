/*
 * image.h - image files to 8-bit pixels.
 *
 * PNG and JPEG, told apart by their first bytes. Files are untrusted: their size and the image's
 * dimensions are bounded before pixels are allocated, and a file that is cut short or corrupt is
 * refused as a whole. Colour profiles, gamma and orientation tags are left alone, as Pillow does.
 */
#ifndef MIMO_RUNTIME_DATA_IMAGE_H
#define MIMO_RUNTIME_DATA_IMAGE_H

#include "plan/error.h"

#include <stddef.h>
#include <stdint.h>

#define MIMO_IMAGE_BYTES_MAX  ((size_t)256 << 20) /* of a file */
#define MIMO_IMAGE_PIXELS_MAX ((uint64_t)64 << 20)

struct mimo_image {
    uint32_t width;
    uint32_t height;
    uint32_t channels;
    uint8_t *pixels; /* [height, width, channels], from malloc */
};

/*
 * Reads `path` as an image of 1 (grey, ITU-R BT.601) or 3 (red, green, blue) channels. Transparency
 * is composed over white, 16-bit samples keep their upper halves. Fails with MIMO_E_DATA
 * naming the file; `*out_image` is to be released only on success.
 */
enum mimo_status mimo_image_read(const char *path, uint32_t channels, struct mimo_image *out_image,
                                 struct mimo_error *err);
void mimo_image_release(struct mimo_image *image);

/* The same for a file in memory, which the message does not name. */
enum mimo_status mimo_image_decode(const uint8_t *bytes, size_t size, uint32_t channels,
                                   struct mimo_image *out_image, struct mimo_error *err);

/* -- the decoders ----------------------------------------------------------------------------- */

/* Decode to 4 channels (PNG: red, green, blue, alpha) or 3 (JPEG). */
enum mimo_status mimo_png_decode(const uint8_t *bytes, size_t size, struct mimo_image *out_image,
                                 struct mimo_error *err);
enum mimo_status mimo_jpeg_decode(const uint8_t *bytes, size_t size, struct mimo_image *out_image,
                                  struct mimo_error *err);

/* Allocates pixels for the dimensions that a file states, within the bounds. */
enum mimo_status mimo_image_alloc(struct mimo_image *image, uint64_t width, uint64_t height,
                                  uint32_t channels, struct mimo_error *err);

#endif
