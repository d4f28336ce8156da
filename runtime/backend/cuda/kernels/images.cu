/* images.cu - pixels to patches, and the class token and positions of a vision transformer. */
#include "runtime/backend/cuda/kernels/column_sums.cuh"
#include "runtime/backend/cuda/kernels/elementwise.cuh"

constexpr int CHANNELS_MAX = 4; /* as the plan's reader allows */

/* ---- patches ---- */

/* A row is a patch, channel by channel; value · factor + offset is the normalised one. */
template <typename T> struct patch_work {
    T *patches;
    const uint8_t *pixels;
    int size, patch, side, channels;
    int first, count; /* patches of each image */
    float factor[CHANNELS_MAX], offset[CHANNELS_MAX];

    template <int N> __device__ __forceinline__ void run(int64_t row, int64_t i) const
    {
        const int in_patch = static_cast<int>(i), area = patch * patch;
        const int channel = in_patch / area, y = in_patch % area / patch, x = in_patch % patch;
        const int64_t image = row / count;
        const int place = first + static_cast<int>(row - image * count);
        const int64_t line = image * size + place / side * patch + y;
        const int64_t pixel = line * size + place % side * patch + x;
        const float value = pixels[pixel * channels + channel];
        patches[row * channels * area + in_patch] =
            narrow<T>(value * factor[channel] + offset[channel]);
    }
};

template <typename T>
static void image_patches(struct mimo_backend *be, void *patches, const uint8_t *pixels,
                          int64_t images, int64_t channels, int64_t size, int64_t patch,
                          int64_t first, int64_t count, const double *mean, const double *std)
{
    patch_work<T> work = {static_cast<T *>(patches),
                          pixels,
                          static_cast<int>(size),
                          static_cast<int>(patch),
                          static_cast<int>(size / patch),
                          static_cast<int>(channels),
                          static_cast<int>(first),
                          static_cast<int>(count),
                          {},
                          {}};

    MIMO_ASSERT(channels <= CHANNELS_MAX);
    for (int64_t c = 0; c < channels; c++) {
        work.factor[c] = static_cast<float>(1 / (255 * std[c]));
        work.offset[c] = static_cast<float>(-mean[c] / std[c]);
    }
    for_rows<1>(be, "image_patches", work, images * count, channels * patch * patch, true);
}

/* ---- class token and positions ---- */

/* Class tokens among tokens first ... first + tokens - 1 of an image. */
static int64_t class_tokens(int64_t first, int64_t tokens)
{
    return first == 0 && tokens > 0 ? 1 : 0;
}

/* A row is a token of all images: its position is read once. */
template <typename T> struct vit_embed_work {
    T *x;
    const T *patches, *cls, *position; /* of the first of the tokens */
    int64_t images, tokens, classes, cols;

    template <int N> __device__ __forceinline__ void run(int64_t token, int64_t i) const
    {
        const bool is_class = token < classes;
        const vector<float, N> place = load_wide<N>(position + token * cols + i);
        const T *from = is_class ? cls + i : patches + (token - classes) * cols + i;
        const int64_t step = is_class ? 0 : (tokens - classes) * cols;
        T *to = x + token * cols + i;
        for (int64_t image = 0; image < images; image++, from += step, to += tokens * cols) {
            vector<float, N> sum = load_wide<N>(from);
#pragma unroll
            for (int e = 0; e < N; e++)
                sum.at[e] += place.at[e];
            store_narrow<N>(to, sum);
        }
    }
};

template <typename T>
static void vit_embed_forward(struct mimo_backend *be, void *x, const void *patches,
                              const void *cls, const void *position, int64_t images, int64_t first,
                              int64_t tokens, int64_t cols)
{
    const vit_embed_work<T> work = {static_cast<T *>(x),
                                    static_cast<const T *>(patches),
                                    static_cast<const T *>(cls),
                                    static_cast<const T *>(position) + first * cols,
                                    images,
                                    tokens,
                                    class_tokens(first, tokens),
                                    cols};
    for_rows<CHUNK<T>>(be, "vit_embed_forward", work, images > 0 ? tokens : 0, cols,
                       is_aligned<CHUNK<T>>({cols}, work.x, work.patches, work.cls, work.position));
}

static void vit_embed_backward(struct mimo_backend *be, void *dpatches, void *dcls, void *dposition,
                               const void *dx, int64_t images, int64_t first, int64_t tokens,
                               int64_t cols)
{
    const int64_t image = tokens * cols, classes = class_tokens(first, tokens) * cols;
    const int64_t rest = image - classes;
    const char *const first_patch =
        static_cast<const char *>(dx) + static_cast<size_t>(classes) * be->element_size;

    if (dpatches != nullptr)
        be->ops->copy(be, dpatches, rest, first_patch, image, images, rest);
    if (dcls != nullptr)
        column_sums(be, static_cast<float *>(dcls), dx, image, images, classes);
    if (dposition != nullptr)
        column_sums(be, static_cast<float *>(dposition) + first * cols, dx, image, images, image);
}

template <typename T> static void enter(struct mimo_backend_ops *ops)
{
    ops->image_patches = image_patches<T>;
    ops->vit_embed_forward = vit_embed_forward<T>;
}

void mimo_cuda_images(struct mimo_backend_ops *ops, bool is_bf16)
{
    ops->vit_embed_backward = vit_embed_backward;
    if (is_bf16)
        enter<bf16>(ops);
    else
        enter<float>(ops);
}
