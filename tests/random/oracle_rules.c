/* The second half of the oracle: the model, the layouts, the deployment, the training. */
#include "tests/random/oracle.h"

#include <stdlib.h>
#include <string.h>

#define UNKNOWN ORACLE_UNKNOWN

enum { MODULES_MAX = 8, PROJECTORS_MAX = 8, MODALITIES_MAX = 4 };

struct layout {
    int own, all;  /* blocks, or SKETCH_NONE */
    bool is_given; /* by a deployment, or there is none */
    int64_t tp, cp, pp, dp, ep, etp, chunks, offset;
    bool is_auto, is_cut; /* data_parallel; sequence_parallel, once tp is known */
    struct oracle_value sequence_parallel;
};

struct module {
    int block, moe, modality;
    bool is_language, is_llama;
    int64_t layers, width, heads, head_dim, groups, tokens, experts;
    int projector; /* a block, or SKETCH_NONE */
    bool may_have_projector;
    struct layout layout;
};

struct modality {
    int block;
    int64_t token, image_tokens;
    bool is_damaged;
    int encoders;
};

struct judge {
    struct oracle *oracle;
    struct module modules[MODULES_MAX]; /* the language model last */
    int count;
    struct module *language; /* or NULL */
    struct modality modalities[MODALITIES_MAX];
    int modality_count;
    bool shares_all, has_ranges, is_heterogeneous;
    const char *mode; /* or NULL */
    int64_t world, sequence, global_batch, micro_batch;
    bool is_world_given;
};

/* ---- helpers ---- */

static bool known(int64_t number)
{
    return number != UNKNOWN;
}

static int64_t times(int64_t a, int64_t b)
{
    return known(a) && known(b) ? a * b : UNKNOWN;
}

/* Both known, and b does not go into a. */
static bool leaves_rest(int64_t a, int64_t b)
{
    int64_t rest = a;

    if (!known(a) || !known(b))
        return false;
    while (rest >= b)
        rest -= b;
    return rest != 0;
}

static struct sketch_block *block_of(struct judge *judge, int block)
{
    return &judge->oracle->sketch->blocks[block];
}

static void report(struct judge *judge, const char *code, struct sketch_place place)
{
    oracle_verdict_add(judge->oracle->verdict, code, place);
}

static int64_t number_of(struct judge *judge, int block, const char *name)
{
    return block == SKETCH_NONE ? UNKNOWN : oracle_integer(judge->oracle, block, name);
}

static bool is_set(struct judge *judge, int block, const char *name)
{
    return block != SKETCH_NONE && oracle_is_set(judge->oracle, block, name);
}

static bool is_damaged(struct judge *judge, int block)
{
    return block != SKETCH_NONE && oracle_is_damaged(judge->oracle, block);
}

static void report_at(struct judge *judge, const char *code, int block, const char *name)
{
    report(judge, code, oracle_place(judge->oracle, block, name));
}

static int children(struct judge *judge, int block, const char *kind, int *out)
{
    return oracle_children(judge->oracle, block, kind, out);
}

/* ---- reading the layouts ---- */

/* The block that an attribute of a layout comes from; SKETCH_NONE: its default holds. The second
 * level is unknown where the first one may have held it. */
static struct oracle_value layout_value(struct judge *judge, const struct layout *layout,
                                        const char *name)
{
    const struct oracle_value nothing = {.kind = ORACLE_NOTHING};

    if (is_set(judge, layout->own, name))
        return oracle_value(judge->oracle, layout->own, name);
    if (is_damaged(judge, layout->own))
        return nothing;
    if (is_set(judge, layout->all, name))
        return oracle_value(judge->oracle, layout->all, name);
    if (is_damaged(judge, layout->all) ||
        (layout->own == SKETCH_NONE && layout->all == SKETCH_NONE))
        return nothing;
    return oracle_value(judge->oracle, layout->own != SKETCH_NONE ? layout->own : layout->all,
                        name);
}

static int64_t layout_number(struct judge *judge, const struct layout *layout, const char *name)
{
    const struct oracle_value value = layout_value(judge, layout, name);

    return value.kind == ORACLE_INTEGER ? value.integer : UNKNOWN;
}

static void forget(struct layout *layout)
{
    layout->tp = layout->cp = layout->pp = layout->dp = UNKNOWN;
    layout->ep = layout->etp = layout->chunks = layout->offset = UNKNOWN;
    layout->is_auto = false;
}

static int layout_block(struct judge *judge, const char *name)
{
    int blocks[SKETCH_BLOCKS_MAX];
    const int count = children(judge, judge->oracle->deployment, "parallelism", blocks);

    for (int i = 0; i < count; i++) {
        if (strcmp(block_of(judge, blocks[i])->name, name) == 0)
            return blocks[i];
    }
    return SKETCH_NONE;
}

static void read_layout(struct judge *judge, struct module *module)
{
    struct layout *layout = &module->layout;

    *layout = (struct layout){.own = SKETCH_NONE, .all = SKETCH_NONE, .is_given = true};
    if (judge->oracle->deployment == SKETCH_NONE) {
        layout->tp = layout->cp = layout->pp = layout->dp = 1;
        layout->ep = layout->etp = layout->chunks = 1;
        return;
    }
    layout->own = layout_block(judge, block_of(judge, module->block)->name);
    layout->all = layout_block(judge, "all");
    layout->is_given = layout->own != SKETCH_NONE || layout->all != SKETCH_NONE;
    if (layout->own == SKETCH_NONE &&
        (!layout->is_given || is_damaged(judge, judge->oracle->deployment))) {
        forget(layout);
        return;
    }
    layout->tp = layout_number(judge, layout, "tensor_parallel");
    layout->cp = layout_number(judge, layout, "context_parallel");
    layout->pp = layout_number(judge, layout, "pipeline_parallel");
    layout->dp = layout_number(judge, layout, "data_parallel");
    layout->is_auto = layout_value(judge, layout, "data_parallel").kind == ORACLE_AUTO;
    layout->ep = layout_number(judge, layout, "expert_parallel");
    layout->etp = layout_number(judge, layout, "expert_tensor_parallel");
    layout->chunks = layout_number(judge, layout, "virtual_pipeline");
    layout->offset = layout_number(judge, layout, "rank_offset");
    layout->sequence_parallel = layout_value(judge, layout, "sequence_parallel");
}

/* ---- reading the model ---- */

static int64_t head_dim_of(struct judge *judge, const struct module *module)
{
    if (module->is_language && is_set(judge, module->block, "head_dim"))
        return number_of(judge, module->block, "head_dim");
    if (is_damaged(judge, module->block) || leaves_rest(module->width, module->heads) ||
        !known(module->width) || !known(module->heads))
        return UNKNOWN;
    return module->width / module->heads;
}

static struct module *add_module(struct judge *judge, int block, int modality)
{
    struct module *module = &judge->modules[judge->count++];

    *module = (struct module){.block = block,
                              .moe = SKETCH_NONE,
                              .modality = modality,
                              .projector = SKETCH_NONE,
                              .layers = number_of(judge, block, "num_layers"),
                              .width = number_of(judge, block, "hidden_size"),
                              .heads = number_of(judge, block, "num_attention_heads")};
    module->is_language = modality == SKETCH_NONE;
    module->is_llama = strcmp(block_of(judge, block)->base, "llama") == 0;
    module->groups =
        module->is_language ? number_of(judge, block, "num_query_groups") : module->heads;
    module->head_dim = head_dim_of(judge, module);
    read_layout(judge, module);
    return module;
}

static void read_modality(struct judge *judge, int block)
{
    struct modality *modality = &judge->modalities[judge->modality_count];
    int blocks[SKETCH_BLOCKS_MAX];

    *modality = (struct modality){.block = block,
                                  .token = number_of(judge, block, "special_token"),
                                  .is_damaged = is_damaged(judge, block),
                                  .encoders = children(judge, block, "encoder", blocks)};
    for (int i = 0; i < modality->encoders; i++)
        (void)add_module(judge, blocks[i], judge->modality_count);
    judge->modality_count++;
}

static void read_model(struct judge *judge)
{
    int blocks[SKETCH_BLOCKS_MAX], moe[SKETCH_BLOCKS_MAX];
    int count = children(judge, judge->oracle->model, "modality", blocks);

    for (int i = 0; i < count; i++)
        read_modality(judge, blocks[i]);
    if (children(judge, judge->oracle->model, "language", blocks) == 0)
        return;
    judge->language = add_module(judge, blocks[0], SKETCH_NONE);
    if (children(judge, blocks[0], "moe", moe) > 0) {
        judge->language->moe = moe[0];
        judge->language->experts = number_of(judge, moe[0], "num_experts");
    } else if (is_damaged(judge, blocks[0])) {
        judge->language->experts = UNKNOWN;
    }
}

static void read_deployment(struct judge *judge)
{
    const int deployment = judge->oracle->deployment;
    struct oracle_value mode;

    judge->mode = "colocated";
    judge->world = 1;
    if (deployment != SKETCH_NONE) {
        mode = oracle_value(judge->oracle, deployment, "mode");
        judge->mode = mode.kind == ORACLE_WORD ? mode.text : "";
        judge->world = number_of(judge, deployment, "world_size");
        judge->is_world_given =
            oracle_value(judge->oracle, deployment, "world_size").kind != ORACLE_NO ||
            is_damaged(judge, deployment);
    }
    judge->shares_all =
        strcmp(judge->mode, "colocated") == 0 || strcmp(judge->mode, "homogeneous") == 0;
    judge->is_heterogeneous = strcmp(judge->mode, "heterogeneous") == 0;
    judge->has_ranges = judge->is_heterogeneous || strcmp(judge->mode, "hybrid") == 0;
}

/* ---- E04: the model ---- */

static void judge_languages(struct judge *judge)
{
    int blocks[SKETCH_BLOCKS_MAX];
    const int count = children(judge, judge->oracle->model, "language", blocks);

    for (int i = 1; i < count; i++)
        report(judge, "E0405", block_of(judge, blocks[i])->name_place);
    if (count == 0 && !is_damaged(judge, judge->oracle->model))
        report(judge, "E0405", block_of(judge, judge->oracle->model)->name_place);
    for (int i = 0; i < judge->modality_count; i++) {
        const struct modality *modality = &judge->modalities[i];

        if (modality->encoders == 0 && !modality->is_damaged)
            report(judge, "E0203", block_of(judge, modality->block)->name_place);
    }
}

static void judge_heads(struct judge *judge, struct module *module)
{
    const bool has_head_dim = module->is_language && (is_set(judge, module->block, "head_dim") ||
                                                      is_damaged(judge, module->block));

    if (!has_head_dim && leaves_rest(module->width, module->heads)) {
        report_at(judge, "E0401", module->block, "num_attention_heads");
        module->heads = UNKNOWN;
        if (!module->is_language || !is_set(judge, module->block, "num_query_groups"))
            module->groups = UNKNOWN;
    }
    if (module->is_language && leaves_rest(module->heads, module->groups)) {
        report_at(judge, "E0402", module->block, "num_query_groups");
        module->groups = UNKNOWN;
    }
    if (!module->is_llama || !known(module->head_dim) || module->head_dim % 2 == 0)
        return;
    if (is_set(judge, module->block, "head_dim")) {
        report_at(judge, "E0302", module->block, "head_dim");
        return;
    }
    report_at(judge, "E0302", module->block, "num_attention_heads");
    module->heads = UNKNOWN;
    if (!is_set(judge, module->block, "num_query_groups"))
        module->groups = UNKNOWN;
}

static void judge_experts(struct judge *judge, const struct module *module)
{
    const int64_t top_k = number_of(judge, module->moe, "top_k");

    if (module->moe == SKETCH_NONE)
        return;
    if (!module->is_llama)
        report(judge, "E0302", block_of(judge, module->moe)->name_place);
    else if (known(top_k) && known(module->experts) && top_k > module->experts)
        report_at(judge, "E0302", module->moe, "top_k");
}

/* Counts down or up to the hidden state that is handed on. */
static void judge_feature_layer(struct judge *judge, struct module *module)
{
    const int64_t feature_layer = number_of(judge, module->block, "feature_layer");
    int64_t computed = feature_layer;

    if (module->is_language)
        return;
    if (known(feature_layer) && feature_layer < 0 && known(module->layers))
        computed = module->layers + 1 + feature_layer;
    if (known(computed) && known(module->layers) && (computed < 0 || computed > module->layers)) {
        report_at(judge, "E0302", module->block, "feature_layer");
        computed = UNKNOWN;
    }
    module->layers = known(module->layers) ? computed : UNKNOWN;
}

static void judge_image(struct judge *judge, struct module *module)
{
    static const char *const lists[] = {"image_mean", "image_std"};
    const int64_t size = number_of(judge, module->block, "image_size");
    const int64_t patch = number_of(judge, module->block, "patch_size");
    const int64_t channels = number_of(judge, module->block, "channels");
    const struct oracle_value class = oracle_value(judge->oracle, module->block, "class_token");

    module->tokens = UNKNOWN;
    if (leaves_rest(size, patch))
        report_at(judge, "E0403", module->block, "patch_size");
    else if (known(size) && known(patch) && class.kind == ORACLE_WORD)
        module->tokens = size / patch * (size / patch) + (strcmp(class.text, "keep") == 0);
    for (int i = 0; i < 2 && known(channels); i++) {
        const struct oracle_value list = oracle_value(judge->oracle, module->block, lists[i]);
        const bool is_default = !is_set(judge, module->block, lists[i]);

        if ((is_default && channels != 3 && !is_damaged(judge, module->block)) ||
            (list.kind == ORACLE_LIST && list.item_count != channels))
            report_at(judge, "E0302", module->block, lists[i]);
    }
}

static void judge_tokens(struct judge *judge)
{
    const int64_t rows =
        judge->language != NULL ? number_of(judge, judge->language->block, "vocab_size") : UNKNOWN;

    for (int i = 0; i < judge->modality_count; i++) {
        struct modality *modality = &judge->modalities[i];

        modality->image_tokens = modality->is_damaged ? UNKNOWN : 0;
        for (int j = 0; j < judge->count; j++) {
            if (judge->modules[j].modality == i && known(modality->image_tokens))
                modality->image_tokens = known(judge->modules[j].tokens)
                                             ? modality->image_tokens + judge->modules[j].tokens
                                             : UNKNOWN;
        }
        if (known(modality->token) && known(rows) &&
            (modality->token < 0 || modality->token >= rows)) {
            report_at(judge, "E0404", modality->block, "special_token");
            modality->token = UNKNOWN;
        }
        for (int j = 0; j < i; j++) {
            if (known(modality->token) && modality->token == judge->modalities[j].token)
                report_at(judge, "E0404", modality->block, "special_token");
        }
    }
}

/* What stands for an image in a text must be told apart. */
static void judge_markers(struct judge *judge)
{
    for (int i = 0; i < judge->modality_count; i++) {
        const int block = judge->modalities[i].block;
        const struct oracle_value marker = oracle_value(judge->oracle, block, "marker");

        if (judge->modality_count > 1 && !is_set(judge, block, "marker") &&
            !judge->modalities[i].is_damaged)
            report(judge, "E0203", block_of(judge, block)->name_place);
        if (marker.kind != ORACLE_STRING)
            continue;
        if (marker.text[0] == '\0')
            report_at(judge, "E0302", block, "marker");
        for (int j = 0; j < i; j++) {
            const struct oracle_value other =
                oracle_value(judge->oracle, judge->modalities[j].block, "marker");

            if (other.kind == ORACLE_STRING && strcmp(other.text, marker.text) == 0)
                report_at(judge, "E0302", block, "marker");
        }
    }
}

/* ---- projectors ---- */

/* Gives encoder its projector, or reports the second one. */
static bool give(struct judge *judge, struct module *encoder, int projector)
{
    if (encoder->projector != SKETCH_NONE) {
        report(judge, "E0408", block_of(judge, projector)->name_place);
        return true;
    }
    encoder->projector = projector;
    return true;
}

static bool is_named(struct judge *judge, int projector)
{
    return oracle_value(judge->oracle, projector, "encoder").kind == ORACLE_STRING;
}

/* The encoders that one projector follows; false: none. */
static bool judge_projector(struct judge *judge, int modality, int projector)
{
    const struct oracle_value name = oracle_value(judge->oracle, projector, "encoder");
    bool has_any = false;

    for (int i = 0; i < judge->count; i++) {
        struct module *module = &judge->modules[i];
        bool is_meant;

        if (module->modality != modality || module->is_language)
            continue;
        if (name.kind == ORACLE_STRING)
            is_meant = strcmp(name.text, block_of(judge, module->block)->name) == 0;
        else
            is_meant = module->projector == SKETCH_NONE || !is_named(judge, module->projector);
        if (is_meant)
            has_any = give(judge, module, projector);
    }
    return has_any;
}

/* First those that name an encoder, then those that take what is left. */
static void judge_projectors(struct judge *judge)
{
    int blocks[SKETCH_BLOCKS_MAX];

    for (int m = 0; m < judge->modality_count; m++) {
        const int count = children(judge, judge->modalities[m].block, "projector", blocks);

        for (int turn = 0; turn < 2 * count; turn++) {
            const int block = blocks[turn % count];
            const struct oracle_value name = oracle_value(judge->oracle, block, "encoder");

            if (name.kind == ORACLE_NOTHING) {
                for (int i = 0; i < judge->count; i++)
                    judge->modules[i].may_have_projector |= judge->modules[i].modality == m;
                continue;
            }
            if ((name.kind == ORACLE_STRING) != (turn < count))
                continue;
            if (!judge_projector(judge, m, block) && judge->modalities[m].encoders > 0 &&
                !judge->modalities[m].is_damaged)
                report(judge, "E0408", block_of(judge, block)->name_place);
        }
    }
}

static const struct module *first_of(const struct judge *judge, int projector)
{
    for (int i = 0; projector != SKETCH_NONE && i < judge->count; i++) {
        if (judge->modules[i].projector == projector)
            return &judge->modules[i];
    }
    return NULL;
}

static void judge_width(struct judge *judge, const struct module *module)
{
    const struct module *first = first_of(judge, module->projector);
    const int64_t wanted = first != NULL             ? first->width
                           : judge->language != NULL ? judge->language->width
                                                     : UNKNOWN;

    if (module->is_language || !known(wanted) || !known(module->width) || wanted == module->width)
        return;
    if (first == NULL &&
        (module->may_have_projector || judge->modalities[module->modality].is_damaged))
        return;
    report(judge, "E0406", block_of(judge, module->block)->name_place);
}

/* ---- room ---- */

static int64_t most_images(struct judge *judge, bool *out_is_synthetic)
{
    const int data = judge->oracle->data;
    struct oracle_value value;

    *out_is_synthetic = false;
    if (data == SKETCH_NONE)
        return UNKNOWN;
    value = oracle_value(judge->oracle, data, "format");
    if (value.kind != ORACLE_WORD)
        return UNKNOWN;
    *out_is_synthetic = strcmp(value.text, "synthetic") == 0;
    if (!*out_is_synthetic)
        return 1;
    value = oracle_value(judge->oracle, data, "images_per_sample");
    if (value.kind == ORACLE_LIST)
        return value.items[0] > value.items[1] ? UNKNOWN : (int64_t)value.items[1];
    return value.kind == ORACLE_INTEGER ? value.integer : UNKNOWN;
}

/* Text needs a first token and one to learn. */
static void judge_room(struct judge *judge)
{
    bool is_synthetic;
    const int64_t images = most_images(judge, &is_synthetic);
    int64_t tokens = 0;
    const int64_t limit = judge->language != NULL
                              ? number_of(judge, judge->language->block, "max_sequence_length")
                              : UNKNOWN;

    for (int i = 0; i < judge->modality_count && known(judge->sequence); i++) {
        const int64_t own = times(judge->modalities[i].image_tokens, images);

        if (!known(own))
            break;
        tokens = (is_synthetic ? tokens : 0) + own;
        if (own > 0 && tokens + 2 > judge->sequence) {
            report_at(judge, "E0407", judge->oracle->training, "sequence_length");
            judge->sequence = UNKNOWN;
        }
    }
    if (known(limit) && known(judge->sequence) && judge->sequence > limit) {
        report_at(judge, "E0302", judge->oracle->training, "sequence_length");
        judge->sequence = UNKNOWN;
    }
}

static void judge_model(struct judge *judge)
{
    judge_languages(judge);
    judge_markers(judge);
    for (int i = 0; i < judge->count; i++) {
        struct module *module = &judge->modules[i];

        judge_heads(judge, module);
        judge_experts(judge, module);
        judge_feature_layer(judge, module);
        if (!module->is_language)
            judge_image(judge, module);
    }
    judge_tokens(judge);
    judge_projectors(judge);
    for (int i = 0; i < judge->count; i++)
        judge_width(judge, &judge->modules[i]);
    judge_room(judge);
}

/* ---- E05: one layout ---- */

static struct sketch_place layout_place(struct judge *judge, const struct layout *layout,
                                        const char *name)
{
    return layout->own != SKETCH_NONE ? oracle_place(judge->oracle, layout->own, name)
                                      : block_of(judge, layout->all)->name_place;
}

static struct sketch_place layout_name(struct judge *judge, const struct layout *layout)
{
    return block_of(judge, layout->own != SKETCH_NONE ? layout->own : layout->all)->name_place;
}

/* A rule about an attribute of a layout: what it complains about is unknown from here on. */
static void fault(struct judge *judge, const char *code, struct layout *layout, const char *name,
                  int64_t *size)
{
    report(judge, code, layout_place(judge, layout, name));
    *size = UNKNOWN;
}

static void judge_sizes(struct judge *judge, struct layout *layout)
{
    const struct {
        const char *name;
        int64_t *size;
    } sizes[] = {{"tensor_parallel", &layout->tp},     {"context_parallel", &layout->cp},
                 {"pipeline_parallel", &layout->pp},   {"data_parallel", &layout->dp},
                 {"expert_parallel", &layout->ep},     {"expert_tensor_parallel", &layout->etp},
                 {"virtual_pipeline", &layout->chunks}};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        if (known(*sizes[i].size) && *sizes[i].size <= 0)
            fault(judge, "E0501", layout, sizes[i].name, sizes[i].size);
    }
    if (known(layout->offset) && layout->offset < 0)
        fault(judge, "E0501", layout, "rank_offset", &layout->offset);
}

static void judge_tensor(struct judge *judge, struct module *module)
{
    struct layout *layout = &module->layout;

    if (!module->is_language && is_set(judge, layout->own, "sequence_parallel")) {
        const struct oracle_value value =
            oracle_value(judge->oracle, layout->own, "sequence_parallel");

        if (value.kind == ORACLE_BOOLEAN && value.integer == 1)
            report(judge, "E0302", layout_place(judge, layout, "sequence_parallel"));
    }
    if (leaves_rest(module->heads, layout->tp))
        fault(judge, "E0503", layout, "tensor_parallel", &layout->tp);
    if (leaves_rest(module->groups, layout->tp) && leaves_rest(layout->tp, module->groups))
        fault(judge, "E0504", layout, "tensor_parallel", &layout->tp);
}

static void judge_pipeline(struct judge *judge, struct module *module)
{
    struct layout *layout = &module->layout;
    const int64_t stages = times(layout->pp, layout->chunks);
    const struct oracle_value list = judge->oracle->deployment == SKETCH_NONE
                                         ? (struct oracle_value){.kind = ORACLE_NO}
                                         : layout_value(judge, layout, "pipeline_layout");
    int64_t sum = 0;
    bool is_wrong = false;

    if (known(stages) && stages > 1024) {
        fault(judge, "E0302", layout, "pipeline_parallel", &layout->pp);
        return;
    }
    if (list.kind == ORACLE_NO && known(stages) && known(module->layers) &&
        (leaves_rest(module->layers, stages) || (module->layers == 0 && stages > 1)))
        fault(judge, "E0505", layout, "pipeline_parallel", &layout->pp);
    if (list.kind != ORACLE_LIST)
        return;
    for (int i = 0; i < list.item_count; i++) {
        sum += (int64_t)list.items[i];
        is_wrong |= list.items[i] < 0;
    }
    if (is_wrong || (known(stages) && stages != list.item_count) ||
        (known(module->layers) && sum != module->layers))
        report(judge, "E0506", layout_place(judge, layout, "pipeline_layout"));
}

/* true, auto and tp > 1: cut; unknown: nobody knows. */
static int64_t cuts_of(const struct layout *layout)
{
    const struct oracle_value *value = &layout->sequence_parallel;

    if (value->kind == ORACLE_BOOLEAN)
        return value->integer == 1 ? layout->tp : 1;
    return value->kind == ORACLE_AUTO ? layout->tp : UNKNOWN;
}

static void judge_sequence(struct judge *judge, struct module *module)
{
    struct layout *layout = &module->layout;
    const int64_t halves = layout->cp == 1 ? 1 : times(2, layout->cp);

    if (!module->is_language || judge->oracle->deployment == SKETCH_NONE)
        return;
    if (leaves_rest(judge->sequence, halves))
        fault(judge, "E0507", layout, "context_parallel", &layout->cp);
    else if (leaves_rest(judge->sequence, times(halves, cuts_of(layout))))
        fault(judge, "E0507", layout, "tensor_parallel", &layout->tp);
}

static void judge_expert_sizes(struct judge *judge, struct module *module)
{
    struct layout *layout = &module->layout;

    if (module->is_language && module->moe == SKETCH_NONE && known(module->experts) == false)
        return;
    if (module->moe != SKETCH_NONE) {
        if (leaves_rest(module->experts, layout->ep))
            fault(judge, "E0510", layout, "expert_parallel", &layout->ep);
        return;
    }
    if (known(layout->ep) && layout->ep != 1)
        fault(judge, "E0509", layout, "expert_parallel", &layout->ep);
    if (known(layout->etp) && layout->etp != 1)
        fault(judge, "E0509", layout, "expert_tensor_parallel", &layout->etp);
}

static void judge_layouts(struct judge *judge)
{
    for (int i = 0; i < judge->count; i++) {
        struct module *module = &judge->modules[i];

        judge_sizes(judge, &module->layout);
        judge_tensor(judge, module);
        judge_pipeline(judge, module);
        judge_sequence(judge, module);
        judge_expert_sizes(judge, module);
    }
}

/* ---- E06: the deployment ---- */

static int64_t span_of(const struct layout *layout)
{
    return times(times(layout->tp, layout->cp), layout->pp);
}

/* Of a layout nothing of which is in error. */
static int64_t ranks_of(const struct layout *layout)
{
    return known(layout->offset) ? times(span_of(layout), layout->dp) : UNKNOWN;
}

static int64_t end_of(const struct layout *layout)
{
    return known(ranks_of(layout)) ? layout->offset + ranks_of(layout) : UNKNOWN;
}

static bool names_module(struct judge *judge, const char *name)
{
    for (int i = 0; i < judge->count; i++) {
        if (strcmp(block_of(judge, judge->modules[i].block)->name, name) == 0)
            return true;
    }
    return false;
}

static void judge_strangers(struct judge *judge)
{
    int blocks[SKETCH_BLOCKS_MAX];
    const int count = children(judge, judge->oracle->deployment, "parallelism", blocks);

    if (judge->language == NULL || is_damaged(judge, judge->oracle->model))
        return;
    for (int i = 0; i < judge->modality_count; i++) {
        if (judge->modalities[i].is_damaged)
            return;
    }
    for (int i = 0; i < count; i++) {
        const struct sketch_block *block = block_of(judge, blocks[i]);

        if (strcmp(block->name, "all") != 0 && !names_module(judge, block->name))
            report(judge, "E0608", block->name_place);
    }
}

static void judge_presence(struct judge *judge, struct module *module)
{
    struct layout *layout = &module->layout;

    if (!layout->is_given && !is_damaged(judge, judge->oracle->deployment))
        report(judge, "E0601", block_of(judge, judge->oracle->deployment)->name_place);
    if (judge->has_ranges && layout->is_auto) {
        report(judge, "E0604", layout_place(judge, layout, "data_parallel"));
        layout->is_auto = false;
    }
    if (judge->shares_all && known(layout->offset) && layout->offset != 0)
        fault(judge, "E0606", layout, "rank_offset", &layout->offset);
}

static void derive_world(struct judge *judge)
{
    bool are_all_auto = judge->count > 0;
    int64_t end = 0;

    if (judge->is_world_given)
        return;
    judge->world = UNKNOWN;
    for (int i = judge->count - 1; i >= 0; i--) {
        const struct layout *layout = &judge->modules[i].layout;

        are_all_auto = are_all_auto && layout->is_auto;
        if (judge->shares_all && !known(judge->world))
            judge->world = ranks_of(layout);
        if (judge->has_ranges && known(end))
            end = !known(end_of(layout)) ? UNKNOWN : end_of(layout) > end ? end_of(layout) : end;
    }
    if (judge->has_ranges && end > 0)
        judge->world = end;
    if (judge->shares_all && are_all_auto)
        report(judge, "E0203", block_of(judge, judge->oracle->deployment)->name_place);
}

static void divide_world(struct judge *judge, struct layout *layout)
{
    const int64_t span = span_of(layout);

    if (!layout->is_auto || !judge->shares_all)
        return;
    if (leaves_rest(judge->world, span))
        report(judge, "E0502", layout_place(judge, layout, "data_parallel"));
    else if (known(judge->world) && known(span))
        layout->dp = judge->world / span;
}

static void judge_coverage(struct judge *judge)
{
    bool contradicts = known(judge->world) && judge->count > 0;
    int64_t expected;

    for (int i = 0; i < judge->count; i++) {
        const int64_t ranks = ranks_of(&judge->modules[i].layout);

        contradicts = contradicts && known(ranks) && ranks != judge->world;
    }
    if (contradicts) {
        report_at(judge, "E0607", judge->oracle->deployment, "world_size");
        judge->world = UNKNOWN;
    }
    expected = known(judge->world)       ? judge->world
               : judge->language != NULL ? ranks_of(&judge->language->layout)
                                         : UNKNOWN;
    for (int i = 0; strcmp(judge->mode, "colocated") == 0 && i < judge->count; i++) {
        struct layout *layout = &judge->modules[i].layout;
        const int64_t ranks = ranks_of(layout);
        bool differs = false;

        for (int j = 0; j < judge->count; j++)
            differs |= known(ranks_of(&judge->modules[j].layout)) &&
                       ranks_of(&judge->modules[j].layout) != ranks;
        if (judge->language == NULL || !known(ranks) || !known(expected) || ranks == expected ||
            !differs)
            continue;
        report(judge, "E0602", layout_name(judge, layout));
        forget(layout);
    }
}

static bool stands_before(struct judge *judge, int a, int b)
{
    const struct sketch_place x = layout_name(judge, &judge->modules[a].layout);
    const struct sketch_place y = layout_name(judge, &judge->modules[b].layout);

    return oracle_stands_before(x, y) || (!oracle_stands_before(y, x) && a < b);
}

static bool is_equal(const struct layout *a, const struct layout *b)
{
    return a->tp == b->tp && a->cp == b->cp && a->pp == b->pp && a->dp == b->dp;
}

static void judge_equality(struct judge *judge)
{
    int first = SKETCH_NONE;

    for (int i = 0; i < judge->count; i++) {
        if (known(ranks_of(&judge->modules[i].layout)) &&
            (first == SKETCH_NONE || stands_before(judge, i, first)))
            first = i;
    }
    for (int i = 0; first != SKETCH_NONE && i < judge->count; i++) {
        struct layout *layout = &judge->modules[i].layout;

        if (!known(ranks_of(layout)) || is_equal(layout, &judge->modules[first].layout))
            continue;
        report(judge, "E0603", layout_name(judge, layout));
        forget(layout);
    }
}

/* ---- sets of ranks ---- */

/* Every rank of a layout, from its coordinates. Ranks beyond what can be listed: no verdict. */
static void mark(struct judge *judge, const struct layout *layout, bool set[ORACLE_RANKS_MAX])
{
    if (!known(end_of(layout)) || end_of(layout) > ORACLE_RANKS_MAX) {
        judge->oracle->verdict->is_too_large |= known(end_of(layout));
        return;
    }
    for (int64_t pp = 0; pp < layout->pp; pp++) {
        for (int64_t dp = 0; dp < layout->dp; dp++) {
            for (int64_t cp = 0; cp < layout->cp; cp++) {
                for (int64_t tp = 0; tp < layout->tp; tp++)
                    set[layout->offset + tp +
                        layout->tp * (cp + layout->cp * (dp + layout->dp * pp))] = true;
            }
        }
    }
}

/* Whether two sets of ranks meet in a way that the mode forbids. */
static bool collide(struct judge *judge, const struct layout *a, const struct layout *b)
{
    static bool x[ORACLE_RANKS_MAX], y[ORACLE_RANKS_MAX];
    bool meet = false, differ = false;

    if (!known(end_of(a)) || !known(end_of(b)))
        return false;
    memset(x, 0, sizeof x);
    memset(y, 0, sizeof y);
    mark(judge, a, x);
    mark(judge, b, y);
    for (int i = 0; i < ORACLE_RANKS_MAX; i++) {
        meet |= x[i] && y[i];
        differ |= x[i] != y[i];
    }
    return meet && (judge->is_heterogeneous || differ);
}

static void judge_overlap(struct judge *judge)
{
    bool is_wrong[MODULES_MAX] = {false};

    for (int i = 0; i < judge->count; i++) {
        for (int j = 0; j < judge->count; j++) {
            if (i != j && collide(judge, &judge->modules[i].layout, &judge->modules[j].layout) &&
                stands_before(judge, j, i)) {
                report(judge, "E0605", layout_name(judge, &judge->modules[i].layout));
                is_wrong[i] = true;
            }
        }
    }
    for (int i = 0; i < judge->count; i++) {
        if (is_wrong[i])
            forget(&judge->modules[i].layout);
    }
}

static void judge_ends(struct judge *judge)
{
    bool is_beyond = false;

    for (int i = 0; i < judge->count; i++) {
        const int64_t end = end_of(&judge->modules[i].layout);

        is_beyond |= known(end) && known(judge->world) && end > judge->world;
    }
    if (!is_beyond)
        return;
    report_at(judge, "E0607", judge->oracle->deployment, "world_size");
    judge->world = UNKNOWN;
}

static void judge_idle(struct judge *judge)
{
    static bool set[ORACLE_RANKS_MAX];
    bool has_idle = false;

    if (!judge->has_ranges || !known(judge->world))
        return;
    memset(set, 0, sizeof set);
    for (int i = 0; i < judge->count; i++) {
        if (!known(end_of(&judge->modules[i].layout)))
            return;
        mark(judge, &judge->modules[i].layout, set);
    }
    for (int64_t i = 0; i < judge->world && i < ORACLE_RANKS_MAX; i++)
        has_idle |= !set[i];
    if (has_idle || judge->world > ORACLE_RANKS_MAX)
        report_at(judge, "W0601", judge->oracle->deployment, "world_size");
}

/* Each tensor-parallel group: do its ranks live on one node? */
static void judge_nodes(struct judge *judge, const struct layout *layout)
{
    const struct oracle_value name =
        oracle_value(judge->oracle, judge->oracle->deployment, "cluster");
    const int cluster = name.kind == ORACLE_STRING
                            ? sketch_child(judge->oracle->sketch, SKETCH_NONE, "cluster", name.text)
                            : SKETCH_NONE;
    const int64_t node = number_of(judge, cluster, "gpus_per_node");
    bool crosses = false;

    if (!known(node) || !known(end_of(layout)))
        return;
    for (int64_t first = layout->offset; first < end_of(layout); first += layout->tp) {
        for (int64_t rank = first; rank < first + layout->tp; rank++)
            crosses |= rank / node != first / node;
    }
    if (crosses)
        report(judge, "W0501", layout_place(judge, layout, "tensor_parallel"));
}

static void judge_grid(struct judge *judge, struct layout *layout)
{
    const bool is_ep = known(layout->ep) && layout->ep > 1;

    if (leaves_rest(times(times(layout->tp, layout->cp), layout->dp),
                    times(layout->etp, layout->ep)))
        fault(judge, "E0508", layout, is_ep ? "expert_parallel" : "expert_tensor_parallel",
              is_ep ? &layout->ep : &layout->etp);
}

static void judge_twins(struct judge *judge, int index)
{
    const struct module *module = &judge->modules[index];
    const struct module *first = first_of(judge, module->projector);
    int later;

    if (first == NULL || first == module || !known(ranks_of(&first->layout)) ||
        !known(ranks_of(&module->layout)))
        return;
    if (is_equal(&first->layout, &module->layout) && first->layout.offset == module->layout.offset)
        return;
    later = stands_before(judge, (int)(first - judge->modules), index)
                ? index
                : (int)(first - judge->modules);
    report(judge, "E0609", layout_name(judge, &judge->modules[later].layout));
}

static void judge_deployment(struct judge *judge)
{
    if (judge->oracle->deployment == SKETCH_NONE)
        return;
    judge_strangers(judge);
    for (int i = 0; i < judge->count; i++)
        judge_presence(judge, &judge->modules[i]);
    derive_world(judge);
    for (int i = 0; i < judge->count; i++)
        divide_world(judge, &judge->modules[i].layout);
    if (judge->shares_all)
        judge_coverage(judge);
    if (strcmp(judge->mode, "homogeneous") == 0)
        judge_equality(judge);
    if (judge->has_ranges) {
        judge_overlap(judge);
        judge_ends(judge);
    }
    for (int i = 0; i < judge->count; i++) {
        judge_grid(judge, &judge->modules[i].layout);
        judge_twins(judge, i);
        judge_nodes(judge, &judge->modules[i].layout);
    }
    judge_idle(judge);
}

/* ---- E07: the training ---- */

static void judge_data(struct judge *judge)
{
    static const char *const files[] = {"train", "tokenizer"};
    const int data = judge->oracle->data, training = judge->oracle->training;
    struct oracle_value format, value;

    if (data == SKETCH_NONE)
        return;
    format = oracle_value(judge->oracle, data, "format");
    value = oracle_value(judge->oracle, data, "images_per_sample");
    if (value.kind == ORACLE_LIST && value.items[0] > value.items[1])
        report_at(judge, "E0302", data, "images_per_sample");
    if (format.kind != ORACLE_WORD)
        return;
    for (int i = 0; i < 2 && strcmp(format.text, "llava") == 0; i++) {
        value = oracle_value(judge->oracle, data, files[i]);
        if (value.kind == ORACLE_NO)
            report(judge, "E0203", block_of(judge, data)->name_place);
    }
    if (training != SKETCH_NONE && strcmp(format.text, "synthetic") == 0 &&
        is_set(judge, training, "epochs") && !is_set(judge, training, "steps") &&
        oracle_value(judge->oracle, training, "epochs").kind != ORACLE_NO)
        report_at(judge, "E0302", training, "epochs");
}

/* `none` is as good as absent; what is in error counts as given. */
static bool is_given(struct judge *judge, int block, const char *name)
{
    return is_set(judge, block, name) && oracle_value(judge->oracle, block, name).kind != ORACLE_NO;
}

static void judge_length(struct judge *judge)
{
    const int training = judge->oracle->training;
    int blocks[SKETCH_BLOCKS_MAX];

    if (training == SKETCH_NONE)
        return;
    if (is_given(judge, training, "steps") && is_given(judge, training, "epochs"))
        report_at(judge, "E0202", training, "epochs");
    if (!is_given(judge, training, "steps") && !is_given(judge, training, "epochs") &&
        !is_damaged(judge, training))
        report(judge, "E0203", block_of(judge, training)->name_place);
    if (children(judge, training, "optimizer", blocks) == 0 && !is_damaged(judge, training))
        report(judge, "E0203", block_of(judge, training)->name_place);
}

static void judge_batch(struct judge *judge)
{
    const int64_t samples =
        judge->language != NULL ? times(judge->micro_batch, judge->language->layout.dp) : UNKNOWN;
    int64_t micro_steps = UNKNOWN;

    if (leaves_rest(judge->global_batch, samples))
        report_at(judge, "E0701", judge->oracle->training, "global_batch");
    else if (known(judge->global_batch) && known(samples))
        micro_steps = judge->global_batch / samples;
    for (int i = 0; i < judge->count; i++) {
        const struct layout *layout = &judge->modules[i].layout;

        if (!judge->modules[i].is_language && leaves_rest(samples, layout->dp))
            report(judge, "E0702", layout_name(judge, layout));
        if (known(micro_steps) && known(layout->pp) && micro_steps < layout->pp)
            report(judge, "W0502", layout_place(judge, layout, "pipeline_parallel"));
    }
}

void oracle_judge(struct sketch *sketch, int deployment, struct oracle_verdict *verdict)
{
    struct oracle oracle = {.sketch = sketch, .verdict = verdict, .deployment = deployment};
    struct judge judge = {.oracle = &oracle};

    oracle.model = sketch_child(sketch, SKETCH_NONE, "model", "tiny");
    oracle.training = oracle.data = SKETCH_NONE;
    for (int i = 0; i < sketch->block_count; i++) {
        const struct sketch_block *block = &sketch->blocks[i];

        if (block->parent != SKETCH_NONE || block->is_removed ||
            sketch_derived_from(sketch, i) != SKETCH_NONE)
            continue;
        if (strcmp(block->kind, "training") == 0 && oracle.training == SKETCH_NONE)
            oracle.training = i;
        if (strcmp(block->kind, "data") == 0 && oracle.data == SKETCH_NONE)
            oracle.data = i;
    }
    oracle_judge_values(&oracle);
    if (verdict->is_too_large)
        return;
    judge.sequence = number_of(&judge, oracle.training, "sequence_length");
    judge.global_batch = number_of(&judge, oracle.training, "global_batch");
    judge.micro_batch = number_of(&judge, oracle.training, "micro_batch");
    read_deployment(&judge);
    read_model(&judge);
    judge_model(&judge);
    judge_layouts(&judge);
    judge_deployment(&judge);
    judge_data(&judge);
    judge_length(&judge);
    judge_batch(&judge);
}
