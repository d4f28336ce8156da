/* The last step of the front half: all values under one choice, and what is missing. */
#include "compiler/declaration/evaluate.h"
#include "plan/format.h"

#include <string.h>

/* ---- starting anew ---- */

static void reset_block(struct mimo_block *block)
{
    for (size_t i = 0; i < block->fields->count; i++) {
        block->fields->items[i].progress = MIMO_PROGRESS_NONE;
        block->fields->items[i].value = mimo_value_unknown();
    }
    for (size_t i = 0; i < block->child_count; i++)
        reset_block(block->fields->children[i]);
}

static void reset(struct mimo_compilation *compilation)
{
    for (size_t i = 0; i < compilation->param_count; i++)
        compilation->params[i].progress = MIMO_PROGRESS_NONE;
    for (size_t i = 0; i < compilation->block_count; i++)
        reset_block(compilation->blocks[i]);
}

/* ---- what is missing ---- */

static void report_missing(struct mimo_compilation *compilation, const struct mimo_block *block,
                           const char *what)
{
    const struct mimo_field *field = mimo_block_field(block, what);

    if (mimo_block_inherits_unknown(block) || (field != NULL && field->is_broken) ||
        (block->is_damaged && mimo_compilation_lost(compilation, block->name_span.file, what)))
        return;
    (void)mimo_diagnose(compilation->diagnostics, MIMO_E0203, block->name_span, "%s needs %s",
                        mimo_block_title(compilation->arena, block), what);
}

/* For an attribute that is required only in some circumstances. */
static void require_attribute(struct mimo_compilation *compilation, const struct mimo_block *block,
                              enum mimo_attribute attribute)
{
    if (!mimo_block_is_set(block, attribute) ||
        mimo_block_value(block, attribute)->kind == MIMO_VALUE_NONE)
        report_missing(compilation, block, mimo_attribute_word(attribute));
}

static void check_length_of_training(struct mimo_compilation *compilation,
                                     const struct mimo_block *training)
{
    struct mimo_span steps, epochs;
    const bool has_steps = mimo_block_origin(training, MIMO_ATTR_steps, &steps) &&
                           mimo_block_value(training, MIMO_ATTR_steps)->kind != MIMO_VALUE_NONE;
    const bool says_epochs = mimo_block_origin(training, MIMO_ATTR_epochs, &epochs);
    const bool has_epochs =
        says_epochs && mimo_block_value(training, MIMO_ATTR_epochs)->kind != MIMO_VALUE_NONE;
    struct mimo_diagnostic *diagnostic;

    if (!has_steps && !has_epochs) {
        if ((says_epochs || !mimo_block_is_set(training, MIMO_ATTR_epochs)) &&
            (!training->is_damaged ||
             !mimo_compilation_lost(compilation, training->name_span.file, "epochs")))
            report_missing(compilation, training, "steps");
    } else if (has_steps && has_epochs) {
        diagnostic = mimo_diagnose(compilation->diagnostics, MIMO_E0202,
                                   mimo_block_span(training, MIMO_ATTR_epochs),
                                   "epochs and steps both say how long to train");
        mimo_diagnose_note(compilation->diagnostics, diagnostic, steps, "steps is given here");
    }
}

/* E0302: a marker that marks nothing, or is already that of a modality before it. */
static void check_marker(struct mimo_compilation *compilation, const struct mimo_block *model,
                         size_t index)
{
    const struct mimo_block *modality = model->children[index];
    struct mimo_diagnostic *diagnostic;
    const char *marker, *other;

    if (!mimo_block_is_set(modality, MIMO_ATTR_marker) ||
        !mimo_block_string(modality, MIMO_ATTR_marker, &marker))
        return;
    if (marker[0] == '\0')
        (void)mimo_diagnose(compilation->diagnostics, MIMO_E0302,
                            mimo_block_span(modality, MIMO_ATTR_marker), "the marker is empty");
    for (size_t i = 0; i < index; i++) {
        if (model->children[i]->kind != MIMO_BLOCK_modality ||
            !mimo_block_is_set(model->children[i], MIMO_ATTR_marker) ||
            !mimo_block_string(model->children[i], MIMO_ATTR_marker, &other) ||
            strcmp(marker, other) != 0)
            continue;
        diagnostic = mimo_diagnose(compilation->diagnostics, MIMO_E0302,
                                   mimo_block_span(modality, MIMO_ATTR_marker),
                                   "marker = \"%s\" is already that of %s", marker,
                                   mimo_block_title(compilation->arena, model->children[i]));
        mimo_diagnose_note(compilation->diagnostics, diagnostic,
                           mimo_block_span(model->children[i], MIMO_ATTR_marker), "it is set here");
    }
}

/* The default "<image>" is one modality's only. */
static void check_markers(struct mimo_compilation *compilation, const struct mimo_block *model)
{
    size_t count = 0;

    for (size_t i = 0; i < model->child_count; i++)
        count += model->children[i]->kind == MIMO_BLOCK_modality;
    for (size_t i = 0; i < model->child_count; i++) {
        if (model->children[i]->kind != MIMO_BLOCK_modality)
            continue;
        if (count > 1)
            require_attribute(compilation, model->children[i], MIMO_ATTR_marker);
        check_marker(compilation, model, i);
    }
}

static void check_data(struct mimo_compilation *compilation, const struct mimo_block *data)
{
    int64_t format;

    if (!mimo_block_word(data, MIMO_ATTR_format, &format) || format != MIMO_DATA_FORMAT_LLAVA)
        return;
    require_attribute(compilation, data, MIMO_ATTR_train);
    require_attribute(compilation, data, MIMO_ATTR_tokenizer);
}

static void check_required_blocks(struct mimo_compilation *compilation,
                                  const struct mimo_block *block)
{
    for (int kind = 0; kind < MIMO_BLOCK_KIND_COUNT; kind++) {
        const enum mimo_block_kind child = (enum mimo_block_kind)kind;
        if (mimo_schema_block(child)->presence == MIMO_PRESENCE_REQUIRED &&
            mimo_schema_nests(child, &block->kind) && mimo_block_child(block, child, NULL) == NULL)
            report_missing(compilation, block, mimo_schema_block(child)->word);
    }
}

/* A block whose architecture is not known has attributes of which nobody knows whether they are
 * required. */
static void complete_block(struct mimo_compilation *compilation, const struct mimo_block *block)
{
    const bool has_base =
        mimo_schema_block(block->kind)->bases[0] == '\0' || block->architecture != NULL;

    for (size_t i = 0; i < block->fields->count; i++) {
        struct mimo_field *field = &block->fields->items[i];
        (void)mimo_evaluate_field(compilation, block, field);
        if (field->written == NULL && field->schema->default_text == NULL && has_base)
            report_missing(compilation, block, mimo_attribute_word(field->schema->attribute));
    }
    check_required_blocks(compilation, block);
    for (size_t i = 0; i < block->child_count; i++)
        complete_block(compilation, block->children[i]);
    if (block->kind == MIMO_BLOCK_training)
        check_length_of_training(compilation, block);
    if (block->kind == MIMO_BLOCK_model)
        check_markers(compilation, block);
    if (block->kind == MIMO_BLOCK_data)
        check_data(compilation, block);
}

/* At the `mimo` statement, as no block is there to point at. */
static void require_block(struct mimo_compilation *compilation, enum mimo_choice_kind choice,
                          const char *word)
{
    const struct mimo_tree *tree = mimo_compilation_main_tree(compilation);
    struct mimo_span place = {.file = tree->file};

    if (compilation->choice.blocks[choice] != NULL)
        return;
    for (size_t i = 0; i < compilation->tree_count; i++) {
        if (mimo_compilation_lost(compilation, compilation->trees[i]->file, word))
            return;
    }
    if (tree->statement_count > 0)
        place = tree->statements[0].span;
    (void)mimo_diagnose(compilation->diagnostics, MIMO_E0203, place, "there is no %s block", word);
}

/* ---- asserts ---- */

/* Where an assert is false: the comparison under `&&` that is. */
static const struct mimo_expression *find_false(const struct mimo_scope *scope,
                                                const struct mimo_expression *expression)
{
    while (expression->kind == MIMO_EXPRESSION_BINARY &&
           expression->operation == MIMO_OPERATOR_AND) {
        const struct mimo_value left = mimo_evaluate(scope, expression->items[0]);
        const bool is_left = left.kind == MIMO_VALUE_BOOLEAN && left.integer == 0;
        expression = expression->items[is_left ? 0 : 1];
    }
    return expression;
}

static bool is_comparison(const struct mimo_expression *expression)
{
    return expression->kind == MIMO_EXPRESSION_BINARY &&
           expression->operation >= MIMO_OPERATOR_EQUAL &&
           expression->operation <= MIMO_OPERATOR_GREATER_EQUAL;
}

static void report_false(const struct mimo_scope *scope, const struct mimo_statement *statement)
{
    struct mimo_compilation *compilation = scope->compilation;
    const struct mimo_expression *expression = find_false(scope, statement->value);
    struct mimo_value left, right;

    if (!is_comparison(expression)) {
        (void)mimo_diagnose(compilation->diagnostics, MIMO_E0801, statement->value->span,
                            "assert is false: %s", statement->name.text);
        return;
    }
    left = mimo_evaluate(scope, expression->items[0]);
    right = mimo_evaluate(scope, expression->items[1]);
    (void)mimo_diagnose(compilation->diagnostics, MIMO_E0801, statement->value->span,
                        "assert is false: %s (%s %s %s)", statement->name.text,
                        mimo_value_text(compilation->arena, &left),
                        mimo_operator_word(expression->operation),
                        mimo_value_text(compilation->arena, &right));
}

static void check_assert(struct mimo_compilation *compilation,
                         const struct mimo_statement *statement)
{
    const struct mimo_scope scope = {.compilation = compilation};
    const struct mimo_value value = mimo_evaluate(&scope, statement->value);

    if (value.kind == MIMO_VALUE_BOOLEAN) {
        if (value.integer == 0)
            report_false(&scope, statement);
    } else if (value.kind != MIMO_VALUE_UNKNOWN) {
        (void)mimo_diagnose(compilation->diagnostics, MIMO_E0301, statement->value->span,
                            "an assert must be true or false, not %s",
                            mimo_value_noun(compilation->arena, &value));
    }
}

/* ---- all of it ---- */

static bool is_choice_kind(enum mimo_block_kind kind)
{
    return kind == MIMO_BLOCK_model || kind == MIMO_BLOCK_deployment ||
           kind == MIMO_BLOCK_training || kind == MIMO_BLOCK_data;
}

/* The chosen blocks, and those of which nothing is chosen unless others derive from them. */
static void complete_blocks(struct mimo_compilation *compilation)
{
    for (int i = 0; i < MIMO_CHOICE_COUNT; i++) {
        if (compilation->choice.blocks[i] != NULL)
            complete_block(compilation, compilation->choice.blocks[i]);
    }
    for (size_t i = 0; i < compilation->block_count; i++) {
        const struct mimo_block *block = compilation->blocks[i];
        if (!is_choice_kind(block->kind) && !block->fields->is_derived_from)
            complete_block(compilation, block);
    }
}

static const struct mimo_block *chosen_cluster(struct mimo_compilation *compilation,
                                               const struct mimo_block *deployment)
{
    const struct mimo_block *cluster;
    const char *name;

    if (deployment == NULL || !mimo_block_string(deployment, MIMO_ATTR_cluster, &name))
        return NULL;
    cluster = mimo_compilation_find(compilation, MIMO_BLOCK_cluster, name);
    if (cluster != NULL)
        complete_block(compilation, cluster);
    return cluster;
}

void mimo_compilation_complete(struct mimo_compilation *compilation,
                               const struct mimo_choice *choice,
                               struct mimo_declaration *out_declaration)
{
    compilation->choice = *choice;
    reset(compilation);
    for (size_t i = 0; i < compilation->param_count; i++)
        (void)mimo_evaluate_param(compilation, &compilation->params[i]);
    complete_blocks(compilation);
    for (size_t i = 0; i < compilation->assert_count; i++)
        check_assert(compilation, compilation->asserts[i]);
    if (compilation->request->needs_model)
        require_block(compilation, MIMO_CHOICE_MODEL, "model");
    if (compilation->request->needs_model || !mimo_compilation_is_library(compilation)) {
        require_block(compilation, MIMO_CHOICE_TRAINING, "training");
        require_block(compilation, MIMO_CHOICE_DATA, "data");
    }
    *out_declaration = (struct mimo_declaration){
        .model = choice->blocks[MIMO_CHOICE_MODEL],
        .deployment = choice->blocks[MIMO_CHOICE_DEPLOYMENT],
        .training = choice->blocks[MIMO_CHOICE_TRAINING],
        .data = choice->blocks[MIMO_CHOICE_DATA],
        .checkpoint = mimo_compilation_find(compilation, MIMO_BLOCK_checkpoint, NULL),
        .cluster = chosen_cluster(compilation, choice->blocks[MIMO_CHOICE_DEPLOYMENT]),
        .language_version = 1,
        .world_size_option = compilation->request->world_size,
    };
}
