#include "compiler/proof/order.h"

#include "compiler/proof/parts.h"

#include <string.h>

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

bool mimo_order_mixes_modules(const struct mimo_order *order)
{
    const struct mimo_plan_place *places = order->plan->places + order->role->place_first;

    return places[0].module != places[order->role->place_count - 1].module;
}

/* ---- the micro-steps of a stage ---- */

static void check_stage(struct mimo_order *order, const struct mimo_plan_instruction *instruction)
{
    const uint32_t stage = mimo_order_stage(order, instruction);
    uint32_t *done = instruction->opcode == MIMO_OPCODE_BACKWARD ? &order->backwards[stage]
                                                                 : &order->forwards[stage];

    if (instruction->micro_step != *done)
        mimo_order_refuse(order, "the micro-steps of a stage do not ascend");
    (*done)++;
    if (has_backward(order, stage) &&
        order->forwards[stage] - order->backwards[stage] > order->plan->stages[stage].live_max)
        mimo_order_refuse(order, "a stage keeps more micro-steps than the plan states");
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
    if (!is_backward && turns->backwards > before && !turns->is_backward)
        mimo_order_refuse(order, "it goes forward twice between two backwards");
    if (is_backward && turns->backwards > before && turns->is_backward && turns->forwards < end)
        mimo_order_refuse(order, "it goes backward twice and has forwards left");
    turns->is_backward = is_backward;
    *(is_backward ? &turns->backwards : &turns->forwards) += 1;
}

/* ---- the stages of a role among each other ---- */

/* Less is sooner: by phase, backward before forward, older micro-steps first, near to the loss
 * first, then by module. */
static uint64_t urgency(const struct mimo_order *order,
                        const struct mimo_plan_instruction *instruction)
{
    const uint32_t stage = mimo_order_stage(order, instruction);
    uint64_t urgency = 2 * mimo_order_phase(order, stage, mimo_order_direction(instruction),
                                            instruction->micro_step);

    urgency += instruction->opcode == MIMO_OPCODE_BACKWARD ? 0 : 1;
    urgency = urgency * order->plan->training->micro_steps + instruction->micro_step;
    urgency = urgency * order->plan->stage_count + order->distances[stage];
    return urgency * order->plan->module_count + order->plan->stages[stage].module;
}

static bool have_same_ranks(const struct mimo_order *order, uint32_t a, uint32_t b)
{
    const struct mimo_plan_module *x = mimo_order_module(order, a);
    const struct mimo_plan_module *y = mimo_order_module(order, b);
    const uint32_t of_x = x->ranks / x->pp, of_y = y->ranks / y->pp;

    return of_x == of_y && x->rank_offset + (a - x->stage_first) % x->pp * of_x ==
                               y->rank_offset + (b - y->stage_first) % y->pp * of_y;
}

/* Stages on the same ranks, in no common order of their own. */
static bool are_rivals(const struct mimo_order *order, uint32_t a, uint32_t b)
{
    const bool are_chunks = order->plan->stages[a].module == order->plan->stages[b].module &&
                            mimo_order_is_interleaved(order, a);

    return a != b && !are_chunks && have_same_ranks(order, a, b);
}

static void check_urgency(struct mimo_order *order, const struct mimo_plan_instruction *instruction)
{
    if (order->last != NULL && order->is_prompt && mimo_order_was_possible(order) &&
        are_rivals(order, mimo_order_stage(order, instruction),
                   mimo_order_stage(order, order->last)) &&
        urgency(order, instruction) < urgency(order, order->last))
        mimo_order_refuse(order, "it could have been before what it follows, and is more urgent");
}

/* The backward behind a forward of an interleaved module. */
static bool is_second_of_pair(const struct mimo_order *order,
                              const struct mimo_plan_instruction *instruction)
{
    const uint32_t stage = mimo_order_stage(order, instruction);

    return order->last != NULL && mimo_order_is_interleaved(order, stage) &&
           instruction->opcode == MIMO_OPCODE_BACKWARD &&
           order->last->opcode != MIMO_OPCODE_BACKWARD &&
           mimo_order_module(order, mimo_order_stage(order, order->last)) ==
               mimo_order_module(order, stage);
}

/* ---- a role ---- */

static void check_computation(struct mimo_order *order,
                              const struct mimo_plan_instruction *instruction)
{
    const bool is_second = is_second_of_pair(order, instruction);

    if (is_second && order->is_prompt && order->gap < order->at && mimo_order_was_possible(order))
        mimo_order_refuse(order, "it transfers something within a pair");
    mimo_order_check_inputs(order);
    check_stage(order, instruction);
    check_turn(order, instruction);
    check_urgency(order, instruction);
    mimo_order_count_flows(order);
    order->is_behind_pair = is_second && order->gap == order->at;
    order->last = instruction;
    order->gap = order->at + 1;
}

static void check_merge(struct mimo_order *order, const struct mimo_plan_instruction *instruction)
{
    const struct mimo_plan_instruction *next = instruction + 1;

    if (next->opcode != MIMO_OPCODE_FORWARD || next->place != instruction->place ||
        next->micro_step != instruction->micro_step)
        mimo_order_refuse(order, "it does not go forward with what it has merged");
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
        check_computation(order, instruction);
        break;
    case MIMO_OPCODE_MERGE:
        check_merge(order, instruction);
        break;
    case MIMO_OPCODE_SEND:
    case MIMO_OPCODE_RECEIVE:
    case MIMO_OPCODE_EXCHANGE:
        mimo_order_check_transfer(order);
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

static void check_role(struct mimo_order *order, uint32_t role)
{
    const size_t stages = order->plan->stage_count;

    order->role = &order->plan->roles[role];
    order->program = order->plan->instructions + order->role->instruction_first;
    order->gap = 1;
    order->is_behind_pair = false;
    order->last = NULL;
    memset(order->forwards, 0, stages * sizeof *order->forwards);
    memset(order->backwards, 0, stages * sizeof *order->backwards);
    memset(order->turns, 0, stages * sizeof *order->turns);
    mimo_order_find_flows(order);
    for (order->at = 0; order->at < order->role->instruction_count; order->at++)
        check_instruction(order);
}

/* The pipelines of two encoders on the same ranks, or that of an encoder and the interleaved one of
 * the language model. */
static bool do_cross(const struct mimo_plan_module *encoder, const struct mimo_plan_module *other)
{
    if (encoder->rank_offset != other->rank_offset)
        return false;
    return other->kind == MIMO_MODULE_KIND_ENCODER ? encoder->pp > 1 || other->pp > 1
                                                   : encoder->pp > 1 && other->virtual_pipeline > 1;
}

/* No encoder goes through chunks, and no pipelines cross: those wait for each other one way or
 * another. Where nothing is trained no backward ends a round, and ranks drift into the next one. */
static bool is_prompt(const struct mimo_plan *plan)
{
    const struct mimo_plan_module *language = &plan->modules[plan->meta->language_module];

    if (plan->training->encoder_group < plan->training->micro_steps &&
        !mimo_plan_has_backward(plan, plan->meta->language_module, 0))
        return false;
    for (const struct mimo_plan_module *a = plan->modules; a < language; a++) {
        if (a->virtual_pipeline > 1 || do_cross(a, language))
            return false;
        for (const struct mimo_plan_module *b = plan->modules; b < a; b++) {
            if (do_cross(a, b))
                return false;
        }
    }
    return true;
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

const char *mimo_prove_order(const struct mimo_plan *plan, struct mimo_arena *arena)
{
    const size_t parcels = (size_t)plan->edge_count * plan->training->micro_steps * 2;
    struct mimo_order order = {
        .plan = plan,
        .arena = arena,
        .arrivals = MIMO_NEW_ARRAY(arena, struct mimo_order_arrival, parcels),
        .distances = MIMO_NEW_ARRAY(arena, uint32_t, plan->stage_count),
        .forwards = MIMO_NEW_ARRAY(arena, uint32_t, plan->stage_count),
        .backwards = MIMO_NEW_ARRAY(arena, uint32_t, plan->stage_count),
        .turns = MIMO_NEW_ARRAY(arena, struct mimo_order_turns, plan->stage_count),
        .flows = MIMO_NEW_ARRAY(arena, struct mimo_order_flow, 2 * (size_t)plan->edge_count),
    };

    if (!mimo_timeline_init(&order.timeline, plan, arena))
        return "the programs wait for each other for ever";
    order.is_prompt = is_prompt(plan);
    measure_distances(&order);
    mimo_order_find_arrivals(&order);
    for (uint32_t i = 0; i < plan->role_count; i++)
        check_role(&order, i);
    if (order.reason == NULL)
        mimo_order_replay(&order);
    return order.reason;
}
