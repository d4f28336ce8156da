/* nccl_calls.cpp - the emulated NCCL's collectives and transfers: their arguments. */
#include "nccl_group.h"
#include "nccl_reduce.h"
#include "nccl_result.h"
#include "nccl_world.h"

using namespace emulation;

namespace
{

bool is_reduction(nccl_function function)
{
    return function == nccl_function::all_reduce || function == nccl_function::reduce ||
           function == nccl_function::reduce_scatter;
}

bool is_transfer(nccl_function function)
{
    return function == nccl_function::send || function == nccl_function::receive;
}

bool reads(const nccl_task &task, int rank)
{
    return task.function == nccl_function::broadcast ? rank == task.peer
                                                     : task.function != nccl_function::receive;
}

bool writes(const nccl_task &task, int rank)
{
    return task.function == nccl_function::reduce ? rank == task.peer
                                                  : task.function != nccl_function::send;
}

/* What a message may hold, as MPI counts. */
bool has_room(const nccl_task &task)
{
    return task.count <= (INT_MAX - 1024) / nccl_type_bytes(task.type);
}

bool has_buffers(const nccl_task &task, int rank)
{
    return task.count == 0 || ((!reads(task, rank) || task.send != nullptr) &&
                               (!writes(task, rank) || task.receive != nullptr));
}

ncclResult_t check(const ncclComm &comm, cudaStream_t stream, const nccl_task &task)
{
    const char *const name = nccl_name(task.function);
    const int count = static_cast<int>(comm.members.size());

    if (nccl_type_bytes(task.type) == 0 || !has_room(task))
        return nccl_fail(ncclInvalidArgument, "%s: %zu elements of type %d are not emulated", name,
                         task.count, static_cast<int>(task.type));
    if (is_reduction(task.function) && !nccl_is_reduction(task.op))
        return nccl_fail(ncclInvalidArgument, "%s: op %d is not emulated", name,
                         static_cast<int>(task.op));
    if (task.peer < 0 || task.peer >= count)
        return nccl_fail(ncclInvalidArgument, "%s: there is no rank %d of %d", name, task.peer,
                         count);
    if (!has_buffers(task, comm.rank))
        return nccl_fail(ncclInvalidArgument, "%s: a buffer is NULL", name);
    if (stream_device(stream) != comm.device)
        return nccl_fail(ncclUnhandledCudaError, "%s: the stream is not of device %d", name,
                         comm.device);
    return ncclSuccess;
}

ncclResult_t check_communicator(ncclComm_t comm, nccl_function function)
{
    const nccl_guard guard = nccl_enter();

    return nccl_check_ready(comm, nccl_name(function));
}

/* A collective of no elements is none. */
ncclResult_t call(ncclComm_t comm, cudaStream_t stream, nccl_task task)
{
    ncclResult_t result = check_communicator(comm, task.function);

    if (result == ncclSuccess)
        result = check(*comm, stream, task);
    if (result != ncclSuccess || (task.count == 0 && !is_transfer(task.function)))
        return nccl_group_note(result);
    if (!reads(task, comm->rank))
        task.send = nullptr;
    if (!writes(task, comm->rank))
        task.receive = nullptr;
    return nccl_group_add(comm, stream, task);
}

} // namespace

ncclResult_t ncclAllReduce(const void *send, void *receive, size_t count, ncclDataType_t type,
                           ncclRedOp_t op, ncclComm_t comm, cudaStream_t stream)
{
    return call(comm, stream, {nccl_function::all_reduce, send, receive, count, type, op, 0});
}

ncclResult_t ncclReduce(const void *send, void *receive, size_t count, ncclDataType_t type,
                        ncclRedOp_t op, int root, ncclComm_t comm, cudaStream_t stream)
{
    return call(comm, stream, {nccl_function::reduce, send, receive, count, type, op, root});
}

ncclResult_t ncclBroadcast(const void *send, void *receive, size_t count, ncclDataType_t type,
                           int root, ncclComm_t comm, cudaStream_t stream)
{
    return call(comm, stream,
                {nccl_function::broadcast, send, receive, count, type, ncclSum, root});
}

ncclResult_t ncclAllGather(const void *send, void *receive, size_t count, ncclDataType_t type,
                           ncclComm_t comm, cudaStream_t stream)
{
    return call(comm, stream, {nccl_function::all_gather, send, receive, count, type, ncclSum, 0});
}

ncclResult_t ncclReduceScatter(const void *send, void *receive, size_t count, ncclDataType_t type,
                               ncclRedOp_t op, ncclComm_t comm, cudaStream_t stream)
{
    return call(comm, stream, {nccl_function::reduce_scatter, send, receive, count, type, op, 0});
}

ncclResult_t ncclSend(const void *send, size_t count, ncclDataType_t type, int peer,
                      ncclComm_t comm, cudaStream_t stream)
{
    return call(comm, stream, {nccl_function::send, send, nullptr, count, type, ncclSum, peer});
}

ncclResult_t ncclRecv(void *receive, size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                      cudaStream_t stream)
{
    return call(comm, stream,
                {nccl_function::receive, nullptr, receive, count, type, ncclSum, peer});
}
