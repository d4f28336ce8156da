#include "runtime/world/mpi_wait.h"

#include "runtime/world/process.h"
#include "runtime/world/spin.h"
#include "runtime/world/world_internal.h"

#include <sched.h>
#include <time.h>

enum {
    TEST_PAUSES = 8, /* a look at a request takes as long as that many pauses */
    YIELD_COUNT = 64,
    SLEEP_NS_MIN = 10000,
    SLEEP_NS_MAX = 200000,
    DECLARE_AGAIN_NS = 100000000,
};

static bool is_anyone_gone(const struct mimo_board *board)
{
    for (uint32_t slot = 0; slot < board->size; slot++) {
        struct mimo_board_entry entry;
        mimo_board_read(board, slot, &entry);
        if (entry.is_open &&
            mimo_process_state(entry.pid, entry.pid_namespace) == MIMO_PROCESS_GONE)
            return true;
    }
    return false;
}

enum mimo_status mimo_mpi_check(struct mimo_world *world, int result, const char *what,
                                struct mimo_error *err)
{
    char text[MPI_MAX_ERROR_STRING] = "unknown error";
    int length;

    if (result == MPI_SUCCESS)
        return MIMO_OK;
    (void)MPI_Error_string(result, text, &length);
    return mimo_error_set(err, is_anyone_gone(&world->board) ? MIMO_E_LOST : MIMO_E_FAILED,
                          "%s: %s", what, text);
}

/* Tells the board which peers have still to act. */
static void declare(const struct mimo_mpi_wait *wait)
{
    uint32_t absent[MIMO_BOARD_PEERS_MAX], count = 0;

    for (int i = 0; wait->peers != NULL && i < wait->count && count < MIMO_BOARD_PEERS_MAX; i++) {
        int is_done = 1;
        (void)MPI_Request_get_status(wait->requests[i], &is_done, MPI_STATUS_IGNORE);
        if (!is_done && (count == 0 || absent[count - 1] != wait->peers[i]))
            absent[count++] = wait->peers[i];
    }
    mimo_world_waits(wait->world, wait->operation, absent, count);
}

static bool test(const struct mimo_mpi_wait *wait, int *out_result)
{
    int is_done = 0;

    *out_result = MPI_Testall(wait->count, wait->requests, &is_done, wait->statuses);
    return is_done || *out_result != MPI_SUCCESS;
}

static bool spin(const struct mimo_mpi_wait *wait, int *out_result)
{
    for (uint32_t i = 0; i < wait->world->spin_count / TEST_PAUSES; i++) {
        if (test(wait, out_result))
            return true;
        mimo_spin_pause();
    }
    for (uint32_t i = 0; i < YIELD_COUNT; i++) {
        if (test(wait, out_result))
            return true;
        (void)sched_yield();
    }
    return false;
}

static int sleep_until_done(const struct mimo_mpi_wait *wait)
{
    struct timespec pause = {.tv_nsec = SLEEP_NS_MIN};
    long since_declared_ns = DECLARE_AGAIN_NS;
    int result;

    while (!test(wait, &result)) {
        if (since_declared_ns >= DECLARE_AGAIN_NS) {
            declare(wait);
            since_declared_ns = 0;
        }
        (void)nanosleep(&pause, NULL);
        since_declared_ns += pause.tv_nsec;
        if (pause.tv_nsec < SLEEP_NS_MAX)
            pause.tv_nsec += pause.tv_nsec / 4;
    }
    mimo_world_waits(wait->world, NULL, NULL, 0);
    return result;
}

enum mimo_status mimo_mpi_wait(const struct mimo_mpi_wait *wait, struct mimo_error *err)
{
    int result = MPI_SUCCESS;
    int class = MPI_SUCCESS;

    if (wait->count == 0)
        return MIMO_OK;
    if (!spin(wait, &result))
        result = sleep_until_done(wait);
    (void)MPI_Error_class(result, &class);
    if (class == MPI_ERR_IN_STATUS)
        return MIMO_E_FAILED;
    return mimo_mpi_check(wait->world, result, wait->operation, err);
}

enum mimo_status mimo_mpi_wait_one(struct mimo_world *world, int result, MPI_Request *request,
                                   const char *operation, struct mimo_error *err)
{
    MPI_Status status;
    const struct mimo_mpi_wait wait = {.world = world,
                                       .operation = operation,
                                       .requests = request,
                                       .statuses = &status,
                                       .count = 1};

    MIMO_TRY(mimo_mpi_check(world, result, operation, err));
    if (mimo_mpi_wait(&wait, err) == MIMO_OK)
        return MIMO_OK;
    if (err == NULL || err->status != MIMO_OK)
        return err == NULL ? MIMO_E_FAILED : err->status;
    return mimo_mpi_check(world, status.MPI_ERROR, operation, err);
}
