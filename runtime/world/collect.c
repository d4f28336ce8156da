#include "runtime/world/mpi_wait.h"
#include "runtime/world/world_internal.h"

enum { PIECE_COUNT = 1 << 20 };

enum mimo_status mimo_world_sum_u64(struct mimo_world *world, uint64_t *values, size_t count,
                                    struct mimo_error *err)
{
    static const char operation[] = "sum over all ranks";

    for (size_t done = 0; done < count; done += PIECE_COUNT) {
        const size_t left = count - done;
        const int piece = left < PIECE_COUNT ? (int)left : PIECE_COUNT;
        MPI_Request request = MPI_REQUEST_NULL;
        const int result = MPI_Iallreduce(MPI_IN_PLACE, values + done, piece, MPI_UINT64_T, MPI_SUM,
                                          world->comm, &request);

        MIMO_TRY(mimo_mpi_wait_one(world, result, &request, operation, err));
    }
    return MIMO_OK;
}
