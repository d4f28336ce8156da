/* What follows from the layouts: stages, places of ranks, groups, edges and how parameters are cut.
 */
#include "compiler/show/describe.h"
#include "compiler/show/parts.h"
#include "plan/bridge.h"
#include "plan/grid.h"

#include <inttypes.h>
#include <string.h>

/* ---- stages and ranks ---- */

/* "8+8+8+8": one number of each stage. */
static const char *join_stages(struct mimo_arena *arena, const struct mimo_plan *plan,
                               const struct mimo_plan_module *module, bool counts_layers)
{
    const char *text = "";

    for (uint32_t i = 0; i < module->stage_count; i++) {
        const struct mimo_plan_stage *stage = &plan->stages[module->stage_first + i];
        text = mimo_arena_printf(arena, "%s%s%u", text, i == 0 ? "" : "+",
                                 counts_layers ? stage->layer_count : stage->live_max);
    }
    return text;
}

static void describe_stages(struct mimo_description *description, const struct mimo_plan *plan)
{
    for (uint32_t i = 0; i < plan->module_count; i++) {
        const struct mimo_plan_module *module = &plan->modules[i];
        mimo_describe_subject(description, MIMO_TOPIC_STAGES, mimo_plan_text(plan, module->name));
        mimo_describe_text(description, "layers",
                           join_stages(description->arena, plan, module, true));
        mimo_describe_text(description, "micro_steps_kept",
                           join_stages(description->arena, plan, module, false));
    }
}

static const char *place_of(struct mimo_arena *arena, const struct mimo_plan *plan, uint32_t rank)
{
    const char *text = "";

    for (uint32_t i = 0; i < plan->module_count; i++) {
        const struct mimo_plan_module *module = &plan->modules[i];
        struct mimo_coordinate at;
        if (mimo_grid_coordinate(module, rank, &at))
            text =
                mimo_arena_printf(arena, "%s%s%s tp %u cp %u dp %u pp %u etp %u ep %u edp %u", text,
                                  *text == '\0' ? "" : ", ", mimo_plan_text(plan, module->name),
                                  at.tp, at.cp, at.dp, at.pp, at.etp, at.ep, at.edp);
    }
    return *text == '\0' ? "idle" : text;
}

static void describe_ranks(struct mimo_description *description, const struct mimo_plan *plan)
{
    for (uint32_t rank = 0; rank < plan->meta->world_size; rank++) {
        mimo_describe_subject(description, MIMO_TOPIC_RANKS,
                              mimo_arena_printf(description->arena, "rank %u", rank));
        mimo_describe_text(description, "place", place_of(description->arena, plan, rank));
    }
}

/* ---- groups and edges ---- */

static void describe_groups(struct mimo_description *description, const struct mimo_plan *plan)
{
    uint32_t module = MIMO_NONE;

    for (uint32_t i = 0; i < plan->groups_count; i++) {
        const struct mimo_plan_groups *groups = &plan->groups[i];
        if (groups->module != module) {
            module = groups->module;
            mimo_describe_subject(description, MIMO_TOPIC_GROUPS,
                                  mimo_plan_text(plan, plan->modules[module].name));
        }
        if (groups->size == 1)
            mimo_describe_none(description, mimo_group_kind_word(groups->kind));
        else
            mimo_describe_text(description, mimo_group_kind_word(groups->kind),
                               mimo_arena_printf(description->arena, "%u of %u ranks",
                                                 groups->group_count, groups->size));
    }
}

static uint64_t count_transfers(const struct mimo_plan *plan, uint32_t edge)
{
    struct mimo_transfers transfers;
    struct mimo_transfer transfer;
    uint64_t count = 0;

    mimo_transfers_init(&transfers, plan, edge, MIMO_NONE, MIMO_NONE);
    while (mimo_transfers_next(&transfers, &transfer))
        count++;
    return count;
}

static void describe_edges(struct mimo_description *description, const struct mimo_plan *plan)
{
    const struct mimo_view view = {.plan = plan, .arena = description->arena};

    for (uint32_t i = 0; i < plan->edge_count; i++) {
        const struct mimo_plan_edge *edge = &plan->edges[i];
        mimo_describe_subject(description, MIMO_TOPIC_EDGES,
                              mimo_view_edge(&view, i, MIMO_EDGE_FORWARD));
        mimo_describe_integer(description, "columns", edge->columns);
        mimo_describe_integer(description, "transfers_of_a_micro_step", count_transfers(plan, i));
        mimo_describe_boolean(description, "is_bridge", edge->is_bridge != 0);
        mimo_describe_boolean(description, "has_gradients", edge->has_backward != 0);
        mimo_describe_boolean(description, "shares_ranks", edge->shares_ranks != 0);
    }
}

/* ---- parameters ---- */

static const char *shape_of(struct mimo_arena *arena, const struct mimo_plan_parameter *parameter)
{
    const char *text = "";

    for (uint32_t i = 0; i < parameter->dimensions; i++)
        text =
            mimo_arena_printf(arena, "%s%s%" PRIu64, text, i == 0 ? "" : ", ", parameter->shape[i]);
    return mimo_arena_printf(arena, "[%s]", text);
}

/* Over the tensor-parallel ranks. */
static const char *cut_of(struct mimo_arena *arena, const struct mimo_plan *plan,
                          const struct mimo_plan_parameter *parameter)
{
    const struct mimo_plan_module *module = &plan->modules[parameter->module];
    const uint32_t ranks = parameter->expert == MIMO_NONE ? module->tp : module->etp;

    switch ((enum mimo_cut)parameter->cut) {
    case MIMO_CUT_EVEN:
        return mimo_arena_printf(arena, "dimension %u, %" PRIu64 " units over %u ranks",
                                 parameter->cut_dimension, parameter->cut_units, ranks);
    case MIMO_CUT_REPLICATED:
        return mimo_arena_printf(arena,
                                 "dimension %u, %" PRIu64 " units, each on several of %u ranks",
                                 parameter->cut_dimension, parameter->cut_units, ranks);
    case MIMO_CUT_NONE:
    case MIMO_CUT_COUNT:
        break;
    }
    return "not cut";
}

static const char *init_of(struct mimo_arena *arena, const struct mimo_plan_parameter *parameter)
{
#define INIT_WORD(suffix, word) word,
    static const char *const words[] = {MIMO_INITS(INIT_WORD)};
#undef INIT_WORD

    if (parameter->init != MIMO_INIT_NORMAL)
        return words[parameter->init];
    return mimo_arena_printf(arena, "normal, scale %s",
                             mimo_shortest_real(arena, parameter->init_scale));
}

static void describe_parameter(struct mimo_description *description, const struct mimo_plan *plan,
                               const struct mimo_plan_parameter *parameter)
{
    struct mimo_arena *arena = description->arena;

    mimo_describe_subject(description, MIMO_TOPIC_PARAMETERS,
                          mimo_plan_text(plan, parameter->name));
    mimo_describe_text(description, "shape", shape_of(arena, parameter));
    mimo_describe_integer(description, "stage", parameter->stage);
    mimo_describe_text(description, "cut", cut_of(arena, plan, parameter));
    mimo_describe_boolean(description, "is_trained", parameter->is_trainable != 0);
    mimo_describe_real(description, "lr_scale", parameter->lr_scale);
    mimo_describe_boolean(description, "decays", parameter->decays != 0);
    mimo_describe_text(description, "init", init_of(arena, parameter));
    mimo_describe_boolean(description, "follows_the_one_before", parameter->follows != 0);
    mimo_describe_boolean(description, "has_partial_gradient", parameter->gradient_is_partial != 0);
    if (parameter->tied_to == MIMO_NONE)
        mimo_describe_none(description, "tied_to");
    else
        mimo_describe_text(description, "tied_to",
                           mimo_plan_text(plan, plan->parameters[parameter->tied_to].name));
}

void mimo_describe_layouts(struct mimo_description *description, const struct mimo_plan *plan)
{
    describe_stages(description, plan);
    describe_ranks(description, plan);
    describe_groups(description, plan);
    describe_edges(description, plan);
    for (uint32_t i = 0; i < plan->parameter_count; i++)
        describe_parameter(description, plan, &plan->parameters[i]);
}
