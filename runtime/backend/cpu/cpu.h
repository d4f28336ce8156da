/*
 * cpu.h - an opened CPU backend as the files of this folder see it.
 */
#ifndef MIMO_RUNTIME_BACKEND_CPU_CPU_H
#define MIMO_RUNTIME_BACKEND_CPU_CPU_H

#include "runtime/backend/backend.h"

struct mimo_cpu_bf16; /* gemm.h */

struct mimo_cpu {
    struct mimo_backend_ops ops;
    struct mimo_cpu_bf16 *bf16; /* NULL in other precisions */
};

static inline struct mimo_cpu *mimo_cpu_of(const struct mimo_backend *be)
{
    return (struct mimo_cpu *)be->state;
}

#endif
