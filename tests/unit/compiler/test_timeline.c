#include "compiler/proof/timeline.h"
#include "compiler/show/show.h"
#include "tests/unit/check.h"
#include "tests/unit/compiler/fixture.h"

#include <stdlib.h>

/* Ticks of a step of the fixture, or 0 where its programs are refused. */
static uint64_t length_of(const struct fixture *fixture)
{
    struct fixture_plan plan;
    struct mimo_timeline timeline = {0};
    const char *refusal;

    fixture_build(&plan, fixture);
    refusal = fixture_refusal(&plan);
    CHECK_TEXT(refusal == NULL ? "" : refusal, "");
    CHECK(mimo_timeline_init(&timeline, &plan.draft.plan, &plan.arena));
    fixture_release(&plan);
    return timeline.length;
}

static struct fixture pipeline(uint32_t ranks, uint32_t chunks, uint32_t micro_steps)
{
    return (struct fixture){
        .world_size = ranks,
        .micro_steps = micro_steps,
        .modules = {{"llm", .pp = ranks, .virtual_pipeline = chunks}},
    };
}

/* Two ranks, two micro-steps, by hand:
 *     tick    0 1 2 3 4 5 6 7 8
 *     rank 0  F F . b b . b b .       R<0 waits for 3, R<1 for 6
 *     rank 1  . F b b F b b . .
 */
static void test_by_hand(void)
{
    const struct fixture fixture = pipeline(2, 1, 2);
    static const uint64_t ends[2][9] = {{0, 0, 1, 1, 1, 2, 4, 6, 7}, {0, 1, 2, 4, 4, 5, 7, 7, 7}};
    struct fixture_plan plan;
    struct mimo_timeline timeline;

    fixture_build(&plan, &fixture);
    CHECK(mimo_timeline_init(&timeline, &plan.draft.plan, &plan.arena));
    CHECK_INT(timeline.length, 9);
    for (uint32_t role = 0; role < 2; role++) {
        const struct mimo_plan_role *record = &plan.draft.plan.roles[role];

        CHECK_INT(mimo_timeline_busy(&plan.draft.plan, record), 6);
        for (uint32_t i = 0; i < 8; i++)
            CHECK_INT(timeline.end[record->instruction_first + i], ends[role][i]);
    }
    fixture_release(&plan);
}

/* Two roles that send to each other before they receive. */
static void test_for_ever(void)
{
    const struct fixture fixture = pipeline(2, 1, 2);
    struct fixture_plan plan;
    struct mimo_plan changed;
    struct mimo_plan_instruction *instructions;
    struct mimo_timeline timeline;

    fixture_build(&plan, &fixture);
    changed = plan.draft.plan;
    instructions =
        MIMO_NEW_ARRAY(&plan.arena, struct mimo_plan_instruction, changed.instruction_count);
    memcpy(instructions, changed.instructions, changed.instruction_count * sizeof *instructions);
    changed.instructions = instructions;
    for (uint32_t i = 0; i < changed.instruction_count; i++) {
        if (instructions[i].opcode == MIMO_OPCODE_SEND)
            instructions[i].send_micro_step = 1 - instructions[i].send_micro_step;
    }
    CHECK(!mimo_timeline_init(&timeline, &changed, &plan.arena));
    fixture_release(&plan);
}

/* Where a backward takes two ticks, a pipeline of p ranks and m micro-steps takes 3 (m + p - 1). */
static void test_bubble_of_pipelines(void)
{
    for (uint32_t p = 1; p <= 8; p++) {
        for (uint32_t m = 1; m <= 20; m++) {
            struct fixture fixture = pipeline(p, 1, m);

            CHECK_INT(length_of(&fixture), 3 * (m + p - 1));
            fixture.schedule = MIMO_PIPELINE_SCHEDULE_GPIPE;
            CHECK_INT(length_of(&fixture), 3 * (m + p - 1));
        }
    }
}

/* With v chunks a tick is a v-th of the rank's: 3 (v m + p - 1), the idle part being (p - 1) / (v
 * m) for any m >= p, multiple of p or not. Fewer micro-steps than ranks come round too late for the
 * next chunk, by p - m each time. */
static void test_bubble_of_interleaved(void)
{
    unsigned count = 0;

    for (uint32_t p = 2; p <= 8; p++) {
        for (uint32_t v = 2; v <= 4; v++) {
            for (uint32_t m = 1; m <= 4 * p + 1; m++) {
                const struct fixture fixture = pipeline(p, v, m);
                const uint32_t late = m < p ? (p - m) * (v - 1) : 0;

                CHECK_INT(length_of(&fixture), 3 * (v * m + p - 1 + late));
                count++;
            }
        }
    }
    (void)printf("%u pipelines ", count);
}

/* Encoder stages on ranks of their own lengthen the pipeline by their depth. */
static void test_bubble_with_encoders(void)
{
    for (uint32_t m = 2; m <= 12; m++) {
        const struct fixture fixture = {
            .mode = MIMO_MODE_HETEROGENEOUS,
            .world_size = 8,
            .micro_steps = m,
            .modules = {{"clip", .pp = 3},
                        {"dino", .rank_offset = 3},
                        {"llm", .pp = 4, .rank_offset = 4}},
        };

        CHECK_INT(length_of(&fixture), 3 * (m + 3 + 4 - 1));
    }
}

/* Each round fills and drains the pipeline: (p - 1) (1 + 2) ticks more for each one more. */
static void test_rounds(void)
{
    for (uint32_t k = 2; k <= 12; k++) {
        const struct fixture fixture = {
            .world_size = 2,
            .micro_steps = 12,
            .encoder_group = k,
            .modules = {{"clip", .dp = 2}, {"llm", .pp = 2}},
        };
        const uint32_t rounds = (12 + k - 1) / k;

        CHECK_INT(length_of(&fixture), 3 * 12 + 3 * (12 + rounds));
    }
}

struct counts {
    uint32_t first_forwards; /* before the first backward */
    uint32_t live_max;       /* micro-steps over all chunks */
};

static struct counts count(const struct mimo_plan *plan, const struct mimo_plan_role *role)
{
    struct counts counts = {0};
    uint32_t live = 0;
    bool is_first = true;

    for (uint32_t i = 0; i < role->instruction_count; i++) {
        const uint32_t opcode = plan->instructions[role->instruction_first + i].opcode;

        if (opcode == MIMO_OPCODE_BACKWARD) {
            live--;
            is_first = false;
        }
        if (opcode == MIMO_OPCODE_FORWARD) {
            live++;
            counts.first_forwards += is_first ? 1 : 0;
        }
        counts.live_max = live > counts.live_max ? live : counts.live_max;
    }
    return counts;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* The warm-up of the published schedules: p - r - 1 forwards, or 2 (p - r - 1) + (v - 1) p; behind
 * it a forward and a backward in turn, so that one more is alive at most. */
static void check_warm_up(uint32_t p, uint32_t v, uint32_t m)
{
    const struct fixture fixture = pipeline(p, v, m);
    struct fixture_plan plan;

    fixture_build(&plan, &fixture);
    for (uint32_t r = 0; r < p; r++) {
        const struct counts counts = count(&plan.draft.plan, &plan.draft.plan.roles[r]);
        const uint32_t warm_up = v == 1 ? p - r - 1 : 2 * (p - r - 1) + (v - 1) * p;

        CHECK_INT(counts.first_forwards, smaller(warm_up + 1, v * m));
        CHECK_INT(counts.live_max, smaller(warm_up + 1, v * m));
        if (v == 1)
            CHECK_INT(plan.draft.plan.stages[r].live_max, smaller(p - r, m));
    }
    fixture_release(&plan);
}

static void test_warm_up(void)
{
    for (uint32_t p = 2; p <= 6; p++) {
        for (uint32_t m = 1; m <= 12; m++)
            check_warm_up(p, 1, m);
        for (uint32_t v = 2; v <= 4; v++) {
            for (uint32_t groups = 1; groups <= 4; groups++)
                check_warm_up(p, v, groups * p);
        }
    }
}

/* ---- as text ---- */

static void check_text(const struct fixture *fixture, const char *expected)
{
    const struct mimo_show_options options = {.parts = MIMO_SHOW_SCHEDULE, .rank = MIMO_NONE};
    struct fixture_plan draft;
    struct mimo_plan plan;
    const unsigned char *bytes;
    size_t size, length;
    char *text = NULL;
    const char *timeline;
    FILE *file = open_memstream(&text, &length);

    fixture_build(&draft, fixture);
    mimo_plan_writer_finish(&draft.writer, &draft.draft.plan, &bytes, &size);
    CHECK_INT(mimo_plan_verify(bytes, size, &plan, NULL), MIMO_OK);
    mimo_show(&plan, &options, file);
    (void)fclose(file);
    fixture_release(&draft);
    timeline = strstr(text, "\ntimeline");
    CHECK_TEXT(timeline == NULL ? text : timeline, expected);
    free(text);
}

/* A frozen encoder on a rank of its own, two pipeline stages, a rank without a module. */
static void test_text(void)
{
    const struct fixture fixture = {
        .mode = MIMO_MODE_HETEROGENEOUS,
        .world_size = 4,
        .micro_steps = 3,
        .modules = {{"clip", .is_frozen = true}, {"llm", .pp = 2, .rank_offset = 1}},
    };

    check_text(
        &fixture,
        "\ntimeline of a step, as if all stages took equally long\n"
        "                       0              5              10\n"
        "  rank 0  clip         E0 E1 E2 .  .  .  .  .  .  .  .  .  .\n"
        "  rank 1  llm stage 0  .  F0 F1 .  .  B0--- F2 B1--- .  B2---\n"
        "  rank 2  llm stage 1  .  .  F0 B0--- F1 B1--- F2 B2--- .  .\n"
        "  rank 3  idle         .  .  .  .  .  .  .  .  .  .  .  .  .\n"
        "  E encode, F forward: 1 tick; B backward: 2 ticks; each with its micro-step; . idle\n"
        "  ranks of clip: idle for 76.9 % of 13 ticks\n"
        "  ranks of llm: idle for 30.8 % of 13 ticks\n");
}

/* Chunks of one rank have a row each; 12 micro-steps need three digits of a tick, and are cut. */
static void test_long_text(void)
{
    const struct fixture fixture = {
        .world_size = 4,
        .micro_steps = 12,
        .modules = {{"clip", .dp = 4}, {"llm", .tp = 2, .pp = 2}},
    };

    check_text(
        &fixture,
        "\ntimeline of a step, as if all stages took equally long\n"
        "                             0                   5                   10                  "
        "15"
        "                  20                  25                  30\n"
        "  ranks 0 to 1  clip         E0  E1  E2  E3  E4  E5  E6  E7  E8  E9  E10 E11         .   "
        ".\n"
        "                llm stage 0                                                  F0  F1  .   "
        ".  "
        " B0----- F2  B1----- F3  B2----- F4  B3----- F5  B4----- F6  B5--\n"
        "  ranks 2 to 3  clip         E0  E1  E2  E3  E4  E5  E6  E7  E8  E9  E10 E11 .\n"
        "                llm stage 1                                                  .   F0  "
        "B0-----"
        " F1  B1----- F2  B2----- F3  B3----- F4  B4----- F5  B5----- F6\n"
        "  the first 32 of 75 ticks; --format json has all instructions\n"
        "  E encode, F forward: 1 tick; B backward: 2 ticks; each with its micro-step; . idle\n"
        "  ranks of clip: idle for 4.0 % of 75 ticks\n"
        "  ranks of llm: idle for 4.0 % of 75 ticks\n");
}

static const struct mimo_test tests[] = {
    {"by hand", test_by_hand},
    {"programs that wait for ever", test_for_ever},
    {"the bubble of 1F1B and gpipe", test_bubble_of_pipelines},
    {"the bubble of interleaved 1F1B", test_bubble_of_interleaved},
    {"the bubble with encoders", test_bubble_with_encoders},
    {"the bubble of rounds", test_rounds},
    {"warm-up and live micro-steps", test_warm_up},
    {"as text", test_text},
    {"as text that is cut", test_long_text},
};

MIMO_TEST_MAIN("timeline", tests)
