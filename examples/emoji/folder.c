#include "examples/emoji/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WALK_DESCRIPTORS_MAX 16

/* mkdtemp makes a folder for its owner alone; the set is for everyone whom the umask allows. */
static int mode_relax(int descriptor)
{
    const mode_t mask = umask(0);

    (void)umask(mask);
    return fchmod(descriptor, 0777 & ~mask);
}

enum mimo_status mimo_folder_begin(struct mimo_arena *arena, const char *target,
                                   struct mimo_folder *out_folder, struct mimo_error *err)
{
    size_t length = strlen(target);
    struct mimo_folder folder = {.descriptor = -1};
    char *temporary;

    while (length > 1 && target[length - 1] == '/')
        length--;
    folder.target = mimo_arena_copy(arena, target, length);
    temporary = mimo_arena_printf(arena, "%s.XXXXXX", folder.target);
    if (mkdtemp(temporary) == NULL)
        return mimo_error_errno(err, MIMO_E_USAGE, "cannot make a folder beside %s", folder.target);
    folder.temporary = temporary;
    folder.descriptor = open(temporary, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder.descriptor < 0 || mode_relax(folder.descriptor) != 0) {
        (void)mimo_error_errno(err, MIMO_E_USAGE, "cannot open the folder %s", temporary);
        mimo_folder_abort(&folder);
        return MIMO_E_USAGE;
    }
    *out_folder = folder;
    return MIMO_OK;
}

enum mimo_status mimo_folder_make(const struct mimo_folder *folder, const char *path,
                                  struct mimo_error *err)
{
    if (mkdirat(folder->descriptor, path, 0777) != 0)
        return mimo_error_errno(err, MIMO_E_USAGE, "cannot make the folder %s/%s",
                                folder->temporary, path);
    return MIMO_OK;
}

static int bytes_write(int descriptor, const char *bytes, size_t size)
{
    while (size > 0) {
        const ssize_t written = write(descriptor, bytes, size);
        if (written < 0 && errno != EINTR)
            return -1;
        if (written > 0) {
            bytes += written;
            size -= (size_t)written;
        }
    }
    return 0;
}

enum mimo_status mimo_folder_write(const struct mimo_folder *folder, const char *path,
                                   const void *bytes, size_t size, struct mimo_error *err)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
    const int descriptor = openat(folder->descriptor, path, flags, 0666);
    int failure;

    if (descriptor < 0)
        return mimo_error_errno(err, MIMO_E_USAGE, "cannot create %s/%s", folder->temporary, path);
    failure = bytes_write(descriptor, bytes, size) != 0 ? errno : 0;
    if (close(descriptor) != 0 && failure == 0)
        failure = errno;
    errno = failure;
    if (failure != 0)
        return mimo_error_errno(err, MIMO_E_USAGE, "cannot write %s/%s", folder->temporary, path);
    return MIMO_OK;
}

enum mimo_status mimo_folder_commit(struct mimo_folder *folder, struct mimo_error *err)
{
    if (syncfs(folder->descriptor) != 0 || rename(folder->temporary, folder->target) != 0)
        return mimo_error_errno(err, MIMO_E_USAGE, "cannot complete %s", folder->target);
    (void)close(folder->descriptor);
    folder->descriptor = -1;
    return MIMO_OK;
}

static int entry_remove(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

void mimo_folder_abort(struct mimo_folder *folder)
{
    if (folder->descriptor >= 0)
        (void)close(folder->descriptor);
    folder->descriptor = -1;
    (void)nftw(folder->temporary, entry_remove, WALK_DESCRIPTORS_MAX, FTW_DEPTH | FTW_PHYS);
}
