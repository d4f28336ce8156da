#include "runtime/train/groups.h"

#include "plan/grid.h"

const char *mimo_groups_name(const struct mimo_plan *plan, const struct mimo_plan_groups *groups,
                             struct mimo_arena *arena)
{
    return mimo_arena_printf(arena, "%s %s",
                             mimo_plan_text(plan, plan->modules[groups->module].name),
                             mimo_group_kind_word(groups->kind));
}

enum mimo_status mimo_groups_make(struct mimo_transport *transport, const struct mimo_plan *plan,
                                  const struct mimo_plan_groups *groups, struct mimo_arena *arena,
                                  struct mimo_group **out_group, struct mimo_error *err)
{
    const char *name = mimo_groups_name(plan, groups, arena);
    const uint32_t rank = mimo_world_place(transport->world).rank;
    uint32_t *ranks = MIMO_NEW_ARRAY(arena, uint32_t, groups->size);
    uint32_t group, member, count = 0;
    struct mimo_group *made = NULL;

    if (groups->size > 1) {
        if (mimo_groups_find(groups, rank, &group, &member))
            for (; count < groups->size; count++)
                ranks[count] = mimo_groups_member(groups, group, count);
        MIMO_TRY(transport->ops->group_make(transport, ranks, count, name, &made, err));
    }
    *out_group = made;
    return MIMO_OK;
}
