/* Other ways to say the same: derivation, params, references, asserts, another order. */
#include "tests/random/sketch.h"

#include <string.h>

enum { ENTRIES_MAX = SKETCH_BLOCKS_MAX + SKETCH_ATTRIBUTES_MAX }; /* keeps orders distinct */

/* ---- derivation ---- */

/* A value of the same type, for a base whose attribute is overridden. */
static struct sketch_value other_value(struct dice *dice, const struct sketch_value *value)
{
    struct sketch_value other = *value;

    if (value->kind == SKETCH_INTEGER)
        other.integer = dice_between(dice, 1, 9);
    else if (value->kind == SKETCH_REAL)
        other.real = 0.5;
    return other;
}

static void remove_attribute(struct sketch_block *block, int index)
{
    memmove(&block->attributes[index], &block->attributes[index + 1],
            (size_t)(block->attribute_count - index - 1) * sizeof *block->attributes);
    block->attribute_count--;
}

/* Moves attributes of `block` to `base`, or leaves them and gives `base` others. */
static void split_attributes(struct sketch *sketch, struct dice *dice, int block, int base)
{
    struct sketch_block *at = &sketch->blocks[block];

    for (int i = at->attribute_count - 1; i >= 0; i--) {
        const struct sketch_attribute *attribute = &at->attributes[i];
        const int choice = dice_below(dice, 3);

        if (choice == 1)
            (void)sketch_add(sketch, base, attribute->name, attribute->value);
        else if (choice == 2)
            (void)sketch_add(sketch, base, attribute->name, other_value(dice, &attribute->value));
        if (choice == 1)
            remove_attribute(at, i);
    }
}

/* Shares out the entries of `block` between it and a new block, `base`, which it derives from. */
static void split(struct sketch *sketch, struct dice *dice, int block, int base)
{
    const int count = sketch->block_count;

    split_attributes(sketch, dice, block, base);
    for (int i = 0; i < count; i++) {
        struct sketch_block *child = &sketch->blocks[i];
        const int choice = dice_below(dice, 3);

        if (child->parent != block)
            continue;
        if (choice == 1)
            child->parent = base;
        else if (choice == 2 && !sketch_is_variant(child))
            split(sketch, dice, i,
                  sketch_add_block(sketch, base, child->kind, child->name, child->base));
    }
}

static void derive(struct sketch *sketch, struct dice *dice)
{
    const int count = sketch->block_count;

    for (int i = 0; i < count; i++) {
        struct sketch_block *block = &sketch->blocks[i];

        if (block->parent != SKETCH_NONE || strcmp(block->kind, "checkpoint") == 0 ||
            sketch->block_count + 12 > SKETCH_BLOCKS_MAX || !dice_chance(dice, 12))
            continue;
        (void)snprintf(block->base, sizeof block->base, "base%d", i);
        split(sketch, dice, i, sketch_add_block(sketch, SKETCH_NONE, block->kind, block->base, ""));
    }
}

/* ---- references ---- */

/* Finds k and an operation with target (operation) k == value. */
static bool relate(struct dice *dice, int64_t target, int64_t value, struct sketch_value *out)
{
    out->operation = 0;
    if (target == value)
        return true;
    if (target > 0 && value > 0 && value % target == 0 && value / target < 100) {
        out->operation = '*';
        out->operand = value / target;
    } else if (target > 0 && value > 0 && target % value == 0) {
        out->operation = '/';
        out->operand = target / value;
    } else if (dice_chance(dice, 50) && target < 100000 && value < 100000) {
        out->operation = value > target ? '+' : '-';
        out->operand = value > target ? value - target : target - value;
    }
    return out->operation != 0;
}

/* A block whose attributes have one name for everybody, and one value. */
static bool can_be_referred_to(const struct sketch *sketch, int block)
{
    static const char *const kinds[] = {"language", "encoder", "training", "cluster"};

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(sketch->blocks[block].kind, kinds[i]) == 0)
            return sketch_derived_from(sketch, sketch_root(sketch, block)) == SKETCH_NONE;
    }
    return false;
}

static void refer(struct sketch *sketch, struct dice *dice, int block,
                  struct sketch_attribute *attribute)
{
    const int other = dice_chance(dice, 50) ? block : dice_below(dice, sketch->block_count);
    struct sketch_block *target = &sketch->blocks[other];
    struct sketch_value value = {.kind = SKETCH_REFERENCE, .param = SKETCH_NONE, .block = other};
    const struct sketch_attribute *from;

    if ((other != block && !can_be_referred_to(sketch, other)) || target->attribute_count == 0 ||
        sketch_derived_from(sketch, sketch_root(sketch, block)) != SKETCH_NONE)
        return;
    from = &target->attributes[dice_below(dice, target->attribute_count)];
    if (from == attribute || from->value.kind != SKETCH_INTEGER ||
        strcmp(from->name, "head_dim") == 0 || /* its default divides, perhaps with a rest */
        !relate(dice, from->value.integer, attribute->value.integer, &value))
        return;
    sketch_copy_word(value.attribute, from->name);
    attribute->value = value;
}

static void use_param(struct sketch *sketch, struct dice *dice, struct sketch_attribute *attribute)
{
    struct sketch_value value = {.kind = SKETCH_REFERENCE, .block = SKETCH_NONE};
    struct sketch_param *param;

    if (sketch->param_count < SKETCH_PARAMS_MAX && dice_chance(dice, 40)) {
        value.param = sketch->param_count++;
        param = &sketch->params[value.param];
        (void)snprintf(param->name, sizeof param->name, "p%d", value.param);
        param->value = sketch_integer(attribute->value.integer * DICE_CHOOSE(dice, 1, 1, 2));
    } else if (sketch->param_count > 0) {
        value.param = dice_below(dice, sketch->param_count);
    } else {
        return;
    }
    if (relate(dice, sketch->params[value.param].value.integer, attribute->value.integer, &value))
        attribute->value = value;
}

/* What is referred to stays a number, so that there are no circles. */
static bool is_referred_to(const struct sketch *sketch, int block, const char *name)
{
    for (int i = 0; i < sketch->block_count; i++) {
        for (int j = 0; j < sketch->blocks[i].attribute_count; j++) {
            const struct sketch_value *value = &sketch->blocks[i].attributes[j].value;

            if (value->kind == SKETCH_REFERENCE && value->block == block &&
                strcmp(value->attribute, name) == 0)
                return true;
        }
    }
    return false;
}

static void dress_values(struct sketch *sketch, struct dice *dice)
{
    for (int i = 0; i < sketch->block_count; i++) {
        for (int j = 0; j < sketch->blocks[i].attribute_count; j++) {
            struct sketch_attribute *attribute = &sketch->blocks[i].attributes[j];

            if (attribute->value.kind != SKETCH_INTEGER ||
                is_referred_to(sketch, i, attribute->name))
                continue;
            if (dice_chance(dice, 8))
                use_param(sketch, dice, attribute);
            else if (dice_chance(dice, 15))
                refer(sketch, dice, i, attribute);
        }
    }
}

/* ---- asserts ---- */

static void add_asserts(struct sketch *sketch, struct dice *dice)
{
    while (sketch->assert_count < SKETCH_ASSERTS_MAX && dice_chance(dice, 25)) {
        const int block = dice_below(dice, sketch->block_count);
        const struct sketch_block *at = &sketch->blocks[block];
        const struct sketch_attribute *attribute;
        struct sketch_value value = {
            .kind = SKETCH_REFERENCE, .param = SKETCH_NONE, .block = block};

        if (at->attribute_count == 0 || !can_be_referred_to(sketch, block))
            continue;
        attribute = &at->attributes[dice_below(dice, at->attribute_count)];
        if (attribute->value.kind != SKETCH_INTEGER)
            continue;
        sketch_copy_word(value.attribute, attribute->name);
        sketch->asserts[sketch->assert_count++] =
            (struct sketch_assert){.left = value, .right = attribute->value.integer};
    }
}

/* ---- order ---- */

static void shuffle(struct sketch *sketch, struct dice *dice)
{
    for (int i = 0; i < sketch->block_count; i++) {
        struct sketch_block *block = &sketch->blocks[i];

        block->order = dice_below(dice, 1000) * ENTRIES_MAX + i;
        for (int j = 0; j < block->attribute_count; j++)
            block->attributes[j].order =
                dice_below(dice, 1000) * ENTRIES_MAX + SKETCH_BLOCKS_MAX + j;
    }
}

void sketch_dress(struct sketch *sketch, struct dice *dice)
{
    derive(sketch, dice);
    dress_values(sketch, dice);
    add_asserts(sketch, dice);
    if (dice_chance(dice, 60))
        shuffle(sketch, dice);
}
