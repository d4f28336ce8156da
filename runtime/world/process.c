#include "runtime/world/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

/* The letter behind the command's name in /proc/PID/stat (proc(5)), or 0. The name may itself
 * hold parentheses, so the last one counts. */
static char state_letter(uint32_t pid)
{
    char path[64], text[512];
    const char *close_mark;
    ssize_t length;
    int file;

    (void)snprintf(path, sizeof path, "/proc/%u/stat", pid);
    file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return 0;
    length = read(file, text, sizeof text - 1);
    (void)close(file);
    if (length <= 0)
        return 0;
    text[length] = '\0';
    close_mark = strrchr(text, ')');
    return close_mark != NULL && close_mark[1] == ' ' ? close_mark[2] : (char)0;
}

enum mimo_process_state mimo_process_state(uint32_t pid, uint64_t pid_namespace)
{
    if (pid_namespace != mimo_process_namespace())
        return MIMO_PROCESS_UNKNOWN;
    if (kill((pid_t)pid, 0) != 0 && errno == ESRCH)
        return MIMO_PROCESS_GONE;
    switch (state_letter(pid)) {
    case 'T':
    case 't':
        return MIMO_PROCESS_STOPPED;
    case 'Z':
    case 'X':
        return MIMO_PROCESS_GONE;
    default:
        return MIMO_PROCESS_RUNNING;
    }
}

uint64_t mimo_process_namespace(void)
{
    struct stat status;

    return stat("/proc/self/ns/pid", &status) == 0 ? (uint64_t)status.st_ino : 0;
}

const char *mimo_process_state_name(enum mimo_process_state state)
{
    switch (state) {
    case MIMO_PROCESS_RUNNING:
        return "running";
    case MIMO_PROCESS_STOPPED:
        return "stopped";
    case MIMO_PROCESS_GONE:
        return "gone";
    case MIMO_PROCESS_UNKNOWN:
        return "unknown";
    }
    return "unknown";
}
