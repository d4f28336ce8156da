/*
 * groups.h - communicators as a plan lists them.
 */
#ifndef MIMO_RUNTIME_TRAIN_GROUPS_H
#define MIMO_RUNTIME_TRAIN_GROUPS_H

#include "plan/arena.h"
#include "plan/plan.h"
#include "runtime/world/transport.h"

/* What messages call the groups of a kind of a module: "llm tp". Lies in `arena`. */
const char *mimo_groups_name(const struct mimo_plan *plan, const struct mimo_plan_groups *groups,
                             struct mimo_arena *arena);

/*
 * Makes the groups of a kind of a module. *out_group is this rank's, or NULL where it is in none;
 * groups of one rank have none. The name lies in `arena`. Collective over the world.
 */
enum mimo_status mimo_groups_make(struct mimo_transport *transport, const struct mimo_plan *plan,
                                  const struct mimo_plan_groups *groups, struct mimo_arena *arena,
                                  struct mimo_group **out_group, struct mimo_error *err);

#endif
