/* Reading files: the main one, its imports, and the values of --set. */
#include "compiler/compilation.h"
#include "compiler/parse.h"
#include "plan/file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { IMPORT_DEPTH_MAX = 64 };

static const char STANDARD_INPUT[] = "<stdin>";

/* A file that is being read, and the import that led to it. */
struct chain {
    const struct chain *importer;
    const char *identity; /* the resolved path, the same for every way to write it */
    const char *path;
    struct mimo_span import; /* in the importer */
    unsigned depth;
};

struct loader {
    struct mimo_compilation *compilation;
    const char **identities; /* of the files read so far */
    size_t count, capacity;
};

void mimo_compilation_init(struct mimo_compilation *compilation, struct mimo_sources *sources,
                           struct mimo_diagnostics *diagnostics, struct mimo_request *request)
{
    *compilation = (struct mimo_compilation){
        .arena = sources->arena,
        .sources = sources,
        .diagnostics = diagnostics,
        .request = request,
    };
}

static void load_imports(struct loader *loader, const struct mimo_tree *tree,
                         const struct chain *chain);

/* Adds the text of a file, parses it, then what it imports. */
static void load_text(struct loader *loader, const char *name, const char *text, size_t size,
                      const struct chain *chain)
{
    struct mimo_compilation *compilation = loader->compilation;
    const uint32_t file = mimo_sources_add(compilation->sources, name, text, size);
    const struct mimo_tree *tree = mimo_parse_file(compilation->diagnostics, file);

    MIMO_APPEND(compilation->arena, compilation->trees, compilation->tree_count,
                compilation->tree_capacity, tree);
    MIMO_APPEND(compilation->arena, loader->identities, loader->count, loader->capacity,
                chain->identity);
    load_imports(loader, tree, chain);
}

static bool is_loaded(const struct loader *loader, const char *identity)
{
    for (size_t i = 0; i < loader->count; i++) {
        if (strcmp(loader->identities[i], identity) == 0)
            return true;
    }
    return false;
}

static const char *identify(struct mimo_arena *arena, const char *path)
{
    char *resolved = realpath(path, NULL);
    const char *identity;

    if (resolved == NULL)
        return NULL;
    identity = mimo_arena_copy(arena, resolved, strlen(resolved));
    free(resolved);
    return identity;
}

static const char *join_path(struct mimo_arena *arena, const char *folder, size_t length,
                             const char *path)
{
    if (length == 0)
        return mimo_arena_copy(arena, path, strlen(path));
    return mimo_arena_printf(arena, "%.*s%s%s", (int)length, folder,
                             folder[length - 1] == '/' ? "" : "/", path);
}

/* The first place where `path` is a file: beside the importing file, then in each -I folder. */
static const char *find_import(const struct loader *loader, const char *path,
                               const char *importing_path)
{
    const struct mimo_compilation *compilation = loader->compilation;
    const struct mimo_request *request = compilation->request;
    const char *slash = strrchr(importing_path, '/');
    const char *found;

    if (path[0] == '/')
        return access(path, R_OK) == 0 ? path : NULL;
    found = join_path(compilation->arena, importing_path,
                      slash != NULL ? (size_t)(slash - importing_path) + 1 : 0, path);
    for (size_t i = 0; access(found, R_OK) != 0; i++) {
        if (i == request->folder_count)
            return NULL;
        found =
            join_path(compilation->arena, request->folders[i], strlen(request->folders[i]), path);
    }
    return found;
}

static void report_circle(const struct loader *loader, const struct mimo_statement *import,
                          const struct chain *chain, const char *identity)
{
    struct mimo_diagnostics *diagnostics = loader->compilation->diagnostics;
    struct mimo_diagnostic *diagnostic =
        mimo_diagnose(diagnostics, MIMO_E0205, import->span,
                      "importing \"%s\" closes a circle of imports", import->name.text);

    for (; chain != NULL && chain->importer != NULL && strcmp(chain->identity, identity) != 0;
         chain = chain->importer)
        mimo_diagnose_note(diagnostics, diagnostic, chain->import, "%s is imported here",
                           chain->path);
}

static bool is_in_chain(const struct chain *chain, const char *identity)
{
    for (; chain != NULL; chain = chain->importer) {
        if (strcmp(chain->identity, identity) == 0)
            return true;
    }
    return false;
}

static void load_import(struct loader *loader, const struct mimo_statement *import,
                        const struct chain *chain)
{
    struct mimo_compilation *compilation = loader->compilation;
    struct mimo_diagnostics *diagnostics = compilation->diagnostics;
    struct chain link = {.importer = chain, .import = import->span, .depth = chain->depth + 1};
    struct mimo_error err = {0};
    char *text;
    size_t size;

    link.path = find_import(loader, import->name.text, chain->path);
    link.identity = link.path != NULL ? identify(compilation->arena, link.path) : NULL;
    if (link.identity == NULL) {
        struct mimo_diagnostic *diagnostic = mimo_diagnose(
            diagnostics, MIMO_E0205, import->span, "there is no file \"%s\"", import->name.text);
        mimo_diagnose_help(diagnostics, diagnostic,
                           "imports are relative to the importing file, then to each -I folder");
        return;
    }
    if (is_in_chain(chain, link.identity)) {
        report_circle(loader, import, chain, link.identity);
        return;
    }
    if (is_loaded(loader, link.identity))
        return;
    if (link.depth > IMPORT_DEPTH_MAX) {
        (void)mimo_diagnose(diagnostics, MIMO_E0205, import->span,
                            "imports are nested more than %d deep", IMPORT_DEPTH_MAX);
        return;
    }
    if (mimo_file_read(link.path, MIMO_SOURCE_BYTES_MAX, &text, &size, &err) != MIMO_OK) {
        (void)mimo_diagnose(diagnostics, MIMO_E0205, import->span, "cannot import: %s",
                            err.message);
        return;
    }
    load_text(loader, link.path, text, size, &link);
    free(text);
}

static void load_imports(struct loader *loader, const struct mimo_tree *tree,
                         const struct chain *chain)
{
    for (size_t i = 0; i < tree->statement_count; i++) {
        if (tree->statements[i].kind == MIMO_STATEMENT_IMPORT)
            load_import(loader, &tree->statements[i], chain);
    }
}

/* Each --set value is a text of its own, so that diagnostics can show it. */
static enum mimo_status parse_settings(struct mimo_compilation *compilation, struct mimo_error *err)
{
    struct mimo_request *request = compilation->request;

    for (size_t i = 0; i < request->setting_count; i++) {
        struct mimo_setting *setting = &request->settings[i];
        const char *name = mimo_arena_printf(compilation->arena, "--set %s", setting->name);
        struct mimo_diagnostics diagnostics;

        if (strlen(setting->value) > MIMO_SOURCE_BYTES_MAX)
            return mimo_error_set(err, MIMO_E_USAGE, "%s: the value is too long", name);
        setting->file =
            mimo_sources_add(compilation->sources, name, setting->value, strlen(setting->value));
        mimo_diagnostics_init(&diagnostics, compilation->arena, compilation->sources);
        setting->expression = mimo_parse_expression(&diagnostics, setting->file);
        if (setting->expression == NULL)
            return mimo_error_set(err, MIMO_E_USAGE, "%s=%s: %s", name, setting->value,
                                  diagnostics.items[0]->message);
    }
    return MIMO_OK;
}

enum mimo_status mimo_compilation_load_text(struct mimo_compilation *compilation, const char *name,
                                            const char *text, size_t size, struct mimo_error *err)
{
    struct loader loader = {.compilation = compilation};
    const struct chain chain = {.path = "", .identity = name};

    load_text(&loader, name, text, size, &chain);
    return parse_settings(compilation, err);
}

enum mimo_status mimo_compilation_load(struct mimo_compilation *compilation, const char *path,
                                       struct mimo_error *err)
{
    struct loader loader = {.compilation = compilation};
    struct chain chain = {.path = path};
    enum mimo_status status = MIMO_OK;
    char *text;
    size_t size;

    MIMO_TRY(mimo_file_read(path, MIMO_SOURCE_BYTES_MAX, &text, &size, err));
    if (strcmp(path, "-") == 0) {
        status = mimo_compilation_load_text(compilation, STANDARD_INPUT, text, size, err);
    } else {
        chain.identity = identify(compilation->arena, path);
        if (chain.identity == NULL)
            chain.identity = path; /* it has vanished since it was read */
        load_text(&loader, path, text, size, &chain);
        status = parse_settings(compilation, err);
    }
    free(text);
    return status;
}
