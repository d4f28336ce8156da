/*
 * scheduler.h - the device thread: it carries out work in any order that dependencies allow.
 *
 * All of the runtime comes down to this: a piece of work may run when all those before it are done.
 * A stream is a chain of work, an event is a piece of one, a graph is many. The device thread takes
 * at random one that may run; it also dawdles at random, until the host waits for something or for
 * a while, so that work which lacks a dependency does happen too early or too late.
 */
#ifndef MIMO_EMULATION_SCHEDULER_H
#define MIMO_EMULATION_SCHEDULER_H

#include "device.h"
#include "stream.h"

#include <chrono>
#include <memory>
#include <vector>

namespace emulation
{

struct work {
    std::shared_ptr<const operation> what;
    int device;
    unsigned blockers; /* how many before it are not done */
    std::vector<std::shared_ptr<work>> dependents;
    bool is_started, is_done;
    std::chrono::steady_clock::time_point done_at;
};

using work_reference = std::shared_ptr<work>; /* null counts as done */

/* Hands work over to the device thread, to run after all of `before`. */
work_reference submit_locked(std::shared_ptr<const operation> what, int device,
                             const std::vector<work_reference> &before);

bool is_done_locked(const work_reference &what);

/* Waits, letting go of the lock meanwhile. */
void wait_locked(guard &lock, const work_reference &what);
void wait_for_device_locked(guard &lock, int device);

/* Whether an operation has failed: the device is lost for good. */
bool is_lost_locked();

} // namespace emulation

#endif
