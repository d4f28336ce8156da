/* nccl_group.h - the emulated NCCL's groups: what the calls between start and end come to. */
#ifndef MIMO_EMULATION_NCCL_GROUP_H
#define MIMO_EMULATION_NCCL_GROUP_H

#include "nccl_communicator.h"
#include "nccl_operation.h"

namespace emulation
{

/* A communicator in the making, on its own or as a part of one that is split. */
struct nccl_making {
    nccl_communicator waits_for; /* `made` itself or its parent */
    nccl_communicator made;      /* empty: the rank has no color */
    ncclComm_t *out;             /* where the user has it; NULL is written after an error */
};

/* Waits until it is made, where calls block; in a group, at its end. Not under the lock. */
ncclResult_t nccl_group_make(const nccl_making &making);

/* Enqueues a task, whose arguments are found good; in a group, at its end. Not under the lock. */
ncclResult_t nccl_group_add(ncclComm_t comm, cudaStream_t stream, const nccl_task &task);

/* Notes that a call has failed, which a group's end then tells again; gives the result back. */
ncclResult_t nccl_group_note(ncclResult_t result);

} // namespace emulation

#endif
