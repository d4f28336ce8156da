#include "fixture.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void fixture_write(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");

    MIMO_ASSERT(file != NULL && fwrite(bytes, 1, size, file) == size);
    MIMO_ASSERT(fclose(file) == 0);
}

void fixture_write_safetensors(const char *path, const char *header, const void *data,
                               size_t data_bytes)
{
    const uint64_t length = strlen(header);
    FILE *file = fopen(path, "wb");

    MIMO_ASSERT(file != NULL && fwrite(&length, sizeof length, 1, file) == 1);
    MIMO_ASSERT(fputs(header, file) >= 0);
    MIMO_ASSERT(data_bytes == 0 || fwrite(data, data_bytes, 1, file) == 1);
    MIMO_ASSERT(fclose(file) == 0);
}

void fixture_alter(const char *path, long offset, int change)
{
    FILE *file = fopen(path, "r+b");
    int byte;

    MIMO_ASSERT(file != NULL && fseek(file, offset, offset < 0 ? SEEK_END : SEEK_SET) == 0);
    byte = fgetc(file);
    MIMO_ASSERT(byte != EOF && fseek(file, -1, SEEK_CUR) == 0);
    MIMO_ASSERT(fputc((byte + change) & 255, file) != EOF);
    MIMO_ASSERT(fclose(file) == 0);
}

void fixture_truncate(const char *path, long size)
{
    MIMO_ASSERT(truncate(path, size) == 0);
}

bool fixture_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

long fixture_size(const char *path)
{
    struct stat facts;

    MIMO_ASSERT(stat(path, &facts) == 0);
    return (long)facts.st_size;
}

bool fixture_same(const char *left, const char *right)
{
    FILE *a = fopen(left, "rb"), *b = fopen(right, "rb");
    int byte = 0;
    bool is_same = a != NULL && b != NULL;

    while (is_same && byte != EOF) {
        byte = getc(a);
        is_same = byte == getc(b);
    }
    if (a != NULL)
        (void)fclose(a);
    if (b != NULL)
        (void)fclose(b);
    return is_same;
}

bool fixture_holds(const char *path, const char *prefix)
{
    DIR *folder = opendir(path);
    const struct dirent *entry;
    bool is_found = false;

    MIMO_ASSERT(folder != NULL);
    while (!is_found && (entry = readdir(folder)) != NULL)
        is_found = strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
    (void)closedir(folder);
    return is_found;
}

static int remove_one(const char *path, const struct stat *facts, int kind, struct FTW *position)
{
    (void)facts;
    (void)kind;
    (void)position;
    return remove(path);
}

void fixture_remove(const char *path)
{
    if (fixture_exists(path))
        MIMO_ASSERT(nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0);
}

void fixture_folder(const char *path)
{
    fixture_remove(path);
    MIMO_ASSERT(mkdir(path, 0777) == 0);
}

static void copy_inverted(void *dst, const void *src, size_t bytes)
{
    memcpy(dst, src, bytes);
    fixture_invert(dst, bytes);
}

static void upload(struct mimo_backend *be, void *dst, const void *host, size_t bytes)
{
    (void)be;
    copy_inverted(dst, host, bytes);
}

static void download(struct mimo_backend *be, void *host, const void *src, size_t bytes)
{
    (void)be;
    copy_inverted(host, src, bytes);
}

static void synchronize(struct mimo_backend *be)
{
    (void)be;
}

void fixture_invert(void *bytes, size_t size)
{
    unsigned char *at = bytes;

    for (size_t i = 0; i < size; i++)
        at[i] = (unsigned char)~at[i];
}

struct mimo_backend fixture_backend(enum mimo_precision precision)
{
    static const struct mimo_backend_ops ops = {
        .name = "inverting", .upload = upload, .download = download, .synchronize = synchronize};

    return (struct mimo_backend){
        .ops = &ops,
        .precision = precision,
        .element_size = precision == MIMO_PRECISION_FP64 ? 8 : 4,
    };
}
