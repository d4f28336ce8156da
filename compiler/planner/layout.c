#include "compiler/planner/layout.h"

#include "plan/grid.h"

#include <stdlib.h>

/* Ranks that run one pipeline rank of a module. */
static uint32_t slab_ranks(const struct mimo_plan_module *module)
{
    return module->ranks / module->pp;
}

static uint32_t slab_first(const struct mimo_plan_module *module, uint32_t stage)
{
    return module->rank_offset + stage % module->pp * slab_ranks(module);
}

static void count_stages(struct mimo_draft *draft)
{
    uint32_t first = 0;

    for (uint32_t i = 0; i < draft->plan.module_count; i++) {
        draft->modules[i].stage_first = first;
        draft->modules[i].stage_count = draft->modules[i].pp * draft->modules[i].virtual_pipeline;
        first += draft->modules[i].stage_count;
    }
    draft->plan.stage_count = first;
}

static void build_stages(struct mimo_draft *draft)
{
    struct mimo_plan_stage *stages;

    count_stages(draft);
    stages = MIMO_NEW_ARRAY(draft->arena, struct mimo_plan_stage, draft->plan.stage_count);
    draft->stages = stages;
    draft->plan.stages = stages;
    for (uint32_t i = 0; i < draft->plan.module_count; i++) {
        const struct mimo_plan_module *module = &draft->modules[i];
        const uint32_t *layers = draft->owners[i].stage_layers;
        uint32_t layer = 0;

        for (uint32_t s = 0; s < module->stage_count; s++) {
            *stages++ = (struct mimo_plan_stage){
                .module = i,
                .layer_first = layer,
                .layer_count =
                    layers != NULL ? layers[s] : module->layers_computed / module->stage_count,
            };
            layer += stages[-1].layer_count;
        }
    }
}

static void build_groups(struct mimo_draft *draft)
{
    const uint32_t count = draft->plan.module_count * MIMO_GROUP_KIND_COUNT;
    struct mimo_plan_groups *groups = MIMO_NEW_ARRAY(draft->arena, struct mimo_plan_groups, count);

    for (uint32_t i = 0; i < count; i++) {
        const uint32_t module = i / MIMO_GROUP_KIND_COUNT;

        groups[i] = mimo_grid_groups(&draft->modules[module], module,
                                     (enum mimo_group_kind)(i % MIMO_GROUP_KIND_COUNT));
    }
    draft->plan.groups = groups;
    draft->plan.groups_count = count;
}

static struct mimo_plan_edge edge_between(const struct mimo_plan *plan, uint32_t from_module,
                                          uint32_t from_stage, uint32_t to_module,
                                          uint32_t to_stage)
{
    const struct mimo_plan_module *from = &plan->modules[from_module];
    const struct mimo_plan_module *to = &plan->modules[to_module];

    return (struct mimo_plan_edge){
        .from_module = from_module,
        .from_stage = from_stage,
        .to_module = to_module,
        .to_stage = to_stage,
        .columns = to->hidden_size,
        .is_bridge = from_module != to_module,
        .has_backward = mimo_plan_has_backward(plan, from_module, from_stage),
        .shares_ranks = slab_first(from, from_stage) == slab_first(to, to_stage) &&
                        slab_ranks(from) == slab_ranks(to),
    };
}

/* Each module's stages in a row, then its bridge: every stage but the last one of all has one edge
 * that leaves it. */
static void build_edges(struct mimo_draft *draft)
{
    struct mimo_plan *plan = &draft->plan;
    const uint32_t language = plan->meta->language_module;
    struct mimo_plan_edge *edges =
        MIMO_NEW_ARRAY(draft->arena, struct mimo_plan_edge, plan->stage_count - 1);
    uint32_t count = 0;

    for (uint32_t i = 0; i < plan->module_count; i++) {
        const uint32_t last = plan->modules[i].stage_count - 1;

        for (uint32_t s = 0; s < last; s++)
            edges[count++] = edge_between(plan, i, s, i, s + 1);
        if (i != language)
            edges[count++] = edge_between(plan, i, last, language, 0);
    }
    plan->edges = edges;
    plan->edge_count = count;
}

static int compare_ranks(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* The ranks where a role may begin, ascending and each once, the end of the world behind them. */
static uint32_t *find_borders(const struct mimo_draft *draft, uint32_t *out_count)
{
    const struct mimo_plan *plan = &draft->plan;
    uint32_t *borders =
        MIMO_NEW_ARRAY(draft->arena, uint32_t, (size_t)plan->stage_count + plan->module_count + 2);
    uint32_t count = 0, unique = 0;

    borders[count++] = 0;
    borders[count++] = plan->meta->world_size;
    for (uint32_t i = 0; i < plan->module_count; i++) {
        for (uint32_t pp = 0; pp < plan->modules[i].pp; pp++)
            borders[count++] = slab_first(&plan->modules[i], pp);
        borders[count++] = plan->modules[i].rank_offset + plan->modules[i].ranks;
    }
    qsort(borders, count, sizeof *borders, compare_ranks);
    for (uint32_t i = 1; i < count; i++) {
        if (borders[i] != borders[unique])
            borders[++unique] = borders[i];
    }
    *out_count = unique + 1;
    return borders;
}

/* Appends the places of `rank` at `places` and returns how many. */
static uint32_t places_of(const struct mimo_plan *plan, uint32_t rank,
                          struct mimo_plan_place *places)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < plan->module_count; i++) {
        struct mimo_coordinate at;

        if (!mimo_grid_coordinate(&plan->modules[i], rank, &at))
            continue;
        for (uint32_t s = at.pp; s < plan->modules[i].stage_count; s += plan->modules[i].pp)
            places[count++] = (struct mimo_plan_place){.module = i, .stage = s};
    }
    return count;
}

static uint32_t count_places(const struct mimo_plan *plan, uint32_t rank)
{
    struct mimo_coordinate at;
    uint32_t count = 0;

    for (uint32_t i = 0; i < plan->module_count; i++) {
        if (mimo_grid_coordinate(&plan->modules[i], rank, &at))
            count += plan->modules[i].virtual_pipeline;
    }
    return count;
}

/* Between two borders all ranks hold the same places: one role, one range. */
static void build_roles(struct mimo_draft *draft)
{
    struct mimo_plan *plan = &draft->plan;
    uint32_t border_count, place_count = 0;
    const uint32_t *borders = find_borders(draft, &border_count);
    const uint32_t count = border_count - 1;
    struct mimo_plan_range *ranges = MIMO_NEW_ARRAY(draft->arena, struct mimo_plan_range, count);
    struct mimo_plan_place *places;

    for (uint32_t i = 0; i < count; i++)
        place_count += count_places(plan, borders[i]);
    places = MIMO_NEW_ARRAY(draft->arena, struct mimo_plan_place, place_count);
    draft->roles = MIMO_NEW_ARRAY(draft->arena, struct mimo_plan_role, count);
    place_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct mimo_plan_role *role = &draft->roles[i];

        ranges[i] = (struct mimo_plan_range){
            .first = borders[i], .count = borders[i + 1] - borders[i], .role = i};
        *role =
            (struct mimo_plan_role){.place_first = place_count, .range_first = i, .range_count = 1};
        role->place_count = places_of(plan, borders[i], places + place_count);
        place_count += role->place_count;
    }
    plan->roles = draft->roles;
    plan->ranges = ranges;
    plan->places = places;
    plan->role_count = plan->range_count = count;
    plan->place_count = place_count;
}

void mimo_layout_build(struct mimo_draft *draft)
{
    build_stages(draft);
    build_groups(draft);
    build_edges(draft);
    build_roles(draft);
}
