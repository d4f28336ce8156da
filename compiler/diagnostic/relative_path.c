#include "compiler/diagnostic/sink.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

/* `name` behind the current folder, or all of it. */
static const char *behind_folder(const char *name)
{
    char folder[PATH_MAX];
    size_t length;

    if (name[0] != '/' || getcwd(folder, sizeof folder) == NULL)
        return name;
    length = strlen(folder);
    if (strncmp(name, folder, length) == 0 && name[length] == '/')
        return name + length + 1;
    return name;
}

static bool is_step(const char *step, size_t length, const char *word)
{
    return length == strlen(word) && memcmp(step, word, length) == 0;
}

/* The bytes of `path` without its last step, which is not ".."; SIZE_MAX where it has none. */
static size_t without_last(const char *path, size_t size, size_t root)
{
    size_t begin = size;

    while (begin > root && path[begin - 1] != '/')
        begin--;
    if (begin == size || is_step(path + begin, size - begin, ".."))
        return SIZE_MAX;
    return begin > root ? begin - 1 : root;
}

const char *mimo_relative_path(struct mimo_arena *arena, const char *name)
{
    const char *rest = behind_folder(name);
    const size_t root = rest[0] == '/' ? 1 : 0;
    char *path = mimo_arena_copy(arena, rest, strlen(rest));
    size_t size = root, length;

    for (rest += root; *rest != '\0'; rest += length + (rest[length] == '/')) {
        length = strcspn(rest, "/");
        if (length == 0 || is_step(rest, length, "."))
            continue;
        if (is_step(rest, length, "..") && without_last(path, size, root) != SIZE_MAX) {
            size = without_last(path, size, root);
            continue;
        }
        if (size > root)
            path[size++] = '/';
        memmove(path + size, rest, length);
        size += length;
    }
    path[size] = '\0';
    return path;
}
