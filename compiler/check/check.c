#include "compiler/check/check.h"

static void run(struct mimo_checker *checker, const struct mimo_rule *rules)
{
    for (const struct mimo_rule *rule = rules; rule->check != NULL || rule->check_module != NULL;
         rule++) {
        if (rule->check != NULL)
            rule->check(checker);
        for (size_t i = 0; rule->check_module != NULL && i < checker->facts->module_count; i++)
            rule->check_module(checker, &checker->facts->modules[i]);
    }
}

void mimo_check(struct mimo_facts *facts, struct mimo_diagnostics *diagnostics)
{
    struct mimo_checker checker = {facts, diagnostics};

    if (facts->declaration->model == NULL)
        return;
    run(&checker, mimo_model_rules);
    run(&checker, mimo_layout_rules);
    run(&checker, mimo_deployment_rules);
    run(&checker, mimo_training_rules);
}

void mimo_check_note(struct mimo_checker *checker, struct mimo_diagnostic *diagnostic,
                     const struct mimo_block *block, enum mimo_attribute attribute,
                     const char *what)
{
    struct mimo_span span;

    if (block != NULL && mimo_block_origin(block, attribute, &span) &&
        (span.file != diagnostic->span.file || span.begin != diagnostic->span.begin))
        mimo_diagnose_note(checker->diagnostics, diagnostic, span, "%s is set here", what);
}

/* Inserts `number` among the `*count` numbers in ascending order; where there is no room, drops the
 * one farthest from `wanted`. */
static void insert_nearest(int64_t numbers[MIMO_CHECK_NUMBERS_MAX + 1], int *count, int64_t number,
                           int64_t wanted)
{
    int at = *count;

    for (; at > 0 && numbers[at - 1] > number; at--)
        numbers[at] = numbers[at - 1];
    numbers[at] = number;
    if (++*count <= MIMO_CHECK_NUMBERS_MAX)
        return;
    --*count;
    if (wanted - numbers[0] > numbers[MIMO_CHECK_NUMBERS_MAX] - wanted) {
        for (int i = 0; i < MIMO_CHECK_NUMBERS_MAX; i++)
            numbers[i] = numbers[i + 1];
    }
}

const char *mimo_check_join(struct mimo_arena *arena, const int64_t *numbers, int count)
{
    const char *text = mimo_arena_printf(arena, "%lld", (long long)numbers[0]);

    for (int i = 1; i < count; i++)
        text = mimo_arena_printf(arena, "%s%s%lld", text, i + 1 < count ? ", " : " and ",
                                 (long long)numbers[i]);
    return text;
}

const char *mimo_check_divisors(struct mimo_arena *arena, int64_t number, int64_t wanted)
{
    int64_t numbers[MIMO_CHECK_NUMBERS_MAX + 1] = {1};
    int count = 0;

    for (int64_t divisor = 1; divisor <= number / divisor; divisor++) {
        if (number % divisor != 0)
            continue;
        insert_nearest(numbers, &count, divisor, wanted);
        if (divisor != number / divisor)
            insert_nearest(numbers, &count, number / divisor, wanted);
    }
    return mimo_check_join(arena, numbers, count);
}

const char *mimo_check_dividing(struct mimo_arena *arena, int64_t number, int64_t wanted)
{
    if (number == 1)
        return "only 1 divides";
    return mimo_arena_printf(arena, "%s divide", mimo_check_divisors(arena, number, wanted));
}
