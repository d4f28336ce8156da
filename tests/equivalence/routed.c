#include "tests/equivalence/routed.h"

#include "plan/grid.h"

#include <stdlib.h>
#include <string.h>

enum { PASSES_MAX = 4096 };

/* The counts of one pass of a layer. */
struct pass {
    int64_t *counts;
    uint32_t place, micro_step;
    bool is_taken, is_done;
};

static struct pass passes[PASSES_MAX];
static size_t pass_count;

static struct mimo_arena tables;
static struct mimo_routing routing;
static struct mimo_round round_of;

void routed_reset(void)
{
    for (size_t i = 0; i < pass_count; i++)
        free(passes[i].counts);
    pass_count = 0;
    memset(passes, 0, sizeof passes);
}

void routed_note(const int64_t *counts, size_t count)
{
    struct pass *pass = &passes[pass_count++];

    MIMO_ASSERT(pass_count < PASSES_MAX);
    pass->counts = malloc(count * sizeof *counts);
    MIMO_ASSERT(pass->counts != NULL);
    memcpy(pass->counts, counts, count * sizeof *counts);
}

void routed_forward(uint32_t place, uint32_t micro_step)
{
    size_t i = 0;

    while (i + 1 < pass_count && passes[i].is_taken)
        i++;
    passes[i].place = place;
    passes[i].micro_step = micro_step;
    passes[i].is_taken = true;
}

/* The layer of the micro-step that went forward last and has not been back. */
static struct pass *last_of(uint32_t place, uint32_t micro_step)
{
    size_t i = pass_count;

    while (i-- > 0)
        if (passes[i].is_taken && !passes[i].is_done && passes[i].place == place &&
            passes[i].micro_step == micro_step)
            return &passes[i];
    MIMO_ASSERT(pass_count == 0);
    return NULL;
}

void routed_backward(uint32_t place, uint32_t micro_step)
{
    last_of(place, micro_step)->is_done = true;
}

int64_t routed_rounds(const struct mimo_engine *engine, uint32_t place, uint32_t micro_step)
{
    const uint32_t index = engine->plan->meta->language_module;
    const struct mimo_plan_module *module = &engine->plan->modules[index];
    struct mimo_coordinate at = {0};
    struct mimo_sizes sizes;

    MIMO_ASSERT(mimo_grid_coordinate(module, engine->rank, &at));
    sizes = mimo_sizes_of(engine->plan, index, &at);
    if (routing.starts == NULL) {
        mimo_routing_open(&routing, module->num_experts, module->etp, module->ep,
                          at.etp + module->etp * at.ep, &tables);
        mimo_round_open(&round_of, &routing, (int64_t)sizes.expert_rows, &tables);
    }
    mimo_routing_set(&routing, last_of(place, micro_step)->counts, (int64_t)sizes.expert_rows);
    return routing.rounds;
}

static struct routed_rows range(const size_t *begins, uint32_t count, uint32_t own)
{
    return (struct routed_rows){begins[count] - begins[0], begins[own + 1] - begins[own]};
}

/* What goes out is sent from its places, what comes back from where it had arrived. Between, the
 * parts of an expert have their rows together. */
struct routed_rows routed_rows(const struct mimo_plan_communication *record, bool is_gradient,
                               int64_t m)
{
    const bool goes_out = (record->content == MIMO_CONTENT_EXPERT_DISPATCH) != is_gradient;
    struct routed_rows rows;

    mimo_routing_round(&routing, m, &round_of);
    if (record->operation != MIMO_OPERATION_ALL_TO_ALL)
        return range(round_of.parts, routing.etp, routing.source % routing.etp);
    rows = range(goes_out ? round_of.sends : round_of.arrivals, routing.ep, 0);
    rows.own = 0;
    return rows;
}
