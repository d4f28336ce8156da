/*
 * channel.h - groups and calls as the files of the MPI transport see them.
 */
#ifndef MIMO_RUNTIME_WORLD_CHANNEL_H
#define MIMO_RUNTIME_WORLD_CHANNEL_H

#include "runtime/world/group.h"
#include "runtime/world/posts.h"
#include "runtime/world/window.h"

#include <mpi.h>

/* What groups with equal member lists have in common. */
struct mimo_channel {
    struct mimo_channel *next;
    uint32_t size, rank;
    uint32_t *members;
    MPI_Comm comm;              /* none in a group of one */
    struct mimo_posts posts;    /* on it */
    struct mimo_window *window; /* NULL where members are on several machines */
    const void **parts;         /* [size] of a reduction */
    size_t *begins;             /* [size + 1] of an all-reduce */
    int *counts;                /* [3 * size] of an exchange through MPI */
    char *scratch;              /* of the transport */
    size_t scratch_bytes;
};

/* A group of the MPI transport. */
struct mimo_mpi_group {
    struct mimo_group base;
    struct mimo_channel *channel;
};

/* One call of a collective that goes by way of pieces, on a group of at least two. */
struct mimo_call {
    struct mimo_world *world;
    struct mimo_channel *channel;
    enum mimo_collective collective;
    const char *doing;
    char *data;
    const size_t *begins; /* [size + 1]; NULL in a broadcast */
    size_t count;         /* elements, of an all-reduce; bytes, of a broadcast */
    enum mimo_dtype dtype;
    enum mimo_reduction reduction;
    uint32_t root;
};

/* The calls by way of the shared window, and by way of MPI. */
enum mimo_status mimo_shared_run(const struct mimo_call *call, struct mimo_error *err);
enum mimo_status mimo_remote_run(const struct mimo_call *call, struct mimo_error *err);

#endif
