/*
 * watchdog.h - the thread that ends a run in which nothing moves any more, or a rank has died.
 */
#ifndef MIMO_RUNTIME_WORLD_WATCHDOG_H
#define MIMO_RUNTIME_WORLD_WATCHDOG_H

#include "plan/error.h"
#include "runtime/world/board.h"

struct mimo_watchdog;

/* Ends the job with `status` after printing `message`; called from the watchdog's thread. */
struct mimo_watchdog_end {
    void (*call)(void *context, enum mimo_status status, const char *message);
    void *context;
};

/*
 * Starts a thread that looks at `board` every eighth of `timeout_ms`, at least once a second. It
 * calls `end` with MIMO_E_TIMEOUT when no rank made progress for `timeout_ms` (0: never), and with
 * MIMO_E_LOST when a process has been gone for two seconds, the time that a launcher is given to
 * end the job itself. Among the watchdogs of one board only one calls `end`. Time during which this
 * process was itself stopped does not count.
 */
enum mimo_status mimo_watchdog_start(struct mimo_watchdog **out_watchdog, struct mimo_board *board,
                                     uint64_t timeout_ms, struct mimo_watchdog_end end,
                                     struct mimo_error *err);

/* Ends the thread and frees the watchdog, which may be NULL. */
void mimo_watchdog_stop(struct mimo_watchdog *watchdog);

#endif
