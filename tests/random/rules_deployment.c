/* E06: the deployment, with E0502, E0508 and the warnings about ranks. */
#include "tests/random/judge.h"

#include <string.h>

static int64_t span_of(const struct layout *layout)
{
    return judge_product(judge_product(layout->tp, layout->cp), layout->pp);
}

/* Of a layout nothing of which is in error. */
static int64_t ranks_of(const struct layout *layout)
{
    return judge_knows(layout->offset) ? judge_product(span_of(layout), layout->dp) : UNKNOWN;
}

static int64_t end_of(const struct layout *layout)
{
    return judge_knows(ranks_of(layout)) ? layout->offset + ranks_of(layout) : UNKNOWN;
}

static bool names_module(struct judge *judge, const char *name)
{
    for (int i = 0; i < judge->count; i++) {
        if (strcmp(judge_block(judge, judge->modules[i].block)->name, name) == 0)
            return true;
    }
    return false;
}

static void judge_strangers(struct judge *judge)
{
    int blocks[SKETCH_BLOCKS_MAX];
    const int count = judge_children(judge, judge->oracle->deployment, "parallelism", blocks);

    if (judge->language == NULL || judge_is_damaged(judge, judge->oracle->model))
        return;
    for (int i = 0; i < judge->modality_count; i++) {
        if (judge->modalities[i].is_damaged)
            return;
    }
    for (int i = 0; i < count; i++) {
        const struct sketch_block *block = judge_block(judge, blocks[i]);

        if (strcmp(block->name, "all") != 0 && !names_module(judge, block->name))
            judge_report(judge, "E0608", block->name_place);
    }
}

static void judge_presence(struct judge *judge, struct module *module)
{
    struct layout *layout = &module->layout;

    if (!layout->is_given && !judge_is_damaged(judge, judge->oracle->deployment))
        judge_report(judge, "E0601", judge_block(judge, judge->oracle->deployment)->name_place);
    if (judge->has_ranges && layout->is_auto) {
        judge_report(judge, "E0604", judge_layout_place(judge, layout, "data_parallel"));
        layout->is_auto = false;
    }
    if (judge->shares_all && judge_knows(layout->offset) && layout->offset != 0)
        judge_fault(judge, "E0606", layout, "rank_offset", &layout->offset);
}

static void derive_world(struct judge *judge)
{
    bool are_all_auto = judge->count > 0;
    int64_t end = 0;

    if (judge->is_world_given)
        return;
    judge->world = UNKNOWN;
    for (int i = judge->count - 1; i >= 0; i--) {
        const struct layout *layout = &judge->modules[i].layout;

        are_all_auto = are_all_auto && layout->is_auto;
        if (judge->shares_all && !judge_knows(judge->world))
            judge->world = ranks_of(layout);
        if (judge->has_ranges && judge_knows(end))
            end = !judge_knows(end_of(layout)) ? UNKNOWN
                  : end_of(layout) > end       ? end_of(layout)
                                               : end;
    }
    if (judge->has_ranges && end > 0)
        judge->world = end;
    if (judge->shares_all && are_all_auto)
        judge_report(judge, "E0203", judge_block(judge, judge->oracle->deployment)->name_place);
}

static void divide_world(struct judge *judge, struct layout *layout)
{
    const int64_t span = span_of(layout);

    if (!layout->is_auto || !judge->shares_all)
        return;
    if (judge_leaves_rest(judge->world, span))
        judge_report(judge, "E0502", judge_layout_place(judge, layout, "data_parallel"));
    else if (judge_knows(judge->world) && judge_knows(span))
        layout->dp = judge->world / span;
}

static void judge_coverage(struct judge *judge)
{
    bool contradicts = judge_knows(judge->world) && judge->count > 0;
    int64_t expected;

    for (int i = 0; i < judge->count; i++) {
        const int64_t ranks = ranks_of(&judge->modules[i].layout);

        contradicts = contradicts && judge_knows(ranks) && ranks != judge->world;
    }
    if (contradicts) {
        judge_report_at(judge, "E0607", judge->oracle->deployment, "world_size");
        judge->world = UNKNOWN;
    }
    expected = judge_knows(judge->world) ? judge->world
               : judge->language != NULL ? ranks_of(&judge->language->layout)
                                         : UNKNOWN;
    for (int i = 0; strcmp(judge->mode, "colocated") == 0 && i < judge->count; i++) {
        struct layout *layout = &judge->modules[i].layout;
        const int64_t ranks = ranks_of(layout);
        bool differs = false;

        for (int j = 0; j < judge->count; j++)
            differs |= judge_knows(ranks_of(&judge->modules[j].layout)) &&
                       ranks_of(&judge->modules[j].layout) != ranks;
        if (judge->language == NULL || !judge_knows(ranks) || !judge_knows(expected) ||
            ranks == expected || !differs)
            continue;
        judge_report(judge, "E0602", judge_layout_name(judge, layout));
        judge_forget(layout);
    }
}

static bool stands_before(struct judge *judge, int a, int b)
{
    const struct sketch_place x = judge_layout_name(judge, &judge->modules[a].layout);
    const struct sketch_place y = judge_layout_name(judge, &judge->modules[b].layout);

    return oracle_stands_before(x, y) || (!oracle_stands_before(y, x) && a < b);
}

static bool is_equal(const struct layout *a, const struct layout *b)
{
    return a->tp == b->tp && a->cp == b->cp && a->pp == b->pp && a->dp == b->dp;
}

static void judge_equality(struct judge *judge)
{
    int first = SKETCH_NONE;

    for (int i = 0; i < judge->count; i++) {
        if (judge_knows(ranks_of(&judge->modules[i].layout)) &&
            (first == SKETCH_NONE || stands_before(judge, i, first)))
            first = i;
    }
    for (int i = 0; first != SKETCH_NONE && i < judge->count; i++) {
        struct layout *layout = &judge->modules[i].layout;

        if (!judge_knows(ranks_of(layout)) || is_equal(layout, &judge->modules[first].layout))
            continue;
        judge_report(judge, "E0603", judge_layout_name(judge, layout));
        judge_forget(layout);
    }
}

/* ---- sets of ranks ---- */

/* Every rank of a layout, from its coordinates. Ranks beyond what can be listed: no verdict. */
static void mark(struct judge *judge, const struct layout *layout, bool set[ORACLE_RANKS_MAX])
{
    if (!judge_knows(end_of(layout)) || end_of(layout) > ORACLE_RANKS_MAX) {
        judge->oracle->verdict->is_too_large |= judge_knows(end_of(layout));
        return;
    }
    for (int64_t pp = 0; pp < layout->pp; pp++) {
        for (int64_t dp = 0; dp < layout->dp; dp++) {
            for (int64_t cp = 0; cp < layout->cp; cp++) {
                for (int64_t tp = 0; tp < layout->tp; tp++)
                    set[layout->offset + tp +
                        layout->tp * (cp + layout->cp * (dp + layout->dp * pp))] = true;
            }
        }
    }
}

/* Whether two sets of ranks meet in a way that the mode forbids. */
static bool collide(struct judge *judge, const struct layout *a, const struct layout *b)
{
    static bool x[ORACLE_RANKS_MAX], y[ORACLE_RANKS_MAX];
    bool meet = false, differ = false;

    if (!judge_knows(end_of(a)) || !judge_knows(end_of(b)))
        return false;
    memset(x, 0, sizeof x);
    memset(y, 0, sizeof y);
    mark(judge, a, x);
    mark(judge, b, y);
    for (int i = 0; i < ORACLE_RANKS_MAX; i++) {
        meet |= x[i] && y[i];
        differ |= x[i] != y[i];
    }
    return meet && (judge->is_heterogeneous || differ);
}

static void judge_overlap(struct judge *judge)
{
    bool is_wrong[MODULES_MAX] = {false};

    for (int i = 0; i < judge->count; i++) {
        for (int j = 0; j < judge->count; j++) {
            if (i != j && collide(judge, &judge->modules[i].layout, &judge->modules[j].layout) &&
                stands_before(judge, j, i)) {
                judge_report(judge, "E0605", judge_layout_name(judge, &judge->modules[i].layout));
                is_wrong[i] = true;
            }
        }
    }
    for (int i = 0; i < judge->count; i++) {
        if (is_wrong[i])
            judge_forget(&judge->modules[i].layout);
    }
}

static void judge_ends(struct judge *judge)
{
    bool is_beyond = false;

    for (int i = 0; i < judge->count; i++) {
        const int64_t end = end_of(&judge->modules[i].layout);

        is_beyond |= judge_knows(end) && judge_knows(judge->world) && end > judge->world;
    }
    if (!is_beyond)
        return;
    judge_report_at(judge, "E0607", judge->oracle->deployment, "world_size");
    judge->world = UNKNOWN;
}

static void judge_idle(struct judge *judge)
{
    static bool set[ORACLE_RANKS_MAX];
    bool has_idle = false;

    if (!judge->has_ranges || !judge_knows(judge->world))
        return;
    memset(set, 0, sizeof set);
    for (int i = 0; i < judge->count; i++) {
        if (!judge_knows(end_of(&judge->modules[i].layout)))
            return;
        mark(judge, &judge->modules[i].layout, set);
    }
    for (int64_t i = 0; i < judge->world && i < ORACLE_RANKS_MAX; i++)
        has_idle |= !set[i];
    if (has_idle || judge->world > ORACLE_RANKS_MAX)
        judge_report_at(judge, "W0601", judge->oracle->deployment, "world_size");
}

/* Each tensor-parallel group: do its ranks live on one node? */
static void judge_nodes(struct judge *judge, const struct layout *layout)
{
    const struct oracle_value name =
        oracle_value(judge->oracle, judge->oracle->deployment, "cluster");
    const int cluster = name.kind == ORACLE_STRING
                            ? sketch_child(judge->oracle->sketch, SKETCH_NONE, "cluster", name.text)
                            : SKETCH_NONE;
    const int64_t node = judge_integer(judge, cluster, "gpus_per_node");
    bool crosses = false;

    if (!judge_knows(node) || !judge_knows(end_of(layout)))
        return;
    for (int64_t first = layout->offset; first < end_of(layout); first += layout->tp) {
        for (int64_t rank = first; rank < first + layout->tp; rank++)
            crosses |= rank / node != first / node;
    }
    if (crosses)
        judge_report(judge, "W0501", judge_layout_place(judge, layout, "tensor_parallel"));
}

static void judge_grid(struct judge *judge, struct layout *layout)
{
    const bool is_ep = judge_knows(layout->ep) && layout->ep > 1;

    if (judge_leaves_rest(judge_product(judge_product(layout->tp, layout->cp), layout->dp),
                          judge_product(layout->etp, layout->ep)))
        judge_fault(judge, "E0508", layout, is_ep ? "expert_parallel" : "expert_tensor_parallel",
                    is_ep ? &layout->ep : &layout->etp);
}

static void judge_twins(struct judge *judge, int index)
{
    const struct module *module = &judge->modules[index];
    const struct module *first = judge_first_with(judge, module->projector);
    int later;

    if (first == NULL || first == module || !judge_knows(ranks_of(&first->layout)) ||
        !judge_knows(ranks_of(&module->layout)))
        return;
    if (is_equal(&first->layout, &module->layout) && first->layout.offset == module->layout.offset)
        return;
    later = stands_before(judge, (int)(first - judge->modules), index)
                ? index
                : (int)(first - judge->modules);
    judge_report(judge, "E0609", judge_layout_name(judge, &judge->modules[later].layout));
}

void judge_deployment(struct judge *judge)
{
    if (judge->oracle->deployment == SKETCH_NONE)
        return;
    judge_strangers(judge);
    for (int i = 0; i < judge->count; i++)
        judge_presence(judge, &judge->modules[i]);
    derive_world(judge);
    for (int i = 0; i < judge->count; i++)
        divide_world(judge, &judge->modules[i].layout);
    if (judge->shares_all)
        judge_coverage(judge);
    if (strcmp(judge->mode, "homogeneous") == 0)
        judge_equality(judge);
    if (judge->has_ranges) {
        judge_overlap(judge);
        judge_ends(judge);
    }
    for (int i = 0; i < judge->count; i++) {
        judge_grid(judge, &judge->modules[i].layout);
        judge_twins(judge, i);
        judge_nodes(judge, &judge->modules[i].layout);
    }
    judge_idle(judge);
}
