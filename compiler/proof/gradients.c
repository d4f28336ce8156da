/*
 * Which ranks know a part of a parameter's gradient, and that the parts are added up once.
 *
 * Of the ranks that hold the same elements,
 *   - data and context replicas saw other rows: each has a part, always;
 *   - tensor ranks with all of a parameter saw the same rows, and have equal gradients, unless the
 *     rows that it is used on are cut over them: norms, biases and positions under sequence
 *     parallelism, routers always;
 *   - tensor ranks that share a head's keys and values each used them for their own queries;
 *   - the first and the last stage each used a tied table in another way;
 *   - holders of an expert got the rows of their own expert-parallel group alone.
 * Whatever is a part is summed over just these ranks. LOAD and STEP are proven here too.
 */
#include "compiler/proof/ranks_parts.h"
#include "plan/communication.h"
#include "plan/grid.h"

#include <string.h>

/* ---- experts on the real ranks ---- */

/* The holders of an expert's part together get the rows of all ranks of the stage, each once: rows
 * come to a holder from the ranks of its own group over (etp, ep). */
static bool prove_holders(struct mimo_prover *prover, uint32_t module_index, uint32_t group,
                          uint32_t *seen_by)
{
    const struct mimo_plan_groups *all =
        &prover->plan->groups[(size_t)module_index * MIMO_GROUP_KIND_COUNT];
    const struct mimo_plan_groups *holders = &all[MIMO_GROUP_KIND_EDP];
    const struct mimo_plan_groups *senders = &all[MIMO_GROUP_KIND_ETP_EP];
    const struct mimo_plan_module *module = &prover->plan->modules[module_index];
    uint32_t ranks = 0;

    for (uint32_t i = 0; i < holders->size; i++) {
        uint32_t own, position;

        if (!mimo_groups_find(senders, mimo_groups_member(holders, group, i), &own, &position))
            return mimo_refuse(prover, "an expert of module %u gets no rows", module_index);
        for (uint32_t k = 0; k < senders->size; k++, ranks++) {
            const uint32_t rank = mimo_groups_member(senders, own, k);

            if (seen_by[rank] == group + 1)
                return mimo_refuse(prover, "an expert of module %u gets the rows of rank %u twice",
                                   module_index, rank);
            seen_by[rank] = group + 1;
        }
    }
    return ranks == module->ranks / module->pp ||
           mimo_refuse(prover, "an expert of module %u does not get all rows", module_index);
}

static bool prove_experts(struct mimo_prover *prover, uint32_t module_index)
{
    const struct mimo_plan_groups *holders =
        &prover->plan->groups[(size_t)module_index * MIMO_GROUP_KIND_COUNT + MIMO_GROUP_KIND_EDP];
    uint32_t *seen_by = MIMO_NEW_ARRAY(prover->arena, uint32_t, prover->plan->meta->world_size);

    if (prover->plan->modules[module_index].num_experts == 0)
        return true;
    for (uint32_t group = 0; group < holders->group_count; group++) {
        if (!prove_holders(prover, module_index, group, seen_by))
            return false;
    }
    return true;
}

/* ---- one parameter ---- */

/* True where tensor ranks that hold the same elements each have a part of the gradient. */
static bool is_partial(const struct mimo_plan_module *module,
                       const struct mimo_plan_parameter *parameter)
{
    if (module->tp == 1 || parameter->expert != MIMO_NONE || parameter->projector != MIMO_NONE)
        return false;
    if (parameter->cut == MIMO_CUT_NONE)
        return module->sequence_parallel != 0 || parameter->slot == MIMO_SLOT_ROUTER_WEIGHT;
    return parameter->cut == MIMO_CUT_REPLICATED;
}

static bool is_trained_on(const struct mimo_plan_module *module,
                          const struct mimo_plan_parameter *parameter, uint32_t pp)
{
    return parameter->is_trainable != 0 && parameter->stage % module->pp == pp;
}

static uint64_t elements_of(const struct mimo_plan_parameter *parameter)
{
    uint64_t elements = 1;

    for (uint32_t i = 0; i < parameter->dimensions; i++)
        elements *= parameter->shape[i];
    return elements;
}

/* ---- one pipeline rank of a module ---- */

/* The list of REDUCE, spread out over the layers by the plan's own cursor. */
struct spread {
    struct mimo_prover *prover;
    struct mimo_communications cursor;
    struct mimo_plan_role role;
    struct mimo_plan_instruction instruction;
};

static bool begin_spread(struct spread *spread, struct mimo_prover *prover, uint32_t module,
                         uint32_t stage)
{
    const struct mimo_plan *plan = prover->plan;
    uint32_t place = 0;

    while (place < plan->place_count &&
           (plan->places[place].module != module || plan->places[place].stage != stage))
        place++;
    if (place == plan->place_count) {
        (void)mimo_refuse(prover, "stage %u of module %u has no place", stage, module);
        return false;
    }
    *spread = (struct spread){
        .prover = prover,
        .instruction = {.opcode = MIMO_OPCODE_REDUCE,
                        .place = place,
                        .send_edge = MIMO_NONE,
                        .receive_edge = MIMO_NONE},
    };
    mimo_communications_init(&spread->cursor, plan, &spread->role, &spread->instruction);
    return true;
}

static enum mimo_loop loop_of(const struct mimo_plan_module *module,
                              const struct mimo_plan_parameter *parameter)
{
    if (parameter->layer == MIMO_NONE)
        return MIMO_LOOP_ONCE;
    return mimo_layer_has_experts(module, parameter->layer) ? MIMO_LOOP_EXPERT_LAYER
                                                            : MIMO_LOOP_LAYER;
}

/* Takes the next sum over the tensor group: that of `parameter`, all of it. */
static bool take_partial(struct spread *spread, const struct mimo_plan_parameter *parameter)
{
    struct mimo_prover *prover = spread->prover;
    const struct mimo_plan *plan = prover->plan;
    const struct mimo_plan_module *module = &plan->modules[parameter->module];
    const struct mimo_plan_communication *record = NULL;
    const struct mimo_plan_communication wanted = {
        .opcode = MIMO_OPCODE_REDUCE,
        .module = parameter->module,
        .stage = parameter->stage % module->pp,
        .edge = MIMO_NONE,
        .loop = loop_of(module, parameter),
        .operation = MIMO_OPERATION_ALL_REDUCE,
        .group = MIMO_GROUP_KIND_TP,
        .content = MIMO_CONTENT_PARTIAL,
        .is_gradient = 1,
        .slot = parameter->slot,
        .element = mimo_prover_element(prover, true),
        .rows = MIMO_ROW_UNIT_ONE,
        .repeat = 1,
        .columns = elements_of(parameter),
    };

    if (!mimo_communications_next(&spread->cursor, &record) ||
        memcmp(record, &wanted, sizeof wanted) != 0)
        return mimo_refuse(prover, "the partial gradient of slot %u of module %u is not summed",
                           parameter->slot, parameter->module);
    prover->is_used[record - plan->communications] = true;
    return true;
}

/* No layer has a sum that none of its weights needs. */
static bool prove_rest(struct spread *spread)
{
    const struct mimo_plan_communication *record;

    while (mimo_communications_next(&spread->cursor, &record)) {
        if (record->content == MIMO_CONTENT_PARTIAL)
            return mimo_refuse(spread->prover, "a gradient of module %u is summed twice",
                               record->module);
    }
    return true;
}

static bool prove_partial(struct mimo_prover *prover, uint32_t module_index, uint32_t pp)
{
    const struct mimo_plan *plan = prover->plan;
    const struct mimo_plan_module *module = &plan->modules[module_index];
    struct spread spread;

    if (!begin_spread(&spread, prover, module_index, pp))
        return false;
    for (uint32_t i = 0; i < module->parameter_count; i++) {
        const struct mimo_plan_parameter *parameter =
            &plan->parameters[module->parameter_first + i];
        const bool has_parts = is_partial(module, parameter);

        if ((parameter->gradient_is_partial != 0 && module->tp > 1) != has_parts)
            return mimo_refuse(prover, "tensor ranks do not agree on parameter %u",
                               module->parameter_first + i);
        if (has_parts && is_trained_on(module, parameter, pp) && !take_partial(&spread, parameter))
            return false;
    }
    return prove_rest(&spread);
}

/* The other uses of a table on this pipeline rank: the head's of the embedding, or the reverse. */
static void ask_tied(struct mimo_asker *asker, uint32_t pp)
{
    const struct mimo_plan *plan = asker->prover->plan;

    for (uint32_t i = 0; i < asker->module->parameter_count; i++) {
        const struct mimo_plan_parameter *head =
            &plan->parameters[asker->module->parameter_first + i];
        const struct mimo_plan_parameter *table =
            head->tied_to == MIMO_NONE ? NULL : &plan->parameters[head->tied_to];

        if (table == NULL || head->is_trainable == 0)
            continue;
        if (table->stage % asker->module->pp == pp)
            asker->next.slot = table->slot;
        else if (head->stage % asker->module->pp == pp)
            asker->next.slot = head->slot;
        else
            continue;
        mimo_ask(asker, MIMO_OPERATION_ALL_REDUCE, MIMO_GROUP_KIND_EMBEDDING, MIMO_CONTENT_TIED,
                 MIMO_ROW_UNIT_PARAMETER, 1);
        asker->next.slot = MIMO_NONE;
    }
}

/* Whether the pipeline rank trains experts, or anything else: all such gradients lie together. */
static bool trains(const struct mimo_asker *asker, uint32_t pp, bool is_expert)
{
    const struct mimo_plan *plan = asker->prover->plan;

    for (uint32_t i = 0; i < asker->module->parameter_count; i++) {
        const struct mimo_plan_parameter *parameter =
            &plan->parameters[asker->module->parameter_first + i];

        if (is_trained_on(asker->module, parameter, pp) &&
            (parameter->expert != MIMO_NONE) == is_expert)
            return true;
    }
    return false;
}

/* Behind the records of partial gradients, which have been taken. */
static void skip_partial(struct mimo_asker *asker)
{
    while (asker->at < asker->end && asker->prover->is_used[asker->at])
        asker->at++;
}

/* Sums over the replicas leave either everything on each of them, to be updated by all, or a piece
 * on each, to be updated by one and gathered. */
static void ask_replicas(struct mimo_asker *asker, uint32_t pp, enum mimo_operation operation)
{
    if (trains(asker, pp, false))
        mimo_ask(asker, operation, MIMO_GROUP_KIND_DP_CP, MIMO_CONTENT_PARAMETERS,
                 MIMO_ROW_UNIT_GRADIENTS, 1);
    if (trains(asker, pp, true))
        mimo_ask(asker, operation, MIMO_GROUP_KIND_EDP, MIMO_CONTENT_EXPERTS,
                 MIMO_ROW_UNIT_EXPERT_GRADIENTS, 1);
}

static bool prove_pipeline_rank(struct mimo_prover *prover, uint32_t module, uint32_t pp)
{
    const bool is_shared = prover->plan->training->distributed_optimizer != 0;
    struct mimo_asker asker;

    if (!prove_partial(prover, module, pp))
        return false;
    mimo_asker_begin(&asker, prover, MIMO_OPCODE_REDUCE, module, pp);
    skip_partial(&asker);
    asker.next.is_gradient = 1;
    asker.next.element = mimo_prover_element(prover, true);
    ask_tied(&asker, pp);
    ask_replicas(&asker, pp, is_shared ? MIMO_OPERATION_REDUCE_SCATTER : MIMO_OPERATION_ALL_REDUCE);
    mimo_asker_begin(&asker, prover, MIMO_OPCODE_STEP, module, pp);
    if (is_shared)
        ask_replicas(&asker, pp, MIMO_OPERATION_ALL_GATHER);
    return prover->reason == NULL;
}

/* ---- all ranks ---- */

/* Targets, tokens, images and whether a sample is bad; where bad ones are skipped, all ranks then
 * learn of every position of the step whether it is, and add up again. */
static void ask_load(struct mimo_prover *prover)
{
    const struct mimo_plan *plan = prover->plan;
    struct mimo_asker asker;

    mimo_asker_begin(&asker, prover, MIMO_OPCODE_LOAD, MIMO_NONE, MIMO_NONE);
    asker.next.element = MIMO_ELEMENT_INT64;
    mimo_ask(&asker, MIMO_OPERATION_ALL_REDUCE, MIMO_NONE, MIMO_CONTENT_TOTALS, MIMO_ROW_UNIT_ONE,
             4);
    if (plan->data->on_bad_sample != MIMO_BAD_SAMPLE_SKIP)
        return;
    asker.next.on_bad_samples = 1;
    asker.next.element = MIMO_ELEMENT_UINT8;
    mimo_ask(&asker, MIMO_OPERATION_ALL_REDUCE_MAX, MIMO_NONE, MIMO_CONTENT_BAD_SAMPLES,
             MIMO_ROW_UNIT_ONE, plan->training->global_batch);
    asker.next.element = MIMO_ELEMENT_INT64;
    mimo_ask(&asker, MIMO_OPERATION_ALL_REDUCE, MIMO_NONE, MIMO_CONTENT_TOTALS, MIMO_ROW_UNIT_ONE,
             4);
}

/* The loss, signals, a sum of squares of each module, and the balance loss of experts. */
static void ask_norm(struct mimo_prover *prover)
{
    struct mimo_asker asker;
    uint64_t sums = 2;

    for (uint32_t i = 0; i < prover->plan->module_count; i++)
        sums += prover->plan->modules[i].num_experts > 0 ? 2 : 1;
    mimo_asker_begin(&asker, prover, MIMO_OPCODE_STEP, MIMO_NONE, MIMO_NONE);
    asker.next.element = MIMO_ELEMENT_FP64;
    mimo_ask(&asker, MIMO_OPERATION_ALL_REDUCE, MIMO_NONE, MIMO_CONTENT_NORM, MIMO_ROW_UNIT_ONE,
             sums);
}

bool mimo_prove_gradients(struct mimo_prover *prover)
{
    const struct mimo_plan *plan = prover->plan;

    ask_load(prover);
    ask_norm(prover);
    for (uint32_t m = 0; m < plan->module_count; m++) {
        if (!prove_experts(prover, m))
            return false;
        for (uint32_t pp = 0; pp < plan->modules[m].pp; pp++) {
            if (!prove_pipeline_rank(prover, m, pp))
                return false;
        }
    }
    return prover->reason == NULL;
}
