#include "compiler/proof/timeline.h"

/* A parcel: one micro-step on one edge in one direction. */
struct meeting {
    uint32_t missing; /* roles that have not come to it; one at both ends comes twice */
    uint64_t time;    /* when the last one did */
};

struct clock {
    const struct mimo_plan *plan;
    struct mimo_timeline *timeline;
    struct meeting *parcels; /* [edge][micro-step][direction] */
    uint32_t *at;            /* of each role: its instruction, counted within the role */
    bool *has_come;          /* of each role: to the parcels of that instruction */
    uint64_t *now;           /* of each role */
};

uint64_t mimo_timeline_ticks(const struct mimo_plan_instruction *instruction)
{
    switch ((enum mimo_opcode)instruction->opcode) {
    case MIMO_OPCODE_ENCODE:
    case MIMO_OPCODE_FORWARD:
        return MIMO_FORWARD_TICKS;
    case MIMO_OPCODE_BACKWARD:
        return MIMO_BACKWARD_TICKS;
    case MIMO_OPCODE_LOAD:
    case MIMO_OPCODE_MERGE:
    case MIMO_OPCODE_SEND:
    case MIMO_OPCODE_RECEIVE:
    case MIMO_OPCODE_EXCHANGE:
    case MIMO_OPCODE_REDUCE:
    case MIMO_OPCODE_STEP:
    case MIMO_OPCODE_COUNT:
        break;
    }
    return 0;
}

uint64_t mimo_timeline_busy(const struct mimo_plan *plan, const struct mimo_plan_role *role)
{
    uint64_t busy = 0;

    for (uint32_t i = 0; i < role->instruction_count; i++)
        busy += mimo_timeline_ticks(&plan->instructions[role->instruction_first + i]);
    return busy;
}

static uint32_t count_holders(const struct mimo_plan *plan, uint32_t module, uint32_t stage)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < plan->role_count; i++) {
        const struct mimo_plan_role *role = &plan->roles[i];

        for (uint32_t k = role->place_first; k < role->place_first + role->place_count; k++) {
            if (plan->places[k].module == module && plan->places[k].stage == stage)
                count++;
        }
    }
    return count;
}

static void expect_parcels(struct clock *clock)
{
    const struct mimo_plan *plan = clock->plan;
    const size_t count = (size_t)plan->training->micro_steps * 2;

    for (uint32_t i = 0; i < plan->edge_count; i++) {
        const struct mimo_plan_edge *edge = &plan->edges[i];
        const uint32_t holders = count_holders(plan, edge->from_module, edge->from_stage) +
                                 count_holders(plan, edge->to_module, edge->to_stage);

        for (size_t k = 0; k < count; k++)
            clock->parcels[i * count + k].missing = holders;
    }
}

static struct meeting *parcel_of(const struct clock *clock, uint32_t edge, uint32_t micro_step,
                                 uint32_t direction)
{
    if (edge == MIMO_NONE)
        return NULL;
    return &clock->parcels[((size_t)edge * clock->plan->training->micro_steps + micro_step) * 2 +
                           direction];
}

static void come_to(struct meeting *parcel, uint64_t now)
{
    if (parcel == NULL)
        return;
    if (parcel->missing > 0)
        parcel->missing--;
    if (parcel->time < now)
        parcel->time = now;
}

/* False where the role has to wait. */
static bool wait_for(const struct meeting *parcel, uint64_t *now)
{
    if (parcel == NULL)
        return true;
    if (parcel->missing > 0)
        return false;
    if (*now < parcel->time)
        *now = parcel->time;
    return true;
}

/* Runs the role's next instruction; false at the end, or where it has to wait. */
static bool advance(struct clock *clock, uint32_t index)
{
    const struct mimo_plan_role *role = &clock->plan->roles[index];
    const uint32_t at = role->instruction_first + clock->at[index];
    const struct mimo_plan_instruction *instruction = &clock->plan->instructions[at];
    struct meeting *sent, *received;
    uint64_t now = clock->now[index];

    if (clock->at[index] == role->instruction_count)
        return false;
    sent = parcel_of(clock, instruction->send_edge, instruction->send_micro_step,
                     instruction->send_direction);
    received = parcel_of(clock, instruction->receive_edge, instruction->receive_micro_step,
                         instruction->receive_direction);
    if (!clock->has_come[index]) {
        clock->timeline->begin[at] = now;
        come_to(sent, now);
        come_to(received, now);
        clock->has_come[index] = true;
    }
    if (!wait_for(sent, &now) || !wait_for(received, &now))
        return false;
    clock->now[index] = clock->timeline->end[at] = now + mimo_timeline_ticks(instruction);
    clock->at[index]++;
    clock->has_come[index] = false;
    return true;
}

static void run(struct clock *clock)
{
    bool has_advanced = true;

    while (has_advanced) {
        has_advanced = false;
        for (uint32_t role = 0; role < clock->plan->role_count; role++) {
            while (advance(clock, role))
                has_advanced = true;
        }
    }
}

/* Every micro-step of a complete plan has instructions: what has fewer needs no table of parcels.
 */
bool mimo_timeline_init(struct mimo_timeline *timeline, const struct mimo_plan *plan,
                        struct mimo_arena *arena)
{
    const bool is_possible = plan->training->micro_steps <= plan->instruction_count;
    const size_t micro_steps = is_possible ? plan->training->micro_steps : 0;
    struct clock clock = {
        .plan = plan,
        .timeline = timeline,
        .parcels = MIMO_NEW_ARRAY(arena, struct meeting, plan->edge_count * micro_steps * 2),
        .at = MIMO_NEW_ARRAY(arena, uint32_t, plan->role_count),
        .has_come = MIMO_NEW_ARRAY(arena, bool, plan->role_count),
        .now = MIMO_NEW_ARRAY(arena, uint64_t, plan->role_count),
    };
    bool is_complete = is_possible;

    *timeline = (struct mimo_timeline){
        .begin = MIMO_NEW_ARRAY(arena, uint64_t, plan->instruction_count),
        .end = MIMO_NEW_ARRAY(arena, uint64_t, plan->instruction_count),
    };
    if (is_possible) {
        expect_parcels(&clock);
        run(&clock);
    }
    for (uint32_t i = 0; i < plan->role_count; i++) {
        is_complete = is_complete && clock.at[i] == plan->roles[i].instruction_count;
        if (timeline->length < clock.now[i])
            timeline->length = clock.now[i];
    }
    return is_complete;
}
