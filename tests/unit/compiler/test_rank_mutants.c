/* One record of a proven plan is changed: the proof over the ranks must notice each time. */
#include "compiler/proof/ranks.h"
#include "tests/unit/check.h"
#include "tests/unit/compiler/layouts.h"

#include <stddef.h>

/* A plan with room for one record more of COMM and EDGE, and its own copy of GRPS. */
struct copy {
    struct mimo_arena arena;
    struct mimo_plan plan;
    struct mimo_plan_communication *communications;
    struct mimo_plan_edge *edges;
    struct mimo_plan_groups *groups;
};

static uint32_t mutant_count, survivor_count;
static const char *layout_name;

static struct copy copy_of(const struct mimo_plan *plan)
{
    struct copy copy = {.plan = *plan};
    struct mimo_arena *const arena = &copy.arena;

    copy.communications = MIMO_NEW_ARRAY(arena, struct mimo_plan_communication,
                                         (size_t)plan->communication_count + 1);
    memcpy(copy.communications, plan->communications,
           plan->communication_count * sizeof *copy.communications);
    copy.edges = MIMO_NEW_ARRAY(arena, struct mimo_plan_edge, (size_t)plan->edge_count + 1);
    memcpy(copy.edges, plan->edges, plan->edge_count * sizeof *copy.edges);
    copy.groups = MIMO_NEW_ARRAY(arena, struct mimo_plan_groups, plan->groups_count);
    memcpy(copy.groups, plan->groups, plan->groups_count * sizeof *copy.groups);
    copy.plan.communications = copy.communications;
    copy.plan.edges = copy.edges;
    copy.plan.groups = copy.groups;
    return copy;
}

/* The proof refuses the changed plan, which is released. */
static void check_refused(struct copy *copy, const char *what, uint32_t record)
{
    const char *reason = NULL;

    mutant_count++;
    if (mimo_prove_ranks(&copy->plan, &copy->arena, &reason)) {
        survivor_count++;
        (void)printf("\n  %s: survived: %s, record %u\n", layout_name, what, record);
    } else {
        CHECK(reason != NULL && reason[0] != '\0');
    }
    mimo_arena_release(&copy->arena);
}

/* ---- whole records ---- */

static void remove_record(void *records, uint32_t *count, size_t size, uint32_t at)
{
    char *base = records;

    memmove(base + at * size, base + (at + 1) * size, (*count - at - 1) * size);
    (*count)--;
}

static void duplicate_record(void *records, uint32_t *count, size_t size, uint32_t at)
{
    char *base = records;

    memmove(base + (at + 1) * size, base + at * size, (*count - at) * size);
    (*count)++;
}

static void swap_records(void *records, size_t size, uint32_t a, uint32_t b)
{
    char *base = records, held[128];

    memcpy(held, base + a * size, size);
    memcpy(base + a * size, base + b * size, size);
    memcpy(base + b * size, held, size);
}

static void mutate_order(const struct mimo_plan *plan, bool is_edge)
{
    const uint32_t count = is_edge ? plan->edge_count : plan->communication_count;
    const size_t size =
        is_edge ? sizeof(struct mimo_plan_edge) : sizeof(struct mimo_plan_communication);

    for (uint32_t i = 0; i < count; i++) {
        struct copy copy = copy_of(plan);
        void *records = is_edge ? (void *)copy.edges : (void *)copy.communications;
        uint32_t *number = is_edge ? &copy.plan.edge_count : &copy.plan.communication_count;

        remove_record(records, number, size, i);
        check_refused(&copy, "drop", i);
        copy = copy_of(plan);
        records = is_edge ? (void *)copy.edges : (void *)copy.communications;
        duplicate_record(records, number, size, i);
        check_refused(&copy, "duplicate", i);
        for (uint32_t k = i + 1; k < count && k < i + 4; k++) {
            copy = copy_of(plan);
            records = is_edge ? (void *)copy.edges : (void *)copy.communications;
            swap_records(records, size, i, k);
            if (memcmp((char *)records + i * size, (char *)records + k * size, size) != 0)
                check_refused(&copy, "swap", i);
            else
                mimo_arena_release(&copy.arena);
        }
    }
}

/* ---- fields ---- */

/* Adds `delta` to field `field` (of u32) of record `at`. */
static void check_field(const struct mimo_plan *plan, uint32_t at, size_t field, uint32_t delta,
                        const char *what)
{
    struct copy copy = copy_of(plan);

    *(uint32_t *)(void *)((char *)&copy.communications[at] + field) += delta;
    check_refused(&copy, what, at);
}

#define CHECK_FIELD(field, delta)                                                                  \
    check_field(plan, at, offsetof(struct mimo_plan_communication, field), (uint32_t)(delta),      \
                #field)

static void check_choices(const struct mimo_plan *plan, uint32_t at, size_t field, uint32_t count,
                          const char *what)
{
    const uint32_t own =
        *(const uint32_t *)(const void *)((const char *)&plan->communications[at] + field);

    for (uint32_t value = 0; value < count; value++) {
        if (value != own)
            check_field(plan, at, field, value - own, what);
    }
}

#define CHECK_CHOICES(field, count)                                                                \
    check_choices(plan, at, offsetof(struct mimo_plan_communication, field), (count), #field)

static void mutate_communication(const struct mimo_plan *plan, uint32_t at)
{
    struct copy copy;

    CHECK_CHOICES(operation, MIMO_OPERATION_COUNT); /* retype */
    CHECK_CHOICES(element, MIMO_ELEMENT_COUNT);
    CHECK_CHOICES(group, MIMO_GROUP_KIND_COUNT); /* re-route */
    CHECK_CHOICES(loop, MIMO_LOOP_COUNT);
    CHECK_CHOICES(rows, MIMO_ROW_UNIT_COUNT); /* resize */
    CHECK_FIELD(repeat, 1);
    CHECK_FIELD(rows_max, 1);
    CHECK_FIELD(rows_max, -1);
    CHECK_FIELD(module, 1);
    CHECK_FIELD(stage, 1);
    CHECK_FIELD(stage, -1);
    CHECK_FIELD(edge, 1);
    CHECK_FIELD(direction, 1);
    CHECK_FIELD(opcode, 1);
    CHECK_FIELD(content, 1);
    CHECK_FIELD(is_gradient, 1);
    CHECK_FIELD(slot, 1);
    CHECK_FIELD(on_bad_samples, 1);
    copy = copy_of(plan);
    copy.communications[at].columns++;
    check_refused(&copy, "columns", at);
    copy = copy_of(plan);
    copy.communications[at].columns--;
    check_refused(&copy, "columns", at);
}

static void mutate_words(const struct mimo_plan *plan, bool is_edge)
{
    const uint32_t count = is_edge ? plan->edge_count : plan->groups_count;
    const size_t size = is_edge ? sizeof *plan->edges : sizeof *plan->groups;

    for (uint32_t at = 0; at < count; at++) {
        for (size_t word = 0; word < size / sizeof(uint32_t); word++) {
            for (uint32_t delta = 0; delta < 2; delta++) {
                struct copy copy = copy_of(plan);
                uint32_t *words = is_edge ? (void *)&copy.edges[at] : (void *)&copy.groups[at];

                words[word] += delta == 0 ? UINT32_MAX : 1;
                check_refused(&copy, is_edge ? "edge" : "groups", at);
            }
        }
    }
}

/* ---- all layouts ---- */

static void mutate_layout(const struct layout *layout)
{
    struct compiled compiled;
    struct mimo_arena arena = {0};
    const char *reason = NULL;

    layout_name = layout->name;
    compiled_open(&compiled, layout);
    CHECK(compiled.plan.module_count > 0);
    if (compiled.plan.module_count > 0) {
        const struct mimo_plan *plan = &compiled.plan;

        CHECK(mimo_prove_ranks(plan, &arena, &reason));
        mutate_order(plan, false);
        mutate_order(plan, true);
        for (uint32_t at = 0; at < plan->communication_count; at++)
            mutate_communication(plan, at);
        mutate_words(plan, true);
        mutate_words(plan, false);
    }
    mimo_arena_release(&arena);
    compiled_release(&compiled);
}

static void test_mutants(void)
{
    for (size_t i = 0; i < layout_count; i++)
        mutate_layout(&layouts[i]);
    (void)printf("%zu plans, %u mutants, %u survived ", layout_count, mutant_count, survivor_count);
    CHECK_INT(survivor_count, 0);
    CHECK(mutant_count >= 2000);
}

/* ---- roles ---- */

/* Two roles share the encoder's first stage: one of them does its micro-steps in another order. */
static void test_order_of_roles(void)
{
    struct compiled compiled;
    struct mimo_arena arena = {0};
    struct mimo_plan_instruction *instructions, *first;
    struct mimo_plan_instruction held;
    struct mimo_plan plan;
    const char *reason = "";

    compiled_open(&compiled, layout_called("pipelined encoder on a pipeline's ranks"));
    plan = compiled.plan;
    instructions =
        MIMO_NEW_ARRAY(&arena, struct mimo_plan_instruction, compiled.plan.instruction_count);
    memcpy(instructions, plan.instructions, plan.instruction_count * sizeof *instructions);
    plan.instructions = instructions;
    first = instructions;
    while (first->opcode != MIMO_OPCODE_ENCODE)
        first++;
    for (held = *first; first[1].opcode != MIMO_OPCODE_ENCODE; first++)
        first[0] = first[1];
    first[0] = first[1];
    first[1] = held;
    CHECK(!mimo_prove_ranks(&plan, &arena, &reason));
    CHECK_CONTAINS(reason, "come to a group in different orders");
    mimo_arena_release(&arena);
    compiled_release(&compiled);
}

/* A rank between two roles is given to the other one; a place is taken for another. */
static void test_ranks_of_roles(void)
{
    struct compiled compiled;
    struct mimo_arena arena = {0};
    struct mimo_plan_range *ranges;
    struct mimo_plan_place *places;
    struct mimo_plan plan;
    const char *reason = "";

    compiled_open(&compiled, layout_called("pipeline with a tied table"));
    plan = compiled.plan;
    ranges = MIMO_NEW_ARRAY(&arena, struct mimo_plan_range, plan.range_count);
    memcpy(ranges, plan.ranges, plan.range_count * sizeof *ranges);
    ranges[0].count++;
    ranges[1].first++;
    ranges[1].count--;
    plan.ranges = ranges;
    CHECK(!mimo_prove_ranks(&plan, &arena, &reason));
    CHECK_CONTAINS(reason, "rank 2 does not run stage 0 of module 1");
    plan = compiled.plan;
    places = MIMO_NEW_ARRAY(&arena, struct mimo_plan_place, plan.place_count);
    memcpy(places, plan.places, plan.place_count * sizeof *places);
    places[1].stage = 1;
    plan.places = places;
    CHECK(!mimo_prove_ranks(&plan, &arena, &reason));
    CHECK_CONTAINS(reason, "rank 2 does not run stage 0 of module 1");
    mimo_arena_release(&arena);
    compiled_release(&compiled);
}

static const struct mimo_test tests[] = {
    {"every mutant is refused", test_mutants},
    {"the order of roles", test_order_of_roles},
    {"ranks and their roles", test_ranks_of_roles},
};

MIMO_TEST_MAIN("rank mutants", tests)
