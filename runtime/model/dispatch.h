/*
 * dispatch.h - rows on their way to the ranks of their experts and back, round by round
 * (routing.h): an all-to-all over the expert ranks, then a gather over the parts of an expert,
 * which all need its rows. Gradients go the same ways.
 */
#ifndef MIMO_RUNTIME_MODEL_DISPATCH_H
#define MIMO_RUNTIME_MODEL_DISPATCH_H

#include "runtime/model/routing.h"
#include "runtime/model/tensor_parallel.h"

/* Who shares experts with this rank. Groups of one rank are NULL. */
struct mimo_expert_groups {
    struct mimo_group *etp, *ep;
    struct mimo_group *tp_cp;             /* they share the rows of a replica */
    const struct mimo_transport *control; /* of host memory, */
    struct mimo_group *etp_ep;            /* and of it */
    uint32_t etp_rank, ep_rank;
};

struct mimo_dispatch {
    struct mimo_compute compute;
    struct mimo_expert_groups groups;
    int64_t columns;
    struct mimo_routing routing;
    struct mimo_round round; /* the one that is under way */
    void *arrived;           /* scratch: [expert_rows, columns] */
    int32_t *order;          /* round.order in the backend's memory */
    size_t *count_begins;    /* [etp * ep + 1]: of the counts of each rank */
    size_t *from, *to;       /* scratch */
};

/* Makes room for the host's tables; `arrived` and `order` are the caller's to set. `room_max` is
 * the most rows of a round. */
void mimo_dispatch_open(struct mimo_dispatch *dispatch, const struct mimo_plan_module *module,
                        const struct mimo_compute *compute, const struct mimo_expert_groups *groups,
                        int64_t room_max, struct mimo_arena *table);

/* counts[etp * ep, experts], in host memory, of which this rank has filled in its own; afterwards
 * those of all ranks are there, and dispatch->routing follows them. */
enum mimo_status mimo_dispatch_agree(struct mimo_dispatch *dispatch, int64_t *counts, int64_t room,
                                     struct mimo_error *err);

/* Begins round `m`. */
void mimo_dispatch_begin(struct mimo_dispatch *dispatch, int64_t m);

/* The rows of the round that this rank's experts get.  */
int64_t mimo_dispatch_rows(const struct mimo_dispatch *dispatch);

/* From `sent`, by places, to `rows` of this rank's experts, in their order; and back. Coming back,
 * the parts of an expert each have a part of a sum. */
enum mimo_status mimo_dispatch_send(struct mimo_dispatch *dispatch, const void *sent, void *rows,
                                    struct mimo_error *err);
enum mimo_status mimo_dispatch_return(struct mimo_dispatch *dispatch, const void *rows,
                                      void *returned, struct mimo_error *err);

#endif
