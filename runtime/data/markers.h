/*
 * markers.h - the places of images in a text.
 */
#ifndef MIMO_RUNTIME_DATA_MARKERS_H
#define MIMO_RUNTIME_DATA_MARKERS_H

#include "plan/plan.h"

#include <stdbool.h>
#include <stddef.h>

/* Text up to a marker, and the marker. */
struct mimo_marker {
    size_t offset;     /* of the marker, hence the length of the text before it */
    size_t length;     /* of the marker; 0 where no marker follows any more */
    uint32_t modality; /* MIMO_NONE where no marker follows any more */
};

/* The first marker of any modality in `length` bytes at `text`, the longest one where several begin
 * at the same place. Where there is none, `offset` is `length`. */
struct mimo_marker mimo_marker_next(const struct mimo_plan *plan, const char *text, size_t length);

#endif
