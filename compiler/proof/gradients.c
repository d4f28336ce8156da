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
 * Whatever is a part is summed over just these ranks, once: buckets.c shows that each parameter is
 * in one bucket. LOAD and STEP are proven here too.
 */
#include "compiler/proof/ranks_parts.h"
#include "plan/communication.h"
#include "plan/grid.h"

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

static enum mimo_loop loop_of(const struct mimo_plan_module *module,
                              const struct mimo_plan_parameter *parameter)
{
    if (parameter->layer == MIMO_NONE)
        return MIMO_LOOP_ONCE;
    return mimo_layer_has_experts(module, parameter->layer) ? MIMO_LOOP_EXPERT_LAYER
                                                            : MIMO_LOOP_LAYER;
}

/* The first parameter of the pipeline rank whose sum stands for that of parameter `index`, which
 * has parts: the same weight of the first layer of its kind. */
static const struct mimo_plan_parameter *first_like(const struct mimo_asker *asker, uint32_t index,
                                                    uint32_t pp)
{
    const struct mimo_plan_module *module = asker->module;
    const struct mimo_plan_parameter *all =
        &asker->prover->plan->parameters[module->parameter_first];
    uint32_t i = 0;

    while (i < index && (all[i].slot != all[index].slot ||
                         loop_of(module, &all[i]) != loop_of(module, &all[index]) ||
                         !is_trained_on(module, &all[i], pp)))
        i++;
    return &all[i];
}

/* The sum over the tensor group of parameter `index`, or of those of all layers of its kind. */
static void ask_sum(struct mimo_asker *asker, uint32_t pp, uint32_t index)
{
    const struct mimo_plan_parameter *parameter =
        &asker->prover->plan->parameters[asker->module->parameter_first + index];
    const struct mimo_plan_parameter *like = first_like(asker, index, pp);

    asker->next.slot = parameter->slot;
    if (like == parameter)
        mimo_ask(asker, MIMO_OPERATION_ALL_REDUCE, MIMO_GROUP_KIND_TP, MIMO_CONTENT_PARTIAL,
                 MIMO_ROW_UNIT_ONE, elements_of(parameter));
    else if (elements_of(like) != elements_of(parameter))
        (void)mimo_refuse(asker->prover, "one sum stands for gradients of two sizes");
}

/* Of parameters first ... end - 1 of the module those that are done `loop`. */
static void ask_partial(struct mimo_asker *asker, uint32_t pp, enum mimo_loop loop, uint32_t first,
                        uint32_t end)
{
    asker->next.loop = loop;
    for (uint32_t i = first; i < end; i++) {
        const struct mimo_plan_parameter *parameter =
            &asker->prover->plan->parameters[asker->module->parameter_first + i];

        if (is_partial(asker->module, parameter) && is_trained_on(asker->module, parameter, pp) &&
            loop_of(asker->module, parameter) == loop)
            ask_sum(asker, pp, i);
    }
    asker->next.slot = MIMO_NONE;
    asker->next.loop = MIMO_LOOP_ONCE;
}

/* In the order of the parameters, layers of either kind once. */
static void ask_all_partial(struct mimo_asker *asker, uint32_t pp)
{
    const struct mimo_plan_parameter *all =
        &asker->prover->plan->parameters[asker->module->parameter_first];
    const uint32_t count = asker->module->parameter_count;
    uint32_t layers = 0;

    while (layers < count && all[layers].layer == MIMO_NONE)
        layers++;
    ask_partial(asker, pp, MIMO_LOOP_ONCE, 0, layers);
    ask_partial(asker, pp, MIMO_LOOP_LAYER, layers, count);
    ask_partial(asker, pp, MIMO_LOOP_EXPERT_LAYER, layers, count);
    ask_partial(asker, pp, MIMO_LOOP_ONCE, layers, count);
}

static bool prove_partial(struct mimo_prover *prover, uint32_t module_index)
{
    const struct mimo_plan_module *module = &prover->plan->modules[module_index];

    for (uint32_t i = 0; i < module->parameter_count; i++) {
        const struct mimo_plan_parameter *parameter =
            &prover->plan->parameters[module->parameter_first + i];

        if ((parameter->gradient_is_partial != 0 && module->tp > 1) !=
            is_partial(module, parameter))
            return mimo_refuse(prover, "tensor ranks do not agree on parameter %u",
                               module->parameter_first + i);
    }
    return true;
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

    if (!mimo_prove_buckets(prover, module, pp))
        return false;
    mimo_asker_begin(&asker, prover, MIMO_OPCODE_REDUCE, module, pp);
    asker.next.is_gradient = 1;
    asker.next.element = mimo_prover_element(prover, true);
    ask_all_partial(&asker, pp);
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
        if (!prove_experts(prover, m) || !prove_partial(prover, m))
            return false;
        for (uint32_t pp = 0; pp < plan->modules[m].pp; pp++) {
            if (!prove_pipeline_rank(prover, m, pp))
                return false;
        }
    }
    return prover->reason == NULL;
}
