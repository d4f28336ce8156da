/*
 * team.cuh - a team of threads to each row, and sums over it.
 *
 * A block has blockDim.y teams of blockDim.x threads: several of one warp, or one of several warps.
 * A row's chunks (of N elements) go round the team. All threads of a block take part in its sums,
 * those of teams without a row too.
 */
#ifndef MIMO_RUNTIME_BACKEND_CUDA_KERNELS_TEAM_CUH
#define MIMO_RUNTIME_BACKEND_CUDA_KERNELS_TEAM_CUH

#include "runtime/backend/cuda/kernels/elementwise.cuh"

struct sum_of {
    static constexpr float NONE = 0.0f;
    static __device__ __forceinline__ float over_warp(float x)
    {
        return warp_sum(x);
    }
};

struct maximum_of {
    static constexpr float NONE = -INFINITY;
    static __device__ __forceinline__ float over_warp(float x)
    {
        return warp_max(x);
    }
};

/* The sums, or the maxima, of COUNT values each over the team, on all of its threads; in an order
 * that depends on the team's size alone. */
template <typename Kind, int COUNT> static __device__ void over_team(float (&values)[COUNT])
{
    __shared__ float of_warp[COUNT][WARP];
    const int lane = static_cast<int>(threadIdx.x) % WARP;
    const int warp = static_cast<int>(threadIdx.x) / WARP;

#pragma unroll
    for (int i = 0; i < COUNT; i++)
        values[i] = Kind::over_warp(values[i]);
    if (blockDim.x == WARP)
        return;
    __syncthreads(); /* all have read what of_warp held before */
    if (lane == 0)
        for (int i = 0; i < COUNT; i++)
            of_warp[i][warp] = values[i];
    __syncthreads();
#pragma unroll
    for (int i = 0; i < COUNT; i++)
        values[i] = Kind::over_warp(lane * WARP < static_cast<int>(blockDim.x) ? of_warp[i][lane]
                                                                               : Kind::NONE);
}

static __device__ __forceinline__ float team_sum(float x)
{
    float values[1] = {x};
    over_team<sum_of>(values);
    return values[0];
}

static __device__ __forceinline__ float team_max(float x)
{
    float values[1] = {x};
    over_team<maximum_of>(values);
    return values[0];
}

/*
 * The thread's chunks of a row, as work(chunk, slot). What the thread keeps of the first KEPT in
 * registers has slots of its own; the others share slot KEPT, one after the other.
 */
template <int KEPT, typename Work>
static __device__ __forceinline__ void for_chunks(int chunks, Work work)
{
    const int team = static_cast<int>(blockDim.x);
    int chunk = static_cast<int>(threadIdx.x);

#pragma unroll
    for (int slot = 0; slot < KEPT; slot++, chunk += team)
        if (chunk < chunks)
            work(chunk, slot);
    for (; chunk < chunks; chunk += team)
        work(chunk, KEPT);
}

/* The columns of the thread's chunks, none for a team without a row. */
template <int N, typename Work>
static __device__ __forceinline__ void for_columns(bool has_row, int64_t count, Work work)
{
    const int64_t end = has_row ? count : 0, step = static_cast<int64_t>(blockDim.x) * N;
#pragma unroll 4
    for (int64_t column = static_cast<int64_t>(threadIdx.x) * N; column < end; column += step)
        work(column);
}

/* The rows of the thread's team; has_row is false where other teams of the block have more. */
template <typename Work>
static __device__ __forceinline__ void for_team_rows(int64_t rows, Work work)
{
    const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.y;
    for (int64_t row = static_cast<int64_t>(blockIdx.x) * blockDim.y; row < rows; row += step)
        work(row + threadIdx.y, row + threadIdx.y < rows);
}

/* Teams for rows of which each thread gets `share` chunks, where at most `most` threads allow. */
static inline dim3 teams(int64_t chunks, int share, unsigned most)
{
    constexpr unsigned LEAST_BLOCK = 128;
    const unsigned team = thread_count(ceil_div(chunks, share), WARP, most);
    return dim3(team, team == WARP ? LEAST_BLOCK / WARP : 1);
}

static inline dim3 blocks_of(int64_t rows, dim3 block)
{
    return dim3(static_cast<unsigned>(std::min(ceil_div(rows, block.y), GRID_X_MAX)));
}

#endif
