/*
 * attention_backward_float.cu - attention in float32, backward.
 *
 * The plan is that of attention_backward_bf16.cu, by blocks of 16 × 16 threads: a kernel that holds
 * queries and sums up dq, and one that holds keys and sums up dk and dv. Gradients of scores, and
 * probabilities, pass from thread to thread through a tile of their own.
 */
#include "runtime/backend/cuda/kernels/attention_block.cuh"
#include "runtime/backend/cuda/kernels/attention_call.cuh"

namespace
{

/* Both kernels hold the tiles of two matrices, ROWS rows each, and stream those of two others,
 * COLUMNS rows each. */
template <int DIM> struct tiling {
    static constexpr int THREADS = SIDE * SIDE;
    static constexpr int ROWS = DIM <= 64 ? 64 : 32, R = ROWS / SIDE;
    static constexpr int COLUMNS = DIM <= 64 ? 64 : DIM <= 128 ? 32 : 16, C = COLUMNS / SIDE;
    static constexpr int HELD = ROWS * DIM, STREAMED = COLUMNS * DIM; /* elements */
    static constexpr size_t SHARED_BYTES =
        (2 * HELD + 2 * STREAMED + ROWS * COLUMNS + 2 * COLUMNS) * sizeof(float);
};

template <int DIM, int R>
__device__ __forceinline__ void keep_scaled(float *tile, const float result[R][DIM / 32][2],
                                            float scale)
{
    float factor[R];
#pragma unroll
    for (int r = 0; r < R; r++)
        factor[r] = scale;
    keep_result<DIM, R>(tile, result, factor);
}

/* Until all that the block has copied to shared memory so far is there. */
__device__ __forceinline__ void await_copies()
{
    copy_async_commit();
    copy_async_wait<0>();
    __syncthreads();
}

/* -- queries: delta and dq --------------------------------------------------------------------- */

/* Of the thread's rows. Those past the last query have +inf as lse: they get no probability. */
template <int R> struct query_statistics {
    float lse_log2[R], delta[R];
};

/* Row sums of the product of two tiles, element by element. */
template <int DIM>
__device__ __forceinline__ float row_product(const float *a, const float *b, int row)
{
    float sum = 0;
    for (int chunk = thread_column(); chunk < DIM / 4; chunk += SIDE) {
        const int at = attention_tile<float, DIM>::at(row, chunk);
        const vector<float, 4> x = load<4>(a + at), y = load<4>(b + at);
#pragma unroll
        for (int e = 0; e < 4; e++)
            sum += x.at[e] * y.at[e];
    }
    return row_sum(sum);
}

/* `query` is that of the tiles' first row. */
template <int DIM, int R>
__device__ __forceinline__ void
measure(const attention_shape &shape, query_statistics<R> &statistics, const float *lse,
        float *delta, const float *dout_tile, const float *out_tile, int query)
{
#pragma unroll
    for (int r = 0; r < R; r++) {
        const int row = thread_row() + SIDE * r, at = query + row;
        const float sum = row_product<DIM>(dout_tile, out_tile, row);
        const bool is_valid = at < shape.queries;
        statistics.delta[r] = sum;
        statistics.lse_log2[r] = is_valid ? lse[at] * LOG2_E : INFINITY;
        if (is_valid && thread_column() == 0)
            delta[at] = sum;
    }
}

/* gradients: first dout · v; then those of the scores. `query` and `key` are those of the thread's
 * first row and column. */
template <int R, int C>
__device__ __forceinline__ void
differentiate_queries(const attention_shape &shape, float gradients[R][C], const float scores[R][C],
                      const query_statistics<R> &statistics, int query, int key)
{
#pragma unroll
    for (int r = 0; r < R; r++) {
        const int seen = keys_seen(shape, query + SIDE * r) - key;
#pragma unroll
        for (int c = 0; c < C; c++) {
            const float p = exp2f(scores[r][c] * shape.scale_log2 - statistics.lse_log2[r]);
            gradients[r][c] = SIDE * c < seen ? p * (gradients[r][c] - statistics.delta[r]) : 0;
        }
    }
}

template <int DIM>
__global__ void __launch_bounds__(tiling<DIM>::THREADS, 2)
    backward_queries(const attention_backward_call<float> call, const attention_schedule schedule)
{
    using T = tiling<DIM>;
    constexpr int R = T::R, C = T::C;
    static_assert(2 * T::STREAMED >= T::HELD, "out takes the place of keys and values at first");
    DYNAMIC_SHARED(float, q_tile);
    float *const dout_tile = q_tile + T::HELD, *const k_tile = dout_tile + T::HELD;
    float *const v_tile = k_tile + T::STREAMED, *const gradient_tile = v_tile + T::STREAMED;
    const attention_shape &shape = call.shape;
    const attention_queries mine(shape, schedule, T::ROWS);
    const int end = mine.keys_end(T::ROWS);
    query_statistics<R> statistics;
    float dq[R][DIM / 32][2];

    tile_load<float, DIM, T::ROWS, T::THREADS>(q_tile, mine.rows(call.q, shape.q_stride));
    tile_load<float, DIM, T::ROWS, T::THREADS>(dout_tile, mine.rows(call.dout, shape.out_stride));
    tile_load<float, DIM, T::ROWS, T::THREADS>(k_tile, mine.rows(call.out, shape.out_stride));
    await_copies();
    measure<DIM, R>(shape, statistics, call.lse + mine.statistics(), call.delta + mine.statistics(),
                    dout_tile, k_tile, mine.first);
    clear_sums<DIM, R>(dq);
    for (int key = 0; key < end; key += T::COLUMNS) {
        float scores[R][C], gradients[R][C];
        __syncthreads(); /* keys and values are no longer read */
        tile_load<float, DIM, T::COLUMNS, T::THREADS>(k_tile,
                                                      mine.key_rows(call.k, shape.k_stride, key));
        tile_load<float, DIM, T::COLUMNS, T::THREADS>(v_tile,
                                                      mine.key_rows(call.v, shape.v_stride, key));
        await_copies();
        clear<R, C>(scores);
        clear<R, C>(gradients);
        multiply_rows<DIM, R, C>(scores, q_tile, k_tile);
        multiply_rows<DIM, R, C>(gradients, dout_tile, v_tile);
        differentiate_queries<R, C>(shape, gradients, scores, statistics, mine.first + thread_row(),
                                    key + thread_column());
        share_result<R, C>(gradient_tile, gradients);
        __syncthreads();
        multiply_columns<DIM, T::COLUMNS, R>(dq, gradient_tile, k_tile);
    }
    __syncthreads();
    keep_scaled<DIM, R>(q_tile, dq, shape.scale);
    __syncthreads();
    tile_store<float, DIM, T::ROWS, T::THREADS>(mine.rows(call.dq, shape.q_stride), q_tile);
}

/* -- keys: dk and dv --------------------------------------------------------------------------- */

/* The thread's scores become probabilities, and dout · v the scores' gradients; rows are keys here,
 * columns queries. `statistics` are lse (in powers of two) and delta of the tile's queries. `query`
 * and `key` are those of the thread's first column and row. */
template <int R, int C>
__device__ __forceinline__ void differentiate_keys(const attention_shape &shape,
                                                   float gradients[R][C], float scores[R][C],
                                                   const float *statistics, int query, int key)
{
#pragma unroll
    for (int c = 0; c < C; c++) {
        const int column = thread_column() + SIDE * c;
        const float lse_log2 = statistics[column], delta = statistics[SIDE * C + column];
        const int seen = keys_seen(shape, query + SIDE * c) - key;
#pragma unroll
        for (int r = 0; r < R; r++) {
            const float power = scores[r][c] * shape.scale_log2 - lse_log2;
            scores[r][c] = SIDE * r < seen ? exp2f(power) : 0;
            gradients[r][c] = scores[r][c] * (gradients[r][c] - delta);
        }
    }
}

template <int DIM>
__global__ void __launch_bounds__(tiling<DIM>::THREADS, 2)
    backward_keys(const attention_backward_call<float> call, const attention_schedule schedule)
{
    using T = tiling<DIM>;
    constexpr int R = T::R, C = T::C;
    DYNAMIC_SHARED(float, k_tile);
    float *const v_tile = k_tile + T::HELD, *const q_tile = v_tile + T::HELD;
    float *const dout_tile = q_tile + T::STREAMED, *const score_tile = dout_tile + T::STREAMED;
    float *const statistics = score_tile + T::ROWS * T::COLUMNS; /* [lse, delta][COLUMNS] */
    const attention_shape &shape = call.shape;
    const attention_keys mine(shape, schedule, blockIdx.x, T::ROWS);
    const int begin = mine.queries_begin() / T::COLUMNS * T::COLUMNS;
    const auto load = [&](int head, int query) {
        tile_load<float, DIM, T::COLUMNS, T::THREADS>(
            q_tile, mine.query_rows(call.q, shape.q_stride, head, query));
        tile_load<float, DIM, T::COLUMNS, T::THREADS>(
            dout_tile, mine.query_rows(call.dout, shape.out_stride, head, query));
        if (threadIdx.x < 2 * T::COLUMNS)
            statistics[threadIdx.x] =
                mine.statistic<T::COLUMNS>(call.lse, call.delta, head, query, (int)threadIdx.x);
    };
    float dk[R][DIM / 32][2], dv[R][DIM / 32][2];

    tile_load<float, DIM, T::ROWS, T::THREADS>(k_tile, mine.rows(call.k, shape.k_stride));
    tile_load<float, DIM, T::ROWS, T::THREADS>(v_tile, mine.rows(call.v, shape.v_stride));
    await_copies();
    clear_sums<DIM, R>(dk);
    clear_sums<DIM, R>(dv);
    for (int head = mine.head(); head < mine.head() + shape.share; head++)
        for (int query = begin; query < shape.queries; query += T::COLUMNS) {
            float scores[R][C], gradients[R][C];
            __syncthreads(); /* queries, gradients and statistics are no longer read */
            load(head, query);
            await_copies();
            clear<R, C>(scores);
            clear<R, C>(gradients);
            multiply_rows<DIM, R, C>(scores, k_tile, q_tile);
            multiply_rows<DIM, R, C>(gradients, v_tile, dout_tile);
            differentiate_keys<R, C>(shape, gradients, scores, statistics, query + thread_column(),
                                     mine.first + thread_row());
            share_result<R, C>(score_tile, scores);
            __syncthreads();
            multiply_columns<DIM, T::COLUMNS, R>(dv, score_tile, dout_tile);
            __syncthreads(); /* probabilities give way to gradients */
            share_result<R, C>(score_tile, gradients);
            __syncthreads();
            multiply_columns<DIM, T::COLUMNS, R>(dk, score_tile, q_tile);
        }
    __syncthreads();
    keep_scaled<DIM, R>(k_tile, dk, shape.scale);
    keep_scaled<DIM, R>(v_tile, dv, 1);
    __syncthreads();
    tile_store<float, DIM, T::ROWS, T::THREADS>(mine.rows(call.dk, shape.k_stride), k_tile);
    tile_store<float, DIM, T::ROWS, T::THREADS>(mine.rows(call.dv, shape.v_stride), v_tile);
}

} // namespace

void attention_backward_launch(struct mimo_backend *be, int64_t batch,
                               const attention_backward_call<float> &call)
{
    const attention_shape &shape = call.shape;
    const int64_t row_bytes = 2 * (int64_t)sizeof(float) * shape.head_dim;
    attention_padded(shape.head_dim, [&](auto dim) {
        using T = tiling<dim()>;
        attention_launch(be, "attention_backward", backward_queries<dim()>, call,
                         {batch, shape.heads, ceil_div(shape.queries, T::ROWS),
                          row_bytes * shape.keys / shape.share},
                         {T::THREADS, 1, T::SHARED_BYTES});
        attention_launch(be, "attention_backward", backward_keys<dim()>, call,
                         {batch, shape.groups, ceil_div(shape.keys, T::ROWS),
                          row_bytes * shape.queries * shape.share},
                         {T::THREADS, 1, T::SHARED_BYTES});
    });
}
