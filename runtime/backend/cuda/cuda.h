/*
 * cuda.h - one GPU as the files of this folder and the NCCL transport see it.
 *
 * A rank drives one device with two streams: `compute` carries out the operations of backend.h in
 * the order of their calls, `communication` those of the transport; events hold one back for the
 * other. The host runs ahead of both. Calls of the CUDA runtime go through mimo_cuda_check, which
 * keeps the first failure for backend_ops.check: after it the device does nothing of use.
 */
#ifndef MIMO_RUNTIME_BACKEND_CUDA_CUDA_H
#define MIMO_RUNTIME_BACKEND_CUDA_CUDA_H

#include "runtime/backend/backend.h"

#include <cublasLt.h>
#include <cuda_runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mimo_cuda_graphs;  /* sequences.c */
struct mimo_cuda_staging; /* staging.c */
struct mimo_cuda_linear;  /* linear.c */

/* Who is asked while the host waits for the device: the transport, which knows what may never come.
 * `look` is called again and again; false ends the wait, with the reason in `err`. `done` ends it.
 */
struct mimo_cuda_watch {
    void *owner;
    bool (*look)(void *owner, struct mimo_error *err); /* NULL: nobody is asked */
    void (*done)(void *owner);
};

struct mimo_cuda {
    struct mimo_backend_ops ops;
    int device, multiprocessors;
    cudaStream_t compute, communication;
    cudaEvent_t computed,
        communicated;    /* the latest points at which one stream waits for the other */
    cudaEvent_t awaited; /* by the host */
    struct mimo_cuda_staging *staging;
    struct mimo_cuda_graphs *graphs;
    struct mimo_cuda_linear *linear;
    /* For one operation at a time on the compute stream: cuBLASLt's workspace, partial sums. It is
     * made on opening, beside the plan's memory: backend.h's `allocated` leaves it out. */
    void *workspace;
    size_t workspace_bytes;
    struct mimo_cuda_watch watch;
    bool has_captured;       /* the transport issued something while `compute` was capturing */
    struct mimo_error error; /* the first failure */
};

static inline struct mimo_cuda *mimo_cuda_of(const struct mimo_backend *be)
{
    return (struct mimo_cuda *)be->state;
}

/* Keeps the first failure of a call, with the operation's name. True where there is none. */
bool mimo_cuda_check(struct mimo_cuda *cuda, cudaError_t result, const char *operation);

/* Waits on the host until all that was issued on the stream so far is done, and asks the watch
 * meanwhile. True where it is; a failure is kept as any other. */
bool mimo_cuda_await(struct mimo_cuda *cuda, cudaStream_t stream, const char *operation);

/* Frees all graphs: NCCL wants that before the communicators whose operations they hold are freed.
 * No sequence may be open, and the device must have carried out what was issued. */
void mimo_cuda_forget_sequences(struct mimo_cuda *cuda);

/*
 * Opens the backend on one of the visible devices, for fp32 or bf16. MIMO_E_WORLD: fp64, which is
 * the CPU backend's alone; no such device; one of a compute capability under 8.0.
 */
enum mimo_status mimo_backend_cuda_open(struct mimo_backend *out_backend,
                                        enum mimo_precision precision, int device,
                                        struct mimo_error *err);

/* sums[cols] accumulates the column sums of x[rows, cols], of the element type, in an order that
 * depends on the shape alone. */
void mimo_cuda_column_sums(struct mimo_backend *be, float *sums, const void *x, int64_t rows,
                           int64_t cols);

/* Each enters its operations into the table, for float32 or for bf16 (kernels/NAME.cu). */
void mimo_cuda_memory(struct mimo_backend_ops *ops, bool is_bf16);
void mimo_cuda_norm(struct mimo_backend_ops *ops, bool is_bf16);
void mimo_cuda_activation(struct mimo_backend_ops *ops, bool is_bf16);
void mimo_cuda_rotary(struct mimo_backend_ops *ops, bool is_bf16);
void mimo_cuda_attention(struct mimo_backend_ops *ops, bool is_bf16);
void mimo_cuda_attention_merge(struct mimo_backend_ops *ops, bool is_bf16);
void mimo_cuda_tokens(struct mimo_backend_ops *ops, bool is_bf16);
void mimo_cuda_experts(struct mimo_backend_ops *ops, bool is_bf16);
void mimo_cuda_images(struct mimo_backend_ops *ops, bool is_bf16);
void mimo_cuda_optimizer(struct mimo_backend_ops *ops, bool is_bf16);

#ifdef __cplusplus
}
#endif

#endif
