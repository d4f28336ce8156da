/* What stands at a place of a document: a walk down its tree. */
#include "compiler/declaration/evaluate.h"
#include "compiler/lsp/parts.h"

#include <string.h>

struct finder {
    const struct mimo_lsp_document *document;
    uint32_t offset;
    struct mimo_lsp_target *target;
};

static bool touches(const struct finder *finder, struct mimo_span span)
{
    return span.begin < span.end && span.begin <= finder->offset && finder->offset <= span.end;
}

static bool touches_name(const struct finder *finder, const struct mimo_name *name)
{
    return name->text != NULL && touches(finder, name->span);
}

static bool hit(const struct finder *finder, enum mimo_lsp_target_kind kind, struct mimo_span span)
{
    finder->target->kind = kind;
    finder->target->span = span;
    return true;
}

/* The innermost expression; of a path also the word. */
static bool find_in_expression(const struct finder *finder,
                               const struct mimo_expression *expression)
{
    if (!touches(finder, expression->span))
        return false;
    finder->target->expression = expression;
    (void)hit(finder, MIMO_LSP_EXPRESSION, expression->span);
    for (size_t i = 0; i < expression->item_count; i++) {
        if (find_in_expression(finder, expression->items[i]))
            return true;
    }
    for (size_t i = 0; i < expression->path_length; i++) {
        if (touches_name(finder, &expression->path[i])) {
            finder->target->word = i;
            return hit(finder, MIMO_LSP_WORD, expression->path[i].span);
        }
    }
    return true;
}

static bool find_in_attribute(const struct finder *finder,
                              const struct mimo_tree_attribute *attribute)
{
    if (!touches(finder, attribute->span))
        return false;
    finder->target->attribute = attribute;
    if (touches_name(finder, &attribute->name))
        return hit(finder, MIMO_LSP_ATTRIBUTE, attribute->name.span);
    return find_in_expression(finder, attribute->value);
}

static bool find_in_block(const struct finder *finder, const struct mimo_tree_block *block)
{
    finder->target->block = block;
    if (touches_name(finder, &block->kind))
        return hit(finder, MIMO_LSP_BLOCK_KIND, block->kind.span);
    if (touches_name(finder, &block->name))
        return hit(finder, MIMO_LSP_BLOCK_NAME, block->name.span);
    if (touches_name(finder, &block->base))
        return hit(finder, MIMO_LSP_BLOCK_BASE, block->base.span);
    for (size_t i = 0; i < block->attribute_count; i++) {
        if (find_in_attribute(finder, &block->attributes[i]))
            return true;
    }
    for (size_t i = 0; i < block->block_count; i++) {
        if (find_in_block(finder, block->blocks[i]))
            return true;
    }
    return false;
}

static bool find_in_statement(const struct finder *finder, const struct mimo_statement *statement)
{
    finder->target->statement = statement;
    switch (statement->kind) {
    case MIMO_STATEMENT_VERSION:
        return false;
    case MIMO_STATEMENT_IMPORT:
        return touches(finder, statement->span) && hit(finder, MIMO_LSP_IMPORT, statement->span);
    case MIMO_STATEMENT_PARAM:
        if (touches_name(finder, &statement->name))
            return hit(finder, MIMO_LSP_PARAM, statement->name.span);
        return find_in_expression(finder, statement->value);
    case MIMO_STATEMENT_ASSERT:
    case MIMO_STATEMENT_ATTRIBUTE:
        return find_in_expression(finder, statement->value);
    case MIMO_STATEMENT_BLOCK:
        return find_in_block(finder, statement->block);
    }
    return false;
}

/* ---- what the compiler made of it ---- */

/* The block of that tree, in `block` or below; one that is written there before a copy of it. */
static const struct mimo_block *find_resolved(const struct mimo_block *block,
                                              const struct mimo_tree_block *tree)
{
    const struct mimo_block *found = NULL;

    if (block->fields->tree == tree)
        return block;
    for (size_t i = 0; i < block->child_count && found == NULL; i++)
        found = find_resolved(block->children[i], tree);
    return found;
}

static void resolve(const struct finder *finder)
{
    const struct mimo_compilation *compilation = &finder->document->analysis.compilation;
    struct mimo_lsp_target *target = finder->target;

    for (size_t i = 0; i < compilation->block_count && target->resolved == NULL; i++) {
        if (compilation->blocks[i]->fields->tree != target->statement->block)
            continue;
        target->outermost = compilation->blocks[i];
        target->resolved = find_resolved(target->outermost, target->block);
    }
    if (target->resolved != NULL && target->attribute != NULL)
        target->field = mimo_block_field(target->resolved, target->attribute->name.text);
}

void mimo_lsp_find(const struct mimo_lsp_document *document, size_t offset,
                   struct mimo_lsp_target *out_target)
{
    const struct finder finder = {document, (uint32_t)offset, out_target};
    const struct mimo_tree *tree = mimo_compilation_main_tree(&document->analysis.compilation);

    for (size_t i = 0; i < tree->statement_count; i++) {
        *out_target = (struct mimo_lsp_target){0};
        if (!find_in_statement(&finder, &tree->statements[i]))
            continue;
        if (out_target->block != NULL)
            resolve(&finder);
        return;
    }
    *out_target = (struct mimo_lsp_target){0};
}

void mimo_lsp_scope(struct mimo_lsp_document *document, const struct mimo_lsp_target *target,
                    struct mimo_scope *out_scope)
{
    *out_scope = (struct mimo_scope){
        .compilation = &document->analysis.compilation,
        .block = target->resolved,
        .attribute = target->field != NULL ? target->field->schema : NULL,
    };
}
