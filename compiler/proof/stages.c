/*
 * What happens to rows within a stage. A tensor is equal on the ranks of a group, cut over them by
 * rows, or a part of a sum on each of them; products and norms need and leave certain of these, as
 * the cuts of their weights have it, and each difference must be made up for by a communication.
 */
#include "compiler/proof/ranks_parts.h"
#include "plan/communication.h"
#include "plan/grid.h"
#include "plan/sizes.h"

enum state { EQUAL, CUT, PARTIAL };

/* A tensor on the ranks of a group. */
struct tensor {
    enum mimo_content content;
    enum mimo_row_unit rows;
    uint64_t columns;
};

/* The state between the layers of the stage: what norms and residual sums see. */
static enum state stream_of(const struct mimo_asker *asker)
{
    return asker->module->sequence_parallel != 0 ? CUT : EQUAL;
}

/* Brings a tensor from one state to another; only a sum makes parts whole, and only once. */
static void turn(struct mimo_asker *asker, uint32_t group, enum state from, enum state to,
                 const struct tensor *tensor)
{
    static const struct {
        enum state from, to;
        enum mimo_operation operation;
    } ways[] = {
        {CUT, EQUAL, MIMO_OPERATION_ALL_GATHER},
        {PARTIAL, EQUAL, MIMO_OPERATION_ALL_REDUCE},
        {PARTIAL, CUT, MIMO_OPERATION_REDUCE_SCATTER},
    };

    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        if (ways[i].from == from && ways[i].to == to)
            mimo_ask(asker, ways[i].operation, group, tensor->content, tensor->rows,
                     tensor->columns);
    }
}

/* ---- weights ---- */

static const struct mimo_plan_parameter NO_WEIGHT = {.cut_units = 1};

/* The weight of that layer of the module (or of the module itself). Where there is none, one that
 * fits nothing. */
static const struct mimo_plan_parameter *weight_of(const struct mimo_asker *asker, uint32_t layer,
                                                   uint32_t slot)
{
    const struct mimo_plan *plan = asker->prover->plan;
    const struct mimo_plan_module *module = asker->module;

    for (uint32_t i = 0; i < module->parameter_count; i++) {
        const struct mimo_plan_parameter *parameter =
            &plan->parameters[module->parameter_first + i];

        if (parameter->slot == slot && parameter->layer == layer &&
            parameter->projector == MIMO_NONE)
            return parameter;
    }
    (void)mimo_refuse(asker->prover, "module %u has no weight %u", asker->next.module, slot);
    return &NO_WEIGHT;
}

static bool is_cut_along(const struct mimo_plan_parameter *weight, uint32_t dimension)
{
    return weight->cut != MIMO_CUT_NONE && weight->cut_dimension == dimension;
}

/* A pair of matrices over `ranks` ranks: what each has of the first one's output is what it needs
 * for the second one's input. */
static void check_pair(struct mimo_asker *asker, const struct mimo_plan_parameter *first,
                       const struct mimo_plan_parameter *second, uint32_t ranks)
{
    bool fits = ranks == 1 || (is_cut_along(first, 0) && is_cut_along(second, 1));

    for (uint32_t r = 0; r < ranks && fits && ranks > 1; r++) {
        uint64_t begin[2], end[2];

        mimo_shard_of(first, r, ranks, &begin[0], &end[0]);
        mimo_shard_of(second, r, ranks, &begin[1], &end[1]);
        fits = begin[0] == begin[1] && end[0] == end[1];
    }
    if (!fits)
        (void)mimo_refuse(asker->prover, "weights %u and %u of module %u do not make a pair",
                          first->slot, second->slot, asker->next.module);
}

/* ---- rings ---- */

/* Hops until the block that a rank starts with has been on every rank, and, if it must, is back. */
static uint32_t count_hops(uint32_t ranks, bool comes_home)
{
    uint32_t hops = 0, visited = 1, at = 0;

    while (visited < ranks || (comes_home && at != 0)) {
        at = (at + 1) % ranks;
        hops++;
        visited += at != 0 ? 1 : 0;
    }
    return hops;
}

/* Keys and values of the tensor rank's heads; all ranks have equally many. */
static uint64_t key_value_columns(struct mimo_asker *asker, uint32_t layer)
{
    const struct mimo_plan_parameter *k = weight_of(asker, layer, MIMO_SLOT_K_WEIGHT);
    const struct mimo_plan_parameter *v = weight_of(asker, layer, MIMO_SLOT_V_WEIGHT);
    uint64_t columns = 0;

    for (uint32_t r = 0; r < asker->module->tp; r++) {
        uint64_t k_begin, k_end, v_begin, v_end;

        mimo_shard_of(k, r, asker->module->tp, &k_begin, &k_end);
        mimo_shard_of(v, r, asker->module->tp, &v_begin, &v_end);
        if (r > 0 && columns != k_end - k_begin + v_end - v_begin)
            (void)mimo_refuse(asker->prover, "tensor ranks of module %u have different heads",
                              asker->next.module);
        columns = k_end - k_begin + v_end - v_begin;
    }
    return columns;
}

static void pass_around(struct mimo_asker *asker, const struct tensor *tensor, bool comes_home)
{
    asker->next.repeat = count_hops(asker->module->cp, comes_home);
    mimo_ask(asker, MIMO_OPERATION_RING, MIMO_GROUP_KIND_CP, tensor->content, tensor->rows,
             tensor->columns);
    asker->next.repeat = 1;
}

/* ---- a layer ---- */

/* A layer under proof. Its rows in the encoder or language model, in the state of the stream. */
struct layer {
    struct mimo_asker *asker;
    uint32_t index;
    enum mimo_row_unit rows;
    enum state stream;
};

static struct tensor rows_in(const struct layer *layer, enum mimo_content content,
                             const struct mimo_plan_parameter *weight)
{
    return (struct tensor){content, layer->rows, weight->shape[1]};
}

static struct tensor rows_out(const struct layer *layer, enum mimo_content content,
                              const struct mimo_plan_parameter *weight)
{
    return (struct tensor){content, layer->rows, weight->shape[0]};
}

static void attention_forward(const struct layer *layer)
{
    struct mimo_asker *asker = layer->asker;
    const struct mimo_plan_parameter *q = weight_of(asker, layer->index, MIMO_SLOT_Q_WEIGHT);
    const struct mimo_plan_parameter *o = weight_of(asker, layer->index, MIMO_SLOT_O_WEIGHT);
    const struct tensor in = rows_in(layer, MIMO_CONTENT_ATTENTION_INPUT, q);
    const struct tensor out = rows_out(layer, MIMO_CONTENT_ATTENTION_OUTPUT, o);
    const struct tensor keys = {MIMO_CONTENT_KEYS_VALUES, layer->rows,
                                key_value_columns(asker, layer->index)};

    check_pair(asker, q, o, asker->module->tp);
    turn(asker, MIMO_GROUP_KIND_TP, layer->stream, EQUAL, &in);
    pass_around(asker, &keys, false);
    turn(asker, MIMO_GROUP_KIND_TP, PARTIAL, layer->stream, &out);
}

/* The gradient of a product's input is a part of a sum where the output is cut. Gradients of keys
 * and values gather what all ranks add, and come home. */
static void attention_backward(const struct layer *layer)
{
    struct mimo_asker *asker = layer->asker;
    const struct mimo_plan_parameter *q = weight_of(asker, layer->index, MIMO_SLOT_Q_WEIGHT);
    const struct mimo_plan_parameter *o = weight_of(asker, layer->index, MIMO_SLOT_O_WEIGHT);
    const struct tensor in = rows_in(layer, MIMO_CONTENT_ATTENTION_INPUT, q);
    const struct tensor out = rows_out(layer, MIMO_CONTENT_ATTENTION_OUTPUT, o);
    const struct tensor keys = {MIMO_CONTENT_KEYS_VALUES, layer->rows,
                                key_value_columns(asker, layer->index)};

    turn(asker, MIMO_GROUP_KIND_TP, layer->stream, EQUAL, &out);
    asker->next.is_gradient = 0;
    pass_around(asker, &keys, false);
    asker->next.is_gradient = 1;
    asker->next.element = mimo_prover_element(asker->prover, true);
    pass_around(asker, &keys, true);
    asker->next.element = mimo_prover_element(asker->prover, false);
    turn(asker, MIMO_GROUP_KIND_TP, PARTIAL, layer->stream, &in);
}

static void mlp(const struct layer *layer, bool is_backward)
{
    struct mimo_asker *asker = layer->asker;
    const struct mimo_plan_parameter *up = weight_of(asker, layer->index, MIMO_SLOT_UP_WEIGHT);
    const struct mimo_plan_parameter *down = weight_of(asker, layer->index, MIMO_SLOT_DOWN_WEIGHT);
    const struct tensor in = rows_in(layer, MIMO_CONTENT_MLP_INPUT, up);
    const struct tensor out = rows_out(layer, MIMO_CONTENT_MLP_OUTPUT, down);

    check_pair(asker, up, down, asker->module->tp);
    turn(asker, MIMO_GROUP_KIND_TP, layer->stream, EQUAL, is_backward ? &out : &in);
    turn(asker, MIMO_GROUP_KIND_TP, PARTIAL, layer->stream, is_backward ? &in : &out);
}

/* ---- experts ---- */

/* Rows on their way to the ranks of their experts, or back. Every row is on one rank when it
 * leaves: those of tensor ranks with equal rows have been shared out. */
static void route(struct mimo_asker *asker, enum mimo_content content, uint64_t columns)
{
    mimo_ask(asker, MIMO_OPERATION_ALL_TO_ALL, MIMO_GROUP_KIND_EP, content, MIMO_ROW_UNIT_ROUTED,
             columns);
}

static void gather_pieces(const struct layer *layer, uint64_t columns)
{
    const struct tensor rows = {MIMO_CONTENT_EXPERT_ROWS, layer->rows, columns};

    if (layer->stream == EQUAL)
        turn(layer->asker, MIMO_GROUP_KIND_TP, CUT, EQUAL, &rows);
}

/* How a sample's choices and probabilities add up over the ranks that have its rows; and who gets
 * how many rows, which all must know: a number for each expert from each rank. */
static void count_choices(const struct layer *layer)
{
    struct mimo_asker *asker = layer->asker;
    const struct mimo_plan_parameter *router =
        weight_of(asker, layer->index, MIMO_SLOT_ROUTER_WEIGHT);
    const struct tensor balance = {MIMO_CONTENT_EXPERT_BALANCE, MIMO_ROW_UNIT_ONE,
                                   2 * router->shape[0] * asker->module->samples};
    const uint64_t ranks = (uint64_t)asker->module->ep * asker->module->etp;
    const struct tensor counts = {MIMO_CONTENT_EXPERT_COUNTS, MIMO_ROW_UNIT_ONE,
                                  router->shape[0] * ranks};

    asker->next.element = mimo_prover_element(asker->prover, true);
    turn(asker, MIMO_GROUP_KIND_TP_CP, PARTIAL, EQUAL, &balance);
    asker->next.element = MIMO_ELEMENT_INT64;
    turn(asker, MIMO_GROUP_KIND_ETP_EP, CUT, EQUAL, &counts);
    asker->next.element = mimo_prover_element(asker->prover, false);
}

/* The pair of matrices of the layer's experts, cut over the expert tensor group. */
static void experts(const struct layer *layer, bool is_backward)
{
    struct mimo_asker *asker = layer->asker;
    const struct mimo_plan_parameter *up =
        weight_of(asker, layer->index, MIMO_SLOT_EXPERT_UP_WEIGHT);
    const struct mimo_plan_parameter *down =
        weight_of(asker, layer->index, MIMO_SLOT_EXPERT_DOWN_WEIGHT);
    const struct tensor in = {MIMO_CONTENT_EXPERT_INPUT, MIMO_ROW_UNIT_ROUTED, up->shape[1]};
    const struct tensor out = {MIMO_CONTENT_EXPERT_OUTPUT, MIMO_ROW_UNIT_ROUTED, down->shape[0]};

    check_pair(asker, up, down, asker->module->etp);
    if (!is_backward)
        count_choices(layer);
    route(asker, is_backward ? MIMO_CONTENT_EXPERT_COMBINE : MIMO_CONTENT_EXPERT_DISPATCH,
          in.columns);
    turn(asker, MIMO_GROUP_KIND_ETP, CUT, EQUAL, is_backward ? &out : &in);
    turn(asker, MIMO_GROUP_KIND_ETP, PARTIAL, CUT, is_backward ? &in : &out);
    route(asker, is_backward ? MIMO_CONTENT_EXPERT_DISPATCH : MIMO_CONTENT_EXPERT_COMBINE,
          out.columns);
    gather_pieces(layer, out.columns);
}

/* ---- layers ---- */

static void layer_forward(const struct layer *layer)
{
    attention_forward(layer);
    if (layer->asker->next.loop == MIMO_LOOP_EXPERT_LAYER)
        experts(layer, false);
    else
        mlp(layer, false);
}

static void layer_backward(const struct layer *layer)
{
    struct mimo_asker *asker = layer->asker;

    if (asker->prover->plan->training->recompute != MIMO_RECOMPUTE_NONE) {
        asker->next.is_gradient = 0;
        layer_forward(layer);
        asker->next.is_gradient = 1;
    }
    if (asker->next.loop == MIMO_LOOP_EXPERT_LAYER)
        experts(layer, true);
    else
        mlp(layer, true);
    attention_backward(layer);
}

/* The first layer of that kind stands for all of the stage: they have equal shapes and cuts. */
static void ask_layers(struct mimo_asker *asker, bool with_experts,
                       void (*ask)(const struct layer *layer))
{
    const struct mimo_plan_module *module = asker->module;
    const struct mimo_plan_stage *stage =
        &asker->prover->plan->stages[module->stage_first + asker->next.stage];
    const bool is_encoder = module->kind == MIMO_MODULE_KIND_ENCODER;
    struct layer layer = {
        .asker = asker,
        .index = stage->layer_first,
        .rows = is_encoder ? MIMO_ROW_UNIT_PATCHES : MIMO_ROW_UNIT_TOKENS,
        .stream = stream_of(asker),
    };

    while (layer.index < stage->layer_first + stage->layer_count &&
           mimo_layer_has_experts(module, layer.index) != with_experts)
        layer.index++;
    if (layer.index == stage->layer_first + stage->layer_count)
        return;
    asker->next.loop = with_experts ? MIMO_LOOP_EXPERT_LAYER : MIMO_LOOP_LAYER;
    ask(&layer);
    asker->next.loop = MIMO_LOOP_ONCE;
}

static void ask_all_layers(struct mimo_asker *asker, void (*ask)(const struct layer *layer))
{
    ask_layers(asker, false, ask);
    ask_layers(asker, true, ask);
}

/* ---- the ends of the language model ---- */

static const struct mimo_plan_parameter *head_of(const struct mimo_asker *asker)
{
    const bool has_head = asker->module->ties_embeddings == 0 || asker->module->pp > 1;

    return weight_of(asker, MIMO_NONE, has_head ? MIMO_SLOT_HEAD : MIMO_SLOT_TOKEN_EMBEDDING);
}

/* Each rank looks up the tokens of its part of the vocabulary, and zeros for the others. */
static void merge(struct mimo_asker *asker)
{
    const struct mimo_plan_parameter *table =
        weight_of(asker, MIMO_NONE, MIMO_SLOT_TOKEN_EMBEDDING);
    const struct tensor rows = {MIMO_CONTENT_EMBEDDING, MIMO_ROW_UNIT_TOKENS, table->shape[1]};

    if (is_cut_along(table, 0))
        turn(asker, MIMO_GROUP_KIND_TP, PARTIAL, stream_of(asker), &rows);
}

/* As many rows' logits as fit on the rank that has the most columns of them. */
static uint32_t chunk_of(const struct mimo_asker *asker, const struct mimo_plan_parameter *head)
{
    const struct mimo_plan_training *training = asker->prover->plan->training;
    const uint64_t rows =
        (uint64_t)training->micro_batch * training->sequence_length / asker->module->cp;
    uint64_t widest = 0;

    for (uint32_t r = 0; r < asker->module->tp; r++) {
        uint64_t begin, end;

        mimo_shard_of(head, r, asker->module->tp, &begin, &end);
        widest = end - begin > widest ? end - begin : widest;
    }
    return (uint32_t)mimo_logits_chunk(
        rows, widest, mimo_element_bytes(mimo_prover_element(asker->prover, false)));
}

/* The maximum of a row of logits, then its sum and the logit of its label, over the vocabulary. */
static void loss(struct mimo_asker *asker)
{
    const struct mimo_plan_parameter *head = head_of(asker);
    const struct tensor targets = {MIMO_CONTENT_TARGETS, MIMO_ROW_UNIT_TARGETS, head->shape[1]};
    const struct tensor sums = {MIMO_CONTENT_LOSS_SUMS, MIMO_ROW_UNIT_TARGETS, 2};

    turn(asker, MIMO_GROUP_KIND_TP, stream_of(asker), EQUAL, &targets);
    if (!is_cut_along(head, 0))
        return;
    asker->next.element = mimo_prover_element(asker->prover, true);
    asker->next.rows_max = chunk_of(asker, head);
    mimo_ask(asker, MIMO_OPERATION_ALL_REDUCE_MAX, MIMO_GROUP_KIND_TP, MIMO_CONTENT_LOSS_MAXIMUM,
             sums.rows, 1);
    turn(asker, MIMO_GROUP_KIND_TP, PARTIAL, EQUAL, &sums);
    asker->next.element = mimo_prover_element(asker->prover, false);
    asker->next.rows_max = 0;
}

static void loss_backward(struct mimo_asker *asker)
{
    const struct mimo_plan_parameter *head = head_of(asker);
    const struct tensor targets = {MIMO_CONTENT_TARGETS, MIMO_ROW_UNIT_TARGETS, head->shape[1]};

    turn(asker, MIMO_GROUP_KIND_TP, PARTIAL, stream_of(asker), &targets);
}

/* The gradient of a part of the table needs the gradients of all rows. */
static void merge_backward(struct mimo_asker *asker)
{
    const struct mimo_plan_parameter *table =
        weight_of(asker, MIMO_NONE, MIMO_SLOT_TOKEN_EMBEDDING);
    const struct tensor rows = {MIMO_CONTENT_EMBEDDING, MIMO_ROW_UNIT_TOKENS, table->shape[1]};

    if (table->is_trainable != 0)
        turn(asker, MIMO_GROUP_KIND_TP, stream_of(asker), EQUAL, &rows);
}

/* ---- projectors ---- */

/* The weight of that layer, or one that fits nothing. */
static const struct mimo_plan_parameter *projector_weight(struct mimo_asker *asker, uint32_t layer)
{
    const struct mimo_plan *plan = asker->prover->plan;

    for (uint32_t i = 0; i < plan->parameter_count; i++) {
        if (plan->parameters[i].projector == asker->module->projector &&
            plan->parameters[i].layer == layer &&
            plan->parameters[i].slot == MIMO_SLOT_PROJECTOR_WEIGHT)
            return &plan->parameters[i];
    }
    (void)mimo_refuse(asker->prover, "projector %u has no layer %u", asker->module->projector,
                      layer);
    return &NO_WEIGHT;
}

static uint32_t projector_layers(const struct mimo_asker *asker)
{
    return asker->module->projector == MIMO_NONE
               ? 0
               : asker->prover->plan->projectors[asker->module->projector].num_layers;
}

/* Columns are cut from a layer whose output is to the one behind it, whose input is. */
static void projector_forward(struct mimo_asker *asker)
{
    const struct mimo_plan_parameter *before = NULL;

    for (uint32_t i = 0; i < projector_layers(asker); i++) {
        const struct mimo_plan_parameter *weight = projector_weight(asker, i);
        const struct tensor out = {MIMO_CONTENT_PROJECTOR_OUTPUT, MIMO_ROW_UNIT_FEATURES,
                                   weight->shape[0]};

        if (before != NULL)
            check_pair(asker, before, weight, asker->module->tp);
        before = is_cut_along(weight, 0) ? weight : NULL;
        if (is_cut_along(weight, 1))
            turn(asker, MIMO_GROUP_KIND_TP, PARTIAL, EQUAL, &out);
    }
    if (before != NULL && asker->module->tp > 1)
        (void)mimo_refuse(asker->prover, "projector %u ends with cut columns",
                          asker->module->projector);
}

static void projector_backward(struct mimo_asker *asker)
{
    for (uint32_t i = projector_layers(asker); i-- > 0;) {
        const struct mimo_plan_parameter *weight = projector_weight(asker, i);
        const struct tensor in = {MIMO_CONTENT_PROJECTOR_INPUT, MIMO_ROW_UNIT_FEATURES,
                                  weight->shape[1]};
        const bool is_needed = i > 0 || asker->module->is_frozen == 0;

        if (is_cut_along(weight, 0) && is_needed)
            turn(asker, MIMO_GROUP_KIND_TP, PARTIAL, EQUAL, &in);
    }
}

/* ---- stages ---- */

static void prove_forward(struct mimo_prover *prover, uint32_t module_index, uint32_t stage)
{
    const struct mimo_plan_module *module = &prover->plan->modules[module_index];
    const bool is_last = stage + 1 == module->stage_count;
    const bool is_encoder = module->kind == MIMO_MODULE_KIND_ENCODER;
    struct mimo_asker asker;

    if (!is_encoder && stage == 0) {
        mimo_asker_begin(&asker, prover, MIMO_OPCODE_MERGE, module_index, stage);
        merge(&asker);
    }
    mimo_asker_begin(&asker, prover, is_encoder ? MIMO_OPCODE_ENCODE : MIMO_OPCODE_FORWARD,
                     module_index, stage);
    ask_all_layers(&asker, layer_forward);
    if (is_last && is_encoder)
        projector_forward(&asker);
    else if (is_last)
        loss(&asker);
}

static void prove_backward(struct mimo_prover *prover, uint32_t module_index, uint32_t stage)
{
    const struct mimo_plan_module *module = &prover->plan->modules[module_index];
    const bool is_last = stage + 1 == module->stage_count;
    const bool is_encoder = module->kind == MIMO_MODULE_KIND_ENCODER;
    struct mimo_asker asker;

    if (!mimo_plan_has_backward(prover->plan, module_index, stage))
        return;
    mimo_asker_begin(&asker, prover, MIMO_OPCODE_BACKWARD, module_index, stage);
    asker.next.is_gradient = 1;
    if (is_last && is_encoder)
        projector_backward(&asker);
    else if (is_last)
        loss_backward(&asker);
    if (!is_encoder || module->is_frozen == 0)
        ask_all_layers(&asker, layer_backward);
    if (!is_encoder && stage == 0)
        merge_backward(&asker);
}

bool mimo_prove_stages(struct mimo_prover *prover)
{
    const struct mimo_plan *plan = prover->plan;

    for (uint32_t m = 0; m < plan->module_count; m++) {
        for (uint32_t s = 0; s < plan->modules[m].stage_count; s++) {
            prove_forward(prover, m, s);
            prove_backward(prover, m, s);
        }
    }
    return prover->reason == NULL;
}
