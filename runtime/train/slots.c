#include "runtime/train/slots.h"

struct life {
    uint32_t first, last; /* instructions of the role; first = MIMO_NONE: none */
};

static struct life life_of(const struct mimo_plan *plan, const struct mimo_plan_role *role,
                           uint32_t micro_step, mimo_slots_touches *touches, const void *context)
{
    struct life life = {MIMO_NONE, 0};

    for (uint32_t i = 0; i < role->instruction_count; i++) {
        if (!touches(&plan->instructions[role->instruction_first + i], micro_step, context))
            continue;
        if (life.first == MIMO_NONE)
            life.first = i;
        life.last = i;
    }
    return life;
}

/* The lowest slot that no earlier micro-step holds while `life` lasts. */
static uint32_t free_slot(const struct life *lives, const uint32_t *of, uint32_t micro_step)
{
    const struct life *life = &lives[micro_step];

    for (uint32_t slot = 0;; slot++) {
        bool is_free = true;
        for (uint32_t m = 0; m < micro_step && is_free; m++)
            is_free = of[m] != slot || lives[m].last < life->first || life->last < lives[m].first;
        if (is_free)
            return slot;
    }
}

void mimo_slots_assign(struct mimo_slots *slots, const struct mimo_plan *plan,
                       const struct mimo_plan_role *role, uint32_t micro_steps,
                       mimo_slots_touches *touches, const void *context, struct mimo_arena *arena)
{
    struct life *lives = MIMO_NEW_ARRAY(arena, struct life, micro_steps);

    slots->count = 0;
    slots->of = MIMO_NEW_ARRAY(arena, uint32_t, micro_steps);
    for (uint32_t m = 0; m < micro_steps; m++) {
        lives[m] = life_of(plan, role, m, touches, context);
        slots->of[m] = MIMO_NONE;
        if (lives[m].first == MIMO_NONE)
            continue;
        slots->of[m] = free_slot(lives, slots->of, m);
        if (slots->of[m] >= slots->count)
            slots->count = slots->of[m] + 1;
    }
}
