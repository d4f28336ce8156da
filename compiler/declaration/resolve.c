/*
 * From trees to blocks: names and nesting are checked against the schema, derivation is carried
 * out. A block that derives starts as a copy of its base, so bases are filled in first.
 */
#include "compiler/declaration/compilation.h"
#include "compiler/declaration/suggest.h"

#include <string.h>

enum { DERIVATION_DEPTH_MAX = 64 };

static struct mimo_block *build(struct mimo_compilation *compilation,
                                const struct mimo_tree_block *tree, struct mimo_block *parent);

/* ---- unknown names ---- */

static struct mimo_candidates candidates_in(const struct mimo_compilation *compilation)
{
    return (struct mimo_candidates){.arena = compilation->arena};
}

static void add_blocks(struct mimo_candidates *candidates, const enum mimo_block_kind *parent)
{
    for (int kind = 0; kind < MIMO_BLOCK_KIND_COUNT; kind++) {
        if (mimo_schema_nests((enum mimo_block_kind)kind, parent))
            mimo_candidates_add(candidates, mimo_schema_block((enum mimo_block_kind)kind)->word);
    }
}

static bool is_given(const struct mimo_block *block, const char *word)
{
    const struct mimo_tree_block *tree = block->fields->tree;

    for (size_t i = 0; i < tree->attribute_count; i++) {
        if (strcmp(tree->attributes[i].name.text, word) == 0)
            return true;
    }
    return false;
}

static void add_attributes(struct mimo_candidates *candidates, const struct mimo_block *block)
{
    for (size_t i = 0; i < block->fields->count; i++)
        mimo_candidates_add(candidates,
                            mimo_attribute_word(block->fields->items[i].schema->attribute));
}

/* What is in error under another name is not missing. */
static void remember_meant(struct mimo_compilation *compilation, struct mimo_name meant)
{
    MIMO_APPEND(compilation->arena, compilation->misspelt, compilation->misspelt_count,
                compilation->misspelt_capacity, meant);
}

/* Says what was probably meant, and remembers it. */
static void suggest(struct mimo_compilation *compilation, struct mimo_diagnostic *diagnostic,
                    struct mimo_name name, const struct mimo_candidates *candidates)
{
    const char *words[MIMO_SUGGESTIONS_MAX];
    const size_t count = mimo_closest(name.text, candidates, words);

    mimo_suggest(compilation->diagnostics, diagnostic, name.text, candidates);
    for (size_t i = 0; i < count; i++)
        remember_meant(compilation, (struct mimo_name){words[i], name.span});
}

/* The words before the brace of such a block. */
static const char *typical_head(struct mimo_arena *arena, enum mimo_block_kind kind)
{
    const struct mimo_schema_block *schema = mimo_schema_block(kind);
    const char *base;
    size_t length;

    if (schema->naming == MIMO_NAMING_NAMED)
        return mimo_arena_printf(arena, "%s NAME", schema->word);
    if (schema->naming != MIMO_NAMING_VARIANT)
        return schema->word;
    base = mimo_word_list_item(schema->bases, 0, &length);
    return mimo_arena_printf(arena, "%s %.*s", schema->word, (int)length, base);
}

/* The attributes that were probably meant are unknown; where nothing is near, any may have been. */
static void forget_meant(struct mimo_block *block, struct mimo_name name,
                         const struct mimo_candidates *candidates)
{
    const char *words[MIMO_SUGGESTIONS_MAX];
    const size_t count = mimo_closest(name.text, candidates, words);

    block->is_damaged = block->is_damaged || count == 0;
    for (size_t i = 0; i < count; i++) {
        struct mimo_field *field = mimo_block_field(block, words[i]);
        if (field == NULL)
            block->is_damaged = true; /* a block was meant */
        else if (!is_given(block, words[i]))
            field->is_broken = true;
    }
}

static void report_unknown_attribute(struct mimo_compilation *compilation, struct mimo_block *block,
                                     struct mimo_name name)
{
    enum mimo_block_kind kind;
    struct mimo_candidates candidates = candidates_in(compilation);
    struct mimo_diagnostic *diagnostic = mimo_diagnose(
        compilation->diagnostics, MIMO_E0201, name.span, "%s has no attribute '%s'",
        block->architecture != NULL ? block->architecture : mimo_schema_block(block->kind)->word,
        name.text);

    if (mimo_schema_find_block(name.text, &kind) && mimo_schema_nests(kind, &block->kind)) {
        block->is_damaged = true;
        mimo_diagnose_help(compilation->diagnostics, diagnostic,
                           "it is a block, without a '=': %s { ... }",
                           typical_head(compilation->arena, kind));
        remember_meant(compilation, name);
        return;
    }
    add_attributes(&candidates, block);
    candidates.closed_count = candidates.count;
    add_blocks(&candidates, &block->kind);
    suggest(compilation, diagnostic, name, &candidates);
    if (diagnostic->fix.message != NULL && is_given(block, diagnostic->fix.text))
        diagnostic->fix.message = NULL; /* which of the two values was meant? */
    forget_meant(block, name, &candidates);
}

static void report_unknown_block(struct mimo_compilation *compilation, struct mimo_name kind,
                                 struct mimo_block *parent)
{
    struct mimo_candidates candidates = candidates_in(compilation);
    struct mimo_diagnostic *diagnostic =
        mimo_diagnose(compilation->diagnostics, MIMO_E0201, kind.span, "%s has no block '%s'",
                      parent != NULL ? mimo_schema_block(parent->kind)->word : "a file", kind.text);

    if (parent != NULL)
        parent->is_damaged = true;
    if (parent != NULL && mimo_block_field(parent, kind.text) != NULL) {
        mimo_diagnose_help(compilation->diagnostics, diagnostic, "it is an attribute: %s = ...",
                           kind.text);
        remember_meant(compilation, kind);
        return;
    }
    add_blocks(&candidates, parent != NULL ? &parent->kind : NULL);
    candidates.closed_count = candidates.count;
    if (parent != NULL)
        add_attributes(&candidates, parent);
    suggest(compilation, diagnostic, kind, &candidates);
}

static void report_misplaced_block(struct mimo_compilation *compilation, struct mimo_name kind_name,
                                   enum mimo_block_kind kind, const struct mimo_block *parent)
{
    const char *parents = mimo_schema_block(kind)->parents;
    struct mimo_diagnostic *diagnostic = mimo_diagnose(
        compilation->diagnostics, MIMO_E0201, kind_name.span, "'%s' cannot stand %s%s",
        kind_name.text, parent != NULL ? "in " : "outside of any block",
        parent != NULL ? mimo_schema_block(parent->kind)->word : "");

    if (parents[0] != '\0')
        mimo_diagnose_help(compilation->diagnostics, diagnostic, "it belongs in %s", parents);
    else
        mimo_diagnose_help(compilation->diagnostics, diagnostic,
                           "it stands on its own, outside of any block");
}

/* ---- the head of a block ---- */

/* A brace is never closed: how blocks are nested says little. */
static bool is_unclosed(const struct mimo_compilation *compilation, uint32_t file)
{
    for (size_t i = 0; i < compilation->tree_count; i++) {
        if (compilation->trees[i]->file == file && compilation->trees[i]->is_unclosed)
            return true;
    }
    return false;
}

/* What stands a level too high was perhaps meant for the block before it, so it is not missing
 * there. */
static void count_as_lost(struct mimo_compilation *compilation, struct mimo_block *parent,
                          struct mimo_name name)
{
    const size_t count = parent != NULL ? parent->child_count : compilation->block_count;
    struct mimo_block **blocks = parent != NULL ? parent->fields->children : compilation->blocks;

    MIMO_APPEND(compilation->arena, compilation->misspelt, compilation->misspelt_count,
                compilation->misspelt_capacity, name);
    if (parent != NULL)
        parent->is_damaged = true;
    if (count > 0)
        blocks[count - 1]->is_damaged = true;
}

/* The kind of a block in `parent`; false, with a report, where there is none or it is misplaced. */
static bool find_kind(struct mimo_compilation *compilation, const struct mimo_tree_block *tree,
                      struct mimo_block *parent, enum mimo_block_kind *out_kind)
{
    if (!mimo_schema_find_block(tree->kind.text, out_kind)) {
        report_unknown_block(compilation, tree->kind, parent);
        return false;
    }
    if (mimo_schema_nests(*out_kind, parent != NULL ? &parent->kind : NULL))
        return true;
    count_as_lost(compilation, parent, tree->kind);
    if (parent == NULL || !is_unclosed(compilation, tree->kind.span.file))
        report_misplaced_block(compilation, tree->kind, *out_kind, parent);
    return false;
}

/* False where a name is missing: nothing can refer to such a block, so no later pass sees it. */
static bool check_naming(struct mimo_compilation *compilation, const struct mimo_tree_block *tree,
                         enum mimo_block_kind kind)
{
    const struct mimo_schema_block *schema = mimo_schema_block(kind);

    if (schema->naming == MIMO_NAMING_NAMED && tree->name.text == NULL) {
        const struct mimo_name nameless = {schema->word, tree->kind.span};
        (void)mimo_diagnose(compilation->diagnostics, MIMO_E0107, tree->kind.span,
                            "a name is missing after '%s'", schema->word);
        MIMO_APPEND(compilation->arena, compilation->misspelt, compilation->misspelt_count,
                    compilation->misspelt_capacity, nameless);
        return false;
    }
    if (schema->naming == MIMO_NAMING_UNNAMED && tree->name.text != NULL)
        (void)mimo_diagnose(compilation->diagnostics, MIMO_E0107, tree->name.span,
                            "'%s' takes no name", schema->word);
    if (tree->base.text != NULL && !mimo_schema_derives(kind) &&
        (schema->bases[0] == '\0' || schema->naming == MIMO_NAMING_VARIANT))
        (void)mimo_diagnose(compilation->diagnostics, MIMO_E0107, tree->base.span,
                            "nothing can follow '%s' after a ':'", schema->word);
    return true;
}

/* The word that selects the attributes: an architecture behind ":", or a variant behind the kind.
 */
static struct mimo_name selector(const struct mimo_tree_block *tree, enum mimo_block_kind kind)
{
    const struct mimo_schema_block *schema = mimo_schema_block(kind);

    if (schema->naming == MIMO_NAMING_VARIANT)
        return tree->name;
    return schema->bases[0] != '\0' ? tree->base : (struct mimo_name){0};
}

/* The architecture or variant of a block in `parent`; NULL where it has none, where that was
 * reported, or where it would be inherited from what is in error. */
static const char *choose_architecture(struct mimo_compilation *compilation,
                                       const struct mimo_tree_block *tree,
                                       enum mimo_block_kind kind, const struct mimo_block *parent)
{
    const struct mimo_schema_block *schema = mimo_schema_block(kind);
    const struct mimo_name name = selector(tree, kind);
    struct mimo_candidates candidates = candidates_in(compilation);
    struct mimo_diagnostic *diagnostic;

    if (schema->bases[0] == '\0' || (name.text == NULL && mimo_block_inherits_unknown(parent)))
        return NULL;
    mimo_candidates_add_list(&candidates, schema->bases);
    if (name.text == NULL) {
        diagnostic = mimo_diagnose(compilation->diagnostics, MIMO_E0107, tree->kind.span,
                                   schema->naming == MIMO_NAMING_VARIANT
                                       ? "'%s' needs its kind as the next word"
                                       : "'%s' needs an architecture after a ':'",
                                   schema->word);
        mimo_diagnose_help(
            compilation->diagnostics, diagnostic, "one of: %s",
            mimo_join_words(compilation->arena, candidates.items, candidates.count, "", ", "));
        return NULL;
    }
    if (mimo_word_list_contains(schema->bases, name.text))
        return name.text;
    diagnostic =
        mimo_diagnose(compilation->diagnostics, MIMO_E0201, name.span, "'%s' is no %s%s", name.text,
                      schema->word, schema->naming == MIMO_NAMING_VARIANT ? "" : " architecture");
    mimo_suggest(compilation->diagnostics, diagnostic, name.text, &candidates);
    return NULL;
}

static void set_head(struct mimo_block *block, const struct mimo_tree_block *tree)
{
    const struct mimo_name chosen = selector(tree, block->kind);
    const enum mimo_naming naming = mimo_schema_block(block->kind)->naming;
    const bool is_named =
        tree->name.text != NULL && (naming == MIMO_NAMING_NAMED || naming == MIMO_NAMING_OPTIONAL);
    const bool has_word = is_named || (tree->name.text != NULL && naming == MIMO_NAMING_VARIANT);

    block->name = is_named ? tree->name.text : NULL;
    block->name_span = has_word ? tree->name.span : tree->kind.span;
    if (chosen.text != NULL)
        block->architecture_span = chosen.span;
    block->is_damaged = block->is_damaged || tree->is_damaged;
    block->fields->tree = tree;
    block->fields->is_own = true;
}

/* ---- entries ---- */

static bool reads_alike(const struct mimo_compilation *compilation, struct mimo_span a,
                        struct mimo_span b)
{
    size_t a_length, b_length;
    const char *a_text = mimo_source_text(compilation->sources, a, &a_length);
    const char *b_text = mimo_source_text(compilation->sources, b, &b_length);

    return a_length == b_length && memcmp(a_text, b_text, a_length) == 0;
}

static void set_attribute(struct mimo_compilation *compilation, struct mimo_block *block,
                          const struct mimo_tree_attribute *attribute)
{
    struct mimo_field *field = mimo_block_field(block, attribute->name.text);

    if (field == NULL) {
        report_unknown_attribute(compilation, block, attribute->name);
    } else if (field->written != NULL && !field->is_inherited) {
        struct mimo_diagnostic *diagnostic =
            mimo_diagnose(compilation->diagnostics, MIMO_E0202, attribute->span,
                          "'%s' is given twice", attribute->name.text);
        mimo_diagnose_note(compilation->diagnostics, diagnostic, field->written->span,
                           "it is given here first");
        if (reads_alike(compilation, attribute->value->span, field->written->value->span))
            mimo_diagnose_removal(compilation->diagnostics, diagnostic, attribute->span,
                                  "remove the repetition");
        field->is_broken = true;
    } else {
        field->written = attribute;
        field->is_inherited = false;
        field->is_broken = false; /* whatever it was in the base */
    }
}

static bool same_name(const char *a, const char *b)
{
    return (a == NULL) == (b == NULL) && (a == NULL || strcmp(a, b) == 0);
}

/* The child that a nested block repeats or overrides. */
static struct mimo_block *find_sibling(const struct mimo_block *parent, enum mimo_block_kind kind,
                                       const char *name)
{
    const bool is_single = mimo_schema_block(kind)->presence != MIMO_PRESENCE_ANY;

    for (size_t i = 0; i < parent->child_count; i++) {
        struct mimo_block *child = parent->fields->children[i];
        if (child->kind == kind && (is_single || same_name(child->name, name)))
            return child;
    }
    return NULL;
}

static void report_second_block(struct mimo_compilation *compilation,
                                const struct mimo_tree_block *tree, const struct mimo_block *first)
{
    struct mimo_diagnostic *diagnostic;

    if (first->name != NULL)
        diagnostic = mimo_diagnose(compilation->diagnostics, MIMO_E0202, tree->name.span,
                                   "%s '%s' is given twice", tree->kind.text, first->name);
    else
        diagnostic = mimo_diagnose(compilation->diagnostics, MIMO_E0202, tree->kind.span,
                                   "'%s' is given twice", tree->kind.text);
    mimo_diagnose_note(compilation->diagnostics, diagnostic,
                       first->name != NULL ? first->name_span : first->fields->tree->kind.span,
                       "it is given here first");
}

static void fill(struct mimo_compilation *compilation, struct mimo_block *block,
                 const struct mimo_tree_block *tree);

static void replace_child(struct mimo_block *parent, const struct mimo_block *old,
                          struct mimo_block *new)
{
    for (size_t i = 0; i < parent->child_count; i++) {
        if (parent->children[i] == old) {
            parent->fields->children[i] = new;
            new->parent = parent;
        }
    }
}

static bool starts_afresh(const struct mimo_block *child, struct mimo_name chosen)
{
    if (mimo_schema_block(child->kind)->naming == MIMO_NAMING_VARIANT)
        return true;
    return chosen.text != NULL && !same_name(chosen.text, child->architecture);
}

/* Entries override those of the inherited block of that name; a variant, or another architecture,
 * starts afresh. */
static void override(struct mimo_compilation *compilation, struct mimo_block *parent,
                     struct mimo_block *child, const struct mimo_tree_block *tree)
{
    if (starts_afresh(child, selector(tree, child->kind))) {
        struct mimo_block *fresh = build(compilation, tree, parent);
        if (fresh != NULL)
            replace_child(parent, child, fresh);
        return;
    }
    (void)check_naming(compilation, tree, child->kind);
    set_head(child, tree);
    for (size_t i = 0; i < child->fields->count; i++)
        child->fields->items[i].is_inherited = true;
    fill(compilation, child, tree);
}

static void add_nested(struct mimo_compilation *compilation, struct mimo_block *parent,
                       const struct mimo_tree_block *tree)
{
    enum mimo_block_kind kind;
    struct mimo_block *sibling, *child;

    if (!find_kind(compilation, tree, parent, &kind))
        return;
    sibling = find_sibling(parent, kind, tree->name.text);
    if (sibling != NULL && !sibling->fields->is_own) {
        override(compilation, parent, sibling, tree);
        return;
    }
    if (sibling != NULL)
        report_second_block(compilation, tree, sibling);
    child = build(compilation, tree, parent);
    if (child != NULL && sibling == NULL)
        mimo_block_add_child(compilation->arena, parent, child);
}

static void fill(struct mimo_compilation *compilation, struct mimo_block *block,
                 const struct mimo_tree_block *tree)
{
    for (size_t i = 0; i < tree->attribute_count; i++)
        set_attribute(compilation, block, &tree->attributes[i]);
    for (size_t i = 0; i < tree->block_count; i++)
        add_nested(compilation, block, tree->blocks[i]);
}

/* A nested block with its entries; NULL where it cannot be used, which is reported. */
static struct mimo_block *build(struct mimo_compilation *compilation,
                                const struct mimo_tree_block *tree, struct mimo_block *parent)
{
    enum mimo_block_kind kind;
    struct mimo_block *block;
    bool is_usable;

    if (!find_kind(compilation, tree, parent, &kind))
        return NULL;
    is_usable = check_naming(compilation, tree, kind);
    block = mimo_block_new(compilation->arena, kind,
                           choose_architecture(compilation, tree, kind, parent));
    set_head(block, tree);
    block->parent = parent;
    if (block->architecture == NULL && mimo_schema_block(kind)->bases[0] != '\0')
        block->is_damaged = true;
    if (mimo_block_inherits_unknown(parent) &&
        mimo_schema_block(kind)->naming != MIMO_NAMING_VARIANT)
        block->is_damaged = true; /* the lost base may hold more of it */
    fill(compilation, block, tree);
    parent->is_damaged = parent->is_damaged || !is_usable;
    return is_usable ? block : NULL;
}

/* ---- blocks of the file ---- */

/* The span of a param begins at its name. */
static void offer_removal(struct mimo_compilation *compilation, struct mimo_diagnostic *diagnostic,
                          struct mimo_span span)
{
    static const char keyword[] = "param";
    const uint32_t length = sizeof keyword - 1;
    const char *text = mimo_source(compilation->sources, span.file)->text;

    while (span.begin > 0 && strchr(" \t\r\n", text[span.begin - 1]) != NULL)
        span.begin--;
    if (span.begin < length || memcmp(text + span.begin - length, keyword, length) != 0)
        return; /* a comment stands between them */
    span.begin -= length;
    mimo_diagnose_removal(compilation->diagnostics, diagnostic, span, "remove the repetition");
}

static void add_param(struct mimo_compilation *compilation, const struct mimo_statement *statement)
{
    struct mimo_param param = {
        .name = statement->name, .value = statement->value, .span = statement->span};

    for (size_t i = 0; i < compilation->param_count; i++) {
        struct mimo_param *first = &compilation->params[i];
        if (strcmp(first->name.text, param.name.text) == 0) {
            struct mimo_diagnostic *diagnostic =
                mimo_diagnose(compilation->diagnostics, MIMO_E0202, param.span,
                              "param '%s' is given twice", param.name.text);
            mimo_diagnose_note(compilation->diagnostics, diagnostic, first->span,
                               "it is given here first");
            if (reads_alike(compilation, param.span, first->span))
                offer_removal(compilation, diagnostic, param.span);
            first->is_broken = true;
            return;
        }
    }
    for (size_t i = 0; i < compilation->request->setting_count; i++) {
        struct mimo_setting *setting = &compilation->request->settings[i];
        if (strcmp(setting->name, param.name.text) == 0) {
            setting->is_used = true;
            param.value = setting->expression;
        }
    }
    MIMO_APPEND(compilation->arena, compilation->params, compilation->param_count,
                compilation->param_capacity, param);
}

static struct mimo_block *find_block(const struct mimo_compilation *compilation,
                                     enum mimo_block_kind kind, const char *name)
{
    for (size_t i = 0; i < compilation->block_count; i++) {
        struct mimo_block *block = compilation->blocks[i];
        if (block->kind == kind && same_name(block->name, name))
            return block;
    }
    return NULL;
}

struct mimo_block *mimo_compilation_find(const struct mimo_compilation *compilation,
                                         enum mimo_block_kind kind, const char *name)
{
    return find_block(compilation, kind, name);
}

/* The block without its entries, so that others can derive from it wherever they stand. */
static void add_block(struct mimo_compilation *compilation, const struct mimo_tree_block *tree)
{
    enum mimo_block_kind kind;
    struct mimo_block *block, *first;
    bool is_usable;

    if (!find_kind(compilation, tree, NULL, &kind))
        return;
    is_usable = check_naming(compilation, tree, kind);
    block = mimo_block_new(compilation->arena, kind, NULL);
    set_head(block, tree);
    first = is_usable ? find_block(compilation, kind, block->name) : NULL;
    if (first != NULL)
        report_second_block(compilation, tree, first);
    if (is_usable && first == NULL)
        MIMO_APPEND(compilation->arena, compilation->blocks, compilation->block_count,
                    compilation->block_capacity, block);
    else
        fill(compilation, block, tree); /* reports what is wrong inside */
}

static void add_statement(struct mimo_compilation *compilation,
                          const struct mimo_statement *statement)
{
    struct mimo_diagnostic *diagnostic;

    switch (statement->kind) {
    case MIMO_STATEMENT_VERSION:
    case MIMO_STATEMENT_IMPORT:
        break;
    case MIMO_STATEMENT_PARAM:
        add_param(compilation, statement);
        break;
    case MIMO_STATEMENT_ASSERT:
        MIMO_APPEND(compilation->arena, compilation->asserts, compilation->assert_count,
                    compilation->assert_capacity, statement);
        break;
    case MIMO_STATEMENT_BLOCK:
        add_block(compilation, statement->block);
        break;
    case MIMO_STATEMENT_ATTRIBUTE:
        diagnostic = mimo_diagnose(compilation->diagnostics, MIMO_E0201, statement->name.span,
                                   "'%s' stands outside of any block", statement->name.text);
        mimo_diagnose_help(compilation->diagnostics, diagnostic,
                           "a value of your own is written: param %s = ...", statement->name.text);
        count_as_lost(compilation, NULL, statement->name);
        break;
    }
}

/* ---- derivation ---- */

static struct mimo_block *find_base(struct mimo_compilation *compilation,
                                    const struct mimo_block *block)
{
    const struct mimo_name name = block->fields->tree->base;
    struct mimo_candidates candidates = candidates_in(compilation);
    struct mimo_block *base;
    struct mimo_diagnostic *diagnostic;

    if (name.text == NULL || !mimo_schema_derives(block->kind))
        return NULL;
    base = find_block(compilation, block->kind, name.text);
    if (base != NULL || mimo_compilation_lost(compilation, name.span.file, name.text))
        return base;
    diagnostic = mimo_diagnose(compilation->diagnostics, MIMO_E0204, name.span,
                               "there is no %s '%s' to derive from",
                               mimo_schema_block(block->kind)->word, name.text);
    for (size_t i = 0; i < compilation->block_count; i++) {
        const struct mimo_block *other = compilation->blocks[i];
        if (other->kind == block->kind && other->name != NULL && other != block)
            mimo_candidates_add(&candidates, other->name);
    }
    mimo_suggest(compilation->diagnostics, diagnostic, name.text, &candidates);
    return NULL;
}

/* Cuts a circle of bases where it is found and reports it at its first block in the file. */
static void cut_circle(struct mimo_compilation *compilation, struct mimo_block *block)
{
    struct mimo_block *first = block, *member;
    struct mimo_diagnostic *diagnostic;

    for (member = block->fields->base; member != block; member = member->fields->base) {
        if (member->name_span.file < first->name_span.file ||
            (member->name_span.file == first->name_span.file &&
             member->name_span.begin < first->name_span.begin))
            first = member;
    }
    diagnostic =
        mimo_diagnose(compilation->diagnostics, MIMO_E0204, first->name_span,
                      "%s derives from itself", mimo_block_title(compilation->arena, first));
    for (member = first->fields->base; member != first; member = member->fields->base)
        mimo_diagnose_note(compilation->diagnostics, diagnostic, member->name_span, "by way of %s",
                           mimo_block_title(compilation->arena, member));
    for (member = first; member->fields->base != NULL; member = block) {
        block = member->fields->base;
        member->fields->base = NULL;
        member->fields->has_lost_base = member->is_damaged = true;
    }
}

/* Links each block to its base, without circles. */
static void link_bases(struct mimo_compilation *compilation)
{
    for (size_t i = 0; i < compilation->block_count; i++) {
        struct mimo_block *block = compilation->blocks[i];
        block->fields->base = find_base(compilation, block);
        if (block->fields->base != NULL)
            block->fields->base->fields->is_derived_from = true;
        else if (block->fields->tree->base.text != NULL)
            block->fields->has_lost_base = block->is_damaged = true;
    }
    for (size_t i = 0; i < compilation->block_count; i++) {
        struct mimo_block *block = compilation->blocks[i];
        const struct mimo_block *ahead = block->fields->base;
        for (size_t step = 0; ahead != NULL && ahead != block && step <= i; step++)
            ahead = ahead->fields->base;
        if (ahead == block)
            cut_circle(compilation, block);
    }
}

static void copy_entries(struct mimo_compilation *compilation, struct mimo_block *block,
                         const struct mimo_block *base);

static struct mimo_block *copy_child(struct mimo_compilation *compilation,
                                     const struct mimo_block *child)
{
    struct mimo_block *copy = mimo_block_new(compilation->arena, child->kind, child->architecture);

    copy->name = child->name;
    copy->name_span = child->name_span;
    copy->architecture_span = child->architecture_span;
    copy->is_damaged = child->is_damaged;
    copy->fields->tree = child->fields->tree;
    copy_entries(compilation, copy, child);
    /* until something overrides it, the copy stands where the child is written */
    for (size_t i = 0; i < copy->fields->count; i++)
        copy->fields->items[i].is_inherited = child->fields->items[i].is_inherited;
    return copy;
}

static void copy_entries(struct mimo_compilation *compilation, struct mimo_block *block,
                         const struct mimo_block *base)
{
    for (size_t i = 0; i < block->fields->count; i++) {
        block->fields->items[i].written = base->fields->items[i].written;
        block->fields->items[i].is_broken = base->fields->items[i].is_broken;
        block->fields->items[i].is_inherited = true;
    }
    for (size_t i = 0; i < base->child_count; i++)
        mimo_block_add_child(compilation->arena, block, copy_child(compilation, base->children[i]));
    block->is_damaged = block->is_damaged || base->is_damaged;
    block->fields->has_lost_base = block->fields->has_lost_base || base->fields->has_lost_base;
}

/* Fills in a block of the file, its bases before it. */
static void fill_derived(struct mimo_compilation *compilation, struct mimo_block *block)
{
    struct mimo_block *chain[DERIVATION_DEPTH_MAX];
    size_t count = 0;

    for (; block != NULL && block->fields->progress != MIMO_PROGRESS_DONE;
         block = block->fields->base) {
        if (count == DERIVATION_DEPTH_MAX) {
            (void)mimo_diagnose(compilation->diagnostics, MIMO_E0105, chain[0]->name_span,
                                "it derives over more than %d steps", DERIVATION_DEPTH_MAX);
            break;
        }
        chain[count++] = block;
    }
    while (count-- > 0) {
        struct mimo_block *next = chain[count];
        if (next->fields->base != NULL &&
            next->fields->base->fields->progress == MIMO_PROGRESS_DONE)
            copy_entries(compilation, next, next->fields->base);
        fill(compilation, next, next->fields->tree);
        next->fields->progress = MIMO_PROGRESS_DONE;
    }
}

/* ---- names within a model ---- */

static void check_module_name(struct mimo_compilation *compilation, const struct mimo_block *block,
                              const struct mimo_block **modules, size_t count)
{
    if (block->name == NULL)
        return;
    if (strcmp(block->name, "all") == 0)
        (void)mimo_diagnose(compilation->diagnostics, MIMO_E0302, block->name_span,
                            "'all' cannot name a module: it stands for all of them");
    for (size_t i = 0; i < count; i++) {
        struct mimo_diagnostic *diagnostic;
        if (modules[i]->name == NULL || strcmp(modules[i]->name, block->name) != 0)
            continue;
        diagnostic = mimo_diagnose(compilation->diagnostics, MIMO_E0202, block->name_span,
                                   "the name '%s' is given twice in this model", block->name);
        mimo_diagnose_note(compilation->diagnostics, diagnostic, modules[i]->name_span,
                           "it is given here first");
        return;
    }
}

/* The language model, the encoders and the projectors share one set of names. */
static void check_module_names(struct mimo_compilation *compilation, const struct mimo_block *model)
{
    const struct mimo_block **modules = NULL;
    size_t count = 0, capacity = 0;

    for (size_t i = 0; i < model->child_count; i++) {
        const struct mimo_block *child = model->children[i];
        const bool is_modality = child->kind == MIMO_BLOCK_modality;
        for (size_t j = 0; j < (is_modality ? child->child_count : 1); j++) {
            const struct mimo_block *module = is_modality ? child->children[j] : child;
            check_module_name(compilation, module, modules, count);
            MIMO_APPEND(compilation->arena, modules, count, capacity, module);
        }
    }
}

bool mimo_compilation_lost(const struct mimo_compilation *compilation, uint32_t file,
                           const char *word)
{
    for (size_t i = 0; i < compilation->misspelt_count; i++) {
        if (compilation->misspelt[i].span.file == file &&
            strcmp(compilation->misspelt[i].text, word) == 0)
            return true;
    }
    for (size_t i = 0; i < compilation->tree_count; i++) {
        const struct mimo_tree *tree = compilation->trees[i];
        if (tree->file != file)
            continue;
        if (tree->is_unclosed)
            return true;
        for (size_t j = 0; j < tree->lost_count; j++) {
            if (strcmp(tree->lost[j].text, word) == 0)
                return true;
        }
    }
    return false;
}

void mimo_compilation_resolve(struct mimo_compilation *compilation)
{
    for (size_t i = 0; i < compilation->tree_count; i++) {
        const struct mimo_tree *tree = compilation->trees[i];
        for (size_t j = 0; j < tree->statement_count; j++)
            add_statement(compilation, &tree->statements[j]);
    }
    link_bases(compilation);
    for (size_t i = 0; i < compilation->block_count; i++)
        fill_derived(compilation, compilation->blocks[i]);
    for (size_t i = 0; i < compilation->block_count; i++) {
        if (compilation->blocks[i]->kind == MIMO_BLOCK_model)
            check_module_names(compilation, compilation->blocks[i]);
    }
}
