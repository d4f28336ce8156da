/*
 * attention_tiles.cuh - tiles of a head's rows in shared memory.
 *
 * A tile is dense: DIM elements a row, zero past the head's own elements and past the last row. It
 * is read and written in chunks of 16 bytes, and chunk c of row r lies where chunk c ^ swizzle(r)
 * would: so the eight lanes that shared memory serves at once never meet in a bank, whether they
 * read one chunk of eight neighbouring rows (ldmatrix, products of rows) or eight chunks of one row
 * (copies, products of columns). Rows of 8 n chunks all start at the same bank, and eight swizzles
 * take turns; rows of 4 (2 n + 1) chunks start at two banks by turns, and four swizzles do, each
 * for two rows.
 */
#ifndef MIMO_RUNTIME_BACKEND_CUDA_KERNELS_ATTENTION_TILES_CUH
#define MIMO_RUNTIME_BACKEND_CUDA_KERNELS_ATTENTION_TILES_CUH

#include "runtime/backend/cuda/kernels/tensor_core.cuh"
#include "runtime/backend/cuda/kernels/vectors.cuh"

/* Rows of a head in global memory: `count` of them may be touched. */
template <typename T> struct attention_rows {
    T *first;
    int64_t stride;
    int count, head_dim;
    bool is_aligned; /* rows start at multiples of 16 bytes and are whole chunks */
};

template <typename T, int DIM> struct attention_tile {
    static constexpr int CHUNKS = DIM / CHUNK<T>;
    static constexpr int SWIZZLES = CHUNKS % 8 == 0 ? 8 : 4, SWIZZLE_ROWS = 8 / SWIZZLES;
    static_assert(CHUNKS % 4 == 0, "the swizzle permutes chunks by fours or eights");

    static constexpr int SPAN = SWIZZLES * CHUNK<T>; /* elements that the swizzle keeps together */

    /* The element that chunk c of row r starts with. It is as far from that of row r + 8 n as the
     * rows are. */
    static __device__ __forceinline__ int at(int row, int chunk)
    {
        return row * DIM + (chunk ^ (int)((unsigned)row / SWIZZLE_ROWS % SWIZZLES)) * CHUNK<T>;
    }

    /* What chunk c + d / CHUNK<T> starts with, from `start`, which is at(row, c): for c = 0, and
     * for c = 1 where d is a multiple of two chunks. Chunks of a row thus take one instruction, and
     * those of different spans one address. */
    static __device__ __forceinline__ int along(int start, int d)
    {
        return (start ^ d % SPAN) + d / SPAN * SPAN;
    }
};

/* How a block's threads share the chunks of a tile of ROWS rows when it is copied: SWIZZLES
 * neighbours share a row, each with every SWIZZLES-th chunk, and go on by STEP rows. That leaves a
 * thread's swizzle the same in all its rows: one address and constant distances are enough. */
template <typename T, int DIM, int ROWS, int THREADS> struct attention_copy {
    using tile = attention_tile<T, DIM>;
    static constexpr int LANES = tile::SWIZZLES, STEP = THREADS / LANES;
    static_assert(STEP % 8 == 0, "a thread keeps its swizzle");
    int row, chunk;

    __device__ __forceinline__ attention_copy()
        : row((int)(threadIdx.x / LANES)), chunk((int)(threadIdx.x % LANES))
    {
    }

    /* Threads beyond a tile of few rows have none. */
    static __device__ __forceinline__ bool is_inside(int row)
    {
        return ROWS % STEP == 0 || row < ROWS;
    }
};

/* Up to `count` elements of a chunk, which may lie anywhere, and zeros. */
template <typename T>
static __device__ __forceinline__ void chunk_load_elements(T *to, const T *from, int count)
{
#pragma unroll
    for (int e = 0; e < CHUNK<T>; e++)
        to[e] = e < count ? from[e] : narrow<T>(0);
}

/* The whole block loads a tile; it is there after copy_async_wait and a barrier. */
template <typename T, int DIM, int ROWS, int THREADS>
static __device__ __forceinline__ void tile_load(T *tile, const attention_rows<const T> &rows)
{
    using layout = attention_tile<T, DIM>;
    const attention_copy<T, DIM, ROWS, THREADS> mine;
    const int first = mine.chunk * CHUNK<T>;
    const T *from = rows.first + mine.row * rows.stride + first;
    T *to = tile + layout::at(mine.row, mine.chunk);
    if (rows.is_aligned) {
#pragma unroll
        for (int r = 0; r < ROWS; r += mine.STEP, from += mine.STEP * rows.stride)
#pragma unroll
            for (int d = 0; d < DIM; d += layout::SPAN)
                if (mine.is_inside(mine.row + r))
                    copy_async_16(to + r * DIM + d, from + d,
                                  mine.row + r < rows.count && first + d < rows.head_dim);
    } else {
#pragma unroll 1
        for (int r = 0; r < ROWS; r += mine.STEP, from += mine.STEP * rows.stride)
#pragma unroll 1
            for (int d = 0; d < DIM; d += layout::SPAN)
                if (mine.is_inside(mine.row + r))
                    chunk_load_elements(to + r * DIM + d, from + d,
                                        mine.row + r < rows.count ? rows.head_dim - first - d : 0);
    }
}

/* The whole block stores the valid elements of a tile, a barrier after it was written. */
template <typename T, int DIM, int ROWS, int THREADS>
static __device__ __forceinline__ void tile_store(const attention_rows<T> &rows, const T *tile)
{
    using layout = attention_tile<T, DIM>;
    if (rows.is_aligned) {
        const attention_copy<T, DIM, ROWS, THREADS> mine;
        const int chunks = rows.head_dim / CHUNK<T>, last = min(ROWS, rows.count);
        for (int r = mine.row; r < last; r += mine.STEP)
            for (int c = mine.chunk; c < chunks; c += mine.LANES)
                store(rows.first + r * rows.stride + c * CHUNK<T>,
                      load<CHUNK<T>>(tile + layout::at(r, c)));
        return;
    }
    for (unsigned i = threadIdx.x; i < ROWS * DIM; i += THREADS) {
        const int row = (int)(i / DIM), d = (int)(i % DIM);
        if (row < rows.count && d < rows.head_dim)
            rows.first[row * rows.stride + d] = tile[layout::at(row, d / CHUNK<T>) + d % CHUNK<T>];
    }
}

#endif
