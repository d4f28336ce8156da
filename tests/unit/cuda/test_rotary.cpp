/* test_rotary.cpp - rotary positions against the rotation of each pair in double precision. */
#include "tests/unit/check.h"
#include "tests/unit/cuda/kernel_rig.h"

namespace
{

constexpr int64_t POSITIONS = 9;

struct problem {
    int64_t rows, heads, head_dim, stride, shift;
};

double angle(int64_t position, int64_t pair, int64_t head_dim)
{
    return static_cast<double>(position) *
           pow(100.0, -2.0 * static_cast<double>(pair) / static_cast<double>(head_dim));
}

void fill_table(device_rows<float> &table, int64_t head_dim)
{
    const int64_t half = head_dim / 2;
    for (int64_t position = 0; position < POSITIONS; position++)
        for (int64_t j = 0; j < half; j++) {
            table.set(position * head_dim + j, cos(angle(position, j, head_dim)));
            table.set(position * head_dim + half + j, sin(angle(position, j, head_dim)));
        }
    table.upload();
}

/* What x holds, rotated, at the places that belong to heads; the rest is as it was. */
template <typename T>
std::vector<double> rotated(const problem &p, const device_rows<T> &x,
                            const std::vector<int32_t> &positions, double sign)
{
    std::vector<double> result(static_cast<size_t>(x.count()), NAN);
    for (int64_t r = 0; r < p.rows; r++)
        for (int64_t h = 0; h < p.heads; h++)
            for (int64_t j = 0; j < p.head_dim / 2; j++) {
                const int64_t low = r * p.stride + h * p.head_dim + j, high = low + p.head_dim / 2;
                const double a = sign * angle(positions[static_cast<size_t>(r)], j, p.head_dim);
                result[static_cast<size_t>(low)] = x.get(low) * cos(a) - x.get(high) * sin(a);
                result[static_cast<size_t>(high)] = x.get(high) * cos(a) + x.get(low) * sin(a);
            }
    return result;
}

template <typename T> void check_type(const problem &p, bool inverse)
{
    kernel_rig rig(mimo_cuda_rotary, sizeof(T) == 2);
    device_rows<T> x(p.rows * p.stride, p.shift);
    device_rows<float> table(POSITIONS * p.head_dim);
    std::vector<int32_t> positions;
    device_rows<float> device_positions(p.rows); /* of the same size as int32 */
    std::vector<double> expected;
    uint32_t state = 3;
    fill_table(table, p.head_dim);
    for (int64_t r = 0; r < p.rows; r++) {
        positions.push_back(static_cast<int32_t>(r * 5 % POSITIONS));
        for (int64_t i = 0; i < p.heads * p.head_dim; i++)
            x.set(r * p.stride + i, draw(state));
    }
    x.upload();
    (void)cudaMemcpy(device_positions.data(), positions.data(), positions.size() * sizeof(int32_t),
                     cudaMemcpyHostToDevice);
    expected = rotated(p, x, positions, inverse ? -1 : 1);
    rig->rotary(rig.be(), x.data(), p.stride,
                static_cast<const int32_t *>(static_cast<const void *>(device_positions.data())),
                table.data(), p.rows, p.heads, p.head_dim, inverse);
    CHECK_TEXT(rig.finish(), "");
    x.download();
    for (int64_t i = 0; i < x.count(); i++) {
        const double wanted = expected[static_cast<size_t>(i)];
        if (isnan(wanted)) {
            CHECK(x.is_untouched(i));
        } else {
            CHECK_NEAR(x.get(i), wanted, sizeof(T) == 2 ? 5e-3 : 1e-6);
        }
    }
}

void check_problem(const problem &p)
{
    for (bool inverse : {false, true}) {
        check_type<float>(p, inverse);
        check_type<__nv_bfloat16>(p, inverse);
    }
}

/* ---- tests ---- */

void whole_vectors()
{
    check_problem({7, 3, 16, 48, 0});
    check_problem({5, 2, 128, 2 * 128 + 24, 0});
    check_problem({2, 40, 64, 40 * 64, 0});
}

void single_elements()
{
    check_problem({7, 3, 6, 18, 0});
    check_problem({7, 3, 6, 23, 0});
    check_problem({4, 2, 16, 33, 0});
    check_problem({4, 2, 16, 32, 1});
}

void empty()
{
    check_problem({0, 2, 16, 32, 0});
    check_problem({3, 0, 16, 8, 0});
}

const struct mimo_test tests[] = {
    {"whole vectors", whole_vectors},
    {"single elements", single_elements},
    {"empty", empty},
};

} // namespace

MIMO_TEST_MAIN("rotary positions on the GPU", tests)
