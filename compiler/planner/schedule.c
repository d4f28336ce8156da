#include "compiler/planner/schedule.h"

#include "compiler/planner/pipeline.h"
#include "compiler/planner/program.h"

#include <string.h>

/* A backward pass costs about two forward passes. */
enum { FORWARD_TICKS = 1, BACKWARD_TICKS = 2 };

/* What the roles insist on. Where all of them then wait for each other, they give it up, one thing
 * after the other: first that a pair of an interleaved track is one piece, then that what was
 * computed is sent before anything else is. */
enum patience { KEEPS_PAIRS, SENDS_FIRST, COMPUTES_ON, PATIENCE_COUNT };

/* One role at the present tick. */
struct runner {
    struct mimo_program program;
    uint64_t busy_until;
    uint32_t phase;         /* the earliest of its unfinished tasks' */
    bool is_within_pair;    /* of an interleaved track: it communicates behind it */
    bool has_outgoing;      /* it computes no further before it has sent what it has computed */
    struct mimo_node *node; /* what it computes, or NULL */
    enum mimo_task task;
};

struct simulation {
    const struct mimo_plan *plan;
    struct mimo_pipeline pipeline;
    struct runner *runners; /* of each role */
    bool *lacks_input;      /* of each node, at the present tick */
    enum patience patience;
    uint64_t now;
};

static bool holds(const struct mimo_node *node, uint32_t role)
{
    return role >= node->role_first && role < node->role_end;
}

static bool is_idle(const struct simulation *simulation, const struct mimo_node *node)
{
    for (uint32_t i = node->role_first; i < node->role_end; i++) {
        if (simulation->runners[i].busy_until > simulation->now)
            return false;
    }
    return true;
}

/* No role of the node has a task of an earlier phase left. */
static bool is_in_turn(const struct simulation *simulation, const struct mimo_node *node)
{
    const uint32_t phase = mimo_track_phase(&simulation->pipeline, node->track);

    for (uint32_t i = node->role_first; i < node->role_end; i++) {
        if (simulation->runners[i].phase < phase)
            return false;
    }
    return true;
}

static void look_at_tracks(struct simulation *simulation)
{
    for (uint32_t i = 0; i < simulation->plan->role_count; i++) {
        simulation->runners[i].phase = MIMO_PHASE_OVER;
        simulation->runners[i].is_within_pair = false;
    }
    for (uint32_t i = 0; i < simulation->pipeline.track_count; i++) {
        const struct mimo_track *track = &simulation->pipeline.tracks[i];
        const uint32_t phase = mimo_track_phase(&simulation->pipeline, track);

        for (uint32_t role = track->nodes->role_first; role < track->nodes->role_end; role++) {
            if (simulation->runners[role].phase > phase)
                simulation->runners[role].phase = phase;
            if (track->is_within_pair)
                simulation->runners[role].is_within_pair = true;
        }
    }
}

/* ---- transfers ---- */

static uint32_t flow_produced(const struct mimo_flow *flow)
{
    return flow->direction == MIMO_EDGE_FORWARD ? flow->source->forwards_done
                                                : flow->source->backwards_done;
}

static uint32_t flow_consumed(const struct mimo_flow *flow)
{
    return flow->direction == MIMO_EDGE_FORWARD ? flow->target->forwards_started
                                                : flow->target->backwards_started;
}

static enum mimo_task flow_task(const struct mimo_flow *flow)
{
    return flow->direction == MIMO_EDGE_FORWARD ? MIMO_TASK_FORWARD : MIMO_TASK_BACKWARD;
}

/* The target's next task is the one that needs the flow's next micro-step. */
static bool is_awaited(const struct simulation *simulation, const struct mimo_flow *flow)
{
    return mimo_node_next(flow->target) == flow_task(flow) && flow_consumed(flow) == flow->sent &&
           is_in_turn(simulation, flow->target);
}

/* What an encoder that runs apart has encoded is kept where it will be merged. To and from
 * interleaved tracks everything travels as soon as it can: who waits there keeps a ring waiting. */
static bool is_accepted(const struct simulation *simulation, const struct mimo_flow *flow)
{
    const bool is_forward = flow->direction == MIMO_EDGE_FORWARD;

    if (flow->source->is_apart != flow->target->is_apart)
        return is_forward || is_awaited(simulation, flow);
    return flow->source->track->chunks > 1 || flow->target->track->chunks > 1 ||
           is_awaited(simulation, flow);
}

/* All of its roles are between two tasks, and not within a pair. */
static bool is_open(const struct simulation *simulation, const struct mimo_node *node)
{
    for (uint32_t i = node->role_first; i < node->role_end; i++) {
        if (simulation->patience == KEEPS_PAIRS && simulation->runners[i].is_within_pair)
            return false;
    }
    return is_idle(simulation, node);
}

static bool has_one_role(const struct mimo_node *node)
{
    return node->role_end - node->role_first == 1;
}

static void write_transfer(struct simulation *simulation, const struct mimo_flow *flow)
{
    const struct mimo_parcel parcel = {flow->edge, flow->sent, flow->direction};

    for (uint32_t i = flow->source->role_first; i < flow->source->role_end; i++) {
        if (holds(flow->target, i))
            mimo_program_exchange(&simulation->runners[i].program, &parcel);
        else
            mimo_program_send(&simulation->runners[i].program, &parcel, has_one_role(flow->source));
    }
    for (uint32_t i = flow->target->role_first; i < flow->target->role_end; i++) {
        if (!holds(flow->source, i))
            mimo_program_receive(&simulation->runners[i].program, &parcel,
                                 has_one_role(flow->target));
    }
}

static void transfer_all(struct simulation *simulation)
{
    for (uint32_t i = 0; i < simulation->pipeline.flow_count; i++) {
        struct mimo_flow *flow = &simulation->pipeline.flows[i];

        while (flow->sent < flow_produced(flow) && is_accepted(simulation, flow) &&
               is_open(simulation, flow->source) && is_open(simulation, flow->target)) {
            write_transfer(simulation, flow);
            flow->sent++;
        }
    }
}

/* The flow brings what its target needs next, and has not brought it yet. */
static bool is_missing(const struct simulation *simulation, const struct mimo_flow *flow)
{
    const bool is_next = mimo_node_next(flow->target) == flow_task(flow);
    const bool is_of_pair = simulation->patience == KEEPS_PAIRS &&
                            flow->direction == MIMO_EDGE_BACKWARD &&
                            flow->target->track->partner == flow->target;

    return (is_next || is_of_pair) && flow->sent == flow_consumed(flow);
}

/* What a later phase needs is not sent before that phase, and what a role needs itself not before
 * it needs it. */
static void find_outgoing(struct simulation *simulation, const struct mimo_flow *flow)
{
    const uint32_t phase =
        mimo_node_phase(&simulation->pipeline, flow->target, flow_task(flow), flow->sent);

    if (flow->sent == flow_produced(flow))
        return;
    for (uint32_t role = flow->source->role_first; role < flow->source->role_end; role++) {
        if (phase <= simulation->runners[role].phase &&
            (!holds(flow->target, role) || is_awaited(simulation, flow)))
            simulation->runners[role].has_outgoing = true;
    }
}

/* Which nodes lack an input of their next task, and which roles have to send before they compute
 * on. */
static void find_obstacles(struct simulation *simulation)
{
    const struct mimo_pipeline *pipeline = &simulation->pipeline;

    for (uint32_t i = 0; i < pipeline->node_count; i++)
        simulation->lacks_input[i] = false;
    for (uint32_t i = 0; i < simulation->plan->role_count; i++)
        simulation->runners[i].has_outgoing = false;
    for (uint32_t i = 0; i < pipeline->flow_count; i++) {
        const struct mimo_flow *flow = &pipeline->flows[i];

        if (is_missing(simulation, flow))
            simulation->lacks_input[flow->target->track->next - pipeline->nodes] = true;
        find_outgoing(simulation, flow);
    }
}

/* ---- tasks ---- */

static uint32_t place_of(const struct mimo_plan *plan, const struct mimo_plan_role *role,
                         const struct mimo_node *node)
{
    uint32_t place = role->place_first;

    while (plan->places[place].module != node->module || plan->places[place].stage != node->stage)
        place++;
    return place;
}

static void write_task(struct simulation *simulation, uint32_t role, const struct mimo_node *node,
                       enum mimo_task task)
{
    const struct mimo_plan *plan = simulation->plan;
    struct mimo_program *program = &simulation->runners[role].program;
    const uint32_t place = place_of(plan, &plan->roles[role], node);

    if (task == MIMO_TASK_BACKWARD) {
        mimo_program_compute(program, MIMO_OPCODE_BACKWARD, place, node->backwards_started);
    } else if (plan->modules[node->module].kind == MIMO_MODULE_KIND_ENCODER) {
        mimo_program_compute(program, MIMO_OPCODE_ENCODE, place, node->forwards_started);
    } else {
        if (node->stage == 0)
            mimo_program_compute(program, MIMO_OPCODE_MERGE, place, node->forwards_started);
        mimo_program_compute(program, MIMO_OPCODE_FORWARD, place, node->forwards_started);
    }
}

static void start(struct simulation *simulation, struct mimo_node *node, enum mimo_task task)
{
    for (uint32_t i = node->role_first; i < node->role_end; i++) {
        struct runner *runner = &simulation->runners[i];

        write_task(simulation, i, node, task);
        runner->node = node;
        runner->task = task;
        runner->busy_until =
            simulation->now + (task == MIMO_TASK_FORWARD ? FORWARD_TICKS : BACKWARD_TICKS);
    }
    mimo_node_start(&simulation->pipeline, node);
}

static bool has_outgoing(const struct simulation *simulation, const struct mimo_node *node)
{
    for (uint32_t i = node->role_first; i < node->role_end; i++) {
        if (simulation->runners[i].has_outgoing && !simulation->runners[i].is_within_pair)
            return true;
    }
    return false;
}

static bool can_start(const struct simulation *simulation, const struct mimo_node *node)
{
    return is_idle(simulation, node) && is_in_turn(simulation, node) &&
           !simulation->lacks_input[node - simulation->pipeline.nodes] &&
           (simulation->patience == COMPUTES_ON || !has_outgoing(simulation, node));
}

/* Starts every task of that kind that can start, the oldest micro-step's first. Where all wait for
 * each other only one is started: it may set the others free. */
static bool start_all(struct simulation *simulation, enum mimo_task task)
{
    const uint32_t count = mimo_pipeline_order(&simulation->pipeline, task);
    bool has_started = false;

    for (uint32_t i = 0; i < count; i++) {
        struct mimo_node *node = simulation->pipeline.order[i];

        if (mimo_node_next(node) == task && can_start(simulation, node)) {
            start(simulation, node, task);
            has_started = true;
            if (simulation->patience == COMPUTES_ON)
                break;
        }
    }
    return has_started;
}

/* Backward first: it frees what forward has kept. */
static bool start_tasks(struct simulation *simulation)
{
    const bool has_backward = start_all(simulation, MIMO_TASK_BACKWARD);

    if (has_backward && simulation->patience == COMPUTES_ON)
        return true;
    return start_all(simulation, MIMO_TASK_FORWARD) || has_backward;
}

/* Goes on to the next end of a task; false where nothing is computed. */
static bool advance(struct simulation *simulation)
{
    uint64_t next = UINT64_MAX;

    for (uint32_t i = 0; i < simulation->plan->role_count; i++) {
        const struct runner *runner = &simulation->runners[i];

        if (runner->node != NULL && runner->busy_until < next)
            next = runner->busy_until;
    }
    if (next == UINT64_MAX)
        return false;
    simulation->now = next;
    return true;
}

/* The roles of a node end its task together: the first of them counts it. */
static void finish_tasks(struct simulation *simulation)
{
    for (uint32_t i = 0; i < simulation->plan->role_count; i++) {
        struct runner *runner = &simulation->runners[i];

        if (runner->node == NULL || runner->busy_until > simulation->now)
            continue;
        if (runner->node->role_first == i && runner->task == MIMO_TASK_FORWARD)
            runner->node->forwards_done++;
        else if (runner->node->role_first == i)
            runner->node->backwards_done++;
        runner->node = NULL;
    }
}

static bool is_computing(const struct simulation *simulation)
{
    for (uint32_t i = 0; i < simulation->plan->role_count; i++) {
        if (simulation->runners[i].node != NULL)
            return true;
    }
    return false;
}

/* Ends when nothing is left to do; what prove.c finds incomplete is refused there. */
static void run(struct simulation *simulation)
{
    do {
        finish_tasks(simulation);
        for (unsigned patience = KEEPS_PAIRS; patience < PATIENCE_COUNT; patience++) {
            simulation->patience = (enum patience)patience;
            look_at_tracks(simulation);
            transfer_all(simulation);
            find_obstacles(simulation);
            if (start_tasks(simulation) || is_computing(simulation))
                break;
        }
    } while (advance(simulation));
}

/* ---- from the first instruction to the last ---- */

/* Gradients are summed once all are there, module by module: all ranks of a module meet there. */
static void write_end(const struct mimo_plan *plan, const struct mimo_plan_role *role,
                      struct mimo_program *program)
{
    for (uint32_t i = role->place_first; i < role->place_first + role->place_count; i++) {
        const uint32_t module = plan->places[i].module;
        const bool is_first = i == role->place_first || plan->places[i - 1].module != module;

        if (is_first && mimo_plan_is_trained(plan, module))
            mimo_program_compute(program, MIMO_OPCODE_REDUCE, i, MIMO_NONE);
    }
    mimo_program_compute(program, MIMO_OPCODE_STEP, MIMO_NONE, MIMO_NONE);
}

static void join_programs(struct mimo_draft *draft, const struct runner *runners)
{
    struct mimo_plan_instruction *instructions;
    size_t count = 0;

    for (uint32_t i = 0; i < draft->plan.role_count; i++)
        count += runners[i].program.count;
    MIMO_ASSERT(count <= UINT32_MAX);
    instructions = MIMO_NEW_ARRAY(draft->arena, struct mimo_plan_instruction, count);
    draft->plan.instructions = instructions;
    draft->plan.instruction_count = (uint32_t)count;
    for (uint32_t i = 0; i < draft->plan.role_count; i++) {
        const struct mimo_program *program = &runners[i].program;

        draft->roles[i].instruction_first = (uint32_t)(instructions - draft->plan.instructions);
        draft->roles[i].instruction_count = (uint32_t)program->count;
        memcpy(instructions, program->items, program->count * sizeof *instructions);
        instructions += program->count;
    }
}

static uint32_t live_max(const struct mimo_plan *plan, const struct mimo_plan_role *role,
                         uint32_t place)
{
    uint32_t live = 0, max = 0;

    for (uint32_t i = 0; i < role->instruction_count; i++) {
        const struct mimo_plan_instruction *instruction =
            &plan->instructions[role->instruction_first + i];

        if (instruction->place != place)
            continue;
        if (instruction->opcode == MIMO_OPCODE_BACKWARD)
            live--;
        else if (instruction->opcode != MIMO_OPCODE_MERGE &&
                 instruction->opcode != MIMO_OPCODE_REDUCE)
            live++;
        max = live > max ? live : max;
    }
    return max;
}

/* All roles of a stage run its tasks together: the last one's count is everyone's. */
static void state_live_max(struct mimo_draft *draft)
{
    const struct mimo_plan *plan = &draft->plan;

    for (uint32_t i = 0; i < plan->role_count; i++) {
        const struct mimo_plan_role *role = &plan->roles[i];

        for (uint32_t k = role->place_first; k < role->place_first + role->place_count; k++) {
            const struct mimo_plan_place *place = &plan->places[k];
            const bool has_backward = mimo_plan_has_backward(plan, place->module, place->stage);

            draft->stages[plan->modules[place->module].stage_first + place->stage].live_max =
                has_backward ? live_max(plan, role, k) : 0;
        }
    }
}

void mimo_schedule_build(struct mimo_draft *draft)
{
    const struct mimo_plan *plan = &draft->plan;
    struct simulation simulation = {.plan = plan};
    struct mimo_arena scratch;

    mimo_arena_init(&scratch);
    simulation.runners = MIMO_NEW_ARRAY(&scratch, struct runner, plan->role_count);
    simulation.lacks_input = MIMO_NEW_ARRAY(&scratch, bool, plan->stage_count);
    mimo_pipeline_init(&simulation.pipeline, plan, &scratch);
    for (uint32_t i = 0; i < plan->role_count; i++) {
        simulation.runners[i].program.arena = &scratch;
        mimo_program_compute(&simulation.runners[i].program, MIMO_OPCODE_LOAD, MIMO_NONE,
                             MIMO_NONE);
    }
    run(&simulation);
    for (uint32_t i = 0; i < plan->role_count; i++)
        write_end(plan, &plan->roles[i], &simulation.runners[i].program);
    join_programs(draft, simulation.runners);
    state_live_max(draft);
    mimo_arena_release(&scratch);
}
