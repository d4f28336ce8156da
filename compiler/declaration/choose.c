/* Which model, deployment, training and data are combined. */
#include "compiler/declaration/compilation.h"
#include "compiler/declaration/suggest.h"

#include <string.h>

static const enum mimo_block_kind KINDS[MIMO_CHOICE_COUNT] = {
    MIMO_BLOCK_model, MIMO_BLOCK_deployment, MIMO_BLOCK_training, MIMO_BLOCK_data};

/* Blocks that may be chosen. */
struct candidates {
    const struct mimo_block **items;
    size_t count, capacity;
};

bool mimo_compilation_is_library(const struct mimo_compilation *compilation)
{
    for (size_t i = 0; i < compilation->block_count; i++) {
        if (compilation->blocks[i]->kind == MIMO_BLOCK_model)
            return false;
    }
    return true;
}

static const char *block_word(enum mimo_choice_kind choice)
{
    return mimo_schema_block(KINDS[choice])->word;
}

static const char *block_names(const struct mimo_compilation *compilation,
                               const struct candidates *blocks)
{
    struct mimo_candidates names = {.arena = compilation->arena};

    for (size_t i = 0; i < blocks->count; i++)
        mimo_candidates_add(&names,
                            blocks->items[i]->name != NULL ? blocks->items[i]->name : "(unnamed)");
    return mimo_join_words(compilation->arena, names.items, names.count, "", ", ");
}

/* All blocks of a kind, or, with `are_leaves`, those that none derives from. */
static struct candidates collect(const struct mimo_compilation *compilation,
                                 enum mimo_choice_kind choice, bool are_leaves)
{
    struct candidates found = {0};

    for (size_t i = 0; i < compilation->block_count; i++) {
        const struct mimo_block *block = compilation->blocks[i];
        if (block->kind == KINDS[choice] && !(are_leaves && block->fields->is_derived_from))
            MIMO_APPEND(compilation->arena, found.items, found.count, found.capacity, block);
    }
    return found;
}

/* The block that an option names. */
static enum mimo_status find_named(const struct mimo_compilation *compilation,
                                   enum mimo_choice_kind choice,
                                   const struct mimo_block **out_block, struct mimo_error *err)
{
    const char *name = compilation->request->names[choice];
    const struct mimo_block *block = mimo_compilation_find(compilation, KINDS[choice], name);
    const struct candidates all = collect(compilation, choice, false);

    if (block == NULL)
        return mimo_error_set(
            err, MIMO_E_USAGE, "--%s %s: there is no such block; %s%s", block_word(choice), name,
            all.count > 0 ? "there are: " : "there is none at all", block_names(compilation, &all));
    *out_block = block;
    return MIMO_OK;
}

static enum mimo_status choose_one(const struct mimo_compilation *compilation,
                                   enum mimo_choice_kind choice,
                                   const struct mimo_block **out_block, struct mimo_error *err)
{
    const struct candidates leaves = collect(compilation, choice, true);

    if (compilation->request->names[choice] != NULL)
        return find_named(compilation, choice, out_block, err);
    if (leaves.count > 1)
        return mimo_error_set(err, MIMO_E_USAGE, "choose one with --%s NAME: %s",
                              block_word(choice), block_names(compilation, &leaves));
    *out_block = leaves.count == 1 ? leaves.items[0] : NULL;
    return MIMO_OK;
}

enum mimo_status mimo_compilation_choose(const struct mimo_compilation *compilation,
                                         struct mimo_choice *out_choice, struct mimo_error *err)
{
    struct mimo_choice choice = {0};

    for (int i = 0; i < MIMO_CHOICE_COUNT; i++)
        MIMO_TRY(choose_one(compilation, (enum mimo_choice_kind)i, &choice.blocks[i], err));
    *out_choice = choice;
    return MIMO_OK;
}

/* What lint goes through of one kind: every model and deployment, every training and data that none
 * derives from, or the one that an option names. */
static enum mimo_status choose_all(const struct mimo_compilation *compilation,
                                   enum mimo_choice_kind choice, struct candidates *out_blocks,
                                   struct mimo_error *err)
{
    const bool are_leaves = choice == MIMO_CHOICE_TRAINING || choice == MIMO_CHOICE_DATA;
    struct candidates blocks = collect(compilation, choice, are_leaves);
    const struct mimo_block *named = NULL;

    if (compilation->request->names[choice] != NULL) {
        MIMO_TRY(find_named(compilation, choice, &named, err));
        blocks = (struct candidates){0};
    }
    if (blocks.count == 0)
        MIMO_APPEND(compilation->arena, blocks.items, blocks.count, blocks.capacity, named);
    *out_blocks = blocks;
    return MIMO_OK;
}

enum mimo_status mimo_compilation_choices(const struct mimo_compilation *compilation,
                                          struct mimo_choice **out_choices, size_t *out_count,
                                          struct mimo_error *err)
{
    struct candidates blocks[MIMO_CHOICE_COUNT];
    struct mimo_choice *choices;
    size_t count = 1;

    for (int i = 0; i < MIMO_CHOICE_COUNT; i++) {
        MIMO_TRY(choose_all(compilation, (enum mimo_choice_kind)i, &blocks[i], err));
        if (__builtin_mul_overflow(count, blocks[i].count, &count) || count > MIMO_CHOICES_MAX)
            return mimo_error_set(err, MIMO_E_USAGE,
                                  "the file has more than %d combinations to check; choose among "
                                  "them with --model, --deployment, --training and --data",
                                  MIMO_CHOICES_MAX);
    }
    choices = MIMO_NEW_ARRAY(compilation->arena, struct mimo_choice, count);
    for (size_t i = 0; i < count; i++) {
        size_t rest = i;
        for (int kind = 0; kind < MIMO_CHOICE_COUNT; kind++) {
            choices[i].blocks[kind] = blocks[kind].items[rest % blocks[kind].count];
            rest /= blocks[kind].count;
        }
    }
    *out_choices = choices;
    *out_count = count;
    return MIMO_OK;
}
