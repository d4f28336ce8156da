/*
 * process.h - whether another process of this machine still lives, from /proc.
 */
#ifndef MIMO_RUNTIME_WORLD_PROCESS_H
#define MIMO_RUNTIME_WORLD_PROCESS_H

#include <stdint.h>

enum mimo_process_state {
    MIMO_PROCESS_RUNNING,
    MIMO_PROCESS_STOPPED, /* by SIGSTOP or a debugger */
    MIMO_PROCESS_GONE,    /* ended, waited for by its parent or not */
    MIMO_PROCESS_UNKNOWN, /* lives among other process numbers than ours: another container */
};

/* The state of process `pid` of the process number space `pid_namespace`. */
enum mimo_process_state mimo_process_state(uint32_t pid, uint64_t pid_namespace);

/* Identifies the space of process numbers in which this process lives; 0 where /proc is absent. */
uint64_t mimo_process_namespace(void);

const char *mimo_process_state_name(enum mimo_process_state state);

#endif
