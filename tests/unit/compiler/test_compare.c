/* Comparing plans: no field of a record is left out, and things are matched by name. */
#include "compiler/planner/compile.h"
#include "compiler/show/compare.h"
#include "tests/unit/check.h"
#include "tests/unit/compiler/front.h"

#include <stdlib.h>

static const char DECLARATION[] =
    "mimo 1\n"
    "model m { language llm : llama { num_layers = 4 hidden_size = 32 num_attention_heads = 4\n"
    "vocab_size = 67 weights = \"w\" }\n"
    "modality images { special_token = 66 encoder vit : clip_vit { num_layers = 2\n"
    "hidden_size = 16 num_attention_heads = 2 image_size = 8 patch_size = 4 }\n"
    "projector p : mlp { } } }\n"
    "cluster c { gpus_per_node = 8 memory = 80GB peak = 1TFLOPS node_bandwidth = 9GBps\n"
    "network_bandwidth = 1GBps }\n"
    "deployment d { mode = colocated cluster = c world_size = 4 parallelism all { }\n"
    "parallelism llm { tensor_parallel = 2 } }\n"
    "training { steps = 10 global_batch = 16 micro_batch = 4 sequence_length = 32\n"
    "optimizer adamw { lr = 1e-3 } schedule cosine { warmup_steps = 2 } }\n"
    "data { format = synthetic }\n"
    "checkpoint { directory = \"runs\" interval = 5 }\n";

/* A plan, and its description. */
struct described {
    struct mimo_plan plan;
    struct mimo_description description;
};

static void describe(struct front *front, struct described *out)
{
    const unsigned char *bytes = NULL;
    struct mimo_error err = {0};
    size_t size = 0;

    front_run(front, DECLARATION);
    mimo_compile(&front->declaration, &front->arena, &front->diagnostics, &bytes, &size);
    MIMO_ASSERT(bytes != NULL);
    MIMO_ASSERT(mimo_plan_verify(bytes, size, &out->plan, &err) == MIMO_OK);
    mimo_describe(&out->plan, &front->arena, &out->description);
}

static size_t count_changes(struct mimo_arena *arena, const struct mimo_description *description,
                            const struct mimo_plan *plan)
{
    struct mimo_description other;
    struct mimo_changes changes;

    mimo_describe(plan, arena, &other);
    mimo_compare(description, &other, arena, &changes);
    return changes.count;
}

static void test_equal(void)
{
    struct front front;
    struct described described;

    describe(&front, &described);
    CHECK_INT(count_changes(&front.arena, &described.description, &described.plan), 0);
    front_release(&front);
}

/* ---- every field counts ---- */

static bool is_listed(const size_t *offsets, size_t count, size_t offset)
{
    for (size_t i = 0; i < count; i++) {
        if (offsets[i] == offset)
            return true;
    }
    return false;
}

/* Some records of a plan, one of which is changed, and the offsets of its words that are not. */
struct records {
    const char *name;
    size_t member; /* of struct mimo_plan: what points at them */
    size_t size, count, index;
    const size_t *skipped;
    size_t skipped_count;
};

/* Flips the lowest bit of each 32-bit word of the record, one at a time: something must change. */
static void check_words(const struct described *described, const struct records *records)
{
    for (size_t at = 0; at < records->size; at += sizeof(uint32_t)) {
        struct mimo_arena arena = {0};
        struct mimo_plan plan = described->plan;
        const char *original;
        char *copy;
        size_t changes;

        if (is_listed(records->skipped, records->skipped_count, at))
            continue;
        memcpy(&original, (const char *)&plan + records->member, sizeof original);
        copy = mimo_arena_copy(&arena, original, records->count * records->size);
        copy[records->index * records->size + at] ^= 1;
        memcpy((char *)&plan + records->member, &copy, sizeof copy);
        changes = count_changes(&arena, &described->description, &plan);
        if (changes == 0)
            (void)printf("\n  byte %zu of %s is not described\n", at, records->name);
        CHECK(changes > 0);
        mimo_arena_release(&arena);
    }
}

#define AT(record, member)     offsetof(struct mimo_plan_##record, member)
#define STRING(record, member) AT(record, member), AT(record, member) + sizeof(uint32_t)

/* Behind `index` stand the offsets that are left alone: of strings, of indices and layouts (which
 * the rest of the plan would contradict), and of what is reserved. */
#define CHECK_WORDS(described, record, accessor, count, index, ...)                                \
    do {                                                                                           \
        static const size_t skipped[] = {__VA_ARGS__};                                             \
        const struct records records = {#record,                                                   \
                                        offsetof(struct mimo_plan, accessor),                      \
                                        sizeof(struct mimo_plan_##record),                         \
                                        count,                                                     \
                                        index,                                                     \
                                        skipped,                                                   \
                                        sizeof skipped / sizeof *skipped};                         \
        check_words((described), &records);                                                        \
    } while (0)

static void test_settings(void)
{
    struct front front;
    struct described described;

    describe(&front, &described);
    /* a cosine is the last of the schedules: there is no neighbouring word */
    CHECK_WORDS(&described, training, training, 1, 0, AT(training, lr_schedule));
    CHECK_WORDS(&described, data, data, 1, 0, STRING(data, train), STRING(data, validation),
                STRING(data, media), STRING(data, tokenizer), AT(data, reserved));
    CHECK_WORDS(&described, checkpoint, checkpoint, 1, 0, STRING(checkpoint, directory));
    CHECK_WORDS(&described, cluster, cluster, 1, 0, STRING(cluster, name), AT(cluster, reserved));
    front_release(&front);
}

#define LAYOUT_OF_A_MODULE                                                                         \
    STRING(module, name), STRING(module, weights), AT(module, modality), AT(module, projector),    \
        AT(module, tp), AT(module, cp), AT(module, dp), AT(module, pp), AT(module, etp),           \
        AT(module, ep), AT(module, edp), AT(module, rank_offset), AT(module, ranks),               \
        AT(module, samples), AT(module, stage_first), AT(module, stage_count),                     \
        AT(module, parameter_first), AT(module, parameter_count)

static void test_models(void)
{
    struct front front;
    struct described described;

    describe(&front, &described);
    CHECK_WORDS(&described, modality, modalities, 1, 0, STRING(modality, name),
                STRING(modality, marker), AT(modality, encoder_first), AT(modality, encoder_count));
    CHECK_WORDS(&described, projector, projectors, 1, 0, STRING(projector, name),
                STRING(projector, weights));
    CHECK_WORDS(&described, module, modules, 2, 0, LAYOUT_OF_A_MODULE);
    /* silu is the last of the activations */
    CHECK_WORDS(&described, module, modules, 2, 1, LAYOUT_OF_A_MODULE, AT(module, activation));
    front_release(&front);
}

static void test_programs(void)
{
    struct front front;
    struct described described;
    const struct mimo_plan *plan = &described.plan;

    describe(&front, &described);
    for (size_t i = 0; i < plan->memory_count; i++)
        CHECK_WORDS(&described, memory, memories, plan->memory_count, i, AT(memory, reserved));
    for (size_t i = 0; i < plan->parameter_count; i++)
        CHECK_WORDS(
            &described, parameter, parameters, plan->parameter_count, i, STRING(parameter, name),
            AT(parameter, module), AT(parameter, layer), AT(parameter, slot), AT(parameter, expert),
            AT(parameter, projector), AT(parameter, tied_to), AT(parameter, dimensions),
            AT(parameter, shape[1]), AT(parameter, shape[1]) + 4, AT(parameter, shape[2]),
            AT(parameter, shape[2]) + 4, AT(parameter, shape[3]), AT(parameter, shape[3]) + 4,
            AT(parameter, cut), AT(parameter, cut_dimension), AT(parameter, cut_units),
            AT(parameter, cut_units) + 4, AT(parameter, init), AT(parameter, reserved),
            AT(parameter, init_scale), AT(parameter, init_scale) + 4);
    front_release(&front);
}

/* ---- by name ---- */

/* The encoder moved behind the language model would be another module by index alone. */
static void test_names(void)
{
    struct mimo_arena arena = {0};
    struct mimo_description sides[2];
    struct mimo_changes changes;

    for (int i = 0; i < 2; i++) {
        static const char *const orders[2][3] = {{"a", "b", "c"}, {"d", "c", "a"}};
        sides[i] = (struct mimo_description){.arena = &arena};
        for (int k = 0; k < 3; k++) {
            mimo_describe_subject(&sides[i], MIMO_TOPIC_LAYOUTS, orders[i][k]);
            mimo_describe_integer(&sides[i], "ranks", (uint64_t)orders[i][k][0]);
            mimo_describe_boolean(&sides[i], "is_second", i == 1);
        }
    }
    mimo_compare(&sides[0], &sides[1], &arena, &changes);
    CHECK_INT(changes.count, 4);
    CHECK_TEXT(changes.items[0].old_fact->subject, "a");
    CHECK_TEXT(changes.items[0].new_fact->field, "is_second");
    CHECK_TEXT(changes.items[1].old_fact->subject, "b");
    CHECK(changes.items[1].new_fact == NULL && changes.items[1].is_subject);
    CHECK_TEXT(changes.items[2].old_fact->subject, "c");
    CHECK_TEXT(changes.items[3].new_fact->subject, "d");
    CHECK(changes.items[3].old_fact == NULL && changes.items[3].is_subject);
    mimo_arena_release(&arena);
}

static void test_shortest_reals(void)
{
    struct mimo_arena arena = {0};

    CHECK_TEXT(mimo_shortest_real(&arena, 0.1), "0.1");
    CHECK_TEXT(mimo_shortest_real(&arena, 1e-5), "1e-05");
    CHECK_TEXT(mimo_shortest_real(&arena, -2), "-2");
    CHECK_TEXT(mimo_shortest_real(&arena, 0.1 + 0.2), "0.30000000000000004");
    mimo_arena_release(&arena);
}

static const struct mimo_test TESTS[] = {
    {"a plan and itself", test_equal},
    {"every field of the settings", test_settings},
    {"every field of the models", test_models},
    {"every field of parameters and memory", test_programs},
    {"matching by name", test_names},
    {"shortest reals", test_shortest_reals},
};

MIMO_TEST_MAIN("compare", TESTS)
