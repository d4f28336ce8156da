#include "runtime/train/slots.h"
#include "tests/unit/check.h"

enum { MICRO_STEPS = 4 };

/* A buffer of micro-step m is touched by the instructions whose place is 1 and whose micro-step is
 * m. */
static bool touches(const struct mimo_plan_instruction *instruction, uint32_t micro_step,
                    const void *context)
{
    return instruction->place == *(const uint32_t *)context &&
           instruction->micro_step == micro_step;
}

static void assign(struct mimo_slots *slots, const uint32_t *micro_steps, uint32_t count,
                   struct mimo_arena *arena)
{
    static const uint32_t place = 1;
    struct mimo_plan_instruction *instructions =
        MIMO_NEW_ARRAY(arena, struct mimo_plan_instruction, count);
    const struct mimo_plan plan = {.instructions = instructions, .instruction_count = count};
    const struct mimo_plan_role role = {.instruction_count = count};

    for (uint32_t i = 0; i < count; i++)
        instructions[i] = (struct mimo_plan_instruction){.place = 1, .micro_step = micro_steps[i]};
    mimo_slots_assign(slots, &plan, &role, MICRO_STEPS, touches, &place, arena);
}

/* Forward and backward of one micro-step after another: one copy is enough. */
static void one_at_a_time(void)
{
    const uint32_t program[] = {0, 0, 1, 1, 2, 2, 3, 3};
    struct mimo_arena arena = {0};
    struct mimo_slots slots;

    assign(&slots, program, 8, &arena);
    CHECK_INT(slots.count, 1);
    mimo_arena_release(&arena);
}

/* 1F1B with one micro-step of warm-up: two are alive at once. */
static void one_ahead(void)
{
    const uint32_t program[] = {0, 1, 0, 2, 1, 3, 2, 3};
    struct mimo_arena arena = {0};
    struct mimo_slots slots;

    assign(&slots, program, 8, &arena);
    CHECK_INT(slots.count, 2);
    CHECK(slots.of[0] != slots.of[1]);
    CHECK(slots.of[1] != slots.of[2]);
    CHECK(slots.of[2] != slots.of[3]);
    mimo_arena_release(&arena);
}

/* GPipe: all forwards, then all backwards. */
static void all_at_once(void)
{
    const uint32_t program[] = {0, 1, 2, 3, 3, 2, 1, 0};
    struct mimo_arena arena = {0};
    struct mimo_slots slots;

    assign(&slots, program, 8, &arena);
    CHECK_INT(slots.count, 4);
    mimo_arena_release(&arena);
}

static void untouched(void)
{
    const uint32_t program[] = {0, 0, 2};
    struct mimo_arena arena = {0};
    struct mimo_slots slots;

    assign(&slots, program, 3, &arena);
    CHECK_INT(slots.of[1], MIMO_NONE);
    CHECK_INT(slots.count, 1);
    mimo_arena_release(&arena);
}

static const struct mimo_test TESTS[] = {
    {"one at a time", one_at_a_time},
    {"one ahead", one_ahead},
    {"all at once", all_at_once},
    {"untouched micro-steps", untouched},
};

MIMO_TEST_MAIN("slots", TESTS)
