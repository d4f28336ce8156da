/*
 * memory.h - the tensor memory of a rank, to the byte, from the plan alone.
 *
 * A run holds seven arenas (enum mimo_memory_kind) and nothing else in the backend's memory, but
 * for the keys and values of generation. Their sizes follow from the layouts, the parameter table,
 * the role's program (how many micro-steps are alive at once) and the bound on images; no arena
 * depends on the data. mimo-exec allocates exactly these sizes, and asserts that its layout code
 * uses them up. The compiler chooses and warns by them; section MEMO of a plan states them.
 *
 *
 * Sizes saturate at UINT64_MAX. A plan need not be written yet: modules, stages, parameters, edges,
 * roles with their places and ranges, and the instructions of the role in question must be there.
 * `arena` is for scratch, linear in the program.
 */
#ifndef MIMO_PLAN_MEMORY_H
#define MIMO_PLAN_MEMORY_H

#include "plan/arena.h"
#include "plan/plan.h"

#include <stdbool.h>

/* What `rank` holds; where it does not train (losses or text alone), without gradients and without
 * what is kept for a backward pass. `micro_steps_alive` is the most that any of its places keeps.
 */
struct mimo_plan_memory mimo_memory_of_rank(const struct mimo_plan *plan, uint32_t rank,
                                            bool trains, struct mimo_arena *arena);

/* Parameters, gradients, optimizer state and the scratch of their reduction alone: the program is
 * not looked at. The other kinds are 0. */
struct mimo_plan_memory mimo_memory_of_parameters(const struct mimo_plan *plan, uint32_t rank,
                                                  bool trains);

/*
 * The maximum of each kind over the ranks of role `role`, in training. Ranks of a role differ by
 * their uneven shares alone, which repeat with the least common multiple of the modules'
 * tensor-parallel sizes; the first MIMO_MEMORY_RANKS_MAX ranks of each range are looked at.
 */
#define MIMO_MEMORY_RANKS_MAX 512
struct mimo_plan_memory mimo_memory_of_role(const struct mimo_plan *plan, uint32_t role);

/* True where the layers of `place`, an index into the plan's places and one of the role's, are kept
 * in training: where gradients go back through them; in a frozen encoder they end at its projector.
 * Elsewhere the layers take turns in two sets of tensors. */
bool mimo_memory_keeps_layers(const struct mimo_plan *plan, const struct mimo_plan_role *role,
                              uint32_t place);

/* All kinds together. */
uint64_t mimo_memory_total(const struct mimo_plan_memory *memory);

/* True where role `role` with its present instructions fits into the cluster's memory, or no memory
 * is declared. */
bool mimo_memory_fits(const struct mimo_plan *plan, uint32_t role);

/* Bytes that generation takes on `rank` besides: keys and values of its layers,
 * mimo_positions_max() tokens for each sequence of a micro-batch, and one step's tensors. */
uint64_t mimo_memory_of_generation(const struct mimo_plan *plan, uint32_t rank);

/* "parameters", "gradients", ... */
const char *mimo_memory_word(enum mimo_memory_kind kind);

#endif
