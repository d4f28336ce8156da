#include "nccl_group.h"

#include "nccl_result.h"
#include "nccl_world.h"

#include <algorithm>
#include <utility>

using namespace emulation;

namespace
{

/* The tasks of one communicator, in the order of the calls. */
struct part {
    nccl_communicator comm;
    cudaStream_t stream;
    std::vector<nccl_task> tasks;
};

struct group {
    int depth = 0;
    ncclResult_t error = ncclSuccess; /* the first of a call */
    std::vector<part> parts;
    std::vector<nccl_making> makings;
};

thread_local group current;

/* ---- communicators in the making ---- */

bool is_in_the_making(const ncclComm &comm)
{
    return (comm.state == ncclInProgress || comm.is_splitting) && !comm.is_aborted;
}

ncclResult_t end_making(const nccl_making &making)
{
    nccl_guard guard = nccl_enter();

    if (!making.waits_for->is_blocking)
        return ncclInProgress;
    while (is_in_the_making(*making.waits_for))
        nccl_wait(guard);
    if (making.made == nullptr || making.made->state == ncclSuccess)
        return ncclSuccess;
    *making.out = nullptr;
    (void)nccl_release_handle(making.made.get());
    return making.made->state;
}

/* ---- operations ---- */

/* A rank's sends to itself wait for its own receives. */
ncclResult_t check_own_transfers(const part &self)
{
    const auto own = [&self](nccl_function function) {
        return std::count_if(self.tasks.begin(), self.tasks.end(), [&](const nccl_task &task) {
            return task.function == function && task.peer == self.comm->rank;
        });
    };

    if (own(nccl_function::send) == own(nccl_function::receive))
        return ncclSuccess;
    return nccl_fail(ncclInvalidUsage,
                     "rank %d sends to itself and does not receive, or receives "
                     "and does not send, in the same group",
                     self.comm->rank);
}

ncclResult_t cuda_result(cudaError_t error)
{
    return error == cudaSuccess
               ? ncclSuccess
               : nccl_fail(ncclUnhandledCudaError, "CUDA: %s", cudaGetErrorString(error));
}

void note_launch(ncclComm &comm)
{
    const nccl_guard guard = nccl_enter();

    comm.is_launching = !comm.is_blocking;
}

ncclResult_t enqueue_part(const part &self)
{
    cudaStreamCaptureStatus capture = cudaStreamCaptureStatusNone;
    const ncclResult_t result = cuda_result(cudaStreamIsCapturing(self.stream, &capture));

    if (result != ncclSuccess)
        return result;
    int ncclComm::*const counter = capture == cudaStreamCaptureStatusNone
                                       ? &ncclComm::outstanding_count
                                       : &ncclComm::recorded_count;
    note_launch(*self.comm);
    return cuda_result(enqueue(self.stream, nccl_operation(self.comm, self.tasks, counter)));
}

/* Puts the task to its communicator's part. */
ncclResult_t add(ncclComm_t comm, cudaStream_t stream, const nccl_task &task)
{
    const auto same = [comm](const part &each) { return each.comm.get() == comm; };
    const auto found = std::find_if(current.parts.begin(), current.parts.end(), same);

    if (found == current.parts.end())
        current.parts.push_back({comm->handle, stream, {task}});
    else if (found->stream != stream)
        return nccl_fail(ncclInvalidUsage, "a group has one communicator on two streams, which "
                                           "the emulation does not do");
    else
        found->tasks.push_back(task);
    return ncclSuccess;
}

/* ---- the end of a group ---- */

/* Of two results the one that says more: an error, then that something is in progress. */
ncclResult_t worse(ncclResult_t a, ncclResult_t b)
{
    return a == ncclSuccess || (a == ncclInProgress && b != ncclSuccess) ? b : a;
}

ncclResult_t check_group(const group &self)
{
    ncclResult_t result = self.error;

    if (result == ncclSuccess && !self.parts.empty() && !self.makings.empty())
        result = nccl_fail(ncclInvalidUsage, "a group both makes communicators and uses some");
    for (const part &each : self.parts)
        result = result == ncclSuccess ? check_own_transfers(each) : result;
    return result;
}

/* Communicators in the making are waited for, whatever else has gone wrong. */
ncclResult_t carry_out(const group &self)
{
    ncclResult_t result = check_group(self);

    if (result == ncclSuccess)
        for (const part &each : self.parts) {
            const bool is_blocking = each.comm->is_blocking;
            result = worse(result, is_blocking ? ncclSuccess : ncclInProgress);
            result = worse(result, enqueue_part(each));
        }
    for (const nccl_making &each : self.makings)
        result = worse(result, end_making(each));
    return result;
}

} // namespace

ncclResult_t emulation::nccl_group_note(ncclResult_t result)
{
    if (current.depth > 0 && result != ncclSuccess && current.error == ncclSuccess)
        current.error = result;
    return result;
}

ncclResult_t emulation::nccl_group_make(const nccl_making &making)
{
    (void)ncclGroupStart();
    current.makings.push_back(making);
    return ncclGroupEnd();
}

ncclResult_t emulation::nccl_group_add(ncclComm_t comm, cudaStream_t stream, const nccl_task &task)
{
    (void)ncclGroupStart();
    const ncclResult_t result = nccl_group_note(add(comm, stream, task));
    const ncclResult_t ended = ncclGroupEnd();

    return result != ncclSuccess ? result : ended;
}

ncclResult_t ncclGroupStart(void)
{
    current.depth++;
    return ncclSuccess;
}

ncclResult_t ncclGroupEnd(void)
{
    if (current.depth == 0)
        return nccl_fail(ncclInvalidUsage, "ncclGroupEnd: no group has been started");
    if (--current.depth > 0)
        return ncclSuccess;
    return carry_out(std::exchange(current, group()));
}
