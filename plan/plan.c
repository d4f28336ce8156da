#include "plan/plan.h"

const char *mimo_plan_text(const struct mimo_plan *plan, struct mimo_plan_string string)
{
    return plan->strings + string.offset;
}

const struct mimo_plan_role *mimo_plan_role_of(const struct mimo_plan *plan, uint32_t rank)
{
    uint32_t low = 0, high = plan->range_count;

    MIMO_ASSERT(rank < plan->meta->world_size);
    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;

        if (plan->ranges[middle].first <= rank)
            low = middle;
        else
            high = middle;
    }
    return &plan->roles[plan->ranges[low].role];
}

static const char *word(const char *const *words, uint32_t count, uint32_t value)
{
    MIMO_ASSERT(value < count);
    return words[value];
}

/* Defines mimo_..._word() over one of the closed sets. */
#define WORD(name, text) text,
#define WORDS_OF(object, SET)                                                                      \
    const char *mimo_##object##_word(uint32_t value)                                               \
    {                                                                                              \
        static const char *const words[] = {SET(WORD)};                                            \
                                                                                                   \
        return word(words, sizeof words / sizeof *words, value);                                   \
    }

WORDS_OF(mode, MIMO_MODES)
WORDS_OF(precision, MIMO_PRECISIONS)
WORDS_OF(architecture, MIMO_ARCHITECTURES)
WORDS_OF(activation, MIMO_ACTIVATIONS)
WORDS_OF(module_kind, MIMO_MODULE_KINDS)
WORDS_OF(group_kind, MIMO_GROUP_KINDS)
WORDS_OF(opcode, MIMO_OPCODES)
WORDS_OF(operation, MIMO_OPERATIONS)
WORDS_OF(element, MIMO_ELEMENTS)
WORDS_OF(loop, MIMO_LOOPS)
WORDS_OF(row_unit, MIMO_ROW_UNITS)
WORDS_OF(content, MIMO_CONTENTS)

bool mimo_plan_is_trained(const struct mimo_plan *plan, uint32_t module)
{
    const struct mimo_plan_module *record = &plan->modules[module];

    return record->is_frozen == 0 ||
           (record->projector != MIMO_NONE && plan->projectors[record->projector].is_frozen == 0);
}

bool mimo_plan_is_tied(const struct mimo_plan *plan, uint32_t parameter)
{
    const struct mimo_plan_parameter *record = &plan->parameters[parameter];
    const struct mimo_plan_module *module = &plan->modules[record->module];

    if (record->layer != MIMO_NONE)
        return false;
    for (uint32_t i = module->parameter_first;
         i < module->parameter_first + module->parameter_count && record->tied_to == MIMO_NONE; i++)
        if (plan->parameters[i].tied_to == parameter)
            return true;
    return record->tied_to != MIMO_NONE;
}

/* Gradients flow to the language model's first stage whenever anything at all is trained. */
bool mimo_plan_has_backward(const struct mimo_plan *plan, uint32_t module, uint32_t stage)
{
    const struct mimo_plan_module *record = &plan->modules[module];

    if (record->kind == MIMO_MODULE_KIND_ENCODER)
        return record->is_frozen == 0 ||
               (stage + 1 == record->stage_count && mimo_plan_is_trained(plan, module));
    for (uint32_t i = 0; i < plan->module_count; i++) {
        if (mimo_plan_is_trained(plan, i))
            return true;
    }
    return false;
}
