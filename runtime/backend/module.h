/*
 * module.h - backends that are loaded at run time: what such a library exports, and how it is
 * found.
 *
 * The library libmimo_NAME.so exports one symbol, mimo_module. It calls functions of the program
 * that loads it (errors, arenas, the world), so both must be of one version.
 */
#ifndef MIMO_RUNTIME_BACKEND_MODULE_H
#define MIMO_RUNTIME_BACKEND_MODULE_H

#include "runtime/backend/backend.h"

struct mimo_transport;

struct mimo_module {
    const char *version; /* the project's; in front for good, so that any version can be read */
    /* Devices that this process can use. Where there are none, `err` (MIMO_E_WORLD) says why. */
    uint32_t (*count_devices)(struct mimo_error *err);
    enum mimo_status (*open_backend)(struct mimo_backend *out_backend,
                                     enum mimo_precision precision, uint32_t device,
                                     struct mimo_error *err);
    /* The transport of the backend's memory, to be closed before it; `control` is one of the host's
     * and lives longer. Collective over the world of `control`. */
    enum mimo_status (*open_transport)(struct mimo_transport **out_transport,
                                       struct mimo_transport *control, struct mimo_backend *backend,
                                       struct mimo_error *err);
};

/* The symbol, in the library alone. */
extern const struct mimo_module mimo_module __attribute__((visibility("default")));

/* A library that was loaded; all zero where none was. */
struct mimo_loaded_module {
    void *library;
    const struct mimo_module *module;
};

/*
 * Looks for libmimo_NAME.so beside the running program, in ../lib/mimo from there, and in the
 * folder that the project is installed to; takes the first that loads and is of this version.
 * MIMO_E_WORLD names every file that was looked for, and why each was not taken.
 */
enum mimo_status mimo_module_load(struct mimo_loaded_module *out_loaded, const char *name,
                                  struct mimo_error *err);

/* Only for a module that has opened nothing. */
void mimo_module_unload(struct mimo_loaded_module *loaded);

#endif
