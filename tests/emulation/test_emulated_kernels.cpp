/* The language of kernels: threads, barriers, warp functions, shared memory, launches, arithmetic.
 */
#include "random.h"
#include "test_device.h"
#include "tests/unit/check.h"

#include <algorithm>
#include <cuda_bf16.h>
#include <vector>

namespace
{

/* ---- threads and blocks ---- */

__device__ unsigned linear(uint3 index, dim3 extent)
{
    return index.x + extent.x * (index.y + extent.y * index.z);
}

__global__ void count_visits(int *visits)
{
    const unsigned block_size = blockDim.x * blockDim.y * blockDim.z;
    atomicAdd(&visits[linear(blockIdx, gridDim) * block_size + linear(threadIdx, blockDim)], 1);
}

void every_thread_runs_once()
{
    const dim3 blocks(3, 2, 4), threads(5, 3, 7);
    device_array<int> visits(3 * 2 * 4 * 5 * 3 * 7, 0);
    CHECK_INT(launch_and_wait(blocks, threads, 0, count_visits, visits.data()), cudaSuccess);
    for (int each : visits.values())
        CHECK_INT(each, 1);
}

__global__ void note_order(unsigned *order, unsigned *next)
{
    order[atomicAdd(next, 1u)] = blockIdx.x * blockDim.x + threadIdx.x;
}

std::vector<unsigned> order_with_seed(uint64_t seed)
{
    device_array<unsigned> order(4 * 8, 0), next(1, 0);
    emulation::random_reseed(seed);
    CHECK_INT(launch_and_wait(4, 8, 0, note_order, order.data(), next.data()), cudaSuccess);
    return order.values();
}

void order_is_random()
{
    const std::vector<unsigned> first = order_with_seed(1);
    unsigned differing_blocks = 0, differing_threads = 0;
    for (uint64_t seed = 2; seed < 12; seed++) {
        const std::vector<unsigned> other = order_with_seed(seed);
        differing_blocks += other[0] / 8 != first[0] / 8;
        differing_threads += other[0] % 8 != first[0] % 8;
    }
    CHECK(differing_blocks > 0);
    CHECK(differing_threads > 0);
}

struct pair_of_numbers {
    int first;
    double second;
};

__global__ void store_arguments(double *out, pair_of_numbers pair, float scale)
{
    out[0] = pair.first * static_cast<double>(scale) + pair.second;
}

void arguments_are_copied_at_launch()
{
    device_array<double> out(1, 0.0);
    pair_of_numbers pair = {3, 0.25};
    const cudaLaunchConfig_t config = configuration(1, 1, 0);
    CHECK_INT(cudaLaunchKernelEx(&config, store_arguments, out.data(), pair, 2), cudaSuccess);
    pair = {0, 0};
    CHECK(out.values()[0] == 6.25);
}

/* ---- barriers ---- */

__global__ void reverse(int *numbers)
{
    __shared__ int copy[256];
    copy[threadIdx.x] = numbers[threadIdx.x];
    __syncthreads();
    numbers[threadIdx.x] = copy[blockDim.x - 1 - threadIdx.x];
}

__global__ void reverse_without_barrier(int *numbers)
{
    __shared__ int copy[256];
    copy[threadIdx.x] = numbers[threadIdx.x];
    numbers[threadIdx.x] = copy[blockDim.x - 1 - threadIdx.x];
}

bool is_reversed_by(void (*kernel)(int *))
{
    device_array<int> numbers(256, 0);
    std::vector<int> ascending(256), result;
    for (int i = 0; i < 256; i++)
        ascending[static_cast<size_t>(i)] = i + 1000;
    numbers.set(ascending);
    CHECK_INT(launch_and_wait(1, 256, 0, kernel, numbers.data()), cudaSuccess);
    result = numbers.values();
    std::reverse(result.begin(), result.end());
    return result == ascending;
}

void barrier_holds_threads_back()
{
    for (int i = 0; i < 20; i++)
        CHECK(is_reversed_by(reverse));
}

void missing_barrier_shows()
{
    CHECK(!is_reversed_by(reverse_without_barrier));
}

/* Rounds follow each other so closely that a barrier which let a thread through twice would mix
 * them. */
__global__ void pass_round(int *wrong)
{
    __shared__ int slots[64];
    for (int round = 0; round < 50; round++) {
        slots[threadIdx.x] = round * 64 + static_cast<int>(threadIdx.x);
        __syncthreads();
        const int neighbour = static_cast<int>(threadIdx.x + 1) % 64;
        if (slots[neighbour] != round * 64 + neighbour)
            atomicAdd(wrong, 1);
        __syncthreads();
    }
}

void barriers_repeat()
{
    device_array<int> wrong(1, 0);
    CHECK_INT(launch_and_wait(3, 64, 0, pass_round, wrong.data()), cudaSuccess);
    CHECK_INT(wrong.values()[0], 0);
}

__global__ void vote_in_block(int *results, int limit)
{
    const int is_below = static_cast<int>(threadIdx.x) < limit;
    const int count = __syncthreads_count(is_below);
    const int all = __syncthreads_and(is_below), any = __syncthreads_or(is_below);
    results[threadIdx.x] = count * 100 + all * 10 + any;
}

void barriers_vote()
{
    const int limits[] = {0, 1, 39, 40};
    const int expected[] = {0, 101, 3901, 4011};
    for (int i = 0; i < 4; i++) {
        device_array<int> results(40, -1);
        CHECK_INT(launch_and_wait(1, 40, 0, vote_in_block, results.data(), limits[i]), cudaSuccess);
        for (int each : results.values())
            CHECK_INT(each, expected[i]);
    }
}

/* ---- warps ---- */

template <typename T> __global__ void shuffle_all(T *out, int width)
{
    const T mine = static_cast<T>(threadIdx.x) * 3 + 1;
    T *row = out + threadIdx.x * 4;
    row[0] = __shfl_sync(0xffffffffu, mine, 5, width);
    row[1] = __shfl_up_sync(0xffffffffu, mine, 3, width);
    row[2] = __shfl_down_sync(0xffffffffu, mine, 3, width);
    row[3] = __shfl_xor_sync(0xffffffffu, mine, 6, width);
}

/* The lanes read, written down segment by segment. */
int expected_source(int function, int lane, int width)
{
    const int segment = lane / width * width, place = lane % width;
    switch (function) {
    case 0:
        return segment + 5 % width;
    case 1:
        return place < 3 ? lane : lane - 3;
    case 2:
        return place + 3 < width ? lane + 3 : lane;
    default:
        return (lane ^ 6) < segment + width ? lane ^ 6 : lane;
    }
}

template <typename T> void check_shuffles(int width)
{
    device_array<T> out(64 * 4, T(0));
    CHECK_INT(launch_and_wait(1, 64, 0, shuffle_all<T>, out.data(), width), cudaSuccess);
    const std::vector<T> values = out.values();
    for (int thread = 0; thread < 64; thread++)
        for (int function = 0; function < 4; function++) {
            const int source = thread / 32 * 32 + expected_source(function, thread % 32, width);
            CHECK_NEAR(values[static_cast<size_t>(thread * 4 + function)], source * 3 + 1, 0);
        }
}

void shuffles_exchange()
{
    for (int width = 1; width <= 32; width *= 2) {
        check_shuffles<int>(width);
        check_shuffles<float>(width);
        check_shuffles<double>(width);
        check_shuffles<unsigned long long>(width);
    }
}

__global__ void sum_over_warps(float *sums, const float *numbers)
{
    float sum = numbers[blockIdx.x * blockDim.x + threadIdx.x];
    for (int step = warpSize / 2; step > 0; step /= 2)
        sum += __shfl_xor_sync(0xffffffffu, sum, step);
    sums[blockIdx.x * blockDim.x + threadIdx.x] = sum;
}

void warps_are_separate()
{
    std::vector<float> numbers(4 * 96);
    device_array<float> input(numbers.size(), 0), sums(numbers.size(), 0);
    for (size_t i = 0; i < numbers.size(); i++)
        numbers[i] = static_cast<float>(i);
    input.set(numbers);
    CHECK_INT(launch_and_wait(4, 96, 0, sum_over_warps, sums.data(), input.data()), cudaSuccess);
    const std::vector<float> results = sums.values();
    for (size_t i = 0; i < results.size(); i++)
        CHECK_NEAR(results[i], static_cast<double>(i / 32 * 32) * 32 + 31 * 16, 0);
}

/* Halves of a warp take part in different functions at the same time and meet again. */
__global__ void diverge(unsigned *out)
{
    const unsigned lane = threadIdx.x;
    if (lane < 16) {
        out[lane] = __ballot_sync(0x0000ffffu, lane % 2 == 0);
    } else {
        const int any = __any_sync(0xffff0000u, lane == 31);
        out[lane] = __shfl_sync(0xffff0000u, lane, 20) + static_cast<unsigned>(any);
    }
    __syncwarp();
    out[32 + lane] = __all_sync(0xffffffffu, out[lane ^ 1] != 0) ? 1 : 0;
}

void halves_of_a_warp_diverge()
{
    device_array<unsigned> out(64, 0);
    CHECK_INT(launch_and_wait(1, 32, 0, diverge, out.data()), cudaSuccess);
    const std::vector<unsigned> values = out.values();
    for (size_t lane = 0; lane < 32; lane++) {
        CHECK_INT(values[lane], lane < 16 ? 0x5555u : 21u);
        CHECK_INT(values[32 + lane], 1);
    }
}

/* ---- shared memory ---- */

__global__ void fill_dynamic(int *nan_count, unsigned count)
{
    float *numbers = static_cast<float *>(MIMO_EMULATED_DYNAMIC_SHARED());
    if (threadIdx.x == 0)
        for (unsigned i = 0; i < count; i++) {
            *nan_count += isnan(numbers[i]);
            numbers[i] = 1.0f;
        }
}

void dynamic_shared_memory_is_garbage_in_each_block()
{
    device_array<int> nan_count(1, 0);
    CHECK_INT(launch_and_wait(3, 32, 40, fill_dynamic, nan_count.data(), 10u), cudaSuccess);
    CHECK_INT(nan_count.values()[0], 30);
}

/* ---- launches that are refused ---- */

__global__ void nothing()
{
}

__global__ void nothing_with_opting()
{
}

void launches_are_checked()
{
    CHECK_INT(launch_and_wait(1, 1025, 0, nothing), cudaErrorInvalidConfiguration);
    CHECK_INT(launch_and_wait(1, dim3(32, 33), 0, nothing), cudaErrorInvalidConfiguration);
    CHECK_INT(launch_and_wait(1, dim3(1, 1, 65), 0, nothing), cudaErrorInvalidConfiguration);
    CHECK_INT(launch_and_wait(0, 32, 0, nothing), cudaErrorInvalidConfiguration);
    CHECK_INT(launch_and_wait(dim3(1, 65536), 32, 0, nothing), cudaErrorInvalidConfiguration);
    CHECK_INT(cudaGetLastError(), cudaErrorInvalidConfiguration);
    CHECK_INT(cudaGetLastError(), cudaSuccess);
    CHECK_INT(launch_and_wait(dim3(1, 2, 3), dim3(16, 16, 4), 48 * 1024, nothing), cudaSuccess);
}

void more_shared_memory_is_opted_in_to()
{
    const auto attribute = cudaFuncAttributeMaxDynamicSharedMemorySize;
    CHECK_INT(launch_and_wait(1, 32, 64 * 1024, nothing_with_opting), cudaErrorInvalidValue);
    CHECK_INT(cudaFuncSetAttribute(nothing_with_opting, attribute, 64 * 1024), cudaSuccess);
    CHECK_INT(launch_and_wait(1, 32, 64 * 1024, nothing_with_opting), cudaSuccess);
    CHECK_INT(launch_and_wait(1, 32, 64 * 1024 + 1, nothing_with_opting), cudaErrorInvalidValue);
    CHECK_INT(launch_and_wait(1, 32, 64 * 1024, nothing), cudaErrorInvalidValue);
    CHECK_INT(cudaFuncSetAttribute(nothing, attribute, 228 * 1024), cudaErrorInvalidValue);
    (void)cudaGetLastError();
}

/* ---- arithmetic ---- */

void bfloat16_rounds_to_nearest_even()
{
    for (unsigned bits = 0; bits < 0x10000u; bits++) {
        const __nv_bfloat16 value = __ushort_as_bfloat16(static_cast<unsigned short>(bits));
        const float wide = __bfloat162float(value);
        if (!isnan(wide))
            CHECK_INT(__bfloat16_as_ushort(__float2bfloat16(wide)), bits);
        else
            CHECK(isnan(__bfloat162float(__float2bfloat16(wide))));
    }
    CHECK_INT(__bfloat16_as_ushort(__float2bfloat16(__uint_as_float(0x3f808000u))), 0x3f80);
    CHECK_INT(__bfloat16_as_ushort(__float2bfloat16(__uint_as_float(0x3f818000u))), 0x3f82);
    CHECK_INT(__bfloat16_as_ushort(__float2bfloat16(__uint_as_float(0x3f808001u))), 0x3f81);
    CHECK_INT(__bfloat16_as_ushort(__float2bfloat16(__uint_as_float(0x7f7fffffu))), 0x7f80);
    const __nv_bfloat162 pair = __floats2bfloat162_rn(1.5f, -2.0f);
    CHECK_NEAR(__low2float(pair), 1.5, 0);
    CHECK_NEAR(__bfloat1622float2(pair).y, -2.0, 0);
}

void intrinsics_compute()
{
    CHECK_INT(__float2int_rn(2.5f), 2);
    CHECK_INT(__float2int_rn(-3.5f), -4);
    CHECK_INT(__float2int_rn(1e20f), INT32_MAX);
    CHECK_INT(__float2int_rn(NAN), 0);
    CHECK_INT(__clz(1), 31);
    CHECK_INT(__clz(0), 32);
    CHECK_INT(__ffs(8), 4);
    CHECK_INT(__popc(0xf0f0u), 8);
    CHECK_INT(__float_as_uint(1.0f), 0x3f800000);
    CHECK_NEAR(rsqrtf(4.0f), 0.5, 0);
    CHECK_NEAR(max(1.0f, NAN), 1.0, 0);
    CHECK_INT(min(3u, 2u), 2);
}

__global__ void count_atomically(int *sum, int *largest, unsigned long long *wide)
{
    const int number = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    atomicAdd(sum, number);
    atomicMax(largest, number);
    atomicAdd(wide, 1ull << 33);
}

void atomics_count()
{
    device_array<int> sum(1, 0), largest(1, -1);
    device_array<unsigned long long> wide(1, 0);
    CHECK_INT(launch_and_wait(5, 100, 0, count_atomically, sum.data(), largest.data(), wide.data()),
              cudaSuccess);
    CHECK_INT(sum.values()[0], 499 * 500 / 2);
    CHECK_INT(largest.values()[0], 499);
    CHECK_INT(wide.values()[0], 500ll << 33);
}

const mimo_test tests[] = {
    {"every thread of a grid runs once", every_thread_runs_once},
    {"the order of blocks and threads depends on the seed", order_is_random},
    {"arguments are converted and copied at the launch", arguments_are_copied_at_launch},
    {"a barrier holds threads back", barrier_holds_threads_back},
    {"a missing barrier shows as a wrong result", missing_barrier_shows},
    {"barriers repeat", barriers_repeat},
    {"barriers count, and, or", barriers_vote},
    {"shuffles of all kinds, widths and types", shuffles_exchange},
    {"warps do not mix", warps_are_separate},
    {"halves of a warp diverge and meet again", halves_of_a_warp_diverge},
    {"dynamic shared memory is NaN in each block", dynamic_shared_memory_is_garbage_in_each_block},
    {"launches outside the limits are refused", launches_are_checked},
    {"more than 48 KiB of shared memory must be opted in to", more_shared_memory_is_opted_in_to},
    {"bfloat16 rounds to nearest even", bfloat16_rounds_to_nearest_even},
    {"intrinsics", intrinsics_compute},
    {"atomics", atomics_count},
};

} // namespace

MIMO_TEST_MAIN("emulated kernels", tests)
