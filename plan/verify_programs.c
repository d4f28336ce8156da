#include "plan/grid.h"
#include "plan/verify.h"

#include <string.h>

/* The groups are the ones that the layouts imply: every kind of every module, in this order. */
static enum mimo_status verify_groups(const struct mimo_plan *plan, struct mimo_error *err)
{
    const struct mimo_verifier first = {plan, err, MIMO_SECTION_GRPS, 0};

    MIMO_REQUIRE(&first, plan->groups_count == (uint64_t)plan->module_count * MIMO_GROUP_KIND_COUNT,
                 "there are %u records, not %u for each of %u modules", plan->groups_count,
                 MIMO_GROUP_KIND_COUNT, plan->module_count);
    for (uint32_t i = 0; i < plan->groups_count; i++) {
        const struct mimo_verifier at = {plan, err, MIMO_SECTION_GRPS, i};
        const uint32_t module = i / MIMO_GROUP_KIND_COUNT;
        const struct mimo_plan_groups expected = mimo_grid_groups(
            &plan->modules[module], module, (enum mimo_group_kind)(i % MIMO_GROUP_KIND_COUNT));

        MIMO_REQUIRE(&at, memcmp(&plan->groups[i], &expected, sizeof expected) == 0,
                     "it is not the %s groups of module %u",
                     mimo_group_kind_word(i % MIMO_GROUP_KIND_COUNT), module);
    }
    return MIMO_OK;
}

/* Ranks that run one pipeline rank of a module: neighbours, from first on. */
struct slab {
    uint32_t first;
    uint32_t count;
};

static struct slab slab_of(const struct mimo_plan_module *module, uint32_t stage)
{
    const uint32_t count = module->ranks / module->pp;

    return (struct slab){module->rank_offset + stage % module->pp * count, count};
}

static bool overlaps(struct slab a, struct slab b)
{
    return a.first < b.first + b.count && b.first < a.first + a.count;
}

static bool is_within(struct slab inner, struct slab outer)
{
    return inner.first >= outer.first && inner.first - outer.first < outer.count &&
           inner.count <= outer.count - (inner.first - outer.first);
}

static enum mimo_status verify_edge_ends(const struct mimo_verifier *at,
                                         const struct mimo_plan_edge *edge)
{
    const struct mimo_plan *plan = at->plan;

    MIMO_REQUIRE(at, edge->from_module < plan->module_count && edge->to_module < plan->module_count,
                 "it joins modules %u and %u of %u", edge->from_module, edge->to_module,
                 plan->module_count);
    MIMO_REQUIRE(at,
                 edge->from_stage < plan->modules[edge->from_module].stage_count &&
                     edge->to_stage < plan->modules[edge->to_module].stage_count,
                 "it joins stages %u and %u, which its modules do not have", edge->from_stage,
                 edge->to_stage);
    MIMO_TRY(mimo_verify_flag(at, edge->is_bridge, "is_bridge"));
    if (edge->is_bridge == 0) {
        MIMO_REQUIRE(at,
                     edge->from_module == edge->to_module && edge->from_stage + 1 == edge->to_stage,
                     "it is no bridge, and does not join neighbouring stages of one module");
        return MIMO_OK;
    }
    MIMO_REQUIRE(at,
                 edge->from_module != plan->meta->language_module &&
                     edge->from_stage == plan->modules[edge->from_module].stage_count - 1 &&
                     edge->to_module == plan->meta->language_module && edge->to_stage == 0,
                 "it is a bridge, and does not join an encoder's last stage to the language "
                 "model's first");
    return MIMO_OK;
}

/* Edge i leaves stage i of section STAG. */
static enum mimo_status verify_edge(const struct mimo_plan *plan, uint32_t index,
                                    struct mimo_error *err)
{
    const struct mimo_verifier at = {plan, err, MIMO_SECTION_EDGE, index};
    const struct mimo_plan_edge *edge = &plan->edges[index];
    struct slab from, to;

    MIMO_TRY(verify_edge_ends(&at, edge));
    MIMO_REQUIRE(&at, plan->modules[edge->from_module].stage_first + edge->from_stage == index,
                 "it does not leave stage %u", index);
    MIMO_REQUIRE(&at, edge->columns == plan->modules[edge->to_module].hidden_size,
                 "columns is %u, but module %u is %u wide", edge->columns, edge->to_module,
                 plan->modules[edge->to_module].hidden_size);
    MIMO_REQUIRE(&at,
                 edge->has_backward ==
                     (mimo_plan_has_backward(plan, edge->from_module, edge->from_stage) ? 1 : 0),
                 "has_backward is %u, not as what learns at its start or in front of it",
                 edge->has_backward);
    MIMO_TRY(mimo_verify_flag(&at, edge->shares_ranks, "shares_ranks"));
    from = slab_of(&plan->modules[edge->from_module], edge->from_stage);
    to = slab_of(&plan->modules[edge->to_module], edge->to_stage);
    MIMO_REQUIRE(&at, (edge->shares_ranks != 0) == (is_within(from, to) && is_within(to, from)),
                 "shares_ranks is %u, but its ends %s on the same ranks", edge->shares_ranks,
                 edge->shares_ranks != 0 ? "do not lie" : "lie");
    return MIMO_OK;
}

static enum mimo_status verify_places(const struct mimo_plan *plan, uint32_t first, uint32_t count,
                                      struct mimo_error *err)
{
    for (uint32_t i = first; i < first + count; i++) {
        const struct mimo_verifier at = {plan, err, MIMO_SECTION_PLAC, i};
        const struct mimo_plan_place *place = &plan->places[i];

        MIMO_REQUIRE(&at, place->module < plan->module_count, "there is no module %u",
                     place->module);
        MIMO_REQUIRE(&at, place->stage < plan->modules[place->module].stage_count,
                     "module %u has no stage %u", place->module, place->stage);
        MIMO_REQUIRE(&at,
                     i == first || place[-1].module < place->module ||
                         (place[-1].module == place->module && place[-1].stage < place->stage),
                     "the role's places do not ascend by module and stage");
    }
    return MIMO_OK;
}

/* Every rank of the range holds exactly the role's places: each module has all of the range on one
 * of its pipeline ranks or none of it, and the places are those pipeline ranks' stages. */
static enum mimo_status verify_range_places(const struct mimo_verifier *at,
                                            const struct mimo_plan_range *range)
{
    const struct mimo_plan *plan = at->plan;
    const struct mimo_plan_role *role = &plan->roles[range->role];
    const struct slab ranks = {range->first, range->count};
    uint64_t expected = 0;

    for (uint32_t i = 0; i < plan->module_count; i++) {
        const struct mimo_plan_module *module = &plan->modules[i];
        struct mimo_coordinate first;

        if (!overlaps(ranks, (struct slab){module->rank_offset, module->ranks}))
            continue;
        MIMO_REQUIRE(at,
                     mimo_grid_coordinate(module, range->first, &first) &&
                         is_within(ranks, slab_of(module, first.pp)),
                     "its ranks hold different stages of module %u", i);
        expected += module->virtual_pipeline;
    }
    MIMO_REQUIRE(at, expected == role->place_count,
                 "its ranks hold %llu places, but role %u has %u", (unsigned long long)expected,
                 range->role, role->place_count);
    for (uint32_t i = role->place_first; i < role->place_first + role->place_count; i++) {
        const struct mimo_plan_place *place = &plan->places[i];

        MIMO_REQUIRE(at, is_within(ranks, slab_of(&plan->modules[place->module], place->stage)),
                     "its ranks do not hold stage %u of module %u, as role %u does", place->stage,
                     place->module, range->role);
    }
    return MIMO_OK;
}

/* The ranges of one role, from rank `*rank` on, which ends behind them. */
static enum mimo_status verify_ranges(const struct mimo_plan *plan, uint32_t role_index,
                                      uint32_t *rank, struct mimo_error *err)
{
    const struct mimo_plan_role *role = &plan->roles[role_index];

    for (uint32_t i = role->range_first; i < role->range_first + role->range_count; i++) {
        const struct mimo_verifier at = {plan, err, MIMO_SECTION_RANG, i};
        const struct mimo_plan_range *range = &plan->ranges[i];

        MIMO_REQUIRE(&at, range->role == role_index, "role is %u instead of %u", range->role,
                     role_index);
        MIMO_REQUIRE(&at, range->first == *rank, "first is %u instead of %u", range->first, *rank);
        MIMO_REQUIRE(&at, range->count >= 1 && range->count <= plan->meta->world_size - *rank,
                     "it has %u ranks, but %u are left", range->count,
                     plan->meta->world_size - *rank);
        MIMO_TRY(mimo_verify_zero(&at, range->reserved, "reserved"));
        MIMO_TRY(verify_range_places(&at, range));
        *rank += range->count;
    }
    return MIMO_OK;
}

/* Which operands an instruction has. */
static const struct opcode_rule {
    bool has_place, has_micro_step, sends, receives;
} opcode_rules[MIMO_OPCODE_COUNT] = {
    [MIMO_OPCODE_LOAD] = {false, false, false, false},
    [MIMO_OPCODE_ENCODE] = {true, true, false, false},
    [MIMO_OPCODE_MERGE] = {true, true, false, false},
    [MIMO_OPCODE_FORWARD] = {true, true, false, false},
    [MIMO_OPCODE_BACKWARD] = {true, true, false, false},
    [MIMO_OPCODE_SEND] = {false, false, true, false},
    [MIMO_OPCODE_RECEIVE] = {false, false, false, true},
    [MIMO_OPCODE_EXCHANGE] = {false, false, true, true},
    [MIMO_OPCODE_REDUCE] = {true, false, false, false},
    [MIMO_OPCODE_STEP] = {false, false, false, false},
};

static bool holds_place(const struct mimo_plan *plan, const struct mimo_plan_role *role,
                        uint32_t module, uint32_t stage)
{
    uint32_t low = role->place_first, high = role->place_first + role->place_count;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const struct mimo_plan_place *place = &plan->places[middle];

        if (place->module == module && place->stage == stage)
            return true;
        if (place->module < module || (place->module == module && place->stage < stage))
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* One side of a communication: `leaves` where this role is where the data comes from. */
static enum mimo_status verify_side(const struct mimo_verifier *at,
                                    const struct mimo_plan_role *role, bool is_present, bool leaves,
                                    uint32_t edge_index, uint32_t micro_step, uint32_t direction)
{
    const char *name = leaves ? "send" : "receive";
    const struct mimo_plan_edge *edge;
    bool is_from;

    if (!is_present) {
        MIMO_REQUIRE(at, edge_index == MIMO_NONE, "%s_edge is %u, but it does not %s", name,
                     edge_index, name);
        return MIMO_OK;
    }
    MIMO_REQUIRE(at, edge_index < at->plan->edge_count, "%s_edge is %u of %u", name, edge_index,
                 at->plan->edge_count);
    edge = &at->plan->edges[edge_index];
    MIMO_REQUIRE(at, micro_step < at->plan->training->micro_steps, "%s_micro_step is %u of %u",
                 name, micro_step, at->plan->training->micro_steps);
    MIMO_REQUIRE(at,
                 direction == MIMO_EDGE_FORWARD ||
                     (direction == MIMO_EDGE_BACKWARD && edge->has_backward != 0),
                 "%s_direction is %u, which edge %u does not have", name, direction, edge_index);
    is_from = leaves == (direction == MIMO_EDGE_FORWARD);
    MIMO_REQUIRE(at,
                 is_from ? holds_place(at->plan, role, edge->from_module, edge->from_stage)
                         : holds_place(at->plan, role, edge->to_module, edge->to_stage),
                 "the role does not hold the end of edge %u", edge_index);
    return MIMO_OK;
}

/* Encoders encode, the language model's first stage merges, the language model goes forward. */
static enum mimo_status verify_place_operand(const struct mimo_verifier *at,
                                             const struct mimo_plan_role *role,
                                             const struct mimo_plan_instruction *instruction)
{
    const struct mimo_plan_place *place;
    bool is_language;

    MIMO_REQUIRE(at,
                 instruction->place >= role->place_first &&
                     instruction->place - role->place_first < role->place_count,
                 "place %u is not one of the role's", instruction->place);
    place = &at->plan->places[instruction->place];
    is_language = place->module == at->plan->meta->language_module;
    MIMO_REQUIRE(at, instruction->opcode != MIMO_OPCODE_ENCODE || !is_language,
                 "the language model does not encode");
    MIMO_REQUIRE(at, instruction->opcode != MIMO_OPCODE_FORWARD || is_language,
                 "an encoder goes forward by encode");
    MIMO_REQUIRE(at, instruction->opcode != MIMO_OPCODE_MERGE || (is_language && place->stage == 0),
                 "only the language model's first stage merges");
    MIMO_REQUIRE(at,
                 instruction->opcode != MIMO_OPCODE_BACKWARD ||
                     mimo_plan_has_backward(at->plan, place->module, place->stage),
                 "nothing goes backward through stage %u of module %u", place->stage,
                 place->module);
    return MIMO_OK;
}

static enum mimo_status verify_instruction(const struct mimo_plan *plan,
                                           const struct mimo_plan_role *role, uint32_t index,
                                           struct mimo_error *err)
{
    const struct mimo_verifier at = {plan, err, MIMO_SECTION_PROG, index};
    const struct mimo_plan_instruction *instruction = &plan->instructions[index];
    const struct opcode_rule *rule;

    MIMO_TRY(mimo_verify_choice(&at, instruction->opcode, MIMO_OPCODE_COUNT, "opcode"));
    rule = &opcode_rules[instruction->opcode];
    if (rule->has_place)
        MIMO_TRY(verify_place_operand(&at, role, instruction));
    else
        MIMO_REQUIRE(&at, instruction->place == MIMO_NONE, "place is %u, but %s has none",
                     instruction->place, mimo_opcode_word(instruction->opcode));
    MIMO_REQUIRE(&at,
                 rule->has_micro_step ? instruction->micro_step < plan->training->micro_steps
                                      : instruction->micro_step == MIMO_NONE,
                 "micro_step is %u, which %s does not take", instruction->micro_step,
                 mimo_opcode_word(instruction->opcode));
    MIMO_TRY(verify_side(&at, role, rule->sends, true, instruction->send_edge,
                         instruction->send_micro_step, instruction->send_direction));
    MIMO_TRY(verify_side(&at, role, rule->receives, false, instruction->receive_edge,
                         instruction->receive_micro_step, instruction->receive_direction));
    return mimo_verify_zero(&at, instruction->reserved, "reserved");
}

/* How far the roles have used up the sections that they share out among them, in order. */
struct progress {
    uint32_t places, ranges, instructions, rank;
};

static enum mimo_status verify_role(const struct mimo_plan *plan, uint32_t index,
                                    struct progress *progress, struct mimo_error *err)
{
    const struct mimo_verifier at = {plan, err, MIMO_SECTION_ROLE, index};
    const struct mimo_plan_role *role = &plan->roles[index];

    MIMO_REQUIRE(&at,
                 role->place_first == progress->places &&
                     role->place_count <= plan->place_count - progress->places,
                 "its places are not those behind the role before");
    MIMO_REQUIRE(&at,
                 role->range_first == progress->ranges && role->range_count >= 1 &&
                     role->range_count <= plan->range_count - progress->ranges,
                 "its ranges are not those behind the role before");
    MIMO_REQUIRE(&at,
                 role->instruction_first == progress->instructions &&
                     role->instruction_count <= plan->instruction_count - progress->instructions,
                 "its instructions are not those behind the role before");
    MIMO_TRY(verify_places(plan, role->place_first, role->place_count, err));
    MIMO_TRY(verify_ranges(plan, index, &progress->rank, err));
    for (uint32_t i = 0; i < role->instruction_count; i++)
        MIMO_TRY(verify_instruction(plan, role, role->instruction_first + i, err));
    progress->places += role->place_count;
    progress->ranges += role->range_count;
    progress->instructions += role->instruction_count;
    return MIMO_OK;
}

enum mimo_status mimo_verify_programs(const struct mimo_plan *plan, struct mimo_error *err)
{
    const struct mimo_verifier at = {plan, err, MIMO_SECTION_ROLE, 0};
    struct progress progress = {0};

    MIMO_TRY(verify_groups(plan, err));
    MIMO_REQUIRE(&at, plan->edge_count + UINT64_C(1) == plan->stage_count,
                 "%u edges do not join %u stages", plan->edge_count, plan->stage_count);
    for (uint32_t i = 0; i < plan->edge_count; i++)
        MIMO_TRY(verify_edge(plan, i, err));
    for (uint32_t i = 0; i < plan->role_count; i++)
        MIMO_TRY(verify_role(plan, i, &progress, err));
    MIMO_REQUIRE(&at, progress.rank == plan->meta->world_size, "the roles cover %u ranks of %u",
                 progress.rank, plan->meta->world_size);
    MIMO_REQUIRE(&at,
                 progress.places == plan->place_count && progress.ranges == plan->range_count &&
                     progress.instructions == plan->instruction_count,
                 "places, ranges or instructions are left that no role has");
    return MIMO_OK;
}
