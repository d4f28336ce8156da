#include "runtime/world/world.h"

#include <signal.h>

static volatile sig_atomic_t was_signalled;

static void set_flag(int number)
{
    (void)number;
    was_signalled = 1;
}

void mimo_world_catch_signals(void)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGUSR1};
    struct sigaction action = {.sa_handler = set_flag, .sa_flags = SA_RESTART};

    (void)sigemptyset(&action.sa_mask);
    for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++)
        (void)sigaction(numbers[i], &action, NULL);
}

bool mimo_world_was_signalled(void)
{
    return was_signalled != 0;
}
