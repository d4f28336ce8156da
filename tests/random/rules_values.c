/* E02, E03, E08: names and values, and what is missing. */
#include "tests/random/effect.h"
#include "tests/random/value.h"

#include <string.h>

static void add(struct oracle *oracle, const char *code, struct sketch_place place)
{
    oracle_verdict_add(oracle->verdict, code, place);
}

/* E0201, E0202: wherever it is written, in bases too. */
static void judge_names(struct oracle *oracle)
{
    struct sketch *sketch = oracle->sketch;

    for (int i = 0; i < sketch->block_count; i++) {
        const struct sketch_block *block = &sketch->blocks[i];

        if (!effect_is_present(oracle, i))
            continue;
        if (!grammar_may_stand_in(block->kind, effect_parent_kind(oracle, i))) {
            add(oracle, "E0201", block->kind_place);
            continue;
        }
        if (effect_is_second(oracle, i))
            add(oracle, "E0202", sketch_is_variant(block) ? block->kind_place : block->name_place);
        if (effect_has_lost_base(oracle, i))
            add(oracle, "E0204", block->base_place);
        for (int j = 0; j < block->attribute_count; j++) {
            const struct sketch_attribute *attribute = &block->attributes[j];

            if (grammar_find(block, attribute->name) == NULL)
                add(oracle, "E0201", attribute->place);
            else if (sketch_find(sketch, i, attribute->name) != attribute)
                add(oracle, "E0202", attribute->place);
        }
    }
}

/* Misspelt by an x: that is what is not missing. */
static bool is_misspelt(const struct oracle *oracle, const char *name)
{
    char text[SKETCH_WORD_MAX + 1];

    (void)snprintf(text, sizeof text, "%sx", name);
    for (int i = 0; i < oracle->sketch->block_count; i++) {
        if (effect_is_present(oracle, i) && sketch_find(oracle->sketch, i, text) != NULL)
            return true;
    }
    return false;
}

/* The attributes in effect of one block: values, and what is missing. */
static void judge_block(struct oracle *oracle, int block)
{
    struct sketch_block *at = &oracle->sketch->blocks[block];

    for (int i = 0; i < GRAMMAR_ROW_COUNT; i++) {
        const struct sketch_attribute *attribute;
        struct oracle_value value;
        int owner;

        if (grammar_find(at, grammar_rows[i].name) != &grammar_rows[i])
            continue;
        attribute = effect_look_up(oracle, block, grammar_rows[i].name, &owner);
        if (attribute == NULL) {
            if ((grammar_rows[i].flags & REQUIRED) != 0 &&
                !is_misspelt(oracle, grammar_rows[i].name) &&
                !effect_has_lost_base(oracle, sketch_root(oracle->sketch, block)))
                add(oracle, "E0203", at->name_place);
            continue;
        }
        value = oracle_judge_attribute(oracle, owner, attribute, &grammar_rows[i]);
        if (value.error[0] != '\0')
            add(oracle, value.error, value.place);
        if (value.kind == ORACLE_INTEGER && (grammar_rows[i].flags & LARGE) == 0 &&
            (value.integer > 5000 || value.integer < -5000))
            oracle->verdict->is_too_large = true;
    }
}

static void judge_tree(struct oracle *oracle, int block)
{
    int children[SKETCH_BLOCKS_MAX];

    if (block == SKETCH_NONE)
        return;
    judge_block(oracle, block);
    for (int i = 0; i < GRAMMAR_NESTING_COUNT; i++) {
        int count;

        if (strcmp(grammar_nestings[i].parent, oracle->sketch->blocks[block].kind) != 0)
            continue;
        count = oracle_children(oracle, block, grammar_nestings[i].kind, children);
        for (int j = 0; j < count; j++)
            judge_tree(oracle, children[j]);
    }
}

/* Clusters and the checkpoint are not chosen. */
static void judge_unchosen(struct oracle *oracle)
{
    struct sketch *sketch = oracle->sketch;

    for (int i = 0; i < sketch->block_count; i++) {
        const struct sketch_block *block = &sketch->blocks[i];

        if (block->parent == SKETCH_NONE && !block->is_removed && !effect_is_second(oracle, i) &&
            sketch_derived_from(sketch, i) == SKETCH_NONE &&
            (strcmp(block->kind, "cluster") == 0 || strcmp(block->kind, "checkpoint") == 0))
            judge_tree(oracle, i);
    }
}

static void judge_params(struct oracle *oracle)
{
    for (int i = 0; i < oracle->sketch->param_count; i++) {
        const struct oracle_value value = oracle_read_param(oracle, i);

        if (value.error[0] != '\0')
            add(oracle, value.error, value.place);
    }
}

static void judge_asserts(struct oracle *oracle)
{
    for (int i = 0; i < oracle->sketch->assert_count; i++) {
        const struct sketch_assert *item = &oracle->sketch->asserts[i];
        const struct oracle_value value = oracle_follow(oracle, &item->left, item->place);

        if (value.error[0] != '\0')
            add(oracle, value.error, value.place);
        else if ((value.kind == ORACLE_INTEGER && value.integer != item->right) ||
                 value.kind == ORACLE_NO)
            add(oracle, "E0801", item->place);
    }
}

void oracle_judge_values(struct oracle *oracle)
{
    judge_names(oracle);
    if (oracle->sketch->has_bad_import)
        add(oracle, "E0205", oracle->sketch->import_place);
    judge_params(oracle);
    judge_tree(oracle, oracle->model);
    judge_tree(oracle, oracle->deployment);
    judge_tree(oracle, oracle->training);
    judge_tree(oracle, oracle->data);
    judge_unchosen(oracle);
    judge_asserts(oracle);
    if (oracle->training == SKETCH_NONE || oracle->data == SKETCH_NONE)
        add(oracle, "E0203", oracle->sketch->version_place);
}
