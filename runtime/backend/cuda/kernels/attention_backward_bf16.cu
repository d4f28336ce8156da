/*
 * attention_backward_bf16.cu - attention on tensor cores, backward.
 *
 * With p the probabilities, recomputed from lse, and delta = dout · out of each query, the scores'
 * gradients are p (dout · v - delta): dv = pᵀ dout, dk = scale · gradientsᵀ q, dq = scale ·
 * gradients k. Each result is summed by one block in a fixed order, without atomics, so that equal
 * inputs give equal bits. That takes two kernels: one holds queries and goes through keys, the
 * other holds keys and goes through the queries of all heads that share them; the second computes
 * scores and gradients transposed, so that in both they are, as they lie in registers, the left
 * operand of the products that sum them up.
 */
#include "runtime/backend/cuda/kernels/attention_call.cuh"
#include "runtime/backend/cuda/kernels/attention_warp.cuh"

namespace
{

/* Both kernels hold the tiles of two matrices, ROWS rows each, and stream those of two others,
 * COLUMNS rows each, in two stages. Registers of a thread: 2 · 4 M N for scores and gradients, and
 * M DIM / 2 for each sum. */
template <int DIM, int SLABS, int STREAMED> struct tiling {
    static constexpr int WARPS = 4, THREADS = WARPS * WARP;
    static constexpr int M = SLABS, ROWS = WARPS * M * 16;
    static constexpr int COLUMNS = STREAMED, N = COLUMNS / 8;
    static constexpr int HELD = ROWS * DIM, STAGE = 2 * COLUMNS * DIM; /* elements */
    static constexpr size_t TILES_BYTES = (2 * HELD + 2 * STAGE) * sizeof(bf16);
};

template <int DIM> using query_tiling = tiling<DIM, DIM <= 128 ? 2 : 1, DIM <= 128 ? 32 : 16>;
template <int DIM>
using key_tiling = tiling<DIM, DIM <= 64 ? 2 : 1,
                          DIM <= 64    ? 32
                          : DIM <= 128 ? 64
                                       : 16>;

/* Sums of keys take twice the registers: blocks of wide heads share the columns. */
template <int DIM> constexpr int KEY_COLUMNS = DIM < 128 ? DIM : 128;
template <int DIM> constexpr int KEY_SPLITS = DIM / KEY_COLUMNS<DIM>;
template <int DIM>
constexpr size_t KEY_SHARED_BYTES = key_tiling<DIM>::TILES_BYTES +
                                    2 * 2 * key_tiling<DIM>::COLUMNS * sizeof(float);

/* -- queries: delta and dq --------------------------------------------------------------------- */

/* Of the lane's rows. Those past the last query have +inf as lse: they get no probability. */
template <int M> struct query_statistics {
    float lse_log2[M][2], delta[M][2];
};

/* Row sums of the product of two tiles, element by element. */
template <int DIM>
__device__ __forceinline__ float row_product(const bf16 *a, const bf16 *b, int row)
{
    float sum = 0;
#pragma unroll
    for (int d = lane_column(); d < DIM; d += 8) {
        const int at = attention_tile<bf16, DIM>::at(row, d / 8) + d % 8;
        const float2 x = __bfloat1622float2(*pair_at(a + at));
        const float2 y = __bfloat1622float2(*pair_at(b + at));
        sum += x.x * y.x + x.y * y.y;
    }
    return row_sum(sum);
}

/* `query` is that of the tiles' first row, `row` the warp's first. */
template <int DIM, int M>
__device__ __forceinline__ void
measure(const attention_shape &shape, query_statistics<M> &statistics, const float *lse,
        float *delta, const bf16 *dout_tile, const bf16 *out_tile, int query, int row)
{
#pragma unroll
    for (int m = 0; m < M; m++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const int r = row + 16 * m + 8 * half + lane_row(), at = query + r;
            const float sum = row_product<DIM>(dout_tile, out_tile, r);
            const bool is_valid = at < shape.queries;
            statistics.delta[m][half] = sum;
            statistics.lse_log2[m][half] = is_valid ? lse[at] * LOG2_E : INFINITY;
            if (is_valid && lane_column() == 0)
                delta[at] = sum;
        }
}

/* gradients: first dout · v; then those of the scores. `query` and `key` are those of the lane's
 * first row and column. */
template <int M, int N>
__device__ __forceinline__ void
differentiate_queries(const attention_shape &shape, float gradients[M][N][4],
                      const float scores[M][N][4], const query_statistics<M> &statistics, int query,
                      int key, bool is_masked)
{
#pragma unroll
    for (int m = 0; m < M; m++)
#pragma unroll
        for (int e = 0; e < 4; e++) {
            const float lse_log2 = statistics.lse_log2[m][e / 2];
            const float delta = statistics.delta[m][e / 2];
            const int seen =
                is_masked ? keys_seen(shape, query + 16 * m + 8 * (e / 2)) - key - e % 2 : 8 * N;
#pragma unroll
            for (int n = 0; n < N; n++) {
                const float p = exp2_fast(scores[m][n][e] * shape.scale_log2 - lse_log2);
                gradients[m][n][e] = 8 * n < seen ? p * (gradients[m][n][e] - delta) : 0;
            }
        }
}

/* Rounds factor · result into the tile, whose rows `row`.. are the warp's. */
template <int M, int C>
__device__ __forceinline__ void keep_scaled(bf16 *tile, int row, const float result[M][C][4],
                                            float scale)
{
    float factor[M][2];
#pragma unroll
    for (int m = 0; m < M; m++)
        factor[m][0] = factor[m][1] = scale;
    keep_result<M, C>(tile, row, result, factor);
}

template <int DIM>
__global__ void __launch_bounds__(query_tiling<DIM>::THREADS, 2)
    backward_queries(const attention_backward_call<bf16> call, const attention_schedule schedule)
{
    using T = query_tiling<DIM>;
    constexpr int M = T::M, N = T::N, C = DIM / 8;
    static_assert(2 * T::STAGE >= T::HELD, "out takes the place of keys and values at first");
    DYNAMIC_SHARED(bf16, q_tile);
    bf16 *const dout_tile = q_tile + T::HELD, *const stages = dout_tile + T::HELD;
    const attention_shape &shape = call.shape;
    const attention_queries mine(shape, schedule, T::ROWS);
    const int row = (int)(threadIdx.x / WARP) * 16 * M, query = mine.first + row; /* the warp's */
    const int end = mine.keys_end(T::ROWS);
    const auto load = [&](int key) {
        bf16 *const stage = stages + key / T::COLUMNS % 2 * T::STAGE;
        tile_load<bf16, DIM, T::COLUMNS, T::THREADS>(stage,
                                                     mine.key_rows(call.k, shape.k_stride, key));
        tile_load<bf16, DIM, T::COLUMNS, T::THREADS>(stage + T::STAGE / 2,
                                                     mine.key_rows(call.v, shape.v_stride, key));
        copy_async_commit();
    };
    query_statistics<M> statistics;
    float sums[M][C][4];

    tile_load<bf16, DIM, T::ROWS, T::THREADS>(q_tile, mine.rows(call.q, shape.q_stride));
    tile_load<bf16, DIM, T::ROWS, T::THREADS>(dout_tile, mine.rows(call.dout, shape.out_stride));
    tile_load<bf16, DIM, T::ROWS, T::THREADS>(stages, mine.rows(call.out, shape.out_stride));
    copy_async_commit();
    copy_async_wait<0>();
    __syncthreads();
    measure<DIM, M>(shape, statistics, call.lse + mine.statistics(), call.delta + mine.statistics(),
                    dout_tile, stages, mine.first, row);
    __syncthreads();
    load(0);
    clear<M, C>(sums);
    for (int key = 0; key < end; key += T::COLUMNS) {
        const bf16 *const stage = stages + key / T::COLUMNS % 2 * T::STAGE;
        float scores[M][N][4], gradients[M][N][4];
        copy_async_wait<0>();
        __syncthreads(); /* this tile is there, and the other stage is no longer read */
        if (key + T::COLUMNS < end)
            load(key + T::COLUMNS);
        if (query >= shape.queries)
            continue;
        clear<M, N>(scores);
        clear<M, N>(gradients);
        multiply_rows<DIM, M, N>(scores, q_tile, row, stage);
        multiply_rows<DIM, M, N>(gradients, dout_tile, row, stage + T::STAGE / 2);
        differentiate_queries<M, N>(shape, gradients, scores, statistics, query + lane_row(),
                                    key + lane_column(),
                                    keys_seen(shape, query) < key + T::COLUMNS);
        multiply_columns<DIM, M, N, C>(sums, gradients, stage);
    }
    copy_async_wait<0>();
    __syncthreads();
    keep_scaled<M, C>(q_tile, row, sums, shape.scale);
    __syncthreads();
    tile_store<bf16, DIM, T::ROWS, T::THREADS>(mine.rows(call.dq, shape.q_stride), q_tile);
}

/* -- keys: dk and dv --------------------------------------------------------------------------- */

/* A block goes through its queries head by head, tile by tile. */
struct query_step {
    int head, query;
};

/* The lane's scores become probabilities, and dout · v the scores' gradients; rows are keys here,
 * columns queries. `statistics` are lse (in powers of two) and delta of the tile's queries. `query`
 * and `key` are those of the lane's first column and row. */
template <int M, int N>
__device__ __forceinline__ void
differentiate_keys(const attention_shape &shape, float gradients[M][N][4], float scores[M][N][4],
                   const float *statistics, int query, int key, bool is_masked)
{
#pragma unroll
    for (int n = 0; n < N; n++) {
        const vector<float, 2> lse_log2 = load<2>(statistics + 8 * n + lane_column());
        const vector<float, 2> delta = load<2>(statistics + 8 * (N + n) + lane_column());
#pragma unroll
        for (int e = 0; e < 4; e++) {
            const int seen =
                is_masked ? keys_seen(shape, query + 8 * n + e % 2) - key - e / 2 * 8 : 16 * M;
#pragma unroll
            for (int m = 0; m < M; m++) {
                const float power = scores[m][n][e] * shape.scale_log2 - lse_log2.at[e % 2];
                const float p = 16 * m < seen ? exp2_fast(power) : 0;
                scores[m][n][e] = p;
                gradients[m][n][e] = p * (gradients[m][n][e] - delta.at[e % 2]);
            }
        }
    }
}

/* Stores a tile of the COLUMNS columns of the rows from `column` on. */
template <typename T, int COLUMNS>
__device__ __forceinline__ void store_columns(attention_rows<bf16> rows, int column,
                                              const bf16 *tile)
{
    rows.first += column;
    rows.head_dim = min(rows.head_dim - column, COLUMNS);
    tile_store<bf16, COLUMNS, T::ROWS, T::THREADS>(rows, tile);
}

template <int DIM>
__global__ void __launch_bounds__(key_tiling<DIM>::THREADS, 2)
    backward_keys(const attention_backward_call<bf16> call, const attention_schedule schedule)
{
    using T = key_tiling<DIM>;
    constexpr int M = T::M, N = T::N, C = KEY_COLUMNS<DIM> / 8;
    static_assert(T::THREADS >= 2 * T::COLUMNS, "a thread fetches at most one statistic of a tile");
    DYNAMIC_SHARED(bf16, k_tile);
    bf16 *const v_tile = k_tile + T::HELD, *const stages = v_tile + T::HELD;
    float *const statistics = static_cast<float *>(
        static_cast<void *>(stages + 2 * T::STAGE)); /* [2 stages][lse, delta][COLUMNS] */
    const attention_shape &shape = call.shape;
    const attention_keys mine(shape, schedule, blockIdx.x / KEY_SPLITS<DIM>, T::ROWS);
    const int column = (int)(blockIdx.x % KEY_SPLITS<DIM>)*KEY_COLUMNS<DIM>;
    const int row = (int)(threadIdx.x / WARP) * 16 * M, key = mine.first + row; /* the warp's */
    const int begin = mine.queries_begin() / T::COLUMNS * T::COLUMNS;
    const bool has_statistic = threadIdx.x < 2 * T::COLUMNS;
    const auto is_step = [&](query_step step) {
        return step.head < mine.head() + shape.share && step.query < shape.queries;
    };
    const auto after = [&](query_step step) -> query_step {
        step.query += T::COLUMNS;
        return step.query < shape.queries ? step : query_step{step.head + 1, begin};
    };
    const auto load = [&](int stage, query_step step) {
        bf16 *const tiles = stages + stage * T::STAGE;
        tile_load<bf16, DIM, T::COLUMNS, T::THREADS>(
            tiles, mine.query_rows(call.q, shape.q_stride, step.head, step.query));
        tile_load<bf16, DIM, T::COLUMNS, T::THREADS>(
            tiles + T::STAGE / 2,
            mine.query_rows(call.dout, shape.out_stride, step.head, step.query));
        copy_async_commit();
    };
    const auto fetch = [&](query_step step) {
        return mine.statistic<T::COLUMNS>(call.lse, call.delta, step.head, step.query,
                                          (int)threadIdx.x);
    };
    query_step step = {mine.head(), begin};
    float dk[M][C][4], dv[M][C][4];

    clear<M, C>(dk);
    clear<M, C>(dv);
    tile_load<bf16, DIM, T::ROWS, T::THREADS>(k_tile, mine.rows(call.k, shape.k_stride));
    tile_load<bf16, DIM, T::ROWS, T::THREADS>(v_tile, mine.rows(call.v, shape.v_stride));
    copy_async_commit();
    if (is_step(step)) {
        load(0, step);
        if (has_statistic)
            statistics[threadIdx.x] = fetch(step);
    }
    for (int stage = 0; is_step(step); stage = 1 - stage) {
        const query_step next = after(step);
        const bf16 *const q_tile = stages + stage * T::STAGE, *const dout_tile =
                                                                  q_tile + T::STAGE / 2;
        float scores[M][N][4], gradients[M][N][4], statistic = 0;
        copy_async_wait<0>();
        __syncthreads(); /* these tiles are there, and the other stage is no longer read */
        if (is_step(next)) {
            load(1 - stage, next);
            if (has_statistic)
                statistic = fetch(next);
        }
        clear<M, N>(scores);
        clear<M, N>(gradients);
        multiply_rows<DIM, M, N>(scores, k_tile, row, q_tile);
        multiply_rows<DIM, M, N>(gradients, v_tile, row, dout_tile);
        differentiate_keys<M, N>(shape, gradients, scores, statistics + stage * 2 * T::COLUMNS,
                                 step.query + lane_column(), key + lane_row(),
                                 keys_seen(shape, step.query) < key + 16 * M);
        multiply_columns<DIM, M, N, C>(dv, scores, dout_tile + column);
        multiply_columns<DIM, M, N, C>(dk, gradients, q_tile + column);
        if (has_statistic)
            statistics[(1 - stage) * 2 * T::COLUMNS + (int)threadIdx.x] = statistic;
        step = next;
    }
    copy_async_wait<0>();
    __syncthreads();
    keep_scaled<M, C>(k_tile, row, dk, shape.scale);
    keep_scaled<M, C>(v_tile, row, dv, 1);
    __syncthreads();
    store_columns<T, KEY_COLUMNS<DIM>>(mine.rows(call.dk, shape.k_stride), column, k_tile);
    store_columns<T, KEY_COLUMNS<DIM>>(mine.rows(call.dv, shape.v_stride), column, v_tile);
}

} // namespace

void attention_backward_launch(struct mimo_backend *be, int64_t batch,
                               const attention_backward_call<bf16> &call)
{
    const attention_shape &shape = call.shape;
    const int64_t row_bytes = 2 * (int64_t)sizeof(bf16) * shape.head_dim;
    attention_padded(shape.head_dim, [&](auto dim) {
        using Q = query_tiling<dim()>;
        using K = key_tiling<dim()>;
        attention_launch(be, "attention_backward", backward_queries<dim()>, call,
                         {batch, shape.heads, ceil_div(shape.queries, Q::ROWS),
                          row_bytes * shape.keys / shape.share},
                         {Q::THREADS, 1, Q::TILES_BYTES});
        attention_launch(be, "attention_backward", backward_keys<dim()>, call,
                         {batch, shape.groups, ceil_div(shape.keys, K::ROWS),
                          row_bytes * shape.queries * shape.share},
                         {K::THREADS, KEY_SPLITS<dim()>, KEY_SHARED_BYTES<dim()>});
    });
}
