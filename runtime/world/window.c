#include "runtime/world/window.h"

#include "runtime/world/mpi_wait.h"
#include "runtime/world/spin.h"
#include "runtime/world/world_internal.h"

#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    YIELD_COUNT = 4,
    PAGE_BYTES = 4096,
    BUFFER_BYTES_MIN = 8192,
    BUFFER_MEMBER_BYTES_MIN = 256, /* a buffer is divided among the members */
    SLEEP_NS_MAX = 100000000,      /* then the board is told anew who is missing */
};

/* The first line of each member's part. That of member 0 also holds what all share. */
struct control {
    alignas(MIMO_CACHE_LINE) _Atomic uint32_t arrived;  /* barriers that this member has come to */
    alignas(MIMO_CACHE_LINE) _Atomic uint32_t sleepers; /* of member 0: members in the kernel */
    _Atomic uint32_t wakes;                             /* of member 0: the word they sleep on */
};

struct part {
    struct control *control;
    char *buffers;
};

struct mimo_window {
    struct mimo_world *world;
    MPI_Win win;
    const uint32_t *members;
    uint32_t size, rank;
    uint32_t turn; /* barriers that this member has come to */
    size_t ticket; /* next to be taken, by its remainder */
    size_t buffer_bytes;
    struct part parts[]; /* of each member */
};

/* -- the barrier ------------------------------------------------------------------------------ */

/* Whether all have come to barrier `turn`. Members below *next are known to have. */
static bool have_all_come(const struct mimo_window *window, uint32_t turn, uint32_t *next)
{
    for (; *next < window->size; ++*next) {
        const uint32_t arrived =
            atomic_load_explicit(&window->parts[*next].control->arrived, memory_order_acquire);
        if ((int32_t)(arrived - turn) < 0) /* the counters wrap */
            return false;
    }
    return true;
}

static bool spin(const struct mimo_window *window, uint32_t *next)
{
    for (uint32_t i = 0; i < window->world->spin_count; i++) {
        if (have_all_come(window, window->turn, next))
            return true;
        mimo_spin_pause();
    }
    for (uint32_t i = 0; i < YIELD_COUNT; i++) {
        (void)sched_yield();
        if (have_all_come(window, window->turn, next))
            return true;
    }
    return false;
}

static void declare(const struct mimo_window *window, const char *operation)
{
    uint32_t absent[MIMO_BOARD_PEERS_MAX], count = 0;

    for (uint32_t i = 0; i < window->size && count < MIMO_BOARD_PEERS_MAX; i++) {
        uint32_t arrived = atomic_load(&window->parts[i].control->arrived);
        if ((int32_t)(arrived - window->turn) < 0)
            absent[count++] = window->members[i];
    }
    mimo_world_waits(window->world, operation, absent, count);
}

static void futex_wait(_Atomic uint32_t *word, uint32_t expected)
{
    const struct timespec time = {.tv_nsec = SLEEP_NS_MAX};

    (void)syscall(SYS_futex, word, FUTEX_WAIT, expected, &time, NULL, 0);
}

/*
 * Nobody sleeps for ever: a sleeper counts itself before its last look at the others, the last to
 * arrive counts the sleepers after its arrival, and all four accesses are sequentially consistent.
 * So either the sleeper sees the arrival, or the arrival sees the sleeper and changes the word.
 */
static void sleep_until_all_come(struct mimo_window *window, uint32_t next, const char *operation)
{
    struct control *shared = window->parts[0].control;

    for (;;) {
        const uint32_t wakes = atomic_load(&shared->wakes);
        (void)atomic_fetch_add(&shared->sleepers, 1);
        atomic_thread_fence(memory_order_seq_cst);
        if (have_all_come(window, window->turn, &next))
            break;
        declare(window, operation);
        futex_wait(&shared->wakes, wakes);
        (void)atomic_fetch_sub(&shared->sleepers, 1);
    }
    (void)atomic_fetch_sub(&shared->sleepers, 1);
    mimo_world_waits(window->world, NULL, NULL, 0);
}

static void arrive(struct mimo_window *window)
{
    struct control *shared = window->parts[0].control;
    uint32_t next = 0;

    window->turn++;
    atomic_store(&window->parts[window->rank].control->arrived, window->turn);
    if (atomic_load(&shared->sleepers) == 0)
        return;
    atomic_thread_fence(memory_order_seq_cst);
    if (!have_all_come(window, window->turn, &next))
        return;
    (void)atomic_fetch_add(&shared->wakes, 1);
    (void)syscall(SYS_futex, &shared->wakes, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void mimo_window_barrier(struct mimo_window *window, const char *operation)
{
    uint32_t next = 0;

    arrive(window);
    if (!spin(window, &next))
        sleep_until_all_come(window, next, operation);
}

/* -- memory ----------------------------------------------------------------------------------- */

size_t mimo_window_buffer_bytes(const struct mimo_window *window)
{
    return window->buffer_bytes;
}

size_t mimo_window_take(struct mimo_window *window, size_t count)
{
    const size_t first = window->ticket;

    /* Kept small: where the number wraps, its remainder by 3 would jump. */
    window->ticket = (first + count) % MIMO_WINDOW_BUFFERS;
    return first;
}

void *mimo_window_buffer(const struct mimo_window *window, uint32_t member, size_t ticket)
{
    return window->parts[member].buffers + ticket % MIMO_WINDOW_BUFFERS * window->buffer_bytes;
}

static size_t part_bytes(size_t buffer_bytes)
{
    const size_t bytes =
        MIMO_CACHE_LINE + sizeof(struct control) + MIMO_WINDOW_BUFFERS * buffer_bytes;

    return (bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
}

/* The largest buffer, by halves from the wanted one, that the machine's allowance has room for; 0
 * if none. */
static size_t reserve(struct mimo_board *board, uint32_t size, size_t bytes)
{
    const size_t member_min = (size_t)size * BUFFER_MEMBER_BYTES_MIN;
    const size_t least = member_min > BUFFER_BYTES_MIN ? member_min : BUFFER_BYTES_MIN;
    size_t lines = bytes / MIMO_WINDOW_BUFFERS / MIMO_CACHE_LINE;

    for (; lines * MIMO_CACHE_LINE >= least; lines /= 2)
        if (mimo_board_reserve(board, (uint64_t)size * part_bytes(lines * MIMO_CACHE_LINE)))
            return lines * MIMO_CACHE_LINE;
    return 0;
}

/* Finds every member's part and puts this rank's own into memory near to it. */
static int map(struct mimo_window *window)
{
    for (uint32_t i = 0; i < window->size; i++) {
        MPI_Aint bytes;
        int unit;
        char *base = NULL;
        const int result = MPI_Win_shared_query(window->win, (int)i, &bytes, &unit, &base);
        if (result != MPI_SUCCESS)
            return result;
        base += (MIMO_CACHE_LINE - (uintptr_t)base % MIMO_CACHE_LINE) % MIMO_CACHE_LINE;
        window->parts[i].control = (void *)base;
        window->parts[i].buffers = base + sizeof(struct control);
    }
    memset(window->parts[window->rank].control, 0,
           part_bytes(window->buffer_bytes) - (size_t)MIMO_CACHE_LINE);
    return MPI_SUCCESS;
}

static int allocate(struct mimo_window *window, MPI_Comm comm)
{
    void *base;
    int result = MPI_Win_allocate_shared((MPI_Aint)part_bytes(window->buffer_bytes), 1,
                                         MPI_INFO_NULL, comm, &base, &window->win);

    if (result != MPI_SUCCESS)
        return result;
    (void)MPI_Win_lock_all(MPI_MODE_NOCHECK, window->win);
    result = map(window);
    if (result == MPI_SUCCESS)
        result = MPI_Barrier(comm); /* no member uses the controls before all have cleared them */
    return result;
}

enum mimo_status mimo_window_open(struct mimo_window **out_window, struct mimo_world *world,
                                  MPI_Comm comm, const uint32_t *members, size_t bytes,
                                  struct mimo_error *err)
{
    int rank = 0, size = 1, result;
    uint64_t buffer_bytes = 0;
    struct mimo_window *window;

    (void)MPI_Comm_rank(comm, &rank);
    (void)MPI_Comm_size(comm, &size);
    if (rank == 0)
        buffer_bytes = reserve(&world->board, (uint32_t)size, bytes);
    result = MPI_Bcast(&buffer_bytes, 1, MPI_UINT64_T, 0, comm);
    MIMO_TRY(mimo_mpi_check(world, result, "the size of a shared window", err));
    *out_window = NULL;
    if (buffer_bytes == 0)
        return MIMO_OK;
    window = calloc(1, sizeof *window + (size_t)size * sizeof *window->parts);
    if (window == NULL)
        return mimo_error_set(err, MIMO_E_FAILED, "no memory for a window of %d ranks", size);
    *window = (struct mimo_window){.world = world,
                                   .win = MPI_WIN_NULL,
                                   .members = members,
                                   .size = (uint32_t)size,
                                   .rank = (uint32_t)rank,
                                   .buffer_bytes = buffer_bytes};
    result = allocate(window, comm);
    if (result != MPI_SUCCESS) {
        free(window);
        return mimo_mpi_check(world, result, "a window in shared memory", err);
    }
    *out_window = window;
    return MIMO_OK;
}

void mimo_window_close(struct mimo_window *window)
{
    if (window == NULL)
        return;
    (void)MPI_Win_unlock_all(window->win);
    (void)MPI_Win_free(&window->win); /* returns when all have come to it */
    if (window->rank == 0)
        mimo_board_give_back(&window->world->board,
                             (uint64_t)window->size * part_bytes(window->buffer_bytes));
    free(window);
}
