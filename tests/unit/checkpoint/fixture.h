/*
 * fixture.h - what the suites of this folder share: files written byte by byte, and a backend.
 */
#ifndef MIMO_TESTS_UNIT_CHECKPOINT_FIXTURE_H
#define MIMO_TESTS_UNIT_CHECKPOINT_FIXTURE_H

#include "runtime/backend/backend.h"

/* Replaces `path` by a file of these bytes. */
void fixture_write(const char *path, const void *bytes, size_t size);

/* Replaces `path` by a safetensors file: the length of `header`, `header`, `data`. */
void fixture_write_safetensors(const char *path, const char *header, const void *data,
                               size_t data_bytes);

/* Adds `change` to the byte at `offset` (from the end where negative). */
void fixture_alter(const char *path, long offset, int change);

/* Cuts the file to `size` bytes. */
void fixture_truncate(const char *path, long size);

bool fixture_exists(const char *path);
long fixture_size(const char *path);

/* Whether two files exist and hold the same bytes. */
bool fixture_same(const char *left, const char *right);

/* Whether folder `path` holds a name that begins with `prefix`. */
bool fixture_holds(const char *path, const char *prefix);

/* Deletes folder `path` with all in it, if it exists; fixture_folder then makes it anew. */
void fixture_remove(const char *path);
void fixture_folder(const char *path);

/*
 * A backend with nothing but upload, download and synchronize. Its memory holds every byte
 * inverted, so that code that touches it directly gets wrong numbers.
 */
struct mimo_backend fixture_backend(enum mimo_precision precision);
void fixture_invert(void *bytes, size_t size);

#endif
