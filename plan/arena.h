/*
 * arena.h - memory that is released as a whole.
 *
 * One arena serves one compilation, one pass or one training run. Allocations are zeroed and
 * aligned for any type; nothing is freed singly. Running out of memory ends the program with one
 * message and status 1: no caller could do better.
 */
#ifndef MIMO_PLAN_ARENA_H
#define MIMO_PLAN_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct mimo_arena_block;

struct mimo_arena {
    struct mimo_arena_block *blocks; /* newest first */
    size_t bytes;                    /* handed out in all */
};

/* A zeroed `struct mimo_arena` is an empty arena; this makes one. */
void mimo_arena_init(struct mimo_arena *arena);

/* Frees everything that was allocated from `arena`, which is then empty and may be used again. */
void mimo_arena_release(struct mimo_arena *arena);

/* `count` zeroed objects of `size` bytes. Overflow of the product counts as out of memory. */
void *mimo_arena_alloc(struct mimo_arena *arena, size_t count, size_t size);

/* A copy of `length` bytes at `text` with a NUL behind them. */
char *mimo_arena_copy(struct mimo_arena *arena, const char *text, size_t length);

/* The formatted text, NUL-terminated. */
char *mimo_arena_printf(struct mimo_arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
char *mimo_arena_vprintf(struct mimo_arena *arena, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

#define MIMO_NEW(arena, type) ((type *)mimo_arena_alloc((arena), 1, sizeof(type)))
#define MIMO_NEW_ARRAY(arena, type, count)                                                         \
    ((type *)mimo_arena_alloc((arena), (count), sizeof(type)))

/*
 * Appends `item` to the growing array `items` (pointer, count, capacity are lvalues; a capacity of
 * 0 starts one). The array lives in `arena`; growing doubles it.
 */
#define MIMO_APPEND(arena, items, count, capacity, item)                                           \
    do {                                                                                           \
        if ((count) == (capacity))                                                                 \
            (items) = mimo_arena_grow((arena), (items), sizeof *(items), &(capacity));             \
        (items)[(count)++] = (item);                                                               \
    } while (0)

/* Doubles an array of `*capacity` elements (at least 8); for MIMO_APPEND. */
void *mimo_arena_grow(struct mimo_arena *arena, const void *items, size_t size, size_t *capacity);

#endif
