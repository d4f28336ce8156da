/*
 * attention_merge.cu - attention over some keys and over others, made one (the running softmax).
 *
 * A first kernel goes over the outputs, a second one over lse, which the first one reads.
 */
#include "runtime/backend/cuda/kernels/elementwise.cuh"

/* The shares that the two have in the softmax over the keys of both, and its lse. */
struct merge_shares {
    float own, part, lse;
};

/* Where neither saw a key both are 0, as their outputs are, and lse stays -inf. */
static __device__ __forceinline__ merge_shares shares_of(float lse, float part_lse)
{
    const float largest = fmaxf(lse, part_lse), shift = largest == -INFINITY ? 0.0f : largest;
    const float own = expf(lse - shift), part = expf(part_lse - shift), total = own + part;
    const float factor = total == 0.0f ? 0.0f : 1.0f / total;
    return {own * factor, part * factor, shift + logf(total)};
}

/* A row is a query of any sequence, with all of its heads. */
template <typename T> struct merge_outputs {
    T *out;
    const T *part;
    const float *lse, *part_lse;
    int64_t queries, query_pitch, heads, head_dim, stride;

    /* N elements of one head. */
    template <int N> __device__ __forceinline__ void run(int64_t row, int64_t i) const
    {
        const int64_t sequence = row / queries, query = row % queries;
        const int64_t at = (sequence * query_pitch + query) * stride + i;
        const int64_t log = (sequence * heads + i / head_dim) * query_pitch + query;
        const merge_shares shares = shares_of(lse[log], part_lse[log]);
        vector<float, N> sum = load_wide<N>(out + at);
        const vector<float, N> more = load_wide<N>(part + at);
#pragma unroll
        for (int e = 0; e < N; e++)
            sum.at[e] = sum.at[e] * shares.own + more.at[e] * shares.part;
        store_narrow<N>(out + at, sum);
    }
};

/* A row is a head of any sequence, with all of its queries. */
struct merge_logs {
    float *lse;
    const float *part_lse;
    int64_t query_pitch;

    template <int N> __device__ __forceinline__ void run(int64_t row, int64_t i) const
    {
        static_assert(N == 1, "one query at a time");
        const int64_t at = row * query_pitch + i;
        lse[at] = shares_of(lse[at], part_lse[at]).lse;
    }
};

template <typename T>
static void attention_merge(struct mimo_backend *be, const struct mimo_attention *shape, void *out,
                            void *lse, const void *part, const void *part_lse)
{
    float *const logs = static_cast<float *>(lse);
    const float *const part_logs = static_cast<const float *>(part_lse);
    const int64_t width = shape->heads * shape->head_dim;
    const merge_outputs<T> outputs = {
        static_cast<T *>(out), static_cast<const T *>(part), logs,         part_logs,
        shape->queries,        shape->query_pitch,           shape->heads, shape->head_dim,
        shape->out_stride};

    for_rows<CHUNK<T>>(
        be, "attention_merge", outputs, shape->batch * shape->queries, width,
        is_aligned<CHUNK<T>>({shape->head_dim, shape->out_stride}, outputs.out, outputs.part));
    for_rows<1>(be, "attention_merge", merge_logs{logs, part_logs, shape->query_pitch},
                shape->batch * shape->heads, shape->queries, true);
}

void mimo_cuda_attention_merge(struct mimo_backend_ops *ops, bool is_bf16)
{
    ops->attention_merge = is_bf16 ? attention_merge<bf16> : attention_merge<float>;
}
