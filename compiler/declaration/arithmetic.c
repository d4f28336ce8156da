#include "compiler/declaration/arithmetic.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* An operation on numbers and where it stands. */
struct operation {
    const struct mimo_calculator *calculator;
    enum mimo_operator operator;
    struct mimo_span span;
};

static struct mimo_value report_overflow(const struct operation *operation)
{
    (void)mimo_calculator_report(operation->calculator, MIMO_E0302, operation->span,
                                 "the result does not fit into 64 bits");
    return mimo_value_unknown();
}

static struct mimo_value report_operands(const struct operation *operation,
                                         const struct mimo_value *left,
                                         const struct mimo_value *right)
{
    struct mimo_arena *arena = operation->calculator->diagnostics->arena;

    (void)mimo_calculator_report(operation->calculator, MIMO_E0301, operation->span,
                                 "'%s' cannot combine %s and %s",
                                 mimo_operator_word(operation->operator),
                                 mimo_value_noun(arena, left), mimo_value_noun(arena, right));
    return mimo_value_unknown();
}

static struct mimo_value checked_real(const struct operation *operation, double real,
                                      enum mimo_unit unit)
{
    return isfinite(real) ? mimo_value_real(real, unit) : report_overflow(operation);
}

/* What an operator makes of two units; false where it cannot combine them. */
static bool combine_units(enum mimo_operator operation, enum mimo_unit left, enum mimo_unit right,
                          enum mimo_unit *out_unit)
{
    if (operation == MIMO_OPERATOR_MULTIPLY) {
        *out_unit = left != MIMO_UNIT_PLAIN ? left : right;
        return left == MIMO_UNIT_PLAIN || right == MIMO_UNIT_PLAIN;
    }
    if (operation == MIMO_OPERATOR_DIVIDE) {
        *out_unit = left == right ? MIMO_UNIT_PLAIN : left;
        return left == right || right == MIMO_UNIT_PLAIN;
    }
    *out_unit = left;
    return left == right;
}

static struct mimo_value divide_integers(const struct operation *operation, int64_t left,
                                         int64_t right, enum mimo_unit unit)
{
    const struct mimo_calculator *calculator = operation->calculator;

    if (right == 0) {
        (void)mimo_calculator_report(calculator, MIMO_E0302, operation->span, "division by zero");
        return mimo_value_unknown();
    }
    if (right == -1)
        return left == INT64_MIN ? report_overflow(operation) : mimo_value_integer(-left, unit);
    if (left % right != 0) {
        struct mimo_diagnostic *diagnostic =
            mimo_calculator_report(calculator, MIMO_E0303, operation->span,
                                   "%" PRId64 " / %" PRId64 " is not an integer", left, right);
        mimo_diagnose_help(calculator->diagnostics, diagnostic,
                           "ceil_div(a, b) rounds up; a real number such as %" PRId64
                           ".0 divides without rounding",
                           right);
        return mimo_value_unknown();
    }
    return mimo_value_integer(left / right, unit);
}

static struct mimo_value remainder_of(const struct operation *operation, int64_t left,
                                      int64_t right, enum mimo_unit unit)
{
    if (right == 0) {
        (void)mimo_calculator_report(operation->calculator, MIMO_E0302, operation->span,
                                     "division by zero");
        return mimo_value_unknown();
    }
    return mimo_value_integer(right == -1 ? 0 : left % right, unit);
}

static struct mimo_value calculate_integers(const struct operation *operation, int64_t left,
                                            int64_t right, enum mimo_unit unit)
{
    int64_t result = 0;
    bool overflows = false;

    if (operation->operator== MIMO_OPERATOR_DIVIDE)
        return divide_integers(operation, left, right, unit);
    if (operation->operator== MIMO_OPERATOR_REMAINDER)
        return remainder_of(operation, left, right, unit);
    if (operation->operator== MIMO_OPERATOR_ADD)
        overflows = __builtin_add_overflow(left, right, &result);
    else if (operation->operator== MIMO_OPERATOR_SUBTRACT)
        overflows = __builtin_sub_overflow(left, right, &result);
    else
        overflows = __builtin_mul_overflow(left, right, &result);
    return overflows ? report_overflow(operation) : mimo_value_integer(result, unit);
}

static struct mimo_value calculate_reals(const struct operation *operation, double left,
                                         double right, enum mimo_unit unit)
{
    if (operation->operator== MIMO_OPERATOR_ADD)
        return checked_real(operation, left + right, unit);
    if (operation->operator== MIMO_OPERATOR_SUBTRACT)
        return checked_real(operation, left - right, unit);
    if (operation->operator== MIMO_OPERATOR_MULTIPLY)
        return checked_real(operation, left * right, unit);
    if (right == 0.0) {
        (void)mimo_calculator_report(operation->calculator, MIMO_E0302, operation->span,
                                     "division by zero");
        return mimo_value_unknown();
    }
    return checked_real(operation, left / right, unit);
}

static struct mimo_value calculate(const struct operation *operation, const struct mimo_value *left,
                                   const struct mimo_value *right)
{
    const bool are_integers = left->kind == MIMO_VALUE_INTEGER && right->kind == MIMO_VALUE_INTEGER;
    enum mimo_unit unit;

    if (!mimo_value_is_number(left) || !mimo_value_is_number(right) ||
        !combine_units(operation->operator, left->unit, right->unit, &unit) ||
        (operation->operator== MIMO_OPERATOR_REMAINDER && !are_integers))
        return report_operands(operation, left, right);
    if (are_integers)
        return calculate_integers(operation, left->integer, right->integer, unit);
    return calculate_reals(operation, left->real, right->real, unit);
}

/* ---- comparison ---- */

static int order_numbers(const struct mimo_value *left, const struct mimo_value *right)
{
    if (left->kind == MIMO_VALUE_INTEGER && right->kind == MIMO_VALUE_INTEGER)
        return (left->integer > right->integer) - (left->integer < right->integer);
    return (left->real > right->real) - (left->real < right->real);
}

/* The text of a bare word, auto and none included; NULL for other values. */
static const char *word_of(const struct mimo_value *value)
{
    if (value->kind == MIMO_VALUE_WORD)
        return value->text;
    if (value->kind == MIMO_VALUE_AUTO)
        return "auto";
    return value->kind == MIMO_VALUE_NONE ? "none" : NULL;
}

static bool compare_equal(const struct mimo_value *left, const struct mimo_value *right,
                          bool *out_equal);

/* Item by item; false where two items cannot be compared. */
static bool compare_lists(const struct mimo_value *left, const struct mimo_value *right,
                          bool *out_equal)
{
    bool are_equal = left->item_count == right->item_count;

    for (size_t i = 0; i < left->item_count && are_equal; i++) {
        if (!compare_equal(&left->items[i], &right->items[i], &are_equal))
            return false;
    }
    *out_equal = are_equal;
    return true;
}

/* Sets *out_equal; false where the values cannot be compared. A word differs from whatever is no
 * word: data_parallel == auto is a fair question also where it is 8. */
static bool compare_equal(const struct mimo_value *left, const struct mimo_value *right,
                          bool *out_equal)
{
    const char *left_word = word_of(left), *right_word = word_of(right);

    if (left_word != NULL || right_word != NULL) {
        *out_equal = left_word != NULL && right_word != NULL && strcmp(left_word, right_word) == 0;
        return true;
    }
    if (mimo_value_is_number(left) && mimo_value_is_number(right)) {
        *out_equal = order_numbers(left, right) == 0;
        return left->unit == right->unit;
    }
    if (left->kind != right->kind)
        return false;
    if (left->kind == MIMO_VALUE_LIST)
        return compare_lists(left, right, out_equal);
    *out_equal = left->kind == MIMO_VALUE_STRING ? strcmp(left->text, right->text) == 0
                                                 : left->integer == right->integer;
    return true;
}

static struct mimo_value compare_order(const struct operation *operation,
                                       const struct mimo_value *left,
                                       const struct mimo_value *right)
{
    int order;

    if (!mimo_value_is_number(left) || !mimo_value_is_number(right) || left->unit != right->unit)
        return report_operands(operation, left, right);
    order = order_numbers(left, right);
    if (operation->operator== MIMO_OPERATOR_LESS)
        return mimo_value_boolean(order < 0);
    if (operation->operator== MIMO_OPERATOR_LESS_EQUAL)
        return mimo_value_boolean(order <= 0);
    if (operation->operator== MIMO_OPERATOR_GREATER)
        return mimo_value_boolean(order > 0);
    return mimo_value_boolean(order >= 0);
}

struct mimo_value mimo_apply_binary(const struct mimo_calculator *calculator,
                                    enum mimo_operator operator, struct mimo_span span,
                                    const struct mimo_value *left, const struct mimo_value *right)
{
    const struct operation operation = {calculator, operator, span };
    bool is_equal = false;

    if (left->kind == MIMO_VALUE_UNKNOWN || right->kind == MIMO_VALUE_UNKNOWN)
        return mimo_value_unknown();
    if (operator== MIMO_OPERATOR_EQUAL || operator== MIMO_OPERATOR_NOT_EQUAL) {
        if (!compare_equal(left, right, &is_equal))
            return report_operands(&operation, left, right);
        return mimo_value_boolean(is_equal == (operator== MIMO_OPERATOR_EQUAL));
    }
    if (operator>= MIMO_OPERATOR_LESS && operator<= MIMO_OPERATOR_GREATER_EQUAL)
        return compare_order(&operation, left, right);
    return calculate(&operation, left, right);
}

struct mimo_value mimo_apply_unary(const struct mimo_calculator *calculator,
                                   enum mimo_operator operator, struct mimo_span span,
                                   const struct mimo_value *operand)
{
    const struct operation operation = {calculator, operator, span };

    if (operand->kind == MIMO_VALUE_UNKNOWN)
        return *operand;
    if (operator== MIMO_OPERATOR_NOT && operand->kind == MIMO_VALUE_BOOLEAN)
        return mimo_value_boolean(operand->integer == 0);
    if (operator== MIMO_OPERATOR_NEGATE && operand->kind == MIMO_VALUE_REAL)
        return mimo_value_real(-operand->real, operand->unit);
    if (operator== MIMO_OPERATOR_NEGATE && operand->kind == MIMO_VALUE_INTEGER) {
        if (operand->integer == INT64_MIN)
            return report_overflow(&operation);
        return mimo_value_integer(-operand->integer, operand->unit);
    }
    (void)mimo_calculator_report(calculator, MIMO_E0301, span, "'%s' cannot stand before %s",
                                 mimo_operator_word(operator),
                                 mimo_value_noun(calculator->diagnostics->arena, operand));
    return mimo_value_unknown();
}

/* ---- functions ---- */

static struct mimo_value report_function(const struct mimo_calculator *calculator,
                                         struct mimo_span span, const char *message)
{
    (void)mimo_calculator_report(calculator, MIMO_E0301, span, "%s", message);
    return mimo_value_unknown();
}

static struct mimo_value extreme(const struct mimo_calculator *calculator, struct mimo_span span,
                                 const struct mimo_value *arguments, size_t count, int sign)
{
    const struct mimo_value *best = &arguments[0];

    for (size_t i = 0; i < count; i++) {
        if (!mimo_value_is_number(&arguments[i]) || arguments[i].unit != arguments[0].unit)
            return report_function(calculator, span, "min and max take numbers of one unit");
        if (order_numbers(&arguments[i], best) * sign > 0)
            best = &arguments[i];
    }
    return *best;
}

static struct mimo_value ceil_div(const struct mimo_calculator *calculator, struct mimo_span span,
                                  const struct mimo_value *arguments, size_t count)
{
    int64_t quotient;

    if (count != 2 || arguments[0].kind != MIMO_VALUE_INTEGER ||
        arguments[1].kind != MIMO_VALUE_INTEGER || arguments[1].unit != MIMO_UNIT_PLAIN)
        return report_function(calculator, span, "ceil_div takes two integers");
    if (arguments[1].integer <= 0) {
        (void)mimo_calculator_report(calculator, MIMO_E0302, span,
                                     "ceil_div divides by a positive number, not by %" PRId64,
                                     arguments[1].integer);
        return mimo_value_unknown();
    }
    quotient = arguments[0].integer / arguments[1].integer;
    quotient += arguments[0].integer % arguments[1].integer > 0;
    return mimo_value_integer(quotient, arguments[0].unit);
}

struct mimo_value mimo_apply_function(const struct mimo_calculator *calculator,
                                      struct mimo_name function, struct mimo_span span,
                                      const struct mimo_value *arguments, size_t count)
{
    struct mimo_diagnostic *diagnostic;

    for (size_t i = 0; i < count; i++) {
        if (arguments[i].kind == MIMO_VALUE_UNKNOWN)
            return arguments[i];
    }
    if (strcmp(function.text, "min") == 0)
        return extreme(calculator, span, arguments, count, -1);
    if (strcmp(function.text, "max") == 0)
        return extreme(calculator, span, arguments, count, 1);
    if (strcmp(function.text, "ceil_div") == 0)
        return ceil_div(calculator, span, arguments, count);
    diagnostic = mimo_calculator_report(calculator, MIMO_E0204, function.span,
                                        "there is no function '%s'", function.text);
    mimo_diagnose_help(calculator->diagnostics, diagnostic,
                       "the functions are min, max and ceil_div");
    return mimo_value_unknown();
}
