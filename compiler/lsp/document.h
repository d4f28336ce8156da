/*
 * document.h - the documents that an editor has open, and what the compiler makes of them.
 */
#ifndef MIMO_COMPILER_LSP_DOCUMENT_H
#define MIMO_COMPILER_LSP_DOCUMENT_H

#include "compiler/declaration/compilation.h"
#include "compiler/lsp/position.h"

enum { MIMO_LSP_DOCUMENTS_MAX = 1000 };

/* The compilation of a document's present text. Everything lives in its arena. */
struct mimo_lsp_analysis {
    struct mimo_arena arena;
    struct mimo_sources sources;
    struct mimo_diagnostics diagnostics;
    struct mimo_diagnostics asides; /* takes what is found once the diagnostics are published */
    struct mimo_request request;
    struct mimo_compilation compilation;
    struct mimo_choice *choices; /* all combinations, at least one */
    size_t choice_count;
    struct mimo_lsp_lines lines; /* of the document; it is file 0 of the sources */
    size_t bytes;                /* of the arena, before anything was asked */
};

struct mimo_lsp_document {
    struct mimo_arena name_arena; /* of the URI and the path */
    const char *uri;
    const char *path; /* of a file URI; else the URI itself */
    struct mimo_arena text_arena;
    const char *text;
    size_t size;
    int64_t version;
    struct mimo_lsp_analysis analysis;
};

/* They do not move while they are open. */
struct mimo_lsp_documents {
    struct mimo_arena arena;
    struct mimo_lsp_document **items; /* those behind the first `count` are closed, for use again */
    size_t count;                     /* open */
    size_t made, capacity;
};

/* Opens a document, or gives the open one of that URI another text. NULL where there are too many,
 * or the text is longer than MIMO_SOURCE_BYTES_MAX. */
struct mimo_lsp_document *mimo_lsp_documents_open(struct mimo_lsp_documents *documents,
                                                  const char *uri, const char *text, size_t size,
                                                  int64_t version);

struct mimo_lsp_document *mimo_lsp_documents_find(const struct mimo_lsp_documents *documents,
                                                  const char *uri);

void mimo_lsp_documents_close(struct mimo_lsp_documents *documents,
                              struct mimo_lsp_document *document);
void mimo_lsp_documents_release(struct mimo_lsp_documents *documents);

/* Replaces bytes begin ... end - 1; false, and nothing changes, where it would become too long. */
bool mimo_lsp_document_edit(struct mimo_lsp_document *document, size_t begin, size_t end,
                            const char *text, size_t size);

/* Compiles the document anew, every combination of its blocks, with the other documents in place
 * of the files that it imports. `request` says where else imports are looked for. */
void mimo_lsp_document_analyze(struct mimo_lsp_document *document,
                               const struct mimo_lsp_documents *documents,
                               const struct mimo_request *request);

/* Evaluates the document under a combination that holds `block` (of the file), or the first one
 * where that is NULL or in none. What is found wrong goes to `asides`. */
void mimo_lsp_document_choose(struct mimo_lsp_document *document, const struct mimo_block *block);

/* The path of a file URI; other URIs as they are. */
const char *mimo_lsp_path_of_uri(struct mimo_arena *arena, const char *uri);

/* The file URI of a path, relative ones to the current folder; what is a URI stays one. */
const char *mimo_lsp_uri_of_path(struct mimo_arena *arena, const char *path);

#endif
