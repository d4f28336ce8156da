/*
 * block.h - one block of threads while it runs: its threads as fibers, its barrier, its shared
 * memory.
 *
 * Only the device thread comes here. A thread that has to wait registers itself with whom it waits
 * for, calls block_wait and is brought back after a block_wake, at a moment that chance decides; a
 * block in which nobody can go on ends the program with a message.
 */
#ifndef MIMO_EMULATION_BLOCK_H
#define MIMO_EMULATION_BLOCK_H

#include "copy_async.h"
#include "fiber.h"
#include "vector_types.h"

#include <functional>
#include <stddef.h>
#include <string>

namespace emulation
{

enum class thread_state { ready, running, waiting, ended };

struct thread {
    uint3 index;
    unsigned number; /* linear in its block */
    thread_state state;
    fiber *stack;        /* null until it starts */
    const char *waiting; /* the function it waits in */
    unsigned lanes;      /* those that meet there; 0 for the whole block */
    copy_queue copies;
};

/* What a launch says of all its blocks. */
struct grid {
    const void *kernel;
    dim3 blocks, threads;
    size_t shared_size; /* bytes of dynamic shared memory */
    std::function<void()> body;
};

/* Runs all blocks of a grid one after another in random order. */
void grid_run(const grid &launched);

/* The thread that runs, and the warp it belongs to: its threads 32 i .. 32 i + 31, some may be
 * missing. */
thread &current_thread();
unsigned current_warp();
unsigned current_lane();

/* The thread of a lane of the running warp; null where the block has none. */
thread *lane_thread(unsigned lane);

/*
 * Ends the program unless the 16 bytes are aligned and shared memory, as far as one can tell: of
 * the block's dynamic buffer, or at least neither global memory nor the thread's own stack.
 */
void check_shared_row(const char *function, const void *address);

/* Lets others run until the current thread has been woken, which may be now. */
void block_wait(const char *function, unsigned lanes);
void block_wake(thread &waiting);

/* Ends the program: prints kernel, block, thread and seed before the text. */
[[noreturn]] void block_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

} // namespace emulation

#endif
