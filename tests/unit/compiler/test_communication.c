#include "compiler/proof/ranks.h"
#include "compiler/show/show.h"
#include "plan/communication.h"
#include "plan/grid.h"
#include "tests/unit/check.h"
#include "tests/unit/compiler/layouts.h"

#include <stdlib.h>

/* ---- lists as texts ---- */

/* "layer: all_gather tp attention input, tokens x 48 fp32" on a line each. */
static void print_record(FILE *file, const struct mimo_plan_communication *record)
{
    if (record->loop != MIMO_LOOP_ONCE)
        (void)fprintf(file, "%s: ", mimo_loop_word(record->loop));
    (void)fprintf(file, "%s %s %s%s, %s x %llu %s", mimo_operation_word(record->operation),
                  record->group == MIMO_NONE ? "all" : mimo_group_kind_word(record->group),
                  record->is_gradient != 0 ? "d " : "", mimo_content_word(record->content),
                  mimo_row_unit_word(record->rows), (unsigned long long)record->columns,
                  mimo_element_word(record->element));
    if (record->repeat != 1)
        (void)fprintf(file, " %u times", record->repeat);
    if (record->on_bad_samples != 0)
        (void)fputs(" if bad", file);
    (void)fputc('\n', file);
}

static void check_list(const char *layout, enum mimo_opcode opcode, uint32_t module, uint32_t stage,
                       uint32_t edge, uint32_t direction, const char *expected)
{
    const struct mimo_communication_key key = {opcode, module, stage, edge, direction};
    struct compiled compiled;
    uint32_t first = 0, count = 0;
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    compiled_open(&compiled, layout_called(layout));
    mimo_communications_find(&compiled.plan, &key, &first, &count);
    for (uint32_t i = first; i < first + count; i++)
        print_record(file, &compiled.plan.communications[i]);
    (void)fclose(file);
    CHECK_TEXT(text, expected);
    free(text);
    compiled_release(&compiled);
}

enum { CLIP = 0, LLM = 1 };

static void test_world(void)
{
    check_list("heads held by several ranks, rows cut", MIMO_OPCODE_LOAD, MIMO_NONE, MIMO_NONE,
               MIMO_NONE, 0,
               "all_reduce all totals, one x 4 int64\n"
               "all_reduce_max all bad samples, one x 48 uint8 if bad\n"
               "all_reduce all totals, one x 4 int64 if bad\n");
    check_list("experts over all ranks", MIMO_OPCODE_STEP, MIMO_NONE, MIMO_NONE, MIMO_NONE, 0,
               "all_reduce all gradient norm, one x 5 fp64\n");
}

static void test_sequence_parallel(void)
{
    static const char layout[] = "colocated, tensor and sequence parallel";

    check_list(layout, MIMO_OPCODE_MERGE, LLM, 0, MIMO_NONE, 0,
               "reduce_scatter tp token embeddings, tokens x 48 fp32\n");
    check_list(layout, MIMO_OPCODE_FORWARD, LLM, 0, MIMO_NONE, 0,
               "layer: all_gather tp attention input, tokens x 48 fp32\n"
               "layer: reduce_scatter tp attention output, tokens x 48 fp32\n"
               "layer: all_gather tp mlp input, tokens x 48 fp32\n"
               "layer: reduce_scatter tp mlp output, tokens x 48 fp32\n"
               "all_gather tp target rows, targets x 48 fp32\n"
               "all_reduce_max tp loss maximum, targets x 1 fp32\n"
               "all_reduce tp loss sums, targets x 2 fp32\n");
    check_list(layout, MIMO_OPCODE_SEND, LLM, 0, 0, MIMO_EDGE_BACKWARD,
               "reduce_scatter tp_cp d transfer, image_rows x 48 fp32\n");
    check_list(layout, MIMO_OPCODE_SEND, CLIP, 0, 0, MIMO_EDGE_FORWARD, "");
}

static void test_equal_rows(void)
{
    static const char layout[] = "colocated, rows not cut, optimizer not either";

    check_list(layout, MIMO_OPCODE_ENCODE, CLIP, 0, MIMO_NONE, 0,
               "layer: all_reduce tp attention output, patches x 24 fp64\n"
               "layer: all_reduce tp mlp output, patches x 24 fp64\n"
               "all_reduce tp projector output, features x 48 fp64\n");
    check_list(layout, MIMO_OPCODE_REDUCE, LLM, 0, MIMO_NONE, 0,
               "layer: all_reduce tp d partial gradients, one x 192 fp64\n"
               "layer: all_reduce tp d partial gradients, one x 192 fp64\n"
               "layer: all_reduce tp d partial gradients, one x 4 fp64\n"
               "layer: all_reduce tp d partial gradients, one x 4 fp64\n"
               "all_reduce dp_cp d parameters, gradients x 1 fp64\n");
    check_list(layout, MIMO_OPCODE_SEND, LLM, 0, 0, MIMO_EDGE_BACKWARD, "");
    check_list(layout, MIMO_OPCODE_STEP, LLM, 0, MIMO_NONE, 0, "");
}

static void test_context(void)
{
    static const char layout[] = "context parallel on both sides";

    check_list(layout, MIMO_OPCODE_BACKWARD, CLIP, 0, MIMO_NONE, 0,
               "all_reduce tp d projector input, features x 24 fp32\n"
               "layer: all_reduce tp d mlp input, patches x 24 fp32\n"
               "layer: ring cp keys and values, patches x 24 fp32\n"
               "layer: ring cp d keys and values, patches x 24 fp32 2 times\n"
               "layer: all_reduce tp d attention input, patches x 24 fp32\n");
    check_list(layout, MIMO_OPCODE_SEND, CLIP, 0, 0, MIMO_EDGE_FORWARD,
               "reduce_scatter tp_cp transfer, image_rows x 48 fp32\n");
    check_list("context parallel, rows not cut", MIMO_OPCODE_SEND, LLM, 0, 0, MIMO_EDGE_BACKWARD,
               "reduce_scatter tp_cp d transfer, image_rows x 48 bf16\n");
}

/* Layers 0 and 2 have experts; the backward pass does each layer again. */
static void test_experts(void)
{
    static const char layout[] = "experts in every other layer, cut, with replicas";

    check_list(layout, MIMO_OPCODE_FORWARD, LLM, 0, MIMO_NONE, 0,
               "layer: all_gather tp attention input, tokens x 48 fp32\n"
               "layer: reduce_scatter tp attention output, tokens x 48 fp32\n"
               "layer: all_gather tp mlp input, tokens x 48 fp32\n"
               "layer: reduce_scatter tp mlp output, tokens x 48 fp32\n"
               "expert_layer: all_gather tp attention input, tokens x 48 fp32\n"
               "expert_layer: reduce_scatter tp attention output, tokens x 48 fp32\n"
               "expert_layer: all_reduce tp_cp expert balance, one x 96 fp32\n"
               "expert_layer: all_gather etp_ep expert counts, one x 32 int64\n"
               "expert_layer: all_to_all ep expert dispatch, routed x 48 fp32\n"
               "expert_layer: all_gather etp expert input, routed x 48 fp32\n"
               "expert_layer: reduce_scatter etp expert output, routed x 48 fp32\n"
               "expert_layer: all_to_all ep expert combine, routed x 48 fp32\n"
               "all_gather tp target rows, targets x 48 fp32\n"
               "all_reduce_max tp loss maximum, targets x 1 fp32\n"
               "all_reduce tp loss sums, targets x 2 fp32\n");
    check_list(layout, MIMO_OPCODE_STEP, LLM, 0, MIMO_NONE, 0,
               "all_gather dp_cp parameters, gradients x 1 fp32\n"
               "all_gather edp experts, expert_gradients x 1 fp32\n");
}

static void test_pipeline(void)
{
    static const char layout[] = "interleaved, recomputed, bf16";

    check_list(layout, MIMO_OPCODE_REDUCE, LLM, 1, MIMO_NONE, 0,
               "layer: all_reduce tp d partial gradients, one x 48 fp32\n"
               "layer: all_reduce tp d partial gradients, one x 48 fp32\n"
               "all_reduce tp d partial gradients, one x 48 fp32\n"
               "all_reduce embedding d tied table, parameter x 1 fp32\n"
               "reduce_scatter dp_cp d parameters, gradients x 1 fp32\n");
    check_list(layout, MIMO_OPCODE_RECEIVE, LLM, 1, 1, MIMO_EDGE_FORWARD, "");
    check_list("experts of ranks with equal rows, context and pipeline parallel",
               MIMO_OPCODE_RECEIVE, LLM, 1, 1, MIMO_EDGE_FORWARD,
               "all_gather tp transfer, tokens x 48 fp32\n");
    check_list(layout, MIMO_OPCODE_BACKWARD, LLM, 1, MIMO_NONE, 0,
               "layer: all_gather tp attention input, tokens x 48 bf16\n"
               "layer: reduce_scatter tp attention output, tokens x 48 bf16\n"
               "layer: all_gather tp mlp input, tokens x 48 bf16\n"
               "layer: reduce_scatter tp mlp output, tokens x 48 bf16\n"
               "layer: all_gather tp d mlp output, tokens x 48 bf16\n"
               "layer: reduce_scatter tp d mlp input, tokens x 48 bf16\n"
               "layer: all_gather tp d attention output, tokens x 48 bf16\n"
               "layer: reduce_scatter tp d attention input, tokens x 48 bf16\n");
}

static void test_frozen(void)
{
    check_list("frozen encoder, trained projector", MIMO_OPCODE_BACKWARD, CLIP, 0, MIMO_NONE, 0,
               "");
    check_list("frozen language model and projector", MIMO_OPCODE_REDUCE, LLM, 0, MIMO_NONE, 0, "");
    check_list("frozen language model and projector", MIMO_OPCODE_BACKWARD, CLIP, 0, MIMO_NONE, 0,
               "all_reduce tp d projector input, features x 24 fp32\n"
               "layer: all_reduce tp d mlp input, patches x 24 fp32\n"
               "layer: all_reduce tp d attention input, patches x 24 fp32\n");
}

/* ---- the cursor ---- */

/* Layers run backwards in BACKWARD, and each does what its kind does. */
static void test_cursor(void)
{
    const struct mimo_plan_communication *record;
    struct mimo_communications cursor;
    struct compiled compiled;
    const struct mimo_plan *plan = &compiled.plan;
    const struct mimo_plan_instruction *instruction;
    char kinds[8] = "";

    compiled_open(&compiled, layout_called("experts in every other layer, cut, with replicas"));
    instruction = plan->instructions + plan->roles[0].instruction_first;
    while (instruction->opcode != MIMO_OPCODE_BACKWARD ||
           plan->places[instruction->place].module != LLM)
        instruction++;
    mimo_communications_init(&cursor, plan, &plan->roles[0], instruction);
    while (mimo_communications_next(&cursor, &record)) {
        if (record->content == MIMO_CONTENT_ATTENTION_INPUT && record->is_gradient != 0)
            strcat(kinds, record->loop == MIMO_LOOP_EXPERT_LAYER ? "e" : "d");
    }
    CHECK_TEXT(kinds, "dede");
    compiled_release(&compiled);
}

/* On every rank of every layout: each group that a record names has the rank, and sizes are those
 * of all its members together. */
static void test_members(void)
{
    for (size_t i = 0; i < layout_count; i++) {
        struct compiled compiled;
        const struct mimo_plan *plan = &compiled.plan;

        compiled_open(&compiled, &layouts[i]);
        for (uint32_t rank = 0; rank < plan->meta->world_size; rank++) {
            const struct mimo_plan_role *role = mimo_plan_role_of(plan, rank);

            for (uint32_t k = 0; k < role->instruction_count; k++) {
                const struct mimo_plan_communication *record;
                struct mimo_communications cursor;

                mimo_communications_init(&cursor, plan, role,
                                         &plan->instructions[role->instruction_first + k]);
                while (mimo_communications_next(&cursor, &record)) {
                    uint32_t group, member;

                    CHECK(record->group == MIMO_NONE ||
                          mimo_groups_find(
                              &plan->groups[record->module * MIMO_GROUP_KIND_COUNT + record->group],
                              rank, &group, &member));
                }
            }
        }
        compiled_release(&compiled);
    }
}

/* ---- sizes ---- */

static uint64_t rows_on(const struct mimo_plan *plan, uint32_t module, enum mimo_row_unit unit,
                        uint32_t rank, const struct mimo_micro_step *micro_step)
{
    const struct mimo_plan_communication record = {
        .module = module, .rows = unit, .edge = 0, .slot = MIMO_SLOT_TOKEN_EMBEDDING};

    return mimo_communication_rows(plan, &record, rank, micro_step);
}

/* 5 tokens of an image over 2 context ranks are 2 and 3; the class token is the first. Ranks 0 and
 * 2 differ in cp. 67 words over 2 tensor ranks are 33 and 34. */
static void test_rows(void)
{
    const struct mimo_micro_step micro_step = {.tokens = 48, .targets = 5, .images = 7};
    struct compiled compiled;
    const struct mimo_plan *plan = &compiled.plan;

    compiled_open(&compiled, layout_called("context parallel on both sides"));
    CHECK_INT(rows_on(plan, CLIP, MIMO_ROW_UNIT_PATCHES, 0, &micro_step), 7 * 2);
    CHECK_INT(rows_on(plan, CLIP, MIMO_ROW_UNIT_PATCHES, 2, &micro_step), 7 * 3);
    CHECK_INT(rows_on(plan, CLIP, MIMO_ROW_UNIT_FEATURES, 0, &micro_step), 7 * 1);
    CHECK_INT(rows_on(plan, CLIP, MIMO_ROW_UNIT_FEATURES, 2, &micro_step), 7 * 3);
    CHECK_INT(rows_on(plan, CLIP, MIMO_ROW_UNIT_IMAGE_ROWS, 2, &micro_step), 7 * 4);
    CHECK_INT(rows_on(plan, LLM, MIMO_ROW_UNIT_TOKENS, 2, &micro_step), 24);
    CHECK_INT(rows_on(plan, LLM, MIMO_ROW_UNIT_TARGETS, 2, &micro_step), 5);
    CHECK_INT(rows_on(plan, LLM, MIMO_ROW_UNIT_PARAMETER, 0, &micro_step), 33 * 48);
    CHECK_INT(rows_on(plan, LLM, MIMO_ROW_UNIT_PARAMETER, 3, &micro_step), 34 * 48);
    compiled_release(&compiled);
}

/* Of 8 experts each of 4 ranks holds 2, of each of 4 layers: gate and up 50 x 48 side by side, down
 * 48 x 50. A norm of 48 float32 fills 3 times 64 bytes, and the two of a layer are all that lies
 * there besides attention and the router. */
static void test_gradients(void)
{
    struct compiled compiled;

    compiled_open(&compiled, layout_called("experts over all ranks"));
    CHECK_INT(mimo_gradient_elements(&compiled.plan, LLM, 1, true), 4 * 2 * (3 * 50 * 48));
    CHECK_INT(mimo_gradient_elements(&compiled.plan, LLM, 0, false),
              33 * 48 + 4 * (48 + 3 * 24 * 48 + 48 * 24 + 48 + 8 * 48) + 48 + 33 * 48);
    compiled_release(&compiled);
}

/* A layer of language model has 3 * 24 * 48 elements of attention, 24 * 48 of its output, 3 * 25 *
 * 48 of its feed-forward part and two norms: 8304. Both layers of a pipeline rank close a bucket,
 * the second one with the norm and the tied head of 33 * 48. */
static void test_bucket_sizes(void)
{
    struct mimo_bucket bucket;
    struct compiled compiled;
    const struct mimo_plan *plan = &compiled.plan;

    compiled_open(&compiled, layout_called("several buckets, tied, tensor and pipeline parallel"));
    CHECK(mimo_bucket_first(plan, LLM, 1, &bucket));
    CHECK_INT(mimo_bucket_elements(plan, &bucket, 4, false), 8304 + 48 + 33 * 48);
    CHECK_INT(bucket.stage, MIMO_NONE); /* the head waits for the table */
    CHECK(mimo_bucket_next(plan, &bucket));
    CHECK_INT(mimo_bucket_elements(plan, &bucket, 4, false), 8304);
    CHECK_INT(bucket.stage, 1);
    CHECK_INT(bucket.layer, 2);
    CHECK(!mimo_bucket_next(plan, &bucket));
    CHECK(mimo_bucket_first_of_stage(plan, LLM, 0, &bucket));
    CHECK_INT(bucket.layer, 1);
    compiled_release(&compiled);
}

/* Buckets share out what is trained, on every rank. */
static void test_buckets_cover(void)
{
    for (size_t i = 0; i < 2 * layout_count; i++) {
        const bool is_expert = i % 2 == 1;
        struct compiled compiled;
        const struct mimo_plan *plan = &compiled.plan;

        compiled_open(&compiled, &layouts[i / 2]);
        for (uint32_t m = 0; m < plan->module_count; m++)
            for (uint32_t r = 0; r < plan->modules[m].ranks; r++) {
                const uint32_t rank = plan->modules[m].rank_offset + r;
                const uint32_t pp = r / (plan->modules[m].ranks / plan->modules[m].pp);
                struct mimo_bucket bucket;
                uint64_t elements = 0;

                for (bool has = mimo_bucket_first(plan, m, pp, &bucket); has;
                     has = mimo_bucket_next(plan, &bucket))
                    elements += mimo_bucket_elements(plan, &bucket, rank, is_expert);
                CHECK_INT(elements, mimo_gradient_elements(plan, m, rank, is_expert));
            }
        compiled_release(&compiled);
    }
}

/* One letter for each record: of layers l, of partial gradients p, of a bucket B. */
static const char *letter_of(const struct mimo_plan_communication *record)
{
    if (record->content == MIMO_CONTENT_PARTIAL)
        return "p";
    if (record->content == MIMO_CONTENT_PARAMETERS)
        return "B";
    return record->loop == MIMO_LOOP_ONCE ? "o" : "l";
}

static void check_backward(const struct mimo_plan *plan, uint32_t role, bool is_last,
                           const char *expected)
{
    const uint32_t micro_step = is_last ? plan->training->micro_steps - 1 : 0;
    const struct mimo_plan_instruction *instruction =
        plan->instructions + plan->roles[role].instruction_first;
    const struct mimo_plan_communication *record;
    struct mimo_communications cursor;
    char letters[64] = "";

    while (instruction->opcode != MIMO_OPCODE_BACKWARD || instruction->micro_step != micro_step ||
           plan->places[instruction->place].module != LLM)
        instruction++;
    mimo_communications_init(&cursor, plan, &plan->roles[role], instruction);
    while (mimo_communications_next(&cursor, &record))
        strcat(letters, letter_of(record));
    CHECK_TEXT(letters, expected);
}

/* A bucket is summed while the layers in front of it have yet to go backward, and after the parts
 * of its gradients; only by the last micro-step, and in front of the layers there is more to do. */
static void test_buckets_overlap(void)
{
    struct compiled compiled;

    compiled_open(&compiled, layout_called("several buckets, tied, tensor and pipeline parallel"));
    check_backward(&compiled.plan, 0, false, "llllllllo");
    check_backward(&compiled.plan, 0, true, "llllppBllllppBo");
    check_backward(&compiled.plan, 1, true, "ollllllllppB");
    compiled_release(&compiled);
}

/* ---- what people see ---- */

static char *show(const char *layout, uint32_t rank, bool is_json)
{
    const struct mimo_show_options options = {MIMO_SHOW_SCHEDULE, rank, is_json};
    struct compiled compiled;
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    compiled_open(&compiled, layout_called(layout));
    mimo_show(&compiled.plan, &options, file);
    (void)fclose(file);
    compiled_release(&compiled);
    return text;
}

/* 6 samples of 48 tokens in 48 columns of float32 are 55.3 kB; each encoder's replica has at most
 * 12 images of 4 rows. */
static void test_show_text(void)
{
    char *text = show("pipeline with a tied table", 3, false);

    CHECK_CONTAINS(text, "program of rank 3: llm stage 0\n");
    CHECK_CONTAINS(text, "each layer: all_gather of attention input over tp [2 3]: tokens x 48 "
                         "fp32, at most 55.3 kB\n");
    CHECK_CONTAINS(text, "all_reduce of the gradient of tied table over embedding [3 5]: ");
    CHECK_CONTAINS(text, " fp32, 6.5 kB, llm.model.embed_tokens.weight\n");
    CHECK_CONTAINS(text, "from rank 1: samples 3 to 6, columns 24 to 48\n");
    CHECK_CONTAINS(text, "to rank 5: samples 0 to 6, columns 24 to 48\n");
    CHECK_CONTAINS(text, "over all 6 ranks: 4 int64, 32 B\n");
    free(text);
    text = show("context parallel on both sides", 0, false);
    CHECK_CONTAINS(text, "ring of the gradient of keys and values over cp [0 2]: ");
    CHECK_CONTAINS(text, ", 2 hops\n");
    free(text);
}

static void test_show_json(void)
{
    char *text = show("pipeline with a tied table", 4, true);

    CHECK_CONTAINS(text, "{\"in\": \"forward\", \"module\": \"llm\", \"stage\": 1, \"each\": "
                         "\"once\", \"operation\": \"all_reduce_max\", \"group\": \"tp\", "
                         "\"content\": \"loss maximum\", \"gradient\": false, \"element\": "
                         "\"fp32\", \"rows\": \"targets\", \"columns\": 1, \"repeat\": 1, "
                         "\"rows_max\": 288, \"on_bad_samples\": false}");
    CHECK(strstr(text, "\"in\": \"merge\"") == NULL);
    free(text);
}

/* ---- a large plan ---- */

static const char large[] =
    "mimo 1\n"
    "model large {\n"
    "  language llm : llama { num_layers = 126  hidden_size = 16384  num_attention_heads = 128\n"
    "    num_query_groups = 8  ffn_hidden_size = 53248  vocab_size = 128256 }\n"
    "  modality images { special_token = 128255\n"
    "    encoder vit : clip_vit { num_layers = 49  hidden_size = 3200  num_attention_heads = 64\n"
    "      ffn_hidden_size = 12800  image_size = 448  patch_size = 14  feature_layer = -1 }\n"
    "    projector connector : mlp { } } }\n"
    "deployment pod { mode = heterogeneous\n"
    "  parallelism vit { tensor_parallel = 8  data_parallel = 256 }\n"
    "  parallelism llm { tensor_parallel = 8  pipeline_parallel = 14  data_parallel = 128\n"
    "    rank_offset = 2048 } }\n"
    "training { steps = 1  global_batch = 4096  micro_batch = 2  sequence_length = 8192\n"
    "  precision = bf16  optimizer adamw { lr = 1e-4 } }\n"
    "data { format = synthetic }\n";

/* 2048 + 14336 ranks. */
static void test_large(void)
{
    struct mimo_arena arena = {0};
    struct compiled compiled;
    const char *reason = NULL;

    compiled_open_text(&compiled, large);
    CHECK_INT(compiled.plan.meta->world_size, 16384);
    CHECK(mimo_prove_ranks(&compiled.plan, &arena, &reason));
    (void)printf("16384 ranks: %u communications, plan %zu bytes ",
                 compiled.plan.communication_count, compiled.size);
    CHECK(compiled.plan.communication_count * sizeof(struct mimo_plan_communication) < 50000);
    mimo_arena_release(&arena);
    compiled_release(&compiled);
}

static const struct mimo_test tests[] = {
    {"all ranks", test_world},
    {"sequence parallel", test_sequence_parallel},
    {"rows that are equal", test_equal_rows},
    {"context parallel", test_context},
    {"experts", test_experts},
    {"pipeline", test_pipeline},
    {"frozen modules", test_frozen},
    {"layers in order", test_cursor},
    {"members", test_members},
    {"rows", test_rows},
    {"gradients", test_gradients},
    {"sizes of buckets", test_bucket_sizes},
    {"buckets share out the gradients", test_buckets_cover},
    {"buckets beside backward", test_buckets_overlap},
    {"text", test_show_text},
    {"JSON", test_show_json},
    {"16384 ranks", test_large},
};

MIMO_TEST_MAIN("communication", tests)
