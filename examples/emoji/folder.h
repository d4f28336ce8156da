/*
 * folder.h - a folder of files that appears under its name only when it is complete.
 *
 * The files go into a temporary folder beside the target, which is renamed at the end. Until then
 * nobody sees the target, and mimo_folder_abort removes what was written.
 */
#ifndef MIMO_EXAMPLES_EMOJI_FOLDER_H
#define MIMO_EXAMPLES_EMOJI_FOLDER_H

#include "plan/arena.h"
#include "plan/error.h"

#include <stddef.h>

struct mimo_folder {
    const char *target;
    const char *temporary;
    int descriptor; /* of the temporary folder */
};

/* Makes the temporary folder. The names live in `arena`. MIMO_E_USAGE where that is not possible.
 * To be ended by mimo_folder_commit or mimo_folder_abort. */
enum mimo_status mimo_folder_begin(struct mimo_arena *arena, const char *target,
                                   struct mimo_folder *out_folder, struct mimo_error *err);

/* Makes a subfolder; `path` is relative to the folder. */
enum mimo_status mimo_folder_make(const struct mimo_folder *folder, const char *path,
                                  struct mimo_error *err);

/* Writes a new file; `path` is relative to the folder. */
enum mimo_status mimo_folder_write(const struct mimo_folder *folder, const char *path,
                                   const void *bytes, size_t size, struct mimo_error *err);

/* Gives the folder its name, if nothing of that name came up meanwhile. On failure the folder is
 * still to be aborted. */
enum mimo_status mimo_folder_commit(struct mimo_folder *folder, struct mimo_error *err);

/* Removes the temporary folder and all in it. */
void mimo_folder_abort(struct mimo_folder *folder);

#endif
