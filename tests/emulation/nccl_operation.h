/* nccl_operation.h - the tasks of a group on one communicator as one operation of a stream. */
#ifndef MIMO_EMULATION_NCCL_OPERATION_H
#define MIMO_EMULATION_NCCL_OPERATION_H

#include "nccl_communicator.h"
#include "stream.h"

namespace emulation
{

enum class nccl_function {
    all_reduce,
    reduce,
    broadcast,
    all_gather,
    reduce_scatter,
    send,
    receive
};

const char *nccl_name(nccl_function function); /* "ncclAllReduce" */

struct nccl_task {
    nccl_function function;
    const void *send; /* NULL where this rank has nothing to give */
    void *receive;    /* NULL where it gets nothing */
    size_t count;
    ncclDataType_t type;
    ncclRedOp_t op;
    int peer; /* of a transfer; else the root, 0 where there is none */
};

/*
 * `counter` of the communicator, outstanding_count or recorded_count, is one higher while the
 * operation lives. Not under the lock.
 */
operation nccl_operation(const nccl_communicator &comm, std::vector<nccl_task> tasks,
                         int ncclComm::*counter);

} // namespace emulation

#endif
