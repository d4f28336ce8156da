#include "runtime/data/markers.h"

#include <string.h>

static bool starts_with(const char *text, size_t length, const char *prefix, size_t prefix_length)
{
    return prefix_length <= length && memcmp(text, prefix, prefix_length) == 0;
}

static struct mimo_marker marker_at(const struct mimo_plan *plan, const char *text, size_t length)
{
    struct mimo_marker found = {.modality = MIMO_NONE};

    for (uint32_t i = 0; i < plan->modality_count; i++) {
        const struct mimo_plan_string marker = plan->modalities[i].marker;

        if (marker.length > found.length &&
            starts_with(text, length, mimo_plan_text(plan, marker), marker.length))
            found = (struct mimo_marker){.length = marker.length, .modality = i};
    }
    return found;
}

struct mimo_marker mimo_marker_next(const struct mimo_plan *plan, const char *text, size_t length)
{
    for (size_t offset = 0; offset < length && plan->modality_count > 0; offset++) {
        struct mimo_marker marker = marker_at(plan, text + offset, length - offset);

        if (marker.modality != MIMO_NONE) {
            marker.offset = offset;
            return marker;
        }
    }
    return (struct mimo_marker){.offset = length, .modality = MIMO_NONE};
}
