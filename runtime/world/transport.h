/*
 * transport.h - the seam of communication: collectives on groups, and transfers between ranks.
 *
 * Groups are made once, eagerly, in one order on all ranks. All members of a group call the same
 * operations in the same order. Buffers are in the backend's memory. A reduction gives equal bits
 * on every member, and for equal inputs on every run.
 *
 * An operation may return when it is issued: it comes behind the backend's operations that were
 * issued before it, and those that are issued later see its result. On a group that was detached
 * they go on beside it until `join`.
 */
#ifndef MIMO_RUNTIME_WORLD_TRANSPORT_H
#define MIMO_RUNTIME_WORLD_TRANSPORT_H

#include "runtime/world/world.h"

#include <stddef.h>

enum mimo_dtype {
    MIMO_DTYPE_F32,
    MIMO_DTYPE_BF16, /* sums are added in float32 */
    MIMO_DTYPE_F64,
    MIMO_DTYPE_I64,
    MIMO_DTYPE_U8,
};
enum mimo_reduction { MIMO_REDUCE_SUM, MIMO_REDUCE_MAX };

/* A ring hands on keys and values, and on the way back their gradients besides. */
enum { MIMO_RING_HOPS = 2 };

struct mimo_transport;
struct mimo_group;

/* One side of a transfer between two ranks. Messages of one source to one destination are posted in
 * one order, that of their tags too, at both ends. Sender and receiver state the same size. */
struct mimo_message {
    uint32_t peer; /* world rank; may be this rank itself */
    uint32_t tag;  /* below 32768 */
    void *data;
    size_t bytes;
};

struct mimo_transport_ops {
    const char *name; /* "mpi" */

    /*
     * Makes the group of `ranks` (ascending world ranks). Collective over the whole world; every
     * rank passes its own group of a family (or NULL and 0 where it is in none), the groups of one
     * call being disjoint. A group of one rank has no communicator; a member list that this rank
     * has made before is shared. `name` lives as long as the transport ("llm tp"). *out_group is
     * NULL for a rank in no group.
     */
    enum mimo_status (*group_make)(struct mimo_transport *transport, const uint32_t *ranks,
                                   uint32_t count, const char *name, struct mimo_group **out_group,
                                   struct mimo_error *err);

    /* data[count] is replaced by the sum or maximum over the group, equal bits on all members. */
    enum mimo_status (*all_reduce)(struct mimo_group *group, void *data, size_t count,
                                   enum mimo_dtype dtype, enum mimo_reduction reduction,
                                   struct mimo_error *err);
    /* Member i contributes elements begins[i] ... begins[i+1]-1 of data[begins[size]], in place. */
    enum mimo_status (*all_gather)(struct mimo_group *group, void *data, const size_t *begins,
                                   enum mimo_dtype dtype, struct mimo_error *err);
    /* Every member passes data[begins[size]]; member i's part is replaced by the sum; the rest of
     * its data is undefined afterwards. */
    enum mimo_status (*reduce_scatter)(struct mimo_group *group, void *data, const size_t *begins,
                                       enum mimo_dtype dtype, struct mimo_error *err);
    /* Elements send_begins[i] ... send_begins[i+1]-1 of `send` go to member i, and those that
     * member i has for this rank come to receive_begins[i] ... receive_begins[i+1]-1 of `receive`;
     * both know how many. Any range may be empty; the buffers do not overlap. */
    enum mimo_status (*all_to_all)(struct mimo_group *group, const void *send,
                                   const size_t *send_begins, void *receive,
                                   const size_t *receive_begins, enum mimo_dtype dtype,
                                   struct mimo_error *err);
    /*
     * One hop of a ring: send[send_count] goes to the next member, the last one's to the first, and
     * what the member before sends comes to receive[receive_count]. The hop goes on beside whatever
     * is issued until ring_end, which must not touch `receive` nor write to `send`; the backend's
     * operations behind ring_end see what came, and may write to what was sent. On a group up to
     * MIMO_RING_HOPS hops may be on their way; ring_end ends them all.
     */
    enum mimo_status (*ring_begin)(struct mimo_group *group, const void *send, size_t send_count,
                                   void *receive, size_t receive_count, enum mimo_dtype dtype,
                                   struct mimo_error *err);
    enum mimo_status (*ring_end)(struct mimo_group *group, struct mimo_error *err);
    /* data[bytes] of member `root` goes to all. */
    enum mimo_status (*broadcast)(struct mimo_group *group, void *data, size_t bytes, uint32_t root,
                                  struct mimo_error *err);
    /*
     * Posts all sends and receives at once. Messages to itself are copied. The backend's later
     * operations see what was received. They do not wait for what is only sent, so that a sender
     * is not held up by its receiver: what a send reads must not be written to before `join`.
     */
    enum mimo_status (*exchange)(struct mimo_transport *transport, const struct mimo_message *sends,
                                 size_t send_count, const struct mimo_message *receives,
                                 size_t receive_count, struct mimo_error *err);

    /* The backend's operations that are issued from now on come behind everything that this
     * transport was asked to do. */
    enum mimo_status (*join)(struct mimo_transport *transport, struct mimo_error *err);
    void (*close)(struct mimo_transport *transport);
};

struct mimo_transport {
    const struct mimo_transport_ops *ops;
    struct mimo_world *world;
    struct mimo_group *everyone; /* all ranks */
};

/* Members of a group, and this rank's position among them. */
uint32_t mimo_group_size(const struct mimo_group *group);
uint32_t mimo_group_rank(const struct mimo_group *group);
uint32_t mimo_group_member(const struct mimo_group *group, uint32_t position);

/* From now on the backend's operations do not wait for those on this group (NULL: none); they must
 * not touch its data until `join`. For the reduction of gradients, which nothing reads for long. */
void mimo_group_detach(struct mimo_group *group);

/*
 * The transport over MPI, for buffers in host memory. Reductions add in ascending order of members.
 * Every operation is complete when it returns, but for hops and for what an exchange sends. Groups
 * whose members share a machine reduce and gather in an MPI-3 shared window of `window_bytes` for
 * each member (larger data goes through in pieces); others use MPI's own collectives. Waiting ranks
 * sleep after a short spin, so that more ranks than cores work.
 */
enum mimo_status mimo_transport_mpi_open(struct mimo_transport **out_transport,
                                         struct mimo_world *world, size_t window_bytes,
                                         struct mimo_error *err);

#endif
