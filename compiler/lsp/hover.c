/* What a word means and what an expression comes to. */
#include "compiler/declaration/evaluate.h"
#include "compiler/lsp/parts.h"

#include <string.h>

/* ---- the schema in words ---- */

/* "a, b and c" of a space-separated list, each as code. */
static const char *join_list(struct mimo_arena *arena, const char *list)
{
    const char *text = "", *word;
    size_t length;

    for (size_t i = 0; (word = mimo_word_list_item(list, i, &length)) != NULL; i++)
        text = mimo_arena_printf(arena, "%s%s`%.*s`", text, i == 0 ? "" : ", ", (int)length, word);
    return text;
}

const char *mimo_lsp_type_text(struct mimo_arena *arena, const struct mimo_schema_attribute *row)
{
    const struct mimo_type *type = row->type;
    const char *text = type->noun;

    if (*text != '\0')
        return text;
    for (size_t i = 0; i < type->word_count; i++)
        text = mimo_arena_printf(arena, "%s%s`%s`", text,
                                 i == 0                     ? ""
                                 : i + 1 < type->word_count ? ", "
                                                            : " or ",
                                 type->words[i]);
    return text;
}

/* ", at least 1": what the range says beyond the type. */
static const char *range_text(struct mimo_arena *arena, const struct mimo_range *range)
{
    const char *text = "";

    if (range->low > -INT32_MAX)
        text = mimo_arena_printf(arena, ", %s", range->below);
    if (range->high < INT32_MAX)
        text = mimo_arena_printf(arena, "%s, %s", text, range->above);
    return text;
}

const char *mimo_lsp_attribute_text(struct mimo_arena *arena,
                                    const struct mimo_schema_attribute *row)
{
    const char *word = mimo_attribute_word(row->attribute);
    const char *of = row->default_text == NULL
                         ? "required"
                         : mimo_arena_printf(arena, "default: `%s`", row->default_text);

    return mimo_arena_printf(arena, "**%s**: %s\n\n%s%s; %s", word, row->doc,
                             mimo_lsp_type_text(arena, row), range_text(arena, row->range), of);
}

const char *mimo_lsp_block_text(struct mimo_arena *arena, enum mimo_block_kind kind)
{
    const struct mimo_schema_block *block = mimo_schema_block(kind);
    const char *text = mimo_arena_printf(arena, "**%s**: %s", block->word, block->doc);
    const char *parents = block->parents;

    if (*block->bases != '\0')
        text = mimo_arena_printf(arena, "%s\n\none of %s", text, join_list(arena, block->bases));
    return *parents == '\0'
               ? text
               : mimo_arena_printf(arena, "%s\n\nstands in %s", text, join_list(arena, parents));
}

/* ---- values ---- */

static const char *add_value(struct mimo_arena *arena, const char *text,
                             const struct mimo_value *value)
{
    if (value->kind == MIMO_VALUE_UNKNOWN)
        return text;
    return mimo_arena_printf(arena, "%s%s= `%s`", text, *text == '\0' ? "" : "\n\n",
                             mimo_value_text(arena, value));
}

static const char *describe_field(struct mimo_arena *arena, struct mimo_compilation *compilation,
                                  const struct mimo_block *block, struct mimo_field *field)
{
    const struct mimo_value value = mimo_evaluate_field(compilation, block, field);

    return add_value(arena, mimo_lsp_attribute_text(arena, field->schema), &value);
}

static const char *describe_param(struct mimo_arena *arena, struct mimo_compilation *compilation,
                                  const char *word)
{
    for (size_t i = 0; i < compilation->param_count; i++) {
        struct mimo_param *param = &compilation->params[i];
        if (strcmp(param->name.text, word) == 0) {
            const struct mimo_value value = mimo_evaluate_param(compilation, param);
            return add_value(arena, mimo_arena_printf(arena, "**param %s**", word), &value);
        }
    }
    return NULL;
}

static const char *describe_block(struct mimo_arena *arena, const struct mimo_block *block)
{
    return mimo_arena_printf(arena, "**%s**%s%s: %s", mimo_block_title(arena, block),
                             block->architecture != NULL ? ", " : "",
                             block->architecture != NULL ? block->architecture : "",
                             mimo_schema_block(block->kind)->doc);
}

/* ---- targets ---- */

static const char *describe_function(struct mimo_arena *arena, const char *name)
{
    static const char *const texts[][2] = {
        {"min", "the smallest of its arguments"},
        {"max", "the largest of its arguments"},
        {"ceil_div", "a / b, rounded up"},
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (strcmp(texts[i][0], name) == 0)
            return mimo_arena_printf(arena, "**%s**: %s", name, texts[i][1]);
    }
    return "";
}

static const char *describe_expression(struct mimo_lsp_document *document,
                                       const struct mimo_lsp_target *target)
{
    struct mimo_arena *arena = &document->analysis.arena;
    const struct mimo_expression *expression = target->expression;
    const char *text = expression->kind == MIMO_EXPRESSION_CALL
                           ? describe_function(arena, expression->name.text)
                           : "";
    struct mimo_value value;
    struct mimo_scope scope;

    mimo_lsp_scope(document, target, &scope);
    value = mimo_evaluate(&scope, expression);
    text = add_value(arena, text, &value);
    return *text != '\0' ? text : NULL;
}

static const char *describe_word(struct mimo_lsp_document *document,
                                 const struct mimo_lsp_target *target)
{
    struct mimo_compilation *compilation = &document->analysis.compilation;
    struct mimo_arena *arena = &document->analysis.arena;
    struct mimo_reference reference;
    struct mimo_scope scope;

    mimo_lsp_scope(document, target, &scope);
    if (!mimo_reference_find(&scope, target->expression, target->word, &reference))
        return describe_expression(document, target);
    if (reference.param != NULL)
        return describe_param(arena, compilation, reference.param->name.text);
    if (reference.field != NULL)
        return describe_field(
            arena, compilation, reference.block,
            mimo_block_field(reference.block, target->expression->path[target->word].text));
    return describe_block(arena, reference.block);
}

static const char *describe_base(struct mimo_lsp_document *document,
                                 const struct mimo_lsp_target *target)
{
    struct mimo_arena *arena = &document->analysis.arena;
    const struct mimo_block *block = target->resolved;
    const char *text = "", *word;
    const struct mimo_schema_attribute *rows;
    size_t count;

    if (block == NULL)
        return NULL;
    if (block->fields->base != NULL)
        return describe_block(arena, block->fields->base);
    if (block->architecture == NULL)
        return NULL;
    rows = mimo_schema_attributes(block->kind, &count);
    for (size_t i = 0; i < count; i++) {
        word = mimo_attribute_word(rows[i].attribute);
        if (mimo_schema_applies(&rows[i], block->architecture))
            text = mimo_arena_printf(arena, "%s%s`%s`", text, *text == '\0' ? "" : ", ", word);
    }
    return mimo_arena_printf(arena, "**%s**: %s\n\n%s", block->architecture,
                             mimo_schema_block(block->kind)->doc, text);
}

static const char *describe_kind(struct mimo_arena *arena, const struct mimo_lsp_target *target)
{
    enum mimo_block_kind kind;

    return mimo_schema_find_block(target->block->kind.text, &kind)
               ? mimo_lsp_block_text(arena, kind)
               : NULL;
}

/* The path of the file that was found. */
static const char *describe_import(struct mimo_lsp_document *document,
                                   const struct mimo_lsp_target *target)
{
    const struct mimo_sources *sources = &document->analysis.sources;

    for (uint32_t file = 1; file < sources->count; file++) {
        const struct mimo_source *source = mimo_source(sources, file);
        if (source->is_imported && source->import.file == 0 &&
            source->import.begin == target->statement->span.begin)
            return mimo_arena_printf(&document->analysis.arena, "`%s`", source->name);
    }
    return NULL;
}

static const char *describe(struct mimo_lsp_document *document,
                            const struct mimo_lsp_target *target)
{
    struct mimo_compilation *compilation = &document->analysis.compilation;
    struct mimo_arena *arena = &document->analysis.arena;

    switch (target->kind) {
    case MIMO_LSP_NOTHING:
        break;
    case MIMO_LSP_BLOCK_KIND:
        return describe_kind(arena, target);
    case MIMO_LSP_BLOCK_NAME:
        return target->resolved != NULL ? describe_block(arena, target->resolved) : NULL;
    case MIMO_LSP_BLOCK_BASE:
        return describe_base(document, target);
    case MIMO_LSP_ATTRIBUTE:
        return target->field != NULL
                   ? describe_field(arena, compilation, target->resolved, target->field)
                   : NULL;
    case MIMO_LSP_PARAM:
        return describe_param(arena, compilation, target->statement->name.text);
    case MIMO_LSP_IMPORT:
        return describe_import(document, target);
    case MIMO_LSP_WORD:
        return describe_word(document, target);
    case MIMO_LSP_EXPRESSION:
        return describe_expression(document, target);
    }
    return NULL;
}

json_t *mimo_lsp_hover(struct mimo_lsp *server, struct mimo_lsp_document *document, size_t offset)
{
    struct mimo_lsp_target target;
    const char *text;

    mimo_lsp_find(document, offset, &target);
    mimo_lsp_document_choose(document, target.outermost);
    text = describe(document, &target);
    if (text == NULL)
        return json_null();
    return json_pack("{s:o, s:o}", "contents", mimo_lsp_markdown(text), "range",
                     mimo_lsp_span(server, document, target.span));
}
