/*
 * parse.h - from the text of a file to its tree.
 *
 * Three layers: the scanner (grammar/mimo.l) knows bytes and tokens; the token stream (parse.c)
 * knows what the grammar cannot see - which word begins a definition, which token is the first on
 * its line, how deep the braces are - and does the skipping after a syntax error; the grammar
 * (grammar/mimo.y) builds the tree.
 *
 * Recovery. After a syntax error the stream skips to `;`, to `}`, to a token that begins an entry
 * and is the first on its line, or to a `{`, whose block is read and dropped; the same is done
 * where an attribute stands in place of the `{`. It then hands out the virtual token SYNC (or
 * SYNC_OPEN for the brace), which only the grammar's error rules accept. At the end of the file it
 * closes the open braces itself, so that the tree is never lost.
 */
#ifndef MIMO_COMPILER_SYNTAX_PARSE_H
#define MIMO_COMPILER_SYNTAX_PARSE_H

#include "compiler/syntax/tree.h"

/* Parses file `file` of `diagnostics->sources`. Always returns a tree, of what could be read. */
struct mimo_tree *mimo_parse_file(struct mimo_diagnostics *diagnostics, uint32_t file);

/* Parses file `file` as one expression; NULL after an error, which is reported. */
struct mimo_expression *mimo_parse_expression(struct mimo_diagnostics *diagnostics, uint32_t file);

#endif
