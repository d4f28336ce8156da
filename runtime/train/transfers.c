/* Rows and gradients between ranks, over bridges and between stages. */
#include "runtime/train/engine_parts.h"

enum mimo_status mimo_engine_settle(struct mimo_engine *engine, struct mimo_error *err)
{
    engine->settled = engine->exchanges;
    return engine->transport->ops->join(engine->transport, err);
}

enum mimo_status mimo_engine_fill(struct mimo_engine *engine, const struct mimo_slotted *slotted,
                                  uint32_t micro_step, void **out_data, struct mimo_error *err)
{
    *out_data = mimo_slotted_data(slotted, micro_step);
    return slotted->sent[slotted->slots.of[micro_step]] > engine->settled
               ? mimo_engine_settle(engine, err)
               : MIMO_OK;
}

/* One end of an edge in a transfer. */
struct transfer {
    struct mimo_engine_link *link;
    const struct mimo_slotted *buffer;
    uint32_t micro_step, direction;
};

static void *data_of(const struct transfer *transfer)
{
    return mimo_slotted_data(transfer->buffer, transfer->micro_step);
}

static struct transfer sent_by(struct mimo_engine *engine,
                               const struct mimo_plan_instruction *instruction)
{
    struct mimo_engine_link *link = &engine->links[instruction->send_edge];

    return (struct transfer){
        .link = link,
        .buffer = instruction->send_direction == MIMO_EDGE_FORWARD ? &link->source_rows
                                                                   : &link->destination_gradients,
        .micro_step = instruction->send_micro_step,
        .direction = instruction->send_direction,
    };
}

static struct transfer received_by(struct mimo_engine *engine,
                                   const struct mimo_plan_instruction *instruction)
{
    struct mimo_engine_link *link = &engine->links[instruction->receive_edge];

    return (struct transfer){
        .link = link,
        .buffer = instruction->receive_direction == MIMO_EDGE_FORWARD ? &link->destination_rows
                                                                      : &link->source_gradients,
        .micro_step = instruction->receive_micro_step,
        .direction = instruction->receive_direction,
    };
}

/* Rows of the residual stream that this rank holds between two stages of a module. */
static int64_t stream_rows(const struct mimo_engine *engine, const struct transfer *transfer)
{
    const uint32_t module = transfer->link->plan->from_module;
    struct mimo_rows rows;

    if (engine->plan->modules[module].kind == MIMO_MODULE_KIND_LANGUAGE) {
        rows = mimo_language_rows(engine->language, &engine->batch.texts[transfer->micro_step]);
        return mimo_rows_held(&rows);
    }
    for (uint32_t i = 0; i < engine->batch.encoder_count; i++)
        if (engine->batch.encoders[i].interval.module == module)
            return (int64_t)engine->batch.encoders[i].images[transfer->micro_step] *
                   engine->encoders[module].share.tokens;
    return 0;
}

/* What goes over a bridge is a part of a sum where rows are cut by position on the sending end. */
static bool is_partial(const struct mimo_engine *engine, const struct transfer *transfer)
{
    const struct mimo_plan_edge *edge = transfer->link->plan;
    const struct mimo_plan_module *sender =
        &engine->plan->modules[transfer->direction == MIMO_EDGE_FORWARD ? edge->from_module
                                                                        : edge->to_module];

    return sender->cp > 1 || sender->sequence_parallel != 0;
}

/* A bridge on shared ranks whose receivers have all rows already. */
static bool is_local(const struct transfer *transfer)
{
    return transfer->link->plan->is_bridge != 0 &&
           transfer->link->bridge.is_local[transfer->direction];
}

static enum mimo_status list_sends(struct mimo_engine *engine, const struct transfer *transfer,
                                   struct mimo_error *err)
{
    struct mimo_engine_link *link = transfer->link;

    if (is_local(transfer))
        return MIMO_OK;
    if (link->plan->is_bridge != 0)
        return mimo_link_send(&link->bridge, transfer->micro_step, transfer->direction,
                              data_of(transfer), is_partial(engine, transfer), &engine->messages,
                              err);
    mimo_stage_link_send(&link->stages, transfer->direction, data_of(transfer),
                         stream_rows(engine, transfer), &engine->messages);
    return MIMO_OK;
}

/* A bridge sends copies, which it keeps until they are read. */
static void note_sent(const struct mimo_engine *engine, const struct transfer *transfer)
{
    const struct mimo_slotted *buffer = transfer->buffer;

    if (transfer->link->plan->is_bridge == 0)
        buffer->sent[buffer->slots.of[transfer->micro_step]] = engine->exchanges + 1;
}

static void list_receives(struct mimo_engine *engine, const struct transfer *transfer)
{
    struct mimo_engine_link *link = transfer->link;

    if (is_local(transfer))
        return;
    if (link->plan->is_bridge != 0)
        mimo_link_receive(&link->bridge, transfer->micro_step, transfer->direction,
                          data_of(transfer), &engine->messages);
    else
        mimo_stage_link_receive(&link->stages, transfer->direction, data_of(transfer),
                                stream_rows(engine, transfer), &engine->messages);
}

static void copy_rows(const struct transfer *transfer)
{
    struct mimo_engine_link *link = transfer->link;
    const struct mimo_slotted *sent = transfer->direction == MIMO_EDGE_FORWARD
                                          ? &link->source_rows
                                          : &link->destination_gradients;

    mimo_link_copy(&link->bridge, transfer->micro_step, transfer->direction,
                   mimo_slotted_data(sent, transfer->micro_step), data_of(transfer));
}

static enum mimo_status complete(struct mimo_engine *engine, const struct transfer *transfer,
                                 struct mimo_error *err)
{
    struct mimo_engine_link *link = transfer->link;

    if (is_local(transfer)) {
        copy_rows(transfer);
        return MIMO_OK;
    }
    if (link->plan->is_bridge != 0)
        return mimo_link_received(&link->bridge, transfer->micro_step, transfer->direction,
                                  data_of(transfer), err);
    return mimo_stage_link_received(&link->stages, data_of(transfer), stream_rows(engine, transfer),
                                    err);
}

enum mimo_status mimo_engine_transfer(struct mimo_engine *engine,
                                      const struct mimo_plan_instruction *instruction,
                                      struct mimo_error *err)
{
    struct mimo_messages *messages = &engine->messages;
    const bool receives = instruction->receive_edge != MIMO_NONE;
    struct transfer sent, received;

    messages->send_count = 0;
    messages->receive_count = 0;
    if (instruction->send_edge != MIMO_NONE) {
        sent = sent_by(engine, instruction);
        MIMO_TRY(list_sends(engine, &sent, err));
        note_sent(engine, &sent);
    }
    if (receives) {
        received = received_by(engine, instruction);
        list_receives(engine, &received);
    }
    engine->exchanges++;
    MIMO_TRY(engine->transport->ops->exchange(engine->transport, messages->sends,
                                              messages->send_count, messages->receives,
                                              messages->receive_count, err));
    return receives ? complete(engine, &received, err) : MIMO_OK;
}
