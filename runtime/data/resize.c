#include "runtime/data/resize.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { WEIGHT_BITS = 22 }; /* 255 times a sum of |weights| below 2 stays below 2^31 */

/* The input positions that an output position reads. */
struct window {
    uint32_t first;
    uint32_t count;
};

/* One direction. Row i of the weights belongs to output position i. */
struct axis {
    struct window *windows; /* [size] */
    int32_t *weights;       /* [size, taps] */
    uint32_t taps;
};

static double bicubic(double x)
{
    const double a = -0.5;

    x = fabs(x);
    if (x < 1.0)
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    if (x < 2.0)
        return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
    return 0.0;
}

/* The window of an output at `center` in input coordinates, where pixel k covers k ... k + 1. */
static struct window window_at(double center, double stretch, uint32_t input_size)
{
    const double low = floor(center - 2.0 * stretch + 0.5);
    const double high = floor(center + 2.0 * stretch + 0.5);
    const uint32_t first = low < 0.0 ? 0 : (uint32_t)low;
    const uint32_t end = high > input_size ? input_size : (uint32_t)high;

    return (struct window){.first = first, .count = end - first};
}

static void set_weights(int32_t *weights, struct window window, double center, double stretch)
{
    const double offset = window.first + 0.5 - center;
    double sum = 0.0;

    for (uint32_t k = 0; k < window.count; k++)
        sum += bicubic((k + offset) / stretch);
    for (uint32_t k = 0; k < window.count; k++) {
        const double weight = bicubic((k + offset) / stretch) / sum;
        weights[k] = (int32_t)lrint(weight * (1 << WEIGHT_BITS));
    }
}

static void axis_release(struct axis *axis)
{
    free(axis->windows);
    free(axis->weights);
}

/* `input_size` pixels become `output_size`, of which `size` in the middle are wanted. */
static bool axis_init(struct axis *axis, uint32_t input_size, uint64_t output_size, uint32_t size)
{
    const double scale = (double)input_size / (double)output_size;
    const double stretch = fmax(scale, 1.0);
    const uint64_t crop = (output_size - size) / 2;

    axis->taps = 2 * (uint32_t)ceil(2.0 * stretch) + 1;
    axis->windows = calloc(size, sizeof *axis->windows);
    axis->weights = calloc((size_t)size * axis->taps, sizeof *axis->weights);
    if (axis->windows == NULL || axis->weights == NULL) {
        axis_release(axis);
        return false;
    }
    for (uint32_t i = 0; i < size; i++) {
        const double center = ((double)(crop + i) + 0.5) * scale;
        axis->windows[i] = window_at(center, stretch, input_size);
        set_weights(axis->weights + (size_t)i * axis->taps, axis->windows[i], center, stretch);
    }
    return true;
}

static uint8_t round_sample(int32_t sum)
{
    const int32_t value = (sum + (1 << (WEIGHT_BITS - 1))) >> WEIGHT_BITS;

    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* One row becomes a row of `size` pixels. */
static void resize_row(const uint8_t *input, const struct axis *across, uint32_t size,
                       uint32_t channels, uint8_t *output)
{
    for (uint32_t x = 0; x < size; x++, output += channels) {
        const int32_t *weights = across->weights + (size_t)x * across->taps;
        const struct window window = across->windows[x];

        for (uint32_t c = 0; c < channels; c++) {
            const uint8_t *sample = input + (size_t)window.first * channels + c;
            int32_t sum = 0;
            for (uint32_t k = 0; k < window.count; k++, sample += channels)
                sum += weights[k] * *sample;
            output[c] = round_sample(sum);
        }
    }
}

/* `window.count` rows of `length` samples become one; `sums` has room for as many. */
static void resize_column(const uint8_t *rows, const int32_t *weights, struct window window,
                          size_t length, int32_t *sums, uint8_t *output)
{
    memset(sums, 0, length * sizeof *sums);
    for (uint32_t k = 0; k < window.count; k++, rows += length)
        for (size_t i = 0; i < length; i++)
            sums[i] += weights[k] * rows[i];
    for (size_t i = 0; i < length; i++)
        output[i] = round_sample(sums[i]);
}

/* Along rows first, and only those rows that are read along columns afterwards. */
static bool resize(const struct mimo_image *image, const struct axis *across,
                   const struct axis *down, uint32_t size, uint8_t *pixels)
{
    const struct window last = down->windows[size - 1];
    const uint32_t row_first = down->windows[0].first;
    const uint32_t row_count = last.first + last.count - row_first;
    const size_t input_length = (size_t)image->width * image->channels;
    const size_t length = (size_t)size * image->channels;
    uint8_t *rows;
    int32_t *sums;
    bool is_done;

    MIMO_ASSERT(row_count > 0 && length > 0);
    rows = malloc(row_count * length);
    sums = malloc(length * sizeof *sums);
    is_done = rows != NULL && sums != NULL;
    for (uint32_t y = 0; is_done && y < row_count; y++)
        resize_row(image->pixels + (row_first + y) * input_length, across, size, image->channels,
                   rows + y * length);
    for (uint32_t y = 0; is_done && y < size; y++)
        resize_column(rows + (down->windows[y].first - row_first) * length,
                      down->weights + (size_t)y * down->taps, down->windows[y], length, sums,
                      pixels + y * length);
    free(sums);
    free(rows);
    return is_done;
}

enum mimo_status mimo_image_resize(const struct mimo_image *image, uint32_t size, uint8_t *pixels,
                                   struct mimo_error *err)
{
    const uint32_t shorter = image->width < image->height ? image->width : image->height;
    struct axis across, down;
    bool is_done;

    MIMO_ASSERT(size > 0 && image->channels > 0);
    if (image->width == size && image->height == size) {
        memcpy(pixels, image->pixels, (size_t)size * size * image->channels);
        return MIMO_OK;
    }
    if (!axis_init(&across, image->width, (uint64_t)image->width * size / shorter, size))
        return mimo_error_set(err, MIMO_E_FAILED, "out of memory");
    is_done = axis_init(&down, image->height, (uint64_t)image->height * size / shorter, size);
    if (is_done) {
        is_done = resize(image, &across, &down, size, pixels);
        axis_release(&down);
    }
    axis_release(&across);
    return is_done ? MIMO_OK : mimo_error_set(err, MIMO_E_FAILED, "out of memory");
}
