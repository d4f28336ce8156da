#include "compiler/proof/prove.h"
#include "tests/unit/check.h"
#include "tests/unit/compiler/fixture.h"

/*
 * Every change of one instruction of one program, of plans of all kinds: the proof refuses each.
 * A change that leaves the bytes as they are is none.
 */

enum { KINDS = 9, SWAPS_MAX = 24 };

static const char *const kind_names[KINDS] = {"drop", "double",    "swap",   "micro-step", "place",
                                              "edge", "direction", "opcode", "half"};

enum kind { DROP, DOUBLE, SWAP, MICRO_STEP, PLACE, EDGE, DIRECTION, OPCODE, HALF };

struct mutants {
    struct fixture_plan plan;
    const char *name;
    struct mimo_plan changed;
    struct mimo_plan_role *roles;
    struct mimo_plan_instruction *program; /* the changed role's, at the end of all */
    uint32_t role, count;                  /* which one, and its instructions */
    uint32_t random;
    unsigned tried[KINDS], accepted[KINDS];
};

static const struct mimo_plan_instruction *original(const struct mutants *mutants)
{
    const struct mimo_plan *plan = &mutants->plan.draft.plan;

    return plan->instructions + plan->roles[mutants->role].instruction_first;
}

/* Sets the role's program back to what it is in the plan. */
static void restore(struct mutants *mutants)
{
    mutants->count = mutants->plan.draft.plan.roles[mutants->role].instruction_count;
    memcpy(mutants->program, original(mutants), mutants->count * sizeof *mutants->program);
}

static bool is_unchanged(const struct mutants *mutants)
{
    return mutants->count == mutants->plan.draft.plan.roles[mutants->role].instruction_count &&
           memcmp(mutants->program, original(mutants), mutants->count * sizeof *mutants->program) ==
               0;
}

static bool is_accepted(struct mutants *mutants)
{
    struct mimo_plan_role *role = &mutants->roles[mutants->role];
    const struct mimo_plan_role saved = *role;
    struct mimo_arena arena;
    const char *reason = NULL;
    bool result;

    role->instruction_first = mutants->plan.draft.plan.instruction_count;
    role->instruction_count = mutants->count;
    mutants->changed.instruction_count = role->instruction_first + mutants->count;
    mimo_arena_init(&arena);
    result = mimo_prove(&mutants->changed, &arena, &reason);
    mimo_arena_release(&arena);
    *role = saved;
    return result;
}

/* Tries the program as it stands, and sets it back. */
static void try_program(struct mutants *mutants, enum kind kind, uint32_t at, uint32_t other)
{
    if (!is_unchanged(mutants)) {
        mutants->tried[kind]++;
        if (is_accepted(mutants)) {
            mutants->accepted[kind]++;
            (void)printf("\n  %s, role %u: %s of instruction %u (%u) is accepted", mutants->name,
                         mutants->role, kind_names[kind], at, other);
        }
    }
    restore(mutants);
}

static void drop(struct mutants *mutants, uint32_t at)
{
    memmove(mutants->program + at, mutants->program + at + 1,
            (mutants->count - at - 1) * sizeof *mutants->program);
    mutants->count--;
    try_program(mutants, DROP, at, at);
}

/* A second one in front of instruction `to`. */
static void repeat(struct mutants *mutants, uint32_t at, uint32_t to)
{
    const struct mimo_plan_instruction copy = mutants->program[at];

    memmove(mutants->program + to + 1, mutants->program + to,
            (mutants->count - to) * sizeof *mutants->program);
    mutants->program[to] = copy;
    mutants->count++;
    try_program(mutants, DOUBLE, at, to);
}

static void swap(struct mutants *mutants, uint32_t at, uint32_t other)
{
    const struct mimo_plan_instruction copy = mutants->program[at];

    mutants->program[at] = mutants->program[other];
    mutants->program[other] = copy;
    try_program(mutants, SWAP, at, other);
}

static uint32_t next_random(struct mutants *mutants, uint32_t below)
{
    mutants->random = mutants->random * 1664525u + 1013904223u;
    return (mutants->random >> 8) % below;
}

/* With every other instruction, or with the next ones and a sample of the rest. */
static void swap_with_others(struct mutants *mutants, uint32_t at)
{
    const uint32_t others = mutants->count - at - 1;

    for (uint32_t i = 0; i < others && (others <= SWAPS_MAX || i < SWAPS_MAX / 2); i++)
        swap(mutants, at, at + 1 + i);
    for (uint32_t i = SWAPS_MAX / 2; i < SWAPS_MAX && others > SWAPS_MAX; i++)
        swap(mutants, at, at + 1 + next_random(mutants, others));
}

/* Every value below `end`, and what stands for none, in one field of the instruction. */
static void set_field(struct mutants *mutants, enum kind kind, uint32_t at, uint32_t *field,
                      uint32_t end)
{
    if (*field == MIMO_NONE)
        return;
    for (uint32_t value = 0; value <= end; value++) {
        *field = value < end ? value : MIMO_NONE;
        try_program(mutants, kind, at, value);
    }
}

static void set_fields(struct mutants *mutants, uint32_t at)
{
    const struct mimo_plan *plan = &mutants->changed;
    const uint32_t micro_steps = plan->training->micro_steps;
    struct mimo_plan_instruction *instruction = &mutants->program[at];

    set_field(mutants, OPCODE, at, &instruction->opcode, MIMO_OPCODE_COUNT);
    set_field(mutants, PLACE, at, &instruction->place, plan->place_count);
    set_field(mutants, MICRO_STEP, at, &instruction->micro_step, micro_steps);
    if (instruction->send_edge != MIMO_NONE) {
        set_field(mutants, EDGE, at, &instruction->send_edge, plan->edge_count);
        set_field(mutants, MICRO_STEP, at, &instruction->send_micro_step, micro_steps);
        set_field(mutants, DIRECTION, at, &instruction->send_direction, 2);
    }
    if (instruction->receive_edge != MIMO_NONE) {
        set_field(mutants, EDGE, at, &instruction->receive_edge, plan->edge_count);
        set_field(mutants, MICRO_STEP, at, &instruction->receive_micro_step, micro_steps);
        set_field(mutants, DIRECTION, at, &instruction->receive_direction, 2);
    }
}

/* An exchange that only sends, or only receives. */
static void halve(struct mutants *mutants, uint32_t at)
{
    if (mutants->program[at].opcode != MIMO_OPCODE_EXCHANGE)
        return;
    mutants->program[at].opcode = MIMO_OPCODE_SEND;
    mutants->program[at].receive_edge = MIMO_NONE;
    try_program(mutants, HALF, at, 0);
    mutants->program[at].opcode = MIMO_OPCODE_RECEIVE;
    mutants->program[at].send_edge = MIMO_NONE;
    try_program(mutants, HALF, at, 1);
}

static void mutate_role(struct mutants *mutants, uint32_t role)
{
    mutants->role = role;
    restore(mutants);
    for (uint32_t at = 0; at < mutants->plan.draft.plan.roles[role].instruction_count; at++) {
        drop(mutants, at);
        repeat(mutants, at, at);
        repeat(mutants, at, next_random(mutants, mutants->count));
        swap_with_others(mutants, at);
        set_fields(mutants, at);
        halve(mutants, at);
    }
}

static void open_mutants(struct mutants *mutants, const char *name, const struct fixture *fixture)
{
    struct mimo_plan_instruction *all;
    const struct mimo_plan *plan;
    uint32_t longest = 0;

    *mutants = (struct mutants){.name = name, .random = 1};
    fixture_build(&mutants->plan, fixture);
    plan = &mutants->plan.draft.plan;
    for (uint32_t i = 0; i < plan->role_count; i++)
        longest =
            plan->roles[i].instruction_count > longest ? plan->roles[i].instruction_count : longest;
    all = MIMO_NEW_ARRAY(&mutants->plan.arena, struct mimo_plan_instruction,
                         (size_t)plan->instruction_count + longest + 1);
    mutants->roles = MIMO_NEW_ARRAY(&mutants->plan.arena, struct mimo_plan_role, plan->role_count);
    memcpy(all, plan->instructions, plan->instruction_count * sizeof *all);
    memcpy(mutants->roles, plan->roles, plan->role_count * sizeof *mutants->roles);
    mutants->program = all + plan->instruction_count;
    mutants->changed = *plan;
    mutants->changed.roles = mutants->roles;
    mutants->changed.instructions = all;
}

static const struct mutant_case {
    const char *name;
    struct fixture fixture;
} cases[] = {
    {"one rank, text only", {.world_size = 1, .micro_steps = 3, .modules = {{.name = "llm"}}}},
    {"1f1b", {.world_size = 3, .micro_steps = 5, .modules = {{"llm", .pp = 3}}}},
    {"gpipe",
     {.schedule = MIMO_PIPELINE_SCHEDULE_GPIPE,
      .world_size = 3,
      .micro_steps = 4,
      .modules = {{"llm", .pp = 3}}}},
    {"interleaved",
     {.world_size = 2, .micro_steps = 4, .modules = {{"llm", .pp = 2, .virtual_pipeline = 2}}}},
    {"interleaved, uneven groups",
     {.world_size = 3, .micro_steps = 5, .modules = {{"llm", .pp = 3, .virtual_pipeline = 2}}}},
    {"interleaved gpipe",
     {.schedule = MIMO_PIPELINE_SCHEDULE_GPIPE,
      .world_size = 2,
      .micro_steps = 3,
      .modules = {{"llm", .pp = 2, .virtual_pipeline = 2}}}},
    {"colocated",
     {.world_size = 2, .micro_steps = 3, .modules = {{"clip", .dp = 2}, {"llm", .tp = 2}}}},
    {"colocated, frozen encoder",
     {.world_size = 2,
      .micro_steps = 3,
      .modules = {{"clip", .dp = 2, .is_frozen = true, .has_projector = true},
                  {"dino", .dp = 2, .is_frozen = true},
                  {"llm", .tp = 2}}}},
    {"colocated, two encoders",
     {.world_size = 2,
      .micro_steps = 3,
      .modules = {{"clip", .dp = 2}, {"dino", .tp = 2}, {"llm", .tp = 2}}}},
    {"homogeneous", /* the same layout for all, in rounds of two micro-steps */
     {.mode = MIMO_MODE_HOMOGENEOUS,
      .world_size = 2,
      .micro_steps = 3,
      .encoder_group = 2,
      .modules = {{"clip", .pp = 2}, {"llm", .pp = 2}}}},
    {"an encoder on a pipeline's ranks",
     {.world_size = 2, .micro_steps = 3, .modules = {{"clip", .dp = 2}, {"llm", .pp = 2}}}},
    {"the same in rounds",
     {.world_size = 2,
      .micro_steps = 4,
      .encoder_group = 2,
      .modules = {{"clip", .dp = 2}, {"llm", .pp = 2}}}},
    {"a frozen encoder on an interleaved pipeline's ranks",
     {.world_size = 2,
      .micro_steps = 4,
      .modules = {{"clip", .dp = 2, .is_frozen = true}, {"llm", .pp = 2, .virtual_pipeline = 2}}}},
    {"heterogeneous",
     {.mode = MIMO_MODE_HETEROGENEOUS,
      .world_size = 4,
      .micro_steps = 4,
      .modules = {{"clip", .pp = 2}, {"llm", .pp = 2, .rank_offset = 2}}}},
    {"heterogeneous, frozen",
     {.mode = MIMO_MODE_HETEROGENEOUS,
      .world_size = 4,
      .micro_steps = 3,
      .modules = {{"clip", .pp = 2, .is_frozen = true, .has_projector = true},
                  {"llm", .pp = 2, .rank_offset = 2, .is_frozen = true}}}},
    {"heterogeneous, interleaved",
     {.mode = MIMO_MODE_HETEROGENEOUS,
      .world_size = 3,
      .micro_steps = 4,
      .modules = {{.name = "clip"}, {"llm", .pp = 2, .virtual_pipeline = 2, .rank_offset = 1}}}},
    {"two encoders of different depth",
     {.mode = MIMO_MODE_HETEROGENEOUS,
      .world_size = 5,
      .micro_steps = 4,
      .modules = {{"clip", .pp = 2},
                  {"dino", .rank_offset = 2},
                  {"llm", .pp = 2, .rank_offset = 3}}}},
    {"hybrid",
     {.mode = MIMO_MODE_HYBRID,
      .world_size = 3,
      .micro_steps = 3,
      .modules = {{"clip", .dp = 2}, {"dino", .rank_offset = 2}, {"llm", .tp = 2}}}},
    {"hybrid, with a pipeline",
     {.mode = MIMO_MODE_HYBRID,
      .world_size = 3,
      .micro_steps = 3,
      .modules = {{"clip", .dp = 2}, {"dino", .rank_offset = 2}, {"llm", .pp = 2}}}},
    {"two pipelines of encoders on the same ranks",
     {.mode = MIMO_MODE_HYBRID,
      .world_size = 3,
      .micro_steps = 3,
      .modules = {{"clip", .pp = 2}, {"dino", .pp = 2}, {"llm", .rank_offset = 2}}}},
    {"an encoder in chunks",
     {.mode = MIMO_MODE_HETEROGENEOUS,
      .world_size = 4,
      .micro_steps = 3,
      .modules = {{"clip", .pp = 2, .virtual_pipeline = 2}, {"llm", .pp = 2, .rank_offset = 2}}}},
    {"an encoder's pipeline on an interleaved one's ranks, in rounds",
     {.world_size = 2,
      .micro_steps = 5,
      .encoder_group = 3,
      .modules = {{"clip", .pp = 2, .virtual_pipeline = 2},
                  {"llm", .pp = 2, .virtual_pipeline = 2}}}},
    {"three encoders on the ranks of a pipeline",
     {.world_size = 4,
      .micro_steps = 2,
      .modules = {{"clip", .pp = 4},
                  {"dino", .dp = 2, .pp = 2},
                  {"mae", .tp = 4},
                  {"llm", .pp = 2, .tp = 2}}}},
    {"nothing is trained, in rounds",
     {.world_size = 2,
      .micro_steps = 4,
      .encoder_group = 2,
      .modules = {{"clip", .dp = 2, .is_frozen = true}, {"llm", .pp = 2, .is_frozen = true}}}},
    {"nothing is trained",
     {.world_size = 1,
      .micro_steps = 3,
      .modules = {{"clip", .is_frozen = true}, {"llm", .is_frozen = true}}}},
};

struct totals {
    unsigned tried[KINDS], accepted[KINDS], all;
};

static void mutate_case(struct totals *totals, const struct mutant_case *mutated)
{
    static struct mutants mutants;
    const char *refusal;

    open_mutants(&mutants, mutated->name, &mutated->fixture);
    refusal = fixture_refusal(&mutants.plan);
    CHECK_TEXT(refusal == NULL ? "" : refusal, "");
    for (uint32_t role = 0; role < mutants.changed.role_count; role++)
        mutate_role(&mutants, role);
    for (int kind = 0; kind < KINDS; kind++) {
        totals->tried[kind] += mutants.tried[kind];
        totals->accepted[kind] += mutants.accepted[kind];
        totals->all += mutants.tried[kind];
    }
    fixture_release(&mutants.plan);
}

static void test_mutants(void)
{
    const size_t count = sizeof cases / sizeof *cases;
    struct totals totals = {0};

    for (size_t i = 0; i < count; i++)
        mutate_case(&totals, &cases[i]);
    (void)printf("%u mutants of %zu plans (", totals.all, count);
    for (int kind = 0; kind < KINDS; kind++) {
        (void)printf("%s%u %s", kind == 0 ? "" : ", ", totals.tried[kind], kind_names[kind]);
        CHECK_INT(totals.accepted[kind], 0);
    }
    (void)printf(") ");
    CHECK(totals.all >= 50000);
}

static const struct mimo_test tests[] = {
    {"every changed instruction is refused", test_mutants},
};

MIMO_TEST_MAIN("program mutants", tests)
