#include "plan/grid.h"

#include "plan/error.h"

#include <stddef.h>

__extension__ typedef unsigned __int128 wide;

/* The digits of a rank in one of its two views, fastest first. */
enum { TP = 1, CP = 2, DP = 4, PP = 8 };
enum { ETP = 1, EP = 2, EDP = 4 };

/* Which digits run within a group of each kind; the others tell the groups apart. */
static const struct group_rule {
    unsigned varies;
    bool is_expert;
} group_rules[MIMO_GROUP_KIND_COUNT] = {
    [MIMO_GROUP_KIND_TP] = {TP, false},
    [MIMO_GROUP_KIND_CP] = {CP, false},
    [MIMO_GROUP_KIND_DP] = {DP, false},
    [MIMO_GROUP_KIND_PP] = {PP, false},
    [MIMO_GROUP_KIND_DP_CP] = {DP | CP, false},
    [MIMO_GROUP_KIND_TP_CP] = {TP | CP, false},
    [MIMO_GROUP_KIND_TP_PP] = {TP | PP, false},
    [MIMO_GROUP_KIND_TP_DP_CP] = {TP | DP | CP, false},
    [MIMO_GROUP_KIND_EMBEDDING] = {PP, false},
    [MIMO_GROUP_KIND_POSITION_EMBEDDING] = {PP, false},
    [MIMO_GROUP_KIND_ETP] = {ETP, true},
    [MIMO_GROUP_KIND_EP] = {EP, true},
    [MIMO_GROUP_KIND_EDP] = {EDP, true},
    [MIMO_GROUP_KIND_ETP_EP] = {ETP | EP, true},
    [MIMO_GROUP_KIND_ETP_EP_PP] = {ETP | EP | PP, true},
};

bool mimo_grid_coordinate(const struct mimo_plan_module *module, uint32_t rank,
                          struct mimo_coordinate *out_coordinate)
{
    uint32_t index, slab;

    if (rank < module->rank_offset || rank - module->rank_offset >= module->ranks)
        return false;
    index = rank - module->rank_offset;
    slab = index % (module->ranks / module->pp);
    *out_coordinate = (struct mimo_coordinate){
        .tp = slab % module->tp,
        .cp = slab / module->tp % module->cp,
        .dp = slab / module->tp / module->cp,
        .pp = index / (module->ranks / module->pp),
        .etp = slab % module->etp,
        .ep = slab / module->etp % module->ep,
        .edp = slab / module->etp / module->ep,
    };
    return true;
}

uint32_t mimo_grid_rank(const struct mimo_plan_module *module, uint32_t tp, uint32_t cp,
                        uint32_t dp, uint32_t pp)
{
    return module->rank_offset + (tp + module->tp * (cp + module->cp * (dp + module->dp * pp)));
}

static void add_digit(uint32_t *counts, uint32_t *strides, uint32_t count, uint32_t stride)
{
    size_t at = 0;

    if (count == 1)
        return;
    while (counts[at] != 1)
        at++;
    counts[at] = count;
    strides[at] = stride;
}

static uint32_t product(const uint32_t counts[4])
{
    return counts[0] * counts[1] * counts[2] * counts[3];
}

/* How many pipeline ranks a group of this kind has, and their distance in pipeline ranks. */
static void pipeline_members(enum mimo_group_kind kind, uint32_t pp, uint32_t *out_count,
                             uint32_t *out_distance)
{
    *out_count = pp;
    *out_distance = 1;
    if (kind == MIMO_GROUP_KIND_POSITION_EMBEDDING) {
        *out_count = 1;
    } else if (kind == MIMO_GROUP_KIND_EMBEDDING && pp > 1) {
        *out_count = 2;
        *out_distance = pp - 1;
    }
}

struct mimo_plan_groups mimo_grid_groups(const struct mimo_plan_module *module,
                                         uint32_t module_index, enum mimo_group_kind kind)
{
    const struct group_rule rule = group_rules[kind];
    const uint32_t dense[3] = {module->tp, module->cp, module->dp};
    const uint32_t expert[3] = {module->etp, module->ep, module->edp};
    const uint32_t *counts = rule.is_expert ? expert : dense;
    struct mimo_plan_groups groups = {
        .module = module_index,
        .kind = kind,
        .base = module->rank_offset,
        .outer_count = {1, 1, 1, 1},
        .inner_count = {1, 1, 1, 1},
    };
    uint32_t stride = 1;

    for (unsigned digit = 0; digit < 3; digit++) {
        if ((rule.varies >> digit & 1) != 0)
            add_digit(groups.inner_count, groups.inner_stride, counts[digit], stride);
        else
            add_digit(groups.outer_count, groups.outer_stride, counts[digit], stride);
        stride *= counts[digit];
    }
    if ((rule.varies & PP) != 0) {
        uint32_t count, distance;
        pipeline_members(kind, module->pp, &count, &distance);
        add_digit(groups.inner_count, groups.inner_stride, count, stride * distance);
    } else {
        add_digit(groups.outer_count, groups.outer_stride, module->pp, stride);
    }
    groups.group_count = product(groups.outer_count);
    groups.size = product(groups.inner_count);
    return groups;
}

/* Σ digit · stride, the digits being those of `index`. */
static uint32_t spread(const uint32_t counts[4], const uint32_t strides[4], uint32_t index)
{
    uint32_t sum = 0;

    for (int i = 0; i < 4 && index > 0; i++) {
        sum += index % counts[i] * strides[i];
        index /= counts[i];
    }
    return sum;
}

/* The inverse of spread() for a distance that also has digits of other strides. */
static uint32_t gather(const uint32_t counts[4], const uint32_t strides[4], uint32_t distance)
{
    uint32_t index = 0, weight = 1;

    for (int i = 0; i < 4 && counts[i] > 1; i++) {
        index += distance / strides[i] % counts[i] * weight;
        weight *= counts[i];
    }
    return index;
}

uint32_t mimo_groups_member(const struct mimo_plan_groups *groups, uint32_t group, uint32_t member)
{
    return groups->base + spread(groups->outer_count, groups->outer_stride, group) +
           spread(groups->inner_count, groups->inner_stride, member);
}

bool mimo_groups_find(const struct mimo_plan_groups *groups, uint32_t rank, uint32_t *out_group,
                      uint32_t *out_member)
{
    uint32_t group, member;

    if (rank < groups->base)
        return false;
    group = gather(groups->outer_count, groups->outer_stride, rank - groups->base);
    member = gather(groups->inner_count, groups->inner_stride, rank - groups->base);
    /* Ranks behind the module, and middle stages in the embedding kinds, have digits that no
     * member has: they do not lead back to themselves. */
    if (mimo_groups_member(groups, group, member) != rank)
        return false;
    *out_group = group;
    *out_member = member;
    return true;
}

uint64_t mimo_piece_begin(uint64_t width, uint64_t r, uint64_t n)
{
    return (uint64_t)((wide)width * r / n);
}

uint64_t mimo_context_position(uint64_t length, uint32_t r, uint32_t n, uint64_t row)
{
    const uint64_t piece = length / (UINT64_C(2) * n), late = UINT64_C(2) * n - 1 - r;

    return n == 1 ? row : row < piece ? r * piece + row : late * piece + (row - piece);
}

uint64_t mimo_context_row(uint64_t length, uint32_t n, uint64_t position, uint32_t *out_r)
{
    const uint64_t piece = length / (UINT64_C(2) * n);
    const uint64_t index = n == 1 ? 0 : position / piece; /* of the piece */
    const bool is_late = index >= n;

    *out_r = (uint32_t)(is_late ? UINT64_C(2) * n - 1 - index : index);
    return position - index * piece + (is_late ? piece : 0);
}

/* Ranks that hold the same unit of a MIMO_CUT_REPLICATED parameter. */
static uint32_t holders(const struct mimo_plan_parameter *parameter, uint32_t n)
{
    return (uint32_t)(n / parameter->cut_units);
}

void mimo_shard_of(const struct mimo_plan_parameter *parameter, uint32_t r, uint32_t n,
                   uint64_t *out_begin, uint64_t *out_end)
{
    const uint64_t width = parameter->shape[parameter->cut_dimension];
    const uint64_t units = parameter->cut_units;
    uint64_t unit;

    switch ((enum mimo_cut)parameter->cut) {
    case MIMO_CUT_EVEN:
        *out_begin = mimo_piece_begin(units, r, n) * (width / units);
        *out_end = mimo_piece_begin(units, (uint64_t)r + 1, n) * (width / units);
        return;
    case MIMO_CUT_REPLICATED:
        unit = r / holders(parameter, n);
        *out_begin = unit * (width / units);
        *out_end = (unit + 1) * (width / units);
        return;
    case MIMO_CUT_NONE:
    case MIMO_CUT_COUNT:
        break;
    }
    *out_begin = 0;
    *out_end = width;
}

uint64_t mimo_shard_elements(const struct mimo_plan_parameter *parameter, uint32_t r, uint32_t n)
{
    uint64_t begin, end, elements;

    mimo_shard_of(parameter, r, n, &begin, &end);
    elements = end - begin;
    for (uint32_t i = 0; i < parameter->dimensions; i++) {
        if (i != parameter->cut_dimension)
            elements *= parameter->shape[i];
    }
    return elements;
}

bool mimo_shard_is_owned(const struct mimo_plan_parameter *parameter, uint32_t r, uint32_t n)
{
    switch ((enum mimo_cut)parameter->cut) {
    case MIMO_CUT_EVEN:
        return true;
    case MIMO_CUT_REPLICATED:
        return r % holders(parameter, n) == 0;
    case MIMO_CUT_NONE:
    case MIMO_CUT_COUNT:
        break;
    }
    return r == 0;
}

bool mimo_grid_holds(const struct mimo_plan_module *module,
                     const struct mimo_plan_parameter *parameter, const struct mimo_coordinate *at)
{
    if (parameter->stage % module->pp != at->pp)
        return false;
    return parameter->expert == MIMO_NONE ||
           parameter->expert / (module->num_experts / module->ep) == at->ep;
}

uint64_t mimo_grid_elements(const struct mimo_plan_module *module,
                            const struct mimo_plan_parameter *parameter,
                            const struct mimo_coordinate *at)
{
    if (!mimo_grid_holds(module, parameter, at))
        return 0;
    return parameter->expert == MIMO_NONE ? mimo_shard_elements(parameter, at->tp, module->tp)
                                          : mimo_shard_elements(parameter, at->etp, module->etp);
}
