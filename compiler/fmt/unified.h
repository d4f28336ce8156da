/*
 * unified.h - how two texts differ, line by line, in the unified form of diff(1).
 */
#ifndef MIMO_COMPILER_FMT_UNIFIED_H
#define MIMO_COMPILER_FMT_UNIFIED_H

#include <stdio.h>

/* A text; `name` is what the header calls it. */
struct mimo_unified_text {
    const char *name;
    const char *bytes;
    size_t size;
};

/* Prints nothing where the texts are equal. */
void mimo_unified_print(const struct mimo_unified_text *old_text,
                        const struct mimo_unified_text *new_text, FILE *file);

#endif
