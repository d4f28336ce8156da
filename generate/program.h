/*
 * program.h - the two programs as their command-line tables describe them, in one form: what manual
 * pages and completions are made from.
 */
#ifndef MIMO_GENERATE_PROGRAM_H
#define MIMO_GENERATE_PROGRAM_H

#include "compiler/command/options.h"

struct mimo_program_option {
    const char *name;     /* "-o", "--set" */
    const char *argument; /* "NAME", or its words: "auto|never"; NULL where it takes none */
    unsigned commands;    /* the set of commands that take it, as in struct mimo_option */
    const char *doc;
};

/* A program without commands has one row, with the word "". */
struct mimo_program {
    const char *name;
    const struct mimo_command_row *commands;
    size_t command_count;
    const struct mimo_program_option *options;
    size_t option_count;
};

/* "mimoc" or "mimo-exec"; NULL for another name. */
const struct mimo_program *mimo_program_find(const char *name);

/* True where command `index` takes the option. */
bool mimo_program_takes(const struct mimo_program_option *option, size_t command);

/* The files that may stand in a place of the command line. */
enum mimo_file_kind { MIMO_FILES_NONE, MIMO_FILES_ANY, MIMO_FILES_DECLARATION, MIMO_FILES_FOLDER };

/* What may stand in a place of the command line: words, files, or both; else a free text. */
struct mimo_place_value {
    enum mimo_file_kind files;
    const char *words; /* separated by spaces */
};

/* The value of an option for one command, and an operand of a command. */
struct mimo_place_value mimo_option_value(const struct mimo_program_option *option, size_t command,
                                          struct mimo_arena *arena);
struct mimo_place_value mimo_operand_value(const struct mimo_program *program, size_t command,
                                           struct mimo_arena *arena);

#endif
