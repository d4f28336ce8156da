#include "warp.h"

#include "block.h"
#include "emulated_device_code.h"

#include <utility>
#include <vector>

namespace emulation
{
namespace
{

/* ---- meetings ---- */

struct meeting {
    unsigned mask, arrived;
    void (*combine)(const meeting_requests &requests);
    meeting_requests requests;
};

using meetings = std::vector<meeting>;

/* Of each warp those that still lack lanes: one for most of the time, more where it has diverged.
 */
meetings &open_meetings()
{
    static meetings *const of_warps = new meetings[32];
    return of_warps[current_warp()];
}

bool has_lane(unsigned mask, unsigned lane)
{
    return (mask >> lane & 1u) != 0;
}

void check_mask(const char *function, unsigned mask)
{
    if (!has_lane(mask, current_lane()))
        block_fail("%s of lanes 0x%08x by lane %u", function, mask, current_lane());
}

meeting &find_or_open(meetings &open, unsigned mask,
                      void (*combine)(const meeting_requests &requests))
{
    for (meeting &each : open)
        if (each.mask == mask && each.combine == combine)
            return each;
    open.push_back(meeting{mask, 0, combine, {}});
    return open.back();
}

void close(meetings &open, meeting &full)
{
    full.combine(full.requests);
    for (unsigned lane = 0; lane < 32; lane++)
        if (has_lane(full.mask, lane))
            block_wake(*lane_thread(lane));
    std::swap(full, open.back());
    open.pop_back();
}

/* ---- shuffles ---- */

struct shuffle_request {
    uint64_t value, result;
    unsigned source;
};

/* Segments of `width` lanes; what leaves one upwards or downwards keeps its own value. */
unsigned shuffle_source(shuffle_kind kind, unsigned operand, unsigned width)
{
    const unsigned lane = current_lane(), first = lane & ~(width - 1), end = first + width;
    switch (kind) {
    case shuffle_kind::index:
        return first + (operand & (width - 1));
    case shuffle_kind::up:
        return operand > lane - first ? lane : lane - operand;
    case shuffle_kind::down:
        return operand >= end - lane ? lane : lane + operand;
    case shuffle_kind::exclusive_or:
        return (lane ^ operand) >= end ? lane : lane ^ operand;
    }
    block_fail("a shuffle of no kind");
}

void exchange(const meeting_requests &requests)
{
    for (void *mine : requests.of_lane) {
        shuffle_request *request = static_cast<shuffle_request *>(mine);
        if (request != nullptr)
            request->result =
                static_cast<shuffle_request *>(requests.of_lane[request->source])->value;
    }
}

const char *name_of(shuffle_kind kind)
{
    switch (kind) {
    case shuffle_kind::index:
        return "__shfl_sync";
    case shuffle_kind::up:
        return "__shfl_up_sync";
    case shuffle_kind::down:
        return "__shfl_down_sync";
    case shuffle_kind::exclusive_or:
        return "__shfl_xor_sync";
    }
    block_fail("a shuffle of no kind");
}

/* ---- votes ---- */

struct vote_request {
    bool predicate;
    unsigned ballot;
};

void count_votes(const meeting_requests &requests)
{
    unsigned ballot = 0;
    for (unsigned lane = 0; lane < 32; lane++) {
        const vote_request *request = static_cast<vote_request *>(requests.of_lane[lane]);
        ballot |= request != nullptr && request->predicate ? 1u << lane : 0u;
    }
    for (void *mine : requests.of_lane)
        if (mine != nullptr)
            static_cast<vote_request *>(mine)->ballot = ballot;
}

const char *name_of(vote_kind kind)
{
    switch (kind) {
    case vote_kind::ballot:
        return "__ballot_sync";
    case vote_kind::all:
        return "__all_sync";
    case vote_kind::any:
        return "__any_sync";
    }
    block_fail("a vote of no kind");
}

void meet_only(const meeting_requests &)
{
}

} // namespace

void warp_meet(const char *function, unsigned mask,
               void (*combine)(const meeting_requests &requests), void *request)
{
    copies_may_land();
    check_mask(function, mask);
    meetings &open = open_meetings();
    meeting &mine = find_or_open(open, mask, combine);
    mine.requests.of_lane[current_lane()] = request;
    mine.arrived |= 1u << current_lane();
    if (mine.arrived == mask)
        close(open, mine);
    block_wait(function, mask);
}

void warp_barrier(unsigned mask)
{
    warp_meet("__syncwarp", mask, meet_only, nullptr);
}

unsigned warp_vote(vote_kind kind, unsigned mask, bool predicate)
{
    vote_request request{predicate, 0};
    warp_meet(name_of(kind), mask, count_votes, &request);
    switch (kind) {
    case vote_kind::ballot:
        return request.ballot;
    case vote_kind::all:
        return request.ballot == mask;
    case vote_kind::any:
        return request.ballot != 0;
    }
    block_fail("a vote of no kind");
}

uint64_t warp_shuffle(shuffle_kind kind, unsigned mask, uint64_t value, unsigned operand, int width)
{
    if (width < 1 || width > warpSize || (width & (width - 1)) != 0)
        block_fail("%s in segments of %d lanes", name_of(kind), width);
    shuffle_request request{value, 0, shuffle_source(kind, operand, static_cast<unsigned>(width))};
    if (!has_lane(mask, request.source))
        block_fail("%s of lanes 0x%08x reads lane %u", name_of(kind), mask, request.source);
    warp_meet(name_of(kind), mask, exchange, &request);
    return request.result;
}

unsigned warp_active_mask()
{
    unsigned mask = 0;
    for (unsigned lane = 0; lane < 32; lane++) {
        const thread *other = lane_thread(lane);
        mask |= other != nullptr && other->state != thread_state::ended ? 1u << lane : 0u;
    }
    return mask;
}

} // namespace emulation
