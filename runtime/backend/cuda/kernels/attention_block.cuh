/*
 * attention_block.cuh - products of float32 tiles by a block of 16 × 16 threads.
 *
 * Thread 16 i + j has of a result of rows the elements [r][c] at row i + 16 r, column j + 16 c, and
 * of one of a head's elements [r][c][e] at row i + 16 r, column 2 (j + 16 c) + e: neighbours read
 * neighbouring rows or elements, and a row is spread over half a warp.
 */
#ifndef MIMO_RUNTIME_BACKEND_CUDA_KERNELS_ATTENTION_BLOCK_CUH
#define MIMO_RUNTIME_BACKEND_CUDA_KERNELS_ATTENTION_BLOCK_CUH

#include "runtime/backend/cuda/kernels/attention_tiles.cuh"

constexpr int SIDE = 16;

static __device__ __forceinline__ int thread_row()
{
    return (int)(threadIdx.x / SIDE);
}

static __device__ __forceinline__ int thread_column()
{
    return (int)(threadIdx.x % SIDE);
}

template <int R, int C> static __device__ __forceinline__ void clear(float result[R][C])
{
#pragma unroll
    for (int r = 0; r < R; r++)
#pragma unroll
        for (int c = 0; c < C; c++)
            result[r][c] = 0;
}

template <int DIM, int R>
static __device__ __forceinline__ void clear_sums(float result[R][DIM / 32][2])
{
#pragma unroll
    for (int r = 0; r < R; r++)
        clear<DIM / 32, 2>(result[r]);
}

/* result[rows of a, rows of b] += a · bᵀ */
template <int DIM, int R, int C>
static __device__ __forceinline__ void multiply_rows(float result[R][C], const float *a,
                                                     const float *b)
{
    using layout = attention_tile<float, DIM>;
    const int a_start = layout::at(thread_row(), 0), b_start = layout::at(thread_column(), 0);
#pragma unroll 4
    for (int d = 0; d < DIM; d += 4) {
        vector<float, 4> left[R], right[C];
#pragma unroll
        for (int r = 0; r < R; r++)
            left[r] = load<4>(a + layout::along(a_start, d) + SIDE * r * DIM);
#pragma unroll
        for (int c = 0; c < C; c++)
            right[c] = load<4>(b + layout::along(b_start, d) + SIDE * c * DIM);
#pragma unroll
        for (int r = 0; r < R; r++)
#pragma unroll
            for (int c = 0; c < C; c++)
#pragma unroll
                for (int e = 0; e < 4; e++)
                    result[r][c] += left[r].at[e] * right[c].at[e];
    }
}

/* Hands a result of rows to the whole block, as a tile of 16 C columns; to be read after a barrier.
 */
template <int R, int C>
static __device__ __forceinline__ void share_result(float *tile, const float result[R][C])
{
    using layout = attention_tile<float, SIDE * C>;
    const int j = thread_column();
#pragma unroll
    for (int r = 0; r < R; r++)
#pragma unroll
        for (int c = 0; c < C; c++)
            tile[layout::at(thread_row() + SIDE * r, (j + SIDE * c) / 4) + j % 4] = result[r][c];
}

/* result[rows of p, columns of b] += p · b; p is a tile of K columns, b has K rows. */
template <int DIM, int K, int R>
static __device__ __forceinline__ void multiply_columns(float result[R][DIM / 32][2],
                                                        const float *p, const float *b)
{
    const int p_start = attention_tile<float, K>::at(thread_row(), 0), j = thread_column();
#pragma unroll 1
    for (int k = 0; k < K; k += 4) {
        vector<float, 4> left[R];
#pragma unroll
        for (int r = 0; r < R; r++)
            left[r] = load<4>(p + attention_tile<float, K>::along(p_start, k) + SIDE * r * K);
#pragma unroll
        for (int e = 0; e < 4; e++) {
            const int start = attention_tile<float, DIM>::at(k + e, j / 2) + j % 2 * 2;
#pragma unroll
            for (int c = 0; c < DIM / 32; c++) {
                const vector<float, 2> right = load<2>(b + start + 32 * c);
#pragma unroll
                for (int r = 0; r < R; r++) {
                    result[r][c][0] += left[r].at[e] * right.at[0];
                    result[r][c][1] += left[r].at[e] * right.at[1];
                }
            }
        }
    }
}

/* Writes factor[r] · result to a tile. */
template <int DIM, int R>
static __device__ __forceinline__ void keep_result(float *tile, const float result[R][DIM / 32][2],
                                                   const float factor[R])
{
    const int j = thread_column();
#pragma unroll
    for (int r = 0; r < R; r++) {
        const int start =
            attention_tile<float, DIM>::at(thread_row() + SIDE * r, j / 2) + j % 2 * 2;
#pragma unroll
        for (int c = 0; c < DIM / 32; c++)
            store(tile + start + 32 * c,
                  vector<float, 2>{{factor[r] * result[r][c][0], factor[r] * result[r][c][1]}});
    }
}

/* Over the half warp that shares a row. */
static __device__ __forceinline__ float row_max(float x)
{
#pragma unroll
    for (int distance = SIDE / 2; distance > 0; distance /= 2)
        x = fmaxf(x, __shfl_xor_sync(ALL_LANES, x, distance));
    return x;
}

static __device__ __forceinline__ float row_sum(float x)
{
#pragma unroll
    for (int distance = SIDE / 2; distance > 0; distance /= 2)
        x += __shfl_xor_sync(ALL_LANES, x, distance);
    return x;
}

#endif
