#include "compiler/planner/pipeline.h"

/* ---- what a track does next ---- */

static uint32_t round_size(const struct mimo_pipeline *pipeline, uint32_t round)
{
    const uint32_t left = pipeline->micro_steps - round * pipeline->round;

    return left < pipeline->round ? left : pipeline->round;
}

static struct mimo_interleave interleave_of(const struct mimo_track *track, uint32_t micro_steps)
{
    return (struct mimo_interleave){track->stride, track->chunks, micro_steps};
}

static struct mimo_node *chunk_of(const struct mimo_track *track, uint32_t micro_steps,
                                  uint32_t index, enum mimo_task task)
{
    const struct mimo_interleave interleave = interleave_of(track, micro_steps);
    const uint32_t chunk = mimo_interleave_chunk(&interleave, index);

    return track->nodes +
           (size_t)track->stride * (task == MIMO_TASK_FORWARD ? chunk : track->chunks - 1 - chunk);
}

/* `forwards` and `backwards` are those of the round. */
static void find_next(struct mimo_track *track, uint32_t micro_steps, uint32_t warm_up,
                      uint32_t forwards, uint32_t backwards)
{
    const uint32_t live = forwards - backwards, all = track->chunks * micro_steps;
    const bool has_pairs = track->chunks > 1 && warm_up < all;

    track->task = forwards < all && (!track->nodes->has_backward || live <= warm_up)
                      ? MIMO_TASK_FORWARD
                      : MIMO_TASK_BACKWARD;
    track->next = chunk_of(track, micro_steps,
                           track->task == MIMO_TASK_FORWARD ? forwards : backwards, track->task);
    track->is_within_pair = has_pairs && track->task == MIMO_TASK_BACKWARD && live == warm_up + 1;
    if (has_pairs && track->task == MIMO_TASK_FORWARD && live == warm_up)
        track->partner = chunk_of(track, micro_steps, backwards, MIMO_TASK_BACKWARD);
}

static void step_track(const struct mimo_pipeline *pipeline, struct mimo_track *track)
{
    const uint32_t ended = track->nodes->has_backward ? track->backwards : track->forwards;
    const uint32_t round = ended / (track->chunks * pipeline->round);
    const uint32_t before = round * track->chunks * pipeline->round;

    track->task = MIMO_TASK_NONE;
    track->next = track->partner = NULL;
    track->is_within_pair = false;
    if (ended < track->chunks * pipeline->micro_steps)
        find_next(track, round_size(pipeline, round),
                  track->warm_up[round_size(pipeline, round) == pipeline->round ? 0 : 1],
                  track->forwards - before,
                  track->nodes->has_backward ? track->backwards - before : 0);
}

enum mimo_task mimo_node_next(const struct mimo_node *node)
{
    return node->track->next == node ? node->track->task : MIMO_TASK_NONE;
}

uint32_t mimo_node_micro_step(const struct mimo_node *node)
{
    return mimo_node_next(node) == MIMO_TASK_FORWARD ? node->forwards_started
                                                     : node->backwards_started;
}

void mimo_node_start(const struct mimo_pipeline *pipeline, struct mimo_node *node)
{
    if (node->track->task == MIMO_TASK_FORWARD) {
        node->forwards_started++;
        node->track->forwards++;
    } else {
        node->backwards_started++;
        node->track->backwards++;
    }
    step_track(pipeline, node->track);
}

uint32_t mimo_node_phase(const struct mimo_pipeline *pipeline, const struct mimo_node *node,
                         enum mimo_task task, uint32_t micro_step)
{
    const uint32_t first = micro_step / pipeline->round * MIMO_PHASES_OF_ROUND;

    if (!node->is_apart)
        return first + MIMO_PHASE_MAIN;
    return first + (task == MIMO_TASK_FORWARD ? MIMO_PHASE_BEFORE : MIMO_PHASE_BEHIND);
}

uint32_t mimo_track_phase(const struct mimo_pipeline *pipeline, const struct mimo_track *track)
{
    if (track->task == MIMO_TASK_NONE)
        return MIMO_PHASE_OVER;
    return mimo_node_phase(pipeline, track->next, track->task, mimo_node_micro_step(track->next));
}

/* ---- the graph ---- */

/* An encoder on the ranks of a language model, one of them in a pipeline, runs apart from it. */
static bool runs_apart(const struct mimo_plan *plan, const struct mimo_plan_module *module)
{
    const struct mimo_plan_module *language = &plan->modules[plan->meta->language_module];

    return module != language && module->rank_offset == language->rank_offset &&
           module->ranks == language->ranks && (module->pp > 1 || language->pp > 1);
}

bool mimo_pipeline_has_rounds(const struct mimo_plan *plan)
{
    for (uint32_t i = 0; i < plan->module_count; i++) {
        if (runs_apart(plan, &plan->modules[i]))
            return true;
    }
    return false;
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

static void init_node(const struct mimo_plan *plan, uint32_t index, struct mimo_node *node)
{
    const uint32_t module_index = plan->stages[index].module;
    const struct mimo_plan_module *module = &plan->modules[module_index];

    *node = (struct mimo_node){
        .module = module_index,
        .stage = index - module->stage_first,
        .has_backward = mimo_plan_has_backward(plan, module_index, index - module->stage_first),
        .is_apart = runs_apart(plan, module),
    };
    find_roles(plan, node);
}

/* Chunks without a backward keep nothing, and where only some of them have one there is no order of
 * pairs: each stage then goes on as soon as it can. */
static bool is_interleaved(const struct mimo_plan *plan, uint32_t module)
{
    return plan->modules[module].virtual_pipeline > 1 && plan->modules[module].pp > 1 &&
           mimo_plan_has_backward(plan, module, 0);
}

static void init_tracks(struct mimo_pipeline *pipeline, const struct mimo_plan *plan)
{
    for (uint32_t i = 0; i < plan->module_count; i++) {
        const struct mimo_plan_module *module = &plan->modules[i];
        const uint32_t chunks = is_interleaved(plan, i) ? module->virtual_pipeline : 1;
        const uint32_t count = module->stage_count / chunks;
        struct mimo_track *tracks = pipeline->tracks + pipeline->track_count;

        for (uint32_t s = 0; s < module->stage_count; s++)
            pipeline->nodes[module->stage_first + s].track = &tracks[s % count];
        for (uint32_t s = 0; s < count; s++)
            tracks[s] = (struct mimo_track){
                .nodes = &pipeline->nodes[module->stage_first + s],
                .stride = count,
                .chunks = chunks,
            };
        pipeline->track_count += count;
    }
}

static struct mimo_node *node_of(const struct mimo_pipeline *pipeline, const struct mimo_plan *plan,
                                 uint32_t module, uint32_t stage)
{
    return &pipeline->nodes[plan->modules[module].stage_first + stage];
}

/* Measures how far stages are from the loss, and how far they go ahead of their backwards. */
struct survey {
    const struct mimo_pipeline *pipeline;
    const struct mimo_plan *plan;
    uint32_t micro_steps; /* of a round */
    uint32_t which;       /* of the tracks' warm-ups */
};

/* Sets the forwards of the track before its first backward, where its last stage has `ahead` before
 * its own. */
static void warm_up(const struct survey *survey, const struct mimo_node *node, uint32_t ahead)
{
    const struct mimo_interleave interleave = interleave_of(node->track, survey->micro_steps);
    uint32_t *warm_up = &node->track->warm_up[survey->which];

    if (node->is_apart || survey->plan->training->pipeline_schedule == MIMO_PIPELINE_SCHEDULE_GPIPE)
        *warm_up = interleave.chunks * survey->micro_steps;
    else if (interleave.chunks > 1)
        *warm_up = mimo_interleave_warm_up(&interleave, node->stage % interleave.ranks, ahead);
    else if (*warm_up < ahead)
        *warm_up = ahead;
}

/* The stages of an interleaved module look at what follows its last stage, all of them. */
static void warm_up_interleaved(const struct survey *survey, const struct mimo_node *last,
                                uint32_t ahead)
{
    for (uint32_t rank = 0; rank < last->track->stride; rank++)
        warm_up(survey, last - rank, ahead);
}

/* The most micro-steps that are alive at once at the stage to which an edge leads. */
static uint32_t live_max(const struct survey *survey, const struct mimo_node *node)
{
    const struct mimo_interleave interleave = interleave_of(node->track, survey->micro_steps);
    const uint32_t warm_up = node->track->warm_up[survey->which];

    return interleave.chunks == 1 ? warm_up + 1 : mimo_interleave_live(&interleave, warm_up);
}

/* Edges that lead further lie behind those that lead to them: backwards, each path is known from
 * the target of an edge on when its source is reached. */
static void measure_paths(const struct survey *survey)
{
    const struct mimo_plan *plan = survey->plan;
    const struct mimo_plan_module *language = &plan->modules[plan->meta->language_module];

    warm_up_interleaved(
        survey, &survey->pipeline->nodes[language->stage_first + language->stage_count - 1], 0);
    for (uint32_t i = plan->edge_count; i-- > 0;) {
        const struct mimo_plan_edge *edge = &plan->edges[i];
        const struct mimo_node *to =
            node_of(survey->pipeline, plan, edge->to_module, edge->to_stage);
        struct mimo_node *from =
            node_of(survey->pipeline, plan, edge->from_module, edge->from_stage);
        const uint32_t ahead = live_max(survey, to) - (edge->shares_ranks != 0 ? 1 : 0);

        from->distance = to->distance + 1;
        if (from->track->chunks == 1)
            warm_up(survey, from, ahead);
        else if (edge->is_bridge != 0)
            warm_up_interleaved(survey, from, ahead);
    }
}

/* For whole rounds, and for a last one that may be shorter. */
static void measure(const struct mimo_pipeline *pipeline, const struct mimo_plan *plan)
{
    const uint32_t left = pipeline->micro_steps % pipeline->round;
    const struct survey whole = {pipeline, plan, pipeline->round, 0};
    const struct survey rest = {pipeline, plan, left, 1};

    measure_paths(&whole);
    if (left > 0)
        measure_paths(&rest);
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
    const uint32_t x = mimo_node_micro_step(a), y = mimo_node_micro_step(b);

    if (x != y)
        return x < y;
    return a->distance != b->distance ? a->distance < b->distance : a->module < b->module;
}

/* Nodes near to the loss are mostly at older micro-steps: from the last on, the list is nearly
 * sorted. */
uint32_t mimo_pipeline_order(const struct mimo_pipeline *pipeline, enum mimo_task task)
{
    uint32_t count = 0;

    for (uint32_t i = pipeline->node_count; i-- > 0;) {
        struct mimo_node *node = &pipeline->nodes[i];
        uint32_t at = count;

        if (mimo_node_next(node) != task)
            continue;
        for (; at > 0 && stands_before(node, pipeline->order[at - 1]); at--)
            pipeline->order[at] = pipeline->order[at - 1];
        pipeline->order[at] = node;
        count++;
    }
    return count;
}

void mimo_pipeline_init(struct mimo_pipeline *pipeline, const struct mimo_plan *plan,
                        struct mimo_arena *arena)
{
    *pipeline = (struct mimo_pipeline){
        .micro_steps = plan->training->micro_steps,
        .round = plan->training->encoder_group,
        .nodes = MIMO_NEW_ARRAY(arena, struct mimo_node, plan->stage_count),
        .node_count = plan->stage_count,
        .tracks = MIMO_NEW_ARRAY(arena, struct mimo_track, plan->stage_count),
        .order = MIMO_NEW_ARRAY(arena, struct mimo_node *, plan->stage_count),
    };
    for (uint32_t i = 0; i < plan->stage_count; i++)
        init_node(plan, i, &pipeline->nodes[i]);
    init_tracks(pipeline, plan);
    measure(pipeline, plan);
    for (uint32_t i = 0; i < pipeline->track_count; i++)
        step_track(pipeline, &pipeline->tracks[i]);
    init_flows(pipeline, plan, arena);
}
