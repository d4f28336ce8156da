/*
 * grid.h - the arithmetic of layouts: ranks, coordinates, groups, shards. Pure functions.
 *
 * A module occupies `ranks` consecutive ranks from rank_offset. Its ranks are numbered tensor
 * parallel fastest, then context, data, pipeline (Megatron-LM's "tp-cp-ep-dp-pp" order):
 *     rank = rank_offset + tp + TP·(cp + CP·(dp + DP·pp)).
 * The expert view numbers the same ranks etp, ep, edp, pp.
 */
#ifndef MIMO_PLAN_GRID_H
#define MIMO_PLAN_GRID_H

#include "plan/format.h"

#include <stdbool.h>

struct mimo_coordinate {
    uint32_t tp, cp, dp, pp;
    uint32_t etp, ep, edp; /* the expert view; its pp is the same */
};

/* The coordinate of `rank` in `module`, or false where the module does not run there. */
bool mimo_grid_coordinate(const struct mimo_plan_module *module, uint32_t rank,
                          struct mimo_coordinate *out_coordinate);

/* The rank of a dense coordinate; the inverse of mimo_grid_coordinate. */
uint32_t mimo_grid_rank(const struct mimo_plan_module *module, uint32_t tp, uint32_t cp,
                        uint32_t dp, uint32_t pp);

/* Describes all groups of `kind` of the module (index `module_index` is stored in the record). */
struct mimo_plan_groups mimo_grid_groups(const struct mimo_plan_module *module,
                                         uint32_t module_index, enum mimo_group_kind kind);

/* Member `member` (< groups->size) of group `group` (< groups->group_count). */
uint32_t mimo_groups_member(const struct mimo_plan_groups *groups, uint32_t group, uint32_t member);

/* The group of `rank` and its position there, or false where no group of this kind holds it. */
bool mimo_groups_find(const struct mimo_plan_groups *groups, uint32_t rank, uint32_t *out_group,
                      uint32_t *out_member);

/* Begin of piece `r` of `n` nearly equal pieces of 0 ... width: ⌊r·width/n⌋. Exact for all 64-bit
 * widths; the piece ends where piece r + 1 begins. */
uint64_t mimo_piece_begin(uint64_t width, uint64_t r, uint64_t n);

/*
 * Context parallelism of a causal sequence: its `length` rows, a multiple of 2n where n > 1, are
 * dealt out in 2n equal pieces, of which rank r of n has pieces r and 2n − 1 − r, one behind the
 * other: an early and a late one, so that all ranks attend to equally much. The position in the
 * sequence of row `row` of rank r; and the other way round, where the row at `position` lies.
 */
uint64_t mimo_context_position(uint64_t length, uint32_t r, uint32_t n, uint64_t row);
uint64_t mimo_context_row(uint64_t length, uint32_t n, uint64_t position, uint32_t *out_r);

/* The part of the cut dimension that tensor rank `r` of `n` holds: elements begin ... end − 1. With
 * MIMO_CUT_NONE all of it. */
void mimo_shard_of(const struct mimo_plan_parameter *parameter, uint32_t r, uint32_t n,
                   uint64_t *out_begin, uint64_t *out_end);

/* Elements of the parameter that tensor rank `r` of `n` holds. */
uint64_t mimo_shard_elements(const struct mimo_plan_parameter *parameter, uint32_t r, uint32_t n);

/* True where the rank at that coordinate of its module holds (a shard of) the parameter: it is of a
 * stage there, and no expert of another rank's. */
bool mimo_grid_holds(const struct mimo_plan_module *module,
                     const struct mimo_plan_parameter *parameter, const struct mimo_coordinate *at);

/* Elements of the parameter that the rank at that coordinate of its module holds, or 0. */
uint64_t mimo_grid_elements(const struct mimo_plan_module *module,
                            const struct mimo_plan_parameter *parameter,
                            const struct mimo_coordinate *at);

/* True where tensor rank `r` of `n` is the one that counts the shard in the global norm and writes
 * it to a checkpoint: the first of those that hold the same elements. */
bool mimo_shard_is_owned(const struct mimo_plan_parameter *parameter, uint32_t r, uint32_t n);

#endif
