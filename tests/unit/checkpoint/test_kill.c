/*
 * Killing a process while it saves: whatever it was doing, the newest good checkpoint is found and
 * loads, and the next save clears up.
 */
#include "fixture.h"
#include "tests/unit/check.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define DIRECTORY "test_kill.tmp" /* as in saver.c */

static pid_t start(const char *task, uint64_t first)
{
    char number[32];
    pid_t process;

    (void)snprintf(number, sizeof number, "%llu", (unsigned long long)first);
    process = fork();
    if (process == 0) {
        (void)execl(MIMO_TEST_SAVER, "saver", task, number, (char *)NULL);
        _exit(127);
    }
    MIMO_ASSERT(process > 0);
    return process;
}

static int end(pid_t process)
{
    int status = 0;

    MIMO_ASSERT(waitpid(process, &status, 0) == process);
    return status;
}

/* Waits until `path` exists in the directory or the step after it does; kills the process then. */
static void kill_at(pid_t process, const char *path, const char *later)
{
    char event[128], escape[128];
    int status = 0;

    (void)snprintf(event, sizeof event, DIRECTORY "/%s", path);
    (void)snprintf(escape, sizeof escape, DIRECTORY "/%s", later);
    while (!fixture_exists(event) && !fixture_exists(escape) &&
           waitpid(process, &status, WNOHANG) == 0)
        (void)sched_yield();
    CHECK_INT(status, 0); /* it must not have ended by itself */
    CHECK_INT(kill(process, SIGKILL), 0);
    CHECK(WIFSIGNALED(end(process)));
}

/* Steps 10 and 11 are saved in peace, then 12 until it is at `event`. */
static void check_event(const char *event)
{
    fixture_remove(DIRECTORY);
    kill_at(start("save", 10), event, "step-00000013");
    CHECK_INT(end(start("check", 11)), 0);
    CHECK(!fixture_holds(DIRECTORY, ".step-"));
    CHECK_INT(end(start("check", 12)), 0);
}

static void test_new_folder(void)
{
    check_event(".step-00000012.partial");
}

static void test_first_file(void)
{
    check_event(".step-00000012.partial/model.safetensors");
}

static void test_last_file(void)
{
    check_event(".step-00000012.partial/optimizer.safetensors");
}

static void test_manifest(void)
{
    check_event(".step-00000012.partial/manifest.json");
}

static void test_final_name(void)
{
    check_event("step-00000012");
}

static void test_pruning(void)
{
    check_event(".step-00000010.pruned");
}

static const struct mimo_test tests[] = {
    {"killed with a new folder", test_new_folder}, {"killed with the first file", test_first_file},
    {"killed with the last file", test_last_file}, {"killed with a manifest", test_manifest},
    {"killed after renaming", test_final_name},    {"killed while pruning", test_pruning},
};

MIMO_TEST_MAIN("kill", tests)
