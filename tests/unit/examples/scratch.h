/*
 * scratch.h - a folder of its own for a test that writes files.
 */
#ifndef MIMO_TESTS_UNIT_EXAMPLES_SCRATCH_H
#define MIMO_TESTS_UNIT_EXAMPLES_SCRATCH_H

#include <stddef.h>

#define SCRATCH_PATH_MAX 512

struct mimo_scratch {
    char root[SCRATCH_PATH_MAX / 2];
    char path[SCRATCH_PATH_MAX]; /* what mimo_scratch_path returned last */
};

/* Makes an empty folder below TMPDIR, or /tmp; ends the test program where that fails. */
void mimo_scratch_make(struct mimo_scratch *scratch);

/* The path of `name` in the folder, valid until the next call. */
const char *mimo_scratch_path(struct mimo_scratch *scratch, const char *name);

/* Writes a file of this text; ends the test program where that fails. */
void mimo_scratch_write(struct mimo_scratch *scratch, const char *name, const char *text);

/* How many entries the folder has. */
int mimo_scratch_count(const struct mimo_scratch *scratch);

/* Removes the folder and all in it. */
void mimo_scratch_remove(struct mimo_scratch *scratch);

#endif
