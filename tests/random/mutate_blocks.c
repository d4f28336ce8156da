/* Blocks more, less, or in the wrong place; the file. */
#include "tests/random/mutate.h"

#include <string.h>

bool mutate_remove_block(struct sketch *sketch, struct dice *dice)
{
    const int block = mutate_pick_block(sketch, dice, NULL);

    if (block == SKETCH_NONE || strcmp(sketch->blocks[block].kind, "model") == 0 ||
        sketch_base_of(sketch, block) != SKETCH_NONE ||
        sketch_derived_from(sketch, block) != SKETCH_NONE)
        return false;
    sketch->blocks[block].is_removed = true;
    return true;
}

/* A copy of a block without children, behind it. */
bool mutate_repeat_block(struct sketch *sketch, struct dice *dice)
{
    const int block = mutate_pick_block(sketch, dice, NULL);
    int copy;

    if (!mutate_has_room(sketch, block) || strcmp(sketch->blocks[block].kind, "model") == 0)
        return false;
    for (int i = 0; i < sketch->block_count; i++) {
        if (sketch->blocks[i].parent == block)
            return false;
    }
    copy = sketch->block_count++;
    sketch->blocks[copy] = sketch->blocks[block];
    sketch->blocks[copy].order += BEHIND;
    return true;
}

bool mutate_add_language(struct sketch *sketch, struct dice *dice)
{
    const int block = mutate_pick_block(sketch, dice, "language");
    int copy;

    if (!mutate_has_room(sketch, block) || sketch_base_of(sketch, block) != SKETCH_NONE ||
        sketch_derived_from(sketch, block) != SKETCH_NONE)
        return false;
    copy = sketch->block_count++;
    sketch->blocks[copy] = sketch->blocks[block];
    sketch->blocks[copy].order += BEHIND;
    sketch_copy_word(sketch->blocks[copy].name, "second");
    return true;
}

bool mutate_add_projector(struct sketch *sketch, struct dice *dice)
{
    const int modality = mutate_pick_block(sketch, dice, "modality");

    if (!mutate_has_room(sketch, modality))
        return false;
    mutate_add_behind(sketch, modality, "projector", "spare", "linear");
    return true;
}

bool mutate_add_stranger(struct sketch *sketch, struct dice *dice)
{
    static const char *const names[] = {"images", "depth", "nobody", "mm_projector"};
    const int deployment = mutate_pick_block(sketch, dice, "deployment");

    if (!mutate_has_room(sketch, deployment))
        return false;
    mutate_add_behind(sketch, deployment, "parallelism", names[dice_below(dice, 4)], "");
    return true;
}

bool mutate_add_wrong_block(struct sketch *sketch, struct dice *dice)
{
    static const char *const kinds[] = {"unheard_of", "training", "encoder", "moe", "cluster"};
    const int parent = mutate_pick_block(sketch, dice, NULL);
    const char *kind = kinds[dice_below(dice, 5)];

    if (!mutate_has_room(sketch, parent) || strcmp(sketch->blocks[parent].kind, "modality") == 0 ||
        sketch_base_of(sketch, parent) != SKETCH_NONE ||
        sketch_derived_from(sketch, parent) != SKETCH_NONE)
        return false;
    if (strcmp(sketch->blocks[parent].kind, "language") == 0)
        kind = "cluster";
    mutate_add_behind(sketch, parent, kind, "", "");
    return true;
}

bool mutate_add_unknown_statement(struct sketch *sketch, struct dice *dice)
{
    if (sketch->block_count == SKETCH_BLOCKS_MAX || dice_chance(dice, 50))
        return false;
    mutate_add_behind(sketch, SKETCH_NONE, "unheard_of", "", "");
    return true;
}

/* ---- the file ---- */

bool mutate_break_assert(struct sketch *sketch, struct dice *dice)
{
    if (sketch->assert_count == 0)
        return false;
    sketch->asserts[dice_below(dice, sketch->assert_count)].right += dice_between(dice, 1, 3);
    return true;
}

bool mutate_lose_base(struct sketch *sketch, struct dice *dice)
{
    const int block = mutate_pick_block(sketch, dice, NULL);

    if (block == SKETCH_NONE || sketch->blocks[block].parent != SKETCH_NONE ||
        sketch->blocks[block].name[0] == '\0' || sketch_base_of(sketch, block) == SKETCH_NONE)
        return false;
    sketch_copy_word(sketch->blocks[block].base, "unheard_of");
    return true;
}

bool mutate_import_nothing(struct sketch *sketch, struct dice *dice)
{
    sketch->has_bad_import = dice_chance(dice, 100);
    return true;
}
