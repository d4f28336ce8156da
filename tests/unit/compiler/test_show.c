#include "compiler/output/json.h"
#include "compiler/output/table.h"
#include "compiler/show/show.h"
#include "plan/memory.h"
#include "plan/work.h"
#include "tests/unit/check.h"
#include "tests/unit/compiler/fixture.h"

#include <stdlib.h>

/* Three ranks: clip on one, two pipeline stages of llm on the others. */
static const struct fixture three_ranks = {
    .mode = MIMO_MODE_HETEROGENEOUS,
    .world_size = 3,
    .micro_steps = 2,
    .modules = {{"clip", .is_frozen = true, .has_projector = true},
                {"llm", .pp = 2, .rank_offset = 1}},
};

static char *show(const struct fixture *fixture, const struct mimo_show_options *options)
{
    struct fixture_plan draft;
    struct mimo_plan plan;
    const unsigned char *bytes;
    size_t size, length;
    char *text = NULL;
    FILE *file = open_memstream(&text, &length);

    fixture_build(&draft, fixture);
    mimo_plan_writer_finish(&draft.writer, &draft.draft.plan, &bytes, &size);
    CHECK_INT(mimo_plan_verify(bytes, size, &plan, NULL), MIMO_OK);
    mimo_show(&plan, options, file);
    (void)fclose(file);
    fixture_release(&draft);
    return text;
}

static void test_json_summary(void)
{
    const struct mimo_show_options options = {.rank = MIMO_NONE, .is_json = true};
    char *text = show(&three_ranks, &options);

    CHECK_TEXT(
        text,
        "{\n"
        "  \"format\": 1,\n"
        "  \"model\": \"model\",\n"
        "  \"deployment\": null,\n"
        "  \"mode\": \"heterogeneous\",\n"
        "  \"world_size\": 3,\n"
        "  \"global_batch\": 24,\n"
        "  \"micro_batch\": 12,\n"
        "  \"micro_steps\": 2,\n"
        "  \"sequence_length\": 5040,\n"
        "  \"modules\": [\n"
        "    {\"name\": \"clip\", \"kind\": \"encoder\", \"modality\": \"\", "
        "\"architecture\": \"clip_vit\", \"rank_offset\": 0, \"ranks\": 1, \"tp\": 1, \"cp\": 1, "
        "\"dp\": 1, \"pp\": 1, \"etp\": 1, \"ep\": 1, \"edp\": 1, \"virtual_pipeline\": 1, "
        "\"sequence_parallel\": false, \"parameters\": 59424, \"frozen\": true, "
        "\"stages\": [[0, 2]]},\n"
        "    {\"name\": \"llm\", \"kind\": \"language\", \"architecture\": \"llama\", "
        "\"rank_offset\": 1, \"ranks\": 2, \"tp\": 1, \"cp\": 1, \"dp\": 1, \"pp\": 2, \"etp\": 1, "
        "\"ep\": 1, \"edp\": 1, \"virtual_pipeline\": 1, \"sequence_parallel\": false, "
        "\"parameters\": 157488, \"frozen\": false, \"stages\": [[0, 2], [2, 4]]}\n"
        "  ]\n"
        "}\n");
    free(text);
}

static void test_json_parts(void)
{
    struct mimo_show_options options = {.parts =
                                            MIMO_SHOW_RANKS | MIMO_SHOW_GROUPS | MIMO_SHOW_BRIDGES,
                                        .rank = MIMO_NONE,
                                        .is_json = true};
    char *text = show(&three_ranks, &options);

    CHECK_CONTAINS(text, "{\"rank\": 2, \"places\": [{\"module\": \"llm\", \"tp\": 0, \"cp\": 0, "
                         "\"dp\": 0, \"pp\": 1, \"etp\": 0, \"ep\": 0, \"edp\": 0}]}");
    CHECK_CONTAINS(text, "{\"module\": \"llm\", \"kind\": \"embedding\", \"ranks\": [1, 2]}");
    CHECK_CONTAINS(text, "{\"module\": \"llm\", \"kind\": \"position_embedding\", \"ranks\": [1]}");
    CHECK_CONTAINS(text, "{\"from\": \"clip\", \"to\": \"llm\", \"backward\": true, "
                         "\"transfers\": [{\"source\": 0, \"destination\": 1, \"samples\": [0, "
                         "12], \"columns\": [0, 48]}]}");
    free(text);

    options.rank = 2;
    text = show(&three_ranks, &options);
    CHECK(strstr(text, "\"rank\": 1") == NULL);
    CHECK(strstr(text, "position_embedding\", \"ranks\": [1]") == NULL);
    CHECK_CONTAINS(text, "{\"op\": \"receive\", \"receive\": {\"edge\": 1, \"micro_step\": 0, "
                         "\"direction\": \"forward\"}}");
    free(text);
}

static void test_text(void)
{
    struct mimo_show_options options = {.parts = MIMO_SHOW_ALL, .rank = MIMO_NONE};
    char *text = show(&three_ranks, &options);

    CHECK_CONTAINS(text, "  module  kind      architecture  layers  width  heads  parameters  state"
                         "\n  clip    encoder   clip_vit      2          48     12      59.4 k  "
                         "frozen\n");
    CHECK_CONTAINS(text, "  rank 1  llm stage 0  .  F0 F1 .  .  B0--- .  B1--- .  .\n");
    CHECK_CONTAINS(text, "llm embedding: [1 2]\n");
    CHECK_CONTAINS(text, "llm.model.layers.3.mlp.up_proj.weight");
    free(text);

    options.rank = 0;
    text = show(&three_ranks, &options);
    CHECK_CONTAINS(text, "program of rank 0: clip\n");
    CHECK(strstr(text, "program of rank 1") == NULL);
    free(text);
}

/* llm: 100 x 48 twice, 4 layers of 36960, a norm; clip's projector is 48 x 48 and has no bias. All
 * of these sizes are multiples of 64 bytes. */
static void test_memory(void)
{
    struct fixture_plan plan;
    struct mimo_plan_memory memory;

    fixture_build(&plan, &three_ranks);
    memory = mimo_memory_of_parameters(&plan.draft.plan, 0, true);
    CHECK_INT(memory.bytes[MIMO_MEMORY_PARAMETERS], 4 * 59424);
    CHECK_INT(memory.bytes[MIMO_MEMORY_GRADIENTS], 4 * 48 * 48);
    CHECK_INT(memory.bytes[MIMO_MEMORY_OPTIMIZER], 8 * 48 * 48);
    memory = mimo_memory_of_parameters(&plan.draft.plan, 1, true);
    CHECK_INT(memory.bytes[MIMO_MEMORY_PARAMETERS], 4 * (4800 + 2 * 36960));
    memory = mimo_memory_of_parameters(&plan.draft.plan, 2, true);
    CHECK_INT(memory.bytes[MIMO_MEMORY_GRADIENTS], 4 * (4800 + 48 + 2 * 36960));
    memory = mimo_memory_of_parameters(&plan.draft.plan, 2, false);
    CHECK_INT(memory.bytes[MIMO_MEMORY_GRADIENTS], 0);
    fixture_release(&plan);
}

static void test_work(void)
{
    struct fixture_plan plan;
    struct mimo_load load;
    struct mimo_work work, share;

    fixture_build(&plan, &three_ranks);
    load = mimo_load_full(&plan.draft.plan);
    work = mimo_work_of_module(&plan.draft.plan, 0, &load);
    CHECK_NEAR(work.backward, 24.0 * 4 * 2 * 48 * 48, 1e-12); /* the projector's weights alone */
    work = mimo_work_of_module(&plan.draft.plan, 1, &load);
    CHECK_NEAR(work.forward, 24.0 * 5040 * (2.0 * (4800 + 4 * (36960 - 96)) + 4 * 2.0 * 5040 * 48),
               1e-12);
    CHECK_NEAR(work.backward, 2 * work.forward, 1e-12);
    /* The second of the two stages has the head besides. */
    share = mimo_work_of_rank(&plan.draft.plan, 1, &load);
    CHECK_NEAR(share.forward, 24.0 * 5040 * 2 * (2.0 * (36960 - 96) + 2.0 * 5040 * 48), 1e-12);
    CHECK_NEAR(share.forward + mimo_work_of_rank(&plan.draft.plan, 2, &load).forward, work.forward,
               1e-12);
    fixture_release(&plan);
}

static void test_json_escapes(void)
{
    struct mimo_json json;
    char *text = NULL;
    size_t length;
    FILE *file = open_memstream(&text, &length);

    mimo_json_init(&json, file);
    mimo_json_open_object(&json, NULL);
    mimo_json_text(&json, "a\"b", "tab\t, back\\slash, \xc3\xa9");
    mimo_json_text(&json, "nothing", NULL);
    mimo_json_open_list(&json, "empty");
    mimo_json_close(&json);
    mimo_json_real(&json, "tenth", 0.5);
    mimo_json_boolean(&json, "yes", true);
    mimo_json_close(&json);
    (void)fclose(file);
    CHECK_TEXT(text, "{\n  \"a\\\"b\": \"tab\\u0009, back\\\\slash, \xc3\xa9\",\n"
                     "  \"nothing\": null,\n  \"empty\": [],\n  \"tenth\": 0.5,\n"
                     "  \"yes\": true\n}\n");
    free(text);
}

static void test_table(void)
{
    struct mimo_arena arena;
    struct mimo_table table;
    char *text = NULL;
    size_t length;
    FILE *file = open_memstream(&text, &length);

    mimo_arena_init(&arena);
    mimo_table_init(&table, &arena, "name\t>size\tlast");
    mimo_table_add(&table, "%s\t%d\t%s", "a long one", 7, "x");
    mimo_table_add(&table, "short\t12345\tlonger than the title");
    mimo_table_print(&table, file);
    (void)fclose(file);
    CHECK_TEXT(text, "  name         size  last\n"
                     "  a long one      7  x\n"
                     "  short       12345  longer than the title\n");
    free(text);
    mimo_arena_release(&arena);
}

static const struct mimo_test tests[] = {
    {"JSON summary", test_json_summary},
    {"JSON parts", test_json_parts},
    {"text", test_text},
    {"memory", test_memory},
    {"work", test_work},
    {"JSON escapes", test_json_escapes},
    {"table", test_table},
};

MIMO_TEST_MAIN("show", tests)
