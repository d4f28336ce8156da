/* Reading files: the main one, its imports, and the values of --set. */
#include "compiler/declaration/compilation.h"
#include "compiler/declaration/suggest.h"
#include "compiler/syntax/parse.h"
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
    const struct mimo_tree *tree;

    if (chain->importer != NULL)
        mimo_sources_set_import(compilation->sources, file, chain->import);
    tree = mimo_parse_file(compilation->diagnostics, file);
    MIMO_APPEND(compilation->arena, loader->identities, loader->count, loader->capacity,
                chain->identity);
    load_imports(loader, tree, chain);
    MIMO_APPEND(compilation->arena, compilation->trees, compilation->tree_count,
                compilation->tree_capacity, tree);
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

static const char *join_path(struct mimo_arena *arena, const char *folder, const char *path)
{
    const size_t length = strlen(folder);

    if (strcmp(folder, ".") == 0)
        return path;
    return mimo_arena_printf(arena, "%s%s%s", folder, folder[length - 1] == '/' ? "" : "/", path);
}

/* The folders in which an import is looked for, in this order: the importing file's, each -I, the
 * presets. NULL behind the last. */
static const char *search_folder(const struct loader *loader, const char *importing_path,
                                 size_t index)
{
    const struct mimo_compilation *compilation = loader->compilation;
    const struct mimo_request *request = compilation->request;
    const char *slash = strrchr(importing_path, '/');

    if (index == 0 && slash == NULL)
        return ".";
    if (index == 0)
        return mimo_arena_copy(compilation->arena, importing_path,
                               slash == importing_path ? 1 : (size_t)(slash - importing_path));
    if (index <= request->folder_count)
        return *request->folders[index - 1] != '\0' ? request->folders[index - 1] : ".";
    return index == request->folder_count + 1 ? request->presets : NULL;
}

/* The first place where `path` is a file, or NULL. A file that imports its own name means the next
 * one of that name, so that llava-1.5-7b.mimo may build on the preset that is called the same. */
static const char *find_import(const struct loader *loader, const char *path,
                               const struct chain *chain)
{
    struct mimo_arena *arena = loader->compilation->arena;
    const char *folder, *self = NULL;

    if (path[0] == '/')
        return access(path, R_OK) == 0 ? path : NULL;
    for (size_t i = 0; (folder = search_folder(loader, chain->path, i)) != NULL; i++) {
        const char *found = join_path(arena, folder, path);
        const char *identity = access(found, R_OK) == 0 ? identify(arena, found) : NULL;
        if (identity == NULL)
            continue;
        if (strcmp(identity, chain->identity) != 0)
            return found;
        self = found;
    }
    return self;
}

static void report_absent(const struct loader *loader, const struct mimo_statement *import,
                          const struct chain *chain)
{
    struct mimo_diagnostics *diagnostics = loader->compilation->diagnostics;
    struct mimo_diagnostic *diagnostic = mimo_diagnose(
        diagnostics, MIMO_E0205, import->span, "there is no file \"%s\"", import->name.text);
    struct mimo_candidates folders = {.arena = loader->compilation->arena};
    const char *folder;

    if (import->name.text[0] == '/')
        return;
    for (size_t i = 0; (folder = search_folder(loader, chain->path, i)) != NULL; i++)
        mimo_candidates_add(&folders, folder);
    mimo_diagnose_help(diagnostics, diagnostic, "it was looked for in %s",
                       mimo_join_words(folders.arena, folders.items, folders.count, "", " and "));
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

static const struct mimo_overlay *find_overlay(const struct mimo_request *request,
                                               const char *identity)
{
    for (size_t i = 0; i < request->overlay_count; i++) {
        if (strcmp(request->overlays[i].path, identity) == 0)
            return &request->overlays[i];
    }
    return NULL;
}

/* Reads the file that an import means and goes on with it. */
static enum mimo_status load_found(struct loader *loader, const struct chain *link,
                                   struct mimo_error *err)
{
    const struct mimo_overlay *overlay = find_overlay(loader->compilation->request, link->identity);
    char *text;
    size_t size;

    if (overlay != NULL) {
        load_text(loader, link->path, overlay->text, overlay->size, link);
        return MIMO_OK;
    }
    MIMO_TRY(mimo_file_read(link->path, MIMO_SOURCE_BYTES_MAX, &text, &size, err));
    load_text(loader, link->path, text, size, link);
    free(text);
    return MIMO_OK;
}

static void load_import(struct loader *loader, const struct mimo_statement *import,
                        const struct chain *chain)
{
    struct mimo_compilation *compilation = loader->compilation;
    struct mimo_diagnostics *diagnostics = compilation->diagnostics;
    struct chain link = {.importer = chain, .import = import->span, .depth = chain->depth + 1};
    struct mimo_error err = {0};

    link.path = find_import(loader, import->name.text, chain);
    link.identity = link.path != NULL ? identify(compilation->arena, link.path) : NULL;
    if (link.identity == NULL) {
        report_absent(loader, import, chain);
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
    if (load_found(loader, &link, &err) != MIMO_OK)
        (void)mimo_diagnose(diagnostics, MIMO_E0205, import->span, "cannot import: %s",
                            err.message);
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

const struct mimo_tree *mimo_compilation_main_tree(const struct mimo_compilation *compilation)
{
    MIMO_ASSERT(compilation->tree_count > 0);
    return compilation->trees[compilation->tree_count - 1];
}

enum mimo_status mimo_compilation_load_text(struct mimo_compilation *compilation, const char *name,
                                            const char *text, size_t size, struct mimo_error *err)
{
    struct loader loader = {.compilation = compilation};
    const struct chain chain = {.path = "", .identity = name};

    load_text(&loader, name, text, size, &chain);
    return parse_settings(compilation, err);
}

enum mimo_status mimo_compilation_load_draft(struct mimo_compilation *compilation, const char *path,
                                             const char *text, size_t size, struct mimo_error *err)
{
    struct loader loader = {.compilation = compilation};
    struct chain chain = {.path = path};

    if (strcmp(path, "-") == 0)
        return mimo_compilation_load_text(compilation, STANDARD_INPUT, text, size, err);
    chain.identity = identify(compilation->arena, path);
    if (chain.identity == NULL)
        chain.identity = path; /* it has vanished since it was read */
    load_text(&loader, path, text, size, &chain);
    return parse_settings(compilation, err);
}

enum mimo_status mimo_compilation_load(struct mimo_compilation *compilation, const char *path,
                                       struct mimo_error *err)
{
    enum mimo_status status;
    char *text;
    size_t size;

    MIMO_TRY(mimo_file_read(path, MIMO_SOURCE_BYTES_MAX, &text, &size, err));
    status = mimo_compilation_load_draft(compilation, path, text, size, err);
    free(text);
    return status;
}
