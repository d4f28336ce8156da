#include "tests/unit/cuda/kernel_rig.h"

kernel_rig::kernel_rig(void (*enter)(struct mimo_backend_ops *ops, bool is_bf16), bool is_bf16)
    : cuda_(), be_()
{
    enter(&cuda_.ops, is_bf16);
    be_.ops = &cuda_.ops;
    be_.element_size = is_bf16 ? sizeof(__nv_bfloat16) : sizeof(float);
    be_.state = &cuda_;
    (void)mimo_cuda_check(&cuda_, cudaStreamCreateWithFlags(&cuda_.compute, cudaStreamNonBlocking),
                          "cudaStreamCreateWithFlags");
}

kernel_rig::~kernel_rig()
{
    (void)cudaStreamDestroy(cuda_.compute);
}

const char *kernel_rig::finish()
{
    (void)mimo_cuda_check(&cuda_, cudaStreamSynchronize(cuda_.compute), "cudaStreamSynchronize");
    return cuda_.error.status == MIMO_OK ? "" : cuda_.error.message;
}

double draw(uint32_t &state)
{
    state = state * 1664525u + 1013904223u;
    return static_cast<double>(state >> 8) / (1 << 23) - 1;
}
