/* Finding a checkpoint, and loading it: first everything is verified, then it is read. */
#include "runtime/checkpoint/checkpoint.h"
#include "runtime/checkpoint/folder.h"
#include "runtime/checkpoint/manifest.h"
#include "runtime/checkpoint/safetensors.h"
#include "runtime/checkpoint/shard.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum mimo_status agree(struct mimo_world *world, struct mimo_error *err)
{
    bool is_speaker;

    return mimo_world_agree(world, err, &is_speaker);
}

/* -- finding ---------------------------------------------------------------------------------- */

enum { WARNING_WORDS = 512 };

/* What rank 0 found, in a form in which it can be summed: all zeros on the other ranks. */
struct found {
    uint64_t is_found;
    uint64_t step;
    uint64_t warning[WARNING_WORDS]; /* a NUL-terminated text */
};

static void warn(struct found *found, uint64_t step, const char *cause)
{
    char *text = (char *)found->warning;
    const size_t length = strlen(text);

    (void)snprintf(text + length, sizeof found->warning - length,
                   "%scheckpoint of step %" PRIu64 " passed over: %s", length > 0 ? "; " : "", step,
                   cause);
}

static enum mimo_status look(const char *directory, uint64_t below, struct mimo_arena *arena,
                             struct found *found, struct mimo_error *err)
{
    const uint64_t *steps = NULL;
    size_t count = 0;

    MIMO_TRY(mimo_folder_steps(arena, directory, &steps, &count, err));
    for (size_t i = 0; i < count; i++) {
        struct mimo_error cause = {0};

        if (steps[i] >= below)
            continue;
        if (mimo_folder_check(directory, steps[i], &cause) == MIMO_OK) {
            found->is_found = 1;
            found->step = steps[i];
            return MIMO_OK;
        }
        warn(found, steps[i], cause.message);
    }
    return MIMO_OK;
}

/* A copy of `text` that the caller frees. */
static char *copy(const char *text)
{
    char *result = strdup(text);

    MIMO_ASSERT(result != NULL);
    return result;
}

static enum mimo_status find(struct mimo_world *world, const char *directory, uint64_t below,
                             struct mimo_arena *arena, struct found *found, struct mimo_error *err)
{
    if (mimo_world_place(world).rank == 0)
        (void)look(directory, below, arena, found, err);
    MIMO_TRY(agree(world, err));
    MIMO_TRY(mimo_world_sum_u64(world, &found->is_found, 1, err));
    MIMO_TRY(mimo_world_sum_u64(world, &found->step, 1, err));
    return mimo_world_sum_u64(world, found->warning, WARNING_WORDS, err);
}

enum mimo_status mimo_checkpoint_find(struct mimo_world *world, const char *directory,
                                      uint64_t below, char **out_path, char **out_warning,
                                      struct mimo_error *err)
{
    struct found found = {0};
    struct mimo_arena arena;
    enum mimo_status status;

    mimo_arena_init(&arena);
    status = find(world, directory, below, &arena, &found, err);
    if (status == MIMO_OK) {
        const char *warning = (const char *)found.warning;

        *out_path =
            found.is_found != 0 ? copy(mimo_folder_path(&arena, directory, found.step)) : NULL;
        *out_warning = warning[0] != '\0' ? copy(warning) : NULL;
    }
    mimo_arena_release(&arena);
    return status;
}

/* -- loading ---------------------------------------------------------------------------------- */

struct load {
    struct mimo_world *world;
    const char *path;
    const struct mimo_tensor_file *files;
    uint32_t file_count;
    struct mimo_world_place place;
    struct mimo_arena arena;
    struct mimo_staging staging;
    struct mimo_manifest manifest;
    struct mimo_safetensors *opened; /* of each file; descriptor -1: not open */
    bool is_other;                   /* whole, as far as was seen, but of another plan */
};

static const struct mimo_manifest_file *find_file(const struct load *load, const char *name)
{
    for (uint32_t i = 0; i < load->manifest.file_count; i++)
        if (strcmp(load->manifest.files[i].name, name) == 0)
            return &load->manifest.files[i];
    return NULL;
}

static bool is_same_shape(const uint64_t *left, uint32_t left_dimensions, const uint64_t *right,
                          uint32_t right_dimensions)
{
    return left_dimensions == right_dimensions &&
           memcmp(left, right, left_dimensions * sizeof *left) == 0;
}

static enum mimo_status compare_tensor(const char *path, const struct mimo_tensor_info *wanted,
                                       const struct mimo_safetensors_tensor *stored,
                                       struct mimo_error *err)
{
    const enum mimo_safetensors_type type =
        wanted->is_f64 ? MIMO_SAFETENSORS_F64 : MIMO_SAFETENSORS_F32;
    char have[256], want[256];

    if (stored == NULL)
        return mimo_error_set(err, MIMO_E_CHECKPOINT, "%s has no tensor %s", path, wanted->name);
    if (stored->type == type &&
        is_same_shape(stored->shape, stored->dimensions, wanted->shape, wanted->dimensions))
        return MIMO_OK;
    return mimo_error_set(
        err, MIMO_E_CHECKPOINT, "%s: tensor %s is %s %s; this plan has %s %s", path, wanted->name,
        mimo_safetensors_word(stored->type),
        mimo_safetensors_shape(stored->shape, stored->dimensions, have, sizeof have),
        mimo_safetensors_word(type),
        mimo_safetensors_shape(wanted->shape, wanted->dimensions, want, sizeof want));
}

static bool is_wanted(const struct mimo_tensor_file *file, const char *name)
{
    for (uint32_t i = 0; i < file->tensor_count; i++)
        if (strcmp(file->tensors[i].name, name) == 0)
            return true;
    return false;
}

/* The file must hold the wanted tensors and no others. */
static enum mimo_status compare_lists(const struct mimo_tensor_file *file,
                                      const struct mimo_safetensors *opened, struct mimo_error *err)
{
    const char *path = opened->file.path;

    for (uint32_t i = 0; i < file->tensor_count; i++)
        MIMO_TRY(compare_tensor(path, &file->tensors[i],
                                mimo_safetensors_find(opened, file->tensors[i].name), err));
    if (opened->count == file->tensor_count)
        return MIMO_OK;
    for (uint32_t i = 0; i < opened->count; i++)
        if (!is_wanted(file, opened->tensors[i].name))
            return mimo_error_set(err, MIMO_E_CHECKPOINT,
                                  "%s has a tensor %s, which this plan has not", path,
                                  opened->tensors[i].name);
    return MIMO_OK;
}

static enum mimo_status open_file(struct load *load, uint32_t index, struct mimo_error *err)
{
    const struct mimo_tensor_file *file = &load->files[index];
    const struct mimo_manifest_file *described = find_file(load, file->file_name);
    const char *path = mimo_arena_printf(&load->arena, "%s/%s", load->path, file->file_name);
    struct mimo_safetensors *opened = &load->opened[index];

    if (described == NULL)
        return mimo_error_set(err, MIMO_E_CHECKPOINT, "%s/manifest.json does not name %s",
                              load->path, file->file_name);
    MIMO_TRY(mimo_safetensors_open(opened, path, MIMO_E_CHECKPOINT, err));
    if (opened->count != described->tensor_count)
        return mimo_error_set(err, MIMO_E_CHECKPOINT, "%s has %u tensors; its manifest says %u",
                              path, opened->count, described->tensor_count);
    load->is_other = compare_lists(file, opened, err) != MIMO_OK;
    return load->is_other ? err->status : MIMO_OK;
}

/* Verifies those tensors of one file that fall to this rank. `first` counts the tensors of the
 * files before. */
static enum mimo_status verify_file(struct load *load, uint32_t index, size_t first,
                                    struct mimo_error *err)
{
    const struct mimo_manifest_file *described = find_file(load, load->files[index].file_name);
    const struct mimo_safetensors *opened = &load->opened[index];

    for (uint32_t i = 0; i < described->tensor_count; i++) {
        const char *name = described->tensors[i].name;
        const struct mimo_safetensors_tensor *stored = mimo_safetensors_find(opened, name);
        uint64_t checksum = 0;

        if ((first + i) % load->place.size != load->place.rank)
            continue;
        MIMO_TRY(compare_tensor(opened->file.path, &described->tensors[i], stored, err));
        mimo_world_note(load->world, "checkpoint: verify");
        MIMO_TRY(mimo_shard_checksum(&load->staging, &opened->file, stored->begin, stored->bytes,
                                     &checksum, err));
        if (checksum != described->checksums[i])
            return mimo_error_set(err, MIMO_E_CHECKPOINT,
                                  "%s: tensor %s is corrupt: its checksum does not hold",
                                  opened->file.path, name);
    }
    return MIMO_OK;
}

static enum mimo_status verify(struct load *load, struct mimo_error *err)
{
    const char *path = mimo_arena_printf(&load->arena, "%s/manifest.json", load->path);
    size_t first = 0;

    MIMO_TRY(mimo_manifest_read(&load->arena, path, &load->manifest, err));
    for (uint32_t i = 0; i < load->file_count; i++)
        MIMO_TRY(open_file(load, i, err));
    for (uint32_t i = 0; i < load->file_count; i++) {
        MIMO_TRY(verify_file(load, i, first, err));
        first += load->files[i].tensor_count;
    }
    return MIMO_OK;
}

static enum mimo_status fetch(struct load *load, struct mimo_error *err)
{
    for (uint32_t i = 0; i < load->file_count; i++) {
        const struct mimo_tensor_file *file = &load->files[i];
        const struct mimo_safetensors *opened = &load->opened[i];

        for (uint32_t j = 0; j < file->shard_count; j++) {
            const struct mimo_tensor_shard *shard = &file->shards[j];
            const struct mimo_tensor_info *tensor = &file->tensors[shard->tensor];
            const struct mimo_shard_map map =
                mimo_shard_map(mimo_safetensors_find(opened, tensor->name)->begin, tensor->shape,
                               tensor->dimensions, tensor->is_f64 ? 8 : 4, shard);

            mimo_world_note(load->world, "checkpoint: load");
            MIMO_TRY(mimo_shard_fetch(&load->staging, &opened->file, &map, shard->data, err));
        }
    }
    return MIMO_OK;
}

static enum mimo_status load_all(struct load *load, struct mimo_error *err)
{
    load->opened = MIMO_NEW_ARRAY(&load->arena, struct mimo_safetensors, load->file_count);
    for (uint32_t i = 0; i < load->file_count; i++)
        load->opened[i].file.descriptor = -1;
    (void)verify(load, err);
    MIMO_TRY(agree(load->world, err));
    (void)fetch(load, err);
    return agree(load->world, err);
}

enum mimo_status mimo_checkpoint_load(struct mimo_world *world, struct mimo_backend *backend,
                                      const char *path, struct mimo_checkpoint_state *out_state,
                                      const struct mimo_tensor_file *files, uint32_t file_count,
                                      bool *out_is_corrupt, struct mimo_error *err)
{
    struct load load = {.world = world,
                        .path = path,
                        .files = files,
                        .file_count = file_count,
                        .place = mimo_world_place(world)};
    enum mimo_status status;

    mimo_arena_init(&load.arena);
    mimo_staging_init(&load.staging, backend);
    status = load_all(&load, err);
    *out_is_corrupt = status == MIMO_E_CHECKPOINT && !load.is_other;
    if (status == MIMO_OK)
        *out_state = load.manifest.state;
    for (uint32_t i = 0; i < file_count; i++)
        mimo_safetensors_close(&load.opened[i]);
    mimo_staging_release(&load.staging);
    mimo_arena_release(&load.arena);
    return status;
}
