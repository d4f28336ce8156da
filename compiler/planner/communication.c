#include "compiler/planner/communication.h"

#include "compiler/planner/communication_parts.h"
#include "compiler/planner/layout.h"
#include "plan/bridge.h"
#include "plan/communication.h"

/* What LOAD adds up: targets, tokens, images, and whether a sample is bad. */
enum { TOTALS = 4 };

/* What STEP adds up besides a sum of squares of each module: the loss and signals, and the balance
 * loss where there are experts. */
enum { STEP_SUMS = 2 };

enum mimo_element mimo_compute_element(const struct mimo_plan *plan)
{
    switch ((enum mimo_precision)plan->training->precision) {
    case MIMO_PRECISION_FP32:
        return MIMO_ELEMENT_FP32;
    case MIMO_PRECISION_BF16:
        return MIMO_ELEMENT_BF16;
    case MIMO_PRECISION_FP64:
        return MIMO_ELEMENT_FP64;
    case MIMO_PRECISION_COUNT:
        break;
    }
    MIMO_ASSERT(plan->training->precision < MIMO_PRECISION_COUNT);
    return MIMO_ELEMENT_FP32;
}

enum mimo_element mimo_master_element(const struct mimo_plan *plan)
{
    const enum mimo_element element = mimo_compute_element(plan);

    return element == MIMO_ELEMENT_BF16 ? MIMO_ELEMENT_FP32 : element;
}

/* ---- the list ---- */

static void begin_all(struct mimo_communication_list *list, enum mimo_opcode opcode)
{
    list->next = (struct mimo_plan_communication){
        .opcode = opcode,
        .module = MIMO_NONE,
        .stage = MIMO_NONE,
        .edge = MIMO_NONE,
        .slot = MIMO_NONE,
        .element = mimo_compute_element(list->plan),
        .repeat = 1,
    };
}

void mimo_communication_begin(struct mimo_communication_list *list, enum mimo_opcode opcode,
                              uint32_t module, uint32_t stage)
{
    begin_all(list, opcode);
    list->module = &list->plan->modules[module];
    list->next.module = module;
    list->next.stage = stage;
}

void mimo_communication_add(struct mimo_communication_list *list, enum mimo_operation operation,
                            uint32_t group, enum mimo_content content, enum mimo_row_unit rows,
                            uint64_t columns)
{
    struct mimo_plan_communication record = list->next;

    if (group != MIMO_NONE &&
        list->plan->groups[record.module * MIMO_GROUP_KIND_COUNT + group].size == 1)
        return;
    record.operation = operation;
    record.group = group;
    record.content = content;
    record.rows = rows;
    record.columns = columns;
    MIMO_APPEND(list->arena, list->items, list->count, list->capacity, record);
}

/* ---- the world ---- */

static void add_totals(struct mimo_communication_list *list)
{
    list->next.element = MIMO_ELEMENT_INT64;
    mimo_communication_add(list, MIMO_OPERATION_ALL_REDUCE, MIMO_NONE, MIMO_CONTENT_TOTALS,
                           MIMO_ROW_UNIT_ONE, TOTALS);
}

/* Where bad samples are skipped, all learn which they are and add up again without them. */
static void add_load(struct mimo_communication_list *list)
{
    begin_all(list, MIMO_OPCODE_LOAD);
    add_totals(list);
    if (list->plan->data->on_bad_sample != MIMO_BAD_SAMPLE_SKIP)
        return;
    list->next.on_bad_samples = 1;
    list->next.element = MIMO_ELEMENT_UINT8;
    mimo_communication_add(list, MIMO_OPERATION_ALL_REDUCE_MAX, MIMO_NONE, MIMO_CONTENT_BAD_SAMPLES,
                           MIMO_ROW_UNIT_ONE, list->plan->training->global_batch);
    add_totals(list);
}

static void add_norm(struct mimo_communication_list *list)
{
    const struct mimo_plan *plan = list->plan;
    const bool has_experts = plan->modules[plan->meta->language_module].num_experts > 0;

    begin_all(list, MIMO_OPCODE_STEP);
    list->next.element = MIMO_ELEMENT_FP64;
    mimo_communication_add(list, MIMO_OPERATION_ALL_REDUCE, MIMO_NONE, MIMO_CONTENT_NORM,
                           MIMO_ROW_UNIT_ONE,
                           (uint64_t)plan->module_count + STEP_SUMS + (has_experts ? 1 : 0));
}

/* ---- edges ---- */

/* Rows that are cut by position on the sending end, over sequence or context, become columns: each
 * rank fills the rows that it holds (tensor ranks with equal rows a piece of them each), and the
 * sum over the group leaves each with its tile. */
static void add_send(struct mimo_communication_list *list, const struct mimo_plan_edge *edge)
{
    const struct mimo_plan_module *module = list->module;

    if (edge->is_bridge != 0 && (module->cp > 1 || module->sequence_parallel != 0))
        mimo_communication_add(list, MIMO_OPERATION_REDUCE_SCATTER, MIMO_GROUP_KIND_TP_CP,
                               MIMO_CONTENT_TRANSFER, MIMO_ROW_UNIT_IMAGE_ROWS, edge->columns);
}

/* A bridge's rows are gathered from all tiles, unless they are here. Between stages a rank gets its
 * own rows, and only where tensor ranks hold equal rows the columns were shared out. */
static void add_receive(struct mimo_communication_list *list, const struct mimo_plan_edge *edge)
{
    const bool is_encoder = list->module->kind == MIMO_MODULE_KIND_ENCODER;

    if (mimo_bridge_is_local(list->plan, list->next.edge, list->next.direction))
        return;
    if (edge->is_bridge != 0)
        mimo_communication_add(list, MIMO_OPERATION_ALL_GATHER, MIMO_GROUP_KIND_TP_CP,
                               MIMO_CONTENT_TRANSFER, MIMO_ROW_UNIT_IMAGE_ROWS, edge->columns);
    else if (list->module->sequence_parallel == 0)
        mimo_communication_add(
            list, MIMO_OPERATION_ALL_GATHER, MIMO_GROUP_KIND_TP, MIMO_CONTENT_TRANSFER,
            is_encoder ? MIMO_ROW_UNIT_PATCHES : MIMO_ROW_UNIT_TOKENS, edge->columns);
}

/* The end of the edge at the stage, in both directions, where it is that opcode's end. */
static void add_end(struct mimo_communication_list *list, enum mimo_opcode opcode, uint32_t index,
                    uint32_t module, uint32_t stage)
{
    const struct mimo_plan_edge *edge = &list->plan->edges[index];
    const bool is_from = edge->from_module == module && edge->from_stage == stage;

    for (uint32_t direction = 0; direction <= edge->has_backward; direction++) {
        const bool sends = is_from == (direction == MIMO_EDGE_FORWARD);

        if (sends != (opcode == MIMO_OPCODE_SEND))
            continue;
        mimo_communication_begin(list, opcode, module, stage);
        list->next.edge = index;
        list->next.direction = list->next.is_gradient = direction;
        if (sends)
            add_send(list, edge);
        else
            add_receive(list, edge);
    }
}

static void add_ends(struct mimo_communication_list *list, enum mimo_opcode opcode, uint32_t module,
                     uint32_t stage)
{
    for (uint32_t i = 0; i < list->plan->edge_count; i++) {
        const struct mimo_plan_edge *edge = &list->plan->edges[i];

        if ((edge->from_module == module && edge->from_stage == stage) ||
            (edge->to_module == module && edge->to_stage == stage))
            add_end(list, opcode, i, module, stage);
    }
}

/* ---- gradients ---- */

static uint64_t elements_of(const struct mimo_plan_parameter *parameter)
{
    return parameter->shape[0] * parameter->shape[1] * parameter->shape[2] * parameter->shape[3];
}

/* The first trained parameter of its slot among those of the pipeline rank whose layers are of its
 * kind: it stands for all of them. */
static bool stands_for_slot(const struct mimo_plan *plan, const struct mimo_plan_module *module,
                            const struct mimo_plan_parameter *parameter)
{
    const struct mimo_plan_parameter *first = &plan->parameters[module->parameter_first];

    for (const struct mimo_plan_parameter *before = first; before < parameter; before++) {
        if (before->slot == parameter->slot &&
            before->stage % module->pp == parameter->stage % module->pp &&
            mimo_layer_has_experts(module, before->layer) ==
                mimo_layer_has_experts(module, parameter->layer))
            return false;
    }
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

/* The records of weights within layers of that kind, or of those without a layer among parameters
 * first ... end - 1 of the module. */
static void add_partial_of(struct mimo_communication_list *list, uint32_t stage,
                           enum mimo_loop loop, uint32_t first, uint32_t end)
{
    const struct mimo_plan *plan = list->plan;

    for (uint32_t i = first; i < end; i++) {
        const struct mimo_plan_parameter *parameter =
            &plan->parameters[list->module->parameter_first + i];

        if (parameter->gradient_is_partial == 0 || parameter->is_trainable == 0 ||
            parameter->stage % list->module->pp != stage ||
            loop_of(list->module, parameter) != loop ||
            (loop != MIMO_LOOP_ONCE && !stands_for_slot(plan, list->module, parameter)))
            continue;
        list->next.loop = loop;
        list->next.slot = parameter->slot;
        mimo_communication_add(list, MIMO_OPERATION_ALL_REDUCE, MIMO_GROUP_KIND_TP,
                               MIMO_CONTENT_PARTIAL, MIMO_ROW_UNIT_ONE, elements_of(parameter));
    }
    list->next.loop = MIMO_LOOP_ONCE;
    list->next.slot = MIMO_NONE;
}

/* What tensor ranks hold in common and know a part of the gradient of: whole, or with each unit at
 * its place among zeros. In the order of the parameters. */
static void add_partial(struct mimo_communication_list *list, uint32_t stage)
{
    const struct mimo_plan_parameter *parameters =
        &list->plan->parameters[list->module->parameter_first];
    const uint32_t count = list->module->parameter_count;
    uint32_t first_of_layers = 0;

    while (first_of_layers < count && parameters[first_of_layers].layer == MIMO_NONE)
        first_of_layers++;
    add_partial_of(list, stage, MIMO_LOOP_ONCE, 0, first_of_layers);
    add_partial_of(list, stage, MIMO_LOOP_LAYER, first_of_layers, count);
    add_partial_of(list, stage, MIMO_LOOP_EXPERT_LAYER, first_of_layers, count);
    add_partial_of(list, stage, MIMO_LOOP_ONCE, first_of_layers, count);
}

/* A table and the head that is tied to it, on the first and on the last pipeline rank. */
static void add_tied(struct mimo_communication_list *list, uint32_t stage)
{
    const struct mimo_plan_module *module = list->module;

    for (uint32_t i = 0; i < module->parameter_count; i++) {
        const struct mimo_plan_parameter *head =
            &list->plan->parameters[module->parameter_first + i];

        if (head->tied_to == MIMO_NONE || head->is_trainable == 0 ||
            (stage != 0 && stage != module->pp - 1))
            continue;
        list->next.slot = stage == 0 ? list->plan->parameters[head->tied_to].slot : head->slot;
        mimo_communication_add(list, MIMO_OPERATION_ALL_REDUCE, MIMO_GROUP_KIND_EMBEDDING,
                               MIMO_CONTENT_TIED, MIMO_ROW_UNIT_PARAMETER, 1);
    }
    list->next.slot = MIMO_NONE;
}

/* True where the pipeline rank trains experts, or anything else. */
static bool trains(const struct mimo_communication_list *list, uint32_t stage, bool is_expert)
{
    for (uint32_t i = 0; i < list->module->parameter_count; i++) {
        const struct mimo_plan_parameter *parameter =
            &list->plan->parameters[list->module->parameter_first + i];

        if (parameter->is_trainable != 0 && parameter->stage % list->module->pp == stage &&
            (parameter->expert != MIMO_NONE) == is_expert)
            return true;
    }
    return false;
}

/* Over the data replicas: gradients in REDUCE, what the replicas made of them in STEP. */
static void add_replicas(struct mimo_communication_list *list, uint32_t stage,
                         enum mimo_operation operation)
{
    if (trains(list, stage, false))
        mimo_communication_add(list, operation, MIMO_GROUP_KIND_DP_CP, MIMO_CONTENT_PARAMETERS,
                               MIMO_ROW_UNIT_GRADIENTS, 1);
    if (trains(list, stage, true))
        mimo_communication_add(list, operation, MIMO_GROUP_KIND_EDP, MIMO_CONTENT_EXPERTS,
                               MIMO_ROW_UNIT_EXPERT_GRADIENTS, 1);
}

static void add_reduce(struct mimo_communication_list *list, uint32_t module, uint32_t stage)
{
    mimo_communication_begin(list, MIMO_OPCODE_REDUCE, module, stage);
    list->next.is_gradient = 1;
    list->next.element = mimo_master_element(list->plan);
    add_partial(list, stage);
    add_tied(list, stage);
    add_replicas(list, stage,
                 list->plan->training->distributed_optimizer != 0 ? MIMO_OPERATION_REDUCE_SCATTER
                                                                  : MIMO_OPERATION_ALL_REDUCE);
}

static void add_step(struct mimo_communication_list *list, uint32_t module, uint32_t stage)
{
    mimo_communication_begin(list, MIMO_OPCODE_STEP, module, stage);
    if (list->plan->training->distributed_optimizer != 0)
        add_replicas(list, stage, MIMO_OPERATION_ALL_GATHER);
}

/* ---- the section ---- */

static void add_opcode(struct mimo_communication_list *list, enum mimo_opcode opcode,
                       uint32_t module, uint32_t stage)
{
    switch (opcode) {
    case MIMO_OPCODE_ENCODE:
    case MIMO_OPCODE_MERGE:
    case MIMO_OPCODE_FORWARD:
    case MIMO_OPCODE_BACKWARD:
        mimo_communication_add_stage(list, opcode, module, stage);
        break;
    case MIMO_OPCODE_SEND:
    case MIMO_OPCODE_RECEIVE:
        add_ends(list, opcode, module, stage);
        break;
    case MIMO_OPCODE_REDUCE:
        if (stage < list->plan->modules[module].pp)
            add_reduce(list, module, stage);
        break;
    case MIMO_OPCODE_STEP:
        if (stage < list->plan->modules[module].pp)
            add_step(list, module, stage);
        break;
    case MIMO_OPCODE_LOAD:
    case MIMO_OPCODE_EXCHANGE:
    case MIMO_OPCODE_COUNT:
        break;
    }
}

void mimo_communication_build(struct mimo_draft *draft)
{
    const struct mimo_plan *plan = &draft->plan;
    struct mimo_communication_list list = {.plan = plan, .arena = draft->arena};

    for (uint32_t opcode = 0; opcode < MIMO_OPCODE_COUNT; opcode++) {
        if (opcode == MIMO_OPCODE_LOAD)
            add_load(&list);
        if (opcode == MIMO_OPCODE_STEP)
            add_norm(&list);
        for (uint32_t module = 0; module < plan->module_count; module++) {
            for (uint32_t stage = 0; stage < plan->modules[module].stage_count; stage++)
                add_opcode(&list, (enum mimo_opcode)opcode, module, stage);
        }
    }
    MIMO_ASSERT(list.count <= UINT32_MAX);
    draft->plan.communications = list.items;
    draft->plan.communication_count = (uint32_t)list.count;
}
