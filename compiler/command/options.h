/*
 * options.h - the command line of mimoc, from two tables (commands and options) that parsing,
 * --help, the manual page and the shell completions share.
 */
#ifndef MIMO_COMPILER_COMMAND_OPTIONS_H
#define MIMO_COMPILER_COMMAND_OPTIONS_H

#include "compiler/declaration/compilation.h"
#include "compiler/show/show.h"

#include <limits.h>

/* The commands: enumerator suffix, word (its function is mimo_command_WORD, command.h), operands,
 * how many of them there are, and what the command does. */
#define MIMO_COMMANDS(X)                                                                           \
    X(COMPILE, compile, "FILE", 1, 1, "write the plan of a declaration to -o PLAN")                \
    X(LINT, lint, "FILE...", 1, INT_MAX, "check only; --fix mends what is certain")                \
    X(FMT, fmt, "FILE...", 1, INT_MAX, "give declarations the one canonical layout")               \
    X(SHOW, show, "PLAN", 1, 1, "print a plan")                                                    \
    X(DIFF, diff, "PLAN PLAN", 2, 2,                                                               \
      "what is different between two plans; exits 1 where anything is")                            \
    X(EXPLAIN, explain, "[CODE...]", 0, INT_MAX, "what diagnostics mean, with examples")           \
    X(LSP, lsp, "", 0, 0, "serve an editor over standard input and output")

enum mimo_command {
#define MIMO_ENUM_COMMAND(name, ...) MIMO_COMMAND_##name,
    MIMO_COMMANDS(MIMO_ENUM_COMMAND)
#undef MIMO_ENUM_COMMAND
        MIMO_COMMAND_COUNT
};

/* Sets of commands. */
enum {
#define MIMO_ENUM_FOR_COMMAND(name, ...) MIMO_FOR_##name = 1 << MIMO_COMMAND_##name,
    MIMO_COMMANDS(MIMO_ENUM_FOR_COMMAND)
#undef MIMO_ENUM_FOR_COMMAND
        MIMO_FOR_INPUT = MIMO_FOR_COMPILE | MIMO_FOR_LINT, /* those that read a declaration */
    MIMO_FOR_ALL = (1 << MIMO_COMMAND_COUNT) - 1,
};

struct mimo_command_row {
    const char *word, *operands;
    int operands_min, operands_max;
    const char *doc;
};
extern const struct mimo_command_row mimo_commands[MIMO_COMMAND_COUNT];

struct mimo_options;

struct mimo_option {
    const char *name;     /* "-o", "--set": those of one letter take their value attached too */
    const char *argument; /* what --help calls the value ("NAME", or its words: "a|b"), or NULL */
    unsigned commands;    /* the set of commands that take it */
    enum mimo_status (*apply)(struct mimo_options *options, const char *value,
                              struct mimo_error *err);
    const char *doc;
};
extern const struct mimo_option mimo_option_rows[];
extern const size_t mimo_option_row_count;

/* How diagnostics and results are printed. Each row: enumerator suffix, word, the commands that
 * know it. */
#define MIMO_FORMATS(X)                                                                            \
    X(TEXT, "text", MIMO_FOR_ALL)                                                                  \
    X(JSON, "json", MIMO_FOR_INPUT | MIMO_FOR_SHOW | MIMO_FOR_DIFF)                                \
    X(SARIF, "sarif", MIMO_FOR_INPUT)                                                              \
    X(GITHUB, "github", MIMO_FOR_INPUT)

enum mimo_format {
#define MIMO_ENUM_FORMAT(name, ...) MIMO_FORMAT_##name,
    MIMO_FORMATS(MIMO_ENUM_FORMAT)
#undef MIMO_ENUM_FORMAT
        MIMO_FORMAT_COUNT
};

enum mimo_color { MIMO_COLOR_AUTO, MIMO_COLOR_ALWAYS, MIMO_COLOR_NEVER };

/* Whether a warning fails the run: as -Werror says, or as -Werror=CODE or -Wno-error=CODE do. */
enum mimo_fatal { MIMO_FATAL_DEFAULT, MIMO_FATAL_ALWAYS, MIMO_FATAL_NEVER };

struct mimo_options {
    struct mimo_arena *arena;
    enum mimo_command command;
    bool has_command;               /* it was named; compile is meant without */
    bool wants_help, wants_version; /* nothing else counts then */
    const char **files;             /* the operands */
    size_t file_count, file_capacity;
    const char *output; /* compile: PLAN */
    struct mimo_request request;
    enum mimo_format format;
    enum mimo_color color;
    bool are_warnings_errors; /* -Werror, for codes that `fatal` leaves to it */
    bool is_fixing;           /* lint --fix */
    bool checks_only;         /* fmt: print what would change */
    enum mimo_fatal fatal[MIMO_CODE_COUNT];
    bool is_off[MIMO_CODE_COUNT];
    struct mimo_show_options show;
};

/* Reads the arguments (pointers into argv are kept). Fails with MIMO_E_USAGE. */
enum mimo_status mimo_options_parse(int argc, char **argv, struct mimo_arena *arena,
                                    struct mimo_options *out_options, struct mimo_error *err);

/* The text of --help: of all commands, or of the one that was named. */
void mimo_options_print_help(const struct mimo_options *options, FILE *file);

#endif
