/*
 * attention_warp.cuh - products of bf16 tiles by one warp on tensor cores.
 *
 * The warp owns M slabs of 16 rows of the result and all of its columns, N groups of 8. Lane
 * 4 g + t holds of slab m and group n the elements [m][n][e] at
 *     row 16 m + g + 8 (e / 2), column 8 n + 2 t + e % 2,
 * so that a row is spread over four neighbouring lanes and each lane has two rows of a slab. Two
 * neighbouring groups of a result, rounded to bf16, are the A operand of the next product as they
 * lie (tensor_core.cuh): probabilities never leave the registers.
 */
#ifndef MIMO_RUNTIME_BACKEND_CUDA_KERNELS_ATTENTION_WARP_CUH
#define MIMO_RUNTIME_BACKEND_CUDA_KERNELS_ATTENTION_WARP_CUH

#include "runtime/backend/cuda/kernels/attention_tiles.cuh"

static __device__ __forceinline__ int lane_of()
{
    return (int)(threadIdx.x % WARP);
}

/* Row and column of the lane's first element, within a slab and a group. */
static __device__ __forceinline__ int lane_row()
{
    return lane_of() / 4;
}

static __device__ __forceinline__ int lane_column()
{
    return lane_of() % 4 * 2;
}

/* Two neighbours, the first at an even place. */
static __device__ __forceinline__ __nv_bfloat162 *pair_at(bf16 *elements)
{
    return static_cast<__nv_bfloat162 *>(static_cast<void *>(elements));
}

static __device__ __forceinline__ const __nv_bfloat162 *pair_at(const bf16 *elements)
{
    return static_cast<const __nv_bfloat162 *>(static_cast<const void *>(elements));
}

/* result[rows of a, rows of b] += a · bᵀ; a from row `row` on, b from row 0. */
template <int DIM, int M, int N>
static __device__ __forceinline__ void multiply_rows(float result[M][N][4], const bf16 *a, int row,
                                                     const bf16 *b)
{
    using layout = attention_tile<bf16, DIM>;
    const int lane = lane_of();
    const int a_start = layout::at(row + lane % 16, lane / 16);
    const int b_start = layout::at(lane % 8 + lane / 16 * 8, lane / 8 % 2);
#pragma unroll
    for (int k = 0; k < DIM; k += 16) {
        const bf16 *const a_first = a + layout::along(a_start, k);
        const bf16 *const b_first = b + layout::along(b_start, k);
        uint32_t left[M][4];
#pragma unroll
        for (int m = 0; m < M; m++)
            ldmatrix_x4(left[m], a_first + 16 * m * DIM);
#pragma unroll
        for (int n = 0; n < N; n += 2) {
            uint32_t right[4];
            ldmatrix_x4(right, b_first + 8 * n * DIM);
#pragma unroll
            for (int m = 0; m < M; m++) {
                mma_m16n8k16_bf16(result[m][n], left[m], right, result[m][n]);
                mma_m16n8k16_bf16(result[m][n + 1], left[m], right + 2, result[m][n + 1]);
            }
        }
    }
}

/* result[rows of p, columns of b] += p · b for 8 C columns of b; p [.., 8 N] is a result in
 * registers, b has 8 N rows. */
template <int DIM, int M, int N, int C>
static __device__ __forceinline__ void multiply_columns(float result[M][C][4],
                                                        const float p[M][N][4], const bf16 *b)
{
    using layout = attention_tile<bf16, DIM>;
    const int b_start = layout::at(lane_of() % 16, lane_of() / 16);
#pragma unroll
    for (int k = 0; k < N; k += 2) {
        uint32_t left[M][4];
#pragma unroll
        for (int m = 0; m < M; m++) {
            left[m][0] = pack_bf16(p[m][k][0], p[m][k][1]);
            left[m][1] = pack_bf16(p[m][k][2], p[m][k][3]);
            left[m][2] = pack_bf16(p[m][k + 1][0], p[m][k + 1][1]);
            left[m][3] = pack_bf16(p[m][k + 1][2], p[m][k + 1][3]);
        }
#pragma unroll
        for (int n = 0; n < C; n += 2) {
            uint32_t right[4];
            ldmatrix_x4_trans(right, b + layout::along(b_start, 8 * n) + 8 * k * DIM);
#pragma unroll
            for (int m = 0; m < M; m++) {
                mma_m16n8k16_bf16(result[m][n], left[m], right, result[m][n]);
                mma_m16n8k16_bf16(result[m][n + 1], left[m], right + 2, result[m][n + 1]);
            }
        }
    }
}

template <int M, int N> static __device__ __forceinline__ void clear(float result[M][N][4])
{
#pragma unroll
    for (int m = 0; m < M; m++)
#pragma unroll
        for (int n = 0; n < N; n++)
#pragma unroll
            for (int e = 0; e < 4; e++)
                result[m][n][e] = 0;
}

/* Writes factor[m][e / 2] · result, rounded, to rows `row`.. of a tile of 8 C columns. */
template <int M, int C>
static __device__ __forceinline__ void keep_result(bf16 *tile, int row, const float result[M][C][4],
                                                   const float factor[M][2])
{
    using layout = attention_tile<bf16, 8 * C>;
#pragma unroll
    for (int m = 0; m < M; m++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const int start = layout::at(row + 16 * m + 8 * half + lane_row(), 0);
            const float f = factor[m][half];
#pragma unroll
            for (int n = 0; n < C; n++)
                *pair_at(tile + layout::along(start, 8 * n) + lane_column()) =
                    __floats2bfloat162_rn(f * result[m][n][2 * half],
                                          f * result[m][n][2 * half + 1]);
        }
}

/* Over the four lanes that share a row. */
static __device__ __forceinline__ float row_max(float x)
{
    x = fmaxf(x, __shfl_xor_sync(ALL_LANES, x, 1));
    return fmaxf(x, __shfl_xor_sync(ALL_LANES, x, 2));
}

static __device__ __forceinline__ float row_sum(float x)
{
    x += __shfl_xor_sync(ALL_LANES, x, 1);
    return x + __shfl_xor_sync(ALL_LANES, x, 2);
}

#endif
