#include "nccl_message.h"

#include "nccl_result.h"

#include <utility>

namespace emulation
{

namespace
{

/* Reachable to the end, so that no tool takes them for lost. */
std::vector<nccl_transit *> &abandoned()
{
    static std::vector<nccl_transit *> *const transits = new std::vector<nccl_transit *>;
    return *transits;
}

ncclResult_t mpi_result(int code, int is_done)
{
    if (code != MPI_SUCCESS)
        return nccl_fail(ncclSystemError, "MPI fails with error %d", code);
    return is_done ? ncclSuccess : ncclInProgress;
}

ncclResult_t take_up(nccl_receipt &receipt)
{
    MPI_Message message;
    MPI_Status status;
    int is_there = 0, count = 0;
    int code =
        MPI_Improbe(receipt.source, receipt.tag, MPI_COMM_WORLD, &is_there, &message, &status);

    if (code != MPI_SUCCESS || !is_there)
        return mpi_result(code, is_there);
    (void)MPI_Get_count(&status, MPI_BYTE, &count);
    receipt.source = status.MPI_SOURCE;
    receipt.transit.reset(
        new nccl_transit{MPI_REQUEST_NULL, nccl_bytes(static_cast<size_t>(count))});
    code = MPI_Imrecv(receipt.transit->bytes.data(), count, MPI_BYTE, &message,
                      &receipt.transit->request);
    return mpi_result(code, 1);
}

} // namespace

void nccl_transit_end::operator()(nccl_transit *transit) const
{
    if (transit->request == MPI_REQUEST_NULL)
        delete transit;
    else
        abandoned().push_back(transit);
}

nccl_transit_ptr nccl_post(int destination, int tag, nccl_bytes bytes)
{
    nccl_transit_ptr transit(new nccl_transit{MPI_REQUEST_NULL, std::move(bytes)});

    if (MPI_Issend(transit->bytes.data(), static_cast<int>(transit->bytes.size()), MPI_BYTE,
                   destination, tag, MPI_COMM_WORLD, &transit->request) != MPI_SUCCESS)
        return nullptr;
    return transit;
}

ncclResult_t nccl_advance(nccl_transit &transit)
{
    int is_done = 0;
    const int code = MPI_Test(&transit.request, &is_done, MPI_STATUS_IGNORE);

    return mpi_result(code, is_done);
}

ncclResult_t nccl_advance(nccl_receipt &receipt)
{
    if (receipt.transit == nullptr) {
        const ncclResult_t result = take_up(receipt);
        if (result != ncclSuccess)
            return result;
    }
    return nccl_advance(*receipt.transit);
}

} // namespace emulation
