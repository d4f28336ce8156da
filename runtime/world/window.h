/*
 * window.h - memory that the members of a group share, and a barrier among them.
 *
 * Every member owns one part of the window: a control line and MIMO_WINDOW_BUFFERS buffers. A
 * collective takes tickets, one for each piece of its data; ticket t stands for buffer
 * t % MIMO_WINDOW_BUFFERS of every member. All members take tickets in the same order.
 *
 * What a member puts into the buffers of a ticket before a barrier, the others may read after that
 * barrier and, if it is changed in place between that one and the next, after the next, but not
 * beyond a third. With at least one barrier for each ticket, the buffer is then free when its turn
 * comes again.
 */
#ifndef MIMO_RUNTIME_WORLD_WINDOW_H
#define MIMO_RUNTIME_WORLD_WINDOW_H

#include "plan/error.h"

#include <mpi.h>
#include <stddef.h>
#include <stdint.h>

enum { MIMO_WINDOW_BUFFERS = 3 };

struct mimo_world;
struct mimo_window;

/*
 * Makes the window of the ranks of `comm`, which share a machine, with up to `bytes` for each
 * member: less where the machine's allowance for shared memory is short. *out_window is NULL, with
 * MIMO_OK, where not even a small window can be had. `members` (world ranks) must outlive the
 * window. Collective over `comm`.
 */
enum mimo_status mimo_window_open(struct mimo_window **out_window, struct mimo_world *world,
                                  MPI_Comm comm, const uint32_t *members, size_t bytes,
                                  struct mimo_error *err);

/* Collective over the window's members. NULL is none. */
void mimo_window_close(struct mimo_window *window);

/* Bytes that one buffer holds. */
size_t mimo_window_buffer_bytes(const struct mimo_window *window);

/* Takes the next `count` tickets and returns the first. */
size_t mimo_window_take(struct mimo_window *window, size_t count);

/* Member `member`'s buffer of `ticket`, aligned to a cache line. */
void *mimo_window_buffer(const struct mimo_window *window, uint32_t member, size_t ticket);

/*
 * Returns when all members have called it; what they wrote before is then visible. Looks at the
 * others for a moment, then sleeps in the kernel, so that a waiting rank leaves its core to one
 * that computes. `operation` tells the status board what this is about, the board is told whom it
 * misses.
 */
void mimo_window_barrier(struct mimo_window *window, const char *operation);

#endif
