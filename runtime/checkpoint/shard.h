/*
 * shard.h - where a part of a tensor lies in a file, and the way between it and a backend's memory.
 *
 * A part that is cut in one dimension lies in the file as runs of equal length at equal distance;
 * in the backend's memory it is dense, and may lack elements at its front and back. Data moves
 * through two host buffers of bounded size.
 */
#ifndef MIMO_RUNTIME_CHECKPOINT_SHARD_H
#define MIMO_RUNTIME_CHECKPOINT_SHARD_H

#include "runtime/checkpoint/checkpoint.h"
#include "runtime/checkpoint/disk.h"

/* Offsets and sizes in bytes. With k = skipped_bytes + m, byte m of the part is byte begin +
 * k / run_bytes * stride_bytes + k % run_bytes of the file. */
struct mimo_shard_map {
    uint64_t begin;
    uint64_t run_bytes, stride_bytes;
    uint64_t skipped_bytes;
    uint64_t bytes; /* of the part; may be 0 */
    bool is_bf16;   /* the file's float32 are bfloat16 in the backend's memory */
};

/* The map of a shard of a tensor of this shape (1 or more dimensions) whose data begins at byte
 * `at` of the file. Fused runs (a cut in dimension 0, or none) are one run. */
struct mimo_shard_map mimo_shard_map(uint64_t at, const uint64_t *shape, uint32_t dimensions,
                                     uint64_t element_bytes, const struct mimo_tensor_shard *shard);

/* Bytes `from` ... from + size - 1 of the part, in the file. */
enum mimo_status mimo_shard_read(const struct mimo_disk_file *file,
                                 const struct mimo_shard_map *map, uint64_t from, void *bytes,
                                 size_t size, struct mimo_error *err);
enum mimo_status mimo_shard_write(const struct mimo_disk_file *file,
                                  const struct mimo_shard_map *map, uint64_t from,
                                  const void *bytes, size_t size, struct mimo_error *err);

enum { MIMO_STAGING_BYTES = 4 << 20 };

/* Two host buffers of MIMO_STAGING_BYTES each, and the backend that they serve. */
struct mimo_staging {
    struct mimo_backend *backend;
    char *first, *second;
};

void mimo_staging_init(struct mimo_staging *staging, struct mimo_backend *backend);
void mimo_staging_release(struct mimo_staging *staging);

/* The whole part, from the backend's memory to the file and back, where bfloat16 is rounded to. */
enum mimo_status mimo_shard_store(const struct mimo_staging *staging,
                                  const struct mimo_disk_file *file,
                                  const struct mimo_shard_map *map, const void *data,
                                  struct mimo_error *err);
enum mimo_status mimo_shard_fetch(const struct mimo_staging *staging,
                                  const struct mimo_disk_file *file,
                                  const struct mimo_shard_map *map, void *data,
                                  struct mimo_error *err);

/* Reads the part back and compares it with the backend's memory; fails with the file's status where
 * they differ, naming file and byte. */
enum mimo_status mimo_shard_compare(const struct mimo_staging *staging,
                                    const struct mimo_disk_file *file,
                                    const struct mimo_shard_map *map, const void *data,
                                    struct mimo_error *err);

/* XXH3-64 of `bytes` bytes at `begin` of the file. */
enum mimo_status mimo_shard_checksum(const struct mimo_staging *staging,
                                     const struct mimo_disk_file *file, uint64_t begin,
                                     uint64_t bytes, uint64_t *out_checksum,
                                     struct mimo_error *err);

#endif
