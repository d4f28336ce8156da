#include "runtime/checkpoint/folder.h"

#include "runtime/checkpoint/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FINAL_PREFIX "step-"
#define WORK_PREFIX  "." FINAL_PREFIX

const char *mimo_folder_path(struct mimo_arena *arena, const char *directory, uint64_t step)
{
    return mimo_arena_printf(arena, "%s/" FINAL_PREFIX "%08" PRIu64, directory, step);
}

const char *mimo_folder_work_path(struct mimo_arena *arena, const char *directory, uint64_t step,
                                  const char *suffix)
{
    return mimo_arena_printf(arena, "%s/" WORK_PREFIX "%08" PRIu64 ".%s", directory, step, suffix);
}

/* True for the one way in which the name of a step is written. */
static bool parse_name(const char *name, uint64_t *out_step)
{
    const size_t prefix = strlen(FINAL_PREFIX);
    char again[32], *end;
    uint64_t step;

    if (strncmp(name, FINAL_PREFIX, prefix) != 0)
        return false;
    errno = 0;
    step = strtoull(name + prefix, &end, 10);
    (void)snprintf(again, sizeof again, FINAL_PREFIX "%08" PRIu64, step);
    if (errno != 0 || *end != '\0' || strcmp(again, name) != 0)
        return false;
    *out_step = step;
    return true;
}

static int compare_newest_first(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return (left < right) - (left > right);
}

enum mimo_status mimo_folder_steps(struct mimo_arena *arena, const char *directory,
                                   const uint64_t **out_steps, size_t *out_count,
                                   struct mimo_error *err)
{
    DIR *folder = opendir(directory);
    uint64_t *steps = NULL, step;
    size_t count = 0, capacity = 0;
    const struct dirent *entry;

    if (folder == NULL && errno != ENOENT)
        return mimo_error_errno(err, MIMO_E_CHECKPOINT, "cannot read folder %s", directory);
    while (folder != NULL && (entry = readdir(folder)) != NULL)
        if (parse_name(entry->d_name, &step))
            MIMO_APPEND(arena, steps, count, capacity, step);
    if (folder != NULL)
        (void)closedir(folder);
    if (count > 1)
        qsort(steps, count, sizeof *steps, compare_newest_first);
    *out_steps = steps;
    *out_count = count;
    return MIMO_OK;
}

static enum mimo_status check_file(const char *folder, const struct mimo_manifest_file *expected,
                                   struct mimo_arena *arena, struct mimo_error *err)
{
    const char *path = mimo_arena_printf(arena, "%s/%s", folder, expected->name);
    struct stat facts;

    if (stat(path, &facts) != 0)
        return mimo_error_errno(err, MIMO_E_CHECKPOINT, "cannot open %s", path);
    if ((uint64_t)facts.st_size != expected->bytes)
        return mimo_error_set(err, MIMO_E_CHECKPOINT,
                              "%s has %" PRIu64 " bytes, but the manifest says %" PRIu64, path,
                              (uint64_t)facts.st_size, expected->bytes);
    return MIMO_OK;
}

static enum mimo_status check(const char *directory, uint64_t step, struct mimo_arena *arena,
                              struct mimo_error *err)
{
    const char *folder = mimo_folder_path(arena, directory, step);
    struct mimo_manifest manifest = {0};

    MIMO_TRY(mimo_manifest_read(arena, mimo_arena_printf(arena, "%s/manifest.json", folder),
                                &manifest, err));
    if (manifest.state.step != step)
        return mimo_error_set(err, MIMO_E_CHECKPOINT, "%s holds step %" PRIu64, folder,
                              manifest.state.step);
    for (uint32_t i = 0; i < manifest.file_count; i++)
        MIMO_TRY(check_file(folder, &manifest.files[i], arena, err));
    return MIMO_OK;
}

enum mimo_status mimo_folder_check(const char *directory, uint64_t step, struct mimo_error *err)
{
    struct mimo_arena arena;
    enum mimo_status status;

    mimo_arena_init(&arena);
    status = check(directory, step, &arena, err);
    mimo_arena_release(&arena);
    return status;
}

/* ".step-" and digits, then one of our suffixes. */
static bool is_leftover(const char *name)
{
    const char *suffix;

    if (strncmp(name, WORK_PREFIX, strlen(WORK_PREFIX)) != 0)
        return false;
    suffix = name + strlen(WORK_PREFIX);
    suffix += strspn(suffix, "0123456789");
    return strcmp(suffix, ".partial") == 0 || strcmp(suffix, ".replaced") == 0 ||
           strcmp(suffix, ".pruned") == 0;
}

enum mimo_status mimo_folder_clean(const char *directory, struct mimo_error *err)
{
    DIR *folder = opendir(directory);
    enum mimo_status status = MIMO_OK;
    const struct dirent *entry;
    struct mimo_arena arena;

    if (folder == NULL)
        return mimo_error_errno(err, MIMO_E_CHECKPOINT, "cannot read folder %s", directory);
    mimo_arena_init(&arena);
    while (status == MIMO_OK && (entry = readdir(folder)) != NULL)
        if (is_leftover(entry->d_name))
            status = mimo_disk_remove_folder(
                mimo_arena_printf(&arena, "%s/%s", directory, entry->d_name), err);
    mimo_arena_release(&arena);
    (void)closedir(folder);
    return status;
}

/* Where the file system cannot swap two names in one operation (network file systems), the old
 * folder steps aside first. */
static int replace(const char *partial, const char *path, const char *aside)
{
    if (renameat2(AT_FDCWD, partial, AT_FDCWD, path, RENAME_EXCHANGE) == 0)
        return rename(partial, aside);
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    return rename(path, aside) == 0 ? rename(partial, path) : -1;
}

static enum mimo_status publish(const char *directory, uint64_t step, struct mimo_arena *arena,
                                struct mimo_error *err)
{
    const char *partial = mimo_folder_work_path(arena, directory, step, "partial");
    const char *aside = mimo_folder_work_path(arena, directory, step, "replaced");
    const char *path = mimo_folder_path(arena, directory, step);
    struct stat facts;
    int result;

    MIMO_TRY(mimo_disk_sync_folder(partial, err));
    result = lstat(path, &facts) == 0 ? replace(partial, path, aside) : rename(partial, path);
    if (result != 0)
        return mimo_error_errno(err, MIMO_E_CHECKPOINT, "cannot rename %s to %s", partial, path);
    MIMO_TRY(mimo_disk_sync_folder(directory, err));
    return mimo_disk_remove_folder(aside, err);
}

enum mimo_status mimo_folder_publish(const char *directory, uint64_t step, struct mimo_error *err)
{
    struct mimo_arena arena;
    enum mimo_status status;

    mimo_arena_init(&arena);
    status = publish(directory, step, &arena, err);
    mimo_arena_release(&arena);
    return status;
}

/* Takes the name away first: a half-deleted folder must not look like a checkpoint. */
static enum mimo_status delete_step(const char *directory, uint64_t step, struct mimo_arena *arena,
                                    struct mimo_error *err)
{
    const char *path = mimo_folder_path(arena, directory, step);
    const char *aside = mimo_folder_work_path(arena, directory, step, "pruned");

    if (rename(path, aside) != 0)
        return mimo_error_errno(err, MIMO_E_CHECKPOINT, "cannot delete %s", path);
    return mimo_disk_remove_folder(aside, err);
}

static enum mimo_status prune(const char *directory, uint64_t step, uint64_t keep,
                              struct mimo_arena *arena, struct mimo_error *err)
{
    const uint64_t *steps = NULL;
    uint64_t good = 0;
    size_t count = 0;

    MIMO_TRY(mimo_folder_steps(arena, directory, &steps, &count, err));
    for (size_t i = 0; i < count; i++) {
        if (steps[i] > step)
            continue;
        if (good >= keep)
            MIMO_TRY(delete_step(directory, steps[i], arena, err));
        else if (steps[i] == step || mimo_folder_check(directory, steps[i], NULL) == MIMO_OK)
            good++;
    }
    return MIMO_OK;
}

enum mimo_status mimo_folder_prune(const char *directory, uint64_t step, uint64_t keep,
                                   struct mimo_error *err)
{
    struct mimo_arena arena;
    enum mimo_status status;

    MIMO_ASSERT(keep > 0);
    mimo_arena_init(&arena);
    status = prune(directory, step, keep, &arena, err);
    mimo_arena_release(&arena);
    return status;
}
