#include "compiler/proof/ranks.h"

#include "compiler/proof/ranks_parts.h"
#include "plan/communication.h"

#include <string.h>

/* ---- roles ---- */

static bool holds(const struct mimo_plan *plan, const struct mimo_plan_role *role, uint32_t module,
                  uint32_t stage)
{
    for (uint32_t i = role->place_first; i < role->place_first + role->place_count; i++) {
        if (plan->places[i].module == module && plan->places[i].stage == stage)
            return true;
    }
    return false;
}

static bool comes_before(const struct mimo_plan_place *a, const struct mimo_plan_place *b)
{
    return a->module != b->module ? a->module < b->module : a->stage < b->stage;
}

static bool prove_places(struct mimo_prover *prover)
{
    const struct mimo_plan *plan = prover->plan;

    for (uint32_t i = 0; i < plan->role_count; i++) {
        const struct mimo_plan_role *role = &plan->roles[i];

        for (uint32_t k = 1; k < role->place_count; k++) {
            const struct mimo_plan_place *place = &plan->places[role->place_first + k];
            if (!comes_before(place - 1, place))
                return mimo_refuse(prover, "the places of role %u do not ascend", i);
        }
    }
    return true;
}

/* Every rank has a role with exactly the stages that its coordinates give it. */
static bool prove_rank(struct mimo_prover *prover, const struct mimo_plan_role *role, uint32_t rank)
{
    const struct mimo_plan *plan = prover->plan;
    uint32_t count = 0;

    for (uint32_t m = 0; m < plan->module_count; m++) {
        const struct mimo_plan_module *module = &plan->modules[m];
        uint32_t pp;

        if (rank < module->rank_offset || rank - module->rank_offset >= module->ranks)
            continue;
        pp = (rank - module->rank_offset) / (module->ranks / module->pp);
        for (uint32_t s = pp; s < module->stage_count; s += module->pp) {
            if (!holds(plan, role, m, s))
                return mimo_refuse(prover, "rank %u does not run stage %u of module %u", rank, s,
                                   m);
            count++;
        }
    }
    return count == role->place_count ||
           mimo_refuse(prover, "rank %u runs stages that are not its own", rank);
}

static bool prove_ranks_of_roles(struct mimo_prover *prover)
{
    const struct mimo_plan *plan = prover->plan;
    uint32_t rank = 0;

    for (uint32_t i = 0; i < plan->range_count; i++) {
        const struct mimo_plan_range *range = &plan->ranges[i];

        if (range->first != rank)
            return mimo_refuse(prover, "rank %u has no role, or two", rank);
        for (; rank < range->first + range->count; rank++) {
            if (!prove_rank(prover, &plan->roles[range->role], rank))
                return false;
        }
    }
    return rank == plan->meta->world_size || mimo_refuse(prover, "rank %u has no role", rank);
}

/* ---- the order in which two roles come to what they do together ---- */

/* Something that ranks of a stage do together, or of a pipeline rank (REDUCE), or all (module
 * NONE). What communicates in no group is none: prove.h has brought both ends of transfers
 * together. */
struct act {
    uint32_t opcode, module, stage, micro_step, edge, direction;
};

struct acts {
    struct act *items;
    size_t count, capacity;
};

/* The last micro-step's BACKWARD sums gradients besides. */
static bool communicates(const struct mimo_plan *plan, const struct act *act)
{
    const struct mimo_communication_key key = {act->opcode, act->module, act->stage, act->edge,
                                               act->direction};
    struct mimo_bucket bucket;
    uint32_t first, count;

    mimo_communications_find(plan, &key, &first, &count);
    return count > 0 || (act->opcode == MIMO_OPCODE_BACKWARD &&
                         act->micro_step + 1 == plan->training->micro_steps &&
                         mimo_bucket_first_of_stage(plan, act->module, act->stage, &bucket));
}

static void append_act(const struct mimo_plan *plan, struct acts *acts, struct mimo_arena *arena,
                       const struct act *act)
{
    if (communicates(plan, act))
        MIMO_APPEND(arena, acts->items, acts->count, acts->capacity, *act);
}

static void append_end(const struct mimo_plan *plan, struct acts *acts, struct mimo_arena *arena,
                       enum mimo_opcode opcode, const struct act *transfer)
{
    const struct mimo_plan_edge *edge = &plan->edges[transfer->edge];
    const bool is_from = (opcode == MIMO_OPCODE_SEND) == (transfer->direction == MIMO_EDGE_FORWARD);
    struct act act = *transfer;

    act.opcode = opcode;
    act.module = is_from ? edge->from_module : edge->to_module;
    act.stage = is_from ? edge->from_stage : edge->to_stage;
    append_act(plan, acts, arena, &act);
}

static void append_acts(const struct mimo_plan *plan, struct acts *acts, struct mimo_arena *arena,
                        const struct mimo_plan_instruction *instruction)
{
    struct act act = {instruction->opcode,     MIMO_NONE, MIMO_NONE,
                      instruction->micro_step, MIMO_NONE, 0};

    if (instruction->send_edge != MIMO_NONE)
        append_end(plan, acts, arena, MIMO_OPCODE_SEND,
                   &(struct act){.micro_step = instruction->send_micro_step,
                                 .edge = instruction->send_edge,
                                 .direction = instruction->send_direction});
    if (instruction->receive_edge != MIMO_NONE)
        append_end(plan, acts, arena, MIMO_OPCODE_RECEIVE,
                   &(struct act){.micro_step = instruction->receive_micro_step,
                                 .edge = instruction->receive_edge,
                                 .direction = instruction->receive_direction});
    if (instruction->send_edge != MIMO_NONE || instruction->receive_edge != MIMO_NONE)
        return;
    if (instruction->place != MIMO_NONE) {
        act.module = plan->places[instruction->place].module;
        act.stage = plan->places[instruction->place].stage;
    }
    append_act(plan, acts, arena, &act);
}

static struct acts acts_of(const struct mimo_prover *prover, const struct mimo_plan_role *role)
{
    struct acts acts = {0};

    for (uint32_t i = 0; i < role->instruction_count; i++)
        append_acts(prover->plan, &acts, prover->arena,
                    &prover->plan->instructions[role->instruction_first + i]);
    return acts;
}

/* What two roles have in common; tables are as long as all places. */
struct common {
    uint32_t *modules, *stages;
    uint32_t count;
};

/* Places of a role ascend by module and stage: one walk over both roles. */
static void find_common(const struct mimo_plan *plan, const struct mimo_plan_role *a,
                        const struct mimo_plan_role *b, struct common *common)
{
    uint32_t i = 0, j = 0;

    common->count = 0;
    while (i < a->place_count && j < b->place_count) {
        const struct mimo_plan_place *x = &plan->places[a->place_first + i];
        const struct mimo_plan_place *y = &plan->places[b->place_first + j];

        if (x->module == y->module && x->stage == y->stage) {
            common->modules[common->count] = x->module;
            common->stages[common->count++] = x->stage;
        }
        i += !comes_before(y, x) ? 1 : 0;
        j += !comes_before(x, y) ? 1 : 0;
    }
}

static bool holds_all(const struct mimo_plan *plan, const struct mimo_plan_role *role,
                      const struct common *common)
{
    for (uint32_t i = 0; i < common->count; i++) {
        if (!holds(plan, role, common->modules[i], common->stages[i]))
            return false;
    }
    return true;
}

static bool is_common(const struct common *common, const struct act *act)
{
    for (uint32_t i = 0; i < common->count; i++) {
        if (common->modules[i] == act->module && common->stages[i] == act->stage)
            return true;
    }
    return false;
}

/* The next act from `at` on that is of a common stage. */
static const struct act *next_common(const struct acts *acts, const struct common *common,
                                     size_t *at)
{
    while (*at < acts->count && !is_common(common, &acts->items[*at]))
        (*at)++;
    return *at < acts->count ? &acts->items[(*at)++] : NULL;
}

static bool prove_pair(struct mimo_prover *prover, const struct acts *acts, uint32_t a, uint32_t b,
                       const struct common *common)
{
    size_t at_a = 0, at_b = 0;
    const struct act *x, *y;

    do {
        x = next_common(&acts[a], common, &at_a);
        y = next_common(&acts[b], common, &at_b);
        if ((x == NULL) != (y == NULL) || (x != NULL && memcmp(x, y, sizeof *x) != 0))
            return mimo_refuse(prover, "roles %u and %u come to a group in different orders", a, b);
    } while (x != NULL);
    return true;
}

/* Roles that hold a stage, in ascending order. */
struct holders {
    const uint32_t *roles;
    uint32_t count;
};

/*
 * Two roles that have stages in common come to those in one order. If an earlier role holds all of
 * these too, both have been compared with it, or with one before it: they need not be with each
 * other.
 */
static bool prove_role(struct mimo_prover *prover, const struct acts *acts,
                       const struct holders *holders, uint32_t role, struct common *common)
{
    const struct mimo_plan *plan = prover->plan;
    const struct mimo_plan_role *record = &plan->roles[role];

    for (uint32_t i = record->place_first; i < record->place_first + record->place_count; i++) {
        const struct mimo_plan_place *place = &plan->places[i];
        const struct holders *of_stage =
            &holders[plan->modules[place->module].stage_first + place->stage];

        for (uint32_t k = 0; k < of_stage->count && of_stage->roles[k] < role; k++) {
            const uint32_t other = of_stage->roles[k];
            uint32_t first = 0;

            find_common(plan, record, &plan->roles[other], common);
            while (!holds_all(plan, &plan->roles[of_stage->roles[first]], common))
                first++;
            if (first == k && common->modules[0] == place->module &&
                common->stages[0] == place->stage && !prove_pair(prover, acts, other, role, common))
                return false;
        }
    }
    return true;
}

/* LOAD, what stages do, REDUCE module by module, STEP. */
static bool prove_frame(struct mimo_prover *prover, const struct acts *acts, uint32_t role)
{
    uint64_t before = 0;

    for (size_t i = 0; i < acts->count; i++) {
        const struct act *act = &acts->items[i];
        uint64_t own = 1;

        if (act->opcode == MIMO_OPCODE_LOAD)
            own = 0;
        else if (act->opcode == MIMO_OPCODE_REDUCE)
            own = 2 + (uint64_t)act->module;
        else if (act->opcode == MIMO_OPCODE_STEP)
            own = UINT64_MAX;
        if (own < before || (own == before && own != 1 && i > 0))
            return mimo_refuse(prover, "role %u loads, reduces or steps out of turn", role);
        before = own;
    }
    return true;
}

static const struct holders *find_holders(const struct mimo_prover *prover)
{
    const struct mimo_plan *plan = prover->plan;
    struct holders *holders = MIMO_NEW_ARRAY(prover->arena, struct holders, plan->stage_count);
    uint32_t *next = MIMO_NEW_ARRAY(prover->arena, uint32_t, plan->stage_count + 1);
    uint32_t *roles = MIMO_NEW_ARRAY(prover->arena, uint32_t, plan->place_count);

    for (uint32_t i = 0; i < plan->place_count; i++)
        next[plan->modules[plan->places[i].module].stage_first + plan->places[i].stage + 1]++;
    for (uint32_t i = 0; i < plan->stage_count; i++) {
        holders[i] = (struct holders){roles + next[i], next[i + 1]};
        next[i + 1] += next[i];
    }
    for (uint32_t i = 0; i < plan->role_count; i++) {
        const struct mimo_plan_role *role = &plan->roles[i];

        for (uint32_t k = role->place_first; k < role->place_first + role->place_count; k++)
            roles[next[plan->modules[plan->places[k].module].stage_first +
                       plan->places[k].stage]++] = i;
    }
    return holders;
}

static bool prove_orders(struct mimo_prover *prover)
{
    const struct mimo_plan *plan = prover->plan;
    const struct holders *holders = find_holders(prover);
    struct acts *acts = MIMO_NEW_ARRAY(prover->arena, struct acts, plan->role_count);
    struct common common = {
        .modules = MIMO_NEW_ARRAY(prover->arena, uint32_t, plan->place_count),
        .stages = MIMO_NEW_ARRAY(prover->arena, uint32_t, plan->place_count),
    };

    for (uint32_t i = 0; i < plan->role_count; i++) {
        acts[i] = acts_of(prover, &plan->roles[i]);
        if (!prove_frame(prover, &acts[i], i) || !prove_role(prover, acts, holders, i, &common))
            return false;
    }
    return true;
}

/* ---- lists of records ---- */

/* One order only, so that one plan has one list: lists ascend, and within the layers of a list
 * those without experts come first. */
static bool prove_lists(struct mimo_prover *prover)
{
    for (uint32_t i = 1; i < prover->plan->communication_count; i++) {
        const struct mimo_plan_communication *record = &prover->plan->communications[i];
        const struct mimo_communication_key key = {record->opcode, record->module, record->stage,
                                                   record->edge, record->direction};
        const int order = mimo_communication_compare(record - 1, &key);

        if (order > 0 ||
            (order == 0 && record->loop != MIMO_LOOP_ONCE && record[-1].loop > record->loop))
            return mimo_refuse(prover, "communication %u stands in the wrong place", i);
    }
    return true;
}

static bool prove_nothing_is_left(struct mimo_prover *prover)
{
    for (uint32_t i = 0; i < prover->plan->communication_count; i++) {
        if (!prover->is_used[i])
            return mimo_refuse(prover, "communication %u serves no computation", i);
    }
    return true;
}

/* ---- the whole ---- */

bool mimo_prove_ranks(const struct mimo_plan *plan, struct mimo_arena *arena,
                      const char **out_reason)
{
    struct mimo_prover prover = {
        .plan = plan,
        .arena = arena,
        .is_used = MIMO_NEW_ARRAY(arena, bool, plan->communication_count),
    };

    if (prove_lists(&prover) && mimo_prove_groups(&prover) && mimo_prove_transfers(&prover) &&
        prove_places(&prover) && prove_ranks_of_roles(&prover) && prove_orders(&prover) &&
        mimo_prove_stages(&prover) && mimo_prove_gradients(&prover) &&
        prove_nothing_is_left(&prover))
        return true;
    *out_reason = prover.reason;
    return false;
}
