/*
 * sink.h - the forms in which diagnostics are printed.
 *
 * All of them take a sorted list (mimo_diagnostics_sort). Lines and columns count from 1, columns
 * in Unicode code points, and the end of a place is exclusive.
 */
#ifndef MIMO_COMPILER_DIAGNOSTIC_SINK_H
#define MIMO_COMPILER_DIAGNOSTIC_SINK_H

#include "compiler/diagnostic/diagnostic.h"

#include <stdio.h>

/* For people and editors: primary line, source line, caret, notes, help, fix, and a last line with
 * the counts. Tabs are expanded and columns follow what a terminal shows. */
void mimo_diagnostics_print_text(const struct mimo_diagnostics *diagnostics, FILE *file,
                                 bool has_color);

/* One JSON object, docs/reference.md "JSON form". */
void mimo_diagnostics_print_json(const struct mimo_diagnostics *diagnostics, FILE *file);

/* GitHub's workflow commands, which show as annotations of the changed files. Paths are relative to
 * the current folder where the file is in it. */
void mimo_diagnostics_print_github(const struct mimo_diagnostics *diagnostics, FILE *file);

/* What a SARIF log says about the run besides its results. */
struct mimo_sarif_run {
    const char *version;  /* of mimoc */
    const char *homepage; /* of the project; "": no addresses are given */
    int exit_status;
    bool has_failed; /* some file could not be checked */
};

/* One SARIF 2.1.0 log (OASIS standard). Warnings that a comment silences are results too, marked as
 * suppressed. Paths as in the GitHub form. */
void mimo_diagnostics_print_sarif(const struct mimo_diagnostics *diagnostics,
                                  const struct mimo_sarif_run *run, FILE *file);

/* `name` relative to the current folder where it is in it, without steps that lead nowhere ("./",
 * "a/../"): how machines that know only the folder's content want it. */
const char *mimo_relative_path(struct mimo_arena *arena, const char *name);

#endif
