#include "compiler/schema/schema.h"

#include "plan/format.h"

#include <string.h>

#define WORD_OF(name, word) word,
#define MIMO_TYPE(name, forms_, unit_, words_, noun_)                                              \
    static const char *const WORDS_##name[] = {words_(WORD_OF) NULL};
#include "grammar/types.def"
#undef MIMO_TYPE

enum type_index {
#define MIMO_TYPE(name, forms_, unit_, words_, noun_) TYPE_##name,
#include "grammar/types.def"
#undef MIMO_TYPE
    TYPE_COUNT
};

static const struct mimo_type TYPES[] = {
#define MIMO_TYPE(name, forms_, unit_, words_, noun_)                                              \
    {forms_, MIMO_UNIT_##unit_, WORDS_##name, sizeof WORDS_##name / sizeof *WORDS_##name - 1,      \
     noun_},
#include "grammar/types.def"
#undef MIMO_TYPE
};

#define RANGE_INDEX(name, low, high, below, above) RANGE_##name,
#define RANGE_ROW(name, low, high, below, above)   {low, high, below, above},
enum range_index { MIMO_RANGES(RANGE_INDEX) RANGE_COUNT };
static const struct mimo_range RANGES[] = {MIMO_RANGES(RANGE_ROW)};

static const struct mimo_schema_block BLOCKS[] = {
#define MIMO_BLOCK(kind, parents, naming, bases, presence, doc)                                    \
    {#kind, parents, bases, doc, MIMO_NAMING_##naming, MIMO_PRESENCE_##presence},
#define MIMO_ATTRIBUTE(...)
#include "grammar/schema.def"
#undef MIMO_BLOCK
#undef MIMO_ATTRIBUTE
};

static const struct mimo_schema_attribute ATTRIBUTES[] = {
#define MIMO_BLOCK(...)
#define MIMO_ATTRIBUTE(block, bases, name, type, default_, range, doc)                             \
    {MIMO_BLOCK_##block, MIMO_ATTR_##name,       bases, &TYPES[TYPE_##type],                       \
     default_,           &RANGES[RANGE_##range], doc},
#include "grammar/schema.def"
#undef MIMO_BLOCK
#undef MIMO_ATTRIBUTE
};
static const size_t ATTRIBUTE_ROW_COUNT = sizeof ATTRIBUTES / sizeof *ATTRIBUTES;

static const char *const ATTRIBUTE_WORDS[] = {
#define MIMO_ATTRIBUTE_NAME(name) #name,
#include "grammar/attributes.def"
#undef MIMO_ATTRIBUTE_NAME
};

const struct mimo_schema_block *mimo_schema_block(enum mimo_block_kind kind)
{
    return &BLOCKS[kind];
}

const char *mimo_attribute_word(enum mimo_attribute attribute)
{
    return ATTRIBUTE_WORDS[attribute];
}

const struct mimo_schema_attribute *mimo_schema_attributes(enum mimo_block_kind kind,
                                                           size_t *out_count)
{
    size_t first = 0, end;

    while (first < ATTRIBUTE_ROW_COUNT && ATTRIBUTES[first].block != kind)
        first++;
    for (end = first; end < ATTRIBUTE_ROW_COUNT && ATTRIBUTES[end].block == kind;)
        end++;
    *out_count = end - first;
    return &ATTRIBUTES[first];
}

bool mimo_schema_applies(const struct mimo_schema_attribute *row, const char *base)
{
    return row->bases[0] == '\0' || base == NULL || mimo_word_list_contains(row->bases, base);
}

bool mimo_schema_find_block(const char *word, enum mimo_block_kind *out_kind)
{
    for (int kind = 0; kind < MIMO_BLOCK_KIND_COUNT; kind++) {
        if (strcmp(BLOCKS[kind].word, word) == 0) {
            *out_kind = (enum mimo_block_kind)kind;
            return true;
        }
    }
    return false;
}

bool mimo_schema_nests(enum mimo_block_kind kind, const enum mimo_block_kind *parent)
{
    const char *parents = BLOCKS[kind].parents;

    if (parent == NULL)
        return parents[0] == '\0';
    return mimo_word_list_contains(parents, BLOCKS[*parent].word);
}

bool mimo_schema_derives(enum mimo_block_kind kind)
{
    return BLOCKS[kind].parents[0] == '\0' && BLOCKS[kind].naming != MIMO_NAMING_UNNAMED;
}

int64_t mimo_type_word_index(const struct mimo_type *type, const char *word)
{
    for (size_t i = 0; i < type->word_count; i++) {
        if (strcmp(type->words[i], word) == 0)
            return (int64_t)i;
    }
    return -1;
}

bool mimo_schema_knows_word(const char *word)
{
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        if (mimo_type_word_index(&TYPES[i], word) >= 0)
            return true;
    }
    return false;
}

const char *mimo_word_list_item(const char *list, size_t index, size_t *out_length)
{
    while (*list != '\0') {
        const size_t length = strcspn(list, " ");
        if (index-- == 0) {
            *out_length = length;
            return list;
        }
        list += length;
        list += *list == ' ';
    }
    return NULL;
}

bool mimo_word_list_contains(const char *list, const char *word)
{
    const size_t size = strlen(word);
    const char *item;
    size_t length;

    for (size_t i = 0; (item = mimo_word_list_item(list, i, &length)) != NULL; i++) {
        if (length == size && memcmp(item, word, size) == 0)
            return true;
    }
    return false;
}
