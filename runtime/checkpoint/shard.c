#define XXH_INLINE_ALL
#include "runtime/checkpoint/shard.h"

#include "runtime/checkpoint/convert.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static uint64_t product(const uint64_t *shape, uint32_t begin, uint32_t end)
{
    uint64_t elements = 1;

    for (uint32_t i = begin; i < end; i++)
        MIMO_ASSERT(!__builtin_mul_overflow(elements, shape[i], &elements));
    return elements;
}

struct mimo_shard_map mimo_shard_map(uint64_t at, const uint64_t *shape, uint32_t dimensions,
                                     uint64_t element_bytes, const struct mimo_tensor_shard *shard)
{
    const uint32_t cut = shard->cut_dimension;
    const uint64_t front = shard->skip_front * element_bytes;
    const uint64_t back = shard->skip_back * element_bytes;
    uint64_t outer, inner;
    struct mimo_shard_map map;

    MIMO_ASSERT(cut < dimensions && shard->begin <= shard->end && shard->end <= shape[cut]);
    outer = product(shape, 0, cut);
    inner = product(shape, cut + 1, dimensions) * element_bytes;
    map.begin = at + shard->begin * inner;
    map.run_bytes = (shard->end - shard->begin) * inner;
    map.stride_bytes = shape[cut] * inner;
    map.bytes = outer * map.run_bytes;
    if (map.run_bytes == map.stride_bytes)
        map.run_bytes = map.stride_bytes = map.bytes;
    MIMO_ASSERT(front <= map.bytes && back <= map.bytes - front);
    map.skipped_bytes = front;
    map.bytes -= front + back;
    map.is_bf16 = shard->is_bf16;
    return map;
}

/* Where byte `from` of the part lies; *size is cut to what lies behind it in the same run. */
static uint64_t locate(const struct mimo_shard_map *map, uint64_t from, size_t *size)
{
    const uint64_t at = map->skipped_bytes + from;
    const uint64_t within = at % map->run_bytes;

    if (*size > map->run_bytes - within)
        *size = (size_t)(map->run_bytes - within);
    return map->begin + at / map->run_bytes * map->stride_bytes + within;
}

enum mimo_status mimo_shard_read(const struct mimo_disk_file *file,
                                 const struct mimo_shard_map *map, uint64_t from, void *bytes,
                                 size_t size, struct mimo_error *err)
{
    char *to = bytes;

    for (size_t done = 0, count = size; done < size; done += count, count = size - done) {
        const uint64_t offset = locate(map, from + done, &count);

        MIMO_TRY(mimo_disk_read(file, offset, to + done, count, err));
    }
    return MIMO_OK;
}

enum mimo_status mimo_shard_write(const struct mimo_disk_file *file,
                                  const struct mimo_shard_map *map, uint64_t from,
                                  const void *bytes, size_t size, struct mimo_error *err)
{
    const char *source = bytes;

    for (size_t done = 0, count = size; done < size; done += count, count = size - done) {
        const uint64_t offset = locate(map, from + done, &count);

        MIMO_TRY(mimo_disk_write(file, offset, source + done, count, err));
    }
    return MIMO_OK;
}

void mimo_staging_init(struct mimo_staging *staging, struct mimo_backend *backend)
{
    staging->backend = backend;
    staging->first = malloc(MIMO_STAGING_BYTES);
    staging->second = malloc(MIMO_STAGING_BYTES);
    MIMO_ASSERT(staging->first != NULL && staging->second != NULL);
}

void mimo_staging_release(struct mimo_staging *staging)
{
    free(staging->first);
    free(staging->second);
}

/* The size of the piece at byte `from` of `bytes` bytes. */
static size_t piece(uint64_t from, uint64_t bytes, size_t most)
{
    return bytes - from < most ? (size_t)(bytes - from) : most;
}

/* Bytes `at` ... of the part as they are in the file, from the backend's memory to `to`; `room` has
 * half as many. */
static void take(const struct mimo_staging *staging, const struct mimo_shard_map *map, uint64_t at,
                 const void *data, char *to, char *room, size_t size)
{
    struct mimo_backend *be = staging->backend;
    const char *from = data;

    if (!map->is_bf16) {
        be->ops->download(be, to, from + at, size);
        return;
    }
    be->ops->download(be, room, from + at / 2, size / 2);
    mimo_convert_elements(to, MIMO_SAFETENSORS_F32, room, MIMO_SAFETENSORS_BF16, size / 4);
}

/* The reverse: staging->first, as it is in the file, becomes that part of the backend's memory. */
static void put(const struct mimo_staging *staging, const struct mimo_shard_map *map, uint64_t at,
                void *data, size_t size)
{
    struct mimo_backend *be = staging->backend;
    char *to = data;

    if (!map->is_bf16) {
        be->ops->upload(be, to + at, staging->first, size);
        return;
    }
    mimo_convert_elements(staging->second, MIMO_SAFETENSORS_BF16, staging->first,
                          MIMO_SAFETENSORS_F32, size / 4);
    be->ops->upload(be, to + at / 2, staging->second, size / 2);
}

enum mimo_status mimo_shard_store(const struct mimo_staging *staging,
                                  const struct mimo_disk_file *file,
                                  const struct mimo_shard_map *map, const void *data,
                                  struct mimo_error *err)
{
    for (uint64_t at = 0; at < map->bytes; at += MIMO_STAGING_BYTES) {
        const size_t size = piece(at, map->bytes, MIMO_STAGING_BYTES);

        take(staging, map, at, data, staging->first, staging->second, size);
        MIMO_TRY(mimo_shard_write(file, map, at, staging->first, size, err));
    }
    return MIMO_OK;
}

enum mimo_status mimo_shard_fetch(const struct mimo_staging *staging,
                                  const struct mimo_disk_file *file,
                                  const struct mimo_shard_map *map, void *data,
                                  struct mimo_error *err)
{
    for (uint64_t at = 0; at < map->bytes; at += MIMO_STAGING_BYTES) {
        const size_t size = piece(at, map->bytes, MIMO_STAGING_BYTES);

        MIMO_TRY(mimo_shard_read(file, map, at, staging->first, size, err));
        put(staging, map, at, data, size);
    }
    return MIMO_OK;
}

enum mimo_status mimo_shard_compare(const struct mimo_staging *staging,
                                    const struct mimo_disk_file *file,
                                    const struct mimo_shard_map *map, const void *data,
                                    struct mimo_error *err)
{
    enum { HALF = MIMO_STAGING_BYTES / 2 };

    for (uint64_t at = 0; at < map->bytes; at += HALF) {
        const size_t size = piece(at, map->bytes, HALF);
        size_t rest = size;

        MIMO_TRY(mimo_shard_read(file, map, at, staging->first, size, err));
        take(staging, map, at, data, staging->second, staging->first + HALF, size);
        if (memcmp(staging->first, staging->second, size) != 0)
            return mimo_error_set(err, file->failure,
                                  "%s differs from what was written, at or after byte %" PRIu64,
                                  file->path, locate(map, at, &rest));
    }
    return MIMO_OK;
}

enum mimo_status mimo_shard_checksum(const struct mimo_staging *staging,
                                     const struct mimo_disk_file *file, uint64_t begin,
                                     uint64_t bytes, uint64_t *out_checksum, struct mimo_error *err)
{
    XXH3_state_t state;

    (void)XXH3_64bits_reset(&state);
    for (uint64_t at = 0; at < bytes; at += MIMO_STAGING_BYTES) {
        const size_t size = piece(at, bytes, MIMO_STAGING_BYTES);

        MIMO_TRY(mimo_disk_read(file, begin + at, staging->first, size, err));
        (void)XXH3_64bits_update(&state, staging->first, size);
    }
    *out_checksum = XXH3_64bits_digest(&state);
    return MIMO_OK;
}
