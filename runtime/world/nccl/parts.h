/*
 * parts.h - the NCCL transport as its own files see it.
 */
#ifndef MIMO_RUNTIME_WORLD_NCCL_PARTS_H
#define MIMO_RUNTIME_WORLD_NCCL_PARTS_H

#include "runtime/world/group.h"
#include "runtime/world/nccl/transport_nccl.h"

#include <nccl.h>

/* What groups with equal member lists have in common. */
struct mimo_nccl_channel {
    struct mimo_nccl_channel *next;
    uint32_t size, rank;
    const uint32_t *members;
    ncclComm_t comm; /* NULL where there is one member, before it is made and after it is freed */
};

struct mimo_nccl_group {
    struct mimo_group base;
    struct mimo_nccl_channel *channel;
};

enum { MIMO_NCCL_PEERS_MAX = 8, MIMO_NCCL_ISSUED_MAX = 64 };

/* An operation, and what the status board says of it. */
struct mimo_nccl_label {
    const char *doing; /* "all-reduce of llm tp [2, 3]" */
    uint32_t peers[MIMO_NCCL_PEERS_MAX], peer_count;
};

/* The latest operations that were issued, in their order. What has number i is at i % MAX; those
 * before `first` are done or forgotten. Operations within a graph are not among them. */
struct mimo_nccl_trail {
    struct mimo_nccl_label labels[MIMO_NCCL_ISSUED_MAX];
    cudaEvent_t done[MIMO_NCCL_ISSUED_MAX];
    uint64_t first, end;
    bool is_declared; /* the status board says that number `first` is waited for */
};

struct mimo_transport_nccl {
    struct mimo_transport base;
    struct mimo_arena arena; /* groups and channels, all made at the start */
    struct mimo_cuda *cuda;
    struct mimo_nccl_channel *channels; /* newest first: the last is that of all ranks */
    struct mimo_nccl_channel *everyone;
    struct mimo_nccl_trail trail;
    cudaEvent_t hopped; /* the end of the latest hop of a ring */
    bool is_aborted;    /* after an error: there are no communicators any more */
};

/* -- communicator.c --------------------------------------------------------------------------- */

/* Makes the communicator of all ranks. Collective over the world. */
enum mimo_status mimo_nccl_connect(struct mimo_transport_nccl *t, struct mimo_transport *control,
                                   struct mimo_error *err);

/* Splits the world into the groups of one call: `channel` is this rank's, or NULL where it needs no
 * new communicator. Collective over the world. */
enum mimo_status mimo_nccl_split(struct mimo_transport_nccl *t, struct mimo_nccl_channel *channel,
                                 const char *doing, struct mimo_error *err);

/* Follows what a call on the communicator began until it is no longer under way; its result. */
ncclResult_t mimo_nccl_settle(struct mimo_transport_nccl *t, ncclComm_t comm, ncclResult_t result,
                              const char *doing);

/* MIMO_OK unless the channel, or all, have met an error; `doing` is what comes to grief by it. */
enum mimo_status mimo_nccl_check(struct mimo_transport_nccl *t, struct mimo_nccl_channel *channel,
                                 const char *doing, struct mimo_error *err);

/* Reports what failed, with this rank and its instruction, and aborts all communicators. */
enum mimo_status mimo_nccl_fail(struct mimo_transport_nccl *t, ncclComm_t comm, ncclResult_t result,
                                const char *doing, struct mimo_error *err);

/* Frees all communicators: in good order, or at once. */
void mimo_nccl_disconnect(struct mimo_transport_nccl *t);
void mimo_nccl_abort(struct mimo_transport_nccl *t);

/* -- issue.c ---------------------------------------------------------------------------------- */

/* One operation being issued: the calls between _begin and _end are one group of NCCL's. */
struct mimo_nccl_issue {
    struct mimo_transport_nccl *transport;
    struct mimo_nccl_channel *channel;
    struct mimo_nccl_label label;
    bool is_awaited; /* by the compute stream */
    ncclResult_t result;
};

/* Of a collective on a group of at least two, not begun yet. */
struct mimo_nccl_issue mimo_nccl_issue_of(struct mimo_group *group,
                                          enum mimo_collective collective);

/* The communication stream waits for the compute stream. */
enum mimo_status mimo_nccl_begin(struct mimo_nccl_issue *issue, struct mimo_error *err);
/* Takes the result of one call. */
void mimo_nccl_take(struct mimo_nccl_issue *issue, ncclResult_t result);
/* The compute stream waits for the operation, if it is awaited. */
enum mimo_status mimo_nccl_end(struct mimo_nccl_issue *issue, struct mimo_error *err);

/* The latest hop of a ring ends with what was issued so far; the compute stream waits for it. */
enum mimo_status mimo_nccl_mark_hop(struct mimo_transport_nccl *t, struct mimo_error *err);
enum mimo_status mimo_nccl_await_hop(struct mimo_transport_nccl *t, struct mimo_error *err);

/* The compute stream waits for all operations. */
enum mimo_status mimo_nccl_join(struct mimo_transport *transport, struct mimo_error *err);

/* The events of operations' ends, and looking after the host's waits for the device. */
enum mimo_status mimo_nccl_watch(struct mimo_transport_nccl *t, struct mimo_error *err);
void mimo_nccl_unwatch(struct mimo_transport_nccl *t);

/* -- collective.c, exchange.c, messages.c: operations of transport.h -------------------------- */

enum mimo_status mimo_nccl_all_reduce(struct mimo_group *group, void *data, size_t count,
                                      enum mimo_dtype dtype, enum mimo_reduction reduction,
                                      struct mimo_error *err);
enum mimo_status mimo_nccl_all_gather(struct mimo_group *group, void *data, const size_t *begins,
                                      enum mimo_dtype dtype, struct mimo_error *err);
enum mimo_status mimo_nccl_reduce_scatter(struct mimo_group *group, void *data,
                                          const size_t *begins, enum mimo_dtype dtype,
                                          struct mimo_error *err);
enum mimo_status mimo_nccl_broadcast(struct mimo_group *group, void *data, size_t bytes,
                                     uint32_t root, struct mimo_error *err);
enum mimo_status mimo_nccl_exchange(struct mimo_transport *transport,
                                    const struct mimo_message *sends, size_t send_count,
                                    const struct mimo_message *receives, size_t receive_count,
                                    struct mimo_error *err);
enum mimo_status mimo_nccl_all_to_all(struct mimo_group *group, const void *send,
                                      const size_t *send_begins, void *receive,
                                      const size_t *receive_begins, enum mimo_dtype dtype,
                                      struct mimo_error *err);
enum mimo_status mimo_nccl_ring_begin(struct mimo_group *group, const void *send, size_t send_count,
                                      void *receive, size_t receive_count, enum mimo_dtype dtype,
                                      struct mimo_error *err);
enum mimo_status mimo_nccl_ring_end(struct mimo_group *group, struct mimo_error *err);

/* Copies what a rank has for itself on the compute stream: what both ends of the copy touch is
 * touched there alone. */
enum mimo_status mimo_nccl_copy(struct mimo_transport_nccl *t, void *to, const void *from,
                                size_t bytes, struct mimo_error *err);

#endif
