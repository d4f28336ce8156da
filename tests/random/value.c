/* Values, their types and ranges, references and defaults. */
#include "tests/random/value.h"

#include "tests/random/effect.h"

#include <math.h>
#include <string.h>

enum { DEPTH_MAX = 60 }; /* of values that depend on values: more is a circle */

static struct oracle_value unknown(void)
{
    return (struct oracle_value){.kind = ORACLE_NOTHING};
}

static struct oracle_value integer(int64_t number)
{
    return (struct oracle_value){.kind = ORACLE_INTEGER, .integer = number, .real = (double)number};
}

static struct oracle_value wrong(const char *code, struct sketch_place place)
{
    struct oracle_value value = {.kind = ORACLE_NOTHING, .place = place};

    (void)snprintf(value.error, sizeof value.error, "%s", code);
    return value;
}

/* A bare word: of the enumeration, a literal, the name of a block, of another enumeration (which is
 * then of the wrong type), or nothing. */
static struct oracle_value read_word(const char *word, const struct grammar_row *row,
                                     struct sketch_place place)
{
    struct oracle_value value = {.kind = ORACLE_WORD, .text = word};

    if (grammar_has_word(row->words, word))
        return value;
    if (row->words != NULL && strcmp(word, "true") != 0 && strcmp(word, "false") != 0)
        return wrong("E0302", place);
    if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0)
        value.kind = ORACLE_BOOLEAN;
    else if (strcmp(word, "auto") == 0)
        value.kind = ORACLE_AUTO;
    else if (strcmp(word, "none") == 0)
        value.kind = ORACLE_NO;
    else if (row->type == TYPE_CLUSTER || row->type == TYPE_ENCODER)
        value.kind = ORACLE_STRING;
    else
        return wrong(grammar_is_word(word) ? "E0301" : "E0204", place);
    value.integer = strcmp(word, "true") == 0;
    return value;
}

static struct oracle_value calculate(const struct oracle_value *target,
                                     const struct sketch_value *value, struct sketch_place place)
{
    const int64_t a = target->integer, b = value->operand;

    if (target->kind == ORACLE_NOTHING || value->operation == 0) {
        struct oracle_value same = *target;

        same.error[0] = '\0';
        return same;
    }
    if (target->kind != ORACLE_INTEGER)
        return wrong("E0301", place);
    switch (value->operation) {
    case '+':
        return integer(a + b);
    case '-':
        return integer(a - b);
    case '*':
        return integer(a * b);
    default:
        return a % b == 0 ? integer(a / b) : wrong("E0303", place);
    }
}

static struct oracle_value read_value(struct oracle *oracle, int block,
                                      const struct sketch_value *value,
                                      const struct grammar_row *row, struct sketch_place place);

struct oracle_value oracle_read_param(struct oracle *oracle, int index)
{
    static const struct grammar_row any = {.name = "param"};
    const struct sketch_param *param = &oracle->sketch->params[index];

    return read_value(oracle, SKETCH_NONE, &param->value, &any, param->value_place);
}

/* E0203 says so already. */
static bool is_called_missing(const struct oracle *oracle, int block)
{
    return strcmp(oracle->sketch->blocks[block].kind, "training") == 0;
}

struct oracle_value oracle_follow(struct oracle *oracle, const struct sketch_value *value,
                                  struct sketch_place place)
{
    struct oracle_value target;

    if (value->param != SKETCH_NONE)
        target = oracle_read_param(oracle, value->param);
    else if (!effect_is_present(oracle, value->block) && is_called_missing(oracle, value->block))
        return unknown();
    else if (!effect_is_present(oracle, value->block))
        return wrong("E0204", place);
    else
        target = oracle_value(oracle, value->block, value->attribute);
    return calculate(&target, value, place);
}

static struct oracle_value read_value(struct oracle *oracle, int block,
                                      const struct sketch_value *value,
                                      const struct grammar_row *row, struct sketch_place place)
{
    (void)block;
    switch (value->kind) {
    case SKETCH_INTEGER:
        return integer(value->integer);
    case SKETCH_REAL:
        return (struct oracle_value){.kind = ORACLE_REAL, .real = value->real};
    case SKETCH_QUANTITY:
        return (struct oracle_value){.kind = ORACLE_QUANTITY, .unit = value->unit};
    case SKETCH_STRING:
        return (struct oracle_value){.kind = ORACLE_STRING, .text = value->text, .unit = '"'};
    case SKETCH_WORD:
        return read_word(value->text, row, place);
    case SKETCH_LIST:
        return (struct oracle_value){
            .kind = ORACLE_LIST, .items = value->items, .item_count = value->item_count};
    case SKETCH_REFERENCE:
        return oracle_follow(oracle, value, place);
    case SKETCH_RAW:
        break;
    }
    /* an unknown word within an expression is first no word of the enumeration */
    return wrong(row->words != NULL && strcmp(value->text, "nowhere + 1") == 0 ? "E0302"
                                                                               : value->error,
                 place);
}

/* ---- types and ranges ---- */

static bool is_number(const struct oracle_value *value)
{
    return value->kind == ORACLE_INTEGER || value->kind == ORACLE_REAL;
}

static bool has_type(const struct grammar_row *row, const struct oracle_value *value)
{
    if ((value->kind == ORACLE_AUTO && (row->flags & OR_AUTO) != 0) ||
        (value->kind == ORACLE_NO && (row->flags & OR_NONE) != 0) || value->kind == ORACLE_WORD)
        return true;
    switch (row->type) {
    case TYPE_INTEGER:
        return value->kind == ORACLE_INTEGER;
    case TYPE_REAL:
        return is_number(value);
    case TYPE_BOOLEAN:
        return value->kind == ORACLE_BOOLEAN;
    case TYPE_STRING:
        return value->kind == ORACLE_STRING;
    case TYPE_WORD:
        return false;
    case TYPE_INTEGERS:
    case TYPE_REALS:
        return value->kind == ORACLE_LIST;
    case TYPE_PAIR:
        return value->kind == ORACLE_INTEGER ||
               (value->kind == ORACLE_LIST && value->item_count == 2);
    case TYPE_TWO_REALS:
        return value->kind == ORACLE_LIST && value->item_count == 2;
    case TYPE_BYTES:
        return value->kind == ORACLE_QUANTITY && value->unit == 'b';
    case TYPE_FLOPS:
        return value->kind == ORACLE_QUANTITY && value->unit == 'f';
    case TYPE_RATE:
        return value->kind == ORACLE_QUANTITY && value->unit == 'r';
    case TYPE_CLUSTER:
    case TYPE_ENCODER:
        return value->kind == ORACLE_STRING && value->unit == 0;
    }
    return false;
}

static bool is_in_range(const struct grammar_row *row, const struct oracle_value *value)
{
    for (int i = 0; value->kind == ORACLE_LIST && i < value->item_count; i++) {
        if (value->items[i] < row->low || value->items[i] > row->high)
            return false;
    }
    return !is_number(value) || (value->real >= row->low && value->real <= row->high);
}

/* The block that stands for this one where it is derived from. */

/* Whether a name is that of a block that may be meant. */
static bool resolves(struct oracle *oracle, int block, const struct grammar_row *row,
                     const char *name)
{
    int blocks[SKETCH_BLOCKS_MAX], count = 0;
    const int parent = oracle->sketch->blocks[block].parent;

    if (row->type == TYPE_CLUSTER) {
        const int cluster = sketch_child(oracle->sketch, SKETCH_NONE, "cluster", name);

        return cluster != SKETCH_NONE;
    }
    count = oracle_children(oracle, effect_of(oracle, parent), "encoder", blocks);
    for (int i = 0; i < count; i++) {
        if (strcmp(oracle->sketch->blocks[blocks[i]].name, name) == 0)
            return true;
    }
    return false;
}

/* ---- attributes ---- */

/* What the default of an attribute is made of, or NULL. */
static const char *source_of_default(const struct sketch_block *block, const char *name)
{
    if (strcmp(name, "num_query_groups") == 0)
        return "num_attention_heads";
    if (strcmp(name, "ffn_hidden_size") == 0 && strcmp(block->kind, "moe") != 0)
        return "hidden_size";
    return NULL;
}

/* The attribute that this one's value refers to, perhaps by way of a default, or NULL. */
static struct sketch_attribute *next_of(struct oracle *oracle,
                                        const struct sketch_attribute *attribute)
{
    const struct sketch_value *value = &attribute->value;
    const char *name = value->attribute;
    struct sketch_attribute *next = NULL;
    int owner;

    if (value->kind != SKETCH_REFERENCE || value->block == SKETCH_NONE ||
        !effect_is_present(oracle, value->block))
        return NULL;
    for (; name != NULL && next == NULL;
         name = source_of_default(&oracle->sketch->blocks[value->block], name)) {
        next = effect_look_up(oracle, value->block, name, &owner);
        if (next == NULL && oracle_is_damaged(oracle, value->block))
            return NULL;
        if (next == NULL && strcmp(name, "max_sequence_length") == 0 &&
            oracle->training != SKETCH_NONE)
            return effect_look_up(oracle, oracle->training, "sequence_length", &owner);
    }
    return next;
}

/* Whether following references from `attribute` never ends; *out_first is then the first attribute
 * in the file of the circle, or NULL where this one only leads to it. */
static bool is_endless(struct oracle *oracle, const struct sketch_attribute *attribute,
                       const struct sketch_attribute **out_first)
{
    const struct sketch_attribute *at = attribute, *first = attribute;

    for (int step = 0; step < SKETCH_BLOCKS_MAX; step++) {
        at = next_of(oracle, at);
        if (at == NULL)
            return false;
        if (oracle_stands_before(at->place, first->place))
            first = at;
        if (at == attribute) {
            *out_first = first;
            return true;
        }
    }
    *out_first = NULL;
    return true;
}

static bool is_twice(const struct oracle *oracle, int block, const char *name)
{
    const struct sketch_block *at = &oracle->sketch->blocks[block];
    int count = 0;

    for (int i = 0; i < at->attribute_count; i++)
        count += strcmp(at->attributes[i].name, name) == 0;
    return count > 1;
}

struct oracle_value oracle_judge_attribute(struct oracle *oracle, int owner,
                                           const struct sketch_attribute *attribute,
                                           const struct grammar_row *row)
{
    const struct sketch_attribute *first;
    struct oracle_value value;

    if (is_twice(oracle, owner, attribute->name))
        return unknown();
    if (is_endless(oracle, attribute, &first))
        return first == attribute ? wrong("E0204", attribute->place) : unknown();
    value = read_value(oracle, owner, &attribute->value, row, attribute->value_place);
    if (value.kind == ORACLE_NOTHING)
        return value;
    if (!has_type(row, &value))
        return wrong("E0301", attribute->value_place);
    if (!is_in_range(row, &value))
        return wrong("E0302", attribute->value_place);
    if ((row->type == TYPE_CLUSTER || row->type == TYPE_ENCODER) && value.kind == ORACLE_STRING &&
        !resolves(oracle, owner, row, value.text))
        return wrong("E0204", attribute->value_place);
    return value;
}

/* Defaults that are attributes of other blocks. */
static struct oracle_value borrow(struct oracle *oracle, int block, const struct grammar_row *row)
{
    const int parent = oracle->sketch->blocks[block].parent;
    int languages[SKETCH_BLOCKS_MAX];

    if (strcmp(row->kind, "moe") == 0)
        return oracle_value(oracle, effect_of(oracle, parent), row->name);
    if (strcmp(row->name, "max_sequence_length") == 0 && oracle->training != SKETCH_NONE)
        return oracle_value(oracle, oracle->training, "sequence_length");
    if (strcmp(row->kind, "projector") == 0 &&
        oracle_children(oracle, oracle->model, "language", languages) == 1)
        return oracle_value(oracle, languages[0], row->name);
    return unknown();
}

static struct oracle_value default_of(struct oracle *oracle, int block,
                                      const struct grammar_row *row)
{
    const char *source = source_of_default(&oracle->sketch->blocks[block], row->name);
    struct oracle_value value;

    if (source != NULL) {
        value = oracle_value(oracle, block, source);
        return value.kind != ORACLE_INTEGER ? unknown()
                                            : integer(value.integer * (int64_t)row->number);
    }
    if ((row->flags & OR_AUTO) != 0)
        return (struct oracle_value){.kind = ORACLE_AUTO};
    if ((row->flags & OR_NONE) != 0)
        return (struct oracle_value){.kind = ORACLE_NO};
    if (strcmp(row->name, "class_token") == 0)
        return (struct oracle_value){.kind = ORACLE_WORD, .text = "drop"};
    if (row->type != TYPE_INTEGER && row->type != TYPE_PAIR)
        return unknown();
    if (row->words != NULL)
        return (struct oracle_value){.kind = ORACLE_WORD, .text = "all"};
    if (isnan(row->number))
        return borrow(oracle, block, row);
    return integer((int64_t)row->number);
}

struct oracle_value oracle_value(struct oracle *oracle, int block, const char *name)
{
    const struct grammar_row *row = grammar_find(&oracle->sketch->blocks[block], name);
    const struct sketch_attribute *attribute;
    struct oracle_value value = unknown();
    int owner;

    if (row == NULL || oracle->depth == DEPTH_MAX)
        return unknown();
    oracle->depth++;
    attribute = effect_look_up(oracle, block, name, &owner);
    if (attribute != NULL && !effect_is_misspelt(oracle, block, name))
        value = oracle_judge_attribute(oracle, owner, attribute, row);
    else if (!oracle_is_set(oracle, block, name) && !oracle_is_damaged(oracle, block) &&
             (row->flags & REQUIRED) == 0)
        value = default_of(oracle, block, row);
    oracle->depth--;
    value.error[0] = '\0';
    return value;
}

int64_t oracle_integer(struct oracle *oracle, int block, const char *name)
{
    const struct oracle_value value = oracle_value(oracle, block, name);

    return value.kind == ORACLE_INTEGER ? value.integer : ORACLE_UNKNOWN;
}
