/*
 * attention_forward_bf16.cu - attention on tensor cores, forward (FlashAttention-2: Dao 2023).
 *
 * A block takes ROWS queries of one head, a warp M slabs of 16 of them, and goes through the keys
 * that they see, KEYS at a time. While a tile of keys and values is worked on, the next one is on
 * its way to shared memory. The running maximum and sum of each query (online softmax: Milakov and
 * Gimelshein 2018) and the weighted sums of values stay in registers, as scores do.
 */
#include "runtime/backend/cuda/kernels/attention_call.cuh"
#include "runtime/backend/cuda/kernels/attention_warp.cuh"

namespace
{

/* Registers of a thread, at DIM = 128: 128 for the sums, 64 for scores of 32 × 64. Shared memory:
 * 96 KiB, so that two blocks fit a multiprocessor of 228 KiB and one fits those of 100. */
template <int DIM> struct tiling {
    static constexpr int WARPS = 4, THREADS = WARPS * WARP;
    static constexpr int M = DIM > 128 ? 1 : 2, ROWS = WARPS * M * 16;
    static constexpr int KEYS = DIM > 128 ? 32 : 64, N = KEYS / 8, C = DIM / 8;
    static constexpr int Q = ROWS * DIM, STAGE = 2 * KEYS * DIM; /* elements in shared memory */
    static constexpr size_t SHARED_BYTES = (Q + 2 * STAGE) * sizeof(bf16);
};

/* Of the lane's rows; totals are of the lane's own columns. */
template <int M, int C> struct running {
    float maximum[M][2], total[M][2];
    float sums[M][C][4];
};

template <int M, int C> __device__ __forceinline__ void start(running<M, C> &run)
{
#pragma unroll
    for (int m = 0; m < M; m++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
            run.maximum[m][half] = -INFINITY;
            run.total[m][half] = 0;
        }
    clear<M, C>(run.sums);
}

/* Scores of keys that a query does not see become -inf. `query` and `key` are those of the lane's
 * first row and column. */
template <int M, int N>
__device__ __forceinline__ void mask(const attention_shape &shape, float scores[M][N][4], int query,
                                     int key)
{
#pragma unroll
    for (int m = 0; m < M; m++)
#pragma unroll
        for (int e = 0; e < 4; e++) {
            const int seen = keys_seen(shape, query + 16 * m + 8 * (e / 2)) - key - e % 2;
#pragma unroll
            for (int n = 0; n < N; n++)
                if (8 * n >= seen)
                    scores[m][n][e] = -INFINITY;
        }
}

/* Scores become 2^(scaled score - scaled maximum), and what was summed so far is made relative to
 * the new maximum. A query that has seen no key yet has -inf as its maximum and in all its scores:
 * they become 0. */
template <int M, int N, int C>
__device__ __forceinline__ void softmax(running<M, C> &run, float scores[M][N][4], float scale_log2)
{
#pragma unroll
    for (int m = 0; m < M; m++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
            float largest = run.maximum[m][half], total = 0;
#pragma unroll
            for (int n = 0; n < N; n++)
                largest = fmaxf(largest, fmaxf(scores[m][n][2 * half], scores[m][n][2 * half + 1]));
            largest = row_max(largest);
            const float shift = largest == -INFINITY ? 0 : largest * scale_log2;
            const float factor = exp2_fast(run.maximum[m][half] * scale_log2 - shift);
            run.maximum[m][half] = largest;
#pragma unroll
            for (int n = 0; n < N; n++)
#pragma unroll
                for (int e = 2 * half; e < 2 * half + 2; e++) {
                    scores[m][n][e] = exp2_fast(scores[m][n][e] * scale_log2 - shift);
                    total += scores[m][n][e];
                }
            run.total[m][half] = run.total[m][half] * factor + total;
#pragma unroll
            for (int c = 0; c < C; c++) {
                run.sums[m][c][2 * half] *= factor;
                run.sums[m][c][2 * half + 1] *= factor;
            }
        }
}

/* The result of the warp's rows, `row`.., goes to the tile and their lse to global memory. A query
 * that sees no key gives zeros, and -inf as lse. `query` is that of the tile's first row. */
template <int M, int C>
__device__ __forceinline__ void finish(const attention_shape &shape, const running<M, C> &run,
                                       bf16 *tile, float *lse, int query, int row)
{
    float factor[M][2];
#pragma unroll
    for (int m = 0; m < M; m++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const float total = row_sum(run.total[m][half]);
            const int at = query + row + 16 * m + 8 * half + lane_row();
            factor[m][half] = total == 0 ? 0 : 1 / total;
            if (lane_column() == 0 && at < shape.queries)
                lse[at] = run.maximum[m][half] * shape.scale + logf(total);
        }
    keep_result<M, C>(tile, row, run.sums, factor);
}

template <int DIM>
__global__ void __launch_bounds__(tiling<DIM>::THREADS, 2)
    forward(const attention_forward_call<bf16> call, const attention_schedule schedule)
{
    using T = tiling<DIM>;
    constexpr int M = T::M, N = T::N, C = T::C;
    DYNAMIC_SHARED(bf16, shared);
    bf16 *const q_tile = shared, *const stages = shared + T::Q;
    const attention_shape &shape = call.shape;
    const attention_queries mine(shape, schedule, T::ROWS);
    const int row = (int)(threadIdx.x / WARP) * 16 * M, query = mine.first + row; /* the warp's */
    const int end = mine.keys_end(T::ROWS);
    const auto load = [&](int key) {
        bf16 *const stage = stages + key / T::KEYS % 2 * T::STAGE;
        tile_load<bf16, DIM, T::KEYS, T::THREADS>(stage,
                                                  mine.key_rows(call.k, shape.k_stride, key));
        tile_load<bf16, DIM, T::KEYS, T::THREADS>(stage + T::STAGE / 2,
                                                  mine.key_rows(call.v, shape.v_stride, key));
        copy_async_commit();
    };
    running<M, C> run;

    start<M, C>(run);
    tile_load<bf16, DIM, T::ROWS, T::THREADS>(q_tile, mine.rows(call.q, shape.q_stride));
    load(0);
    for (int key = 0; key < end; key += T::KEYS) {
        const bf16 *const stage = stages + key / T::KEYS % 2 * T::STAGE;
        float scores[M][N][4];
        copy_async_wait<0>();
        __syncthreads(); /* this tile is there, and the other stage is no longer read */
        if (key + T::KEYS < end)
            load(key + T::KEYS);
        if (query >= shape.queries)
            continue;
        clear<M, N>(scores);
        multiply_rows<DIM, M, N>(scores, q_tile, row, stage);
        if (keys_seen(shape, query) < key + T::KEYS)
            mask<M, N>(shape, scores, query + lane_row(), key + lane_column());
        softmax<M, N, C>(run, scores, shape.scale_log2);
        multiply_columns<DIM, M, N, C>(run.sums, scores, stage + T::STAGE / 2);
    }
    copy_async_wait<0>();
    __syncthreads();
    finish<M, C>(shape, run, q_tile, call.lse + mine.statistics(), mine.first, row);
    __syncthreads();
    tile_store<bf16, DIM, T::ROWS, T::THREADS>(mine.rows(call.out, shape.out_stride), q_tile);
}

} // namespace

void attention_forward_launch(struct mimo_backend *be, int64_t batch,
                              const attention_forward_call<bf16> &call)
{
    const attention_shape &shape = call.shape;
    attention_padded(shape.head_dim, [&](auto dim) {
        using T = tiling<dim()>;
        attention_launch(be, "attention_forward", forward<dim()>, call,
                         {batch, shape.heads, ceil_div(shape.queries, T::ROWS),
                          2 * (int64_t)sizeof(bf16) * shape.keys * shape.head_dim / shape.share},
                         {T::THREADS, 1, T::SHARED_BYTES});
    });
}
