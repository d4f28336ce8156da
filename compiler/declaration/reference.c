/* What names refer to: words of an enumeration, params, siblings, attributes of other blocks. */
#include "compiler/declaration/evaluate.h"
#include "compiler/declaration/suggest.h"

#include <string.h>

/* ---- one word ---- */

static struct mimo_value word_value(const char *text, int64_t index)
{
    return (struct mimo_value){.kind = MIMO_VALUE_WORD, .integer = index, .text = text};
}

/* true, false, auto and none; unknown for every other word. */
static struct mimo_value literal_value(const char *word)
{
    if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0)
        return mimo_value_boolean(word[0] == 't');
    if (strcmp(word, "auto") == 0)
        return (struct mimo_value){.kind = MIMO_VALUE_AUTO};
    if (strcmp(word, "none") == 0)
        return (struct mimo_value){.kind = MIMO_VALUE_NONE};
    return mimo_value_unknown();
}

static struct mimo_param *find_param(const struct mimo_compilation *compilation, const char *word)
{
    for (size_t i = 0; i < compilation->param_count; i++) {
        if (strcmp(compilation->params[i].name.text, word) == 0)
            return &compilation->params[i];
    }
    return NULL;
}

static void report_unknown_word(const struct mimo_scope *scope, struct mimo_name name)
{
    struct mimo_compilation *compilation = scope->compilation;
    struct mimo_candidates candidates = {.arena = compilation->arena};
    struct mimo_diagnostic *diagnostic;

    if (scope->attribute != NULL && scope->attribute->type->word_count > 0) {
        mimo_report_word(scope, name.text, name.span);
        return;
    }
    diagnostic = mimo_diagnose(compilation->diagnostics, MIMO_E0204, name.span,
                               "there is no param or attribute '%s' here", name.text);
    for (size_t i = 0; i < compilation->param_count; i++)
        mimo_candidates_add(&candidates, compilation->params[i].name.text);
    for (size_t i = 0; scope->block != NULL && i < scope->block->fields->count; i++)
        mimo_candidates_add(&candidates,
                            mimo_attribute_word(scope->block->fields->items[i].schema->attribute));
    if (scope->attribute != NULL && (scope->attribute->type->forms & MIMO_FORM_STRING))
        mimo_diagnose_help(compilation->diagnostics, diagnostic,
                           "a string stands in double quotes: \"%s\"", name.text);
    else
        mimo_suggest(compilation->diagnostics, diagnostic, name.text, &candidates);
}

static struct mimo_value evaluate_word(const struct mimo_scope *scope, struct mimo_name name)
{
    struct mimo_compilation *compilation = scope->compilation;
    const struct mimo_type *type = scope->attribute != NULL ? scope->attribute->type : NULL;
    const int64_t index = type != NULL ? mimo_type_word_index(type, name.text) : -1;
    struct mimo_value literal = literal_value(name.text);
    struct mimo_param *param;
    struct mimo_field *field;

    if (index >= 0)
        return word_value(type->words[index], index);
    if (literal.kind != MIMO_VALUE_UNKNOWN)
        return literal;
    param = scope->is_default ? NULL : find_param(compilation, name.text);
    if (param != NULL)
        return mimo_evaluate_param(compilation, param);
    field = scope->block != NULL ? mimo_block_field(scope->block, name.text) : NULL;
    if (field != NULL)
        return mimo_evaluate_field(compilation, scope->block, field);
    if (mimo_schema_knows_word(name.text))
        return word_value(name.text, -1); /* compared, or given to an attribute by a param */
    if (!scope->is_default && !mimo_compilation_lost(compilation, name.span.file, name.text))
        report_unknown_word(scope, name);
    return mimo_value_unknown();
}

/* ---- blocks ---- */

static const struct mimo_block *named_child(const struct mimo_block *block, const char *word)
{
    for (size_t i = 0; i < block->child_count; i++) {
        const struct mimo_block *child = block->children[i];
        if (child->name != NULL && strcmp(child->name, word) == 0)
            return child;
    }
    return NULL;
}

/* A child by its name or, where there is one such block, by its kind. */
static const struct mimo_block *find_child(const struct mimo_block *block, const char *word)
{
    const struct mimo_block *found = named_child(block, word);
    enum mimo_block_kind kind;

    if (found != NULL || !mimo_schema_find_block(word, &kind))
        return found;
    for (size_t i = 0; i < block->child_count; i++) {
        if (block->children[i]->kind != kind)
            continue;
        if (found != NULL)
            return NULL;
        found = block->children[i];
    }
    return found;
}

/* The language model, an encoder, a projector or, after them, a modality of the model. */
static const struct mimo_block *find_module(const struct mimo_block *model, const char *word)
{
    const struct mimo_block *found = NULL;

    for (size_t i = 0; i < model->child_count && found == NULL; i++) {
        if (model->children[i]->kind == MIMO_BLOCK_language) {
            if (model->children[i]->name != NULL && strcmp(model->children[i]->name, word) == 0)
                found = model->children[i];
        } else {
            found = named_child(model->children[i], word);
        }
    }
    return found != NULL ? found : find_child(model, word);
}

/* The chosen block of that kind, by its kind word. */
static const struct mimo_block *find_chosen(const struct mimo_compilation *compilation,
                                            const char *word)
{
    static const char *const words[MIMO_CHOICE_COUNT] = {"model", "deployment", "training", "data"};

    for (int i = 0; i < MIMO_CHOICE_COUNT; i++) {
        if (strcmp(words[i], word) == 0)
            return compilation->choice.blocks[i];
    }
    if (strcmp(word, "checkpoint") == 0)
        return mimo_compilation_find(compilation, MIMO_BLOCK_checkpoint, NULL);
    return NULL;
}

/* What the first word of a path names. */
static const struct mimo_block *find_first(const struct mimo_compilation *compilation,
                                           const char *word)
{
    const struct mimo_block *model = compilation->choice.blocks[MIMO_CHOICE_MODEL];
    const struct mimo_block *found = model != NULL ? find_module(model, word) : NULL;

    if (found == NULL)
        found = find_chosen(compilation, word);
    for (size_t i = 0; i < compilation->block_count && found == NULL; i++) {
        const struct mimo_block *block = compilation->blocks[i];
        if (block->name != NULL && strcmp(block->name, word) == 0)
            found = block;
    }
    return found;
}

static void add_children(struct mimo_candidates *candidates, const struct mimo_block *block)
{
    for (size_t i = 0; i < block->child_count; i++) {
        const struct mimo_block *child = block->children[i];
        mimo_candidates_add(candidates, child->name != NULL ? child->name
                                                            : mimo_schema_block(child->kind)->word);
    }
}

static void report_unknown_first(const struct mimo_scope *scope, struct mimo_name name)
{
    struct mimo_compilation *compilation = scope->compilation;
    const struct mimo_block *model = compilation->choice.blocks[MIMO_CHOICE_MODEL];
    struct mimo_candidates candidates = {.arena = compilation->arena};
    struct mimo_diagnostic *diagnostic = mimo_diagnose(
        compilation->diagnostics, MIMO_E0204, name.span, "there is no block '%s'", name.text);

    if (model != NULL)
        add_children(&candidates, model);
    for (size_t i = 0; model != NULL && i < model->child_count; i++)
        add_children(&candidates, model->children[i]);
    for (size_t i = 0; i < compilation->block_count; i++)
        mimo_candidates_add(&candidates,
                            compilation->blocks[i]->name != NULL
                                ? compilation->blocks[i]->name
                                : mimo_schema_block(compilation->blocks[i]->kind)->word);
    mimo_suggest(compilation->diagnostics, diagnostic, name.text, &candidates);
}

static void report_unknown_member(const struct mimo_scope *scope, const struct mimo_block *block,
                                  struct mimo_name name)
{
    struct mimo_compilation *compilation = scope->compilation;
    struct mimo_candidates candidates = {.arena = compilation->arena};
    struct mimo_diagnostic *diagnostic =
        mimo_diagnose(compilation->diagnostics, MIMO_E0204, name.span, "%s has no '%s'",
                      mimo_block_title(compilation->arena, block), name.text);

    for (size_t i = 0; i < block->fields->count; i++)
        mimo_candidates_add(&candidates,
                            mimo_attribute_word(block->fields->items[i].schema->attribute));
    candidates.closed_count = candidates.count;
    add_children(&candidates, block);
    mimo_suggest(compilation->diagnostics, diagnostic, name.text, &candidates);
}

/* ---- paths ---- */

/* A module's layout answers for the words that the module itself does not have. */
static const struct mimo_block *layout_of(const struct mimo_compilation *compilation,
                                          const struct mimo_block *module)
{
    const struct mimo_block *deployment = compilation->choice.blocks[MIMO_CHOICE_DEPLOYMENT];

    const struct mimo_block *own;

    if (deployment == NULL || module->name == NULL || module->parent == NULL)
        return NULL;
    own = mimo_block_child(deployment, MIMO_BLOCK_parallelism, module->name);
    return own != NULL ? own : mimo_block_child(deployment, MIMO_BLOCK_parallelism, "all");
}

/* The attribute of `*block` or, then in `*block`, of its layout. */
static struct mimo_field *find_member(const struct mimo_compilation *compilation,
                                      const struct mimo_block **block, const char *word)
{
    struct mimo_field *field = mimo_block_field(*block, word);
    const struct mimo_block *layout = field == NULL ? layout_of(compilation, *block) : NULL;

    if (layout != NULL)
        field = mimo_block_field(layout, word);
    if (layout != NULL && field != NULL)
        *block = layout;
    return field;
}

static struct mimo_value evaluate_member(const struct mimo_scope *scope,
                                         const struct mimo_block *block, struct mimo_name name)
{
    struct mimo_compilation *compilation = scope->compilation;
    struct mimo_field *field = find_member(compilation, &block, name.text);

    if (field != NULL)
        return mimo_evaluate_field(compilation, block, field);
    if (!scope->is_default)
        report_unknown_member(scope, block, name);
    return mimo_value_unknown();
}

/* A file without a model may refer to what only its importers define. */
static bool is_missing_muted(const struct mimo_scope *scope, struct mimo_name name)
{
    const struct mimo_compilation *compilation = scope->compilation;

    return scope->is_default || mimo_compilation_is_library(compilation) ||
           strcmp(name.text, "language") == 0 || strcmp(name.text, "training") == 0 ||
           strcmp(name.text, "data") == 0 || strcmp(name.text, "model") == 0 ||
           mimo_compilation_lost(compilation, name.span.file, name.text);
}

struct mimo_value mimo_evaluate_path(const struct mimo_scope *scope,
                                     const struct mimo_expression *path)
{
    const struct mimo_block *block;

    if (path->path_length == 1)
        return evaluate_word(scope, path->path[0]);
    block = find_first(scope->compilation, path->path[0].text);
    if (block == NULL) {
        if (!is_missing_muted(scope, path->path[0]))
            report_unknown_first(scope, path->path[0]);
        return mimo_value_unknown();
    }
    for (size_t i = 1; i + 1 < path->path_length; i++) {
        const struct mimo_block *child = find_child(block, path->path[i].text);
        if (child == NULL) {
            if (!scope->is_default &&
                !mimo_compilation_lost(scope->compilation, path->span.file, path->path[i].text))
                report_unknown_member(scope, block, path->path[i]);
            return mimo_value_unknown();
        }
        block = child;
    }
    return evaluate_member(scope, block, path->path[path->path_length - 1]);
}

/* ---- attributes that name a block ---- */

static const struct mimo_block *find_named(const struct mimo_scope *scope, const char *name)
{
    if (scope->attribute->attribute == MIMO_ATTR_encoder)
        return mimo_block_child(scope->block->parent, MIMO_BLOCK_encoder, name);
    return mimo_compilation_find(scope->compilation, MIMO_BLOCK_cluster, name);
}

static void report_unknown_block(const struct mimo_scope *scope, struct mimo_name name)
{
    struct mimo_compilation *compilation = scope->compilation;
    struct mimo_candidates candidates = {.arena = compilation->arena};
    const char *word = mimo_attribute_word(scope->attribute->attribute);
    struct mimo_diagnostic *diagnostic = mimo_diagnose(
        compilation->diagnostics, MIMO_E0204, name.span, "there is no %s '%s'%s", word, name.text,
        scope->attribute->attribute == MIMO_ATTR_encoder ? " in this modality" : "");

    if (scope->attribute->attribute == MIMO_ATTR_encoder) {
        for (size_t i = 0; i < scope->block->parent->child_count; i++) {
            const struct mimo_block *sibling = scope->block->parent->children[i];
            if (sibling->kind == MIMO_BLOCK_encoder && sibling->name != NULL)
                mimo_candidates_add(&candidates, sibling->name);
        }
    } else {
        for (size_t i = 0; i < compilation->block_count; i++) {
            const struct mimo_block *block = compilation->blocks[i];
            if (block->kind == MIMO_BLOCK_cluster && block->name != NULL)
                mimo_candidates_add(&candidates, block->name);
        }
    }
    mimo_suggest(compilation->diagnostics, diagnostic, name.text, &candidates);
}

struct mimo_value mimo_evaluate_block_name(const struct mimo_scope *scope,
                                           const struct mimo_expression *expression)
{
    struct mimo_value value;
    struct mimo_name name;

    if (expression->kind != MIMO_EXPRESSION_PATH || expression->path_length != 1 ||
        literal_value(expression->path[0].text).kind != MIMO_VALUE_UNKNOWN) {
        value = mimo_evaluate(scope, expression);
        return mimo_convert(scope, &value, expression->span);
    }
    name = expression->path[0];
    if (find_named(scope, name.text) != NULL)
        return (struct mimo_value){.kind = MIMO_VALUE_STRING, .text = name.text};
    if (!mimo_compilation_lost(scope->compilation, name.span.file, name.text))
        report_unknown_block(scope, name);
    return mimo_value_unknown();
}

/* ---- without evaluating ---- */

static bool find_word(const struct mimo_scope *scope, const char *word,
                      struct mimo_reference *out_reference)
{
    const struct mimo_type *type = scope->attribute != NULL ? scope->attribute->type : NULL;

    if ((type != NULL && mimo_type_word_index(type, word) >= 0) ||
        literal_value(word).kind != MIMO_VALUE_UNKNOWN)
        return false;
    if (type != NULL && (type->forms & MIMO_FORM_NAME) != 0) {
        out_reference->block = find_named(scope, word);
        return out_reference->block != NULL;
    }
    out_reference->param = find_param(scope->compilation, word);
    if (out_reference->param != NULL || scope->block == NULL)
        return out_reference->param != NULL;
    out_reference->block = scope->block;
    out_reference->field = mimo_block_field(scope->block, word);
    return out_reference->field != NULL;
}

bool mimo_reference_find(const struct mimo_scope *scope, const struct mimo_expression *path,
                         size_t index, struct mimo_reference *out_reference)
{
    const struct mimo_block *block;

    *out_reference = (struct mimo_reference){0};
    if (path->path_length == 1)
        return find_word(scope, path->path[0].text, out_reference);
    block = find_first(scope->compilation, path->path[0].text);
    for (size_t i = 1; i <= index && i + 1 < path->path_length && block != NULL; i++)
        block = find_child(block, path->path[i].text);
    out_reference->block = block;
    if (block == NULL || index + 1 < path->path_length)
        return block != NULL;
    out_reference->field =
        find_member(scope->compilation, &out_reference->block, path->path[index].text);
    return out_reference->field != NULL;
}
