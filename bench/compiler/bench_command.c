/* bench-command ROUNDS COMMAND...: the best and the median time of a command, and its peak memory.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS_MAX = 1000 };

struct measurement {
    double milliseconds;
    long kilobytes; /* peak resident */
};

static double now(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return 1e3 * (double)time.tv_sec + 1e-6 * (double)time.tv_nsec;
}

/* Exits where the command cannot be run, or fails. */
static struct measurement run(char *const *command)
{
    const double begin = now();
    const pid_t child = fork();
    struct rusage usage;
    int status;

    if (child == 0) {
        (void)execvp(command[0], command);
        perror(command[0]);
        _exit(127);
    }
    if (child < 0 || wait4(child, &status, 0, &usage) < 0) {
        perror("bench-command");
        exit(1);
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        (void)fprintf(stderr, "bench-command: %s failed\n", command[0]);
        exit(1);
    }
    return (struct measurement){now() - begin, usage.ru_maxrss};
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    static double times[ROUNDS_MAX];
    const long rounds = argc < 3 ? 0 : strtol(argv[1], NULL, 10);
    long kilobytes = 0;

    if (rounds < 1 || rounds > ROUNDS_MAX) {
        (void)fprintf(stderr, "usage: bench-command ROUNDS COMMAND [ARGUMENTS]\n");
        return 2;
    }
    for (long i = 0; i < rounds; i++) {
        const struct measurement measurement = run(argv + 2);

        times[i] = measurement.milliseconds;
        if (kilobytes < measurement.kilobytes)
            kilobytes = measurement.kilobytes;
    }
    qsort(times, (size_t)rounds, sizeof *times, compare);
    (void)printf("%.1f %.1f %.1f\n", times[0], times[rounds / 2], (double)kilobytes / 1024.0);
    return 0;
}
