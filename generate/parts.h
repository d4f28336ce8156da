/*
 * parts.h - what a template may ask for by name, `@name@`: each part prints to standard output.
 */
#ifndef MIMO_GENERATE_PARTS_H
#define MIMO_GENERATE_PARTS_H

#include "generate/program.h"

struct mimo_part {
    const char *name;
    void (*print)(const struct mimo_program *program, struct mimo_arena *arena);
};

/* Each table ends with a row without a name. */
extern const struct mimo_part mimo_bash_parts[];
extern const struct mimo_part mimo_zsh_parts[];
extern const struct mimo_part mimo_fish_parts[];
extern const struct mimo_part mimo_manual_parts[]; /* man(7) */
extern const struct mimo_part mimo_word_parts[];   /* for editors */

#endif
