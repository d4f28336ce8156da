/*
 * arena.h - tensors taken one behind another from one block of the backend's memory.
 *
 * The block has the size that the plan gives it (plan/memory.h): a run allocates once, and nothing
 * inside a step. Whoever has taken all tensors states so, and a block that is too large or too
 * small by one tensor is found there.
 */
#ifndef MIMO_RUNTIME_TENSOR_ARENA_H
#define MIMO_RUNTIME_TENSOR_ARENA_H

#include "plan/tally.h"
#include "runtime/backend/backend.h"

struct mimo_tensor_arena {
    char *base; /* NULL where the size is 0 */
    uint64_t capacity;
    struct mimo_tally taken;
};

/* Allocates `bytes`, zeroed. `what` names the arena in the error (MIMO_E_FAILED with the number of
 * bytes). */
enum mimo_status mimo_tensor_arena_open(struct mimo_tensor_arena *arena, struct mimo_backend *be,
                                        uint64_t bytes, const char *what, struct mimo_error *err);

/* The next `rows` * `columns` elements of `element_size` bytes, 64-byte aligned. */
void *mimo_tensor_take(struct mimo_tensor_arena *arena, uint64_t rows, uint64_t columns,
                       uint64_t element_size);

/* The same without a gap in front: for a tensor that continues the previous one. */
void *mimo_tensor_take_adjacent(struct mimo_tensor_arena *arena, uint64_t rows, uint64_t columns,
                                uint64_t element_size);

/* Asserts that the tensors taken fill the arena. */
void mimo_tensor_arena_finish(const struct mimo_tensor_arena *arena);

void mimo_tensor_arena_release(struct mimo_tensor_arena *arena, struct mimo_backend *be);

#endif
