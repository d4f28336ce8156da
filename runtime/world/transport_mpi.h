/*
 * transport_mpi.h - the MPI transport's parts.
 */
#ifndef MIMO_RUNTIME_WORLD_TRANSPORT_MPI_H
#define MIMO_RUNTIME_WORLD_TRANSPORT_MPI_H

#include "runtime/world/channel.h"

/* An MPI request of an exchange, and what it stands for. */
struct mimo_transfer {
    size_t bytes;
    uint32_t peer, tag;
    bool is_receive;
};

struct mimo_transport_mpi {
    struct mimo_transport base;
    struct mimo_arena arena; /* groups and channels, all made at the start */
    struct mimo_channel *channels;
    MPI_Comm comm;            /* of all ranks; carries the transfers */
    const uint32_t *machines; /* [world size] lowest rank of each rank's machine */
    size_t window_bytes;
    bool has_windows;
    char *scratch;
    size_t scratch_bytes;

    /* The transfers under way; these arrays grow to the largest exchange. */
    size_t transfer_capacity;
    struct mimo_transfer *transfers;
    uint32_t *peers;
    MPI_Request *requests;
    MPI_Status *statuses;
};

/* mimo_transport_mpi_open with a choice: without windows all groups communicate as if their members
 * were on different machines. */
enum mimo_status mimo_transport_mpi_open_with(struct mimo_transport **out_transport,
                                              struct mimo_world *world, size_t window_bytes,
                                              bool has_windows, struct mimo_error *err);

/* transport_ops.exchange and the end of its arrays. */
enum mimo_status mimo_mpi_exchange(struct mimo_transport *transport,
                                   const struct mimo_message *sends, size_t send_count,
                                   const struct mimo_message *receives, size_t receive_count,
                                   struct mimo_error *err);
void mimo_mpi_exchange_release(struct mimo_transport_mpi *transport);

#endif
