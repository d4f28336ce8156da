/* load.c - finding a module (module.h). */
#include "runtime/backend/module.h"

#include "plan/arena.h"

#include <dlfcn.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

/* Where modules may lie: folders from the program's own, and the installed one. */
static const char *const folders[] = {"", "../lib/mimo/", MIMO_MODULE_FOLDER "/"};

/* The folder of the running program, with a slash at its end. */
static const char *program_folder(struct mimo_arena *arena)
{
    char program[PATH_MAX];
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program);
    size_t end = length > 0 ? (size_t)length : 0;

    while (end > 0 && program[end - 1] != '/')
        end--;
    return mimo_arena_copy(arena, program, end);
}

/* Why the library is not taken, or NULL: then it is in `out`. */
static const char *try_library(struct mimo_loaded_module *out, const char *path,
                               struct mimo_arena *arena)
{
    if (access(path, F_OK) != 0)
        return "is not there";
    out->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (out->library == NULL)
        return mimo_arena_printf(arena, "does not load: %s", dlerror());
    out->module = dlsym(out->library, "mimo_module");
    if (out->module == NULL)
        return "is no module of mimo";
    if (strcmp(out->module->version, MIMO_VERSION) == 0)
        return NULL;
    return mimo_arena_printf(arena, "is of version %s, not %s", out->module->version, MIMO_VERSION);
}

/* The same in one folder; what is not taken does not stay. */
static const char *try_folder(struct mimo_loaded_module *out, const char *folder, const char *name,
                              struct mimo_arena *arena)
{
    const char *program = folder[0] == '/' ? "" : program_folder(arena);
    const char *path = mimo_arena_printf(arena, "%s%slibmimo_%s.so", program, folder, name);
    struct mimo_loaded_module tried = {0};
    const char *reason = try_library(&tried, path, arena);

    if (reason == NULL) {
        *out = tried;
        return NULL;
    }
    mimo_module_unload(&tried);
    return mimo_arena_printf(arena, "%s %s", path, reason);
}

enum mimo_status mimo_module_load(struct mimo_loaded_module *out_loaded, const char *name,
                                  struct mimo_error *err)
{
    const char *reasons = "", *reason = "";
    struct mimo_arena arena = {0};
    enum mimo_status status = MIMO_OK;

    for (size_t i = 0; i < sizeof folders / sizeof *folders && reason != NULL; i++) {
        reason = try_folder(out_loaded, folders[i], name, &arena);
        if (reason != NULL)
            reasons = mimo_arena_printf(&arena, "%s%s%s", reasons, i == 0 ? "" : "; ", reason);
    }
    if (reason != NULL)
        status = mimo_error_set(err, MIMO_E_WORLD, "no %s backend: %s", name, reasons);
    mimo_arena_release(&arena);
    return status;
}

void mimo_module_unload(struct mimo_loaded_module *loaded)
{
    if (loaded->library != NULL)
        (void)dlclose(loaded->library);
    *loaded = (struct mimo_loaded_module){0};
}
