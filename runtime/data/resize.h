/*
 * resize.h - an image to the square that an encoder reads.
 *
 * As CLIP's image processor with Pillow does: the shorter side becomes `size` by bicubic
 * interpolation (Keys, "Cubic convolution interpolation for digital image processing", 1981, a =
 * -0.5) whose support grows with the scale when the image shrinks, first along rows, then along
 * columns, each result rounded to 8 bits; then the centre is cut out.
 */
#ifndef MIMO_RUNTIME_DATA_RESIZE_H
#define MIMO_RUNTIME_DATA_RESIZE_H

#include "runtime/data/image.h"

/* Writes [size, size, image->channels] to `pixels`. Fails with MIMO_E_FAILED, out of memory. */
enum mimo_status mimo_image_resize(const struct mimo_image *image, uint32_t size, uint8_t *pixels,
                                   struct mimo_error *err);

#endif
