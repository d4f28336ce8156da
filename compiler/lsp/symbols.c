/* The outline of a document, and its layout. */
#include "compiler/fmt/fmt.h"
#include "compiler/lsp/parts.h"

#include <string.h>

/* SymbolKind of the protocol. */
enum { SYMBOL_MODULE = 2, SYMBOL_CLASS = 5, SYMBOL_PROPERTY = 7, SYMBOL_CONSTANT = 14 };

static json_t *make_symbol(const struct mimo_lsp *server, const struct mimo_lsp_document *document,
                           const char *name, int kind, struct mimo_span whole,
                           struct mimo_span selection)
{
    return json_pack("{s:o, s:i, s:o, s:o}", "name", mimo_lsp_text(name), "kind", kind, "range",
                     mimo_lsp_span(server, document, whole), "selectionRange",
                     mimo_lsp_span(server, document, selection));
}

/* A block ends behind its last entry; its brace is not in the tree. */
static struct mimo_span span_of(const struct mimo_tree_block *block)
{
    struct mimo_span span = block->kind.span;
    uint32_t end = block->base.text != NULL   ? block->base.span.end
                   : block->name.text != NULL ? block->name.span.end
                                              : span.end;

    if (block->attribute_count > 0 && block->attributes[block->attribute_count - 1].span.end > end)
        end = block->attributes[block->attribute_count - 1].span.end;
    if (block->block_count > 0) {
        const struct mimo_span last = span_of(block->blocks[block->block_count - 1]);
        end = last.end > end ? last.end : end;
    }
    span.end = end;
    return span;
}

static json_t *make_block(const struct mimo_lsp *server, struct mimo_lsp_document *document,
                          const struct mimo_tree_block *block, struct mimo_span whole)
{
    const bool has_name = block->name.text != NULL;
    const char *name = has_name ? mimo_arena_printf(&document->analysis.arena, "%s %s",
                                                    block->kind.text, block->name.text)
                                : block->kind.text;
    json_t *symbol = make_symbol(server, document, name, SYMBOL_CLASS, whole,
                                 has_name ? block->name.span : block->kind.span);
    json_t *children = json_array();

    for (size_t i = 0; i < block->attribute_count; i++)
        (void)json_array_append_new(
            children, make_symbol(server, document, block->attributes[i].name.text, SYMBOL_PROPERTY,
                                  block->attributes[i].span, block->attributes[i].name.span));
    for (size_t i = 0; i < block->block_count; i++)
        (void)json_array_append_new(
            children, make_block(server, document, block->blocks[i], span_of(block->blocks[i])));
    (void)json_object_set_new(symbol, "children", children);
    return symbol;
}

static json_t *make_statement(const struct mimo_lsp *server, struct mimo_lsp_document *document,
                              const struct mimo_statement *statement)
{
    switch (statement->kind) {
    case MIMO_STATEMENT_IMPORT:
        return make_symbol(server, document, statement->name.text, SYMBOL_MODULE, statement->span,
                           statement->name.span);
    case MIMO_STATEMENT_PARAM:
        return make_symbol(server, document, statement->name.text, SYMBOL_CONSTANT, statement->span,
                           statement->name.span);
    case MIMO_STATEMENT_BLOCK:
        return make_block(server, document, statement->block, statement->span);
    case MIMO_STATEMENT_VERSION:
    case MIMO_STATEMENT_ASSERT:
    case MIMO_STATEMENT_ATTRIBUTE:
        break;
    }
    return NULL;
}

json_t *mimo_lsp_symbols(struct mimo_lsp *server, struct mimo_lsp_document *document)
{
    const struct mimo_tree *tree = mimo_compilation_main_tree(&document->analysis.compilation);
    json_t *list = json_array();

    for (size_t i = 0; i < tree->statement_count; i++) {
        json_t *symbol = make_statement(server, document, &tree->statements[i]);
        if (symbol != NULL)
            (void)json_array_append_new(list, symbol);
    }
    return list;
}

/* One edit that replaces all of it; none where nothing changes or the text is broken. */
json_t *mimo_lsp_format(struct mimo_lsp *server, struct mimo_lsp_document *document)
{
    struct mimo_lsp_analysis *analysis = &document->analysis;
    struct mimo_diagnostics diagnostics;
    const char *text;
    size_t size;

    mimo_diagnostics_init(&diagnostics, &analysis->arena, &analysis->sources);
    text = mimo_fmt(&diagnostics, 0, &size);
    if (text == NULL ||
        (size == document->size && memcmp(text, document->text, document->size) == 0))
        return json_array();
    return json_pack("[{s:o, s:o}]", "range",
                     mimo_lsp_range(server, &analysis->lines, 0, document->size), "newText",
                     mimo_lsp_text(text));
}
