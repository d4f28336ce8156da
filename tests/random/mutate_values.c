/* Changes of values. */
#include "tests/random/mutate.h"

#include <string.h>

static int64_t mutate_other_number(struct dice *dice, int64_t number)
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

bool mutate_perturb(struct sketch *sketch, struct dice *dice)
{
    struct sketch_attribute *attribute = mutate_pick_kind(sketch, dice, SKETCH_INTEGER);

    if (attribute == NULL)
        return false;
    attribute->value.integer = mutate_other_number(dice, attribute->value.integer);
    return true;
}

bool mutate_go_out_of_range(struct sketch *sketch, struct dice *dice)
{
    static const int64_t numbers[] = {0, -1, -7, 2147483647, 2147483648, -2147483648};
    struct sketch_attribute *attribute = mutate_pick_kind(sketch, dice, SKETCH_INTEGER);

    if (attribute == NULL)
        return false;
    attribute->value.integer = numbers[dice_below(dice, 6)];
    return true;
}

bool mutate_perturb_real(struct sketch *sketch, struct dice *dice)
{
    struct sketch_attribute *attribute = mutate_pick_kind(sketch, dice, SKETCH_REAL);

    if (attribute == NULL)
        return false;
    attribute->value.real = dice_below(dice, 2) - 0.5 * dice_below(dice, 2);
    return true;
}

bool mutate_change_type(struct sketch *sketch, struct dice *dice)
{
    int block;
    struct sketch_attribute *attribute = mutate_pick(sketch, dice, &block);
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

bool mutate_make_nonsense(struct sketch *sketch, struct dice *dice)
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
    struct sketch_attribute *attribute = mutate_pick(sketch, dice, &block);
    const int choice = dice_below(dice, (int)(sizeof expressions / sizeof *expressions));

    if (attribute == NULL)
        return false;
    attribute->value = sketch_text(SKETCH_RAW, expressions[choice].text);
    memcpy(attribute->value.error, expressions[choice].error, sizeof attribute->value.error);
    return true;
}

bool mutate_change_word(struct sketch *sketch, struct dice *dice)
{
    static const char *const words[] = {"colocated", "homogeneous", "heterogeneous", "hybrid",
                                        "synthetic", "llava",       "bf61",          "full",
                                        "clip",      "vit",         "dino",          "true",
                                        "false",     "relu",        "drop",          "h100"};
    struct sketch_attribute *attribute = mutate_pick_kind(sketch, dice, SKETCH_WORD);

    if (attribute == NULL)
        return false;
    attribute->value = sketch_text(SKETCH_WORD, words[dice_below(dice, 16)]);
    return true;
}

bool mutate_change_mode(struct sketch *sketch, struct dice *dice)
{
    static const char *const words[] = {"colocated", "homogeneous", "heterogeneous", "hybrid"};
    int block;
    struct sketch_attribute *attribute = mutate_pick(sketch, dice, &block);

    if (attribute == NULL || strcmp(attribute->name, "mode") != 0)
        return false;
    attribute->value = sketch_text(SKETCH_WORD, words[dice_below(dice, 4)]);
    return true;
}

bool mutate_change_list(struct sketch *sketch, struct dice *dice)
{
    struct sketch_attribute *attribute = mutate_pick_kind(sketch, dice, SKETCH_LIST);
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
bool mutate_close_circle(struct sketch *sketch, struct dice *dice)
{
    int block, other_block = SKETCH_NONE;
    struct sketch_attribute *attribute = mutate_pick(sketch, dice, &block);
    struct sketch_attribute *other = mutate_pick(sketch, dice, &other_block);
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

bool mutate_change_param(struct sketch *sketch, struct dice *dice)
{
    struct sketch_value *value;

    if (sketch->param_count == 0)
        return false;
    value = &sketch->params[dice_below(dice, sketch->param_count)].value;
    if (dice_chance(dice, 60)) {
        value->integer = mutate_other_number(dice, value->integer);
    } else if (dice_chance(dice, 50)) {
        *value = sketch_text(SKETCH_RAW, "5 / 3");
        memcpy(value->error, "E0303", sizeof value->error);
    } else {
        *value = sketch_text(SKETCH_STRING, "text");
    }
    return true;
}
