#include "plan/memory.h"
#include "plan/verify.h"

/* A program computes every micro-step, so that tables of micro-steps are no longer than the file.
 */
static enum mimo_status verify_length(const struct mimo_plan *plan, uint32_t index,
                                      struct mimo_error *err)
{
    const struct mimo_verifier at = {plan, err, MIMO_SECTION_ROLE, index};
    const struct mimo_plan_role *role = &plan->roles[index];

    MIMO_REQUIRE(&at,
                 role->place_count == 0 || role->instruction_count >= plan->training->micro_steps,
                 "it has %u instructions for %u micro-steps", role->instruction_count,
                 plan->training->micro_steps);
    return MIMO_OK;
}

static enum mimo_status verify_record(const struct mimo_plan *plan, uint32_t index,
                                      struct mimo_error *err)
{
    const struct mimo_verifier at = {plan, err, MIMO_SECTION_MEMO, index};
    const struct mimo_plan_memory *stated = &plan->memories[index];
    struct mimo_plan_memory memory;

    MIMO_TRY(verify_length(plan, index, err));
    memory = mimo_memory_of_role(plan, index);
    for (uint32_t kind = 0; kind < MIMO_MEMORY_COUNT; kind++)
        MIMO_REQUIRE(&at, stated->bytes[kind] == memory.bytes[kind],
                     "%llu bytes of %s are stated, but the role needs %llu",
                     (unsigned long long)stated->bytes[kind],
                     mimo_memory_word((enum mimo_memory_kind)kind),
                     (unsigned long long)memory.bytes[kind]);
    MIMO_REQUIRE(&at, stated->micro_steps_alive == memory.micro_steps_alive,
                 "micro_steps_alive is %u instead of %u", stated->micro_steps_alive,
                 memory.micro_steps_alive);
    return mimo_verify_zero(&at, stated->reserved, "reserved");
}

enum mimo_status mimo_verify_memory(const struct mimo_plan *plan, struct mimo_error *err)
{
    const struct mimo_verifier at = {plan, err, MIMO_SECTION_MEMO, 0};

    MIMO_REQUIRE(&at, plan->memory_count == plan->role_count, "there are %u records for %u roles",
                 plan->memory_count, plan->role_count);
    for (uint32_t i = 0; i < plan->role_count; i++)
        MIMO_TRY(verify_record(plan, i, err));
    return MIMO_OK;
}
