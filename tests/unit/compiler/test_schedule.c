#include "compiler/planner/layout.h"
#include "compiler/planner/rounds.h"
#include "compiler/planner/schedule.h"
#include "compiler/proof/prove.h"
#include "plan/memory.h"
#include "tests/unit/check.h"
#include "tests/unit/compiler/fixture.h"

/*
 * A program in short: L load, E encode, M merge, F forward, B backward (b of an encoder), S send,
 * R receive, X exchange, G reduce, U step. Micro-steps follow; ">" are rows, "<" gradients.
 */
static const char *parcel(struct fixture_plan *plan, char letter, uint32_t micro_step,
                          uint32_t direction)
{
    return mimo_arena_printf(&plan->arena, "%c%c%u", letter,
                             direction == MIMO_EDGE_FORWARD ? '>' : '<', micro_step);
}

static const char *brief(struct fixture_plan *plan, const struct mimo_plan_instruction *instruction)
{
    static const char letters[] = "LEMFBSRXGU";
    const char letter = letters[instruction->opcode];
    const struct mimo_plan *draft = &plan->draft.plan;
    const char *send, *receive;

    switch ((enum mimo_opcode)instruction->opcode) {
    case MIMO_OPCODE_LOAD:
    case MIMO_OPCODE_REDUCE:
    case MIMO_OPCODE_STEP:
    case MIMO_OPCODE_COUNT:
        return mimo_arena_printf(&plan->arena, "%c", letter);
    case MIMO_OPCODE_SEND:
        return parcel(plan, letter, instruction->send_micro_step, instruction->send_direction);
    case MIMO_OPCODE_RECEIVE:
        return parcel(plan, letter, instruction->receive_micro_step,
                      instruction->receive_direction);
    case MIMO_OPCODE_EXCHANGE:
        send = parcel(plan, 'X', instruction->send_micro_step, instruction->send_direction);
        receive =
            parcel(plan, 'X', instruction->receive_micro_step, instruction->receive_direction);
        return strcmp(send, receive) == 0
                   ? send
                   : mimo_arena_printf(&plan->arena, "%s/%s", send, receive + 1);
    case MIMO_OPCODE_ENCODE:
    case MIMO_OPCODE_MERGE:
    case MIMO_OPCODE_FORWARD:
    case MIMO_OPCODE_BACKWARD:
        break;
    }
    return mimo_arena_printf(&plan->arena, "%c%u",
                             letter == 'B' && draft->places[instruction->place].module !=
                                                  draft->meta->language_module
                                 ? 'b'
                                 : letter,
                             instruction->micro_step);
}

static const char *program_of(struct fixture_plan *plan, uint32_t role)
{
    const struct mimo_plan_role *record = &plan->draft.plan.roles[role];
    const char *text = "";

    for (uint32_t i = 0; i < record->instruction_count; i++)
        text = mimo_arena_printf(
            &plan->arena, "%s%s%s", text, i == 0 ? "" : " ",
            brief(plan, &plan->draft.plan.instructions[record->instruction_first + i]));
    return text;
}

static void check_programs(const struct fixture *fixture, const char *const *programs, size_t count)
{
    struct fixture_plan plan;
    const char *refusal;

    fixture_build(&plan, fixture);
    refusal = fixture_refusal(&plan);
    CHECK_TEXT(refusal == NULL ? "" : refusal, "");
    CHECK_INT(plan.draft.plan.role_count, count);
    for (uint32_t i = 0; i < count && i < plan.draft.plan.role_count; i++)
        CHECK_TEXT(program_of(&plan, i), programs[i]);
    fixture_release(&plan);
}

#define CHECK_PROGRAMS(fixture, ...)                                                               \
    do {                                                                                           \
        static const char *const programs_[] = {__VA_ARGS__};                                      \
        check_programs((fixture), programs_, sizeof programs_ / sizeof *programs_);                \
    } while (0)

static void test_one_rank(void)
{
    const struct fixture fixture = {
        .world_size = 1, .micro_steps = 2, .modules = {{.name = "llm"}}};

    CHECK_PROGRAMS(&fixture, "L M0 F0 B0 M1 F1 B1 G U");
}

static void test_1f1b(void)
{
    const struct fixture fixture = {
        .world_size = 3, .micro_steps = 4, .modules = {{"llm", .pp = 3}}};

    CHECK_PROGRAMS(&fixture,
                   "L M0 F0 S>0 M1 F1 S>1 M2 F2 X>2/<0 B0 M3 F3 X>3/<1 B1 R<2 B2 R<3 B3 G U",
                   "L R>0 F0 X>0/>1 F1 X>1/<0 B0 X<0/>2 F2 X>2/<1 B1 X<1/>3 F3 X>3/<2 B2 X<2/<3 "
                   "B3 S<3 G U",
                   "L R>0 F0 B0 X<0/>1 F1 B1 X<1/>2 F2 B2 X<2/>3 F3 B3 S<3 G U");
}

static void test_gpipe(void)
{
    const struct fixture fixture = {.schedule = MIMO_PIPELINE_SCHEDULE_GPIPE,
                                    .world_size = 2,
                                    .micro_steps = 3,
                                    .modules = {{"llm", .pp = 2}}};

    CHECK_PROGRAMS(&fixture, "L M0 F0 S>0 M1 F1 S>1 M2 F2 X>2/<0 B0 R<1 B1 R<2 B2 G U",
                   "L R>0 F0 R>1 F1 R>2 F2 B0 S<0 B1 S<1 B2 S<2 G U");
}

/* Encoder stages are pipeline stages before the language model's first. */
static void test_encoder_apart(void)
{
    const struct fixture fixture = {
        .mode = MIMO_MODE_HETEROGENEOUS,
        .world_size = 2,
        .micro_steps = 3,
        .modules = {{.name = "clip"}, {.name = "llm", .rank_offset = 1}},
    };

    CHECK_PROGRAMS(&fixture, "L E0 S>0 E1 X>1/<0 b0 E2 X>2/<1 b1 R<2 b2 G U",
                   "L R>0 M0 F0 B0 X<0/>1 M1 F1 B1 X<1/>2 M2 F2 B2 S<2 G U");
}

/* Nothing is sent back to a frozen encoder, and it reduces nothing. */
static void test_frozen_encoder(void)
{
    const struct fixture fixture = {
        .mode = MIMO_MODE_HETEROGENEOUS,
        .world_size = 3,
        .micro_steps = 2,
        .modules = {{"clip", .is_frozen = true}, {"llm", .rank_offset = 1}},
    };

    CHECK_PROGRAMS(&fixture, "L E0 S>0 E1 S>1 U", "L R>0 M0 F0 B0 R>1 M1 F1 B1 G U", "L U");
}

/* The projector of a frozen encoder is trained, though the language model is not. */
static void test_projector_only(void)
{
    const struct fixture fixture = {
        .mode = MIMO_MODE_HETEROGENEOUS,
        .world_size = 3,
        .micro_steps = 1,
        .modules = {{"clip", .pp = 2, .is_frozen = true, .has_projector = true},
                    {"llm", .rank_offset = 2, .is_frozen = true}},
    };

    CHECK_PROGRAMS(&fixture, "L E0 S>0 G U", "L R>0 E0 X>0/<0 b0 G U", "L R>0 M0 F0 B0 S<0 U");
}

static void test_all_frozen(void)
{
    const struct fixture fixture = {
        .world_size = 1,
        .micro_steps = 2,
        .modules = {{"clip", .is_frozen = true}, {"llm", .is_frozen = true}},
    };

    CHECK_PROGRAMS(&fixture, "L E0 X>0 M0 F0 E1 X>1 M1 F1 U");
}

/* On the ranks of an unpipelined language model an encoder keeps one micro-step at a time. */
static void test_colocated(void)
{
    const struct fixture fixture = {
        .world_size = 4,
        .micro_steps = 2,
        .modules = {{"clip", .dp = 4}, {"llm", .tp = 2, .dp = 2}},
    };

    CHECK_PROGRAMS(&fixture, "L E0 X>0 M0 F0 B0 X<0 b0 E1 X>1 M1 F1 B1 X<1 b1 G G U");
}

static void test_two_colocated_encoders(void)
{
    const struct fixture fixture = {
        .world_size = 2,
        .micro_steps = 1,
        .modules = {{"clip", .dp = 2}, {"dino", .dp = 2, .is_frozen = true}, {"llm", .dp = 2}},
    };

    CHECK_PROGRAMS(&fixture, "L E0 X>0 E0 X>0 M0 F0 B0 X<0 b0 G G U");
}

/* On the ranks of a pipeline its forwards come first, its backwards last. Groups of the encoder are
 * in both roles: it sends and receives by itself. */
static void test_encoder_in_pipeline(void)
{
    const struct fixture fixture = {
        .world_size = 2,
        .micro_steps = 2,
        .modules = {{"clip", .dp = 2}, {"llm", .pp = 2}},
    };

    CHECK_PROGRAMS(&fixture, "L E0 X>0 E1 X>1 M0 F0 S>0 M1 F1 X>1/<0 B0 R<1 B1 X<0 b0 X<1 b1 G G U",
                   "L E0 S>0 E1 S>1 R>0 F0 B0 X<0/>1 F1 B1 S<1 R<0 b0 R<1 b1 G G U");
}

/* The same in rounds of two: the pipeline is empty between them. */
static void test_rounds(void)
{
    const struct fixture fixture = {
        .world_size = 2,
        .micro_steps = 3,
        .encoder_group = 2,
        .modules = {{"clip", .dp = 2}, {"llm", .pp = 2}},
    };

    CHECK_PROGRAMS(&fixture,
                   "L E0 X>0 E1 X>1 M0 F0 S>0 M1 F1 X>1/<0 B0 R<1 B1 X<0 b0 X<1 b1 E2 X>2 M2 F2 "
                   "X>2/<2 B2 X<2 b2 G G U",
                   "L E0 S>0 E1 S>1 R>0 F0 B0 X<0/>1 F1 B1 S<1 R<0 b0 R<1 b1 E2 S>2 R>2 F2 B2 "
                   "S<2 R<2 b2 G G U");
}

/* Bytes of the role that needs the most, in rounds of `micro_steps`. */
static uint64_t bytes_of(struct fixture_plan *plan, uint32_t micro_steps)
{
    uint64_t max = 0;

    plan->draft.training->encoder_group = micro_steps;
    mimo_schedule_build(&plan->draft);
    for (uint32_t i = 0; i < plan->draft.plan.role_count; i++) {
        const struct mimo_plan_memory memory = mimo_memory_of_role(&plan->draft.plan, i);
        const uint64_t total = mimo_memory_total(&memory);

        max = total > max ? total : max;
    }
    return max;
}

/* The micro-steps of a round, chosen for ranks with that memory. */
static uint32_t chosen(struct fixture_plan *plan, uint64_t memory)
{
    const struct mimo_plan_cluster cluster = {.memory = memory};
    const struct mimo_plan_cluster *const before = plan->draft.plan.cluster;

    plan->draft.plan.cluster = &cluster;
    mimo_rounds_build(&plan->draft);
    plan->draft.plan.cluster = before;
    CHECK(fixture_refusal(plan) == NULL);
    return plan->draft.training->encoder_group;
}

static void test_rounds_by_memory(void)
{
    const struct fixture fixture = {
        .world_size = 2,
        .micro_steps = 12,
        .modules = {{"clip", .dp = 2}, {"llm", .pp = 2}},
    };
    struct fixture_plan plan;

    fixture_build(&plan, &fixture);
    plan.draft.modules[0].images_max = plan.draft.modules[0].samples;
    CHECK_INT(chosen(&plan, 0), 12);
    CHECK_INT(chosen(&plan, bytes_of(&plan, 12)), 12);
    for (uint32_t k = 1; k < 12; k++) {
        CHECK(bytes_of(&plan, k) < bytes_of(&plan, k + 1));
        CHECK_INT(chosen(&plan, bytes_of(&plan, k + 1) - 1), k);
    }
    CHECK_INT(chosen(&plan, bytes_of(&plan, 1) - 1), 12);
    fixture_release(&plan);
}

/* One encoder shares the language model's ranks, another has its own. */
static void test_hybrid(void)
{
    const struct fixture fixture = {
        .mode = MIMO_MODE_HYBRID,
        .world_size = 3,
        .micro_steps = 2,
        .modules = {{"clip", .dp = 2}, {"dino", .rank_offset = 2}, {"llm", .tp = 2}},
    };

    CHECK_PROGRAMS(&fixture, "L E0 X>0 R>0 M0 F0 B0 X<0 X<0/>1 b0 E1 X>1 M1 F1 B1 X<1 S<1 b1 G G U",
                   "L E0 S>0 E1 X>1/<0 b0 R<1 b1 G U");
}

/* Groups of two micro-steps go through chunk 0, then through chunk 1; the last rank's first
 * backward comes after 3 forwards, and then a backward behind each forward. */
static void test_virtual_pipeline(void)
{
    const struct fixture fixture = {
        .world_size = 2,
        .micro_steps = 4,
        .modules = {{"llm", .pp = 2, .virtual_pipeline = 2}},
    };

    CHECK_PROGRAMS(
        &fixture,
        "L M0 F0 S>0 M1 F1 X>1/>0 F0 X>0/>1 F1 X>1/<0 M2 F2 B0 S>2 X<0/<1 M3 F3 B1 X>3/<0 "
        "X<1/>2 F2 B0 R<1 X>2/>3 F3 B1 X>3/<2 B2 X<2/<3 B3 X<3/<2 B2 R<3 B3 G U",
        "L R>0 F0 X>0/>1 F1 X>1/>0 F0 B0 X<0/>1 F1 B1 R>2 X<1/<0 F2 B0 X<0/>3 X>2/<1 F3 "
        "B1 S<1 X>3/>2 F2 B2 X<2/>3 F3 B3 X<3/<2 B2 X<2/<3 B3 S<3 G U");
}

/* The most micro-steps that a place has gone forward with, but not backward. */
static uint32_t live_max(const struct mimo_plan *plan, const struct mimo_plan_role *role,
                         uint32_t place)
{
    uint32_t live = 0, max = 0;

    for (uint32_t i = 0; i < role->instruction_count; i++) {
        const struct mimo_plan_instruction *instruction =
            &plan->instructions[role->instruction_first + i];

        if (instruction->place != place)
            continue;
        if (instruction->opcode == MIMO_OPCODE_FORWARD || instruction->opcode == MIMO_OPCODE_ENCODE)
            live++;
        if (instruction->opcode == MIMO_OPCODE_BACKWARD)
            live--;
        max = live > max ? live : max;
    }
    return max;
}

static void test_memory_of_1f1b(void)
{
    const struct fixture fixture = {
        .mode = MIMO_MODE_HETEROGENEOUS,
        .world_size = 10,
        .micro_steps = 16,
        .modules = {{"clip", .pp = 2},
                    {"dino", .rank_offset = 2},
                    {"llm", .pp = 4, .rank_offset = 3}},
    };
    static const uint32_t expected[] = {6, 5, 5, 4, 3, 2, 1, 0};
    struct fixture_plan plan;

    fixture_build(&plan, &fixture);
    CHECK(fixture_refusal(&plan) == NULL);
    CHECK_INT(plan.draft.plan.role_count, 8);
    for (uint32_t i = 0; i < 7; i++)
        CHECK_INT(live_max(&plan.draft.plan, &plan.draft.plan.roles[i],
                           plan.draft.plan.roles[i].place_first),
                  expected[i]);
    fixture_release(&plan);
}

static void prove_fixture(const struct fixture *fixture, uint32_t *proven)
{
    struct fixture_plan plan;
    const char *refusal;

    fixture_build(&plan, fixture);
    refusal = fixture_refusal(&plan);
    if (refusal != NULL)
        (void)printf("\n  mode %d, clip pp %u dp %u, dino pp %u, llm pp %u dp %u vp %u: %s\n",
                     fixture->mode, fixture->modules[0].pp, fixture->modules[0].dp,
                     fixture->modules[1].pp, fixture->modules[2].pp, fixture->modules[2].dp,
                     fixture->modules[2].virtual_pipeline, refusal);
    CHECK(refusal == NULL);
    (*proven)++;
    fixture_release(&plan);
}

/* Which of the modules' ranges are the same: bits of shared, see below. */
static void place_modules(struct fixture *fixture, unsigned sharing, const uint32_t ranks[3])
{
    struct fixture_module *modules = fixture->modules;

    fixture->mode = sharing == 7   ? MIMO_MODE_COLOCATED
                    : sharing == 0 ? MIMO_MODE_HETEROGENEOUS
                                   : MIMO_MODE_HYBRID;
    modules[2].rank_offset = 0;
    modules[0].rank_offset = (sharing & 1) != 0 ? 0 : ranks[2];
    modules[1].rank_offset = (sharing & 2) != 0   ? 0
                             : (sharing & 4) != 0 ? modules[0].rank_offset
                                                  : modules[0].rank_offset + ranks[0];
    fixture->world_size = 0;
    for (int i = 0; i < 3; i++) {
        if (modules[i].rank_offset + ranks[i] > fixture->world_size)
            fixture->world_size = modules[i].rank_offset + ranks[i];
    }
}

static uint32_t ranks_of(const struct fixture_module *module)
{
    return module->tp * module->dp * module->pp;
}

static void prove_layouts(struct fixture *fixture, uint32_t *proven)
{
    const uint32_t ranks[3] = {ranks_of(&fixture->modules[0]), ranks_of(&fixture->modules[1]),
                               ranks_of(&fixture->modules[2])};

    /* Which pairs share: 1 clip with llm, 2 dino with llm, 4 clip with dino. */
    for (unsigned sharing = 0; sharing < 8; sharing++) {
        const bool is_transitive =
            sharing == 0 || sharing == 1 || sharing == 2 || sharing == 4 || sharing == 7;

        if (!is_transitive || ((sharing & 1) != 0 && ranks[0] != ranks[2]) ||
            ((sharing & 2) != 0 && ranks[1] != ranks[2]) ||
            ((sharing & 4) != 0 && ranks[0] != ranks[1]))
            continue;
        place_modules(fixture, sharing, ranks);
        prove_fixture(fixture, proven);
    }
}

/* Every way to lay three modules on few ranks: pipelines in each, shared ranks, frozen or not, both
 * schedules, fewer and more micro-steps than stages. */
static void test_small_worlds(void)
{
    static const uint32_t sizes[][3] = {/* tp, dp, pp */
                                        {1, 1, 1}, {1, 1, 2}, {1, 2, 1}, {3, 2, 1},
                                        {1, 1, 4}, {1, 2, 2}, {2, 1, 3}, {1, 2, 3}};
    enum { SIZES = sizeof sizes / sizeof *sizes };
    uint32_t proven = 0;

    for (unsigned i = 0; i < SIZES * SIZES * SIZES; i++) {
        const unsigned pick[3] = {i % SIZES, i / SIZES % SIZES, i / SIZES / SIZES};
        struct fixture fixture = {.micro_steps = 1 + i % 5,
                                  .schedule = i % 3 == 0 ? MIMO_PIPELINE_SCHEDULE_GPIPE
                                                         : MIMO_PIPELINE_SCHEDULE_1F1B,
                                  .modules = {{.name = "clip"}, {.name = "dino"}, {.name = "llm"}}};

        for (int m = 0; m < 3; m++) {
            fixture.modules[m].tp = sizes[pick[m]][0];
            fixture.modules[m].dp = sizes[pick[m]][1];
            fixture.modules[m].pp = sizes[pick[m]][2];
            fixture.modules[m].is_frozen = i % 7 == (unsigned)m;
            fixture.modules[m].has_projector = m < 2 && i % 2 == 0;
        }
        fixture.modules[2].virtual_pipeline = 1 + i % 4 / 2;
        fixture.encoder_group = i % 11 < 4 ? 1 + i % 11 % fixture.micro_steps : 0;
        prove_layouts(&fixture, &proven);
    }
    (void)printf("%u layouts ", proven);
    CHECK(proven > 500);
}

/* A copy of the programs in which one role has other instructions. */
static bool accepts(struct fixture_plan *plan, uint32_t role,
                    const struct mimo_plan_instruction *instructions, uint32_t count)
{
    struct mimo_plan changed = plan->draft.plan;
    struct mimo_plan_role *roles =
        MIMO_NEW_ARRAY(&plan->arena, struct mimo_plan_role, changed.role_count);
    struct mimo_plan_instruction *all = MIMO_NEW_ARRAY(&plan->arena, struct mimo_plan_instruction,
                                                       (size_t)changed.instruction_count + count);
    const char *reason = NULL;

    memcpy(roles, changed.roles, changed.role_count * sizeof *roles);
    memcpy(all, changed.instructions, changed.instruction_count * sizeof *all);
    memcpy(all + changed.instruction_count, instructions, count * sizeof *all);
    roles[role].instruction_first = changed.instruction_count;
    roles[role].instruction_count = count;
    changed.roles = roles;
    changed.instructions = all;
    changed.instruction_count += count;
    return mimo_prove(&changed, &plan->arena, &reason);
}

static const struct fixture pipelined_pair = {
    .mode = MIMO_MODE_HETEROGENEOUS,
    .world_size = 4,
    .micro_steps = 3,
    .modules = {{"clip", .pp = 2}, {"llm", .pp = 2, .rank_offset = 2}},
};

static struct mimo_plan_instruction *copy_program(struct fixture_plan *plan, uint32_t role,
                                                  uint32_t *out_count)
{
    const struct mimo_plan_role *record = &plan->draft.plan.roles[role];
    struct mimo_plan_instruction *copy =
        MIMO_NEW_ARRAY(&plan->arena, struct mimo_plan_instruction, record->instruction_count + 1);

    memcpy(copy, plan->draft.plan.instructions + record->instruction_first,
           record->instruction_count * sizeof *copy);
    *out_count = record->instruction_count;
    return copy;
}

/* Without any one of its instructions, or with any one twice, no program is accepted. */
static void test_dropped_and_doubled(void)
{
    struct fixture_plan plan;

    fixture_build(&plan, &pipelined_pair);
    for (uint32_t role = 0; role < plan.draft.plan.role_count; role++) {
        uint32_t count;
        struct mimo_plan_instruction *program = copy_program(&plan, role, &count);

        CHECK(accepts(&plan, role, program, count));
        for (uint32_t i = 0; i < count; i++) {
            program = copy_program(&plan, role, &count);
            memmove(program + i + 1, program + i, (count - i) * sizeof *program);
            CHECK(!accepts(&plan, role, program, count + 1));
            program = copy_program(&plan, role, &count);
            memmove(program + i, program + i + 1, (count - i - 1) * sizeof *program);
            CHECK(!accepts(&plan, role, program, count - 1));
        }
    }
    fixture_release(&plan);
}

/* A parcel of another micro-step or direction never meets its receiver. */
static void test_other_parcels(void)
{
    struct fixture_plan plan;

    fixture_build(&plan, &pipelined_pair);
    for (uint32_t role = 0; role < plan.draft.plan.role_count; role++) {
        uint32_t count;

        (void)copy_program(&plan, role, &count);
        for (uint32_t i = 0; i < count; i++) {
            struct mimo_plan_instruction *program = copy_program(&plan, role, &count);

            if (program[i].send_edge == MIMO_NONE)
                continue;
            program[i].send_micro_step = (program[i].send_micro_step + 1) % 3;
            CHECK(!accepts(&plan, role, program, count));
            program = copy_program(&plan, role, &count);
            program[i].send_direction = 1 - program[i].send_direction;
            CHECK(!accepts(&plan, role, program, count));
        }
    }
    fixture_release(&plan);
}

/* Two neighbours that both send before they receive wait for ever: the reason for EXCHANGE. */
static void test_deadlock(void)
{
    const struct mimo_plan_instruction blank = {.place = MIMO_NONE,
                                                .micro_step = MIMO_NONE,
                                                .send_edge = MIMO_NONE,
                                                .receive_edge = MIMO_NONE};
    const struct fixture fixture = {
        .world_size = 2, .micro_steps = 2, .modules = {{"llm", .pp = 2}}};
    struct fixture_plan plan;
    struct mimo_plan changed;
    struct mimo_plan_role roles[2] = {{.place_first = 0, .place_count = 1},
                                      {.place_first = 1, .place_count = 1}};
    struct mimo_plan_instruction split[64];
    const char *reason = "";
    uint32_t count = 0;

    fixture_build(&plan, &fixture);
    changed = plan.draft.plan;
    for (uint32_t role = 0; role < 2; role++) {
        uint32_t length;
        const struct mimo_plan_instruction *program = copy_program(&plan, role, &length);

        roles[role].instruction_first = count;
        for (uint32_t i = 0; i < length; i++) {
            split[count] = program[i];
            if (program[i].opcode == MIMO_OPCODE_EXCHANGE) {
                split[count].opcode = MIMO_OPCODE_SEND;
                split[count].receive_edge = MIMO_NONE;
                split[++count] = blank;
                split[count].opcode = MIMO_OPCODE_RECEIVE;
                split[count].receive_edge = program[i].receive_edge;
                split[count].receive_micro_step = program[i].receive_micro_step;
                split[count].receive_direction = program[i].receive_direction;
            }
            count++;
        }
        roles[role].instruction_count = count - roles[role].instruction_first;
    }
    changed.roles = roles;
    changed.instructions = split;
    changed.instruction_count = count;
    CHECK(!mimo_prove(&changed, &plan.arena, &reason));
    CHECK_CONTAINS(reason, "waits for ever");
    fixture_release(&plan);
}

/* The encoder's groups are in both roles: done at once with a receive, what it sends waits for
 * ranks that come to the receive first. */
static void test_joined_groups(void)
{
    const struct fixture fixture = {
        .world_size = 2,
        .micro_steps = 2,
        .modules = {{"clip", .dp = 2}, {"llm", .pp = 2}},
    };
    struct fixture_plan plan;
    struct mimo_plan_instruction *program;
    uint32_t count, i = 0;

    fixture_build(&plan, &fixture);
    program = copy_program(&plan, 1, &count);
    while (program[i].opcode != MIMO_OPCODE_SEND || program[i + 1].opcode != MIMO_OPCODE_RECEIVE)
        i++;
    program[i].opcode = MIMO_OPCODE_EXCHANGE;
    program[i].receive_edge = program[i + 1].receive_edge;
    program[i].receive_micro_step = program[i + 1].receive_micro_step;
    program[i].receive_direction = program[i + 1].receive_direction;
    memmove(program + i + 1, program + i + 2, (count - i - 2) * sizeof *program);
    CHECK(!accepts(&plan, 1, program, count - 1));
    fixture_release(&plan);
}

static void test_many_ranks(void)
{
    const struct fixture fixture = {
        .mode = MIMO_MODE_HETEROGENEOUS,
        .world_size = 16384,
        .micro_steps = 256,
        .modules = {{"clip", .dp = 384},
                    {"llm", .tp = 6, .cp = 2, .pp = 32, .dp = 32, .virtual_pipeline = 2,
                     .rank_offset = 384}},
    };
    struct fixture_plan plan;

    fixture_build(&plan, &fixture);
    CHECK(fixture_refusal(&plan) == NULL);
    CHECK_INT(plan.draft.plan.role_count, 34);
    fixture_release(&plan);
}

static const struct mimo_test tests[] = {
    {"one rank", test_one_rank},
    {"1F1B", test_1f1b},
    {"gpipe", test_gpipe},
    {"an encoder on its own ranks", test_encoder_apart},
    {"a frozen encoder, an idle rank", test_frozen_encoder},
    {"only a projector is trained", test_projector_only},
    {"nothing is trained", test_all_frozen},
    {"colocated", test_colocated},
    {"two colocated encoders", test_two_colocated_encoders},
    {"an encoder on a pipeline's ranks", test_encoder_in_pipeline},
    {"rounds", test_rounds},
    {"rounds that fit into memory", test_rounds_by_memory},
    {"hybrid", test_hybrid},
    {"virtual pipeline", test_virtual_pipeline},
    {"1F1B keeps what the depth needs", test_memory_of_1f1b},
    {"small worlds", test_small_worlds},
    {"programs with an instruction less or more", test_dropped_and_doubled},
    {"programs that send something else", test_other_parcels},
    {"programs that deadlock", test_deadlock},
    {"joined groups", test_joined_groups},
    {"many ranks", test_many_ranks},
};

MIMO_TEST_MAIN("schedule", tests)
