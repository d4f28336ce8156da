/*
 * link.h - carrying the rows of a bridge between ranks (plan/bridge.h says who sends what to whom).
 *
 * Forward, rows go from the source's replicas to the destination's; backward, their gradients
 * return. One micro-step of one direction is: the sender's side lists its messages, the receiver's
 * side lists its own, all are exchanged at once (two links can share one exchange), and the
 * receiver puts the pieces of its tile together and gathers the others' over its group. Sizes
 * follow from the plan and from the images of each position, so no shape is ever sent.
 */
#ifndef MIMO_RUNTIME_TRAIN_LINK_H
#define MIMO_RUNTIME_TRAIN_LINK_H

#include "plan/bridge.h"
#include "runtime/model/tensor_parallel.h"
#include "runtime/tensor/arena.h"
#include "runtime/train/batch.h"
#include "runtime/train/messages.h"

/* One end of a link on this rank. */
struct mimo_link_end {
    bool is_here;
    struct mimo_interval interval;   /* positions of this rank's replica */
    uint32_t part, parts;            /* tp × cp position: which tile this rank sends or receives */
    struct mimo_tile *tiles;         /* [parts]: those of the replica's ranks */
    struct mimo_group *group;        /* over the parts; NULL where there is one */
    struct mimo_transfer *transfers; /* those of this rank at this end */
    uint32_t transfer_count;
};

struct mimo_link {
    uint32_t edge;
    uint32_t encoder; /* the module whose images give the rows */
    int64_t columns;
    struct mimo_compute compute;
    const struct mimo_batch *batch;
    struct mimo_link_end source, destination;
    bool is_local[2]; /* by direction; see mimo_bridge_is_local */
    uint64_t rows_max;
    void *packed;   /* outgoing pieces */
    void *arrived;  /* incoming pieces that do not fill their tile's width */
    void *parts;    /* [part][rows of its tile][columns of its tile] */
    size_t *begins; /* scratch */
};

/* Finds this rank's transfers and takes buffers. The groups are those of the ends' modules (kind
 * tp_cp), NULL where the rank is not at that end or alone. */
void mimo_link_open(struct mimo_link *link, const struct mimo_plan *plan, uint32_t edge,
                    uint32_t rank, const struct mimo_compute *compute,
                    struct mimo_group *source_group, struct mimo_group *destination_group,
                    const struct mimo_batch *batch, struct mimo_arena *table,
                    struct mimo_tensor_arena *arena);

/* Most messages of any one exchange, for the caller's arrays. */
uint32_t mimo_link_messages_max(const struct mimo_link *link);

/* Rows of the replica at an end in a micro-step. */
uint64_t mimo_link_rows(const struct mimo_link *link, const struct mimo_link_end *end,
                        uint32_t micro_step);

/*
 * Lists what this rank sends of `rows` [rows of its replica, columns] in `direction`. With
 * `is_partial`, `rows` is a part of a sum over the group (its ranks have rows of their own, and
 * zeros for the others'): it is reduced first, each rank keeping its own tile.
 */
enum mimo_status mimo_link_send(struct mimo_link *link, uint32_t micro_step, uint32_t direction,
                                void *rows, bool is_partial, struct mimo_messages *messages,
                                struct mimo_error *err);

/* Lists what this rank receives in `direction` into `rows` [rows of its replica, columns]; after
 * the exchange, mimo_link_received completes it. */
void mimo_link_receive(struct mimo_link *link, uint32_t micro_step, uint32_t direction, void *rows,
                       struct mimo_messages *messages);
enum mimo_status mimo_link_received(struct mimo_link *link, uint32_t micro_step, uint32_t direction,
                                    void *rows, struct mimo_error *err);

/* In place of all these where the direction is local: copies what this rank receives out of what it
 * would send. */
void mimo_link_copy(struct mimo_link *link, uint32_t micro_step, uint32_t direction,
                    const void *sent, void *received);

#endif
