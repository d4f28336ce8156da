/* What might be written at a place. */
#include "compiler/declaration/evaluate.h"
#include "compiler/lsp/parts.h"

#include <string.h>

/* CompletionItemKind of the protocol. */
enum {
    ITEM_FIELD = 5,
    ITEM_VARIABLE = 6,
    ITEM_CLASS = 7,
    ITEM_MODULE = 9,
    ITEM_PROPERTY = 10,
    ITEM_UNIT = 11,
    ITEM_KEYWORD = 14,
    ITEM_ENUM_MEMBER = 20,
};

struct completer {
    struct mimo_lsp *server;
    struct mimo_lsp_document *document;
    struct mimo_lsp_context context;
    const struct mimo_schema_attribute *row; /* of the value's attribute, or NULL */
    json_t *items;
};

/* ---- items ---- */

/* `insert` and `doc` may be NULL: the label, nothing. Returns the item, which the list owns. */
static json_t *add(struct completer *completer, const char *label, int kind, const char *insert,
                   const char *doc)
{
    json_t *item = json_pack("{s:o, s:i}", "label", mimo_lsp_text(label), "kind", kind);

    if (insert != NULL)
        (void)json_object_set_new(item, "insertText", mimo_lsp_text(insert));
    if (doc != NULL)
        (void)json_object_set_new(item, "documentation", mimo_lsp_markdown(doc));
    (void)json_array_append_new(completer->items, item);
    return item;
}

static void add_words(struct completer *completer, const char *list, int kind)
{
    struct mimo_arena *arena = &completer->document->analysis.arena;
    const char *word;
    size_t length;

    for (size_t i = 0; (word = mimo_word_list_item(list, i, &length)) != NULL; i++)
        (void)add(completer, mimo_arena_copy(arena, word, length), kind, NULL, NULL);
}

/* ---- blocks around the place ---- */

/* The kind of the innermost open block; false outside of blocks, or where it is none. */
static bool kind_around(const struct completer *completer, enum mimo_block_kind *out_kind)
{
    const struct mimo_lsp_context *context = &completer->context;

    return context->depth > 0 &&
           mimo_schema_find_block(context->heads[context->depth - 1].kind, out_kind);
}

/* The word that selects the attributes of the innermost block: as written, or what the compiler
 * knows of a block of that name; NULL where that is not known. */
static const char *base_around(const struct completer *completer, enum mimo_block_kind kind)
{
    const struct mimo_lsp_head *head = &completer->context.heads[completer->context.depth - 1];
    const struct mimo_schema_block *schema = mimo_schema_block(kind);
    const char *word = schema->naming == MIMO_NAMING_VARIANT ? head->name : head->base;
    struct mimo_name words[2] = {{head->name, {0}}, {"", {0}}};
    const struct mimo_expression path = {
        .kind = MIMO_EXPRESSION_PATH, .path = words, .path_length = 2};
    const struct mimo_scope scope = {.compilation = &completer->document->analysis.compilation};
    struct mimo_reference reference;

    if (*word != '\0' || *schema->bases == '\0')
        return mimo_word_list_contains(schema->bases, word) ? word : NULL;
    if (mimo_reference_find(&scope, &path, 0, &reference) && reference.block->kind == kind)
        return reference.block->architecture;
    return NULL;
}

static bool is_given(const struct mimo_lsp_context *context, const char *word)
{
    for (size_t i = 0; i < context->given_count; i++) {
        if (strcmp(context->given[i], word) == 0)
            return true;
    }
    return false;
}

/* ---- entries ---- */

static void complete_attributes(struct completer *completer, enum mimo_block_kind kind)
{
    struct mimo_arena *arena = &completer->document->analysis.arena;
    const char *base = base_around(completer, kind);
    const struct mimo_schema_attribute *rows;
    size_t count;

    rows = mimo_schema_attributes(kind, &count);
    for (size_t i = 0; i < count; i++) {
        const char *word = mimo_attribute_word(rows[i].attribute);
        json_t *item;
        if (!mimo_schema_applies(&rows[i], base) || is_given(&completer->context, word))
            continue;
        item = add(completer, word, ITEM_PROPERTY, mimo_arena_printf(arena, "%s = ", word),
                   mimo_lsp_attribute_text(arena, &rows[i]));
        (void)json_object_set_new(item, "detail",
                                  mimo_lsp_text(mimo_lsp_type_text(arena, &rows[i])));
        /* what is required comes first */
        (void)json_object_set_new(
            item, "sortText",
            mimo_lsp_text(mimo_arena_printf(arena, "%d%s", rows[i].default_text != NULL, word)));
    }
}

static void complete_entry(struct completer *completer)
{
    struct mimo_arena *arena = &completer->document->analysis.arena;
    enum mimo_block_kind kind;
    const bool is_inside = kind_around(completer, &kind);

    if (is_inside)
        complete_attributes(completer, kind);
    else if (completer->context.depth == 0)
        add_words(completer, "mimo import param assert", ITEM_KEYWORD);
    else
        return;
    for (int i = 0; i < MIMO_BLOCK_KIND_COUNT; i++) {
        const enum mimo_block_kind child = (enum mimo_block_kind)i;
        const char *word = mimo_schema_block(child)->word;
        if (mimo_schema_nests(child, is_inside ? &kind : NULL))
            (void)add(completer, word, ITEM_CLASS, mimo_arena_printf(arena, "%s ", word),
                      mimo_lsp_block_text(arena, child));
    }
}

/* ---- heads of blocks ---- */

static void add_modules_of(struct completer *completer, const struct mimo_block *model)
{
    for (size_t i = 0; i < model->child_count; i++) {
        const struct mimo_block *child = model->children[i];
        if (child->kind == MIMO_BLOCK_modality)
            add_modules_of(completer, child);
        else if (child->name != NULL && child->kind != MIMO_BLOCK_projector)
            (void)add(completer, child->name, ITEM_MODULE, NULL, NULL);
    }
}

static void complete_name(struct completer *completer)
{
    const struct mimo_compilation *compilation = &completer->document->analysis.compilation;
    const struct mimo_block *model = compilation->choice.blocks[MIMO_CHOICE_MODEL];
    enum mimo_block_kind kind;

    if (!mimo_schema_find_block(completer->context.head.kind, &kind))
        return;
    if (mimo_schema_block(kind)->naming == MIMO_NAMING_VARIANT)
        add_words(completer, mimo_schema_block(kind)->bases, ITEM_ENUM_MEMBER);
    if (kind != MIMO_BLOCK_parallelism)
        return;
    (void)add(completer, "all", ITEM_KEYWORD, NULL, NULL);
    if (model != NULL)
        add_modules_of(completer, model);
}

/* Names of the blocks of the file of that kind. */
static void add_blocks(struct completer *completer, enum mimo_block_kind kind)
{
    const struct mimo_compilation *compilation = &completer->document->analysis.compilation;

    for (size_t i = 0; i < compilation->block_count; i++) {
        const struct mimo_block *block = compilation->blocks[i];
        if (block->kind == kind && block->name != NULL)
            (void)add(completer, block->name, ITEM_CLASS, NULL, NULL);
    }
}

static void complete_base(struct completer *completer)
{
    enum mimo_block_kind kind;

    if (!mimo_schema_find_block(completer->context.head.kind, &kind))
        return;
    add_words(completer, mimo_schema_block(kind)->bases, ITEM_ENUM_MEMBER);
    if (mimo_schema_derives(kind))
        add_blocks(completer, kind);
}

/* ---- values ---- */

/* The schema's row for the attribute whose value is being written. */
static const struct mimo_schema_attribute *find_row(const struct completer *completer)
{
    const struct mimo_schema_attribute *rows;
    enum mimo_block_kind kind;
    const char *base;
    size_t count;

    if (completer->context.attribute == NULL || !kind_around(completer, &kind))
        return NULL;
    base = base_around(completer, kind);
    rows = mimo_schema_attributes(kind, &count);
    for (size_t i = 0; i < count; i++) {
        if (mimo_schema_applies(&rows[i], base) &&
            strcmp(mimo_attribute_word(rows[i].attribute), completer->context.attribute) == 0)
            return &rows[i];
    }
    return NULL;
}

static const char *units_of(enum mimo_unit unit)
{
    switch (unit) {
    case MIMO_UNIT_PLAIN:
        break;
    case MIMO_UNIT_BYTES:
        return "kB MB GB TB KiB MiB GiB TiB";
    case MIMO_UNIT_FLOPS:
        return "GFLOPS TFLOPS PFLOPS";
    case MIMO_UNIT_BANDWIDTH:
        return "MBps GBps TBps";
    case MIMO_UNIT_DURATION:
        return "ms s min h";
    }
    return "";
}

/* "141GB" in place of the digits in front of the place. */
static void add_units(struct completer *completer)
{
    struct mimo_arena *arena = &completer->document->analysis.arena;
    const char *list = units_of(completer->row->type->unit), *unit;
    const char *number = completer->context.number;
    const size_t begin = completer->context.number_begin;
    size_t length;

    for (size_t i = 0; (unit = mimo_word_list_item(list, i, &length)) != NULL; i++) {
        const char *label = mimo_arena_printf(arena, "%s%.*s", number, (int)length, unit);
        json_t *item = add(completer, label, ITEM_UNIT, NULL, NULL);
        (void)json_object_set_new(
            item, "textEdit",
            json_pack("{s:o, s:o}", "range",
                      mimo_lsp_range(completer->server, &completer->document->analysis.lines, begin,
                                     begin + strlen(number)),
                      "newText", mimo_lsp_text(label)));
    }
}

/* The encoders of the modality around the place. */
static void add_encoders(struct completer *completer)
{
    const struct mimo_compilation *compilation = &completer->document->analysis.compilation;
    const struct mimo_block *model = compilation->choice.blocks[MIMO_CHOICE_MODEL];
    const struct mimo_lsp_context *context = &completer->context;
    const struct mimo_block *modality;

    if (model == NULL || context->depth < 2)
        return;
    modality =
        mimo_block_child(model, MIMO_BLOCK_modality, context->heads[context->depth - 2].name);
    for (size_t i = 0; modality != NULL && i < modality->child_count; i++) {
        if (modality->children[i]->kind == MIMO_BLOCK_encoder)
            (void)add(completer, modality->children[i]->name, ITEM_MODULE, NULL, NULL);
    }
}

/* What the attribute's type takes besides numbers and strings. */
static void add_values(struct completer *completer)
{
    const struct mimo_type *type = completer->row->type;

    for (size_t i = 0; i < type->word_count; i++)
        (void)add(completer, type->words[i], ITEM_ENUM_MEMBER, NULL, NULL);
    if ((type->forms & MIMO_FORM_BOOLEAN) != 0)
        add_words(completer, "true false", ITEM_KEYWORD);
    if ((type->forms & MIMO_FORM_AUTO) != 0)
        add_words(completer, "auto", ITEM_KEYWORD);
    if ((type->forms & MIMO_FORM_NONE) != 0)
        add_words(completer, "none", ITEM_KEYWORD);
    if ((type->forms & MIMO_FORM_NAME) == 0)
        return;
    if (completer->row->attribute == MIMO_ATTR_encoder)
        add_encoders(completer);
    else
        add_blocks(completer, MIMO_BLOCK_cluster);
}

/* Params, attributes beside this one, and modules and blocks whose attributes can be named. */
static void add_references(struct completer *completer)
{
    const struct mimo_compilation *compilation = &completer->document->analysis.compilation;
    const struct mimo_block *model = compilation->choice.blocks[MIMO_CHOICE_MODEL];

    for (size_t i = 0; i < compilation->param_count; i++)
        (void)add(completer, compilation->params[i].name.text, ITEM_VARIABLE, NULL, NULL);
    for (size_t i = 0; i < completer->context.given_count; i++) {
        if (completer->context.attribute == NULL ||
            strcmp(completer->context.given[i], completer->context.attribute) != 0)
            (void)add(completer, completer->context.given[i], ITEM_FIELD, NULL, NULL);
    }
    if (model != NULL)
        add_modules_of(completer, model);
    add_words(completer, "training data", ITEM_MODULE);
    add_words(completer, "min max ceil_div", ITEM_KEYWORD);
}

static void complete_value(struct completer *completer)
{
    completer->row = find_row(completer);
    if (completer->context.number != NULL) {
        if (completer->row != NULL)
            add_units(completer);
        return;
    }
    if (completer->row != NULL)
        add_values(completer);
    if (completer->row == NULL || (completer->row->type->forms & MIMO_FORM_NAME) == 0)
        add_references(completer);
}

/* ---- members of a path ---- */

static void complete_member(struct completer *completer)
{
    struct mimo_arena *arena = &completer->document->analysis.arena;
    const struct mimo_scope scope = {.compilation = &completer->document->analysis.compilation};
    const struct mimo_lsp_context *context = &completer->context;
    struct mimo_name *words = MIMO_NEW_ARRAY(arena, struct mimo_name, context->path_length + 1);
    const struct mimo_expression path = {
        .kind = MIMO_EXPRESSION_PATH, .path = words, .path_length = context->path_length + 1};
    struct mimo_reference reference;

    for (size_t i = 0; i < context->path_length; i++)
        words[i].text = context->path[i];
    words[context->path_length].text = "";
    if (context->path_length == 0 ||
        !mimo_reference_find(&scope, &path, context->path_length - 1, &reference))
        return;
    for (size_t i = 0; i < reference.block->fields->count; i++) {
        const struct mimo_schema_attribute *row = reference.block->fields->items[i].schema;
        (void)add(completer, mimo_attribute_word(row->attribute), ITEM_FIELD, NULL,
                  mimo_lsp_attribute_text(arena, row));
    }
    for (size_t i = 0; i < reference.block->child_count; i++) {
        const struct mimo_block *child = reference.block->children[i];
        (void)add(completer,
                  child->name != NULL ? child->name : mimo_schema_block(child->kind)->word,
                  ITEM_MODULE, NULL, NULL);
    }
}

json_t *mimo_lsp_complete(struct mimo_lsp *server, struct mimo_lsp_document *document,
                          size_t offset)
{
    struct completer completer = {.server = server, .document = document, .items = json_array()};

    mimo_lsp_document_choose(document, NULL);
    mimo_lsp_context_find(document, offset, &completer.context);
    switch (completer.context.place) {
    case MIMO_LSP_AT_NOTHING:
        break;
    case MIMO_LSP_AT_ENTRY:
        complete_entry(&completer);
        break;
    case MIMO_LSP_AT_NAME:
        complete_name(&completer);
        break;
    case MIMO_LSP_AT_BASE:
        complete_base(&completer);
        break;
    case MIMO_LSP_AT_VALUE:
        complete_value(&completer);
        break;
    case MIMO_LSP_AT_MEMBER:
        complete_member(&completer);
        break;
    }
    return completer.items;
}
