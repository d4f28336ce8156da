#include "compiler/proof/prove.h"

#include "compiler/proof/parts.h"

/* A point where roles meet. An instruction posts at one (an exchange at two) and goes on when all
 * that are expected have posted. A role that has posted waits, so none can post for another. */
struct meeting {
    uint32_t expected; /* a role at both ends of an edge posts twice */
    uint32_t posted;
};

/* What happens to a micro-step at a stage. */
enum event { EVENT_MERGE, EVENT_FORWARD, EVENT_BACKWARD, EVENT_COUNT };

struct proof {
    const struct mimo_plan *plan;
    struct mimo_arena *arena;
    uint32_t micro_steps;
    struct meeting *events;  /* [stage][micro-step][enum event] */
    struct meeting *parcels; /* [edge][micro-step][direction] */
    struct meeting *reduces; /* [module] */
    struct meeting load, step;
    uint32_t *arriving;      /* of each stage: the first edge that leads to it, or MIMO_NONE */
    uint32_t *next_arriving; /* of each edge: the next one that leads to the same stage */
    uint32_t *leaving;       /* of each stage: the edge that leaves it, or MIMO_NONE */
    uint32_t *at;            /* of each role: its instruction, counted within the role */
    bool *has_posted;        /* of each role: at that instruction */
    const char *reason;
};

static bool is_over(const struct meeting *meeting)
{
    return meeting->posted == meeting->expected;
}

static void refuse(struct proof *proof, uint32_t role, const char *what)
{
    if (proof->reason == NULL)
        proof->reason = mimo_arena_printf(proof->arena, "role %u, instruction %u: %s", role,
                                          proof->at[role], what);
}

static uint32_t node_of(const struct proof *proof, uint32_t module, uint32_t stage)
{
    return proof->plan->modules[module].stage_first + stage;
}

static struct meeting *event_of(const struct proof *proof, uint32_t node, uint32_t micro_step,
                                enum event event)
{
    return &proof->events[((size_t)node * proof->micro_steps + micro_step) * EVENT_COUNT + event];
}

static struct meeting *parcel_of(const struct proof *proof, uint32_t edge, uint32_t micro_step,
                                 uint32_t direction)
{
    return &proof->parcels[((size_t)edge * proof->micro_steps + micro_step) * 2 + direction];
}

static bool holds_node(const struct proof *proof, uint32_t role_index, uint32_t node)
{
    const struct mimo_plan_role *role = &proof->plan->roles[role_index];

    for (uint32_t i = role->place_first; i < role->place_first + role->place_count; i++) {
        const struct mimo_plan_place *place = &proof->plan->places[i];

        if (node_of(proof, place->module, place->stage) == node)
            return true;
    }
    return false;
}

static bool holds_module(const struct proof *proof, uint32_t role_index, uint32_t module)
{
    const struct mimo_plan_role *role = &proof->plan->roles[role_index];

    for (uint32_t i = role->place_first; i < role->place_first + role->place_count; i++) {
        if (proof->plan->places[i].module == module)
            return true;
    }
    return false;
}

static uint32_t count_holders(const struct proof *proof, uint32_t node)
{
    uint32_t count = 0;

    for (uint32_t role = 0; role < proof->plan->role_count; role++)
        count += holds_node(proof, role, node) ? 1 : 0;
    return count;
}

static void expect_events(struct proof *proof)
{
    const struct mimo_plan *plan = proof->plan;

    for (uint32_t node = 0; node < plan->stage_count; node++) {
        const uint32_t module = plan->stages[node].module;
        const uint32_t stage = node - plan->modules[module].stage_first;
        const uint32_t holders = count_holders(proof, node);
        const bool merges = module == plan->meta->language_module && stage == 0;
        const bool has_backward = mimo_plan_has_backward(plan, module, stage);

        for (uint32_t m = 0; m < proof->micro_steps; m++) {
            event_of(proof, node, m, EVENT_MERGE)->expected = merges ? holders : 0;
            event_of(proof, node, m, EVENT_FORWARD)->expected = holders;
            event_of(proof, node, m, EVENT_BACKWARD)->expected = has_backward ? holders : 0;
        }
    }
}

static void expect_parcels(struct proof *proof)
{
    const struct mimo_plan *plan = proof->plan;

    for (uint32_t i = 0; i < plan->stage_count; i++)
        proof->arriving[i] = proof->leaving[i] = MIMO_NONE;
    for (uint32_t i = 0; i < plan->edge_count; i++) {
        const struct mimo_plan_edge *edge = &plan->edges[i];
        const uint32_t from = node_of(proof, edge->from_module, edge->from_stage);
        const uint32_t to = node_of(proof, edge->to_module, edge->to_stage);
        const uint32_t holders = count_holders(proof, from) + count_holders(proof, to);

        proof->leaving[from] = i;
        proof->next_arriving[i] = proof->arriving[to];
        proof->arriving[to] = i;
        for (uint32_t m = 0; m < proof->micro_steps; m++) {
            parcel_of(proof, i, m, MIMO_EDGE_FORWARD)->expected = holders;
            parcel_of(proof, i, m, MIMO_EDGE_BACKWARD)->expected =
                edge->has_backward != 0 ? holders : 0;
        }
    }
}

static void expect_the_rest(struct proof *proof)
{
    const struct mimo_plan *plan = proof->plan;

    proof->load.expected = proof->step.expected = plan->role_count;
    for (uint32_t module = 0; module < plan->module_count; module++) {
        for (uint32_t role = 0; role < plan->role_count; role++) {
            if (mimo_plan_is_trained(plan, module) && holds_module(proof, role, module))
                proof->reduces[module].expected++;
        }
    }
}

static void init(struct proof *proof, const struct mimo_plan *plan, struct mimo_arena *arena)
{
    const size_t micro_steps = plan->training->micro_steps;

    *proof = (struct proof){
        .plan = plan,
        .arena = arena,
        .micro_steps = plan->training->micro_steps,
        .events =
            MIMO_NEW_ARRAY(arena, struct meeting, plan->stage_count * micro_steps * EVENT_COUNT),
        .parcels = MIMO_NEW_ARRAY(arena, struct meeting, plan->edge_count * micro_steps * 2),
        .reduces = MIMO_NEW_ARRAY(arena, struct meeting, plan->module_count),
        .arriving = MIMO_NEW_ARRAY(arena, uint32_t, plan->stage_count),
        .next_arriving = MIMO_NEW_ARRAY(arena, uint32_t, plan->edge_count),
        .leaving = MIMO_NEW_ARRAY(arena, uint32_t, plan->stage_count),
        .at = MIMO_NEW_ARRAY(arena, uint32_t, plan->role_count),
        .has_posted = MIMO_NEW_ARRAY(arena, bool, plan->role_count),
    };
    expect_events(proof);
    expect_parcels(proof);
    expect_the_rest(proof);
}

static bool has_inputs(const struct proof *proof, uint32_t node, uint32_t micro_step,
                       enum event event)
{
    if (event == EVENT_BACKWARD) {
        const uint32_t edge = proof->leaving[node];

        return is_over(event_of(proof, node, micro_step, EVENT_FORWARD)) &&
               (edge == MIMO_NONE ||
                is_over(parcel_of(proof, edge, micro_step, MIMO_EDGE_BACKWARD)));
    }
    if (event == EVENT_FORWARD && !is_over(event_of(proof, node, micro_step, EVENT_MERGE)))
        return false;
    for (uint32_t i = proof->arriving[node]; i != MIMO_NONE; i = proof->next_arriving[i]) {
        if (!is_over(parcel_of(proof, i, micro_step, MIMO_EDGE_FORWARD)))
            return false;
    }
    return true;
}

static struct meeting *meet_event(struct proof *proof, uint32_t role,
                                  const struct mimo_plan_instruction *instruction, enum event event)
{
    const struct mimo_plan_place *place = &proof->plan->places[instruction->place];
    const uint32_t node = node_of(proof, place->module, place->stage);

    if (!proof->has_posted[role] && !has_inputs(proof, node, instruction->micro_step, event))
        refuse(proof, role, "it computes before its inputs are there");
    return event_of(proof, node, instruction->micro_step, event);
}

/* Gradients leave the stage that an edge leads to. */
static uint32_t end_of(const struct proof *proof, uint32_t edge_index, bool is_from)
{
    const struct mimo_plan_edge *edge = &proof->plan->edges[edge_index];

    return is_from ? node_of(proof, edge->from_module, edge->from_stage)
                   : node_of(proof, edge->to_module, edge->to_stage);
}

static struct meeting *meet_send(struct proof *proof, uint32_t role,
                                 const struct mimo_plan_instruction *instruction)
{
    const bool is_forward = instruction->send_direction == MIMO_EDGE_FORWARD;
    const uint32_t node = end_of(proof, instruction->send_edge, is_forward);
    const uint32_t micro_step = instruction->send_micro_step;

    if (!holds_node(proof, role, node))
        refuse(proof, role, "it sends from a stage that it does not hold");
    if (!is_over(event_of(proof, node, micro_step, is_forward ? EVENT_FORWARD : EVENT_BACKWARD)))
        refuse(proof, role, "it sends what is not yet computed");
    return parcel_of(proof, instruction->send_edge, micro_step, instruction->send_direction);
}

static struct meeting *meet_receive(struct proof *proof, uint32_t role,
                                    const struct mimo_plan_instruction *instruction)
{
    const bool is_forward = instruction->receive_direction == MIMO_EDGE_FORWARD;

    if (!holds_node(proof, role, end_of(proof, instruction->receive_edge, !is_forward)))
        refuse(proof, role, "it receives for a stage that it does not hold");
    return parcel_of(proof, instruction->receive_edge, instruction->receive_micro_step,
                     instruction->receive_direction);
}

static struct meeting *meet_reduce(struct proof *proof, uint32_t role_index,
                                   const struct mimo_plan_instruction *instruction)
{
    const struct mimo_plan_role *role = &proof->plan->roles[role_index];
    const uint32_t module = proof->plan->places[instruction->place].module;

    for (uint32_t i = role->place_first; i < role->place_first + role->place_count; i++) {
        const struct mimo_plan_place *place = &proof->plan->places[i];
        const uint32_t node = node_of(proof, place->module, place->stage);

        if (place->module != module || proof->has_posted[role_index])
            continue;
        for (uint32_t m = 0; m < proof->micro_steps; m++) {
            if (!is_over(event_of(proof, node, m, EVENT_BACKWARD)))
                refuse(proof, role_index, "it reduces gradients before the last backward");
        }
    }
    return &proof->reduces[module];
}

static struct meeting *meet_step(struct proof *proof, uint32_t role)
{
    if (proof->at[role] + 1 != proof->plan->roles[role].instruction_count)
        refuse(proof, role, "the step is not its last instruction");
    return &proof->step;
}

static struct meeting *meet_load(struct proof *proof, uint32_t role)
{
    if (proof->at[role] != 0)
        refuse(proof, role, "it loads after its first instruction");
    return &proof->load;
}

/* Where the instruction posts: at `meetings[0]`, an exchange at `meetings[1]` too. */
static void find_meetings(struct proof *proof, uint32_t role,
                          const struct mimo_plan_instruction *instruction,
                          struct meeting *meetings[2])
{
    meetings[0] = meetings[1] = NULL;
    switch ((enum mimo_opcode)instruction->opcode) {
    case MIMO_OPCODE_LOAD:
        meetings[0] = meet_load(proof, role);
        break;
    case MIMO_OPCODE_MERGE:
        meetings[0] = meet_event(proof, role, instruction, EVENT_MERGE);
        break;
    case MIMO_OPCODE_ENCODE:
    case MIMO_OPCODE_FORWARD:
        meetings[0] = meet_event(proof, role, instruction, EVENT_FORWARD);
        break;
    case MIMO_OPCODE_BACKWARD:
        meetings[0] = meet_event(proof, role, instruction, EVENT_BACKWARD);
        break;
    case MIMO_OPCODE_EXCHANGE:
        meetings[1] = meet_receive(proof, role, instruction);
        meetings[0] = meet_send(proof, role, instruction);
        break;
    case MIMO_OPCODE_SEND:
        meetings[0] = meet_send(proof, role, instruction);
        break;
    case MIMO_OPCODE_RECEIVE:
        meetings[0] = meet_receive(proof, role, instruction);
        break;
    case MIMO_OPCODE_REDUCE:
        meetings[0] = meet_reduce(proof, role, instruction);
        break;
    case MIMO_OPCODE_STEP:
        meetings[0] = meet_step(proof, role);
        break;
    case MIMO_OPCODE_COUNT:
        break;
    }
}

static void post(struct proof *proof, uint32_t role, struct meeting *meeting)
{
    if (meeting == NULL)
        return;
    if (is_over(meeting))
        refuse(proof, role, "nobody waits for it, or it comes twice");
    else
        meeting->posted++;
}

/* Posts at the role's instruction, once, and leaves it if it is over. */
static bool advance(struct proof *proof, uint32_t role_index)
{
    const struct mimo_plan_role *role = &proof->plan->roles[role_index];
    struct meeting *meetings[2];

    if (proof->at[role_index] == role->instruction_count)
        return false;
    find_meetings(proof, role_index,
                  &proof->plan->instructions[role->instruction_first + proof->at[role_index]],
                  meetings);
    MIMO_ASSERT(meetings[0] != NULL);
    if (!proof->has_posted[role_index]) {
        post(proof, role_index, meetings[0]);
        post(proof, role_index, meetings[1]);
        proof->has_posted[role_index] = true;
    }
    if (!is_over(meetings[0]) || (meetings[1] != NULL && !is_over(meetings[1])))
        return false;
    proof->at[role_index]++;
    proof->has_posted[role_index] = false;
    return true;
}

static void execute(struct proof *proof)
{
    bool has_advanced = true;

    while (has_advanced && proof->reason == NULL) {
        has_advanced = false;
        for (uint32_t role = 0; role < proof->plan->role_count; role++) {
            while (proof->reason == NULL && advance(proof, role))
                has_advanced = true;
        }
    }
}

static bool are_over(const struct meeting *meetings, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!is_over(&meetings[i]))
            return false;
    }
    return true;
}

static void refuse_the_unfinished(struct proof *proof)
{
    const struct mimo_plan *plan = proof->plan;
    const size_t micro_steps = proof->micro_steps;

    for (uint32_t role = 0; role < plan->role_count; role++) {
        if (proof->at[role] < plan->roles[role].instruction_count)
            refuse(proof, role, "it waits for ever");
    }
    if (proof->reason == NULL &&
        (!are_over(proof->events, plan->stage_count * micro_steps * EVENT_COUNT) ||
         !are_over(proof->parcels, plan->edge_count * micro_steps * 2) ||
         !are_over(proof->reduces, plan->module_count) || !is_over(&proof->load) ||
         !is_over(&proof->step)))
        proof->reason = "the programs end before everything is done";
}

const char *mimo_prove_execution(const struct mimo_plan *plan, struct mimo_arena *arena)
{
    struct proof proof;

    init(&proof, plan, arena);
    execute(&proof);
    refuse_the_unfinished(&proof);
    return proof.reason;
}

bool mimo_prove(const struct mimo_plan *plan, struct mimo_arena *arena, const char **out_reason)
{
    const char *reason = mimo_prove_operands(plan, arena);

    if (reason == NULL)
        reason = mimo_prove_execution(plan, arena);
    if (reason == NULL)
        reason = mimo_prove_order(plan, arena);
    if (reason == NULL)
        return true;
    *out_reason = reason;
    return false;
}
