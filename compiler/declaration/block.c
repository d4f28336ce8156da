/* The blocks of a declaration: the accessors of declaration.h, and how blocks are made. */
#include "compiler/declaration/compilation.h"

#include <string.h>

static const struct mimo_value UNKNOWN = {.kind = MIMO_VALUE_UNKNOWN};

struct mimo_block *mimo_block_new(struct mimo_arena *arena, enum mimo_block_kind kind,
                                  const char *architecture)
{
    struct mimo_block *block = MIMO_NEW(arena, struct mimo_block);
    struct mimo_fields *fields = MIMO_NEW(arena, struct mimo_fields);
    size_t row_count;
    const struct mimo_schema_attribute *rows = mimo_schema_attributes(kind, &row_count);

    fields->items = MIMO_NEW_ARRAY(arena, struct mimo_field, row_count);
    for (size_t i = 0; i < row_count; i++) {
        if (mimo_schema_applies(&rows[i], architecture))
            fields->items[fields->count++].schema = &rows[i];
    }
    block->kind = kind;
    block->architecture = architecture;
    block->fields = fields;
    return block;
}

void mimo_block_add_child(struct mimo_arena *arena, struct mimo_block *block,
                          struct mimo_block *child)
{
    struct mimo_fields *fields = block->fields;

    child->parent = block;
    MIMO_APPEND(arena, fields->children, block->child_count, fields->child_capacity, child);
    block->children = (const struct mimo_block *const *)fields->children;
}

const char *mimo_block_title(struct mimo_arena *arena, const struct mimo_block *block)
{
    const char *kind = mimo_schema_block(block->kind)->word;

    if (block->name == NULL)
        return kind;
    return mimo_arena_printf(arena, "%s '%s'", kind, block->name);
}

struct mimo_field *mimo_block_field(const struct mimo_block *block, const char *word)
{
    struct mimo_fields *fields = block->fields;

    for (size_t i = 0; i < fields->count; i++) {
        if (strcmp(mimo_attribute_word(fields->items[i].schema->attribute), word) == 0)
            return &fields->items[i];
    }
    return NULL;
}

static const struct mimo_field *find(const struct mimo_block *block, enum mimo_attribute attribute)
{
    const struct mimo_fields *fields = block->fields;

    for (size_t i = 0; i < fields->count; i++) {
        if (fields->items[i].schema->attribute == attribute)
            return &fields->items[i];
    }
    return NULL;
}

const struct mimo_value *mimo_block_value(const struct mimo_block *block,
                                          enum mimo_attribute attribute)
{
    const struct mimo_field *field = find(block, attribute);

    return field != NULL ? &field->value : &UNKNOWN;
}

bool mimo_block_integer(const struct mimo_block *block, enum mimo_attribute attribute, int64_t *out)
{
    const struct mimo_value *value = mimo_block_value(block, attribute);

    if (value->kind != MIMO_VALUE_INTEGER)
        return false;
    *out = value->integer;
    return true;
}

bool mimo_block_real(const struct mimo_block *block, enum mimo_attribute attribute, double *out)
{
    const struct mimo_value *value = mimo_block_value(block, attribute);

    if (value->kind != MIMO_VALUE_REAL && value->kind != MIMO_VALUE_INTEGER)
        return false;
    *out = value->real;
    return true;
}

bool mimo_block_boolean(const struct mimo_block *block, enum mimo_attribute attribute, bool *out)
{
    const struct mimo_value *value = mimo_block_value(block, attribute);

    if (value->kind != MIMO_VALUE_BOOLEAN)
        return false;
    *out = value->integer != 0;
    return true;
}

bool mimo_block_string(const struct mimo_block *block, enum mimo_attribute attribute,
                       const char **out)
{
    const struct mimo_value *value = mimo_block_value(block, attribute);

    if (value->kind != MIMO_VALUE_STRING)
        return false;
    *out = value->text;
    return true;
}

bool mimo_block_word(const struct mimo_block *block, enum mimo_attribute attribute,
                     int64_t *out_index)
{
    const struct mimo_value *value = mimo_block_value(block, attribute);

    if (value->kind != MIMO_VALUE_WORD)
        return false;
    *out_index = value->integer;
    return true;
}

bool mimo_block_is_set(const struct mimo_block *block, enum mimo_attribute attribute)
{
    const struct mimo_field *field = find(block, attribute);

    return field != NULL && (field->written != NULL || field->is_broken);
}

struct mimo_span mimo_block_span(const struct mimo_block *block, enum mimo_attribute attribute)
{
    const struct mimo_field *field = find(block, attribute);

    if (field == NULL || field->written == NULL || field->is_inherited)
        return block->name_span;
    return field->written->span;
}

bool mimo_block_origin(const struct mimo_block *block, enum mimo_attribute attribute,
                       struct mimo_span *out_span)
{
    const struct mimo_field *field = find(block, attribute);

    if (field == NULL || field->written == NULL)
        return false;
    *out_span = field->written->span;
    return true;
}

bool mimo_block_inherits_unknown(const struct mimo_block *block)
{
    for (; block != NULL; block = block->parent) {
        if (block->fields->has_lost_base)
            return true;
    }
    return false;
}

const struct mimo_block *mimo_block_child(const struct mimo_block *block, enum mimo_block_kind kind,
                                          const char *name)
{
    for (size_t i = 0; i < block->child_count; i++) {
        const struct mimo_block *child = block->children[i];
        if (child->kind == kind &&
            (name == NULL || (child->name != NULL && strcmp(child->name, name) == 0)))
            return child;
    }
    return NULL;
}
