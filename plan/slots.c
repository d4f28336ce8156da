#include "plan/slots.h"

/* The micro-step whose buffer an instruction touches, or MIMO_NONE. */
typedef uint32_t touched_by(const struct mimo_plan *plan,
                            const struct mimo_plan_instruction *instruction, const void *context);

struct life {
    uint32_t first, last; /* instructions of the role; first = MIMO_NONE: none */
};

struct walk {
    const struct mimo_plan *plan;
    const struct mimo_plan_role *role;
    touched_by *touched;
    const void *context;
};

static uint32_t touched_at(const struct walk *walk, uint32_t i)
{
    return walk->touched(walk->plan, &walk->plan->instructions[walk->role->instruction_first + i],
                         walk->context);
}

static struct life *find_lives(const struct walk *walk, struct mimo_arena *arena)
{
    const uint32_t micro_steps = walk->plan->training->micro_steps;
    struct life *lives = MIMO_NEW_ARRAY(arena, struct life, micro_steps);

    for (uint32_t m = 0; m < micro_steps; m++)
        lives[m].first = MIMO_NONE;
    for (uint32_t i = 0; i < walk->role->instruction_count; i++) {
        const uint32_t m = touched_at(walk, i);

        if (m == MIMO_NONE)
            continue;
        if (lives[m].first == MIMO_NONE)
            lives[m].first = i;
        lives[m].last = i;
    }
    return lives;
}

static void assign(struct mimo_slots *slots, const struct walk *walk, struct mimo_arena *arena)
{
    const uint32_t micro_steps = walk->plan->training->micro_steps;
    const struct life *lives = find_lives(walk, arena);
    bool *is_taken = MIMO_NEW_ARRAY(arena, bool, micro_steps);

    slots->count = 0;
    slots->of = MIMO_NEW_ARRAY(arena, uint32_t, micro_steps);
    for (uint32_t m = 0; m < micro_steps; m++)
        slots->of[m] = MIMO_NONE;
    for (uint32_t i = 0; i < walk->role->instruction_count; i++) {
        const uint32_t m = touched_at(walk, i);
        uint32_t slot = 0;

        if (m == MIMO_NONE)
            continue;
        while (lives[m].first == i && is_taken[slot])
            slot++;
        if (lives[m].first == i)
            slots->of[m] = slot;
        is_taken[slots->of[m]] = i < lives[m].last;
        if (slots->of[m] >= slots->count)
            slots->count = slots->of[m] + 1;
    }
}

static uint32_t touched_of_place(const struct mimo_plan *plan,
                                 const struct mimo_plan_instruction *instruction,
                                 const void *context)
{
    (void)plan;
    if (instruction->place != *(const uint32_t *)context)
        return MIMO_NONE;
    return instruction->opcode == MIMO_OPCODE_REDUCE ? MIMO_NONE : instruction->micro_step;
}

void mimo_slots_of_place(struct mimo_slots *slots, const struct mimo_plan *plan,
                         const struct mimo_plan_role *role, uint32_t place,
                         struct mimo_arena *arena)
{
    assign(slots, &(struct walk){plan, role, touched_of_place, &place}, arena);
}

/* The computation that writes or reads the buffer at its end of the edge. */
static bool computes_with(const struct mimo_plan *plan,
                          const struct mimo_plan_instruction *instruction,
                          const struct mimo_edge_buffer *buffer)
{
    const struct mimo_plan_edge *edge = &plan->edges[buffer->edge];
    const bool is_forward = buffer->direction == MIMO_EDGE_FORWARD;
    const bool is_source = buffer->is_sending == is_forward;
    const uint32_t module = is_source ? edge->from_module : edge->to_module;
    const struct mimo_plan_place *place;
    enum mimo_opcode opcode = MIMO_OPCODE_BACKWARD;

    if (instruction->place == MIMO_NONE)
        return false;
    if (is_forward && !is_source && edge->is_bridge != 0)
        opcode = MIMO_OPCODE_MERGE;
    else if (is_forward)
        opcode = module == plan->meta->language_module ? MIMO_OPCODE_FORWARD : MIMO_OPCODE_ENCODE;
    place = &plan->places[instruction->place];
    return instruction->opcode == opcode && place->module == module &&
           place->stage == (is_source ? edge->from_stage : edge->to_stage);
}

static uint32_t touched_of_buffer(const struct mimo_plan *plan,
                                  const struct mimo_plan_instruction *instruction,
                                  const void *context)
{
    const struct mimo_edge_buffer *buffer = context;

    if (computes_with(plan, instruction, buffer))
        return instruction->micro_step;
    if (buffer->is_sending)
        return instruction->send_edge == buffer->edge &&
                       instruction->send_direction == buffer->direction
                   ? instruction->send_micro_step
                   : MIMO_NONE;
    return instruction->receive_edge == buffer->edge &&
                   instruction->receive_direction == buffer->direction
               ? instruction->receive_micro_step
               : MIMO_NONE;
}

void mimo_slots_of_buffer(struct mimo_slots *slots, const struct mimo_plan *plan,
                          const struct mimo_plan_role *role, const struct mimo_edge_buffer *buffer,
                          struct mimo_arena *arena)
{
    assign(slots, &(struct walk){plan, role, touched_of_buffer, buffer}, arena);
}
