/*
 * attention_call.cuh - one attention call as its kernels see it: where the rows of each head lie,
 * which keys a query sees, and what a block takes of them.
 */
#ifndef MIMO_RUNTIME_BACKEND_CUDA_KERNELS_ATTENTION_CALL_CUH
#define MIMO_RUNTIME_BACKEND_CUDA_KERNELS_ATTENTION_CALL_CUH

#include "runtime/backend/cuda/kernels/attention_schedule.cuh"
#include "runtime/backend/cuda/kernels/attention_tiles.cuh"

#include <type_traits>

constexpr float LOG2_E = 1.44269504088896341f;

/* struct mimo_attention (backend.h) in the kernels' types; `share` query heads read one key head.
 */
struct attention_shape {
    int queries, keys, query_pitch, key_pitch, heads, groups, share, head_dim;
    int64_t q_stride, k_stride, v_stride, out_stride;
    float scale, scale_log2; /* the second for powers of two: scale · log2 e */
    bool is_causal;
    bool is_aligned; /* all rows start at multiples of 16 bytes and are whole chunks of them */
};

/* What both passes start from. */
template <typename T> struct attention_inputs {
    struct attention_shape shape;
    const T *q, *k, *v;
};

template <typename T> struct attention_forward_call : attention_inputs<T> {
    T *out;
    float *lse;
};

/* delta [batch, heads, query_pitch] is dout · out of each query: the workspace, between the
 * kernels. */
template <typename T> struct attention_backward_call : attention_inputs<T> {
    const T *out, *dout;
    const float *lse;
    float *delta;
    T *dq, *dk, *dv;
};

/* Query i sees the keys before this one; there are none where it is not positive. */
static __device__ __forceinline__ int keys_seen(const struct attention_shape &shape, int query)
{
    return shape.is_causal ? min(shape.keys, shape.keys - shape.queries + query + 1) : shape.keys;
}

/* A head's rows from `row` of the tensor on, of which the sequence has `count`. */
template <typename T>
static __device__ __forceinline__ attention_rows<T> rows_of(const struct attention_shape &shape,
                                                            T *memory, int64_t stride, int64_t row,
                                                            int head, int count)
{
    attention_rows<T> rows;
    rows.first = memory + row * stride + (int64_t)head * shape.head_dim;
    rows.stride = stride;
    rows.count = count;
    rows.head_dim = shape.head_dim;
    rows.is_aligned = shape.is_aligned;
    return rows;
}

/* From query `first` of a sequence on, or what belongs to it. */
template <typename T>
static __device__ __forceinline__ attention_rows<T>
query_rows_of(const struct attention_shape &shape, T *memory, int64_t stride, int sequence,
              int head, int first)
{
    return rows_of(shape, memory, stride, (int64_t)sequence * shape.query_pitch + first, head,
                   shape.queries - first);
}

template <typename T>
static __device__ __forceinline__ attention_rows<T> key_rows_of(const struct attention_shape &shape,
                                                                T *memory, int64_t stride,
                                                                int sequence, int group, int first)
{
    return rows_of(shape, memory, stride, (int64_t)sequence * shape.key_pitch + first, group,
                   shape.keys - first);
}

/* Where the statistics (lse, delta) of a head's queries start. */
static __device__ __forceinline__ int64_t statistics_at(const struct attention_shape &shape,
                                                        int sequence, int head)
{
    return ((int64_t)sequence * shape.heads + head) * shape.query_pitch;
}

/* A block's tile of queries of one head. The last queries see most keys: they come first. */
struct attention_queries {
    const struct attention_shape &shape;
    const struct attention_place place;
    const int first;

    __device__ __forceinline__ attention_queries(const struct attention_shape &shape_,
                                                 const struct attention_schedule &schedule,
                                                 int tile_rows)
        : shape(shape_), place(attention_place_of(schedule, blockIdx.x)),
          first(((int)schedule.tiles - 1 - place.tile) * tile_rows)
    {
    }
    template <typename T>
    __device__ __forceinline__ attention_rows<T> rows(T *memory, int64_t stride) const
    {
        return query_rows_of(shape, memory, stride, place.sequence, place.head, first);
    }
    /* Of the keys, or values, from `key` on. */
    template <typename T>
    __device__ __forceinline__ attention_rows<T> key_rows(T *memory, int64_t stride, int key) const
    {
        return key_rows_of(shape, memory, stride, place.sequence, place.head / shape.share, key);
    }
    /* None of them sees this key or a later one. */
    __device__ __forceinline__ int keys_end(int tile_rows) const
    {
        return keys_seen(shape, min(first + tile_rows, shape.queries) - 1);
    }
    __device__ __forceinline__ int64_t statistics() const
    {
        return statistics_at(shape, place.sequence, place.head);
    }
};

/* A block's tile of keys of one group. The first keys are seen by most queries. */
struct attention_keys {
    const struct attention_shape &shape;
    const struct attention_place place;
    const int first;

    __device__ __forceinline__ attention_keys(const struct attention_shape &shape_,
                                              const struct attention_schedule &schedule,
                                              uint32_t block, int tile_rows)
        : shape(shape_), place(attention_place_of(schedule, block)), first(place.tile * tile_rows)
    {
    }
    template <typename T>
    __device__ __forceinline__ attention_rows<T> rows(T *memory, int64_t stride) const
    {
        return key_rows_of(shape, memory, stride, place.sequence, place.head, first);
    }
    /* Of the queries of a head, or what belongs to them, from `query` on. */
    template <typename T>
    __device__ __forceinline__ attention_rows<T> query_rows(T *memory, int64_t stride, int head,
                                                            int query) const
    {
        return query_rows_of(shape, memory, stride, place.sequence, head, query);
    }
    /* The first of the heads that share the keys. */
    __device__ __forceinline__ int head() const
    {
        return place.head * shape.share;
    }
    /* Queries before this one see none of the keys. */
    __device__ __forceinline__ int queries_begin() const
    {
        return shape.is_causal ? max(0, first - shape.keys + shape.queries) : 0;
    }
    /* Statistic i of a tile of COLUMNS queries from `query` on: lse in powers of two of each, then
     * delta of each. Queries past the last have +inf as lse: they get no probability. */
    template <int COLUMNS>
    __device__ __forceinline__ float statistic(const float *lse, const float *delta, int head,
                                               int query, int i) const
    {
        const int at = query + i % COLUMNS;
        const int64_t from = statistics_at(shape, place.sequence, head) + at;
        if (at >= shape.queries)
            return i < COLUMNS ? INFINITY : 0;
        return i < COLUMNS ? lse[from] * LOG2_E : delta[from];
    }
};

/* -- the host's side -------------------------------------------------------------------------- */

/* Calls with_dim(std::integral_constant<int, DIM>()) for the smallest DIM of the kernels that holds
 * the head. */
template <typename F> static void attention_padded(int head_dim, const F &with_dim)
{
    if (head_dim <= 32)
        with_dim(std::integral_constant<int, 32>());
    else if (head_dim <= 64)
        with_dim(std::integral_constant<int, 64>());
    else if (head_dim <= 96)
        with_dim(std::integral_constant<int, 96>());
    else if (head_dim <= 128)
        with_dim(std::integral_constant<int, 128>());
    else
        with_dim(std::integral_constant<int, 256>());
}

/* attention_forward_TYPE.cu and attention_backward_TYPE.cu */
void attention_forward_launch(struct mimo_backend *be, int64_t batch,
                              const attention_forward_call<float> &call);
void attention_forward_launch(struct mimo_backend *be, int64_t batch,
                              const attention_forward_call<bf16> &call);
void attention_backward_launch(struct mimo_backend *be, int64_t batch,
                               const attention_backward_call<float> &call);
void attention_backward_launch(struct mimo_backend *be, int64_t batch,
                               const attention_backward_call<bf16> &call);

#endif
