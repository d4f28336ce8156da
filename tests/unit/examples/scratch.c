#include "tests/unit/examples/scratch.h"

#include "plan/error.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void mimo_scratch_make(struct mimo_scratch *scratch)
{
    const char *parent = getenv("TMPDIR");
    const int length = snprintf(scratch->root, sizeof scratch->root, "%s/mimo-test.XXXXXX",
                                parent != NULL ? parent : "/tmp");

    MIMO_ASSERT(length > 0 && (size_t)length < sizeof scratch->root);
    MIMO_ASSERT(mkdtemp(scratch->root) != NULL);
}

const char *mimo_scratch_path(struct mimo_scratch *scratch, const char *name)
{
    const int length = snprintf(scratch->path, sizeof scratch->path, "%s/%s", scratch->root, name);

    MIMO_ASSERT(length > 0 && (size_t)length < sizeof scratch->path);
    return scratch->path;
}

void mimo_scratch_write(struct mimo_scratch *scratch, const char *name, const char *text)
{
    FILE *file = fopen(mimo_scratch_path(scratch, name), "w");

    MIMO_ASSERT(file != NULL);
    MIMO_ASSERT(fputs(text, file) >= 0);
    MIMO_ASSERT(fclose(file) == 0);
}

int mimo_scratch_count(const struct mimo_scratch *scratch)
{
    DIR *folder = opendir(scratch->root);
    int count = 0;

    MIMO_ASSERT(folder != NULL);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    (void)closedir(folder);
    return count;
}

static int entry_remove(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

void mimo_scratch_remove(struct mimo_scratch *scratch)
{
    (void)nftw(scratch->root, entry_remove, 16, FTW_DEPTH | FTW_PHYS);
}
