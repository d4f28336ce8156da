/* Matrix instructions against plain loops, and asynchronous copies with and without their waits. */
#include "emulated_tensor_core.h"
#include "random.h"
#include "test_device.h"
#include "tests/unit/check.h"

#include <cuda_bf16.h>
#include <vector>

namespace
{

constexpr unsigned m = 16, n = 8, k = 16;

/* Small whole numbers: their products and sums are exact in bfloat16 and float32. */
int a_at(unsigned row, unsigned column)
{
    return static_cast<int>((row * 7 + column * 3) % 11) - 5;
}

int b_at(unsigned row, unsigned column)
{
    return static_cast<int>((row * 5 + column * 2) % 13) - 6;
}

int c_at(unsigned row, unsigned column)
{
    return static_cast<int>(row * n + column);
}

/* ---- a product whose fragments are loaded with ldmatrix: A by rows, B (row-major, k by n)
 * transposed ---- */

__global__ void multiply(float *d, const __nv_bfloat16 *a, const __nv_bfloat16 *b, const float *c)
{
    __nv_bfloat16 *tile_a = static_cast<__nv_bfloat16 *>(MIMO_EMULATED_DYNAMIC_SHARED());
    __nv_bfloat16 *tile_b = tile_a + m * k;
    const unsigned lane = threadIdx.x, group = lane / 4, member = lane % 4;
    uint32_t fragment_a[4], fragment_b[2];
    float sums[4];
    for (unsigned i = lane; i < m * k; i += 32)
        tile_a[i] = a[i];
    for (unsigned i = lane; i < k * n; i += 32)
        tile_b[i] = b[i];
    for (unsigned i = 0; i < 4; i++)
        sums[i] = c[(group + 8 * (i / 2)) * n + 2 * member + i % 2];
    __syncthreads();
    ldmatrix_x4(fragment_a, tile_a + (lane % 16) * k + lane / 16 * 8);
    ldmatrix_x2_trans(fragment_b, tile_b + (lane % 16) * n);
    mma_m16n8k16_bf16(sums, fragment_a, fragment_b, sums);
    for (unsigned i = 0; i < 4; i++)
        d[(group + 8 * (i / 2)) * n + 2 * member + i % 2] = sums[i];
}

std::vector<__nv_bfloat16> matrix(unsigned rows, unsigned columns, int (*at)(unsigned, unsigned))
{
    std::vector<__nv_bfloat16> numbers;
    for (unsigned i = 0; i < rows * columns; i++)
        numbers.push_back(__float2bfloat16(static_cast<float>(at(i / columns, i % columns))));
    return numbers;
}

int product_at(unsigned row, unsigned column)
{
    int sum = c_at(row, column);
    for (unsigned i = 0; i < k; i++)
        sum += a_at(row, i) * b_at(i, column);
    return sum;
}

void product_equals_plain_loops()
{
    device_array<float> c(m * n, 0), d(m * n, 0);
    device_array<__nv_bfloat16> a(m * k, {}), b(k * n, {});
    std::vector<float> start(m * n);
    for (unsigned i = 0; i < m * n; i++)
        start[i] = static_cast<float>(c_at(i / n, i % n));
    a.set(matrix(m, k, a_at));
    b.set(matrix(k, n, b_at));
    c.set(start);
    CHECK_INT(launch_and_wait(1, 32, (m * k + k * n) * 2, multiply, d.data(), a.data(), b.data(),
                              c.data()),
              cudaSuccess);
    const std::vector<float> result = d.values();
    for (unsigned i = 0; i < m * n; i++)
        CHECK_NEAR(result[i], product_at(i / n, i % n), 0);
}

/* ---- ldmatrix: number 64 i + 8 j + l is the one at row j, column l of matrix i ---- */

enum class load_form { x4, x4_trans, x2, x2_trans };

__global__ void load(uint32_t *out, load_form form)
{
    uint16_t *numbers = static_cast<uint16_t *>(MIMO_EMULATED_DYNAMIC_SHARED());
    const unsigned lane = threadIdx.x;
    const bool is_x2 = form == load_form::x2 || form == load_form::x2_trans;
    const void *row = is_x2 && lane >= 16 ? nullptr : numbers + lane * 8;
    uint32_t r[4] = {0, 0, 0, 0};
    for (unsigned i = 0; i < 8; i++)
        numbers[lane * 8 + i] = static_cast<uint16_t>(lane * 8 + i);
    __syncwarp();
    if (form == load_form::x4)
        ldmatrix_x4(r, row);
    else if (form == load_form::x4_trans)
        ldmatrix_x4_trans(r, row);
    else if (form == load_form::x2)
        ldmatrix_x2(r, row);
    else
        ldmatrix_x2_trans(r, row);
    for (unsigned i = 0; i < 4; i++)
        out[lane * 4 + i] = r[i];
}

/* The PTX ISA's layout, from its picture: row lane / 4, columns 2 (lane % 4) and the next. */
unsigned expected_register(unsigned lane, unsigned i, bool is_transposed)
{
    const unsigned row = lane / 4, column = lane % 4 * 2;
    const unsigned low = is_transposed ? column * 8 + row : row * 8 + column;
    const unsigned high = is_transposed ? (column + 1) * 8 + row : row * 8 + column + 1;
    return (64 * i + low) | (64 * i + high) << 16;
}

void check_load(load_form form, unsigned count, bool is_transposed)
{
    device_array<uint32_t> out(128, 1);
    CHECK_INT(launch_and_wait(1, 32, 512, load, out.data(), form), cudaSuccess);
    const std::vector<uint32_t> values = out.values();
    for (unsigned lane = 0; lane < 32; lane++)
        for (unsigned i = 0; i < 4; i++)
            CHECK_INT(values[lane * 4 + i],
                      i < count ? expected_register(lane, i, is_transposed) : 0);
}

void matrices_are_loaded()
{
    check_load(load_form::x4, 4, false);
    check_load(load_form::x4_trans, 4, true);
    check_load(load_form::x2, 2, false);
    check_load(load_form::x2_trans, 2, true);
}

/* ---- asynchronous copies ---- */

constexpr unsigned stages = 4;

/* Every thread brings its 16 bytes of all stages; the wait for the last two may be left out. */
__global__ void pipeline(uint4 *out, const uint4 *in, bool has_wait)
{
    uint4 *buffer = static_cast<uint4 *>(MIMO_EMULATED_DYNAMIC_SHARED());
    for (unsigned stage = 0; stage < stages; stage++) {
        copy_async_16(&buffer[stage * blockDim.x + threadIdx.x],
                      &in[stage * blockDim.x + threadIdx.x], true);
        copy_async_commit();
    }
    copy_async_wait<2>();
    __syncthreads();
    for (unsigned stage = 0; stage < stages; stage++) {
        if (stage == 2 && has_wait)
            copy_async_wait<0>();
        __syncthreads();
        out[stage * blockDim.x + threadIdx.x] =
            buffer[stage * blockDim.x + (threadIdx.x + 1) % blockDim.x];
    }
}

/* Whether all stages before `end` arrived. */
bool is_copied(bool has_wait, unsigned end)
{
    device_array<uint4> in(stages * 64, {}), out(stages * 64, {});
    std::vector<uint4> numbers(stages * 64), result;
    for (unsigned i = 0; i < stages * 64; i++)
        numbers[i] = make_uint4(i, i + 1, i + 2, i + 3);
    in.set(numbers);
    CHECK_INT(launch_and_wait(1, 64, stages * 64 * 16, pipeline, out.data(), in.data(), has_wait),
              cudaSuccess);
    result = out.values();
    for (unsigned i = 0; i < end * 64; i++)
        if (result[i].x != i / 64 * 64 + (i + 1) % 64)
            return false;
    return true;
}

void awaited_copies_arrive()
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        emulation::random_reseed(seed);
        CHECK(is_copied(true, stages));
        CHECK(is_copied(false, 2));
    }
}

void missing_wait_shows()
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        emulation::random_reseed(seed);
        CHECK(!is_copied(false, 3));
    }
}

__global__ void copy_or_clear(uint4 *out, const uint4 *in)
{
    __shared__ __align__(16) uint4 buffer[32];
    buffer[threadIdx.x] = make_uint4(9, 9, 9, 9);
    copy_async_16(&buffer[threadIdx.x], threadIdx.x < 20 ? in + threadIdx.x : nullptr,
                  threadIdx.x < 20);
    copy_async_commit();
    copy_async_wait<0>();
    out[threadIdx.x] = buffer[threadIdx.x];
}

void invalid_copies_clear()
{
    device_array<uint4> in(20, make_uint4(1, 2, 3, 4)), out(32, {});
    CHECK_INT(launch_and_wait(1, 32, 0, copy_or_clear, out.data(), in.data()), cudaSuccess);
    const std::vector<uint4> result = out.values();
    for (size_t i = 0; i < 32; i++)
        CHECK_INT(result[i].w, i < 20 ? 4 : 0);
}

const mimo_test tests[] = {
    {"a product by tensor cores equals plain loops", product_equals_plain_loops},
    {"ldmatrix gives each lane its numbers", matrices_are_loaded},
    {"copies that are waited for arrive", awaited_copies_arrive},
    {"a missing wait shows as a wrong result", missing_wait_shows},
    {"a copy that is not valid clears", invalid_copies_clear},
};

} // namespace

MIMO_TEST_MAIN("emulated tensor cores", tests)
