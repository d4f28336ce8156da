/* E05: each layout for itself. */
#include "tests/random/judge.h"

#include <string.h>

static void judge_sizes(struct judge *judge, struct layout *layout)
{
    const struct {
        const char *name;
        int64_t *size;
    } sizes[] = {{"tensor_parallel", &layout->tp},     {"context_parallel", &layout->cp},
                 {"pipeline_parallel", &layout->pp},   {"data_parallel", &layout->dp},
                 {"expert_parallel", &layout->ep},     {"expert_tensor_parallel", &layout->etp},
                 {"virtual_pipeline", &layout->chunks}};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        if (judge_knows(*sizes[i].size) && *sizes[i].size <= 0)
            judge_fault(judge, "E0501", layout, sizes[i].name, sizes[i].size);
    }
    if (judge_knows(layout->offset) && layout->offset < 0)
        judge_fault(judge, "E0501", layout, "rank_offset", &layout->offset);
}

static void judge_tensor(struct judge *judge, struct module *module)
{
    struct layout *layout = &module->layout;

    if (!module->is_language && judge_is_set(judge, layout->own, "sequence_parallel")) {
        const struct oracle_value value =
            oracle_value(judge->oracle, layout->own, "sequence_parallel");

        if (value.kind == ORACLE_BOOLEAN && value.integer == 1)
            judge_report(judge, "E0302", judge_layout_place(judge, layout, "sequence_parallel"));
    }
    if (judge_leaves_rest(module->heads, layout->tp))
        judge_fault(judge, "E0503", layout, "tensor_parallel", &layout->tp);
    if (judge_leaves_rest(module->groups, layout->tp) &&
        judge_leaves_rest(layout->tp, module->groups))
        judge_fault(judge, "E0504", layout, "tensor_parallel", &layout->tp);
}

static void judge_pipeline(struct judge *judge, struct module *module)
{
    struct layout *layout = &module->layout;
    const int64_t stages = judge_product(layout->pp, layout->chunks);
    const struct oracle_value list = judge->oracle->deployment == SKETCH_NONE
                                         ? (struct oracle_value){.kind = ORACLE_NO}
                                         : judge_layout_value(judge, layout, "pipeline_layout");
    int64_t sum = 0;
    bool is_wrong = false;

    if (judge_knows(stages) && stages > 1024) {
        judge_fault(judge, "E0302", layout, "pipeline_parallel", &layout->pp);
        return;
    }
    if (list.kind == ORACLE_NO && judge_knows(stages) && judge_knows(module->layers) &&
        (judge_leaves_rest(module->layers, stages) || (module->layers == 0 && stages > 1)))
        judge_fault(judge, "E0505", layout, "pipeline_parallel", &layout->pp);
    if (list.kind != ORACLE_LIST)
        return;
    for (int i = 0; i < list.item_count; i++) {
        sum += (int64_t)list.items[i];
        is_wrong |= list.items[i] < 0;
    }
    if (is_wrong || (judge_knows(stages) && stages != list.item_count) ||
        (judge_knows(module->layers) && sum != module->layers))
        judge_report(judge, "E0506", judge_layout_place(judge, layout, "pipeline_layout"));
}

/* true, auto and tp > 1: cut; unknown: nobody knows. */
static int64_t cuts_of(const struct layout *layout)
{
    const struct oracle_value *value = &layout->sequence_parallel;

    if (value->kind == ORACLE_BOOLEAN)
        return value->integer == 1 ? layout->tp : 1;
    return value->kind == ORACLE_AUTO ? layout->tp : UNKNOWN;
}

static void judge_sequence(struct judge *judge, struct module *module)
{
    struct layout *layout = &module->layout;
    const int64_t halves = layout->cp == 1 ? 1 : judge_product(2, layout->cp);

    if (!module->is_language || judge->oracle->deployment == SKETCH_NONE)
        return;
    if (judge_leaves_rest(judge->sequence, halves))
        judge_fault(judge, "E0507", layout, "context_parallel", &layout->cp);
    else if (judge_leaves_rest(judge->sequence, judge_product(halves, cuts_of(layout))))
        judge_fault(judge, "E0507", layout, "tensor_parallel", &layout->tp);
}

static void judge_expert_sizes(struct judge *judge, struct module *module)
{
    struct layout *layout = &module->layout;

    if (module->is_language && module->moe == SKETCH_NONE && judge_knows(module->experts) == false)
        return;
    if (module->moe != SKETCH_NONE) {
        if (judge_leaves_rest(module->experts, layout->ep))
            judge_fault(judge, "E0510", layout, "expert_parallel", &layout->ep);
        return;
    }
    if (judge_knows(layout->ep) && layout->ep != 1)
        judge_fault(judge, "E0509", layout, "expert_parallel", &layout->ep);
    if (judge_knows(layout->etp) && layout->etp != 1)
        judge_fault(judge, "E0509", layout, "expert_tensor_parallel", &layout->etp);
}

void judge_layouts(struct judge *judge)
{
    for (int i = 0; i < judge->count; i++) {
        struct module *module = &judge->modules[i];

        judge_sizes(judge, &module->layout);
        judge_tensor(judge, module);
        judge_pipeline(judge, module);
        judge_sequence(judge, module);
        judge_expert_sizes(judge, module);
    }
}
