#include "compiler/proof/ranks_parts.h"
#include "plan/grid.h"

#include <string.h>

/* A rank's place in its module, by division: tp, cp, dp, pp; etp, ep, edp. */
enum digit { TP, CP, DP, PP, ETP, EP, EDP, DIGIT_COUNT };

/* The digits that differ within a group, as the kinds are called. */
static const unsigned kind_digits[MIMO_GROUP_KIND_COUNT] = {
    [MIMO_GROUP_KIND_TP] = 1 << TP,
    [MIMO_GROUP_KIND_CP] = 1 << CP,
    [MIMO_GROUP_KIND_DP] = 1 << DP,
    [MIMO_GROUP_KIND_PP] = 1 << PP,
    [MIMO_GROUP_KIND_DP_CP] = 1 << DP | 1 << CP,
    [MIMO_GROUP_KIND_TP_CP] = 1 << TP | 1 << CP,
    [MIMO_GROUP_KIND_TP_PP] = 1 << TP | 1 << PP,
    [MIMO_GROUP_KIND_TP_DP_CP] = 1 << TP | 1 << DP | 1 << CP,
    [MIMO_GROUP_KIND_EMBEDDING] = 1 << PP,
    [MIMO_GROUP_KIND_POSITION_EMBEDDING] = 1 << PP,
    [MIMO_GROUP_KIND_ETP] = 1 << ETP,
    [MIMO_GROUP_KIND_EP] = 1 << EP,
    [MIMO_GROUP_KIND_EDP] = 1 << EDP,
    [MIMO_GROUP_KIND_ETP_EP] = 1 << ETP | 1 << EP,
    [MIMO_GROUP_KIND_ETP_EP_PP] = 1 << ETP | 1 << EP | 1 << PP,
};

static void find_digits(const struct mimo_plan_module *module, uint32_t rank,
                        uint32_t digits[DIGIT_COUNT])
{
    const uint32_t slab = module->tp * module->cp * module->dp;
    const uint32_t index = rank - module->rank_offset;

    digits[TP] = index % module->tp;
    digits[CP] = index / module->tp % module->cp;
    digits[DP] = index / (module->tp * module->cp) % module->dp;
    digits[PP] = index / slab;
    digits[ETP] = index % slab % module->etp;
    digits[EP] = index % slab / module->etp % module->ep;
    digits[EDP] = index % slab / (module->etp * module->ep);
}

struct digits {
    uint32_t values[DIGIT_COUNT];
};

/* Of all ranks of the module. */
static void list_digits(const struct mimo_plan_module *module, struct digits *of_ranks)
{
    for (uint32_t i = 0; i < module->ranks; i++)
        find_digits(module, module->rank_offset + i, of_ranks[i].values);
}

static bool is_expert_kind(uint32_t kind)
{
    return (kind_digits[kind] & (1 << ETP | 1 << EP | 1 << EDP)) != 0;
}

/* Digits that members have in common; those of the other view follow from them. */
static unsigned common_digits(uint32_t kind)
{
    const unsigned view = is_expert_kind(kind) ? 1 << ETP | 1 << EP | 1 << EDP | 1 << PP
                                               : 1 << TP | 1 << CP | 1 << DP | 1 << PP;

    return view & ~kind_digits[kind];
}

/* The pipeline ranks that take part in a kind: all but for embeddings. */
static bool takes_part(const struct mimo_plan_module *module, uint32_t kind, uint32_t pp)
{
    if (kind == MIMO_GROUP_KIND_EMBEDDING)
        return pp == 0 || pp == module->pp - 1;
    return kind != MIMO_GROUP_KIND_POSITION_EMBEDDING || pp == 0;
}

static uint32_t expected_size(const struct mimo_plan_module *module, uint32_t kind)
{
    const uint32_t counts[DIGIT_COUNT] = {module->tp,  module->cp, module->dp, 0,
                                          module->etp, module->ep, module->edp};
    uint32_t size = 1, stages = 0;

    for (uint32_t pp = 0; pp < module->pp; pp++)
        stages += takes_part(module, kind, pp) ? 1 : 0;
    for (int digit = 0; digit < DIGIT_COUNT; digit++) {
        if ((kind_digits[kind] >> digit & 1) != 0)
            size *= digit == PP ? stages : counts[digit];
    }
    return size;
}

/* Counts that multiply, and no digit that says nothing: unused ones come last, with stride 0. */
static bool is_countable(const uint32_t counts[4], const uint32_t strides[4], uint32_t product)
{
    uint64_t sum = 1;

    for (int i = 0; i < 4; i++) {
        if (counts[i] == 0 || sum > UINT32_MAX || (counts[i] == 1) != (strides[i] == 0) ||
            (i > 0 && counts[i] > 1 && counts[i - 1] == 1))
            return false;
        sum *= counts[i];
    }
    return sum == product;
}

/* Members ascend, take part, and have all other digits in common; so they are as many as there are
 * values of the digits only if each value is there once. */
static bool prove_members(struct mimo_prover *prover, const struct mimo_plan_groups *groups,
                          uint32_t group, const struct digits *of_ranks, bool *is_seen)
{
    const struct mimo_plan_module *module = &prover->plan->modules[groups->module];
    const char *word = mimo_group_kind_word(groups->kind);
    const uint32_t common = common_digits(groups->kind);
    const uint32_t *first = NULL;
    uint32_t before = 0;

    for (uint32_t i = 0; i < groups->size; i++) {
        const uint32_t rank = mimo_groups_member(groups, group, i);
        const uint32_t *digits;

        if (rank < module->rank_offset || rank - module->rank_offset >= module->ranks)
            return mimo_refuse(prover, "a %s group has rank %u, which is not its module's", word,
                               rank);
        digits = of_ranks[rank - module->rank_offset].values;
        first = i == 0 ? digits : first;
        for (int digit = 0; digit < DIGIT_COUNT; digit++) {
            if ((common >> digit & 1) != 0 && digits[digit] != first[digit])
                return mimo_refuse(prover, "rank %u is in the wrong %s group", rank, word);
        }
        if ((i > 0 && rank <= before) || is_seen[rank] ||
            !takes_part(module, groups->kind, digits[PP]))
            return mimo_refuse(prover, "rank %u has no place in its %s group", rank, word);
        is_seen[rank] = true;
        before = rank;
    }
    return true;
}

static bool prove_kind(struct mimo_prover *prover, uint32_t module_index, uint32_t kind,
                       const struct digits *of_ranks, bool *is_seen)
{
    const struct mimo_plan_groups *groups =
        &prover->plan->groups[module_index * MIMO_GROUP_KIND_COUNT + kind];
    const struct mimo_plan_module *module = &prover->plan->modules[module_index];
    const uint32_t slab = module->ranks / module->pp;
    uint64_t members = 0;

    for (uint32_t pp = 0; pp < module->pp; pp++)
        members += takes_part(module, kind, pp) ? slab : 0;
    if (groups->module != module_index || groups->kind != kind || groups->reserved != 0 ||
        !is_countable(groups->outer_count, groups->outer_stride, groups->group_count) ||
        !is_countable(groups->inner_count, groups->inner_stride, groups->size) ||
        groups->size != expected_size(module, kind) ||
        (uint64_t)groups->group_count * groups->size != members)
        return mimo_refuse(prover, "the %s groups of module %u are not its ranks'",
                           mimo_group_kind_word(kind), module_index);
    memset(is_seen, 0, prover->plan->meta->world_size * sizeof *is_seen);
    for (uint32_t group = 0; group < groups->group_count; group++) {
        if (!prove_members(prover, groups, group, of_ranks, is_seen))
            return false;
        if (group > 0 &&
            mimo_groups_member(groups, group, 0) <= mimo_groups_member(groups, group - 1, 0))
            return mimo_refuse(prover, "the %s groups of module %u do not ascend",
                               mimo_group_kind_word(kind), module_index);
    }
    return true;
}

bool mimo_prove_groups(struct mimo_prover *prover)
{
    const struct mimo_plan *plan = prover->plan;
    bool *is_seen = MIMO_NEW_ARRAY(prover->arena, bool, plan->meta->world_size);
    struct digits *of_ranks = MIMO_NEW_ARRAY(prover->arena, struct digits, plan->meta->world_size);

    if (plan->groups_count != plan->module_count * MIMO_GROUP_KIND_COUNT)
        return mimo_refuse(prover, "there are %u records of groups", plan->groups_count);
    for (uint32_t i = 0; i < plan->groups_count; i++) {
        const uint32_t module = i / MIMO_GROUP_KIND_COUNT, kind = i % MIMO_GROUP_KIND_COUNT;

        if (kind == 0)
            list_digits(&plan->modules[module], of_ranks);
        if (!prove_kind(prover, module, kind, of_ranks, is_seen))
            return false;
    }
    return true;
}
