#include "runtime/data/image.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>

#include <jerror.h>
#include <jpeglib.h>

enum {
    SCANS_MAX = 100
}; /* a small progressive file may hold thousands, each as slow as an image */

/* libjpeg reports through callbacks that must not return; they jump out of decode(). */
struct decoder {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    struct mimo_image image;
    struct mimo_error *err;
    enum mimo_status status;
};

static _Noreturn void decoder_fail(struct decoder *decoder, const char *message)
{
    decoder->status =
        mimo_error_set(decoder->err, MIMO_E_DATA, "not a whole JPEG file: %s", message);
    longjmp(decoder->jump, 1);
}

static void on_error(j_common_ptr jpeg)
{
    char message[JMSG_LENGTH_MAX];

    jpeg->err->format_message(jpeg, message);
    decoder_fail(jpeg->client_data, message);
}

/* After these warnings the pixels are still those of the file; after others they are made up. */
static bool is_harmless(int code)
{
    return code == JWRN_ADOBE_XFORM || code == JWRN_EXTRANEOUS_DATA || code == JWRN_JFIF_MAJOR ||
           code == JWRN_NOT_SEQUENTIAL;
}

static void on_message(j_common_ptr jpeg, int level)
{
    if (level < 0 && !is_harmless(jpeg->err->msg_code))
        on_error(jpeg);
}

static void on_progress(j_common_ptr jpeg)
{
    struct decoder *decoder = jpeg->client_data;

    if (decoder->jpeg.input_scan_number > SCANS_MAX)
        decoder_fail(decoder, "too many scans");
}

static void decoder_init(struct decoder *decoder, struct mimo_error *err)
{
    *decoder = (struct decoder){.err = err, .status = MIMO_OK};
    decoder->jpeg.err = jpeg_std_error(&decoder->errors);
    decoder->jpeg.client_data = decoder;
    decoder->errors.error_exit = on_error;
    decoder->errors.emit_message = on_message;
    decoder->progress.progress_monitor = on_progress;
}

/* Cyan, magenta, yellow and black are stored inverted, as Adobe's programs do and nearly everyone
 * after them: what remains of white. */
static void convert_cmyk(const uint8_t *cmyk, uint8_t *rgb, uint32_t width)
{
    for (uint32_t x = 0; x < width; x++, cmyk += 4, rgb += 3)
        for (int i = 0; i < 3; i++)
            rgb[i] = (uint8_t)((cmyk[i] * cmyk[3] + 127) / 255);
}

static void read_rows(struct decoder *decoder)
{
    struct jpeg_decompress_struct *jpeg = &decoder->jpeg;
    struct mimo_image *image = &decoder->image;
    const size_t row_bytes = (size_t)image->width * 3;
    const JSAMPARRAY cmyk =
        jpeg->output_components == 4
            ? jpeg->mem->alloc_sarray((j_common_ptr)jpeg, JPOOL_IMAGE, image->width * 4, 1)
            : NULL;

    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW row = image->pixels + jpeg->output_scanline * row_bytes;
        if (jpeg_read_scanlines(jpeg, cmyk == NULL ? &row : cmyk, 1) == 1 && cmyk != NULL)
            convert_cmyk(cmyk[0], row, image->width);
    }
}

static void read_image(struct decoder *decoder, const uint8_t *bytes, size_t size)
{
    struct jpeg_decompress_struct *jpeg = &decoder->jpeg;

    jpeg_create_decompress(jpeg);
    jpeg->progress = &decoder->progress;
    jpeg_mem_src(jpeg, bytes, (unsigned long)size);
    (void)jpeg_read_header(jpeg, TRUE);
    jpeg->out_color_space = jpeg->num_components == 4 ? JCS_CMYK : JCS_RGB;
    decoder->status =
        mimo_image_alloc(&decoder->image, jpeg->image_width, jpeg->image_height, 3, decoder->err);
    if (decoder->status != MIMO_OK)
        return;
    (void)jpeg_start_decompress(jpeg);
    read_rows(decoder);
    (void)jpeg_finish_decompress(jpeg);
}

/* Apart from mimo_jpeg_decode(), so that the decoder is no local variable of the function that
 * calls setjmp: those are indeterminate after the jump. */
static void decode(struct decoder *decoder, const uint8_t *bytes, size_t size)
{
    if (setjmp(decoder->jump) == 0)
        read_image(decoder, bytes, size);
}

enum mimo_status mimo_jpeg_decode(const uint8_t *bytes, size_t size, struct mimo_image *out_image,
                                  struct mimo_error *err)
{
    struct decoder decoder;

    decoder_init(&decoder, err);
    decode(&decoder, bytes, size);
    jpeg_destroy_decompress(&decoder.jpeg);
    if (decoder.status != MIMO_OK)
        mimo_image_release(&decoder.image);
    else
        *out_image = decoder.image;
    return decoder.status;
}
