#include "plan/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 64 * 1024, ALIGNMENT = 16 };

struct mimo_arena_block {
    struct mimo_arena_block *next;
    size_t used;
    size_t capacity;
    size_t padding_; /* keeps the data behind this header aligned */
};

static _Noreturn void out_of_memory(void)
{
    (void)fputs("mimo: out of memory\n", stderr);
    exit(EXIT_FAILURE);
}

void mimo_arena_init(struct mimo_arena *arena)
{
    *arena = (struct mimo_arena){0};
}

void mimo_arena_release(struct mimo_arena *arena)
{
    struct mimo_arena_block *block = arena->blocks;

    while (block != NULL) {
        struct mimo_arena_block *next = block->next;
        free(block);
        block = next;
    }
    mimo_arena_init(arena);
}

static struct mimo_arena_block *block_new(struct mimo_arena *arena, size_t bytes)
{
    const size_t capacity = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
    struct mimo_arena_block *block;

    if (capacity > SIZE_MAX - sizeof *block)
        out_of_memory();
    block = calloc(1, sizeof *block + capacity);
    if (block == NULL)
        out_of_memory();
    block->capacity = capacity;
    block->next = arena->blocks;
    arena->blocks = block;
    return block;
}

void *mimo_arena_alloc(struct mimo_arena *arena, size_t count, size_t size)
{
    struct mimo_arena_block *block = arena->blocks;
    size_t bytes;
    void *memory;

    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - ALIGNMENT)
        out_of_memory();
    bytes = (bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (block == NULL || block->capacity - block->used < bytes)
        block = block_new(arena, bytes);
    memory = (char *)(block + 1) + block->used;
    block->used += bytes;
    arena->bytes += bytes;
    return memory;
}

char *mimo_arena_copy(struct mimo_arena *arena, const char *text, size_t length)
{
    char *copy = mimo_arena_alloc(arena, length + 1, 1);

    if (length > 0)
        memcpy(copy, text, length);
    return copy;
}

char *mimo_arena_vprintf(struct mimo_arena *arena, const char *format, va_list arguments)
{
    va_list again;
    char *text;
    int length;

    va_copy(again, arguments);
    length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (length < 0)
        out_of_memory();
    text = mimo_arena_alloc(arena, (size_t)length + 1, 1);
    (void)vsnprintf(text, (size_t)length + 1, format, arguments);
    return text;
}

char *mimo_arena_printf(struct mimo_arena *arena, const char *format, ...)
{
    va_list arguments;
    char *text;

    va_start(arguments, format);
    text = mimo_arena_vprintf(arena, format, arguments);
    va_end(arguments);
    return text;
}

void *mimo_arena_grow(struct mimo_arena *arena, const void *items, size_t size, size_t *capacity)
{
    const size_t grown = *capacity == 0 ? 8 : 2 * *capacity;
    void *copy = mimo_arena_alloc(arena, grown, size);

    if (*capacity > 0)
        memcpy(copy, items, *capacity * size);
    *capacity = grown;
    return copy;
}
