#include "compiler/lsp/document.h"

#include "compiler/planner/compile.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char FILE_SCHEME[] = "file://";

/* ---- URIs (RFC 3986, RFC 8089) ---- */

static int hex_digit(char letter)
{
    if (letter >= '0' && letter <= '9')
        return letter - '0';
    letter = (char)tolower((unsigned char)letter);
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

const char *mimo_lsp_path_of_uri(struct mimo_arena *arena, const char *uri)
{
    const bool is_file = strncmp(uri, FILE_SCHEME, sizeof FILE_SCHEME - 1) == 0;
    /* behind the host, mostly an empty one */
    const char *from = is_file ? strchr(uri + sizeof FILE_SCHEME - 1, '/') : NULL;
    char *path = mimo_arena_copy(arena, uri, strlen(uri));
    size_t length = 0;

    if (from == NULL)
        return path;
    while (*from != '\0') {
        const int high = *from == '%' ? hex_digit(from[1]) : -1;
        const int low = high >= 0 ? hex_digit(from[2]) : -1;
        const bool is_escape = low >= 0 && (high | low) != 0;
        path[length++] = is_escape ? (char)(high * 16 + low) : *from;
        from += is_escape ? 3 : 1;
    }
    path[length] = '\0';
    return path;
}

static bool has_scheme(const char *path)
{
    size_t length = 0;

    while (isalnum((unsigned char)path[length]) != 0)
        length++;
    return length > 1 && path[length] == ':';
}

const char *mimo_lsp_uri_of_path(struct mimo_arena *arena, const char *path)
{
    char *resolved = NULL;
    const char *uri = FILE_SCHEME;

    if (path[0] != '/' && has_scheme(path))
        return path;
    if (path[0] != '/')
        resolved = realpath(path, NULL);
    for (const char *at = resolved != NULL ? resolved : path; *at != '\0'; at++) {
        if (isalnum((unsigned char)*at) != 0 || strchr("-._~/", *at) != NULL)
            uri = mimo_arena_printf(arena, "%s%c", uri, *at);
        else
            uri = mimo_arena_printf(arena, "%s%%%02X", uri, (unsigned)(unsigned char)*at);
    }
    free(resolved);
    return uri;
}

/* ---- open documents ---- */

struct mimo_lsp_document *mimo_lsp_documents_find(const struct mimo_lsp_documents *documents,
                                                  const char *uri)
{
    for (size_t i = 0; i < documents->count; i++) {
        if (strcmp(documents->items[i]->uri, uri) == 0)
            return documents->items[i];
    }
    return NULL;
}

static struct mimo_lsp_document *add(struct mimo_lsp_documents *documents, const char *uri)
{
    struct mimo_lsp_document *document;

    if (documents->count == MIMO_LSP_DOCUMENTS_MAX)
        return NULL;
    if (documents->count == documents->made) {
        document = MIMO_NEW(&documents->arena, struct mimo_lsp_document);
        MIMO_APPEND(&documents->arena, documents->items, documents->made, documents->capacity,
                    document);
    }
    document = documents->items[documents->count++];
    document->uri = mimo_arena_copy(&document->name_arena, uri, strlen(uri));
    document->path = mimo_lsp_path_of_uri(&document->name_arena, uri);
    return document;
}

struct mimo_lsp_document *mimo_lsp_documents_open(struct mimo_lsp_documents *documents,
                                                  const char *uri, const char *text, size_t size,
                                                  int64_t version)
{
    struct mimo_lsp_document *document = mimo_lsp_documents_find(documents, uri);

    if (size > MIMO_SOURCE_BYTES_MAX)
        return NULL;
    if (document == NULL)
        document = add(documents, uri);
    if (document == NULL)
        return NULL;
    mimo_arena_release(&document->text_arena);
    document->text = mimo_arena_copy(&document->text_arena, text, size);
    document->size = size;
    document->version = version;
    return document;
}

static void clear(struct mimo_lsp_document *document)
{
    mimo_arena_release(&document->name_arena);
    mimo_arena_release(&document->text_arena);
    mimo_arena_release(&document->analysis.arena);
    *document = (struct mimo_lsp_document){0};
}

void mimo_lsp_documents_close(struct mimo_lsp_documents *documents,
                              struct mimo_lsp_document *document)
{
    const size_t last = documents->count - 1;

    for (size_t i = 0; i < last; i++) {
        if (documents->items[i] == document) {
            documents->items[i] = documents->items[last];
            documents->items[last] = document;
        }
    }
    documents->count = last;
    clear(document);
}

void mimo_lsp_documents_release(struct mimo_lsp_documents *documents)
{
    while (documents->count > 0)
        clear(documents->items[--documents->count]);
    mimo_arena_release(&documents->arena);
    *documents = (struct mimo_lsp_documents){0};
}

bool mimo_lsp_document_edit(struct mimo_lsp_document *document, size_t begin, size_t end,
                            const char *text, size_t size)
{
    const size_t rest = document->size - end;
    struct mimo_arena arena = {0};
    char *changed;

    if (size > MIMO_SOURCE_BYTES_MAX || begin + size + rest > MIMO_SOURCE_BYTES_MAX)
        return false;
    changed = mimo_arena_alloc(&arena, begin + size + rest + 1, 1);
    memcpy(changed, document->text, begin);
    memcpy(changed + begin, text, size);
    memcpy(changed + begin + size, document->text + end, rest);
    mimo_arena_release(&document->text_arena);
    document->text_arena = arena;
    document->text = changed;
    document->size = begin + size + rest;
    return true;
}

/* ---- compiling ---- */

static const char *identify(struct mimo_arena *arena, const char *path)
{
    char *resolved = realpath(path, NULL);
    const char *identity =
        resolved != NULL ? mimo_arena_copy(arena, resolved, strlen(resolved)) : NULL;

    free(resolved);
    return identity;
}

/* The other documents, as the files that they are. */
static void set_overlays(struct mimo_lsp_analysis *analysis,
                         const struct mimo_lsp_documents *documents,
                         const struct mimo_lsp_document *own)
{
    struct mimo_overlay *overlays =
        MIMO_NEW_ARRAY(&analysis->arena, struct mimo_overlay, documents->count);
    size_t count = 0;

    for (size_t i = 0; i < documents->count; i++) {
        const struct mimo_lsp_document *document = documents->items[i];
        const char *identity = identify(&analysis->arena, document->path);
        if (document != own && identity != NULL)
            overlays[count++] = (struct mimo_overlay){identity, document->text, document->size};
    }
    analysis->request.overlays = overlays;
    analysis->request.overlay_count = count;
}

static void compile_all(struct mimo_lsp_analysis *analysis)
{
    struct mimo_compilation *compilation = &analysis->compilation;
    struct mimo_declaration declaration;
    struct mimo_error err = {0};

    mimo_compilation_resolve(compilation);
    if (mimo_compilation_choices(compilation, &analysis->choices, &analysis->choice_count, &err) !=
        MIMO_OK) { /* too many combinations: those of none are still worth checking */
        analysis->choices = MIMO_NEW(&analysis->arena, struct mimo_choice);
        analysis->choice_count = 1;
    }
    for (size_t i = 0; i < analysis->choice_count; i++) {
        mimo_compilation_complete(compilation, &analysis->choices[i], &declaration);
        if (declaration.model != NULL)
            mimo_compile(&declaration, &analysis->arena, &analysis->diagnostics, NULL, NULL);
    }
    mimo_compilation_allow(compilation, err.status == MIMO_OK);
    mimo_diagnostics_sort(&analysis->diagnostics);
}

void mimo_lsp_document_analyze(struct mimo_lsp_document *document,
                               const struct mimo_lsp_documents *documents,
                               const struct mimo_request *request)
{
    struct mimo_lsp_analysis *analysis = &document->analysis;
    struct mimo_error err = {0};

    mimo_arena_release(&analysis->arena);
    *analysis = (struct mimo_lsp_analysis){.request = *request};
    mimo_sources_init(&analysis->sources, &analysis->arena);
    mimo_diagnostics_init(&analysis->diagnostics, &analysis->arena, &analysis->sources);
    set_overlays(analysis, documents, document);
    mimo_compilation_init(&analysis->compilation, &analysis->sources, &analysis->diagnostics,
                          &analysis->request);
    /* without --set nothing can fail but reading the file, which is not done */
    MIMO_ASSERT(mimo_compilation_load_draft(&analysis->compilation, document->path, document->text,
                                            document->size, &err) == MIMO_OK);
    analysis->request.overlay_count = 0; /* those texts may change */
    mimo_lsp_lines_init(&analysis->lines, &analysis->arena,
                        mimo_source(&analysis->sources, 0)->text, document->size);
    compile_all(analysis);
    analysis->bytes = analysis->arena.bytes;
}

static bool holds(const struct mimo_choice *choice, const struct mimo_block *block)
{
    for (int i = 0; i < MIMO_CHOICE_COUNT; i++) {
        if (choice->blocks[i] == block)
            return true;
    }
    return false;
}

void mimo_lsp_document_choose(struct mimo_lsp_document *document, const struct mimo_block *block)
{
    struct mimo_lsp_analysis *analysis = &document->analysis;
    struct mimo_declaration declaration;
    size_t choice = 0;

    while (choice < analysis->choice_count && !holds(&analysis->choices[choice], block))
        choice++;
    if (choice == analysis->choice_count)
        choice = 0;
    mimo_diagnostics_init(&analysis->asides, &analysis->arena, &analysis->sources);
    analysis->compilation.diagnostics = &analysis->asides;
    mimo_compilation_complete(&analysis->compilation, &analysis->choices[choice], &declaration);
}
