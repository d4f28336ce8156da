/* What the declaration says: the records of the plan, from one table of fields each. */
#include "compiler/show/describe.h"

#include "compiler/declaration/arithmetic.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

/* ---- adding facts ---- */

void mimo_describe_subject(struct mimo_description *description, enum mimo_topic topic,
                           const char *subject)
{
    description->topic = topic;
    description->subject = subject;
    description->is_at_subject = true;
}

static void add(struct mimo_description *description, struct mimo_fact fact)
{
    fact.topic = description->topic;
    fact.subject = description->subject;
    fact.begins_subject = description->is_at_subject;
    description->is_at_subject = false;
    MIMO_APPEND(description->arena, description->facts, description->count, description->capacity,
                fact);
}

void mimo_describe_text(struct mimo_description *description, const char *field, const char *text)
{
    add(description, (struct mimo_fact){.field = field, .kind = MIMO_FACT_TEXT, .text = text});
}

void mimo_describe_none(struct mimo_description *description, const char *field)
{
    add(description, (struct mimo_fact){.field = field, .kind = MIMO_FACT_NONE, .text = "none"});
}

void mimo_describe_boolean(struct mimo_description *description, const char *field, bool value)
{
    add(description, (struct mimo_fact){.field = field,
                                        .kind = MIMO_FACT_BOOLEAN,
                                        .text = value ? "true" : "false",
                                        .integer = value});
}

void mimo_describe_integer(struct mimo_description *description, const char *field, uint64_t value)
{
    add(description,
        (struct mimo_fact){.field = field,
                           .kind = MIMO_FACT_INTEGER,
                           .text = mimo_arena_printf(description->arena, "%" PRIu64, value),
                           .integer = value});
}

const char *mimo_shortest_real(struct mimo_arena *arena, double value)
{
    const struct mimo_value real = {.kind = MIMO_VALUE_REAL, .real = value};

    return mimo_value_text(arena, &real);
}

void mimo_describe_real(struct mimo_description *description, const char *field, double value)
{
    add(description, (struct mimo_fact){.field = field,
                                        .kind = MIMO_FACT_REAL,
                                        .text = mimo_shortest_real(description->arena, value),
                                        .real = value});
}

static const char *bytes_text(struct mimo_arena *arena, uint64_t value)
{
    static const char *const prefixes[] = {"", "k", "M", "G", "T", "P", "E"};
    double number = (double)value;
    size_t prefix = 0;

    while (number >= 1000.0) {
        number /= 1000.0;
        prefix++;
    }
    return mimo_arena_printf(arena, "%.*f %sB", prefix == 0 ? 0 : 2, number, prefixes[prefix]);
}

void mimo_describe_bytes(struct mimo_description *description, const char *field, uint64_t value)
{
    add(description, (struct mimo_fact){.field = field,
                                        .kind = MIMO_FACT_BYTES,
                                        .text = bytes_text(description->arena, value),
                                        .integer = value});
}

/* ---- records ---- */

/* How a member of a record is read. */
enum form {
    FORM_U32,
    FORM_U64,
    FORM_I32,
    FORM_U64_OR_NONE, /* 0 stands for none */
    FORM_BOOLEAN,     /* a uint32_t */
    FORM_WORD,        /* a uint32_t, an index of `words` */
    FORM_BYTES,       /* a uint64_t */
    FORM_REAL,
    FORM_REAL_OR_NONE,
    FORM_STRING_OR_NONE,
    FORM_U32_PAIR, /* [a, b], or a where both are equal */
    FORM_REAL_PAIR,
    FORM_REALS, /* four doubles, behind the last of which zeros are left out */
};

struct field {
    const char *name;
    size_t offset;
    enum form form;
    const char *const *words;
};

#define FIELD(record, form, name, member)                                                          \
    {                                                                                              \
        name, offsetof(struct mimo_plan_##record, member), FORM_##form, NULL                       \
    }
#define WORD_FIELD(record, words, name, member)                                                    \
    {                                                                                              \
        name, offsetof(struct mimo_plan_##record, member), FORM_WORD, words                        \
    }

#define WORD(suffix, word) word,
static const char *const MODES[] = {MIMO_MODES(WORD)};
static const char *const PADDINGS[] = {MIMO_PADDINGS(WORD)};
static const char *const PRECISIONS[] = {MIMO_PRECISIONS(WORD)};
static const char *const RECOMPUTES[] = {MIMO_RECOMPUTES(WORD)};
static const char *const PIPELINE_SCHEDULES[] = {MIMO_PIPELINE_SCHEDULES(WORD)};
static const char *const LR_SCHEDULES[] = {MIMO_LR_SCHEDULES(WORD)};
static const char *const DATA_FORMATS[] = {MIMO_DATA_FORMATS(WORD)};
static const char *const TEMPLATES[] = {MIMO_TEMPLATES(WORD)};
static const char *const BAD_SAMPLES[] = {MIMO_BAD_SAMPLES(WORD)};
static const char *const ARCHITECTURES[] = {MIMO_ARCHITECTURES(WORD)};
static const char *const ACTIVATIONS[] = {MIMO_ACTIVATIONS(WORD)};
static const char *const MODULE_KINDS[] = {MIMO_MODULE_KINDS(WORD)};
static const char *const CLASS_TOKENS[] = {"drop", "keep"};
#undef WORD

static const struct field META[] = {
    FIELD(meta, STRING_OR_NONE, "model", model),
    FIELD(meta, STRING_OR_NONE, "model.weights", model_weights),
    FIELD(meta, STRING_OR_NONE, "deployment", deployment),
    WORD_FIELD(meta, MODES, "deployment.mode", mode),
    FIELD(meta, U32, "deployment.world_size", world_size),
    FIELD(meta, U32, "mimo", language_version),
};

static const struct field TRAINING[] = {
    FIELD(training, U64_OR_NONE, "steps", steps),
    FIELD(training, REAL_OR_NONE, "epochs", epochs),
    FIELD(training, U32, "global_batch", global_batch),
    FIELD(training, U32, "micro_batch", micro_batch),
    FIELD(training, U32, "micro_steps", micro_steps),
    FIELD(training, U32, "micro_steps_of_a_round", encoder_group),
    FIELD(training, U32, "sequence_length", sequence_length),
    WORD_FIELD(training, PADDINGS, "padding", padding),
    WORD_FIELD(training, PRECISIONS, "precision", precision),
    FIELD(training, U64, "seed", seed),
    WORD_FIELD(training, RECOMPUTES, "recompute", recompute),
    WORD_FIELD(training, PIPELINE_SCHEDULES, "pipeline_schedule", pipeline_schedule),
    FIELD(training, BOOLEAN, "distributed_optimizer", distributed_optimizer),
    FIELD(training, U32, "gradient_bucket", gradient_bucket),
    FIELD(training, U32, "log_interval", log_interval),
    FIELD(training, U32, "eval_interval", eval_interval),
    FIELD(training, REAL, "optimizer.lr", lr),
    FIELD(training, REAL_PAIR, "optimizer.betas", beta1),
    FIELD(training, REAL, "optimizer.epsilon", epsilon),
    FIELD(training, REAL, "optimizer.weight_decay", weight_decay),
    FIELD(training, REAL, "optimizer.clip_grad", clip_grad),
    WORD_FIELD(training, LR_SCHEDULES, "schedule", lr_schedule),
    FIELD(training, U64, "schedule.warmup_steps", warmup_steps),
    FIELD(training, REAL, "schedule.min_lr", min_lr),
};

static const struct field DATA[] = {
    WORD_FIELD(data, DATA_FORMATS, "format", format),
    FIELD(data, STRING_OR_NONE, "train", train),
    FIELD(data, STRING_OR_NONE, "validation", validation),
    FIELD(data, STRING_OR_NONE, "media", media),
    FIELD(data, STRING_OR_NONE, "tokenizer", tokenizer),
    WORD_FIELD(data, TEMPLATES, "template", text_template),
    FIELD(data, BOOLEAN, "shuffle", shuffle),
    WORD_FIELD(data, BAD_SAMPLES, "on_bad_sample", on_bad_sample),
    FIELD(data, U32, "max_images_per_sample", max_images_per_sample),
    FIELD(data, U32_PAIR, "images_per_sample", images_per_sample_min),
};

static const struct field CHECKPOINT[] = {
    FIELD(checkpoint, STRING_OR_NONE, "directory", directory),
    FIELD(checkpoint, U64, "interval", interval),
    FIELD(checkpoint, U64_OR_NONE, "keep", keep),
};

static const struct field CLUSTER[] = {
    FIELD(cluster, STRING_OR_NONE, "name", name),
    FIELD(cluster, U32, "gpus_per_node", gpus_per_node),
    FIELD(cluster, BYTES, "memory", memory),
    FIELD(cluster, REAL, "peak", peak),
    FIELD(cluster, REAL, "node_bandwidth", node_bandwidth),
    FIELD(cluster, REAL, "network_bandwidth", network_bandwidth),
};

static const struct field MODALITY[] = {
    FIELD(modality, U32, "special_token", special_token),
    FIELD(modality, STRING_OR_NONE, "marker", marker),
    FIELD(modality, U32, "image_tokens", image_tokens),
};

static const struct field MODULE[] = {
    WORD_FIELD(module, ARCHITECTURES, "architecture", architecture),
    WORD_FIELD(module, MODULE_KINDS, "kind", kind),
    FIELD(module, U64, "parameters", elements),
    FIELD(module, STRING_OR_NONE, "weights", weights),
    FIELD(module, BOOLEAN, "freeze", is_frozen),
    FIELD(module, U32, "num_layers", num_layers),
    FIELD(module, U32, "layers_computed", layers_computed),
    FIELD(module, U32, "hidden_size", hidden_size),
    FIELD(module, U32, "ffn_hidden_size", ffn_hidden_size),
    FIELD(module, U32, "num_attention_heads", num_attention_heads),
    FIELD(module, U32, "num_query_groups", num_query_groups),
    FIELD(module, U32, "head_dim", head_dim),
    WORD_FIELD(module, ACTIVATIONS, "activation", activation),
    FIELD(module, U32, "vocab_size", vocab_size),
    FIELD(module, U32, "max_sequence_length", max_sequence_length),
    FIELD(module, REAL, "rotary_base", rotary_base),
    FIELD(module, REAL, "norm_epsilon", norm_epsilon),
    FIELD(module, BOOLEAN, "qkv_bias", has_qkv_bias),
    FIELD(module, BOOLEAN, "tie_embeddings", ties_embeddings),
    FIELD(module, U32, "image_size", image_size),
    FIELD(module, U32, "patch_size", patch_size),
    FIELD(module, U32, "channels", channels),
    FIELD(module, I32, "feature_layer", feature_layer),
    WORD_FIELD(module, CLASS_TOKENS, "class_token", keeps_class_token),
    FIELD(module, REALS, "image_mean", image_mean),
    FIELD(module, REALS, "image_std", image_std),
    FIELD(module, U32, "image_tokens", image_tokens),
    FIELD(module, U32, "moe.num_experts", num_experts),
    FIELD(module, U32, "moe.top_k", top_k),
    FIELD(module, U32, "moe.ffn_hidden_size", expert_ffn_hidden_size),
    FIELD(module, U32, "moe.every", expert_every),
    FIELD(module, REAL, "moe.aux_loss_coefficient", aux_loss_coefficient),
};

static const struct field PROJECTOR[] = {
    WORD_FIELD(projector, ARCHITECTURES, "architecture", architecture),
    FIELD(projector, STRING_OR_NONE, "weights", weights),
    FIELD(projector, BOOLEAN, "freeze", is_frozen),
    FIELD(projector, U32, "num_layers", num_layers),
    FIELD(projector, U32, "input_size", input_size),
    FIELD(projector, U32, "hidden_size", hidden_size),
    FIELD(projector, U32, "output_size", output_size),
    WORD_FIELD(projector, ACTIVATIONS, "activation", activation),
    FIELD(projector, BOOLEAN, "bias", has_bias),
};

static const struct field LAYOUT[] = {
    FIELD(module, U32, "tensor_parallel", tp),
    FIELD(module, U32, "context_parallel", cp),
    FIELD(module, U32, "pipeline_parallel", pp),
    FIELD(module, U32, "data_parallel", dp),
    FIELD(module, U32, "expert_parallel", ep),
    FIELD(module, U32, "expert_tensor_parallel", etp),
    FIELD(module, U32, "expert_data_parallel", edp),
    FIELD(module, U32, "virtual_pipeline", virtual_pipeline),
    FIELD(module, BOOLEAN, "sequence_parallel", sequence_parallel),
    FIELD(module, U32, "rank_offset", rank_offset),
    FIELD(module, U32, "samples_of_a_replica", samples),
    FIELD(module, U32, "images_of_a_replica", images_max),
};

/* ---- reading a member ---- */

/* Where a record is read; strings are those of the plan. */
struct record {
    const struct mimo_plan *plan;
    const void *bytes;
};

static void read_member(const struct record *record, const struct field *field, void *out_value,
                        size_t size)
{
    memcpy(out_value, (const char *)record->bytes + field->offset, size);
}

static uint32_t read_u32(const struct record *record, const struct field *field)
{
    uint32_t value;

    read_member(record, field, &value, sizeof value);
    return value;
}

static uint64_t read_u64(const struct record *record, const struct field *field)
{
    uint64_t value;

    read_member(record, field, &value, sizeof value);
    return value;
}

static double read_real(const struct record *record, const struct field *field)
{
    double value;

    read_member(record, field, &value, sizeof value);
    return value;
}

static void add_string(struct mimo_description *description, const struct record *record,
                       const struct field *field)
{
    struct mimo_plan_string string;

    read_member(record, field, &string, sizeof string);
    if (string.length == 0)
        mimo_describe_none(description, field->name);
    else
        mimo_describe_text(description, field->name, mimo_plan_text(record->plan, string));
}

static void add_u32_pair(struct mimo_description *description, const struct record *record,
                         const struct field *field)
{
    uint32_t pair[2];

    read_member(record, field, pair, sizeof pair);
    if (pair[0] == pair[1])
        mimo_describe_integer(description, field->name, pair[0]);
    else
        mimo_describe_text(description, field->name,
                           mimo_arena_printf(description->arena, "[%u, %u]", pair[0], pair[1]));
}

static void add_reals(struct mimo_description *description, const struct record *record,
                      const struct field *field, size_t count)
{
    struct mimo_arena *arena = description->arena;
    const char *text = "";
    double reals[4];

    read_member(record, field, reals, count * sizeof *reals);
    while (count > 0 && reals[count - 1] == 0.0)
        count--;
    for (size_t i = 0; i < count; i++)
        text = mimo_arena_printf(arena, "%s%s%s", text, i == 0 ? "" : ", ",
                                 mimo_shortest_real(arena, reals[i]));
    mimo_describe_text(description, field->name, mimo_arena_printf(arena, "[%s]", text));
}

static void add_integer(struct mimo_description *description, const struct field *field,
                        uint64_t value)
{
    if (value == 0 && field->form == FORM_U64_OR_NONE)
        mimo_describe_none(description, field->name);
    else
        mimo_describe_integer(description, field->name, value);
}

static void add_real(struct mimo_description *description, const struct field *field, double value)
{
    if (value == 0.0 && field->form == FORM_REAL_OR_NONE)
        mimo_describe_none(description, field->name);
    else
        mimo_describe_real(description, field->name, value);
}

static void add_field(struct mimo_description *description, const struct record *record,
                      const struct field *field)
{
    switch (field->form) {
    case FORM_U32:
        add_integer(description, field, read_u32(record, field));
        break;
    case FORM_U64:
    case FORM_U64_OR_NONE:
        add_integer(description, field, read_u64(record, field));
        break;
    case FORM_I32:
        add_real(description, field, (int32_t)read_u32(record, field));
        break;
    case FORM_BOOLEAN:
        mimo_describe_boolean(description, field->name, read_u32(record, field) != 0);
        break;
    case FORM_WORD:
        mimo_describe_text(description, field->name, field->words[read_u32(record, field)]);
        break;
    case FORM_BYTES:
        mimo_describe_bytes(description, field->name, read_u64(record, field));
        break;
    case FORM_REAL:
    case FORM_REAL_OR_NONE:
        add_real(description, field, read_real(record, field));
        break;
    case FORM_STRING_OR_NONE:
        add_string(description, record, field);
        break;
    case FORM_U32_PAIR:
        add_u32_pair(description, record, field);
        break;
    case FORM_REAL_PAIR:
        add_reals(description, record, field, 2);
        break;
    case FORM_REALS:
        add_reals(description, record, field, 4);
        break;
    }
}

static void add_fields(struct mimo_description *description, const struct mimo_plan *plan,
                       const void *bytes, const struct field *fields, size_t count)
{
    const struct record record = {plan, bytes};

    for (size_t i = 0; i < count; i++)
        add_field(description, &record, &fields[i]);
}

#define ADD_FIELDS(description, plan, record, fields)                                              \
    add_fields((description), (plan), (record), (fields), sizeof(fields) / sizeof *(fields))

/* ---- the whole ---- */

static void describe_settings(struct mimo_description *description, const struct mimo_plan *plan)
{
    mimo_describe_subject(description, MIMO_TOPIC_PLAN, "");
    ADD_FIELDS(description, plan, plan->meta, META);
    mimo_describe_subject(description, MIMO_TOPIC_TRAINING, "training");
    ADD_FIELDS(description, plan, plan->training, TRAINING);
    mimo_describe_subject(description, MIMO_TOPIC_DATA, "data");
    ADD_FIELDS(description, plan, plan->data, DATA);
    if (plan->checkpoint->directory.length > 0) {
        mimo_describe_subject(description, MIMO_TOPIC_CHECKPOINT, "checkpoint");
        ADD_FIELDS(description, plan, plan->checkpoint, CHECKPOINT);
    }
    if (plan->cluster->name.length > 0) {
        mimo_describe_subject(description, MIMO_TOPIC_CLUSTER, "cluster");
        ADD_FIELDS(description, plan, plan->cluster, CLUSTER);
    }
}

static void describe_modules(struct mimo_description *description, const struct mimo_plan *plan)
{
    for (uint32_t i = 0; i < plan->modality_count; i++) {
        mimo_describe_subject(description, MIMO_TOPIC_MODALITIES,
                              mimo_plan_text(plan, plan->modalities[i].name));
        ADD_FIELDS(description, plan, &plan->modalities[i], MODALITY);
    }
    for (uint32_t i = 0; i < plan->module_count; i++) {
        const struct mimo_plan_module *module = &plan->modules[i];
        mimo_describe_subject(description, MIMO_TOPIC_MODULES, mimo_plan_text(plan, module->name));
        ADD_FIELDS(description, plan, module, MODULE);
        if (module->modality != MIMO_NONE)
            mimo_describe_text(description, "modality",
                               mimo_plan_text(plan, plan->modalities[module->modality].name));
        if (module->projector != MIMO_NONE)
            mimo_describe_text(description, "projector",
                               mimo_plan_text(plan, plan->projectors[module->projector].name));
    }
    for (uint32_t i = 0; i < plan->projector_count; i++) {
        mimo_describe_subject(description, MIMO_TOPIC_PROJECTORS,
                              mimo_plan_text(plan, plan->projectors[i].name));
        ADD_FIELDS(description, plan, &plan->projectors[i], PROJECTOR);
    }
}

static void describe_layouts(struct mimo_description *description, const struct mimo_plan *plan)
{
    for (uint32_t i = 0; i < plan->module_count; i++) {
        const struct mimo_plan_module *module = &plan->modules[i];
        mimo_describe_subject(description, MIMO_TOPIC_LAYOUTS, mimo_plan_text(plan, module->name));
        mimo_describe_text(description, "ranks",
                           mimo_arena_printf(description->arena, "%u to %u", module->rank_offset,
                                             module->rank_offset + module->ranks - 1));
        ADD_FIELDS(description, plan, module, LAYOUT);
    }
}

void mimo_describe(const struct mimo_plan *plan, struct mimo_arena *arena,
                   struct mimo_description *out_description)
{
    *out_description = (struct mimo_description){.arena = arena};
    describe_settings(out_description, plan);
    describe_modules(out_description, plan);
    describe_layouts(out_description, plan);
    mimo_describe_layouts(out_description, plan);
    mimo_describe_programs(out_description, plan);
}
