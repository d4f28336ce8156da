#include "compiler/planner/layout.h"
#include "compiler/planner/parameters.h"
#include "plan/grid.h"
#include "tests/unit/check.h"

#include <inttypes.h>

/* A plan of one or two modules, built as far as its parameters. */
struct bench {
    struct mimo_arena arena;
    struct mimo_plan_writer writer;
    struct mimo_draft draft;
    struct mimo_draft_owner owners[2], projector_owner;
    struct mimo_plan_module modules[2];
    struct mimo_plan_projector projector;
    struct mimo_plan_meta meta;
};

static const struct mimo_plan_module llama = {
    .kind = MIMO_MODULE_KIND_LANGUAGE,
    .architecture = MIMO_ARCHITECTURE_LLAMA,
    .projector = MIMO_NONE,
    .num_layers = 32,
    .layers_computed = 32,
    .hidden_size = 4096,
    .ffn_hidden_size = 11008,
    .num_attention_heads = 32,
    .num_query_groups = 32,
    .head_dim = 128,
    .vocab_size = 32000,
    .tp = 1,
    .cp = 1,
    .dp = 1,
    .pp = 1,
    .etp = 1,
    .ep = 1,
    .edp = 1,
    .virtual_pipeline = 1,
    .ranks = 1,
};

/* clip-vit-large-patch14-336 up to its penultimate layer */
static const struct mimo_plan_module clip = {
    .kind = MIMO_MODULE_KIND_ENCODER,
    .architecture = MIMO_ARCHITECTURE_CLIP_VIT,
    .projector = MIMO_NONE,
    .num_layers = 24,
    .layers_computed = 23,
    .hidden_size = 1024,
    .ffn_hidden_size = 4096,
    .num_attention_heads = 16,
    .num_query_groups = 16,
    .head_dim = 64,
    .image_size = 336,
    .patch_size = 14,
    .channels = 3,
    .tp = 1,
    .cp = 1,
    .dp = 1,
    .pp = 1,
    .etp = 1,
    .ep = 1,
    .edp = 1,
    .virtual_pipeline = 1,
    .ranks = 1,
};

static void build(struct bench *bench, const struct mimo_plan_module *modules, uint32_t count)
{
    mimo_arena_init(&bench->arena);
    mimo_plan_writer_init(&bench->writer, &bench->arena);
    bench->meta = (struct mimo_plan_meta){.world_size = modules[count - 1].ranks,
                                          .language_module = count - 1};
    memcpy(bench->modules, modules, count * sizeof *modules);
    bench->owners[0] = (struct mimo_draft_owner){count == 1 ? "llm" : "clip", 1.0, NULL};
    bench->owners[1] = (struct mimo_draft_owner){"llm", 1.0, NULL};
    bench->projector_owner = (struct mimo_draft_owner){"proj", 10.0, NULL};
    bench->draft = (struct mimo_draft){
        .arena = &bench->arena,
        .writer = &bench->writer,
        .modules = bench->modules,
        .owners = bench->owners,
        .projector_owners = &bench->projector_owner,
        .plan = {.meta = &bench->meta,
                 .modules = bench->modules,
                 .module_count = count,
                 .projectors = &bench->projector,
                 .projector_count = 1},
    };
    mimo_layout_build(&bench->draft);
    mimo_parameters_build(&bench->draft);
}

static void build_one(struct bench *bench, const struct mimo_plan_module *module)
{
    *bench = (struct bench){0};
    build(bench, module, 1);
}

static const char *name_at(const struct bench *bench, uint32_t index)
{
    return bench->writer.strings + bench->draft.plan.parameters[index].name.offset;
}

static const struct mimo_plan_parameter *find(const struct bench *bench, const char *name)
{
    for (uint32_t i = 0; i < bench->draft.plan.parameter_count; i++) {
        if (strcmp(name_at(bench, i), name) == 0)
            return &bench->draft.plan.parameters[i];
    }
    return NULL;
}

/* The parameter, which the test then looks into; a blank one where it is missing. */
static struct mimo_plan_parameter expect(const struct bench *bench, const char *name)
{
    const struct mimo_plan_parameter *found = find(bench, name);

    if (found == NULL)
        (void)printf("\n  no parameter %s\n", name);
    CHECK(found != NULL);
    return found != NULL ? *found : (struct mimo_plan_parameter){0};
}

/* Published sizes: Llama 2 7B, GPT-2 small, Mixtral 8x7B, Qwen2 7B, and CLIP ViT-L/14 at 336 pixels
 * without its last layer, final norm and projection. */
static void test_published_sizes(void)
{
    struct mimo_plan_module module = llama;
    struct bench bench;

    build_one(&bench, &module);
    CHECK_INT(bench.modules[0].elements, 6738415616);
    CHECK_INT(bench.modules[0].parameter_count, 2 + 32 * 9 + 1);
    mimo_arena_release(&bench.arena);

    module.architecture = MIMO_ARCHITECTURE_GPT;
    module.num_layers = module.layers_computed = 12;
    module.hidden_size = 768;
    module.ffn_hidden_size = 3072;
    module.num_attention_heads = module.num_query_groups = 12;
    module.head_dim = 64;
    module.vocab_size = 50257;
    module.max_sequence_length = 1024;
    module.ties_embeddings = 1;
    build_one(&bench, &module);
    CHECK_INT(bench.modules[0].elements, 124439808);
    mimo_arena_release(&bench.arena);

    module = llama;
    module.num_query_groups = 8;
    module.num_experts = 8;
    module.expert_every = 1;
    module.expert_ffn_hidden_size = 14336;
    build_one(&bench, &module);
    CHECK_INT(bench.modules[0].elements, 46702792704);
    mimo_arena_release(&bench.arena);

    module = llama;
    module.num_layers = module.layers_computed = 28;
    module.hidden_size = 3584;
    module.ffn_hidden_size = 18944;
    module.num_attention_heads = 28;
    module.num_query_groups = 4;
    module.vocab_size = 152064;
    module.has_qkv_bias = 1;
    build_one(&bench, &module);
    CHECK_INT(bench.modules[0].elements, 7615616512);
    mimo_arena_release(&bench.arena);

    build_one(&bench, &clip);
    CHECK_INT(bench.modules[0].elements, 290909184);
    mimo_arena_release(&bench.arena);
}

static void test_order(void)
{
    static const char *const names[] = {
        "llm.model.embed_tokens.weight",
        "llm.model.layers.0.input_layernorm.weight",
        "llm.model.layers.0.self_attn.q_proj.weight",
        "llm.model.layers.0.self_attn.k_proj.weight",
        "llm.model.layers.0.self_attn.v_proj.weight",
        "llm.model.layers.0.self_attn.q_proj.bias",
        "llm.model.layers.0.self_attn.k_proj.bias",
        "llm.model.layers.0.self_attn.v_proj.bias",
        "llm.model.layers.0.self_attn.o_proj.weight",
        "llm.model.layers.0.post_attention_layernorm.weight",
        "llm.model.layers.0.mlp.gate_proj.weight",
        "llm.model.layers.0.mlp.up_proj.weight",
        "llm.model.layers.0.mlp.down_proj.weight",
        "llm.model.layers.1.input_layernorm.weight",
    };
    static const uint32_t follows[] = {0, 0, 0, 1, 1, 0, 1, 1, 0, 0, 0, 1, 0, 0};
    struct mimo_plan_module module = llama;
    struct bench bench;

    module.has_qkv_bias = 1;
    build_one(&bench, &module);
    for (uint32_t i = 0; i < sizeof names / sizeof *names; i++) {
        CHECK_TEXT(name_at(&bench, i), names[i]);
        CHECK_INT(bench.draft.plan.parameters[i].follows, follows[i]);
    }
    CHECK_TEXT(name_at(&bench, bench.draft.plan.parameter_count - 1), "llm.lm_head.weight");
    mimo_arena_release(&bench.arena);
}

static void test_experts(void)
{
    struct mimo_plan_module module = llama;
    struct mimo_plan_parameter parameter;
    struct bench bench;

    module.num_experts = 4;
    module.expert_every = 2;
    module.expert_ffn_hidden_size = 1000;
    module.tp = 4;
    module.etp = 2;
    module.ep = 2;
    module.ranks = 4;
    build_one(&bench, &module);
    CHECK(find(&bench, "llm.model.layers.0.mlp.gate_proj.weight") == NULL);
    CHECK(find(&bench, "llm.model.layers.1.mlp.gate_proj.weight") != NULL);
    CHECK(find(&bench, "llm.model.layers.1.block_sparse_moe.gate.weight") == NULL);
    parameter = expect(&bench, "llm.model.layers.2.block_sparse_moe.gate.weight");
    CHECK_INT(parameter.slot, MIMO_SLOT_ROUTER_WEIGHT);
    CHECK_INT(parameter.shape[0], 4);
    CHECK_INT(parameter.cut, MIMO_CUT_NONE);
    parameter = expect(&bench, "llm.model.layers.2.block_sparse_moe.experts.3.w3.weight");
    CHECK_INT(parameter.slot, MIMO_SLOT_EXPERT_UP_WEIGHT);
    CHECK_INT(parameter.expert, 3);
    CHECK_INT(parameter.follows, 1);
    CHECK_INT(parameter.cut_units, 1000);
    CHECK_INT(mimo_shard_elements(&parameter, 0, module.etp), 500 * 4096);
    mimo_arena_release(&bench.arena);
}

/* Fewer key heads than ranks: each is held by several, which see parts of its gradient. */
static void test_cuts(void)
{
    struct mimo_plan_module module = llama;
    struct mimo_plan_parameter parameter;
    struct bench bench;

    module.num_query_groups = 4;
    module.tp = 8;
    module.ranks = 8;
    module.ffn_hidden_size = 11009;
    module.sequence_parallel = 1;
    build_one(&bench, &module);
    parameter = expect(&bench, "llm.model.layers.0.self_attn.q_proj.weight");
    CHECK_INT(parameter.cut, MIMO_CUT_EVEN);
    CHECK_INT(parameter.cut_units, 32);
    CHECK_INT(parameter.gradient_is_partial, 0);
    parameter = expect(&bench, "llm.model.layers.0.self_attn.k_proj.weight");
    CHECK_INT(parameter.cut, MIMO_CUT_REPLICATED);
    CHECK_INT(parameter.cut_units, 4);
    CHECK_INT(parameter.gradient_is_partial, 1);
    CHECK_INT(mimo_shard_elements(&parameter, 3, 8), 128 * 4096);
    parameter = expect(&bench, "llm.model.layers.0.mlp.down_proj.weight");
    CHECK_INT(parameter.cut_dimension, 1);
    CHECK_INT(mimo_shard_elements(&parameter, 0, 8), 1376 * 4096);
    CHECK_INT(mimo_shard_elements(&parameter, 7, 8), 1377 * 4096);
    parameter = expect(&bench, "llm.model.norm.weight");
    CHECK_INT(parameter.cut, MIMO_CUT_NONE);
    CHECK_INT(parameter.gradient_is_partial, 1);
    CHECK_INT(parameter.decays, 0);
    CHECK_INT(parameter.init, MIMO_INIT_ONE);
    parameter = expect(&bench, "llm.model.layers.0.self_attn.o_proj.weight");
    CHECK_NEAR(parameter.init_scale, 1.0 / sqrt(3.0 * 4096 * 2 * 32), 1e-15);
    parameter = expect(&bench, "llm.model.embed_tokens.weight");
    CHECK_NEAR(parameter.init_scale, 0.02, 1e-15);
    CHECK_INT(parameter.decays, 0);
    CHECK_INT(parameter.cut_units, 32000);
    mimo_arena_release(&bench.arena);
}

/* With one pipeline rank the head is the embedding itself; else the last stage has a tied copy. */
static void test_ties(void)
{
    struct mimo_plan_module module = llama;
    struct mimo_plan_parameter parameter;
    struct bench bench;

    module.ties_embeddings = 1;
    build_one(&bench, &module);
    CHECK(find(&bench, "llm.lm_head.weight") == NULL);
    CHECK_INT(bench.modules[0].elements, 6738415616 - INT64_C(32000) * 4096);
    mimo_arena_release(&bench.arena);

    module.pp = 4;
    module.ranks = 4;
    build_one(&bench, &module);
    parameter = expect(&bench, "llm.lm_head.weight");
    CHECK_INT(parameter.tied_to, 0);
    CHECK_INT(parameter.stage, 3);
    CHECK_INT(parameter.decays, 0);
    CHECK_INT(bench.modules[0].elements, 6738415616 - INT64_C(32000) * 4096);
    CHECK_INT(expect(&bench, "llm.model.layers.8.input_layernorm.weight").stage, 1);
    mimo_arena_release(&bench.arena);
}

static void test_projector(void)
{
    struct mimo_plan_module modules[2] = {clip, llama};
    struct mimo_plan_parameter parameter;
    struct bench bench = {.projector = {.architecture = MIMO_ARCHITECTURE_MLP,
                                        .has_bias = 1,
                                        .num_layers = 3,
                                        .input_size = 1024,
                                        .hidden_size = 3000,
                                        .output_size = 4096}};

    modules[0].projector = 0;
    modules[0].is_frozen = 1;
    build(&bench, modules, 2);
    parameter = expect(&bench, "clip.vision_model.pre_layrnorm.bias");
    CHECK_INT(parameter.is_trainable, 0);
    CHECK(find(&bench, "clip.vision_model.encoder.layers.22.mlp.fc2.bias") != NULL);
    CHECK(find(&bench, "clip.vision_model.encoder.layers.23.mlp.fc2.bias") == NULL);
    parameter = expect(&bench, "proj.linear_1.weight");
    CHECK_INT(parameter.module, 0);
    CHECK_INT(parameter.shape[0], 3000);
    CHECK_INT(parameter.shape[1], 1024);
    CHECK_INT(parameter.cut_dimension, 0);
    CHECK_INT(parameter.is_trainable, 1);
    CHECK_NEAR(parameter.lr_scale, 10.0, 0.0);
    CHECK_INT(expect(&bench, "proj.linear_1.bias").cut, MIMO_CUT_EVEN);
    parameter = expect(&bench, "proj.linear_2.weight");
    CHECK_INT(parameter.cut, MIMO_CUT_EVEN);
    CHECK_INT(parameter.cut_dimension, 1);
    CHECK_INT(expect(&bench, "proj.linear_2.bias").cut, MIMO_CUT_NONE);
    CHECK_INT(expect(&bench, "proj.linear_3.weight").cut, MIMO_CUT_NONE);
    CHECK_INT(bench.modules[0].elements,
              290909184 + 1025 * 3000 + 3001 * 3000 + INT64_C(3001) * 4096);
    mimo_arena_release(&bench.arena);
}

static const struct mimo_test tests[] = {
    {"published sizes", test_published_sizes},
    {"order and fused matrices", test_order},
    {"experts", test_experts},
    {"cuts, gradients, initial values", test_cuts},
    {"tied embeddings", test_ties},
    {"projector", test_projector},
};

MIMO_TEST_MAIN("parameters", tests)
