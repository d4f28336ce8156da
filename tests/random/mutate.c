/*
 * mutate.c - one change to a dressed sketch. Most changes break a rule, some break none; the oracle
 * says which. What is changed is in effect: no attribute of a base that is overridden.
 */
#include "tests/random/sketch.h"

#include <string.h>

enum { BEHIND = 1 << 20 }; /* more than any order that dressing gives */

/* ---- what can be changed ---- */

static bool is_present(const struct sketch *sketch, int block)
{
    for (; block != SKETCH_NONE; block = sketch->blocks[block].parent) {
        if (sketch->blocks[block].is_removed)
            return false;
    }
    return true;
}

/* False where a derived block has an attribute, or a variant, of its own instead. */
static bool is_in_effect(struct sketch *sketch, int block, const char *attribute)
{
    for (int i = sketch_derived_from(sketch, block); i != SKETCH_NONE;
         i = sketch_derived_from(sketch, i)) {
        if (sketch_is_variant(&sketch->blocks[i]) || sketch_find(sketch, i, attribute) != NULL)
            return false;
    }
    return true;
}

/* A random attribute in effect, or NULL. */
static struct sketch_attribute *pick(struct sketch *sketch, struct dice *dice, int *out_block)
{
    const int block = dice_below(dice, sketch->block_count);
    struct sketch_block *at = &sketch->blocks[block];
    struct sketch_attribute *attribute;

    if (!is_present(sketch, block) || at->attribute_count == 0)
        return NULL;
    attribute = &at->attributes[dice_below(dice, at->attribute_count)];
    *out_block = block;
    return is_in_effect(sketch, block, attribute->name) ? attribute : NULL;
}

static struct sketch_attribute *pick_kind(struct sketch *sketch, struct dice *dice,
                                          enum sketch_value_kind kind)
{
    int block;
    struct sketch_attribute *attribute = pick(sketch, dice, &block);

    return attribute != NULL && attribute->value.kind == kind ? attribute : NULL;
}

/* A random block, of that kind unless NULL, or SKETCH_NONE. */
static int pick_block(struct sketch *sketch, struct dice *dice, const char *kind_or_null)
{
    int found[SKETCH_BLOCKS_MAX], count = 0;

    for (int i = 0; i < sketch->block_count; i++) {
        if (is_present(sketch, i) &&
            (kind_or_null == NULL || strcmp(sketch->blocks[i].kind, kind_or_null) == 0))
            found[count++] = i;
    }
    return count > 0 ? found[dice_below(dice, count)] : SKETCH_NONE;
}

/* Adds an attribute before or behind all entries. */
static void insert(struct sketch *sketch, struct dice *dice, int block, const char *name,
                   struct sketch_value value)
{
    struct sketch_attribute *attribute = sketch_add(sketch, block, name, value);

    attribute->order = dice_chance(dice, 50) ? -1 : BEHIND;
}

/* Adds a block behind all entries. */
static void add_behind(struct sketch *sketch, int parent, const char *kind, const char *name,
                       const char *base)
{
    const int block = sketch_add_block(sketch, parent, kind, name, base);

    sketch->blocks[block].order = 2 * BEHIND;
}

static bool has_room(const struct sketch *sketch, int block)
{
    return block != SKETCH_NONE && sketch->block_count < SKETCH_BLOCKS_MAX - 1 &&
           sketch->blocks[block].attribute_count < SKETCH_ATTRIBUTES_MAX;
}

/* ---- values ---- */

static int64_t other_number(struct dice *dice, int64_t number)
{
    switch (dice_below(dice, 7)) {
    case 0:
        return number + 1;
    case 1:
        return number - 1;
    case 2:
        return number * 2;
    case 3:
        return number / 2;
    case 4:
        return number * 3;
    case 5:
        return number + dice_between(dice, 2, 40);
    default:
        return dice_between(dice, 1, 13);
    }
}

static bool perturb(struct sketch *sketch, struct dice *dice)
{
    struct sketch_attribute *attribute = pick_kind(sketch, dice, SKETCH_INTEGER);

    if (attribute == NULL)
        return false;
    attribute->value.integer = other_number(dice, attribute->value.integer);
    return true;
}

static bool go_out_of_range(struct sketch *sketch, struct dice *dice)
{
    static const int64_t numbers[] = {0, -1, -7, 2147483647, 2147483648, -2147483648};
    struct sketch_attribute *attribute = pick_kind(sketch, dice, SKETCH_INTEGER);

    if (attribute == NULL)
        return false;
    attribute->value.integer = numbers[dice_below(dice, 6)];
    return true;
}

static bool perturb_real(struct sketch *sketch, struct dice *dice)
{
    struct sketch_attribute *attribute = pick_kind(sketch, dice, SKETCH_REAL);

    if (attribute == NULL)
        return false;
    attribute->value.real = dice_below(dice, 2) - 0.5 * dice_below(dice, 2);
    return true;
}

static bool change_type(struct sketch *sketch, struct dice *dice)
{
    int block;
    struct sketch_attribute *attribute = pick(sketch, dice, &block);
    struct sketch_value list = sketch_text(SKETCH_LIST, "");

    if (attribute == NULL)
        return false;
    list.item_count = 3;
    list.items[0] = list.items[1] = list.items[2] = 1;
    attribute->value =
        (const struct sketch_value[]){sketch_text(SKETCH_STRING, "text"),
                                      sketch_text(SKETCH_WORD, "true"),
                                      sketch_real(1.5),
                                      sketch_quantity("3GB", 'b'),
                                      sketch_quantity("2TFLOPS", 'f'),
                                      sketch_quantity("7MBps", 'r'),
                                      sketch_quantity("2min", 't'),
                                      sketch_text(SKETCH_WORD, "none"),
                                      sketch_text(SKETCH_WORD, "auto"),
                                      list,
                                      sketch_integer(1),
                                      sketch_text(SKETCH_STRING, "")}[dice_below(dice, 12)];
    return true;
}

static bool make_nonsense(struct sketch *sketch, struct dice *dice)
{
    static const struct {
        const char *text;
        char error[6];
    } expressions[] = {
        {"7 / 2", "E0303"},       {"(1 + 8) / 4", "E0303"},
        {"1 / 0", "E0302"},       {"9223372036854775807 + 1", "E0302"},
        {"2 * \"two\"", "E0301"}, {"99999999999999999999", "E0302"},
        {"1 + 2GB", "E0301"},     {"nowhere + 1", "E0204"},
        {"no.where", "E0204"},    {"maximum(1, 2)", "E0204"},
        {"3parsec", "E0301"},     {"ceil_div(7.5, 2)", "E0301"},
    };
    int block;
    struct sketch_attribute *attribute = pick(sketch, dice, &block);
    const int choice = dice_below(dice, (int)(sizeof expressions / sizeof *expressions));

    if (attribute == NULL)
        return false;
    attribute->value = sketch_text(SKETCH_RAW, expressions[choice].text);
    memcpy(attribute->value.error, expressions[choice].error, sizeof attribute->value.error);
    return true;
}

static bool change_word(struct sketch *sketch, struct dice *dice)
{
    static const char *const words[] = {"colocated", "homogeneous", "heterogeneous", "hybrid",
                                        "synthetic", "llava",       "bf61",          "full",
                                        "clip",      "vit",         "dino",          "true",
                                        "false",     "relu",        "drop",          "h100"};
    struct sketch_attribute *attribute = pick_kind(sketch, dice, SKETCH_WORD);

    if (attribute == NULL)
        return false;
    attribute->value = sketch_text(SKETCH_WORD, words[dice_below(dice, 16)]);
    return true;
}

static bool change_mode(struct sketch *sketch, struct dice *dice)
{
    static const char *const words[] = {"colocated", "homogeneous", "heterogeneous", "hybrid"};
    int block;
    struct sketch_attribute *attribute = pick(sketch, dice, &block);

    if (attribute == NULL || strcmp(attribute->name, "mode") != 0)
        return false;
    attribute->value = sketch_text(SKETCH_WORD, words[dice_below(dice, 4)]);
    return true;
}

static bool change_list(struct sketch *sketch, struct dice *dice)
{
    struct sketch_attribute *attribute = pick_kind(sketch, dice, SKETCH_LIST);
    double *item;

    if (attribute == NULL || attribute->value.item_count == 0 ||
        attribute->value.item_count == SKETCH_LIST_MAX)
        return false;
    item = &attribute->value.items[dice_below(dice, attribute->value.item_count)];
    switch (dice_below(dice, 4)) {
    case 0:
        *item += 1;
        break;
    case 1:
        *item -= 2;
        break;
    case 2:
        attribute->value.item_count--;
        break;
    default:
        attribute->value.items[attribute->value.item_count++] = 0.0;
        break;
    }
    return true;
}

/* Two attributes of a block that refer to each other, or one to itself. */
static bool close_circle(struct sketch *sketch, struct dice *dice)
{
    int block, other_block = SKETCH_NONE;
    struct sketch_attribute *attribute = pick(sketch, dice, &block);
    struct sketch_attribute *other = pick(sketch, dice, &other_block);
    struct sketch_value value = {.kind = SKETCH_REFERENCE, .param = SKETCH_NONE};

    if (attribute == NULL || other == NULL || block != other_block ||
        attribute->value.kind != SKETCH_INTEGER || other->value.kind != SKETCH_INTEGER ||
        sketch_derived_from(sketch, block) != SKETCH_NONE)
        return false;
    value.block = block;
    sketch_copy_word(value.attribute, other->name);
    attribute->value = value;
    sketch_copy_word(value.attribute, attribute->name);
    other->value = value;
    return true;
}

static bool change_param(struct sketch *sketch, struct dice *dice)
{
    struct sketch_value *value;

    if (sketch->param_count == 0)
        return false;
    value = &sketch->params[dice_below(dice, sketch->param_count)].value;
    if (dice_chance(dice, 60)) {
        value->integer = other_number(dice, value->integer);
    } else if (dice_chance(dice, 50)) {
        *value = sketch_text(SKETCH_RAW, "5 / 3");
        memcpy(value->error, "E0303", sizeof value->error);
    } else {
        *value = sketch_text(SKETCH_STRING, "text");
    }
    return true;
}

/* ---- attributes ---- */

static bool misspell(struct sketch *sketch, struct dice *dice)
{
    int block;
    struct sketch_attribute *attribute = pick(sketch, dice, &block);
    char name[SKETCH_WORD_MAX + 1];

    if (attribute == NULL || sketch_derived_from(sketch, block) != SKETCH_NONE)
        return false;
    (void)snprintf(name, sizeof name, "%sx", attribute->name);
    sketch_copy_word(attribute->name, name);
    return true;
}

static bool add_unknown(struct sketch *sketch, struct dice *dice)
{
    const int block = pick_block(sketch, dice, NULL);

    if (!has_room(sketch, block))
        return false;
    insert(sketch, dice, block, "unheard_of", sketch_integer(1));
    return true;
}

static bool repeat_attribute(struct sketch *sketch, struct dice *dice)
{
    int block;
    struct sketch_attribute *attribute = pick(sketch, dice, &block), *second;

    if (attribute == NULL || !has_room(sketch, block))
        return false;
    second = sketch_add(sketch, block, attribute->name, attribute->value);
    second->order = attribute->order + BEHIND;
    return true;
}

static bool remove_attribute(struct sketch *sketch, struct dice *dice)
{
    int block;
    struct sketch_attribute *attribute = pick(sketch, dice, &block);
    struct sketch_block *at;

    if (attribute == NULL)
        return false;
    at = &sketch->blocks[block];
    memmove(attribute, attribute + 1,
            (size_t)(&at->attributes[at->attribute_count] - attribute - 1) * sizeof *attribute);
    at->attribute_count--;
    return true;
}

static bool insert_number(struct sketch *sketch, struct dice *dice)
{
    static const struct {
        const char *kind, *name;
        int first, last;
    } rows[] = {
        {"language", "num_query_groups", 1, 6},
        {"language", "head_dim", 1, 9},
        {"language", "max_sequence_length", 1, 80},
        {"language", "ffn_hidden_size", 0, 9},
        {"moe", "top_k", 1, 9},
        {"moe", "every", 0, 4},
        {"encoder", "feature_layer", -9, 9},
        {"encoder", "channels", 0, 5},
        {"parallelism", "tensor_parallel", 0, 8},
        {"parallelism", "context_parallel", 0, 5},
        {"parallelism", "pipeline_parallel", 0, 6},
        {"parallelism", "data_parallel", 0, 7},
        {"parallelism", "expert_parallel", 0, 4},
        {"parallelism", "expert_tensor_parallel", 0, 4},
        {"parallelism", "virtual_pipeline", 0, 4},
        {"parallelism", "rank_offset", -1, 5},
        {"deployment", "world_size", 0, 24},
        {"training", "micro_batch", 0, 5},
        {"training", "steps", 1, 5},
        {"training", "log_interval", 0, 2},
        {"data", "images_per_sample", -1, 6},
        {"data", "max_images_per_sample", -1, 6},
        {"checkpoint", "keep", 0, 2},
        {"encoder", "weights", 0, 2},
        {"training", "epochs", 0, 2},
        {"projector", "num_layers", 0, 2},
    };
    const int choice = dice_below(dice, (int)(sizeof rows / sizeof *rows));
    const int block = pick_block(sketch, dice, rows[choice].kind);

    if (!has_room(sketch, block) || sketch_find(sketch, block, rows[choice].name) != NULL ||
        !is_in_effect(sketch, block, rows[choice].name))
        return false;
    insert(sketch, dice, block, rows[choice].name,
           sketch_integer(dice_between(dice, rows[choice].first, rows[choice].last)));
    return true;
}

static bool insert_word(struct sketch *sketch, struct dice *dice)
{
    static const struct {
        const char *kind, *name, *word;
    } rows[] = {
        {"parallelism", "sequence_parallel", "true"},
        {"parallelism", "data_parallel", "auto"},
        {"projector", "encoder", "clip"},
        {"projector", "encoder", "dino"},
        {"deployment", "cluster", "h100"},
        {"encoder", "class_token", "keep"},
        {"language", "qkv_bias", "true"},
        {"training", "padding", "full"},
        {"training", "steps", "none"},
        {"parallelism", "pipeline_layout", "none"},
    };
    const int choice = dice_below(dice, (int)(sizeof rows / sizeof *rows));
    const int block = pick_block(sketch, dice, rows[choice].kind);

    if (!has_room(sketch, block) || sketch_find(sketch, block, rows[choice].name) != NULL ||
        !is_in_effect(sketch, block, rows[choice].name))
        return false;
    insert(sketch, dice, block, rows[choice].name, sketch_text(SKETCH_WORD, rows[choice].word));
    return true;
}

static bool insert_stages(struct sketch *sketch, struct dice *dice)
{
    const int block = pick_block(sketch, dice, "parallelism");
    struct sketch_value list = sketch_text(SKETCH_LIST, "");

    if (!has_room(sketch, block) || sketch_find(sketch, block, "pipeline_layout") != NULL ||
        !is_in_effect(sketch, block, "pipeline_layout"))
        return false;
    list.item_count = dice_between(dice, 1, 3);
    for (int i = 0; i < list.item_count; i++)
        list.items[i] = dice_between(dice, -1, 5);
    insert(sketch, dice, block, "pipeline_layout", list);
    return true;
}

/* Query groups that the heads allow, and perhaps not the tensor parallelism. */
static bool change_groups(struct sketch *sketch, struct dice *dice)
{
    const int block = pick_block(sketch, dice, "language");
    struct sketch_attribute *heads, *groups;
    int64_t count;

    if (!has_room(sketch, block) || !is_in_effect(sketch, block, "num_query_groups"))
        return false;
    heads = sketch_find(sketch, block, "num_attention_heads");
    groups = sketch_find(sketch, block, "num_query_groups");
    if (heads == NULL || heads->value.kind != SKETCH_INTEGER || heads->value.integer < 6)
        return false;
    count = heads->value.integer / dice_between(dice, 2, 4);
    if (groups == NULL)
        insert(sketch, dice, block, "num_query_groups", sketch_integer(count));
    else
        groups->value = sketch_integer(count);
    return true;
}

/* The experts, or how they are cut. */
static bool change_experts(struct sketch *sketch, struct dice *dice)
{
    static const char *const names[] = {"num_experts", "expert_parallel", "expert_tensor_parallel"};
    int block;
    struct sketch_attribute *attribute = pick(sketch, dice, &block);

    for (int i = 0; attribute != NULL && i < 3; i++) {
        if (strcmp(attribute->name, names[i]) == 0) {
            attribute->value = sketch_integer(dice_between(dice, 1, 9));
            return true;
        }
    }
    return false;
}

static bool share_token(struct sketch *sketch, struct dice *dice)
{
    const int first = pick_block(sketch, dice, "modality");
    const int second = pick_block(sketch, dice, "modality");
    struct sketch_attribute *from, *to;

    if (first == SKETCH_NONE || second == SKETCH_NONE || first == second)
        return false;
    from = sketch_find(sketch, first, dice_chance(dice, 50) ? "marker" : "special_token");
    to = from != NULL ? sketch_find(sketch, second, from->name) : NULL;
    if (to == NULL || !is_in_effect(sketch, first, from->name) ||
        !is_in_effect(sketch, second, from->name) || from->value.kind == SKETCH_REFERENCE)
        return false;
    to->value = from->value;
    return true;
}

/* ---- blocks ---- */

static bool remove_block(struct sketch *sketch, struct dice *dice)
{
    const int block = pick_block(sketch, dice, NULL);

    if (block == SKETCH_NONE || strcmp(sketch->blocks[block].kind, "model") == 0 ||
        sketch_base_of(sketch, block) != SKETCH_NONE ||
        sketch_derived_from(sketch, block) != SKETCH_NONE)
        return false;
    sketch->blocks[block].is_removed = true;
    return true;
}

/* A copy of a block without children, behind it. */
static bool repeat_block(struct sketch *sketch, struct dice *dice)
{
    const int block = pick_block(sketch, dice, NULL);
    int copy;

    if (!has_room(sketch, block) || strcmp(sketch->blocks[block].kind, "model") == 0)
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

static bool add_language(struct sketch *sketch, struct dice *dice)
{
    const int block = pick_block(sketch, dice, "language");
    int copy;

    if (!has_room(sketch, block) || sketch_base_of(sketch, block) != SKETCH_NONE ||
        sketch_derived_from(sketch, block) != SKETCH_NONE)
        return false;
    copy = sketch->block_count++;
    sketch->blocks[copy] = sketch->blocks[block];
    sketch->blocks[copy].order += BEHIND;
    sketch_copy_word(sketch->blocks[copy].name, "second");
    return true;
}

static bool add_projector(struct sketch *sketch, struct dice *dice)
{
    const int modality = pick_block(sketch, dice, "modality");

    if (!has_room(sketch, modality))
        return false;
    add_behind(sketch, modality, "projector", "spare", "linear");
    return true;
}

static bool add_stranger(struct sketch *sketch, struct dice *dice)
{
    static const char *const names[] = {"images", "depth", "nobody", "mm_projector"};
    const int deployment = pick_block(sketch, dice, "deployment");

    if (!has_room(sketch, deployment))
        return false;
    add_behind(sketch, deployment, "parallelism", names[dice_below(dice, 4)], "");
    return true;
}

static bool add_wrong_block(struct sketch *sketch, struct dice *dice)
{
    static const char *const kinds[] = {"unheard_of", "training", "encoder", "moe", "cluster"};
    const int parent = pick_block(sketch, dice, NULL);
    const char *kind = kinds[dice_below(dice, 5)];

    if (!has_room(sketch, parent) || strcmp(sketch->blocks[parent].kind, "modality") == 0 ||
        sketch_base_of(sketch, parent) != SKETCH_NONE ||
        sketch_derived_from(sketch, parent) != SKETCH_NONE)
        return false;
    if (strcmp(sketch->blocks[parent].kind, "language") == 0)
        kind = "cluster";
    add_behind(sketch, parent, kind, "", "");
    return true;
}

static bool add_unknown_statement(struct sketch *sketch, struct dice *dice)
{
    if (sketch->block_count == SKETCH_BLOCKS_MAX || dice_chance(dice, 50))
        return false;
    add_behind(sketch, SKETCH_NONE, "unheard_of", "", "");
    return true;
}

/* ---- the file ---- */

static bool break_assert(struct sketch *sketch, struct dice *dice)
{
    if (sketch->assert_count == 0)
        return false;
    sketch->asserts[dice_below(dice, sketch->assert_count)].right += dice_between(dice, 1, 3);
    return true;
}

static bool lose_base(struct sketch *sketch, struct dice *dice)
{
    const int block = pick_block(sketch, dice, NULL);

    if (block == SKETCH_NONE || sketch->blocks[block].parent != SKETCH_NONE ||
        sketch->blocks[block].name[0] == '\0' || sketch_base_of(sketch, block) == SKETCH_NONE)
        return false;
    sketch_copy_word(sketch->blocks[block].base, "unheard_of");
    return true;
}

static bool import_nothing(struct sketch *sketch, struct dice *dice)
{
    sketch->has_bad_import = dice_chance(dice, 100);
    return true;
}

static const struct {
    const char *name;
    bool (*apply)(struct sketch *sketch, struct dice *dice);
    int weight;
} mutations[] = {
    {"another number", perturb, 45},
    {"a number out of range", go_out_of_range, 6},
    {"another real number", perturb_real, 2},
    {"another type", change_type, 8},
    {"nonsense", make_nonsense, 6},
    {"another word", change_word, 4},
    {"another mode", change_mode, 10},
    {"another list", change_list, 4},
    {"a circle", close_circle, 8},
    {"another param", change_param, 3},
    {"a misspelt attribute", misspell, 5},
    {"an unknown attribute", add_unknown, 2},
    {"an attribute twice", repeat_attribute, 4},
    {"an attribute less", remove_attribute, 8},
    {"a number more", insert_number, 25},
    {"a word more", insert_word, 12},
    {"a pipeline_layout more", insert_stages, 6},
    {"other query groups", change_groups, 12},
    {"other experts", change_experts, 40},
    {"a projector more", add_projector, 3},
    {"a shared token", share_token, 6},
    {"a block less", remove_block, 8},
    {"a block twice", repeat_block, 4},
    {"a second language model", add_language, 4},
    {"a layout for a stranger", add_stranger, 6},
    {"a block in the wrong place", add_wrong_block, 4},
    {"an unknown statement", add_unknown_statement, 2},
    {"a false assert", break_assert, 3},
    {"a lost base", lose_base, 3},
    {"an import of nothing", import_nothing, 1},
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
