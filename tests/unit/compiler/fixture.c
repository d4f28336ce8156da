#include "tests/unit/compiler/fixture.h"

#include "compiler/planner/communication.h"
#include "compiler/planner/layout.h"
#include "compiler/planner/parameters.h"
#include "compiler/planner/schedule.h"
#include "compiler/proof/prove.h"
#include "compiler/proof/ranks.h"

enum { MODULES_MAX = 4, WIDTH = 48, HEADS = 12 };

static uint32_t or_one(uint32_t size)
{
    return size == 0 ? 1 : size;
}

static uint32_t count_modules(const struct fixture *fixture)
{
    uint32_t count = 0;

    while (count < MODULES_MAX && fixture->modules[count].name != NULL)
        count++;
    return count;
}

static void set_layout(struct mimo_plan_module *record, const struct fixture_module *module)
{
    record->tp = or_one(module->tp);
    record->cp = or_one(module->cp);
    record->dp = or_one(module->dp);
    record->pp = or_one(module->pp);
    record->etp = record->ep = 1;
    record->edp = record->tp * record->cp * record->dp;
    record->virtual_pipeline = or_one(module->virtual_pipeline);
    record->rank_offset = module->rank_offset;
    record->ranks = record->edp * record->pp;
    record->num_layers = record->layers_computed =
        module->layers > 0 ? module->layers : 2 * record->pp * record->virtual_pipeline;
}

static void set_shape(struct mimo_plan_module *record, bool is_language, uint32_t modality)
{
    record->hidden_size = WIDTH;
    record->ffn_hidden_size = 4 * WIDTH;
    record->num_attention_heads = record->num_query_groups = HEADS;
    record->head_dim = WIDTH / HEADS;
    record->norm_epsilon = 1e-5;
    record->projector = MIMO_NONE;
    record->modality = is_language ? MIMO_NONE : modality;
    if (is_language) {
        record->kind = MIMO_MODULE_KIND_LANGUAGE;
        record->architecture = MIMO_ARCHITECTURE_LLAMA;
        record->vocab_size = 100;
        record->max_sequence_length = 1 << 14;
        record->rotary_base = 1e4;
        record->activation = MIMO_ACTIVATION_SILU;
        return;
    }
    record->kind = MIMO_MODULE_KIND_ENCODER;
    record->architecture = MIMO_ARCHITECTURE_CLIP_VIT;
    record->image_size = 4;
    record->patch_size = 2;
    record->channels = 1;
    record->image_tokens = 4;
    record->image_std[0] = 1.0;
}

static void add_modality(struct fixture_plan *plan, const struct fixture_module *module,
                         uint32_t index)
{
    const uint32_t projector = plan->draft.plan.projector_count;

    plan->modalities[index] = (struct mimo_plan_modality){
        .special_token = index, .image_tokens = 4, .encoder_first = index, .encoder_count = 1};
    plan->draft.plan.modality_count++;
    if (!module->has_projector)
        return;
    plan->projectors[projector] = (struct mimo_plan_projector){
        .architecture = MIMO_ARCHITECTURE_LINEAR,
        .is_frozen = module->projector_is_frozen,
        .num_layers = 1,
        .input_size = WIDTH,
        .output_size = WIDTH,
    };
    plan->projector_owners[projector].name =
        mimo_arena_printf(&plan->arena, "%s_projector", module->name);
    plan->draft.modules[index].projector = projector;
    plan->draft.plan.projector_count++;
}

static void add_modules(struct fixture_plan *plan, const struct fixture *fixture, uint32_t count)
{
    struct mimo_arena *arena = &plan->arena;
    struct mimo_draft *draft = &plan->draft;
    struct mimo_draft_owner *owners = MIMO_NEW_ARRAY(arena, struct mimo_draft_owner, count);
    const uint32_t replicas = or_one(fixture->modules[count - 1].dp);

    draft->modules = MIMO_NEW_ARRAY(arena, struct mimo_plan_module, count);
    draft->plan.modules = draft->modules;
    draft->plan.module_count = count;
    plan->modalities = MIMO_NEW_ARRAY(arena, struct mimo_plan_modality, count);
    plan->projectors = MIMO_NEW_ARRAY(arena, struct mimo_plan_projector, count);
    plan->projector_owners = MIMO_NEW_ARRAY(arena, struct mimo_draft_owner, count);
    draft->plan.modalities = plan->modalities;
    draft->plan.projectors = plan->projectors;
    draft->projector_owners = plan->projector_owners;
    draft->owners = owners;
    for (uint32_t i = 0; i < count; i++) {
        struct mimo_plan_module *record = &draft->modules[i];

        owners[i] = (struct mimo_draft_owner){fixture->modules[i].name, 1.0, NULL};
        record->name = mimo_plan_writer_string(&plan->writer, fixture->modules[i].name);
        record->is_frozen = fixture->modules[i].is_frozen;
        set_layout(record, &fixture->modules[i]);
        set_shape(record, i + 1 == count, i);
        record->samples = plan->draft.plan.training->micro_batch * replicas / record->dp;
        if (i + 1 < count)
            add_modality(plan, &fixture->modules[i], i);
    }
}

static void add_settings(struct fixture_plan *plan, const struct fixture *fixture, uint32_t count)
{
    struct mimo_arena *arena = &plan->arena;
    struct mimo_plan_meta *meta = MIMO_NEW(arena, struct mimo_plan_meta);
    struct mimo_plan_training *training = MIMO_NEW(arena, struct mimo_plan_training);
    struct mimo_plan_data *data = MIMO_NEW(arena, struct mimo_plan_data);

    *meta = (struct mimo_plan_meta){
        .model = mimo_plan_writer_string(&plan->writer, "model"),
        .language_version = 1,
        .mode = fixture->mode,
        .world_size = fixture->world_size,
        .language_module = count - 1,
    };
    *training = (struct mimo_plan_training){
        .steps = 1,
        .micro_batch = 12,
        .micro_steps = fixture->micro_steps,
        .encoder_group = fixture->encoder_group > 0 ? fixture->encoder_group : fixture->micro_steps,
        .global_batch = 12 * fixture->micro_steps * or_one(fixture->modules[count - 1].dp),
        .gradient_bucket = 40000000,
        .sequence_length = 5040,
        .pipeline_schedule = fixture->schedule,
        .log_interval = 1,
    };
    plan->draft.plan.meta = meta;
    plan->draft.training = training;
    plan->draft.plan.training = training;
    data->images_per_sample_min = data->images_per_sample_max = 1;
    plan->draft.plan.data = data;
    plan->draft.plan.checkpoint = MIMO_NEW(arena, struct mimo_plan_checkpoint);
    plan->draft.plan.cluster = MIMO_NEW(arena, struct mimo_plan_cluster);
}

void fixture_build(struct fixture_plan *plan, const struct fixture *fixture)
{
    const uint32_t count = count_modules(fixture);

    *plan = (struct fixture_plan){0};
    mimo_arena_init(&plan->arena);
    mimo_plan_writer_init(&plan->writer, &plan->arena);
    plan->draft.arena = &plan->arena;
    plan->draft.writer = &plan->writer;
    add_settings(plan, fixture, count);
    add_modules(plan, fixture, count);
    mimo_layout_build(&plan->draft);
    mimo_parameters_build(&plan->draft);
    mimo_schedule_build(&plan->draft);
    mimo_communication_build(&plan->draft);
}

const char *fixture_refusal(struct fixture_plan *plan)
{
    const char *reason = NULL;
    const unsigned char *bytes;
    size_t size;

    if (!mimo_prove(&plan->draft.plan, &plan->arena, &reason) ||
        !mimo_prove_ranks(&plan->draft.plan, &plan->arena, &reason))
        return reason;
    mimo_plan_writer_finish(&plan->writer, &plan->draft.plan, &bytes, &size);
    return NULL;
}

void fixture_release(struct fixture_plan *plan)
{
    mimo_arena_release(&plan->arena);
}
