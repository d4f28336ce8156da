/*
 * mpi_wait.h - MPI's errors in our terms, and waiting for MPI requests without taking a core.
 */
#ifndef MIMO_RUNTIME_WORLD_MPI_WAIT_H
#define MIMO_RUNTIME_WORLD_MPI_WAIT_H

#include "runtime/world/world.h"

#include <mpi.h>

/* MIMO_OK where `result` is MPI_SUCCESS; else "WHAT: MPI's own text", as MIMO_E_LOST if a process
 * of this machine is gone, else as MIMO_E_FAILED. */
enum mimo_status mimo_mpi_check(struct mimo_world *world, int result, const char *what,
                                struct mimo_error *err);

/* A set of requests and what the status board shall say of them. */
struct mimo_mpi_wait {
    struct mimo_world *world;
    const char *operation;
    MPI_Request *requests;
    MPI_Status *statuses;  /* one for each request, or MPI_STATUSES_IGNORE */
    const uint32_t *peers; /* world rank at the other end of each request, or NULL */
    int count;
};

/*
 * Waits for all requests: spins for some microseconds, then gives way to other processes, then
 * sleeps between looks, up to 200 microseconds. With `statuses`, MPI_ERR_IN_STATUS is passed to the
 * caller as MIMO_E_FAILED without a message, for the caller to say which message failed.
 */
enum mimo_status mimo_mpi_wait(const struct mimo_mpi_wait *wait, struct mimo_error *err);

/* The same for the one request of a collective operation. `result` is what starting it gave. */
enum mimo_status mimo_mpi_wait_one(struct mimo_world *world, int result, MPI_Request *request,
                                   const char *operation, struct mimo_error *err);

#endif
