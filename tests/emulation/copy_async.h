/*
 * copy_async.h - the asynchronous copies to shared memory that one thread has under way.
 */
#ifndef MIMO_EMULATION_COPY_ASYNC_H
#define MIMO_EMULATION_COPY_ASYNC_H

#include <vector>

namespace emulation
{

struct copy_under_way {
    void *shared;
    const void *global; /* null: zeros */
    unsigned group;     /* the commit that covers it */
};

struct copy_queue {
    std::vector<copy_under_way> under_way;
    unsigned groups_committed;
};

/* A moment at which copies of the running thread land by chance. */
void copies_may_land();

} // namespace emulation

#endif
