/*
 * world.h - the ranks of a run: start and end, agreement, the status board and its watchdog.
 *
 * Every function that says "collective" must be called by all ranks in the same order.
 */
#ifndef MIMO_RUNTIME_WORLD_WORLD_H
#define MIMO_RUNTIME_WORLD_WORLD_H

#include "plan/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mimo_world; /* opaque: one a process */

struct mimo_world_place {
    uint32_t rank, size;           /* in the world */
    uint32_t node_rank, node_size; /* among the ranks of this machine */
};

/*
 * Starts MPI (or, where the process was not started by a launcher, a world of one rank) and opens
 * the status board, a page in memory shared by the ranks of one machine. Collective.
 */
enum mimo_status mimo_world_open(struct mimo_world **out_world, int *argc, char ***argv,
                                 struct mimo_error *err);

/* Ends MPI, after the watchdog. Collective. */
void mimo_world_close(struct mimo_world *world);

struct mimo_world_place mimo_world_place(const struct mimo_world *world);

/*
 * Agreement on success. Each rank passes its own error (status MIMO_OK where all is well). If any
 * rank failed, all return the status of the lowest failed rank, `err` holds its message on all
 * ranks, and `*out_speaker` is true on that rank alone (the one that prints). Collective.
 */
enum mimo_status mimo_world_agree(struct mimo_world *world, struct mimo_error *err,
                                  bool *out_speaker);

/*
 * Compares `size` bytes over all ranks; MIMO_E_WORLD on every rank, naming the first rank that
 * differs from rank 0, where they are not equal. `what` is for the message ("the plan").
 * Collective.
 */
enum mimo_status mimo_world_same(struct mimo_world *world, const void *bytes, uint32_t size,
                                 const char *what, struct mimo_error *err);

/*
 * values[count] is replaced by the sum over all ranks, element by element, modulo 2^64. Where only
 * one rank has anything but 0, that is what it has: so values are collected and shared. Collective.
 */
enum mimo_status mimo_world_sum_u64(struct mimo_world *world, uint64_t *values, size_t count,
                                    struct mimo_error *err);

/* Prints `message` to standard error in one write, prefixed "mimo-exec: ", then ends all ranks with
 * `status` at once (MPI_Abort), for failures that only this rank can see. Does not return. */
_Noreturn void mimo_world_abort(struct mimo_world *world, enum mimo_status status,
                                const char *message);

/* -- progress: what each rank is doing, for the watchdog and its report ----------------------- */

/* Notes that this rank begins something: `text` must live until the next note (a literal, or a
 * string of the run), e.g. "step 12: receive micro-step 1 from clip". Cheap: two stores. */
void mimo_world_note(struct mimo_world *world, const char *text);

/* What this rank noted last; empty before the first note. */
void mimo_world_noted(const struct mimo_world *world, char *out_text, size_t capacity);

/* Notes what this rank waits for within the current instruction, or NULL when it waits no more:
 * `group` in words ("llm tp [2, 3]") and the peers. The transport calls this around its waits.
 * `peers` are copied (at most 8 are kept). */
void mimo_world_waits(struct mimo_world *world, const char *operation, const uint32_t *peers,
                      uint32_t peer_count);

/*
 * Starts the watchdog thread. Progress is any note or end of a wait on any rank of this machine.
 * After `timeout_ms` without any, one rank of the machine prints a table (for every rank of the
 * machine: what it does, what it waits for, since when; stopped or absent processes are named) and
 * ends the job with MIMO_E_TIMEOUT. A process of this machine that no longer exists ends it with
 * MIMO_E_LOST.
 */
enum mimo_status mimo_world_watch(struct mimo_world *world, uint64_t timeout_ms,
                                  struct mimo_error *err);

/* -- signals ---------------------------------------------------------------------------------- */

/* SIGTERM, SIGINT and SIGUSR1 from now on only set a flag, which this reads. The caller agrees on
 * it over all ranks at step boundaries. */
void mimo_world_catch_signals(void);
bool mimo_world_was_signalled(void);

#endif
