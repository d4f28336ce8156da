#include "compiler/planner/interleave.h"

/* The first `long_count` groups have length + 1 micro-steps, the others `length`. */
struct groups {
    uint32_t length, long_count;
};

static struct groups groups_of(const struct mimo_interleave *interleave)
{
    const uint32_t count = interleave->micro_steps / interleave->ranks;

    if (count == 0)
        return (struct groups){interleave->micro_steps, 0};
    return (struct groups){interleave->micro_steps / count, interleave->micro_steps % count};
}

uint32_t mimo_interleave_chunk(const struct mimo_interleave *interleave, uint32_t index)
{
    const struct groups groups = groups_of(interleave);
    const uint32_t long_part = groups.long_count * (groups.length + 1) * interleave->chunks;

    if (index < long_part)
        return index / (groups.length + 1) % interleave->chunks;
    return (index - long_part) / groups.length % interleave->chunks;
}

uint32_t mimo_interleave_index(const struct mimo_interleave *interleave, uint32_t chunk,
                               uint32_t micro_step)
{
    const struct groups groups = groups_of(interleave);
    const uint32_t in_long = groups.long_count * (groups.length + 1);
    const uint32_t length = groups.length + (micro_step < in_long ? 1 : 0);
    const uint32_t behind = micro_step < in_long ? micro_step : micro_step - in_long;
    const uint32_t position = behind % length;

    return (micro_step - position) * interleave->chunks + chunk * length + position;
}

/* Of the last rank. The first backwards are those of its last chunk: the index of a backward there
 * is that of the same micro-step's forward in chunk 0. */
static uint32_t last_warm_up(const struct mimo_interleave *interleave, uint32_t ahead)
{
    const uint32_t last = interleave->micro_steps - 1;
    uint32_t max = 0;

    for (uint32_t i = 0; i <= last; i++) {
        const uint32_t needed = mimo_interleave_index(interleave, interleave->chunks - 1,
                                                      last - i < ahead ? last : i + ahead);
        const uint32_t warm_up = needed - mimo_interleave_index(interleave, 0, i);

        max = warm_up > max ? warm_up : max;
    }
    return max;
}

uint32_t mimo_interleave_warm_up(const struct mimo_interleave *interleave, uint32_t rank,
                                 uint32_t ahead)
{
    const uint32_t all = interleave->chunks * interleave->micro_steps;
    uint32_t warm_up;

    if (interleave->micro_steps < interleave->ranks)
        return all;
    warm_up = last_warm_up(interleave, ahead) + 2 * (interleave->ranks - 1 - rank);
    return warm_up < all ? warm_up : all;
}

uint32_t mimo_interleave_live(const struct mimo_interleave *interleave, uint32_t warm_up)
{
    const uint32_t all = interleave->chunks * interleave->micro_steps;
    uint32_t live = 0, max = 0;

    for (uint32_t i = 0; i < all + warm_up; i++) {
        if (i < all && mimo_interleave_chunk(interleave, i) == 0)
            live++;
        max = live > max ? live : max;
        if (i >= warm_up &&
            mimo_interleave_chunk(interleave, i - warm_up) == interleave->chunks - 1)
            live--;
    }
    return max;
}
