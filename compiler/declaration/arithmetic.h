/*
 * arithmetic.h - values and what the operators do with them.
 *
 * Integers are 64 bits wide and never wrap; `/` on integers divides exactly. A number carries a
 * unit. An unknown operand makes an unknown result without another word: its cause was reported.
 */
#ifndef MIMO_COMPILER_DECLARATION_ARITHMETIC_H
#define MIMO_COMPILER_DECLARATION_ARITHMETIC_H

#include "compiler/declaration/declaration.h"
#include "compiler/syntax/tree.h"

/* Where mistakes are reported; a quiet calculator only gives unknown results. */
struct mimo_calculator {
    struct mimo_diagnostics *diagnostics;
    bool is_quiet;
};

/* Records a diagnostic unless the calculator is quiet. Never NULL. */
struct mimo_diagnostic *mimo_calculator_report(const struct mimo_calculator *calculator,
                                               enum mimo_code code, struct mimo_span span,
                                               const char *format, ...)
    __attribute__((format(printf, 4, 5)));

struct mimo_value mimo_value_unknown(void);
struct mimo_value mimo_value_integer(int64_t integer, enum mimo_unit unit);
struct mimo_value mimo_value_real(double real, enum mimo_unit unit);
struct mimo_value mimo_value_boolean(bool is_true);

bool mimo_value_is_number(const struct mimo_value *value);

/* "an integer", "a size in bytes", "the word bf16": for messages. */
const char *mimo_value_noun(struct mimo_arena *arena, const struct mimo_value *value);

/* The value as a user would write it. */
const char *mimo_value_text(struct mimo_arena *arena, const struct mimo_value *value);

/* The value of a literal such as 4_096, 0x1000, 1e-3 or 141GB. */
struct mimo_value mimo_number_parse(const struct mimo_calculator *calculator,
                                    struct mimo_name name);

struct mimo_value mimo_apply_unary(const struct mimo_calculator *calculator,
                                   enum mimo_operator operator, struct mimo_span span,
                                   const struct mimo_value *operand);

/* The units that a number may carry, "kB" to "h", by their index; NULL behind the last. */
const char *mimo_unit_word(size_t index);

/* All binary operators but && and ||, which do not always evaluate their right side. */
struct mimo_value mimo_apply_binary(const struct mimo_calculator *calculator,
                                    enum mimo_operator operator, struct mimo_span span,
                                    const struct mimo_value *left, const struct mimo_value *right);

/* min, max and ceil_div. `function` names the function and its place. */
struct mimo_value mimo_apply_function(const struct mimo_calculator *calculator,
                                      struct mimo_name function, struct mimo_span span,
                                      const struct mimo_value *arguments, size_t count);

#endif
