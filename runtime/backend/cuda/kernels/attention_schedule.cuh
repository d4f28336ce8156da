/*
 * attention_schedule.cuh - which tile of which head a block of attention works on, and in what
 * order.
 */
#ifndef MIMO_RUNTIME_BACKEND_CUDA_KERNELS_ATTENTION_SCHEDULE_CUH
#define MIMO_RUNTIME_BACKEND_CUDA_KERNELS_ATTENTION_SCHEDULE_CUH

#include "runtime/backend/cuda/kernels/kernels.cuh"

/* Each of `heads` heads (or groups) has `tiles` tiles, and a block for each. Heads of all sequences
 * are numbered through, those of this launch from `first_head` on, and taken in sections: as many
 * as read so little over and over that it stays in the second level of cache. Blocks of a section
 * start with the first tile of every head. Kernels number tiles so that the first have the most to
 * do under a causal mask; the short ones then fill the gaps at the end. */
struct attention_schedule {
    int64_t first_head;
    uint32_t heads, tiles, section, heads_per_sequence;
};

struct attention_place {
    int sequence, head, tile;
};

static __device__ __forceinline__ struct attention_place
attention_place_of(const struct attention_schedule &schedule, uint32_t block)
{
    const uint32_t blocks = schedule.section * schedule.tiles; /* of a whole section */
    const uint32_t begin = block / blocks * schedule.section, rest = block % blocks;
    const uint32_t width = min(schedule.section, schedule.heads - begin);
    const int64_t head = schedule.first_head + begin + rest % width;
    struct attention_place place;
    place.sequence = (int)(head / schedule.heads_per_sequence);
    place.head = (int)(head % schedule.heads_per_sequence);
    place.tile = (int)(rest / width);
    return place;
}

/* -- the host's side -------------------------------------------------------------------------- */

/* What the heads of a section read over and over: a part of the second level of cache (40 MB on an
 * A100, 50 MB on an H100) that leaves room for what passes through. */
constexpr int64_t SECTION_BYTES = 16 << 20;

/* `heads` and `tiles` are those of a sequence and of a head; each block of a head reads the same
 * streamed_bytes. */
struct attention_work {
    int64_t sequences, heads, tiles, streamed_bytes;
};

struct attention_block {
    int threads, splits; /* blocks that share a tile */
    size_t shared_bytes;
};

/* In as many launches as the grid's limit demands. */
template <typename C>
static void attention_launch(struct mimo_backend *be, const char *operation,
                             void (*kernel)(C, attention_schedule), const C &call,
                             const struct attention_work &work, const struct attention_block &form)
{
    const int64_t heads = work.sequences * work.heads, grid_max = INT32_MAX;
    const int64_t blocks = work.tiles * form.splits; /* of a head */
    if (heads == 0 || blocks == 0 ||
        !mimo_cuda_check(mimo_cuda_of(be),
                         cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                              (int)form.shared_bytes),
                         operation))
        return;
    for (int64_t first = 0; first < heads; first += grid_max / blocks) {
        const int64_t count = min(heads - first, grid_max / blocks);
        const int64_t section = SECTION_BYTES / max(work.streamed_bytes, (int64_t)1);
        struct attention_schedule schedule;
        schedule.first_head = first;
        schedule.heads = (uint32_t)count;
        schedule.tiles = (uint32_t)work.tiles;
        schedule.section = (uint32_t)min(max(section, (int64_t)1), count);
        schedule.heads_per_sequence = (uint32_t)work.heads;
        launch(be, operation, dim3((unsigned)(count * blocks)), dim3((unsigned)form.threads),
               form.shared_bytes, kernel, call, schedule);
    }
}

#endif
