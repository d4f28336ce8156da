/*
 * file.h - whole files: read with a bound, written atomically.
 */
#ifndef MIMO_PLAN_FILE_H
#define MIMO_PLAN_FILE_H

#include "plan/error.h"

#include <stddef.h>

/*
 * Reads all of `path` ("-": standard input) into memory that the caller frees with free(). One NUL
 * byte follows the `*out_size` bytes. Fails with MIMO_E_USAGE where the file cannot be read or is
 * larger than `bytes_max`.
 */
enum mimo_status mimo_file_read(const char *path, size_t bytes_max, char **out_bytes,
                                size_t *out_size, struct mimo_error *err);

/*
 * Replaces `path` by a file of these bytes: written beside it, synced, renamed, the folder synced.
 * Readers see the old file or the new one, whatever happens. An existing file keeps its
 * permissions, a symbolic link its target's place. Fails with MIMO_E_USAGE and leaves
 * nothing behind. ("-" is standard output, written directly.)
 */
enum mimo_status mimo_file_write(const char *path, const void *bytes, size_t size,
                                 struct mimo_error *err);

#endif
