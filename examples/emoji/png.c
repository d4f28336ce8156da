#include "examples/emoji/png.h"

#include <spng.h>

/* Tens of thousands of pictures of a few kilobytes: speed matters more than their size. */
#define COMPRESSION_LEVEL 1

static int image_encode(spng_ctx *encoder, const uint8_t *rgb, unsigned side)
{
    struct spng_ihdr header = {0};
    int failure = spng_set_option(encoder, SPNG_ENCODE_TO_BUFFER, 1);

    header.width = side;
    header.height = side;
    header.bit_depth = 8;
    header.color_type = SPNG_COLOR_TYPE_TRUECOLOR;
    if (failure == 0)
        failure = spng_set_option(encoder, SPNG_IMG_COMPRESSION_LEVEL, COMPRESSION_LEVEL);
    if (failure == 0)
        failure = spng_set_option(encoder, SPNG_FILTER_CHOICE, SPNG_DISABLE_FILTERING);
    if (failure == 0)
        failure = spng_set_ihdr(encoder, &header);
    if (failure == 0)
        failure = spng_encode_image(encoder, rgb, (size_t)side * side * 3, SPNG_FMT_PNG,
                                    SPNG_ENCODE_FINALIZE);
    return failure;
}

enum mimo_status mimo_png_encode(const uint8_t *rgb, unsigned side, void **out_png,
                                 size_t *out_size, struct mimo_error *err)
{
    spng_ctx *encoder = spng_ctx_new(SPNG_CTX_ENCODER);
    void *png = NULL;
    int failure;

    if (encoder == NULL)
        return mimo_error_set(err, MIMO_E_FAILED, "out of memory");
    failure = image_encode(encoder, rgb, side);
    if (failure == 0)
        png = spng_get_png_buffer(encoder, out_size, &failure);
    spng_ctx_free(encoder);
    if (png == NULL)
        return mimo_error_set(err, MIMO_E_FAILED, "a picture cannot be written as PNG: %s",
                              spng_strerror(failure));
    *out_png = png;
    return MIMO_OK;
}
