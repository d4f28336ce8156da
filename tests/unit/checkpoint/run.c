#include "run.h"

#include "fixture.h"

#include <string.h>

/* The last tensor is larger than the staging buffers; only the first file has it. */
static const struct mimo_tensor_info shapes[RUN_TENSORS] = {
    {"llm.weight", 2, false, {7, 5}},       {"llm.bias", 1, false, {13}},
    {"clip.patch", 4, false, {3, 4, 5, 2}}, {"llm.none", 2, false, {0, 4}},
    {"llm.large", 2, false, {1201, 1009}},
};
static const char *const file_names[RUN_FILES] = {"model.safetensors", "optimizer.safetensors"};

static uint32_t tensor_count(uint32_t file)
{
    return file == 0 ? RUN_TENSORS : RUN_TENSORS - 1;
}

static uint64_t element_count(const struct mimo_tensor_info *tensor, const uint64_t *extent)
{
    uint64_t count = 1;

    for (uint32_t i = 0; i < tensor->dimensions; i++)
        count *= extent[i];
    return count;
}

static uint64_t shard_count(const struct mimo_tensor_info *tensor,
                            const struct mimo_tensor_shard *shard)
{
    uint64_t extent[4];

    memcpy(extent, tensor->shape, sizeof extent);
    extent[shard->cut_dimension] = shard->end - shard->begin;
    return element_count(tensor, extent) - shard->skip_front - shard->skip_back;
}

static uint32_t parts_of(enum run_layout layout)
{
    return layout == RUN_PIECES ? 2 : 1;
}

static void cut(const struct mimo_tensor_info *tensor, enum run_layout layout,
                struct mimo_world_place place, uint32_t part, struct mimo_tensor_shard *shard)
{
    const bool is_cut = layout == RUN_ROWS || layout == RUN_COLUMNS;
    const bool has_columns = layout == RUN_COLUMNS || layout == RUN_PIECES;
    const uint64_t width = tensor->shape[has_columns ? tensor->dimensions - 1 : 0];
    const uint32_t piece = is_cut ? place.rank : part;
    const uint32_t pieces = is_cut ? place.size : parts_of(layout);

    shard->cut_dimension = has_columns ? tensor->dimensions - 1 : 0;
    shard->begin = width * piece / pieces;
    shard->end = width * (piece + 1) / pieces;
    shard->is_owner = layout != RUN_REPLICATED || shard->tensor % place.size == place.rank;
    if (layout == RUN_PIECES) {
        const uint64_t count = shard_count(tensor, shard);
        shard->skip_front = count * place.rank / place.size;
        shard->skip_back = count - count * (place.rank + 1) / place.size;
    }
}

void run_init(struct run *run, struct mimo_world *world, enum run_layout layout, bool is_f64)
{
    const struct mimo_world_place place = mimo_world_place(world);
    const uint32_t parts = parts_of(layout);

    *run = (struct run){.backend =
                            fixture_backend(is_f64 ? MIMO_PRECISION_FP64 : MIMO_PRECISION_FP32)};
    for (uint32_t i = 0; i < RUN_FILES; i++) {
        struct mimo_tensor_info *tensors =
            MIMO_NEW_ARRAY(&run->arena, struct mimo_tensor_info, RUN_TENSORS);
        struct mimo_tensor_shard *shards =
            MIMO_NEW_ARRAY(&run->arena, struct mimo_tensor_shard, RUN_SHARDS);

        for (uint32_t j = 0; j < RUN_TENSORS; j++) {
            tensors[j] = shapes[j];
            tensors[j].is_f64 = is_f64;
        }
        for (uint32_t j = 0; j < parts * RUN_TENSORS; j++) {
            const struct mimo_tensor_info *tensor = &tensors[j / parts];
            shards[j].tensor = j / parts;
            cut(tensor, layout, place, j % parts, &shards[j]);
            shards[j].data =
                mimo_arena_alloc(&run->arena, shard_count(tensor, &shards[j]) + 1, is_f64 ? 8 : 4);
        }
        run->files[i] = (struct mimo_tensor_file){file_names[i], tensors, tensor_count(i), shards,
                                                  parts * tensor_count(i)};
        if (layout == RUN_LAST && place.rank + 1 != place.size)
            run->files[i].shard_count = 0;
    }
}

void run_release(struct run *run)
{
    mimo_arena_release(&run->arena);
}

/* Element `at` of what a rank has of a shard, as an index into the whole tensor. */
static uint64_t global_index(const struct mimo_tensor_info *tensor,
                             const struct mimo_tensor_shard *shard, uint64_t at)
{
    uint64_t inner = 1, within, outer;
    const uint64_t width = shard->end - shard->begin;

    for (uint32_t i = shard->cut_dimension + 1; i < tensor->dimensions; i++)
        inner *= tensor->shape[i];
    within = (shard->skip_front + at) % (width * inner);
    outer = (shard->skip_front + at) / (width * inner);
    return (outer * tensor->shape[shard->cut_dimension] + shard->begin) * inner + within;
}

/* Exact in float32: below 2^24. */
static double value_of(uint32_t file, uint32_t tensor, uint64_t index, uint64_t version)
{
    return (double)(index + 1000 * (uint64_t)tensor + 100000 * (uint64_t)file + 3 * version);
}

static double get(const struct run *run, const struct mimo_tensor_shard *shard, uint64_t at)
{
    const size_t size = run->backend.element_size;
    double wide;
    float narrow;
    char bytes[8];

    run->backend.ops->download(NULL, bytes, (const char *)shard->data + at * size, size);
    memcpy(&wide, bytes, sizeof wide);
    memcpy(&narrow, bytes, sizeof narrow);
    return size == sizeof wide ? wide : (double)narrow;
}

static void set(const struct run *run, const struct mimo_tensor_shard *shard, uint64_t at,
                double value)
{
    const size_t size = run->backend.element_size;
    const float narrow = (float)value;
    const void *bytes = size == sizeof value ? (const void *)&value : (const void *)&narrow;

    run->backend.ops->upload(NULL, (char *)shard->data + at * size, bytes, size);
}

void run_fill(struct run *run, uint64_t version)
{
    run->state = (struct mimo_checkpoint_state){version, UINT64_MAX - version, 256, {1, 2, 254}};
    for (uint32_t i = 0; i < RUN_FILES; i++) {
        const struct mimo_tensor_file *file = &run->files[i];

        for (uint32_t j = 0; j < file->shard_count; j++) {
            const struct mimo_tensor_shard *shard = &file->shards[j];
            const struct mimo_tensor_info *tensor = &file->tensors[shard->tensor];

            for (uint64_t at = 0; at < shard_count(tensor, shard); at++)
                set(run, shard, at,
                    value_of(i, shard->tensor, global_index(tensor, shard, at), version));
        }
    }
}

uint64_t run_differences(const struct run *run, uint64_t version)
{
    uint64_t differences = 0;

    for (uint32_t i = 0; i < RUN_FILES; i++) {
        const struct mimo_tensor_file *file = &run->files[i];

        for (uint32_t j = 0; j < file->shard_count; j++) {
            const struct mimo_tensor_shard *shard = &file->shards[j];
            const struct mimo_tensor_info *tensor = &file->tensors[shard->tensor];

            for (uint64_t at = 0; at < shard_count(tensor, shard); at++)
                differences += get(run, shard, at) !=
                               value_of(i, shard->tensor, global_index(tensor, shard, at), version);
        }
    }
    return differences + (run->state.step != version) + (run->state.seed != UINT64_MAX - version) +
           (run->state.global_batch != 256) + (run->state.plan_digest[2] != 254);
}
