#include "compiler/proof/ranks_parts.h"
#include "plan/communication.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool mimo_refuse(struct mimo_prover *prover, const char *format, ...)
{
    char text[256];
    va_list arguments;

    if (prover->reason != NULL)
        return false;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    prover->reason = mimo_arena_printf(prover->arena, "%s", text);
    return false;
}

enum mimo_element mimo_prover_element(const struct mimo_prover *prover, bool is_wide)
{
    const uint32_t precision = prover->plan->training->precision;

    if (precision == MIMO_PRECISION_FP64)
        return MIMO_ELEMENT_FP64;
    return precision == MIMO_PRECISION_BF16 && !is_wide ? MIMO_ELEMENT_BF16 : MIMO_ELEMENT_FP32;
}

static void begin(struct mimo_asker *asker, struct mimo_prover *prover,
                  const struct mimo_communication_key *key)
{
    uint32_t count;

    *asker = (struct mimo_asker){
        .prover = prover,
        .module = key->module == MIMO_NONE ? NULL : &prover->plan->modules[key->module],
        .next = {.opcode = key->opcode,
                 .module = key->module,
                 .stage = key->stage,
                 .edge = key->edge,
                 .direction = key->direction,
                 .slot = MIMO_NONE,
                 .element = mimo_prover_element(prover, false),
                 .repeat = 1},
    };
    mimo_communications_find(prover->plan, key, &asker->at, &count);
    asker->end = asker->at + count;
}

void mimo_asker_begin(struct mimo_asker *asker, struct mimo_prover *prover, enum mimo_opcode opcode,
                      uint32_t module, uint32_t stage)
{
    const struct mimo_communication_key key = {opcode, module, stage, MIMO_NONE, 0};

    begin(asker, prover, &key);
}

void mimo_asker_begin_edge(struct mimo_asker *asker, struct mimo_prover *prover,
                           enum mimo_opcode opcode, uint32_t edge_index, uint32_t direction)
{
    const struct mimo_plan_edge *edge = &prover->plan->edges[edge_index];
    const bool is_from = (opcode == MIMO_OPCODE_SEND) == (direction == MIMO_EDGE_FORWARD);
    const struct mimo_communication_key key = {
        opcode, is_from ? edge->from_module : edge->to_module,
        is_from ? edge->from_stage : edge->to_stage, edge_index, direction};

    begin(asker, prover, &key);
    asker->next.is_gradient = direction;
}

void mimo_ask(struct mimo_asker *asker, enum mimo_operation operation, uint32_t group,
              enum mimo_content content, enum mimo_row_unit rows, uint64_t columns)
{
    struct mimo_prover *prover = asker->prover;
    const struct mimo_plan *plan = prover->plan;
    struct mimo_plan_communication wanted = asker->next;

    if (group != MIMO_NONE && plan->groups[wanted.module * MIMO_GROUP_KIND_COUNT + group].size == 1)
        return;
    wanted.operation = operation;
    wanted.group = group;
    wanted.content = content;
    wanted.rows = rows;
    wanted.columns = columns;
    if (asker->at < asker->end && prover->reason == NULL &&
        memcmp(&plan->communications[asker->at], &wanted, sizeof wanted) == 0) {
        prover->is_used[asker->at++] = true;
        return;
    }
    if (wanted.module == MIMO_NONE)
        (void)mimo_refuse(prover, "%s lacks the %s of %s", mimo_opcode_word(wanted.opcode),
                          mimo_operation_word(operation), mimo_content_word(content));
    else
        (void)mimo_refuse(prover, "%s of stage %u of module %u lacks the %s of %s%s",
                          mimo_opcode_word(wanted.opcode), wanted.stage, wanted.module,
                          mimo_operation_word(operation),
                          wanted.is_gradient != 0 ? "the gradient of " : "",
                          mimo_content_word(content));
}
