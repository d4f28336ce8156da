/*
 * json_file.h - a JSON file as a whole.
 */
#ifndef MIMO_RUNTIME_CHECKPOINT_JSON_FILE_H
#define MIMO_RUNTIME_CHECKPOINT_JSON_FILE_H

#include "plan/error.h"

#include <jansson.h>
#include <stddef.h>

/* Reads `path`, of at most `bytes_max` bytes and without duplicate keys; the caller releases
 * *out_root. `failure` is the status where that fails; the message names the file, and the line of
 * a mistake. */
enum mimo_status mimo_json_file_read(const char *path, size_t bytes_max, enum mimo_status failure,
                                     json_t **out_root, struct mimo_error *err);

#endif
