#include "compiler/planner/layout.h"
#include "plan/grid.h"
#include "tests/unit/check.h"
#include "tests/unit/compiler/fixture.h"

static void test_even_stages(void)
{
    const struct fixture fixture = {
        .world_size = 4,
        .micro_steps = 1,
        .modules = {{"llm", .pp = 4, .virtual_pipeline = 2, .layers = 24}},
    };
    struct fixture_plan plan;

    fixture_build(&plan, &fixture);
    CHECK_INT(plan.draft.plan.stage_count, 8);
    for (uint32_t i = 0; i < 8; i++) {
        CHECK_INT(plan.draft.plan.stages[i].layer_first, 3 * i);
        CHECK_INT(plan.draft.plan.stages[i].layer_count, 3);
    }
    /* Rank 1 holds its two chunks. */
    CHECK_INT(plan.draft.plan.roles[1].place_count, 2);
    CHECK_INT(plan.draft.plan.places[plan.draft.plan.roles[1].place_first].stage, 1);
    CHECK_INT(plan.draft.plan.places[plan.draft.plan.roles[1].place_first + 1].stage, 5);
    fixture_release(&plan);
}

static void test_uneven_stages(void)
{
    static const uint32_t layers[] = {5, 0, 2};
    const struct mimo_draft_owner owner = {"llm", 1.0, layers};
    const struct fixture fixture = {
        .world_size = 3, .micro_steps = 1, .modules = {{"llm", .pp = 3, .layers = 7}}};
    struct fixture_plan plan;

    fixture_build(&plan, &fixture);
    plan.draft.owners = &owner;
    mimo_layout_build(&plan.draft);
    for (uint32_t i = 0; i < 3; i++)
        CHECK_INT(plan.draft.plan.stages[i].layer_count, layers[i]);
    CHECK_INT(plan.draft.plan.stages[2].layer_first, 5);
    fixture_release(&plan);
}

static void test_edges(void)
{
    const struct fixture fixture = {
        .mode = MIMO_MODE_HYBRID,
        .world_size = 6,
        .micro_steps = 1,
        .modules = {{"clip", .pp = 2, .is_frozen = true, .has_projector = true, .rank_offset = 4},
                    {"dino", .tp = 4, .is_frozen = true},
                    {"llm", .pp = 2, .dp = 2}},
    };
    struct fixture_plan plan;
    const struct mimo_plan_edge *edges;

    fixture_build(&plan, &fixture);
    edges = plan.draft.plan.edges;
    CHECK_INT(plan.draft.plan.edge_count, 4);
    /* Within clip: nothing before its last stage is trained. */
    CHECK_INT(edges[0].is_bridge, 0);
    CHECK_INT(edges[0].has_backward, 0);
    /* clip's last stage has the projector. */
    CHECK_INT(edges[1].is_bridge, 1);
    CHECK_INT(edges[1].from_stage, 1);
    CHECK_INT(edges[1].has_backward, 1);
    CHECK_INT(edges[2].has_backward, 0);
    CHECK_INT(edges[2].shares_ranks, 0); /* dino has 4 ranks, llm's first stage 2 of them */
    CHECK_INT(edges[3].from_module, 2);
    CHECK_INT(edges[3].to_stage, 1);
    CHECK_INT(edges[3].has_backward, 1);
    fixture_release(&plan);
}

/* Ranks 0 to 5 run clip, 3 stages of llm on two ranks each; 6 and 7 are idle, 8 runs dino. */
static void test_roles(void)
{
    static const uint32_t places[] = {2, 2, 2, 0, 1};
    static const uint32_t firsts[] = {0, 2, 4, 6, 8};
    const struct fixture fixture = {
        .mode = MIMO_MODE_HYBRID,
        .world_size = 9,
        .micro_steps = 1,
        .modules = {{"clip", .dp = 6}, {"dino", .rank_offset = 8}, {"llm", .tp = 2, .pp = 3}},
    };
    struct fixture_plan plan;

    fixture_build(&plan, &fixture);
    CHECK_INT(plan.draft.plan.role_count, 5);
    for (uint32_t i = 0; i < 5; i++) {
        CHECK_INT(plan.draft.plan.roles[i].place_count, places[i]);
        CHECK_INT(plan.draft.plan.ranges[i].first, firsts[i]);
        CHECK_INT(plan.draft.plan.ranges[i].role, i);
    }
    fixture_release(&plan);
}

/* Every rank of every role holds exactly the role's places. */
static void test_roles_cover(void)
{
    for (uint32_t pp = 1; pp <= 6; pp++) {
        const struct fixture fixture = {
            .world_size = 60 * pp,
            .micro_steps = 1,
            .modules = {{"clip", .dp = 12 / (1 + pp % 2), .pp = 5 * pp * (1 + pp % 2)},
                        {"llm", .dp = 4, .tp = 3, .pp = 5 * pp}},
        };
        struct fixture_plan plan;
        uint32_t rank = 0;

        fixture_build(&plan, &fixture);
        CHECK(fixture_refusal(&plan) == NULL);
        for (uint32_t i = 0; i < plan.draft.plan.range_count; i++) {
            CHECK_INT(plan.draft.plan.ranges[i].first, rank);
            rank += plan.draft.plan.ranges[i].count;
        }
        CHECK_INT(rank, fixture.world_size);
        fixture_release(&plan);
    }
}

static void test_trained(void)
{
    const struct fixture fixture = {
        .world_size = 1,
        .micro_steps = 1,
        .modules = {{"clip", .is_frozen = true, .has_projector = true, .projector_is_frozen = true},
                    {"dino", .is_frozen = true, .has_projector = true},
                    {"llm", .is_frozen = true}},
    };
    struct fixture_plan plan;

    fixture_build(&plan, &fixture);
    CHECK(!mimo_plan_is_trained(&plan.draft.plan, 0));
    CHECK(mimo_plan_is_trained(&plan.draft.plan, 1));
    CHECK(!mimo_plan_is_trained(&plan.draft.plan, 2));
    CHECK(!mimo_plan_has_backward(&plan.draft.plan, 0, 0));
    CHECK(mimo_plan_has_backward(&plan.draft.plan, 2, 0));
    fixture_release(&plan);
}

static const struct mimo_test tests[] = {
    {"even stages, chunk by chunk", test_even_stages},
    {"pipeline_layout", test_uneven_stages},
    {"edges", test_edges},
    {"roles", test_roles},
    {"roles cover the world", test_roles_cover},
    {"what is trained", test_trained},
};

MIMO_TEST_MAIN("layout", tests)
