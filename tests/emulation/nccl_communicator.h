/*
 * nccl_communicator.h - a communicator of the emulated NCCL: its ranks, its state, operations.
 *
 * All fields but `device` and `is_blocking` are under the lock of nccl_world.h. A communicator
 * lives until neither its handle nor an operation refers to it.
 */
#ifndef MIMO_EMULATION_NCCL_COMMUNICATOR_H
#define MIMO_EMULATION_NCCL_COMMUNICATOR_H

#include "nccl.h"

#include <deque>
#include <memory>
#include <vector>

namespace emulation
{
struct nccl_run;
}

struct ncclComm {
    std::shared_ptr<ncclComm> handle; /* the user's reference; empty once destroyed or aborted */
    int device = 0;
    bool is_blocking = true;

    /* ncclInProgress until it is complete or failed to become so, then ncclSuccess or its error. */
    ncclResult_t state = ncclInProgress;
    int number = -1;
    int rank = 0;
    std::vector<int> members; /* by rank: the rank in the world */

    bool is_splitting = false; /* a part of it is in the making */
    bool is_launching = false; /* not blocking, and nobody has asked since the last call */
    bool is_finalized = false;
    bool is_aborted = false;
    int outstanding_count = 0;               /* operations enqueued and not done */
    int recorded_count = 0;                  /* operations that graphs hold */
    std::deque<emulation::nccl_run *> order; /* what is to run, one after the other */
};

namespace emulation
{

using nccl_communicator = std::shared_ptr<ncclComm>;

/* Why no call but GetAsyncError and Abort may be made, or ncclSuccess. Under the lock. */
ncclResult_t nccl_check_ready(ncclComm_t comm, const char *call);

/* Ends the user's reference; `comm` stays while operations refer to it. Under the lock. */
nccl_communicator nccl_release_handle(ncclComm_t comm);

} // namespace emulation

#endif
