/*
 * lsp.h - the language server: the Language Server Protocol 3.17 over a pair of streams, which
 * editors start as `mimoc lsp`.
 *
 * Reading order of the parts (lsp/parts.h lists their functions):
 *
 *   lsp/transport.h   messages and their framing
 *   lsp/position.h    from the protocol's lines and columns to bytes, and back
 *   lsp/document.h    the texts that are open, and what the compiler makes of them
 *   lsp.c             the messages, and in which order they may come
 *   lsp/publish.c     diagnostics and their fixes
 *   lsp/find.c        what stands at the cursor
 *   lsp/hover.c, lsp/definition.c, lsp/symbols.c
 *   lsp/context.c     what might stand at the cursor, lsp/complete.c
 *
 * A document is compiled as a whole whenever it changes; there is no state besides the texts.
 */
#ifndef MIMO_COMPILER_LSP_LSP_H
#define MIMO_COMPILER_LSP_LSP_H

#include <stdbool.h>
#include <stdio.h>

struct mimo_request;

struct mimo_lsp_options {
    const struct mimo_request *request; /* folders and presets to import from */
    const char *version;                /* of mimoc */
    const char *homepage;               /* of the project; "": diagnostics link to no pages */
};

/* Serves until the client says `exit` or its stream ends. True where it said `shutdown` before
 * that, as it should. */
bool mimo_lsp_serve(const struct mimo_lsp_options *options, FILE *in, FILE *out);

#endif
