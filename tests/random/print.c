/* A sketch as text: order of entries, white space, comments and spelling of numbers by chance. */
#include "tests/random/sketch.h"

#include <stdarg.h>
#include <string.h>

struct printer {
    struct sketch *sketch;
    struct dice *dice;
    FILE *file;
    struct sketch_place at;
};

static void put(struct printer *printer, const char *text)
{
    (void)fputs(text, printer->file);
    for (; *text != '\0'; text++) {
        if (*text == '\n')
            printer->at = (struct sketch_place){printer->at.line + 1, 1};
        else if (((unsigned char)*text & 0xC0) != 0x80) /* columns count code points */
            printer->at.column++;
    }
}

static void put_format(struct printer *printer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void put_format(struct printer *printer, const char *format, ...)
{
    char text[64];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    put(printer, text);
}

/* ---- values ---- */

static int64_t smallest_factor(int64_t number)
{
    int64_t factor = 2;

    while (number % factor != 0)
        factor++;
    return factor;
}

/* Any spelling has the same value; those that bind weakly cannot be operands. */
static void put_integer(struct printer *printer, int64_t number, bool is_operand)
{
    const bool is_small = number > 3 && number < 100000;
    const int style = number < 0 ? 0 : dice_below(printer->dice, 24);
    const long long n = number;

    if (style == 1)
        put_format(printer, "0x%llX", (unsigned long long)number);
    else if (style == 2 && number >= 1000 && number < 1000000)
        put_format(printer, "%lld_%03lld", n / 1000, n % 1000);
    else if (style == 3 && is_small && !is_operand)
        put_format(printer, "%lld * %lld", (long long)smallest_factor(number),
                   (long long)(number / smallest_factor(number)));
    else if (style == 4 && is_small)
        put_format(printer, "(%lld + 1)", n - 1);
    else if (style == 5 && is_small)
        put_format(printer, "ceil_div(%lld, 2)", 2 * n);
    else if (style == 6 && is_small)
        put_format(printer, "max(1, %lld)", n);
    else if (style == 7 && !is_operand)
        put_format(printer, "2 > 1 ? %lld : 0", n);
    else
        put_format(printer, "%lld", n);
}

static void put_real(struct printer *printer, double number)
{
    char text[32];

    (void)snprintf(text, sizeof text, "%.9g", number);
    if (strpbrk(text, ".en") == NULL && dice_chance(printer->dice, 50))
        (void)snprintf(text, sizeof text, "%.1f", number);
    put(printer, text);
}

static void put_list(struct printer *printer, const struct sketch_value *value)
{
    put(printer, "[");
    for (int i = 0; i < value->item_count; i++) {
        if (i > 0)
            put(printer, ", ");
        if (value->is_real_list)
            put_real(printer, value->items[i]);
        else
            put_integer(printer, (int64_t)value->items[i], true);
    }
    put(printer, "]");
}

/* A sibling by its bare name, anything else by that of its block. */
static void put_target(struct printer *printer, const struct sketch_value *value, int from)
{
    const struct sketch_block *block;

    if (value->param != SKETCH_NONE) {
        put(printer, printer->sketch->params[value->param].name);
        return;
    }
    block = &printer->sketch->blocks[value->block];
    if (value->block != from) {
        put(printer, block->name[0] != '\0' ? block->name : block->kind);
        put(printer, ".");
    }
    put(printer, value->attribute);
}

static void put_reference(struct printer *printer, const struct sketch_value *value, int from)
{
    put_target(printer, value, from);
    if (value->operation == 0)
        return;
    put(printer, " ");
    put(printer, (const char[]){value->operation, '\0'});
    put(printer, " ");
    put_integer(printer, value->operand, true);
}

static void put_value(struct printer *printer, const struct sketch_value *value, int from)
{
    switch (value->kind) {
    case SKETCH_INTEGER:
        put_integer(printer, value->integer, false);
        break;
    case SKETCH_REAL:
        put_real(printer, value->real);
        break;
    case SKETCH_STRING:
        put(printer, "\"");
        put(printer, value->text);
        put(printer, "\"");
        break;
    case SKETCH_QUANTITY:
    case SKETCH_WORD:
    case SKETCH_RAW:
        put(printer, value->text);
        break;
    case SKETCH_LIST:
        put_list(printer, value);
        break;
    case SKETCH_REFERENCE:
        put_reference(printer, value, from);
        break;
    }
}

/* ---- entries ---- */

static void put_comment(struct printer *printer)
{
    static const char *const comments[] = {"# \xE2\x80\x9Cwords\xE2\x80\x9D { } = \"\n",
                                           "# a comment\n", "#\n", "\n"};

    put(printer, comments[dice_below(printer->dice, 4)]);
}

/* Between two entries. An entry that follows on the same line needs no separator. */
static void put_gap(struct printer *printer, int depth, bool after_attribute)
{
    if (after_attribute && dice_chance(printer->dice, 10))
        put(printer, ";");
    if (dice_chance(printer->dice, 6)) {
        put(printer, "  ");
        put_comment(printer);
    } else if (dice_chance(printer->dice, 25)) {
        put(printer, "  ");
        return;
    } else {
        put(printer, "\n");
    }
    for (int i = 0; i < depth; i++)
        put(printer, "  ");
    if (dice_chance(printer->dice, 5))
        put(printer, "\t"); /* one column, as any character */
}

static void put_attribute(struct printer *printer, struct sketch_attribute *attribute, int block)
{
    attribute->place = printer->at;
    put(printer, attribute->name);
    put(printer, dice_chance(printer->dice, 80) ? " = " : "=");
    attribute->value_place = printer->at;
    put_value(printer, &attribute->value, block);
}

static void put_block(struct printer *printer, int index, int depth);

/* What stands in a block (or the file) with the least order above `*order`. */
static bool next_entry(const struct sketch *sketch, int parent, int *order, int *out_attribute,
                       int *out_block)
{
    int best = INT32_MAX;

    *out_attribute = *out_block = SKETCH_NONE;
    for (int i = 0; parent != SKETCH_NONE && i < sketch->blocks[parent].attribute_count; i++) {
        const int own = sketch->blocks[parent].attributes[i].order;

        if (own > *order && own < best) {
            best = own;
            *out_attribute = i;
        }
    }
    for (int i = 0; i < sketch->block_count; i++) {
        const struct sketch_block *block = &sketch->blocks[i];

        if (block->parent == parent && !block->is_removed && block->order > *order &&
            block->order < best) {
            best = block->order;
            *out_block = i;
        }
    }
    *order = best;
    return best != INT32_MAX;
}

static void put_entries(struct printer *printer, int parent, int depth)
{
    int order = INT32_MIN, attribute, block;

    while (next_entry(printer->sketch, parent, &order, &attribute, &block)) {
        if (block != SKETCH_NONE)
            put_block(printer, block, depth);
        else if (parent != SKETCH_NONE)
            put_attribute(printer, &printer->sketch->blocks[parent].attributes[attribute], parent);
        put_gap(printer, depth, block == SKETCH_NONE);
    }
}

static void put_block(struct printer *printer, int index, int depth)
{
    struct sketch_block *block = &printer->sketch->blocks[index];

    block->kind_place = block->name_place = printer->at;
    put(printer, block->kind);
    if (block->name[0] != '\0') {
        put(printer, " ");
        block->name_place = printer->at;
        put(printer, block->name);
    }
    if (block->base[0] != '\0') {
        put(printer, sketch_is_variant(block) ? " " : dice_chance(printer->dice, 80) ? " : " : ":");
        block->base_place = printer->at;
        if (sketch_is_variant(block))
            block->name_place = printer->at;
        put(printer, block->base);
    }
    put(printer, " {");
    put_gap(printer, depth + 1, false);
    put_entries(printer, index, depth + 1);
    put(printer, "}");
}

/* ---- the file ---- */

static void put_params(struct printer *printer)
{
    for (int i = 0; i < printer->sketch->param_count; i++) {
        struct sketch_param *param = &printer->sketch->params[i];

        put(printer, "param ");
        param->place = printer->at;
        put(printer, param->name);
        put(printer, " = ");
        param->value_place = printer->at;
        put_value(printer, &param->value, SKETCH_NONE);
        put(printer, "\n");
    }
}

static void put_asserts(struct printer *printer)
{
    for (int i = 0; i < printer->sketch->assert_count; i++) {
        struct sketch_assert *item = &printer->sketch->asserts[i];

        put(printer, "assert ");
        item->place = printer->at;
        put_value(printer, &item->left, SKETCH_NONE);
        put_format(printer, " == %lld, \"as drawn\"\n", (long long)item->right);
    }
}

void sketch_print(struct sketch *sketch, struct dice *dice, FILE *file)
{
    struct printer printer = {sketch, dice, file, {1, 1}};
    const bool has_asserts_first = dice_chance(dice, 50);

    if (dice_chance(dice, 10))
        put_comment(&printer);
    sketch->version_place = printer.at;
    put(&printer, "mimo 1\n");
    if (sketch->has_bad_import) {
        sketch->import_place = printer.at;
        put(&printer, "import \"there/is/no/such.mimo\"\n");
    }
    put_params(&printer);
    if (has_asserts_first)
        put_asserts(&printer);
    put_entries(&printer, SKETCH_NONE, 0);
    put(&printer, "\n");
    if (!has_asserts_first)
        put_asserts(&printer);
}
