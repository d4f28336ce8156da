/*
 * ranks_parts.h - the parts of mimo_prove_ranks(); nobody else includes it.
 */
#ifndef MIMO_COMPILER_PROOF_RANKS_PARTS_H
#define MIMO_COMPILER_PROOF_RANKS_PARTS_H

#include "compiler/proof/ranks.h"

struct mimo_prover {
    const struct mimo_plan *plan;
    struct mimo_arena *arena;
    bool *is_used; /* of each record of COMM: asked for by what is computed */
    const char *reason;
};

/* Keeps the first reason; returns false. */
bool mimo_refuse(struct mimo_prover *prover, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

bool mimo_prove_groups(struct mimo_prover *prover);
bool mimo_prove_transfers(struct mimo_prover *prover);
bool mimo_prove_stages(struct mimo_prover *prover);
bool mimo_prove_gradients(struct mimo_prover *prover);

/* Of one pipeline rank of a module. */
bool mimo_prove_buckets(struct mimo_prover *prover, uint32_t module, uint32_t pp);

/* The records of one list that are yet to be asked for, in order. */
struct mimo_asker {
    struct mimo_prover *prover;
    const struct mimo_plan_module *module;
    uint32_t at, end;
    struct mimo_plan_communication next; /* what the records of the list have in common */
};

/* Begins the list of that opcode, module (or MIMO_NONE) and stage. */
void mimo_asker_begin(struct mimo_asker *asker, struct mimo_prover *prover, enum mimo_opcode opcode,
                      uint32_t module, uint32_t stage);

/* The same for the end of an edge. */
void mimo_asker_begin_edge(struct mimo_asker *asker, struct mimo_prover *prover,
                           enum mimo_opcode opcode, uint32_t edge, uint32_t direction);

/* The next record must be asker->next with these fields, unless the group has one rank: then there
 * is nothing to do. */
void mimo_ask(struct mimo_asker *asker, enum mimo_operation operation, uint32_t group,
              enum mimo_content content, enum mimo_row_unit rows, uint64_t columns);

/* The types of what is computed with, and of sums over many rows. */
enum mimo_element mimo_prover_element(const struct mimo_prover *prover, bool is_wide);

#endif
