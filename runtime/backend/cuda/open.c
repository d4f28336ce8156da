/* open.c - the CUDA backend's opening: its table of operations, and the parts behind them. */
#include "runtime/backend/cuda/parts.h"

#include <stdlib.h>

/* Pinned memory is scarce; a quarter of this keeps the bus busy while the next one is filled. */
enum { STAGING_BYTES = 16 << 20 };

static void close_parts(struct mimo_cuda *cuda)
{
    mimo_cuda_linear_close(cuda);
    mimo_cuda_graphs_close(cuda);
    mimo_cuda_staging_close(cuda);
    mimo_cuda_device_close(cuda);
    free(cuda);
}

static bool open_parts(struct mimo_cuda *cuda, bool is_bf16)
{
    return mimo_cuda_device_open(cuda) && mimo_cuda_staging_open(cuda, STAGING_BYTES) &&
           mimo_cuda_graphs_open(cuda) && mimo_cuda_linear_open(cuda, is_bf16);
}

static void close_cuda(struct mimo_backend *be)
{
    struct mimo_cuda *const cuda = mimo_cuda_of(be);

    (void)mimo_cuda_await(cuda, cuda->compute, "close");
    close_parts(cuda);
}

static void fill_table(struct mimo_backend_ops *ops, bool is_bf16)
{
    ops->name = "cuda";
    ops->close = close_cuda;
    mimo_cuda_device_ops(ops);
    mimo_cuda_staging_ops(ops);
    mimo_cuda_graphs_ops(ops);
    mimo_cuda_linear_ops(ops);
    mimo_cuda_memory(ops, is_bf16);
    mimo_cuda_norm(ops, is_bf16);
    mimo_cuda_activation(ops, is_bf16);
    mimo_cuda_rotary(ops, is_bf16);
    mimo_cuda_attention(ops, is_bf16);
    mimo_cuda_attention_merge(ops, is_bf16);
    mimo_cuda_tokens(ops, is_bf16);
    mimo_cuda_experts(ops, is_bf16);
    mimo_cuda_images(ops, is_bf16);
    mimo_cuda_optimizer(ops, is_bf16);
}

enum mimo_status mimo_backend_cuda_open(struct mimo_backend *out_backend,
                                        enum mimo_precision precision, int device,
                                        struct mimo_error *err)
{
    const bool is_bf16 = precision == MIMO_PRECISION_BF16;
    enum mimo_status status;
    struct mimo_cuda *cuda;

    if (!is_bf16 && precision != MIMO_PRECISION_FP32)
        return mimo_error_set(err, MIMO_E_WORLD,
                              "the CUDA backend computes in fp32 and bf16, fp64 is computed on the "
                              "CPU only");
    cuda = calloc(1, sizeof *cuda);
    if (cuda == NULL)
        return mimo_error_set(err, MIMO_E_FAILED, "out of memory");
    cuda->device = device;
    if (!open_parts(cuda, is_bf16)) {
        status = mimo_error_set(err, cuda->error.status, "%s", cuda->error.message);
        close_parts(cuda);
        return status;
    }
    fill_table(&cuda->ops, is_bf16);
    *out_backend = (struct mimo_backend){.ops = &cuda->ops,
                                         .precision = precision,
                                         .element_size = is_bf16 ? 2 : sizeof(float),
                                         .wide_size = sizeof(float),
                                         .state = cuda};
    return MIMO_OK;
}
