#include "runtime/data/image.h"

#include <inttypes.h>
#include <spng.h>

#define CHUNK_BYTES_MAX ((size_t)16 << 20)

static enum mimo_status png_error(struct mimo_error *err, int code)
{
    return mimo_error_set(err, MIMO_E_DATA, "not a whole PNG file: %s", spng_strerror(code));
}

/* The end of the file is read too: pixels may be complete where the file is not. */
static int read_pixels(spng_ctx *png, struct mimo_image *image)
{
    const size_t size = (size_t)image->width * image->height * image->channels;
    const int code = spng_decode_image(png, image->pixels, size, SPNG_FMT_RGBA8, SPNG_DECODE_TRNS);

    return code == 0 ? spng_decode_chunks(png) : code;
}

static enum mimo_status decode(spng_ctx *png, const uint8_t *bytes, size_t size,
                               struct mimo_image *image, struct mimo_error *err)
{
    struct spng_ihdr header;
    int code = spng_set_chunk_limits(png, CHUNK_BYTES_MAX, CHUNK_BYTES_MAX);

    if (code == 0)
        code = spng_set_png_buffer(png, bytes, size);
    if (code == 0)
        code = spng_get_ihdr(png, &header);
    if (code != 0)
        return png_error(err, code);
    MIMO_TRY(mimo_image_alloc(image, header.width, header.height, 4, err));
    code = read_pixels(png, image);
    if (code == 0)
        return MIMO_OK;
    mimo_image_release(image);
    return png_error(err, code);
}

enum mimo_status mimo_png_decode(const uint8_t *bytes, size_t size, struct mimo_image *out_image,
                                 struct mimo_error *err)
{
    spng_ctx *png = spng_ctx_new(0);
    enum mimo_status status;

    if (png == NULL)
        return mimo_error_set(err, MIMO_E_FAILED, "out of memory");
    status = decode(png, bytes, size, out_image, err);
    spng_ctx_free(png);
    return status;
}
