#include "compiler/check/check.h"

#include <string.h>

/* What a plan can hold: modules, tensors in its table, elements of one tensor and of all. */
#define MODULES_MAX          64
#define WEIGHTS_MAX          (1 << 19)
#define TENSOR_ELEMENTS_MAX  (INT64_C(1) << 48)
#define PROJECTOR_LAYERS_MAX 1024
#define MODEL_ELEMENTS_MAX   0x1p62

/* E0405 */
static void check_language(struct mimo_checker *checker)
{
    const struct mimo_block *model = checker->facts->declaration->model;
    const struct mimo_block *first = NULL;
    struct mimo_diagnostic *diagnostic;

    for (size_t i = 0; i < model->child_count; i++) {
        const struct mimo_block *child = model->children[i];

        if (child->kind != MIMO_BLOCK_language)
            continue;
        if (first == NULL) {
            first = child;
            continue;
        }
        diagnostic =
            mimo_diagnose(checker->diagnostics, MIMO_E0405, child->name_span,
                          "model %s has a second language block, %s", model->name, child->name);
        mimo_diagnose_note(checker->diagnostics, diagnostic, first->name_span,
                           "the first one is here");
    }
    if (first == NULL && !model->is_damaged)
        mimo_diagnose(checker->diagnostics, MIMO_E0405, model->name_span,
                      "model %s has no language block", model->name);
}

/* E0203: a modality with nothing to turn it into rows. */
static void check_encoders(struct mimo_checker *checker)
{
    for (size_t i = 0; i < checker->facts->modality_count; i++) {
        const struct mimo_modality_facts *modality = &checker->facts->modalities[i];

        if (modality->encoder_count == 0 && !modality->block->is_damaged)
            mimo_diagnose(checker->diagnostics, MIMO_E0203, modality->block->name_span,
                          "modality %s has no encoder", modality->block->name);
    }
}

/* num_attention_heads is in error, and with it what is as many by default. */
static void forget_heads(struct mimo_module_facts *module)
{
    module->heads = MIMO_UNKNOWN;
    if (!mimo_block_is_set(module->block, MIMO_ATTR_num_query_groups))
        module->groups = MIMO_UNKNOWN;
}

/* E0401. A language model may state head_dim; an encoder cannot. */
static void check_head_dim(struct mimo_checker *checker, struct mimo_module_facts *module)
{
    const bool is_stated =
        module->kind == MIMO_MODULE_KIND_LANGUAGE &&
        (mimo_block_is_set(module->block, MIMO_ATTR_head_dim) || module->block->is_damaged);
    struct mimo_diagnostic *diagnostic;

    if (is_stated || !mimo_fact_is_indivisible(module->hidden_size, module->heads))
        return;
    diagnostic = mimo_diagnose(checker->diagnostics, MIMO_E0401,
                               mimo_block_span(module->block, MIMO_ATTR_num_attention_heads),
                               "num_attention_heads = %lld does not divide hidden_size = %lld",
                               (long long)module->heads, (long long)module->hidden_size);
    mimo_check_note(checker, diagnostic, module->block, MIMO_ATTR_hidden_size, "hidden_size");
    mimo_diagnose_help(
        checker->diagnostics, diagnostic, "%s it%s",
        mimo_check_dividing(checker->diagnostics->arena, module->hidden_size, module->heads),
        module->kind == MIMO_MODULE_KIND_LANGUAGE ? "; or give head_dim" : "");
    module->head_dim = MIMO_UNKNOWN;
    forget_heads(module);
}

/* E0402 */
static void check_query_groups(struct mimo_checker *checker, struct mimo_module_facts *module)
{
    struct mimo_diagnostic *diagnostic;

    if (module->kind == MIMO_MODULE_KIND_ENCODER ||
        !mimo_fact_is_indivisible(module->heads, module->groups))
        return;
    diagnostic = mimo_diagnose(checker->diagnostics, MIMO_E0402,
                               mimo_block_span(module->block, MIMO_ATTR_num_query_groups),
                               "num_query_groups = %lld does not divide num_attention_heads = %lld",
                               (long long)module->groups, (long long)module->heads);
    mimo_check_note(checker, diagnostic, module->block, MIMO_ATTR_num_attention_heads,
                    "num_attention_heads");
    mimo_diagnose_help(
        checker->diagnostics, diagnostic, "%s it",
        mimo_check_dividing(checker->diagnostics->arena, module->heads, module->groups));
    module->groups = MIMO_UNKNOWN;
}

/* E0302: rotary positions turn pairs of elements. */
static void check_rotary_pairs(struct mimo_checker *checker, struct mimo_module_facts *module)
{
    const enum mimo_attribute attribute = mimo_block_is_set(module->block, MIMO_ATTR_head_dim)
                                              ? MIMO_ATTR_head_dim
                                              : MIMO_ATTR_num_attention_heads;

    if (module->architecture != MIMO_ARCHITECTURE_LLAMA ||
        !mimo_fact_is_indivisible(module->head_dim, 2))
        return;
    mimo_diagnose(checker->diagnostics, MIMO_E0302, mimo_block_span(module->block, attribute),
                  "heads of %s are %lld wide, but rotary positions turn pairs of elements",
                  module->block->name, (long long)module->head_dim);
    module->head_dim = MIMO_UNKNOWN;
    if (attribute == MIMO_ATTR_num_attention_heads)
        forget_heads(module);
}

/* E0302: gpt has no experts, and a token cannot visit more experts than there are. */
static void check_experts(struct mimo_checker *checker, struct mimo_module_facts *module)
{
    if (module->moe == NULL)
        return;
    if (module->architecture == MIMO_ARCHITECTURE_GPT) {
        mimo_diagnose(checker->diagnostics, MIMO_E0302, module->moe->name_span,
                      "gpt has no experts; llama has");
        return;
    }
    if (!mimo_is_known(module->top_k) || !mimo_is_known(module->num_experts) ||
        module->top_k <= module->num_experts)
        return;
    mimo_check_note(checker,
                    mimo_diagnose(checker->diagnostics, MIMO_E0302,
                                  mimo_block_span(module->moe, MIMO_ATTR_top_k),
                                  "top_k = %lld is more than num_experts = %lld",
                                  (long long)module->top_k, (long long)module->num_experts),
                    module->moe, MIMO_ATTR_num_experts, "num_experts");
    module->top_k = MIMO_UNKNOWN;
}

/* E0302 */
static void check_feature_layer(struct mimo_checker *checker, struct mimo_module_facts *module)
{
    struct mimo_diagnostic *diagnostic;
    int64_t feature_layer;

    if (module->kind != MIMO_MODULE_KIND_ENCODER || !mimo_is_known(module->layers_computed) ||
        (module->layers_computed >= 0 && module->layers_computed <= module->num_layers))
        return;
    feature_layer = mimo_fact_integer(module->block, MIMO_ATTR_feature_layer);
    diagnostic = mimo_diagnose(checker->diagnostics, MIMO_E0302,
                               mimo_block_span(module->block, MIMO_ATTR_feature_layer),
                               "feature_layer = %lld, but %lld layers have the hidden states %lld "
                               "to %lld",
                               (long long)feature_layer, (long long)module->num_layers,
                               (long long)(-module->num_layers - 1), (long long)module->num_layers);
    mimo_check_note(checker, diagnostic, module->block, MIMO_ATTR_num_layers, "num_layers");
    module->layers_computed = MIMO_UNKNOWN;
}

/* E0403 */
static void check_patches(struct mimo_checker *checker, struct mimo_module_facts *module)
{
    struct mimo_diagnostic *diagnostic;

    if (module->kind != MIMO_MODULE_KIND_ENCODER ||
        !mimo_fact_is_indivisible(module->image_size, module->patch_size))
        return;
    diagnostic = mimo_diagnose(checker->diagnostics, MIMO_E0403,
                               mimo_block_span(module->block, MIMO_ATTR_patch_size),
                               "patch_size = %lld does not divide image_size = %lld",
                               (long long)module->patch_size, (long long)module->image_size);
    mimo_check_note(checker, diagnostic, module->block, MIMO_ATTR_image_size, "image_size");
    mimo_diagnose_help(
        checker->diagnostics, diagnostic, "%s it",
        mimo_check_dividing(checker->diagnostics->arena, module->image_size, module->patch_size));
    module->patch_size = MIMO_UNKNOWN;
}

/* E0302: one number for each colour. */
static void check_channels(struct mimo_checker *checker, struct mimo_module_facts *module)
{
    static const struct {
        enum mimo_attribute attribute;
        const char *name;
    } lists[] = {{MIMO_ATTR_image_mean, "image_mean"}, {MIMO_ATTR_image_std, "image_std"}};

    if (module->kind != MIMO_MODULE_KIND_ENCODER || !mimo_is_known(module->channels))
        return;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        const struct mimo_value *value = mimo_block_value(module->block, lists[i].attribute);
        struct mimo_diagnostic *diagnostic;

        if (value->kind != MIMO_VALUE_LIST || value->item_count == (size_t)module->channels)
            continue;
        diagnostic = mimo_diagnose(checker->diagnostics, MIMO_E0302,
                                   mimo_block_span(module->block, lists[i].attribute),
                                   "%s has %zu numbers, but channels = %lld", lists[i].name,
                                   value->item_count, (long long)module->channels);
        mimo_check_note(checker, diagnostic, module->block, MIMO_ATTR_channels, "channels");
        if (!mimo_block_is_set(module->block, lists[i].attribute))
            mimo_diagnose_help(checker->diagnostics, diagnostic,
                               "give %s: its default is that of CLIP, for three colours",
                               lists[i].name);
    }
}

/* Completes image_tokens. A side of at most 2^15 patches keeps their number in 31 bits. */
static void count_image_tokens(struct mimo_checker *checker, struct mimo_module_facts *module)
{
    int64_t side;

    if (module->kind != MIMO_MODULE_KIND_ENCODER)
        return;
    side = mimo_fact_divide(module->image_size, module->patch_size);
    module->image_tokens = MIMO_UNKNOWN;
    if (!mimo_is_known(side) || !mimo_is_known(module->keeps_class_token))
        return;
    if (side > 1 << 15) {
        mimo_diagnose(checker->diagnostics, MIMO_E0302,
                      mimo_block_span(module->block, MIMO_ATTR_image_size),
                      "image_size = %lld has %lld patches on a side; at most 32768",
                      (long long)module->image_size, (long long)side);
        return;
    }
    module->image_tokens = side * side + module->keeps_class_token;
}

static void sum_image_tokens(struct mimo_checker *checker)
{
    for (size_t i = 0; i < checker->facts->modality_count; i++) {
        struct mimo_modality_facts *modality = &checker->facts->modalities[i];

        for (size_t e = 0; e < modality->encoder_count && mimo_is_known(modality->image_tokens);
             e++) {
            const int64_t tokens =
                checker->facts->modules[modality->encoder_first + e].image_tokens;

            modality->image_tokens =
                mimo_is_known(tokens) ? modality->image_tokens + tokens : MIMO_UNKNOWN;
        }
        if (modality->block->is_damaged)
            modality->image_tokens = MIMO_UNKNOWN;
    }
}

static void report_token_outside(struct mimo_checker *checker,
                                 const struct mimo_modality_facts *modality,
                                 const struct mimo_module_facts *language)
{
    struct mimo_diagnostic *diagnostic = mimo_diagnose(
        checker->diagnostics, MIMO_E0404, mimo_block_span(modality->block, MIMO_ATTR_special_token),
        "special_token = %lld lies outside the vocabulary, 0 to %lld",
        (long long)modality->special_token, (long long)language->vocab_size - 1);

    mimo_check_note(checker, diagnostic, language->block, MIMO_ATTR_vocab_size, "vocab_size");
    if (modality->special_token < 0)
        mimo_diagnose_help(checker->diagnostics, diagnostic,
                           "give the id of a token that no text has");
    else if (modality->special_token < INT32_MAX)
        mimo_diagnose_help(checker->diagnostics, diagnostic,
                           "vocab_size = %lld or more holds it; rows that the weights lack are "
                           "initialised",
                           (long long)modality->special_token + 1);
}

/* E0404 */
static void check_token_in_vocabulary(struct mimo_checker *checker)
{
    const struct mimo_module_facts *language = checker->facts->language;

    if (language == NULL || !mimo_is_known(language->vocab_size))
        return;
    for (size_t i = 0; i < checker->facts->modality_count; i++) {
        struct mimo_modality_facts *modality = &checker->facts->modalities[i];

        if (!mimo_is_known(modality->special_token) ||
            (modality->special_token >= 0 && modality->special_token < language->vocab_size))
            continue;
        report_token_outside(checker, modality, language);
        modality->special_token = MIMO_UNKNOWN;
    }
}

/* E0404 */
static void check_token_is_own(struct mimo_checker *checker)
{
    for (size_t i = 0; i < checker->facts->modality_count; i++) {
        const struct mimo_modality_facts *modality = &checker->facts->modalities[i];

        for (size_t before = 0; before < i; before++) {
            const struct mimo_modality_facts *other = &checker->facts->modalities[before];

            if (!mimo_is_known(modality->special_token) ||
                modality->special_token != other->special_token)
                continue;
            mimo_check_note(checker,
                            mimo_diagnose(checker->diagnostics, MIMO_E0404,
                                          mimo_block_span(modality->block, MIMO_ATTR_special_token),
                                          "special_token = %lld is already that of modality %s",
                                          (long long)modality->special_token, other->block->name),
                            other->block, MIMO_ATTR_special_token, "it");
            break;
        }
    }
}

static const char *encoder_named_by(const struct mimo_projector_facts *projector)
{
    const struct mimo_value *value = mimo_block_value(projector->block, MIMO_ATTR_encoder);

    return value->kind == MIMO_VALUE_NONE ? NULL : value->text;
}

/* Unknown where the name is in error, or may have been skipped. */
static bool knows_encoder(const struct mimo_projector_facts *projector)
{
    const struct mimo_value *value = mimo_block_value(projector->block, MIMO_ATTR_encoder);

    return value->kind != MIMO_VALUE_UNKNOWN &&
           (!projector->block->is_damaged ||
            mimo_block_is_set(projector->block, MIMO_ATTR_encoder));
}

/* E0408: the encoder follows the projector unless it has one. */
static void follow(struct mimo_checker *checker, size_t projector_index, size_t module_index)
{
    struct mimo_projector_facts *projector = &checker->facts->projectors[projector_index];
    struct mimo_module_facts *module = &checker->facts->modules[module_index];
    struct mimo_diagnostic *diagnostic;

    if (module->projector == SIZE_MAX) {
        module->projector = projector_index;
        if (projector->encoder == SIZE_MAX)
            projector->encoder = module_index;
        return;
    }
    diagnostic = mimo_diagnose(checker->diagnostics, MIMO_E0408, projector->block->name_span,
                               "encoder %s already has a projector", module->block->name);
    mimo_diagnose_note(checker->diagnostics, diagnostic,
                       checker->facts->projectors[module->projector].block->name_span,
                       "its projector is here");
    projector->encoder = module_index;
}

/* The encoders of its modality that the projector names, or those that no projector names. */
static void match_projector(struct mimo_checker *checker, size_t index)
{
    const struct mimo_facts *facts = checker->facts;
    const struct mimo_projector_facts *projector = &facts->projectors[index];
    const struct mimo_modality_facts *modality = &facts->modalities[projector->modality];
    const char *name = encoder_named_by(projector);

    for (size_t e = 0; e < modality->encoder_count; e++) {
        const size_t module = modality->encoder_first + e;
        const size_t other = facts->modules[module].projector;
        const bool is_named_elsewhere =
            other != SIZE_MAX && encoder_named_by(&facts->projectors[other]) != NULL;

        if (name != NULL ? strcmp(name, facts->modules[module].block->name) == 0
                         : !is_named_elsewhere)
            follow(checker, index, module);
    }
}

/* Completes `projector` and `encoder`: first the projectors that name an encoder, then those that
 * take what is left. */
static void match_projectors(struct mimo_checker *checker)
{
    const struct mimo_facts *facts = checker->facts;

    for (int names = 1; names >= 0; names--) {
        for (size_t i = 0; i < facts->projector_count; i++) {
            if (knows_encoder(&facts->projectors[i]) &&
                (encoder_named_by(&facts->projectors[i]) != NULL) == (names == 1))
                match_projector(checker, i);
        }
    }
}

/* E0408 */
static void check_projectors(struct mimo_checker *checker)
{
    const struct mimo_facts *facts = checker->facts;

    for (size_t i = 0; i < facts->projector_count; i++) {
        const struct mimo_projector_facts *projector = &facts->projectors[i];
        const struct mimo_modality_facts *modality = &facts->modalities[projector->modality];

        if (projector->encoder == SIZE_MAX && knows_encoder(projector) &&
            modality->encoder_count > 0 && !modality->block->is_damaged)
            mimo_diagnose(checker->diagnostics, MIMO_E0408, projector->block->name_span,
                          "projector %s serves no encoder: each one is named by another",
                          projector->block->name);
    }
}

static bool may_have_projector(const struct mimo_checker *checker,
                               const struct mimo_module_facts *module)
{
    const struct mimo_facts *facts = checker->facts;

    for (size_t i = 0; i < facts->projector_count; i++) {
        if (facts->projectors[i].modality == module->modality &&
            !knows_encoder(&facts->projectors[i]))
            return true;
    }
    return facts->modalities[module->modality].block->is_damaged;
}

/* E0406: without a projector, the widths must agree. */
static void check_width(struct mimo_checker *checker, struct mimo_module_facts *module)
{
    const struct mimo_module_facts *language = checker->facts->language;
    struct mimo_diagnostic *diagnostic;

    if (module->kind != MIMO_MODULE_KIND_ENCODER || module->projector != SIZE_MAX ||
        language == NULL || !mimo_is_known(module->hidden_size) ||
        !mimo_is_known(language->hidden_size) || module->hidden_size == language->hidden_size ||
        may_have_projector(checker, module))
        return;
    diagnostic = mimo_diagnose(checker->diagnostics, MIMO_E0406, module->block->name_span,
                               "encoder %s is %lld wide, the language model %lld, and no projector "
                               "follows",
                               module->block->name, (long long)module->hidden_size,
                               (long long)language->hidden_size);
    mimo_check_note(checker, diagnostic, language->block, MIMO_ATTR_hidden_size,
                    "the language model's hidden_size");
    mimo_diagnose_help(checker->diagnostics, diagnostic,
                       "add `projector NAME : mlp { }` to modality %s",
                       checker->facts->modalities[module->modality].block->name);
}

/* E0406: encoders that share a projector give it rows of one width. */
static void check_shared_width(struct mimo_checker *checker, struct mimo_module_facts *module)
{
    const struct mimo_facts *facts = checker->facts;
    const struct mimo_module_facts *first;

    if (module->kind != MIMO_MODULE_KIND_ENCODER || module->projector == SIZE_MAX)
        return;
    first = &facts->modules[facts->projectors[module->projector].encoder];
    if (first == module || !mimo_is_known(first->hidden_size) ||
        !mimo_is_known(module->hidden_size) || first->hidden_size == module->hidden_size)
        return;
    mimo_check_note(
        checker,
        mimo_diagnose(
            checker->diagnostics, MIMO_E0406, module->block->name_span,
            "encoder %s is %lld wide, but shares projector %s with %s, which is %lld wide",
            module->block->name, (long long)module->hidden_size,
            facts->projectors[module->projector].block->name, first->block->name,
            (long long)first->hidden_size),
        first->block, MIMO_ATTR_hidden_size, "its hidden_size");
}

static int64_t images_of_a_sample(const struct mimo_block *data)
{
    static const struct mimo_value unknown = {.kind = MIMO_VALUE_UNKNOWN};
    const int64_t format = mimo_fact_word(data, MIMO_ATTR_format);
    const struct mimo_value *value;

    if (format != MIMO_DATA_FORMAT_SYNTHETIC)
        return mimo_is_known(format) ? 1 : MIMO_UNKNOWN;
    value = mimo_block_value(data, MIMO_ATTR_images_per_sample);
    if (value->kind == MIMO_VALUE_LIST && value->item_count == 2)
        value = value->items[0].integer > value->items[1].integer ? &unknown : &value->items[1];
    return value->kind == MIMO_VALUE_INTEGER ? value->integer : MIMO_UNKNOWN;
}

static void report_no_room(struct mimo_checker *checker, int64_t images, int64_t tokens,
                           const struct mimo_modality_facts *modality)
{
    const struct mimo_facts *facts = checker->facts;
    struct mimo_diagnostic *diagnostic =
        mimo_diagnose(checker->diagnostics, MIMO_E0407,
                      mimo_block_span(facts->declaration->training, MIMO_ATTR_sequence_length),
                      "sequence_length = %lld leaves no room for text beside %lld image tokens",
                      (long long)facts->sequence_length, (long long)tokens);

    mimo_diagnose_note(checker->diagnostics, diagnostic, modality->block->name_span,
                       "%lld image%s of modality %s, %lld tokens each", (long long)images,
                       images == 1 ? "" : "s", modality->block->name,
                       (long long)modality->image_tokens);
    mimo_diagnose_help(checker->diagnostics, diagnostic,
                       "at least %lld: the image, a first token and one to learn",
                       (long long)tokens + 2);
}

/* E0407. A record may hold images of one modality only; a synthetic sample holds those of all. */
static void check_room(struct mimo_checker *checker)
{
    struct mimo_facts *facts = checker->facts;
    const struct mimo_block *data = facts->declaration->data;
    const bool is_synthetic =
        data != NULL && mimo_fact_word(data, MIMO_ATTR_format) == MIMO_DATA_FORMAT_SYNTHETIC;
    const int64_t images = images_of_a_sample(data);
    int64_t tokens = 0;

    for (size_t i = 0; i < facts->modality_count && mimo_is_known(facts->sequence_length); i++) {
        const int64_t own = mimo_fact_multiply(facts->modalities[i].image_tokens, images);

        if (!mimo_is_known(own) || __builtin_add_overflow(own, is_synthetic ? tokens : 0, &tokens))
            return;
        if (own > 0 && tokens > facts->sequence_length - 2) {
            report_no_room(checker, images, tokens, &facts->modalities[i]);
            facts->sequence_length = MIMO_UNKNOWN;
        }
    }
}

/* E0302: positions that were never learned. */
static void check_positions(struct mimo_checker *checker, struct mimo_module_facts *module)
{
    const int64_t length = checker->facts->sequence_length;

    if (module->kind != MIMO_MODULE_KIND_LANGUAGE || !mimo_is_known(length) ||
        !mimo_is_known(module->max_sequence_length) || length <= module->max_sequence_length)
        return;
    mimo_check_note(
        checker,
        mimo_diagnose(
            checker->diagnostics, MIMO_E0302,
            mimo_block_span(checker->facts->declaration->training, MIMO_ATTR_sequence_length),
            "sequence_length = %lld is more than max_sequence_length = %lld of %s",
            (long long)length, (long long)module->max_sequence_length, module->block->name),
        module->block, MIMO_ATTR_max_sequence_length, "max_sequence_length");
    checker->facts->sequence_length = MIMO_UNKNOWN;
}

static int64_t max_known(int64_t a, int64_t b)
{
    return mimo_is_known(b) && b > a ? b : a;
}

/* E0302: every rank may hold a stage of every module. */
static void check_module_count(struct mimo_checker *checker)
{
    const struct mimo_facts *facts = checker->facts;

    if (facts->module_count > MODULES_MAX)
        mimo_diagnose(checker->diagnostics, MIMO_E0302, facts->declaration->model->name_span,
                      "model %s has %zu modules, more than a plan can hold, %d",
                      facts->declaration->model->name, facts->module_count, MODULES_MAX);
}

static int64_t weights_of(const struct mimo_module_facts *module)
{
    const int64_t experts = mimo_is_known(module->num_experts) ? module->num_experts : 0;

    return mimo_fact_multiply(module->layers_computed, 16 + mimo_fact_multiply(3, experts));
}

/* E0302: the modules' weights stand in one table. Reported where they become too many. */
static void check_weight_count(struct mimo_checker *checker)
{
    const struct mimo_facts *facts = checker->facts;
    int64_t sum = 0;

    for (size_t i = 0; i < facts->module_count; i++) {
        const struct mimo_module_facts *module = &facts->modules[i];
        const int64_t weights = weights_of(module);

        if (!mimo_is_known(weights) || __builtin_add_overflow(sum, weights, &sum))
            return;
        if (sum <= WEIGHTS_MAX)
            continue;
        mimo_diagnose(checker->diagnostics, MIMO_E0302,
                      mimo_block_span(module->block, MIMO_ATTR_num_layers),
                      "with %s the model would have about %lld weights; a plan holds %d",
                      module->block->name, (long long)sum, WEIGHTS_MAX);
        return;
    }
}

/* E0302: more than a plan can hold. Every matrix is hidden_size long on one side. */
static void check_size(struct mimo_checker *checker, struct mimo_module_facts *module)
{
    const int64_t weights = weights_of(module);
    int64_t side = max_known(module->hidden_size, module->ffn_hidden_size), elements;

    side = max_known(side, module->vocab_size);
    side = max_known(side, module->expert_ffn_hidden_size);
    side = max_known(side, module->max_sequence_length);
    side = max_known(side, module->image_tokens);
    side = max_known(side, mimo_fact_multiply(module->heads, module->head_dim));
    side = max_known(
        side, mimo_fact_multiply(4, mimo_fact_multiply(module->patch_size, module->patch_size)));
    elements = mimo_fact_multiply(side, module->hidden_size);
    if (mimo_is_known(elements) && mimo_is_known(weights) &&
        (elements > TENSOR_ELEMENTS_MAX ||
         (weights <= WEIGHTS_MAX &&
          (double)elements * (double)(weights + 16) > MODEL_ELEMENTS_MAX))) {
        mimo_diagnose(checker->diagnostics, MIMO_E0302,
                      mimo_block_span(module->block, MIMO_ATTR_hidden_size),
                      "%s would have weights of %lld elements, more than a plan can hold",
                      module->block->name, (long long)elements);
    }
}

/* E0302, likewise for projectors. */
static void check_projector_sizes(struct mimo_checker *checker)
{
    for (size_t i = 0; i < checker->facts->projector_count; i++) {
        const struct mimo_block *block = checker->facts->projectors[i].block;
        int64_t layers, width, elements;

        if (!mimo_block_integer(block, MIMO_ATTR_num_layers, &layers) ||
            !mimo_block_integer(block, MIMO_ATTR_hidden_size, &width))
            continue;
        elements = mimo_fact_multiply(width, width);
        if (layers > PROJECTOR_LAYERS_MAX)
            mimo_diagnose(checker->diagnostics, MIMO_E0302,
                          mimo_block_span(block, MIMO_ATTR_num_layers),
                          "projector %s has %lld layers; at most %d", block->name,
                          (long long)layers, PROJECTOR_LAYERS_MAX);
        else if (elements > TENSOR_ELEMENTS_MAX)
            mimo_diagnose(checker->diagnostics, MIMO_E0302,
                          mimo_block_span(block, MIMO_ATTR_hidden_size),
                          "projector %s would have weights of %lld elements, more than a plan can "
                          "hold",
                          block->name, (long long)elements);
    }
}

/* clang-format off */
const struct mimo_rule mimo_model_rules[] = {
    {.check = check_language},
    {.check = check_encoders},
    {.check_module = check_head_dim},
    {.check_module = check_query_groups},
    {.check_module = check_rotary_pairs},
    {.check_module = check_experts},
    {.check_module = check_feature_layer},
    {.check_module = check_patches},
    {.check_module = check_channels},
    {.check_module = count_image_tokens},
    {.check = sum_image_tokens},
    {.check = check_token_in_vocabulary},
    {.check = check_token_is_own},
    {.check = match_projectors},
    {.check = check_projectors},
    {.check_module = check_width},
    {.check_module = check_shared_width},
    {.check = check_room},
    {.check_module = check_positions},
    {.check = check_module_count},
    {.check = check_weight_count},
    {.check_module = check_size},
    {.check = check_projector_sizes},
    {0},
};
/* clang-format on */
