/* nccl_communicator.cpp - the life of an emulated communicator. */
#include "nccl_communicator.h"

#include "nccl_bootstrap.h"
#include "nccl_group.h"
#include "nccl_mpi.h"
#include "nccl_result.h"
#include "nccl_world.h"

#include <string.h>
#include <utility>

using namespace emulation;

namespace
{

constexpr unsigned CONFIG_MAGIC = 0xcafebeef;
constexpr char ID_MARK[8] = "mimo-id";

/* What a unique id holds. */
struct identity {
    char mark[sizeof ID_MARK];
    int32_t server; /* rank in the world */
    int32_t number;
};

/* FNV-1a of the machine's name. */
uint64_t machine_digest()
{
    char name[MPI_MAX_PROCESSOR_NAME] = "";
    int length = 0;
    uint64_t digest = 0xcbf29ce484222325;

    (void)MPI_Get_processor_name(name, &length);
    for (int i = 0; i < length; i++)
        digest = (digest ^ static_cast<unsigned char>(name[i])) * 0x100000001b3;
    return digest;
}

bool is_config(const ncclConfig_t *config)
{
    return config == nullptr || (config->magic == CONFIG_MAGIC && config->size == sizeof *config &&
                                 (config->blocking == NCCL_CONFIG_UNDEF_INT ||
                                  config->blocking == 0 || config->blocking == 1));
}

nccl_communicator new_communicator(int device, bool is_blocking)
{
    const auto comm = std::make_shared<ncclComm>();

    comm->handle = comm;
    comm->device = device;
    comm->is_blocking = is_blocking;
    return comm;
}

bool blocks(const ncclConfig_t *config, bool unless_set)
{
    return config == nullptr || config->blocking == NCCL_CONFIG_UNDEF_INT ? unless_set
                                                                          : config->blocking == 1;
}

/* This rank's part of the split: empty without a color. */
nccl_communicator begin_split(const nccl_communicator &parent, int color, int key,
                              const ncclConfig_t *config)
{
    const int count = static_cast<int>(parent->members.size());
    const nccl_communicator made =
        color == NCCL_SPLIT_NOCOLOR
            ? nullptr
            : new_communicator(parent->device, blocks(config, parent->is_blocking));

    if (parent->rank == 0)
        nccl_serve_split(parent->number, count);
    parent->is_splitting = true;
    nccl_enrol(parent->members[0], parent->number,
               {machine_digest(), 0, count, parent->rank, parent->device, color, key}, made,
               parent);
    return made;
}

/* ---- questions ---- */

ncclResult_t get(ncclComm_t comm, int *out, const char *call, int (*value)(const ncclComm &))
{
    const nccl_guard guard = nccl_enter();
    const ncclResult_t result = nccl_check_ready(comm, call);

    if (result != ncclSuccess)
        return result;
    if (out == nullptr)
        return nccl_fail(ncclInvalidArgument, "%s: nowhere to write to", call);
    *out = value(*comm);
    return ncclSuccess;
}

/* Asking once about a call that does not block finds it under way. */
ncclResult_t asynchronous_state(ncclComm &comm)
{
    if (comm.state != ncclSuccess)
        return comm.state;
    if (comm.is_splitting || (comm.is_finalized && comm.outstanding_count > 0) ||
        std::exchange(comm.is_launching, false))
        return ncclInProgress;
    return ncclSuccess;
}

/* ---- the end ---- */

/* With a lost device the operations end too; after an error they do not. */
ncclResult_t wait_for_operations(nccl_guard &guard, ncclComm &comm)
{
    while (comm.outstanding_count > 0 && comm.state == ncclSuccess)
        nccl_wait(guard);
    if (comm.outstanding_count > 0)
        return nccl_fail(ncclInvalidUsage, "after error %d only ncclCommAbort ends operations",
                         static_cast<int>(comm.state));
    return ncclSuccess;
}

} // namespace

ncclResult_t emulation::nccl_check_ready(ncclComm_t comm, const char *call)
{
    if (comm == nullptr)
        return nccl_fail(ncclInvalidArgument, "%s: the communicator is NULL", call);
    if (comm->state == ncclInProgress || comm->is_splitting || comm->is_launching)
        return nccl_fail(ncclInvalidArgument, "%s: the call before it is still in progress", call);
    if (comm->is_finalized)
        return nccl_fail(ncclInvalidArgument, "%s: the communicator is finalized", call);
    return comm->state;
}

nccl_communicator emulation::nccl_release_handle(ncclComm_t comm)
{
    return std::exchange(comm->handle, nullptr);
}

ncclResult_t ncclGetUniqueId(ncclUniqueId *id)
{
    const nccl_guard guard = nccl_enter();

    if (id == nullptr)
        return nccl_fail(ncclInvalidArgument, "ncclGetUniqueId: id is NULL");
    if (nccl_world_open() != ncclSuccess)
        return ncclSystemError;
    identity content = {};
    memcpy(content.mark, ID_MARK, sizeof ID_MARK);
    content.server = nccl_world_rank();
    content.number = nccl_number_new();
    if (content.number < 0)
        return nccl_fail(ncclSystemError, "there are too many communicators");
    nccl_serve_new(content.number);
    *id = {};
    memcpy(id->internal, &content, sizeof content);
    return ncclSuccess;
}

ncclResult_t ncclCommInitRankConfig(ncclComm_t *comm, int count, ncclUniqueId id, int rank,
                                    ncclConfig_t *config)
{
    identity content;
    int device = 0;

    memcpy(&content, id.internal, sizeof content);
    if (comm == nullptr || rank < 0 || rank >= count || !is_config(config) ||
        memcmp(content.mark, ID_MARK, sizeof ID_MARK) != 0)
        return nccl_fail(ncclInvalidArgument,
                         "ncclCommInitRankConfig: rank %d of %d, or the id or "
                         "the configuration cannot be",
                         rank, count);
    if (cudaGetDevice(&device) != cudaSuccess)
        return nccl_fail(ncclUnhandledCudaError, "ncclCommInitRankConfig: there is no device");
    nccl_guard guard = nccl_enter();
    if (nccl_world_open() != ncclSuccess)
        return ncclSystemError;
    const nccl_communicator made = new_communicator(device, blocks(config, true));
    nccl_enrol(content.server, content.number, {machine_digest(), 0, count, rank, device, 0, 0},
               made, nullptr);
    *comm = made.get();
    guard.unlock();
    return nccl_group_make({made, made, comm});
}

ncclResult_t ncclCommSplit(ncclComm_t comm, int color, int key, ncclComm_t *split,
                           ncclConfig_t *config)
{
    nccl_guard guard = nccl_enter();
    const ncclResult_t result = nccl_check_ready(comm, "ncclCommSplit");

    if (result != ncclSuccess)
        return result;
    if (split == nullptr || (color < 0 && color != NCCL_SPLIT_NOCOLOR) || !is_config(config))
        return nccl_fail(ncclInvalidArgument,
                         "ncclCommSplit: color %d or the configuration cannot be", color);
    if (comm->outstanding_count > 0)
        return nccl_fail(ncclInvalidUsage, "ncclCommSplit: operations are outstanding");
    const nccl_communicator parent = comm->handle;
    const nccl_communicator made = begin_split(parent, color, key, config);
    *split = made.get();
    guard.unlock();
    return nccl_group_make({parent, made, split});
}

ncclResult_t ncclCommCount(const ncclComm_t comm, int *count)
{
    return get(comm, count, "ncclCommCount",
               [](const ncclComm &c) { return static_cast<int>(c.members.size()); });
}

ncclResult_t ncclCommUserRank(const ncclComm_t comm, int *rank)
{
    return get(comm, rank, "ncclCommUserRank", [](const ncclComm &c) { return c.rank; });
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t *async_error)
{
    const nccl_guard guard = nccl_enter();

    if (comm == nullptr || async_error == nullptr)
        return nccl_fail(ncclInvalidArgument, "ncclCommGetAsyncError: an argument is NULL");
    *async_error = asynchronous_state(*comm);
    return ncclSuccess;
}

ncclResult_t ncclCommFinalize(ncclComm_t comm)
{
    nccl_guard guard = nccl_enter();
    const ncclResult_t result = nccl_check_ready(comm, "ncclCommFinalize");

    if (result != ncclSuccess)
        return result;
    comm->is_finalized = true;
    return comm->is_blocking ? wait_for_operations(guard, *comm) : ncclInProgress;
}

ncclResult_t ncclCommDestroy(ncclComm_t comm)
{
    nccl_guard guard = nccl_enter();

    if (comm == nullptr)
        return ncclSuccess;
    if (comm->state == ncclInProgress || comm->is_splitting)
        return nccl_fail(ncclInvalidArgument, "ncclCommDestroy: a call is still in progress");
    if (comm->recorded_count > 0)
        return nccl_fail(ncclInvalidUsage, "ncclCommDestroy: a graph holds operations of it");
    const ncclResult_t result = wait_for_operations(guard, *comm);
    const nccl_communicator last = result == ncclSuccess ? nccl_release_handle(comm) : nullptr;

    return result;
}

ncclResult_t ncclCommAbort(ncclComm_t comm)
{
    const nccl_guard guard = nccl_enter();

    if (comm == nullptr)
        return ncclSuccess;
    const nccl_communicator last = nccl_release_handle(comm);
    last->is_aborted = true;
    nccl_changed();
    return ncclSuccess;
}
