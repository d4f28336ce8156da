/*
 * warp.h - lanes of a warp that meet in a collective function.
 */
#ifndef MIMO_EMULATION_WARP_H
#define MIMO_EMULATION_WARP_H

namespace emulation
{

/*
 * What each lane brings, and where it wants its result: null for the lanes that do not take part.
 * The things lie on the lanes' own stacks, all of which stand still.
 */
struct meeting_requests {
    void *of_lane[32];
};

/*
 * Waits until all lanes of the mask have come here with the same function and mask; the last one
 * calls `combine` on the requests of all. The mask must name the caller.
 */
void warp_meet(const char *function, unsigned mask,
               void (*combine)(const meeting_requests &requests), void *request);

} // namespace emulation

#endif
