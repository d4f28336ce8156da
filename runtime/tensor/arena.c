#include "runtime/tensor/arena.h"

#include <inttypes.h>

enum { ALIGNMENT = 64 };

static void *take_at(struct mimo_tensor_arena *arena, uint64_t begin, uint64_t count,
                     uint64_t element_size)
{
    uint64_t bytes, end;

    if (__builtin_mul_overflow(count, element_size, &bytes) ||
        __builtin_add_overflow(begin, bytes, &end)) {
        arena->used = UINT64_MAX;
        return NULL;
    }
    arena->used = end;
    if (arena->base == NULL)
        return NULL;
    MIMO_ASSERT(end <= arena->capacity);
    return arena->base + begin;
}

void *mimo_tensor_take(struct mimo_tensor_arena *arena, uint64_t count, uint64_t element_size)
{
    if (arena->used > UINT64_MAX - ALIGNMENT)
        return NULL;
    return take_at(arena, (arena->used + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT, count,
                   element_size);
}

void *mimo_tensor_take_adjacent(struct mimo_tensor_arena *arena, uint64_t count,
                                uint64_t element_size)
{
    return take_at(arena, arena->used, count, element_size);
}

enum mimo_status mimo_tensor_arena_commit(struct mimo_tensor_arena *arena, struct mimo_backend *be,
                                          const char *what, struct mimo_error *err)
{
    const uint64_t bytes = arena->used;

    arena->used = 0;
    if (bytes == 0)
        return MIMO_OK;
    arena->base = bytes > SIZE_MAX - ALIGNMENT ? NULL : be->ops->alloc(be, (size_t)bytes);
    if (arena->base == NULL)
        return mimo_error_set(err, MIMO_E_FAILED, "out of memory: %" PRIu64 " bytes of %s", bytes,
                              what);
    arena->capacity = bytes;
    return MIMO_OK;
}

void mimo_tensor_arena_release(struct mimo_tensor_arena *arena, struct mimo_backend *be)
{
    if (arena->base != NULL)
        be->ops->free(be, arena->base);
    *arena = (struct mimo_tensor_arena){0};
}
