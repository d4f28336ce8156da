/* Hangs and deaths end with the right status and a message that names who caused them. Each test
 * starts a job of hang_scenario.c; this program itself does not use MPI. */
#include "tests/unit/check.h"

#include <stdlib.h>
#include <sys/wait.h>

struct ending {
    int status;
    char text[65536]; /* standard output and error of the job */
};

static struct ending ending;

/* Runs three ranks of `program`; a job that outlives the 60 seconds ends with status 124. */
static void run_program(const char *program)
{
    char command[2048];
    size_t length;
    FILE *pipe;
    int status;

    (void)snprintf(command, sizeof command, "timeout -k 2 60 %s -n 3 %s 2>&1", MIMO_TEST_MPIEXEC,
                   program);
    pipe = popen(command, "r");
    CU_ASSERT_FATAL(pipe != NULL);
    length = fread(ending.text, 1, sizeof ending.text - 1, pipe);
    ending.text[length] = '\0';
    status = pclose(pipe);
    ending.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void run(const char *scenario, unsigned timeout_ms)
{
    char program[1024];

    (void)snprintf(program, sizeof program, "%s %s %u", MIMO_TEST_SCENARIO, scenario, timeout_ms);
    run_program(program);
}

static unsigned count_of(const char *part)
{
    unsigned count = 0;

    for (const char *at = ending.text; (at = strstr(at, part)) != NULL; at++)
        count++;
    return count;
}

static void check_timed_out(const char *duration)
{
    char headline[64];

    (void)snprintf(headline, sizeof headline, "mimo-exec: no progress for %s; ended\n", duration);
    CHECK_INT(ending.status, 7);
    CHECK_CONTAINS(ending.text, headline);
    CHECK_INT(count_of("no progress"), 1); /* one rank speaks */
    CHECK_CONTAINS(ending.text, "step 3: load");
    CHECK_CONTAINS(ending.text, "step 3: reduce");
}

static void test_stopped_rank(void)
{
    run("stop", 1000);
    check_timed_out("1 s");
    CHECK_CONTAINS(ending.text, "stopped");
    CHECK_CONTAINS(ending.text, "mimo-exec: rank 1 (process ");
    CHECK_CONTAINS(ending.text, ") is stopped");
    CHECK_CONTAINS(ending.text, "waits: all-reduce of all ranks [0, 1, 2], for rank 1");
}

static void test_rank_that_does_not_come(void)
{
    run("absent", 1500);
    check_timed_out("1500 ms");
    CHECK_CONTAINS(ending.text, "mimo-exec: rank 1 waits for nothing and did not come");
    CHECK_CONTAINS(ending.text, "waits: all-reduce of all ranks [0, 1, 2], for rank 1");
}

static void test_rank_that_does_not_come_to_mpi(void)
{
    run("remote", 1000);
    check_timed_out("1 s");
    CHECK_CONTAINS(ending.text, "mimo-exec: rank 1 waits for nothing and did not come");
    CHECK_CONTAINS(ending.text, "waits: all-reduce of all ranks [0, 1, 2]");
}

static void test_message_that_does_not_come(void)
{
    run("message", 1000);
    check_timed_out("1 s");
    CHECK_CONTAINS(ending.text, "waits: exchange, for rank 1");
}

static void test_slow_is_not_hung(void)
{
    run("slow", 1000);
    CHECK_INT(ending.status, 0);
    CHECK(strstr(ending.text, "mimo-exec:") == NULL); /* the launcher may have a word of its own */
}

static void test_killed_rank_is_the_launchers_affair(void)
{
    run("kill", 20000);
    CHECK_INT(ending.status, 137);
    CHECK_INT(count_of("mimo-exec:"), 0);
}

/* Each rank is the child of a shell that outlives it, so that the launcher sees nothing. */
static void test_lost_rank(void)
{
    run_program("sh -c '" MIMO_TEST_SCENARIO " kill 20000; status=$?; "
                "test $status = 137 && sleep 20; exit $status'");
    CHECK_INT(ending.status, 8);
    CHECK_CONTAINS(ending.text,
                   "mimo-exec: rank 1 was lost and the launcher did not end the job; ended\n");
    CHECK_CONTAINS(ending.text, ") is gone");
    CHECK_INT(count_of("was lost"), 1);
}

static void test_abort(void)
{
    run("abort", 20000);
    CHECK_INT(ending.status, 9);
    CHECK_INT(count_of("mimo-exec: rank 1 cannot write\n"), 1);
}

static const struct mimo_test tests[] = {
    {"a stopped rank", test_stopped_rank},
    {"a rank that does not come", test_rank_that_does_not_come},
    {"a rank that does not come, through MPI", test_rank_that_does_not_come_to_mpi},
    {"a message that does not come", test_message_that_does_not_come},
    {"slow is not hung", test_slow_is_not_hung},
    {"a killed rank is the launcher's affair", test_killed_rank_is_the_launchers_affair},
    {"a lost rank", test_lost_rank},
    {"abort", test_abort},
};

MIMO_TEST_MAIN("watchdog", tests)
