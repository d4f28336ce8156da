/* tokens.cu - embeddings and the cross entropy, both over a shard of the vocabulary. */
#include "runtime/backend/cuda/kernels/team.cuh"

/* ---- embedding ---- */

template <typename T> struct embedding_work {
    T *y;
    const T *table;
    const int32_t *ids;
    int64_t cols, first, count;

    template <int N> __device__ __forceinline__ void run(int64_t row, int64_t i) const
    {
        const int64_t entry = ids[row] - first;
        vector<T, N> values;
        if (entry >= 0 && entry < count)
            values = load<N>(table + entry * cols + i);
        else
            values = narrow<T>(vector<float, N>{});
        store<N>(y + row * cols + i, values);
    }
};

template <typename T>
static void embedding_forward(struct mimo_backend *be, void *y, const void *table,
                              const int32_t *ids, int64_t rows, int64_t cols, int64_t first,
                              int64_t count)
{
    const embedding_work<T> work = {
        static_cast<T *>(y), static_cast<const T *>(table), ids, cols, first, count};
    for_rows<CHUNK<T>>(be, "embedding_forward", work, rows, cols,
                       is_aligned<CHUNK<T>>({cols}, work.y, work.table));
}

/* The block of the first row with an id adds all rows with it, one chunk of columns to each thread:
 * so nothing is written by two, and the order is that of the rows. */
template <typename T> struct embedding_slope {
    float *dtable;
    const T *dy;
    const int32_t *ids;
    int64_t rows, cols, first, count;
};

/* Identifiers are looked through in tiles, two to each thread. */
constexpr int SEARCH_THREADS = 512, SEARCH_WARPS = SEARCH_THREADS / WARP, TILE_SHARE = 2;
constexpr int TILE = SEARCH_THREADS * TILE_SHARE, TILE_WORDS = TILE / WARP;

static __device__ __forceinline__ bool has_id(const int32_t *ids, int64_t at, int64_t end,
                                              int32_t id)
{
    return at < end && ids[at] == id;
}

static __device__ __forceinline__ bool is_known_before(const int32_t *ids, int64_t row)
{
    const int32_t id = ids[row];

    for (int64_t tile = 0; tile < row; tile += TILE) {
        bool is_here = false;
#pragma unroll
        for (int k = 0; k < TILE_SHARE; k++)
            is_here |= has_id(ids, tile + k * SEARCH_THREADS + threadIdx.x, row, id);
        if (__syncthreads_or(is_here) != 0)
            return true;
    }
    return false;
}

/* One bit for each row of the tile: whether it has the id. */
static __device__ __forceinline__ void mark_tile(uint32_t *words, const int32_t *ids, int64_t tile,
                                                 int64_t rows, int32_t id)
{
    const int thread = static_cast<int>(threadIdx.x);
#pragma unroll
    for (int k = 0; k < TILE_SHARE; k++) {
        const bool is_here = has_id(ids, tile + k * SEARCH_THREADS + thread, rows, id);
        const uint32_t word = __ballot_sync(ALL_LANES, is_here);
        if (thread % WARP == 0)
            words[k * SEARCH_WARPS + thread / WARP] = word;
    }
}

template <int N, typename T>
static __device__ __forceinline__ void add_marked(vector<float, N> &sum, const uint32_t *words,
                                                  const T *dy, int64_t cols)
{
    for (int w = 0; w < TILE_WORDS; w++)
        for (uint32_t word = words[w]; word != 0; word &= word - 1) {
            const int row = w * WARP + __ffs(static_cast<int>(word)) - 1;
            const vector<float, N> slope = load_wide<N>(dy + row * cols);
#pragma unroll
            for (int e = 0; e < N; e++)
                sum.at[e] += slope.at[e];
        }
}

/* The rows from the first with this id on, in the columns from `column` on. */
template <int N, typename T>
static __device__ __forceinline__ void add_rows(const embedding_slope<T> &call, int64_t first_row,
                                                int64_t column)
{
    __shared__ uint32_t words[TILE_WORDS];
    const int32_t id = call.ids[first_row];
    const bool has_columns = column < call.cols;
    float *const to = call.dtable + (id - call.first) * call.cols + column;
    vector<float, N> sum = {};

    if (has_columns)
        sum = load<N>(to);
    for (int64_t tile = first_row; tile < call.rows; tile += TILE) {
        mark_tile(words, call.ids, tile, call.rows, id);
        __syncthreads();
        if (has_columns)
            add_marked(sum, words, call.dy + tile * call.cols + column, call.cols);
        __syncthreads();
    }
    if (has_columns)
        store<N>(to, sum);
}

template <int N, typename T>
static __global__ void __launch_bounds__(SEARCH_THREADS, 1)
    embedding_backward_kernel(const embedding_slope<T> call)
{
    const int64_t column = (static_cast<int64_t>(blockIdx.y) * SEARCH_THREADS + threadIdx.x) * N;

    for (int64_t row = blockIdx.x; row < call.rows; row += gridDim.x) {
        const int64_t entry = call.ids[row] - call.first;
        if (entry >= 0 && entry < call.count && !is_known_before(call.ids, row))
            add_rows<N>(call, row, column);
    }
}

template <typename T>
static void embedding_backward(struct mimo_backend *be, void *dtable, const void *dy,
                               const int32_t *ids, int64_t rows, int64_t cols, int64_t first,
                               int64_t count)
{
    constexpr int N = CHUNK<T>;
    const embedding_slope<T> call = {
        static_cast<float *>(dtable), static_cast<const T *>(dy), ids, rows, cols, first, count};
    const bool in_chunks = is_aligned<N>({cols}, call.dy) && is_aligned<N>({cols}, call.dtable);
    const int64_t pieces = ceil_div(cols, SEARCH_THREADS * (in_chunks ? N : 1));

    MIMO_ASSERT(pieces <= GRID_Y_MAX);
    launch(be, "embedding_backward",
           dim3(static_cast<unsigned>(std::min(rows, GRID_X_MAX)), static_cast<unsigned>(pieces)),
           dim3(SEARCH_THREADS), 0,
           in_chunks ? embedding_backward_kernel<N, T> : embedding_backward_kernel<1, T>, call);
}

/* ---- cross entropy ---- */

template <typename T> struct entropy {
    const T *logits;
    const int32_t *labels;
    int64_t rows, count, first;
};

constexpr int ENTROPY_SHARE = 8;
constexpr unsigned ENTROPY_THREADS = 512;

template <int N, typename T>
static __global__ void __launch_bounds__(ENTROPY_THREADS)
    entropy_max_kernel(float *maximum, const entropy<T> call)
{
    for_team_rows(call.rows, [&](int64_t row, bool has_row) {
        const T *const logits = call.logits + row * call.count;
        float largest = -INFINITY;
        for_columns<N>(has_row, call.count, [&](int64_t column) {
            const vector<float, N> values = load_wide<N>(logits + column);
#pragma unroll
            for (int e = 0; e < N; e++)
                largest = fmaxf(largest, values.at[e]);
        });
        largest = team_max(largest);
        if (has_row && threadIdx.x == 0)
            maximum[row] = largest;
    });
}

template <int N, typename T>
static __global__ void __launch_bounds__(ENTROPY_THREADS)
    entropy_sum_kernel(float *sums, const float *maximum, const entropy<T> call)
{
    for_team_rows(call.rows, [&](int64_t row, bool has_row) {
        const T *const logits = call.logits + row * call.count;
        const float largest = has_row ? maximum[row] : 0.0f;
        float sum = 0.0f;
        for_columns<N>(has_row, call.count, [&](int64_t column) {
            const vector<float, N> values = load_wide<N>(logits + column);
#pragma unroll
            for (int e = 0; e < N; e++)
                sum += __expf(values.at[e] - largest);
        });
        sum = team_sum(sum);
        if (has_row && threadIdx.x == 0) {
            const int64_t label = call.labels[row] - call.first;
            const bool is_here = label >= 0 && label < call.count;
            sums[2 * row] = sum;
            sums[2 * row + 1] = is_here ? widen(logits[label]) - largest : 0.0f;
        }
    });
}

template <int N, typename T>
static __global__ void __launch_bounds__(ENTROPY_THREADS)
    entropy_backward_kernel(T *slopes, const float *maximum, const float *sums,
                            const entropy<T> call, float scale)
{
    for_team_rows(call.rows, [&](int64_t row, bool has_row) {
        T *const logits = slopes + row * call.count;
        const float largest = has_row ? maximum[row] : 0.0f;
        const float factor = has_row ? scale / sums[2 * row] : 0.0f;
        const int64_t label = has_row ? call.labels[row] - call.first : 0;
        for_columns<N>(has_row, call.count, [&](int64_t column) {
            vector<float, N> values = load_wide<N>(logits + column);
#pragma unroll
            for (int e = 0; e < N; e++)
                values.at[e] =
                    __expf(values.at[e] - largest) * factor - (label == column + e ? scale : 0.0f);
            store_narrow<N>(logits + column, values);
        });
    });
}

static __global__ void __launch_bounds__(ELEMENTWISE_THREADS)
    entropy_loss_kernel(float *losses, const float *sums, int64_t rows)
{
    const int64_t row = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (row < rows)
        losses[row] = static_cast<float>(log(static_cast<double>(sums[2 * row])) -
                                         static_cast<double>(sums[2 * row + 1]));
}

/* The same launch for the three that go over logits: `narrow_kernel` takes one at a time. */
template <typename T, typename... P, typename... A>
static void issue_entropy(struct mimo_backend *be, const char *operation, const entropy<T> &call,
                          void (*wide_kernel)(P...), void (*narrow_kernel)(P...), A... arguments)
{
    const bool in_chunks = is_aligned<CHUNK<T>>({call.count}, call.logits);
    const int64_t chunks = in_chunks ? call.count / CHUNK<T> : call.count;
    const dim3 block = teams(chunks, ENTROPY_SHARE, ENTROPY_THREADS);

    launch(be, operation, blocks_of(call.rows, block), block, 0,
           in_chunks ? wide_kernel : narrow_kernel, arguments...);
}

template <typename T>
static void cross_entropy_max(struct mimo_backend *be, void *maximum, const void *logits,
                              int64_t rows, int64_t count)
{
    const entropy<T> call = {static_cast<const T *>(logits), nullptr, rows, count, 0};
    issue_entropy(be, "cross_entropy_max", call, entropy_max_kernel<CHUNK<T>, T>,
                  entropy_max_kernel<1, T>, static_cast<float *>(maximum), call);
}

template <typename T>
static void cross_entropy_sum(struct mimo_backend *be, void *sums, const void *logits,
                              const void *maximum, const int32_t *labels, int64_t rows,
                              int64_t count, int64_t first)
{
    const entropy<T> call = {static_cast<const T *>(logits), labels, rows, count, first};
    issue_entropy(be, "cross_entropy_sum", call, entropy_sum_kernel<CHUNK<T>, T>,
                  entropy_sum_kernel<1, T>, static_cast<float *>(sums),
                  static_cast<const float *>(maximum), call);
}

template <typename T>
static void cross_entropy_backward(struct mimo_backend *be, void *logits, const void *maximum,
                                   const void *sums, const int32_t *labels, int64_t rows,
                                   int64_t count, int64_t first, double scale)
{
    T *const slopes = static_cast<T *>(logits);
    const entropy<T> call = {slopes, labels, rows, count, first};
    issue_entropy(be, "cross_entropy_backward", call, entropy_backward_kernel<CHUNK<T>, T>,
                  entropy_backward_kernel<1, T>, slopes, static_cast<const float *>(maximum),
                  static_cast<const float *>(sums), call, static_cast<float>(scale));
}

static void cross_entropy_loss(struct mimo_backend *be, void *losses, const void *sums,
                               int64_t rows)
{
    launch(be, "cross_entropy_loss",
           dim3(static_cast<unsigned>(ceil_div(rows, ELEMENTWISE_THREADS))),
           dim3(ELEMENTWISE_THREADS), 0, entropy_loss_kernel, static_cast<float *>(losses),
           static_cast<const float *>(sums), rows);
}

template <typename T> static void enter(struct mimo_backend_ops *ops)
{
    ops->embedding_forward = embedding_forward<T>;
    ops->embedding_backward = embedding_backward<T>;
    ops->cross_entropy_max = cross_entropy_max<T>;
    ops->cross_entropy_sum = cross_entropy_sum<T>;
    ops->cross_entropy_backward = cross_entropy_backward<T>;
}

void mimo_cuda_tokens(struct mimo_backend_ops *ops, bool is_bf16)
{
    ops->cross_entropy_loss = cross_entropy_loss;
    if (is_bf16)
        enter<bf16>(ops);
    else
        enter<float>(ops);
}
