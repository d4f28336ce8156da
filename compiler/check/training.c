#include "compiler/check/check.h"

/* E0302 */
static void check_images(struct mimo_checker *checker)
{
    const struct mimo_block *data = checker->facts->declaration->data;
    const struct mimo_value *value;

    if (data == NULL)
        return;
    value = mimo_block_value(data, MIMO_ATTR_images_per_sample);
    if (value->kind == MIMO_VALUE_LIST && value->item_count == 2 &&
        value->items[0].integer > value->items[1].integer)
        mimo_diagnose(checker->diagnostics, MIMO_E0302,
                      mimo_block_span(data, MIMO_ATTR_images_per_sample),
                      "images_per_sample = [%lld, %lld] is empty: the first number is the lower",
                      (long long)value->items[0].integer, (long long)value->items[1].integer);
}

/* E0302: synthetic data never ends, so it has no epochs. */
static void check_epochs(struct mimo_checker *checker)
{
    const struct mimo_block *data = checker->facts->declaration->data;
    const struct mimo_block *training = checker->facts->declaration->training;
    struct mimo_diagnostic *diagnostic;

    if (training == NULL || mimo_fact_word(data, MIMO_ATTR_format) != MIMO_DATA_FORMAT_SYNTHETIC ||
        mimo_block_value(training, MIMO_ATTR_steps)->kind != MIMO_VALUE_NONE ||
        mimo_block_value(training, MIMO_ATTR_epochs)->kind == MIMO_VALUE_NONE ||
        mimo_block_value(training, MIMO_ATTR_epochs)->kind == MIMO_VALUE_UNKNOWN)
        return;
    diagnostic =
        mimo_diagnose(checker->diagnostics, MIMO_E0302, mimo_block_span(training, MIMO_ATTR_epochs),
                      "synthetic data has no epochs: it never ends");
    mimo_check_note(checker, diagnostic, data, MIMO_ATTR_format, "format");
    mimo_diagnose_help(checker->diagnostics, diagnostic, "give steps instead");
}

/* E0701. Completes micro_steps. */
static void check_global_batch(struct mimo_checker *checker)
{
    struct mimo_facts *facts = checker->facts;
    struct mimo_diagnostic *diagnostic;
    int64_t samples, below, above;

    if (facts->language == NULL)
        return;
    samples = mimo_fact_multiply(facts->micro_batch, facts->language->layout.dp);
    if (!mimo_fact_is_indivisible(facts->global_batch, samples)) {
        facts->micro_steps = mimo_fact_divide(facts->global_batch, samples);
        return;
    }
    diagnostic =
        mimo_diagnose(checker->diagnostics, MIMO_E0701,
                      mimo_block_span(facts->declaration->training, MIMO_ATTR_global_batch),
                      "global_batch = %lld is no multiple of micro_batch x data_parallel "
                      "of %s = %lld x %lld",
                      (long long)facts->global_batch, facts->language->block->name,
                      (long long)facts->micro_batch, (long long)facts->language->layout.dp);
    mimo_check_note(checker, diagnostic, facts->declaration->training, MIMO_ATTR_micro_batch,
                    "micro_batch");
    mimo_check_note(checker, diagnostic,
                    mimo_layout_source(&facts->language->layout, MIMO_ATTR_data_parallel),
                    MIMO_ATTR_data_parallel, "data_parallel");
    below = facts->global_batch / samples * samples;
    above = below + samples;
    if (below > 0)
        mimo_diagnose_help(checker->diagnostics, diagnostic, "%lld and %lld are multiples of %lld",
                           (long long)below, (long long)above, (long long)samples);
    else
        mimo_diagnose_help(checker->diagnostics, diagnostic, "at least %lld", (long long)samples);
}

/* E0702 */
static void check_encoder_samples(struct mimo_checker *checker, struct mimo_module_facts *module)
{
    const struct mimo_facts *facts = checker->facts;
    struct mimo_diagnostic *diagnostic;
    int64_t samples;

    if (facts->language == NULL || module == facts->language)
        return;
    samples = mimo_fact_multiply(facts->micro_batch, facts->language->layout.dp);
    if (!mimo_fact_is_indivisible(samples, module->layout.dp))
        return;
    diagnostic = mimo_diagnose(checker->diagnostics, MIMO_E0702, mimo_layout_name(&module->layout),
                               "data_parallel = %lld of %s does not divide the samples of a "
                               "micro-step, micro_batch x data_parallel of %s = %lld x %lld",
                               (long long)module->layout.dp, module->block->name,
                               facts->language->block->name, (long long)facts->micro_batch,
                               (long long)facts->language->layout.dp);
    mimo_check_note(checker, diagnostic, facts->declaration->training, MIMO_ATTR_micro_batch,
                    "micro_batch");
    mimo_check_note(checker, diagnostic,
                    mimo_layout_source(&facts->language->layout, MIMO_ATTR_data_parallel),
                    MIMO_ATTR_data_parallel, "the language model's data_parallel");
    mimo_diagnose_help(
        checker->diagnostics, diagnostic, "%s them",
        mimo_check_dividing(checker->diagnostics->arena, samples, module->layout.dp));
}

/* W0502: of m + p - 1 slots of a pipeline of p stages, p - 1 are empty. */
static void check_bubble(struct mimo_checker *checker, struct mimo_module_facts *module)
{
    const struct mimo_facts *facts = checker->facts;
    const int64_t stages = module->layout.pp, micro_steps = facts->micro_steps;
    struct mimo_diagnostic *diagnostic;

    if (!mimo_is_known(stages) || !mimo_is_known(micro_steps) || micro_steps >= stages)
        return;
    diagnostic = mimo_diagnose(
        checker->diagnostics, MIMO_W0502,
        mimo_layout_place(&module->layout, MIMO_ATTR_pipeline_parallel),
        "%lld micro-step%s for %lld pipeline stages of %s: ranks are idle for %.0f %% of the step",
        (long long)micro_steps, micro_steps == 1 ? "" : "s", (long long)stages, module->block->name,
        100.0 * (double)(stages - 1) / (double)(micro_steps + stages - 1));
    mimo_check_note(checker, diagnostic, facts->declaration->training, MIMO_ATTR_global_batch,
                    "global_batch");
    mimo_diagnose_help(checker->diagnostics, diagnostic,
                       "a smaller micro_batch or a larger global_batch gives more micro-steps");
}

/* The images of one modality that a sample has room for beside a first token and one to learn; the
 * most of any modality, or unknown. */
static int64_t images_with_room(const struct mimo_facts *facts)
{
    int64_t most = MIMO_UNKNOWN;

    for (size_t i = 0; i < facts->modality_count && mimo_is_known(facts->sequence_length); i++) {
        const int64_t tokens = facts->modalities[i].image_tokens;

        if (!mimo_is_known(tokens) || tokens <= 0)
            return MIMO_UNKNOWN;
        if (most < (facts->sequence_length - 2) / tokens)
            most = (facts->sequence_length - 2) / tokens;
    }
    return most;
}

/* W0701: the limit that holds is then the one of sequence_length. */
static void check_image_limit(struct mimo_checker *checker)
{
    const struct mimo_facts *facts = checker->facts;
    const struct mimo_block *data = facts->declaration->data;
    const int64_t limit = mimo_fact_integer(data, MIMO_ATTR_max_images_per_sample);
    const int64_t room = images_with_room(facts);
    struct mimo_diagnostic *diagnostic;

    if (!mimo_is_known(limit) || !mimo_is_known(room) || limit <= room ||
        mimo_fact_word(data, MIMO_ATTR_format) != MIMO_DATA_FORMAT_LLAVA)
        return;
    diagnostic = mimo_diagnose(
        checker->diagnostics, MIMO_W0701, mimo_block_span(data, MIMO_ATTR_max_images_per_sample),
        "max_images_per_sample = %lld, but sequence_length = %lld has room "
        "for %lld: records with more are refused",
        (long long)limit, (long long)facts->sequence_length, (long long)room);
    mimo_check_note(checker, diagnostic, facts->declaration->training, MIMO_ATTR_sequence_length,
                    "sequence_length");
}

/* W0702 */
static void check_evaluation(struct mimo_checker *checker)
{
    const struct mimo_block *data = checker->facts->declaration->data;
    const struct mimo_block *training = checker->facts->declaration->training;
    struct mimo_diagnostic *diagnostic;

    if (data == NULL || data->is_damaged ||
        mimo_fact_integer(training, MIMO_ATTR_eval_interval) <= 0 ||
        mimo_block_value(data, MIMO_ATTR_validation)->kind != MIMO_VALUE_NONE)
        return;
    diagnostic = mimo_diagnose(checker->diagnostics, MIMO_W0702,
                               mimo_block_span(training, MIMO_ATTR_eval_interval),
                               "eval_interval is given, but the data has no validation file: "
                               "nothing is evaluated");
    mimo_diagnose_note(checker->diagnostics, diagnostic, data->name_span, "the data is here");
}

/* W0703 */
static void check_warmup(struct mimo_checker *checker)
{
    const struct mimo_block *training = checker->facts->declaration->training;
    const struct mimo_block *schedule =
        training == NULL ? NULL : mimo_block_child(training, MIMO_BLOCK_schedule, NULL);
    const int64_t steps = mimo_fact_integer(training, MIMO_ATTR_steps);
    const int64_t warmup = mimo_fact_integer(schedule, MIMO_ATTR_warmup_steps);
    struct mimo_diagnostic *diagnostic;

    if (!mimo_is_known(steps) || !mimo_is_known(warmup) || warmup < steps)
        return;
    diagnostic = mimo_diagnose(checker->diagnostics, MIMO_W0703,
                               mimo_block_span(schedule, MIMO_ATTR_warmup_steps),
                               "warmup_steps = %lld, but training ends after %lld steps: the "
                               "learning rate only grows",
                               (long long)warmup, (long long)steps);
    mimo_check_note(checker, diagnostic, training, MIMO_ATTR_steps, "steps");
}

/* clang-format off */
const struct mimo_rule mimo_training_rules[] = {
    {.check = check_images},
    {.check = check_epochs},
    {.check = check_global_batch},
    {.check_module = check_encoder_samples},
    {.check_module = check_bubble},
    {.check = check_image_limit},
    {.check = check_evaluation},
    {.check = check_warmup},
    {0},
};
/* clang-format on */
