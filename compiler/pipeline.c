#include "compiler/pipeline.h"

#include "compiler/layout.h"

enum mimo_task mimo_node_next(const struct mimo_pipeline *pipeline, const struct mimo_node *node)
{
    const uint32_t live = node->forwards_started - node->backwards_started;

    if (node->forwards_started < pipeline->micro_steps &&
        (!node->has_backward || live <= node->warm_up))
        return MIMO_TASK_FORWARD;
    if (node->has_backward && node->backwards_started < pipeline->micro_steps)
        return MIMO_TASK_BACKWARD;
    return MIMO_TASK_NONE;
}

enum mimo_phase mimo_node_phase(const struct mimo_pipeline *pipeline, const struct mimo_node *node)
{
    switch (mimo_node_next(pipeline, node)) {
    case MIMO_TASK_FORWARD:
        return node->forward_phase;
    case MIMO_TASK_BACKWARD:
        return node->backward_phase;
    case MIMO_TASK_NONE:
        break;
    }
    return MIMO_PHASE_OVER;
}

/* An encoder on the ranks of a language model, one of them in a pipeline, runs apart from it. */
static bool runs_apart(const struct mimo_plan *plan, const struct mimo_plan_module *module)
{
    const struct mimo_plan_module *language = &plan->modules[plan->meta->language_module];

    return module != language && module->rank_offset == language->rank_offset &&
           module->ranks == language->ranks && (module->pp > 1 || language->pp > 1);
}

/* The roles whose ranks are those of the stage. */
static void find_roles(const struct mimo_plan *plan, struct mimo_node *node)
{
    const struct mimo_plan_module *module = &plan->modules[node->module];
    const uint32_t count = module->ranks / module->pp;
    const uint32_t first = module->rank_offset + node->stage % module->pp * count;

    node->role_first = (uint32_t)(mimo_plan_role_of(plan, first) - plan->roles);
    node->role_end = (uint32_t)(mimo_plan_role_of(plan, first + count - 1) - plan->roles) + 1;
}

static void init_node(const struct mimo_pipeline *pipeline, const struct mimo_plan *plan,
                      uint32_t index, struct mimo_node *node)
{
    const uint32_t module_index = plan->stages[index].module;
    const struct mimo_plan_module *module = &plan->modules[module_index];
    const bool is_apart = runs_apart(plan, module);

    *node = (struct mimo_node){
        .module = module_index,
        .stage = index - module->stage_first,
        .has_backward = mimo_layout_has_backward(plan, module_index, index - module->stage_first),
        .forward_phase = is_apart ? MIMO_PHASE_BEFORE : MIMO_PHASE_MAIN,
        .backward_phase = is_apart ? MIMO_PHASE_BEHIND : MIMO_PHASE_MAIN,
    };
    if (is_apart || plan->training->pipeline_schedule == MIMO_PIPELINE_SCHEDULE_GPIPE)
        node->warm_up = pipeline->micro_steps;
    find_roles(plan, node);
}

static struct mimo_node *node_of(const struct mimo_pipeline *pipeline, const struct mimo_plan *plan,
                                 uint32_t module, uint32_t stage)
{
    return &pipeline->nodes[plan->modules[module].stage_first + stage];
}

/* Edges that lead further lie behind those that lead to them: backwards, each path is known from
 * the target of an edge on when its source is reached. */
static void measure_paths(const struct mimo_pipeline *pipeline, const struct mimo_plan *plan)
{
    for (uint32_t i = plan->edge_count; i-- > 0;) {
        const struct mimo_plan_edge *edge = &plan->edges[i];
        const struct mimo_node *to = node_of(pipeline, plan, edge->to_module, edge->to_stage);
        struct mimo_node *from = node_of(pipeline, plan, edge->from_module, edge->from_stage);
        const uint32_t warm_up = to->warm_up + (edge->shares_ranks != 0 ? 0 : 1);

        from->distance = to->distance + 1;
        if (from->warm_up < warm_up)
            from->warm_up = warm_up;
    }
}

static void init_flows(struct mimo_pipeline *pipeline, const struct mimo_plan *plan,
                       struct mimo_arena *arena)
{
    pipeline->flows = MIMO_NEW_ARRAY(arena, struct mimo_flow, 2 * (size_t)plan->edge_count);
    for (uint32_t i = 0; i < plan->edge_count; i++) {
        const struct mimo_plan_edge *edge = &plan->edges[i];
        struct mimo_node *from = node_of(pipeline, plan, edge->from_module, edge->from_stage);
        struct mimo_node *to = node_of(pipeline, plan, edge->to_module, edge->to_stage);

        pipeline->flows[pipeline->flow_count++] =
            (struct mimo_flow){i, MIMO_EDGE_FORWARD, from, to, 0};
        if (edge->has_backward != 0)
            pipeline->flows[pipeline->flow_count++] =
                (struct mimo_flow){i, MIMO_EDGE_BACKWARD, to, from, 0};
    }
}

static bool stands_before(const struct mimo_node *a, const struct mimo_node *b)
{
    return a->distance != b->distance ? a->distance < b->distance : a->module < b->module;
}

/* Inserts every node behind those that stand before it. */
static void order_nodes(struct mimo_pipeline *pipeline)
{
    for (uint32_t i = 0; i < pipeline->node_count; i++) {
        struct mimo_node *node = &pipeline->nodes[i];
        uint32_t at = i;

        for (; at > 0 && stands_before(node, pipeline->order[at - 1]); at--)
            pipeline->order[at] = pipeline->order[at - 1];
        pipeline->order[at] = node;
    }
}

void mimo_pipeline_init(struct mimo_pipeline *pipeline, const struct mimo_plan *plan,
                        struct mimo_arena *arena)
{
    *pipeline = (struct mimo_pipeline){
        .micro_steps = plan->training->micro_steps,
        .nodes = MIMO_NEW_ARRAY(arena, struct mimo_node, plan->stage_count),
        .node_count = plan->stage_count,
        .order = MIMO_NEW_ARRAY(arena, struct mimo_node *, plan->stage_count),
    };
    for (uint32_t i = 0; i < plan->stage_count; i++)
        init_node(pipeline, plan, i, &pipeline->nodes[i]);
    measure_paths(pipeline, plan);
    init_flows(pipeline, plan, arena);
    order_nodes(pipeline);
}
