/* The declaration as the rules see it, and the order of the rules. */
#include "tests/random/judge.h"

#include <string.h>

/* ---- helpers ---- */

bool judge_knows(int64_t number)
{
    return number != UNKNOWN;
}

int64_t judge_product(int64_t a, int64_t b)
{
    return judge_knows(a) && judge_knows(b) ? a * b : UNKNOWN;
}

/* Both known, and b does not go into a. */
bool judge_leaves_rest(int64_t a, int64_t b)
{
    int64_t rest = a;

    if (!judge_knows(a) || !judge_knows(b))
        return false;
    while (rest >= b)
        rest -= b;
    return rest != 0;
}

struct sketch_block *judge_block(struct judge *judge, int block)
{
    return &judge->oracle->sketch->blocks[block];
}

void judge_report(struct judge *judge, const char *code, struct sketch_place place)
{
    oracle_verdict_add(judge->oracle->verdict, code, place);
}

int64_t judge_integer(struct judge *judge, int block, const char *name)
{
    return block == SKETCH_NONE ? UNKNOWN : oracle_integer(judge->oracle, block, name);
}

bool judge_is_set(struct judge *judge, int block, const char *name)
{
    return block != SKETCH_NONE && oracle_is_set(judge->oracle, block, name);
}

bool judge_is_damaged(struct judge *judge, int block)
{
    return block != SKETCH_NONE && oracle_is_damaged(judge->oracle, block);
}

void judge_report_at(struct judge *judge, const char *code, int block, const char *name)
{
    judge_report(judge, code, oracle_place(judge->oracle, block, name));
}

int judge_children(struct judge *judge, int block, const char *kind, int *out)
{
    return oracle_children(judge->oracle, block, kind, out);
}

/* ---- reading the layouts ---- */

/* The block that an attribute of a layout comes from; SKETCH_NONE: its default holds. The second
 * level is unknown where the first one may have held it. */
struct oracle_value judge_layout_value(struct judge *judge, const struct layout *layout,
                                       const char *name)
{
    const struct oracle_value nothing = {.kind = ORACLE_NOTHING};

    if (judge_is_set(judge, layout->own, name))
        return oracle_value(judge->oracle, layout->own, name);
    if (judge_is_damaged(judge, layout->own))
        return nothing;
    if (judge_is_set(judge, layout->all, name))
        return oracle_value(judge->oracle, layout->all, name);
    if (judge_is_damaged(judge, layout->all) ||
        (layout->own == SKETCH_NONE && layout->all == SKETCH_NONE))
        return nothing;
    return oracle_value(judge->oracle, layout->own != SKETCH_NONE ? layout->own : layout->all,
                        name);
}

static int64_t layout_number(struct judge *judge, const struct layout *layout, const char *name)
{
    const struct oracle_value value = judge_layout_value(judge, layout, name);

    return value.kind == ORACLE_INTEGER ? value.integer : UNKNOWN;
}

void judge_forget(struct layout *layout)
{
    layout->tp = layout->cp = layout->pp = layout->dp = UNKNOWN;
    layout->ep = layout->etp = layout->chunks = layout->offset = UNKNOWN;
    layout->is_auto = false;
}

static int layout_block(struct judge *judge, const char *name)
{
    int blocks[SKETCH_BLOCKS_MAX];
    const int count = judge_children(judge, judge->oracle->deployment, "parallelism", blocks);

    for (int i = 0; i < count; i++) {
        if (strcmp(judge_block(judge, blocks[i])->name, name) == 0)
            return blocks[i];
    }
    return SKETCH_NONE;
}

static void read_layout(struct judge *judge, struct module *module)
{
    struct layout *layout = &module->layout;

    *layout = (struct layout){.own = SKETCH_NONE, .all = SKETCH_NONE, .is_given = true};
    if (judge->oracle->deployment == SKETCH_NONE) {
        layout->tp = layout->cp = layout->pp = layout->dp = 1;
        layout->ep = layout->etp = layout->chunks = 1;
        return;
    }
    layout->own = layout_block(judge, judge_block(judge, module->block)->name);
    layout->all = layout_block(judge, "all");
    layout->is_given = layout->own != SKETCH_NONE || layout->all != SKETCH_NONE;
    if (layout->own == SKETCH_NONE &&
        (!layout->is_given || judge_is_damaged(judge, judge->oracle->deployment))) {
        judge_forget(layout);
        return;
    }
    layout->tp = layout_number(judge, layout, "tensor_parallel");
    layout->cp = layout_number(judge, layout, "context_parallel");
    layout->pp = layout_number(judge, layout, "pipeline_parallel");
    layout->dp = layout_number(judge, layout, "data_parallel");
    layout->is_auto = judge_layout_value(judge, layout, "data_parallel").kind == ORACLE_AUTO;
    layout->ep = layout_number(judge, layout, "expert_parallel");
    layout->etp = layout_number(judge, layout, "expert_tensor_parallel");
    layout->chunks = layout_number(judge, layout, "virtual_pipeline");
    layout->offset = layout_number(judge, layout, "rank_offset");
    layout->sequence_parallel = judge_layout_value(judge, layout, "sequence_parallel");
}

/* ---- reading the model ---- */

static int64_t head_dim_of(struct judge *judge, const struct module *module)
{
    if (module->is_language && judge_is_set(judge, module->block, "head_dim"))
        return judge_integer(judge, module->block, "head_dim");
    if (judge_is_damaged(judge, module->block) || judge_leaves_rest(module->width, module->heads) ||
        !judge_knows(module->width) || !judge_knows(module->heads))
        return UNKNOWN;
    return module->width / module->heads;
}

static struct module *add_module(struct judge *judge, int block, int modality)
{
    struct module *module = &judge->modules[judge->count++];

    *module = (struct module){.block = block,
                              .moe = SKETCH_NONE,
                              .modality = modality,
                              .projector = SKETCH_NONE,
                              .layers = judge_integer(judge, block, "num_layers"),
                              .width = judge_integer(judge, block, "hidden_size"),
                              .heads = judge_integer(judge, block, "num_attention_heads")};
    module->is_language = modality == SKETCH_NONE;
    module->is_llama = strcmp(judge_block(judge, block)->base, "llama") == 0;
    module->groups =
        module->is_language ? judge_integer(judge, block, "num_query_groups") : module->heads;
    module->head_dim = head_dim_of(judge, module);
    read_layout(judge, module);
    return module;
}

static void read_modality(struct judge *judge, int block)
{
    struct modality *modality = &judge->modalities[judge->modality_count];
    int blocks[SKETCH_BLOCKS_MAX];

    *modality = (struct modality){.block = block,
                                  .token = judge_integer(judge, block, "special_token"),
                                  .is_damaged = judge_is_damaged(judge, block),
                                  .encoders = judge_children(judge, block, "encoder", blocks)};
    for (int i = 0; i < modality->encoders; i++)
        (void)add_module(judge, blocks[i], judge->modality_count);
    judge->modality_count++;
}

static void read_model(struct judge *judge)
{
    int blocks[SKETCH_BLOCKS_MAX], moe[SKETCH_BLOCKS_MAX];
    int count = judge_children(judge, judge->oracle->model, "modality", blocks);

    for (int i = 0; i < count; i++)
        read_modality(judge, blocks[i]);
    if (judge_children(judge, judge->oracle->model, "language", blocks) == 0)
        return;
    judge->language = add_module(judge, blocks[0], SKETCH_NONE);
    if (judge_children(judge, blocks[0], "moe", moe) > 0) {
        judge->language->moe = moe[0];
        judge->language->experts = judge_integer(judge, moe[0], "num_experts");
    } else if (judge_is_damaged(judge, blocks[0])) {
        judge->language->experts = UNKNOWN;
    }
}

static void read_deployment(struct judge *judge)
{
    const int deployment = judge->oracle->deployment;
    struct oracle_value mode;

    judge->mode = "colocated";
    judge->world = 1;
    if (deployment != SKETCH_NONE) {
        mode = oracle_value(judge->oracle, deployment, "mode");
        judge->mode = mode.kind == ORACLE_WORD ? mode.text : "";
        judge->world = judge_integer(judge, deployment, "world_size");
        judge->is_world_given =
            oracle_value(judge->oracle, deployment, "world_size").kind != ORACLE_NO ||
            judge_is_damaged(judge, deployment);
    }
    judge->shares_all =
        strcmp(judge->mode, "colocated") == 0 || strcmp(judge->mode, "homogeneous") == 0;
    judge->is_heterogeneous = strcmp(judge->mode, "heterogeneous") == 0;
    judge->has_ranges = judge->is_heterogeneous || strcmp(judge->mode, "hybrid") == 0;
}

void judge_read(struct judge *judge)
{
    judge->sequence = judge_integer(judge, judge->oracle->training, "sequence_length");
    judge->global_batch = judge_integer(judge, judge->oracle->training, "global_batch");
    judge->micro_batch = judge_integer(judge, judge->oracle->training, "micro_batch");
    read_deployment(judge);
    read_model(judge);
}

/* ---- findings about layouts ---- */

struct sketch_place judge_layout_place(struct judge *judge, const struct layout *layout,
                                       const char *name)
{
    return layout->own != SKETCH_NONE ? oracle_place(judge->oracle, layout->own, name)
                                      : judge_block(judge, layout->all)->name_place;
}

struct sketch_place judge_layout_name(struct judge *judge, const struct layout *layout)
{
    return judge_block(judge, layout->own != SKETCH_NONE ? layout->own : layout->all)->name_place;
}

/* A rule about an attribute of a layout: what it complains about is unknown from here on. */
void judge_fault(struct judge *judge, const char *code, struct layout *layout, const char *name,
                 int64_t *size)
{
    judge_report(judge, code, judge_layout_place(judge, layout, name));
    *size = UNKNOWN;
}

/* ---- the verdict ---- */

void oracle_judge(struct sketch *sketch, int deployment, struct oracle_verdict *verdict)
{
    struct oracle oracle = {.sketch = sketch, .verdict = verdict, .deployment = deployment};
    struct judge judge = {.oracle = &oracle};

    oracle.model = sketch_child(sketch, SKETCH_NONE, "model", "tiny");
    oracle.training = oracle.data = SKETCH_NONE;
    for (int i = 0; i < sketch->block_count; i++) {
        const struct sketch_block *block = &sketch->blocks[i];

        if (block->parent != SKETCH_NONE || block->is_removed ||
            sketch_derived_from(sketch, i) != SKETCH_NONE)
            continue;
        if (strcmp(block->kind, "training") == 0 && oracle.training == SKETCH_NONE)
            oracle.training = i;
        if (strcmp(block->kind, "data") == 0 && oracle.data == SKETCH_NONE)
            oracle.data = i;
    }
    oracle_judge_values(&oracle);
    if (verdict->is_too_large)
        return;
    judge_read(&judge);
    judge_model(&judge);
    judge_layouts(&judge);
    judge_deployment(&judge);
    judge_training(&judge);
}
