/*
 * communication PLAN [ROUNDS]: what a step communicates, against what the plan says that it does.
 * Run under mpirun. With ROUNDS, rows must go to the experts of some layer in as many rounds.
 *
 * The engine gets a transport that writes down every call and passes it on. After each of two steps
 * every rank spreads out the lists of its program (plan/communication.h) with the sizes that the
 * step had, and compares, call by call: operation, members, elements, type; and of transfers peers
 * and bytes. What was sent must not change before the transport is asked to join, or the ring to
 * end.
 */
#include "plan/communication.h"
#include "plan/bridge.h"
#include "plan/grid.h"
#include "tests/equivalence/fixture.h"
#include "tests/equivalence/routed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 2, CALLS_MAX = 1 << 16, SEND = MIMO_OPERATION_COUNT, RECEIVE };

/* One call on a group, or one message of an exchange. */
struct call {
    uint32_t operation;   /* enum mimo_operation, SEND or RECEIVE */
    uint32_t element;     /* enum mimo_element; of messages 0 */
    uint32_t first, size; /* the first member of the group, and how many there are; or the peer */
    uint64_t count;       /* elements of the buffer; of messages bytes */
    uint64_t own; /* those of this rank's piece, of gathers and reduce-scatters with even pieces */
};

struct calls {
    struct call items[CALLS_MAX];
    size_t count;
};

static struct calls recorded, expected;

static void append(struct calls *calls, struct call call)
{
    MIMO_ASSERT(calls->count < CALLS_MAX);
    calls->items[calls->count++] = call;
}

/* ---- the transport that writes down ---- */

static struct mimo_transport *inner;

static uint32_t element_of(enum mimo_dtype dtype)
{
    switch (dtype) {
    case MIMO_DTYPE_F32:
        return MIMO_ELEMENT_FP32;
    case MIMO_DTYPE_BF16:
        return MIMO_ELEMENT_BF16;
    case MIMO_DTYPE_F64:
        return MIMO_ELEMENT_FP64;
    case MIMO_DTYPE_I64:
        return MIMO_ELEMENT_INT64;
    case MIMO_DTYPE_U8:
        return MIMO_ELEMENT_UINT8;
    }
    return MIMO_ELEMENT_COUNT;
}

static void record(const struct mimo_group *group, uint32_t operation, enum mimo_dtype dtype,
                   uint64_t count, uint64_t own)
{
    append(&recorded, (struct call){operation, element_of(dtype), mimo_group_member(group, 0),
                                    mimo_group_size(group), count, own});
}

static enum mimo_status record_group_make(struct mimo_transport *transport, const uint32_t *ranks,
                                          uint32_t count, const char *name,
                                          struct mimo_group **out_group, struct mimo_error *err)
{
    (void)transport;
    return inner->ops->group_make(inner, ranks, count, name, out_group, err);
}

static enum mimo_status record_all_reduce(struct mimo_group *group, void *data, size_t count,
                                          enum mimo_dtype dtype, enum mimo_reduction reduction,
                                          struct mimo_error *err)
{
    record(group,
           reduction == MIMO_REDUCE_MAX ? MIMO_OPERATION_ALL_REDUCE_MAX : MIMO_OPERATION_ALL_REDUCE,
           dtype, count, 0);
    return inner->ops->all_reduce(group, data, count, dtype, reduction, err);
}

static void record_pieces(const struct mimo_group *group, uint32_t operation, const size_t *begins,
                          enum mimo_dtype dtype)
{
    const uint32_t rank = mimo_group_rank(group);

    record(group, operation, dtype, begins[mimo_group_size(group)],
           begins[rank + 1] - begins[rank]);
}

static enum mimo_status record_all_gather(struct mimo_group *group, void *data,
                                          const size_t *begins, enum mimo_dtype dtype,
                                          struct mimo_error *err)
{
    const enum mimo_status status = inner->ops->all_gather(group, data, begins, dtype, err);

    record_pieces(group, MIMO_OPERATION_ALL_GATHER, begins, dtype);
    if (dtype == MIMO_DTYPE_I64)
        routed_note(data, begins[mimo_group_size(group)]);
    return status;
}

static enum mimo_status record_reduce_scatter(struct mimo_group *group, void *data,
                                              const size_t *begins, enum mimo_dtype dtype,
                                              struct mimo_error *err)
{
    record_pieces(group, MIMO_OPERATION_REDUCE_SCATTER, begins, dtype);
    return inner->ops->reduce_scatter(group, data, begins, dtype, err);
}

static enum mimo_status record_all_to_all(struct mimo_group *group, const void *send,
                                          const size_t *send_begins, void *receive,
                                          const size_t *receive_begins, enum mimo_dtype dtype,
                                          struct mimo_error *err)
{
    record(group, MIMO_OPERATION_ALL_TO_ALL, dtype,
           send_begins[mimo_group_size(group)] - send_begins[0], 0);
    return inner->ops->all_to_all(group, send, send_begins, receive, receive_begins, dtype, err);
}

static void record_messages(uint32_t operation, const struct mimo_message *messages, size_t count)
{
    for (size_t i = 0; i < count; i++)
        append(&recorded, (struct call){.operation = operation,
                                        .first = messages[i].peer,
                                        .count = messages[i].bytes});
}

/* A buffer that a transport may still be sending. */
struct outgoing {
    const void *data;
    size_t bytes;
    uint64_t hash;
};

static struct outgoing messages[CALLS_MAX], hops[MIMO_RING_HOPS];
static size_t message_count, hop_count, changed_count;

/* FNV-1a */
static uint64_t hash_of(const void *data, size_t bytes)
{
    const unsigned char *byte = data;
    uint64_t hash = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ byte[i]) * UINT64_C(1099511628211);
    return hash;
}

static struct outgoing outgoing_of(const void *data, size_t bytes)
{
    return (struct outgoing){data, bytes, hash_of(data, bytes)};
}

static void check_unchanged(const struct outgoing *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (hash_of(items[i].data, items[i].bytes) != items[i].hash)
            changed_count++;
}

static enum mimo_status record_join(struct mimo_transport *transport, struct mimo_error *err)
{
    const enum mimo_status status = inner->ops->join(inner, err);

    (void)transport;
    check_unchanged(messages, message_count);
    message_count = 0;
    return status;
}

static enum mimo_status record_ring_begin(struct mimo_group *group, const void *send,
                                          size_t send_count, void *receive, size_t receive_count,
                                          enum mimo_dtype dtype, struct mimo_error *err)
{
    MIMO_ASSERT(hop_count < MIMO_RING_HOPS);
    hops[hop_count++] = outgoing_of(send, send_count * mimo_element_bytes(element_of(dtype)));
    record(group, MIMO_OPERATION_RING, dtype, send_count, 0);
    return inner->ops->ring_begin(group, send, send_count, receive, receive_count, dtype, err);
}

static enum mimo_status record_ring_end(struct mimo_group *group, struct mimo_error *err)
{
    check_unchanged(hops, hop_count);
    hop_count = 0;
    return inner->ops->ring_end(group, err);
}

static enum mimo_status record_exchange(struct mimo_transport *transport,
                                        const struct mimo_message *sends, size_t send_count,
                                        const struct mimo_message *receives, size_t receive_count,
                                        struct mimo_error *err)
{
    (void)transport;
    record_messages(SEND, sends, send_count);
    record_messages(RECEIVE, receives, receive_count);
    for (size_t i = 0; i < send_count; i++) {
        MIMO_ASSERT(message_count < CALLS_MAX);
        messages[message_count++] = outgoing_of(sends[i].data, sends[i].bytes);
    }
    return inner->ops->exchange(inner, sends, send_count, receives, receive_count, err);
}

/* ---- what the plan says ---- */

/* Images of the samples at positions begin ... end - 1, of the encoder's modality. */
static uint64_t images_at(const struct mimo_engine *engine, uint32_t encoder, uint32_t micro_step,
                          uint64_t begin, uint64_t end)
{
    const struct mimo_batch *batch = &engine->batch;
    const uint32_t *images = batch->images[engine->plan->modules[encoder].modality];
    uint64_t count = 0;

    for (uint64_t p = begin; p < end; p++)
        count += images[(size_t)micro_step * batch->samples + p];
    return count;
}

/* The sizes that the micro-step had for a list of the module. */
static struct mimo_micro_step sizes_of(const struct mimo_engine *engine,
                                       const struct mimo_plan_communication *record,
                                       uint32_t micro_step)
{
    const struct mimo_plan *plan = engine->plan;
    struct mimo_micro_step sizes = {0};
    struct mimo_coordinate at;
    uint32_t encoder = record->module;

    if (record->module == MIMO_NONE || micro_step == MIMO_NONE ||
        !mimo_grid_coordinate(&plan->modules[record->module], engine->rank, &at))
        return sizes;
    if (record->edge != MIMO_NONE)
        encoder = plan->edges[record->edge].from_module;
    if (plan->modules[encoder].kind == MIMO_MODULE_KIND_ENCODER) {
        const uint64_t samples = plan->modules[record->module].samples;
        sizes.images = images_at(engine, encoder, micro_step, at.dp * samples,
                                 (at.dp + UINT64_C(1)) * samples);
    }
    if (record->module == plan->meta->language_module) {
        const struct mimo_text *text = &engine->batch.texts[micro_step];
        sizes.tokens = (uint64_t)text->batch * text->length * engine->batch.cp_size;
        sizes.targets = text->targets;
    }
    return sizes;
}

static uint64_t piece_of(uint64_t width, uint32_t member, uint32_t size)
{
    return mimo_piece_begin(width, (uint64_t)member + 1, size) -
           mimo_piece_begin(width, member, size);
}

/* This rank's piece of rows, or of the columns of a transfer or a single row. Pieces of targets
 * follow the data. */
static uint64_t own_piece(const struct mimo_plan_communication *record, uint64_t rows,
                          uint32_t member, uint32_t size)
{
    if (record->content == MIMO_CONTENT_TRANSFER) {
        uint32_t begin, end;
        mimo_bridge_columns((uint32_t)record->columns, member, size, &begin, &end);
        return rows * (end - begin);
    }
    if (record->rows == MIMO_ROW_UNIT_ONE)
        return piece_of(record->columns, member, size);
    return piece_of(rows, member, size) * record->columns;
}

static bool has_pieces(const struct mimo_plan_communication *record)
{
    return (record->operation == MIMO_OPERATION_ALL_GATHER ||
            record->operation == MIMO_OPERATION_REDUCE_SCATTER) &&
           record->rows != MIMO_ROW_UNIT_TARGETS;
}

/* On shared ranks a rank's piece is a tile of some of the samples: only the whole is compared. */
static bool is_tiled(const struct mimo_plan *plan, const struct mimo_plan_communication *record)
{
    return record->content == MIMO_CONTENT_TRANSFER && plan->edges[record->edge].is_bridge != 0 &&
           plan->edges[record->edge].shares_ranks != 0;
}

static void expect_call(const struct mimo_engine *engine,
                        const struct mimo_plan_communication *record, uint64_t rows)
{
    const struct mimo_plan *plan = engine->plan;
    struct call call = {record->operation,      record->element,        0,
                        plan->meta->world_size, rows * record->columns, 0};
    uint32_t group, member;

    if (record->group != MIMO_NONE) {
        const struct mimo_plan_groups *groups =
            &plan->groups[record->module * MIMO_GROUP_KIND_COUNT + record->group];
        MIMO_ASSERT(mimo_groups_find(groups, engine->rank, &group, &member));
        call.first = mimo_groups_member(groups, group, 0);
        call.size = groups->size;
        if (has_pieces(record) && !is_tiled(plan, record))
            call.own = own_piece(record, rows, member, groups->size);
    }
    append(&expected, call);
}

/* Records that take turns, chunk by chunk. */
static void expect_turns(const struct mimo_engine *engine,
                         const struct mimo_plan_communication *const *records, size_t count,
                         uint32_t micro_step)
{
    const struct mimo_micro_step sizes = sizes_of(engine, records[0], micro_step);
    const uint64_t rows = mimo_communication_rows(engine->plan, records[0], engine->rank, &sizes);

    for (uint64_t first = 0; first < rows; first += records[0]->rows_max) {
        const uint64_t left = rows - first;
        for (size_t i = 0; i < count; i++)
            expect_call(engine, records[i],
                        left < records[i]->rows_max ? left : records[i]->rows_max);
    }
}

static void expect_one(const struct mimo_engine *engine, const struct mimo_communications *cursor,
                       const struct mimo_plan_communication *record, uint32_t micro_step)
{
    const struct mimo_micro_step sizes = sizes_of(engine, record, micro_step);
    const uint64_t rows = mimo_communications_rows(cursor, record, engine->rank, &sizes);

    if (record->on_bad_samples == 0)
        expect_call(engine, record, rows);
}

static void expect_hop(const struct mimo_engine *engine,
                       const struct mimo_plan_communication *record, uint32_t hop,
                       uint32_t micro_step)
{
    const struct mimo_micro_step sizes = sizes_of(engine, record, micro_step);
    const uint32_t holder = mimo_ring_holder(engine->plan, record, engine->rank, hop);

    expect_call(engine, record, mimo_communication_rows(engine->plan, record, holder, &sizes));
}

/* A ring, and (or NULL) that of the gradients, one hop behind it. */
static void expect_ring(const struct mimo_engine *engine,
                        const struct mimo_plan_communication *ring,
                        const struct mimo_plan_communication *gradients, uint32_t micro_step)
{
    const uint32_t behind = gradients != NULL ? gradients->repeat : 0;

    for (uint32_t i = 0; i < ring->repeat || i <= behind; i++) {
        if (i < ring->repeat)
            expect_hop(engine, ring, i, micro_step);
        if (i > 0 && i <= behind)
            expect_hop(engine, gradients, i - 1, micro_step);
    }
}

/* Bytes of a transfer over a bridge: the images of its samples, its columns. */
static uint64_t bridge_bytes(const struct mimo_engine *engine, uint32_t edge, uint32_t micro_step,
                             const struct mimo_transfer *transfer)
{
    const uint32_t encoder = engine->plan->edges[edge].from_module;

    return images_at(engine, encoder, micro_step, transfer->sample_begin, transfer->sample_end) *
           engine->plan->modules[encoder].image_tokens *
           (transfer->column_end - transfer->column_begin) * engine->be->element_size;
}

/* Between stages a rank's own rows travel: all columns of them where they are cut over the
 * sequence, else the share that the tensor rank has of them. */
static uint64_t stage_bytes(const struct mimo_engine *engine, uint32_t edge, uint32_t micro_step,
                            const struct mimo_transfer *transfer)
{
    const struct mimo_plan *plan = engine->plan;
    const struct mimo_plan_module *module = &plan->modules[plan->edges[edge].from_module];
    uint64_t columns = module->hidden_size, rows;
    struct mimo_coordinate at;

    MIMO_ASSERT(mimo_grid_coordinate(module, engine->rank, &at));
    if (module->kind == MIMO_MODULE_KIND_ENCODER) {
        rows = mimo_image_share_of(module, at.cp).tokens *
               images_at(engine, plan->edges[edge].from_module, micro_step, transfer->sample_begin,
                         transfer->sample_end);
    } else {
        const struct mimo_text *text = &engine->batch.texts[micro_step];
        rows = (uint64_t)text->batch * text->length;
    }
    if (module->sequence_parallel != 0)
        rows = piece_of(rows, at.tp, module->tp);
    else
        columns = piece_of(columns, at.tp, module->tp);
    return rows * columns * engine->be->element_size;
}

static void expect_messages(const struct mimo_engine *engine, uint32_t edge, uint32_t micro_step,
                            uint32_t direction, bool sends)
{
    const bool is_source = sends == (direction == MIMO_EDGE_FORWARD);
    const bool is_bridge = engine->plan->edges[edge].is_bridge != 0;
    struct mimo_transfers cursor;
    struct mimo_transfer transfer;

    if (mimo_bridge_is_local(engine->plan, edge, direction))
        return;
    mimo_transfers_init(&cursor, engine->plan, edge, is_source ? engine->rank : MIMO_NONE,
                        is_source ? MIMO_NONE : engine->rank);
    while (mimo_transfers_next(&cursor, &transfer))
        append(&expected, (struct call){
                              .operation = sends ? SEND : RECEIVE,
                              .first = is_source ? transfer.destination : transfer.source,
                              .count = (is_bridge ? bridge_bytes : stage_bytes)(
                                  engine, edge, micro_step, &transfer),
                          });
}

/* The micro-step of what an instruction computes, sends or receives. */
static uint32_t micro_step_of(const struct mimo_plan_instruction *instruction,
                              const struct mimo_plan_communication *record)
{
    if (record->opcode == MIMO_OPCODE_SEND)
        return instruction->send_micro_step;
    return record->opcode == MIMO_OPCODE_RECEIVE ? instruction->receive_micro_step
                                                 : instruction->micro_step;
}

/* Messages go between what is done for sending and what is done with what has come. */
static void expect_all_messages(const struct mimo_engine *engine,
                                const struct mimo_plan_instruction *instruction)
{
    if (instruction->send_edge != MIMO_NONE)
        expect_messages(engine, instruction->send_edge, instruction->send_micro_step,
                        instruction->send_direction, true);
    if (instruction->receive_edge != MIMO_NONE)
        expect_messages(engine, instruction->receive_edge, instruction->receive_micro_step,
                        instruction->receive_direction, false);
}

/* Neighbours that take turns, or one record alone. */
struct bundle {
    const struct mimo_plan_communication *records[8];
    size_t count;
    struct mimo_communications last; /* the cursor when it gave the last of them */
};

static int64_t most_rounds;

static void expect_routed_call(const struct mimo_engine *engine,
                               const struct mimo_plan_communication *record, bool is_gradient,
                               int64_t m)
{
    const struct routed_rows rows = routed_rows(record, is_gradient, m);

    expect_call(engine, record, rows.rows);
    expected.items[expected.count - 1].own = rows.own * record->columns;
}

/* The same rows as forward, whose operation the record has the reverse of. */
static void expect_again(const struct mimo_engine *engine,
                         const struct mimo_plan_communication *record, int64_t m)
{
    struct mimo_plan_communication forward = *record;

    if (record->operation == MIMO_OPERATION_REDUCE_SCATTER)
        forward.operation = MIMO_OPERATION_ALL_GATHER;
    expect_routed_call(engine, &forward, false, m);
}

/* Round by round. Backward, where there are several, each round's rows are sent once more. */
static void expect_rounds(const struct mimo_engine *engine, const struct bundle *routed,
                          uint32_t place, uint32_t micro_step)
{
    const bool is_gradient = routed->records[0]->is_gradient != 0;
    const int64_t rounds = routed_rounds(engine, place, micro_step);

    most_rounds = rounds > most_rounds ? rounds : most_rounds;
    for (int64_t m = 0; m < rounds; m++) {
        for (size_t i = routed->count; is_gradient && rounds > 1 && i-- > 0;)
            if (routed->records[i]->content == MIMO_CONTENT_EXPERT_DISPATCH ||
                routed->records[i]->content == MIMO_CONTENT_EXPERT_INPUT)
                expect_again(engine, routed->records[i], m);
        for (size_t i = 0; i < routed->count; i++)
            expect_routed_call(engine, routed->records[i], is_gradient, m);
    }
}

static void expect_routed(const struct mimo_engine *engine, const struct bundle *routed,
                          uint32_t place, uint32_t micro_step)
{
    expect_rounds(engine, routed, place, micro_step);
    if (routed->records[0]->is_gradient == 0)
        return;
    routed_backward(place, micro_step);
    if (engine->plan->training->recompute != MIMO_RECOMPUTE_NONE)
        routed_backward(place, micro_step);
}

/* The way of routed rows there and back, round by round: layers with experts one behind another
 * have the same records, from the first on again. */
static bool is_one_way(const struct mimo_plan_communication *before,
                       const struct mimo_plan_communication *record)
{
    return before->rows == MIMO_ROW_UNIT_ROUTED && record->rows == MIMO_ROW_UNIT_ROUTED &&
           record > before && record->is_gradient == before->is_gradient;
}

/* Neighbours in a list that are done in turns: chunks of the same rows, a ring with that of its
 * gradients, and the rounds of routed rows. */
static bool take_turns(const struct mimo_plan_communication *before,
                       const struct mimo_plan_communication *record)
{
    return (before->rows_max > 0 && record->rows_max > 0) ||
           (before->operation == MIMO_OPERATION_RING && before->is_gradient == 0 &&
            record->operation == MIMO_OPERATION_RING && record->is_gradient != 0) ||
           is_one_way(before, record);
}

static void expect_bundle(const struct mimo_engine *engine,
                          const struct mimo_plan_instruction *instruction, struct bundle *bundle)
{
    const struct mimo_plan_communication *const *records = bundle->records;
    uint32_t micro_step;

    if (bundle->count == 0)
        return;
    micro_step = micro_step_of(instruction, records[0]);
    if (records[0]->rows == MIMO_ROW_UNIT_ROUTED)
        expect_routed(engine, bundle, instruction->place, micro_step);
    else if (records[0]->rows_max > 0)
        expect_turns(engine, records, bundle->count, micro_step);
    else if (records[0]->operation == MIMO_OPERATION_RING)
        expect_ring(engine, records[0], bundle->count > 1 ? records[1] : NULL, micro_step);
    else
        expect_one(engine, &bundle->last, records[0], micro_step);
    bundle->count = 0;
}

static void expect_instruction(const struct mimo_engine *engine,
                               const struct mimo_plan_instruction *instruction)
{
    const struct mimo_plan_communication *record;
    struct mimo_communications cursor;
    struct bundle bundle = {.count = 0};
    bool has_messages = false;

    mimo_communications_init(&cursor, engine->plan, engine->role, instruction);
    while (mimo_communications_next(&cursor, &record)) {
        if (bundle.count > 0 && !take_turns(bundle.records[bundle.count - 1], record))
            expect_bundle(engine, instruction, &bundle);
        if (record->opcode == MIMO_OPCODE_RECEIVE && !has_messages) {
            expect_all_messages(engine, instruction);
            has_messages = true;
        }
        if (record->content == MIMO_CONTENT_EXPERT_COUNTS)
            routed_forward(instruction->place, instruction->micro_step);
        bundle.records[bundle.count++] = record;
        bundle.last = cursor;
    }
    expect_bundle(engine, instruction, &bundle);
    if (!has_messages)
        expect_all_messages(engine, instruction);
}

static void expect_step(const struct mimo_engine *engine)
{
    const struct mimo_plan_role *role = engine->role;

    for (uint32_t i = 0; i < role->instruction_count; i++)
        expect_instruction(engine, &engine->plan->instructions[role->instruction_first + i]);
}

/* ---- the comparison ---- */

static const char *describe(const struct calls *calls, size_t at, char *text, size_t size)
{
    const struct call *call = &calls->items[at];

    if (at >= calls->count)
        (void)snprintf(text, size, "nothing");
    else if (call->operation >= SEND)
        (void)snprintf(text, size, "%s rank %u, %llu bytes",
                       call->operation == SEND ? "send to" : "receive from", call->first,
                       (unsigned long long)call->count);
    else
        (void)snprintf(text, size, "%s of %u ranks from %u, %llu %s, own piece %llu",
                       mimo_operation_word(call->operation), call->size, call->first,
                       (unsigned long long)call->count, mimo_element_word(call->element),
                       (unsigned long long)call->own);
    return text;
}

/* Pieces of targets are not compared: see has_pieces. Nor are tiles. */
static bool is_equal(const struct call *a, const struct call *b)
{
    return a->operation == b->operation && a->element == b->element && a->first == b->first &&
           a->size == b->size && a->count == b->count && (a->own == b->own || b->own == 0);
}

static bool compare(const struct mimo_engine *engine)
{
    size_t at = 0;
    char actual[128], wanted[128];

    while (at < recorded.count && at < expected.count &&
           is_equal(&recorded.items[at], &expected.items[at]))
        at++;
    if (at == recorded.count && at == expected.count)
        return true;
    (void)printf("rank %u, call %zu: the plan says %s, but there was %s\n", engine->rank, at,
                 describe(&expected, at, wanted, sizeof wanted),
                 describe(&recorded, at, actual, sizeof actual));
    return false;
}

/* ---- the run ---- */

static const struct mimo_transport_ops recording_ops = {
    .name = "recorder",
    .group_make = record_group_make,
    .all_reduce = record_all_reduce,
    .all_gather = record_all_gather,
    .reduce_scatter = record_reduce_scatter,
    .all_to_all = record_all_to_all,
    .ring_begin = record_ring_begin,
    .ring_end = record_ring_end,
    .exchange = record_exchange,
    .join = record_join,
};

static bool run_step(struct fixture *fixture, uint64_t step)
{
    struct mimo_engine *engine = &fixture->engine;

    recorded.count = expected.count = 0;
    routed_reset();
    fixture_step(fixture, step);
    expect_step(engine);
    if (message_count + hop_count + changed_count > 0)
        (void)printf("rank %u: %zu messages changed before they were joined, %zu never were\n",
                     engine->rank, changed_count, message_count + hop_count);
    return compare(engine) && message_count + hop_count + changed_count == 0;
}

/* Failures and calls of all ranks. */
static int conclude(struct fixture *fixture, bool has_failed, size_t calls, int64_t rounds)
{
    int64_t sums[2] = {has_failed ? 1 : 0, (int64_t)calls};

    require(fixture, inner->ops->all_reduce(inner->everyone, sums, 2, MIMO_DTYPE_I64,
                                            MIMO_REDUCE_SUM, &fixture->err));
    if (fixture->engine.rank == 0)
        (void)printf("%lld communications and messages in %d steps, %lld ranks differ\n",
                     (long long)sums[1], STEPS, (long long)sums[0]);
    if (most_rounds < rounds)
        (void)printf("rank %u: at most %lld rounds\n", fixture->engine.rank,
                     (long long)most_rounds);
    return sums[0] == 0 && sums[1] > 0 && most_rounds >= rounds ? 0 : 1;
}

static int run(struct fixture *fixture, int64_t rounds)
{
    bool has_failed = false;
    size_t calls = 0;

    for (uint64_t step = 0; step < STEPS; step++) {
        has_failed = !run_step(fixture, step) || has_failed;
        calls += recorded.count;
    }
    return conclude(fixture, has_failed, calls, rounds);
}

int main(int argc, char **argv)
{
    struct fixture fixture;
    struct mimo_transport recorder;
    int result;

    fixture_open(&fixture, argc, argv, argc == 3 ? 2 : 1);
    inner = fixture.transport;
    recorder = *inner;
    recorder.ops = &recording_ops;
    fixture_open_engine(&fixture, &recorder, true);
    result = run(&fixture, argc == 3 ? strtoll(argv[2], NULL, 10) : 0);
    fixture_close_engine(&fixture);
    fixture_close(&fixture);
    return result;
}
