/*
 * manifest.h - manifest.json, which says what a checkpoint folder must hold.
 *
 * JSON with sorted keys:
 *     { "format": 1, "step": 500, "seed": "1234", "global_batch": 256, "plan_digest": "32 hex
 * digits", "files": [ { "name": "model.safetensors", "bytes": 4096, "tensors": [ { "name": ...,
 * "dtype": "F32", "shape": [..], "checksum": "16 hex" } ] } ], "checksum": "16 hex digits" }
 * Checksums are XXH3-64: of a tensor's bytes in the file, and of the manifest itself as compact
 * JSON with sorted keys and without "checksum". The seed is a text because JSON readers round large
 * numbers.
 */
#ifndef MIMO_RUNTIME_CHECKPOINT_MANIFEST_H
#define MIMO_RUNTIME_CHECKPOINT_MANIFEST_H

#include "plan/arena.h"
#include "runtime/checkpoint/checkpoint.h"

struct mimo_manifest_file {
    const char *name;
    uint64_t bytes;
    const struct mimo_tensor_info *tensors;
    const uint64_t *checksums; /* of each tensor */
    uint32_t tensor_count;
};

struct mimo_manifest {
    struct mimo_checkpoint_state state;
    const struct mimo_manifest_file *files;
    uint32_t file_count;
};

/* Writes the new file `path` and syncs it. MIMO_E_CHECKPOINT. */
enum mimo_status mimo_manifest_write(const struct mimo_manifest *manifest, const char *path,
                                     struct mimo_error *err);

/* Reads and checks `path`; everything belongs to `arena`. The file is untrusted: MIMO_E_CHECKPOINT,
 * naming it, where it cannot be read, was altered, or does not have the form above. File names are
 * plain names (no folder in them). */
enum mimo_status mimo_manifest_read(struct mimo_arena *arena, const char *path,
                                    struct mimo_manifest *out_manifest, struct mimo_error *err);

#endif
