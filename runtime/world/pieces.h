/*
 * pieces.h - how data that is divided among the members of a group passes in pieces.
 *
 * Member m's part is begins[m] ... begins[m+1]-1. Piece k holds of every part its k-th `chunk`
 * elements, so that all members have work in each piece; short parts run out early.
 */
#ifndef MIMO_RUNTIME_WORLD_PIECES_H
#define MIMO_RUNTIME_WORLD_PIECES_H

#include <stddef.h>
#include <stdint.h>

struct mimo_span {
    size_t first, count; /* elements, if nothing else is said */
};

/* Member m's part in bytes, of elements of `element` bytes each. */
static inline struct mimo_span mimo_part_bytes(const size_t *begins, uint32_t member,
                                               size_t element)
{
    return (struct mimo_span){begins[member] * element,
                              (begins[member + 1] - begins[member]) * element};
}

static inline struct mimo_span mimo_piece_span(const size_t *begins, size_t chunk, uint32_t member,
                                               size_t piece)
{
    const size_t part = begins[member + 1] - begins[member];
    const size_t done = piece * chunk < part ? piece * chunk : part;
    const size_t left = part - done;

    return (struct mimo_span){begins[member] + done, left < chunk ? left : chunk};
}

/* Pieces that the longest part takes. */
static inline size_t mimo_piece_count(const size_t *begins, uint32_t size, size_t chunk)
{
    size_t longest = 0;

    for (uint32_t i = 0; i < size; i++)
        if (begins[i + 1] - begins[i] > longest)
            longest = begins[i + 1] - begins[i];
    return longest / chunk + (longest % chunk != 0);
}

/* Divides `count` elements evenly; the first parts are longer by one where that leaves a rest. */
static inline void mimo_piece_divide(size_t *out_begins, uint32_t size, size_t count)
{
    for (uint32_t i = 0; i <= size; i++)
        out_begins[i] = count / size * i + (i < count % size ? i : count % size);
}

#endif
