/*
 * nccl_message.h - messages between the ranks of an emulated communicator, polled. All under the
 * lock.
 *
 * Messages from one rank to another with one tag arrive in the order in which they were posted. One
 * is sent when its receiver has taken it up, not before.
 */
#ifndef MIMO_EMULATION_NCCL_MESSAGE_H
#define MIMO_EMULATION_NCCL_MESSAGE_H

#include "nccl.h"
#include "nccl_mpi.h"

#include <memory>
#include <vector>

namespace emulation
{

using nccl_bytes = std::vector<unsigned char>;

/* Bytes on their way. Dropped before they are through, they stay in memory, for MPI goes on with
 * them. */
struct nccl_transit {
    MPI_Request request;
    nccl_bytes bytes;
};

struct nccl_transit_end {
    void operator()(nccl_transit *transit) const;
};

using nccl_transit_ptr = std::unique_ptr<nccl_transit, nccl_transit_end>;

/* A message that is waited for. */
struct nccl_receipt {
    int source; /* rank in the world; MPI_ANY_SOURCE until one has come */
    int tag;
    nccl_transit_ptr transit; /* empty until the message is there or on its way */
};

/* Starts sending to a rank of the world; empty: MPI failed. */
nccl_transit_ptr nccl_post(int destination, int tag, nccl_bytes bytes);

/* ncclSuccess when the bytes are through, ncclInProgress before, ncclSystemError. */
ncclResult_t nccl_advance(nccl_transit &transit);

/* The same; looks for the message first. ncclSuccess: receipt.transit->bytes is the message. */
ncclResult_t nccl_advance(nccl_receipt &receipt);

} // namespace emulation

#endif
