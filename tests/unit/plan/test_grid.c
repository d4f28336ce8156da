#include "plan/grid.h"

#include "plan/plan.h"
#include "tests/unit/check.h"

enum { WORLD_MAX = 64, RANK_OFFSET = 5 };

static struct mimo_plan_module module_of(uint32_t tp, uint32_t cp, uint32_t dp, uint32_t pp,
                                         uint32_t etp, uint32_t ep)
{
    return (struct mimo_plan_module){
        .tp = tp,
        .cp = cp,
        .dp = dp,
        .pp = pp,
        .etp = etp,
        .ep = ep,
        .edp = tp * cp * dp / (etp * ep),
        .rank_offset = RANK_OFFSET,
        .ranks = tp * cp * dp * pp,
    };
}

/* Every rank has one coordinate, every coordinate one rank; neighbours have none. */
static void check_coordinates(const struct mimo_plan_module *module)
{
    struct mimo_coordinate at;
    bool all = true;

    for (uint32_t i = 0; i < module->ranks; i++) {
        const uint32_t rank = RANK_OFFSET + i;
        all = all && mimo_grid_coordinate(module, rank, &at) && at.tp < module->tp &&
              at.cp < module->cp && at.dp < module->dp && at.pp < module->pp &&
              at.etp < module->etp && at.ep < module->ep && at.edp < module->edp &&
              mimo_grid_rank(module, at.tp, at.cp, at.dp, at.pp) == rank &&
              RANK_OFFSET + at.etp +
                      module->etp * (at.ep + module->ep * (at.edp + module->edp * at.pp)) ==
                  rank;
    }
    CHECK(all);
    CHECK(!mimo_grid_coordinate(module, RANK_OFFSET - 1, &at));
    CHECK(!mimo_grid_coordinate(module, RANK_OFFSET + module->ranks, &at));
}

/* Whether `kind` lets the ranks a and b share a group, by the words of the language's section 5. */
static bool belongs(const struct mimo_plan_module *module, enum mimo_group_kind kind,
                    const struct mimo_coordinate *a, const struct mimo_coordinate *b)
{
    const bool tp = a->tp == b->tp, cp = a->cp == b->cp, dp = a->dp == b->dp, pp = a->pp == b->pp;
    const bool etp = a->etp == b->etp, ep = a->ep == b->ep, edp = a->edp == b->edp;
    const uint32_t last = module->pp - 1;

    switch (kind) {
    case MIMO_GROUP_KIND_TP:
        return cp && dp && pp;
    case MIMO_GROUP_KIND_CP:
        return tp && dp && pp;
    case MIMO_GROUP_KIND_DP:
        return tp && cp && pp;
    case MIMO_GROUP_KIND_PP:
        return tp && cp && dp;
    case MIMO_GROUP_KIND_DP_CP:
        return tp && pp;
    case MIMO_GROUP_KIND_TP_CP:
        return dp && pp;
    case MIMO_GROUP_KIND_TP_PP:
        return cp && dp;
    case MIMO_GROUP_KIND_TP_DP_CP:
        return pp;
    case MIMO_GROUP_KIND_EMBEDDING:
        return tp && cp && dp && (a->pp == 0 || a->pp == last) && (b->pp == 0 || b->pp == last);
    case MIMO_GROUP_KIND_POSITION_EMBEDDING:
        return tp && cp && dp && a->pp == 0 && b->pp == 0;
    case MIMO_GROUP_KIND_ETP:
        return ep && edp && pp;
    case MIMO_GROUP_KIND_EP:
        return etp && edp && pp;
    case MIMO_GROUP_KIND_EDP:
        return etp && ep && pp;
    case MIMO_GROUP_KIND_ETP_EP:
        return edp && pp;
    case MIMO_GROUP_KIND_ETP_EP_PP:
        return edp;
    case MIMO_GROUP_KIND_COUNT:
        break;
    }
    return false;
}

/* The groups hold exactly the ranks that belong together, each once, in ascending order. */
static void check_groups(const struct mimo_plan_module *module, enum mimo_group_kind kind)
{
    const struct mimo_plan_groups groups = mimo_grid_groups(module, 3, kind);
    uint32_t held = 0, previous_first = 0, group, member;
    bool ok = groups.module == 3 && groups.kind == kind;

    for (uint32_t i = 0; i < groups.group_count; i++) {
        const uint32_t first = mimo_groups_member(&groups, i, 0);
        struct mimo_coordinate a = {0}, b = {0};
        uint32_t previous = 0;

        ok = ok && first > previous_first && mimo_grid_coordinate(module, first, &a);
        previous_first = first;
        for (uint32_t j = 0; j < groups.size; j++) {
            const uint32_t rank = mimo_groups_member(&groups, i, j);

            ok = ok && rank > previous && mimo_grid_coordinate(module, rank, &b) &&
                 belongs(module, kind, &a, &b) &&
                 mimo_groups_find(&groups, rank, &group, &member) && group == i && member == j;
            previous = rank;
            held++;
        }
    }
    for (uint32_t rank = 0; rank < RANK_OFFSET + 2 * module->ranks; rank++) {
        struct mimo_coordinate at;
        const bool is_held =
            mimo_grid_coordinate(module, rank, &at) && belongs(module, kind, &at, &at);
        ok = ok && mimo_groups_find(&groups, rank, &group, &member) == is_held;
        held -= is_held;
    }
    if (!ok || held != 0)
        (void)printf("\n  %s groups of tp %u cp %u dp %u pp %u etp %u ep %u\n",
                     mimo_group_kind_word(kind), module->tp, module->cp, module->dp, module->pp,
                     module->etp, module->ep);
    CHECK(ok);
    CHECK_INT(held, 0);
}

/* The group leaves out no rank that belongs to it. */
static void check_complete(const struct mimo_plan_module *module, enum mimo_group_kind kind,
                           uint32_t group)
{
    const struct mimo_plan_groups groups = mimo_grid_groups(module, 0, kind);
    struct mimo_coordinate first = {0}, other;
    uint32_t belonging = 0;

    CHECK(mimo_grid_coordinate(module, mimo_groups_member(&groups, group, 0), &first));
    for (uint32_t i = 0; i < module->ranks; i++)
        belonging += mimo_grid_coordinate(module, RANK_OFFSET + i, &other) &&
                     belongs(module, kind, &first, &other);
    CHECK_INT(groups.size, belonging);
}

static void check_module(const struct mimo_plan_module *module)
{
    check_coordinates(module);
    for (int kind = 0; kind < MIMO_GROUP_KIND_COUNT; kind++) {
        check_groups(module, (enum mimo_group_kind)kind);
        check_complete(module, (enum mimo_group_kind)kind, 0);
    }
}

static void check_expert_views(uint32_t tp, uint32_t cp, uint32_t dp, uint32_t pp)
{
    const uint32_t slab = tp * cp * dp;

    for (uint32_t etp = 1; etp <= slab; etp++) {
        for (uint32_t ep = 1; etp * ep <= slab; ep++) {
            if (slab % (etp * ep) == 0) {
                const struct mimo_plan_module module = module_of(tp, cp, dp, pp, etp, ep);
                check_module(&module);
            }
        }
    }
}

static void test_every_small_module(void)
{
    for (uint32_t tp = 1; tp <= WORLD_MAX; tp++)
        for (uint32_t cp = 1; tp * cp <= WORLD_MAX; cp++)
            for (uint32_t dp = 1; tp * cp * dp <= WORLD_MAX; dp++)
                for (uint32_t pp = 1; tp * cp * dp * pp <= WORLD_MAX; pp++)
                    check_expert_views(tp, cp, dp, pp);
}

static void test_group_sizes(void)
{
    const struct mimo_plan_module module = module_of(2, 3, 4, 5, 4, 3);
    static const struct {
        enum mimo_group_kind kind;
        uint32_t group_count, size;
    } rows[] = {
        {MIMO_GROUP_KIND_TP, 60, 2},        {MIMO_GROUP_KIND_CP, 40, 3},
        {MIMO_GROUP_KIND_DP, 30, 4},        {MIMO_GROUP_KIND_PP, 24, 5},
        {MIMO_GROUP_KIND_DP_CP, 10, 12},    {MIMO_GROUP_KIND_TP_CP, 20, 6},
        {MIMO_GROUP_KIND_TP_PP, 12, 10},    {MIMO_GROUP_KIND_TP_DP_CP, 5, 24},
        {MIMO_GROUP_KIND_EMBEDDING, 24, 2}, {MIMO_GROUP_KIND_POSITION_EMBEDDING, 24, 1},
        {MIMO_GROUP_KIND_ETP, 30, 4},       {MIMO_GROUP_KIND_EP, 40, 3},
        {MIMO_GROUP_KIND_EDP, 60, 2},       {MIMO_GROUP_KIND_ETP_EP, 10, 12},
        {MIMO_GROUP_KIND_ETP_EP_PP, 2, 60},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct mimo_plan_groups groups = mimo_grid_groups(&module, 0, rows[i].kind);
        CHECK_INT(groups.group_count, rows[i].group_count);
        CHECK_INT(groups.size, rows[i].size);
    }
}

/* The embedding groups of the language's section 5: {first, last}, one member where pp = 1. */
static void test_embedding_groups(void)
{
    struct mimo_plan_module module = module_of(2, 1, 1, 3, 1, 1);
    struct mimo_plan_groups groups = mimo_grid_groups(&module, 0, MIMO_GROUP_KIND_EMBEDDING);
    uint32_t group, member;

    CHECK_INT(mimo_groups_member(&groups, 1, 0), RANK_OFFSET + 1);
    CHECK_INT(mimo_groups_member(&groups, 1, 1), RANK_OFFSET + 5);
    CHECK(!mimo_groups_find(&groups, RANK_OFFSET + 3, &group, &member));
    module = module_of(2, 1, 2, 1, 1, 1);
    groups = mimo_grid_groups(&module, 0, MIMO_GROUP_KIND_EMBEDDING);
    CHECK_INT(groups.group_count, 4);
    CHECK_INT(groups.size, 1);
}

static void test_large_module(void)
{
    const struct mimo_plan_module dense = module_of(8, 4, 32, 16, 1, 1);
    const struct mimo_plan_module expert = module_of(8, 1, 128, 16, 2, 64);

    CHECK_INT(dense.ranks, 16384);
    check_module(&dense);
    check_module(&expert);
}

/* Rows ascend, each position lies on one rank, and the keys that a rank's rows see add up to the
 * same number on all. */
static void check_context(uint64_t length, uint32_t n)
{
    const uint64_t rows = length / n, seen = length * (length + 1) / 2;

    for (uint32_t r = 0; r < n; r++) {
        uint64_t sum = 0;
        for (uint64_t row = 0; row < rows; row++) {
            const uint64_t position = mimo_context_position(length, r, n, row);
            uint32_t holder = n;
            CHECK(position < length);
            CHECK(row == 0 || position > mimo_context_position(length, r, n, row - 1));
            CHECK_INT(mimo_context_row(length, n, position, &holder), row);
            CHECK_INT(holder, r);
            sum += position + 1;
        }
        CHECK_INT(sum * n, seen);
    }
}

static void test_context(void)
{
    for (uint32_t n = 1; n <= 7; n++)
        for (uint64_t piece = 1; piece <= 5; piece++)
            check_context(2 * n * piece, n);
    check_context(1, 1);
    check_context(7, 1);
}

static const struct mimo_test tests[] = {
    {"every module of up to 64 ranks", test_every_small_module},
    {"number and size of groups", test_group_sizes},
    {"embedding groups", test_embedding_groups},
    {"modules of 16384 ranks", test_large_module},
    {"rows of context ranks", test_context},
};

MIMO_TEST_MAIN("plan/grid", tests)
