/*
 * parts.h - what the host's side of the CUDA backend is made of: a file for each, opened and closed
 * together by open.c.
 *
 * An opening returns false where it fails, with the reason in cuda->error; the closing frees what
 * there is, be it part of it or nothing. `_ops` enters the part's operations into the table.
 */
#ifndef MIMO_RUNTIME_BACKEND_CUDA_PARTS_H
#define MIMO_RUNTIME_BACKEND_CUDA_PARTS_H

#include "runtime/backend/cuda/cuda.h"

/* -- device.c: the device cuda->device, its streams, events and workspace; memory, waiting ------
 */

bool mimo_cuda_device_open(struct mimo_cuda *cuda);
void mimo_cuda_device_close(struct mimo_cuda *cuda);
void mimo_cuda_device_ops(struct mimo_backend_ops *ops);

/* As mimo_cuda_await, for an event that has been recorded. */
bool mimo_cuda_await_event(struct mimo_cuda *cuda, cudaEvent_t event, const char *operation);

/* -- staging.c: bytes between the host's own memory and the device ------------------------------
 */

/* `bytes` of pinned host memory, through which all that is uploaded or downloaded goes. */
bool mimo_cuda_staging_open(struct mimo_cuda *cuda, size_t bytes);
void mimo_cuda_staging_close(struct mimo_cuda *cuda);
void mimo_cuda_staging_ops(struct mimo_backend_ops *ops);

/* -- sequences.c: sequences of operations as CUDA graphs ----------------------------------------
 */

/* Sequences that are remembered at a time, and the bytes of a key at most. */
enum { MIMO_CUDA_SEQUENCES_MAX = 64, MIMO_CUDA_KEY_MAX = 128 };

bool mimo_cuda_graphs_open(struct mimo_cuda *cuda);
void mimo_cuda_graphs_close(struct mimo_cuda *cuda);
void mimo_cuda_graphs_ops(struct mimo_backend_ops *ops);

/* Whether a sequence has begun and not ended. */
bool mimo_cuda_in_sequence(const struct mimo_cuda *cuda);

/* -- linear.c: linear layers by cuBLASLt --------------------------------------------------------
 */

bool mimo_cuda_linear_open(struct mimo_cuda *cuda, bool is_bf16);
void mimo_cuda_linear_close(struct mimo_cuda *cuda);
void mimo_cuda_linear_ops(struct mimo_backend_ops *ops);

#endif
