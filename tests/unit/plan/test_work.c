/* Floating-point operations, counted by hand (docs/cost.md has the first model). */
#include "plan/work.h"
#include "tests/unit/check.h"

#include <stdbool.h>

enum { ENCODER, LANGUAGE, PARAMETERS_MAX = 16 };

/* A ViT of one layer with a linear projector, and a llama of one layer. */
struct fixture {
    struct mimo_plan_training training;
    struct mimo_plan_data data;
    struct mimo_plan_module modules[2];
    struct mimo_plan_stage stages[2];
    struct mimo_plan_parameter parameters[PARAMETERS_MAX];
    struct mimo_plan plan;
};

static void add(struct fixture *fixture, uint32_t module, uint32_t slot, uint64_t rows,
                uint64_t columns)
{
    const uint32_t index = fixture->plan.parameter_count++;

    fixture->parameters[index] = (struct mimo_plan_parameter){
        .module = module,
        .slot = slot,
        .expert = MIMO_NONE,
        .projector = slot == MIMO_SLOT_PROJECTOR_WEIGHT ? 0 : MIMO_NONE,
        .tied_to = MIMO_NONE,
        .dimensions = columns == 0 ? 1 : 2,
        .shape = {rows, columns == 0 ? 1 : columns, 1, 1},
        .is_trainable = 1,
    };
    if (fixture->modules[module].parameter_count++ == 0)
        fixture->modules[module].parameter_first = index;
}

/* Four patches of 12 numbers and a class token, 4 wide, 2 heads of 2, feed-forward 6. */
static void add_encoder(struct fixture *fixture)
{
    fixture->modules[ENCODER] = (struct mimo_plan_module){
        .kind = MIMO_MODULE_KIND_ENCODER,
        .num_attention_heads = 2,
        .head_dim = 2,
        .image_tokens = 4,
        .projector = 0,
        .stage_count = 1,
        .ranks = 1,
        .pp = 1,
    };
    add(fixture, ENCODER, MIMO_SLOT_CLASS_EMBEDDING, 4, 0);
    add(fixture, ENCODER, MIMO_SLOT_PATCH_EMBEDDING, 4, 12);
    add(fixture, ENCODER, MIMO_SLOT_POSITION_EMBEDDING, 5, 4);
    add(fixture, ENCODER, MIMO_SLOT_Q_WEIGHT, 12, 4); /* q, k and v */
    add(fixture, ENCODER, MIMO_SLOT_O_WEIGHT, 4, 4);
    add(fixture, ENCODER, MIMO_SLOT_UP_WEIGHT, 6, 4);
    add(fixture, ENCODER, MIMO_SLOT_DOWN_WEIGHT, 4, 6);
    add(fixture, ENCODER, MIMO_SLOT_PROJECTOR_WEIGHT, 8, 4);
}

static void add_language(struct fixture *fixture)
{
    fixture->modules[LANGUAGE] = (struct mimo_plan_module){
        .kind = MIMO_MODULE_KIND_LANGUAGE,
        .num_attention_heads = 2,
        .head_dim = 4,
        .projector = MIMO_NONE,
        .stage_first = 1,
        .stage_count = 1,
        .ranks = 1,
        .pp = 1,
    };
    add(fixture, LANGUAGE, MIMO_SLOT_TOKEN_EMBEDDING, 32, 8);
    add(fixture, LANGUAGE, MIMO_SLOT_Q_WEIGHT, 24, 8); /* q, k and v */
    add(fixture, LANGUAGE, MIMO_SLOT_O_WEIGHT, 8, 8);
    add(fixture, LANGUAGE, MIMO_SLOT_GATE_WEIGHT, 32, 8); /* gate and up */
    add(fixture, LANGUAGE, MIMO_SLOT_DOWN_WEIGHT, 8, 16);
    add(fixture, LANGUAGE, MIMO_SLOT_HEAD, 32, 8);
}

static void open_fixture(struct fixture *fixture)
{
    *fixture = (struct fixture){
        .training = {.global_batch = 1, .sequence_length = 10},
        .data = {.format = MIMO_DATA_FORMAT_LLAVA},
        .stages = {{.layer_count = 1}, {.layer_count = 1}},
    };
    fixture->plan = (struct mimo_plan){
        .training = &fixture->training,
        .data = &fixture->data,
        .modules = fixture->modules,
        .module_count = 2,
        .stages = fixture->stages,
        .parameters = fixture->parameters,
    };
    add_encoder(fixture);
    add_language(fixture);
}

static void freeze(struct fixture *fixture, uint32_t module, bool projector_too)
{
    for (uint32_t i = 0; i < fixture->plan.parameter_count; i++)
        if (fixture->parameters[i].module == module &&
            (projector_too || fixture->parameters[i].projector == MIMO_NONE))
            fixture->parameters[i].is_trainable = 0;
}

/* 896 elements of matrices, 10 rows; attention over 10 positions, half of the pairs. */
static void test_language(void)
{
    struct fixture fixture;
    const struct mimo_load load = {.tokens = 10.0, .images = 1.0};
    struct mimo_work work;

    open_fixture(&fixture);
    work = mimo_work_of_module(&fixture.plan, LANGUAGE, &load);
    CHECK_NEAR(work.forward, 17920.0 + 1600.0, 1e-15);
    CHECK_NEAR(work.backward, 2.0 * 19520.0, 1e-15);
}

/* 5 rows an image through 48 + 48 + 16 + 48 elements, attention 4 * 5 * 5 * 4; 4 rows through the
 * projector's 32. */
static void test_encoder(void)
{
    struct fixture fixture;
    const struct mimo_load load = {.tokens = 10.0, .images = 3.0};
    struct mimo_work work;

    open_fixture(&fixture);
    work = mimo_work_of_module(&fixture.plan, ENCODER, &load);
    CHECK_NEAR(work.forward, 3 * (2.0 * 5 * 160 + 400.0 + 2.0 * 4 * 32), 1e-15);
    CHECK_NEAR(work.backward, 2.0 * work.forward, 1e-15);
}

/* Two shorter sequences: half the length each, so half the attention. */
static void test_length(void)
{
    struct fixture fixture;
    const struct mimo_load load = {.tokens = 10.0, .images = 0.0};

    open_fixture(&fixture);
    fixture.training.global_batch = 2;
    CHECK_NEAR(mimo_work_of_step(&fixture.plan, &load), 3.0 * (17920.0 + 800.0), 1e-15);
}

/* Behind a frozen encoder only its projector's weights learn; before a frozen language model the
 * gradients still go through it; where nothing learns there is no backward. */
static void test_frozen(void)
{
    struct fixture fixture;
    const struct mimo_load load = {.tokens = 10.0, .images = 1.0};

    open_fixture(&fixture);
    freeze(&fixture, ENCODER, false);
    freeze(&fixture, LANGUAGE, false);
    CHECK_NEAR(mimo_work_of_module(&fixture.plan, ENCODER, &load).backward, 2.0 * 4 * 32, 1e-15);
    CHECK_NEAR(mimo_work_of_module(&fixture.plan, LANGUAGE, &load).backward, 19520.0, 1e-15);
    freeze(&fixture, ENCODER, true);
    CHECK_NEAR(mimo_work_of_module(&fixture.plan, ENCODER, &load).backward, 0.0, 1e-15);
    CHECK_NEAR(mimo_work_of_module(&fixture.plan, LANGUAGE, &load).backward, 0.0, 1e-15);
}

/* A tied table is the head. */
static void test_tied(void)
{
    struct fixture fixture;
    const struct mimo_load load = {.tokens = 10.0, .images = 0.0};

    open_fixture(&fixture);
    fixture.modules[LANGUAGE].ties_embeddings = 1;
    fixture.modules[LANGUAGE].parameter_count--;
    CHECK_NEAR(mimo_work_of_module(&fixture.plan, LANGUAGE, &load).forward, 19520.0, 1e-15);
}

/* Of the experts those that a row visits. */
static void test_experts(void)
{
    struct fixture fixture;
    const struct mimo_load load = {.tokens = 10.0, .images = 0.0};

    open_fixture(&fixture);
    fixture.modules[LANGUAGE].num_experts = 8;
    fixture.modules[LANGUAGE].top_k = 2;
    for (uint32_t i = 0; i < fixture.plan.parameter_count; i++)
        if (fixture.parameters[i].slot == MIMO_SLOT_GATE_WEIGHT)
            fixture.parameters[i].expert = 3;
    CHECK_NEAR(mimo_work_of_module(&fixture.plan, LANGUAGE, &load).forward,
               19520.0 - 2.0 * 10 * 256 * 3 / 4, 1e-15);
}

static const struct mimo_test tests[] = {
    {"a language model", test_language}, {"an encoder", test_encoder},
    {"shorter sequences", test_length},  {"frozen modules", test_frozen},
    {"a tied head", test_tied},          {"experts", test_experts},
};

MIMO_TEST_MAIN("plan/work", tests)
