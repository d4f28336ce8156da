#include "plan/arena.h"

#include "tests/unit/check.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

static bool is_zero(const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0)
            return false;
    }
    return true;
}

/* Sizes around the block size too; every allocation is written full, so that overlaps show. */
static void test_allocations(void)
{
    static const size_t sizes[] = {0, 1, 15, 16, 17, 4096, 65536, 65537, 1 << 20, 3};
    enum { COUNT = sizeof sizes / sizeof *sizes };
    struct mimo_arena arena;
    unsigned char *memory[COUNT];

    mimo_arena_init(&arena);
    for (size_t i = 0; i < COUNT; i++) {
        memory[i] = mimo_arena_alloc(&arena, sizes[i], 1);
        CHECK_INT((uintptr_t)memory[i] % _Alignof(max_align_t), 0);
        CHECK(is_zero(memory[i], sizes[i]));
        memset(memory[i], (int)i + 1, sizes[i]);
    }
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t j = 0; j < sizes[i]; j++) {
            if (memory[i][j] != i + 1)
                CHECK_INT(memory[i][j], i + 1);
        }
    }
    mimo_arena_release(&arena);
    CHECK(arena.blocks == NULL);
    CHECK_INT(arena.bytes, 0);
}

/* Memory that a released arena gives again is zero again. */
static void test_reuse(void)
{
    struct mimo_arena arena = {0};

    for (int round = 0; round < 10; round++) {
        unsigned char *memory = mimo_arena_alloc(&arena, 1000, 10);

        CHECK(is_zero(memory, 10000));
        memset(memory, 0xff, 10000);
        mimo_arena_release(&arena);
    }
}

static void test_append(void)
{
    struct mimo_arena arena = {0};
    size_t count = 0, capacity = 0;
    uint64_t *items = NULL;

    for (uint64_t i = 0; i < 1000; i++)
        MIMO_APPEND(&arena, items, count, capacity, i * i);
    CHECK_INT(count, 1000);
    CHECK_INT(capacity, 1024);
    for (uint64_t i = 0; i < 1000; i++)
        CHECK_INT(items[i], i * i);
    mimo_arena_release(&arena);
}

static void test_texts(void)
{
    struct mimo_arena arena = {0};
    char *text = mimo_arena_printf(&arena, "%s has %d ranks", "llm", 32);

    CHECK_TEXT(text, "llm has 32 ranks");
    CHECK_TEXT(mimo_arena_copy(&arena, "projector", 4), "proj");
    CHECK_TEXT(mimo_arena_copy(&arena, NULL, 0), "");
    text = mimo_arena_printf(&arena, "%100000d", 7);
    CHECK_INT(strlen(text), 100000);
    mimo_arena_release(&arena);
}

static const struct mimo_test tests[] = {
    {"allocations are zeroed, aligned and apart", test_allocations},
    {"release and use again", test_reuse},
    {"growing arrays", test_append},
    {"texts", test_texts},
};

MIMO_TEST_MAIN("plan/arena", tests)
