/*
 * folder.h - the checkpoints of one directory: their names, which are good, which have to go.
 *
 * A finished checkpoint is a folder step-NNNNNNNN. Names that begin with ".step-" are leftovers of
 * work in progress: .partial (being written), .replaced and .pruned (being deleted). Only one rank
 * calls these functions. Failures are MIMO_E_CHECKPOINT.
 */
#ifndef MIMO_RUNTIME_CHECKPOINT_FOLDER_H
#define MIMO_RUNTIME_CHECKPOINT_FOLDER_H

#include "plan/arena.h"
#include "runtime/checkpoint/manifest.h"

#include <stdbool.h>

/* "DIRECTORY/step-00000500", and beside it "DIRECTORY/.step-00000500.SUFFIX". */
const char *mimo_folder_path(struct mimo_arena *arena, const char *directory, uint64_t step);
const char *mimo_folder_work_path(struct mimo_arena *arena, const char *directory, uint64_t step,
                                  const char *suffix);

/* The steps of all checkpoints in `directory`, newest first, good or not; none where there is no
 * such directory. */
enum mimo_status mimo_folder_steps(struct mimo_arena *arena, const char *directory,
                                   const uint64_t **out_steps, size_t *out_count,
                                   struct mimo_error *err);

/* MIMO_OK where the folder holds a good manifest of that step and all its files in full size. */
enum mimo_status mimo_folder_check(const char *directory, uint64_t step, struct mimo_error *err);

/* Deletes all leftovers. */
enum mimo_status mimo_folder_clean(const char *directory, struct mimo_error *err);

/* Gives the complete folder mimo_folder_work_path(step, "partial") its final name, durably. One
 * that has that name already is replaced. */
enum mimo_status mimo_folder_publish(const char *directory, uint64_t step, struct mimo_error *err);

/* Deletes the checkpoints older than the newest `keep` good ones among those up to `step`, which is
 * good and always stays. `keep` is 1 or more. */
enum mimo_status mimo_folder_prune(const char *directory, uint64_t step, uint64_t keep,
                                   struct mimo_error *err);

#endif
