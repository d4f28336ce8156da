#include "runtime/tensor/arena.h"

#include <inttypes.h>

/* A device knows how much it had. */
static enum mimo_status tell_shortage(struct mimo_backend *be, uint64_t bytes, const char *what,
                                      struct mimo_error *err)
{
    struct mimo_error cause = {0};

    (void)be->ops->check(be, &cause);
    return mimo_error_set(err, MIMO_E_FAILED, "out of memory: %" PRIu64 " bytes of %s%s%s", bytes,
                          what, cause.status != MIMO_OK ? "; " : "", cause.message);
}

enum mimo_status mimo_tensor_arena_open(struct mimo_tensor_arena *arena, struct mimo_backend *be,
                                        uint64_t bytes, const char *what, struct mimo_error *err)
{
    *arena = (struct mimo_tensor_arena){.capacity = bytes};
    if (bytes == 0)
        return MIMO_OK;
    arena->base = bytes > PTRDIFF_MAX ? NULL : be->ops->alloc(be, (size_t)bytes);
    return arena->base == NULL ? tell_shortage(be, bytes, what, err) : MIMO_OK;
}

static void *tensor_at(const struct mimo_tensor_arena *arena, uint64_t begin)
{
    MIMO_ASSERT(arena->taken.used <= arena->capacity);
    return arena->base == NULL ? NULL : arena->base + begin;
}

void *mimo_tensor_take(struct mimo_tensor_arena *arena, uint64_t rows, uint64_t columns,
                       uint64_t element_size)
{
    return tensor_at(arena,
                     mimo_tally_take(&arena->taken, mimo_product(rows, columns), element_size));
}

void *mimo_tensor_take_adjacent(struct mimo_tensor_arena *arena, uint64_t rows, uint64_t columns,
                                uint64_t element_size)
{
    return tensor_at(
        arena, mimo_tally_take_adjacent(&arena->taken, mimo_product(rows, columns), element_size));
}

void mimo_tensor_arena_finish(const struct mimo_tensor_arena *arena)
{
    MIMO_ASSERT(mimo_tally_bytes(&arena->taken) == arena->capacity);
}

void mimo_tensor_arena_release(struct mimo_tensor_arena *arena, struct mimo_backend *be)
{
    if (arena->base != NULL)
        be->ops->free(be, arena->base);
    *arena = (struct mimo_tensor_arena){0};
}
