#include "plan/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_BYTES_FIRST = 64 * 1024, NAME_ATTEMPTS = 100 };

struct buffer {
    char *bytes;
    size_t size;
    size_t capacity; /* without the final NUL */
};

static bool is_dash(const char *path)
{
    return strcmp(path, "-") == 0;
}

/* Doubles the buffer, but not beyond one byte more than may be read: that one tells "too large". */
static bool buffer_grow(struct buffer *buffer, size_t bytes_max)
{
    size_t capacity = buffer->capacity == 0 ? READ_BYTES_FIRST : buffer->capacity;
    char *bytes;

    if (buffer->capacity > 0 && __builtin_mul_overflow(capacity, (size_t)2, &capacity))
        capacity = SIZE_MAX - 1;
    if (bytes_max < SIZE_MAX - 1 && capacity > bytes_max + 1)
        capacity = bytes_max + 1;
    bytes = realloc(buffer->bytes, capacity + 1);
    if (bytes == NULL)
        return false;
    buffer->bytes = bytes;
    buffer->capacity = capacity;
    return true;
}

static enum mimo_status read_all(int file, const char *name, size_t bytes_max,
                                 struct buffer *buffer, struct mimo_error *err)
{
    do {
        ssize_t count;

        if (buffer->size == buffer->capacity && !buffer_grow(buffer, bytes_max))
            return mimo_error_set(err, MIMO_E_USAGE, "cannot read %s: out of memory", name);
        count = read(file, buffer->bytes + buffer->size, buffer->capacity - buffer->size);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return mimo_error_errno(err, MIMO_E_USAGE, "cannot read %s", name);
        if (count == 0) {
            buffer->bytes[buffer->size] = '\0';
            return MIMO_OK;
        }
        buffer->size += (size_t)count;
    } while (buffer->size <= bytes_max);
    return mimo_error_set(err, MIMO_E_USAGE, "cannot read %s: it is larger than %zu bytes", name,
                          bytes_max);
}

enum mimo_status mimo_file_read(const char *path, size_t bytes_max, char **out_bytes,
                                size_t *out_size, struct mimo_error *err)
{
    const char *name = is_dash(path) ? "standard input" : path;
    const int file = is_dash(path) ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    struct buffer buffer = {0};
    enum mimo_status status;

    if (file < 0)
        return mimo_error_errno(err, MIMO_E_USAGE, "cannot read %s", name);
    status = read_all(file, name, bytes_max, &buffer, err);
    if (!is_dash(path))
        (void)close(file);
    if (status != MIMO_OK) {
        free(buffer.bytes);
        return status;
    }
    *out_bytes = buffer.bytes;
    *out_size = buffer.size;
    return MIMO_OK;
}

static enum mimo_status write_all(int file, const char *name, const char *bytes, size_t size,
                                  struct mimo_error *err)
{
    while (size > 0) {
        const ssize_t count = write(file, bytes, size);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return mimo_error_errno(err, MIMO_E_USAGE, "cannot write %s", name);
        bytes += count;
        size -= (size_t)count;
    }
    return MIMO_OK;
}

/* Devices, pipes and terminals are written where they are: a rename would replace them. */
static enum mimo_status write_in_place(const char *path, const void *bytes, size_t size,
                                       struct mimo_error *err)
{
    const int file = open(path, O_WRONLY | O_CLOEXEC);
    enum mimo_status status;

    if (file < 0)
        return mimo_error_errno(err, MIMO_E_USAGE, "cannot write %s", path);
    status = write_all(file, path, bytes, size, err);
    if (close(file) != 0 && status == MIMO_OK)
        status = mimo_error_errno(err, MIMO_E_USAGE, "cannot write %s", path);
    return status;
}

/* Opens a new file beside `path`, with the permissions that any new file gets. Its name is the
 * caller's to free. */
static int open_beside(const char *path, char **out_name)
{
    for (int attempt = 0; attempt < NAME_ATTEMPTS; attempt++) {
        char *name;
        int file;

        if (asprintf(&name, "%s.%ld-%d.tmp", path, (long)getpid(), attempt) < 0) {
            errno = ENOMEM;
            return -1;
        }
        file = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file >= 0) {
            *out_name = name;
            return file;
        }
        free(name);
        if (errno != EEXIST)
            return -1;
    }
    return -1;
}

/* Makes a rename in the folder of `path` last. Some file systems cannot sync a folder (EINVAL). */
static enum mimo_status sync_folder(const char *path, struct mimo_error *err)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash == NULL ? strdup(".") : strndup(path, (size_t)(slash - path) + 1);
    const int file = folder == NULL ? -1 : open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum mimo_status status = MIMO_OK;

    free(folder);
    if (file < 0)
        return mimo_error_errno(err, MIMO_E_USAGE, "cannot sync the folder of %s", path);
    if (fsync(file) != 0 && errno != EINVAL)
        status = mimo_error_errno(err, MIMO_E_USAGE, "cannot sync the folder of %s", path);
    (void)close(file);
    return status;
}

static enum mimo_status write_synced(int file, const char *path, const void *bytes, size_t size,
                                     struct mimo_error *err)
{
    enum mimo_status status = write_all(file, path, bytes, size, err);

    if (status == MIMO_OK && fsync(file) != 0 && errno != EINVAL)
        status = mimo_error_errno(err, MIMO_E_USAGE, "cannot write %s", path);
    if (close(file) != 0 && status == MIMO_OK)
        status = mimo_error_errno(err, MIMO_E_USAGE, "cannot write %s", path);
    return status;
}

/* `existing` is what is replaced, whose permissions stay, or NULL. */
static enum mimo_status replace(const char *path, const struct stat *existing, const void *bytes,
                                size_t size, struct mimo_error *err)
{
    char *beside = NULL;
    const int file = open_beside(path, &beside);
    enum mimo_status status;

    if (file < 0)
        return mimo_error_errno(err, MIMO_E_USAGE, "cannot write %s", path);
    if (existing != NULL) /* where another owns the file, the new one is ours, as far as allowed */
        (void)fchmod(file, existing->st_mode & 07777);
    status = write_synced(file, path, bytes, size, err);
    if (status == MIMO_OK && rename(beside, path) != 0)
        status = mimo_error_errno(err, MIMO_E_USAGE, "cannot replace %s", path);
    if (status != MIMO_OK)
        (void)unlink(beside);
    free(beside);
    return status == MIMO_OK ? sync_folder(path, err) : status;
}

enum mimo_status mimo_file_write(const char *path, const void *bytes, size_t size,
                                 struct mimo_error *err)
{
    enum mimo_status status;
    struct stat existing;
    char *target;

    if (is_dash(path))
        return write_all(STDOUT_FILENO, "standard output", bytes, size, err);
    if (stat(path, &existing) != 0)
        return replace(path, NULL, bytes, size, err);
    if (!S_ISREG(existing.st_mode))
        return write_in_place(path, bytes, size, err);
    target = realpath(path, NULL); /* a symbolic link stays one: its target is replaced */
    if (target == NULL)
        return mimo_error_errno(err, MIMO_E_USAGE, "cannot write %s", path);
    status = replace(target, &existing, bytes, size, err);
    free(target);
    return status;
}
