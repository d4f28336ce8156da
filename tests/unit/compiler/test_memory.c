/* Predicted memory, counted by hand and by brute force. The equivalence tests compare it with what
 * mimo-exec holds. */
#include "plan/memory.h"
#include "plan/sizes.h"
#include "plan/slots.h"
#include "tests/unit/check.h"
#include "tests/unit/compiler/fixture.h"

/* One rank: a ViT of 2 layers with a projector, a llama of 2 layers; both 48 wide with 12 heads and
 * a feed-forward of 192. A micro-step has R = 12 * 5040 tokens and 24 images of 4 patches. */
static const struct fixture one_rank = {
    .mode = MIMO_MODE_COLOCATED,
    .world_size = 1,
    .micro_steps = 2,
    .modules = {{"clip", .has_projector = true}, {.name = "llm"}},
};
enum { CLIP, LLM, R = 12 * 5040 };

static struct mimo_plan_memory build(struct fixture_plan *plan, const struct fixture *fixture)
{
    fixture_build(plan, fixture);
    if (plan->draft.plan.module_count > 1)
        plan->draft.modules[CLIP].images_max = 2 * plan->draft.modules[CLIP].samples;
    return mimo_memory_of_rank(&plan->draft.plan, 0, true, &plan->arena);
}

static uint64_t slots_of_place(struct fixture_plan *plan, uint32_t place)
{
    struct mimo_slots slots;

    mimo_slots_of_place(&slots, &plan->draft.plan, &plan->draft.plan.roles[0], place, &plan->arena);
    return slots.count;
}

static uint64_t slots_of_rows(struct fixture_plan *plan, uint32_t direction, bool is_sending)
{
    const struct mimo_edge_buffer buffer = {0, direction, is_sending};
    struct mimo_slots slots;

    mimo_slots_of_buffer(&slots, &plan->draft.plan, &plan->draft.plan.roles[0], &buffer,
                         &plan->arena);
    return slots.count;
}

/*
 * A llama layer: stream, two norms, attention and stream between, 48 each; q k v 144; statistics of
 * two norms; log-sum-exp of 12 heads; gate and up 384, their product 192. Behind the layers:
 * stream, norm, targets, their gradients, one statistic, four indices.
 *
 * A ViT layer of 120 rows: five tensors of 23040 bytes, q k v 69120, log-sum-exp 5760, four
 * statistics of 480 bytes that take 512, two of the feed-forward of 92160.
 */
static void test_activations(void)
{
    const uint64_t language = UINT64_C(4) * R * (2 * (5 * 48 + 144 + 2 + 12 + 384 + 192) + 197);
    const uint64_t layer = 5 * 23040 + 69120 + 5760 + 4 * 512 + 2 * 92160;
    const uint64_t ends = (1536 + 23040 + 2 * 512) + 23040 + 18432;
    struct fixture_plan plan;
    const struct mimo_plan_memory memory = build(&plan, &one_rank);

    CHECK_INT(memory.bytes[MIMO_MEMORY_ACTIVATIONS],
              slots_of_place(&plan, CLIP) * (2 * layer + ends) +
                  slots_of_place(&plan, LLM) * language);
    fixture_release(&plan);
}

/* Attention's workspace: the larger of (3 * 64 * 4 + 2 * 64 * 64) * 4 = 35840 bytes, in the
 * encoder, and a sum for each row and head. 16384 positions of 4 angles. All R rows' logits fit
 * into a chunk.
 */
static void test_scratch(void)
{
    const uint64_t language =
        UINT64_C(4) * R * (3 * 48 + 144 + 48 + 12 + 384 + 192 + 100 + 1 + 2 + 1) + 16384 * 4 * 4;
    const uint64_t encoder = 384 + 2 * 23040 + 69120 + 23040 + 92160 + 18432 + 35840;
    struct fixture_plan plan;
    const struct mimo_plan_memory memory = build(&plan, &one_rank);

    CHECK_INT(memory.bytes[MIMO_MEMORY_SCRATCH], language + encoder + UINT64_C(2) * 18432);
    fixture_release(&plan);
}

/* 96 rows of 48 columns: three staging buffers, the rows' places, and a buffer for each micro-step
 * in flight at both ends in both directions. */
static void test_buffers(void)
{
    struct fixture_plan plan;
    const struct mimo_plan_memory memory = build(&plan, &one_rank);
    const uint64_t slots = slots_of_rows(&plan, MIMO_EDGE_FORWARD, true) +
                           slots_of_rows(&plan, MIMO_EDGE_FORWARD, false) +
                           slots_of_rows(&plan, MIMO_EDGE_BACKWARD, true) +
                           slots_of_rows(&plan, MIMO_EDGE_BACKWARD, false);

    CHECK(slots >= 4);
    CHECK_INT(memory.bytes[MIMO_MEMORY_BUFFERS], (3 + slots) * 18432 + 96 * 4);
    fixture_release(&plan);
}

/* Nothing learns in the encoder: its layers take turns in two sets, and with three layers there is
 * one less to keep. */
static void test_frozen(void)
{
    struct fixture frozen = one_rank, trained = one_rank;
    struct fixture_plan plan;
    struct mimo_plan_memory less, more;

    trained.modules[CLIP].layers = frozen.modules[CLIP].layers = 3;
    frozen.modules[CLIP].is_frozen = true;
    less = build(&plan, &frozen);
    fixture_release(&plan);
    more = build(&plan, &trained);
    CHECK_INT(more.bytes[MIMO_MEMORY_ACTIVATIONS] - less.bytes[MIMO_MEMORY_ACTIVATIONS],
              slots_of_place(&plan, CLIP) * (5 * 23040 + 69120 + 5760 + 4 * 512 + 2 * 92160));
    fixture_release(&plan);
}

static const struct fixture language_only = {
    .mode = MIMO_MODE_COLOCATED,
    .world_size = 1,
    .micro_steps = 1,
    .modules = {{.name = "llm"}},
};

/* Two bytes of weights and activations, four of all that adds up; a float32 copy of the weights.
 * The five norms' 96 bytes take 128, and so their gradients 256. Attention on CPUs wants ((6 * 64 +
 * 2 * 5040) * 4 + 2 * 64 * 64) * 4 bytes for sequences of 5040, less than a sum for each row and
 * head. */
static void test_bf16(void)
{
    struct fixture_plan plan;
    const struct mimo_plan_memory single = build(&plan, &language_only);
    struct mimo_plan_training training = *plan.draft.plan.training;
    struct mimo_plan_memory half;

    training.precision = MIMO_PRECISION_BF16;
    plan.draft.plan.training = &training;
    half = mimo_memory_of_rank(&plan.draft.plan, 0, true, &plan.arena);
    CHECK_INT(2 * half.bytes[MIMO_MEMORY_PARAMETERS],
              single.bytes[MIMO_MEMORY_PARAMETERS] + UINT64_C(5) * 64);
    CHECK_INT(half.bytes[MIMO_MEMORY_GRADIENTS],
              single.bytes[MIMO_MEMORY_GRADIENTS] + UINT64_C(5) * 64);
    CHECK_INT(half.bytes[MIMO_MEMORY_OPTIMIZER], 3 * half.bytes[MIMO_MEMORY_GRADIENTS]);
    CHECK_INT(half.bytes[MIMO_MEMORY_SCRATCH],
              UINT64_C(2) * R * (3 * 48 + 144 + 48 + 384 + 192 + 100) +
                  UINT64_C(4) * R * (12 + 1 + 2 + 1) + 16384 * 4 * 4);
    CHECK_INT(half.bytes[MIMO_MEMORY_ACTIVATIONS],
              UINT64_C(2) * R * (2 * (5 * 48 + 144 + 384 + 192) + 4 * 48) +
                  UINT64_C(4) * R * (2 * (2 + 12) + 5));
    fixture_release(&plan);
}

/* 100 * 48 twice, 2 layers of 36960, a norm: 83568 elements, each with two moments. Of six replicas
 * each updates 13928, of five 16714 at most, which take 66880 bytes. */
static void test_distributed_optimizer(void)
{
    static const struct {
        uint32_t dp, cp, is_distributed;
        uint64_t bytes;
    } cases[] = {
        {3, 2, 0, 8 * 83568}, {3, 2, 1, 2 * 55744}, {5, 1, 1, 2 * 66880}, {1, 1, 1, 8 * 83568}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture fixture = language_only;
        struct fixture_plan plan;

        fixture.modules[0].dp = cases[i].dp;
        fixture.modules[0].cp = cases[i].cp;
        fixture.world_size = cases[i].dp * cases[i].cp;
        (void)build(&plan, &fixture);
        plan.draft.training->distributed_optimizer = cases[i].is_distributed;
        for (uint32_t rank = 0; rank < fixture.world_size; rank++) {
            const struct mimo_plan_memory memory =
                mimo_memory_of_parameters(&plan.draft.plan, rank, true);

            CHECK_INT(memory.bytes[MIMO_MEMORY_GRADIENTS], UINT64_C(4) * 83568);
            CHECK_INT(memory.bytes[MIMO_MEMORY_OPTIMIZER], cases[i].bytes);
        }
        fixture_release(&plan);
    }
}

/* What rank 0 holds where layers are recomputed. */
static struct mimo_plan_memory build_recomputed(struct fixture_plan *plan,
                                                struct mimo_plan_training *training,
                                                const struct fixture *fixture)
{
    (void)build(plan, fixture);
    *training = *plan->draft.plan.training;
    training->recompute = MIMO_RECOMPUTE_FULL;
    plan->draft.plan.training = training;
    return mimo_memory_of_rank(&plan->draft.plan, 0, true, &plan->arena);
}

/* Of each layer the input alone, and one layer's tensors besides. */
static void test_recompute(void)
{
    struct fixture_plan plan;
    const struct mimo_plan_memory kept = build(&plan, &language_only);
    struct mimo_plan_training training;
    struct mimo_plan_memory again;

    fixture_release(&plan);
    again = build_recomputed(&plan, &training, &language_only);
    CHECK_INT(again.bytes[MIMO_MEMORY_ACTIVATIONS], UINT64_C(4) * R * (2 * 48 + 197));
    CHECK_INT(again.bytes[MIMO_MEMORY_SCRATCH] - kept.bytes[MIMO_MEMORY_SCRATCH],
              UINT64_C(4) * R * (5 * 48 + 144 + 2 + 12 + 384 + 192));
    fixture_release(&plan);
}

/* The chunks of a rank take turns in that one layer's tensors. */
static void test_recompute_in_chunks(void)
{
    struct fixture chunks = language_only;
    struct mimo_plan_training training;
    struct fixture_plan plan;
    uint64_t scratch[2];

    for (uint32_t i = 0; i < 2; i++) {
        chunks.modules[0].virtual_pipeline = i + 1;
        scratch[i] = build_recomputed(&plan, &training, &chunks).bytes[MIMO_MEMORY_SCRATCH];
        fixture_release(&plan);
    }
    CHECK_INT(scratch[1], scratch[0]);
}

/* With sequence parallelism half of the rows lie between the products, of all rows what is within.
 */
static void test_sequence_parallel(void)
{
    struct fixture two = language_only;
    struct fixture_plan plan;
    struct mimo_plan_memory memory;

    two.world_size = two.modules[0].tp = 2;
    (void)build(&plan, &two);
    plan.draft.modules[0].sequence_parallel = 1;
    memory = mimo_memory_of_rank(&plan.draft.plan, 0, true, &plan.arena);
    CHECK_INT(memory.bytes[MIMO_MEMORY_ACTIVATIONS],
              UINT64_C(4) * R *
                      (2 * (48 + 1 + 2 * 48 + (144 + 48 + 12 + 384 + 192) / 2) + 48 + 2 * 48 + 4) +
                  UINT64_C(2) * R);
    fixture_release(&plan);
}

/* A context-parallel rank has its share of the rows; of these, five times keys and values or their
 * gradients, once q, k and v, and a sum for each head. */
static void test_context_parallel(void)
{
    struct fixture two = language_only;
    struct fixture_plan plan;
    const struct mimo_plan_memory whole = build(&plan, &language_only);
    struct mimo_plan_memory half;

    fixture_release(&plan);
    two.world_size = two.modules[0].cp = 2;
    half = build(&plan, &two);
    CHECK_INT(2 * half.bytes[MIMO_MEMORY_ACTIVATIONS], whole.bytes[MIMO_MEMORY_ACTIVATIONS]);
    CHECK_INT(2 * (half.bytes[MIMO_MEMORY_SCRATCH] - 16384 * 4 * 4 -
                   UINT64_C(2) * R * (5 * 96 + 144 + 12)),
              whole.bytes[MIMO_MEMORY_SCRATCH] - 16384 * 4 * 4);
    fixture_release(&plan);
}

/* Of an image's 5 tokens a rank has at most 3, all of them patches: 72 rows in place of 120, of
 * which a stream takes 13824 bytes. */
static void test_cut_images(void)
{
    const uint64_t language = UINT64_C(4) * R / 2 * (2 * (5 * 48 + 144 + 2 + 12 + 384 + 192) + 197);
    const uint64_t layer = 5 * 13824 + 41472 + 3456 + 4 * 320 + 2 * 55296;
    const uint64_t ends = (1152 + 13824 + 2 * 320) + 13824 + 13824;
    struct fixture two = one_rank;
    struct fixture_plan plan;
    struct mimo_plan_memory memory;

    two.world_size = two.modules[CLIP].cp = two.modules[LLM].cp = 2;
    memory = build(&plan, &two);
    CHECK_INT(memory.bytes[MIMO_MEMORY_ACTIVATIONS],
              slots_of_place(&plan, CLIP) * (2 * layer + ends) +
                  slots_of_place(&plan, LLM) * language);
    fixture_release(&plan);
}

/* 2 of 4 experts a row: 2 R rows are sent, gated (2 * 96) and activated on the one rank that can
 * get them, where there are several up to twice the mean, and 2 R come back; for each row 4
 * probabilities and 4 numbers of each choice; a dense feed-forward less. For each sample 4 slopes,
 * rounded up to 64 bytes, and for each row of the micro-step its sample. */
static void test_experts(void)
{
    const uint64_t in_layer = 4 + 2 * 4 + 2 * (48 + 192 + 96) + 2 * 48;
    const uint64_t dense_ffn = 384 + 192;
    struct fixture_plan plan;
    const struct mimo_plan_memory dense = build(&plan, &language_only);
    struct mimo_plan_module *module = &plan.draft.modules[0];
    const uint64_t slopes = (UINT64_C(4) * 4 * module->samples + 63) / 64 * 64;
    struct mimo_plan_memory sparse;

    module->num_experts = 4;
    module->top_k = 2;
    module->expert_ffn_hidden_size = 96;
    module->expert_every = 1;
    sparse = mimo_memory_of_rank(&plan.draft.plan, 0, true, &plan.arena);
    CHECK_INT(sparse.bytes[MIMO_MEMORY_ACTIVATIONS] - dense.bytes[MIMO_MEMORY_ACTIVATIONS],
              UINT64_C(4) * R * 2 * (in_layer - dense_ffn) + 2 * slopes + UINT64_C(4) * R);
    module->ep = 2;
    module->num_experts = 8;
    CHECK_INT(mimo_sizes_of(&plan.draft.plan, 0, &(struct mimo_coordinate){0}).expert_rows,
              UINT64_C(4) * R);
    fixture_release(&plan);
}

/* 1F1B: a stage keeps as many micro-steps as there are stages from it to the last one. */
static void test_alive(void)
{
    const struct fixture pipeline = {
        .mode = MIMO_MODE_COLOCATED,
        .world_size = 4,
        .micro_steps = 8,
        .modules = {{"llm", .pp = 4}},
    };
    struct fixture all_first = pipeline;
    struct fixture_plan plan;

    (void)build(&plan, &pipeline);
    for (uint32_t stage = 0; stage < 4; stage++)
        CHECK_INT(mimo_memory_of_role(&plan.draft.plan, stage).micro_steps_alive, 4 - stage);
    fixture_release(&plan);
    all_first.schedule = MIMO_PIPELINE_SCHEDULE_GPIPE;
    CHECK_INT(build(&plan, &all_first).micro_steps_alive, 8);
    fixture_release(&plan);
}

/* ---- roles ---- */

static uint32_t role_of(const struct mimo_plan *plan, uint32_t rank)
{
    for (uint32_t i = 0; i < plan->range_count; i++)
        if (rank - plan->ranges[i].first < plan->ranges[i].count)
            return plan->ranges[i].role;
    return MIMO_NONE;
}

/* The role's record is the maximum over all its ranks. */
static void check_maximum(const struct fixture *fixture, bool is_distributed)
{
    struct fixture_plan plan;

    (void)build(&plan, fixture);
    plan.draft.training->distributed_optimizer = is_distributed;
    for (uint32_t role = 0; role < plan.draft.plan.role_count; role++) {
        const struct mimo_plan_memory stated = mimo_memory_of_role(&plan.draft.plan, role);
        struct mimo_plan_memory most = {0};

        for (uint32_t rank = 0; rank < fixture->world_size; rank++) {
            struct mimo_plan_memory memory;

            if (role_of(&plan.draft.plan, rank) != role)
                continue;
            memory = mimo_memory_of_rank(&plan.draft.plan, rank, true, &plan.arena);
            for (int kind = 0; kind < MIMO_MEMORY_COUNT; kind++)
                if (memory.bytes[kind] > most.bytes[kind])
                    most.bytes[kind] = memory.bytes[kind];
        }
        for (int kind = 0; kind < MIMO_MEMORY_COUNT; kind++)
            CHECK_INT(stated.bytes[kind], most.bytes[kind]);
    }
    fixture_release(&plan);
}

/* Every tensor-parallel size of either module that divides 12 heads, side by side and apart; 192
 * and 100 do not divide by all of them. */
static void test_maximum(void)
{
    static const uint32_t sizes[] = {1, 2, 3, 4, 6, 12};

    for (size_t i = 0; i < 6; i++)
        for (size_t k = 0; k < 6; k++) {
            const uint32_t both = sizes[i] * sizes[k];
            const struct fixture shared = {
                .mode = MIMO_MODE_COLOCATED,
                .world_size = 12,
                .micro_steps = 1,
                .modules = {{"clip", .tp = sizes[i], .dp = 12 / sizes[i], .has_projector = true},
                            {"llm", .tp = sizes[k], .dp = 12 / sizes[k]}},
            };
            const struct fixture apart = {
                .mode = MIMO_MODE_HETEROGENEOUS,
                .world_size = sizes[i] + 2 * sizes[k],
                .micro_steps = 2,
                .modules = {{"clip", .tp = sizes[i]},
                            {"llm", .tp = sizes[k], .pp = 2, .rank_offset = sizes[i]}},
            };

            CHECK(both >= 1);
            for (int is_distributed = 0; is_distributed < 2; is_distributed++) {
                check_maximum(&shared, is_distributed != 0);
                check_maximum(&apart, is_distributed != 0);
            }
        }
}

/* ---- absurd sizes ---- */

static void test_saturation(void)
{
    struct fixture_plan plan;
    struct mimo_plan_training training;
    struct mimo_plan_cluster cluster = {.memory = UINT64_MAX - 1};
    struct mimo_plan_memory memory;

    (void)build(&plan, &one_rank);
    training = *plan.draft.plan.training;
    training.micro_batch = training.sequence_length = UINT32_MAX;
    plan.draft.plan.training = &training;
    plan.draft.plan.cluster = &cluster;
    plan.draft.modules[LLM].hidden_size = UINT32_MAX;
    plan.draft.modules[LLM].head_dim = UINT32_MAX;
    plan.draft.modules[CLIP].images_max = UINT32_MAX;
    plan.draft.modules[CLIP].image_tokens = UINT32_MAX;
    memory = mimo_memory_of_rank(&plan.draft.plan, 0, true, &plan.arena);
    CHECK_INT(memory.bytes[MIMO_MEMORY_ACTIVATIONS], UINT64_MAX);
    CHECK_INT(memory.bytes[MIMO_MEMORY_SCRATCH], UINT64_MAX);
    CHECK_INT(mimo_memory_total(&memory), UINT64_MAX);
    CHECK(!mimo_memory_fits(&plan.draft.plan, 0));
    cluster.memory = 0;
    CHECK(mimo_memory_fits(&plan.draft.plan, 0));
    fixture_release(&plan);
}

static const struct mimo_test tests[] = {
    {"activations", test_activations},
    {"scratch", test_scratch},
    {"buffers", test_buffers},
    {"a frozen encoder", test_frozen},
    {"bf16", test_bf16},
    {"optimizer state in pieces", test_distributed_optimizer},
    {"recomputed layers", test_recompute},
    {"recomputed layers in chunks", test_recompute_in_chunks},
    {"sequence parallelism", test_sequence_parallel},
    {"context parallelism", test_context_parallel},
    {"images that are cut", test_cut_images},
    {"experts", test_experts},
    {"micro-steps alive", test_alive},
    {"the maximum of a role", test_maximum},
    {"sizes that overflow", test_saturation},
};

MIMO_TEST_MAIN("compiler/memory", tests)
