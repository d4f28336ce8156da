#include "runtime/world/watchdog.h"

#include "runtime/world/process.h"
#include "runtime/world/report.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SECOND_NS UINT64_C(1000000000)

static const uint64_t tick_ns_max = SECOND_NS;
static const uint64_t launcher_grace_ns = 2 * SECOND_NS;
static const uint64_t ending_grace_ns = 8 * SECOND_NS;

struct mimo_watchdog {
    struct mimo_board *board;
    struct mimo_watchdog_end end;
    uint64_t timeout_ns, tick_ns;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool is_stopping; /* under the mutex */
    uint64_t total;   /* the board's progress at the last look */
    uint64_t quiet_ns, gone_ns, ending_ns;
    size_t report_bytes;
    char report[];
};

static struct timespec time_of(uint64_t clock_ns)
{
    return (struct timespec){.tv_sec = (time_t)(clock_ns / SECOND_NS),
                             .tv_nsec = (long)(clock_ns % SECOND_NS)};
}

/* Sleeps one tick; false when the watchdog shall stop. */
static bool sleep_tick(struct mimo_watchdog *dog)
{
    const struct timespec until = time_of(mimo_clock_ns() + dog->tick_ns);
    int result = 0;
    bool is_stopping;

    (void)pthread_mutex_lock(&dog->mutex);
    while (!dog->is_stopping && result != ETIMEDOUT)
        result = pthread_cond_timedwait(&dog->wake, &dog->mutex, &until);
    is_stopping = dog->is_stopping;
    (void)pthread_mutex_unlock(&dog->mutex);
    return !is_stopping;
}

/*
 * The slot of a process that is gone without having left, or the board's size. Looks from the
 * neighbour onwards, if not at `all` then up to the first that lives: so the ranks together look at
 * each once.
 */
static uint32_t find_gone(const struct mimo_board *board, bool all)
{
    for (uint32_t step = 1; step < board->size; step++) {
        const uint32_t slot = (board->own + step) % board->size;
        struct mimo_board_entry entry;
        mimo_board_read(board, slot, &entry);
        if (!entry.is_open)
            continue;
        if (mimo_process_state(entry.pid, entry.pid_namespace) == MIMO_PROCESS_GONE)
            return slot;
        if (!all)
            break;
    }
    return board->size;
}

static void duration_text(uint64_t ns, char *out_text, size_t capacity)
{
    const uint64_t ms = ns / 1000000;

    if (ms % 60000 == 0)
        (void)snprintf(out_text, capacity, "%" PRIu64 " min", ms / 60000);
    else if (ms % 1000 == 0)
        (void)snprintf(out_text, capacity, "%" PRIu64 " s", ms / 1000);
    else
        (void)snprintf(out_text, capacity, "%" PRIu64 " ms", ms);
}

static void end_job(struct mimo_watchdog *dog, enum mimo_status status, const char *headline)
{
    if (!mimo_board_claim_end(dog->board))
        return;
    mimo_report_write(dog->board, headline, dog->report, dog->report_bytes);
    dog->end.call(dog->end.context, status, dog->report);
}

static void end_lost(struct mimo_watchdog *dog, uint32_t gone)
{
    struct mimo_board_entry entry;
    char headline[128];

    mimo_board_read(dog->board, gone, &entry);
    (void)snprintf(headline, sizeof headline,
                   "rank %u was lost and the launcher did not end the job; ended", entry.rank);
    end_job(dog, MIMO_E_LOST, headline);
}

/* A lost rank is the better explanation of a stillness; its neighbour reports it after the grace,
 * unless that neighbour is unable to. */
static void end_timed_out(struct mimo_watchdog *dog)
{
    const uint32_t gone = find_gone(dog->board, true);
    char duration[32], headline[64];

    if (gone < dog->board->size) {
        if (dog->quiet_ns >= dog->timeout_ns + 2 * launcher_grace_ns)
            end_lost(dog, gone);
        return;
    }
    duration_text(dog->timeout_ns, duration, sizeof duration);
    (void)snprintf(headline, sizeof headline, "no progress for %s; ended", duration);
    end_job(dog, MIMO_E_TIMEOUT, headline);
}

/* Another rank has set about ending the job: only if that fails does this one act. */
static void look_at_ending(struct mimo_watchdog *dog, uint64_t elapsed_ns)
{
    dog->ending_ns += elapsed_ns;
    if (dog->ending_ns >= ending_grace_ns)
        dog->end.call(dog->end.context, MIMO_E_LOST, "the job did not end when told to");
}

static void look(struct mimo_watchdog *dog, uint64_t elapsed_ns)
{
    const uint64_t total = mimo_board_total(dog->board);
    const uint32_t gone = find_gone(dog->board, false);

    if (atomic_load(&dog->board->shared->is_ending) != 0) {
        look_at_ending(dog, elapsed_ns);
        return;
    }
    dog->quiet_ns = total == dog->total ? dog->quiet_ns + elapsed_ns : 0;
    dog->total = total;
    dog->gone_ns = gone < dog->board->size ? dog->gone_ns + elapsed_ns : 0;
    if (dog->gone_ns >= launcher_grace_ns)
        end_lost(dog, gone);
    else if (dog->timeout_ns != 0 && dog->quiet_ns >= dog->timeout_ns)
        end_timed_out(dog);
}

/* A tick that took more than twice its time means that this process was stopped: what the others
 * did meanwhile is unknown, and they may have been stopped too. */
static void *watch(void *context)
{
    struct mimo_watchdog *dog = context;
    uint64_t before_ns = mimo_clock_ns();

    while (sleep_tick(dog)) {
        const uint64_t now_ns = mimo_clock_ns();
        const uint64_t elapsed_ns = now_ns - before_ns;
        look(dog, elapsed_ns < 2 * dog->tick_ns ? elapsed_ns : dog->tick_ns);
        before_ns = now_ns;
    }
    return NULL;
}

/* Signals are the main thread's: the thread starts with all of them blocked. */
static int start_thread(struct mimo_watchdog *dog)
{
    sigset_t all, before;
    int result;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    result = pthread_create(&dog->thread, NULL, watch, dog);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result;
}

static void init_wake(pthread_cond_t *wake)
{
    pthread_condattr_t attributes;

    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(wake, &attributes);
    (void)pthread_condattr_destroy(&attributes);
}

static void free_watchdog(struct mimo_watchdog *dog)
{
    (void)pthread_cond_destroy(&dog->wake);
    (void)pthread_mutex_destroy(&dog->mutex);
    free(dog);
}

enum mimo_status mimo_watchdog_start(struct mimo_watchdog **out_watchdog, struct mimo_board *board,
                                     uint64_t timeout_ms, struct mimo_watchdog_end end,
                                     struct mimo_error *err)
{
    const size_t report_bytes = mimo_report_bytes(board->size);
    struct mimo_watchdog *dog = calloc(1, sizeof *dog + report_bytes);

    if (dog == NULL)
        return mimo_error_set(err, MIMO_E_FAILED, "no memory for the watchdog");
    dog->board = board;
    dog->end = end;
    dog->report_bytes = report_bytes;
    dog->total = mimo_board_total(board);
    if (__builtin_mul_overflow(timeout_ms, UINT64_C(1000000), &dog->timeout_ns))
        dog->timeout_ns = 0; /* longer than 500 years */
    dog->tick_ns = dog->timeout_ns / 8;
    if (dog->tick_ns == 0 || dog->tick_ns > tick_ns_max)
        dog->tick_ns = tick_ns_max;
    (void)pthread_mutex_init(&dog->mutex, NULL);
    init_wake(&dog->wake);
    if ((errno = start_thread(dog)) != 0) {
        free_watchdog(dog);
        return mimo_error_errno(err, MIMO_E_FAILED, "the watchdog's thread does not start");
    }
    *out_watchdog = dog;
    return MIMO_OK;
}

void mimo_watchdog_stop(struct mimo_watchdog *dog)
{
    if (dog == NULL)
        return;
    (void)pthread_mutex_lock(&dog->mutex);
    dog->is_stopping = true;
    (void)pthread_cond_signal(&dog->wake);
    (void)pthread_mutex_unlock(&dog->mutex);
    (void)pthread_join(dog->thread, NULL);
    free_watchdog(dog);
}
