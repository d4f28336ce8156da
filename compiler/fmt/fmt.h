/*
 * fmt.h - one canonical layout for .mimo files.
 *
 * The layout, in the order in which it is decided:
 *
 *   lines      Statements, blocks and the braces that end them begin lines of their own. Attributes
 *              that share a line keep sharing it while it fits; so does a block that was written on
 *              one line. Else each attribute has its own line. A blank line stays, several become
 *              one, none follows `{` or precedes `}`.
 *   spaces     Two for each level of indentation and between entries on one line, one around
 *              operators and after commas. `=` is aligned where single attributes, or params,
 *              follow each other without a blank line.
 *   long ones  An expression that passes MIMO_FMT_COLUMNS goes on behind a comma or before one
 *              of its loosest operators, below its own beginning or that of its list.
 *   comments   keep their text and order. Those behind code begin in one column over neighbouring
 *              lines, but for long ones; the others are indented as what follows.
 *
 * Tokens never change, but for `;`, which is dropped, as is a byte order mark. A line that an allow
 * comment acts on (`# mimoc: allow CODE`) stays the same line, however long it is, so that the
 * comment goes on to silence what it silenced.
 */
#ifndef MIMO_COMPILER_FMT_FMT_H
#define MIMO_COMPILER_FMT_FMT_H

#include "compiler/diagnostic/diagnostic.h"

enum { MIMO_FMT_COLUMNS = 100, MIMO_FMT_INDENTATION = 2 };

/*
 * Lays out file `number` of `diagnostics->sources`. Returns the text, NUL-terminated, in the arena
 * of `diagnostics`, and its length; NULL where the file has syntax errors, which are recorded.
 */
const char *mimo_fmt(struct mimo_diagnostics *diagnostics, uint32_t number, size_t *out_size);

#endif
