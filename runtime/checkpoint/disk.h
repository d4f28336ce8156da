/*
 * disk.h - files and folders on disk, with errors that name the path.
 *
 * Offsets and sizes are in bytes. Every failure has the status that the file was opened with
 * (folders: MIMO_E_CHECKPOINT) and the text of errno.
 */
#ifndef MIMO_RUNTIME_CHECKPOINT_DISK_H
#define MIMO_RUNTIME_CHECKPOINT_DISK_H

#include "plan/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An open file. A file that is not open has the descriptor -1. */
struct mimo_disk_file {
    int descriptor;
    const char *path; /* the caller's; lives as long as the file is open */
    uint64_t bytes;   /* size when it was opened */
    enum mimo_status failure;
};

/* Opens an existing regular file. */
enum mimo_status mimo_disk_open(struct mimo_disk_file *out_file, const char *path, bool is_writable,
                                enum mimo_status failure, struct mimo_error *err);

/* Creates a file that does not exist yet, with disk space reserved for `bytes` where the file
 * system can, so that a full disk is noticed before anything is written. */
enum mimo_status mimo_disk_create(struct mimo_disk_file *out_file, const char *path, uint64_t bytes,
                                  struct mimo_error *err);

/* Closing an unopened file does nothing. */
void mimo_disk_close(struct mimo_disk_file *file);

/* All of the `size` bytes at `offset`; the end of the file before them is a failure. */
enum mimo_status mimo_disk_read(const struct mimo_disk_file *file, uint64_t offset, void *bytes,
                                size_t size, struct mimo_error *err);
enum mimo_status mimo_disk_write(const struct mimo_disk_file *file, uint64_t offset,
                                 const void *bytes, size_t size, struct mimo_error *err);

/* Waits until what was written is on the device, and drops it from memory where the system follows
 * that advice: reading it then asks the device. */
enum mimo_status mimo_disk_sync(const struct mimo_disk_file *file, struct mimo_error *err);

/* Creates `path` with all parents that lack. */
enum mimo_status mimo_disk_make_folders(const char *path, struct mimo_error *err);

/* Makes the names in folder `path` durable. */
enum mimo_status mimo_disk_sync_folder(const char *path, struct mimo_error *err);

/* Deletes folder `path` and the files in it; no folder of that name is no failure. Folders within
 * it are not ours, and a failure. Symbolic links are not followed. */
enum mimo_status mimo_disk_remove_folder(const char *path, struct mimo_error *err);

#endif
