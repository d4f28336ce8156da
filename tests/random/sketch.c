#include "tests/random/sketch.h"

#include <stdlib.h>
#include <string.h>

/* ---- chance ---- */

static uint64_t next(struct dice *dice)
{
    uint64_t z = dice->state += UINT64_C(0x9E3779B97F4A7C15);

    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

int dice_below(struct dice *dice, int count)
{
    if (count <= 0)
        abort();
    return (int)(next(dice) % (uint64_t)count);
}

int dice_between(struct dice *dice, int first, int last)
{
    return first + dice_below(dice, last - first + 1);
}

bool dice_chance(struct dice *dice, int percent)
{
    return dice_below(dice, 100) < percent;
}

int dice_choose(struct dice *dice, const int *numbers)
{
    int count = 0;

    while (numbers[count] != 0)
        count++;
    return numbers[dice_below(dice, count)];
}

/* ---- building ---- */

void sketch_copy_word(char to[SKETCH_WORD_MAX], const char *from)
{
    (void)snprintf(to, SKETCH_WORD_MAX, "%s", from);
}

int sketch_add_block(struct sketch *sketch, int parent, const char *kind, const char *name,
                     const char *base)
{
    const int index = sketch->block_count++;
    struct sketch_block *block = &sketch->blocks[index];

    if (sketch->block_count > SKETCH_BLOCKS_MAX)
        abort();
    *block = (struct sketch_block){.parent = parent, .order = SKETCH_ATTRIBUTES_MAX + 1 + index};
    sketch_copy_word(block->kind, kind);
    sketch_copy_word(block->name, name);
    sketch_copy_word(block->base, base);
    return index;
}

struct sketch_attribute *sketch_add(struct sketch *sketch, int block, const char *name,
                                    struct sketch_value value)
{
    struct sketch_block *at = &sketch->blocks[block];
    struct sketch_attribute *attribute = &at->attributes[at->attribute_count++];

    if (at->attribute_count > SKETCH_ATTRIBUTES_MAX)
        abort();
    *attribute = (struct sketch_attribute){.value = value, .order = at->attribute_count};
    sketch_copy_word(attribute->name, name);
    return attribute;
}

void sketch_set_integer(struct sketch *sketch, int block, const char *name, int64_t integer)
{
    (void)sketch_add(sketch, block, name, sketch_integer(integer));
}

void sketch_set_word(struct sketch *sketch, int block, const char *name, const char *word)
{
    (void)sketch_add(sketch, block, name, sketch_text(SKETCH_WORD, word));
}

struct sketch_value sketch_integer(int64_t integer)
{
    return (struct sketch_value){
        .kind = SKETCH_INTEGER, .integer = integer, .param = SKETCH_NONE, .block = SKETCH_NONE};
}

struct sketch_value sketch_real(double real)
{
    return (struct sketch_value){
        .kind = SKETCH_REAL, .real = real, .param = SKETCH_NONE, .block = SKETCH_NONE};
}

struct sketch_value sketch_text(enum sketch_value_kind kind, const char *text)
{
    struct sketch_value value = {.kind = kind, .param = SKETCH_NONE, .block = SKETCH_NONE};

    sketch_copy_word(value.text, text);
    return value;
}

struct sketch_value sketch_quantity(const char *text, char unit)
{
    struct sketch_value value = sketch_text(SKETCH_QUANTITY, text);

    value.unit = unit;
    return value;
}

/* ---- finding ---- */

struct sketch_attribute *sketch_find(struct sketch *sketch, int block, const char *name)
{
    struct sketch_block *at = &sketch->blocks[block];

    for (int i = 0; i < at->attribute_count; i++) {
        if (strcmp(at->attributes[i].name, name) == 0)
            return &at->attributes[i];
    }
    return NULL;
}

int sketch_child(const struct sketch *sketch, int parent, const char *kind, const char *name)
{
    for (int i = 0; i < sketch->block_count; i++) {
        const struct sketch_block *block = &sketch->blocks[i];

        if (!block->is_removed && block->parent == parent && strcmp(block->kind, kind) == 0 &&
            (name == NULL || strcmp(block->name, name) == 0))
            return i;
    }
    return SKETCH_NONE;
}

/* ---- derivation ---- */

int sketch_root(const struct sketch *sketch, int block)
{
    while (sketch->blocks[block].parent != SKETCH_NONE)
        block = sketch->blocks[block].parent;
    return block;
}

bool sketch_is_variant(const struct sketch_block *block)
{
    return strcmp(block->kind, "optimizer") == 0 || strcmp(block->kind, "schedule") == 0;
}

/* The child of `parent` that stands for the same as `block`. */
static int same_child(const struct sketch *sketch, int parent, const struct sketch_block *block)
{
    return parent == SKETCH_NONE ? SKETCH_NONE
                                 : sketch_child(sketch, parent, block->kind, block->name);
}

int sketch_base_of(const struct sketch *sketch, int block)
{
    const struct sketch_block *at = &sketch->blocks[block];

    if (at->parent != SKETCH_NONE)
        return sketch_is_variant(at) ? SKETCH_NONE
                                     : same_child(sketch, sketch_base_of(sketch, at->parent), at);
    return at->base[0] == '\0' ? SKETCH_NONE
                               : sketch_child(sketch, SKETCH_NONE, at->kind, at->base);
}

int sketch_derived_from(const struct sketch *sketch, int block)
{
    const struct sketch_block *at = &sketch->blocks[block];

    if (at->parent != SKETCH_NONE)
        return same_child(sketch, sketch_derived_from(sketch, at->parent), at);
    for (int i = 0; i < sketch->block_count && at->name[0] != '\0'; i++) {
        const struct sketch_block *other = &sketch->blocks[i];

        if (!other->is_removed && other->parent == SKETCH_NONE &&
            strcmp(other->kind, at->kind) == 0 && strcmp(other->base, at->name) == 0)
            return i;
    }
    return SKETCH_NONE;
}
