/*
 * checkpoint.h - saving and loading the state of training, in global coordinates.
 *
 * A checkpoint is a folder step-00000500 in the plan's directory: model.safetensors (all parameters
 * by global name), optimizer.safetensors (both moments of the trainable ones), manifest.json (step,
 * files, tensors with shape, type and XXH3-64 checksum). Nothing in it speaks of ranks, so any
 * layout loads what any other saved. It is written to a folder beside it, synced, read back,
 * verified and renamed; the newest good one is found by its manifest. All ranks must see the same
 * file system.
 */
#ifndef MIMO_RUNTIME_CHECKPOINT_CHECKPOINT_H
#define MIMO_RUNTIME_CHECKPOINT_CHECKPOINT_H

#include "runtime/backend/backend.h"
#include "runtime/world/world.h"

/* One tensor of a file as a whole: the same list on all ranks, in the same order. */
struct mimo_tensor_info {
    const char *name;
    uint32_t dimensions;
    bool is_f64; /* else float32 */
    uint64_t shape[4];
};

/* A part of tensor `tensor` (an index into that list) that this rank holds: elements begin ...
 * end - 1 of dimension `cut_dimension`, all of the others; densely packed in the backend's memory.
 * Others may hold the first and the last elements of that, counted in this order: `data` is where
 * the rest is. A rank may hold a part twice, as float32
 * and as bfloat16. */
struct mimo_tensor_shard {
    uint32_t tensor;
    uint32_t cut_dimension;
    uint64_t begin, end;
    uint64_t skip_front, skip_back;
    void *data;
    bool is_bf16;  /* in memory; the tensor is float32 all the same */
    bool is_owner; /* this rank writes it; each element of a tensor has one owner in the world */
};

struct mimo_tensor_file {
    const char *file_name; /* "model.safetensors" */
    const struct mimo_tensor_info *tensors;
    uint32_t tensor_count;
    const struct mimo_tensor_shard *shards; /* of this rank, ascending by tensor */
    uint32_t shard_count;
};

/* Facts of the run that are stored in the manifest and checked when loading. */
struct mimo_checkpoint_state {
    uint64_t step; /* optimizer steps done: training continues with the next */
    uint64_t seed;
    uint64_t global_batch;
    uint8_t plan_digest[16]; /* informative: another layout may load it */
};

/*
 * Writes a checkpoint with the given files and, once it is complete, deletes the oldest ones beyond
 * `keep` (0: none). `directory` is created if need be. MIMO_E_CHECKPOINT, and nothing left behind,
 * if anything fails on any rank. Collective.
 */
enum mimo_status mimo_checkpoint_save(struct mimo_world *world, struct mimo_backend *backend,
                                      const char *directory, uint64_t keep,
                                      const struct mimo_checkpoint_state *state,
                                      const struct mimo_tensor_file *files, uint32_t file_count,
                                      struct mimo_error *err);

/*
 * Finds the newest complete checkpoint of a step below `below` in `directory` whose manifest is
 * good and whose files have the stated sizes; *out_path (caller frees) is NULL where there is none.
 * Broken ones are passed over, with a warning text in *out_warning (caller frees; NULL: none).
 * Collective; all ranks get the same answer.
 */
enum mimo_status mimo_checkpoint_find(struct mimo_world *world, const char *directory,
                                      uint64_t below, char **out_path, char **out_warning,
                                      struct mimo_error *err);

/*
 * Loads this rank's shards of `files` from the checkpoint folder `path`. Every tensor must be there
 * with the same shape and type, and its checksum must hold (each rank verifies some, all agree).
 * MIMO_E_CHECKPOINT otherwise, naming file and tensor, and *out_is_corrupt tells whether the folder
 * is damaged (then an older one may be good) or belongs to another model. Collective.
 */
enum mimo_status mimo_checkpoint_load(struct mimo_world *world, struct mimo_backend *backend,
                                      const char *path, struct mimo_checkpoint_state *out_state,
                                      const struct mimo_tensor_file *files, uint32_t file_count,
                                      bool *out_is_corrupt, struct mimo_error *err);

#endif
