/*
 * communication.h - reading section COMM: what an instruction communicates, and how much. Pure
 * functions, for everything that carries out, shows, counts or checks a plan.
 *
 *     struct mimo_communications cursor;
 *     mimo_communications_init(&cursor, plan, role, instruction);
 *     while (mimo_communications_next(&cursor, &record))
 *         ...
 */
#ifndef MIMO_PLAN_COMMUNICATION_H
#define MIMO_PLAN_COMMUNICATION_H

#include "plan/buckets.h"

#include <stdbool.h>

/* Where a list belongs; see struct mimo_plan_communication. */
struct mimo_communication_key {
    uint32_t opcode, module, stage, edge, direction;
};

/* Less than, equal to or greater than 0, as the lists of section COMM ascend. */
int mimo_communication_compare(const struct mimo_plan_communication *record,
                               const struct mimo_communication_key *key);

/* The list of that key: records first ... first + count - 1. */
void mimo_communications_find(const struct mimo_plan *plan,
                              const struct mimo_communication_key *key, uint32_t *out_first,
                              uint32_t *out_count);

/* True where layer `layer` of the module has experts in place of a dense feed-forward part. */
bool mimo_layer_has_experts(const struct mimo_plan_module *module, uint32_t layer);

/* A cursor over the communications of one instruction of a role's program, layer by layer. The
 * fields are the cursor's own. What the list of REDUCE says of gradients is done for each bucket
 * (buckets.h), inside the last micro-step's BACKWARD or, where a bucket waits for it, in REDUCE. */
struct mimo_communications {
    const struct mimo_plan *plan;
    const struct mimo_plan_role *role;
    const struct mimo_plan_instruction *instruction;
    uint32_t part;      /* lists behind this one: a number of the cursor's own */
    uint32_t at, end;   /* the list's records that are left */
    uint32_t layer_end; /* the end of the records of layers, where the cursor is among them */
    uint32_t layer_first, layers_done, layer_count;
    struct mimo_communication_key key;
    /* The bucket that comes next, where has_bucket; within it a record for each parameter and turn.
     */
    struct mimo_bucket bucket;
    bool has_bucket, is_in_bucket;
    uint32_t bucket_list, bucket_list_end; /* the records that buckets do */
    uint32_t parameter, turn;
};

void mimo_communications_init(struct mimo_communications *cursor, const struct mimo_plan *plan,
                              const struct mimo_plan_role *role,
                              const struct mimo_plan_instruction *instruction);

/* The next record, or false at the end. `repeat`, `rows_max` and `on_bad_samples` are the caller's
 * to heed. */
bool mimo_communications_next(struct mimo_communications *cursor,
                              const struct mimo_plan_communication **out_record);

/* What a plan cannot know of a micro-step: how much data it has. */
struct mimo_micro_step {
    uint64_t tokens;  /* rows of the language replica: samples times their padded length */
    uint64_t targets; /* of this cp rank */
    uint64_t images;  /* of the replica's samples, for the modality in question */
    uint64_t routed;  /* rows of this rank on their way to experts, or to this rank's experts */
};

/* The most that a micro-step of the module (a replica of an encoder, or of the language model with
 * images for the encoder of bridge `edge`) can hold. */
struct mimo_micro_step mimo_micro_step_max(const struct mimo_plan *plan, uint32_t module,
                                           uint32_t edge);

/* Rows of the record's buffer on `rank`, which is a member of one of its groups. */
uint64_t mimo_communication_rows(const struct mimo_plan *plan,
                                 const struct mimo_plan_communication *record, uint32_t rank,
                                 const struct mimo_micro_step *micro_step);

/* In hop `hop` of a ring `rank` hands on what the member so many places before it had at first:
 * that rank, whose rows these are. */
uint32_t mimo_ring_holder(const struct mimo_plan *plan,
                          const struct mimo_plan_communication *record, uint32_t rank,
                          uint32_t hop);

/* Rows of the buffer of the record that the cursor has given last: of gradients those of one
 * bucket. */
uint64_t mimo_communications_rows(const struct mimo_communications *cursor,
                                  const struct mimo_plan_communication *record, uint32_t rank,
                                  const struct mimo_micro_step *micro_step);

/* Bytes of one element; `element` is an enum mimo_element. */
uint32_t mimo_element_bytes(uint32_t element);

#endif
