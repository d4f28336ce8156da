#include "plan/file.h"

#include "tests/unit/check.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[192];

/* A path in the test's own folder; good until the next call. */
static const char *path_of(const char *name)
{
    static char path[256];

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static int count_entries(void)
{
    DIR *stream = opendir(folder);
    int count = -2; /* . and .. */

    while (readdir(stream) != NULL)
        count++;
    (void)closedir(stream);
    return count;
}

static void check_content(const char *name, const char *expected)
{
    struct mimo_error err = {0};
    char *bytes = NULL;
    size_t size = 0;

    CHECK_INT(mimo_file_read(path_of(name), 1 << 20, &bytes, &size, &err), MIMO_OK);
    CHECK_TEXT(err.message, "");
    CHECK_INT(size, strlen(expected));
    CHECK_TEXT(bytes == NULL ? "(none)" : bytes, expected);
    free(bytes);
}

static void test_write_and_read(void)
{
    const mode_t mask = umask(022);
    struct mimo_error err = {0};
    struct stat status;

    CHECK_INT(mimo_file_write(path_of("plan"), "first", 5, &err), MIMO_OK);
    check_content("plan", "first");
    CHECK_INT(mimo_file_write(path_of("plan"), "the second", 10, &err), MIMO_OK);
    check_content("plan", "the second");
    CHECK_INT(mimo_file_write(path_of("empty"), "", 0, &err), MIMO_OK);
    check_content("empty", "");
    CHECK_INT(stat(path_of("plan"), &status), 0);
    CHECK_INT(status.st_mode & 0777, 0644);
    CHECK_INT(count_entries(), 2);
    (void)umask(mask);
    (void)unlink(path_of("plan"));
    (void)unlink(path_of("empty"));
}

/* A reader that has the old file open keeps the old bytes: the file was replaced, not changed. */
static void test_replaces(void)
{
    struct mimo_error err = {0};
    char bytes[8] = {0};
    int old;

    CHECK_INT(mimo_file_write(path_of("plan"), "old", 3, &err), MIMO_OK);
    old = open(path_of("plan"), O_RDONLY | O_CLOEXEC);
    CHECK_INT(mimo_file_write(path_of("plan"), "new", 3, &err), MIMO_OK);
    CHECK_INT(read(old, bytes, sizeof bytes), 3);
    CHECK_TEXT(bytes, "old");
    (void)close(old);
    check_content("plan", "new");
    (void)unlink(path_of("plan"));
}

static void test_symbolic_link(void)
{
    struct mimo_error err = {0};
    struct stat status;

    CHECK_INT(mimo_file_write(path_of("target"), "old", 3, &err), MIMO_OK);
    CHECK_INT(symlink("target", path_of("link")), 0);
    CHECK_INT(mimo_file_write(path_of("link"), "new", 3, &err), MIMO_OK);
    check_content("target", "new");
    CHECK_INT(lstat(path_of("link"), &status), 0);
    CHECK(S_ISLNK(status.st_mode));
    (void)unlink(path_of("link"));
    (void)unlink(path_of("target"));
}

static void test_device(void)
{
    struct mimo_error err = {0};
    struct stat status;

    CHECK_INT(mimo_file_write("/dev/null", "bytes", 5, &err), MIMO_OK);
    CHECK_INT(stat("/dev/null", &status), 0);
    CHECK(S_ISCHR(status.st_mode));
}

static void test_unreadable(void)
{
    struct mimo_error err = {0};
    char *bytes = NULL;
    size_t size = 77;

    CHECK_INT(mimo_file_read(path_of("absent"), 100, &bytes, &size, &err), MIMO_E_USAGE);
    CHECK_CONTAINS(err.message, "absent: No such file or directory");
    err = (struct mimo_error){0};
    CHECK_INT(mimo_file_read(folder, 100, &bytes, &size, &err), MIMO_E_USAGE);
    CHECK_CONTAINS(err.message, "Is a directory");
    CHECK(bytes == NULL);
    CHECK_INT(size, 77);
}

/* The target is a folder, or lies in one that is absent; nothing is left behind. */
static void test_unwritable(void)
{
    struct mimo_error err = {0};

    CHECK_INT(mimo_file_write(path_of("no/plan"), "x", 1, &err), MIMO_E_USAGE);
    CHECK_CONTAINS(err.message, "No such file or directory");
    err = (struct mimo_error){0};
    CHECK_INT(mkdir(path_of("taken"), 0777), 0);
    CHECK_INT(mimo_file_write(path_of("taken"), "x", 1, &err), MIMO_E_USAGE);
    CHECK_CONTAINS(err.message, "Is a directory");
    CHECK_INT(count_entries(), 1);
    (void)rmdir(path_of("taken"));
}

/* A full disk is found out, and an old file survives it. */
static void test_full_device(void)
{
    struct mimo_error err = {0};

    CHECK_INT(mimo_file_write("/dev/full", "x", 1, &err), MIMO_E_USAGE);
    CHECK_CONTAINS(err.message, "No space left on device");
}

static void test_bound(void)
{
    static char large[200000];
    struct mimo_error err = {0};
    char *bytes = NULL;
    size_t size = 0;

    memset(large, 'x', sizeof large);
    CHECK_INT(mimo_file_write(path_of("large"), large, sizeof large, &err), MIMO_OK);
    CHECK_INT(mimo_file_read(path_of("large"), sizeof large, &bytes, &size, &err), MIMO_OK);
    CHECK_INT(size, sizeof large);
    CHECK_INT(bytes[size], 0);
    free(bytes);
    CHECK_INT(mimo_file_read(path_of("large"), sizeof large - 1, &bytes, &size, &err),
              MIMO_E_USAGE);
    CHECK_CONTAINS(err.message, "larger than 199999 bytes");
    err = (struct mimo_error){0};
    CHECK_INT(mimo_file_read("/dev/zero", 1000, &bytes, &size, &err), MIMO_E_USAGE);
    CHECK_CONTAINS(err.message, "larger than 1000 bytes");
    CHECK_INT(mimo_file_read(path_of("large"), SIZE_MAX, &bytes, &size, NULL), MIMO_OK);
    free(bytes);
    (void)unlink(path_of("large"));
}

/* The first and the last test: the folder is empty again when the others are through. */
static void test_folder_made(void)
{
    const char *parent = getenv("TMPDIR");

    (void)snprintf(folder, sizeof folder, "%s/mimo-file-XXXXXX", parent == NULL ? "/tmp" : parent);
    if (mkdtemp(folder) == NULL)
        CU_FAIL_FATAL("cannot make a folder");
}

static void test_nothing_left(void)
{
    CHECK_INT(rmdir(folder), 0);
}

static const struct mimo_test tests[] = {
    {"a folder to work in", test_folder_made},
    {"write and read", test_write_and_read},
    {"a write replaces the file", test_replaces},
    {"a symbolic link stays", test_symbolic_link},
    {"a device stays", test_device},
    {"what cannot be read", test_unreadable},
    {"what cannot be written", test_unwritable},
    {"a full device", test_full_device},
    {"the bound on reading", test_bound},
    {"nothing is left", test_nothing_left},
};

MIMO_TEST_MAIN("plan/file", tests)
