#include "compiler/proof/order.h"

/* ---- when roles come to parcels ---- */

static struct mimo_order_arrival *arrival_of(const struct mimo_order *order, uint32_t edge,
                                             uint32_t micro_step, uint32_t direction)
{
    return &order->arrivals[((size_t)edge * order->plan->training->micro_steps + micro_step) * 2 +
                            direction];
}

static void add_arrival(const struct mimo_order *order, uint32_t role, uint64_t time, uint32_t edge,
                        uint32_t micro_step, uint32_t direction)
{
    struct mimo_order_arrival *arrival;

    if (edge == MIMO_NONE)
        return;
    arrival = arrival_of(order, edge, micro_step, direction);
    if (arrival->role == role)
        return;
    if (arrival->role == MIMO_NONE || time > arrival->last) {
        arrival->before = arrival->last;
        arrival->last = time;
        arrival->role = role;
    } else if (time > arrival->before) {
        arrival->before = time;
    }
}

static void add_program(struct mimo_order *order, uint32_t index)
{
    const struct mimo_plan_role *role = &order->plan->roles[index];

    for (uint32_t i = 0; i < role->instruction_count; i++) {
        const struct mimo_plan_instruction *instruction =
            &order->plan->instructions[role->instruction_first + i];
        const uint64_t time = order->timeline.begin[role->instruction_first + i];

        add_arrival(order, index, time, instruction->send_edge, instruction->send_micro_step,
                    instruction->send_direction);
        add_arrival(order, index, time, instruction->receive_edge, instruction->receive_micro_step,
                    instruction->receive_direction);
    }
}

void mimo_order_find_arrivals(struct mimo_order *order)
{
    const size_t count = (size_t)order->plan->edge_count * order->plan->training->micro_steps * 2;

    for (size_t i = 0; i < count; i++)
        order->arrivals[i].role = MIMO_NONE;
    for (uint32_t i = 0; i < order->plan->role_count; i++)
        add_program(order, i);
}

/* 0 where there is no such parcel, or nobody else at it. */
static uint64_t others_come(const struct mimo_order *order, uint32_t edge, uint32_t micro_step,
                            uint32_t direction)
{
    const struct mimo_order_arrival *arrival;

    if (edge == MIMO_NONE)
        return 0;
    arrival = arrival_of(order, edge, micro_step, direction);
    return &order->plan->roles[arrival->role] == order->role ? arrival->before : arrival->last;
}

/* When all others have come to the transfer. */
static uint64_t ready(const struct mimo_order *order, const struct mimo_plan_instruction *transfer)
{
    const uint64_t sent = others_come(order, transfer->send_edge, transfer->send_micro_step,
                                      transfer->send_direction);
    const uint64_t received = others_come(
        order, transfer->receive_edge, transfer->receive_micro_step, transfer->receive_direction);

    return sent > received ? sent : received;
}

static uint64_t begin_of(const struct mimo_order *order, uint32_t at)
{
    return order->timeline.begin[order->role->instruction_first + at];
}

static uint64_t end_of(const struct mimo_order *order, uint32_t at)
{
    return order->timeline.end[order->role->instruction_first + at];
}

/* ---- the flows of a role ---- */

static bool holds(const struct mimo_order *order, uint32_t stage)
{
    for (uint32_t i = 0; i < order->role->place_count; i++) {
        const struct mimo_plan_place *place = &order->plan->places[order->role->place_first + i];

        if (order->plan->modules[place->module].stage_first + place->stage == stage)
            return true;
    }
    return false;
}

/* Rows of an encoder that runs apart travel at once, gradients to it as late as possible; what
 * comes from or goes to interleaved pipelines travels at once. */
static void add_flow(struct mimo_order *order, uint32_t index, uint32_t direction)
{
    const struct mimo_plan_edge *edge = &order->plan->edges[index];
    const uint32_t from = order->plan->modules[edge->from_module].stage_first + edge->from_stage;
    const uint32_t to = order->plan->modules[edge->to_module].stage_first + edge->to_stage;
    const bool is_forward = direction == MIMO_EDGE_FORWARD;
    const bool is_apart = mimo_order_is_apart(order, from) && !mimo_order_is_apart(order, to);
    const struct mimo_order_flow flow = {
        .edge = index,
        .direction = direction,
        .source = is_forward ? from : to,
        .target = is_forward ? to : from,
        .holds_source = holds(order, is_forward ? from : to),
        .holds_target = holds(order, is_forward ? to : from),
        .is_eager = is_apart ? is_forward
                             : mimo_order_is_interleaved(order, from) ||
                                   mimo_order_is_interleaved(order, to),
        .is_late = is_apart && !is_forward,
    };

    if (flow.holds_source || flow.holds_target)
        order->flows[order->flow_count++] = flow;
}

void mimo_order_find_flows(struct mimo_order *order)
{
    order->flow_count = 0;
    for (uint32_t i = 0; i < order->plan->edge_count; i++) {
        add_flow(order, i, MIMO_EDGE_FORWARD);
        if (order->plan->edges[i].has_backward != 0)
            add_flow(order, i, MIMO_EDGE_BACKWARD);
    }
}

/* NULL where there is no such edge. */
static struct mimo_order_flow *flow_of(const struct mimo_order *order, uint32_t edge,
                                       uint32_t direction)
{
    for (uint32_t i = 0; i < order->flow_count; i++) {
        if (order->flows[i].edge == edge && order->flows[i].direction == direction)
            return &order->flows[i];
    }
    return NULL;
}

static struct mimo_order_flow *sent_by(const struct mimo_order *order,
                                       const struct mimo_plan_instruction *transfer)
{
    return flow_of(order, transfer->send_edge, transfer->send_direction);
}

static struct mimo_order_flow *received_by(const struct mimo_order *order,
                                           const struct mimo_plan_instruction *transfer)
{
    return flow_of(order, transfer->receive_edge, transfer->receive_direction);
}

static bool makes(const struct mimo_order *order, const struct mimo_plan_instruction *computation,
                  const struct mimo_order_flow *flow)
{
    return mimo_order_stage(order, computation) == flow->source &&
           mimo_order_direction(computation) == flow->direction;
}

static bool needs(const struct mimo_order *order, const struct mimo_plan_instruction *computation,
                  const struct mimo_order_flow *flow)
{
    return mimo_order_stage(order, computation) == flow->target &&
           mimo_order_direction(computation) == flow->direction;
}

/* The transfer brings what the computation needs. */
static bool brings_input(const struct mimo_order *order,
                         const struct mimo_plan_instruction *transfer,
                         const struct mimo_plan_instruction *computation)
{
    const struct mimo_order_flow *flow = received_by(order, transfer);

    return flow != NULL && transfer->receive_micro_step == computation->micro_step &&
           needs(order, computation, flow);
}

bool mimo_order_was_possible(const struct mimo_order *order)
{
    for (uint32_t i = order->gap; i < order->at; i++) {
        if (brings_input(order, &order->program[i], &order->program[order->at]))
            return false;
    }
    return true;
}

void mimo_order_count_flows(struct mimo_order *order)
{
    for (uint32_t i = 0; i < order->flow_count; i++) {
        if (makes(order, &order->program[order->at], &order->flows[i]))
            order->flows[i].produced++;
        if (needs(order, &order->program[order->at], &order->flows[i]))
            order->flows[i].used++;
    }
}

/* ---- at a computation ---- */

/* What the role sends to itself is the next that its receiving stage needs. */
static bool is_wanted(const struct mimo_order *order, const struct mimo_order_flow *flow)
{
    for (uint32_t i = order->at; i < order->role->instruction_count; i++) {
        const struct mimo_plan_instruction *instruction = &order->program[i];

        if (mimo_order_computes(instruction) &&
            mimo_order_stage(order, instruction) == flow->target)
            return needs(order, instruction, flow) && instruction->micro_step == flow->sent;
    }
    return false;
}

/* The one parcel that the first of a pair has made. */
static bool is_of_pair(const struct mimo_order *order, const struct mimo_order_flow *flow)
{
    return flow->produced - flow->sent == 1 && order->last != NULL &&
           order->last->opcode != MIMO_OPCODE_BACKWARD && makes(order, order->last, flow) &&
           order->program[order->at].opcode == MIMO_OPCODE_BACKWARD &&
           mimo_order_is_interleaved(order, flow->source) &&
           mimo_order_is_interleaved(order, mimo_order_stage(order, &order->program[order->at]));
}

static void check_sent(struct mimo_order *order, const struct mimo_order_flow *flow)
{
    if (!flow->holds_source || flow->is_late || flow->produced == flow->sent ||
        is_of_pair(order, flow))
        return;
    if (!flow->holds_target || flow->is_eager || is_wanted(order, flow))
        mimo_order_refuse(order, "it computes on before it has sent what it has computed");
}

static void check_used(struct mimo_order *order, const struct mimo_order_flow *flow)
{
    const struct mimo_plan_instruction *instruction = &order->program[order->at];
    const uint32_t stage = mimo_order_stage(order, instruction);

    if (!flow->holds_target || flow->is_eager || flow->received == flow->used)
        return;
    if (flow->received - flow->used > 1 ||
        (stage == flow->target && !needs(order, instruction, flow)) ||
        mimo_order_phase(order, stage, mimo_order_direction(instruction), instruction->micro_step) <
            mimo_order_phase(order, flow->target, flow->direction, flow->used))
        mimo_order_refuse(order, "it has received what it does not need yet");
}

/* The computation is the first of a pair, and the transfer brings what the second needs. */
static bool is_for_pair(const struct mimo_order *order,
                        const struct mimo_plan_instruction *transfer,
                        const struct mimo_plan_instruction *computation)
{
    const struct mimo_plan_instruction *next = computation + 1;

    return computation->opcode != MIMO_OPCODE_BACKWARD && next->opcode == MIMO_OPCODE_BACKWARD &&
           brings_input(order, transfer, next);
}

/* All ranks of the stage have this role, and it is not one of several modules without an order
 * among them: it need not wait for others. */
static bool runs_alone(const struct mimo_order *order, uint32_t stage)
{
    const struct mimo_plan_module *module = mimo_order_module(order, stage);
    uint32_t ranks = 0;

    for (uint32_t i = 0; i < order->role->range_count; i++)
        ranks += order->plan->ranges[order->role->range_first + i].count;
    return ranks == module->ranks / module->pp &&
           (mimo_order_is_interleaved(order, stage) || !mimo_order_mixes_modules(order));
}

/* A receive that the computation did not need, at which the role has waited. */
static bool has_waited(const struct mimo_order *order, uint32_t at)
{
    const struct mimo_plan_instruction *transfer = &order->program[at];
    const struct mimo_plan_instruction *computation = &order->program[order->at];
    const struct mimo_order_flow *flow = received_by(order, transfer);

    return flow != NULL && transfer->send_edge == MIMO_NONE &&
           !mimo_order_is_apart(order, flow->source) && end_of(order, at) > begin_of(order, at) &&
           runs_alone(order, mimo_order_stage(order, computation));
}

static void check_waits(struct mimo_order *order)
{
    const struct mimo_plan_instruction *computation = &order->program[order->at];

    for (uint32_t i = order->at; i-- > order->gap;) {
        if (brings_input(order, &order->program[i], computation) ||
            is_for_pair(order, &order->program[i], computation))
            return;
        if (has_waited(order, i))
            mimo_order_refuse(order, "it has waited for what it did not need");
    }
}

void mimo_order_check_inputs(struct mimo_order *order)
{
    for (uint32_t i = 0; i < order->flow_count && order->is_prompt; i++) {
        check_sent(order, &order->flows[i]);
        check_used(order, &order->flows[i]);
    }
    if (order->is_prompt)
        check_waits(order);
}

/* ---- at a transfer ---- */

/* By edge, rows before gradients; an exchange by the first of its two. */
static uint64_t rank_of(const struct mimo_plan_instruction *transfer)
{
    const uint64_t sent = 2 * (uint64_t)transfer->send_edge + transfer->send_direction;
    const uint64_t received = 2 * (uint64_t)transfer->receive_edge + transfer->receive_direction;

    if (transfer->send_edge == MIMO_NONE)
        return received;
    return transfer->receive_edge == MIMO_NONE || sent < received ? sent : received;
}

/* Of two transfers in a row, the one to which the others come first is first. */
static void check_row(struct mimo_order *order, const struct mimo_plan_instruction *transfer)
{
    const struct mimo_plan_instruction *before = transfer - 1;
    const uint64_t begin = begin_of(order, order->at - 1);
    uint64_t first, second;

    if (before->send_edge == MIMO_NONE && before->receive_edge == MIMO_NONE)
        return;
    first = ready(order, before) > begin ? ready(order, before) : begin;
    second = ready(order, transfer) > begin ? ready(order, transfer) : begin;
    if (second < first || (second == first && rank_of(transfer) < rank_of(before)))
        mimo_order_refuse(order, "it makes a transfer wait for one that could be later");
}

/* The last computation is of no earlier phase than what needs the parcel. */
static bool has_begun(const struct mimo_order *order, const struct mimo_order_flow *flow,
                      uint32_t micro_step)
{
    return !flow->is_late ||
           mimo_order_phase(order, mimo_order_stage(order, order->last),
                            mimo_order_direction(order->last), order->last->micro_step) >=
               mimo_order_phase(order, flow->target, flow->direction, micro_step);
}

/* The receiver may take it before the last computation: its stage did nothing there, and a phase
 * that needs it had begun. */
static bool was_acceptable(const struct mimo_order *order, const struct mimo_order_flow *flow,
                           uint32_t micro_step)
{
    const uint32_t stage = mimo_order_stage(order, order->last);

    if (flow->is_eager)
        return true;
    return !flow->is_late && stage != flow->target &&
           mimo_order_phase(order, stage, mimo_order_direction(order->last),
                            order->last->micro_step) >=
               mimo_order_phase(order, flow->target, flow->direction, micro_step);
}

/* It could have been before the last computation, and all others were there. */
static void check_prompt(struct mimo_order *order, const struct mimo_plan_instruction *transfer)
{
    const struct mimo_order_flow *sent = sent_by(order, transfer);
    const struct mimo_order_flow *received = received_by(order, transfer);

    if (order->last == NULL || order->is_behind_pair ||
        (sent != NULL &&
         (makes(order, order->last, sent) || !has_begun(order, sent, transfer->send_micro_step))) ||
        (received != NULL && !was_acceptable(order, received, transfer->receive_micro_step)))
        return;
    if (ready(order, transfer) <= begin_of(order, (uint32_t)(order->last - order->program)))
        mimo_order_refuse(order, "it has computed while others waited for it");
}

void mimo_order_check_transfer(struct mimo_order *order)
{
    const struct mimo_plan_instruction *transfer = &order->program[order->at];
    struct mimo_order_flow *sent = sent_by(order, transfer);
    struct mimo_order_flow *received = received_by(order, transfer);

    if (order->is_prompt) {
        check_row(order, transfer);
        check_prompt(order, transfer);
    }
    if (sent != NULL && sent->sent++ != transfer->send_micro_step)
        mimo_order_refuse(order, "what it sends does not ascend");
    if (received != NULL && received->received++ != transfer->receive_micro_step)
        mimo_order_refuse(order, "what it receives does not ascend");
}
