/*
 * mutate.c - one change to a dressed sketch. Most changes break a rule, some break none; the oracle
 * says which. What is changed is in effect: no attribute of a base that is overridden.
 */
#include "tests/random/mutate.h"

#include <string.h>

/* ---- what can be changed ---- */

bool mutate_is_present(const struct sketch *sketch, int block)
{
    for (; block != SKETCH_NONE; block = sketch->blocks[block].parent) {
        if (sketch->blocks[block].is_removed)
            return false;
    }
    return true;
}

/* False where a derived block has an attribute, or a variant, of its own instead. */
bool mutate_is_in_effect(struct sketch *sketch, int block, const char *attribute)
{
    for (int i = sketch_derived_from(sketch, block); i != SKETCH_NONE;
         i = sketch_derived_from(sketch, i)) {
        if (sketch_is_variant(&sketch->blocks[i]) || sketch_find(sketch, i, attribute) != NULL)
            return false;
    }
    return true;
}

/* A random attribute in effect, or NULL. */
struct sketch_attribute *mutate_pick(struct sketch *sketch, struct dice *dice, int *out_block)
{
    const int block = dice_below(dice, sketch->block_count);
    struct sketch_block *at = &sketch->blocks[block];
    struct sketch_attribute *attribute;

    if (!mutate_is_present(sketch, block) || at->attribute_count == 0)
        return NULL;
    attribute = &at->attributes[dice_below(dice, at->attribute_count)];
    *out_block = block;
    return mutate_is_in_effect(sketch, block, attribute->name) ? attribute : NULL;
}

struct sketch_attribute *mutate_pick_kind(struct sketch *sketch, struct dice *dice,
                                          enum sketch_value_kind kind)
{
    int block;
    struct sketch_attribute *attribute = mutate_pick(sketch, dice, &block);

    return attribute != NULL && attribute->value.kind == kind ? attribute : NULL;
}

/* A random block, of that kind unless NULL, or SKETCH_NONE. */
int mutate_pick_block(struct sketch *sketch, struct dice *dice, const char *kind_or_null)
{
    int found[SKETCH_BLOCKS_MAX], count = 0;

    for (int i = 0; i < sketch->block_count; i++) {
        if (mutate_is_present(sketch, i) &&
            (kind_or_null == NULL || strcmp(sketch->blocks[i].kind, kind_or_null) == 0))
            found[count++] = i;
    }
    return count > 0 ? found[dice_below(dice, count)] : SKETCH_NONE;
}

/* Adds an attribute before or behind all entries. */
void mutate_insert(struct sketch *sketch, struct dice *dice, int block, const char *name,
                   struct sketch_value value)
{
    struct sketch_attribute *attribute = sketch_add(sketch, block, name, value);

    attribute->order = dice_chance(dice, 50) ? -1 : BEHIND;
}

/* Adds a block behind all entries. */
void mutate_add_behind(struct sketch *sketch, int parent, const char *kind, const char *name,
                       const char *base)
{
    const int block = sketch_add_block(sketch, parent, kind, name, base);

    sketch->blocks[block].order = 2 * BEHIND;
}

bool mutate_has_room(const struct sketch *sketch, int block)
{
    return block != SKETCH_NONE && sketch->block_count < SKETCH_BLOCKS_MAX - 1 &&
           sketch->blocks[block].attribute_count < SKETCH_ATTRIBUTES_MAX;
}

/* ---- the changes ---- */

static const struct {
    const char *name;
    bool (*apply)(struct sketch *sketch, struct dice *dice);
    int weight;
} mutations[] = {
    {"another number", mutate_perturb, 45},
    {"a number out of range", mutate_go_out_of_range, 6},
    {"another real number", mutate_perturb_real, 2},
    {"another type", mutate_change_type, 8},
    {"nonsense", mutate_make_nonsense, 6},
    {"another word", mutate_change_word, 4},
    {"another mode", mutate_change_mode, 10},
    {"another list", mutate_change_list, 4},
    {"a circle", mutate_close_circle, 8},
    {"another param", mutate_change_param, 3},
    {"a misspelt attribute", mutate_misspell, 5},
    {"an unknown attribute", mutate_add_unknown, 2},
    {"an attribute twice", mutate_repeat_attribute, 4},
    {"an attribute less", mutate_remove_attribute, 8},
    {"a number more", mutate_insert_number, 25},
    {"a word more", mutate_insert_word, 12},
    {"a pipeline_layout more", mutate_insert_stages, 6},
    {"other query groups", mutate_change_groups, 12},
    {"other experts", mutate_change_experts, 40},
    {"a projector more", mutate_add_projector, 3},
    {"a shared token", mutate_share_token, 6},
    {"a block less", mutate_remove_block, 8},
    {"a block twice", mutate_repeat_block, 4},
    {"a second language model", mutate_add_language, 4},
    {"a layout for a stranger", mutate_add_stranger, 6},
    {"a block in the wrong place", mutate_add_wrong_block, 4},
    {"an unknown statement", mutate_add_unknown_statement, 2},
    {"a false assert", mutate_break_assert, 3},
    {"a lost base", mutate_lose_base, 3},
    {"an import of nothing", mutate_import_nothing, 1},
};

const char *sketch_mutate(struct sketch *sketch, struct dice *dice)
{
    int total = 0, at = 0, choice;

    for (size_t i = 0; i < sizeof mutations / sizeof *mutations; i++)
        total += mutations[i].weight;
    choice = dice_below(dice, total);
    while (choice >= mutations[at].weight)
        choice -= mutations[at++].weight;
    return mutations[at].apply(sketch, dice) ? mutations[at].name : NULL;
}
