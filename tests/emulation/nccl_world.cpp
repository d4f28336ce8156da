#include "nccl_world.h"

#include "nccl_mpi.h"
#include "nccl_result.h"

#include <condition_variable>

namespace emulation
{

namespace
{

/* A tag: one bit that sets NCCL's apart, the maker's rank, a count of what it made, the channel. */
constexpr int TAG_BASE = 1 << 30, CHANNEL_BITS = 2, COUNT_BITS = 16, RANK_BITS = 12;
constexpr int TAG_MAX = TAG_BASE + (TAG_BASE - 1);

enum class world_state { unopened, open, closed };

std::mutex lock;
world_state state = world_state::unopened;
int own_rank, numbers_given;

/* Never destroyed: threads may wait at it while the process exits. */
std::condition_variable &change()
{
    static std::condition_variable *const variable = new std::condition_variable;
    return *variable;
}

/* MPI_Finalize deletes the attributes of MPI_COMM_SELF first of all. */
int close_world(MPI_Comm, int, void *, void *)
{
    const nccl_guard guard = nccl_enter();

    state = world_state::closed;
    return MPI_SUCCESS;
}

bool watch_finalize()
{
    int key;

    return MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, close_world, &key, nullptr) ==
               MPI_SUCCESS &&
           MPI_Comm_set_attr(MPI_COMM_SELF, key, nullptr) == MPI_SUCCESS;
}

bool has_tags()
{
    int *tag_max = nullptr, has_value = 0;

    return MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_TAG_UB, &tag_max, &has_value) == MPI_SUCCESS &&
           has_value && *tag_max >= TAG_MAX;
}

bool is_mpi_ready()
{
    int has_begun = 0, has_ended = 0, level = MPI_THREAD_SINGLE;

    return MPI_Initialized(&has_begun) == MPI_SUCCESS && has_begun &&
           MPI_Finalized(&has_ended) == MPI_SUCCESS && !has_ended &&
           MPI_Query_thread(&level) == MPI_SUCCESS && level == MPI_THREAD_MULTIPLE;
}

} // namespace

nccl_guard nccl_enter()
{
    return nccl_guard(lock);
}

void nccl_wait(nccl_guard &guard)
{
    change().wait(guard);
}

void nccl_changed()
{
    change().notify_all();
}

ncclResult_t nccl_world_open()
{
    if (state == world_state::open)
        return ncclSuccess;
    if (state == world_state::closed || !is_mpi_ready())
        return nccl_fail(ncclSystemError, "MPI does not run with MPI_THREAD_MULTIPLE");
    if (!has_tags() || MPI_Comm_rank(MPI_COMM_WORLD, &own_rank) != MPI_SUCCESS || !watch_finalize())
        return nccl_fail(ncclSystemError, "MPI has no tags up to %d", TAG_MAX);
    state = world_state::open;
    return ncclSuccess;
}

bool nccl_world_is_open()
{
    return state == world_state::open;
}

int nccl_number_new()
{
    if (numbers_given >> COUNT_BITS != 0 || own_rank >> RANK_BITS != 0)
        return -1;
    return own_rank << COUNT_BITS | numbers_given++;
}

int nccl_world_rank()
{
    return own_rank;
}

int nccl_tag(int number, nccl_channel channel)
{
    return TAG_BASE | number << CHANNEL_BITS | static_cast<int>(channel);
}

} // namespace emulation
