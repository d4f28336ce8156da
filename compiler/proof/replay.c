#include "compiler/proof/order.h"

/*
 * A clock, one computation at a time on each rank. At every tick the rules of prove.h say which
 * parcels travel and what is computed; each program has to have that next.
 */

/* What the roles insist on. Where all of them then wait for each other they give it up, one thing
 * after the other: that a pair is one piece, then that what was computed is sent first. */
enum patience { KEEPS_PAIRS, SENDS_FIRST, COMPUTES_ON, PATIENCE_COUNT };

/* What is computed in an order of its own: that of a stage, or of all chunks of an interleaved
 * pipeline rank. The order is read off the program of its first role, and proved in order.c. */
struct line {
    const struct mimo_plan_instruction *next, *then; /* or NULL */
    const struct mimo_plan_instruction *end;
    uint32_t chunks, started[2]; /* by direction */
    uint32_t warm_up[2];         /* forwards before the first pair, in a whole round and the rest */
    bool is_within_pair;         /* `next` is the second of one */
};

struct stop {
    uint32_t line;
    uint32_t holder_first, holder_end; /* roles */
    uint32_t started[2], done[2];      /* micro-steps, by direction */
    uint32_t direction;                /* of what is being computed */
    uint64_t until;                    /* or 0: nothing is */
};

/* The parcels of an edge in one direction. */
struct way {
    uint32_t edge, direction, source, target, sent;
};

/* What an exchange has done of its two halves. */
enum half { HALF_NONE, HALF_SENT, HALF_RECEIVED };

struct actor {
    const struct mimo_plan_instruction *at;
    enum half half;
    uint64_t busy_until, phase;
    bool is_within_pair, has_outgoing;
};

struct replay {
    struct mimo_order *order;
    const struct mimo_plan *plan;
    struct stop *stops; /* of each stage */
    struct line *lines; /* at the first stage of each */
    struct way *ways;
    uint32_t way_count;
    uint32_t *holders; /* roles, stage by stage */
    struct actor *actors;
    uint32_t *candidates; /* stages */
    bool *lacks_input;    /* of each stage: for what its line does next */
    enum patience patience;
    uint64_t now;
};

/* ---- lines ---- */

static uint32_t line_of(const struct replay *replay,
                        const struct mimo_plan_instruction *computation)
{
    return replay->stops[mimo_order_stage(replay->order, computation)].line;
}

static const struct mimo_plan_instruction *
find_computation(const struct replay *replay, uint32_t line,
                 const struct mimo_plan_instruction *from)
{
    for (; from < replay->lines[line].end; from++) {
        if (mimo_order_computes(from) && line_of(replay, from) == line)
            return from;
    }
    return NULL;
}

/* The stage computes that next. */
static bool is_next(const struct replay *replay, uint32_t stage, uint32_t direction)
{
    const struct mimo_plan_instruction *next = replay->lines[replay->stops[stage].line].next;

    return next != NULL && mimo_order_stage(replay->order, next) == stage &&
           mimo_order_direction(next) == direction;
}

/* A forward and the backward behind it, in a round that does not take all forwards first. */
static bool begins_pair(const struct replay *replay, const struct line *line)
{
    const uint32_t round = replay->plan->training->encoder_group * line->chunks;
    const uint32_t all = replay->plan->training->micro_steps * line->chunks;
    const uint32_t left = all - line->started[MIMO_EDGE_BACKWARD] / round * round;

    return line->chunks > 1 && line->next != NULL && line->then != NULL &&
           line->next->opcode != MIMO_OPCODE_BACKWARD &&
           line->then->opcode == MIMO_OPCODE_BACKWARD &&
           line->warm_up[left < round ? 1 : 0] < (left < round ? left : round);
}

/* The forwards of a round before its first backward. */
static uint32_t count_ahead(const struct replay *replay, uint32_t index, uint32_t first)
{
    const struct mimo_plan_instruction *at = replay->lines[index].next;
    uint32_t done[2] = {0, 0};

    for (; at != NULL; at = find_computation(replay, index, at + 1)) {
        if (at->opcode == MIMO_OPCODE_BACKWARD && done[MIMO_EDGE_BACKWARD] == first)
            break;
        done[mimo_order_direction(at)]++;
    }
    return done[MIMO_EDGE_FORWARD] - first;
}

/* The last pipeline rank has the forward of its first pair behind it when it goes backward; each
 * rank before it warms up by two more, the way there and back. A round shorter than the pipeline,
 * gpipe, and what runs apart take all forwards first. */
static void find_warm_ups(const struct replay *replay, const struct mimo_plan_module *module)
{
    const struct mimo_plan_training *training = replay->plan->training;
    struct line *lines = &replay->lines[module->stage_first];
    const uint32_t rest = training->micro_steps % training->encoder_group;
    const uint32_t lengths[2] = {training->encoder_group, rest};
    const uint32_t firsts[2] = {0, (training->micro_steps - rest) * lines->chunks};

    for (int i = 0; i < 2 && lines->chunks > 1; i++) {
        const bool has_pairs = lengths[i] >= module->pp &&
                               training->pipeline_schedule != MIMO_PIPELINE_SCHEDULE_GPIPE &&
                               !mimo_order_is_apart(replay->order, module->stage_first);
        const uint32_t ahead =
            has_pairs ? count_ahead(replay, module->stage_first + module->pp - 1, firsts[i]) : 0;

        for (uint32_t pp = 0; pp < module->pp; pp++)
            lines[pp].warm_up[i] = has_pairs ? ahead - 1 + 2 * (module->pp - 1 - pp) : UINT32_MAX;
    }
}

static uint64_t phase_of(const struct replay *replay, const struct line *line)
{
    if (line->next == NULL)
        return UINT64_MAX;
    return mimo_order_phase(replay->order, mimo_order_stage(replay->order, line->next),
                            mimo_order_direction(line->next), line->next->micro_step);
}

static void step_line(struct replay *replay, uint32_t index)
{
    struct line *line = &replay->lines[index];
    const bool is_first = begins_pair(replay, line);

    line->started[mimo_order_direction(line->next)]++;
    line->next = line->then;
    if (line->then != NULL)
        line->then = find_computation(replay, index, line->then + 1);
    line->is_within_pair = is_first;
}

/* ---- what the programs have next ---- */

static void refuse(const struct replay *replay, uint32_t role)
{
    struct mimo_order *order = replay->order;

    order->role = &replay->plan->roles[role];
    order->at = (uint32_t)(replay->actors[role].at - replay->plan->instructions) -
                order->role->instruction_first;
    mimo_order_refuse(order, "something else comes first");
}

static void take_send(struct replay *replay, uint32_t role, const struct way *way)
{
    struct actor *actor = &replay->actors[role];

    if (actor->half == HALF_SENT || actor->at->send_edge != way->edge ||
        actor->at->send_direction != way->direction || actor->at->send_micro_step != way->sent) {
        refuse(replay, role);
    } else if (actor->half == HALF_NONE && actor->at->opcode == MIMO_OPCODE_EXCHANGE) {
        actor->half = HALF_SENT;
    } else {
        actor->half = HALF_NONE;
        actor->at++;
    }
}

static void take_receive(struct replay *replay, uint32_t role, const struct way *way)
{
    struct actor *actor = &replay->actors[role];

    if (actor->half == HALF_RECEIVED || actor->at->receive_edge != way->edge ||
        actor->at->receive_direction != way->direction ||
        actor->at->receive_micro_step != way->sent) {
        refuse(replay, role);
    } else if (actor->half == HALF_NONE && actor->at->opcode == MIMO_OPCODE_EXCHANGE) {
        actor->half = HALF_RECEIVED;
    } else {
        actor->half = HALF_NONE;
        actor->at++;
    }
}

static void take_computation(struct replay *replay, uint32_t role, uint32_t stage,
                             uint32_t direction)
{
    struct actor *actor = &replay->actors[role];

    if (actor->at->opcode == MIMO_OPCODE_MERGE)
        actor->at++;
    if (!mimo_order_computes(actor->at) || mimo_order_stage(replay->order, actor->at) != stage ||
        mimo_order_direction(actor->at) != direction ||
        actor->at->micro_step != replay->stops[stage].started[direction])
        refuse(replay, role);
    else
        actor->at++;
}

/* ---- roles at the present tick ---- */

static bool is_idle(const struct replay *replay, const struct stop *stop)
{
    for (uint32_t i = stop->holder_first; i < stop->holder_end; i++) {
        if (replay->actors[replay->holders[i]].busy_until > replay->now)
            return false;
    }
    return true;
}

/* None of its roles has anything of an earlier phase left. */
static bool is_in_turn(const struct replay *replay, const struct stop *stop)
{
    const uint64_t phase = phase_of(replay, &replay->lines[stop->line]);

    for (uint32_t i = stop->holder_first; i < stop->holder_end; i++) {
        if (replay->actors[replay->holders[i]].phase < phase)
            return false;
    }
    return true;
}

static bool is_within_pair(const struct replay *replay, const struct stop *stop)
{
    for (uint32_t i = stop->holder_first; i < stop->holder_end; i++) {
        if (replay->actors[replay->holders[i]].is_within_pair)
            return true;
    }
    return false;
}

static bool has_outgoing(const struct replay *replay, const struct stop *stop)
{
    for (uint32_t i = stop->holder_first; i < stop->holder_end; i++) {
        const struct actor *actor = &replay->actors[replay->holders[i]];

        if (actor->has_outgoing && !actor->is_within_pair)
            return true;
    }
    return false;
}

static bool holds(const struct replay *replay, const struct stop *stop, uint32_t role)
{
    for (uint32_t i = stop->holder_first; i < stop->holder_end; i++) {
        if (replay->holders[i] == role)
            return true;
    }
    return false;
}

static void look_at_lines(struct replay *replay)
{
    for (uint32_t i = 0; i < replay->plan->role_count; i++) {
        replay->actors[i].phase = UINT64_MAX;
        replay->actors[i].is_within_pair = replay->actors[i].has_outgoing = false;
    }
    for (uint32_t i = 0; i < replay->plan->stage_count; i++) {
        const struct stop *stop = &replay->stops[i];
        const struct line *line = &replay->lines[stop->line];
        const uint64_t phase = phase_of(replay, line);

        for (uint32_t k = stop->holder_first; k < stop->holder_end; k++) {
            struct actor *actor = &replay->actors[replay->holders[k]];

            actor->phase = phase < actor->phase ? phase : actor->phase;
            actor->is_within_pair = actor->is_within_pair || line->is_within_pair;
        }
    }
}

/* ---- transfers ---- */

static bool is_awaited(const struct replay *replay, const struct way *way)
{
    const struct stop *target = &replay->stops[way->target];

    return target->started[way->direction] == way->sent &&
           is_next(replay, way->target, way->direction) && is_in_turn(replay, target);
}

static bool is_accepted(const struct replay *replay, const struct way *way)
{
    const bool is_apart = mimo_order_is_apart(replay->order, way->source) !=
                          mimo_order_is_apart(replay->order, way->target);

    if (is_apart && way->direction == MIMO_EDGE_FORWARD)
        return true;
    return (!is_apart && (mimo_order_is_interleaved(replay->order, way->source) ||
                          mimo_order_is_interleaved(replay->order, way->target))) ||
           is_awaited(replay, way);
}

static bool is_open(const struct replay *replay, uint32_t stage)
{
    const struct stop *stop = &replay->stops[stage];

    return is_idle(replay, stop) &&
           (replay->patience != KEEPS_PAIRS || !is_within_pair(replay, stop));
}

static void take_parcel(struct replay *replay, struct way *way)
{
    const struct stop *source = &replay->stops[way->source], *target = &replay->stops[way->target];

    for (uint32_t i = source->holder_first; i < source->holder_end; i++)
        take_send(replay, replay->holders[i], way);
    for (uint32_t i = target->holder_first; i < target->holder_end; i++)
        take_receive(replay, replay->holders[i], way);
    way->sent++;
}

static void transfer(struct replay *replay)
{
    for (uint32_t i = 0; i < replay->way_count; i++) {
        struct way *way = &replay->ways[i];

        while (replay->order->reason == NULL &&
               way->sent < replay->stops[way->source].done[way->direction] &&
               is_accepted(replay, way) && is_open(replay, way->source) &&
               is_open(replay, way->target))
            take_parcel(replay, way);
    }
}

/* ---- what stands in the way of computing ---- */

/* It brings what its target does next, or behind that in a pair, and has not brought it yet. */
static bool is_missing(const struct replay *replay, const struct way *way)
{
    const struct stop *target = &replay->stops[way->target];
    const struct line *line = &replay->lines[target->line];

    if (way->sent != target->started[way->direction])
        return false;
    return is_next(replay, way->target, way->direction) ||
           (replay->patience == KEEPS_PAIRS && way->direction == MIMO_EDGE_BACKWARD &&
            begins_pair(replay, line) &&
            mimo_order_stage(replay->order, line->then) == way->target);
}

static void find_outgoing(struct replay *replay, const struct way *way)
{
    const struct stop *source = &replay->stops[way->source], *target = &replay->stops[way->target];
    const uint64_t phase = mimo_order_phase(replay->order, way->target, way->direction, way->sent);

    if (way->sent == source->done[way->direction])
        return;
    for (uint32_t i = source->holder_first; i < source->holder_end; i++) {
        struct actor *actor = &replay->actors[replay->holders[i]];

        if (phase <= actor->phase &&
            (!holds(replay, target, replay->holders[i]) || is_awaited(replay, way)))
            actor->has_outgoing = true;
    }
}

static void find_obstacles(struct replay *replay)
{
    for (uint32_t i = 0; i < replay->plan->stage_count; i++)
        replay->lacks_input[i] = false;
    for (uint32_t i = 0; i < replay->way_count; i++) {
        const struct way *way = &replay->ways[i];

        if (is_missing(replay, way))
            replay->lacks_input[replay->stops[way->target].line] = true;
        find_outgoing(replay, way);
    }
}

/* ---- computing ---- */

static bool can_start(const struct replay *replay, uint32_t stage)
{
    const struct stop *stop = &replay->stops[stage];

    return !replay->lacks_input[stop->line] && is_idle(replay, stop) && is_in_turn(replay, stop) &&
           (replay->patience == COMPUTES_ON || !has_outgoing(replay, stop));
}

static void start(struct replay *replay, uint32_t stage, uint32_t direction)
{
    struct stop *stop = &replay->stops[stage];

    stop->until = replay->now + mimo_timeline_ticks(replay->lines[stop->line].next);
    stop->direction = direction;
    for (uint32_t i = stop->holder_first; i < stop->holder_end; i++) {
        take_computation(replay, replay->holders[i], stage, direction);
        replay->actors[replay->holders[i]].busy_until = stop->until;
    }
    stop->started[direction]++;
    step_line(replay, stop->line);
}

/* Older micro-steps first, then what is near to the loss, then by module. */
static bool stands_before(const struct replay *replay, uint32_t a, uint32_t b, uint32_t direction)
{
    const uint32_t x = replay->stops[a].started[direction], y = replay->stops[b].started[direction];
    const uint32_t *distances = replay->order->distances;

    if (x != y)
        return x < y;
    return distances[a] != distances[b] ? distances[a] < distances[b] : a < b;
}

/* Those near to the loss are mostly at the older micro-steps: backwards the list is nearly sorted.
 */
static uint32_t find_candidates(struct replay *replay, uint32_t direction)
{
    uint32_t count = 0;

    for (uint32_t stage = replay->plan->stage_count; stage-- > 0;) {
        uint32_t at = count;

        if (!is_next(replay, stage, direction) || !can_start(replay, stage))
            continue;
        for (; at > 0 && stands_before(replay, stage, replay->candidates[at - 1], direction); at--)
            replay->candidates[at] = replay->candidates[at - 1];
        replay->candidates[at] = stage;
        count++;
    }
    return count;
}

/* Where all wait for each other only one starts: it may set the others free. */
static bool start_all(struct replay *replay, uint32_t direction)
{
    const uint32_t count = find_candidates(replay, direction);

    for (uint32_t i = 0; i < count && replay->order->reason == NULL; i++) {
        if (!can_start(replay, replay->candidates[i]))
            continue;
        start(replay, replay->candidates[i], direction);
        if (replay->patience == COMPUTES_ON)
            break;
    }
    return count > 0;
}

static bool compute(struct replay *replay)
{
    const bool goes_backward = start_all(replay, MIMO_EDGE_BACKWARD);

    if (goes_backward && replay->patience == COMPUTES_ON)
        return true;
    return start_all(replay, MIMO_EDGE_FORWARD) || goes_backward;
}

/* ---- the clock ---- */

/* To the next end of a computation; false where there is none. */
static bool go_on(struct replay *replay)
{
    uint64_t next = UINT64_MAX;

    for (uint32_t i = 0; i < replay->plan->stage_count; i++) {
        const uint64_t until = replay->stops[i].until;

        next = until > 0 && until < next ? until : next;
    }
    for (uint32_t i = 0; i < replay->plan->stage_count; i++) {
        struct stop *stop = &replay->stops[i];

        if (stop->until == next) {
            stop->done[stop->direction]++;
            stop->until = 0;
        }
    }
    replay->now = next;
    return next != UINT64_MAX;
}

static bool is_computing(const struct replay *replay)
{
    for (uint32_t i = 0; i < replay->plan->stage_count; i++) {
        if (replay->stops[i].until > 0)
            return true;
    }
    return false;
}

static void run(struct replay *replay)
{
    do {
        for (unsigned patience = KEEPS_PAIRS; patience < PATIENCE_COUNT; patience++) {
            replay->patience = (enum patience)patience;
            look_at_lines(replay);
            transfer(replay);
            find_obstacles(replay);
            if (compute(replay) || is_computing(replay))
                break;
        }
    } while (replay->order->reason == NULL && go_on(replay));
}

/* ---- from the plan ---- */

static void find_holders(struct replay *replay)
{
    const struct mimo_plan *plan = replay->plan;
    uint32_t end = 0;

    for (uint32_t i = 0; i < plan->place_count; i++)
        replay->stops[plan->modules[plan->places[i].module].stage_first + plan->places[i].stage]
            .holder_end++;
    for (uint32_t i = 0; i < plan->stage_count; i++) {
        end += replay->stops[i].holder_end;
        replay->stops[i].holder_first = replay->stops[i].holder_end = end;
    }
    for (uint32_t i = plan->role_count; i-- > 0;) {
        for (uint32_t k = 0; k < plan->roles[i].place_count; k++) {
            const struct mimo_plan_place *place = &plan->places[plan->roles[i].place_first + k];

            replay->holders[--replay->stops[plan->modules[place->module].stage_first + place->stage]
                                  .holder_first] = i;
        }
    }
}

static void find_lines(struct replay *replay)
{
    const struct mimo_plan *plan = replay->plan;

    for (uint32_t i = 0; i < plan->stage_count; i++) {
        const struct mimo_plan_module *module = mimo_order_module(replay->order, i);
        const bool has_chunks = mimo_order_is_interleaved(replay->order, i);

        replay->stops[i].line =
            has_chunks ? module->stage_first + (i - module->stage_first) % module->pp : i;
        replay->lines[i].chunks = has_chunks ? module->virtual_pipeline : 1;
    }
    for (uint32_t i = 0; i < plan->stage_count; i++) {
        const struct mimo_plan_role *role =
            &plan->roles[replay->holders[replay->stops[i].holder_first]];
        const struct mimo_plan_instruction *first = plan->instructions + role->instruction_first;

        if (replay->stops[i].line != i)
            continue;
        replay->lines[i].end = first + role->instruction_count;
        replay->lines[i].next = find_computation(replay, i, first);
        if (replay->lines[i].next != NULL)
            replay->lines[i].then = find_computation(replay, i, replay->lines[i].next + 1);
    }
}

static void add_way(struct replay *replay, uint32_t index, uint32_t direction)
{
    const struct mimo_plan_edge *edge = &replay->plan->edges[index];
    const uint32_t from = replay->plan->modules[edge->from_module].stage_first + edge->from_stage;
    const uint32_t to = replay->plan->modules[edge->to_module].stage_first + edge->to_stage;
    const bool is_forward = direction == MIMO_EDGE_FORWARD;

    replay->ways[replay->way_count++] =
        (struct way){index, direction, is_forward ? from : to, is_forward ? to : from, 0};
}

static void find_ways(struct replay *replay)
{
    for (uint32_t i = 0; i < replay->plan->edge_count; i++) {
        add_way(replay, i, MIMO_EDGE_FORWARD);
        if (replay->plan->edges[i].has_backward != 0)
            add_way(replay, i, MIMO_EDGE_BACKWARD);
    }
}

/* Behind LOAD. */
static void place_actors(struct replay *replay)
{
    for (uint32_t i = 0; i < replay->plan->role_count; i++)
        replay->actors[i].at =
            replay->plan->instructions + replay->plan->roles[i].instruction_first + 1;
}

void mimo_order_replay(struct mimo_order *order)
{
    const struct mimo_plan *plan = order->plan;
    struct mimo_arena *arena = order->arena;
    struct replay replay = {
        .order = order,
        .plan = plan,
        .stops = MIMO_NEW_ARRAY(arena, struct stop, plan->stage_count),
        .lines = MIMO_NEW_ARRAY(arena, struct line, plan->stage_count),
        .ways = MIMO_NEW_ARRAY(arena, struct way, 2 * (size_t)plan->edge_count),
        .holders = MIMO_NEW_ARRAY(arena, uint32_t, plan->place_count),
        .actors = MIMO_NEW_ARRAY(arena, struct actor, plan->role_count),
        .candidates = MIMO_NEW_ARRAY(arena, uint32_t, plan->stage_count),
        .lacks_input = MIMO_NEW_ARRAY(arena, bool, plan->stage_count),
    };

    find_holders(&replay);
    find_lines(&replay);
    find_ways(&replay);
    for (uint32_t i = 0; i < plan->module_count; i++)
        find_warm_ups(&replay, &plan->modules[i]);
    place_actors(&replay);
    run(&replay);
    for (uint32_t i = 0; i < plan->role_count; i++) {
        if (replay.actors[i].at->opcode != MIMO_OPCODE_REDUCE &&
            replay.actors[i].at->opcode != MIMO_OPCODE_STEP)
            refuse(&replay, i);
    }
}
