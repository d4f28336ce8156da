/*
 * elementwise.cuh - operations whose elements do not depend on each other.
 *
 * The work is a struct of the operation's arguments with one function over N neighbouring elements:
 *     template <int N> void run(int64_t i) const;               elements i ... i + N - 1
 *     template <int N> void run(int64_t row, int64_t i) const;  the same of a row
 * A thread does all of its reading before its writing, so that outputs may be inputs.
 */
#ifndef MIMO_RUNTIME_BACKEND_CUDA_KERNELS_ELEMENTWISE_CUH
#define MIMO_RUNTIME_BACKEND_CUDA_KERNELS_ELEMENTWISE_CUH

#include "runtime/backend/cuda/kernels/vectors.cuh"

#include <algorithm>

constexpr int ELEMENTWISE_THREADS = 256, ELEMENTWISE_BLOCKS = 5; /* of a multiprocessor */
constexpr int64_t GRID_X_MAX = INT32_MAX, GRID_Y_MAX = UINT16_MAX;

/* ---- arrays ---- */

/* The first thread's N elements start `lead` before the array, where vectors are aligned. */
template <int N, typename Work>
static __global__ void __launch_bounds__(ELEMENTWISE_THREADS, ELEMENTWISE_BLOCKS)
    each_element(const Work work, int64_t count, int64_t lead)
{
    const int64_t thread = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    const int64_t first = thread * N - lead, end = first + N;

    if (first >= 0 && end <= count) {
        work.template run<N>(first);
        return;
    }
    for (int64_t i = first < 0 ? 0 : first; i < (end < count ? end : count); i++)
        work.template run<1>(i);
}

/* `tensors` are the arrays that the work goes over: vectors serve where all lie alike. */
template <int N, typename Work, typename First, typename... Rest>
static void for_elements(struct mimo_backend *be, const char *operation, const Work &work,
                         int64_t count, const First *first, const Rest *...rest)
{
    const int64_t lead = misalignment<N>(first);
    const bool is_alike = ((misalignment<N>(rest) == lead) && ...);
    const int64_t threads = is_alike ? ceil_div(count + lead, N) : count;
    const int64_t blocks = count > 0 ? ceil_div(threads, ELEMENTWISE_THREADS) : 0;

    MIMO_ASSERT(blocks <= GRID_X_MAX);
    launch(be, operation, dim3(static_cast<unsigned>(blocks)), dim3(ELEMENTWISE_THREADS), 0,
           is_alike ? each_element<N, Work> : each_element<1, Work>, work, count,
           is_alike ? lead : 0);
}

/* ---- rows ---- */

template <int N, typename Work>
static __global__ void __launch_bounds__(ELEMENTWISE_THREADS, ELEMENTWISE_BLOCKS)
    each_row(const Work work, int64_t rows, int64_t chunks)
{
    const int64_t row_step = static_cast<int64_t>(gridDim.x) * blockDim.y;
    const int64_t step = static_cast<int64_t>(gridDim.y) * blockDim.x;
    const int64_t first = static_cast<int64_t>(blockIdx.y) * blockDim.x + threadIdx.x;
    int64_t row = static_cast<int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;

    for (; row < rows; row += row_step)
        for (int64_t chunk = first; chunk < chunks; chunk += step)
            work.template run<N>(row, chunk * N);
}

/* The power of two from `least` to `most`, both such, that is the smallest not below `wanted`. */
static inline unsigned thread_count(int64_t wanted, unsigned least, unsigned most)
{
    unsigned threads = least;
    while (threads < most && threads < wanted)
        threads *= 2;
    return threads;
}

/* Over `rows` rows of `cols` elements, N at a time where `is_aligned`. */
template <int N, typename Work>
static void for_rows(struct mimo_backend *be, const char *operation, const Work &work, int64_t rows,
                     int64_t cols, bool is_aligned)
{
    const int64_t chunks = is_aligned ? cols / N : cols;
    const unsigned width = thread_count(chunks, 1, ELEMENTWISE_THREADS);
    const dim3 block(width, ELEMENTWISE_THREADS / width);
    const dim3 grid(static_cast<unsigned>(std::min(ceil_div(rows, block.y), GRID_X_MAX)),
                    static_cast<unsigned>(std::min(ceil_div(chunks, width), GRID_Y_MAX)));

    launch(be, operation, grid, block, 0, is_aligned ? each_row<N, Work> : each_row<1, Work>, work,
           rows, chunks);
}

#endif
