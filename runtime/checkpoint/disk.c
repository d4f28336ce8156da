#include "runtime/checkpoint/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum mimo_status mimo_disk_open(struct mimo_disk_file *out_file, const char *path, bool is_writable,
                                enum mimo_status failure, struct mimo_error *err)
{
    /* O_NONBLOCK: a pipe of that name does not make us wait, it is refused below. */
    const int mode = (is_writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK;
    const int descriptor = open(path, mode);
    struct stat facts;

    if (descriptor < 0)
        return mimo_error_errno(err, failure, "cannot open %s", path);
    if (fstat(descriptor, &facts) != 0 || !S_ISREG(facts.st_mode)) {
        (void)close(descriptor);
        return mimo_error_set(err, failure, "cannot open %s: not a regular file", path);
    }
    *out_file = (struct mimo_disk_file){descriptor, path, (uint64_t)facts.st_size, failure};
    return MIMO_OK;
}

/* 0, or -1 and errno. */
static int reserve(int descriptor, uint64_t bytes)
{
    if (bytes > (uint64_t)INT64_MAX) {
        errno = EFBIG;
        return -1;
    }
    if (bytes == 0 || fallocate(descriptor, 0, 0, (off_t)bytes) == 0)
        return 0;
    if (errno != EOPNOTSUPP && errno != ENOSYS)
        return -1;
    return ftruncate(descriptor, (off_t)bytes);
}

enum mimo_status mimo_disk_create(struct mimo_disk_file *out_file, const char *path, uint64_t bytes,
                                  struct mimo_error *err)
{
    const int descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

    if (descriptor < 0)
        return mimo_error_errno(err, MIMO_E_CHECKPOINT, "cannot create %s", path);
    if (reserve(descriptor, bytes) != 0) {
        (void)mimo_error_errno(err, MIMO_E_CHECKPOINT, "cannot reserve %llu bytes for %s",
                               (unsigned long long)bytes, path);
        (void)close(descriptor);
        return MIMO_E_CHECKPOINT;
    }
    *out_file = (struct mimo_disk_file){descriptor, path, bytes, MIMO_E_CHECKPOINT};
    return MIMO_OK;
}

void mimo_disk_close(struct mimo_disk_file *file)
{
    if (file->descriptor >= 0)
        (void)close(file->descriptor);
    file->descriptor = -1;
}

enum mimo_status mimo_disk_read(const struct mimo_disk_file *file, uint64_t offset, void *bytes,
                                size_t size, struct mimo_error *err)
{
    char *rest = bytes;

    while (size > 0) {
        const ssize_t count = pread(file->descriptor, rest, size, (off_t)offset);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return mimo_error_errno(err, file->failure, "cannot read %s", file->path);
        if (count == 0)
            return mimo_error_set(err, file->failure, "%s ends at byte %llu, in the middle of data",
                                  file->path, (unsigned long long)offset);
        rest += count;
        size -= (size_t)count;
        offset += (uint64_t)count;
    }
    return MIMO_OK;
}

enum mimo_status mimo_disk_write(const struct mimo_disk_file *file, uint64_t offset,
                                 const void *bytes, size_t size, struct mimo_error *err)
{
    const char *rest = bytes;

    while (size > 0) {
        const ssize_t count = pwrite(file->descriptor, rest, size, (off_t)offset);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return mimo_error_errno(err, file->failure, "cannot write %s", file->path);
        rest += count;
        size -= (size_t)count;
        offset += (uint64_t)count;
    }
    return MIMO_OK;
}

enum mimo_status mimo_disk_sync(const struct mimo_disk_file *file, struct mimo_error *err)
{
    if (fsync(file->descriptor) != 0)
        return mimo_error_errno(err, file->failure, "cannot sync %s", file->path);
    (void)posix_fadvise(file->descriptor, 0, 0, POSIX_FADV_DONTNEED);
    return MIMO_OK;
}

/* Makes a new name durable, which is in its parent's keeping. */
static enum mimo_status sync_parent(const char *path, struct mimo_error *err)
{
    char parent[PATH_MAX + sizeof "/.."];

    (void)snprintf(parent, sizeof parent, "%s/..", path);
    return mimo_disk_sync_folder(parent, err);
}

static enum mimo_status make_folder(const char *path, struct mimo_error *err)
{
    struct stat facts;

    if (mkdir(path, 0777) == 0)
        return sync_parent(path, err);
    if (errno == EEXIST && stat(path, &facts) == 0 && S_ISDIR(facts.st_mode))
        return MIMO_OK;
    return mimo_error_errno(err, MIMO_E_CHECKPOINT, "cannot create folder %s", path);
}

enum mimo_status mimo_disk_make_folders(const char *path, struct mimo_error *err)
{
    char prefix[PATH_MAX];
    const size_t length = strlen(path);

    if (length == 0 || length >= sizeof prefix)
        return mimo_error_set(err, MIMO_E_CHECKPOINT, "the path of a folder has %zu bytes", length);
    for (size_t i = 1; i <= length; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(prefix, path, i);
        prefix[i] = '\0';
        MIMO_TRY(make_folder(prefix, err));
    }
    return MIMO_OK;
}

enum mimo_status mimo_disk_sync_folder(const char *path, struct mimo_error *err)
{
    const int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum mimo_status status = MIMO_OK;

    if (descriptor < 0)
        return mimo_error_errno(err, MIMO_E_CHECKPOINT, "cannot open folder %s", path);
    /* EINVAL: a file system that has no such operation keeps names safe by itself. */
    if (fsync(descriptor) != 0 && errno != EINVAL)
        status = mimo_error_errno(err, MIMO_E_CHECKPOINT, "cannot sync folder %s", path);
    (void)close(descriptor);
    return status;
}

static enum mimo_status remove_files(DIR *folder, const char *path, struct mimo_error *err)
{
    const struct dirent *entry;

    while ((entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (unlinkat(dirfd(folder), entry->d_name, 0) != 0)
            return mimo_error_errno(err, MIMO_E_CHECKPOINT, "cannot delete %s/%s", path,
                                    entry->d_name);
    }
    return MIMO_OK;
}

enum mimo_status mimo_disk_remove_folder(const char *path, struct mimo_error *err)
{
    const int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    enum mimo_status status;
    DIR *folder;

    if (descriptor < 0 && errno == ENOENT)
        return MIMO_OK;
    folder = descriptor < 0 ? NULL : fdopendir(descriptor);
    if (folder == NULL) {
        (void)mimo_error_errno(err, MIMO_E_CHECKPOINT, "cannot open folder %s", path);
        if (descriptor >= 0)
            (void)close(descriptor);
        return MIMO_E_CHECKPOINT;
    }
    status = remove_files(folder, path, err);
    (void)closedir(folder);
    if (status == MIMO_OK && rmdir(path) != 0)
        status = mimo_error_errno(err, MIMO_E_CHECKPOINT, "cannot delete folder %s", path);
    return status;
}
