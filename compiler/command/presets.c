#include "compiler/command/presets.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

/* "/usr" of "/usr/bin/mimoc"; false where /proc does not tell. */
static bool find_prefix(char *out_prefix, size_t size)
{
    const ssize_t length = readlink("/proc/self/exe", out_prefix, size);

    if (length <= 0 || (size_t)length == size)
        return false;
    out_prefix[length] = '\0';
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(out_prefix, '/');
        if (slash == NULL)
            return false;
        *slash = '\0';
    }
    return true;
}

const char *mimo_presets_find(struct mimo_arena *arena)
{
    char prefix[PATH_MAX];
    const char *folder;

    if (find_prefix(prefix, sizeof prefix)) {
        folder = mimo_arena_printf(arena, "%s/share/mimo/presets", prefix);
        if (access(folder, R_OK | X_OK) == 0)
            return folder;
    }
    return MIMO_PRESETS;
}
