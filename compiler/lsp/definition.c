/* Where what stands at a place is defined. */
#include "compiler/declaration/evaluate.h"
#include "compiler/lsp/parts.h"

#include <string.h>

/* Where an attribute is written; a default stands nowhere, so its block is shown. */
static struct mimo_span place_of_field(const struct mimo_block *block,
                                       const struct mimo_field *field)
{
    return field->written != NULL ? field->written->name.span : block->name_span;
}

static bool find_reference(struct mimo_lsp_document *document, const struct mimo_lsp_target *target,
                           struct mimo_span *out_span)
{
    struct mimo_reference reference;
    struct mimo_scope scope;

    mimo_lsp_scope(document, target, &scope);
    if (!mimo_reference_find(&scope, target->expression, target->word, &reference))
        return false;
    if (reference.param != NULL)
        *out_span = reference.param->name.span;
    else if (reference.field != NULL)
        *out_span = place_of_field(reference.block, reference.field);
    else
        *out_span = reference.block->name_span;
    return true;
}

/* The module that a layout is for; for other blocks, the block itself. */
static bool find_named(struct mimo_lsp_document *document, const struct mimo_lsp_target *target,
                       struct mimo_span *out_span)
{
    struct mimo_name words[2] = {target->block->name, {"", target->span}};
    const struct mimo_expression path = {
        .kind = MIMO_EXPRESSION_PATH, .span = target->span, .path = words, .path_length = 2};
    const struct mimo_scope scope = {.compilation = &document->analysis.compilation};
    struct mimo_reference reference;

    if (target->resolved == NULL)
        return false;
    *out_span = target->resolved->name_span;
    if (target->resolved->kind == MIMO_BLOCK_parallelism &&
        mimo_reference_find(&scope, &path, 0, &reference))
        *out_span = reference.block->name_span;
    return true;
}

static bool find_place(struct mimo_lsp_document *document, const struct mimo_lsp_target *target,
                       struct mimo_span *out_span)
{
    switch (target->kind) {
    case MIMO_LSP_NOTHING:
    case MIMO_LSP_BLOCK_KIND:
    case MIMO_LSP_IMPORT:
    case MIMO_LSP_EXPRESSION:
        return false;
    case MIMO_LSP_BLOCK_NAME:
        return find_named(document, target, out_span);
    case MIMO_LSP_BLOCK_BASE:
        if (target->resolved == NULL || target->resolved->fields->base == NULL)
            return false;
        *out_span = target->resolved->fields->base->name_span;
        return true;
    case MIMO_LSP_ATTRIBUTE:
    case MIMO_LSP_PARAM:
        *out_span = target->span;
        return true;
    case MIMO_LSP_WORD:
        return find_reference(document, target, out_span);
    }
    return false;
}

/* The beginning of the file that a statement imports. */
static bool find_imported(const struct mimo_lsp_document *document,
                          const struct mimo_lsp_target *target, struct mimo_span *out_span)
{
    const struct mimo_sources *sources = &document->analysis.sources;

    for (uint32_t file = 1; file < sources->count; file++) {
        const struct mimo_source *source = mimo_source(sources, file);
        if (source->is_imported && source->import.file == 0 &&
            source->import.begin == target->statement->span.begin) {
            *out_span = (struct mimo_span){.file = file};
            return true;
        }
    }
    return false;
}

json_t *mimo_lsp_definition(struct mimo_lsp *server, struct mimo_lsp_document *document,
                            size_t offset)
{
    struct mimo_lsp_target target;
    struct mimo_span span;
    bool is_found;

    mimo_lsp_find(document, offset, &target);
    mimo_lsp_document_choose(document, target.outermost);
    is_found = target.kind == MIMO_LSP_IMPORT ? find_imported(document, &target, &span)
                                              : find_place(document, &target, &span);
    return is_found ? mimo_lsp_location(server, document, span) : json_null();
}
