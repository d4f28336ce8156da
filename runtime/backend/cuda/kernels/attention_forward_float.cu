/*
 * attention_forward_float.cu - attention in float32, forward.
 *
 * The plan is that of attention_forward_bf16.cu, by a block of 16 × 16 threads: it takes ROWS
 * queries of one head and goes through the keys that they see, COLUMNS at a time. While scores are
 * computed the values are on their way to shared memory, and while these are summed up the next
 * keys are. Probabilities pass from thread to thread through a tile of their own.
 */
#include "runtime/backend/cuda/kernels/attention_block.cuh"
#include "runtime/backend/cuda/kernels/attention_call.cuh"

namespace
{

template <int DIM> struct tiling {
    static constexpr int THREADS = SIDE * SIDE;
    static constexpr int ROWS = DIM <= 128 ? 64 : 32, R = ROWS / SIDE;
    static constexpr int COLUMNS = DIM <= 64 ? 64 : DIM <= 128 ? 32 : 16, C = COLUMNS / SIDE;
    static constexpr int Q = ROWS * DIM, K = COLUMNS * DIM; /* elements */
    static constexpr size_t SHARED_BYTES = (Q + 2 * K + ROWS * COLUMNS) * sizeof(float);
};

/* Of the thread's rows; totals are of the thread's own columns. */
template <int DIM, int R> struct running {
    float maximum[R], total[R];
    float sums[R][DIM / 32][2];
};

template <int DIM, int R> __device__ __forceinline__ void start(running<DIM, R> &run)
{
#pragma unroll
    for (int r = 0; r < R; r++) {
        run.maximum[r] = -INFINITY;
        run.total[r] = 0;
    }
    clear_sums<DIM, R>(run.sums);
}

/* Scores of keys that a query does not see become -inf. `query` and `key` are those of the thread's
 * first row and column. */
template <int R, int C>
__device__ __forceinline__ void mask(const attention_shape &shape, float scores[R][C], int query,
                                     int key)
{
#pragma unroll
    for (int r = 0; r < R; r++) {
        const int seen = keys_seen(shape, query + SIDE * r) - key;
#pragma unroll
        for (int c = 0; c < C; c++)
            if (SIDE * c >= seen)
                scores[r][c] = -INFINITY;
    }
}

/* Scores become 2^(scaled score - scaled maximum), and what was summed so far is made relative to
 * the new maximum. A query that has seen no key yet has -inf as its maximum and in all its scores:
 * they become 0. */
template <int DIM, int R, int C>
__device__ __forceinline__ void softmax(running<DIM, R> &run, float scores[R][C], float scale_log2)
{
#pragma unroll
    for (int r = 0; r < R; r++) {
        float largest = run.maximum[r], total = 0;
#pragma unroll
        for (int c = 0; c < C; c++)
            largest = fmaxf(largest, scores[r][c]);
        largest = row_max(largest);
        const float shift = largest == -INFINITY ? 0 : largest * scale_log2;
        const float factor = exp2f(run.maximum[r] * scale_log2 - shift);
        run.maximum[r] = largest;
#pragma unroll
        for (int c = 0; c < C; c++) {
            scores[r][c] = exp2f(scores[r][c] * scale_log2 - shift);
            total += scores[r][c];
        }
        run.total[r] = run.total[r] * factor + total;
#pragma unroll
        for (int c = 0; c < DIM / 32; c++) {
            run.sums[r][c][0] *= factor;
            run.sums[r][c][1] *= factor;
        }
    }
}

/* The result goes to the tile and lse to global memory. A query that sees no key gives zeros, and
 * -inf as lse. `query` is that of the tile's first row. */
template <int DIM, int R>
__device__ __forceinline__ void finish(const attention_shape &shape, const running<DIM, R> &run,
                                       float *tile, float *lse, int query)
{
    float factor[R];
#pragma unroll
    for (int r = 0; r < R; r++) {
        const float total = row_sum(run.total[r]);
        const int at = query + thread_row() + SIDE * r;
        factor[r] = total == 0 ? 0 : 1 / total;
        if (thread_column() == 0 && at < shape.queries)
            lse[at] = run.maximum[r] * shape.scale + logf(total);
    }
    keep_result<DIM, R>(tile, run.sums, factor);
}

template <int DIM>
__global__ void __launch_bounds__(tiling<DIM>::THREADS, 2)
    forward(const attention_forward_call<float> call, const attention_schedule schedule)
{
    using T = tiling<DIM>;
    constexpr int R = T::R, C = T::C;
    DYNAMIC_SHARED(float, q_tile);
    float *const k_tile = q_tile + T::Q, *const v_tile = k_tile + T::K,
                 *const p_tile = v_tile + T::K;
    const attention_shape &shape = call.shape;
    const attention_queries mine(shape, schedule, T::ROWS);
    const int end = mine.keys_end(T::ROWS);
    const auto load_keys = [&](float *tile, const float *memory, int64_t stride, int key) {
        tile_load<float, DIM, T::COLUMNS, T::THREADS>(tile, mine.key_rows(memory, stride, key));
        copy_async_commit();
    };
    running<DIM, R> run;

    start<DIM, R>(run);
    tile_load<float, DIM, T::ROWS, T::THREADS>(q_tile, mine.rows(call.q, shape.q_stride));
    load_keys(k_tile, call.k, shape.k_stride, 0);
    for (int key = 0; key < end; key += T::COLUMNS) {
        float scores[R][C];
        copy_async_wait<0>();
        __syncthreads(); /* the keys are there, values and probabilities no longer read */
        load_keys(v_tile, call.v, shape.v_stride, key);
        clear<R, C>(scores);
        multiply_rows<DIM, R, C>(scores, q_tile, k_tile);
        if (keys_seen(shape, mine.first) < key + T::COLUMNS)
            mask<R, C>(shape, scores, mine.first + thread_row(), key + thread_column());
        softmax<DIM, R, C>(run, scores, shape.scale_log2);
        share_result<R, C>(p_tile, scores);
        copy_async_wait<0>();
        __syncthreads(); /* values and probabilities are there, the keys no longer read */
        if (key + T::COLUMNS < end)
            load_keys(k_tile, call.k, shape.k_stride, key + T::COLUMNS);
        multiply_columns<DIM, T::COLUMNS, R>(run.sums, p_tile, v_tile);
    }
    copy_async_wait<0>();
    __syncthreads();
    finish<DIM, R>(shape, run, q_tile, call.lse + mine.statistics(), mine.first);
    __syncthreads();
    tile_store<float, DIM, T::ROWS, T::THREADS>(mine.rows(call.out, shape.out_stride), q_tile);
}

} // namespace

void attention_forward_launch(struct mimo_backend *be, int64_t batch,
                              const attention_forward_call<float> &call)
{
    const attention_shape &shape = call.shape;
    attention_padded(shape.head_dim, [&](auto dim) {
        using T = tiling<dim()>;
        attention_launch(be, "attention_forward", forward<dim()>, call,
                         {batch, shape.heads, ceil_div(shape.queries, T::ROWS),
                          2 * (int64_t)sizeof(float) * shape.keys * shape.head_dim / shape.share},
                         {T::THREADS, 1, T::SHARED_BYTES});
    });
}
