/* What the stages of encoders and of the language model communicate while they compute. */
#include "compiler/planner/communication_parts.h"
#include "plan/communication.h"
#include "plan/sizes.h"

/* ---- pairs of matrices ---- */

static enum mimo_row_unit rows_of(const struct mimo_communication_list *list)
{
    return list->module->kind == MIMO_MODULE_KIND_ENCODER ? MIMO_ROW_UNIT_PATCHES
                                                          : MIMO_ROW_UNIT_TOKENS;
}

static bool cuts_rows(const struct mimo_communication_list *list)
{
    return list->module->sequence_parallel != 0;
}

/* In front of a pair: all rows. */
static void add_gather(struct mimo_communication_list *list, enum mimo_content content,
                       enum mimo_row_unit rows)
{
    if (cuts_rows(list))
        mimo_communication_add(list, MIMO_OPERATION_ALL_GATHER, MIMO_GROUP_KIND_TP, content, rows,
                               list->module->hidden_size);
}

/* Behind a pair: the sum. */
static void add_sum(struct mimo_communication_list *list, enum mimo_content content,
                    enum mimo_row_unit rows)
{
    mimo_communication_add(
        list, cuts_rows(list) ? MIMO_OPERATION_REDUCE_SCATTER : MIMO_OPERATION_ALL_REDUCE,
        MIMO_GROUP_KIND_TP, content, rows, list->module->hidden_size);
}

/* ---- attention ---- */

/* Keys and values of a rank's heads lie side by side. */
static uint64_t key_value_columns(const struct mimo_plan_module *module)
{
    const uint32_t groups =
        module->num_query_groups > module->tp ? module->num_query_groups / module->tp : 1;

    return UINT64_C(2) * groups * module->head_dim;
}

static void add_ring(struct mimo_communication_list *list, uint32_t hops)
{
    list->next.repeat = hops;
    mimo_communication_add(list, MIMO_OPERATION_RING, MIMO_GROUP_KIND_CP, MIMO_CONTENT_KEYS_VALUES,
                           rows_of(list), key_value_columns(list->module));
    list->next.repeat = 1;
}

static void add_attention(struct mimo_communication_list *list)
{
    add_gather(list, MIMO_CONTENT_ATTENTION_INPUT, rows_of(list));
    add_ring(list, list->module->cp - 1);
    add_sum(list, MIMO_CONTENT_ATTENTION_OUTPUT, rows_of(list));
}

/* The gradients that go around with their keys and values are sums over many rows: they travel in
 * the precision of gradients. */
static void add_attention_backward(struct mimo_communication_list *list)
{
    const uint32_t element = list->next.element;

    add_gather(list, MIMO_CONTENT_ATTENTION_OUTPUT, rows_of(list));
    list->next.is_gradient = 0;
    add_ring(list, list->module->cp - 1);
    list->next.is_gradient = 1;
    list->next.element = mimo_master_element(list->plan);
    add_ring(list, list->module->cp);
    list->next.element = element;
    add_sum(list, MIMO_CONTENT_ATTENTION_INPUT, rows_of(list));
}

/* ---- experts ---- */

static void add_routed(struct mimo_communication_list *list, enum mimo_operation operation,
                       uint32_t group, enum mimo_content content)
{
    mimo_communication_add(list, operation, group, content, MIMO_ROW_UNIT_ROUTED,
                           list->module->hidden_size);
}

/* Tensor ranks that hold equal rows have each done a piece of them. */
static void add_pieces(struct mimo_communication_list *list)
{
    if (!cuts_rows(list))
        mimo_communication_add(list, MIMO_OPERATION_ALL_GATHER, MIMO_GROUP_KIND_TP,
                               MIMO_CONTENT_EXPERT_ROWS, MIMO_ROW_UNIT_TOKENS,
                               list->module->hidden_size);
}

/* The balance loss is one of whole samples: their choices and probabilities are added up over all
 * ranks that share a replica's rows. */
static void add_counts(struct mimo_communication_list *list)
{
    const struct mimo_plan_module *module = list->module;
    const struct mimo_plan_communication common = list->next;

    list->next.element = mimo_master_element(list->plan);
    mimo_communication_add(list, MIMO_OPERATION_ALL_REDUCE, MIMO_GROUP_KIND_TP_CP,
                           MIMO_CONTENT_EXPERT_BALANCE, MIMO_ROW_UNIT_ONE,
                           UINT64_C(2) * module->num_experts * module->samples);
    list->next.element = MIMO_ELEMENT_INT64;
    mimo_communication_add(list, MIMO_OPERATION_ALL_GATHER, MIMO_GROUP_KIND_ETP_EP,
                           MIMO_CONTENT_EXPERT_COUNTS, MIMO_ROW_UNIT_ONE,
                           (uint64_t)module->num_experts * module->etp * module->ep);
    list->next = common;
}

static void add_experts(struct mimo_communication_list *list)
{
    add_counts(list);
    add_routed(list, MIMO_OPERATION_ALL_TO_ALL, MIMO_GROUP_KIND_EP, MIMO_CONTENT_EXPERT_DISPATCH);
    add_routed(list, MIMO_OPERATION_ALL_GATHER, MIMO_GROUP_KIND_ETP, MIMO_CONTENT_EXPERT_INPUT);
    add_routed(list, MIMO_OPERATION_REDUCE_SCATTER, MIMO_GROUP_KIND_ETP,
               MIMO_CONTENT_EXPERT_OUTPUT);
    add_routed(list, MIMO_OPERATION_ALL_TO_ALL, MIMO_GROUP_KIND_EP, MIMO_CONTENT_EXPERT_COMBINE);
    add_pieces(list);
}

/* The same way back: who sends how much is known. */
static void add_experts_backward(struct mimo_communication_list *list)
{
    add_routed(list, MIMO_OPERATION_ALL_TO_ALL, MIMO_GROUP_KIND_EP, MIMO_CONTENT_EXPERT_COMBINE);
    add_routed(list, MIMO_OPERATION_ALL_GATHER, MIMO_GROUP_KIND_ETP, MIMO_CONTENT_EXPERT_OUTPUT);
    add_routed(list, MIMO_OPERATION_REDUCE_SCATTER, MIMO_GROUP_KIND_ETP, MIMO_CONTENT_EXPERT_INPUT);
    add_routed(list, MIMO_OPERATION_ALL_TO_ALL, MIMO_GROUP_KIND_EP, MIMO_CONTENT_EXPERT_DISPATCH);
    add_pieces(list);
}

/* ---- layers ---- */

static void add_layer(struct mimo_communication_list *list)
{
    add_attention(list);
    if (list->next.loop == MIMO_LOOP_EXPERT_LAYER) {
        add_experts(list);
        return;
    }
    add_gather(list, MIMO_CONTENT_MLP_INPUT, rows_of(list));
    add_sum(list, MIMO_CONTENT_MLP_OUTPUT, rows_of(list));
}

static void add_layer_backward(struct mimo_communication_list *list)
{
    if (list->plan->training->recompute == MIMO_RECOMPUTE_FULL) {
        list->next.is_gradient = 0;
        add_layer(list);
        list->next.is_gradient = 1;
    }
    if (list->next.loop == MIMO_LOOP_EXPERT_LAYER) {
        add_experts_backward(list);
    } else {
        add_gather(list, MIMO_CONTENT_MLP_OUTPUT, rows_of(list));
        add_sum(list, MIMO_CONTENT_MLP_INPUT, rows_of(list));
    }
    add_attention_backward(list);
}

static bool has_layer(const struct mimo_communication_list *list, bool with_experts)
{
    const struct mimo_plan_stage *stage =
        &list->plan->stages[list->module->stage_first + list->next.stage];

    for (uint32_t i = 0; i < stage->layer_count; i++) {
        if (mimo_layer_has_experts(list->module, stage->layer_first + i) == with_experts)
            return true;
    }
    return false;
}

/* One run of records for each kind of layer that the stage has. */
static void add_layers(struct mimo_communication_list *list,
                       void (*add)(struct mimo_communication_list *list))
{
    if (has_layer(list, false)) {
        list->next.loop = MIMO_LOOP_LAYER;
        add(list);
    }
    if (has_layer(list, true)) {
        list->next.loop = MIMO_LOOP_EXPERT_LAYER;
        add(list);
    }
    list->next.loop = MIMO_LOOP_ONCE;
}

/* ---- the language model ---- */

/* The largest and the sum of each row's logits, a chunk of rows at a time: as many as fit on the
 * rank with the largest share of the vocabulary. */
static void add_loss(struct mimo_communication_list *list)
{
    const struct mimo_plan_module *module = list->module;
    const struct mimo_plan_communication common = list->next;
    const uint64_t rows =
        (uint64_t)module->samples * list->plan->training->sequence_length / module->cp;
    const uint64_t vocab = (module->vocab_size + (uint64_t)module->tp - 1) / module->tp;
    const uint64_t element =
        mimo_element_sizes_of((enum mimo_precision)list->plan->training->precision).element;

    list->next.element = mimo_master_element(list->plan);
    list->next.rows_max = (uint32_t)mimo_logits_chunk(rows, vocab, element);
    mimo_communication_add(list, MIMO_OPERATION_ALL_REDUCE_MAX, MIMO_GROUP_KIND_TP,
                           MIMO_CONTENT_LOSS_MAXIMUM, MIMO_ROW_UNIT_TARGETS, 1);
    mimo_communication_add(list, MIMO_OPERATION_ALL_REDUCE, MIMO_GROUP_KIND_TP,
                           MIMO_CONTENT_LOSS_SUMS, MIMO_ROW_UNIT_TARGETS, 2);
    list->next = common;
}

static void add_language_forward(struct mimo_communication_list *list, uint32_t stage)
{
    add_layers(list, add_layer);
    if (stage + 1 < list->module->stage_count)
        return;
    add_gather(list, MIMO_CONTENT_TARGETS, MIMO_ROW_UNIT_TARGETS);
    add_loss(list);
}

static bool trains_table(const struct mimo_communication_list *list)
{
    return list->plan->parameters[list->module->parameter_first].is_trainable != 0;
}

static void add_language_backward(struct mimo_communication_list *list, uint32_t stage)
{
    if (stage + 1 == list->module->stage_count)
        add_sum(list, MIMO_CONTENT_TARGETS, MIMO_ROW_UNIT_TARGETS);
    add_layers(list, add_layer_backward);
    if (stage == 0 && trains_table(list))
        add_gather(list, MIMO_CONTENT_EMBEDDING, MIMO_ROW_UNIT_TOKENS);
}

/* ---- encoders ---- */

/* The weight of that layer of the encoder's projector. */
static const struct mimo_plan_parameter *projector_weight(const struct mimo_plan *plan,
                                                          uint32_t projector, uint32_t layer)
{
    const struct mimo_plan_parameter *weight = plan->parameters;

    while (weight->projector != projector || weight->layer != layer ||
           weight->slot != MIMO_SLOT_PROJECTOR_WEIGHT)
        weight++;
    return weight;
}

static bool is_cut_along(const struct mimo_plan_parameter *weight, uint32_t dimension)
{
    return weight->cut != MIMO_CUT_NONE && weight->cut_dimension == dimension;
}

static void add_projector(struct mimo_communication_list *list)
{
    const struct mimo_plan *plan = list->plan;
    const uint32_t projector = list->module->projector;

    for (uint32_t layer = 0; layer < plan->projectors[projector].num_layers; layer++) {
        const struct mimo_plan_parameter *weight = projector_weight(plan, projector, layer);

        if (is_cut_along(weight, 1))
            mimo_communication_add(list, MIMO_OPERATION_ALL_REDUCE, MIMO_GROUP_KIND_TP,
                                   MIMO_CONTENT_PROJECTOR_OUTPUT, MIMO_ROW_UNIT_FEATURES,
                                   weight->shape[0]);
    }
}

/* The first layer passes nothing on to a frozen encoder. */
static void add_projector_backward(struct mimo_communication_list *list)
{
    const struct mimo_plan *plan = list->plan;
    const uint32_t projector = list->module->projector;

    for (uint32_t layer = plan->projectors[projector].num_layers; layer-- > 0;) {
        const struct mimo_plan_parameter *weight = projector_weight(plan, projector, layer);

        if (is_cut_along(weight, 0) && (layer > 0 || list->module->is_frozen == 0))
            mimo_communication_add(list, MIMO_OPERATION_ALL_REDUCE, MIMO_GROUP_KIND_TP,
                                   MIMO_CONTENT_PROJECTOR_INPUT, MIMO_ROW_UNIT_FEATURES,
                                   weight->shape[1]);
    }
}

static void add_encoder(struct mimo_communication_list *list, uint32_t stage)
{
    const bool is_last = stage + 1 == list->module->stage_count;

    add_layers(list, add_layer);
    if (is_last && list->module->projector != MIMO_NONE)
        add_projector(list);
}

static void add_encoder_backward(struct mimo_communication_list *list, uint32_t stage)
{
    const bool is_last = stage + 1 == list->module->stage_count;

    if (is_last && list->module->projector != MIMO_NONE)
        add_projector_backward(list);
    if (list->module->is_frozen == 0)
        add_layers(list, add_layer_backward);
}

/* ---- stages ---- */

static void add_backward(struct mimo_communication_list *list, uint32_t stage)
{
    if (!mimo_plan_has_backward(list->plan, list->next.module, stage))
        return;
    list->next.is_gradient = 1;
    if (list->module->kind == MIMO_MODULE_KIND_ENCODER)
        add_encoder_backward(list, stage);
    else
        add_language_backward(list, stage);
}

void mimo_communication_add_stage(struct mimo_communication_list *list, enum mimo_opcode opcode,
                                  uint32_t module, uint32_t stage)
{
    const bool is_encoder = list->plan->modules[module].kind == MIMO_MODULE_KIND_ENCODER;

    mimo_communication_begin(list, opcode, module, stage);
    if (opcode == MIMO_OPCODE_BACKWARD)
        add_backward(list, stage);
    else if (is_encoder && opcode == MIMO_OPCODE_ENCODE)
        add_encoder(list, stage);
    else if (!is_encoder && opcode == MIMO_OPCODE_MERGE && stage == 0)
        add_sum(list, MIMO_CONTENT_EMBEDDING, MIMO_ROW_UNIT_TOKENS);
    else if (!is_encoder && opcode == MIMO_OPCODE_FORWARD)
        add_language_forward(list, stage);
}
