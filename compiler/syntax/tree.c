#include "compiler/syntax/tree.h"

struct mimo_span mimo_span_join(struct mimo_span a, struct mimo_span b)
{
    return (struct mimo_span){a.file, a.begin, b.end};
}

struct mimo_expression *mimo_expression_node(struct mimo_arena *arena,
                                             enum mimo_expression_kind kind,
                                             enum mimo_operator operation, struct mimo_span span)
{
    struct mimo_expression *node = MIMO_NEW(arena, struct mimo_expression);

    *node =
        (struct mimo_expression){.kind = kind, .operation = operation, .span = span, .depth = 1};
    return node;
}

struct mimo_expression *mimo_expression_leaf(struct mimo_arena *arena,
                                             enum mimo_expression_kind kind, struct mimo_name name)
{
    struct mimo_expression *node =
        mimo_expression_node(arena, kind, MIMO_OPERATOR_COUNT, name.span);

    node->name = name;
    return node;
}

struct mimo_expression *mimo_expression_path(struct mimo_arena *arena,
                                             struct mimo_expression *path_or_null,
                                             struct mimo_name name)
{
    struct mimo_expression *path = path_or_null;

    if (path == NULL)
        path = mimo_expression_node(arena, MIMO_EXPRESSION_PATH, MIMO_OPERATOR_COUNT, name.span);
    MIMO_APPEND(arena, path->path, path->path_length, path->path_capacity, name);
    path->span = mimo_span_join(path->span, name.span);
    return path;
}

void mimo_expression_add(struct mimo_arena *arena, struct mimo_expression *node,
                         struct mimo_expression *item)
{
    MIMO_APPEND(arena, node->items, node->item_count, node->item_capacity, item);
    if (item->depth >= node->depth)
        node->depth = item->depth + 1;
}

const char *mimo_operator_word(enum mimo_operator operation)
{
#define MIMO_WORD(name, word) word,
    static const char *const words[] = {MIMO_OPERATORS(MIMO_WORD)};
#undef MIMO_WORD
    return words[operation];
}
