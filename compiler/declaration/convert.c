/* From the value of an expression to what an attribute's type asks for. */
#include "compiler/declaration/evaluate.h"
#include "compiler/declaration/suggest.h"
#include "compiler/text/source.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* What is being converted; a default is blamed on the block. */
struct conversion {
    const struct mimo_scope *scope;
    const struct mimo_type *type;
    struct mimo_span span;
};

static const char *attribute_word(const struct conversion *conversion)
{
    return mimo_attribute_word(conversion->scope->attribute->attribute);
}

/* What the type asks for: its noun, or the words of an enumeration. */
static const char *type_noun(struct mimo_arena *arena, const struct mimo_type *type)
{
    if (type->forms != 0)
        return type->noun;
    return mimo_join_words(arena, type->words, type->word_count, "", " or ");
}

static struct mimo_diagnostic *report_type(const struct conversion *conversion,
                                           const struct mimo_value *value)
{
    struct mimo_compilation *compilation = conversion->scope->compilation;

    return mimo_diagnose(compilation->diagnostics, MIMO_E0301, conversion->span,
                         "%s must be %s, not %s", attribute_word(conversion),
                         type_noun(compilation->arena, conversion->type),
                         mimo_value_noun(compilation->arena, value));
}

void mimo_report_word(const struct mimo_scope *scope, const char *word, struct mimo_span span)
{
    struct mimo_compilation *compilation = scope->compilation;
    const struct mimo_type *type = scope->attribute->type;
    struct mimo_candidates candidates = {.arena = compilation->arena};
    const char *closest[MIMO_SUGGESTIONS_MAX];
    struct mimo_diagnostic *diagnostic =
        mimo_diagnose(compilation->diagnostics, MIMO_E0302, span, "%s must be %s, not '%s'",
                      mimo_attribute_word(scope->attribute->attribute),
                      type_noun(compilation->arena, type), word);

    for (size_t i = 0; i < type->word_count; i++)
        mimo_candidates_add(&candidates, type->words[i]);
    candidates.closed_count = candidates.count;
    if (mimo_closest(word, &candidates, closest) > 0)
        mimo_suggest(compilation->diagnostics, diagnostic, word, &candidates);
}

static struct mimo_value check_range(const struct conversion *conversion,
                                     const struct mimo_value *value)
{
    struct mimo_compilation *compilation = conversion->scope->compilation;
    const struct mimo_schema_attribute *attribute = conversion->scope->attribute;
    const struct mimo_range *range = attribute->range;
    const char *text;

    if (value->real >= range->low && value->real <= range->high)
        return *value;
    text = mimo_value_text(compilation->arena, value);
    if (conversion->scope->is_default)
        text = mimo_arena_printf(compilation->arena, "%s, its default (%s),", text,
                                 attribute->default_text);
    (void)mimo_diagnose(compilation->diagnostics, MIMO_E0302, conversion->span,
                        "%s = %s must be %s", attribute_word(conversion), text,
                        value->real < range->low ? range->below : range->above);
    return mimo_value_unknown();
}

/* True where the value is written as such, and not computed. */
static bool is_literal(const struct conversion *conversion, struct mimo_span span)
{
    size_t length;
    const char *text = mimo_source_text(conversion->scope->compilation->sources, span, &length);

    for (size_t i = 0; i < length; i++) {
        if (strchr("0123456789._", text[i]) == NULL)
            return false;
    }
    return length > 0;
}

/* 4.0 for an integer. */
static void offer_integer(const struct conversion *conversion, struct mimo_diagnostic *diagnostic,
                          int64_t integer)
{
    struct mimo_compilation *compilation = conversion->scope->compilation;
    const char *text = mimo_arena_printf(compilation->arena, "%" PRId64, integer);

    mimo_diagnose_help(compilation->diagnostics, diagnostic, "write %s", text);
    if (is_literal(conversion, diagnostic->span))
        mimo_diagnose_fix(compilation->diagnostics, diagnostic, diagnostic->span, text, "write %s",
                          text);
}

static struct mimo_value convert_number(const struct conversion *conversion,
                                        const struct mimo_value *value)
{
    const unsigned forms = conversion->type->forms;
    const bool is_whole = fabs(value->real) < 0x1p53 && value->real == floor(value->real);
    struct mimo_value number = *value;
    struct mimo_diagnostic *diagnostic;

    if ((forms & (MIMO_FORM_INTEGER | MIMO_FORM_REAL)) == 0 ||
        value->unit != conversion->type->unit) {
        (void)report_type(conversion, value);
        return mimo_value_unknown();
    }
    if (value->kind == MIMO_VALUE_REAL && value->unit == MIMO_UNIT_BYTES && is_whole)
        number = mimo_value_integer((int64_t)value->real, value->unit); /* 0.9 * 80GB */
    if ((forms & MIMO_FORM_REAL) == 0 && number.kind == MIMO_VALUE_REAL) {
        diagnostic = report_type(conversion, value);
        if (is_whole)
            offer_integer(conversion, diagnostic, (int64_t)value->real);
        return mimo_value_unknown();
    }
    return check_range(conversion, &number);
}

static struct mimo_value convert_list(const struct conversion *conversion,
                                      const struct mimo_value *value)
{
    const unsigned forms = conversion->type->forms;
    struct mimo_value *items;
    struct mimo_value list = *value;

    if ((forms & (MIMO_FORM_LIST | MIMO_FORM_PAIR)) == 0 ||
        ((forms & MIMO_FORM_PAIR) != 0 && value->item_count != 2)) {
        (void)report_type(conversion, value);
        return mimo_value_unknown();
    }
    items =
        MIMO_NEW_ARRAY(conversion->scope->compilation->arena, struct mimo_value, value->item_count);
    for (size_t i = 0; i < value->item_count; i++) {
        if (!mimo_value_is_number(&value->items[i])) {
            (void)report_type(conversion, &value->items[i]);
            return mimo_value_unknown();
        }
        items[i] = convert_number(conversion, &value->items[i]);
        if (items[i].kind == MIMO_VALUE_UNKNOWN)
            return items[i];
    }
    list.items = items;
    return list;
}

/* A bare word; a param may also have brought `auto` or `none` along. */
static struct mimo_value convert_word(const struct conversion *conversion,
                                      const struct mimo_value *value, const char *word,
                                      unsigned form)
{
    const struct mimo_type *type = conversion->type;
    const int64_t index = mimo_type_word_index(type, word);

    if (index >= 0)
        return (struct mimo_value){
            .kind = MIMO_VALUE_WORD, .integer = index, .text = type->words[index]};
    if ((type->forms & form) != 0)
        return *value;
    if (type->word_count > 0)
        mimo_report_word(conversion->scope, word, conversion->span);
    else
        (void)report_type(conversion, value);
    return mimo_value_unknown();
}

/* A word or a name in quotes. Whether there is such a name is not known here. */
static void offer_bare(const struct conversion *conversion, struct mimo_diagnostic *diagnostic,
                       const char *word)
{
    struct mimo_diagnostics *diagnostics = conversion->scope->compilation->diagnostics;
    const char *quoted = mimo_arena_printf(diagnostics->arena, "\"%s\"", word);

    mimo_diagnose_help(diagnostics, diagnostic, "write it without quotes");
    if (mimo_type_word_index(conversion->type, word) >= 0 &&
        mimo_source_reads(diagnostics->sources, diagnostic->span, quoted))
        mimo_diagnose_fix(diagnostics, diagnostic, diagnostic->span, word, "write '%s'", word);
}

static struct mimo_value convert_string(const struct conversion *conversion,
                                        const struct mimo_value *value)
{
    struct mimo_diagnostic *diagnostic;

    if (conversion->type->forms & MIMO_FORM_STRING)
        return *value;
    diagnostic = report_type(conversion, value);
    if (mimo_type_word_index(conversion->type, value->text) >= 0 ||
        (conversion->type->forms & MIMO_FORM_NAME))
        offer_bare(conversion, diagnostic, value->text);
    return mimo_value_unknown();
}

struct mimo_value mimo_convert(const struct mimo_scope *scope, const struct mimo_value *value,
                               struct mimo_span span)
{
    const struct conversion conversion = {scope, scope->attribute->type, span};

    switch (value->kind) {
    case MIMO_VALUE_UNKNOWN:
        return *value;
    case MIMO_VALUE_INTEGER:
    case MIMO_VALUE_REAL:
        if ((conversion.type->forms & MIMO_FORM_LIST) == 0)
            return convert_number(&conversion, value);
        break;
    case MIMO_VALUE_STRING:
        return convert_string(&conversion, value);
    case MIMO_VALUE_BOOLEAN:
        if (conversion.type->forms & MIMO_FORM_BOOLEAN)
            return *value;
        break;
    case MIMO_VALUE_WORD:
        return convert_word(&conversion, value, value->text, 0);
    case MIMO_VALUE_AUTO:
        return convert_word(&conversion, value, "auto", MIMO_FORM_AUTO);
    case MIMO_VALUE_NONE:
        return convert_word(&conversion, value, "none", MIMO_FORM_NONE);
    case MIMO_VALUE_LIST:
        return convert_list(&conversion, value);
    }
    (void)report_type(&conversion, value);
    return mimo_value_unknown();
}
