/*
 * replay.c - runs a harness over files and over the files of folders, once each, where the compiler
 * has no libFuzzer: its corpus is a test everywhere.
 */
#include "plan/file.h"
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { INPUT_BYTES_MAX = 1 << 20 };

static size_t replayed;

static bool replay_file(const char *path)
{
    struct mimo_error err = {0};
    char *bytes, *exact;
    size_t size;

    if (mimo_file_read(path, INPUT_BYTES_MAX, &bytes, &size, &err) != MIMO_OK) {
        (void)fprintf(stderr, "%s\n", err.message);
        return false;
    }
    exact = malloc(size > 0 ? size : 1); /* no slack, so that sanitizers see overruns */
    MIMO_ASSERT(exact != NULL);
    memcpy(exact, bytes, size);
    (void)LLVMFuzzerTestOneInput((const uint8_t *)exact, size);
    free(exact);
    free(bytes);
    replayed++;
    return true;
}

static bool replay(const char *path);

static bool replay_folder(const char *path)
{
    DIR *folder = opendir(path);
    struct mimo_arena arena = {0};
    struct dirent *entry;
    bool is_good = folder != NULL;

    if (folder == NULL) {
        (void)fprintf(stderr, "cannot open %s\n", path);
        return false;
    }
    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] != '.')
            is_good &= replay(mimo_arena_printf(&arena, "%s/%s", path, entry->d_name));
    }
    (void)closedir(folder);
    mimo_arena_release(&arena);
    return is_good;
}

static bool replay(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISDIR(status.st_mode) ? replay_folder(path)
                                                               : replay_file(path);
}

int main(int argc, char **argv)
{
    bool is_good = true;

    for (int i = 1; i < argc; i++)
        is_good &= replay(argv[i]);
    (void)printf("%zu inputs replayed\n", replayed);
    return is_good && replayed > 0 ? 0 : 1;
}
