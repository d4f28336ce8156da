/*
 * fix.h - carrying out the fixes of diagnostics.
 */
#ifndef MIMO_COMPILER_DIAGNOSTIC_FIX_H
#define MIMO_COMPILER_DIAGNOSTIC_FIX_H

#include "compiler/diagnostic/diagnostic.h"

/* A text with the changes that diagnostics ask for. */
struct mimo_fixed {
    const char *text; /* in the arena of the diagnostics, `size` bytes and a NUL */
    size_t size;
    size_t count; /* of the fixes that were carried out */
};

/*
 * The text of file `file` after all fixes within it, in the order of their places. Where two touch
 * each other the later one is left for another time: its diagnostic may be gone then.
 */
struct mimo_fixed mimo_fixes_apply(const struct mimo_diagnostics *diagnostics, uint32_t file);

/* How many errors are such as a wrong fix would bring: of the text (E01), and names given twice
 * (E0202). Others may only come to light, as those within a block whose kind was misspelt. */
size_t mimo_fixes_error_count(const struct mimo_diagnostics *diagnostics);

#endif
