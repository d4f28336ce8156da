/* Expressions, names, derivation and defaults, seen through declarations. */
#include "plan/format.h"
#include "tests/unit/check.h"
#include "tests/unit/compiler/front.h"

/* `assert (EXPRESSION), "m"` is true. */
static void check_true(const char *expression)
{
    struct mimo_arena arena = {0};
    struct front front;

    front_run(&front,
              mimo_arena_printf(&arena, "mimo 1\nparam gpus = 40\nassert %s, \"m\"", expression));
    if (front.diagnostics.count > 0)
        (void)printf("\n  %s: %s\n", expression, front.diagnostics.items[0]->message);
    CHECK_INT(front.diagnostics.count, 0);
    front_release(&front);
    mimo_arena_release(&arena);
}

/* Evaluating it gives one diagnostic, this one. */
static void check_fails(const char *expression, enum mimo_code code)
{
    struct mimo_arena arena = {0};
    struct front front;

    front_run(&front, mimo_arena_printf(&arena, "mimo 1\nparam x = %s", expression));
    CHECK_INT(front.diagnostics.count, 1);
    if (front.diagnostics.count > 0)
        CHECK_TEXT(mimo_code_name(front.diagnostics.items[0]->code), mimo_code_name(code));
    front_release(&front);
    mimo_arena_release(&arena);
}

static void test_arithmetic(void)
{
    check_true("2 + 3 * 4 == 14 && -7 % 3 == -1 && 7 - 10 == -3");
    check_true("0x10 == 16 && 4_096 == 4096 && 1e3 == 1000 && 1.5e-1 == 0.15");
    check_true("12 / 4 == 3 && 7 / 2.0 == 3.5 && -12 / 4 == -3");
    check_true("min(3, 1, 2) == 1 && max(3, 1.5) == 3");
    check_true("ceil_div(7, 2) == 4 && ceil_div(8, 2) == 4 && ceil_div(-7, 2) == -3 && ceil_div(0, "
               "5) == 0");
    check_true("-9223372036854775807 - 1 < -9223372036854775807");
    check_true("9223372036854775807 % -1 == 0 && (-9223372036854775807 - 1) % -1 == 0");
    check_true("9007199254740993 > 9007199254740992"); /* not by way of doubles */
}

static void test_units(void)
{
    check_true("1kB == 1000 * 0.001kB || true");
    check_true("80GB / 2 == 40GB && 2 * 40GB == 80GB && 80GB / 1GB == 80 && 1GiB / 1MiB == 1024");
    check_true("1.5GB == 1500MB && 1h == 60min && 1min == 60s && 1s == 1000ms");
    check_true("1PFLOPS == 1000TFLOPS && 900GBps > 0.5TBps && 80GB % 3GB == 2GB");
    check_fails("80GB + 1", MIMO_E0301);
    check_fails("80GB * 2GB", MIMO_E0301);
    check_fails("2 / 80GB", MIMO_E0301);
    check_fails("1GB < 1GBps", MIMO_E0301);
    check_fails("3parsec", MIMO_E0301);
    check_fails("0x1GB", MIMO_E0301);
    check_fails("1.0001kB", MIMO_E0302);
    check_fails("9999999999999TB", MIMO_E0302);
}

static void test_logic(void)
{
    check_true("true || 1 / 0 == 1");
    check_true("!(false && 1 / 0 == 1)");
    check_true("(gpus > 8 ? gpus - 8 : 1 / 0) == 32");
    check_true("\"a\" == \"a\" && \"a\" != \"b\" && bf16 != fp32 && none == none && auto != 8");
    check_fails("1 && true", MIMO_E0301);
    check_fails("true && 1", MIMO_E0301);
    check_fails("1 ? 2 : 3", MIMO_E0301);
    check_fails("!1", MIMO_E0301);
    check_fails("1 == \"a\"", MIMO_E0301);
    check_fails("[1] < [2]", MIMO_E0301);
    check_fails("[1] == [true]", MIMO_E0301);
}

static void test_failures(void)
{
    check_fails("9223372036854775807 + 1", MIMO_E0302);
    check_fails("-9223372036854775807 - 2", MIMO_E0302);
    check_fails("3037000500 * 3037000500", MIMO_E0302);
    check_fails("(-9223372036854775807 - 1) / -1", MIMO_E0302);
    check_fails("-(-9223372036854775807 - 1)", MIMO_E0302);
    check_fails("9223372036854775808", MIMO_E0302);
    check_fails("1e999", MIMO_E0302);
    check_fails("1e308 * 10.0", MIMO_E0302);
    check_fails("1 / 0", MIMO_E0302);
    check_fails("1 % 0", MIMO_E0302);
    check_fails("1.0 / 0", MIMO_E0302);
    check_fails("ceil_div(1, 0)", MIMO_E0302);
    check_fails("ceil_div(1)", MIMO_E0301);
    check_fails("ceil_div(1.5, 2)", MIMO_E0301);
    check_fails("min(1, \"a\")", MIMO_E0301);
    check_fails("7.5 % 2", MIMO_E0301);
    check_fails("7 / 2", MIMO_E0303);
    check_fails("nothing", MIMO_E0204);
    check_fails("nothing(1)", MIMO_E0204);
    /* what depends on a mistake is silent */
    check_fails("(1 / 0 + 1) * 2 == 4 && true", MIMO_E0302);
}

static void check_circle(const char *text, uint32_t begin, size_t notes)
{
    struct front front;

    front_run(&front, text);
    CHECK_INT(front.diagnostics.count, 1);
    CHECK_INT(front_count(&front, MIMO_E0204), 1);
    if (front.diagnostics.count == 1) {
        CHECK_INT(front.diagnostics.items[0]->span.begin, begin);
        CHECK_INT(front.diagnostics.items[0]->note_count, notes);
    }
    front_release(&front);
}

/* At the first definition of the circle in the file, wherever evaluation enters it. */
static void test_circles(void)
{
    check_circle("mimo 1 param a = a", 13, 0);
    check_circle("mimo 1 param a = b + 1 param b = c param c = a", 13, 2);
    check_circle("mimo 1 param z = c param b = a param a = c param c = b", 25, 2);
    check_circle("mimo 1 param a = d.world_size deployment d { mode = hybrid world_size = a }", 13,
                 1);
}

static const char MODEL[] =
    "model m { language llm : llama { num_layers = 2 hidden_size = 64 num_attention_heads = 4 "
    "vocab_size = 100 } }\n"
    "training { steps = 1 global_batch = 8 sequence_length = 32 optimizer adamw { lr = 1 } }\n"
    "data { format = synthetic }\n";

static void run_with_model(struct front *front, const char *text)
{
    struct mimo_arena arena = {0};

    front_run(front, mimo_arena_printf(&arena, "mimo 1\n%s%s", MODEL, text));
    mimo_arena_release(&arena);
}

static void test_defaults(void)
{
    struct front front;
    const struct mimo_block *llm;
    int64_t number;
    bool flag;

    run_with_model(&front, "");
    CHECK_INT(front.diagnostics.count, 0);
    llm = mimo_block_child(front.declaration.model, MIMO_BLOCK_language, "llm");
    CHECK(mimo_block_integer(llm, MIMO_ATTR_ffn_hidden_size, &number) && number == 256);
    CHECK(mimo_block_integer(llm, MIMO_ATTR_head_dim, &number) && number == 16);
    CHECK(mimo_block_integer(llm, MIMO_ATTR_max_sequence_length, &number) && number == 32);
    CHECK(mimo_block_boolean(llm, MIMO_ATTR_tie_embeddings, &flag) && !flag);
    CHECK(!mimo_block_is_set(llm, MIMO_ATTR_head_dim));
    CHECK(mimo_block_is_set(llm, MIMO_ATTR_hidden_size));
    CHECK_INT(mimo_block_value(llm, MIMO_ATTR_image_size)->kind, MIMO_VALUE_UNKNOWN);
    CHECK(mimo_block_word(front.declaration.training, MIMO_ATTR_recompute, &number) &&
          number == MIMO_RECOMPUTE_NONE);
    front_release(&front);
}

/* The default of head_dim does not divide: unknown, and rule E0401 says so, not this half. */
static void test_inexact_default(void)
{
    struct front front;
    int64_t number;

    front_run(
        &front,
        "mimo 1\nmodel m { language llm : llama { num_layers = 2 hidden_size = 65 "
        "num_attention_heads = 4 vocab_size = 100 } }\n"
        "training { steps = 1 global_batch = 8 sequence_length = 32 optimizer adamw { lr = 1 } }\n"
        "data { format = synthetic }\n");
    CHECK_INT(front.diagnostics.count, 0);
    CHECK(!mimo_block_integer(mimo_block_child(front.declaration.model, MIMO_BLOCK_language, NULL),
                              MIMO_ATTR_head_dim, &number));
    front_release(&front);
}

/* A param of the name of an attribute does not reach the schema's defaults. */
static void test_defaults_see_siblings(void)
{
    struct front front;
    int64_t number;

    run_with_model(
        &front,
        "param hidden_size = 8\nparam twice = llm.ffn_hidden_size * 2\n"
        "assert twice == 512 && language.num_layers == 2 && m.llm.vocab_size == 100, \"m\"");
    CHECK_INT(front.diagnostics.count, 0);
    CHECK(mimo_block_integer(mimo_block_child(front.declaration.model, MIMO_BLOCK_language, NULL),
                             MIMO_ATTR_ffn_hidden_size, &number) &&
          number == 256);
    front_release(&front);
}

static void test_derivation(void)
{
    static const char text[] =
        "mimo 1\n"
        "deployment b : a { world_size = 16 parallelism llm { pipeline_parallel = 2 } }\n"
        "deployment a { mode = colocated world_size = 8 parallelism llm { tensor_parallel = 2 } "
        "parallelism clip { data_parallel = 8 } }\n";
    struct front front;
    const struct mimo_block *llm, *clip, *b;
    struct mimo_span origin;
    int64_t number;

    front_run(&front, text);
    CHECK_INT(front.diagnostics.count, 0);
    b = front.declaration.deployment;
    CHECK_TEXT(b->name, "b");
    CHECK(mimo_block_word(b, MIMO_ATTR_mode, &number) && number == MIMO_MODE_COLOCATED);
    CHECK(mimo_block_integer(b, MIMO_ATTR_world_size, &number) && number == 16);
    llm = mimo_block_child(b, MIMO_BLOCK_parallelism, "llm");
    clip = mimo_block_child(b, MIMO_BLOCK_parallelism, "clip");
    CHECK(mimo_block_integer(llm, MIMO_ATTR_tensor_parallel, &number) && number == 2);
    CHECK(mimo_block_integer(llm, MIMO_ATTR_pipeline_parallel, &number) && number == 2);
    CHECK(mimo_block_integer(clip, MIMO_ATTR_data_parallel, &number) && number == 8);
    /* an inherited attribute stands at the block's name, its origin where it is written */
    CHECK_INT(mimo_block_span(llm, MIMO_ATTR_tensor_parallel).begin, llm->name_span.begin);
    CHECK(mimo_block_origin(llm, MIMO_ATTR_tensor_parallel, &origin));
    CHECK_INT(origin.begin, strstr(text, "tensor_parallel") - text);
    CHECK(llm->parent == b && clip->parent == b);
    front_release(&front);
}

/* The mistake is unknown to everything that follows from it. */
static void test_no_cascades(void)
{
    struct front front;

    run_with_model(&front, "deployment d { mode = colocated world_size = 1 / 0\n"
                           "parallelism llm { tensor_parallel = d.world_size / 2 "
                           "data_parallel = llm.tensor_parallel } }\n"
                           "assert d.world_size == 3 || d.llm.tensor_parallel > 1, \"m\"");
    CHECK_INT(front.diagnostics.count, 1);
    CHECK_INT(front_count(&front, MIMO_E0302), 1);
    front_release(&front);
}

/* A misspelt or lost attribute is not missing as well. */
static void test_not_missing(void)
{
    struct front front;

    front_run(&front, "mimo 1\ntraining { stepz = 1\n global_batch 8\n sequence_length = 32\n"
                      " optimiser adamw { lr = 1 }\n}");
    CHECK_INT(front_count(&front, MIMO_E0201), 2);
    CHECK_INT(front_count(&front, MIMO_E0103), 1);
    CHECK_INT(front_count(&front, MIMO_E0203), 0);
    front_release(&front);
}

static void test_module_names(void)
{
    struct front front;

    front_run(&front,
              "mimo 1\nmodel m { language x : llama { } modality i { encoder x : clip_vit { } "
              "projector all : linear { } } modality j { encoder x : clip_vit { } } }");
    CHECK_INT(front_count(&front, MIMO_E0202), 2);
    CHECK(front_find(&front, MIMO_E0302) != NULL);
    front_release(&front);
}

/* Definitions that lean on each other by the thousand are refused, not run into the ground. */
static void test_long_chains(void)
{
    struct mimo_arena arena = {0};
    char *text = MIMO_NEW_ARRAY(&arena, char, 64 * 5000);
    struct front front;
    size_t length = 0;

    length += (size_t)sprintf(text, "mimo 1\n");
    for (int i = 0; i < 5000; i++)
        length += (size_t)sprintf(text + length, "param p%d = p%d + 1\n", i, i + 1);
    (void)sprintf(text + length, "param p5000 = 0\n");
    front_run(&front, text);
    CHECK(front_count(&front, MIMO_E0105) > 0);
    front_release(&front);
    mimo_arena_release(&arena);
}

static const struct mimo_test TESTS[] = {
    {"arithmetic", test_arithmetic},
    {"units", test_units},
    {"logic", test_logic},
    {"failures", test_failures},
    {"circles", test_circles},
    {"defaults", test_defaults},
    {"inexact default", test_inexact_default},
    {"defaults see siblings", test_defaults_see_siblings},
    {"derivation", test_derivation},
    {"no cascades", test_no_cascades},
    {"not missing", test_not_missing},
    {"module names", test_module_names},
    {"long chains", test_long_chains},
};

MIMO_TEST_MAIN("evaluate", TESTS)
