/*
 * engine_parts.h - what the files of the interpreter share: interpreter.c, transfers.c, note.c.
 */
#ifndef MIMO_RUNTIME_TRAIN_ENGINE_PARTS_H
#define MIMO_RUNTIME_TRAIN_ENGINE_PARTS_H

#include "runtime/train/engine.h"

/* The copy of a buffer that a micro-step uses. */
static inline void *mimo_slotted_data(const struct mimo_slotted *slotted, uint32_t micro_step)
{
    return slotted->data[slotted->slots.of[micro_step]];
}

/* The same, to be filled: an exchange may still be reading what was sent from it last. */
enum mimo_status mimo_engine_fill(struct mimo_engine *engine, const struct mimo_slotted *slotted,
                                  uint32_t micro_step, void **out_data, struct mimo_error *err);

/* Everything that this rank sends has been read, whatever the backend does next. */
enum mimo_status mimo_engine_settle(struct mimo_engine *engine, struct mimo_error *err);

/* Carries out SEND, RECEIVE and EXCHANGE. */
enum mimo_status mimo_engine_transfer(struct mimo_engine *engine,
                                      const struct mimo_plan_instruction *instruction,
                                      struct mimo_error *err);

/* The name of a stage: that of its module, with a number where there are several ("llm.1"). */
void mimo_name_stage(const struct mimo_plan *plan, char *text, size_t size, uint32_t module,
                     uint32_t stage);

/* Notes for the watchdog which instruction this rank stands at. */
void mimo_engine_note(struct mimo_engine *engine, const struct mimo_plan_instruction *instruction);

#endif
