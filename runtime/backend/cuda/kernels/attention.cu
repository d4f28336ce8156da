/*
 * attention.cu - attention as an operation of the backend: the checks and the choice of kernels.
 */
#include "runtime/backend/cuda/kernels/attention_call.cuh"
#include "runtime/backend/cuda/kernels/vectors.cuh"

namespace
{

constexpr int64_t HEAD_DIM_MAX = 256, LENGTH_MAX = INT32_MAX / 2;

/* False, with the failure kept, for a call that the kernels do not carry out. */
bool check_shape(struct mimo_backend *be, const struct mimo_attention *shape, const char *operation)
{
    const bool is_within = shape->head_dim <= HEAD_DIM_MAX && shape->queries <= LENGTH_MAX &&
                           shape->keys <= LENGTH_MAX && shape->query_pitch <= LENGTH_MAX &&
                           shape->key_pitch <= LENGTH_MAX;
    return mimo_cuda_check(mimo_cuda_of(be), is_within ? cudaSuccess : cudaErrorInvalidValue,
                           operation);
}

/* `tensors` are all of the call's whose rows lie in tiles. */
template <typename T, typename... P>
attention_shape shape_of(const struct mimo_attention *shape, const P *...tensors)
{
    attention_shape result;
    result.queries = (int)shape->queries;
    result.keys = (int)shape->keys;
    result.query_pitch = (int)shape->query_pitch;
    result.key_pitch = (int)shape->key_pitch;
    result.heads = (int)shape->heads;
    result.groups = (int)shape->groups;
    result.share = shape->groups > 0 ? (int)(shape->heads / shape->groups) : 1;
    result.head_dim = (int)shape->head_dim;
    result.q_stride = shape->q_stride;
    result.k_stride = shape->k_stride;
    result.v_stride = shape->v_stride;
    result.out_stride = shape->out_stride;
    result.scale = (float)shape->scale;
    result.scale_log2 = (float)(shape->scale * LOG2_E);
    result.is_causal = shape->is_causal;
    result.is_aligned = is_aligned<CHUNK<T>>(
        {shape->head_dim, shape->q_stride, shape->k_stride, shape->v_stride, shape->out_stride},
        static_cast<const T *>(tensors)...);
    return result;
}

/* `others` are the call's besides q, k and v. */
template <typename T, typename... P>
attention_inputs<T> inputs_of(const struct mimo_attention *shape, const void *q, const void *k,
                              const void *v, const P *...others)
{
    return {shape_of<T>(shape, q, k, v, others...), (const T *)q, (const T *)k, (const T *)v};
}

template <typename T>
void attention_forward(struct mimo_backend *be, const struct mimo_attention *shape, void *out,
                       void *lse, const void *q, const void *k, const void *v, void *workspace)
{
    (void)workspace;
    if (check_shape(be, shape, "attention_forward"))
        attention_forward_launch(
            be, shape->batch,
            attention_forward_call<T>{inputs_of<T>(shape, q, k, v, out), (T *)out, (float *)lse});
}

template <typename T>
void attention_backward(struct mimo_backend *be, const struct mimo_attention *shape, void *dq,
                        void *dk, void *dv, const void *dout, const void *out, const void *lse,
                        const void *q, const void *k, const void *v, void *workspace)
{
    if (check_shape(be, shape, "attention_backward"))
        attention_backward_launch(
            be, shape->batch,
            attention_backward_call<T>{inputs_of<T>(shape, q, k, v, out, dout, dq, dk, dv),
                                       (const T *)out, (const T *)dout, (const float *)lse,
                                       (float *)workspace, (T *)dq, (T *)dk, (T *)dv});
}

/* delta, one of each query of each head. */
size_t attention_workspace(struct mimo_backend *be, const struct mimo_attention *shape)
{
    const int64_t count = shape->batch * shape->heads * shape->query_pitch;
    (void)be;
    return (size_t)(ceil_div(count * (int64_t)sizeof(float), 64) * 64);
}

} // namespace

extern "C" void mimo_cuda_attention(struct mimo_backend_ops *ops, bool is_bf16)
{
    ops->attention_workspace = attention_workspace;
    ops->attention_forward = is_bf16 ? attention_forward<bf16> : attention_forward<float>;
    ops->attention_backward = is_bf16 ? attention_backward<bf16> : attention_backward<float>;
}
