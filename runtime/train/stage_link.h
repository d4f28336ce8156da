/*
 * stage_link.h - carrying the residual stream between neighbouring stages of a module, and its
 * gradient back: an edge that is no bridge (link.h).
 *
 * Each rank sends its own rows to the rank of its coordinate on the other stage. Where tensor ranks
 * hold equal rows each sends its share of the columns alone, and the receiver gathers them: every
 * element crosses once. What is sent lies densely.
 */
#ifndef MIMO_RUNTIME_TRAIN_STAGE_LINK_H
#define MIMO_RUNTIME_TRAIN_STAGE_LINK_H

#include "runtime/model/layer.h"
#include "runtime/train/messages.h"

struct mimo_stage_link {
    uint32_t edge;
    struct mimo_compute compute;
    int64_t hidden;
    bool shares_columns;            /* over the tensor-parallel group */
    struct mimo_columns columns;    /* that this rank sends and receives: all, or its share */
    bool is_source, is_destination; /* this rank is at that end; it may be at both */
    uint32_t source, destination;   /* the ranks of its coordinate there */
    void *arrived; /* of the module's scratch, [rows, hidden]: shares while they are gathered */
};

/* For an edge of a module that `rank` runs. */
void mimo_stage_link_open(struct mimo_stage_link *link, const struct mimo_plan *plan, uint32_t edge,
                          uint32_t rank, const struct mimo_compute *compute, void *arrived);

/* Lists what this rank sends: `share` [rows, its columns] of the stream, or of its gradient. */
void mimo_stage_link_send(struct mimo_stage_link *link, uint32_t direction, void *share,
                          int64_t rows, struct mimo_messages *messages);

/* Lists what it receives into `stream` [rows, hidden]; after the exchange,
 * mimo_stage_link_received completes it. */
void mimo_stage_link_receive(struct mimo_stage_link *link, uint32_t direction, void *stream,
                             int64_t rows, struct mimo_messages *messages);
enum mimo_status mimo_stage_link_received(struct mimo_stage_link *link, void *stream, int64_t rows,
                                          struct mimo_error *err);

#endif
