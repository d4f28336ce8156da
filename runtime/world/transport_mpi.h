/*
 * transport_mpi.h - the MPI transport's parts.
 */
#ifndef MIMO_RUNTIME_WORLD_TRANSPORT_MPI_H
#define MIMO_RUNTIME_WORLD_TRANSPORT_MPI_H

#include "runtime/world/channel.h"

struct mimo_transport_mpi {
    struct mimo_transport base;
    struct mimo_arena arena; /* groups and channels, all made at the start */
    struct mimo_channel *channels;
    MPI_Comm comm;                     /* of all ranks */
    struct mimo_posts receives, sends; /* of exchanges, on `comm`; sends until they are joined */
    const uint32_t *machines;          /* [world size] lowest rank of each rank's machine */
    size_t window_bytes;
    bool has_windows;
    char *scratch;
    size_t scratch_bytes;
};

/* mimo_transport_mpi_open with a choice: without windows all groups communicate as if their members
 * were on different machines. */
enum mimo_status mimo_transport_mpi_open_with(struct mimo_transport **out_transport,
                                              struct mimo_world *world, size_t window_bytes,
                                              bool has_windows, struct mimo_error *err);

/* Operations of transport.h: exchange.c and collective_messages.c. */
enum mimo_status mimo_mpi_exchange(struct mimo_transport *transport,
                                   const struct mimo_message *sends, size_t send_count,
                                   const struct mimo_message *receives, size_t receive_count,
                                   struct mimo_error *err);
enum mimo_status mimo_mpi_join(struct mimo_transport *transport, struct mimo_error *err);
enum mimo_status mimo_mpi_all_to_all(struct mimo_group *group, const void *send,
                                     const size_t *send_begins, void *receive,
                                     const size_t *receive_begins, enum mimo_dtype dtype,
                                     struct mimo_error *err);
enum mimo_status mimo_mpi_ring_begin(struct mimo_group *group, const void *send, size_t send_count,
                                     void *receive, size_t receive_count, enum mimo_dtype dtype,
                                     struct mimo_error *err);
enum mimo_status mimo_mpi_ring_end(struct mimo_group *group, struct mimo_error *err);

#endif
