#include "compiler/check/check.h"
#include "compiler/declaration/suggest.h"

#include <string.h>

enum { RANKS_MAX = 1 << 20 }; /* of a deployment */

#define TEXT(checker, ...) mimo_arena_printf((checker)->diagnostics->arena, __VA_ARGS__)

/* Modules share all ranks: colocated or homogeneous. */
static bool shares_all_ranks(const struct mimo_facts *facts)
{
    return facts->mode == MIMO_MODE_COLOCATED || facts->mode == MIMO_MODE_HOMOGENEOUS;
}

static bool has_own_ranges(const struct mimo_facts *facts)
{
    return facts->mode == MIMO_MODE_HETEROGENEOUS || facts->mode == MIMO_MODE_HYBRID;
}

/* Where world_size = N is written, unless --world-size overrides it. */
static bool is_world_size_declared(const struct mimo_facts *facts)
{
    return facts->declaration->world_size_option <= 0 && facts->world_size_is_given &&
           facts->declaration->deployment != NULL;
}

static struct mimo_span world_size_place(const struct mimo_facts *facts)
{
    return mimo_block_span(facts->declaration->deployment, MIMO_ATTR_world_size);
}

static const struct mimo_modality_facts *modality_called(const struct mimo_facts *facts,
                                                         const char *name)
{
    for (size_t i = 0; i < facts->modality_count; i++) {
        if (strcmp(facts->modalities[i].block->name, name) == 0)
            return &facts->modalities[i];
    }
    return NULL;
}

static bool is_module(const struct mimo_facts *facts, const char *name)
{
    for (size_t i = 0; i < facts->module_count; i++) {
        if (strcmp(facts->modules[i].block->name, name) == 0)
            return true;
    }
    return false;
}

/* The names of modules may have been lost to errors. */
static bool knows_modules(const struct mimo_facts *facts)
{
    for (size_t i = 0; i < facts->modality_count; i++) {
        if (facts->modalities[i].block->is_damaged)
            return false;
    }
    return facts->language != NULL && !facts->declaration->model->is_damaged;
}

static void help_with_name(struct mimo_checker *checker, struct mimo_diagnostic *diagnostic,
                           const char *name)
{
    const struct mimo_facts *facts = checker->facts;
    const struct mimo_modality_facts *modality = modality_called(facts, name);
    struct mimo_candidates candidates = {.arena = checker->diagnostics->arena};

    if (modality != NULL && modality->encoder_count > 0) {
        mimo_diagnose_help(checker->diagnostics, diagnostic, "%s is a modality; its encoder is %s",
                           name, facts->modules[modality->encoder_first].block->name);
        return;
    }
    for (size_t i = 0; i < facts->module_count; i++)
        mimo_candidates_add(&candidates, facts->modules[i].block->name);
    mimo_suggest(checker->diagnostics, diagnostic, name, &candidates);
}

/* A layout under a wrong name may be meant for any module: none counts as missing. */
static void excuse_absence(struct mimo_facts *facts)
{
    for (size_t i = 0; i < facts->module_count; i++)
        facts->modules[i].layout.is_absent = false;
}

/* E0608 */
static void check_layout_names(struct mimo_checker *checker)
{
    struct mimo_facts *facts = checker->facts;
    const struct mimo_block *deployment = facts->declaration->deployment;

    if (deployment == NULL || !knows_modules(facts))
        return;
    for (size_t i = 0; i < deployment->child_count; i++) {
        const struct mimo_block *layout = deployment->children[i];

        if (layout->kind != MIMO_BLOCK_parallelism || layout->name == NULL ||
            strcmp(layout->name, "all") == 0 || is_module(facts, layout->name))
            continue;
        help_with_name(checker,
                       mimo_diagnose(checker->diagnostics, MIMO_E0608, layout->name_span,
                                     "%s is no module of model %s", layout->name,
                                     facts->declaration->model->name),
                       layout->name);
        excuse_absence(facts);
    }
}

/* E0601 */
static void check_presence(struct mimo_checker *checker, struct mimo_module_facts *module)
{
    const struct mimo_block *deployment = checker->facts->declaration->deployment;
    struct mimo_diagnostic *diagnostic;

    if (!module->layout.is_absent)
        return;
    diagnostic = mimo_diagnose(checker->diagnostics, MIMO_E0601, deployment->name_span,
                               "module %s has no layout in deployment %s", module->block->name,
                               deployment->name);
    mimo_diagnose_note(checker->diagnostics, diagnostic, module->block->name_span,
                       "%s is defined here", module->block->name);
    mimo_diagnose_help(checker->diagnostics, diagnostic, "add `parallelism %s { }`",
                       module->block->name);
}

/* E0604 */
static void check_explicit_dp(struct mimo_checker *checker, struct mimo_module_facts *module)
{
    if (!has_own_ranges(checker->facts) || !module->layout.dp_is_auto)
        return;
    mimo_diagnose_help(
        checker->diagnostics,
        mimo_diagnose(checker->diagnostics, MIMO_E0604,
                      mimo_layout_place(&module->layout, MIMO_ATTR_data_parallel),
                      "data_parallel of %s is not given: its ranks are its own, not a share of "
                      "world_size",
                      module->block->name),
        "give the number of replicas, for example data_parallel = 1");
    module->layout.dp_is_auto = false;
}

/* E0606. The layout counts as unknown from here on. */
static void check_no_offset(struct mimo_checker *checker, struct mimo_module_facts *module)
{
    struct mimo_layout_facts *layout = &module->layout;

    if (!shares_all_ranks(checker->facts) || !mimo_is_known(layout->rank_offset) ||
        layout->rank_offset == 0)
        return;
    mimo_check_note(checker,
                    mimo_diagnose(checker->diagnostics, MIMO_E0606,
                                  mimo_layout_place(layout, MIMO_ATTR_rank_offset),
                                  "rank_offset = %lld of %s, but all modules share all ranks",
                                  (long long)layout->rank_offset, module->block->name),
                    checker->facts->declaration->deployment, MIMO_ATTR_mode, "mode");
    layout->rank_offset = MIMO_UNKNOWN;
}

/* The ranks of a layout no part of which is in error. */
static int64_t whole_ranks(const struct mimo_module_facts *module)
{
    return mimo_is_known(module->layout.rank_offset) ? mimo_layout_ranks(&module->layout)
                                                     : MIMO_UNKNOWN;
}

/* What the modules' own sizes imply, the language model's first; unknown where none does. */
static int64_t derive_world_size(const struct mimo_facts *facts)
{
    int64_t derived = MIMO_UNKNOWN;

    if (has_own_ranges(facts)) {
        for (size_t i = 0; i < facts->module_count; i++) {
            const int64_t end = mimo_layout_end(&facts->modules[i].layout);

            if (!mimo_is_known(end))
                return MIMO_UNKNOWN;
            derived = end > derived ? end : derived;
        }
        return derived;
    }
    for (size_t i = facts->module_count; i-- > 0 && !mimo_is_known(derived);)
        derived = whole_ranks(&facts->modules[i]);
    return derived;
}

static bool are_all_auto(const struct mimo_facts *facts)
{
    for (size_t i = 0; i < facts->module_count; i++) {
        if (!facts->modules[i].layout.dp_is_auto)
            return false;
    }
    return facts->module_count > 0;
}

/* E0302: the proof of a plan goes through its ranks. */
static void check_world_bound(struct mimo_checker *checker)
{
    struct mimo_facts *facts = checker->facts;

    if (!mimo_is_known(facts->world_size) || facts->world_size <= RANKS_MAX)
        return;
    mimo_diagnose(checker->diagnostics, MIMO_E0302, world_size_place(facts),
                  "deployment %s has %lld ranks, more than a plan can hold, %d",
                  facts->declaration->deployment->name, (long long)facts->world_size, RANKS_MAX);
    facts->world_size = MIMO_UNKNOWN;
}

/* Completes world_size. E0203 where nothing says how many ranks there are. */
static void resolve_world_size(struct mimo_checker *checker)
{
    struct mimo_facts *facts = checker->facts;
    const struct mimo_block *deployment = facts->declaration->deployment;

    if (deployment == NULL)
        return;
    if (!facts->world_size_is_given)
        facts->world_size = derive_world_size(facts);
    check_world_bound(checker);
    if (!facts->world_size_is_given && !mimo_is_known(facts->world_size) &&
        shares_all_ranks(facts) && are_all_auto(facts))
        mimo_diagnose_help(checker->diagnostics,
                           mimo_diagnose(checker->diagnostics, MIMO_E0203, deployment->name_span,
                                         "deployment %s has no world_size", deployment->name),
                           "add world_size, or an explicit data_parallel to one of the layouts");
}

/* E0502. Completes data_parallel. */
static void resolve_dp(struct mimo_checker *checker, struct mimo_module_facts *module)
{
    const struct mimo_facts *facts = checker->facts;
    struct mimo_layout_facts *layout = &module->layout;
    const int64_t span = mimo_layout_span_ranks(layout);
    struct mimo_diagnostic *diagnostic;

    if (!layout->dp_is_auto || !shares_all_ranks(facts))
        return;
    if (!mimo_fact_is_indivisible(facts->world_size, span)) {
        layout->dp = mimo_fact_divide(facts->world_size, span);
        return;
    }
    diagnostic = mimo_diagnose(
        checker->diagnostics, MIMO_E0502, mimo_layout_place(layout, MIMO_ATTR_data_parallel),
        "tensor x context x pipeline parallel of %s = %lld x %lld x %lld = %lld does "
        "not divide world_size = %lld",
        module->block->name, (long long)layout->tp, (long long)layout->cp, (long long)layout->pp,
        (long long)span, (long long)facts->world_size);
    if (is_world_size_declared(facts))
        mimo_check_note(checker, diagnostic, facts->declaration->deployment, MIMO_ATTR_world_size,
                        "world_size");
    mimo_diagnose_help(checker->diagnostics, diagnostic, "%s it",
                       mimo_check_dividing(checker->diagnostics->arena, facts->world_size, span));
}

/* True where every module states a number of ranks, and none states world_size. */
static bool all_contradict(const struct mimo_facts *facts)
{
    for (size_t i = 0; i < facts->module_count; i++) {
        const int64_t ranks = whole_ranks(&facts->modules[i]);

        if (!mimo_is_known(ranks) || ranks == facts->world_size)
            return false;
    }
    return facts->module_count > 0;
}

/* E0607: without a deployment --world-size has nothing to lay out. */
static void check_one_rank(struct mimo_checker *checker)
{
    const struct mimo_facts *facts = checker->facts;

    if (facts->declaration->deployment == NULL && facts->world_size != 1)
        mimo_diagnose(checker->diagnostics, MIMO_E0607, facts->declaration->model->name_span,
                      "world_size = %lld, but without a deployment the plan is for one rank",
                      (long long)facts->world_size);
}

/* E0607, colocated and homogeneous */
static void check_world_size(struct mimo_checker *checker)
{
    struct mimo_facts *facts = checker->facts;
    const struct mimo_module_facts *last;

    if (!shares_all_ranks(facts) || facts->declaration->deployment == NULL ||
        !mimo_is_known(facts->world_size) || !all_contradict(facts))
        return;
    last = &facts->modules[facts->module_count - 1];
    mimo_diagnose_help(checker->diagnostics,
                       mimo_diagnose(checker->diagnostics, MIMO_E0607,
                                     is_world_size_declared(facts)
                                         ? world_size_place(facts)
                                         : mimo_layout_name(&last->layout),
                                     "world_size = %lld, but the layout of %s covers %lld ranks",
                                     (long long)facts->world_size, last->block->name,
                                     (long long)whole_ranks(last)),
                       "with data_parallel = auto a layout covers all ranks");
    facts->world_size = MIMO_UNKNOWN;
}

static bool has_other_ranks(const struct mimo_facts *facts, int64_t ranks)
{
    for (size_t i = 0; i < facts->module_count; i++) {
        const int64_t other = whole_ranks(&facts->modules[i]);

        if (mimo_is_known(other) && other != ranks)
            return true;
    }
    return false;
}

/* E0602 */
static void check_coverage(struct mimo_checker *checker, struct mimo_module_facts *module)
{
    struct mimo_facts *facts = checker->facts;
    const int64_t ranks = whole_ranks(module);
    int64_t expected = facts->world_size;

    if (facts->mode != MIMO_MODE_COLOCATED || facts->language == NULL)
        return;
    if (!mimo_is_known(expected))
        expected = whole_ranks(facts->language);
    if (!mimo_is_known(ranks) || !mimo_is_known(expected) || ranks == expected ||
        !has_other_ranks(facts, ranks))
        return;
    mimo_diagnose(checker->diagnostics, MIMO_E0602, mimo_layout_name(&module->layout),
                  "%s covers %lld ranks, but colocated modules share all %lld", module->block->name,
                  (long long)ranks, (long long)expected);
    mimo_layout_forget(&module->layout);
}

/* Whether layout a stands before b in the file. */
static bool stands_before(const struct mimo_module_facts *a, const struct mimo_module_facts *b)
{
    const struct mimo_span x = mimo_layout_name(&a->layout), y = mimo_layout_name(&b->layout);

    return x.file == y.file ? x.begin < y.begin : a < b;
}

/* tp, cp, pp, dp; -1: not all of them are known. */
static int compare_layouts(const struct mimo_module_facts *a, const struct mimo_module_facts *b)
{
    const struct mimo_layout_facts *x = &a->layout, *y = &b->layout;

    if (!mimo_is_known(whole_ranks(a)) || !mimo_is_known(whole_ranks(b)))
        return -1;
    return x->tp != y->tp || x->cp != y->cp || x->pp != y->pp || x->dp != y->dp;
}

static const char *describe(struct mimo_checker *checker, const struct mimo_module_facts *module)
{
    const struct mimo_layout_facts *layout = &module->layout;

    return TEXT(checker, "%lld x %lld x %lld x %lld", (long long)layout->tp, (long long)layout->cp,
                (long long)layout->pp, (long long)layout->dp);
}

/* E0603: each layout that differs from the first one in the file. */
static void check_equal_layouts(struct mimo_checker *checker)
{
    struct mimo_facts *facts = checker->facts;
    const struct mimo_module_facts *first = NULL;

    if (facts->mode != MIMO_MODE_HOMOGENEOUS || facts->declaration->deployment == NULL)
        return;
    for (size_t i = 0; i < facts->module_count; i++) {
        const struct mimo_module_facts *module = &facts->modules[i];

        if (mimo_is_known(whole_ranks(module)) && (first == NULL || stands_before(module, first)))
            first = module;
    }
    for (size_t i = 0; first != NULL && i < facts->module_count; i++) {
        struct mimo_module_facts *module = &facts->modules[i];
        struct mimo_diagnostic *diagnostic;

        if (compare_layouts(module, first) != 1)
            continue;
        diagnostic =
            mimo_diagnose(checker->diagnostics, MIMO_E0603, mimo_layout_name(&module->layout),
                          "homogeneous layouts are equal, but tp x cp x pp x dp is %s for "
                          "%s and %s for %s",
                          describe(checker, module), module->block->name, describe(checker, first),
                          first->block->name);
        mimo_diagnose_note(checker->diagnostics, diagnostic, mimo_layout_name(&first->layout),
                           "the layout of %s is here", first->block->name);
        mimo_layout_forget(&module->layout);
    }
}

/* Whether two ranges collide; equal ones do not in hybrid mode. */
static bool collide(const struct mimo_facts *facts, const struct mimo_module_facts *a,
                    const struct mimo_module_facts *b)
{
    const int64_t a_begin = a->layout.rank_offset, a_end = mimo_layout_end(&a->layout);
    const int64_t b_begin = b->layout.rank_offset, b_end = mimo_layout_end(&b->layout);

    if (!mimo_is_known(a_end) || !mimo_is_known(b_end) || a_end <= b_begin || b_end <= a_begin)
        return false;
    return facts->mode == MIMO_MODE_HETEROGENEOUS || a_begin != b_begin || a_end != b_end;
}

static void report_overlap(struct mimo_checker *checker, const struct mimo_module_facts *later,
                           const struct mimo_module_facts *earlier)
{
    struct mimo_diagnostic *diagnostic = mimo_diagnose(
        checker->diagnostics, MIMO_E0605, mimo_layout_name(&later->layout),
        "ranks %lld to %lld of %s overlap ranks %lld to %lld of %s",
        (long long)later->layout.rank_offset, (long long)mimo_layout_end(&later->layout) - 1,
        later->block->name, (long long)earlier->layout.rank_offset,
        (long long)mimo_layout_end(&earlier->layout) - 1, earlier->block->name);

    mimo_diagnose_note(checker->diagnostics, diagnostic, mimo_layout_name(&earlier->layout),
                       "the layout of %s is here", earlier->block->name);
    mimo_diagnose_help(checker->diagnostics, diagnostic,
                       checker->facts->mode == MIMO_MODE_HYBRID
                           ? "rank_offset = %lld is behind them; hybrid modules may also share "
                             "exactly equal ranges"
                           : "rank_offset = %lld is behind them",
                       (long long)mimo_layout_end(&earlier->layout));
}

/* The first layout in the file that collides with that of `module` and stands before it. */
static const struct mimo_module_facts *first_collision(const struct mimo_facts *facts,
                                                       const struct mimo_module_facts *module)
{
    const struct mimo_module_facts *first = NULL;

    for (size_t i = 0; i < facts->module_count; i++) {
        const struct mimo_module_facts *candidate = &facts->modules[i];

        if (candidate != module && collide(facts, module, candidate) &&
            stands_before(candidate, module) && (first == NULL || stands_before(candidate, first)))
            first = candidate;
    }
    return first;
}

/* E0605. A layout that collides with several is reported once, with the first of them. */
static void check_overlap(struct mimo_checker *checker)
{
    struct mimo_facts *facts = checker->facts;
    bool *is_in_error = MIMO_NEW_ARRAY(checker->diagnostics->arena, bool, facts->module_count);

    for (size_t i = 0; has_own_ranges(facts) && i < facts->module_count; i++) {
        const struct mimo_module_facts *earlier = first_collision(facts, &facts->modules[i]);

        if (earlier != NULL)
            report_overlap(checker, &facts->modules[i], earlier);
        is_in_error[i] = earlier != NULL;
    }
    for (size_t i = 0; i < facts->module_count; i++) {
        if (is_in_error[i])
            mimo_layout_forget(&facts->modules[i].layout);
    }
}

/* E0607, heterogeneous and hybrid */
static void check_range_ends(struct mimo_checker *checker)
{
    struct mimo_facts *facts = checker->facts;
    const bool is_declared = is_world_size_declared(facts);
    const struct mimo_module_facts *last = NULL;

    if (!has_own_ranges(facts) || !mimo_is_known(facts->world_size))
        return;
    for (size_t i = 0; i < facts->module_count; i++) {
        const struct mimo_module_facts *module = &facts->modules[i];
        const int64_t end = mimo_layout_end(&module->layout);

        if (!mimo_is_known(end) || end <= facts->world_size)
            continue;
        if (!is_declared)
            mimo_diagnose(checker->diagnostics, MIMO_E0607, mimo_layout_name(&module->layout),
                          "%s needs ranks up to %lld, but world_size = %lld", module->block->name,
                          (long long)end - 1, (long long)facts->world_size);
        if (last == NULL || end > mimo_layout_end(&last->layout))
            last = module;
    }
    if (is_declared && last != NULL) {
        struct mimo_diagnostic *diagnostic = mimo_diagnose(
            checker->diagnostics, MIMO_E0607, world_size_place(facts),
            "world_size = %lld, but %s needs ranks up to %lld", (long long)facts->world_size,
            last->block->name, (long long)mimo_layout_end(&last->layout) - 1);

        mimo_diagnose_note(checker->diagnostics, diagnostic, mimo_layout_name(&last->layout),
                           "the layout of %s is here", last->block->name);
        mimo_diagnose_help(checker->diagnostics, diagnostic, "world_size = %lld holds all ranges",
                           (long long)mimo_layout_end(&last->layout));
    }
    if (last != NULL)
        facts->world_size = MIMO_UNKNOWN;
}

/* E0508 */
static void check_expert_grid(struct mimo_checker *checker, struct mimo_module_facts *module)
{
    struct mimo_layout_facts *layout = &module->layout;
    const int64_t dense =
        mimo_fact_multiply(mimo_fact_multiply(layout->tp, layout->cp), layout->dp);
    const int64_t expert = mimo_fact_multiply(layout->etp, layout->ep);

    if (!mimo_fact_is_indivisible(dense, expert))
        return;
    mimo_diagnose_help(
        checker->diagnostics,
        mimo_diagnose(checker->diagnostics, MIMO_E0508,
                      mimo_layout_place(layout, layout->ep > 1 ? MIMO_ATTR_expert_parallel
                                                               : MIMO_ATTR_expert_tensor_parallel),
                      "expert_tensor_parallel x expert_parallel = %lld x %lld does not divide "
                      "tensor x context x data parallel = %lld x %lld x %lld",
                      (long long)layout->etp, (long long)layout->ep, (long long)layout->tp,
                      (long long)layout->cp, (long long)layout->dp),
        "their product may be %s", mimo_check_divisors(checker->diagnostics->arena, dense, expert));
    layout->ep = MIMO_UNKNOWN;
}

/* E0609: a projector lives with its encoders, on the same ranks for all of them. */
static void check_shared_projector(struct mimo_checker *checker, struct mimo_module_facts *module)
{
    const struct mimo_facts *facts = checker->facts;
    const struct mimo_module_facts *first;
    struct mimo_diagnostic *diagnostic;

    if (module->projector == SIZE_MAX || facts->declaration->deployment == NULL)
        return;
    first = &facts->modules[facts->projectors[module->projector].encoder];
    if (first == module || compare_layouts(first, module) == -1 ||
        (compare_layouts(first, module) == 0 &&
         first->layout.rank_offset == module->layout.rank_offset))
        return;
    diagnostic = mimo_diagnose(
        checker->diagnostics, MIMO_E0609,
        mimo_layout_name(stands_before(first, module) ? &module->layout : &first->layout),
        "encoders %s and %s share projector %s, but not their layout", first->block->name,
        module->block->name, facts->projectors[module->projector].block->name);
    mimo_diagnose_note(checker->diagnostics, diagnostic,
                       facts->projectors[module->projector].block->name_span,
                       "the projector is here");
    mimo_diagnose_help(checker->diagnostics, diagnostic,
                       "give both one layout, or each encoder a projector of its own");
}

/* The ranks below `from` that begin the next gap: [*out_begin, *out_end), or false. */
static bool next_gap(const struct mimo_facts *facts, int64_t from, int64_t *out_begin,
                     int64_t *out_end)
{
    int64_t begin = from, end = facts->world_size;

    for (bool has_moved = true; has_moved;) {
        has_moved = false;
        for (size_t i = 0; i < facts->module_count; i++) {
            const struct mimo_layout_facts *layout = &facts->modules[i].layout;

            if (layout->rank_offset <= begin && begin < mimo_layout_end(layout)) {
                begin = mimo_layout_end(layout);
                has_moved = true;
            }
        }
    }
    for (size_t i = 0; i < facts->module_count; i++) {
        const int64_t offset = facts->modules[i].layout.rank_offset;

        if (offset > begin && offset < end)
            end = offset;
    }
    *out_begin = begin;
    *out_end = end;
    return begin < end;
}

/* W0601 */
static void check_idle_ranks(struct mimo_checker *checker)
{
    const struct mimo_facts *facts = checker->facts;
    int64_t begin, end = 0, count = 0;
    const char *text = NULL;

    if (!has_own_ranges(facts) || !mimo_is_known(facts->world_size))
        return;
    for (size_t i = 0; i < facts->module_count; i++) {
        if (!mimo_is_known(mimo_layout_end(&facts->modules[i].layout)))
            return;
    }
    while (next_gap(facts, end, &begin, &end)) {
        const char *gap = end - begin == 1
                              ? TEXT(checker, "%lld", (long long)begin)
                              : TEXT(checker, "%lld to %lld", (long long)begin, (long long)end - 1);

        text = text == NULL ? gap : TEXT(checker, "%s, %s", text, gap);
        count += end - begin;
    }
    if (count > 0)
        mimo_diagnose(checker->diagnostics, MIMO_W0601, world_size_place(facts),
                      "%lld of %lld ranks run no module: rank%s %s", (long long)count,
                      (long long)facts->world_size, count == 1 ? "" : "s", text);
}

/* The first node border, counted in ranks, that lies within a tensor-parallel group; 0: none. Their
 * places within groups repeat after tp borders. */
static int64_t find_crossing(const struct mimo_layout_facts *layout, int64_t node)
{
    int64_t border = (layout->rank_offset / node + 1) * node;

    for (int64_t i = 0; i < layout->tp && border < mimo_layout_end(layout); i++) {
        if ((border - layout->rank_offset) % layout->tp != 0)
            return border;
        border += node;
    }
    return 0;
}

static void help_with_node(struct mimo_checker *checker, struct mimo_diagnostic *diagnostic,
                           int64_t tp, int64_t node)
{
    if (tp > node)
        mimo_diagnose_help(checker->diagnostics, diagnostic,
                           "at most %lld ranks share a node; a pipeline stage for each node sends "
                           "far less between them",
                           (long long)node);
    else if (node % tp == 0)
        mimo_diagnose_help(checker->diagnostics, diagnostic,
                           "with a rank_offset that is a multiple of %lld each group is on one "
                           "node",
                           (long long)tp);
    else
        mimo_diagnose_help(checker->diagnostics, diagnostic, "%s divide a node",
                           mimo_check_divisors(checker->diagnostics->arena, node, tp));
}

/* W0501 */
static void check_nodes(struct mimo_checker *checker, struct mimo_module_facts *module)
{
    const struct mimo_block *cluster = checker->facts->declaration->cluster;
    const struct mimo_layout_facts *layout = &module->layout;
    const int64_t node = mimo_fact_integer(cluster, MIMO_ATTR_gpus_per_node);
    struct mimo_diagnostic *diagnostic;
    int64_t border;

    if (!mimo_is_known(node) || !mimo_is_known(mimo_layout_end(layout)))
        return;
    border = find_crossing(layout, node);
    if (border == 0)
        return;
    diagnostic = mimo_diagnose(
        checker->diagnostics, MIMO_W0501, mimo_layout_place(layout, MIMO_ATTR_tensor_parallel),
        "a tensor-parallel group of %s, tensor_parallel = %lld, has ranks "
        "%lld and %lld on two nodes",
        module->block->name, (long long)layout->tp, (long long)border - 1, (long long)border);
    mimo_check_note(checker, diagnostic, cluster, MIMO_ATTR_gpus_per_node, "gpus_per_node");
    help_with_node(checker, diagnostic, layout->tp, node);
}

/* clang-format off */
const struct mimo_rule mimo_deployment_rules[] = {
    {.check = check_layout_names},
    {.check_module = check_presence},
    {.check_module = check_explicit_dp},
    {.check_module = check_no_offset},
    {.check = resolve_world_size},
    {.check_module = resolve_dp},
    {.check = check_one_rank},
    {.check = check_world_size},
    {.check_module = check_coverage},
    {.check = check_equal_layouts},
    {.check = check_overlap},
    {.check = check_range_ends},
    {.check_module = check_expert_grid},
    {.check_module = check_shared_projector},
    {.check = check_idle_ranks},
    {.check_module = check_nodes},
    {0},
};
/* clang-format on */
