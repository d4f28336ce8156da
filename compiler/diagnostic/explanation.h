/*
 * explanation.h - what `mimoc explain` says about a diagnostic: the pages of docs/diagnostics,
 * which are built into mimoc (diagnostic/pages.c). Code, severity and summary are in
 * grammar/diagnostics.def.
 */
#ifndef MIMO_COMPILER_DIAGNOSTIC_EXPLANATION_H
#define MIMO_COMPILER_DIAGNOSTIC_EXPLANATION_H

#include "compiler/diagnostic/diagnostic.h"

#include <stdio.h>

/* The lines of the code's page in Markdown, from its first section on; NULL is behind the last. */
const char *const *mimo_explanation_lines(enum mimo_code code);

/* The page for a terminal: sections, examples indented, links as plain words. */
void mimo_explanation_print(enum mimo_code code, FILE *file, bool has_color);

/* The same as a text; the page in Markdown without links to other pages; and only its first
 * section, which says why the rule is there. */
const char *mimo_explanation_plain(struct mimo_arena *arena, enum mimo_code code);
const char *mimo_explanation_markdown(struct mimo_arena *arena, enum mimo_code code);
const char *mimo_explanation_why(struct mimo_arena *arena, enum mimo_code code);

#endif
