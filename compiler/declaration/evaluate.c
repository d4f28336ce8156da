#include "compiler/declaration/evaluate.h"

#include "compiler/syntax/parse.h"

#include <string.h>

/* Expressions within expressions and definitions: keeps the stack shallow. */
enum { EVALUATION_DEPTH_MAX = 600 };

/* A definition that is being evaluated. `definition` is its field or param. */
struct mimo_frame {
    struct mimo_frame *outer;
    const void *definition;
    const struct mimo_block *block; /* of the field; NULL for a param */
    const char *name;
    struct mimo_span span;
    bool has_place; /* false for a default */
    bool is_circular;
};

struct mimo_calculator mimo_scope_calculator(const struct mimo_scope *scope)
{
    return (struct mimo_calculator){scope->compilation->diagnostics, scope->is_default};
}

/* ---- expressions ---- */

static struct mimo_value report_not_boolean(const struct mimo_scope *scope, struct mimo_span span,
                                            const struct mimo_value *value)
{
    const struct mimo_calculator calculator = mimo_scope_calculator(scope);

    if (value->kind != MIMO_VALUE_UNKNOWN)
        (void)mimo_calculator_report(&calculator, MIMO_E0301, span,
                                     "expected true or false, found %s",
                                     mimo_value_noun(scope->compilation->arena, value));
    return mimo_value_unknown();
}

static struct mimo_value evaluate_logic(const struct mimo_scope *scope,
                                        const struct mimo_expression *expression)
{
    const bool is_and = expression->operation == MIMO_OPERATOR_AND;
    const struct mimo_value left = mimo_evaluate(scope, expression->items[0]);
    struct mimo_value right;

    if (left.kind != MIMO_VALUE_BOOLEAN)
        return report_not_boolean(scope, expression->items[0]->span, &left);
    if ((left.integer != 0) != is_and)
        return left;
    right = mimo_evaluate(scope, expression->items[1]);
    if (right.kind != MIMO_VALUE_BOOLEAN)
        return report_not_boolean(scope, expression->items[1]->span, &right);
    return right;
}

static struct mimo_value evaluate_conditional(const struct mimo_scope *scope,
                                              const struct mimo_expression *expression)
{
    const struct mimo_value condition = mimo_evaluate(scope, expression->items[0]);

    if (condition.kind != MIMO_VALUE_BOOLEAN)
        return report_not_boolean(scope, expression->items[0]->span, &condition);
    return mimo_evaluate(scope, expression->items[condition.integer != 0 ? 1 : 2]);
}

static struct mimo_value evaluate_binary(const struct mimo_scope *scope,
                                         const struct mimo_expression *expression)
{
    const struct mimo_calculator calculator = mimo_scope_calculator(scope);
    struct mimo_value left, right;

    if (expression->operation == MIMO_OPERATOR_AND || expression->operation == MIMO_OPERATOR_OR)
        return evaluate_logic(scope, expression);
    left = mimo_evaluate(scope, expression->items[0]);
    right = mimo_evaluate(scope, expression->items[1]);
    return mimo_apply_binary(&calculator, expression->operation, expression->span, &left, &right);
}

static struct mimo_value evaluate_unary(const struct mimo_scope *scope,
                                        const struct mimo_expression *expression)
{
    const struct mimo_calculator calculator = mimo_scope_calculator(scope);
    const struct mimo_value operand = mimo_evaluate(scope, expression->items[0]);

    return mimo_apply_unary(&calculator, expression->operation, expression->span, &operand);
}

static struct mimo_value *evaluate_items(const struct mimo_scope *scope,
                                         const struct mimo_expression *expression)
{
    struct mimo_value *values =
        MIMO_NEW_ARRAY(scope->compilation->arena, struct mimo_value, expression->item_count);

    for (size_t i = 0; i < expression->item_count; i++)
        values[i] = mimo_evaluate(scope, expression->items[i]);
    return values;
}

static struct mimo_value evaluate_list(const struct mimo_scope *scope,
                                       const struct mimo_expression *expression)
{
    const struct mimo_value *items = evaluate_items(scope, expression);

    for (size_t i = 0; i < expression->item_count; i++) {
        if (items[i].kind == MIMO_VALUE_UNKNOWN)
            return mimo_value_unknown();
    }
    return (struct mimo_value){
        .kind = MIMO_VALUE_LIST, .items = items, .item_count = expression->item_count};
}

static struct mimo_value evaluate_call(const struct mimo_scope *scope,
                                       const struct mimo_expression *expression)
{
    const struct mimo_calculator calculator = mimo_scope_calculator(scope);

    return mimo_apply_function(&calculator, expression->name, expression->span,
                               evaluate_items(scope, expression), expression->item_count);
}

static struct mimo_value evaluate_kind(const struct mimo_scope *scope,
                                       const struct mimo_expression *expression)
{
    const struct mimo_calculator calculator = mimo_scope_calculator(scope);

    switch (expression->kind) {
    case MIMO_EXPRESSION_INVALID:
        return mimo_value_unknown();
    case MIMO_EXPRESSION_NUMBER:
        return mimo_number_parse(&calculator, expression->name);
    case MIMO_EXPRESSION_STRING:
        return (struct mimo_value){.kind = MIMO_VALUE_STRING, .text = expression->name.text};
    case MIMO_EXPRESSION_PATH:
        return mimo_evaluate_path(scope, expression);
    case MIMO_EXPRESSION_LIST:
        return evaluate_list(scope, expression);
    case MIMO_EXPRESSION_CALL:
        return evaluate_call(scope, expression);
    case MIMO_EXPRESSION_UNARY:
        return evaluate_unary(scope, expression);
    case MIMO_EXPRESSION_BINARY:
        return evaluate_binary(scope, expression);
    case MIMO_EXPRESSION_CONDITIONAL:
        return evaluate_conditional(scope, expression);
    }
    return mimo_value_unknown();
}

struct mimo_value mimo_evaluate(const struct mimo_scope *scope,
                                const struct mimo_expression *expression)
{
    struct mimo_compilation *compilation = scope->compilation;
    struct mimo_value value;

    if (compilation->depth == EVALUATION_DEPTH_MAX) {
        (void)mimo_diagnose(compilation->diagnostics, MIMO_E0105, expression->span,
                            "definitions refer to each other too deeply");
        return mimo_value_unknown();
    }
    compilation->depth++;
    value = evaluate_kind(scope, expression);
    compilation->depth--;
    return value;
}

/* ---- circles ---- */

static bool stands_before(const struct mimo_frame *a, const struct mimo_frame *b)
{
    if (a->has_place != b->has_place)
        return a->has_place;
    if (a->span.file != b->span.file)
        return a->span.file < b->span.file;
    return a->span.begin < b->span.begin;
}

/* The frames of the circle, each referring to the next, the first definition in the file first. */
static struct mimo_frame **collect_circle(struct mimo_compilation *compilation,
                                          const void *definition, size_t *out_count)
{
    struct mimo_frame **members, *frame = compilation->frame;
    size_t count = 1, first = 0;

    for (; frame->definition != definition; frame = frame->outer)
        count++;
    members = MIMO_NEW_ARRAY(compilation->arena, struct mimo_frame *, count * 2);
    frame = compilation->frame;
    for (size_t i = count; i-- > 0; frame = frame->outer) {
        members[i] = members[count + i] = frame;
        frame->is_circular = true;
    }
    for (size_t i = 0; i < count; i++) {
        if (stands_before(members[i], members[first]))
            first = i;
    }
    *out_count = count;
    return members + first;
}

/* With its block, where the circle leads through several. */
static const char *member_name(struct mimo_arena *arena, const struct mimo_frame *member,
                               bool is_one_block)
{
    const struct mimo_block *block = member->block;

    if (is_one_block || block == NULL)
        return member->name;
    return mimo_arena_printf(
        arena, "%s.%s", block->name != NULL ? block->name : mimo_schema_block(block->kind)->word,
        member->name);
}

static void report_circle(struct mimo_compilation *compilation, const void *definition)
{
    struct mimo_diagnostics *diagnostics = compilation->diagnostics;
    size_t count;
    struct mimo_frame **members = collect_circle(compilation, definition, &count);
    struct mimo_diagnostic *diagnostic;
    bool is_one_block = true;
    const char *text = "";

    if (!members[0]->has_place)
        return; /* the defaults of the schema have no circles among themselves */
    for (size_t i = 1; i < count; i++)
        is_one_block = is_one_block && members[i]->block == members[0]->block;
    for (size_t i = 0; i <= count; i++)
        text = mimo_arena_printf(compilation->arena, "%s%s%s", text, i > 0 ? ", " : "",
                                 member_name(compilation->arena, members[i % count], is_one_block));
    diagnostic = mimo_diagnose(diagnostics, MIMO_E0204, members[0]->span,
                               "these refer to each other in a circle: %s", text);
    for (size_t i = 1; i < count; i++) {
        if (members[i]->has_place)
            mimo_diagnose_note(diagnostics, diagnostic, members[i]->span, "'%s' is defined here",
                               members[i]->name);
    }
}

/* ---- definitions ---- */

static struct mimo_value default_of(struct mimo_compilation *compilation,
                                    const struct mimo_block *block, const struct mimo_field *field)
{
    const char *text = field->schema->default_text;
    const struct mimo_scope scope = {compilation, block, field->schema, true};
    struct mimo_default row = {.text = text};
    struct mimo_value value;
    size_t i = 0;

    while (i < compilation->default_count && compilation->defaults[i].text != text)
        i++;
    if (i == compilation->default_count) {
        row.expression = mimo_parse_expression(
            compilation->diagnostics,
            mimo_sources_add(compilation->sources, "<schema>", text, strlen(text)));
        MIMO_ASSERT(row.expression != NULL);
        MIMO_APPEND(compilation->arena, compilation->defaults, compilation->default_count,
                    compilation->default_capacity, row);
    }
    value = mimo_evaluate(&scope, compilation->defaults[i].expression);
    return mimo_convert(&scope, &value, block->name_span);
}

/* `parallelism all` gives defaults to the layouts of its deployment. */
static struct mimo_field *shared_layout_field(const struct mimo_block *block,
                                              const struct mimo_field *field,
                                              const struct mimo_block **out_all)
{
    struct mimo_field *shared;

    if (block->kind != MIMO_BLOCK_parallelism)
        return NULL;
    *out_all = mimo_block_child(block->parent, MIMO_BLOCK_parallelism, "all");
    if (*out_all == NULL || *out_all == block)
        return NULL;
    shared = mimo_block_field(*out_all, mimo_attribute_word(field->schema->attribute));
    return shared->written != NULL || shared->is_broken ? shared : NULL;
}

static struct mimo_value written_value(struct mimo_compilation *compilation,
                                       const struct mimo_block *block,
                                       const struct mimo_field *field)
{
    const struct mimo_scope scope = {compilation, block, field->schema, false};
    const struct mimo_expression *expression = field->written->value;
    struct mimo_value value;

    if (field->schema->type->forms & MIMO_FORM_NAME)
        return mimo_evaluate_block_name(&scope, expression);
    value = mimo_evaluate(&scope, expression);
    return mimo_convert(&scope, &value, expression->span);
}

static struct mimo_value field_value(struct mimo_compilation *compilation,
                                     const struct mimo_block *block, const struct mimo_field *field)
{
    const int64_t world_size = compilation->request->world_size;
    const struct mimo_block *all;
    struct mimo_field *shared;

    if (field->is_broken)
        return mimo_value_unknown();
    if (field->schema->attribute == MIMO_ATTR_world_size && world_size != 0)
        return mimo_value_integer(world_size, MIMO_UNIT_PLAIN);
    if (field->written != NULL)
        return written_value(compilation, block, field);
    shared = shared_layout_field(block, field, &all);
    if (shared != NULL)
        return mimo_evaluate_field(compilation, all, shared);
    if (mimo_block_inherits_unknown(block) ||
        (block->is_damaged && mimo_compilation_lost(compilation, block->name_span.file,
                                                    mimo_attribute_word(field->schema->attribute))))
        return mimo_value_unknown();
    return field->schema->default_text != NULL ? default_of(compilation, block, field)
                                               : mimo_value_unknown();
}

struct mimo_value mimo_evaluate_field(struct mimo_compilation *compilation,
                                      const struct mimo_block *block, struct mimo_field *field)
{
    struct mimo_frame frame = {
        .outer = compilation->frame,
        .definition = field,
        .block = block,
        .name = mimo_attribute_word(field->schema->attribute),
        .span = field->written != NULL ? field->written->span : block->name_span,
        .has_place = field->written != NULL,
    };

    if (field->progress == MIMO_PROGRESS_RUNNING) {
        report_circle(compilation, field);
        return mimo_value_unknown();
    }
    if (field->progress == MIMO_PROGRESS_DONE)
        return field->value;
    field->progress = MIMO_PROGRESS_RUNNING;
    compilation->frame = &frame;
    field->value = field_value(compilation, block, field);
    compilation->frame = frame.outer;
    if (frame.is_circular)
        field->value = mimo_value_unknown();
    field->progress = MIMO_PROGRESS_DONE;
    return field->value;
}

struct mimo_value mimo_evaluate_param(struct mimo_compilation *compilation,
                                      struct mimo_param *param)
{
    const struct mimo_scope scope = {.compilation = compilation};
    struct mimo_frame frame = {
        .outer = compilation->frame,
        .definition = param,
        .name = param->name.text,
        .span = param->span,
        .has_place = true,
    };

    if (param->progress == MIMO_PROGRESS_RUNNING) {
        report_circle(compilation, param);
        return mimo_value_unknown();
    }
    if (param->progress == MIMO_PROGRESS_DONE)
        return param->result;
    param->progress = MIMO_PROGRESS_RUNNING;
    compilation->frame = &frame;
    param->result = param->is_broken ? mimo_value_unknown() : mimo_evaluate(&scope, param->value);
    compilation->frame = frame.outer;
    if (frame.is_circular)
        param->result = mimo_value_unknown();
    param->progress = MIMO_PROGRESS_DONE;
    return param->result;
}
