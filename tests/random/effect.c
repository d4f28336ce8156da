/* Which blocks and attributes are in effect, derivation included. */
#include "tests/random/effect.h"

#include "tests/random/grammar.h"

#include <string.h>

bool effect_is_present(const struct oracle *oracle, int block)
{
    for (; block != SKETCH_NONE; block = oracle->sketch->blocks[block].parent) {
        if (oracle->sketch->blocks[block].is_removed)
            return false;
    }
    return true;
}

const char *effect_parent_kind(const struct oracle *oracle, int block)
{
    const int parent = oracle->sketch->blocks[block].parent;

    return parent == SKETCH_NONE ? "" : oracle->sketch->blocks[parent].kind;
}

static bool is_same_block(const struct sketch_block *a, const struct sketch_block *b)
{
    return a->parent == b->parent && strcmp(a->kind, b->kind) == 0 &&
           (sketch_is_variant(a) || strcmp(a->name, b->name) == 0);
}

/* A block of the same kind and name stands before it. */
bool effect_is_second(const struct oracle *oracle, int block)
{
    const struct sketch *sketch = oracle->sketch;

    for (int i = 0; i < sketch->block_count; i++) {
        if (i != block && effect_is_present(oracle, i) &&
            is_same_block(&sketch->blocks[i], &sketch->blocks[block]) &&
            oracle_stands_before(sketch->blocks[i].kind_place, sketch->blocks[block].kind_place))
            return true;
    }
    return false;
}

static bool stands_for_same(const struct sketch_block *a, const struct sketch_block *b)
{
    return strcmp(a->kind, b->kind) == 0 && (sketch_is_variant(a) || strcmp(a->name, b->name) == 0);
}

/* The own children, in the order of the file. */
static int own_children(struct oracle *oracle, int block, const char *kind, int *out)
{
    const struct sketch *sketch = oracle->sketch;
    int count = 0;

    for (int i = 0; i < sketch->block_count; i++) {
        int at = count;

        if (sketch->blocks[i].parent != block || sketch->blocks[i].is_removed ||
            strcmp(sketch->blocks[i].kind, kind) != 0 || effect_is_second(oracle, i))
            continue;
        for (; at > 0 && oracle_stands_before(sketch->blocks[i].kind_place,
                                              sketch->blocks[out[at - 1]].kind_place);
             at--)
            out[at] = out[at - 1];
        out[at] = i;
        count++;
    }
    return count;
}

int oracle_children(struct oracle *oracle, int block, const char *kind,
                    int out_blocks[SKETCH_BLOCKS_MAX])
{
    const int base = sketch_base_of(oracle->sketch, block);
    int own[SKETCH_BLOCKS_MAX], count, own_count;

    count = base == SKETCH_NONE ? 0 : oracle_children(oracle, base, kind, out_blocks);
    own_count = own_children(oracle, block, kind, own);
    for (int i = 0; i < own_count; i++) {
        int at = 0;

        while (at < count && !stands_for_same(&oracle->sketch->blocks[own[i]],
                                              &oracle->sketch->blocks[out_blocks[at]]))
            at++;
        out_blocks[at] = own[i];
        count += at == count;
    }
    return count;
}

/* A block of a known kind in the wrong place may have been meant for the block before it. */
static bool precedes_misplaced(struct oracle *oracle, int block)
{
    const struct sketch *sketch = oracle->sketch;
    const struct sketch_block *at = &sketch->blocks[block];

    for (int i = 0; i < sketch->block_count; i++) {
        const struct sketch_block *other = &sketch->blocks[i];
        bool is_next = effect_is_present(oracle, i) && other->parent == at->parent &&
                       grammar_is_kind(other->kind) &&
                       !grammar_may_stand_in(other->kind, effect_parent_kind(oracle, i)) &&
                       oracle_stands_before(at->kind_place, other->kind_place);

        for (int j = 0; is_next && j < sketch->block_count; j++)
            is_next = j == block || j == i || sketch->blocks[j].is_removed ||
                      sketch->blocks[j].parent != at->parent ||
                      oracle_stands_before(sketch->blocks[j].kind_place, at->kind_place) ||
                      oracle_stands_before(other->kind_place, sketch->blocks[j].kind_place);
        if (is_next)
            return true;
    }
    return false;
}

bool effect_has_lost_base(const struct oracle *oracle, int block)
{
    const struct sketch_block *at = &oracle->sketch->blocks[block];

    return at->parent == SKETCH_NONE && at->base[0] != '\0' &&
           sketch_base_of(oracle->sketch, block) == SKETCH_NONE;
}

/* Misspelt, so that it is known what was meant. */
static bool stands_for_another(const struct sketch_block *block, const char *name)
{
    char meant[SKETCH_WORD_MAX];
    const size_t length = strlen(name);

    if (length == 0 || name[length - 1] != 'x')
        return false;
    (void)snprintf(meant, sizeof meant, "%.*s", (int)length - 1, name);
    return grammar_find(block, meant) != NULL;
}

bool oracle_is_damaged(struct oracle *oracle, int block)
{
    struct sketch *sketch = oracle->sketch;
    const struct sketch_block *at = &sketch->blocks[block];
    const int base = sketch_base_of(sketch, block);

    if (precedes_misplaced(oracle, block) ||
        (!sketch_is_variant(at) && effect_has_lost_base(oracle, sketch_root(sketch, block))))
        return true;
    for (int i = 0; i < at->attribute_count; i++) {
        if (grammar_find(at, at->attributes[i].name) == NULL &&
            !stands_for_another(at, at->attributes[i].name))
            return true;
    }
    for (int i = 0; i < sketch->block_count; i++) {
        if (sketch->blocks[i].parent == block && !sketch->blocks[i].is_removed &&
            !grammar_may_stand_in(sketch->blocks[i].kind, at->kind))
            return true;
    }
    return base != SKETCH_NONE && oracle_is_damaged(oracle, base);
}

/* The attribute in effect and the block that it is written in, or NULL. */
struct sketch_attribute *effect_look_up(struct oracle *oracle, int block, const char *name,
                                        int *out_block)
{
    for (; block != SKETCH_NONE; block = sketch_base_of(oracle->sketch, block)) {
        struct sketch_attribute *attribute = sketch_find(oracle->sketch, block, name);

        *out_block = block;
        if (attribute != NULL)
            return attribute;
    }
    return NULL;
}

bool effect_is_misspelt(struct oracle *oracle, int block, const char *name)
{
    char misspelt[SKETCH_WORD_MAX + 1];

    (void)snprintf(misspelt, sizeof misspelt, "%sx", name);
    for (; block != SKETCH_NONE; block = sketch_base_of(oracle->sketch, block)) {
        if (sketch_find(oracle->sketch, block, name) != NULL)
            return false;
        if (sketch_find(oracle->sketch, block, misspelt) != NULL)
            return true;
    }
    return false;
}

bool oracle_is_set(struct oracle *oracle, int block, const char *name)
{
    int owner;

    return effect_is_misspelt(oracle, block, name) ||
           effect_look_up(oracle, block, name, &owner) != NULL;
}

struct sketch_place oracle_place(struct oracle *oracle, int block, const char *name)
{
    const struct sketch_attribute *attribute = sketch_find(oracle->sketch, block, name);

    return attribute != NULL ? attribute->place : oracle->sketch->blocks[block].name_place;
}

int effect_of(const struct oracle *oracle, int block)
{
    while (sketch_derived_from(oracle->sketch, block) != SKETCH_NONE)
        block = sketch_derived_from(oracle->sketch, block);
    return block;
}
