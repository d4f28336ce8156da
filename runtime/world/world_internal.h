/*
 * world_internal.h - the world as its own files see it.
 */
#ifndef MIMO_RUNTIME_WORLD_WORLD_INTERNAL_H
#define MIMO_RUNTIME_WORLD_WORLD_INTERNAL_H

#include "runtime/world/board.h"
#include "runtime/world/watchdog.h"
#include "runtime/world/world.h"

#include <mpi.h>

struct mimo_world {
    struct mimo_world_place place;
    MPI_Comm comm; /* of all ranks, for agreement only */
    MPI_Comm node_comm;
    MPI_Win board_window;
    struct mimo_board board;
    struct mimo_watchdog *watchdog; /* NULL until mimo_world_watch */
    uint32_t spin_count;            /* looks before a wait gives way: few where cores are short */
};

#endif
