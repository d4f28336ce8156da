/*
 * bridge.h - who sends what to whom between two modules. Pure functions.
 *
 * In a micro-step the positions 0 ... S−1 (S = samples of all replicas) are cut into equal
 * intervals by the source's replicas and by the destination's. Every non-empty intersection of two
 * intervals travels from one source replica to one destination replica, for any two data_parallel
 * sizes. Its columns are cut by the source's tp × cp ranks and by the destination's, and again each
 * non-empty intersection is one transfer; so every row crosses once, over all links at the same
 * time, and the destination gathers the columns over its own tensor and context group. Gradients
 * take the same transfers the other way.
 *
 * For stages of one module the same arithmetic holds: replicas and columns agree, so that each rank
 * sends to the rank of its own coordinate on the next stage. What it sends are its own rows: all
 * their columns where it alone has them, its tensor rank's columns where the others have them too
 * (docs/plan-format.md, section COMM).
 */
#ifndef MIMO_PLAN_BRIDGE_H
#define MIMO_PLAN_BRIDGE_H

#include "plan/plan.h"

#include <stdbool.h>

/* Columns of some samples: positions of the micro-step and columns of the edge, ends exclusive. */
struct mimo_tile {
    uint32_t sample_begin, sample_end;
    uint32_t column_begin, column_end;
};

struct mimo_transfer {
    uint32_t source, destination;      /* ranks */
    uint32_t sample_begin, sample_end; /* positions of the micro-step */
    uint32_t column_begin, column_end;
};

/*
 * A cursor over the transfers of an edge; see mimo_transfers_next. It is a place (sample, column)
 * that walks over a window of the rows: the next transfer is as large as the pieces allow there.
 * The fields are the cursor's own.
 */
struct mimo_transfers {
    const struct mimo_plan_module *from, *to;
    uint32_t from_pp, to_pp; /* pipeline ranks of the two stages */
    uint32_t columns;
    bool shares_ranks;                             /* a bridge with both ends on the same ranks */
    uint32_t sample_end, column_begin, column_end; /* the window; its samples begin at `sample` */
    uint32_t sample, column;
};

/*
 * Starts over the transfers of edge `edge`; only those of rank `source` and to rank `destination`
 * where these are not MIMO_NONE. The order is ascending by sample, then by column.
 */
void mimo_transfers_init(struct mimo_transfers *transfers, const struct mimo_plan *plan,
                         uint32_t edge, uint32_t source, uint32_t destination);

/* The next transfer, or false at the end. O(1) per transfer, filters included. */
bool mimo_transfers_next(struct mimo_transfers *transfers, struct mimo_transfer *out_transfer);

/* The columns of the edge that part `part` of `parts` ranks that share them out carries. */
void mimo_bridge_columns(uint32_t columns, uint32_t part, uint32_t parts, uint32_t *out_begin,
                         uint32_t *out_end);

/* What `rank` carries as the source, or as the destination, of edge `edge`: what it sends or
 * receives, and brings to or gets from its tensor and context group. The tiles of a replica's ranks
 * are its samples and all columns, each once. The rank is at that end. */
struct mimo_tile mimo_bridge_tile(const struct mimo_plan *plan, uint32_t edge, bool is_source,
                                  uint32_t rank);

/* True where whoever receives over bridge `edge` in `direction` has all rows already, on shared
 * ranks, from rows that are not cut by position: it copies them, and nothing is sent or gathered.
 */
bool mimo_bridge_is_local(const struct mimo_plan *plan, uint32_t edge, uint32_t direction);

#endif
