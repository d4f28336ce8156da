/* E04: the model. */
#include "tests/random/judge.h"

#include <stdlib.h>
#include <string.h>

static void judge_languages(struct judge *judge)
{
    int blocks[SKETCH_BLOCKS_MAX];
    const int count = judge_children(judge, judge->oracle->model, "language", blocks);

    for (int i = 1; i < count; i++)
        judge_report(judge, "E0405", judge_block(judge, blocks[i])->name_place);
    if (count == 0 && !judge_is_damaged(judge, judge->oracle->model))
        judge_report(judge, "E0405", judge_block(judge, judge->oracle->model)->name_place);
    for (int i = 0; i < judge->modality_count; i++) {
        const struct modality *modality = &judge->modalities[i];

        if (modality->encoders == 0 && !modality->is_damaged)
            judge_report(judge, "E0203", judge_block(judge, modality->block)->name_place);
    }
}

static void judge_heads(struct judge *judge, struct module *module)
{
    const bool has_head_dim =
        module->is_language &&
        (judge_is_set(judge, module->block, "head_dim") || judge_is_damaged(judge, module->block));

    if (!has_head_dim && judge_leaves_rest(module->width, module->heads)) {
        judge_report_at(judge, "E0401", module->block, "num_attention_heads");
        module->heads = UNKNOWN;
        if (!module->is_language || !judge_is_set(judge, module->block, "num_query_groups"))
            module->groups = UNKNOWN;
    }
    if (module->is_language && judge_leaves_rest(module->heads, module->groups)) {
        judge_report_at(judge, "E0402", module->block, "num_query_groups");
        module->groups = UNKNOWN;
    }
    if (!module->is_llama || !judge_knows(module->head_dim) || module->head_dim % 2 == 0)
        return;
    if (judge_is_set(judge, module->block, "head_dim")) {
        judge_report_at(judge, "E0302", module->block, "head_dim");
        return;
    }
    judge_report_at(judge, "E0302", module->block, "num_attention_heads");
    module->heads = UNKNOWN;
    if (!judge_is_set(judge, module->block, "num_query_groups"))
        module->groups = UNKNOWN;
}

static void judge_experts(struct judge *judge, const struct module *module)
{
    const int64_t top_k = judge_integer(judge, module->moe, "top_k");

    if (module->moe == SKETCH_NONE)
        return;
    if (!module->is_llama)
        judge_report(judge, "E0302", judge_block(judge, module->moe)->name_place);
    else if (judge_knows(top_k) && judge_knows(module->experts) && top_k > module->experts)
        judge_report_at(judge, "E0302", module->moe, "top_k");
}

/* Counts down or up to the hidden state that is handed on. */
static void judge_feature_layer(struct judge *judge, struct module *module)
{
    const int64_t feature_layer = judge_integer(judge, module->block, "feature_layer");
    int64_t computed = feature_layer;

    if (module->is_language)
        return;
    if (judge_knows(feature_layer) && feature_layer < 0 && judge_knows(module->layers))
        computed = module->layers + 1 + feature_layer;
    if (judge_knows(computed) && judge_knows(module->layers) &&
        (computed < 0 || computed > module->layers)) {
        judge_report_at(judge, "E0302", module->block, "feature_layer");
        computed = UNKNOWN;
    }
    module->layers = judge_knows(module->layers) ? computed : UNKNOWN;
}

static void judge_image(struct judge *judge, struct module *module)
{
    static const char *const lists[] = {"image_mean", "image_std"};
    const int64_t size = judge_integer(judge, module->block, "image_size");
    const int64_t patch = judge_integer(judge, module->block, "patch_size");
    const int64_t channels = judge_integer(judge, module->block, "channels");
    const struct oracle_value class = oracle_value(judge->oracle, module->block, "class_token");

    module->tokens = UNKNOWN;
    if (judge_leaves_rest(size, patch))
        judge_report_at(judge, "E0403", module->block, "patch_size");
    else if (judge_knows(size) && judge_knows(patch) && class.kind == ORACLE_WORD)
        module->tokens = size / patch * (size / patch) + (strcmp(class.text, "keep") == 0);
    for (int i = 0; i < 2 && judge_knows(channels); i++) {
        const struct oracle_value list = oracle_value(judge->oracle, module->block, lists[i]);
        const bool is_default = !judge_is_set(judge, module->block, lists[i]);

        if ((is_default && channels != 3 && !judge_is_damaged(judge, module->block)) ||
            (list.kind == ORACLE_LIST && list.item_count != channels))
            judge_report_at(judge, "E0302", module->block, lists[i]);
    }
}

static void judge_tokens(struct judge *judge)
{
    const int64_t rows = judge->language != NULL
                             ? judge_integer(judge, judge->language->block, "vocab_size")
                             : UNKNOWN;

    for (int i = 0; i < judge->modality_count; i++) {
        struct modality *modality = &judge->modalities[i];

        modality->image_tokens = modality->is_damaged ? UNKNOWN : 0;
        for (int j = 0; j < judge->count; j++) {
            if (judge->modules[j].modality == i && judge_knows(modality->image_tokens))
                modality->image_tokens = judge_knows(judge->modules[j].tokens)
                                             ? modality->image_tokens + judge->modules[j].tokens
                                             : UNKNOWN;
        }
        if (judge_knows(modality->token) && judge_knows(rows) &&
            (modality->token < 0 || modality->token >= rows)) {
            judge_report_at(judge, "E0404", modality->block, "special_token");
            modality->token = UNKNOWN;
        }
        for (int j = 0; j < i; j++) {
            if (judge_knows(modality->token) && modality->token == judge->modalities[j].token)
                judge_report_at(judge, "E0404", modality->block, "special_token");
        }
    }
}

/* What stands for an image in a text must be told apart. */
static void judge_markers(struct judge *judge)
{
    for (int i = 0; i < judge->modality_count; i++) {
        const int block = judge->modalities[i].block;
        const struct oracle_value marker = oracle_value(judge->oracle, block, "marker");

        if (judge->modality_count > 1 && !judge_is_set(judge, block, "marker") &&
            !judge->modalities[i].is_damaged)
            judge_report(judge, "E0203", judge_block(judge, block)->name_place);
        if (marker.kind != ORACLE_STRING)
            continue;
        if (marker.text[0] == '\0')
            judge_report_at(judge, "E0302", block, "marker");
        for (int j = 0; j < i; j++) {
            const struct oracle_value other =
                oracle_value(judge->oracle, judge->modalities[j].block, "marker");

            if (other.kind == ORACLE_STRING && strcmp(other.text, marker.text) == 0)
                judge_report_at(judge, "E0302", block, "marker");
        }
    }
}

/* ---- projectors ---- */

/* Gives encoder its projector, or reports the second one. */
static bool give(struct judge *judge, struct module *encoder, int projector)
{
    if (encoder->projector != SKETCH_NONE) {
        judge_report(judge, "E0408", judge_block(judge, projector)->name_place);
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
            is_meant = strcmp(name.text, judge_block(judge, module->block)->name) == 0;
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
        const int count = judge_children(judge, judge->modalities[m].block, "projector", blocks);

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
                judge_report(judge, "E0408", judge_block(judge, block)->name_place);
        }
    }
}

const struct module *judge_first_with(const struct judge *judge, int projector)
{
    for (int i = 0; projector != SKETCH_NONE && i < judge->count; i++) {
        if (judge->modules[i].projector == projector)
            return &judge->modules[i];
    }
    return NULL;
}

static void judge_width(struct judge *judge, const struct module *module)
{
    const struct module *first = judge_first_with(judge, module->projector);
    const int64_t wanted = first != NULL             ? first->width
                           : judge->language != NULL ? judge->language->width
                                                     : UNKNOWN;

    if (module->is_language || !judge_knows(wanted) || !judge_knows(module->width) ||
        wanted == module->width)
        return;
    if (first == NULL &&
        (module->may_have_projector || judge->modalities[module->modality].is_damaged))
        return;
    judge_report(judge, "E0406", judge_block(judge, module->block)->name_place);
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
                              ? judge_integer(judge, judge->language->block, "max_sequence_length")
                              : UNKNOWN;

    for (int i = 0; i < judge->modality_count && judge_knows(judge->sequence); i++) {
        const int64_t own = judge_product(judge->modalities[i].image_tokens, images);

        if (!judge_knows(own))
            break;
        tokens = (is_synthetic ? tokens : 0) + own;
        if (own > 0 && tokens + 2 > judge->sequence) {
            judge_report_at(judge, "E0407", judge->oracle->training, "sequence_length");
            judge->sequence = UNKNOWN;
        }
    }
    if (judge_knows(limit) && judge_knows(judge->sequence) && judge->sequence > limit) {
        judge_report_at(judge, "E0302", judge->oracle->training, "sequence_length");
        judge->sequence = UNKNOWN;
    }
}

void judge_model(struct judge *judge)
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
