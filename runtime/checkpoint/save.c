/*
 * Saving. The ranks agree after each phase, so that either all go on or all give up:
 *   1. rank 0 makes the partial folder and its files, in full size, with their headers;
 *   2. each rank writes the shards that it owns, syncs, reads them back and compares;
 *   3. the tensors are dealt out, and each is read once as a whole for its checksum;
 *   4. rank 0 writes the manifest and gives the folder its name.
 */
#define XXH_INLINE_ALL
#include "runtime/checkpoint/checkpoint.h"
#include "runtime/checkpoint/disk.h"
#include "runtime/checkpoint/folder.h"
#include "runtime/checkpoint/manifest.h"
#include "runtime/checkpoint/safetensors.h"
#include "runtime/checkpoint/shard.h"

#include <inttypes.h>
#include <string.h>
#include <xxhash.h>

struct save {
    struct mimo_world *world;
    const char *directory;
    const struct mimo_checkpoint_state *state;
    const struct mimo_tensor_file *files;
    uint32_t file_count;
    struct mimo_world_place place;
    struct mimo_arena arena;
    struct mimo_staging staging;
    const char *folder;                      /* the partial one */
    struct mimo_safetensors_layout *layouts; /* of each file */
    size_t *firsts; /* files[i]'s tensors are firsts[i] ... firsts[i + 1] - 1 of all */
};

static size_t tensor_total(const struct save *save)
{
    return save->firsts[save->file_count];
}

static const char *file_path(struct save *save, const char *name)
{
    return mimo_arena_printf(&save->arena, "%s/%s", save->folder, name);
}

static enum mimo_status agree(struct save *save, struct mimo_error *err)
{
    bool is_speaker;

    return mimo_world_agree(save->world, err, &is_speaker);
}

/* -- before anything is written --------------------------------------------------------------- */

static enum mimo_status lay_out(struct save *save, struct mimo_error *err)
{
    save->layouts = MIMO_NEW_ARRAY(&save->arena, struct mimo_safetensors_layout, save->file_count);
    save->firsts = MIMO_NEW_ARRAY(&save->arena, size_t, (size_t)save->file_count + 1);
    save->folder =
        mimo_folder_work_path(&save->arena, save->directory, save->state->step, "partial");
    for (uint32_t i = 0; i < save->file_count; i++) {
        const struct mimo_tensor_file *file = &save->files[i];

        save->firsts[i + 1] = save->firsts[i] + file->tensor_count;
        MIMO_TRY(mimo_safetensors_lay_out(&save->arena, file->tensors, file->tensor_count,
                                          &save->layouts[i], err));
    }
    return MIMO_OK;
}

/* All ranks must write into the same layout. */
static enum mimo_status compare_layouts(struct save *save, struct mimo_error *err)
{
    XXH3_state_t state;
    uint64_t digest;

    (void)XXH3_64bits_reset(&state);
    (void)XXH3_64bits_update(&state, save->state, sizeof *save->state);
    for (uint32_t i = 0; i < save->file_count; i++)
        (void)XXH3_64bits_update(&state, save->layouts[i].head, save->layouts[i].head_bytes);
    digest = XXH3_64bits_digest(&state);
    return mimo_world_same(save->world, &digest, sizeof digest, "the checkpoint's tensors", err);
}

/* Adds the elements of this rank's owned shards to counts[]. */
static void count_owned(const struct save *save, uint64_t *counts)
{
    for (uint32_t i = 0; i < save->file_count; i++) {
        const struct mimo_tensor_file *file = &save->files[i];

        for (uint32_t j = 0; j < file->shard_count; j++) {
            const struct mimo_tensor_shard *shard = &file->shards[j];
            const struct mimo_tensor_info *tensor = &file->tensors[shard->tensor];

            if (shard->is_owner)
                counts[save->firsts[i] + shard->tensor] +=
                    mimo_shard_map(0, tensor->shape, tensor->dimensions, 1, shard).bytes;
        }
    }
}

static uint64_t element_count(const struct mimo_tensor_info *tensor)
{
    uint64_t count = 1;

    for (uint32_t i = 0; i < tensor->dimensions; i++)
        count *= tensor->shape[i]; /* checked when the file was laid out */
    return count;
}

/* A part of a tensor that nobody writes would be zeros in a file that looks complete. */
static enum mimo_status check_owners(struct save *save, struct mimo_error *err)
{
    uint64_t *counts = MIMO_NEW_ARRAY(&save->arena, uint64_t, tensor_total(save) + 1);

    count_owned(save, counts);
    MIMO_TRY(mimo_world_sum_u64(save->world, counts, tensor_total(save), err));
    for (uint32_t i = 0; i < save->file_count; i++) {
        for (uint32_t j = 0; j < save->files[i].tensor_count; j++) {
            const struct mimo_tensor_info *tensor = &save->files[i].tensors[j];

            if (counts[save->firsts[i] + j] != element_count(tensor))
                return mimo_error_set(err, MIMO_E_CHECKPOINT,
                                      "%s: %" PRIu64 " of %" PRIu64
                                      " elements of tensor %s have an owner",
                                      save->files[i].file_name, counts[save->firsts[i] + j],
                                      element_count(tensor), tensor->name);
        }
    }
    return MIMO_OK;
}

/* -- the files -------------------------------------------------------------------------------- */

static enum mimo_status create_file(struct save *save, uint32_t index, struct mimo_error *err)
{
    const struct mimo_safetensors_layout *layout = &save->layouts[index];
    const char *path = file_path(save, save->files[index].file_name);
    struct mimo_disk_file file = {.descriptor = -1};
    enum mimo_status status;

    status = mimo_disk_create(&file, path, layout->bytes, err);
    if (status == MIMO_OK)
        status = mimo_disk_write(&file, 0, layout->head, layout->head_bytes, err);
    if (status == MIMO_OK)
        status = mimo_disk_sync(&file, err);
    mimo_disk_close(&file);
    return status;
}

static enum mimo_status create_files(struct save *save, struct mimo_error *err)
{
    MIMO_TRY(mimo_disk_make_folders(save->directory, err));
    MIMO_TRY(mimo_folder_clean(save->directory, err));
    MIMO_TRY(mimo_disk_make_folders(save->folder, err));
    for (uint32_t i = 0; i < save->file_count; i++)
        MIMO_TRY(create_file(save, i, err));
    return MIMO_OK;
}

typedef enum mimo_status shard_function(const struct mimo_staging *staging,
                                        const struct mimo_disk_file *file,
                                        const struct mimo_shard_map *map, const void *data,
                                        struct mimo_error *err);

/* Calls `function` for each shard of one file that this rank owns. */
static enum mimo_status for_owned(struct save *save, uint32_t index,
                                  const struct mimo_disk_file *on_disk, shard_function *function,
                                  const char *note, struct mimo_error *err)
{
    const struct mimo_tensor_file *file = &save->files[index];

    for (uint32_t i = 0; i < file->shard_count; i++) {
        const struct mimo_tensor_shard *shard = &file->shards[i];
        const struct mimo_tensor_info *tensor = &file->tensors[shard->tensor];
        const struct mimo_shard_map map =
            mimo_shard_map(save->layouts[index].begins[shard->tensor], tensor->shape,
                           tensor->dimensions, tensor->is_f64 ? 8 : 4, shard);

        if (!shard->is_owner)
            continue;
        mimo_world_note(save->world, note);
        MIMO_TRY(function(&save->staging, on_disk, &map, shard->data, err));
    }
    return MIMO_OK;
}

static enum mimo_status write_file(struct save *save, uint32_t index, struct mimo_error *err)
{
    const char *path = file_path(save, save->files[index].file_name);
    struct mimo_disk_file file = {.descriptor = -1};
    enum mimo_status status;

    status = mimo_disk_open(&file, path, true, MIMO_E_CHECKPOINT, err);
    if (status == MIMO_OK)
        status = for_owned(save, index, &file, mimo_shard_store, "checkpoint: write", err);
    if (status == MIMO_OK)
        status = mimo_disk_sync(&file, err);
    if (status == MIMO_OK)
        status = for_owned(save, index, &file, mimo_shard_compare, "checkpoint: read back", err);
    mimo_disk_close(&file);
    return status;
}

static enum mimo_status write_files(struct save *save, struct mimo_error *err)
{
    for (uint32_t i = 0; i < save->file_count; i++)
        MIMO_TRY(write_file(save, i, err));
    return MIMO_OK;
}

/* -- checksums and the manifest --------------------------------------------------------------- */

static enum mimo_status checksum_tensors(struct save *save, uint32_t index,
                                         const struct mimo_disk_file *file, uint64_t *checksums,
                                         struct mimo_error *err)
{
    const struct mimo_safetensors_layout *layout = &save->layouts[index];
    const uint32_t count = save->files[index].tensor_count;

    for (uint32_t i = 0; i < count; i++) {
        const uint64_t end = i + 1 < count ? layout->begins[i + 1] : layout->bytes;
        const size_t at = save->firsts[index] + i;

        if (at % save->place.size != save->place.rank)
            continue;
        mimo_world_note(save->world, "checkpoint: checksums");
        MIMO_TRY(mimo_shard_checksum(&save->staging, file, layout->begins[i],
                                     end - layout->begins[i], &checksums[at], err));
    }
    return MIMO_OK;
}

/* Checksums of the tensors that fall to this rank; 0 stays for the others. */
static enum mimo_status checksum_files(struct save *save, uint64_t *checksums,
                                       struct mimo_error *err)
{
    for (uint32_t i = 0; i < save->file_count; i++) {
        const char *path = file_path(save, save->files[i].file_name);
        struct mimo_disk_file file = {.descriptor = -1};
        enum mimo_status status;

        status = mimo_disk_open(&file, path, false, MIMO_E_CHECKPOINT, err);
        if (status == MIMO_OK)
            status = checksum_tensors(save, i, &file, checksums, err);
        mimo_disk_close(&file);
        MIMO_TRY(status);
    }
    return MIMO_OK;
}

static enum mimo_status finish(struct save *save, const uint64_t *checksums, struct mimo_error *err)
{
    struct mimo_manifest_file *files =
        MIMO_NEW_ARRAY(&save->arena, struct mimo_manifest_file, save->file_count);
    const struct mimo_manifest manifest = {*save->state, files, save->file_count};

    for (uint32_t i = 0; i < save->file_count; i++)
        files[i] = (struct mimo_manifest_file){
            .name = save->files[i].file_name,
            .bytes = save->layouts[i].bytes,
            .tensors = save->files[i].tensors,
            .checksums = checksums + save->firsts[i],
            .tensor_count = save->files[i].tensor_count,
        };
    MIMO_TRY(mimo_manifest_write(&manifest, file_path(save, "manifest.json"), err));
    return mimo_folder_publish(save->directory, save->state->step, err);
}

/* -- the phases ------------------------------------------------------------------------------- */

static enum mimo_status prepare(struct save *save, struct mimo_error *err)
{
    (void)lay_out(save, err);
    MIMO_TRY(agree(save, err));
    MIMO_TRY(compare_layouts(save, err));
    return check_owners(save, err);
}

static enum mimo_status write_all(struct save *save, struct mimo_error *err)
{
    uint64_t *checksums = MIMO_NEW_ARRAY(&save->arena, uint64_t, tensor_total(save) + 1);

    if (save->place.rank == 0)
        (void)create_files(save, err);
    MIMO_TRY(agree(save, err));
    (void)write_files(save, err);
    MIMO_TRY(agree(save, err));
    (void)checksum_files(save, checksums, err);
    MIMO_TRY(agree(save, err));
    MIMO_TRY(mimo_world_sum_u64(save->world, checksums, tensor_total(save), err));
    if (save->place.rank == 0)
        (void)finish(save, checksums, err);
    return agree(save, err);
}

static enum mimo_status save_and_prune(struct save *save, uint64_t keep, struct mimo_error *err)
{
    enum mimo_status status;

    MIMO_TRY(prepare(save, err));
    status = write_all(save, err);
    if (status != MIMO_OK) {
        if (save->place.rank == 0) /* the cause is reported; what is left goes at the next save */
            (void)mimo_disk_remove_folder(save->folder, NULL);
        return status;
    }
    if (save->place.rank == 0 && keep > 0)
        (void)mimo_folder_prune(save->directory, save->state->step, keep, err);
    return agree(save, err);
}

enum mimo_status mimo_checkpoint_save(struct mimo_world *world, struct mimo_backend *backend,
                                      const char *directory, uint64_t keep,
                                      const struct mimo_checkpoint_state *state,
                                      const struct mimo_tensor_file *files, uint32_t file_count,
                                      struct mimo_error *err)
{
    struct save save = {.world = world,
                        .directory = directory,
                        .state = state,
                        .files = files,
                        .file_count = file_count,
                        .place = mimo_world_place(world)};
    enum mimo_status status;

    mimo_arena_init(&save.arena);
    mimo_staging_init(&save.staging, backend);
    status = save_and_prune(&save, keep, err);
    mimo_staging_release(&save.staging);
    mimo_arena_release(&save.arena);
    return status;
}
