/*
 * state.h - the engine's parameters and moments as tensors in global coordinates: to checkpoints,
 * from checkpoints, and from Hugging Face folders.
 */
#ifndef MIMO_RUNTIME_TRAIN_STATE_H
#define MIMO_RUNTIME_TRAIN_STATE_H

#include "runtime/checkpoint/checkpoint.h"
#include "runtime/train/engine.h"

/* The path of a file that a plan names, against `root` unless absolute. In `arena`. */
const char *mimo_resolve_path(struct mimo_arena *arena, const char *root, const char *path);

/* Saves the state after `steps_done` steps in the plan's directory. Collective. */
enum mimo_status mimo_state_save(struct mimo_engine *engine, const char *root, uint64_t steps_done,
                                 struct mimo_error *err);

/* Loads the checkpoint at `path`: parameters, and moments where the engine trains. *out_is_corrupt
 * as for mimo_checkpoint_load. Collective. */
enum mimo_status mimo_state_load(struct mimo_engine *engine, const char *path,
                                 uint64_t *out_steps_done, bool *out_is_corrupt,
                                 struct mimo_error *err);

/* Reads the weights that the plan names (a module's, a projector's or the model's folder) over the
 * initial values. Not collective: the caller agrees on the result. */
enum mimo_status mimo_state_import(struct mimo_engine *engine, const char *root,
                                   struct mimo_error *err);

#endif
