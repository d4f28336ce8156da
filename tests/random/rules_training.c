/* E07: the training and its data. */
#include "tests/random/judge.h"

#include <string.h>

static void judge_data(struct judge *judge)
{
    static const char *const files[] = {"train", "tokenizer"};
    const int data = judge->oracle->data, training = judge->oracle->training;
    struct oracle_value format, value;

    if (data == SKETCH_NONE)
        return;
    format = oracle_value(judge->oracle, data, "format");
    value = oracle_value(judge->oracle, data, "images_per_sample");
    if (value.kind == ORACLE_LIST && value.items[0] > value.items[1])
        judge_report_at(judge, "E0302", data, "images_per_sample");
    if (format.kind != ORACLE_WORD)
        return;
    for (int i = 0; i < 2 && strcmp(format.text, "llava") == 0; i++) {
        value = oracle_value(judge->oracle, data, files[i]);
        if (value.kind == ORACLE_NO)
            judge_report(judge, "E0203", judge_block(judge, data)->name_place);
    }
    if (training != SKETCH_NONE && strcmp(format.text, "synthetic") == 0 &&
        judge_is_set(judge, training, "epochs") && !judge_is_set(judge, training, "steps") &&
        oracle_value(judge->oracle, training, "epochs").kind != ORACLE_NO)
        judge_report_at(judge, "E0302", training, "epochs");
}

/* `none` is as good as absent; what is in error counts as given. */
static bool is_given(struct judge *judge, int block, const char *name)
{
    return judge_is_set(judge, block, name) &&
           oracle_value(judge->oracle, block, name).kind != ORACLE_NO;
}

static void judge_length(struct judge *judge)
{
    const int training = judge->oracle->training;
    int blocks[SKETCH_BLOCKS_MAX];

    if (training == SKETCH_NONE)
        return;
    if (is_given(judge, training, "steps") && is_given(judge, training, "epochs"))
        judge_report_at(judge, "E0202", training, "epochs");
    if (!is_given(judge, training, "steps") && !is_given(judge, training, "epochs") &&
        !judge_is_damaged(judge, training))
        judge_report(judge, "E0203", judge_block(judge, training)->name_place);
    if (judge_children(judge, training, "optimizer", blocks) == 0 &&
        !judge_is_damaged(judge, training))
        judge_report(judge, "E0203", judge_block(judge, training)->name_place);
}

static void judge_batch(struct judge *judge)
{
    const int64_t samples = judge->language != NULL
                                ? judge_product(judge->micro_batch, judge->language->layout.dp)
                                : UNKNOWN;
    int64_t micro_steps = UNKNOWN;

    if (judge_leaves_rest(judge->global_batch, samples))
        judge_report_at(judge, "E0701", judge->oracle->training, "global_batch");
    else if (judge_knows(judge->global_batch) && judge_knows(samples))
        micro_steps = judge->global_batch / samples;
    for (int i = 0; i < judge->count; i++) {
        const struct layout *layout = &judge->modules[i].layout;

        if (!judge->modules[i].is_language && judge_leaves_rest(samples, layout->dp))
            judge_report(judge, "E0702", judge_layout_name(judge, layout));
        if (judge_knows(micro_steps) && judge_knows(layout->pp) && micro_steps < layout->pp)
            judge_report(judge, "W0502", judge_layout_place(judge, layout, "pipeline_parallel"));
    }
}

void judge_training(struct judge *judge)
{
    judge_data(judge);
    judge_length(judge);
    judge_batch(judge);
}
