#include "tests/random/draw.h"

#include <string.h>

enum { RUNNABLE_RANKS_MAX = 8 };

/* One module's layout, with all defaults counted. */
struct layout {
    int tp, cp, pp, dp, ep, etp, virtual_pipeline, offset;
    int stages[SKETCH_LIST_MAX];
    bool has_stages;       /* pipeline_layout is given */
    int sequence_parallel; /* -1: auto */
    bool is_dp_explicit;
};

struct plan {
    struct drawing *drawing;
    struct layout layouts[DRAWING_MODULES_MAX];
    int block;
    int ranks_max;
};

static int span(const struct layout *layout)
{
    return layout->tp * layout->cp * layout->pp;
}

/* ---- one layout ---- */

static int draw_tp(struct dice *dice, const struct drawn_module *module, int most)
{
    int tp;

    do {
        tp = draw_divisor(dice, module->heads, most);
    } while (module->groups % tp != 0 && tp % module->groups != 0);
    return dice_chance(dice, 40) ? 1 : tp;
}

/* Deals the layers out by chance. */
static void draw_stages(struct dice *dice, struct layout *layout, int layers)
{
    const int count = layout->pp * layout->virtual_pipeline;

    layout->has_stages = true;
    memset(layout->stages, 0, sizeof layout->stages);
    for (int i = 0; i < layers; i++)
        layout->stages[dice_below(dice, count)]++;
}

/* `pp` stages of `layers` layers, equal ones or not. False where that cannot be. */
static bool draw_pipeline(struct dice *dice, struct layout *layout, int layers, int pp)
{
    layout->pp = pp;
    layout->virtual_pipeline = dice_chance(dice, 20) ? 2 : 1;
    layout->has_stages = false;
    if (pp * layout->virtual_pipeline == 1)
        return true;
    if (layers < pp * layout->virtual_pipeline || dice_chance(dice, 30))
        draw_stages(dice, layout, layers);
    return layout->has_stages || (layers > 0 && layers % (pp * layout->virtual_pipeline) == 0);
}

static void draw_layout(struct dice *dice, const struct drawn_module *module, int most,
                        struct layout *out_layout)
{
    *out_layout = (struct layout){.ep = 1, .etp = 1, .sequence_parallel = -1};
    out_layout->tp = draw_tp(dice, module, most);
    most /= out_layout->tp;
    out_layout->cp = dice_chance(dice, 25) ? dice_between(dice, 1, most < 3 ? most : 3) : 1;
    most /= out_layout->cp;
    while (!draw_pipeline(dice, out_layout, module->layers,
                          dice_chance(dice, 40) ? dice_between(dice, 1, most < 4 ? most : 4) : 1))
        continue;
}

/* A layout of exactly `ranks` ranks. */
static void draw_layout_of(struct dice *dice, const struct drawn_module *module, int ranks,
                           struct layout *out_layout)
{
    do {
        draw_layout(dice, module, ranks, out_layout);
    } while (ranks % span(out_layout) != 0);
    out_layout->dp = ranks / span(out_layout);
}

static void draw_expert_grid(struct dice *dice, const struct drawn_module *module,
                             struct layout *layout)
{
    const int ranks = layout->tp * layout->cp * layout->dp;

    if (module->experts == 0 || dice_chance(dice, 30))
        return;
    layout->ep = draw_divisor(dice, draw_gcd(module->experts, ranks), 8);
    layout->etp = draw_divisor(dice, ranks / layout->ep, 4);
}

/* ---- all layouts, by mode ---- */

static void draw_colocated(struct plan *plan)
{
    const struct drawing *drawing = plan->drawing;
    const int ranks = dice_between(drawing->dice, 1, plan->ranks_max);

    for (int i = 0; i < drawing->module_count; i++)
        draw_layout_of(drawing->dice, &drawing->modules[i], ranks, &plan->layouts[i]);
}

/* The language model's sizes for all, where heads and layers allow it. */
static bool try_homogeneous(struct plan *plan)
{
    const struct drawing *drawing = plan->drawing;
    const struct layout *language = &plan->layouts[0];

    draw_layout_of(drawing->dice, &drawing->modules[0],
                   dice_between(drawing->dice, 1, plan->ranks_max), &plan->layouts[0]);
    for (int i = 1; i < drawing->module_count; i++) {
        struct layout *layout = &plan->layouts[i];

        *layout = *language;
        if (drawing->modules[i].heads % language->tp != 0 ||
            !draw_pipeline(drawing->dice, layout, drawing->modules[i].layers, language->pp))
            return false;
    }
    return true;
}

static void draw_homogeneous(struct plan *plan)
{
    while (!try_homogeneous(plan))
        continue;
}

/* Ranges one behind the other, in random order, with gaps; members of a group share one range. */
static int draw_ranges(struct plan *plan, const int group[DRAWING_MODULES_MAX])
{
    const struct drawing *drawing = plan->drawing;
    const int first = dice_below(drawing->dice, drawing->module_count);
    int offset = 0;

    for (int turn = 0; turn < drawing->module_count; turn++) {
        const int leader = (first + turn) % drawing->module_count;
        const int ranks = dice_between(drawing->dice, 1, plan->ranks_max / 2 + 1);

        if (group[leader] != leader)
            continue;
        if (dice_chance(drawing->dice, 12))
            offset += dice_between(drawing->dice, 1, 3);
        for (int i = 0; i < drawing->module_count; i++) {
            if (group[i] == leader) {
                draw_layout_of(drawing->dice, &drawing->modules[i], ranks, &plan->layouts[i]);
                plan->layouts[i].offset = offset;
            }
        }
        offset += ranks;
    }
    return offset;
}

static int draw_heterogeneous(struct plan *plan)
{
    return draw_ranges(plan, (const int[DRAWING_MODULES_MAX]){0, 1, 2, 3});
}

static int draw_hybrid(struct plan *plan)
{
    int group[DRAWING_MODULES_MAX] = {0};

    for (int i = 1; i < plan->drawing->module_count; i++) {
        const int other = dice_below(plan->drawing->dice, i);

        group[i] = dice_chance(plan->drawing->dice, 50) ? group[other] : i;
        if (plan->drawing->modules[i].twin != SKETCH_NONE)
            group[i] = group[plan->drawing->modules[i].twin];
    }
    return draw_ranges(plan, group);
}

/* Encoders that share a projector share their layout, but for the stages. */
static void join_twins(struct plan *plan)
{
    for (int i = 0; i < plan->drawing->module_count; i++) {
        const int twin = plan->drawing->modules[i].twin;
        struct layout *layout = &plan->layouts[i];

        if (twin == SKETCH_NONE)
            continue;
        do {
            draw_layout_of(plan->drawing->dice, &plan->drawing->modules[twin],
                           span(&plan->layouts[twin]) * plan->layouts[twin].dp,
                           &plan->layouts[twin]);
            plan->layouts[twin].offset = layout->offset;
            *layout = plan->layouts[twin];
        } while (plan->drawing->modules[i].heads % layout->tp != 0 ||
                 !draw_pipeline(plan->drawing->dice, layout, plan->drawing->modules[i].layers,
                                layout->pp));
    }
}

static bool has_twins(const struct drawing *drawing)
{
    for (int i = 0; i < drawing->module_count; i++) {
        if (drawing->modules[i].twin != SKETCH_NONE)
            return true;
    }
    return false;
}

/* ---- what the layouts ask of the training ---- */

static void ask(struct plan *plan)
{
    struct drawing *drawing = plan->drawing;
    struct layout *language = &plan->layouts[0];
    bool is_cut = language->tp > 1;

    if (dice_chance(drawing->dice, 30)) {
        language->sequence_parallel = dice_chance(drawing->dice, 50);
        is_cut = is_cut && language->sequence_parallel == 1;
    }
    drawing->replicas = draw_lcm(drawing->replicas, language->dp);
    drawing->sequence_pieces =
        draw_lcm(drawing->sequence_pieces,
                 (language->cp > 1 ? 2 * language->cp : 1) * (is_cut ? language->tp : 1));
    for (int i = 1; i < drawing->module_count; i++) {
        const int dp = plan->layouts[i].dp;

        drawing->samples_unit = draw_lcm(drawing->samples_unit, dp / draw_gcd(dp, language->dp));
    }
}

/* ---- layouts as blocks ---- */

struct size {
    const char *name;
    size_t offset;
};

static const struct size sizes[] = {
    {"tensor_parallel", offsetof(struct layout, tp)},
    {"context_parallel", offsetof(struct layout, cp)},
    {"pipeline_parallel", offsetof(struct layout, pp)},
    {"expert_parallel", offsetof(struct layout, ep)},
    {"expert_tensor_parallel", offsetof(struct layout, etp)},
    {"virtual_pipeline", offsetof(struct layout, virtual_pipeline)},
    {"rank_offset", offsetof(struct layout, offset)},
};
enum { SIZE_COUNT = sizeof sizes / sizeof *sizes, DENSE_SIZES = 3 };

static int size_of(const struct layout *layout, int size)
{
    return *(const int *)(const void *)((const char *)layout + sizes[size].offset);
}

/* `parallelism all` with some sizes of one of the layouts; sets those in `common`. */
static int write_common(struct plan *plan, int common[SIZE_COUNT])
{
    struct drawing *drawing = plan->drawing;
    const int model = dice_below(drawing->dice, drawing->module_count);
    const int block = sketch_add_block(drawing->sketch, plan->block, "parallelism", "all", "");

    for (int i = 0; i < DENSE_SIZES; i++) {
        if (dice_chance(drawing->dice, 50)) {
            common[i] = size_of(&plan->layouts[model], i);
            sketch_set_integer(drawing->sketch, block, sizes[i].name, common[i]);
        }
    }
    return block;
}

static void write_stages(struct drawing *drawing, int block, const struct layout *layout)
{
    struct sketch_value list = sketch_text(SKETCH_LIST, "");

    list.item_count = layout->pp * layout->virtual_pipeline;
    for (int i = 0; i < list.item_count; i++)
        list.items[i] = layout->stages[i];
    (void)sketch_add(drawing->sketch, block, "pipeline_layout", list);
}

static void write_rest(struct drawing *drawing, int block, const struct layout *layout,
                       bool is_language)
{
    if (layout->is_dp_explicit)
        sketch_set_integer(drawing->sketch, block, "data_parallel", layout->dp);
    else if (dice_chance(drawing->dice, 10))
        sketch_set_word(drawing->sketch, block, "data_parallel", "auto");
    if (layout->has_stages)
        write_stages(drawing, block, layout);
    if (layout->sequence_parallel >= 0 && is_language)
        sketch_set_word(drawing->sketch, block, "sequence_parallel",
                        layout->sequence_parallel == 1 ? "true" : "false");
}

static void write_layout(struct plan *plan, int module, const int common[SIZE_COUNT],
                         bool may_be_absent)
{
    struct drawing *drawing = plan->drawing;
    const struct layout *layout = &plan->layouts[module];
    const int block = sketch_add_block(drawing->sketch, plan->block, "parallelism",
                                       drawing->modules[module].name, "");

    for (int i = 0; i < SIZE_COUNT; i++) {
        if (size_of(layout, i) != common[i] || dice_chance(drawing->dice, 10))
            sketch_set_integer(drawing->sketch, block, sizes[i].name, size_of(layout, i));
    }
    write_rest(drawing, block, layout, module == 0);
    if (drawing->sketch->blocks[block].attribute_count == 0 && may_be_absent)
        drawing->sketch->block_count--;
}

static void write_layouts(struct plan *plan)
{
    int common[SIZE_COUNT] = {1, 1, 1, 1, 1, 1, 0};
    const bool has_common = dice_chance(plan->drawing->dice, 35);

    if (has_common)
        (void)write_common(plan, common);
    for (int i = 0; i < plan->drawing->module_count; i++)
        write_layout(plan, i, common, has_common);
}

/* ---- a deployment ---- */

/* Modules that share all ranks may leave data_parallel to world_size, or the other way round. */
static bool settle_replicas(struct plan *plan)
{
    struct drawing *drawing = plan->drawing;
    const bool is_world_given = dice_chance(drawing->dice, 60);
    const int spokesman = dice_below(drawing->dice, drawing->module_count);

    for (int i = 0; i < drawing->module_count; i++)
        plan->layouts[i].is_dp_explicit =
            dice_chance(drawing->dice, 50) || (!is_world_given && i == spokesman);
    return is_world_given;
}

static void draw_shared(struct plan *plan, bool is_homogeneous)
{
    const struct layout *language = &plan->layouts[0];

    if (is_homogeneous) {
        draw_homogeneous(plan);
    } else {
        draw_colocated(plan);
        join_twins(plan);
    }
    if (settle_replicas(plan))
        sketch_set_integer(plan->drawing->sketch, plan->block, "world_size",
                           (int64_t)span(language) * language->dp);
}

static void draw_separate(struct plan *plan, bool is_hybrid)
{
    struct drawing *drawing = plan->drawing;
    int end;

    do {
        end = is_hybrid ? draw_hybrid(plan) : draw_heterogeneous(plan);
    } while (drawing->is_runnable && end > RUNNABLE_RANKS_MAX);
    join_twins(plan);
    for (int i = 0; i < drawing->module_count; i++)
        plan->layouts[i].is_dp_explicit = true;
    if (dice_chance(drawing->dice, 15) && end < RUNNABLE_RANKS_MAX)
        end += dice_between(drawing->dice, 1, RUNNABLE_RANKS_MAX - end);
    else if (dice_chance(drawing->dice, 50))
        return;
    sketch_set_integer(drawing->sketch, plan->block, "world_size", end);
}

static const char *draw_cluster(struct drawing *drawing)
{
    const int block = sketch_add_block(drawing->sketch, SKETCH_NONE, "cluster", "h200", "");

    sketch_set_integer(drawing->sketch, block, "gpus_per_node", dice_between(drawing->dice, 1, 8));
    (void)sketch_add(drawing->sketch, block, "memory", sketch_quantity("900TB", 'b'));
    (void)sketch_add(drawing->sketch, block, "peak", sketch_quantity("989TFLOPS", 'f'));
    (void)sketch_add(drawing->sketch, block, "node_bandwidth", sketch_quantity("900GBps", 'r'));
    (void)sketch_add(drawing->sketch, block, "network_bandwidth", sketch_quantity("50GBps", 'r'));
    return "h200";
}

static void draw_deployment(struct drawing *drawing, const char *name, const char *cluster)
{
    static const char *const modes[] = {"colocated", "homogeneous", "hybrid", "heterogeneous"};
    const int mode = dice_below(drawing->dice, has_twins(drawing) ? 3 : 4);
    struct plan plan = {.drawing = drawing, .ranks_max = drawing->is_runnable ? 4 : 16};

    plan.block = sketch_add_block(drawing->sketch, SKETCH_NONE, "deployment", name, "");
    sketch_set_word(drawing->sketch, plan.block, "mode", modes[mode]);
    if (cluster != NULL)
        sketch_set_word(drawing->sketch, plan.block, "cluster", cluster);
    if (mode < 2)
        draw_shared(&plan, mode == 1);
    else
        draw_separate(&plan, mode == 2);
    draw_expert_grid(drawing->dice, &drawing->modules[0], &plan.layouts[0]);
    ask(&plan);
    write_layouts(&plan);
}

void draw_deployments(struct drawing *drawing)
{
    const char *cluster = dice_chance(drawing->dice, 35) ? draw_cluster(drawing) : NULL;
    const int count = drawing->is_runnable ? 1 : DICE_CHOOSE(drawing->dice, 1, 1, 1, 1, 1, 1, 2, 3);

    if (count == 3) /* none at all */
        return;
    for (int i = 0; i < count; i++)
        draw_deployment(drawing, i == 0 ? "pod" : "laptop", cluster);
}
