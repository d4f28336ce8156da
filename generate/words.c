/* Lists of the language's words, for editors: separated by spaces, or as the alternatives of a
 * regular expression, in the usual syntax and in Vim's. */
#include "compiler/declaration/arithmetic.h"
#include "compiler/declaration/suggest.h"
#include "generate/parts.h"

#include <string.h>

static void add(struct mimo_candidates *list, const char *word)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i], word) == 0)
            return;
    }
    mimo_candidates_add(list, word);
}

static void add_items(struct mimo_candidates *list, const char *items)
{
    const char *item;
    size_t length;

    for (size_t i = 0; (item = mimo_word_list_item(items, i, &length)) != NULL; i++)
        add(list, mimo_arena_copy(list->arena, item, length));
}

/* The words that the grammar itself knows; tests/packaging checks them against mimoc. */
static void list_statements(struct mimo_candidates *list)
{
    add_items(list, "mimo import param assert");
}

static void list_functions(struct mimo_candidates *list)
{
    add_items(list, "min max ceil_div");
}

static void list_blocks(struct mimo_candidates *list)
{
    for (int i = 0; i < MIMO_BLOCK_KIND_COUNT; i++)
        add(list, mimo_schema_block((enum mimo_block_kind)i)->word);
}

/* Architectures, and kinds of optimizer and schedule. */
static void list_bases(struct mimo_candidates *list)
{
    for (int i = 0; i < MIMO_BLOCK_KIND_COUNT; i++)
        add_items(list, mimo_schema_block((enum mimo_block_kind)i)->bases);
}

static void list_attributes(struct mimo_candidates *list)
{
    for (int i = 0; i < MIMO_ATTRIBUTE_COUNT; i++)
        add(list, mimo_attribute_word((enum mimo_attribute)i));
}

static void list_values(struct mimo_candidates *list)
{
    add_items(list, "true false auto none");
    for (int i = 0; i < MIMO_BLOCK_KIND_COUNT; i++) {
        size_t count;
        const struct mimo_schema_attribute *rows =
            mimo_schema_attributes((enum mimo_block_kind)i, &count);
        for (size_t j = 0; j < count; j++) {
            for (size_t k = 0; k < rows[j].type->word_count; k++)
                add(list, rows[j].type->words[k]);
        }
    }
}

static void list_units(struct mimo_candidates *list)
{
    for (size_t i = 0; mimo_unit_word(i) != NULL; i++)
        add(list, mimo_unit_word(i));
}

static void print_list(struct mimo_arena *arena, void (*collect)(struct mimo_candidates *),
                       const char *separator)
{
    struct mimo_candidates list = {.arena = arena};

    collect(&list);
    for (size_t i = 0; i < list.count; i++)
        (void)printf("%s%s", i > 0 ? separator : "", list.items[i]);
}

#define LISTS(X)                                                                                   \
    X(statements)                                                                                  \
    X(functions)                                                                                   \
    X(blocks)                                                                                      \
    X(bases)                                                                                       \
    X(attributes)                                                                                  \
    X(values)                                                                                      \
    X(units)

#define PRINT_LIST(name)                                                                           \
    static void print_words_##name(const struct mimo_program *program, struct mimo_arena *arena)   \
    {                                                                                              \
        (void)program;                                                                             \
        print_list(arena, list_##name, " ");                                                       \
    }                                                                                              \
    static void print_regex_##name(const struct mimo_program *program, struct mimo_arena *arena)   \
    {                                                                                              \
        (void)program;                                                                             \
        print_list(arena, list_##name, "|");                                                       \
    }                                                                                              \
    static void print_vim_##name(const struct mimo_program *program, struct mimo_arena *arena)     \
    {                                                                                              \
        (void)program;                                                                             \
        print_list(arena, list_##name, "\\|");                                                     \
    }
LISTS(PRINT_LIST)

const struct mimo_part mimo_word_parts[] = {
#define LIST_PARTS(name)                                                                           \
    {"words-" #name, print_words_##name}, {"regex-" #name, print_regex_##name},                    \
        {"vim-" #name, print_vim_##name},
    LISTS(LIST_PARTS)
#undef LIST_PARTS
        {NULL, NULL},
};
