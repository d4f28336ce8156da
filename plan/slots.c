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
    uint32_t lowest = 0; /* all below it are taken */

    slots->count = 0;
    slots->of = MIMO_NEW_ARRAY(arena, uint32_t, micro_steps);
    for (uint32_t m = 0; m < micro_steps; m++)
        slots->of[m] = MIMO_NONE;
    for (uint32_t i = 0; i < walk->role->instruction_count; i++) {
        const uint32_t m = touched_at(walk, i);

        if (m == MIMO_NONE)
            continue;
        while (lives[m].first == i && is_taken[lowest])
            lowest++;
        if (lives[m].first == i)
            slots->of[m] = lowest;
        is_taken[slots->of[m]] = i < lives[m].last;
        if (i == lives[m].last && slots->of[m] < lowest)
            lowest = slots->of[m];
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

/* What writes or reads a buffer at its end of the edge. */
struct computation {
    uint32_t opcode, module, stage;
};

static struct computation computation_of(const struct mimo_plan *plan,
                                         const struct mimo_edge_buffer *buffer)
{
    const struct mimo_plan_edge *edge = &plan->edges[buffer->edge];
    const bool is_forward = buffer->direction == MIMO_EDGE_FORWARD;
    const bool is_source = buffer->is_sending == is_forward;
    struct computation computation = {
        .opcode = MIMO_OPCODE_BACKWARD,
        .module = is_source ? edge->from_module : edge->to_module,
        .stage = is_source ? edge->from_stage : edge->to_stage,
    };

    if (is_forward && !is_source && edge->is_bridge != 0)
        computation.opcode = MIMO_OPCODE_MERGE;
    else if (is_forward)
        computation.opcode = computation.module == plan->meta->language_module ? MIMO_OPCODE_FORWARD
                                                                               : MIMO_OPCODE_ENCODE;
    return computation;
}

static bool computes_with(const struct mimo_plan *plan,
                          const struct mimo_plan_instruction *instruction,
                          const struct mimo_edge_buffer *buffer)
{
    const struct computation computation = computation_of(plan, buffer);

    return instruction->place != MIMO_NONE && instruction->opcode == computation.opcode &&
           plan->places[instruction->place].module == computation.module &&
           plan->places[instruction->place].stage == computation.stage;
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

/* ---- all buffers of a role ---- */

/* A buffer of the role. Those of places come first, in their order. */
struct tracked {
    uint32_t opcode; /* of the computation that touches it; of a place: any but REDUCE */
    uint32_t next;   /* another one that the place's computations touch, or MIMO_NONE */
    uint32_t *ends;  /* [micro_steps]: 1 + the last instruction that touches it; see BORN */
    uint32_t alive, alive_max;
};

/* Marks what the second walk has met. */
#define BORN (UINT32_C(1) << 31)

struct tracker {
    const struct mimo_plan *plan;
    const struct mimo_plan_role *role;
    struct tracked *items;
    uint32_t count;
    uint32_t (*of_edges)[4]; /* into items, or MIMO_NONE */
    bool is_counting;        /* the second walk */
};

static void touch(const struct tracker *tracker, uint32_t item, uint32_t micro_step, uint32_t at)
{
    struct tracked *tracked = &tracker->items[item];
    uint32_t *end = &tracked->ends[micro_step];

    if (!tracker->is_counting) {
        *end = at + 1;
        return;
    }
    if ((*end & BORN) == 0 && ++tracked->alive > tracked->alive_max)
        tracked->alive_max = tracked->alive;
    *end |= BORN;
    if ((*end & ~BORN) == at + 1)
        tracked->alive--;
}

static void touch_edge(const struct tracker *tracker, const struct mimo_edge_buffer *buffer,
                       uint32_t micro_step, uint32_t at)
{
    uint32_t item;

    if (buffer->edge == MIMO_NONE)
        return;
    item = tracker->of_edges[buffer->edge][MIMO_SLOT_BUFFER(buffer->direction, buffer->is_sending)];
    if (item != MIMO_NONE)
        touch(tracker, item, micro_step, at);
}

/* The index of the instruction's place among those of the role, or more. */
static uint32_t place_at(const struct mimo_plan_role *role,
                         const struct mimo_plan_instruction *instruction)
{
    return instruction->place == MIMO_NONE ? MIMO_NONE : instruction->place - role->place_first;
}

static void touch_place(const struct tracker *tracker,
                        const struct mimo_plan_instruction *instruction, uint32_t at)
{
    const uint32_t place = place_at(tracker->role, instruction);

    if (place >= tracker->role->place_count || instruction->opcode == MIMO_OPCODE_REDUCE)
        return;
    touch(tracker, place, instruction->micro_step, at);
    for (uint32_t item = tracker->items[place].next; item != MIMO_NONE;
         item = tracker->items[item].next) {
        if (tracker->items[item].opcode == instruction->opcode)
            touch(tracker, item, instruction->micro_step, at);
    }
}

static void touch_all(const struct tracker *tracker)
{
    for (uint32_t i = 0; i < tracker->role->instruction_count; i++) {
        const struct mimo_plan_instruction *instruction =
            &tracker->plan->instructions[tracker->role->instruction_first + i];

        touch_place(tracker, instruction, i);
        touch_edge(
            tracker,
            &(struct mimo_edge_buffer){instruction->send_edge, instruction->send_direction, true},
            instruction->send_micro_step, i);
        touch_edge(tracker,
                   &(struct mimo_edge_buffer){instruction->receive_edge,
                                              instruction->receive_direction, false},
                   instruction->receive_micro_step, i);
    }
}

/* The index of the place among those of the role, or their number. */
static uint32_t find_place(const struct tracker *tracker, uint32_t module, uint32_t stage)
{
    const struct mimo_plan_place *places = tracker->plan->places + tracker->role->place_first;
    uint32_t i = 0;

    while (i < tracker->role->place_count &&
           (places[i].module != module || places[i].stage != stage))
        i++;
    return i;
}

static void track_buffer(struct tracker *tracker, const struct mimo_edge_buffer *buffer)
{
    const struct computation computation = computation_of(tracker->plan, buffer);
    const uint32_t place = find_place(tracker, computation.module, computation.stage);
    uint32_t *item =
        &tracker->of_edges[buffer->edge][MIMO_SLOT_BUFFER(buffer->direction, buffer->is_sending)];

    *item = MIMO_NONE;
    if (place == tracker->role->place_count)
        return;
    *item = tracker->count++;
    tracker->items[*item].opcode = computation.opcode;
    tracker->items[*item].next = tracker->items[place].next;
    tracker->items[place].next = *item;
}

static void track_all(struct tracker *tracker, struct mimo_arena *arena)
{
    const struct mimo_plan *plan = tracker->plan;

    for (; tracker->count < tracker->role->place_count; tracker->count++)
        tracker->items[tracker->count].next = MIMO_NONE;
    for (uint32_t edge = 0; edge < plan->edge_count; edge++) {
        for (uint32_t k = 0; k < 4; k++)
            track_buffer(tracker, &(struct mimo_edge_buffer){edge, k / 2, k % 2 != 0});
    }
    for (uint32_t i = 0; i < tracker->count; i++)
        tracker->items[i].ends = MIMO_NEW_ARRAY(arena, uint32_t, plan->training->micro_steps);
}

static void find_backwards(const struct tracker *tracker, bool *goes_backward)
{
    for (uint32_t i = 0; i < tracker->role->instruction_count; i++) {
        const struct mimo_plan_instruction *instruction =
            &tracker->plan->instructions[tracker->role->instruction_first + i];

        if (instruction->opcode == MIMO_OPCODE_BACKWARD &&
            place_at(tracker->role, instruction) < tracker->role->place_count)
            goes_backward[place_at(tracker->role, instruction)] = true;
    }
}

void mimo_slot_counts_init(struct mimo_slot_counts *counts, const struct mimo_plan *plan,
                           const struct mimo_plan_role *role, struct mimo_arena *arena)
{
    const size_t items_max = role->place_count + 4 * (size_t)plan->edge_count;
    struct tracker tracker = {
        .plan = plan,
        .role = role,
        .items = MIMO_NEW_ARRAY(arena, struct tracked, items_max),
        .of_edges = mimo_arena_alloc(arena, plan->edge_count, sizeof *tracker.of_edges),
    };

    counts->places = MIMO_NEW_ARRAY(arena, uint32_t, role->place_count);
    counts->goes_backward = MIMO_NEW_ARRAY(arena, bool, role->place_count);
    counts->buffers = mimo_arena_alloc(arena, plan->edge_count, sizeof *counts->buffers);
    track_all(&tracker, arena);
    touch_all(&tracker);
    tracker.is_counting = true;
    touch_all(&tracker);
    find_backwards(&tracker, counts->goes_backward);
    for (uint32_t i = 0; i < role->place_count; i++)
        counts->places[i] = tracker.items[i].alive_max;
    for (uint32_t i = 0; i < plan->edge_count; i++) {
        for (uint32_t k = 0; k < 4; k++) {
            const uint32_t item = tracker.of_edges[i][k];

            counts->buffers[i][k] = item == MIMO_NONE ? 0 : tracker.items[item].alive_max;
        }
    }
}
