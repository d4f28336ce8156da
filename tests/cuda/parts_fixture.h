/*
 * parts_fixture.h - the host's parts of the CUDA backend alone, without kernels, on device 0.
 */
#ifndef MIMO_TESTS_CUDA_PARTS_FIXTURE_H
#define MIMO_TESTS_CUDA_PARTS_FIXTURE_H

#include "runtime/backend/cuda/parts.h"

struct parts {
    struct mimo_cuda cuda;
    struct mimo_backend be; /* with the operations of device.c, staging.c and sequences.c */
};

/* `staging_bytes` of pinned memory. Aborts where the device cannot be opened. */
void parts_open(struct parts *parts, size_t staging_bytes);
void parts_close(struct parts *parts);

/* Holds up the compute stream until the host waits for something, and counts such waits. */
struct gate {
    int is_open, waits;
};
void gate_close(struct gate *gate, struct mimo_cuda *cuda);

#endif
