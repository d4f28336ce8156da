#include "compiler/planner/program.h"

static struct mimo_plan_instruction *append(struct mimo_program *program, enum mimo_opcode opcode)
{
    const struct mimo_plan_instruction empty = {
        .opcode = opcode,
        .place = MIMO_NONE,
        .micro_step = MIMO_NONE,
        .send_edge = MIMO_NONE,
        .send_micro_step = MIMO_NONE,
        .receive_edge = MIMO_NONE,
        .receive_micro_step = MIMO_NONE,
    };

    MIMO_APPEND(program->arena, program->items, program->count, program->capacity, empty);
    return &program->items[program->count - 1];
}

static void set_send(struct mimo_plan_instruction *instruction, const struct mimo_parcel *parcel)
{
    instruction->send_edge = parcel->edge;
    instruction->send_micro_step = parcel->micro_step;
    instruction->send_direction = parcel->direction;
}

static void set_receive(struct mimo_plan_instruction *instruction, const struct mimo_parcel *parcel)
{
    instruction->receive_edge = parcel->edge;
    instruction->receive_micro_step = parcel->micro_step;
    instruction->receive_direction = parcel->direction;
}

/* The last instruction, where it is of that kind and both may, turned into an exchange; else a new
 * one. */
static struct mimo_plan_instruction *join(struct mimo_program *program, enum mimo_opcode partner,
                                          enum mimo_opcode own, bool may_join)
{
    struct mimo_plan_instruction *last = &program->items[program->count - 1];
    const bool joins =
        may_join && program->may_join && program->count > 0 && last->opcode == partner;

    program->may_join = may_join;
    if (!joins)
        return append(program, own);
    last->opcode = MIMO_OPCODE_EXCHANGE;
    return last;
}

void mimo_program_compute(struct mimo_program *program, enum mimo_opcode opcode, uint32_t place,
                          uint32_t micro_step)
{
    struct mimo_plan_instruction *instruction = append(program, opcode);

    instruction->place = place;
    instruction->micro_step = micro_step;
}

void mimo_program_send(struct mimo_program *program, const struct mimo_parcel *parcel,
                       bool may_join)
{
    set_send(join(program, MIMO_OPCODE_RECEIVE, MIMO_OPCODE_SEND, may_join), parcel);
}

void mimo_program_receive(struct mimo_program *program, const struct mimo_parcel *parcel,
                          bool may_join)
{
    set_receive(join(program, MIMO_OPCODE_SEND, MIMO_OPCODE_RECEIVE, may_join), parcel);
}

void mimo_program_exchange(struct mimo_program *program, const struct mimo_parcel *parcel)
{
    struct mimo_plan_instruction *instruction = append(program, MIMO_OPCODE_EXCHANGE);

    set_send(instruction, parcel);
    set_receive(instruction, parcel);
}
