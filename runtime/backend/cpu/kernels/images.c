/* images.c - pixels to patches, and the class token and positions of a vision transformer. */
#include "runtime/backend/cpu/kernels/kernels.h"

#include <string.h>

/* One patch, whose first pixel is `pixels` in an image of size² pixels. */
static void patch_values(element *out, const uint8_t *pixels, int64_t channels, int64_t size,
                         int64_t patch, const double *mean, const double *std)
{
    for (int64_t c = 0; c < channels; c++) {
        const real factor = (real)(1 / (255 * std[c])), offset = (real)(-mean[c] / std[c]);
        for (int64_t y = 0; y < patch; y++, out += patch) {
            const uint8_t *line = pixels + y * size * channels + c;
            for (int64_t x = 0; x < patch; x++)
                out[x] = to_element(line[x * channels] * factor + offset);
        }
    }
}

static void image_patches(struct mimo_backend *be, void *patches, const uint8_t *pixels,
                          int64_t images, int64_t channels, int64_t size, int64_t patch,
                          int64_t first, int64_t count, const double *mean, const double *std)
{
    const int64_t side = size / patch, area = channels * patch * patch;
    element *out = patches;
    (void)be;
    for (int64_t i = 0; i < images; i++, pixels += size * size * channels)
        for (int64_t p = first; p < first + count; p++, out += area)
            patch_values(out, pixels + (p / side * size + p % side) * patch * channels, channels,
                         size, patch, mean, std);
}

static void add_rows(element *out, const element *a, const element *b, int64_t count)
{
#pragma omp simd
    for (int64_t j = 0; j < count; j++)
        out[j] = to_element(to_real(a[j]) + to_real(b[j]));
}

/* Class tokens among tokens first ... first + tokens - 1 of an image. */
static int64_t class_tokens(int64_t first, int64_t tokens)
{
    return first == 0 && tokens > 0 ? 1 : 0;
}

static void vit_embed_forward(struct mimo_backend *be, void *x, const void *patches,
                              const void *cls, const void *position, int64_t images, int64_t first,
                              int64_t tokens, int64_t cols)
{
    const int64_t classes = class_tokens(first, tokens) * cols, rest = tokens * cols - classes;
    const element *in = patches, *place = (const element *)position + first * cols;
    element *out = x;
    (void)be;
    for (int64_t i = 0; i < images; i++) {
        add_rows(out, cls, place, classes);
        add_rows(out + classes, in, place + classes, rest);
        out += tokens * cols;
        in += rest;
    }
}

static void vit_embed_backward(struct mimo_backend *be, void *dpatches, void *dcls, void *dposition,
                               const void *dx, int64_t images, int64_t first, int64_t tokens,
                               int64_t cols)
{
    const element *in = dx;
    const int64_t image = tokens * cols, classes = class_tokens(first, tokens) * cols;
    const int64_t rest = image - classes;
    (void)be;
    for (int64_t i = 0; i < images && dpatches != NULL && rest > 0; i++)
        memcpy((element *)dpatches + i * rest, in + i * image + classes,
               (size_t)rest * sizeof(element));
    if (dcls != NULL)
        KERNELS(column_sums)(dcls, in, image, images, classes);
    if (dposition != NULL)
        KERNELS(column_sums)((real *)dposition + first * cols, in, image, images, image);
}

void KERNELS(images)(struct mimo_backend_ops *ops)
{
    ops->image_patches = image_patches;
    ops->vit_embed_forward = vit_embed_forward;
    ops->vit_embed_backward = vit_embed_backward;
}
