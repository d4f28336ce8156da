#include "compiler/planner/rounds.h"

#include "compiler/planner/pipeline.h"
#include "compiler/planner/schedule.h"
#include "plan/memory.h"

static bool fits(const struct mimo_plan *plan)
{
    for (uint32_t i = 0; i < plan->role_count; i++) {
        if (!mimo_memory_fits(plan, i))
            return false;
    }
    return true;
}

/* Builds the programs in an arena of their own, and forgets them. */
static bool would_fit(struct mimo_draft *draft, uint32_t micro_steps)
{
    struct mimo_arena *const arena = draft->arena;
    struct mimo_arena scratch;
    bool result;

    mimo_arena_init(&scratch);
    draft->arena = &scratch;
    draft->training->encoder_group = micro_steps;
    mimo_schedule_build(draft);
    result = fits(&draft->plan);
    draft->arena = arena;
    mimo_arena_release(&scratch);
    return result;
}

/* A longer round keeps at least as much: bisection finds the longest that fits, or 0. */
static uint32_t longest_that_fits(struct mimo_draft *draft, uint32_t micro_steps)
{
    uint32_t low = 0, high = micro_steps;

    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;

        if (would_fit(draft, middle))
            low = middle;
        else
            high = middle;
    }
    return low;
}

void mimo_rounds_build(struct mimo_draft *draft)
{
    const uint32_t micro_steps = draft->training->micro_steps;
    uint32_t round = micro_steps;

    if (draft->plan.cluster->memory > 0 && mimo_pipeline_has_rounds(&draft->plan) &&
        !would_fit(draft, micro_steps))
        round = longest_that_fits(draft, micro_steps);
    draft->training->encoder_group = round > 0 ? round : micro_steps;
    mimo_schedule_build(draft);
}
