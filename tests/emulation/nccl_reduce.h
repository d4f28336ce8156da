/* nccl_reduce.h - the types of the emulated NCCL and their arithmetic. */
#ifndef MIMO_EMULATION_NCCL_REDUCE_H
#define MIMO_EMULATION_NCCL_REDUCE_H

#include "nccl.h"

namespace emulation
{

/* 0: the type is not emulated. */
size_t nccl_type_bytes(ncclDataType_t type);

/* Whether nccl_combine() can do it. */
bool nccl_is_reduction(ncclRedOp_t op);

/* into[i] = into[i] op more[i]; sums of integers wrap around, a maximum passes over NaN. */
void nccl_combine(ncclDataType_t type, ncclRedOp_t op, void *into, const void *more, size_t count);

} // namespace emulation

#endif
