#include "plan/traffic.h"

#include "plan/bridge.h"
#include "plan/communication.h"
#include "plan/tally.h"

/* How often the program has an instruction. */
struct counts {
    uint64_t (*places)[MIMO_OPCODE_COUNT]; /* of each place of the role */
    uint64_t (*sends)[2], (*receives)[2];  /* of each edge, by direction */
};

struct survey {
    const struct mimo_plan *plan;
    const struct mimo_plan_role *role;
    uint32_t rank;
    struct mimo_traffic *traffic;
};

static void add(struct mimo_traffic_sum *sum, uint64_t calls, uint64_t bytes)
{
    sum->calls = mimo_sum(sum->calls, calls);
    sum->bytes = mimo_sum(sum->bytes, mimo_product(calls, bytes));
}

/* ---- collectives ---- */

/* Bytes of the record's buffer as `rank` has it at first. */
static uint64_t bytes_of(const struct survey *survey, const struct mimo_communications *cursor,
                         const struct mimo_plan_communication *record, uint32_t rank)
{
    struct mimo_micro_step most = {0};

    if (record->module != MIMO_NONE)
        most = mimo_micro_step_max(survey->plan, record->module, record->edge);
    return mimo_product(mimo_communications_rows(cursor, record, rank, &most),
                        mimo_product(record->columns, mimo_element_bytes(record->element)));
}

static void add_record(const struct survey *survey, const struct mimo_communications *cursor,
                       const struct mimo_plan_communication *record, uint64_t times)
{
    struct mimo_traffic_sum *const sum =
        record->group == MIMO_NONE ? &survey->traffic->world
                                   : &survey->traffic->groups[record->module][record->group];

    if (record->on_bad_samples != 0)
        return;
    if (record->operation != MIMO_OPERATION_RING)
        add(sum, mimo_product(times, record->repeat),
            bytes_of(survey, cursor, record, survey->rank));
    for (uint32_t hop = 0; record->operation == MIMO_OPERATION_RING && hop < record->repeat; hop++)
        add(sum, times,
            bytes_of(survey, cursor, record,
                     mimo_ring_holder(survey->plan, record, survey->rank, hop)));
}

/* All that an instruction does inside, as often as the program has it. */
static void add_instruction(const struct survey *survey,
                            const struct mimo_plan_instruction *instruction, uint64_t times)
{
    const struct mimo_plan_communication *record;
    struct mimo_communications cursor;

    if (times == 0)
        return;
    mimo_communications_init(&cursor, survey->plan, survey->role, instruction);
    while (mimo_communications_next(&cursor, &record))
        add_record(survey, &cursor, record, times);
}

/* ---- transfers ---- */

/* Rows of a sample that travel along the edge. */
static uint64_t rows_of_sample(const struct mimo_plan *plan, const struct mimo_plan_edge *edge)
{
    const struct mimo_plan_module *module = &plan->modules[edge->from_module];
    const uint64_t tokens = (uint64_t)module->image_tokens +
                            (edge->is_bridge != 0 || module->keeps_class_token != 0 ? 0 : 1);

    if (module->kind == MIMO_MODULE_KIND_LANGUAGE)
        return plan->training->sequence_length;
    return mimo_product(module->samples == 0 ? 0 : module->images_max / module->samples, tokens);
}

/* Gradients go the other way: who receives rows sends them. */
static void add_transfers(const struct survey *survey, uint32_t index, bool is_source,
                          uint64_t times, struct mimo_traffic_sum *sum)
{
    const struct mimo_plan_edge *edge = &survey->plan->edges[index];
    const uint32_t precision = survey->plan->training->precision;
    const uint64_t element = precision == MIMO_PRECISION_FP64   ? 8
                             : precision == MIMO_PRECISION_BF16 ? 2
                                                                : 4;
    const uint64_t rows = rows_of_sample(survey->plan, edge);
    struct mimo_transfers transfers;
    struct mimo_transfer transfer;

    if (times == 0)
        return;
    mimo_transfers_init(&transfers, survey->plan, index, is_source ? survey->rank : MIMO_NONE,
                        is_source ? MIMO_NONE : survey->rank);
    while (mimo_transfers_next(&transfers, &transfer)) {
        const uint64_t samples = transfer.sample_end - transfer.sample_begin;
        const uint64_t columns = transfer.column_end - transfer.column_begin;

        if (transfer.source != transfer.destination)
            add(sum, times, mimo_product(mimo_product(samples, rows), columns * element));
    }
}

/* ---- a program ---- */

static void count_instructions(const struct survey *survey, const struct counts *counts)
{
    const struct mimo_plan_role *role = survey->role;

    for (uint32_t i = 0; i < role->instruction_count; i++) {
        const struct mimo_plan_instruction *instruction =
            &survey->plan->instructions[role->instruction_first + i];

        if (instruction->place != MIMO_NONE)
            counts->places[instruction->place - role->place_first][instruction->opcode]++;
        if (instruction->send_edge != MIMO_NONE)
            counts->sends[instruction->send_edge][instruction->send_direction]++;
        if (instruction->receive_edge != MIMO_NONE)
            counts->receives[instruction->receive_edge][instruction->receive_direction]++;
    }
}

static struct mimo_plan_instruction instruction_of(enum mimo_opcode opcode)
{
    return (struct mimo_plan_instruction){
        .opcode = opcode,
        .place = MIMO_NONE,
        .micro_step = MIMO_NONE,
        .send_edge = MIMO_NONE,
        .receive_edge = MIMO_NONE,
    };
}

/* The last micro-step's backward reduces gradients besides. */
static void add_backward(const struct survey *survey, struct mimo_plan_instruction instruction,
                         uint64_t times)
{
    if (times == 0)
        return;
    add_instruction(survey, &instruction, times - 1);
    instruction.micro_step = survey->plan->training->micro_steps - 1;
    add_instruction(survey, &instruction, 1);
}

static void add_places(const struct survey *survey, const struct counts *counts)
{
    for (uint32_t i = 0; i < survey->role->place_count; i++) {
        for (int opcode = 0; opcode < MIMO_OPCODE_COUNT; opcode++) {
            struct mimo_plan_instruction instruction = instruction_of((enum mimo_opcode)opcode);

            instruction.place = survey->role->place_first + i;
            if (opcode == MIMO_OPCODE_BACKWARD)
                add_backward(survey, instruction, counts->places[i][opcode]);
            else
                add_instruction(survey, &instruction, counts->places[i][opcode]);
        }
    }
}

static void add_edges(const struct survey *survey, const struct counts *counts)
{
    for (uint32_t i = 0; i < survey->plan->edge_count; i++) {
        for (uint32_t direction = 0; direction < 2; direction++) {
            const bool is_forward = direction == MIMO_EDGE_FORWARD;
            struct mimo_plan_instruction send = instruction_of(MIMO_OPCODE_SEND);
            struct mimo_plan_instruction receive = instruction_of(MIMO_OPCODE_RECEIVE);

            send.send_edge = receive.receive_edge = i;
            send.send_direction = receive.receive_direction = direction;
            add_instruction(survey, &send, counts->sends[i][direction]);
            add_instruction(survey, &receive, counts->receives[i][direction]);
            add_transfers(survey, i, is_forward, counts->sends[i][direction],
                          &survey->traffic->sent);
            add_transfers(survey, i, !is_forward, counts->receives[i][direction],
                          &survey->traffic->received);
        }
    }
}

void mimo_traffic_of_rank(const struct mimo_plan *plan, uint32_t rank, struct mimo_arena *arena,
                          struct mimo_traffic *out_traffic)
{
    const struct mimo_plan_role *role = mimo_plan_role_of(plan, rank);
    const struct mimo_plan_instruction load = instruction_of(MIMO_OPCODE_LOAD);
    const struct mimo_plan_instruction step = instruction_of(MIMO_OPCODE_STEP);
    const struct survey survey = {plan, role, rank, out_traffic};
    const struct counts counts = {
        .places = mimo_arena_alloc(arena, role->place_count, sizeof *counts.places),
        .sends = mimo_arena_alloc(arena, plan->edge_count, sizeof *counts.sends),
        .receives = mimo_arena_alloc(arena, plan->edge_count, sizeof *counts.receives),
    };

    *out_traffic = (struct mimo_traffic){
        .groups = mimo_arena_alloc(arena, plan->module_count, sizeof *out_traffic->groups),
    };
    count_instructions(&survey, &counts);
    add_instruction(&survey, &load, 1);
    add_places(&survey, &counts);
    add_edges(&survey, &counts);
    add_instruction(&survey, &step, 1);
}
