/*
 * command.h - the commands of mimoc, each in its own WORD.c, and what they share.
 *
 * A command prints its results to standard output, diagnostics where the format says (LANGUAGE.md
 * section 5), and complaints about the command line or the file system to standard error.
 */
#ifndef MIMO_COMPILER_COMMAND_COMMAND_H
#define MIMO_COMPILER_COMMAND_COMMAND_H

#include "compiler/command/options.h"

enum mimo_exit {
    MIMO_EXIT_CLEAN = 0,
    MIMO_EXIT_MISTAKES = 1, /* the input has errors */
    MIMO_EXIT_USAGE = 2,    /* the command line or the file system is at fault */
};

/* One run of mimoc. */
struct mimo_run {
    struct mimo_arena *arena;
    struct mimo_options *options;
    struct mimo_sources sources;
    struct mimo_diagnostics total; /* of all files */
    bool has_failed;               /* some file could not be read or written */
};

#define MIMO_DECLARE_COMMAND(name, word, ...)                                                      \
    enum mimo_exit mimo_command_##word(struct mimo_run *run);
MIMO_COMMANDS(MIMO_DECLARE_COMMAND)
#undef MIMO_DECLARE_COMMAND

/* Prints what is at fault, and returns MIMO_EXIT_USAGE. */
enum mimo_exit mimo_run_complain(const struct mimo_error *err);

/* The same for one file of several: the run goes on, and mimo_run_judge() says so in the end. */
void mimo_run_fail(struct mimo_run *run, const struct mimo_error *err);

/* Prepares the compilation of one of the files; its diagnostics are its own. */
void mimo_run_begin(struct mimo_run *run, struct mimo_compilation *compilation,
                    struct mimo_diagnostics *diagnostics);

/* Makes the diagnostics of one file part of the whole. `is_whole`: every combination of its blocks
 * has been checked. */
void mimo_run_hand_in(struct mimo_run *run, struct mimo_compilation *compilation, bool is_whole);

/* Fails with MIMO_E_USAGE where a --set names a param that no file has. */
enum mimo_status mimo_run_check_settings(const struct mimo_run *run, struct mimo_error *err);

/* Prints all diagnostics in the format that was asked for. */
void mimo_run_print(const struct mimo_run *run);

/* The exit status that failures and diagnostics call for. */
enum mimo_exit mimo_run_judge(const struct mimo_run *run);

/* True where text on `descriptor` is to be coloured. */
bool mimo_run_wants_color(const struct mimo_run *run, int descriptor);

/* Reads and verifies a plan into `out_plan`, whose bytes live in the run's arena. Complains where
 * it cannot, and returns the exit status. */
enum mimo_exit mimo_run_read_plan(struct mimo_run *run, const char *path,
                                  struct mimo_plan *out_plan);

#endif
