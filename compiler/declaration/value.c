/* Values: making them, naming them, and reading the literals of numbers. */
#include "compiler/declaration/arithmetic.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit_row {
    const char *word;
    enum mimo_unit unit;
    double factor;
};

static const struct unit_row UNITS[] = {
    {"kB", MIMO_UNIT_BYTES, 1e3},       {"MB", MIMO_UNIT_BYTES, 1e6},
    {"GB", MIMO_UNIT_BYTES, 1e9},       {"TB", MIMO_UNIT_BYTES, 1e12},
    {"KiB", MIMO_UNIT_BYTES, 0x1p10},   {"MiB", MIMO_UNIT_BYTES, 0x1p20},
    {"GiB", MIMO_UNIT_BYTES, 0x1p30},   {"TiB", MIMO_UNIT_BYTES, 0x1p40},
    {"GFLOPS", MIMO_UNIT_FLOPS, 1e9},   {"TFLOPS", MIMO_UNIT_FLOPS, 1e12},
    {"PFLOPS", MIMO_UNIT_FLOPS, 1e15},  {"MBps", MIMO_UNIT_BANDWIDTH, 1e6},
    {"GBps", MIMO_UNIT_BANDWIDTH, 1e9}, {"TBps", MIMO_UNIT_BANDWIDTH, 1e12},
    {"ms", MIMO_UNIT_DURATION, 1e-3},   {"s", MIMO_UNIT_DURATION, 1.0},
    {"min", MIMO_UNIT_DURATION, 60.0},  {"h", MIMO_UNIT_DURATION, 3600.0},
};

const char *mimo_unit_word(size_t index)
{
    return index < sizeof UNITS / sizeof *UNITS ? UNITS[index].word : NULL;
}

struct mimo_diagnostic *mimo_calculator_report(const struct mimo_calculator *calculator,
                                               enum mimo_code code, struct mimo_span span,
                                               const char *format, ...)
{
    struct mimo_diagnostics *diagnostics = calculator->diagnostics;
    const char *message;
    va_list arguments;

    if (calculator->is_quiet)
        return &diagnostics->unrecorded;
    va_start(arguments, format);
    message = mimo_arena_vprintf(diagnostics->arena, format, arguments);
    va_end(arguments);
    return mimo_diagnose(diagnostics, code, span, "%s", message);
}

struct mimo_value mimo_value_unknown(void)
{
    return (struct mimo_value){.kind = MIMO_VALUE_UNKNOWN};
}

struct mimo_value mimo_value_integer(int64_t integer, enum mimo_unit unit)
{
    return (struct mimo_value){
        .kind = MIMO_VALUE_INTEGER, .unit = unit, .integer = integer, .real = (double)integer};
}

struct mimo_value mimo_value_real(double real, enum mimo_unit unit)
{
    return (struct mimo_value){.kind = MIMO_VALUE_REAL, .unit = unit, .real = real};
}

struct mimo_value mimo_value_boolean(bool is_true)
{
    return (struct mimo_value){.kind = MIMO_VALUE_BOOLEAN, .integer = is_true};
}

bool mimo_value_is_number(const struct mimo_value *value)
{
    return value->kind == MIMO_VALUE_INTEGER || value->kind == MIMO_VALUE_REAL;
}

static const char *unit_noun(enum mimo_unit unit)
{
    switch (unit) {
    case MIMO_UNIT_PLAIN:
        break;
    case MIMO_UNIT_BYTES:
        return "a size in bytes";
    case MIMO_UNIT_FLOPS:
        return "a compute rate";
    case MIMO_UNIT_BANDWIDTH:
        return "a bandwidth";
    case MIMO_UNIT_DURATION:
        return "a duration";
    }
    return "a number";
}

const char *mimo_value_noun(struct mimo_arena *arena, const struct mimo_value *value)
{
    switch (value->kind) {
    case MIMO_VALUE_UNKNOWN:
        return "nothing";
    case MIMO_VALUE_INTEGER:
        if (value->unit == MIMO_UNIT_PLAIN)
            return mimo_arena_printf(arena, "the integer %" PRId64, value->integer);
        return unit_noun(value->unit);
    case MIMO_VALUE_REAL:
        if (value->unit == MIMO_UNIT_PLAIN)
            return mimo_arena_printf(arena, "the real number %s", mimo_value_text(arena, value));
        return unit_noun(value->unit);
    case MIMO_VALUE_STRING:
        return "a string";
    case MIMO_VALUE_BOOLEAN:
        return value->integer != 0 ? "true" : "false";
    case MIMO_VALUE_WORD:
        return mimo_arena_printf(arena, "the word '%s'", value->text);
    case MIMO_VALUE_AUTO:
        return "auto";
    case MIMO_VALUE_NONE:
        return "none";
    case MIMO_VALUE_LIST:
        return mimo_arena_printf(arena, "a list of %zu", value->item_count);
    }
    return "nothing";
}

/* The fewest digits that read back as the same number. */
static const char *real_text(struct mimo_arena *arena, double real)
{
    char text[40];

    for (int digits = 1; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, real);
        if (strtod(text, NULL) == real)
            break;
    }
    return mimo_arena_copy(arena, text, strlen(text));
}

static const char *list_text(struct mimo_arena *arena, const struct mimo_value *value)
{
    enum { SHOWN_MAX = 8 };
    const char *text = "";

    for (size_t i = 0; i < value->item_count && i < SHOWN_MAX; i++)
        text = mimo_arena_printf(arena, "%s%s%s", text, i > 0 ? ", " : "",
                                 mimo_value_text(arena, &value->items[i]));
    return mimo_arena_printf(arena, "[%s%s]", text, value->item_count > SHOWN_MAX ? ", ..." : "");
}

const char *mimo_value_text(struct mimo_arena *arena, const struct mimo_value *value)
{
    switch (value->kind) {
    case MIMO_VALUE_UNKNOWN:
        return "unknown";
    case MIMO_VALUE_INTEGER:
        return mimo_arena_printf(arena, "%" PRId64, value->integer);
    case MIMO_VALUE_REAL:
        return real_text(arena, value->real);
    case MIMO_VALUE_STRING:
        return mimo_arena_printf(arena, "\"%s\"", value->text);
    case MIMO_VALUE_BOOLEAN:
        return value->integer != 0 ? "true" : "false";
    case MIMO_VALUE_WORD:
        return value->text;
    case MIMO_VALUE_AUTO:
        return "auto";
    case MIMO_VALUE_NONE:
        return "none";
    case MIMO_VALUE_LIST:
        return list_text(arena, value);
    }
    return "unknown";
}

/* ---- literals ---- */

/* How many bytes of `text` are digits of that base, underscores between them. */
static size_t digits_length(const char *text, const char *digits)
{
    size_t length = strspn(text, digits);

    while (length > 0 && text[length] == '_' && strspn(text + length + 1, digits) > 0)
        length += 1 + strspn(text + length + 1, digits);
    return length;
}

/* The length of an exponent such as e-3, or 0. */
static size_t exponent_length(const char *text)
{
    size_t sign, digits;

    if (*text != 'e' && *text != 'E')
        return 0;
    sign = text[1] == '+' || text[1] == '-';
    digits = digits_length(text + 1 + sign, "0123456789");
    return digits > 0 ? 1 + sign + digits : 0;
}

static char *without_underscores(struct mimo_arena *arena, const char *text, size_t length)
{
    char *copy = mimo_arena_copy(arena, text, length);
    size_t kept = 0;

    for (size_t i = 0; i < length; i++) {
        if (copy[i] != '_')
            copy[kept++] = copy[i];
    }
    copy[kept] = '\0';
    return copy;
}

static const struct unit_row *find_unit(const char *word)
{
    for (size_t i = 0; i < sizeof UNITS / sizeof *UNITS; i++) {
        if (strcmp(UNITS[i].word, word) == 0)
            return &UNITS[i];
    }
    return NULL;
}

static struct mimo_value report_unit(const struct mimo_calculator *calculator,
                                     struct mimo_name name, const char *suffix)
{
    struct mimo_diagnostic *diagnostic =
        mimo_calculator_report(calculator, MIMO_E0301, name.span, "'%s' is not a unit", suffix);

    mimo_diagnose_help(calculator->diagnostics, diagnostic,
                       "the units are kB MB GB TB KiB MiB GiB TiB, GFLOPS TFLOPS PFLOPS, "
                       "MBps GBps TBps, ms s min h");
    return mimo_value_unknown();
}

static struct mimo_value report_too_large(const struct mimo_calculator *calculator,
                                          struct mimo_name name)
{
    (void)mimo_calculator_report(calculator, MIMO_E0302, name.span, "%s is too large", name.text);
    return mimo_value_unknown();
}

/* Sizes are whole bytes; everything else is real. */
static struct mimo_value with_unit(const struct mimo_calculator *calculator, struct mimo_name name,
                                   const struct mimo_value *number, const struct unit_row *row)
{
    const double scaled = number->real * row->factor;
    int64_t bytes;

    if (row->unit != MIMO_UNIT_BYTES)
        return mimo_value_real(scaled, row->unit);
    if (scaled >= 0x1p63)
        return report_too_large(calculator, name);
    if (number->kind == MIMO_VALUE_INTEGER) {
        if (__builtin_mul_overflow(number->integer, (int64_t)row->factor, &bytes))
            return report_too_large(calculator, name);
        return mimo_value_integer(bytes, MIMO_UNIT_BYTES);
    }
    if (scaled != floor(scaled)) {
        (void)mimo_calculator_report(calculator, MIMO_E0302, name.span,
                                     "%s is not a whole number of bytes", name.text);
        return mimo_value_unknown();
    }
    return mimo_value_integer((int64_t)scaled, MIMO_UNIT_BYTES);
}

/* The number in front of the unit; `*out_length` bytes long. */
static struct mimo_value parse_digits(const struct mimo_calculator *calculator,
                                      struct mimo_name name, size_t *out_length)
{
    struct mimo_arena *arena = calculator->diagnostics->arena;
    const char *text = name.text;
    const bool is_hexadecimal = text[0] == '0' && (text[1] == 'x' || text[1] == 'X') &&
                                digits_length(text + 2, "0123456789abcdefABCDEF") > 0;
    size_t length, tail;
    struct mimo_value value;
    char *digits;

    if (is_hexadecimal)
        length = 2 + digits_length(text + 2, "0123456789abcdefABCDEF");
    else
        length = digits_length(text, "0123456789");
    tail = length;
    if (!is_hexadecimal && text[tail] == '.')
        tail += 1 + digits_length(text + tail + 1, "0123456789");
    if (!is_hexadecimal)
        tail += exponent_length(text + tail);
    *out_length = tail;
    digits = without_underscores(arena, text, tail);
    errno = 0;
    if (tail == length)
        value =
            mimo_value_integer(strtoll(digits, NULL, is_hexadecimal ? 16 : 10), MIMO_UNIT_PLAIN);
    else
        value = mimo_value_real(strtod(digits, NULL), MIMO_UNIT_PLAIN);
    if ((value.kind == MIMO_VALUE_INTEGER && errno == ERANGE) || !isfinite(value.real))
        return report_too_large(calculator, name);
    return value;
}

struct mimo_value mimo_number_parse(const struct mimo_calculator *calculator, struct mimo_name name)
{
    size_t length;
    const struct mimo_value value = parse_digits(calculator, name, &length);
    const char *suffix = name.text + length;
    const struct unit_row *row;

    if (value.kind == MIMO_VALUE_UNKNOWN || *suffix == '\0')
        return value;
    row = find_unit(suffix);
    if (row == NULL || name.text[1] == 'x' || name.text[1] == 'X')
        return report_unit(calculator, name, suffix);
    return with_unit(calculator, name, &value, row);
}
