#include "runtime/world/world.h"

#include "runtime/world/mpi_wait.h"
#include "runtime/world/world_internal.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    ABORT_SECONDS_MAX = 4,
    SPIN_COUNT_ALONE = 2000, /* with a core for each rank; about 100 microseconds */
    SPIN_COUNT_SHARED = 20,
    SAME_PIECE_BYTES = 4096,
};

/* -- start and end ---------------------------------------------------------------------------- */

static enum mimo_status start_mpi(int *argc, char ***argv, struct mimo_error *err)
{
    int level;

    if (MPI_Init_thread(argc, argv, MPI_THREAD_MULTIPLE, &level) != MPI_SUCCESS)
        return mimo_error_set(err, MIMO_E_FAILED, "MPI does not start");
    /* Inherited by every communicator made from this one. */
    (void)MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    return MIMO_OK;
}

static enum mimo_status find_place(struct mimo_world *world, struct mimo_error *err)
{
    int rank = 0, size = 1, node_rank = 0, node_size = 1;
    int result = MPI_Comm_dup(MPI_COMM_WORLD, &world->comm);

    if (result == MPI_SUCCESS)
        result = MPI_Comm_split_type(world->comm, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL,
                                     &world->node_comm);
    if (result != MPI_SUCCESS)
        return mimo_error_set(err, MIMO_E_FAILED, "MPI finds no machine's ranks (error %d)",
                              result);
    (void)MPI_Comm_rank(world->comm, &rank);
    (void)MPI_Comm_size(world->comm, &size);
    (void)MPI_Comm_rank(world->node_comm, &node_rank);
    (void)MPI_Comm_size(world->node_comm, &node_size);
    world->place = (struct mimo_world_place){.rank = (uint32_t)rank,
                                             .size = (uint32_t)size,
                                             .node_rank = (uint32_t)node_rank,
                                             .node_size = (uint32_t)node_size};
    return MIMO_OK;
}

/* The first rank of the machine gives the memory of all slots. */
static enum mimo_status open_board(struct mimo_world *world, struct mimo_error *err)
{
    const struct mimo_world_place *place = &world->place;
    const size_t bytes = mimo_board_bytes(place->node_size);
    void *memory = NULL;
    MPI_Aint size;
    int unit;
    int result =
        MPI_Win_allocate_shared(place->node_rank == 0 ? (MPI_Aint)bytes : 0, 1, MPI_INFO_NULL,
                                world->node_comm, &memory, &world->board_window);

    if (result == MPI_SUCCESS)
        result = MPI_Win_shared_query(world->board_window, 0, &size, &unit, &memory);
    if (result != MPI_SUCCESS)
        return mimo_error_set(err, MIMO_E_FAILED, "no shared memory for the status board");
    if (place->node_rank == 0)
        memset(memory, 0, bytes);
    (void)MPI_Barrier(world->node_comm);
    mimo_board_init(&world->board, memory, place->node_size, place->node_rank);
    mimo_board_enter(&world->board, place->rank);
    (void)MPI_Barrier(world->node_comm);
    return MIMO_OK;
}

/* Where each rank has a core, a wait may keep it for a moment; else it keeps others from theirs. */
static uint32_t spin_count(const struct mimo_world *world)
{
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);

    return (long)world->place.node_size <= cores ? SPIN_COUNT_ALONE : SPIN_COUNT_SHARED;
}

enum mimo_status mimo_world_open(struct mimo_world **out_world, int *argc, char ***argv,
                                 struct mimo_error *err)
{
    struct mimo_world *world = calloc(1, sizeof *world);
    enum mimo_status status;

    if (world == NULL)
        return mimo_error_set(err, MIMO_E_FAILED, "no memory for the world");
    status = start_mpi(argc, argv, err);
    if (status == MIMO_OK)
        status = find_place(world, err);
    if (status == MIMO_OK)
        status = open_board(world, err);
    if (status != MIMO_OK) {
        free(world);
        return status;
    }
    world->spin_count = spin_count(world);
    *out_world = world;
    return MIMO_OK;
}

void mimo_world_close(struct mimo_world *world)
{
    mimo_watchdog_stop(world->watchdog);
    mimo_board_leave(&world->board);
    (void)MPI_Win_free(&world->board_window);
    (void)MPI_Comm_free(&world->node_comm);
    (void)MPI_Comm_free(&world->comm);
    (void)MPI_Finalize();
    free(world);
}

struct mimo_world_place mimo_world_place(const struct mimo_world *world)
{
    return world->place;
}

/* -- agreement -------------------------------------------------------------------------------- */

static enum mimo_status reduce_min(struct mimo_world *world, uint32_t *value, const char *operation,
                                   struct mimo_error *err)
{
    MPI_Request request = MPI_REQUEST_NULL;
    const int result =
        MPI_Iallreduce(MPI_IN_PLACE, value, 1, MPI_UINT32_T, MPI_MIN, world->comm, &request);

    return mimo_mpi_wait_one(world, result, &request, operation, err);
}

static enum mimo_status broadcast(struct mimo_world *world, void *data, uint32_t bytes,
                                  uint32_t root, const char *operation, struct mimo_error *err)
{
    MPI_Request request = MPI_REQUEST_NULL;
    const int result = MPI_Ibcast(data, (int)bytes, MPI_BYTE, (int)root, world->comm, &request);

    return mimo_mpi_wait_one(world, result, &request, operation, err);
}

enum mimo_status mimo_world_agree(struct mimo_world *world, struct mimo_error *err,
                                  bool *out_speaker)
{
    static const char operation[] = "agreement of all ranks";
    const struct mimo_world_place *place = &world->place;
    uint32_t failed = err->status != MIMO_OK ? place->rank : UINT32_MAX;
    struct mimo_error trouble = {.status = MIMO_OK}, told;

    *out_speaker = false;
    if (reduce_min(world, &failed, operation, &trouble) != MIMO_OK)
        goto fail;
    if (failed == UINT32_MAX)
        return MIMO_OK;
    told = *err;
    if (broadcast(world, &told, sizeof told, failed, operation, &trouble) != MIMO_OK)
        goto fail;
    *err = told;
    err->is_agreed = true;
    *out_speaker = failed == place->rank;
    return err->status;

fail: /* nothing can be agreed on any more: each rank speaks for itself */
    if (err->status == MIMO_OK)
        *err = trouble;
    *out_speaker = true;
    return err->status;
}

/* Whether this rank's bytes equal those of rank 0. */
static enum mimo_status compare(struct mimo_world *world, const uint8_t *bytes, uint32_t size,
                                bool *out_equal, struct mimo_error *err)
{
    static const char operation[] = "comparison over all ranks";
    uint8_t piece[SAME_PIECE_BYTES];
    uint32_t root_size = size;

    MIMO_TRY(broadcast(world, &root_size, sizeof root_size, 0, operation, err));
    *out_equal = root_size == size;
    for (uint32_t done = 0; done < root_size;) {
        const uint32_t left = root_size - done;
        const uint32_t count = left < SAME_PIECE_BYTES ? left : SAME_PIECE_BYTES;
        if (world->place.rank == 0)
            memcpy(piece, bytes + done, count);
        MIMO_TRY(broadcast(world, piece, count, 0, operation, err));
        *out_equal = *out_equal && memcmp(piece, bytes + done, count) == 0;
        done += count;
    }
    return MIMO_OK;
}

enum mimo_status mimo_world_same(struct mimo_world *world, const void *bytes, uint32_t size,
                                 const char *what, struct mimo_error *err)
{
    bool is_equal;
    uint32_t differs;

    MIMO_TRY(compare(world, bytes, size, &is_equal, err));
    differs = is_equal ? UINT32_MAX : world->place.rank;
    MIMO_TRY(reduce_min(world, &differs, "comparison over all ranks", err));
    if (differs == UINT32_MAX)
        return MIMO_OK;
    if (err != NULL && err->status == MIMO_OK)
        err->is_agreed = true;
    return mimo_error_set(err, MIMO_E_WORLD, "%s of rank %u differs from that of rank 0", what,
                          differs);
}

/* -- progress and the end of a job that hangs ------------------------------------------------- */

void mimo_world_note(struct mimo_world *world, const char *text)
{
    mimo_board_note(&world->board, text);
}

void mimo_world_noted(const struct mimo_world *world, char *out_text, size_t capacity)
{
    struct mimo_board_entry entry;

    mimo_board_read(&world->board, world->board.own, &entry);
    (void)snprintf(out_text, capacity, "%s", entry.note);
}

void mimo_world_waits(struct mimo_world *world, const char *operation, const uint32_t *peers,
                      uint32_t peer_count)
{
    mimo_board_waits(&world->board, operation, peers, peer_count);
}

static volatile sig_atomic_t abort_status;

static void exit_in_handler(int number)
{
    (void)number;
    _exit(abort_status);
}

/* MPI_Abort needs MPI's locks, which the hanging thread may hold: an alarm bounds it. */
static void arm_exit(enum mimo_status status)
{
    const struct sigaction action = {.sa_handler = exit_in_handler};
    sigset_t alarms;

    abort_status = (sig_atomic_t)status;
    (void)sigaction(SIGALRM, &action, NULL);
    (void)sigemptyset(&alarms);
    (void)sigaddset(&alarms, SIGALRM);
    (void)pthread_sigmask(SIG_UNBLOCK, &alarms, NULL);
    (void)alarm(ABORT_SECONDS_MAX);
}

static void print(const char *message)
{
    char prefix[] = "mimo-exec: ", end[] = "\n";
    struct iovec parts[3] = {{prefix, sizeof prefix - 1}, {NULL, strlen(message)}, {end, 1}};

    memcpy(&parts[1].iov_base, &message, sizeof message);
    (void)!writev(STDERR_FILENO, parts, 3);
}

_Noreturn void mimo_world_abort(struct mimo_world *world, enum mimo_status status,
                                const char *message)
{
    int is_main = 0, level = MPI_THREAD_SINGLE;

    (void)mimo_board_claim_end(&world->board); /* the watchdogs have nothing to add */
    print(message);
    arm_exit(status);
    (void)MPI_Query_thread(&level);
    (void)MPI_Is_thread_main(&is_main);
    if (is_main || level == MPI_THREAD_MULTIPLE)
        (void)MPI_Abort(MPI_COMM_WORLD, (int)status);
    _exit((int)status);
}

static void end_from_watchdog(void *context, enum mimo_status status, const char *message)
{
    mimo_world_abort(context, status, message);
}

enum mimo_status mimo_world_watch(struct mimo_world *world, uint64_t timeout_ms,
                                  struct mimo_error *err)
{
    const struct mimo_watchdog_end end = {.call = end_from_watchdog, .context = world};

    MIMO_ASSERT(world->watchdog == NULL);
    return mimo_watchdog_start(&world->watchdog, &world->board, timeout_ms, end, err);
}
