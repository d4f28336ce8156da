/*
 * arena.h - tensors taken one behind another from one block of the backend's memory.
 *
 * The same code first runs over an arena without memory, which only counts, and then over one of
 * exactly that many bytes: so a run allocates once, and nothing inside a step.
 */
#ifndef MIMO_RUNTIME_TENSOR_ARENA_H
#define MIMO_RUNTIME_TENSOR_ARENA_H

#include "runtime/backend/backend.h"

struct mimo_tensor_arena {
    char *base; /* NULL while counting */
    uint64_t used;
    uint64_t capacity;
};

/* The next `count` elements of `element_size` bytes, 64-byte aligned; NULL while counting. A
 * product that overflows leaves `used` at UINT64_MAX, which no allocation grants. */
void *mimo_tensor_take(struct mimo_tensor_arena *arena, uint64_t count, uint64_t element_size);

/* The same without a gap in front: for a tensor that continues the previous one. */
void *mimo_tensor_take_adjacent(struct mimo_tensor_arena *arena, uint64_t count,
                                uint64_t element_size);

/* Allocates what was counted, zeroed, and starts again from the beginning. `what` names the arena
 * in the error (MIMO_E_FAILED with the number of bytes). */
enum mimo_status mimo_tensor_arena_commit(struct mimo_tensor_arena *arena, struct mimo_backend *be,
                                          const char *what, struct mimo_error *err);

void mimo_tensor_arena_release(struct mimo_tensor_arena *arena, struct mimo_backend *be);

#endif
