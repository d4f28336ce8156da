#include "compiler/proof/order.h"

#include "compiler/proof/parts.h"

void mimo_order_refuse(struct mimo_order *order, const char *what)
{
    if (order->reason == NULL)
        order->reason =
            mimo_arena_printf(order->arena, "role %u, instruction %u: %s",
                              (uint32_t)(order->role - order->plan->roles), order->at, what);
}

/* ---- stages and modules ---- */

bool mimo_order_computes(const struct mimo_plan_instruction *instruction)
{
    return mimo_timeline_ticks(instruction) > 0;
}

uint32_t mimo_order_stage(const struct mimo_order *order,
                          const struct mimo_plan_instruction *instruction)
{
    const struct mimo_plan_place *place = &order->plan->places[instruction->place];

    return order->plan->modules[place->module].stage_first + place->stage;
}

uint32_t mimo_order_direction(const struct mimo_plan_instruction *instruction)
{
    return instruction->opcode == MIMO_OPCODE_BACKWARD ? MIMO_EDGE_BACKWARD : MIMO_EDGE_FORWARD;
}

const struct mimo_plan_module *mimo_order_module(const struct mimo_order *order, uint32_t stage)
{
    return &order->plan->modules[order->plan->stages[stage].module];
}

static bool has_backward(const struct mimo_order *order, uint32_t stage)
{
    return mimo_plan_has_backward(order->plan, order->plan->stages[stage].module,
                                  stage - mimo_order_module(order, stage)->stage_first);
}

bool mimo_order_is_interleaved(const struct mimo_order *order, uint32_t stage)
{
    const struct mimo_plan_module *module = mimo_order_module(order, stage);

    return module->virtual_pipeline > 1 && module->pp > 1 &&
           has_backward(order, module->stage_first);
}

bool mimo_order_is_apart(const struct mimo_order *order, uint32_t stage)
{
    const struct mimo_plan_module *module = mimo_order_module(order, stage);
    const struct mimo_plan_module *language =
        &order->plan->modules[order->plan->meta->language_module];

    return module != language && module->rank_offset == language->rank_offset &&
           module->ranks == language->ranks && (module->pp > 1 || language->pp > 1);
}

uint64_t mimo_order_phase(const struct mimo_order *order, uint32_t stage, uint32_t direction,
                          uint32_t micro_step)
{
    const uint64_t round = micro_step / order->plan->training->encoder_group;

    if (!mimo_order_is_apart(order, stage))
        return round * 3 + 1;
    return round * 3 + (direction == MIMO_EDGE_FORWARD ? 0 : 2);
}

/* ---- the computations of a stage ---- */

static void check_stage(struct mimo_order *order, const struct mimo_plan_instruction *instruction)
{
    struct mimo_order_count *count = &order->counts[mimo_order_stage(order, instruction)];
    uint32_t *done =
        instruction->opcode == MIMO_OPCODE_BACKWARD ? &count->backwards : &count->forwards;

    if (instruction->micro_step != *done)
        mimo_order_refuse(order, "the micro-steps of a stage do not ascend");
    (*done)++;
    if (count->forwards - count->backwards > count->live_max)
        count->live_max = count->forwards - count->backwards;
}

static void check_turn(struct mimo_order *order, const struct mimo_plan_instruction *instruction)
{
    const uint32_t stage = mimo_order_stage(order, instruction);
    const struct mimo_plan_module *module = mimo_order_module(order, stage);
    const bool is_interleaved = mimo_order_is_interleaved(order, stage);
    const uint32_t chunks = is_interleaved ? module->virtual_pipeline : 1;
    const uint32_t round = order->plan->training->encoder_group * chunks;
    const uint32_t all = order->plan->training->micro_steps * chunks;
    struct mimo_order_turns *turns = &order->turns[is_interleaved ? module->stage_first : stage];
    const uint32_t before = turns->backwards / round * round;
    const uint32_t end = all - before < round ? all : before + round;
    const bool is_backward = instruction->opcode == MIMO_OPCODE_BACKWARD;

    if (!has_backward(order, stage))
        return;
    if (!is_backward && turns->forwards >= end)
        mimo_order_refuse(order, "it begins a round before the last one has ended");
    if (!is_backward && turns->backwards > before && !turns->is_backward)
        mimo_order_refuse(order, "it goes forward twice between two backwards");
    if (is_backward && turns->backwards > before && turns->is_backward && turns->forwards < end)
        mimo_order_refuse(order, "it goes backward twice and has forwards left");
    turns->is_backward = is_backward;
    *(is_backward ? &turns->backwards : &turns->forwards) += 1;
}

/* Where a chunk's micro-step comes among all of its pipeline rank: by round, by group, by chunk. A
 * round has as many groups as it can with at least a micro-step for each pipeline rank, or one;
 * longer ones are first. */
static uint64_t chunk_order(const struct mimo_order *order,
                            const struct mimo_plan_instruction *instruction)
{
    const uint32_t stage = mimo_order_stage(order, instruction);
    const struct mimo_plan_module *module = mimo_order_module(order, stage);
    const uint32_t round = order->plan->training->encoder_group;
    const uint32_t before = instruction->micro_step / round * round;
    const uint32_t left = order->plan->training->micro_steps - before;
    const uint32_t length = left < round ? left : round;
    const uint32_t groups = length < module->pp ? 1 : length / module->pp;
    const uint32_t at = instruction->micro_step - before;
    const uint32_t in_long = length % groups * (length / groups + 1);
    const uint32_t group = at < in_long ? at / (length / groups + 1)
                                        : length % groups + (at - in_long) / (length / groups);
    const uint32_t chunk = (stage - module->stage_first) / module->pp;
    const uint32_t turn =
        instruction->opcode == MIMO_OPCODE_BACKWARD ? module->virtual_pipeline - 1 - chunk : chunk;

    return ((uint64_t)before + group) * module->virtual_pipeline + turn;
}

static void check_chunk(struct mimo_order *order, const struct mimo_plan_instruction *instruction)
{
    const uint32_t stage = mimo_order_stage(order, instruction);
    struct mimo_order_turns *turns = &order->turns[mimo_order_module(order, stage)->stage_first];
    uint64_t *last = &turns->chunk_order[mimo_order_direction(instruction)];
    uint64_t own;

    if (!mimo_order_is_interleaved(order, stage))
        return;
    own = chunk_order(order, instruction);
    if (own < *last)
        mimo_order_refuse(order, "it takes the chunks in another order");
    *last = own;
}

/* ---- a role ---- */

static void check_merge(struct mimo_order *order, const struct mimo_plan_instruction *instruction)
{
    const struct mimo_plan_instruction *next = instruction + 1;

    if (next->opcode != MIMO_OPCODE_FORWARD || next->place != instruction->place ||
        next->micro_step != instruction->micro_step)
        mimo_order_refuse(order, "it does not go forward with what it has merged");
}

/* The stage at that end of the edge has one role. */
static bool is_alone(const struct mimo_order *order, uint32_t edge, bool is_from)
{
    const struct mimo_plan_edge *record = &order->plan->edges[edge];
    const struct mimo_plan_module *modules = order->plan->modules;

    return order->roles[is_from ? modules[record->from_module].stage_first + record->from_stage
                                : modules[record->to_module].stage_first + record->to_stage] == 1;
}

/* Where the stage that sends and the one that receives have one role each, groups meet whatever
 * goes on at once. */
static bool may_join(const struct mimo_order *order, const struct mimo_plan_instruction *send,
                     const struct mimo_plan_instruction *receive)
{
    return is_alone(order, send->send_edge, send->send_direction == MIMO_EDGE_FORWARD) &&
           is_alone(order, receive->receive_edge, receive->receive_direction != MIMO_EDGE_FORWARD);
}

static bool is_of_one_parcel(const struct mimo_plan_instruction *exchange)
{
    return exchange->send_edge == exchange->receive_edge &&
           exchange->send_direction == exchange->receive_direction &&
           exchange->send_micro_step == exchange->receive_micro_step;
}

/* A send and a receive in a row are one exchange if they can be: so there is one program for one
 * order. */
static void check_transfer(struct mimo_order *order,
                           const struct mimo_plan_instruction *instruction)
{
    const struct mimo_plan_instruction *next = instruction + 1;

    if ((instruction->opcode == MIMO_OPCODE_SEND && next->opcode == MIMO_OPCODE_RECEIVE &&
         may_join(order, instruction, next)) ||
        (instruction->opcode == MIMO_OPCODE_RECEIVE && next->opcode == MIMO_OPCODE_SEND &&
         may_join(order, next, instruction)))
        mimo_order_refuse(order, "it does not send and receive at once");
    if (instruction->opcode == MIMO_OPCODE_EXCHANGE && !is_of_one_parcel(instruction) &&
        !may_join(order, instruction, instruction))
        mimo_order_refuse(order, "it exchanges what ranks of other roles take part in");
}

static void check_reduce(struct mimo_order *order, const struct mimo_plan_instruction *instruction)
{
    const struct mimo_plan_instruction *next = instruction + 1;

    if (next->opcode != MIMO_OPCODE_STEP &&
        (next->opcode != MIMO_OPCODE_REDUCE || next->place < instruction->place))
        mimo_order_refuse(order, "it does not reduce last, module by module");
}

/* STEP is last, so that all others have a next instruction. */
static void check_instruction(struct mimo_order *order)
{
    const struct mimo_plan_instruction *instruction = &order->program[order->at];

    switch ((enum mimo_opcode)instruction->opcode) {
    case MIMO_OPCODE_ENCODE:
    case MIMO_OPCODE_FORWARD:
    case MIMO_OPCODE_BACKWARD:
        check_stage(order, instruction);
        check_turn(order, instruction);
        check_chunk(order, instruction);
        break;
    case MIMO_OPCODE_MERGE:
        check_merge(order, instruction);
        break;
    case MIMO_OPCODE_SEND:
    case MIMO_OPCODE_RECEIVE:
    case MIMO_OPCODE_EXCHANGE:
        check_transfer(order, instruction);
        break;
    case MIMO_OPCODE_REDUCE:
        check_reduce(order, instruction);
        break;
    case MIMO_OPCODE_LOAD:
    case MIMO_OPCODE_STEP:
    case MIMO_OPCODE_COUNT:
        break;
    }
}

static uint32_t stage_at(const struct mimo_order *order, uint32_t place)
{
    const struct mimo_plan_place *record = &order->plan->places[order->role->place_first + place];

    return order->plan->modules[record->module].stage_first + record->stage;
}

static void begin_role(struct mimo_order *order, uint32_t role)
{
    order->role = &order->plan->roles[role];
    order->program = order->plan->instructions + order->role->instruction_first;
    for (uint32_t i = 0; i < order->role->place_count; i++) {
        const uint32_t stage = stage_at(order, i);

        order->counts[stage] = (struct mimo_order_count){0};
        order->turns[stage] = (struct mimo_order_turns){0};
        order->turns[mimo_order_module(order, stage)->stage_first] = (struct mimo_order_turns){0};
    }
}

static void check_role(struct mimo_order *order, uint32_t role)
{
    begin_role(order, role);
    for (order->at = 0; order->at < order->role->instruction_count; order->at++)
        check_instruction(order);
    for (uint32_t i = 0; i < order->role->place_count; i++) {
        const uint32_t stage = stage_at(order, i);

        if (has_backward(order, stage) &&
            order->counts[stage].live_max != order->plan->stages[stage].live_max)
            mimo_order_refuse(order, "a stage keeps other micro-steps than the plan states");
    }
}

/* Edges that lead further lie behind those that lead to them. */
static void measure_distances(struct mimo_order *order)
{
    const struct mimo_plan *plan = order->plan;

    for (uint32_t i = plan->edge_count; i-- > 0;) {
        const struct mimo_plan_edge *edge = &plan->edges[i];

        order->distances[plan->modules[edge->from_module].stage_first + edge->from_stage] =
            order->distances[plan->modules[edge->to_module].stage_first + edge->to_stage] + 1;
    }
}

static void count_roles(struct mimo_order *order)
{
    const struct mimo_plan *plan = order->plan;

    for (uint32_t i = 0; i < plan->place_count; i++)
        order->roles[plan->modules[plan->places[i].module].stage_first + plan->places[i].stage]++;
}

const char *mimo_prove_order(const struct mimo_plan *plan, struct mimo_arena *arena)
{
    struct mimo_order order = {
        .plan = plan,
        .arena = arena,
        .distances = MIMO_NEW_ARRAY(arena, uint32_t, plan->stage_count),
        .roles = MIMO_NEW_ARRAY(arena, uint32_t, plan->stage_count),
        .counts = MIMO_NEW_ARRAY(arena, struct mimo_order_count, plan->stage_count),
        .turns = MIMO_NEW_ARRAY(arena, struct mimo_order_turns, plan->stage_count),
    };

    count_roles(&order);
    for (uint32_t i = 0; i < plan->role_count && order.reason == NULL; i++)
        check_role(&order, i);
    measure_distances(&order);
    if (order.reason == NULL)
        mimo_order_replay(&order);
    return order.reason;
}
