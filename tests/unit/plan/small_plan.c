#include "tests/unit/plan/small_plan.h"

#include "plan/grid.h"

#define XXH_INLINE_ALL
#include <string.h>
#include <xxhash.h>

enum { CLIP, LLM };

static void fill_settings(struct small_plan *small, struct mimo_plan_writer *writer)
{
    small->meta = (struct mimo_plan_meta){
        .compiler_version = mimo_plan_writer_string(writer, "0.1.0"),
        .model = mimo_plan_writer_string(writer, "captioner"),
        .deployment = mimo_plan_writer_string(writer, "seven"),
        .language_version = 1,
        .mode = MIMO_MODE_HETEROGENEOUS,
        .world_size = SMALL_WORLD,
        .language_module = LLM,
    };
    small->training = (struct mimo_plan_training){
        .steps = 10,
        .seed = 1234,
        .global_batch = 4,
        .micro_batch = 2,
        .micro_steps = 2,
        .encoder_group = 2,
        .gradient_bucket = 1000,
        .sequence_length = 16,
        .log_interval = 1,
        .lr_schedule = MIMO_LR_SCHEDULE_COSINE,
        .warmup_steps = 2,
        .lr = 1e-3,
        .min_lr = 1e-5,
        .beta1 = 0.9,
        .beta2 = 0.95,
        .epsilon = 1e-8,
        .clip_grad = 1.0,
    };
    small->data = (struct mimo_plan_data){
        .format = MIMO_DATA_FORMAT_LLAVA,
        .train = mimo_plan_writer_string(writer, "train.jsonl"),
        .media = mimo_plan_writer_string(writer, "images"),
        .tokenizer = mimo_plan_writer_string(writer, "bytes"),
        .max_images_per_sample = 2,
    };
    small->checkpoint = (struct mimo_plan_checkpoint){
        .directory = mimo_plan_writer_string(writer, "runs"),
        .interval = 5,
    };
    small->cluster = (struct mimo_plan_cluster){
        .name = mimo_plan_writer_string(writer, "laptop"),
        .memory = UINT64_C(8) << 30,
        .peak = 1e12,
        .gpus_per_node = 8,
    };
}

static void fill_encoder(struct small_plan *small, struct mimo_plan_writer *writer)
{
    small->modality = (struct mimo_plan_modality){
        .name = mimo_plan_writer_string(writer, "images"),
        .marker = mimo_plan_writer_string(writer, "<image>"),
        .special_token = 19,
        .image_tokens = 4,
        .encoder_first = CLIP,
        .encoder_count = 1,
    };
    small->projector = (struct mimo_plan_projector){
        .name = mimo_plan_writer_string(writer, "projector"),
        .architecture = MIMO_ARCHITECTURE_MLP,
        .has_bias = 1,
        .num_layers = 2,
        .input_size = 6,
        .hidden_size = 8,
        .output_size = 8,
    };
    small->modules[CLIP] = (struct mimo_plan_module){
        .name = mimo_plan_writer_string(writer, "clip"),
        .weights = mimo_plan_writer_string(writer, "weights/clip"),
        .kind = MIMO_MODULE_KIND_ENCODER,
        .architecture = MIMO_ARCHITECTURE_CLIP_VIT,
        .is_frozen = 1,
        .num_layers = 2,
        .layers_computed = 1,
        .hidden_size = 6,
        .ffn_hidden_size = 12,
        .num_attention_heads = 2,
        .num_query_groups = 2,
        .head_dim = 3,
        .activation = MIMO_ACTIVATION_QUICK_GELU,
        .image_size = 8,
        .patch_size = 4,
        .channels = 3,
        .feature_layer = -2,
        .image_tokens = 4,
        .images_max = 2,
        .norm_epsilon = 1e-5,
        .image_mean = {0.5, 0.5, 0.5},
        .image_std = {0.25, 0.25, 0.25},
        .tp = 1,
        .cp = 1,
        .dp = 2,
        .pp = 1,
        .etp = 1,
        .ep = 1,
        .edp = 2,
        .virtual_pipeline = 1,
        .ranks = 2,
        .samples = 1,
        .stage_count = 1,
    };
}

static void fill_language(struct small_plan *small, struct mimo_plan_writer *writer)
{
    small->modules[LLM] = (struct mimo_plan_module){
        .name = mimo_plan_writer_string(writer, "llm"),
        .kind = MIMO_MODULE_KIND_LANGUAGE,
        .architecture = MIMO_ARCHITECTURE_LLAMA,
        .modality = MIMO_NONE,
        .projector = MIMO_NONE,
        .num_layers = 2,
        .layers_computed = 2,
        .hidden_size = 8,
        .ffn_hidden_size = 11,
        .num_attention_heads = 4,
        .num_query_groups = 1,
        .head_dim = 2,
        .activation = MIMO_ACTIVATION_SILU,
        .vocab_size = 21,
        .max_sequence_length = 16,
        .rotary_base = 10000.0,
        .norm_epsilon = 1e-5,
        .tp = 2,
        .cp = 1,
        .dp = 1,
        .pp = 2,
        .etp = 1,
        .ep = 1,
        .edp = 2,
        .virtual_pipeline = 1,
        .sequence_parallel = 1,
        .rank_offset = 2,
        .ranks = 4,
        .samples = 2,
        .stage_first = 1,
        .stage_count = 2,
    };
    small->stages[0] = (struct mimo_plan_stage){CLIP, 0, 1, 0};
    small->stages[1] = (struct mimo_plan_stage){LLM, 0, 1, 0};
    small->stages[2] = (struct mimo_plan_stage){LLM, 1, 1, 0};
}

/* Appends a parameter to its module; the caller sets what is particular to it. */
static struct mimo_plan_parameter *add(struct small_plan *small, struct mimo_plan_writer *writer,
                                       uint32_t module, uint32_t layer, enum mimo_slot slot,
                                       uint64_t rows, uint64_t columns)
{
    struct mimo_plan_parameter *parameter = &small->parameters[small->plan.parameter_count++];

    *parameter = (struct mimo_plan_parameter){
        .name = mimo_plan_writer_string(writer, mimo_arena_printf(writer->arena, "%s.%d.%d",
                                                                  module == CLIP ? "clip" : "llm",
                                                                  (int)layer, (int)slot)),
        .module = module,
        .layer = layer,
        .slot = slot,
        .expert = MIMO_NONE,
        .projector = MIMO_NONE,
        .tied_to = MIMO_NONE,
        .dimensions = columns == 0 ? 1 : 2,
        .shape = {rows, columns == 0 ? 1 : columns, 1, 1},
        .cut_units = 1,
        .init = columns == 0 ? MIMO_INIT_ZERO : MIMO_INIT_NORMAL,
        .is_trainable = module == LLM,
        .decays = columns != 0,
        .init_scale = 0.02,
        .lr_scale = 1.0,
    };
    small->modules[module].parameter_count++;
    small->modules[module].elements += rows * parameter->shape[1];
    return parameter;
}

static struct mimo_plan_parameter *cut(struct mimo_plan_parameter *parameter, uint32_t dimension,
                                       uint64_t units)
{
    parameter->cut = MIMO_CUT_EVEN;
    parameter->cut_dimension = dimension;
    parameter->cut_units = units;
    return parameter;
}

/* The encoder's own parameters are not cut here (tp = 1); the projector's are listed as ever. */
static void add_encoder_parameters(struct small_plan *small, struct mimo_plan_writer *writer)
{
    struct mimo_plan_parameter *patch;

    (void)add(small, writer, CLIP, MIMO_NONE, MIMO_SLOT_CLASS_EMBEDDING, 6, 0);
    patch = add(small, writer, CLIP, MIMO_NONE, MIMO_SLOT_PATCH_EMBEDDING, 6, 3);
    patch->dimensions = 4;
    patch->shape[2] = patch->shape[3] = 4;
    small->modules[CLIP].elements += UINT64_C(6) * 3 * 15;
    (void)add(small, writer, CLIP, MIMO_NONE, MIMO_SLOT_POSITION_EMBEDDING, 5, 6);
    (void)cut(add(small, writer, CLIP, 0, MIMO_SLOT_Q_WEIGHT, 6, 6), 0, 2);
    cut(add(small, writer, CLIP, 0, MIMO_SLOT_K_WEIGHT, 6, 6), 0, 2)->follows = 1;
    cut(add(small, writer, CLIP, 0, MIMO_SLOT_V_WEIGHT, 6, 6), 0, 2)->follows = 1;
    (void)cut(add(small, writer, CLIP, 0, MIMO_SLOT_UP_WEIGHT, 12, 6), 0, 12);
    (void)cut(add(small, writer, CLIP, 0, MIMO_SLOT_DOWN_WEIGHT, 6, 12), 1, 12);
    for (uint32_t layer = 0; layer < 2; layer++) {
        cut(add(small, writer, CLIP, layer, MIMO_SLOT_PROJECTOR_WEIGHT, 8, layer == 0 ? 6 : 8),
            layer, 8)
            ->projector = 0;
        add(small, writer, CLIP, layer, MIMO_SLOT_PROJECTOR_BIAS, 8, 0)->projector = 0;
    }
}

static void add_layer(struct small_plan *small, struct mimo_plan_writer *writer, uint32_t layer)
{
    const uint32_t first = small->plan.parameter_count;

    add(small, writer, LLM, layer, MIMO_SLOT_INPUT_NORM_WEIGHT, 8, 0)->gradient_is_partial = 1;
    (void)cut(add(small, writer, LLM, layer, MIMO_SLOT_Q_WEIGHT, 8, 8), 0, 4);
    add(small, writer, LLM, layer, MIMO_SLOT_K_WEIGHT, 2, 8)->cut = MIMO_CUT_REPLICATED;
    add(small, writer, LLM, layer, MIMO_SLOT_V_WEIGHT, 2, 8)->cut = MIMO_CUT_REPLICATED;
    (void)cut(add(small, writer, LLM, layer, MIMO_SLOT_O_WEIGHT, 8, 8), 1, 4);
    add(small, writer, LLM, layer, MIMO_SLOT_POST_NORM_WEIGHT, 8, 0)->gradient_is_partial = 1;
    (void)cut(add(small, writer, LLM, layer, MIMO_SLOT_GATE_WEIGHT, 11, 8), 0, 11);
    cut(add(small, writer, LLM, layer, MIMO_SLOT_UP_WEIGHT, 11, 8), 0, 11)->follows = 1;
    (void)cut(add(small, writer, LLM, layer, MIMO_SLOT_DOWN_WEIGHT, 8, 11), 1, 11);
    small->parameters[first + 2].follows = small->parameters[first + 3].follows = 1;
    for (uint32_t i = first; i < small->plan.parameter_count; i++)
        small->parameters[i].stage = layer;
}

/* The head shares the embedding's values. */
static void add_language_parameters(struct small_plan *small, struct mimo_plan_writer *writer)
{
    const uint32_t embedding = small->plan.parameter_count;
    struct mimo_plan_parameter *head;

    small->modules[LLM].parameter_first = embedding;
    (void)cut(add(small, writer, LLM, MIMO_NONE, MIMO_SLOT_TOKEN_EMBEDDING, 21, 8), 0, 21);
    add_layer(small, writer, 0);
    add_layer(small, writer, 1);
    add(small, writer, LLM, MIMO_NONE, MIMO_SLOT_FINAL_NORM, 8, 0)->stage = 1;
    head = cut(add(small, writer, LLM, MIMO_NONE, MIMO_SLOT_HEAD, 21, 8), 0, 21);
    head->stage = 1;
    head->tied_to = embedding;
    small->modules[LLM].ties_embeddings = 1;
    small->modules[LLM].elements -= UINT64_C(21) * 8;
}

static void emit(struct small_plan *small, enum mimo_opcode opcode, uint32_t place,
                 uint32_t micro_step)
{
    small->instructions[small->plan.instruction_count++] = (struct mimo_plan_instruction){
        .opcode = opcode,
        .place = place,
        .micro_step = micro_step,
        .send_edge = MIMO_NONE,
        .receive_edge = MIMO_NONE,
    };
}

static void emit_send(struct small_plan *small, uint32_t edge, uint32_t micro_step,
                      uint32_t direction)
{
    emit(small, MIMO_OPCODE_SEND, MIMO_NONE, MIMO_NONE);
    small->instructions[small->plan.instruction_count - 1].send_edge = edge;
    small->instructions[small->plan.instruction_count - 1].send_micro_step = micro_step;
    small->instructions[small->plan.instruction_count - 1].send_direction = direction;
}

static void emit_receive(struct small_plan *small, uint32_t edge, uint32_t micro_step,
                         uint32_t direction)
{
    emit(small, MIMO_OPCODE_RECEIVE, MIMO_NONE, MIMO_NONE);
    small->instructions[small->plan.instruction_count - 1].receive_edge = edge;
    small->instructions[small->plan.instruction_count - 1].receive_micro_step = micro_step;
    small->instructions[small->plan.instruction_count - 1].receive_direction = direction;
}

static void emit_end(struct small_plan *small, uint32_t place)
{
    emit(small, MIMO_OPCODE_REDUCE, place, MIMO_NONE);
    emit(small, MIMO_OPCODE_STEP, MIMO_NONE, MIMO_NONE);
}

static void emit_encoder(struct small_plan *small)
{
    for (uint32_t m = 0; m < 2; m++) {
        emit(small, MIMO_OPCODE_ENCODE, 0, m);
        emit_send(small, 0, m, MIMO_EDGE_FORWARD);
    }
    for (uint32_t m = 0; m < 2; m++) {
        emit_receive(small, 0, m, MIMO_EDGE_BACKWARD);
        emit(small, MIMO_OPCODE_BACKWARD, 0, m);
    }
    emit_end(small, 0);
}

static void emit_first_stage(struct small_plan *small)
{
    for (uint32_t m = 0; m < 2; m++) {
        emit_receive(small, 0, m, MIMO_EDGE_FORWARD);
        emit(small, MIMO_OPCODE_MERGE, 1, m);
        emit(small, MIMO_OPCODE_FORWARD, 1, m);
        emit_send(small, 1, m, MIMO_EDGE_FORWARD);
    }
    for (uint32_t m = 0; m < 2; m++) {
        emit_receive(small, 1, m, MIMO_EDGE_BACKWARD);
        emit(small, MIMO_OPCODE_BACKWARD, 1, m);
        emit_send(small, 0, m, MIMO_EDGE_BACKWARD);
    }
    emit_end(small, 1);
}

static void emit_last_stage(struct small_plan *small)
{
    struct mimo_plan_instruction *exchange;

    emit_receive(small, 1, 0, MIMO_EDGE_FORWARD);
    emit(small, MIMO_OPCODE_FORWARD, 2, 0);
    emit(small, MIMO_OPCODE_BACKWARD, 2, 0);
    emit_receive(small, 1, 1, MIMO_EDGE_FORWARD);
    exchange = &small->instructions[small->plan.instruction_count - 1];
    exchange->opcode = MIMO_OPCODE_EXCHANGE;
    exchange->send_edge = 1;
    exchange->send_direction = MIMO_EDGE_BACKWARD;
    emit(small, MIMO_OPCODE_FORWARD, 2, 1);
    emit(small, MIMO_OPCODE_BACKWARD, 2, 1);
    emit_send(small, 1, 1, MIMO_EDGE_BACKWARD);
    emit_end(small, 2);
}

/* One role for each place, and one for the idle rank; each has one range. */
static void fill_roles(struct small_plan *small)
{
    static const struct mimo_plan_range ranges[4] = {
        {0, 2, 0, 0}, {2, 2, 1, 0}, {4, 2, 2, 0}, {6, 1, 3, 0}};

    memcpy(small->ranges, ranges, sizeof ranges);
    small->places[0] = (struct mimo_plan_place){CLIP, 0};
    small->places[1] = (struct mimo_plan_place){LLM, 0};
    small->places[2] = (struct mimo_plan_place){LLM, 1};
    for (uint32_t i = 0; i < 4; i++) {
        const uint32_t first = small->plan.instruction_count;

        emit(small, MIMO_OPCODE_LOAD, MIMO_NONE, MIMO_NONE);
        if (i == 0)
            emit_encoder(small);
        else if (i == 1)
            emit_first_stage(small);
        else if (i == 2)
            emit_last_stage(small);
        else
            emit(small, MIMO_OPCODE_STEP, MIMO_NONE, MIMO_NONE);
        small->roles[i] = (struct mimo_plan_role){
            i, i < 3 ? 1 : 0, i, 1, first, small->plan.instruction_count - first};
    }
}

/* Some of what is communicated inside: of all ranks, of a stage and its layers, of an edge. */
static void fill_communications(struct small_plan *small)
{
    const struct mimo_plan_communication blank = {
        .module = MIMO_NONE,
        .stage = MIMO_NONE,
        .edge = MIMO_NONE,
        .operation = MIMO_OPERATION_ALL_REDUCE,
        .group = MIMO_NONE,
        .slot = MIMO_NONE,
        .repeat = 1,
        .columns = 4,
    };
    struct mimo_plan_communication *records = small->communications;

    for (int i = 0; i < 5; i++)
        records[i] = blank;
    records[0].content = MIMO_CONTENT_TOTALS;
    records[0].element = MIMO_ELEMENT_INT64;
    for (int i = 1; i < 4; i++) {
        records[i].opcode = i < 3 ? MIMO_OPCODE_FORWARD : MIMO_OPCODE_RECEIVE;
        records[i].module = LLM;
        records[i].stage = i < 3 ? 0 : 1;
        records[i].loop = i < 3 ? MIMO_LOOP_LAYER : MIMO_LOOP_ONCE;
        records[i].group = MIMO_GROUP_KIND_TP;
        records[i].content = MIMO_CONTENT_ATTENTION_OUTPUT;
        records[i].rows = MIMO_ROW_UNIT_TOKENS;
        records[i].columns = 8;
    }
    records[2].content = MIMO_CONTENT_MLP_OUTPUT;
    records[3].operation = MIMO_OPERATION_ALL_GATHER;
    records[3].content = MIMO_CONTENT_TRANSFER;
    records[3].edge = 1;
    records[4].opcode = MIMO_OPCODE_STEP;
    records[4].content = MIMO_CONTENT_NORM;
    records[4].element = MIMO_ELEMENT_FP64;
    small->plan.communication_count = 5;
}

static void point_at_records(struct small_plan *small)
{
    struct mimo_plan *plan = &small->plan;

    plan->meta = &small->meta;
    plan->training = &small->training;
    plan->data = &small->data;
    plan->checkpoint = &small->checkpoint;
    plan->cluster = &small->cluster;
    plan->modalities = &small->modality;
    plan->modules = small->modules;
    plan->projectors = &small->projector;
    plan->stages = small->stages;
    plan->parameters = small->parameters;
    plan->groups = small->groups;
    plan->edges = small->edges;
    plan->roles = small->roles;
    plan->places = small->places;
    plan->ranges = small->ranges;
    plan->instructions = small->instructions;
    plan->communications = small->communications;
    plan->modality_count = plan->projector_count = 1;
    plan->module_count = plan->edge_count = 2;
    plan->stage_count = plan->place_count = 3;
    plan->role_count = plan->range_count = 4;
    plan->groups_count = 2 * MIMO_GROUP_KIND_COUNT;
}

void small_plan_fill(struct small_plan *small, struct mimo_plan_writer *writer)
{
    *small = (struct small_plan){0};
    fill_settings(small, writer);
    fill_encoder(small, writer);
    fill_language(small, writer);
    add_encoder_parameters(small, writer);
    add_language_parameters(small, writer);
    for (uint32_t i = 0; i < 2 * MIMO_GROUP_KIND_COUNT; i++) {
        const uint32_t module = i / MIMO_GROUP_KIND_COUNT;
        small->groups[i] = mimo_grid_groups(&small->modules[module], module,
                                            (enum mimo_group_kind)(i % MIMO_GROUP_KIND_COUNT));
    }
    small->edges[0] = (struct mimo_plan_edge){CLIP, 0, LLM, 0, 8, 1, 1, 0};
    small->edges[1] = (struct mimo_plan_edge){LLM, 0, LLM, 1, 8, 0, 1, 0};
    fill_roles(small);
    fill_communications(small);
    point_at_records(small);
}

void small_plan_write(struct mimo_arena *arena, const unsigned char **out_bytes, size_t *out_size)
{
    struct small_plan *small = MIMO_NEW(arena, struct small_plan);
    struct mimo_plan_writer writer;

    mimo_plan_writer_init(&writer, arena);
    small_plan_fill(small, &writer);
    mimo_plan_writer_finish(&writer, &small->plan, out_bytes, out_size);
}

void small_plan_reseal(unsigned char *bytes, size_t size)
{
    struct mimo_plan_header header;
    XXH128_canonical_t digest;

    memcpy(&header, bytes, sizeof header);
    for (uint32_t i = 0; i < header.section_count; i++) {
        unsigned char *entry = bytes + sizeof header + i * sizeof(struct mimo_plan_section);
        struct mimo_plan_section section;

        if (size - (size_t)(entry - bytes) < sizeof section)
            break;
        memcpy(&section, entry, sizeof section);
        if (section.offset <= size && section.size <= size - section.offset)
            section.checksum = XXH3_64bits(bytes + section.offset, section.size);
        memcpy(entry, &section, sizeof section);
    }
    XXH128_canonicalFromHash(&digest, XXH3_128bits(bytes + sizeof header, size - sizeof header));
    memcpy(header.digest, digest.digest, sizeof header.digest);
    header.checksum = XXH3_64bits(&header, offsetof(struct mimo_plan_header, checksum));
    memcpy(bytes, &header, sizeof header);
}
